//! Before the first request: what is there, what is to be read, and what will be written.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::crew::Member;
use super::ear::Ear;
use super::outlook::Outlook;
use super::store::Staged;
use super::{Done, Job, Run, words};
use crate::dest::{Inspection, Target};
use crate::error::Failure;
use crate::http::Listener;
use crate::model::lease;
use crate::model::{Column, DELETED_AT, Deletes, LogicalType, MERGED_INTO, SourceState, State, Strategy};
use crate::normalise::Normaliser;
use crate::plan::Plan;
use crate::report::{Event, Scope, Start, Wait};
use crate::source::{Late, Outside, Overlap, ReadRequest, Source, TableSpec};

impl<'a, 'm> Run<'a, 'm> {
    /// Looks at the destination and starts reading; nothing is written and no request is sent.
    pub(super) async fn prepare(
        job: Job<'a>,
        start: Instant,
        member: &'m mut Member<'a>,
    ) -> Result<Self, Failure> {
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
        let inspection = look(&job, &target, start, member).await?;
        let normaliser = shape(&inspection);
        let from = begins_from(plan, job.source, &inspection);
        target.fresh = plan.strategy != Strategy::Replace || from.is_none();
        let ear = Arc::new(Ear::new(spec.name, Arc::clone(&job.reporter), start, plan.started_at));
        let request = read_request(plan, from.clone());
        let listener: Arc<dyn Listener> = Arc::<Ear>::clone(&ear);
        let pages =
            job.source.read(request, listener).map_err(|error| words::source(job.source, spec, &error))?;
        job.tell(&Event::Started(&announced(&job, from.as_ref())));
        let id = words::run_id(plan.started_at, &target);
        member.decide();
        let mut run = Self {
            job,
            member,
            target,
            normaliser,
            pages,
            ear,
            id,
            start,
            stored: from.clone(),
            from_zero: from.as_ref().is_none_or(|from| from.complete),
            state: from.unwrap_or_else(nothing_known),
            load: None,
            staged: Staged::nothing(start),
            done: Done::default(),
            outlook: Outlook::default(),
            leased: None,
            overtaken: false,
        };
        for note in inspection.notes {
            run.warn(note);
        }
        Ok(run)
    }
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
        late: late(plan, plan.table),
        confirmed: plan.confirmed,
        now: plan.started_at,
    }
}

/// Rows outside of a window are updates where rows are merged by key. A limited run is about so many rows of the window.
fn outside(plan: &Plan) -> Outside {
    match plan.strategy {
        Strategy::Merge | Strategy::Scd2 if plan.limit.is_none() => Outside::Updates,
        Strategy::Merge | Strategy::Scd2 | Strategy::Replace | Strategy::Append | Strategy::DeleteInsert => {
            Outside::Dropped
        }
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

/// Everything decided about the table that is written.
pub(super) fn target(plan: &Plan, source: &dyn Source, mut columns: Vec<Column>) -> Target {
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
        hints: plan.hints.clone(),
        fresh: true,
    }
}

/// What makes sense to look for: rows that are only added cannot be corrected, and a window is replaced as it is.
/// Tombstones go by the table's own key.
pub(super) fn late(plan: &Plan, spec: &TableSpec) -> Late {
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
async fn look(
    job: &Job<'_>,
    target: &Target,
    start: Instant,
    member: &mut Member<'_>,
) -> Result<Inspection, Failure> {
    loop {
        let inspection =
            job.dest.inspect(target).await.map_err(|error| words::destination(target, &error))?;
        words::owned(target, &inspection)?;
        let now = job.plan.started_at.plus(start.elapsed());
        let Some(other) = inspection.lease.as_ref().filter(|other| lease::live(other, now)) else {
            return Ok(inspection);
        };
        if !job.plan.wait {
            return Err(words::leased(target, other));
        }
        // Who waits for another program keeps none of this one waiting.
        member.decide();
        let (why, until) = (Wait::DestinationLocked, now.plus(PATIENCE));
        job.tell(&Event::Waiting { why, wait: PATIENCE, waited: None, until, elapsed: start.elapsed() });
        let mut stop = job.stop.clone();
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => return Err(words::interrupted(&target.source_table)),
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
