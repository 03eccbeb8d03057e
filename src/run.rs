//! The loop that joins the two ends: state → pages → normalise → stage → commit → receipt.
//!
//! The only place that knows both a source and a destination. Progress is committed with the rows it describes, every
//! so many rows, bytes or seconds; whatever stops a run, what was read since the last commit is committed first, so
//! that the next run goes on from there.

mod ear;
mod words;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use self::ear::Ear;
use crate::dest::{Commit, Counts, Destination, Inspection, Load, Reject, Target};
use crate::error::{Failure, Kind};
use crate::http::Listener;
use crate::normalise::Normaliser;
use crate::plan::Plan;
use crate::report::{Event, Outcome, Progress, Receipt, Reporter, Scope, Start};
use crate::schema::Micros;
use crate::source::{Overlap, Page, Pages, ReadRequest, Source, Step};
use crate::state::{RunRecord, SourceState, State};
use crate::strategy::Strategy;

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

/// Copies one table and reports on it to the end.
///
/// # Errors
/// Why it is not complete. The reporter has been told already.
pub async fn run(job: Job<'_>) -> Result<Receipt, Failure> {
    let mut run = match Run::prepare(job.clone()).await {
        Ok(run) => run,
        Err(failure) => {
            job.reporter.event(&Event::Failed(&failure));
            return Err(failure);
        }
    };
    let failure = run.copy().await.err();
    let receipt = run.receipt(failure.as_ref());
    job.reporter.event(&Event::Finished { receipt: &receipt, failure: failure.as_ref() });
    failure.map_or(Ok(receipt), Err)
}

struct Run<'a> {
    job: Job<'a>,
    target: Target,
    normaliser: Normaliser,
    pages: Box<dyn Pages>,
    ear: Arc<Ear>,
    id: String,
    start: Instant,
    /// The state to store with the rows staged so far.
    state: State,
    load: Option<Box<dyn Load>>,
    staged: Staged,
    done: Done,
}

/// What the next commit will hold.
struct Staged {
    rows: u64,
    bytes: u64,
    /// Pages whose progress is not stored yet.
    pages: u64,
    rejects: Vec<Reject>,
    since: Instant,
}

/// What the run did so far.
#[derive(Default)]
struct Done {
    read: u64,
    pages: u64,
    counts: Counts,
    rejected: u64,
    reached: Option<Micros>,
    warnings: Vec<String>,
    commits: u64,
    limited: bool,
}

impl<'a> Run<'a> {
    /// Looks at the destination and starts reading; nothing is written and no request is sent.
    async fn prepare(job: Job<'a>) -> Result<Self, Failure> {
        let plan = job.plan;
        let start = Instant::now();
        let spec = plan.table;
        let shape = |existing: &Inspection| {
            Normaliser::new(&spec.columns(), spec.key, existing.columns.as_deref().unwrap_or_default(), &plan.shaping)
        };
        let mut target = Target {
            account: job.source.account().to_owned(),
            source_table: spec.name.to_owned(),
            schema: plan.schema.clone(),
            table: plan.dest_table.clone(),
            key: plan.key.clone(),
            incremental_key: plan.incremental_key.clone(),
            strategy: plan.strategy,
            columns: shape(&Inspection::default()).documented(),
            loaded_at: plan.load_timestamp.then_some(plan.started_at),
            window: (plan.window.start, plan.window.end),
            fresh: true,
        };
        let inspection = job.dest.inspect(&target).await.map_err(|error| words::destination(&target, &error))?;
        let normaliser = shape(&inspection);
        // A replacement starts from zero, unless an earlier one was not finished.
        let from = inspection.state.filter(|state| plan.strategy != Strategy::Replace || !state.complete);
        target.fresh = plan.strategy != Strategy::Replace || from.is_none();
        let ear = Arc::new(Ear::new(Arc::clone(&job.reporter), start));
        let request = ReadRequest {
            table: spec,
            window: plan.window,
            from: from.clone(),
            overlap: if plan.strategy == Strategy::Append { Overlap::None } else { Overlap::Wide },
            now: plan.started_at,
        };
        let listener: Arc<dyn Listener> = Arc::<Ear>::clone(&ear);
        let pages = job.source.read(request, listener).map_err(|error| words::source(job.source, spec, &error))?;
        job.reporter.event(&Event::Started(&Start {
            table: spec.name.to_owned(),
            source: job.source.describe(),
            dest_table: format!("{}.{}", plan.schema, plan.dest_table),
            destination: job.dest.describe(),
            strategy: plan.strategy,
            key: plan.key.clone(),
            scope: scope(plan, from.as_ref()),
            notes: plan.notes.clone(),
            at: plan.started_at,
        }));
        let state = from.unwrap_or_else(nothing_known);
        let id = words::run_id(plan.started_at, &target);
        let staged = Staged { rows: 0, bytes: 0, pages: 0, rejects: Vec::new(), since: start };
        Ok(Self { job, target, normaliser, pages, ear, id, start, state, load: None, staged, done: Done::default() })
    }

