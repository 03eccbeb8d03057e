//! What a destination remembers about a table between runs.
//!
//! A state belongs to one account, one source table and one destination table, lies next to the data and is written
//! in the same transaction. The part that says where reading stands is the source's own ([`SourceState`]).

use crate::schema::Micros;

/// Version of the layout of `_ingestr_state`; a newer one found in a destination is refused.
pub const STATE_VERSION: i64 = 1;

/// The source's progress, as it wrote it: JSON text that nobody else looks into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceState(pub String);

/// One row of `_ingestr_state`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Everything that changed up to here has been read. `None` until a first load is complete.
    pub watermark: Option<Micros>,
    /// Rows changed before this were never asked for. `None`: the table is covered from its beginning.
    pub covered_since: Option<Micros>,
    /// Whether the pass that wrote this had read all it set out to read.
    pub complete: bool,
    /// Where reading stands.
    pub source: SourceState,
}

/// One row of `_ingestr_runs`, rewritten at each commit of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// Unique per run, e.g. `20261122T094025.123456Z-4f2a90c1`.
    pub id: String,
    /// When the run began.
    pub started_at: Micros,
    /// When this commit was made; the end of the run for the last one.
    pub ended_at: Micros,
    /// `running`, `success`, `interrupted` or `failed`.
    pub outcome: &'static str,
    /// What was read and done so far.
    pub rows_read: u64,
    /// Requests sent, retries included.
    pub requests: u64,
    /// Of these, the repeated ones.
    pub retries: u64,
    /// The error's headline, for a failed run.
    pub error: Option<String>,
}
