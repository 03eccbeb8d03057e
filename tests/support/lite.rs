//! Reads a table out of a SQLite file, in the form that tests compare.

use std::collections::BTreeMap;
use std::path::Path;

use ingestr::api::model::LogicalType;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::documented;
use super::memory::{Cell, Row};

/// The documented columns of the rows of a table that are not marked as gone, by id.
///
/// # Panics
/// If an id is there twice.
pub fn rows(file: &Path, table: &str) -> BTreeMap<i64, Row> {
    let connection =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("a database");
    let columns = documented::columns(table);
    let names: Vec<String> = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let alive = documented::alive(table);
    let question = format!("SELECT {} FROM \"{table}\"{alive}", names.join(", "));
    let mut statement = connection.prepare(&question).unwrap();
    let mut rows = statement.query([]).unwrap();
    let mut found: Vec<Row> = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        let cells = columns.iter().enumerate();
        let cells =
            cells.map(|(i, (name, logical))| ((*name).to_owned(), cell(*logical, row.get_ref(i).unwrap())));
        found.push(cells.collect());
    }
    documented::by_id(table, found)
}

fn cell(logical: LogicalType, value: ValueRef<'_>) -> Cell {
    match (logical, value) {
        (_, ValueRef::Null) => Cell::Null,
        (LogicalType::Bool, ValueRef::Integer(value)) => Cell::Bool(value != 0),
        (LogicalType::Int64, ValueRef::Integer(value)) => Cell::Int(value),
        (LogicalType::Float64, ValueRef::Real(value)) => Cell::Float(value.to_bits()),
        (LogicalType::Text, ValueRef::Text(value)) => Cell::Text(String::from_utf8(value.to_vec()).unwrap()),
        (LogicalType::Json, ValueRef::Text(value)) => Cell::Json(String::from_utf8(value.to_vec()).unwrap()),
        (LogicalType::Timestamp, ValueRef::Text(value)) => {
            let at: jiff::Timestamp = std::str::from_utf8(value).unwrap().parse().expect("a time");
            Cell::Instant(at.as_microsecond())
        }
        (logical, value) => panic!("a column of type {logical:?} holds {value:?}"),
    }
}
