//! Which columns of a table tests compare: those that are documented.

use std::collections::BTreeMap;

use ingestr::model::LogicalType;
use ingestr::source::gorgias::TABLES;

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
