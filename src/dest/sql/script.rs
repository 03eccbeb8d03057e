//! A commit as data: what must hold, what makes tables, what is one transaction, and what it counts.
//!
//! Where a database changes tables inside a transaction, all of it is one; elsewhere (BigQuery) what makes and changes
//! tables runs before it, and what drops them after it.

use super::engine::Engine;
use super::{Dialect, TableName, leases};
use crate::dest::{Counts, DestError};
use crate::model::LogicalType;

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

    fn of(self, tally: &mut Tally) -> &mut u64 {
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
pub(crate) enum Step {
    /// A statement; the rows it changes are added to a counter.
    Run(String, Option<Counter>),
    /// A number that a query finds, for a [`When`] after it; added to a counter, too.
    Find(&'static str, String, Option<Counter>),
    /// Statements that are run only then.
    Only(When, Vec<String>),
}

/// When steps are done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum When {
    /// One of these numbers, found before, is not 0.
    Any(Vec<&'static str>),
    /// The condition does not hold.
    Not(String),
    /// The condition holds.
    Holds(String),
}

impl Step {
    /// A statement that nobody counts.
    pub(crate) fn run(sql: impl Into<String>) -> Self {
        Self::Run(sql.into(), None)
    }

    /// A statement whose rows are counted.
    pub(crate) fn count(counter: Counter, sql: impl Into<String>) -> Self {
        Self::Run(sql.into(), Some(counter))
    }
}

/// What ends a script before it has changed anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Breach {
    /// Another run has taken the lease of that schema's table.
    LeaseLost { schema: String, table: String },
}

/// The steps of a commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct Script {
    /// Conditions that must not hold, and what it means if one does: looked at inside the transaction, and before
    /// anything that is outside of it.
    pub(crate) guards: Vec<(String, Breach)>,
    /// Makes and changes tables.
    pub(crate) before: Vec<Step>,
    /// The rest.
    pub(crate) body: Vec<Step>,
    /// Temporary tables that are made on the way, by what [`Dialect::temporary`] calls them.
    pub(crate) scratch: Vec<String>,
    /// Tables that are made, to be removed if it fails.
    pub(crate) made: Vec<TableName>,
    /// Tables that are removed once it went through.
    pub(crate) dead: Vec<TableName>,
}

impl Script {
    pub(crate) fn before(&mut self, statements: impl IntoIterator<Item = String>) {
        self.before.extend(statements.into_iter().map(Step::run));
    }

    pub(crate) fn body(&mut self, steps: impl IntoIterator<Item = Step>) {
        self.body.extend(steps);
    }

    /// Adds statements that nobody counts.
    pub(crate) fn then(&mut self, statements: impl IntoIterator<Item = String>) {
        self.body.extend(statements.into_iter().map(Step::run));
    }

    /// A name for a temporary table of the script.
    pub(crate) fn scratch(&mut self, d: &dyn Dialect, name: &str) -> String {
        let name = d.temporary(&format!("_ingestr_scratch_{name}"));
        self.scratch.push(name.clone());
        name
    }
}

/// Runs a script step by step inside a transaction that is open, on a database that changes tables in one.
///
/// # Errors
/// When a statement fails or a guard does not hold. The transaction has to be rolled back then.
pub(crate) async fn play<E: Engine>(engine: &E, script: &Script) -> Result<Counts, DestError> {
    for (condition, breach) in &script.guards {
        if holds(engine, condition).await? {
            return Err(leases::breached(engine, breach).await);
        }
    }
    let mut player = Player { engine, tally: Tally::default(), found: Vec::new() };
    player.steps(&script.before).await?;
    player.steps(&script.body).await?;
    let tally = player.tally;
    for name in &script.scratch {
        engine.execute(&format!("DROP TABLE {name}")).await?;
    }
    for name in &script.dead {
        engine.execute(&format!("DROP TABLE IF EXISTS {}", name.sql(engine.dialect()))).await?;
    }
    Ok(tally.into())
}

async fn number<E: Engine>(engine: &E, query: &str) -> Result<i64, DestError> {
    let rows = engine.query(query, &[LogicalType::Int64]).await?;
    Ok(rows.first().and_then(|row| row.first()?.number()).unwrap_or(0))
}

async fn holds<E: Engine>(engine: &E, condition: &str) -> Result<bool, DestError> {
    Ok(number(engine, &format!("SELECT CASE WHEN {condition} THEN 1 ELSE 0 END")).await? != 0)
}

/// A script on its way.
struct Player<'a, E> {
    engine: &'a E,
    tally: Tally,
    found: Vec<(&'static str, i64)>,
}

impl<E: Engine> Player<'_, E> {
    fn add(&mut self, counter: Option<Counter>, rows: u64) {
        if let Some(counter) = counter {
            *counter.of(&mut self.tally) += rows;
        }
    }

    async fn applies(&self, when: &When) -> Result<bool, DestError> {
        match when {
            When::Any(names) => Ok(self.found.iter().any(|(name, n)| names.contains(name) && *n > 0)),
            When::Holds(condition) => holds(self.engine, condition).await,
            When::Not(condition) => Ok(!holds(self.engine, condition).await?),
        }
    }

    async fn steps(&mut self, steps: &[Step]) -> Result<(), DestError> {
        for step in steps {
            match step {
                Step::Run(sql, counter) => {
                    let rows = self.engine.execute(sql).await?;
                    self.add(*counter, rows);
                }
                Step::Find(name, query, counter) => {
                    let found = number(self.engine, query).await?;
                    self.found.retain(|(known, _)| known != name);
                    self.found.push((name, found));
                    self.add(*counter, u64::try_from(found).unwrap_or(0));
                }
                Step::Only(when, then) => {
                    if self.applies(when).await? {
                        for sql in then {
                            self.engine.execute(sql).await?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
