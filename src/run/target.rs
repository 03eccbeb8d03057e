//! What is written, as the plan decided it.

use crate::dest::Target;
use crate::model::{Column, DELETED_AT, Deletes, LogicalType, MERGED_INTO};
use crate::plan::Plan;
use crate::source::{Late, Source};

/// Everything decided about the table that is written.
pub(super) fn target(plan: &Plan, source: &dyn Source, mut columns: Vec<Column>) -> Target {
    let marks = plan.late() == Late::ChangesAndDeletions && plan.deletes == Deletes::Soft;
    if marks && plan.table.deletions() {
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
