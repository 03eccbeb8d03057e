//! What a table of a source is, as data.

use crate::model::{Column, LogicalType};

/// How a table's changes are found without reading all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incremental {
    /// The list sorts by the incremental key: what changed is read, and nothing else.
    Updated,
    /// The list sorts by creation only: what was created lately is read again, as rows change after creation
    /// without any sign. The length is the default lookback in days.
    Lookback {
        /// Days before the watermark that are read again.
        days: u32,
    },
}

/// A table of a source, declared as data; docs and `ingestr tables` are made from it.
#[derive(Debug, Clone, Copy)]
pub struct TableSpec {
    /// Its name on the command line.
    pub name: &'static str,
    /// One sentence on what a row is.
    pub about: &'static str,
    /// Merge key.
    pub key: &'static str,
    /// Incremental key.
    pub incremental_key: &'static str,
    /// How its changes are found.
    pub incremental: Incremental,
    /// Whether its rows can be deleted, or merged into others, and that is noticed.
    pub deletions: bool,
    /// Whether a list is read again from time to time for what changes without a sign.
    pub rescans: bool,
    /// Documented columns, in the API's order, with a short description each.
    pub columns: &'static [(&'static str, LogicalType, &'static str)],
}

impl TableSpec {
    /// The documented columns.
    #[must_use]
    pub fn columns(&self) -> Vec<Column> {
        self.columns.iter().map(|(name, logical, _)| Column::new(*name, *logical)).collect()
    }
}
