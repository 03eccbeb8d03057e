//! A commit as data: what must hold, what makes tables, what is one transaction, and what it counts.
//!
//! Where a database changes tables inside a transaction, all of it is one; elsewhere (BigQuery) what makes and changes
//! tables runs before it, and what drops them after it.

use super::identity::Apart;
use super::{Dialect, TableName};
use crate::dest::Counts;

/// What a script counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Counter {
    /// Rows that meet those of the table by key, each key once.
    Read,
    Inserted,
    Updated,
    /// Rows that are gone and got a survivor.
    Told,
    Deleted,
    /// Values that the database did not take.
    Rejected,
}

impl Counter {
    pub(crate) const ALL: [Self; 6] =
        [Self::Read, Self::Inserted, Self::Updated, Self::Told, Self::Deleted, Self::Rejected];

    pub(crate) fn of(self, tally: &mut Tally) -> &mut u64 {
        &mut tally.0[self as usize]
    }
}

/// What was counted, in the order of [`Counter::ALL`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tally(pub(crate) [u64; Counter::ALL.len()]);

impl From<Tally> for Counts {
    fn from(Tally([read, inserted, updated, told, deleted, rejected]): Tally) -> Self {
        // What was read by key and neither written nor changed was there.
        let unchanged = read.saturating_sub(inserted + updated);
        Self { inserted, updated: updated + told, unchanged, deleted, rejected }
    }
}

/// One step of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ScriptStep {
    /// What is counted from here on is this target's.
    Of(usize),
    /// A statement; the rows it changes are added to a counter.
    Run(String, Option<Counter>),
    /// A number that a query finds for its target, for a [`When`] of the same target after it; added to a counter, too.
    Find(&'static str, String, Option<Counter>),
    /// Statements that are run only then.
    Only(When, Vec<String>),
}

/// When steps are done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum When {
    /// One of these numbers, found before for the same target, is not 0.
    Any(Vec<&'static str>),
    /// The condition does not hold.
    Not(String),
    /// The condition holds.
    Holds(String),
}

impl ScriptStep {
    /// A statement that nobody counts.
    pub(crate) fn run(sql: impl Into<String>) -> Self {
        Self::Run(sql.into(), None)
    }

    /// A statement whose rows are counted.
    pub(crate) fn count(counter: Counter, sql: impl Into<String>) -> Self {
        Self::Run(sql.into(), Some(counter))
    }
}

/// What ends a script before it has changed anything, and of which table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Breach {
    pub(crate) what: Breached,
    pub(crate) schema: String,
    pub(crate) table: String,
}

/// What is not as it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breached {
    /// Another run has taken the lease, or it is not there.
    LeaseLost,
    /// The state is not the one that the run wrote last.
    StateChanged,
    /// The table is not the one of which the state tells.
    Table(Apart),
}

impl Breached {
    /// What a script fails with where it is one text.
    #[cfg(feature = "bigquery")]
    fn code(self) -> &'static str {
        match self {
            Self::LeaseLost => "_ingestr_lease_lost",
            Self::StateChanged => "_ingestr_state_changed",
            Self::Table(Apart::Missing) => "_ingestr_table_gone",
            Self::Table(Apart::Another) => "_ingestr_table_replaced",
            Self::Table(Apart::Emptied) => "_ingestr_table_emptied",
        }
    }
}

/// The steps of a commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    /// The target that steps are added for; those before it have been.
    pub(crate) at: usize,
    /// Conditions that must not hold, and what it means if one does: looked at inside the transaction, and before
    /// anything that is outside of it.
    pub(crate) guards: Vec<(String, Breach)>,
    /// Makes and changes tables.
    pub(crate) before: Vec<ScriptStep>,
    /// The rest.
    pub(crate) body: Vec<ScriptStep>,
    /// Temporary tables that are made on the way, by what [`Dialect::temporary`] calls them.
    pub(crate) scratch: Vec<String>,
    /// Tables that are made, to be removed if it fails.
    pub(crate) made: Vec<TableName>,
    /// Tables that are removed once it went through.
    pub(crate) dead: Vec<TableName>,
}

impl Script {
    /// What the script fails with, where it is one text, if its n-th guard ends it.
    #[cfg(feature = "bigquery")]
    pub(crate) fn code(&self, nth: usize) -> String {
        self.guards.get(nth).map_or(String::new(), |(_, breach)| own(breach.what.code(), nth))
    }

    /// The guard that has ended it, by the text of its failure.
    #[cfg(feature = "bigquery")]
    pub(crate) fn breach_in(&self, failure: &str) -> Option<&Breach> {
        // The last first: `…_changed1` is a part of `…_changed12`.
        let nth = (0..self.guards.len()).rev().find(|nth| failure.contains(&self.code(*nth)))?;
        self.guards.get(nth).map(|(_, breach)| breach)
    }

    /// What is added and counted from here on is for this target, which follows on the one before.
    pub(crate) fn of(&mut self, at: usize) {
        self.at = at;
        self.before.push(ScriptStep::Of(at));
        self.body.push(ScriptStep::Of(at));
    }

    pub(crate) fn before(&mut self, statements: impl IntoIterator<Item = String>) {
        self.before.extend(statements.into_iter().map(ScriptStep::run));
    }

    pub(crate) fn body(&mut self, steps: impl IntoIterator<Item = ScriptStep>) {
        self.body.extend(steps);
    }

    /// Adds statements that nobody counts.
    pub(crate) fn then(&mut self, statements: impl IntoIterator<Item = String>) {
        self.body.extend(statements.into_iter().map(ScriptStep::run));
    }

    /// A name for a temporary table of the script.
    pub(crate) fn scratch(&mut self, d: &dyn Dialect, name: &str) -> String {
        let name = d.temporary(&own(&format!("_ingestr_scratch_{name}"), self.at));
        self.scratch.push(name.clone());
        name
    }
}

/// A name as the target's own, that is none of another's: as it is for the first, numbered for the others.
pub(crate) fn own(name: &str, at: usize) -> String {
    if at == 0 { name.to_owned() } else { format!("{name}{at}") }
}
