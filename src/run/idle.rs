//! Runs that have nothing to write, as their table is as it was: the runs of one command that find so store what they know
//! with one commit. They take no lease before it.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::Run;
use super::idle_runs::{IdleRun, Made};
use super::staged::Ending;
use crate::dest::{Basis, Commit, DestErrorKind, Idle};
use crate::error::Failure;
use crate::model::Strategy;
use crate::source::{Page, Step};

impl Run<'_, '_> {
    /// Whether a step says nothing that would have to be written. What is asked about rows is answered without a lease, too:
    /// if another run writes between the answer and the commit, that does not go through.
    pub(super) fn is_idle(&self, step: &Step) -> bool {
        let says_nothing = match step {
            Step::Page(Page { keep, gone, .. }) => !keep.contains(&true) && gone.is_empty(),
            Step::Ask(_) | Step::End(_) => true,
        };
        says_nothing && self.may_be_idle()
    }

    /// Whether the run may turn out to have nothing to write: its rows are updates of a table that is there as it should be.
    pub(super) fn may_be_idle(&self) -> bool {
        let plan = self.job.plan;
        matches!(self.target.strategy, Strategy::Merge | Strategy::Scd2)
            && plan.window.is_open()
            && plan.limit.is_none()
            && self.stored.as_ref().is_some_and(|stored| stored.complete)
            && self.children.iter().all(|child| child.stored == self.stored)
            && self.backfill.is_none()
            && self.is_described()
    }

    /// The last commit of a run that has read everything.
    pub(super) async fn finish(&mut self) -> Result<(), Failure> {
        if self.leased.is_none() {
            if self.commit_with_others().await? {
                return Ok(());
            }
            self.hold().await?;
        }
        self.commit(Ending::Success).await
    }

    /// Stores, with others that have nothing to write either, what is known now. False: that did not work out, and this
    /// run is to make a commit of its own.
    async fn commit_with_others(&mut self) -> Result<bool, Failure> {
        let mut commit = self.commit_of(Ending::Success, Vec::new(), Vec::new());
        commit.run.ended_at = self.now();
        let basis = self.basis.after(self.target.strategy, &commit);
        let (made, answer) = oneshot::channel();
        let targets = std::iter::once(&self.target).chain(&self.child_targets).cloned().collect();
        let place = self.slot.place();
        let idle = Idle { targets, commit: commit.clone() };
        self.slot.idle_runs().waiting().push(IdleRun { place, idle, made });
        self.slot.known();
        match self.made(answer).await {
            Made::Stored => self.stored_idle(commit, basis),
            Made::Separately => return Ok(false),
            Made::Failed(failed) => return Err(failed.explain(&self.target)),
        }
        Ok(true)
    }

    /// Waits until nothing is open, and for what comes of the commit, which the first that sees it makes for all.
    async fn made(&self, mut answer: oneshot::Receiver<Made>) -> Made {
        let runs = self.slot.idle_runs();
        let mut open = runs.open.subscribe();
        let mut stop = self.job.stop.clone();
        tokio::select! {
            biased;
            // The sender lives as long as we do, so there is no error.
            _ = open.wait_for(|open| *open == 0) => {}
            _ = stop.wait_for(|stop| *stop) => {
                // What is known is worth storing; the others come to the same by themselves.
                let mut waiting = runs.waiting();
                let place = self.slot.place();
                if let Some(at) = waiting.iter().position(|entry| entry.place == place) {
                    drop(waiting.swap_remove(at));
                    return Made::Separately;
                }
            }
        }
        loop {
            if let Ok(made) = answer.try_recv() {
                return made;
            }
            let entries = runs.take();
            if entries.is_empty() {
                // Whoever was to make it has failed.
                return (&mut answer).await.unwrap_or(Made::Separately);
            }
            self.make(entries).await;
        }
    }

    /// Makes the commit of all of these, and tells them what came of it.
    async fn make(&self, entries: Vec<IdleRun>) {
        let (all, answers): (Vec<Idle>, Vec<_>) =
            entries.into_iter().map(|entry| (entry.idle, entry.made)).unzip();
        let now = self.now();
        let write = async || self.job.dest.commit_idle(&all, now).await;
        let made = match self.waits.patiently(write).await {
            Ok(()) => Made::Stored,
            Err(failed) if matches!(failed.error.kind, DestErrorKind::Unknown | DestErrorKind::Locked) => {
                Made::Failed(Arc::new(failed))
            }
            Err(failed) => {
                log::debug!("{}: not stored with others: {}", self.target.table, failed.error);
                Made::Separately
            }
        };
        for answer in answers {
            // One that does not listen any more has failed.
            let _ = answer.send(made.clone());
        }
    }

    /// Notes that it is stored.
    fn stored_idle(&mut self, commit: Commit, basis: Basis) {
        self.basis = basis;
        self.stored = Some(commit.state);
        self.done.commits += 1;
    }
}
