//! The loop that joins the two ends: state → pages → normalise → stage → commit → receipt.
//!
//! The only place that knows both a source and a destination. Progress is committed with the rows it describes, every
//! so many rows, bytes or seconds; whatever stops a run, what was read since the last commit is committed first, so
//! that the next run goes on from there.

mod backfill;
mod child;
mod children;
mod commit;
mod describe;
mod descriptions;
mod eta;
mod failure;
mod fill;
mod idle;
mod idle_runs;
mod lost_columns;
mod mapping;
mod meter;
mod names;
mod outcome;
mod prepare;
mod preview;
mod receipt;
mod shared;
mod staged;
mod stored;
mod target;
mod waits;
mod warnings;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use self::backfill::Backfill;
use self::child::Child;
use self::eta::Eta;
pub(crate) use self::failure::{in_use, of_destination, of_source};
use self::lost_columns::ColumnsFound;
pub(crate) use self::meter::Meter;
pub use self::outcome::outcome;
pub(crate) use self::preview::preview;
use self::shared::{Shared, Slot};
use self::staged::{Ending, Staged, until};
pub(crate) use self::waits::Waits;
use crate::dest::{Basis, Counts, DestErrorKind, Destination, Load, Target};
use crate::error::{Failure, Kind};
use crate::model::lease::{self, Claim};
use crate::model::{Lease, Micros, Question, State};
use crate::normalise::Normaliser;
use crate::plan::{Plan, Refused};
use crate::report::{Ended, Event, Progress, Reporter};
use crate::source::{Changes, Headway, Pages, Source, Step};

/// Everything a run is given.
#[derive(Clone)]
pub struct Job<'a> {
    /// What to do.
    pub plan: &'a Plan,
    /// Where from.
    pub source: &'a dyn Source,
    /// Where to.
    pub dest: &'a dyn Destination,
    /// Who is told.
    pub reporter: Arc<dyn Reporter>,
    /// Becomes true when the run shall stop.
    pub stop: watch::Receiver<bool>,
}

impl std::fmt::Debug for Job<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Job").field("plan", self.plan).finish_non_exhaustive()
    }
}

impl Job<'_> {
    /// Tells the reporter what happens to this table.
    fn tell(&self, event: &Event<'_>) {
        self.reporter.event(self.plan.table.name, event);
    }
}

