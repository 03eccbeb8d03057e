//! The embedded destination: one DuckDB file.
//!
//! The file is open only while it is looked at and while a commit runs; every commit is one transaction.

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use duckdb::Connection;

use super::in_process::{Access, InProcess};
use super::local::{self, path_of};
use super::sql::batches::Incoming;
use super::sql::embedded::Waiting;
use super::sql::ledger::STATE;
use super::sql::{Dialect, TableName, create_schema, trace};
use super::{Capabilities, Commit, Counts, DestError};
use engine::Session;

pub(super) mod alter;
pub(super) mod append;
mod apply;
mod compression;
pub(super) mod dialect;
pub(super) mod engine;
pub(super) mod leftovers;
pub(super) mod mark;
mod merge;
pub(super) mod open;
mod position;
mod publish;
pub(super) mod shape;
#[cfg(test)]
mod tests;

/// The version of DuckDB that this is built with. A test asks the library.
pub const LIBRARY_VERSION: &str = "1.5.6";

/// A DuckDB file as a destination.
#[derive(Debug, Clone)]
pub struct DuckDb {
    path: PathBuf,
    /// A statement that fails, between the rows of the next commit and its state: for tests.
    fault: Option<String>,
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
        Self { path: path.into(), fault: None }
    }
}

impl InProcess for DuckDb {
    const KIND: &'static str = open::KIND;
    /// `temp` and `system` are databases of its own, which a name with a dot means first.
    const CAPABILITIES: Capabilities = Capabilities {
        system_schemas: &["information_schema", "pg_catalog", "temp", "system"],
        ..Capabilities::DATABASE
    };
    type Handle = Connection;
    type Session<'a> = Session<'a>;

    fn dialect(&self) -> &'static dyn Dialect {
        &dialect::DuckDialect
    }

    fn name(&self) -> String {
        format!("{} file {}", open::KIND, self.place())
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn file(&self) -> Option<&Path> {
        Some(&self.path)
    }

    fn exists(&self) -> Result<bool, DestError> {
        local::exists(open::KIND, &self.path)
    }

    fn exists_and_is_writable(&self) -> Result<bool, DestError> {
        local::exists_and_is_writable(open::KIND, &self.path)
    }

    fn make_room(&self) -> Result<(), DestError> {
        local::create_parents(open::KIND, &self.path)
    }

    fn open<T>(
        &self,
        access: Access,
        work: impl Fn(&Connection) -> Result<T, DestError>,
    ) -> Result<T, DestError> {
        match access {
            Access::Look => open::with_file(&self.path, open::RowGroupPolicy::Bulk, work),
            Access::Read => open::reading(&self.path, work),
            // With small groups of rows merged: a commit of many rows, of which few were new, has left its small groups as
            // they were, and each of them takes a block of 256 KiB. The run's next lease tidies them up, or that of the
            // next run.
            Access::Change => open::with_file(&self.path, open::RowGroupPolicy::Small, |connection| {
                self.transact(connection, || work(connection), &mut false)
            }),
        }
    }

    fn session<'a>(&'a self, handle: &'a Connection, schema: &'a str) -> Session<'a> {
        Session::new(handle, &self.path, schema)
    }

    fn schemas(&self, handle: &Connection) -> Result<Vec<String>, DestError> {
        let sql = "SELECT schema_name FROM duckdb_tables() WHERE database_name = ? AND lower(table_name) = ?";
        Session::strings(handle, sql, &[dialect::CATALOG, STATE])
            .map_err(|error| open::failed(&self.path, "read", error))
    }

    /// In a file `gorgias.duckdb` with a schema `gorgias`, `gorgias.tickets` is ambiguous.
    fn remark_on(&self, schema: &str) -> Option<String> {
        let name = self.path.file_stem()?.to_string_lossy();
        name.eq_ignore_ascii_case(schema).then(|| {
            format!(
                "schema {schema} has the name of the file, so whoever opens it has to write {name}.{schema}.<table>: name \
                 another schema in --dest-table, or another file"
            )
        })
    }

    fn create_schema(&self, schema: &str) -> Option<String> {
        Some(create_schema(&dialect::DuckDialect, &TableName::new(dialect::CATALOG, schema, "")))
    }

    fn schema_in_sql(&self, quoted: &str) -> String {
        format!("{}.{quoted}", dialect::DuckDialect.quote(dialect::CATALOG))
    }

    fn prepare(&self, handle: &Connection) -> Result<(), DestError> {
        open::for_queries(&self.path, handle)
    }

    fn commit(
        &self,
        rows: &mut Waiting,
        commit: &Commit,
        committing: &mut bool,
    ) -> Result<Vec<Counts>, DestError> {
        let of_target = |of: &Incoming| of.batches.iter().map(RecordBatch::num_rows).sum::<usize>();
        let count = rows.targets.iter().map(of_target).max().unwrap_or_default() + rows.tombstones.len();
        let schema = rows.target().schema.clone();
        open::with_file(&self.path, open::RowGroupPolicy::of(count), |connection| {
            let rows = std::mem::take(rows);
            let session = Session::new(connection, &self.path, &schema);
            let wrap = |error| open::failed(&self.path, "write", error);
            let apply = || apply::apply(&session, rows, commit, &wrap, self.fault.clone());
            self.transact(connection, apply, committing)
        })
    }
}

impl DuckDb {
    /// Runs `work` in a transaction. `committing` is set while it is not known whether it went through.
    fn transact<T>(
        &self,
        connection: &Connection,
        work: impl FnOnce() -> Result<T, DestError>,
        committing: &mut bool,
    ) -> Result<T, DestError> {
        let run = |sql: &str| {
            let done = trace::timed(sql, || connection.execute_batch(sql));
            done.map_err(|error| open::failed(&self.path, "write", error))
        };
        run("BEGIN TRANSACTION")?;
        match work() {
            Ok(done) => {
                *committing = true;
                run("COMMIT")?;
                *committing = false;
                Ok(done)
            }
            Err(error) => {
                // If this fails too, closing the connection does the same; the first error is the one to tell.
                let _ = run("ROLLBACK");
                Err(error)
            }
        }
    }
}
