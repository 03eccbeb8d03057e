//! What a commit does: look, make the script, run it, and clean up behind it.

use std::time::Duration;

use super::books;
use super::dialect::BigQueryDialect;
use super::load::{Place, Staged, Staging};
use super::script::{LEASED, Script};
use super::shape::Shape;
use super::wire::{Api, ApiError, Param, QueryOutcome};
use super::{Step, bury, merge, publish, table_ref};
use crate::dest::sql::columns::{needed, version_columns};
use crate::dest::sql::ledger::{LEASES, refused};
use crate::dest::sql::shadow::{SHADOWS, shadow};
use crate::dest::sql::{Dialect, TableName, list};
use crate::dest::{Commit, Counts, DestError, DestErrorKind, Target};
use crate::model::{Column, LogicalType, Strategy};

/// How often a script is run again that met another transaction.
const CONFLICTS: u32 = 12;

/// What was there before a commit.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// All tables of the target's dataset.
    pub(super) names: Vec<String>,
    /// The target's table.
    pub(super) table: Option<Shape>,
    /// The hidden table of this target and strategy.
    pub(super) shadow: Option<Shape>,
}

impl Seen {
    fn has(&self, name: &str) -> bool {
        self.names.iter().any(|there| there == name)
    }
}

/// What a script leaves to be dropped.
#[derive(Debug, Default)]
pub(super) struct Litter {
    /// Whether it went through or not.
    always: Vec<TableName>,
    /// Once it went through.
    after: Vec<TableName>,
    /// If it did not.
    otherwise: Vec<TableName>,
}

impl Place {
    pub(super) async fn run(self, staging: Staging, commit: Commit) -> Result<Counts, DestError> {
        let api = self.dest.ready(&self.table).await?;
        let mut litter = Litter::default();
        let done = self.transact(&api, staging, &commit, &mut litter).await;
        let mut dropped = litter.always;
        match &done {
            Ok(_) => {
                dropped.extend(litter.after);
                dropped.extend(self.left_behind(&api, &dropped).await);
                if let Some(bucket) = &self.target.hints.staging_bucket {
                    // What cannot be deleted now is found again by the next commit.
                    let _ = api.sweep_bucket(bucket, &super::job_prefix(&self.table)).await;
                }
            }
            // It may yet happen, or may have: its tables are left to whoever finds out.
            Err(error) if error.kind == DestErrorKind::Unknown => dropped.clear(),
            Err(_) => dropped.extend(litter.otherwise),
        }
        for table in dropped {
            // Staging tables expire by themselves, and the next commit drops whatever is left.
            let _ = api.delete_table(&table_ref(&table)).await;
        }
        done
    }

    async fn transact(
        &self,
        api: &Api,
        staging: Staging,
        commit: &Commit,
        litter: &mut Litter,
    ) -> Result<Counts, DestError> {
        let dataset = table_ref(&self.table).dataset_ref();
        let names = api.tables(&dataset).await.map_err(|error| self.failure("read", error))?;
        let mut seen = Seen { names, ..Seen::default() };
        seen.table = self.look(api, &seen, &self.table).await?;
        if let Some(name) = shadow(&self.target, self.target.strategy) {
            seen.shadow = self.look(api, &seen, &self.table.beside(&name)).await?;
        }
        let staged = staging.land(self, commit, &mut litter.always).await?;
        let script = self.script(seen, &staged, commit, litter)?;
        let params = [Param { name: books::SOURCE.into(), value: commit.state.source.0.clone() }];
        let outcome = self.patiently(api, &commit.run.id, &script.text(), &params).await?;
        Ok(counts(&outcome))
    }

