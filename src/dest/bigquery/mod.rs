//! The warehouse: Google BigQuery over its REST API.
//!
//! Two halves. `wire` speaks HTTP and knows nothing of states or strategies; everything above it is SQL and order
//! of calls, and sees neither URLs nor tokens.
//!
//! Rows stream into a staging table while they are read; a commit is one script whose transaction merges them and
//! writes state, run, rejects and lease.
//!
//! | room | what |
//! | --- | --- |
//! | `load` | staging: batches → staging tables |
//! | `commit`, `script` | one commit: look, make the script, write it as one text, run it, clean up |
//! | `shape`, `dialect` | what a table looks like, and how it is changed; names, types and values |
//! | `engine` | a dataset as [`super::sql`] sees it, where all that is decided is decided |
//! | `descriptions` | what tables and columns mean, without a job |
//! | `ledgers` | what is beside the tables, read once for all that are looked at |
//! | `leases`, `inventory` | one run at a time; what is remembered in all datasets |
//! | `permissions` | what the credentials lack, before anything is read |

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;

use super::sql::commit::Seen;
use super::sql::ledger::not_ours;
use super::sql::{Dialect, TableName, inspect};
use super::{
    Answer, Capabilities, DestError, DestErrorKind, Destination, FlushDefaults, Idle, Inspection, Lease,
    Load, Query, Question, Remembered, Stored, Target, Targets, TextRow,
};
use crate::model::hash::fnv64;
use crate::model::lease::Claim;
use crate::model::{Described, Description, Micros, Strategy};
use dialect::{BigQueryDialect, check_names};
use shape::{Change, change, remarks, shape_of};
use uri::BigQueryUri;
use wire::{Api, ApiError, DatasetRef, JobId, TableRef};

mod alter;
mod commit;
mod descriptions;
mod dialect;
mod engine;
mod inventory;
mod leases;
mod ledgers;
mod load;
mod permissions;
mod ranges;
mod script;
mod shape;
#[cfg(test)]
mod tests;
mod uri;
mod wire;

pub(super) use uri::FORM;

/// One at a time, within this process.
#[derive(Debug, Default)]
struct Turns {
    commit: tokio::sync::Mutex<()>,
    lease: tokio::sync::Mutex<()>,
    /// What was read a moment ago.
    ledgers: ledgers::Read,
}

/// A BigQuery project as a destination.
#[derive(Debug, Clone)]
pub struct BigQuery {
    api: Api,
    uri: Arc<BigQueryUri>,
    /// Datasets that are known to exist, and where; they do not move.
    known: Arc<Mutex<HashMap<DatasetRef, String>>>,
    /// Whoever commits, and whoever takes a lease. The tables of a command share those beside them, and of two transactions that
    /// change a table at once BigQuery aborts one.
    turns: Arc<Turns>,
    /// A statement that fails, between the rows of the next commit and its state: for tests.
    fault: Option<String>,
}

impl BigQuery {
    /// The project of a `bigquery://` URI. Connects to nothing.
    ///
    /// # Errors
    /// When the URI is not one, or its credentials cannot be read.
    pub fn from_uri(uri: &str) -> Result<Self, DestError> {
        let refuse = |message: String, hint: Option<String>| DestError {
            hint: hint.or_else(|| Some(format!("the form is {FORM}"))),
            ..DestError::new(DestErrorKind::Other, message)
        };
        let uri = BigQueryUri::parse(uri).map_err(|error| refuse(error.to_string(), None))?;
        let api = Api::open(&uri).map_err(|error| refuse(format!("--dest-uri: {error}"), error.hint))?;
        Ok(Self { api, uri: Arc::new(uri), known: Arc::default(), turns: Arc::default(), fault: None })
    }

    /// A table of a schema as the command line has it: `dataset` or `project.dataset`.
    fn table_in(&self, schema: &str, table: &str) -> TableName {
        match schema.rsplit_once('.') {
            Some((project, dataset)) => TableName::new(project, dataset, table),
            None => TableName::new(self.api.project(), schema, table),
        }
    }

    /// The target's own table.
    fn table_of(&self, target: &Target) -> TableName {
        self.table_in(&target.schema, &target.table)
    }

