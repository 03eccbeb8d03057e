//! What lies next to the data: who writes to a target now, and what is remembered of earlier runs.

use crate::schema::Micros;
use crate::state::State;

/// The right to write to a target: one run at a time. Stored in `_ingestr_leases` beside the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The run that holds it.
    pub run: String,
    /// The process that runs it, as [`crate::lease`] writes it; lets the same machine see that it is dead.
    pub process: String,
    /// Since when it is held.
    pub since: Micros,
    /// When it lapses unless it is renewed.
    pub until: Micros,
}

/// A state as `ingestr state show` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The source account.
    pub account: String,
    /// The source's table.
    pub source_table: String,
    /// Schema or dataset.
    pub schema: String,
    /// The destination's table.
    pub table: String,
    /// Whether the rows it is about are kept aside for an unfinished replacement.
    pub aside: bool,
    /// Version of the state's layout.
    pub version: i64,
    /// The state; `None` if a newer version wrote it.
    pub state: Option<State>,
    /// When it was written.
    pub updated_at: Option<Micros>,
    /// Who holds the target, expired or not.
    pub lease: Option<Lease>,
    /// The last runs of this target, newest first, at most five.
    pub runs: Vec<RunLine>,
}

impl Remembered {
    /// What [`super::Destination::remembered`] orders by.
    #[cfg_attr(
        not(any(feature = "duckdb", feature = "bigquery")),
        expect(dead_code, reason = "without a destination nobody has any")
    )]
    pub(crate) fn order(&self) -> (String, String, String, String, bool) {
        let Self { schema, table, account, source_table, .. } = self.clone();
        (schema, table, account, source_table, self.aside)
    }
}

/// A line of `_ingestr_runs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLine {
    /// The run's id.
    pub id: String,
    /// When it began.
    pub started_at: Option<Micros>,
    /// When it was last heard of.
    pub ended_at: Option<Micros>,
    /// `running`, `success`, `interrupted` or `failed`.
    pub outcome: String,
    /// Rows it read.
    pub rows_read: i64,
    /// Requests it sent.
    pub requests: i64,
    /// The error's headline, for a failed run.
    pub error: Option<String>,
}