    /// Reads to the end, or as far as it goes, and stores what was read.
    async fn copy(&mut self) -> Result<(), Failure> {
        let failure = match self.read().await {
            Ok(()) => return self.commit("success", true).await,
            Err(failure) => failure,
        };
        // A destination that refused rows is not asked again, and a run that got nothing leaves no trace.
        if failure.kind == Kind::Destination || (self.staged.pages == 0 && self.done.commits == 0) {
            return Err(failure);
        }
        let outcome = if failure.kind == Kind::Interrupted { "interrupted" } else { "failed" };
        // If this fails, too, the first failure is still the one to tell: it explains more.
        if let Err(second) = self.commit(outcome, false).await {
            self.warn(format!("what was read last could not be stored: {}", second.headline));
        }
        Err(failure)
    }

    async fn read(&mut self) -> Result<(), Failure> {
        loop {
            let mut stop = self.job.stop.clone();
            let step = tokio::select! {
                biased;
                _ = stop.wait_for(|stop| *stop) => return Err(words::interrupted(self.target.source_table.as_str())),
                step = self.pages.next() => step,
            };
            match step.map_err(|error| words::source(self.job.source, self.job.plan.table, &error))? {
                Step::Page(page) => {
                    self.take(page).await?;
                    if self.done.limited {
                        return Ok(());
                    }
                    if self.due() {
                        self.commit("running", false).await?;
                    }
                }
                Step::End(state) => {
                    self.state = state;
                    return Ok(());
                }
            }
        }
    }

