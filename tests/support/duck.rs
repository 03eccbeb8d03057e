//! Reads a table out of a DuckDB file, in the form that tests compare.

use std::collections::BTreeMap;
use std::path::Path;

use duckdb::types::{TimeUnit, Value};
use duckdb::{AccessMode, Config, Connection};
use ingestr::model::LogicalType;
use ingestr::source::gorgias::TABLES;

use super::memory::{Cell, Row};

/// What a file holds; nothing is written, not even a checkpoint.
pub struct Duck(Connection);

impl Duck {
    /// Opens a file that nobody writes to at the moment.
    pub fn open(file: &Path) -> Self {
        let config = Config::default().access_mode(AccessMode::ReadOnly).unwrap();
        Self(Connection::open_with_flags(file, config).expect("a whole database"))
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
        let spec = TABLES.iter().find(|spec| spec.name == source_table).unwrap();
        let mut columns: Vec<(&str, LogicalType)> =
            spec.columns.iter().map(|(name, logical, _)| (*name, *logical)).collect();
        let has = |key: &str| columns.iter().any(|(name, _)| *name == key);
        if let Some(key) = spec.incremental_key.filter(|key| !has(key)) {
            columns.push((key, LogicalType::Timestamp));
        }
        let names: Vec<String> = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
        let alive = if spec.deletions() { " WHERE _ingestr_deleted_at IS NULL" } else { "" };
        let question = format!("SELECT {} FROM main.{table}{alive}", names.join(", "));
        let mut found = BTreeMap::new();
        for values in self.ask(&question) {
            let row: Row = columns
                .iter()
                .zip(values)
                .map(|((name, logical), value)| ((*name).to_owned(), cell(*logical, value)))
                .collect();
            let Cell::Int(id) = row["id"] else { panic!("{table} has a row without an id") };
            assert!(found.insert(id, row).is_none(), "{table} has the id {id} twice");
        }
        found
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