/// Copies several tables at once and reports on each to its end. One that fails does not stop the others. What they
/// stage together is bounded by the first one's plan. The order of the ends is that of the jobs, each with its children
/// after it.
pub async fn all(jobs: &[Job<'_>]) -> Vec<Ended> {
    let shared = Shared::new(jobs.len());
    let runs = jobs.iter().enumerate().map(|(place, job)| one(job.clone(), shared.slot(place)));
    futures_util::future::join_all(runs).await.into_iter().flatten().collect()
}

/// How often a table is looked at, where others keep changing it between the look and the first commit.
const MOST_LOOKS: u32 = 4;

/// How it ended, and its children after it.
async fn one(job: Job<'_>, mut slot: Slot<'_>) -> Vec<Ended> {
    let start = Instant::now();
    let table = job.plan.table.name.to_owned();
    let mut looks = 0;
    loop {
        looks += 1;
        let mut run = match Run::prepare(job.clone(), start, &mut slot).await {
            Ok(run) => run,
            Err(failure) => {
                job.tell(&Event::Failed(&failure));
                return vec![Ended { table, receipt: None, failure: Some(failure) }];
            }
        };
        if !run.may_be_idle() {
            run.slot.known();
        }
        if !run.is_short() {
            run.slot.after_the_short_ones().await;
        }
        let failure = run.copy().await.err();
        if (run.outdated && looks < MOST_LOOKS)
            || (run.overtaken && job.plan.patience.run != Some(Duration::ZERO))
        {
            continue;
        }
        run.compare_warnings().await;
        let receipt = run.receipt(failure.as_ref());
        job.tell(&Event::Finished { receipt: &receipt, failure: failure.as_ref() });
        let children = run.ends_of_children(&receipt, failure.as_ref());
        for child in &children {
            if let Some(receipt) = &child.receipt {
                job.reporter
                    .event(&child.table, &Event::Finished { receipt, failure: child.failure.as_ref() });
            }
        }
        let own = Ended { table, receipt: Some(receipt), failure };
        return std::iter::once(own).chain(children).collect();
    }
}

struct Run<'a, 'm> {
    job: Job<'a>,
    slot: &'m mut Slot<'a>,
    target: Target,
    children: Vec<Child<'a>>,
    /// What is written of each child.
    child_targets: Vec<Target>,
    /// The columns that the table had when the run began.
    found: ColumnsFound,
    normaliser: Normaliser,
    pages: Box<dyn Pages>,
    meter: Arc<Meter>,
    id: String,
    start: Instant,
    /// The state to store with the rows staged so far.
    state: State,
    /// The state that is stored.
    stored: Option<State>,
    /// What must be stored for the next commit to go through.
    basis: Basis,
    /// Whether names of columns that are stored are not this table's.
    names_anew: bool,
    /// Whether the rows of this run are the first of its pass.
    from_zero: bool,
    /// Whether no run before it was complete.
    first: bool,
    load: Option<Box<dyn Load>>,
    staged: Staged,
    done: Done,
    eta: Eta,
    waits: Waits,
    /// When the lease was taken or renewed; `None`: we have none.
    leased: Option<Instant>,
    /// Another run took the target before we had read a page.
    overtaken: bool,
    /// Another run has come to its end after this one had looked, and before its first commit: it has written nothing.
    outdated: bool,
    /// Why the table is left out: its list is refused, and nobody named it.
    left_out: Option<String>,
    /// What fills flat columns of rows that are stored; `None`: they are filled, or there are none.
    backfill: Option<Backfill>,
    /// Rows were handed to a commit that did not go through: what is staged after them must not be stored.
    torn: bool,
}

/// What the run did so far.
#[derive(Default)]
struct Done {
    read: u64,
    /// Rows in commits, without those that were refused as a whole.
    committed: u64,
    pages: u64,
    counts: Counts,
    rejected: u64,
    reached: Option<Micros>,
    warnings: Vec<String>,
    /// Those that the run before this one had, too.
    known: Vec<String>,
    commits: u64,
    limited: bool,
    /// The time that was left when it was measured last, and when.
    left: Option<(Duration, Duration)>,
}

impl Run<'_, '_> {
    /// Whether it reads only what changed, or a small table: such runs go before those that read everything.
    fn is_short(&self) -> bool {
        let known = |state: &State| state.complete && state.watermark.is_some();
        let plan = self.job.plan;
        let small = plan.table.changes == Changes::Full;
        small || (plan.window.is_open() && self.stored.as_ref().is_some_and(known))
    }

    /// Reads to the end, or as far as it goes, and stores what was read.
    async fn copy(&mut self) -> Result<(), Failure> {
        let failure = match self.read().await {
            // The source was asked for nothing else, and the destination for nothing at all.
            Ok(()) if self.left_out.is_some() => return Ok(()),
            Ok(()) => match self.finish().await {
                Ok(()) => {
                    self.describe_tables().await;
                    return Ok(());
                }
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        // A destination that refused rows is not asked again, and a run that got nothing leaves no trace.
        let stores = failure.kind != Kind::Destination
            && !self.torn
            && (self.staged.pages > 0 || self.done.commits > 0);
        if stores && (self.leased.is_some() || self.hold().await.is_ok()) {
            // If this fails, too, the first failure is still the one to tell: it explains more.
            if let Err(second) = self.commit(Ending::Failure(&failure)).await {
                // That it was asked to stop is no reason.
                let held = second.causes.first().filter(|_| second.kind == Kind::Interrupted);
                let why = held.unwrap_or(&second.headline);
                self.warn(format!("what was read last could not be stored: {why}"));
            }
        }
        if self.leased.take().is_some() {
            let release = async || self.job.dest.release(&self.target, &self.id).await;
            // It lapses by itself if this fails; but whoever looks again would wait for itself as long as that takes.
            if self.outdated {
                let _ = self.waits.patiently(release).await;
            } else {
                let _ = release().await;
            }
        }
        Err(failure)
    }

    async fn read(&mut self) -> Result<(), Failure> {
        loop {
            let mut stop = self.job.stop.clone();
            // By the clock, since it may be long until the next page comes.
            let flush = self.flushes_at().filter(|_| self.leased.is_some());
            let word = self.meter.speaks_at();
            let renewal = self.leased.map(|since| since + lease::RENEWAL);
            let step = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Err(failure::interrupted(self.target.source_table.as_str())),
                step = self.pages.next() => step,
                () = self.slot.asked_to_commit() => {
                    if self.due() {
                        self.commit(Ending::None).await?;
                    }
                    continue;
                }
                () = until(flush) => {
                    self.commit(Ending::None).await?;
                    continue;
                }
                () = until(renewal) => {
                    self.hold().await?;
                    continue;
                }
                () = until(word) => {
                    self.meter.speak();
                    continue;
                }
            };
            if let Err(error) = &step
                && self.job.plan.refused == Refused::LeftOut
                && self.leased.is_none()
                && let Some(why) = error.refusal()
            {
                self.left_out = Some(why);
                return Ok(());
            }
            let step = step.map_err(|error| failure::source(self.job.source, self.job.plan.table, &error))?;
            // The source has answered, so the command makes sense: from here on the target is ours, if it is written to.
            if self.leased.is_none() && !self.is_idle(&step) {
                self.slot.known();
                self.hold().await?;
                self.build_children().await?;
                if self.stored.is_some() {
                    self.describe_tables().await;
                }
                self.fill_stored_rows().await?;
            } else if self.leased.is_some_and(|since| since.elapsed() >= lease::RENEWAL) {
                self.hold().await?;
            }
            match step {
                Step::Page(page) => {
                    self.take(page).await?;
                    if self.done.limited {
                        return Ok(());
                    }
                    if self.due() {
                        self.commit(Ending::None).await?;
                    }
                }
                Step::Ask(question) => self.answer(question).await?,
                Step::End(state) => {
                    self.go_on_from(state);
                    return Ok(());
                }
            }
        }
    }

    /// Takes or renews the lease.
    async fn hold(&mut self) -> Result<(), Failure> {
        let claim = if self.leased.is_some() { Claim::Renew } else { Claim::Take };
        let take = async || self.job.dest.lease(&self.target, self.lease(), claim, lease::live).await;
        let held = self.waits.patiently(take).await;
        let leased = held.as_ref().is_err_and(|unmet| unmet.error.kind == DestErrorKind::Leased);
        self.overtaken = leased && self.leased.is_none();
        held.map_err(|unmet| unmet.explain(&self.target))?;
        self.leased = Some(Instant::now());
        Ok(())
    }

    fn lease(&self) -> Lease {
        let since = self.job.plan.started_at;
        Lease {
            run: self.id.clone(),
            process: lease::this_process(),
            since,
            until: self.now().plus(lease::TERM),
        }
    }

    /// Tells the source what it asked for: about all rows read so far, or those that were committed.
    async fn answer(&mut self, mut question: Question) -> Result<(), Failure> {
        for column in question.columns() {
            let Some(name) = self.normaliser.destination_name(column) else {
                self.pages.answer(None);
                return Ok(());
            };
            *column = name;
        }
        let committed = matches!(question, Question::Stored { .. });
        if !committed && (self.staged.rows > 0 || !self.staged.gone.is_empty()) {
            self.commit(Ending::None).await?;
        }
        let ask = async || self.job.dest.ask(&self.target, question.clone()).await;
        let answer = self.waits.patiently(ask).await;
        self.pages.answer(answer.map_err(|unmet| unmet.explain(&self.target))?);
        Ok(())
    }

    fn warn(&mut self, warning: String) {
        if !self.done.warnings.contains(&warning) {
            self.job.tell(&Event::Warning(&warning));
            self.done.warnings.push(warning);
        }
    }

    fn now(&self) -> Micros {
        self.job.plan.started_at.plus(self.start.elapsed())
    }

    fn progress(&self) -> Progress {
        let elapsed = self.start.elapsed();
        Progress {
            left: self.done.left.map(|(then, left)| left.saturating_sub(elapsed - then)),
            rows: self.done.read,
            pages: self.done.pages,
            requests: self.meter.requests(),
            reached: self.done.reached,
            budget: self.meter.budget(),
            elapsed,
        }
    }

    /// Measures the time that is left.
    fn look_ahead(&mut self, headway: Option<Headway>) {
        let elapsed = self.start.elapsed();
        if self.eta.is_due(elapsed) {
            // Once something has been waited for, what is measured is better than what is allowed.
            let allowed = (self.meter.waited() < Duration::from_secs(1)).then(|| self.job.source.allowance());
            let time = self.eta.look(elapsed, headway, allowed);
            self.done.left = time.map(|time| (elapsed, time));
        }
    }
}
