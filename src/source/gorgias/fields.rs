//! Fields of rows that reading itself looks at: ids, counts and times.

use crate::model::Micros;
use crate::normalise::decode::{self, Decoded};
use crate::normalise::rows::{Row, Rows};

/// An integer field of a row.
pub(crate) fn integer(row: Row<'_>, field: &str) -> Option<i64> {
    match decode::int64(row.get(field)?) {
        Decoded::Value(value) => Some(value),
        _ => None,
    }
}

/// A datetime field of a row.
pub(crate) fn datetime(row: Row<'_>, field: &str) -> Option<Micros> {
    match decode::timestamp(row.get(field)?) {
        Decoded::Value(value) | Decoded::Lossy(value, _) => Some(value),
        _ => None,
    }
}

/// The newest of a row's `*_datetime` fields.
pub(crate) fn newest_datetime(row: Row<'_>) -> Option<Micros> {
    row.fields()
        .filter(|(name, _)| name.ends_with("_datetime"))
        .filter_map(|(_, raw)| match decode::timestamp(raw) {
            Decoded::Value(value) | Decoded::Lossy(value, _) => Some(value),
            _ => None,
        })
        .max()
}

/// Id of the last row that has one.
pub(crate) fn last_id(rows: &Rows) -> Option<i64> {
    (0..rows.len()).rev().find_map(|n| integer(rows.row(n), "id"))
}
