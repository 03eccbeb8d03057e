//! What a commit is: rows, tombstones, state, run, rejects and lease, as a script for what was seen.
//!
//! `merge`, `append` and `scd2` write to the table itself. `replace` and `delete+insert` collect their rows in a
//! hidden table beside it, over several commits and processes, and publish it with the last one. Child tables are further
//! targets of the same commit.

use super::cells::Cell;
use super::columns::{needed, version_columns};
use super::dialect::Shape;
use super::engine::Engine;
use super::guards::{self, Identities, StateLine};
use super::identity::{Identity, Mark};
use super::ledger::{self, LEASES, NAMES, REJECTS, RUNS, RowsIn, STATE, Whose};
use super::script::{Counter, Script, ScriptStep, When, own};
use super::shadow::{SHADOWS, shadow};
use super::shape::Needs;
use super::staged::Staged;
use super::{Dialect, TableName, children, deletions, leases, merge, names, prune, publish};
use crate::dest::{Commit, DestError, Target};
use crate::model::{Column, Strategy};

/// What the database finds out of a table that is made, by which it knows it again.
const MADE: &str = "_ingestr_made";

/// What was there before a commit, of the schema.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// All its tables.
    pub(crate) tables: Vec<String>,
    /// Columns of the ledger's tables that are there.
    pub(crate) ledger: Vec<(&'static str, Vec<String>)>,
}

/// What was there before a commit, of one target.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    /// Its table.
    pub(crate) table: Option<Shape>,
    /// The hidden table of this target and strategy.
    pub(crate) hidden: Option<Shape>,
}

impl Tables {
    fn identities(&self) -> Identities {
        let of = |shape: &Option<Shape>| shape.as_ref().map(|shape| shape.identity.clone());
        Identities { own: of(&self.table), hidden: of(&self.hidden) }
    }
}

impl Seen {
    /// Looks at what is there.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) async fn look<E: Engine>(engine: &E) -> Result<Self, DestError> {
        let mut seen = Self { tables: engine.tables().await?, ..Self::default() };
        for table in [STATE, RUNS, LEASES, REJECTS, NAMES] {
            if seen.has(engine.dialect(), table)
                && let Some(columns) = engine.ledger_columns(table).await?
            {
                seen.ledger.push((table, columns));
            }
        }
        Ok(seen)
    }

    /// Looks at the tables of a target.
    ///
    /// # Errors
    /// When they cannot be read, or are none.
    pub(crate) async fn of<E: Engine>(&self, engine: &E, target: &Target) -> Result<Tables, DestError> {
        let table = engine.describe(&engine.table(&target.table)).await?;
        let mut found = Tables { table, hidden: None };
        if let Some(name) = shadow(target, target.strategy)
            && self.has(engine.dialect(), &name)
        {
            found.hidden = engine.describe(&engine.table(&name)).await?;
        }
        Ok(found)
    }

    /// Which tables a target has.
    ///
    /// # Errors
    /// When they cannot be read.
    #[cfg(feature = "duckdb")]
    pub(crate) async fn identities<E: Engine>(engine: &E, target: &Target) -> Result<Identities, DestError> {
        let hidden = match shadow(target, target.strategy) {
            Some(name) => engine.identity(&engine.table(&name)).await?,
            None => None,
        };
        Ok(Identities { own: engine.identity(&engine.table(&target.table)).await?, hidden })
    }

    /// Whether there is such a table.
    pub(crate) fn has(&self, d: &dyn Dialect, name: &str) -> bool {
        self.tables.iter().any(|there| d.alike(there, name))
    }

    fn ledger(&self, table: &str) -> Option<&[String]> {
        self.ledger.iter().find(|(name, _)| *name == table).map(|(_, columns)| &**columns)
    }
}

/// A commit on its way to be a script: what it is for one of its targets.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    pub(crate) d: &'static dyn Dialect,
    /// The target's own table.
    pub(crate) table: &'a TableName,
    pub(crate) target: &'a Target,
    pub(crate) commit: &'a Commit,
}

