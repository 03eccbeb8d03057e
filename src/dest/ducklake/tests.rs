//! Tests of lakes: the shared suite over each kind of catalog, tables made by others, and what can go wrong.
//!
//! `scripts/test-ducklake` says where DuckDB's extensions are, and runs them on the version of DuckDB that these are of.

use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::dest::conformance::Bench;
use crate::dest::{DestErrorKind, Destination};

/// A lake of one test, in a folder of its own.
struct Lake {
    folder: TempDir,
    /// What the catalog is in: the beginning of the URI, without parameters.
    catalog: String,
    /// Where the data is.
    data: String,
    /// Further parameters.
    more: String,
}

#[allow(clippy::disallowed_methods, reason = "where the extensions are, is told by the environment")]
fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is told by scripts/test-ducklake"))
}

impl Lake {
    fn with(catalog: impl Fn(&str) -> String) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().display().to_string();
        Self { catalog: catalog(&path), data: format!("{path}/data"), more: String::new(), folder }
    }

    /// With a DuckDB file as its catalog.
    fn new() -> Self {
        Self::with(|folder| format!("ducklake:///{folder}/shop.ducklake"))
    }

    /// With a SQLite file.
    fn of_sqlite() -> Self {
        Self::with(|folder| format!("ducklake:sqlite:///{folder}/shop.db"))
    }

    /// With a database of its own on a server.
    fn of_postgres() -> Self {
        let uri = told("POSTGRES_URI");
        let name = format!("lake_{:012x}", fastrand::u64(..1 << 48));
        let engine = Connection::open_in_memory().expect("an engine");
        let extension = format!("{}/postgres_scanner.duckdb_extension", told("DUCKLAKE_EXTENSIONS"));
        let create = format!(
            "LOAD '{extension}'; ATTACH '{uri}' AS server (TYPE postgres); \
             CALL postgres_execute('server', 'CREATE DATABASE {name}', use_transaction := false)"
        );
        engine.execute_batch(&create).expect("is made");
        let own = uri.strip_suffix("postgres").expect("is of the server").to_owned();
        Self::with(|_| format!("ducklake:{own}{name}"))
    }

    /// With the data in a bucket.
    fn in_bucket() -> Self {
        let more = "&access_key_id=test&secret_access_key=secret&region=us-east-1";
        Self {
            data: format!("{}/{:012x}", told("S3_BUCKET"), fastrand::u64(..1 << 48)),
            more: format!("{more}&endpoint_url={}", told("S3_ENDPOINT")),
            ..Self::new()
        }
    }

    fn data(&self) -> PathBuf {
        PathBuf::from(&self.data)
    }

    fn uri(&self) -> String {
        let Self { catalog, data, more, .. } = self;
        format!("{catalog}?data_path={data}&extensions={}{more}", told("DUCKLAKE_EXTENSIONS"))
    }

    fn lake(&self) -> DuckLake {
        DuckLake::from_uri(&self.uri()).expect("a URI")
    }

    /// As another program would do it.
    fn run(&self, sql: &str) -> Result<(), DestError> {
        let lake = self.lake();
        let run = |connection: &Connection| {
            connection.execute_batch(sql).map_err(|error| errors::failed(&lake.lake, "write", error))
        };
        attached(&lake.lake, For::Writing, &run)
    }

    fn strings(&self, sql: &str) -> Vec<String> {
        let lake = self.lake();
        let read = |connection: &Connection| lake.session(connection, "shop").strings(sql);
        attached(&lake.lake, For::Reading, &read).unwrap_or_else(|error| panic!("{sql}: {error:?}"))
    }
}

fn quoted(name: &str) -> String {
    TableName::new(CATALOG, "shop", name).sql(&LakeDialect)
}

impl Bench for Lake {
    fn destination(&self) -> Box<dyn Destination> {
        Box::new(self.lake())
    }

    fn rows(&self, table: &str, columns: &[&str]) -> Option<Vec<Vec<String>>> {
        if !self.tables().contains(&table.to_owned()) {
            return None;
        }
        let columns: Vec<_> = columns.iter().map(|c| LakeDialect.column(c)).collect();
        let values: Vec<_> = columns.iter().map(|c| format!("coalesce(({c})::VARCHAR, 'NULL')")).collect();
        let sql = format!("SELECT [{}] AS r FROM {} ORDER BY ALL", values.join(", "), quoted(table));
        let cells = self.strings(&format!("SELECT unnest(r) FROM ({sql})"));
        Some(cells.chunks(columns.len()).map(<[String]>::to_vec).collect())
    }

    fn execute(&self, sql: &str, table: &str) {
        match self.run(&sql.replace("{}", &quoted(table))) {
            // A table that is published keeps the columns it had.
            Err(error) if sql.contains("ADD COLUMN") && error.to_string().contains("already exists") => {}
            done => done.unwrap_or_else(|error| panic!("{sql}: {error:?}")),
        }
    }

    fn tables(&self) -> Vec<String> {
        if !self.lake().exists().expect("can be seen") {
            return Vec::new();
        }
        self.strings(&format!(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = '{CATALOG}' AND schema_name = 'shop' ORDER BY ALL"
        ))
    }

    /// Each commit is a snapshot of the catalog.
    fn is_slow(&self) -> bool {
        true
    }

    fn break_between(&self, _: &dyn Destination) -> Box<dyn Destination> {
        Box::new(DuckLake { fault: Some("SELECT 1 FROM no_such_table".into()), ..self.lake() })
    }
}

mod suite {
    use super::Lake;
    crate::dest::conformance::suite!(Lake::new(), ignore = "needs DuckLake");
}

/// With a SQLite file as its catalog.
mod sqlite {
    use super::Lake;
    crate::dest::conformance::suite!(Lake::of_sqlite(), ignore = "needs DuckLake");
}

/// With a PostgreSQL database as its catalog.
mod server {
    use super::Lake;
    crate::dest::conformance::suite!(Lake::of_postgres(), ignore = "needs DuckLake and PostgreSQL");
}

/// With the data in a bucket.
mod bucket {
    use super::Lake;
    crate::dest::conformance::suite!(Lake::in_bucket(), ignore = "needs DuckLake and S3");
}

mod others;
mod trouble;
