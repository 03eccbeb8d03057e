//! The embedded destination: one DuckDB file.
//!
//! The file is open only while it is looked at and while a commit runs; every commit is one transaction.

use std::collections::BTreeSet;
use std::path::PathBuf;

use duckdb::Connection;
use futures_util::future::BoxFuture;

use super::local::{blocking, create_parents, exists, exists_and_is_writable, path_of};
use super::sql::embedded::{at_once, inspect};
use super::sql::ledger::{STATE, not_ours};
use super::sql::{answers, create_schema, inventory, leases};
use super::{
    Answer, Capabilities, DestError, Destination, FlushDefaults, Inspection, Lease, Load, Question,
    Remembered, Target,
};
use crate::model::{Micros, Strategy};
use engine::Session;

mod append;
mod apply;
mod dialect;
mod engine;
mod leftovers;
mod load;
mod merge;
mod open;
mod packing;
mod position;
mod shape;
#[cfg(test)]
mod tests;

/// A DuckDB file as a destination.
#[derive(Debug, Clone)]
pub struct DuckDb {
    path: PathBuf,
    faults: Faults,
}

impl DuckDb {
    /// The file of a `duckdb:///relative` or `duckdb:////absolute` URI. Touches nothing.
    ///
    /// # Errors
    /// When the URI names no file.
    pub fn from_uri(uri: &str) -> Result<Self, DestError> {
        Ok(Self::at(path_of(open::KIND, uri)?))
    }

    /// The file at `path`. Touches nothing.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), faults: Faults::default() }
    }

    fn look(&self, target: &Target) -> Result<Inspection, DestError> {
        not_ours(target)?;
        if !exists_and_is_writable(open::KIND, &self.path)? {
            return Ok(Inspection::default());
        }
        open::with_file(&self.path, open::INSPECT_PATIENCE, open::Grain::Bulk, |connection| {
            let session = Session::new(connection, &self.path, &target.schema);
            at_once(inspect(&session, target, &self.path.display().to_string()))
        })
    }

    /// Runs `work` in a transaction of its own, outside of any load. Nothing is done if there is no file.
    fn change<T: Default>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, DestError>,
    ) -> Result<T, DestError> {
        if !exists(open::KIND, &self.path)? {
            return Ok(T::default());
        }
        self.change_or_create(work)
    }

    /// With small groups of rows merged: a commit of many rows, of which few were new, has left its small groups as they
    /// were, and each of them takes a block of 256 KiB. The run's next lease tidies them up, or that of the next run.
    fn change_or_create<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, DestError>,
    ) -> Result<T, DestError> {
        let wrap = |e| open::failed(&self.path, "write", e);
        open::with_file(&self.path, open::COMMIT_PATIENCE, open::Grain::Small, |connection| {
            connection.execute_batch("BEGIN TRANSACTION").map_err(wrap)?;
            match work(connection) {
                Ok(done) => connection.execute_batch("COMMIT").map_err(wrap).map(|()| done),
                Err(error) => {
                    // If this fails too, closing the connection does the same; the first error is the one to tell.
                    let _ = connection.execute_batch("ROLLBACK");
                    Err(error)
                }
            }
        })
    }

    fn take_lease(
        &self,
        target: &Target,
        lease: &Lease,
        live: fn(&Lease, Micros) -> bool,
    ) -> Result<(), DestError> {
        let wrap = |e| open::failed(&self.path, "write", e);
        create_parents(open::KIND, &self.path)?;
        self.change_or_create(|connection| {
            let schema = create_schema(&dialect::DuckDialect, &apply::table_of(target));
            connection.execute_batch(&schema).map_err(wrap)?;
            at_once(leases::take(&Session::new(connection, &self.path, &target.schema), target, lease, live))
        })
    }

    fn all_remembered(&self, connection: &Connection) -> Result<Vec<Remembered>, DestError> {
        let wrap = |e| open::failed(&self.path, "read", e);
        let schemas =
            "SELECT schema_name FROM duckdb_tables() WHERE database_name = ? AND lower(table_name) = ?";
        let mut all = Vec::new();
        for schema in Session::strings(connection, schemas, &[open::CATALOG, STATE]).map_err(wrap)? {
            all.extend(at_once(inventory::of_schema(&Session::new(connection, &self.path, &schema)))?);
        }
        all.sort_by_cached_key(Remembered::order);
        Ok(all)
    }

    fn give(&self, connection: &Connection, tables: &[Remembered], account: &str) -> Result<u64, DestError> {
        let schemas: BTreeSet<&str> = tables.iter().map(|one| one.schema.as_str()).collect();
        let mut changed = 0;
        for schema in schemas {
            let there: Vec<&Remembered> = tables.iter().filter(|one| one.schema == schema).collect();
            let session = Session::new(connection, &self.path, schema);
            changed += at_once(inventory::reassign(&session, &there, account))?;
        }
        Ok(changed)
    }
}

