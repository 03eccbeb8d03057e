//! What a commit does to tables, strategy by strategy, inside one open transaction.
//!
//! `merge`, `append` and `scd2` write to the table itself. `replace` and `delete+insert` collect their rows in a
//! hidden table beside it (a shadow), over several commits and processes, and publish it with the last one: until
//! then everybody sees the old rows.

use arrow_array::RecordBatch;
use duckdb::Connection;

use super::append::{Fill, append};
use super::dialect::{CATALOG, DuckDialect};
use super::engine::Session;
use super::merge::{self, Merge};
use super::{compression, open};
use crate::dest::sql::batches::Batches;
use crate::dest::sql::cells::Cell;
use crate::dest::sql::columns::{IS_CURRENT, VALID_FROM, VALID_TO, columns_of, needed, version_columns};
use crate::dest::sql::commit::{Plan, Seen};
use crate::dest::sql::dialect::Shape;
use crate::dest::sql::embedded::{Waiting, at_once, stage_batches, stage_rest};
use crate::dest::sql::engine::{Engine as _, Said};
use crate::dest::sql::ledger::RowsIn;
use crate::dest::sql::merge as shared;
use crate::dest::sql::script::Script;
use crate::dest::sql::shadow::{SHADOWS, shadow};
use crate::dest::sql::shape::Needs;
use crate::dest::sql::staged::Staged;
use crate::dest::sql::{Dialect, TableName, children, create_schema, deletions, ledger};
use crate::dest::{Commit, Counts, DestError, Target};
use crate::model::{Column, LogicalType, Strategy};

/// The target's own table.
pub(super) fn table_of(target: &Target) -> TableName {
    TableName::new(CATALOG, &target.schema, &target.table)
}

/// Batches, tombstones, state, run, rejects and lease. What was done to each target. `fault`: a statement that fails between the
/// rows and the rest; for tests.
pub(super) fn apply(
    session: &Session<'_>,
    mut rows: Waiting,
    commit: &Commit,
    wrap: &dyn Fn(duckdb::Error) -> DestError,
    fault: Option<String>,
) -> Result<Vec<Counts>, DestError> {
    let seen = at_once(Seen::look(session))?;
    let tables: Vec<TableName> = rows.targets.iter().map(|of| table_of(&of.target)).collect();
    let batches: Vec<Vec<RecordBatch>> =
        rows.targets.iter_mut().map(|of| std::mem::take(&mut of.batches)).collect();
    let plan =
        |at: usize| Plan { d: &DuckDialect, table: &tables[at], target: &rows.targets[at].target, commit };
    let first = plan(0);
    let mut script = Script::default();
    script.before([create_schema(&DuckDialect, first.table)]);
    first.open(&mut script, &seen, commit.rejects.iter().any(|rejects| !rejects.is_empty()));
    for at in 0..tables.len() {
        let there = at_once(Seen::identities(session, plan(at).target))?;
        plan(at).guard(&mut script, &seen, &there, at == 0);
    }
    at_once(session.run(&script))?;
    let staged = at_once(stage_rest(session, &rows, commit))?;
    let mut all = Vec::with_capacity(staged.len());
    let mut last = Script::default();
    last.then(fault);
    let mut changed = false;
    for (at, (batches, staged)) in batches.into_iter().zip(&staged).enumerate() {
        let plan = plan(at);
        let work = Work { session, target: plan.target, commit, at, wrap };
        let (counts, hidden) = work.apply(batches, staged, &seen)?;
        // Batches added to a hidden table are counted when it is published.
        changed |= hidden.is_some() || counts.inserted + counts.updated + counts.deleted > 0;
        let (mut rows_in, mut rows) = (String::new(), plan.table.clone());
        match hidden {
            Some(name) if commit.last => {
                last.then([ledger::forget_state(&DuckDialect, plan.table, plan.target, &name)]);
            }
            Some(name) => {
                rows = rows.beside(&name);
                rows_in = name;
            }
            None => {}
        }
        let id = Cell::Text(session.identify(&rows)?);
        plan.remember(&mut last, (at, &seen), RowsIn { name: &rows_in, id }, staged);
        all.push(counts);
    }
    if changed {
        at_once(session.execute(compression::FULL))?;
    }
    first.end(&mut last, &seen);
    at_once(session.run(&last))?;
    Ok(all)
}

