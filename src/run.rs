//! The loop that joins the two ends: state → pages → normalise → stage → commit → receipt.
//!
//! The only place that knows both a source and a destination. Progress is committed with the rows it describes, every
//! so many rows, bytes or seconds; whatever stops a run, what was read since the last commit is committed first, so
//! that the next run goes on from there.

mod ear;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use self::ear::Ear;
use crate::dest::{
    Commit, Counts, DELETED_AT, Deletes, DestErrorKind, Destination, Inspection, Lease, Load, MERGED_INTO,
    Question, Reject, Target, Tombstone,
};
use crate::error::{Failure, Kind};
use crate::http::Listener;
use crate::lease;
use crate::normalise::Normaliser;
use crate::plan::Plan;
use crate::report::{Event, Outcome, Progress, Receipt, Reporter, Scope, Start, Wait};
use crate::schema::{Column, LogicalType, Micros};
use crate::source::{Late, Overlap, Page, Pages, ReadRequest, Source, Step, TableSpec};
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
    let start = Instant::now();
    loop {
        let mut run = match Run::prepare(job.clone(), start).await {
            Ok(run) => run,
            Err(failure) => {
                job.reporter.event(&Event::Failed(&failure));
                return Err(failure);
            }
        };
        let failure = run.copy().await.err();
        if run.overtaken && job.plan.wait {
            continue;
        }
        let receipt = run.receipt(failure.as_ref());
        job.reporter.event(&Event::Finished { receipt: &receipt, failure: failure.as_ref() });
        return failure.map_or(Ok(receipt), Err);
    }
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
    /// When the lease was taken or renewed; `None`: we have none.
    leased: Option<Instant>,
    /// Another run took the target before we had read a page.
    overtaken: bool,
}

/// What the next commit will hold.
struct Staged {
    rows: u64,
    bytes: u64,
    /// Pages whose progress is not stored yet.
    pages: u64,
    rejects: Vec<Reject>,
    /// Rows that are gone, by key; a row that is read after that is not.
    gone: BTreeMap<i64, Tombstone>,
    since: Instant,
}

impl Staged {
    fn nothing(since: Instant) -> Self {
        Self { rows: 0, bytes: 0, pages: 0, rejects: Vec::new(), gone: BTreeMap::new(), since }
    }
}

