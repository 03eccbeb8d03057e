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
use super::position::POSITION;
use super::{Faults, Step, compression, mark};
use crate::dest::sql::batches::Batches;
use crate::dest::sql::cells::Cell;
use crate::dest::sql::columns::{IS_CURRENT, VALID_FROM, VALID_TO, columns_of, needed, version_columns};
use crate::dest::sql::commit::{Plan, Seen};
use crate::dest::sql::dialect::Shape;
use crate::dest::sql::embedded::{Waiting, at_once, stage_batches, stage_rest};
use crate::dest::sql::engine::Engine as _;
use crate::dest::sql::identity::Identity;
use crate::dest::sql::ledger::RowsIn;
use crate::dest::sql::merge as shared;
use crate::dest::sql::script::Script;
use crate::dest::sql::shadow::{SHADOWS, shadow};
use crate::dest::sql::shape::Needs;
use crate::dest::sql::staged::Staged;
use crate::dest::sql::{Dialect, TableName, children, create_schema, delete_window, deletions, ledger, list};
use crate::dest::{Commit, Counts, DestError, Target};
use crate::model::{Column, LogicalType, Strategy};

const T: &str = "\"_ingestr_t\"";
const S: &str = "\"_ingestr_s\"";

/// The target's own table.
pub(super) fn table_of(target: &Target) -> TableName {
    TableName::new(CATALOG, &target.schema, &target.table)
}

/// Batches, tombstones, state, run, rejects and lease. What was done to each target.
pub(super) fn apply(
    session: &Session<'_>,
    mut rows: Waiting,
    commit: &Commit,
    wrap: &dyn Fn(duckdb::Error) -> DestError,
    faults: &Faults,
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
    let mut changed = false;
    for (at, (batches, staged)) in batches.into_iter().zip(&staged).enumerate() {
        let plan = plan(at);
        let work = Work { session, target: plan.target, commit, at, wrap };
        let (counts, hidden) = work.apply(batches, staged, &seen)?;
        // Batches added to a hidden table are counted when it is published.
        changed |= hidden.is_some() || counts.inserted + counts.updated + counts.deleted > 0;
        let mut rows_in = String::new();
        match hidden {
            Some(name) if commit.last => {
                last.then([ledger::forget_state(&DuckDialect, plan.table, plan.target, &name)]);
            }
            hidden => rows_in = hidden.unwrap_or_default(),
        }
        let id = Cell::Text(work.identify(&rows_in)?);
        plan.remember(&mut last, RowsIn { name: &rows_in, id }, staged);
        all.push(counts);
    }
    if changed {
        at_once(session.execute(compression::FULL))?;
    }
    faults.hit(Step::AfterRows)?;
    first.end(&mut last, &seen);
    at_once(session.run(&last))?;
    Ok(all)
}

/// One target of a commit at work.
struct Work<'a> {
    session: &'a Session<'a>,
    target: &'a Target,
    commit: &'a Commit,
    /// Which of the targets it is.
    at: usize,
    wrap: &'a dyn Fn(duckdb::Error) -> DestError,
}