impl Destination for DuckDb {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            strategies: &Strategy::ALL,
            partitioning: false,
            clustering: false,
            file_formats: &[],
            staging_bucket: false,
            staging_dataset: false,
            projects: false,
            flush: FlushDefaults::EMBEDDED,
        }
    }

    fn default_schema(&self) -> Option<&str> {
        Some("main")
    }

    fn describe(&self) -> String {
        format!("duckdb file {}", self.path.display())
    }

    fn inspect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Inspection, DestError>> {
        let (own, target) = (self.clone(), target.clone());
        Box::pin(blocking(open::KIND, move || own.look(&target)))
    }

    fn ask<'a>(
        &'a self,
        target: &'a Target,
        question: Question,
    ) -> BoxFuture<'a, Result<Option<Answer>, DestError>> {
        let (own, target) = (self.clone(), target.clone());
        Box::pin(blocking(open::KIND, move || {
            if !exists(open::KIND, &own.path)? {
                return Ok(Some(Answer::default()));
            }
            open::reading(&own.path, |connection| {
                at_once(answers::answer(
                    &Session::new(connection, &own.path, &target.schema),
                    &target,
                    &question,
                ))
            })
        }))
    }

    fn lease<'a>(
        &'a self,
        target: &'a Target,
        lease: Lease,
        live: fn(&Lease, Micros) -> bool,
    ) -> BoxFuture<'a, Result<(), DestError>> {
        let (own, target) = (self.clone(), target.clone());
        Box::pin(blocking(open::KIND, move || own.take_lease(&target, &lease, live)))
    }

    fn release<'a>(&'a self, target: &'a Target, run: &'a str) -> BoxFuture<'a, Result<(), DestError>> {
        let (own, target, run) = (self.clone(), target.clone(), run.to_owned());
        Box::pin(blocking(open::KIND, move || {
            own.change(|connection| {
                at_once(leases::release(&Session::new(connection, &own.path, &target.schema), &target, &run))
            })
        }))
    }

    fn remembered(&self) -> BoxFuture<'_, Result<Vec<Remembered>, DestError>> {
        let own = self.clone();
        Box::pin(blocking(open::KIND, move || {
            if !exists(open::KIND, &own.path)? {
                return Ok(Vec::new());
            }
            open::reading(&own.path, |connection| own.all_remembered(connection))
        }))
    }

    fn forget<'a>(&'a self, schema: &'a str, table: &'a str) -> BoxFuture<'a, Result<u64, DestError>> {
        let (own, schema, table) = (self.clone(), schema.to_owned(), table.to_owned());
        Box::pin(blocking(open::KIND, move || {
            own.change(|connection| {
                at_once(inventory::reset(&Session::new(connection, &own.path, &schema), &table))
            })
        }))
    }

    fn reassign<'a>(
        &'a self,
        tables: &'a [Remembered],
        account: &'a str,
    ) -> BoxFuture<'a, Result<u64, DestError>> {
        let (own, tables, account) = (self.clone(), tables.to_vec(), account.to_owned());
        Box::pin(blocking(open::KIND, move || {
            own.change(|connection| own.give(connection, &tables, &account))
        }))
    }

    fn begin(&self, target: &Target) -> Box<dyn Load> {
        Box::new(load::DuckLoad {
            path: self.path.clone(),
            target: target.clone(),
            faults: self.faults.clone(),
            batches: Vec::new(),
            tombstones: Vec::new(),
        })
    }
}

/// Where a test can make a commit fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code, reason = "only tests break things"))]
pub(crate) enum Step {
    /// Rows are in, the state is not.
    AfterRows,
    /// Everything is in; COMMIT is next.
    BeforeCommit,
}

/// A fault waiting to happen; nothing outside tests.
#[derive(Debug, Clone, Default)]
struct Faults {
    #[cfg(test)]
    next: std::sync::Arc<std::sync::Mutex<Option<Step>>>,
}

impl Faults {
    #[cfg(not(test))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "the same call as under test")]
    fn hit(&self, _: Step) -> Result<(), DestError> {
        Ok(())
    }

    #[cfg(test)]
    fn hit(&self, step: Step) -> Result<(), DestError> {
        let mut next = self.next.lock().expect("no test panics while holding it");
        if *next != Some(step) {
            return Ok(());
        }
        *next = None;
        Err(DestError {
            kind: super::DestErrorKind::Other,
            message: format!("fault {step:?}"),
            hint: None,
            source: None,
        })
    }
}
