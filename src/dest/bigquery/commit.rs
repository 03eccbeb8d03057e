//! What a commit does: look, make the script, run it, and clean up behind it.

use std::time::Duration;

use super::dialect::BigQueryDialect;
use super::engine::{Dataset, fresh_job};
use super::load::{LoadPlace, Staging, land};
use super::script::{counts, text};
use super::wire::{Api, ApiError, Param};
use super::{BigQuery, table_ref};
use crate::dest::sql::commit::{Plan, Seen, Tables, script};
use crate::dest::sql::ledger::{LEASES, source_parameter};
use crate::dest::sql::script::Script;
use crate::dest::sql::staged::Staged;
use crate::dest::sql::{TableName, guards, idle};
use crate::dest::{Commit, Counts, DestError, DestErrorKind, Idle, Target, TextRow};
use crate::model::{Micros, Tombstone};

/// How often a script is run again that met another transaction.
const CONFLICTS: u32 = 12;

/// What a script leaves to be dropped.
#[derive(Debug, Default)]
pub(super) struct Cleanup {
    /// Whether it went through or not.
    always: Vec<TableName>,
    /// Once it went through.
    after: Vec<TableName>,
    /// If it did not.
    otherwise: Vec<TableName>,
}

impl BigQuery {
    /// One job for all of them.
    pub(super) async fn write_idle(&self, idle: &[Idle], now: Micros) -> Result<(), DestError> {
        let Some(first) = idle.first().and_then(|one| one.targets.first()) else { return Ok(()) };
        let name = self.table_of(first);
        let Some(dataset) = self.dataset(&name).await? else {
            return Err(DestError::new(DestErrorKind::Other, "the dataset is not there any more"));
        };
        let seen = Seen::look(&dataset).await?;
        let mut scripts = Vec::with_capacity(idle.len());
        for one in idle {
            scripts.push(idle::script_of(&dataset, &seen, one, now).await?);
        }
        let Some(script) = idle::joined(scripts) else {
            return Err(DestError::new(DestErrorKind::Other, "a table has to be changed first"));
        };
        let params: Vec<Param> = idle.iter().filter_map(|one| parameter(&one.commit)).collect();
        let _turn = self.turns.commit.lock().await;
        self.forget_ledgers().await;
        match dataset.api.query(&fresh_job("idle"), &text(&script), &params).await {
            Ok(_) => Ok(()),
            Err(error) => Err(match script.breach_in(&error.message) {
                Some(breach) => guards::explain(&dataset, breach).await,
                None => super::failed(&name, "written", error),
            }),
        }
    }
}

/// The state of the source that a commit writes, where it is none of the script's text.
fn parameter(commit: &Commit) -> Option<Param> {
    let value = &commit.state.source.0;
    source_parameter(value).map(|name| Param { name, value: value.clone() })
}

impl LoadPlace {
    pub(super) async fn run(
        self,
        staging: Vec<Staging>,
        tombstones: Vec<Tombstone>,
        commit: Commit,
    ) -> Result<Vec<Counts>, DestError> {
        let api = self.dest.ready(&self.table).await?;
        let mut cleanup = Cleanup::default();
        let done = self.transact(&api, staging, &tombstones, &commit, &mut cleanup).await;
        let mut dropped = cleanup.always;
        match &done {
            Ok(_) => {
                dropped.extend(cleanup.after);
                dropped.extend(self.left_behind(&api, &dropped).await);
                if let Some(bucket) = &self.target.hints.staging_bucket {
                    // What cannot be deleted now is found again by the next commit.
                    let _ = api.sweep_bucket(bucket, &super::job_prefix(&self.table)).await;
                }
            }
            // It may yet happen, or may have: its tables are left to whoever finds out.
            Err(error) if error.kind == DestErrorKind::Unknown => dropped.clear(),
            Err(_) => dropped.extend(cleanup.otherwise),
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
        staging: Vec<Staging>,
        tombstones: &[Tombstone],
        commit: &Commit,
        cleanup: &mut Cleanup,
    ) -> Result<Vec<Counts>, DestError> {
        let Some(dataset) = self.dest.dataset(&self.table).await? else {
            let message = format!("dataset {} is not there any more", self.table.schema);
            return Err(DestError::new(DestErrorKind::Other, message));
        };
        let seen = Seen::look(&dataset).await?;
        let of = |of: &Staging| (of.table.clone(), of.target.clone(), Tables::default());
        let mut targets: Vec<_> = staging.iter().map(of).collect();
        let staged = land(self, staging, tombstones, commit, &mut cleanup.always).await?;
        for (_, target, found) in &mut targets {
            *found = seen.of(&dataset, target).await?;
        }
        let targets = targets.iter_mut().zip(&staged).map(|((table, target, found), staged)| {
            (self.plan(table, target, commit), std::mem::take(found), staged)
        });
        let script = self.script(targets.collect(), &seen)?;
        cleanup.after.clone_from(&script.dead);
        cleanup.otherwise.clone_from(&script.made);
        let rows = self.patiently(api, &commit.run.id, &script, parameter(commit).as_slice()).await?;
        Ok(counts(&rows))
    }

    /// The whole commit, for what was seen.
    pub(super) fn script(
        &self,
        targets: Vec<(Plan<'_>, Tables, &Staged)>,
        seen: &Seen,
    ) -> Result<Script, DestError> {
        script(targets, seen, self.dest.fault.clone())
    }

    /// What the commit is for one target.
    pub(super) fn plan<'a>(&self, table: &'a TableName, target: &'a Target, commit: &'a Commit) -> Plan<'a> {
        Plan { d: &BigQueryDialect, table, target, commit }
    }

    /// Runs the script; again if it met another transaction, which leaves nothing of it. The id of the job is always the
    /// same, so that a commit which nobody heard of is not made twice.
    pub(super) async fn patiently(
        &self,
        api: &Api,
        run: &str,
        script: &Script,
        params: &[Param],
    ) -> Result<Vec<TextRow>, DestError> {
        // So that the run is found from BigQuery's list of jobs.
        let run: String = run.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        let job = self.job(&format!("commit_{run}"))?;
        let _turn = self.dest.turns.commit.lock().await;
        self.dest.forget_ledgers().await;
        let sql = text(script);
        let mut attempt = 1;
        loop {
            match api.query(&job, &sql, params).await {
                Ok(rows) => return Ok(rows),
                Err(error) if error.is_conflict() && attempt < CONFLICTS => {
                    let most = 500 * u64::from(attempt * attempt);
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(most / 2..=most))).await;
                    attempt += 1;
                }
                Err(error) => {
                    let Some(breach) = script.breach_in(&error.message) else {
                        return Err(self.failure("written", error));
                    };
                    let dataset = Dataset::of(api.clone(), &self.table, vec![LEASES.into()]);
                    return Err(guards::explain(&dataset, breach).await);
                }
            }
        }
    }

    fn failure(&self, done: &str, error: ApiError) -> DestError {
        super::failed(&self.table, done, error)
    }

    /// Staging tables of this target that a killed run has left.
    async fn left_behind(&self, api: &Api, known: &[TableName]) -> Vec<TableName> {
        let (staging, prefix) = (self.staging(), self.prefix());
        let all = api.tables(&table_ref(&staging).dataset_ref()).await.ok().flatten().unwrap_or_default();
        let tables = all.iter().filter(|name| name.starts_with(&prefix)).map(|name| staging.beside(name));
        tables.filter(|table| !known.contains(table)).collect()
    }
}
