//! What was read and is not committed yet.

use std::collections::BTreeMap;

use tokio::time::Instant;

use crate::error::Failure;
use crate::model::{Reject, Tombstone};

/// What the next commit will hold.
pub(super) struct Staged {
    pub(super) rows: u64,
    pub(super) bytes: u64,
    /// Pages whose progress is not stored yet.
    pub(super) pages: u64,
    pub(super) rejects: Vec<Reject>,
    /// Rows that are gone, by key; a row that is read after that is not.
    pub(super) gone: BTreeMap<i64, Tombstone>,
    pub(super) since: Instant,
}

impl Staged {
    pub(super) fn nothing(since: Instant) -> Self {
        Self { rows: 0, bytes: 0, pages: 0, rejects: Vec::new(), gone: BTreeMap::new(), since }
    }
}

/// How a commit relates to its run.
#[derive(Clone, Copy)]
pub(super) enum Ending<'f> {
    /// The run goes on.
    None,
    /// All is done.
    Success,
    /// The run stops here.
    Failure(&'f Failure),
}

/// Waits until then; `None`: for ever.
pub(super) async fn until(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}