    /// The whole commit, for what was seen.
    pub(super) fn script(
        &self,
        mut seen: Seen,
        staged: &Staged,
        commit: &Commit,
        litter: &mut Litter,
    ) -> Result<Script, DestError> {
        let (shape, waiting) = (seen.table.take(), seen.shadow.take());
        let hidden = shadow(&self.target, self.target.strategy).map(|name| self.table.beside(&name));
        let there = &seen;
        let mut script = Script::default();
        if let Some(lease) = commit.lease.as_ref().filter(|_| there.has(LEASES)) {
            books::still_held(&mut script, &self.table, &self.target, lease);
        }
        let leased = commit.lease.is_some() && !commit.release;
        script.before(books::missing(&self.table, |name| there.has(name), leased));
        let rows_in = match &hidden {
            None => {
                self.in_place(&mut script, shape, staged, commit)?;
                ""
            }
            Some(name) => {
                if waiting.is_none() {
                    litter.otherwise.push(name.clone());
                }
                self.hidden(&mut script, shape, (name, waiting), staged, commit)?;
                if commit.last {
                    litter.after.push(name.clone());
                    ""
                } else {
                    &name.table
                }
            }
        };
        self.dest.faults.hit(Step::AfterRows, &mut script);
        self.keep_books(&mut script, there, staged, commit, rows_in, litter);
        Ok(script)
    }

    /// State, run, rejects, lease, and other replacements of this target that nobody will finish.
    fn keep_books(
        &self,
        script: &mut Script,
        there: &Seen,
        staged: &Staged,
        commit: &Commit,
        rows_in: &str,
        litter: &mut Litter,
    ) {
        let (table, target) = (&self.table, &self.target);
        for (strategy, _) in SHADOWS {
            let Some(name) = shadow(target, strategy) else { continue };
            let done = strategy == target.strategy && commit.last;
            let dead = strategy != target.strategy && there.has(&name);
            if done || dead {
                books::forget_state(script, table, target, &name);
            }
            if dead {
                litter.after.push(table.beside(&name));
            }
        }
        books::write_state(script, table, target, rows_in, commit);
        books::write_run(script, table, target, commit);
        if let Some(rejects) = &staged.rejects {
            books::write_rejects(script, table, target, commit, rejects);
        }
        books::after_commit(script, table, target, commit, there.has(LEASES));
    }

    /// `merge`, `append` and `scd2`.
    fn in_place(
        &self,
        script: &mut Script,
        shape: Option<Shape>,
        staged: &Staged,
        commit: &Commit,
    ) -> Result<(), DestError> {
        let target = &self.target;
        let versions = target.strategy == Strategy::Scd2;
        let extra = if versions { version_columns() } else { Vec::new() };
        let needed = needed(target, &staged.rows.columns, &extra);
        let shape = self.fitted(script, &self.table, shape, &needed, true)?;
        self.note_refused(script, &shape, staged, commit);
        match target.strategy {
            Strategy::Append => merge::append(script, &shape, target, &staged.rows),
            Strategy::Scd2 => {
                merge::versions(script, &shape, target, &staged.rows, commit.run.started_at);
            }
            _ => merge::merge(script, &shape, target, &staged.rows),
        }
        if target.strategy != Strategy::Append
            && let Some(graves) = &staged.graves
        {
            bury::bury(script, &shape, target, graves, commit.run.started_at);
        }
        Ok(())
    }

    /// `replace` and `delete+insert`.
    fn hidden(
        &self,
        script: &mut Script,
        shape: Option<Shape>,
        (name, waiting): (&TableName, Option<Shape>),
        staged: &Staged,
        commit: &Commit,
    ) -> Result<(), DestError> {
        let target = &self.target;
        let wanted = needed(target, &staged.rows.columns, &[publish::sequence()]);
        let shadow = self.fitted(script, name, waiting, &wanted, false)?;
        self.note_refused(script, &shadow, staged, commit);
        publish::collect(script, &shadow, target, &staged.rows, &self.continued(name, commit));
        if target.strategy == Strategy::Replace
            && let Some(graves) = &staged.graves
        {
            bury::bury(script, &shadow, target, graves, commit.run.started_at);
        }
        if commit.last {
            let wanted: Vec<Column> = publish::published(&shadow);
            let shape = self.fitted(script, &self.table, shape, &wanted, true)?;
            publish::publish(script, &shape, &shadow, target);
        }
        Ok(())
    }

    /// The condition that the rows in a shadow belong to this replacement: a state tells of them, and it is not that of
    /// an earlier run if this one starts from zero.
    fn continued(&self, shadow: &TableName, commit: &Commit) -> String {
        let mut of_run = books::of_state(books::whose(&self.target, &self.table), &shadow.table);
        if self.target.fresh {
            of_run.push_str(&format!(" AND run_id = {}", BigQueryDialect.text(&commit.run.id)));
        }
        let state = self.table.beside(crate::dest::sql::ledger::STATE).sql(&BigQueryDialect);
        format!("EXISTS (SELECT 1 FROM {state} WHERE {of_run})")
    }