    async fn look(&self, target: &Target) -> Result<Inspection, DestError> {
        let target = &BigQueryDialect.spelled(target);
        not_ours(target)?;
        let name = self.table_of(target);
        check_names(&name.schema, &name.table)?;
        self.check_places(target, &name).await?;
        let Some(mut dataset) = self.dataset(&name).await? else {
            self.check_permissions(None, target, &name, Change::Make).await?;
            return Ok(Inspection::default());
        };
        let seen = Seen { tables: dataset.names.clone(), ..Seen::default() };
        let (mut notes, mut shape, mut held, mut wanted) = (Vec::new(), None, None, Change::Make);
        let there = seen.tables.contains(&name.table);
        let info = if there { dataset.api.table(&table_ref(&name)).await } else { Ok(None) };
        if let Some(info) = info.map_err(|error| failed(&name, "read", error))? {
            notes = remarks(target, &info);
            held = info.held;
            let found = shape_of(name.clone(), info)?;
            found.check(&target.columns)?;
            wanted = change(&found, target)?;
            shape = Some(found);
        }
        self.check_permissions(Some(&dataset.api), target, &name, wanted).await?;
        let place = format!("BigQuery project {}", name.catalog);
        dataset.ledgers = Some(self.ledgers(&dataset).await?);
        let mut found = inspect::look_up(&dataset, &seen, target, shape.as_ref(), &place).await?;
        found.notes.splice(0..0, notes);
        found.held = held;
        Ok(found)
    }

    /// All that is read and written by one job must lie in one place.
    async fn check_places(&self, target: &Target, name: &TableName) -> Result<(), DestError> {
        let refuse =
            |message: String, hint: &str| Err(DestError::new(DestErrorKind::Other, message).hint(hint));
        let dataset = table_ref(name).dataset_ref();
        let here = self.existing(name).await?.and_then(|api| api.location().map(ToOwned::to_owned));
        let wanted = self.uri.location.clone();
        if let (Some(here), Some(wanted)) = (&here, &wanted)
            && !here.eq_ignore_ascii_case(wanted)
        {
            return refuse(
                format!("dataset {dataset} is in {here}, and --dest-uri says location={wanted}"),
                "a dataset cannot be moved: leave the location out, or load into another dataset",
            );
        }
        let Some(staging) = &target.hints.staging_dataset else { return Ok(()) };
        let staging = self.table_in(staging, "");
        check_names(&staging.schema, "t")?;
        let there = self.existing(&staging).await?.and_then(|api| api.location().map(ToOwned::to_owned));
        if let (Some(there), Some(here)) = (there, here.or(wanted))
            && !here.eq_ignore_ascii_case(&there)
        {
            return refuse(
                format!(
                    "--staging-dataset {} is in {there}, and dataset {dataset} in {here}",
                    staging.schema
                ),
                "name a dataset in the same location, or one that does not exist yet",
            );
        }
        Ok(())
    }
}

/// A table of the API.
fn table_ref(name: &TableName) -> TableRef {
    TableRef { project: name.catalog.clone(), dataset: name.schema.clone(), table: name.table.clone() }
}

/// What names of the staging tables for a target begin with. 64 bits: a staging dataset is shared by many targets, and
/// each sweeps what begins like its own.
fn staging_prefix(table: &TableName) -> String {
    format!("_ingestr_staging__{}__", mark(table))
}

/// What the ids of a target's jobs begin with, and so the names of its files in a staging bucket.
fn job_prefix(table: &TableName) -> String {
    format!("ingestr_{}_", mark(table))
}

fn mark(table: &TableName) -> String {
    let whole = [&table.catalog, &table.schema, &table.table].map(String::as_str).join("\0");
    format!("{:016x}", fnv64(whole.bytes()))
}

/// A failed call, for the user.
fn failed(table: &TableName, done: &str, error: ApiError) -> DestError {
    failed_at(&format!("table {}.{}", table.schema, table.table), done, error)
}

fn failed_at(what: &str, done: &str, error: ApiError) -> DestError {
    error.into_dest(&format!("{what} cannot be {done}"))
}

