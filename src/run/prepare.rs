//! Before the first request: what is there, what is to be read, and what will be written.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use tokio::time::Instant;

use super::child::Child;
use super::eta::Eta;
use super::meter::Meter;
use super::names::{can_go_on, normaliser};
use super::shared::Slot;
use super::staged::Staged;
use super::waits::Waits;
use super::{Done, Job, Run, backfill, failure, lost_columns, mapping, target};
use crate::dest::{Asked, Inspection, Target};
use crate::error::Failure;
use crate::http::Observer;
use crate::model::lease;
use crate::model::{Micros, State, Strategy};
use crate::normalise::Normaliser;
use crate::plan::Plan;
use crate::report::{Event, Scope, Start};
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
        let waits = Waits::of(plan, &job.reporter, &job.stop, start, slot.telling());
        let mut inspection = until_stopped(&job, look(&job, &target, &waits, start, slot)).await?;
        can_go_on(plan, &inspection)?;
        let described = inspection.state.as_ref().map(|state| state.described.clone()).unwrap_or_default();
        let normaliser = normaliser(plan, &inspection);
        let mut own = mapping::follow(plan, job.source, &normaliser, &target, &mut inspection)?;
        let found = lost_columns::forget(plan, &normaliser, &target, &mut inspection, &mut own)?;
        let mut from = begins_from(plan, job.source, &inspection);
        let (children, mut child_targets) = children_of(&job, &target, &waits).await?;
        if plan.strategy == Strategy::Replace {
            from = from.filter(|aside| children.iter().all(|child: &Child<'_>| child.waits_with(aside)));
        }
        target.asked = asked(plan, &named, from.as_ref());
        let fresh = plan.strategy != Strategy::Replace || from.is_none();
        std::iter::once(&mut target).chain(&mut child_targets).for_each(|target| target.fresh = fresh);
        let meter = Arc::new(Meter::new(spec.name, Arc::clone(&job.reporter), start, plan.started_at));
        let request = read_request(plan, from.clone());
        let observer: Arc<dyn Observer> = Arc::<Meter>::clone(&meter);
        let pages =
            job.source.read(request, observer).map_err(|error| failure::source(job.source, spec, &error))?;
        job.tell(&Event::Started(&announced(&job, from.as_ref())));
        let id = run_id(plan.started_at, &target);
        slot.decide();
        let state = from.clone().unwrap_or_else(|| job.source.nothing_known());
        let (filled, backfill) = backfill::of(plan, from.as_ref(), &inspection);
        let of_children = children.iter().map(|child| (child.plan.table.name, child.mapping.clone()));
        let mappings = std::iter::once((spec.name, own)).chain(of_children).collect();
        let state = State { filled, described, mappings, ..state };
        let mut run = Self {
            job,
            slot,
            target,
            children,
            child_targets,
            found,
            normaliser,
            pages,
            meter,
            id,
            start,
            stored: from.clone(),
            basis: inspection.basis,
            names_anew: inspection.names.is_none(),
            first: inspection.state.as_ref().is_none_or(|state| !state.complete),
            from_zero: from.as_ref().is_none_or(|from| from.complete),
            state,
            load: None,
            staged: Staged::nothing(start),
            done: Done::default(),
            eta: Eta::default(),
            waits,
            leased: None,
            overtaken: false,
            outdated: false,
            left_out: None,
            backfill,
            torn: false,
        };
        inspection.notes.into_iter().for_each(|note| run.warn(note));
        Ok(run)
    }
}

/// Which rows of what is replaced are asked for. A list that is sorted by creation is read some days past the start of a window and
/// no further. Without a window, what came since the last run is read, and between the oldest and the newest of it may lie rows
/// that nobody asked for.
fn asked(plan: &Plan, named: &Normaliser, from: Option<&State>) -> Asked {
    if plan.window.is_open() {
        return if from.is_some() { Asked::Untold } else { Asked::All };
    }
    let (Some(start), Some(days)) = (plan.window.start, plan.looks_back()) else { return Asked::All };
    let created = named.destination_name(SortField::Created.column());
    created.map_or(Asked::Untold, |created| Asked::Since(created, start.minus(days)))
}

