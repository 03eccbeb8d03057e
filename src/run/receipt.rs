//! What a run did, as its receipt tells it.

use super::Run;
use crate::dest::Counts;
use crate::error::{Failure, Kind};
use crate::model::{Contract, Strategy};
use crate::report::{Outcome, Receipt};
use crate::source::Late;

impl Run<'_, '_> {
    /// Committed rows that are not among the counted ones, since the run had read them before; `None`: those that are
    /// counted are an earlier run's, too. Where rows are counted when the set is complete, there are none before.
    fn read_again(&self, outcome: &Outcome) -> Option<u64> {
        if matches!(self.target.strategy, Strategy::Replace | Strategy::DeleteInsert) {
            let complete = matches!(outcome, Outcome::Success | Outcome::Limited);
            match (complete, self.from_zero) {
                (false, _) => return Some(0),
                (true, false) => return None,
                (true, true) => {}
            }
        }
        let left_out = match self.job.plan.shaping.contract {
            Contract::DiscardRow => self.normaliser.discarded(),
            _ => 0,
        };
        let Counts { inserted, updated, unchanged, .. } = self.done.counts;
        Some(self.done.committed.saturating_sub(inserted + updated + unchanged + left_out))
    }

    pub(super) fn receipt(&self, failure: Option<&Failure>) -> Receipt {
        let outcome = match (failure, &self.left_out) {
            (None, Some(why)) => Outcome::LeftOut(why.clone()),
            (None, None) if self.done.limited => Outcome::Limited,
            (None, None) => Outcome::Success,
            (Some(failure), _) if failure.kind == Kind::Interrupted => Outcome::Interrupted,
            (Some(_), _) => Outcome::Failed,
        };
        let stored = self.stored.as_ref();
        Receipt {
            read_again: self.read_again(&outcome),
            expected: self.eta.expected(self.done.pages).filter(|_| outcome == Outcome::Success),
            outcome,
            table: self.target.source_table.clone(),
            dest_table: format!("{}.{}", self.target.schema, self.target.table),
            destination: self.job.dest.describe(),
            strategy: self.target.strategy,
            read: self.done.read,
            pages: self.done.pages,
            counts: self.done.counts,
            deletions: self.job.plan.table.deletions() && self.job.plan.late() == Late::ChangesAndDeletions,
            rejected: self.done.rejected,
            discarded: self.normaliser.discarded(),
            extra_fields: self.normaliser.extra_fields(),
            requests: self.meter.requests(),
            retries: self.meter.retries(),
            waited: self.meter.waited(),
            elapsed: self.start.elapsed(),
            started_at: self.job.plan.started_at,
            covered_since: stored.and_then(|stored| stored.covered_since),
            changes: self.job.plan.table.changes,
            first: self.first,
            next_start: stored.filter(|stored| stored.complete).and_then(|stored| stored.watermark),
            unfinished: stored.is_some_and(|stored| !stored.complete),
            stopped_at: failure.and(self.done.reached),
            warnings: self.done.warnings.clone(),
            known_warnings: self.done.known.clone(),
        }
    }
}
