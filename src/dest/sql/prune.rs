//! The ledger does not grow for ever: old runs and old values that did not fit go with a run's last commit.

use super::ledger::{REJECTS, RUNS, Whose};
use super::script::{Script, ScriptStep, When};
use super::{Dialect, TableName};
use crate::model::Micros;

/// Removes runs of one account, source table and destination table, but for so many of the last. It is looked first: most runs
/// find nothing.
pub(crate) fn runs(script: &mut Script, d: &dyn Dialect, table: &TableName, whose: Whose<'_>, most: u64) {
    let lines = whose.lines(d);
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

/// The same of values that did not fit, from before a time.
pub(crate) fn rejects(
    script: &mut Script,
    d: &dyn Dialect,
    table: &TableName,
    whose: Whose<'_>,
    since: Micros,
) {
    let (lines, name) = (whose.lines(d), table.beside(REJECTS).sql(d));
    let old = format!("{lines} AND rejected_at < {}", d.instant(since));
    script.body([ScriptStep::Only(
        When::Holds(format!("EXISTS (SELECT 1 FROM {name} WHERE {old})")),
        vec![format!("DELETE FROM {name} WHERE {old}")],
    )]);
}
