//! What the runs of one command share that have nothing to write: who they are, and who waits for the commit of all.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{oneshot, watch};

use super::waits::WaitFailed;
use crate::dest::Idle;

/// The runs of a command that may turn out to have nothing to write.
#[derive(Debug)]
pub(super) struct IdleRuns {
    waiting: Mutex<Vec<IdleRun>>,
    /// How many it is not known of yet.
    pub(super) open: watch::Sender<usize>,
}

/// A run that waits for the commit.
#[derive(Debug)]
pub(super) struct IdleRun {
    pub(super) place: usize,
    pub(super) idle: Idle,
    /// Is told what came of it.
    pub(super) made: oneshot::Sender<Made>,
}

/// What came of the commit of several.
#[derive(Debug, Clone)]
pub(super) enum Made {
    /// It is stored.
    Stored,
    /// It could not be made for all of them: each makes a commit of its own.
    Separately,
    /// Nor could each by itself: they have waited in vain already, or nobody knows what became of it.
    Failed(Arc<WaitFailed>),
}

impl IdleRuns {
    pub(super) fn new(runs: usize) -> Self {
        Self { waiting: Mutex::default(), open: watch::Sender::new(runs) }
    }

    /// Those that wait.
    pub(super) fn waiting(&self) -> MutexGuard<'_, Vec<IdleRun>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One is known of.
    pub(super) fn known(&self) {
        self.open.send_modify(|open| *open -= 1);
    }

    /// Those that wait, and lie in one schema.
    pub(super) fn take(&self) -> Vec<IdleRun> {
        let mut waiting = self.waiting();
        let schema = |entry: &IdleRun| entry.idle.targets.first().map(|target| target.schema.clone());
        let Some(first) = waiting.first().map(schema) else { return Vec::new() };
        waiting.extract_if(.., |entry| schema(entry) == first).collect()
    }
}
