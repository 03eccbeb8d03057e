//! What a run would do, found out as a run finds it out: the destination is looked at, nothing is written and nothing
//! is asked of the source.

use super::names::{can_go_on, normaliser};
use super::prepare::{begins_from, read_request, scope};
use super::target::target;
use super::waits::Waits;
use super::{backfill, failure};
use super::{lost_columns, mapping};
use crate::dest::{Destination, Inspection};
use crate::error::Failure;
use crate::normalise::Normaliser;
use crate::plan::Plan;
use crate::report::Scope;
use crate::source::{ReadRequest, Source};

/// What would be asked of the source, and what that means.
#[derive(Debug)]
pub(crate) struct Intent {
    pub(crate) request: ReadRequest,
    pub(crate) scope: Scope,
    /// What a run would warn of.
    pub(crate) notes: Vec<String>,
}

/// # Errors
/// Whatever would stop the run before its first request, except another run.
pub(crate) async fn preview(
    plan: &Plan,
    source: &dyn Source,
    dest: &dyn Destination,
    waits: &Waits,
) -> Result<Intent, Failure> {
    let spec = plan.table;
    let shape = Normaliser::new(&spec.columns(), spec.key, &[], &plan.shaping);
    let target = target(plan, source, shape.documented());
    let looked = waits.patiently(async || dest.inspect(&target).await).await;
    let mut inspection: Inspection = looked.map_err(|failed| failure::destination(&target, &failed.error))?;
    failure::owned(&target, &inspection)?;
    failure::versioned(&target, &inspection)?;
    can_go_on(plan, &inspection)?;
    let normaliser = normaliser(plan, &inspection);
    let mut mapping = mapping::follow(plan, source, &normaliser, &target, &mut inspection)?;
    lost_columns::forget(plan, &normaliser, &target, &mut inspection, &mut mapping)?;
    let from = begins_from(plan, source, &inspection);
    let (_, backfill) = backfill::of(plan, from.as_ref(), &inspection);
    let fills = backfill.map(|backfill| backfill.forecast(inspection.held));
    let notes = dest.remark(&plan.schema).into_iter().chain(inspection.notes).chain(fills).collect();
    Ok(Intent { scope: scope(plan, from.as_ref()), request: read_request(plan, from), notes })
}