/// One target of a commit at work.
pub(super) struct Work<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) target: &'a Target,
    commit: &'a Commit,
    /// Which of the targets it is.
    at: usize,
    wrap: &'a dyn Fn(duckdb::Error) -> DestError,
}

impl Work<'_> {
    fn connection(&self) -> &Connection {
        self.session.connection
    }

    pub(super) fn run(&self, sql: &str) -> Result<u64, DestError> {
        at_once(self.session.execute(sql))
    }

    pub(super) fn read(&self, name: &TableName) -> Result<Option<Shape>, DestError> {
        at_once(self.session.describe(name))
    }

    /// Runs a script that is about this target alone.
    fn play(&self, script: &Script) -> Result<Counts, DestError> {
        Ok(at_once(self.session.run(script))?.into_iter().next().unwrap_or_default())
    }

    /// What is done to the table, and the hidden table in which its rows are collected.
    fn apply(
        &self,
        batches: Vec<RecordBatch>,
        staged: &Staged,
        seen: &Seen,
    ) -> Result<(Counts, Option<String>), DestError> {
        self.sweep(seen)?;
        let hidden = shadow(self.target, self.target.strategy);
        let counts = match &hidden {
            None => self.in_place(batches, staged)?,
            Some(name) => {
                let mut counts = self.collect(name, batches, staged)?;
                if self.commit.last {
                    counts.add(self.publish(name)?);
                }
                counts
            }
        };
        Ok((counts, hidden))
    }

    /// Drops hidden tables of this target that no run will continue: of another strategy, without a state, or of an
    /// earlier run when this one starts from zero. A run's own is known by the run id in its state.
    fn sweep(&self, seen: &Seen) -> Result<(), DestError> {
        let table = table_of(self.target);
        for (strategy, _) in SHADOWS {
            let Some(name) = shadow(self.target, strategy) else { continue };
            let whose = ledger::Whose::of(self.target, &table);
            let states = at_once(self.session.lines(ledger::STATE, &whose.state(&DuckDialect, &name)))?;
            let ours = strategy == self.target.strategy
                && states.iter().any(|state| {
                    let newer = state.state().is_err();
                    !newer && (!self.target.fresh || state.text("run_id") == self.commit.run.id)
                });
            if ours {
                continue;
            }
            if seen.has(&DuckDialect, &name) {
                self.run(&format!("DROP TABLE IF EXISTS {}", table.beside(&name).sql(&DuckDialect)))?;
            }
            if !states.is_empty() {
                self.run(&ledger::forget_state(&DuckDialect, &table, self.target, &name))?;
            }
        }
        Ok(())
    }

    /// Creates or changes the table so that the batches fit, and brings the batches to its types.
    fn fit(
        &self,
        name: &TableName,
        batches: Vec<RecordBatch>,
        extra: &[Column],
    ) -> Result<(Shape, Batches), DestError> {
        let brought = columns_of(&batches, &self.target.table)?;
        let needed = needed(self.target, &brought, extra);
        let shape = self.shape_for(name, &needed, &batches)?;
        let columns = brought.iter().map(|c| {
            // The appender wants the table's spelling of a name.
            let found = shape.find(&c.name);
            let name = found.map_or(&c.name, |found| &found.name);
            Column::new(name, found.and_then(|found| found.logical).unwrap_or(c.logical))
        });
        let columns = columns.collect();
        let rows = Batches::new(batches, columns, &self.target.table)?;
        Ok((shape, rows))
    }

    pub(super) fn shape_for(
        &self,
        name: &TableName,
        needed: &[Column],
        rows: &[RecordBatch],
    ) -> Result<Shape, DestError> {
        let found = self.read(name)?;
        let columns = found.as_ref().map_or(0, |shape| shape.columns.len()).max(needed.len());
        open::make_room(self.connection(), columns).map_err(self.wrap)?;
        let Some(shape) = found else {
            compression::create_table(self.connection(), name, needed, rows).map_err(self.wrap)?;
            self.session.changed();
            if *name == table_of(self.target) {
                self.run(&ledger::forget_others(&DuckDialect, name, self.target))?;
            }
            return Ok(Shape::planned(&DuckDialect, name.clone(), needed));
        };
        shape.check(needed)?;
        let (changes, after) = shape.clone().changed(&Needs::of(self.target, needed));
        let statements = DuckDialect.alter(&shape, &changes)?;
        // A table that is made anew for it would be described by nobody.
        let anew = statements.iter().any(|statement| statement.starts_with("CREATE TABLE"));
        let said = if anew { self.said_of(name)? } else { Said::new() };
        for statement in statements {
            self.run(&statement)?;
        }
        self.say(name, said)?;
        Ok(after)
    }

    fn in_place(&self, batches: Vec<RecordBatch>, staged: &Staged) -> Result<Counts, DestError> {
        let target = self.target;
        let versions = (target.strategy == Strategy::Scd2).then_some(self.commit.run.started_at);
        let extra: &[Column] = &if versions.is_some() { version_columns() } else { Vec::new() };
        let (shape, rows) = self.fit(&table_of(target), batches, extra)?;
        if target.strategy == Strategy::Append {
            return self.append(&shape, rows);
        }
        let mut fills = merge::loaded_at(target.loaded_at);
        if let Some(at) = versions {
            let mut script = Script::default();
            shared::adopt(&mut script, &shape, at);
            self.play(&script)?;
            fills.push((VALID_FROM.into(), Fill::At(at)));
            fills.push((VALID_TO.into(), Fill::Null(LogicalType::Timestamp)));
            fills.push((IS_CURRENT.into(), Fill::True));
        }
        let incremental = target.incremental_key.as_deref();
        let rows = rows.newest(&target.key, incremental, &target.table)?;
        let wrap = self.wrap;
        let key = &target.key;
        let mut counts = self.complete(&shape, &rows, staged)?;
        let merge =
            Merge { connection: self.connection(), shape: &shape, key, incremental, versions, fills, wrap };
        counts.add(merge.apply(rows)?);
        counts.add(self.delete(&shape, staged)?);
        Ok(counts)
    }

    /// Removes rows of complete parents that are not among these.
    fn complete(&self, shape: &Shape, rows: &Batches, staged: &Staged) -> Result<Counts, DestError> {
        let Some(parents) = &staged.complete else { return Ok(Counts::default()) };
        if self.count(&shape.name)? == 0 {
            return Ok(Counts::default());
        }
        let names: Vec<&str> = self.target.key.iter().map(String::as_str).collect();
        let (keys, what) = (rows.project(&names)?, format!("keys{}", self.at));
        let rows = at_once(stage_batches(self.session, &what, self.target, keys, true))?;
        let staged = Staged { rows, complete: Some(parents.clone()), ..Staged::default() };
        let mut script = Script::default();
        children::complete(&mut script, shape, self.target, &staged);
        self.play(&script)
    }

    /// Applies the tombstones to the rows of a table, or of a hidden one.
    fn delete(&self, shape: &Shape, staged: &Staged) -> Result<Counts, DestError> {
        let Some(tombstones) = &staged.tombstones else { return Ok(Counts::default()) };
        let mut script = Script::default();
        deletions::apply(&mut script, shape, self.target, tombstones, self.commit.run.started_at);
        self.play(&script)
    }

    fn append(&self, shape: &Shape, rows: Batches) -> Result<Counts, DestError> {
        let inserted = rows.count() as u64;
        let columns = rows.columns.clone();
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        let mut fills = merge::spelled(shape, merge::loaded_at(self.target.loaded_at));
        fills.extend(merge::foreign_fills(shape, &columns));
        append(self.connection(), &shape.name, &names, rows, &fills).map_err(self.wrap)?;
        Ok(Counts { inserted, ..Counts::default() })
    }

    /// Adds the rows to the shadow, and counts what was buried there.
    fn collect(&self, shadow: &str, batches: Vec<RecordBatch>, staged: &Staged) -> Result<Counts, DestError> {
        let (shape, rows) = self.fit(&table_of(self.target).beside(shadow), batches, &[])?;
        let rows =
            rows.newest(&self.target.key, self.target.incremental_key.as_deref(), &self.target.table)?;
        self.complete(&shape, &rows, staged)?;
        self.append(&shape, rows)?;
        match self.target.strategy {
            Strategy::Replace => self.delete(&shape, staged),
            _ => Ok(Counts::default()),
        }
    }

    pub(super) fn count(&self, name: &TableName) -> Result<u64, DestError> {
        let sql = format!("SELECT count(*) FROM {}", name.sql(&DuckDialect));
        self.connection().query_row(&sql, [], |row| row.get(0)).map_err(self.wrap)
    }
}
