//! The four tables kept beside the data: state, runs, rejects and leases.
//!
//! They live in the schema of the table they are about, so that copying or dropping the schema takes them along.

use crate::schema::{Column, LogicalType};

/// Table with where reading stands.
pub const STATE: &str = "_ingestr_state";
/// Table with a row for each run and table.
pub const RUNS: &str = "_ingestr_runs";
/// Table with the values that did not fit.
pub const REJECTS: &str = "_ingestr_rejects";
/// Table with who may write to which table; without rows while nobody does.
pub const LEASES: &str = "_ingestr_leases";

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
