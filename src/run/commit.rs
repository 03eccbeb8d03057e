//! From pages to commits: what was read is staged, and becomes visible together with the progress it stands for.

use tokio::time::Instant;

use super::child::Child;
use super::names::told;
use super::staged::{Ending, Staged};
use super::{Run, failure};
use crate::dest::{Basis, Commit, DestErrorKind, FlushDefaults, Keep, Names, Targets};
use crate::error::{Failure, Kind};
use crate::model::{Reject, RunRecord, State};
use crate::report::Event;
use crate::source::Page;

/// How many runs of a table are remembered: some years of nights.
const RUNS_KEPT: u64 = 1_000;

impl Run<'_, '_> {
    /// Stages one page.
    pub(super) async fn take(&mut self, mut page: Page) -> Result<(), Failure> {
        for warning in std::mem::take(&mut page.warnings) {
            self.warn(warning);
        }
        if let Some(limit) = self.job.plan.limit {
            self.cut(&mut page, limit);
        }
        self.take_children(&page).await?;
        let kept = page.keep.iter().filter(|keep| **keep).count() as u64;
        self.done.read += kept + page.same;
        // As if they had been written, and found to be what is stored.
        self.done.committed += page.same;
        self.done.counts.unchanged += page.same;
        self.done.pages += 1;
        self.done.reached = page.reached.or(self.done.reached);
        self.look_ahead(page.headway);
        let before = self.normaliser.pending_bytes();
        self.normaliser
            .push(&page.rows, &page.keep, page.derived.as_ref())
            .map_err(|frozen| failure::frozen(self.job.plan.table, &frozen))?;
        self.staged.rows += kept;
        self.staged.bytes += (self.normaliser.pending_bytes() - before) as u64;
        // With a page of rows that are stored, there is nothing that could get lost.
        self.staged.pages += u64::from(kept > 0 || page.same == 0);
        self.slot.stage(self.staged.bytes);
        self.staged.rejects.append(&mut self.normaliser.take_rejects());
        self.mark_gone(&page);
        if !self.done.limited {
            self.go_on_from(page.state);
        }
        self.stage(false).await?;
        let progress = self.progress();
        self.job.tell(&Event::Page(progress));
        Ok(())
    }

    /// Notes what is gone; what is read after that is there again.
    fn mark_gone(&mut self, page: &Page) {
        if !self.staged.gone.is_empty() {
            for (row, _) in page.rows.iter().zip(&page.keep).filter(|(_, keep)| **keep) {
                let id = self.job.plan.table.single_key().and_then(|key| row.get(key)?.parse().ok());
                if let Some(id) = id {
                    self.staged.gone.remove(&id);
                }
            }
        }
        self.staged.gone.extend(page.gone.iter().map(|gone| (gone.key, *gone)));
    }

    /// Where the source has come to.
    pub(super) fn go_on_from(&mut self, state: State) {
        let before = std::mem::replace(&mut self.state, state);
        self.state.filled = before.filled;
        self.state.described = before.described;
        self.state.mappings = before.mappings;
    }

    /// Keeps the rows up to the limit; the state stays where it was, since the rest of the page is not read.
    fn cut(&mut self, page: &mut Page, limit: u64) {
        let mut left = limit.saturating_sub(self.done.read);
        for keep in &mut page.keep {
            *keep &= left > 0;
            left = left.saturating_sub(u64::from(*keep));
        }
        page.state = self.state.clone();
        self.done.limited = left == 0;
    }

    /// Hands to the load what is ready of the table and its children, or all that is there.
    async fn stage(&mut self, all: bool) -> Result<(), Failure> {
        let own = std::iter::once((&mut self.normaliser, &self.target));
        let children = self.children.iter_mut().map(|child| &mut child.normaliser).zip(&self.child_targets);
        for (at, (normaliser, target)) in own.chain(children).enumerate() {
            while let Some(batch) = normaliser.take(all) {
                let targets = Targets { table: &self.target, children: &self.child_targets };
                let load = self.load.get_or_insert_with(|| self.job.dest.begin(targets));
                load.stage(at, batch).await.map_err(|error| failure::destination(target, &error))?;
            }
        }
        Ok(())
    }

    pub(super) fn due(&mut self) -> bool {
        let flush = self.job.plan.flush;
        self.slot.is_full(flush.bytes)
            || ((self.staged.rows >= flush.rows
                || (self.staged.pages > 0 && self.staged.since.elapsed() >= flush.interval))
                && self.in_pace())
    }

    /// When what is staged is to be committed at the latest, whether more of it comes or not.
    pub(super) fn flushes_at(&self) -> Option<Instant> {
        let flush = self.job.plan.flush;
        let due = self.staged.since.checked_add(flush.interval).filter(|_| self.staged.pages > 0)?;
        let Some(pace) = flush.pace else { return Some(due) };
        let ahead = (self.done.commits + 1).saturating_sub(FlushDefaults::AT_ONCE);
        let in_pace = self.start.checked_add(pace.checked_mul(u32::try_from(ahead).ok()?)?)?;
        Some(due.max(in_pace))
    }

