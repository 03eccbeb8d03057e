//! The four tables kept beside the data: state, runs, rejects and leases.
//!
//! They live in the schema of the table they are about, so that copying or dropping the schema takes them along.

use crate::dest::{DestError, DestErrorKind, Target};
use crate::model::lease;
use crate::model::{Column, Lease, LogicalType, Micros, STATE_VERSION};

/// Table with where reading stands.
pub const STATE: &str = "_ingestr_state";
/// Table with a row for each run and table.
pub const RUNS: &str = "_ingestr_runs";
/// Table with the values that did not fit.
pub const REJECTS: &str = "_ingestr_rejects";
/// Table with who may write to which table; without rows while nobody does.
pub const LEASES: &str = "_ingestr_leases";

/// How many runs of a table are told.
pub const RUNS_TOLD: usize = 5;

/// Columns of [`STATE`]. `rows_in` is empty for the rows of the table itself, else the name of the hidden table in
/// which an unfinished replacement collects its rows: two rows of state can stand side by side, so that a
/// replacement that is never finished does not cost the table its own state.
#[must_use]
pub fn state_columns() -> Vec<Column> {
    use LogicalType::{Bool, Int64, Text, Timestamp};
    vec![
        Column::new("account", Text),
        Column::new("source_table", Text),
        Column::new("dest_schema", Text),
        Column::new("dest_table", Text),
        Column::new("rows_in", Text),
        Column::new("version", Int64),
        Column::new("watermark", Timestamp),
        Column::new("covered_since", Timestamp),
        Column::new("complete", Bool),
        Column::new("source", Text),
        Column::new("run_id", Text),
        Column::new("updated_at", Timestamp),
    ]
}

/// Columns of [`RUNS`]: one row for each run and table, rewritten at each commit.
#[must_use]
pub fn run_columns() -> Vec<Column> {
    use LogicalType::{Int64, Text, Timestamp};
    vec![
        Column::new("run_id", Text),
        Column::new("account", Text),
        Column::new("source_table", Text),
        Column::new("dest_table", Text),
        Column::new("started_at", Timestamp),
        Column::new("ended_at", Timestamp),
        Column::new("outcome", Text),
        Column::new("rows_read", Int64),
        Column::new("requests", Int64),
        Column::new("retries", Int64),
        Column::new("error", Text),
    ]
}

/// Columns of [`REJECTS`]: one row for each value that was left out.
#[must_use]
pub fn reject_columns() -> Vec<Column> {
    use LogicalType::{Text, Timestamp};
    vec![
        Column::new("run_id", Text),
        Column::new("account", Text),
        Column::new("source_table", Text),
        Column::new("dest_table", Text),
        Column::new("row_id", Text),
        Column::new("column_name", Text),
        Column::new("value", Text),
        Column::new("reason", Text),
        Column::new("rejected_at", Timestamp),
    ]
}

/// Columns of [`LEASES`]: one row for each table that is being written, whatever account and source table its rows
/// come from; these two only tell people who it is.
#[must_use]
pub fn lease_columns() -> Vec<Column> {
    use LogicalType::{Text, Timestamp};
    vec![
        Column::new("account", Text),
        Column::new("source_table", Text),
        Column::new("dest_schema", Text),
        Column::new("dest_table", Text),
        Column::new("run_id", Text),
        Column::new("process", Text),
        Column::new("since", Timestamp),
        Column::new("until", Timestamp),
    ]
}

/// Whose rows a line of a book is about.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// The source account.
    pub account: &'a str,
    /// The source's table.
    pub source_table: &'a str,
    /// Schema or dataset.
    pub schema: &'a str,
    /// The destination's table.
    pub table: &'a str,
}

impl<'a> From<&'a Target> for Whose<'a> {
    fn from(target: &'a Target) -> Self {
        Self {
            account: &target.account,
            source_table: &target.source_table,
            schema: &target.schema,
            table: &target.table,
        }
    }
}

/// Another run holds the target.
#[must_use]
pub fn refused(target: &Target, held: &Lease) -> DestError {
    let process = lease::pid(held).map_or(String::new(), |pid| format!(", process {pid}"));
    // To the second: nobody looks for a process by its microsecond.
    let since = Micros(held.since.0 - held.since.0.rem_euclid(1_000_000));
    DestError {
        kind: DestErrorKind::Leased,
        message: format!(
            "table {}.{} is being loaded by another run (started {since}{process})",
            target.schema, target.table
        ),
        hint: Some("wait for it with --wait, or run again later".into()),
        source: None,
    }
}

/// A newer version wrote the state; `place` is where it lies.
#[must_use]
pub fn newer(whose: Whose<'_>, place: &str, version: i64) -> DestError {
    DestError {
        kind: DestErrorKind::NewerState,
        message: format!(
            "the state of {}.{} in {place} has version {version}; this program knows versions up to {STATE_VERSION}",
            whose.schema, whose.table
        ),
        hint: Some("use the newer ingestr that wrote it, or load into another table".into()),
        source: None,
    }
}

/// Names of tables that are ours are not for data.
///
/// # Errors
/// [`DestErrorKind::Shape`] if the target has one.
pub fn not_ours(target: &Target) -> Result<(), DestError> {
    if !target.table.to_ascii_lowercase().starts_with("_ingestr_") {
        return Ok(());
    }
    Err(DestError {
        kind: DestErrorKind::Shape,
        message: format!("{}.{}: names beginning with _ingestr_ are taken", target.schema, target.table),
        hint: Some("choose another --dest-table".into()),
        source: None,
    })
}
