//! Tests of the DuckDB destination: the shared suite, tables made by others, and everything that can go wrong.

use std::path::PathBuf;

use duckdb::Connection;
use tempfile::TempDir;

use super::*;
use crate::dest::conformance::{self, Bench, batch, commit, items, load};
use crate::dest::{Counts, DestErrorKind};
use crate::dest::{Destination, Inspection, Target};
use crate::model::{Lease, Micros, Question, Strategy};

struct File {
    folder: TempDir,
}

impl File {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self) -> PathBuf {
        // Catalog and schema of one name: `shop.items` alone would be ambiguous.
        self.folder.path().join("shop.duckdb")
    }

    fn sql(&self, sql: &str) {
        Connection::open(self.path()).expect("opens").execute_batch(sql).expect("runs");
    }

    fn duck(&self) -> DuckDb {
        DuckDb::at(self.path())
    }
}

fn quoted(name: &str) -> String {
    format!("\"shop\".\"shop\".\"{}\"", name.replace('"', "\"\""))
}

impl Bench for File {
    fn destination(&self) -> Box<dyn Destination> {
        Box::new(self.duck())
    }

    fn rows(&self, table: &str, columns: &[&str]) -> Option<Vec<Vec<String>>> {
        if !self.tables().contains(&table.to_owned()) {
            return None;
        }
        let connection = Connection::open(self.path()).expect("opens");
        let values: Vec<_> = columns.iter().map(|c| format!("coalesce(({c})::VARCHAR, 'NULL')")).collect();
        let sql = format!("SELECT [{}] FROM {} ORDER BY ALL", values.join(", "), quoted(table));
        let sql = format!("SELECT unnest(r), len(r) FROM ({sql}) AS x(r)");
        let mut statement = connection.prepare(&sql).expect("prepares");
        let cells = statement.query_map([], |row| row.get::<_, String>(0)).expect("runs");
        let cells: Vec<String> = cells.map(|cell| cell.expect("is text")).collect();
        Some(cells.chunks(columns.len()).map(<[String]>::to_vec).collect())
    }

    fn execute(&self, sql: &str, table: &str) {
        self.sql(&sql.replace("{}", &quoted(table)));
    }

    fn tables(&self) -> Vec<String> {
        if !self.path().exists() {
            return Vec::new();
        }
        let connection = Connection::open(self.path()).expect("opens");
        let sql = "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'shop' ORDER BY ALL";
        let mut statement = connection.prepare(sql).expect("prepares");
        statement.query_map([], |row| row.get(0)).expect("runs").map(|name| name.expect("is text")).collect()
    }

    fn generates(&self) -> bool {
        true
    }

    fn break_between(&self, _: &dyn Destination) -> Box<dyn Destination> {
        Box::new(DuckDb { fault: Some("SELECT 1 FROM no_such_table".into()), ..self.duck() })
    }
}

mod suite {
    use super::File;
    crate::dest::conformance::suite!(File::new());
}

mod compressed;
mod described;
mod gone;
mod groups;
mod made_by_others;
mod trouble;
mod words;
