//! What is written, as the plan decided it.

use crate::dest::{Asked, Target};
use crate::model::{Column, DELETED_AT, Deletes, LogicalType, MERGED_INTO};
use crate::plan::Plan;
use crate::source::{Late, Removals, Resource, Source};

/// Everything decided about the table that is written.
pub(super) fn target(plan: &Plan, source: &dyn Source, mut columns: Vec<Column>) -> Target {
    // These are there whatever is done with them, so that a question that leaves out deleted rows can be asked of every table.
    if plan.corrects {
        columns.push(Column::new(DELETED_AT, LogicalType::Timestamp));
    }
    if plan.corrects && merges(plan.table) {
        columns.push(Column::new(MERGED_INTO, LogicalType::Int64));
    }
    let looks = plan.late() == Late::ChangesAndDeletions && plan.table.deletions();
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
        asked: Asked::All,
        deletes: if looks { plan.deletes } else { Deletes::Ignore },
        hints: plan.hints.clone(),
        fresh: true,
    }
}

/// Whether it can be known into which row another one was merged.
fn merges(table: &Resource) -> bool {
    matches!(table.removals, Removals::Events(_) | Removals::Absence)
}