/// An id made of letters, digits and underscores.
fn job_id(text: &str) -> JobId {
    #[expect(clippy::expect_used, reason = "made of our own letters and digits, far shorter than allowed")]
    JobId::new(text).expect("letters, digits and underscores")
}

impl Destination for BigQuery {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            instead: None,
            corrections: true,
            strategies: &Strategy::ALL,
            partitioning: true,
            clustering: true,
            file_formats: &["jsonl", "parquet", "csv"],
            staging_bucket: true,
            staging_dataset: true,
            projects: true,
            system_schemas: &["information_schema"],
            paid_by_byte: true,
            flush: FlushDefaults::WAREHOUSE,
        }
    }

    fn default_schema(&self) -> Option<&str> {
        self.uri.dataset.as_deref()
    }

    fn schema<'a>(&self, typed: &'a str) -> &'a str {
        match typed.rsplit_once('.') {
            Some((project, dataset)) if project == self.api.project() => dataset,
            _ => typed,
        }
    }

    fn describe(&self) -> String {
        format!("BigQuery project {}", self.api.project())
    }

    fn inspect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Inspection, DestError>> {
        Box::pin(self.look(target))
    }

    fn ask<'a>(
        &'a self,
        target: &'a Target,
        question: Question,
    ) -> BoxFuture<'a, Result<Option<Answer>, DestError>> {
        Box::pin(async move { self.answer(target, &question).await })
    }

    fn rows<'a>(
        &'a self,
        target: &'a Target,
        columns: &'a [String],
        after: Option<i64>,
        most: u64,
    ) -> BoxFuture<'a, Result<Option<Vec<Stored>>, DestError>> {
        Box::pin(self.stored(target, columns, after, most))
    }

    fn write_descriptions<'a>(
        &'a self,
        tables: &'a [(Target, Vec<Description>)],
        described: &'a Described,
    ) -> BoxFuture<'a, Result<bool, DestError>> {
        Box::pin(async move {
            for (target, wanted) in tables {
                if !self.describe_table(target, wanted, described).await? {
                    return Ok(false);
                }
            }
            Ok(true)
        })
    }

    fn lease<'a>(
        &'a self,
        target: &'a Target,
        lease: Lease,
        claim: Claim,
        live: fn(&Lease, Micros) -> bool,
    ) -> BoxFuture<'a, Result<(), DestError>> {
        Box::pin(async move { self.take_lease(target, &lease, claim, live).await })
    }

    fn release<'a>(&'a self, target: &'a Target, run: &'a str) -> BoxFuture<'a, Result<(), DestError>> {
        Box::pin(self.release_lease(target, run))
    }

    fn commit_idle<'a>(&'a self, idle: &'a [Idle], now: Micros) -> BoxFuture<'a, Result<(), DestError>> {
        Box::pin(self.write_idle(idle, now))
    }

    fn remembered(&self) -> BoxFuture<'_, Result<Vec<Remembered>, DestError>> {
        Box::pin(self.all_remembered())
    }

    fn remembered_in<'a>(&'a self, schema: &'a str) -> BoxFuture<'a, Result<Vec<Remembered>, DestError>> {
        Box::pin(self.remembered_there(schema))
    }

    fn forget<'a>(&'a self, schema: &'a str, table: &'a str) -> BoxFuture<'a, Result<u64, DestError>> {
        Box::pin(self.forget_table(schema, table))
    }

    fn reassign<'a>(
        &'a self,
        tables: &'a [Remembered],
        account: &'a str,
    ) -> BoxFuture<'a, Result<u64, DestError>> {
        Box::pin(self.reassign_tables(tables, account))
    }

    fn bytes<'a>(&'a self, query: &'a Query<'a>) -> BoxFuture<'a, Result<Option<u64>, DestError>> {
        Box::pin(self.bytes_of(query))
    }

    fn select<'a>(&'a self, query: &'a Query<'a>) -> BoxFuture<'a, Result<Vec<TextRow>, DestError>> {
        Box::pin(self.selected(query))
    }

    fn begin(&self, targets: Targets<'_>) -> Box<dyn Load> {
        Box::new(load::BigQueryLoad::new(self.clone(), targets))
    }
}
