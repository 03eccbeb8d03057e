//! What a table is, as the API tells it.

use crate::dest::TableSize;
use crate::model::LogicalType;

/// The name of one of our types.
pub(crate) fn type_name(logical: LogicalType) -> &'static str {
    match logical {
        LogicalType::Bool => "BOOL",
        LogicalType::Int64 => "INT64",
        LogicalType::Float64 => "FLOAT64",
        LogicalType::Text => "STRING",
        LogicalType::Timestamp => "TIMESTAMP",
        LogicalType::Json => "JSON",
    }
}

/// How many values a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Nullable,
    Required,
    Repeated,
}

/// A field of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: String,
    /// Its type under its `GoogleSQL` name, upper case: `INT64`, `FLOAT64`, `BOOL`, `STRING`, `TIMESTAMP`, `JSON`,
    /// `STRUCT`, `NUMERIC`, … The API's old names (`INTEGER`, `FLOAT`, `BOOLEAN`, `RECORD`) are translated.
    pub(crate) kind: String,
    pub(crate) mode: Mode,
}

/// What a table is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TableKind {
    /// A table that can be written.
    Table,
    /// Anything else, as the API calls it: `VIEW`, `MATERIALIZED_VIEW`, `EXTERNAL`, `SNAPSHOT`, `CLONE`.
    Other(String),
}

/// How a table is partitioned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Partitioning {
    /// By time: `DAY`, `HOUR`, `MONTH` or `YEAR` of a column; without one, of the time of ingestion.
    Time { unit: String, column: Option<String> },
    /// By ranges of an integer column.
    Range { column: String },
}

/// A table that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TableInfo {
    pub(crate) kind: TableKind,
    pub(crate) fields: Vec<Field>,
    pub(crate) clustering: Vec<String>,
    pub(crate) partitioning: Option<Partitioning>,
    /// Whether queries must say which partitions they read.
    pub(crate) require_partition_filter: bool,
    /// Whether rows are in the streaming buffer: they can be neither changed nor deleted yet.
    pub(crate) streaming_buffer: bool,
    /// When it was made, in milliseconds.
    pub(crate) made: Option<String>,
    /// Its rows and their bytes, without those in the streaming buffer.
    pub(crate) held: Option<TableSize>,
}
