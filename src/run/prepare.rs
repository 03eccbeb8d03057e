//! Before the first request: what is there, what is to be read, and what will be written.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::child::Child;
use super::eta::Eta;
use super::meter::Meter;
use super::names::{can_go_on, normaliser};
use super::shared::Slot;
use super::staged::Staged;
use super::{Done, Job, Run, failure, target};
use crate::dest::{Asked, Inspection, Target};
use crate::error::Failure;
use crate::http::Listener;
use crate::model::lease;
use crate::model::{Micros, State, Strategy};
use crate::normalise::Normaliser;
use crate::plan::Plan;
use crate::report::{Event, Scope, Start, Wait};
use crate::source::{Outside, Overlap, ReadRequest, SortField, Source};

impl<'a, 'm> Run<'a, 'm> {
    /// Looks at the destination and starts reading; nothing is written and no request is sent.
    pub(super) async fn prepare(
        job: Job<'a>,
        start: Instant,
        slot: &'m mut Slot<'a>,
    ) -> Result<Self, Failure> {
        let plan = job.plan;
        let spec = plan.table;
        let named = normaliser(plan, &Inspection::default());
        let mut target = target::target(plan, job.source, named.documented());
        target.asked = asked(plan, &named);
        let inspection = look(&job, &target, start, slot).await?;
        can_go_on(plan, &inspection)?;
        let mut from = begins_from(plan, job.source, &inspection);
        let (mut children, mut child_targets) = (Vec::new(), Vec::new());
        for child in &plan.children {
            if let Some((child, target)) = Child::prepare((job.source, job.dest), child, &target).await? {
                children.push(child);
                child_targets.push(target);
            }
        }
        if plan.strategy == Strategy::Replace {
            from = from.filter(|aside| children.iter().all(|child: &Child<'_>| child.waits_with(aside)));
        }
        let fresh = plan.strategy != Strategy::Replace || from.is_none();
        std::iter::once(&mut target).chain(&mut child_targets).for_each(|target| target.fresh = fresh);
        let meter = Arc::new(Meter::new(spec.name, Arc::clone(&job.reporter), start, plan.started_at));
        let request = read_request(plan, from.clone());
        let listener: Arc<dyn Listener> = Arc::<Meter>::clone(&meter);
        let pages =
            job.source.read(request, listener).map_err(|error| failure::source(job.source, spec, &error))?;
        job.tell(&Event::Started(&announced(&job, from.as_ref())));
        let id = run_id(plan.started_at, &target);
        slot.decide();
        let state = from.clone().unwrap_or_else(|| job.source.nothing_known());
        let mut run = Self {
            job,
            slot,
            target,
            children,
            child_targets,
            normaliser: normaliser(plan, &inspection),
            pages,
            meter,
            id,
            start,
            stored: from.clone(),
            basis: inspection.basis,
            names_anew: inspection.names.is_none(),
            from_zero: from.as_ref().is_none_or(|from| from.complete),
            state,
            load: None,
            staged: Staged::nothing(start),
            done: Done::default(),
            eta: Eta::default(),
            leased: None,
            overtaken: false,
            left_out: None,
        };
        inspection.notes.into_iter().for_each(|note| run.warn(note));
        Ok(run)
    }
}

/// A list that is sorted by creation is read some days past the start of a window and no further.
fn asked(plan: &Plan, named: &Normaliser) -> Asked {
    let (Some(start), Some(days)) = (plan.window.start, plan.looks_back()) else { return Asked::All };
    let created = named.destination_name(SortField::Created.column());
    created.map_or(Asked::Untold, |created| Asked::Since(created, start.minus(days)))
}

/// Where reading goes on. A replacement starts from zero, unless an earlier one that read the same was not finished.
pub(super) fn begins_from(plan: &Plan, source: &dyn Source, found: &Inspection) -> Option<State> {
    match plan.strategy {
        Strategy::Replace => {
            found.aside.clone().filter(|aside| source.continues(plan.table, plan.window, aside))
        }
        _ => found.state.clone(),
    }
}

/// What is asked of the source.
pub(super) fn read_request(plan: &Plan, from: Option<State>) -> ReadRequest {
    ReadRequest {
        table: plan.table,
        window: plan.window,
        outside: outside(plan),
        from,
        overlap: if plan.strategy == Strategy::Append { Overlap::None } else { Overlap::Wide },
        lookback: plan.lookback,
        rescan: plan.rescan,
        refresh_small: plan.refresh_small,
        replaces: plan.strategy == Strategy::DeleteInsert,
        late: plan.late(),
        confirmed: plan.confirmed,
        now: plan.started_at,
    }
}

/// Rows outside of a window are updates where rows meet others by key. A limited run is about so many rows of the window.
fn outside(plan: &Plan) -> Outside {
    match plan.strategy {
        Strategy::Merge | Strategy::Scd2 | Strategy::DeleteInsert if plan.limit.is_none() => Outside::Updates,
        _ => Outside::Dropped,
    }
}

/// What is said before the first request.
fn announced(job: &Job<'_>, from: Option<&State>) -> Start {
    let plan = job.plan;
    Start {
        table: plan.table.name.to_owned(),
        source: job.source.describe(),
        dest_table: format!("{}.{}", plan.schema, plan.dest_table),
        destination: job.dest.describe(),
        strategy: plan.strategy,
        key: plan.key.clone(),
        scope: scope(plan, from),
        notes: plan.notes.clone(),
        at: plan.started_at,
    }
}

/// Looks at the target; waits for another run to let go of it, if that is wanted.
async fn look(
    job: &Job<'_>,
    target: &Target,
    start: Instant,
    slot: &mut Slot<'_>,
) -> Result<Inspection, Failure> {
    loop {
        let mut inspection =
            job.dest.inspect(target).await.map_err(|error| failure::destination(target, &error))?;
        failure::owned(target, &inspection)?;
        let now = job.plan.started_at.plus(start.elapsed());
        let Some(other) = inspection.lease.as_ref().filter(|other| lease::live(other, now)) else {
            inspection.notes.extend(job.dest.remark(&target.schema));
            return Ok(inspection);
        };
        if !job.plan.wait {
            return Err(failure::leased(target, other));
        }
        // Who waits for another program keeps none of this one waiting.
        slot.decide();
        let (why, until) = (Wait::DestinationLocked, now.plus(PATIENCE));
        job.tell(&Event::Waiting { why, wait: PATIENCE, waited: None, until, elapsed: start.elapsed() });
        let mut stop = job.stop.clone();
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Err(failure::interrupted(&target.source_table)),
            () = tokio::time::sleep(PATIENCE) => {}
        }
    }
}

/// How often `--wait` looks again.
const PATIENCE: Duration = Duration::from_secs(2);

pub(super) fn scope(plan: &Plan, from: Option<&State>) -> Scope {
    match from {
        _ if !plan.window.is_open() => Scope::Interval(plan.window),
        Some(state) if !state.complete => Scope::Remaining,
        Some(State { watermark: Some(watermark), .. }) => Scope::ChangedSince(*watermark),
        _ => Scope::Everything,
    }
}

/// Unique per run: its start, and the target, since the runs of one command start in the same microsecond. Eight digits
/// of it: with four, one command of four tables in ten thousand would have two runs of one name.
fn run_id(started_at: Micros, target: &Target) -> String {
    let mut hasher = DefaultHasher::new();
    (&target.account, &target.source_table, &target.schema, &target.table, std::process::id())
        .hash(&mut hasher);
    let digits: String =
        started_at.to_string().chars().filter(|c| c.is_ascii_digit() || *c == 'T' || *c == '.').collect();
    let (time, _) = digits.split_at(digits.len().saturating_sub(4));
    format!("{time}Z-{:08x}", hasher.finish() & 0xffff_ffff)
}
