//! Which columns of a table tests compare: those that are documented.

use std::collections::BTreeMap;

use ingestr::api::model::LogicalType;
use ingestr::api::source::gorgias::TABLES;

use super::memory::{Cell, Row};

/// The documented columns of a table, and the one that its rows are followed by.
pub fn columns(source_table: &str) -> Vec<(&'static str, LogicalType)> {
    let spec = TABLES.iter().find(|spec| spec.name == source_table).expect("a table");
    let mut columns: Vec<(&str, LogicalType)> =
        spec.columns.iter().map(|(name, logical, _)| (*name, *logical)).collect();
    let has = |key: &str| columns.iter().any(|(name, _)| *name == key);
    if let Some(key) = spec.incremental_key.filter(|key| !has(key)) {
        columns.push((key, LogicalType::Timestamp));
    }
    columns
}

/// What leaves out the rows that are marked as gone, in SQL.
pub fn alive(source_table: &str) -> &'static str {
    let spec = TABLES.iter().find(|spec| spec.name == source_table).expect("a table");
    if spec.deletions() { " WHERE _ingestr_deleted_at IS NULL" } else { "" }
}

/// Rows by their id.
///
/// # Panics
/// If an id is there twice.
pub fn by_id(table: &str, rows: impl IntoIterator<Item = Row>) -> BTreeMap<i64, Row> {
    let mut found = BTreeMap::new();
    for row in rows {
        let Cell::Int(id) = row["id"] else { panic!("{table} has a row without an id") };
        assert!(found.insert(id, row).is_none(), "{table} has the id {id} twice");
    }
    found
}

/// Between the columns of [`in_one`]: a character that no value has.
const BETWEEN: char = '\u{1f}';

/// A statement for the values of several columns as one text a row, `NULL` for nothing.
pub fn in_one(schema: &str, table: &str, columns: &[&str]) -> String {
    let text = |column: &&str| format!("coalesce(CAST(\"{column}\" AS VARCHAR), 'NULL')");
    let cells: Vec<String> = columns.iter().map(text).collect();
    format!("SELECT {} FROM {schema}.\"{table}\"", cells.join(&format!(" || '{BETWEEN}' || ")))
}

/// The values of its rows.
pub fn apart(rows: &[String]) -> Vec<Vec<String>> {
    rows.iter().map(|row| row.split(BETWEEN).map(str::to_owned).collect()).collect()
}
