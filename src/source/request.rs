//! What is asked of a source.

use std::time::Duration;

use super::table::Resource;
use crate::model::{Micros, State};

/// What to read: both ends inclusive, on the incremental key, to the microsecond.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// Oldest value wanted.
    pub start: Option<Micros>,
    /// Newest value wanted.
    pub end: Option<Micros>,
}

impl Window {
    /// Whether neither end is given: "what has changed", not "what lies between".
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.start.is_none() && self.end.is_none()
    }
}

/// How far a catch-up reads behind the watermark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overlap {
    /// Far enough for rows that became visible late or change without a sign. What is read twice is merged.
    #[default]
    Wide,
    /// Only what is newer, for a destination that adds whatever it is given.
    None,
}

/// What to look for beside the rows that a list shows as new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Late {
    /// Nothing.
    Nothing,
    /// Changes without a sign, such as messages imported into old tickets.
    Changes,
    /// These, and rows that are gone.
    #[default]
    ChangesAndDeletions,
}

/// What becomes of rows that were read on the way and lie outside of the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Outside {
    /// They are left out.
    #[default]
    Dropped,
    /// Those that the target holds are handed on, as they are news of its rows; others are left out.
    Updates,
}

/// One request to a source for a table's rows.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The table.
    pub table: &'static Resource,
    /// The part of it.
    pub window: Window,
    /// What becomes of rows outside of it.
    pub outside: Outside,
    /// Where the last run stood; `None` starts from zero.
    pub from: Option<State>,
    /// How far to read behind the watermark.
    pub overlap: Overlap,
    /// How long after its creation a row may still change without a sign, if not as the table declares.
    pub lookback: Option<Duration>,
    /// In which time to read the whole list again, a part a run; `None`: never.
    pub rescan: Option<Duration>,
    /// For how long a list that is read whole stands as it was read; zero: until the next run.
    pub refresh_small: Duration,
    /// Whether the rows of the window are replaced by what is read: then an unfinished pass over it is not gone on with, and
    /// what has left it while it was read is looked for.
    pub replaces: bool,
    /// What else to look for.
    pub late: Late,
    /// Whether rows may be marked as gone however many only their absence says it of.
    pub confirmed: bool,
    /// When the run began: nothing later moves a watermark.
    pub now: Micros,
}
