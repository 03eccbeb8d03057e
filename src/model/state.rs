//! What a destination remembers about a table between runs.
//!
//! A state belongs to one account, one source table and one destination table, lies next to the data and is written
//! in the same transaction. The part that says where reading stands is the source's own ([`SourceState`]).

use super::Micros;

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
