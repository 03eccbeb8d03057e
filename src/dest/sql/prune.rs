//! The ledger does not grow for ever: old runs and old values that did not fit go with a run's last commit.

use super::ledger::{REJECTS, RUNS, Whose};
use super::script::{Script, ScriptStep, When};
use super::{Dialect, TableName};
use crate::dest::Keep;

/// Removes what is not kept of one account, source table and destination table. It is looked first: most runs find nothing.
/// `rejects`: whether there are any.
pub(crate) fn prune(
    script: &mut Script,
    d: &dyn Dialect,
    table: &TableName,
    whose: Whose<'_>,
    keep: Keep,
    rejects: bool,
) {
    let lines = whose.lines(d);
    if let Some(most) = keep.runs {
        let runs = table.beside(RUNS).sql(d);
        let older = format!(
            "SELECT run_id FROM (SELECT run_id, ROW_NUMBER() OVER (ORDER BY started_at DESC, run_id DESC) AS nth \
             FROM {runs} WHERE {lines}) AS _ingestr_told WHERE nth > {most}"
        );
        script.body([ScriptStep::Only(
            When::Holds(format!("(SELECT COUNT(*) FROM {runs} WHERE {lines}) > {most}")),
            vec![format!("DELETE FROM {runs} WHERE {lines} AND run_id IN ({older})")],
        )]);
    }
    if let (Some(since), true) = (keep.rejects, rejects) {
        let (name, since) = (table.beside(REJECTS).sql(d), d.instant(since));
        let old = format!("{lines} AND rejected_at < {since}");
        script.body([ScriptStep::Only(
            When::Holds(format!("EXISTS (SELECT 1 FROM {name} WHERE {old})")),
            vec![format!("DELETE FROM {name} WHERE {old}")],
        )]);
    }
}
