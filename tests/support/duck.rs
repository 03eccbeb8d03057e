//! Reads a table out of a DuckDB file or a DuckLake, in the form that tests compare.

use std::collections::BTreeMap;
use std::path::Path;

use duckdb::types::{TimeUnit, Value};
use duckdb::{AccessMode, Config, Connection};
use ingestr::api::model::LogicalType;

use super::documented;
use super::memory::{Cell, Row};

/// What a file holds; nothing is written, not even a checkpoint. Or a lake, which may be written.
pub struct Duck(Connection);

impl Duck {
    /// Opens a file that nobody writes to at the moment.
    pub fn open(file: &Path) -> Self {
        let config = Config::default().access_mode(AccessMode::ReadOnly).unwrap();
        Self(Connection::open_with_flags(file, config).expect("a whole database"))
    }

    /// One that holds nothing yet, and is kept nowhere.
    #[cfg(feature = "files")]
    pub fn empty() -> Self {
        Self(Connection::open_in_memory().unwrap())
    }

    /// Opens a lake whose catalog is such a file; the extension of DuckLake is in that folder.
    pub fn lake(catalog: &Path, extensions: &str) -> Self {
        let lake = Connection::open_in_memory().unwrap();
        let catalog = catalog.display();
        let attach = format!(
            "LOAD '{extensions}/ducklake.duckdb_extension'; ATTACH 'ducklake:{catalog}' AS lake; USE lake"
        );
        lake.execute_batch(&attach).expect("a whole lake");
        Self(lake)
    }

    /// Does something to it.
    pub fn run(&self, sql: &str) {
        self.0.execute_batch(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// All rows of a question, as DuckDB gives them.
    pub fn ask(&self, question: &str) -> Vec<Vec<Value>> {
        let mut statement = self.0.prepare(question).unwrap();
        let mut rows = statement.query([]).unwrap();
        let mut found = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            let count = row.as_ref().column_count();
            found.push((0..count).map(|column| row.get(column).unwrap()).collect());
        }
        found
    }

    /// The texts of a question with one column.
    pub fn texts(&self, question: &str) -> Vec<String> {
        let text = |row: Vec<Value>| match row.into_iter().next() {
            Some(Value::Text(text)) => text,
            other => panic!("{question}: {other:?}"),
        };
        self.ask(question).into_iter().map(text).collect()
    }

    /// The one number that a question has for an answer.
    pub fn number(&self, question: &str) -> i64 {
        match self.ask(question).concat().as_slice() {
            [Value::BigInt(number)] => *number,
            other => panic!("{question}: {other:?}"),
        }
    }

    /// Whether there is such a table in `main`.
    pub fn has(&self, table: &str) -> bool {
        self.number(&format!(
            "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'main' AND table_name = '{table}'"
        )) > 0
    }

    /// The documented columns of the rows of `main.<table>` that are not marked as gone, by id.
    ///
    /// # Panics
    /// If an id is there twice.
    pub fn rows(&self, source_table: &str, table: &str) -> BTreeMap<i64, Row> {
        let columns = documented::columns(source_table);
        let names: Vec<String> = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let alive = documented::alive(source_table);
        let question = format!("SELECT {} FROM main.{table}{alive}", names.join(", "));
        let row = |values: Vec<Value>| {
            let cells = columns.iter().zip(values);
            cells.map(|((name, logical), value)| ((*name).to_owned(), cell(*logical, value))).collect()
        };
        documented::by_id(table, self.ask(&question).into_iter().map(row))
    }
}

fn cell(logical: LogicalType, value: Value) -> Cell {
    match (logical, value) {
        (_, Value::Null) => Cell::Null,
        (LogicalType::Bool, Value::Boolean(value)) => Cell::Bool(value),
        (LogicalType::Int64, Value::BigInt(value)) => Cell::Int(value),
        (LogicalType::Float64, Value::Double(value)) => Cell::Float(value.to_bits()),
        (LogicalType::Text, Value::Text(value)) => Cell::Text(value),
        (LogicalType::Json, Value::Text(value)) => Cell::Json(value),
        (LogicalType::Timestamp, Value::Timestamp(TimeUnit::Microsecond, value)) => Cell::Instant(value),
        (logical, value) => panic!("a column of type {logical:?} holds {value:?}"),
    }
}