/// The whole commit, for what was seen: the first target's is the run. `fault`: where something is to fail, a statement that
/// does, between the rows and the ledger; for tests.
///
/// # Errors
/// When a table cannot take its rows.
pub(crate) fn script(
    targets: Vec<(Plan<'_>, Tables, &Staged)>,
    seen: &Seen,
    fault: Option<String>,
) -> Result<Script, DestError> {
    let mut script = Script::default();
    let Some((first, ..)) = targets.first() else { return Ok(script) };
    let first = *first;
    first.open(&mut script, seen, targets.iter().any(|(_, _, staged)| staged.rejects.is_some()));
    for (at, (plan, found, _)) in targets.iter().enumerate() {
        plan.guard(&mut script, seen, &found.identities(), at == 0);
    }
    let mut done = Vec::with_capacity(targets.len());
    for (at, (plan, found, staged)) in targets.into_iter().enumerate() {
        script.of(at);
        done.push((plan, plan.rows(&mut script, found, seen, staged)?, staged));
    }
    script.then(fault);
    for (at, (plan, (name, id), staged)) in done.iter().enumerate() {
        plan.sweep(&mut script, seen);
        plan.remember(&mut script, (at, seen), RowsIn { name, id: id.clone() }, staged);
    }
    first.end(&mut script, seen);
    Ok(script)
}

impl Plan<'_> {
    /// What becomes of the rows; the name of the hidden table that they wait in, or nothing, and which table that is.
    fn rows(
        &self,
        script: &mut Script,
        found: Tables,
        seen: &Seen,
        staged: &Staged,
    ) -> Result<(String, Cell), DestError> {
        let Tables { table: shape, hidden: waiting } = found;
        let name = shadow(self.target, self.target.strategy).map(|name| self.table.beside(&name));
        let Some(name) = name else {
            let after = self.in_place(script, shape, seen, staged)?;
            return Ok((String::new(), guards::cell(&after.identity)));
        };
        if waiting.is_none() {
            script.made.push(name.clone());
        }
        let after = self.hidden(script, shape, (&name, waiting), seen, staged)?;
        let rows_in = if self.commit.last { String::new() } else { name.table };
        Ok((rows_in, guards::cell(&after.identity)))
    }

    /// Checks the lease, and makes the ledger.
    pub(crate) fn open(&self, script: &mut Script, seen: &Seen, rejects: bool) {
        if let Some(lease) = &self.commit.lease {
            let there = seen.has(self.d, LEASES);
            guards::guard_lease(script, self.d, self.table, self.target, lease, there);
        }
        let leased = self.commit.lease.is_some() && !self.commit.release;
        let named = self.commit.names.iter().any(|names| !names.new.is_empty());
        let wanted = [(STATE, true), (RUNS, true), (LEASES, leased), (REJECTS, rejects), (NAMES, named)];
        for (table, wanted) in wanted {
            if wanted {
                let name = self.table.beside(table);
                script.before(ledger::prepare(self.d, &name, table, seen.ledger(table)));
            }
        }
    }

    /// The state, the names of columns and the rejects of a target; `at`: which one it is.
    pub(crate) fn remember(
        &self,
        script: &mut Script,
        (at, seen): (usize, &Seen),
        rows_in: RowsIn<'_>,
        staged: &Staged,
    ) {
        script.then(ledger::write_state(self.d, self.table, self.target, rows_in, self.commit));
        if let Some(new) = self.commit.names.get(at) {
            names::write(script, self.d, self.table, new, seen.has(self.d, NAMES));
        }
        if let Some(rejects) = &staged.rejects {
            let from =
                format!("SELECT c0 AS row_id, c1 AS column_name, c2 AS value, c3 AS reason FROM {rejects}");
            script.then([self.rejects(&from)]);
        }
        let keep = self.commit.keep.rejects.filter(|_| self.commit.release && seen.has(self.d, REJECTS));
        if let Some(since) = keep {
            prune::rejects(script, self.d, self.table, Whose::of(self.target, self.table), since);
        }
    }

    /// The run and its lease.
    pub(crate) fn end(&self, script: &mut Script, seen: &Seen) {
        let (d, table, target) = (self.d, self.table, self.target);
        script.then(ledger::write_run(d, table, target, self.commit));
        if let Some(most) = self.commit.keep.runs.filter(|_| self.commit.release) {
            prune::runs(script, d, table, Whose::of(target, table), most);
        }
        leases::renew(script, d, table, target, self.commit, seen.has(d, LEASES));
    }

    /// Removes hidden tables of this target that nobody will go on with: this one's own after its last commit, and those of
    /// other strategies. What is left of this strategy's own by an older replacement is forgotten where rows are
    /// collected.
    fn sweep(&self, script: &mut Script, seen: &Seen) {
        for (strategy, _) in SHADOWS {
            let Some(name) = shadow(self.target, strategy) else { continue };
            let done = strategy == self.target.strategy && self.commit.last;
            let dead = strategy != self.target.strategy && seen.has(self.d, &name);
            if done || dead {
                script.then([ledger::forget_state(self.d, self.table, self.target, &name)]);
                script.dead.push(self.table.beside(&name));
            }
        }
    }

    fn rejects(&self, from: &str) -> String {
        ledger::insert_rejects(self.d, self.table, Whose::of(self.target, self.table), self.commit, from)
    }

    /// `merge`, `append` and `scd2`.
    fn in_place(
        &self,
        script: &mut Script,
        shape: Option<Shape>,
        seen: &Seen,
        staged: &Staged,
    ) -> Result<Shape, DestError> {
        let target = self.target;
        let at = self.commit.run.started_at;
        let extra = if target.strategy == Strategy::Scd2 { version_columns() } else { Vec::new() };
        let needed = needed(target, &staged.rows.columns, &extra);
        let shape = self.fitted(script, self.table, shape, &needed, true)?;
        self.note_refused(script, &shape, seen, staged);
        match target.strategy {
            Strategy::Append => merge::append(script, &shape, target, &staged.rows),
            Strategy::Scd2 => merge::versions(script, &shape, target, &staged.rows, at),
            _ => {
                children::complete(script, &shape, target, staged);
                merge::merge(script, &shape, target, &staged.rows);
            }
        }
        if let Some(tombstones) = staged.tombstones.as_ref().filter(|_| target.strategy != Strategy::Append) {
            deletions::apply(script, &shape, target, tombstones, at);
        }
        Ok(shape)
    }

    /// `replace` and `delete+insert`.
    fn hidden(
        &self,
        script: &mut Script,
        shape: Option<Shape>,
        (name, waiting): (&TableName, Option<Shape>),
        seen: &Seen,
        staged: &Staged,
    ) -> Result<Shape, DestError> {
        let target = self.target;
        let wanted = needed(target, &staged.rows.columns, &[publish::sequence()]);
        let hidden = self.fitted(script, name, waiting, &wanted, false)?;
        self.note_refused(script, &hidden, seen, staged);
        publish::begin(script, &hidden, &self.continued(name));
        children::complete(script, &hidden, target, staged);
        publish::collect(script, &hidden, target, &staged.rows);
        if target.strategy == Strategy::Replace
            && let Some(tombstones) = &staged.tombstones
        {
            deletions::apply(script, &hidden, target, tombstones, self.commit.run.started_at);
        }
        if self.commit.last {
            let wanted: Vec<Column> = publish::published(&hidden);
            let shape = self.fitted(script, self.table, shape, &wanted, true)?;
            publish::publish(script, &shape, &hidden, target);
            return Ok(shape);
        }
        Ok(hidden)
    }

    /// The condition that the rows that wait are of the replacement that goes on.
    pub(crate) fn continued(&self, name: &TableName) -> String {
        let whose = Whose::of(self.target, self.table);
        let mut of_run = whose.state(self.d, &name.table);
        // A run that starts from zero knows its own rows by its id.
        if self.target.fresh {
            of_run = format!("{of_run} AND run_id = {}", self.d.text(&self.commit.run.id));
        }
        format!("EXISTS (SELECT 1 FROM {} WHERE {of_run})", self.table.beside(STATE).sql(self.d))
    }

    fn note_refused(&self, script: &mut Script, shape: &Shape, seen: &Seen, staged: &Staged) {
        let Some(from) = staged.rows.refused(shape, &self.target.key) else { return };
        let any = || When::Any(vec!["_ingestr_refused"]);
        let count = format!("SELECT COUNT(*) FROM ({from}) AS _ingestr_refusals");
        script.before.push(ScriptStep::Find("_ingestr_refused", count, Some(Counter::Rejected)));
        let name = self.table.beside(REJECTS);
        let made = ledger::prepare(self.d, &name, REJECTS, seen.ledger(REJECTS));
        if !made.is_empty() {
            script.before.push(ScriptStep::Only(any(), made));
        }
        script.body([ScriptStep::Only(any(), vec![self.rejects(&from)])]);
    }

    /// The shape of a table once the script has made it, or made it fit.
    fn fitted(
        &self,
        script: &mut Script,
        name: &TableName,
        shape: Option<Shape>,
        needed: &[Column],
        own: bool,
    ) -> Result<Shape, DestError> {
        let Some(shape) = shape else {
            script.before(self.d.create(name, needed, self.target, own));
            if own {
                script.then([ledger::forget_others(self.d, self.table, self.target)]);
            }
            return Ok(self.marked(script, Shape::planned(self.d, name.clone(), needed)));
        };
        shape.check(needed)?;
        let needs = Needs::of(self.target, needed);
        let (changes, mut after) = shape.clone().changed(&needs);
        if !changes.none() {
            script.before(self.d.alter(&shape, &changes)?);
            if self.d.remakes(&shape, &changes) {
                after.identity = Identity::Untold;
            }
        }
        Ok(self.marked(script, after))
    }

    /// The shape once the table has a mark, as one that is made now or was made by others has not.
    fn marked(&self, script: &mut Script, mut shape: Shape) -> Shape {
        if shape.identity.is_missing() {
            let (step, identity) = match self.d.mark(&shape, Identity::new_id(), &own(MADE, script.at)) {
                Mark::Set(statement, id) => (ScriptStep::run(statement), Identity::Is(id)),
                Mark::Found { query, expression } => {
                    (ScriptStep::Find(MADE, query, None), Identity::Found(expression))
                }
            };
            script.before.push(step);
            shape.identity = identity;
        }
        shape
    }

    /// Checks that the state is the one that the run knows, which is asked of the `first` target, and that the table is the
    /// one it is about.
    pub(crate) fn guard(&self, script: &mut Script, seen: &Seen, there: &Identities, first: bool) {
        let Some(basis) = &self.commit.basis else { return };
        let (d, target) = (self.d, self.target);
        let held = |rows_in| StateLine {
            d,
            states: seen.ledger(STATE).map(|columns| (self.table.beside(STATE), columns)),
            whose: Whose::of(target, self.table),
            rows_in,
        };
        let hidden = shadow(target, target.strategy);
        if first {
            held("").guard_state(script, basis.own.as_ref());
            if let Some(hidden) = hidden.as_deref() {
                held(hidden).guard_state(script, basis.aside.as_ref());
            }
        }
        // Whose rows are replaced as a whole may lose them before.
        if target.strategy != Strategy::Replace && !basis.apart {
            held("").guard_table(script, self.table, there.own.as_ref());
        }
        // Who begins from zero forgets them anyway.
        if let Some(hidden) = hidden.as_deref().filter(|_| !target.fresh) {
            held(hidden).guard_table(script, &self.table.beside(hidden), there.hidden.as_ref());
        }
    }
}
