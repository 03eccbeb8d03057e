//! A lake: tables as Parquet files in a folder or a bucket, and a catalog that says which of them are of which table.
//!
//! DuckDB is the engine, as for a DuckDB file; the catalog is a DuckDB file, a SQLite file or a PostgreSQL database. A commit is
//! one transaction of the catalog. What is decided is [`super::sql`]'s, as for SQLite and PostgreSQL; what a lake spells
//! otherwise than DuckDB is in its dialect.
//!
//! | room | what |
//! | --- | --- |
//! | `uri`, `storage` | where catalog and data are, and what opens a bucket |
//! | `extensions`, `open`, `errors` | what DuckDB needs for it; attaching, a transaction, others who write; what failures mean |
//! | `rights` | what the user of a server may not do |
//! | `values` | what DuckDB does not read |
//! | `dialect`, `session` | how a lake differs from a DuckDB file; one schema of it |
//! | `layout`, `upkeep` | how files are laid out, and what becomes of small ones |

use std::path::Path;
use std::sync::Arc;

use duckdb::Connection;

use super::duckdb::open::room_for_queries;
use super::in_process::{Access, InProcess};
use super::local;
use super::sql::embedded::{Waiting, at_once, commit};
use super::sql::engine::Engine as _;
use super::sql::ledger::STATE;
use super::sql::{Dialect, TableName, create_schema};
use super::{Capabilities, Commit, Counts, DestError, FlushDefaults};
use dialect::{CATALOG, LakeDialect};
use open::{For, KIND, attached, changing};
use session::Session;
use uri::LakeUri;

mod dialect;
mod errors;
mod extensions;
mod layout;
mod open;
mod rights;
mod session;
mod storage;
#[cfg(test)]
mod tests;
mod upkeep;
mod uri;

pub(super) use uri::FORM;

/// A DuckLake as a destination.
#[derive(Debug, Clone)]
pub struct DuckLake {
    lake: Arc<LakeUri>,
    /// A statement that fails, between the rows of the next commit and its state: for tests.
    fault: Option<String>,
}

impl DuckLake {
    /// The lake of a `ducklake:` URI. Touches nothing.
    ///
    /// # Errors
    /// When the URI is not one.
    pub fn from_uri(uri: &str) -> Result<Self, DestError> {
        let form = format!(
            "{FORM}; other catalogs are ducklake:sqlite:///<file> and ducklake:postgres://<user>@<host>/<database>"
        );
        let lake = super::uri::read(&form, |env| LakeUri::parse(uri, env))?;
        Ok(Self { lake: Arc::new(lake), fault: None })
    }
}

impl InProcess for DuckLake {
    const KIND: &'static str = KIND;
    /// Every commit makes files.
    const CAPABILITIES: Capabilities =
        Capabilities { flush: FlushDefaults::LAKE, ..super::duckdb::DuckDb::CAPABILITIES };
    type Handle = Connection;
    type Session<'a> = Session<'a>;

    fn dialect(&self) -> &'static dyn Dialect {
        &LakeDialect
    }

    fn name(&self) -> String {
        format!("ducklake catalog {}", self.place())
    }

    fn place(&self) -> String {
        self.lake.catalog.place()
    }

    fn file(&self) -> Option<&Path> {
        self.lake.catalog.file()
    }

    fn exists(&self) -> Result<bool, DestError> {
        open::is_there(&self.lake)
    }

    fn exists_and_is_writable(&self) -> Result<bool, DestError> {
        if let Some(path) = self.lake.catalog.file() {
            local::exists_and_is_writable(KIND, path)?;
        }
        open::reach(&self.lake)?;
        self.exists()
    }

    /// Folders are made with the catalog.
    fn make_room(&self) -> Result<(), DestError> {
        Ok(())
    }

    fn open<T>(
        &self,
        access: Access,
        work: impl Fn(&Connection) -> Result<T, DestError>,
    ) -> Result<T, DestError> {
        match access {
            Access::Look => attached(&self.lake, For::Looking, &work),
            Access::Read => attached(&self.lake, For::Reading, &work),
            Access::Change => changing(&self.lake, &work, &mut false),
        }
    }

    fn session<'a>(&'a self, handle: &'a Connection, schema: &'a str) -> Session<'a> {
        Session { connection: handle, lake: &self.lake, schema }
    }

    fn schemas(&self, handle: &Connection) -> Result<Vec<String>, DestError> {
        self.session(handle, "").strings(&format!(
            "SELECT schema_name FROM duckdb_tables() WHERE database_name = '{CATALOG}' AND lower(table_name) = '{STATE}'"
        ))
    }

    fn create_schema(&self, schema: &str) -> Option<String> {
        Some(create_schema(&LakeDialect, &TableName::new(CATALOG, schema, "")))
    }

    fn schema_in_sql(&self, quoted: &str) -> String {
        format!("{}.{quoted}", LakeDialect.quote(CATALOG))
    }

    /// Its engine is not used for anything else afterwards.
    fn prepare(&self, handle: &Connection) -> Result<(), DestError> {
        handle.execute_batch(&room_for_queries()).map_err(|error| errors::failed(&self.lake, "read", error))
    }

    fn commit(
        &self,
        rows: &mut Waiting,
        made: &Commit,
        committing: &mut bool,
    ) -> Result<Vec<Counts>, DestError> {
        let schema = rows.target().schema.clone();
        let work = |connection: &Connection| {
            let session = self.session(connection, &schema);
            at_once(async {
                if let Some(make) = self.create_schema(&schema).filter(|_| made.lease.is_none()) {
                    session.execute(&make).await?;
                }
                // A copy: where others are in the way, all of it is done again.
                commit(&session, rows.clone(), made, self.fault.clone()).await
            })
        };
        let counts = changing(&self.lake, &work, committing)?;
        let wrote = counts.iter().any(|of| of.inserted + of.updated + of.deleted > 0);
        if made.release && wrote {
            upkeep::end(&self.lake, &schema, rows.targets.iter().map(|of| of.target.table.as_str()));
        }
        Ok(counts)
    }
}
