//! What the runs of one command share: the memory for staged rows, and who goes first.

use std::collections::HashSet;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, watch};

use super::idle_runs::IdleRuns;

/// The runs of one command.
#[derive(Debug)]
pub(super) struct Shared {
    /// Bytes that each run has staged or is committing.
    staged: Mutex<Vec<u64>>,
    /// Asks a run to commit: the one that has staged most.
    commit_requests: Vec<Notify>,
    /// Runs of which it is not known yet whether they are short.
    undecided: watch::Sender<usize>,
    /// Those that have told of a wait for the file.
    telling: Arc<AtomicUsize>,
    /// Those that may have nothing to write.
    idle: IdleRuns,
    /// What was said of the destination as a whole.
    said: Mutex<HashSet<String>>,
}

/// One run among them.
#[derive(Debug)]
pub(super) struct Slot<'a> {
    shared: &'a Shared,
    place: usize,
    decided: bool,
    /// Whether it is known if it has something to write.
    known: bool,
}

impl Shared {
    pub(super) fn new(runs: usize) -> Self {
        Self {
            staged: Mutex::new(vec![0; runs]),
            commit_requests: (0..runs).map(|_| Notify::new()).collect(),
            undecided: watch::Sender::new(runs),
            telling: Arc::default(),
            idle: IdleRuns::new(runs),
            said: Mutex::default(),
        }
    }

    pub(super) fn slot(&self, place: usize) -> Slot<'_> {
        Slot { shared: self, place, decided: false, known: false }
    }

    fn staged(&self) -> MutexGuard<'_, Vec<u64>> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot<'_> {
    /// It is known now what this run has to do, or that it has to wait for something else than its turn.
    pub(super) fn decide(&mut self) {
        if !std::mem::replace(&mut self.decided, true) {
            self.shared.undecided.send_modify(|undecided| *undecided -= 1);
        }
    }

    /// It is known now whether this run has something to write.
    pub(super) fn known(&mut self) {
        if !std::mem::replace(&mut self.known, true) {
            self.shared.idle.known();
        }
    }

    /// Whether none of the runs has said this yet.
    pub(super) fn says_first(&self, remark: &str) -> bool {
        let mut said = self.shared.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.insert(remark.to_owned())
    }

    /// Which of the runs it is.
    pub(super) fn place(&self) -> usize {
        self.place
    }

    /// The runs that may have nothing to write.
    pub(super) fn idle_runs(&self) -> &IdleRuns {
        &self.shared.idle
    }

    /// How many have told of a wait for the file.
    pub(super) fn telling(&self) -> &Arc<AtomicUsize> {
        &self.shared.telling
    }

    /// Waits until every run is decided: those that are short have begun by then.
    pub(super) async fn after_the_short_ones(&mut self) {
        self.decide();
        let mut undecided = self.shared.undecided.subscribe();
        // The sender lives as long as we do, so there is no error.
        let _ = undecided.wait_for(|undecided| *undecided == 0).await;
    }

    /// Notes how much this run has staged.
    pub(super) fn stage(&self, bytes: u64) {
        self.shared.staged()[self.place] = bytes;
    }

    /// Whether all runs together have staged `limit` bytes and this one most of them. If it is another one, that one is
    /// asked to commit. One large commit is better than many small ones: databases store rows in groups.
    pub(super) fn is_full(&self, limit: u64) -> bool {
        let staged = self.shared.staged();
        if staged.iter().sum::<u64>() < limit {
            return false;
        }
        let most = (0..staged.len()).rev().max_by_key(|place| staged[*place]).unwrap_or(self.place);
        if most != self.place {
            self.shared.commit_requests[most].notify_one();
        }
        most == self.place
    }

    /// Waits until another run finds that this one should commit.
    pub(super) async fn asked_to_commit(&self) {
        self.shared.commit_requests[self.place].notified().await;
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.decide();
        self.known();
        self.stage(0);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn the_one_that_has_staged_most_commits() {
        let shared = Shared::new(3);
        let slots = [0, 1, 2].map(|place| shared.slot(place));
        slots[0].stage(10);
        slots[1].stage(15);
        slots[2].stage(6);
        assert!(!slots[2].is_full(32), "31 are less than 32");
        slots[2].stage(7);
        assert!(!slots[2].is_full(32));
        assert_eq!(slots[1].asked_to_commit().now_or_never(), Some(()), "asked by the other");
        assert!(slots[1].is_full(32));
        slots[1].stage(0);
        assert!(!slots[1].is_full(32), "it has been done meanwhile");
        assert_eq!(slots[0].asked_to_commit().now_or_never(), None);
    }

    #[test]
    fn what_a_run_had_staged_is_free_when_it_is_over() {
        let shared = Shared::new(2);
        let (one, other) = (shared.slot(0), shared.slot(1));
        one.stage(30);
        other.stage(10);
        drop(one);
        assert!(!other.is_full(32));
    }

    #[test]
    fn long_runs_begin_after_short_ones_and_wait_for_nobody_else() {
        let shared = Shared::new(4);
        let mut slots = [0, 1, 2, 3].map(|place| shared.slot(place));
        assert_eq!(slots[0].after_the_short_ones().now_or_never(), None);
        slots[1].decide();
        slots[1].decide();
        assert_eq!(slots[0].after_the_short_ones().now_or_never(), None);
        slots[2].decide();
        let [mut long, _short, _waits, failed] = slots;
        drop(failed);
        assert_eq!(long.after_the_short_ones().now_or_never(), Some(()));
    }
}