    /// Stages one page.
    async fn take(&mut self, mut page: Page) -> Result<(), Failure> {
        for warning in std::mem::take(&mut page.warnings) {
            self.warn(warning);
        }
        if let Some(limit) = self.job.plan.limit {
            self.cut(&mut page, limit);
        }
        let kept = page.keep.iter().filter(|keep| **keep).count() as u64;
        self.done.read += kept;
        self.done.pages += 1;
        self.done.reached = page.reached.or(self.done.reached);
        let before = self.normaliser.pending_bytes();
        self.normaliser
            .push(&page.rows, &page.keep, page.derived.as_ref())
            .map_err(|frozen| words::frozen(self.job.plan.table, &frozen))?;
        self.staged.rows += kept;
        self.staged.bytes += (self.normaliser.pending_bytes() - before) as u64;
        self.staged.pages += 1;
        self.staged.rejects.append(&mut self.normaliser.take_rejects());
        if !self.done.limited {
            self.state = page.state;
        }
        self.stage(false).await?;
        self.job.reporter.event(&Event::Page(self.progress()));
        Ok(())
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

    async fn stage(&mut self, all: bool) -> Result<(), Failure> {
        while let Some(batch) = self.normaliser.take(all) {
            let load = self.load.get_or_insert_with(|| self.job.dest.begin(&self.target));
            load.stage(batch).await.map_err(|error| words::destination(&self.target, &error))?;
        }
        Ok(())
    }

    fn due(&self) -> bool {
        let flush = self.job.plan.flush;
        self.staged.rows >= flush.rows
            || self.staged.bytes >= flush.bytes
            || (self.staged.pages > 0 && self.staged.since.elapsed() >= flush.interval)
    }

    async fn commit(&mut self, outcome: &'static str, last: bool) -> Result<(), Failure> {
        self.stage(true).await?;
        let load = self.load.take().unwrap_or_else(|| self.job.dest.begin(&self.target));
        let elapsed = self.start.elapsed();
        self.job.reporter.event(&Event::Committing { rows: self.staged.rows, elapsed });
        let rejects = std::mem::take(&mut self.staged.rejects);
        let rejected = rejects.len() as u64;
        let run = RunRecord {
            id: self.id.clone(),
            started_at: self.job.plan.started_at,
            ended_at: self.now(),
            outcome,
            rows_read: self.done.read,
            requests: self.ear.requests(),
            retries: self.ear.retries(),
            error: None,
        };
        let commit = Commit { state: self.state.clone(), rejects, run, last };
        let counts = load.commit(commit).await.map_err(|error| words::destination(&self.target, &error))?;
        self.target.fresh = false;
        self.done.commits += 1;
        self.done.rejected += rejected;
        self.done.counts.add(counts);
        let elapsed = self.start.elapsed();
        self.job.reporter.event(&Event::Committed { rows: self.staged.rows, counts, elapsed });
        self.staged = Staged { rows: 0, bytes: 0, pages: 0, rejects: Vec::new(), since: Instant::now() };
        Ok(())
    }

    fn warn(&mut self, warning: String) {
        if !self.done.warnings.contains(&warning) {
            self.job.reporter.event(&Event::Warning(&warning));
            self.done.warnings.push(warning);
        }
    }

    fn now(&self) -> Micros {
        self.job.plan.started_at.plus(self.start.elapsed())
    }

    fn progress(&self) -> Progress {
        Progress {
            rows: self.done.read,
            pages: self.done.pages,
            requests: self.ear.requests(),
            reached: self.done.reached,
            budget: self.ear.budget(),
            elapsed: self.start.elapsed(),
        }
    }

    fn receipt(&self, failure: Option<&Failure>) -> Receipt {
        let outcome = match failure {
            None if self.done.limited => Outcome::Limited,
            None => Outcome::Success,
            Some(failure) if failure.kind == Kind::Interrupted => Outcome::Interrupted,
            Some(_) => Outcome::Failed,
        };
        Receipt {
            outcome,
            table: self.target.source_table.clone(),
            dest_table: format!("{}.{}", self.target.schema, self.target.table),
            destination: self.job.dest.describe(),
            strategy: self.target.strategy,
            read: self.done.read,
            pages: self.done.pages,
            counts: self.done.counts,
            rejected: self.done.rejected,
            discarded: self.normaliser.discarded(),
            requests: self.ear.requests(),
            retries: self.ear.retries(),
            waited: self.ear.waited(),
            elapsed: self.start.elapsed(),
            started_at: self.job.plan.started_at,
            covered_since: self.state.covered_since,
            next_start: self.state.watermark.filter(|_| self.state.complete),
            stopped_at: failure.and(self.done.reached),
            warnings: self.done.warnings.clone(),
        }
    }
}

fn scope(plan: &Plan, from: Option<&State>) -> Scope {
    match from {
        _ if !plan.window.is_open() => Scope::Interval(plan.window),
        Some(state) if !state.complete => Scope::Remaining,
        Some(State { watermark: Some(watermark), .. }) => Scope::ChangedSince(*watermark),
        _ => Scope::Everything,
    }
}

/// The state of a table that was never read: sources take an absent one and this one alike.
fn nothing_known() -> State {
    State {
        watermark: None,
        covered_since: None,
        complete: true,
        source: SourceState(r#"{"version":1,"watermark":null,"covered_since":null,"unfinished":null}"#.into()),
    }
}

/// How long after a request to stop a run may take to store what it has, before a second request ends it at once.
pub const GRACE: Duration = Duration::from_secs(30);