    fn note_refused(&self, script: &mut Script, shape: &Shape, staged: &Staged, commit: &Commit) {
        if let Some(from) = staged.rows.refused(shape, &self.target.key) {
            books::write_refused(script, &self.table, &self.target, commit, &from);
        }
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
            let layout = if own { layout(&self.target, needed) } else { String::new() };
            script.before([books::create(name, needed) + &layout]);
            if own {
                books::forget_others(script, name, &self.target);
            }
            return Ok(Shape::planned(name.clone(), needed));
        };
        shape.check(needed)?;
        let (statements, shape) = shape.changed(needed, &self.target.columns, &self.target.key)?;
        script.before(statements);
        Ok(shape)
    }

    async fn look(&self, api: &Api, there: &Seen, name: &TableName) -> Result<Option<Shape>, DestError> {
        if !there.has(&name.table) {
            return Ok(None);
        }
        let info = api.table(&table_ref(name)).await.map_err(|error| self.failure("read", error))?;
        info.map(|info| Shape::of(name.clone(), info)).transpose()
    }

    /// Runs the script; again if it met another transaction, which leaves nothing of it. The id of the job is always the
    /// same, so that a commit which nobody heard of is not made twice.
    pub(super) async fn patiently(
        &self,
        api: &Api,
        run: &str,
        sql: &str,
        params: &[Param],
    ) -> Result<QueryOutcome, DestError> {
        // So that the run is found from BigQuery's list of jobs.
        let run: String = run.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let job = self.job(&format!("commit_{run}"))?;
        let mut attempt = 1;
        loop {
            match api.query(&job, sql, params).await {
                Ok(outcome) => return Ok(outcome),
                Err(error) if error.is_conflict() && attempt < CONFLICTS => {
                    let most = 500 * u64::from(attempt * attempt);
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(most / 2..=most))).await;
                    attempt += 1;
                }
                Err(error) if error.message.contains(LEASED) => {
                    let held = self.dest.lease_on(api, &self.table).await?;
                    return Err(match held {
                        Some(held) => refused(&self.target, &held),
                        None => self.failure("written", error),
                    });
                }
                Err(error) => return Err(self.failure("written", error)),
            }
        }
    }

    fn failure(&self, done: &str, error: ApiError) -> DestError {
        super::failed(&self.table, done, error)
    }

    /// Staging tables of this target that a killed run has left.
    async fn left_behind(&self, api: &Api, known: &[TableName]) -> Vec<TableName> {
        let (staging, prefix) = (self.staging(), self.prefix());
        let all = api.tables(&table_ref(&staging).dataset_ref()).await.unwrap_or_default();
        let tables = all.iter().filter(|name| name.starts_with(&prefix)).map(|name| staging.beside(name));
        tables.filter(|table| !known.contains(table)).collect()
    }
}

/// Partitions and clusters of a table that is made.
fn layout(target: &Target, columns: &[Column]) -> String {
    let d = &BigQueryDialect;
    let kind = |name: &str| columns.iter().find(|c| c.name == name).map(|c| c.logical);
    let mut layout = String::new();
    if let Some(column) = &target.hints.partition_by {
        layout.push_str(&format!(" PARTITION BY TIMESTAMP_TRUNC({}, DAY)", d.quote(column)));
    }
    let mut clusters = target.hints.cluster_by.clone();
    if clusters.is_empty() {
        clusters.clone_from(&target.key);
    }
    // BigQuery clusters by at most four columns, and by none without an order.
    clusters
        .retain(|name| kind(name).is_some_and(|k| !matches!(k, LogicalType::Json | LogicalType::Float64)));
    clusters.truncate(4);
    if !clusters.is_empty() {
        layout.push_str(&format!(" CLUSTER BY {}", list(&clusters, |name| d.quote(name))));
    }
    layout
}

fn counts(outcome: &QueryOutcome) -> Counts {
    let row = outcome.rows.first().map(Vec::as_slice).unwrap_or_default();
    let at = |column| books::number(row, column).and_then(|n| u64::try_from(n).ok()).unwrap_or(0);
    Counts { inserted: at(0), updated: at(1), unchanged: at(2), deleted: at(3), rejected: at(4) }
}
