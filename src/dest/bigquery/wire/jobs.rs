//! Query jobs: submitted under an id of the caller's, waited for, and their results read.

use super::{Api, ApiError, JobId};
use crate::schema::Micros;

/// A value of a named parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Bool(Option<bool>),
    Int64(Option<i64>),
    Float64(Option<f64>),
    Text(Option<String>),
    Timestamp(Option<Micros>),
    /// `ARRAY<INT64>`.
    Int64s(Vec<i64>),
    /// `ARRAY<STRING>`; it can hold no NULL.
    Texts(Vec<String>),
}

/// A named parameter: `@name` in the query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) value: Value,
}

/// Rows that a statement wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Affected {
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
}

/// A statement of a script, as its own job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Child {
    /// `SELECT`, `MERGE`, `INSERT`, `BEGIN_TRANSACTION`, …
    pub(crate) statement: String,
    pub(crate) affected: Affected,
}

/// What a query, or the last SELECT of a script, gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct QueryOutcome {
    /// Names of the columns.
    pub(crate) columns: Vec<String>,
    /// The rows: cells as text, `None` for NULL. Integers are decimal, booleans `true` and `false`, timestamps
    /// microseconds since 1970 (whatever form the server sent them in).
    pub(crate) rows: Vec<Vec<Option<String>>>,
    /// Rows written, of a single DML statement.
    pub(crate) affected: Affected,
    /// Bytes that are billed, if the server tells.
    pub(crate) bytes_billed: Option<u64>,
}

#[expect(clippy::unused_async, reason = "unfinished")]
impl Api {
    /// Runs a query or a script to its end and reads all rows. If a job of this id is there already, its outcome is
    /// what is returned and nothing is run: the same id must mean the same work. A job that failed for a reason that
    /// may pass is submitted again under the id of a next attempt; one that failed for good is an error, and so is a
    /// transaction conflict ([`ApiError::is_conflict`]): the caller knows what to do again, under another id.
    pub(crate) async fn query(
        &self,
        _job: &JobId,
        _sql: &str,
        _params: &[Param],
    ) -> Result<QueryOutcome, ApiError> {
        Err(ApiError::unfinished())
    }

    /// The statements of a script that has run, in their order.
    pub(crate) async fn children(&self, _job: &JobId) -> Result<Vec<Child>, ApiError> {
        Err(ApiError::unfinished())
    }

    /// Whether a job of this id (any attempt at it) has run to its end without an error; `None`: there is none.
    /// For a commit of which nobody heard: `Some(true)` means that it happened. Waits for one that still runs.
    pub(crate) async fn outcome(&self, _job: &JobId) -> Result<Option<bool>, ApiError> {
        Err(ApiError::unfinished())
    }
}