/// Where reading goes on. A replacement starts from zero, unless an earlier one that read the same was not finished.
pub(super) fn begins_from(plan: &Plan, source: &dyn Source, found: &Inspection) -> Option<State> {
    match plan.strategy {
        Strategy::Replace => {
            let written = mapping::all(plan, source);
            let same = |aside: &State| aside.mappings.0.is_empty() || aside.mappings == written;
            let aside = found.aside.clone().filter(|aside| plan.limit.is_none() && same(aside));
            aside.filter(|aside| source.continues(plan.table, plan.window, aside))
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

/// Looks at what is there, which may block for as long as a file system likes, or ends when the run shall stop.
async fn until_stopped<T>(
    job: &Job<'_>,
    look: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let mut stop = job.stop.clone();
    tokio::select! {
        biased;
        found = look => found,
        _ = stop.wait_for(|stop| *stop) => Err(failure::interrupted(job.plan.table.name)),
    }
}

/// Looks at the child tables: each of them, and what is written of it.
async fn children_of<'a>(
    job: &Job<'a>,
    target: &Target,
    waits: &Waits,
) -> Result<(Vec<Child<'a>>, Vec<Target>), Failure> {
    let (mut children, mut targets) = (Vec::new(), Vec::new());
    for child in &job.plan.children {
        let looked = Child::prepare((job.source, job.dest), child, target, waits);
        if let Some((child, target)) = until_stopped(job, looked).await? {
            children.push(child);
            targets.push(target);
        }
    }
    Ok((children, targets))
}

/// Looks at the target; waits for others to let go of it.
async fn look(
    job: &Job<'_>,
    target: &Target,
    waits: &Waits,
    start: Instant,
    slot: &mut Slot<'_>,
) -> Result<Inspection, Failure> {
    let (limit, mut told) = (job.plan.patience.run, waits.for_a_run(job.plan.patience.run));
    loop {
        let mut looked = false;
        let inspect = async || {
            // Who waits for another program keeps none of this one waiting.
            if std::mem::replace(&mut looked, true) {
                slot.decide();
                slot.known();
            }
            job.dest.inspect(target).await
        };
        let mut inspection = waits.patiently(inspect).await.map_err(|failed| failed.explain(target))?;
        failure::owned(target, &inspection)?;
        failure::versioned(target, &inspection)?;
        let now = job.plan.started_at.plus(start.elapsed());
        let Some(other) = inspection.lease.as_ref().filter(|other| lease::live(other, now)) else {
            let remark = job.dest.remark(&target.schema);
            inspection.notes.extend(remark.filter(|remark| slot.says_first(remark)));
            return Ok(inspection);
        };
        let leased = failure::leased(target, other, limit);
        slot.decide();
        slot.known();
        if !told.for_run(&leased.headline).await {
            return Err(leased);
        }
    }
}

pub(super) fn scope(plan: &Plan, from: Option<&State>) -> Scope {
    match from {
        _ if !plan.window.is_open() => Scope::Interval(plan.window),
        Some(state) if !state.complete => Scope::Remaining,
        Some(State { watermark: Some(watermark), .. }) => Scope::ChangedSince(*watermark),
        _ => Scope::Everything,
    }
}

/// Unique per run: its start, and the target, since the runs of one command start in the same microsecond. Eight digits
/// of it: with four, one command of four tables in ten thousand would have two runs of one name. By this form files know what is
/// theirs (`dest/files/names.rs`).
fn run_id(started_at: Micros, target: &Target) -> String {
    let mut hasher = DefaultHasher::new();
    (&target.account, &target.source_table, &target.schema, &target.table, std::process::id())
        .hash(&mut hasher);
    let digits: String =
        started_at.to_string().chars().filter(|c| c.is_ascii_digit() || *c == 'T' || *c == '.').collect();
    let (time, _) = digits.split_at(digits.len().saturating_sub(4));
    format!("{time}Z-{:08x}", hasher.finish() & 0xffff_ffff)
}
