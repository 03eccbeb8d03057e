//! Datasets and tables: what is there, and making and removing them.

use super::{Api, ApiError, DatasetRef, TableRef};
use crate::schema::Micros;

/// A dataset that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dataset {
    /// Where it is, as BigQuery spells it: `US`, `EU`, `europe-west3`.
    pub(crate) location: String,
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
pub(crate) enum Kind {
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
    pub(crate) kind: Kind,
    pub(crate) fields: Vec<Field>,
    pub(crate) clustering: Vec<String>,
    pub(crate) partitioning: Option<Partitioning>,
    /// Whether queries must say which partitions they read.
    pub(crate) require_partition_filter: bool,
    /// Whether rows are in the streaming buffer: they can be neither changed nor deleted yet.
    pub(crate) streaming_buffer: bool,
    /// Rows, those in the streaming buffer apart; `None` for a view.
    pub(crate) rows: Option<u64>,
    /// When it was made. Together with the name it tells a table from one that was made anew.
    pub(crate) created: Option<Micros>,
    /// When it will be deleted by itself.
    pub(crate) expires: Option<Micros>,
    pub(crate) labels: Vec<(String, String)>,
}

/// A table to be made.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct TableSpec {
    pub(crate) fields: Vec<Field>,
    pub(crate) clustering: Vec<String>,
    pub(crate) partitioning: Option<Partitioning>,
    /// When it shall be deleted by itself, to the millisecond.
    pub(crate) expires: Option<Micros>,
    pub(crate) labels: Vec<(String, String)>,
}

#[expect(clippy::unused_async, reason = "unfinished")]
impl Api {
    /// The dataset; `None` if there is none.
    pub(crate) async fn dataset(&self, _dataset: &DatasetRef) -> Result<Option<Dataset>, ApiError> {
        Err(ApiError::unfinished())
    }

    /// Makes a dataset, in BigQuery's default location (US) without one. One that exists already is fine, wherever
    /// it is.
    pub(crate) async fn create_dataset(
        &self,
        _dataset: &DatasetRef,
        _location: Option<&str>,
    ) -> Result<(), ApiError> {
        Err(ApiError::unfinished())
    }

    /// The table; `None` if there is none, or no such dataset.
    pub(crate) async fn table(&self, _table: &TableRef) -> Result<Option<TableInfo>, ApiError> {
        Err(ApiError::unfinished())
    }

    /// Makes a table. `false`: one of that name was there already, whatever it looks like.
    pub(crate) async fn create_table(&self, _table: &TableRef, _spec: &TableSpec) -> Result<bool, ApiError> {
        Err(ApiError::unfinished())
    }

    /// Sets when the table is deleted by itself.
    pub(crate) async fn expire_table(&self, _table: &TableRef, _expires: Micros) -> Result<(), ApiError> {
        Err(ApiError::unfinished())
    }

    /// Deletes a table. `false`: there was none.
    pub(crate) async fn delete_table(&self, _table: &TableRef) -> Result<bool, ApiError> {
        Err(ApiError::unfinished())
    }

    /// Names of all tables and views of a dataset, in order; none if there is no such dataset.
    pub(crate) async fn tables(&self, _dataset: &DatasetRef) -> Result<Vec<String>, ApiError> {
        Err(ApiError::unfinished())
    }

    /// Names of all datasets of the project, in order.
    pub(crate) async fn datasets(&self) -> Result<Vec<String>, ApiError> {
        Err(ApiError::unfinished())
    }
}
