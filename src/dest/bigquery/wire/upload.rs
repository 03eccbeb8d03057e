//! A load job whose file is made and sent while rows arrive.
//!
//! JSON columns travel as text and must be `STRING` in the table that is loaded; the merge turns them into JSON with
//! `PARSE_JSON(column, wide_number_mode => 'round')`. Loading a `JSON` column directly is documented for CSV, Avro and
//! JSON lines only, not for Parquet, and a number that no INT64, UINT64 or FLOAT64 holds would fail the whole job; the
//! text passes, and SQL decides.

use arrow_array::RecordBatch;

use super::{Api, ApiError, JobId, TableRef};
use crate::schema::Column;

/// Format of the load file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Jsonl,
    Parquet,
    Csv,
}

/// What becomes of rows that are in the table already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disposition {
    /// They stay.
    Append,
    /// They go.
    Truncate,
    /// There may be none, or the job fails.
    Empty,
}

/// A load job.
#[derive(Debug, Clone)]
pub(crate) struct LoadSpec {
    /// The same id means the same rows.
    pub(crate) job: JobId,
    /// The table, which must exist.
    pub(crate) into: TableRef,
    /// Columns of the file: the table's, or some of them.
    pub(crate) columns: Vec<Column>,
    pub(crate) format: Format,
    pub(crate) disposition: Disposition,
    /// `gs://bucket[/prefix]`: by way of Cloud Storage.
    pub(crate) staging_bucket: Option<String>,
}

/// What was loaded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Loaded {
    /// Rows that were written to the file; BigQuery has confirmed the same number.
    pub(crate) rows: u64,
    /// Bytes that were sent, once.
    pub(crate) bytes: u64,
}

/// Rows on their way into a table. Dropping it loads nothing.
#[derive(Debug)]
pub(crate) struct Upload {
    #[expect(dead_code, reason = "unfinished")]
    spec: LoadSpec,
}

impl Api {
    /// Starts a load. Sends nothing until a chunk of some MiB is full or [`Upload::finish`] is called.
    ///
    /// # Errors
    /// When the staging bucket is not the name of one.
    pub(crate) fn load(&self, spec: LoadSpec) -> Result<Upload, ApiError> {
        Ok(Upload { spec })
    }
}

#[expect(clippy::unused_async, reason = "unfinished")]
impl Upload {
    /// Whether the batch can go into this file: each of its columns is in [`LoadSpec::columns`], with the same type
    /// or a narrower one. Columns it lacks become NULL.
    pub(crate) fn fits(&self, _batch: &RecordBatch) -> bool {
        false
    }

    /// Appends rows; sends a chunk if one is full.
    ///
    /// # Errors
    /// When the batch does not fit, or the upload has failed for good.
    pub(crate) async fn write(&mut self, _batch: &RecordBatch) -> Result<(), ApiError> {
        Err(ApiError::unfinished())
    }

    /// Sends the rest, and waits until the rows are in the table. Without any rows nothing is sent.
    ///
    /// # Errors
    /// When the rows are not in the table. If it is not known whether they are, [`ApiError::is_unknown`].
    pub(crate) async fn finish(self) -> Result<Loaded, ApiError> {
        Err(ApiError::unfinished())
    }
}