    /// Whether a commit now is not too many for a destination that counts them.
    fn in_pace(&mut self) -> bool {
        let Some(pace) = self.job.plan.flush.pace else { return true };
        let passed = self.start.elapsed().as_nanos() / pace.as_nanos().max(1);
        let allowed = u128::from(FlushDefaults::AT_ONCE) + passed;
        let fine = u128::from(self.done.commits) < allowed;
        if !fine {
            self.warn(format!(
                "commits are {} s apart from here on, whatever --flush-records and --flush-interval say: {} limits how often \
                 a table changes in a day",
                pace.as_secs(),
                self.job.dest.describe()
            ));
        }
        fine
    }

    pub(super) async fn commit(&mut self, ending: Ending<'_>) -> Result<(), Failure> {
        self.stage(true).await?;
        let targets = Targets { table: &self.target, children: &self.child_targets };
        let mut load = self.load.take().unwrap_or_else(|| self.job.dest.begin(targets));
        let elapsed = self.start.elapsed();
        self.job.tell(&Event::Committing { rows: self.staged.rows, elapsed });
        let staged = std::mem::replace(&mut self.staged, Staged::nothing(Instant::now()));
        let rejected = staged.rejects.len() as u64;
        let refused = staged.rejects.iter().filter(|reject| reject.column.is_none()).count() as u64;
        load.bury(staged.gone.into_values().collect());
        let (complete, child_rejects) = self.close_children();
        for (at, parents) in complete.into_iter().enumerate() {
            load.complete(at + 1, parents);
        }
        // Before the run's line, which holds what is said of them.
        let names = self.named();
        let rejects = std::iter::once(staged.rejects).chain(child_rejects).collect();
        let commit = self.commit_of(ending, rejects, names);
        let (release, stored) = (commit.release, commit.state.clone());
        self.torn = true;
        let mut basis = Basis::default();
        let made = self.waits.commit(load, commit, |commit| {
            commit.run.ended_at = self.now();
            commit.lease = self.leased.is_some().then(|| self.lease());
            basis = self.basis.after(self.target.strategy, commit);
        });
        let counts = made.await;
        self.slot.stage(0);
        let changed = counts.as_ref().is_err_and(|failed| failed.error.kind == DestErrorKind::Changed);
        self.outdated = changed && self.done.commits == 0;
        let counts = counts.map_err(|failed| failed.explain(&self.target))?;
        self.torn = false;
        self.note_children(counts.get(1..).unwrap_or_default());
        let counts = counts.first().copied().unwrap_or_default();
        self.leased = self.leased.filter(|_| !release).map(|_| Instant::now());
        self.target.fresh = false;
        self.names_anew = false;
        self.children.iter_mut().for_each(|child| child.names_anew = false);
        self.basis = basis;
        self.stored = Some(stored);
        self.done.commits += 1;
        self.done.committed += staged.rows.saturating_sub(refused);
        self.done.rejected += rejected + counts.rejected;
        self.done.counts.add(counts);
        let elapsed = self.start.elapsed();
        self.job.tell(&Event::Committed { rows: staged.rows, counts, elapsed });
        Ok(())
    }

    /// What is to become visible with the rows.
    pub(super) fn commit_of(
        &self,
        ending: Ending<'_>,
        rejects: Vec<Vec<Reject>>,
        names: Vec<Names>,
    ) -> Commit {
        Commit {
            state: self.state.clone(),
            rejects,
            run: self.record(ending),
            keep: self.keep(),
            names,
            basis: Some(self.basis.clone()),
            lease: None,
            release: !matches!(ending, Ending::None),
            last: matches!(ending, Ending::Success),
        }
    }

    fn keep(&self) -> Keep {
        let plan = self.job.plan;
        Keep { runs: Some(RUNS_KEPT), rejects: plan.keep_rejects.map(|time| plan.started_at.minus(time)) }
    }

    /// Names that fields of the table and its children have got since the last commit.
    fn named(&mut self) -> Vec<Names> {
        let own = Names { new: self.normaliser.take_named(), anew: self.names_anew };
        let all: Vec<Names> =
            std::iter::once(own).chain(self.children.iter_mut().map(Child::named)).collect();
        let plans = std::iter::once(self.job.plan).chain(self.children.iter().map(|child| child.plan));
        let told: Vec<String> = plans.zip(&all).flat_map(|(plan, names)| told(plan, &names.new)).collect();
        told.into_iter().for_each(|warning| self.warn(warning));
        all
    }

    pub(super) fn record(&self, ending: Ending<'_>) -> RunRecord {
        let (outcome, error) = match ending {
            Ending::None => ("running", None),
            Ending::Success => ("success", None),
            Ending::Failure(failure) if failure.kind == Kind::Interrupted => ("interrupted", None),
            Ending::Failure(failure) => ("failed", Some(failure.headline.clone())),
        };
        RunRecord {
            id: self.id.clone(),
            started_at: self.job.plan.started_at,
            ended_at: self.now(),
            outcome,
            rows_read: self.done.read,
            requests: self.meter.requests(),
            retries: self.meter.retries(),
            error,
            warnings: self.done.warnings.clone(),
        }
    }
}
