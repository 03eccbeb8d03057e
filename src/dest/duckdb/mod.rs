//! The embedded destination: one DuckDB file.
//!
//! The file is open only while it is looked at and while a commit runs; every commit is one transaction.

use std::collections::HashMap;
use std::path::PathBuf;

use duckdb::Connection;
use futures_util::future::BoxFuture;

use super::sql::create_schema;
use super::sql::ledger::{newer, not_ours};
use super::sql::shadow::shadow;
use super::{
    Answer, Capabilities, DestError, DestErrorKind, Destination, FlushDefaults, Inspection, Lease, Load,
    Owner, Question, Remembered, Target,
};
use crate::model::{Micros, Strategy};
use books::Stored;

mod append;
mod apply;
mod ask;
mod books;
mod bury;
mod dialect;
mod leases;
mod leftovers;
mod load;
mod merge;
mod open;
mod packing;
mod position;
mod remember;
mod rows;
mod shape;
#[cfg(test)]
mod tests;
mod uri;

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
        Ok(Self::at(uri::path_of(uri)?))
    }

    /// The file at `path`. Touches nothing.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), faults: Faults::default() }
    }

    fn look(&self, target: &Target) -> Result<Inspection, DestError> {
        not_ours(target)?;
        if !open::exists_and_is_writable(&self.path)? {
            return Ok(Inspection::default());
        }
        let wrap = |e| open::failed(&self.path, "read", e);
        open::with_file(&self.path, open::INSPECT_PATIENCE, open::Grain::Bulk, |connection| {
            let name = apply::table_of(target);
            let read = |name: &_| {
                shape::Shape::read(connection, name).map_err(|e| apply::unreadable(e, name, &wrap))
            };
            let table = read(&name)?;
            if let Some(shape) = &table {
                shape.check(&target.columns)?;
            }
            let state = |rows_in: &str| {
                self.state(books::read_state(connection, target, rows_in).map_err(wrap)?, target)
            };
            let aside = match shadow(target, target.strategy) {
                Some(hidden) if read(&name.beside(&hidden))?.is_some() => state(&hidden)?,
                _ => None,
            };
            let state = if table.is_some() { state("")? } else { None };
            let mut there = HashMap::from([(String::new(), table.is_some())]);
            let states = books::owners(connection, target).map_err(wrap)?;
            for (_, _, rows_in) in states.iter().filter(|(_, _, rows_in)| !rows_in.is_empty()) {
                there.insert(rows_in.clone(), read(&name.beside(rows_in))?.is_some());
            }
            let owners = Owner::others(target, states, |rows_in| there.get(rows_in) == Some(&true));
            let lease = leases::read(connection, &target.schema, &target.table).map_err(wrap)?;
            Ok(Inspection {
                columns: table.map(|shape| shape.known()),
                state,
                aside,
                owners,
                lease,
                notes: Vec::new(),
            })
        })
    }

    /// Runs `work` in a transaction of its own, outside of any load. Nothing is done if there is no file.
    fn change<T: Default>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, DestError>,
    ) -> Result<T, DestError> {
        if !open::exists(&self.path)? {
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
        open::create_parents(&self.path)?;
        self.change_or_create(|connection| {
            let schema = create_schema(&dialect::DuckDialect, &apply::table_of(target));
            connection.execute_batch(&schema).map_err(wrap)?;
            leases::take(connection, target, lease, live).map_err(wrap)?
        })
    }

    fn state(&self, stored: Stored, target: &Target) -> Result<Option<crate::model::State>, DestError> {
        match stored {
            Stored::Nothing => Ok(None),
            Stored::Found(state, _) => Ok(Some(state)),
            Stored::Newer(version) => Err(newer(target.into(), &self.path.display().to_string(), version)),
        }
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
        Box::pin(blocking(move || own.look(&target)))
    }

    fn ask<'a>(&'a self, target: &'a Target, question: Question) -> BoxFuture<'a, Result<Answer, DestError>> {
        let (own, target) = (self.clone(), target.clone());
        Box::pin(blocking(move || {
            if !open::exists(&own.path)? {
                return Ok(Answer::default());
            }
            let wrap = |e| open::failed(&own.path, "read", e);
            open::reading(&own.path, |connection| ask::answer(connection, &target, &question, &wrap))
        }))
    }

    fn lease<'a>(
        &'a self,
        target: &'a Target,
        lease: Lease,
        live: fn(&Lease, Micros) -> bool,
    ) -> BoxFuture<'a, Result<(), DestError>> {
        let (own, target) = (self.clone(), target.clone());
        Box::pin(blocking(move || own.take_lease(&target, &lease, live)))
    }

    fn release<'a>(&'a self, target: &'a Target, run: &'a str) -> BoxFuture<'a, Result<(), DestError>> {
        let (own, target, run) = (self.clone(), target.clone(), run.to_owned());
        Box::pin(blocking(move || {
            let wrap = |e| open::failed(&own.path, "write", e);
            own.change(|connection| leases::give_up(connection, &target, &run).map_err(wrap))
        }))
    }

    fn remembered(&self) -> BoxFuture<'_, Result<Vec<Remembered>, DestError>> {
        let own = self.clone();
        Box::pin(blocking(move || {
            if !open::exists(&own.path)? {
                return Ok(Vec::new());
            }
            let wrap = |e| open::failed(&own.path, "read", e);
            open::reading(&own.path, |connection| remember::remembered(connection).map_err(wrap))
        }))
    }

    fn forget<'a>(&'a self, schema: &'a str, table: &'a str) -> BoxFuture<'a, Result<u64, DestError>> {
        let (own, schema, table) = (self.clone(), schema.to_owned(), table.to_owned());
        Box::pin(blocking(move || {
            let wrap = |e| open::failed(&own.path, "write", e);
            own.change(|connection| remember::forget(connection, &schema, &table).map_err(wrap))
        }))
    }

    fn reassign<'a>(
        &'a self,
        tables: &'a [Remembered],
        account: &'a str,
    ) -> BoxFuture<'a, Result<u64, DestError>> {
        let (own, tables, account) = (self.clone(), tables.to_vec(), account.to_owned());
        Box::pin(blocking(move || {
            let wrap = |e| open::failed(&own.path, "write", e);
            own.change(|connection| remember::reassign(connection, &tables, &account).map_err(wrap))
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

/// DuckDB blocks; the run's one thread must not.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DestError> + Send + 'static,
) -> Result<T, DestError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(DestError {
            kind: DestErrorKind::Unknown,
            message: "the thread that writes the duckdb file came to an unexpected end".into(),
            hint: None,
            source: Some(Box::new(error)),
        }),
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
            kind: DestErrorKind::Other,
            message: format!("fault {step:?}"),
            hint: None,
            source: None,
        })
    }
}