/// How a commit relates to its run.
#[derive(Clone, Copy)]
enum Ending<'f> {
    /// The run goes on.
    None,
    /// All is done.
    Success,
    /// The run stops here.
    Failure(&'f Failure),
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
    async fn prepare(job: Job<'a>, start: Instant) -> Result<Self, Failure> {
        let plan = job.plan;
        let spec = plan.table;
        let shape = |existing: &Inspection| {
            Normaliser::new(
                &spec.columns(),
                spec.key,
                existing.columns.as_deref().unwrap_or_default(),
                &plan.shaping,
            )
        };
        let mut target = target(plan, job.source, shape(&Inspection::default()).documented());
        let inspection = look(&job, &target, start).await?;
        let normaliser = shape(&inspection);
        // A replacement starts from zero, unless an earlier one that read the same was not finished.
        let from = match plan.strategy {
            Strategy::Replace => {
                inspection.aside.filter(|aside| job.source.continues(spec, plan.window, aside))
            }
            _ => inspection.state,
        };
        target.fresh = plan.strategy != Strategy::Replace || from.is_none();
        let ear = Arc::new(Ear::new(Arc::clone(&job.reporter), start));
        let request = ReadRequest {
            table: spec,
            window: plan.window,
            from: from.clone(),
            overlap: if plan.strategy == Strategy::Append { Overlap::None } else { Overlap::Wide },
            lookback: plan.lookback,
            late: late(plan, spec),
            now: plan.started_at,
        };
        let listener: Arc<dyn Listener> = Arc::<Ear>::clone(&ear);
        let pages =
            job.source.read(request, listener).map_err(|error| words::source(job.source, spec, &error))?;
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
        let id = words::run_id(plan.started_at, &target);
        Ok(Self {
            job,
            target,
            normaliser,
            pages,
            ear,
            id,
            start,
            state: from.unwrap_or_else(nothing_known),
            load: None,
            staged: Staged::nothing(start),
            done: Done::default(),
            leased: None,
            overtaken: false,
        })
    }

    /// Reads to the end, or as far as it goes, and stores what was read.
    async fn copy(&mut self) -> Result<(), Failure> {
        let failure = match self.read().await {
            Ok(()) => match self.commit(Ending::Success).await {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        // A destination that refused rows is not asked again, and a run that got nothing leaves no trace.
        let stores = failure.kind != Kind::Destination && (self.staged.pages > 0 || self.done.commits > 0);
        if stores {
            // If this fails, too, the first failure is still the one to tell: it explains more.
            if let Err(second) = self.commit(Ending::Failure(&failure)).await {
                self.warn(format!("what was read last could not be stored: {}", second.headline));
            }
        }
        if self.leased.take().is_some() {
            // It lapses by itself if this fails.
            let _ = self.job.dest.release(&self.target, &self.id).await;
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
                () = tokio::time::sleep(lease::RENEWAL), if self.leased.is_some() => {
                    self.hold().await?;
                    continue;
                }
            };
            let step = step.map_err(|error| words::source(self.job.source, self.job.plan.table, &error))?;
            // The source has answered, so the command makes sense: from here on the target is ours.
            if self.leased.is_none_or(|since| since.elapsed() >= lease::RENEWAL) {
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
                    self.state = state;
                    return Ok(());
                }
            }
        }
    }

    /// Takes or renews the lease.
    async fn hold(&mut self) -> Result<(), Failure> {
        let held = self.job.dest.lease(&self.target, self.lease(), lease::live).await;
        self.overtaken =
            self.leased.is_none() && held.as_ref().is_err_and(|error| error.kind == DestErrorKind::Leased);
        held.map_err(|error| words::destination(&self.target, &error))?;
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

    /// Tells the source what it asked for, about all rows read so far.
    async fn answer(&mut self, mut question: Question) -> Result<(), Failure> {
        let (Question::CountBy { column, .. }
        | Question::KeysBy { column, .. }
        | Question::KeysBetween { column, .. }) = &mut question;
        let Some(name) = self.normaliser.destination_name(column) else {
            self.pages.answer(None);
            return Ok(());
        };
        *column = name;
        if self.staged.rows > 0 || !self.staged.gone.is_empty() {
            self.commit(Ending::None).await?;
        }
        let answer = self.job.dest.ask(&self.target, question).await;
        self.pages.answer(Some(answer.map_err(|error| words::destination(&self.target, &error))?));
        Ok(())
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
        self.mark_gone(&page);
        if !self.done.limited {
            self.state = page.state;
        }
        self.stage(false).await?;
        self.job.reporter.event(&Event::Page(self.progress()));
        Ok(())
    }

    /// Notes what is gone; what is read after that is there again.
    fn mark_gone(&mut self, page: &Page) {
        if !self.staged.gone.is_empty() {
            for (row, _) in page.rows.iter().zip(&page.keep).filter(|(_, keep)| **keep) {
                if let Some(id) = row.get(self.job.plan.table.key).and_then(|raw| raw.parse().ok()) {
                    self.staged.gone.remove(&id);
                }
            }
        }
        self.staged.gone.extend(page.gone.iter().map(|gone| (gone.key, *gone)));
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

    async fn commit(&mut self, ending: Ending<'_>) -> Result<(), Failure> {
        self.stage(true).await?;
        let mut load = self.load.take().unwrap_or_else(|| self.job.dest.begin(&self.target));
        let elapsed = self.start.elapsed();
        self.job.reporter.event(&Event::Committing { rows: self.staged.rows, elapsed });
        let staged = std::mem::replace(&mut self.staged, Staged::nothing(Instant::now()));
        let rejected = staged.rejects.len() as u64;
        load.bury(staged.gone.into_values().collect());
        let commit = Commit {
            state: self.state.clone(),
            rejects: staged.rejects,
            run: self.record(ending),
            lease: self.leased.is_some().then(|| self.lease()),
            release: !matches!(ending, Ending::None),
            last: matches!(ending, Ending::Success),
        };
        let release = commit.release;
        let counts = load.commit(commit).await.map_err(|error| words::destination(&self.target, &error))?;
        self.leased = self.leased.filter(|_| !release).map(|_| Instant::now());
        self.target.fresh = false;
        self.done.commits += 1;
        self.done.rejected += rejected;
        self.done.counts.add(counts);
        let elapsed = self.start.elapsed();
        self.job.reporter.event(&Event::Committed { rows: staged.rows, counts, elapsed });
        Ok(())
    }

    fn record(&self, ending: Ending<'_>) -> RunRecord {
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
            requests: self.ear.requests(),
            retries: self.ear.retries(),
            error,
        }
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

/// Everything decided about the table that is written.
fn target(plan: &Plan, source: &dyn Source, mut columns: Vec<Column>) -> Target {
    let marks = late(plan, plan.table) == Late::ChangesAndDeletions && plan.deletes == Deletes::Soft;
    if marks && plan.table.deletions {
        columns.push(Column::new(DELETED_AT, LogicalType::Timestamp));
        columns.push(Column::new(MERGED_INTO, LogicalType::Int64));
    }
    Target {
        account: source.account().to_owned(),
        source_table: plan.table.name.to_owned(),
        schema: plan.schema.clone(),
        table: plan.dest_table.clone(),
        key: plan.key.clone(),
        incremental_key: plan.incremental_key.clone(),
        strategy: plan.strategy,
        columns,
        loaded_at: plan.load_timestamp.then_some(plan.started_at),
        window: (plan.window.start, plan.window.end),
        deletes: plan.deletes,
        fresh: true,
    }
}

/// What makes sense to look for: rows that are only added cannot be corrected, and a window is replaced as it is.
/// Tombstones go by the table's own key.
fn late(plan: &Plan, spec: &TableSpec) -> Late {
    let own_key =
        plan.key.len() == 1 && plan.shaping.overrides.iter().all(|wish| wish.source_name() != spec.key);
    match (plan.strategy, plan.deletes) {
        (Strategy::Append | Strategy::DeleteInsert, _) => Late::Nothing,
        (_, Deletes::Ignore) => Late::Changes,
        _ if own_key && plan.key[0] == spec.key => Late::ChangesAndDeletions,
        _ => Late::Changes,
    }
}

/// Looks at the target; waits for another run to let go of it, if that is wanted.
async fn look(job: &Job<'_>, target: &Target, start: Instant) -> Result<Inspection, Failure> {
    loop {
        let inspection =
            job.dest.inspect(target).await.map_err(|error| words::destination(target, &error))?;
        let now = job.plan.started_at.plus(start.elapsed());
        let Some(other) = inspection.lease.as_ref().filter(|other| lease::live(other, now)) else {
            return Ok(inspection);
        };
        if !job.plan.wait {
            return Err(words::leased(target, other));
        }
        job.reporter.event(&Event::Waiting {
            why: Wait::DestinationLocked,
            wait: PATIENCE,
            elapsed: start.elapsed(),
        });
        let mut stop = job.stop.clone();
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Err(words::interrupted(&target.source_table)),
            () = tokio::time::sleep(PATIENCE) => {}
        }
    }
}

/// How often `--wait` looks again.
const PATIENCE: Duration = Duration::from_secs(2);

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
        source: SourceState(
            r#"{"version":1,"watermark":null,"covered_since":null,"unfinished":null}"#.into(),
        ),
    }
}