impl Work<'_> {
    fn connection(&self) -> &Connection {
        self.session.connection
    }

    fn run(&self, sql: &str) -> Result<u64, DestError> {
        at_once(self.session.execute(sql))
    }

    fn read(&self, name: &TableName) -> Result<Option<Shape>, DestError> {
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

    /// Which table the rows are in; one that has no mark yet gets one.
    fn identify(&self, rows_in: &str) -> Result<String, DestError> {
        let own = table_of(self.target);
        let name = if rows_in.is_empty() { own } else { own.beside(rows_in) };
        if let Some(Identity::Is(id)) = at_once(self.session.identity(&name))? {
            return Ok(id);
        }
        let id = Identity::new_id();
        if let Some(shape) = self.read(&name)? {
            self.run(&mark::write(&shape, &id))?;
        }
        Ok(id)
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

    fn shape_for(
        &self,
        name: &TableName,
        needed: &[Column],
        rows: &[RecordBatch],
    ) -> Result<Shape, DestError> {
        let Some(shape) = self.read(name)? else {
            compression::create_table(self.connection(), name, needed, rows).map_err(self.wrap)?;
            self.session.changed();
            if *name == table_of(self.target) {
                self.run(&ledger::forget_others(&DuckDialect, name, self.target))?;
            }
            return Ok(Shape::planned(&DuckDialect, name.clone(), needed));
        };
        shape.check(needed)?;
        let (changes, after) = shape.clone().changed(&Needs::of(self.target, needed));
        for statement in DuckDialect.alter(&shape, &changes)? {
            self.run(&statement)?;
        }
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

    /// Makes the shadow's rows the table's.
    fn publish(&self, shadow: &str) -> Result<Counts, DestError> {
        let hidden = table_of(self.target).beside(shadow);
        self.drop_older(&hidden)?;
        match self.target.strategy {
            Strategy::DeleteInsert => self.replace_window(&hidden),
            _ => self.swap(&hidden),
        }
    }

    /// Rows of one key that came in different commits: the newest stays.
    fn drop_older(&self, hidden: &TableName) -> Result<(), DestError> {
        let d = &DuckDialect;
        if self.target.key.is_empty() {
            return Ok(());
        }
        let Some(shape) = self.read(hidden)? else { return Ok(()) };
        let name = hidden.sql(d);
        let (read, newest) = (shape.read_as(T), shape.newest_first(self.target, T));
        if !shape.hides_positions() {
            self.run(&format!(
                "DELETE FROM {name} WHERE {POSITION} IN (SELECT rid FROM \
                 (SELECT {T}.{POSITION} AS rid, {newest} AS nth FROM {read}) WHERE nth > 1)"
            ))?;
            return Ok(());
        }
        let key = &self.target.key;
        let by = list(key, |k| d.quote(&shape.called(k)));
        self.run(&format!(
            "CREATE TEMP TABLE _ingestr_newest AS SELECT * FROM {read} \
             QUALIFY {newest} = 1 AND count(*) OVER (PARTITION BY {by}) > 1"
        ))?;
        let on = key
            .iter()
            .map(|k| format!("{T}.{} IS NOT DISTINCT FROM {S}.{}", d.quote(k), d.quote(&shape.called(k))));
        let on = on.collect::<Vec<_>>().join(" AND ");
        self.run(&format!("DELETE FROM {name} AS {T} USING temp.main._ingestr_newest AS {S} WHERE {on}"))?;
        self.run(&format!("INSERT INTO {name} SELECT * FROM temp.main._ingestr_newest"))?;
        self.run("DROP TABLE temp.main._ingestr_newest")?;
        Ok(())
    }

    fn count(&self, name: &TableName) -> Result<u64, DestError> {
        let sql = format!("SELECT count(*) FROM {}", name.sql(&DuckDialect));
        self.connection().query_row(&sql, [], |row| row.get(0)).map_err(self.wrap)
    }

    fn swap(&self, hidden: &TableName) -> Result<Counts, DestError> {
        let d = &DuckDialect;
        let table = table_of(self.target);
        let deleted = match self.read(&table)? {
            Some(old) => {
                let deleted = self.count(&table)?;
                self.run(&format!("DROP TABLE {}", old.sql()))?;
                deleted
            }
            None => {
                self.run(&ledger::forget_others(d, &table, self.target))?;
                0
            }
        };
        let inserted = self.count(hidden)?;
        self.run(&format!("ALTER TABLE {} RENAME TO {}", hidden.sql(d), d.quote(&table.table)))?;
        Ok(Counts { inserted, deleted, ..Counts::default() })
    }

    fn replace_window(&self, hidden: &TableName) -> Result<Counts, DestError> {
        let d = &DuckDialect;
        let source = self.read(hidden)?.map(|shape| shape.known()).unwrap_or_default();
        let shape = self.shape_for(&table_of(self.target), &source, &[])?;
        let name = shape.sql();
        let from = hidden.sql(d);
        let mut deleted = 0;
        if let Some(column) = &self.target.incremental_key {
            let end = |bound: Option<_>, read: &str| match bound {
                Some(at) => d.instant(at),
                // NULL if nothing was read: then nothing is compared as true, and nothing deleted.
                None => format!("(SELECT {read}({}) FROM {from})", d.quote(column)),
            };
            let (low, high) = self.target.window;
            deleted +=
                self.run(&delete_window(d, &shape.name, column, &end(low, "min"), &end(high, "max")))?;
        }
        if !self.target.key.is_empty() {
            let on = self.target.key.iter().map(|k| {
                let k = d.quote(k);
                format!("{T}.{k} IS NOT DISTINCT FROM {S}.{k}")
            });
            let on = on.collect::<Vec<_>>().join(" AND ");
            // Of each key there is one row by now, so none is counted twice.
            deleted += self.run(&format!("DELETE FROM {name} AS {T} USING {from} AS {S} WHERE {on}"))?;
        }
        let fills = merge::foreign_fills(&shape, &source);
        let names = source.iter().map(|c| d.quote(&c.name));
        let into = names.chain(fills.iter().map(|(name, _)| d.quote(name))).collect::<Vec<_>>();
        let values = source.iter().map(|c| d.quote(&c.name)).chain(fills.iter().map(|(_, fill)| fill.sql()));
        let values = values.collect::<Vec<_>>();
        let inserted = self.run(&format!(
            "INSERT INTO {name} ({}) SELECT {} FROM {from}",
            list(&into, String::clone),
            list(&values, String::clone)
        ))?;
        self.run(&format!("DROP TABLE {from}"))?;
        Ok(Counts { inserted, deleted, ..Counts::default() })
    }
}
