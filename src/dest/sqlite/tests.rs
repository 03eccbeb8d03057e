//! Tests of the SQLite destination: the shared suite, tables made by others, and what can go wrong.

use rusqlite::Connection;
use rusqlite::types::ValueRef;
use tempfile::TempDir;

use super::dialect::in_file;
use super::*;
use crate::dest::conformance::{Bench, batch, batch_of, commit, counts, items, load};
use crate::dest::{DestErrorKind, Destination};
use crate::model::Strategy;
use crate::model::{Column, LogicalType};

struct File {
    folder: TempDir,
}

impl File {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("shop.db")
    }

    fn open(&self) -> Connection {
        Connection::open(self.path()).expect("opens")
    }

    fn sql(&self, sql: &str) {
        self.open().execute_batch(sql).expect("runs");
    }

    fn sqlite(&self) -> Sqlite {
        Sqlite::at(self.path())
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", in_file("shop", name).replace('"', "\"\""))
}

/// A line of the suite's SQL, which is DuckDB's, in SQLite's.
fn translated(sql: &str) -> String {
    let mut out = sql.to_owned();
    for (ours, theirs) in [
        ("TIMESTAMPTZ '2024-01-01 00:00:00+00'", "'2024-01-01T00:00:00.000000Z'"),
        ("TIMESTAMPTZ", "DATETIME TEXT"),
        ("VARCHAR", "TEXT"),
        ("BIGINT", "INTEGER"),
    ] {
        out = out.replace(ours, theirs);
    }
    out
}

/// A column as the suite asks for it: an expression, and what becomes of its value.
fn asked(column: &str) -> (String, fn(String) -> String) {
    let inner = |call: &str| column.strip_prefix(call).and_then(|rest| rest.strip_suffix(')'));
    let micros = |text: String| match text.parse::<jiff::Timestamp>() {
        Ok(at) => at.as_microsecond().to_string(),
        Err(_) => text,
    };
    if let Some(inner) = inner("epoch_us(") {
        return (inner.to_owned(), micros);
    }
    if let Some(inner) = inner("year(") {
        return (format!("CAST(strftime('%Y', {inner}) AS INTEGER)"), |text| text);
    }
    let yes = |text: String| match text.as_str() {
        "1" => "true".into(),
        "0" => "false".into(),
        _ => text,
    };
    if column.ends_with("IS NULL") || ["_scd_is_current", "\"brand new\""].contains(&column) {
        return (column.to_owned(), yes);
    }
    (column.to_owned(), |text| text)
}

fn text(value: ValueRef<'_>) -> String {
    match value {
        ValueRef::Null => "NULL".into(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => format!("{number:?}"),
        ValueRef::Text(text) => String::from_utf8(text.to_vec()).expect("is text"),
        ValueRef::Blob(_) => panic!("a blob"),
    }
}

impl Bench for File {
    fn destination(&self) -> Box<dyn Destination> {
        Box::new(self.sqlite())
    }

    fn rows(&self, table: &str, columns: &[&str]) -> Option<Vec<Vec<String>>> {
        if !self.tables().contains(&table.to_owned()) {
            return None;
        }
        let columns: Vec<_> = columns.iter().map(|column| asked(column)).collect();
        let wanted: Vec<&str> = columns.iter().map(|(sql, _)| sql.as_str()).collect();
        let connection = self.open();
        let sql = format!("SELECT {} FROM {}", wanted.join(", "), quoted(table));
        let mut statement = connection.prepare(&sql).expect("prepares");
        let rows = statement.query_map([], |row| {
            let cells = columns.iter().enumerate();
            cells.map(|(i, (_, then))| Ok(then(text(row.get_ref(i)?)))).collect()
        });
        let mut rows: Vec<Vec<String>> = rows.expect("runs").map(|row| row.expect("a row")).collect();
        rows.sort();
        Some(rows)
    }

    fn execute(&self, sql: &str, table: &str) {
        match self.open().execute_batch(&translated(sql).replace("{}", &quoted(table))) {
            // A table that is published keeps the columns it had.
            Err(error) if error.to_string().starts_with("duplicate column name") => {}
            done => done.expect("runs"),
        }
    }

    fn tables(&self) -> Vec<String> {
        if !self.path().exists() {
            return Vec::new();
        }
        let sql = "SELECT substr(name, 6) FROM sqlite_schema WHERE type = 'table' AND name LIKE 'shop.%' ORDER BY 1";
        let connection = self.open();
        let mut statement = connection.prepare(sql).expect("prepares");
        statement.query_map([], |row| row.get(0)).expect("runs").map(|name| name.expect("is text")).collect()
    }

    fn generates(&self) -> bool {
        true
    }

    fn break_between(&self, _: &dyn Destination) -> Box<dyn Destination> {
        Box::new(Sqlite { fault: Some("SELECT 1 FROM main.no_such_table".into()), ..self.sqlite() })
    }
}

mod suite {
    use super::File;
    crate::dest::conformance::suite!(File::new());
}

mod trouble;
