//! What is there before a run.

use super::cells::Line;
use super::commit::Seen;
use super::dialect::Shape;
use super::engine::Engine;
use super::leases;
use super::ledger::{self, LEASES, STATE, newer};
use super::shadow::{is_shadow_of, shadow};
use crate::dest::{DestError, Inspection, Owner, Target};
use crate::model::State;

/// What is remembered of the target, who else has a state for its table, and who holds it. `shape`: that of the table;
/// `place`: what messages call the database.
///
/// # Errors
/// When it cannot be read, and [`crate::dest::DestErrorKind::NewerState`].
pub(crate) async fn look_up<E: Engine>(
    engine: &E,
    seen: &Seen,
    target: &Target,
    shape: Option<&Shape>,
    place: &str,
) -> Result<Inspection, DestError> {
    let (d, table) = (engine.dialect(), engine.table(&target.table));
    let mut found = Inspection { columns: shape.map(Shape::known), ..Inspection::default() };
    if seen.has(d, LEASES) {
        found.lease = leases::read(engine, &table).await?;
    }
    let aside = seen.tables.iter().any(|name| is_shadow_of(name, &table.table));
    if !seen.has(d, STATE) || !(shape.is_some() || aside) {
        return Ok(found);
    }
    let mut lines = engine.lines(STATE, &ledger::of_table(d, &table)).await?;
    lines.sort_by_cached_key(|line| {
        ["account", "source_table", "rows_in"].map(|name| line.text(name).to_owned())
    });
    let names = lines
        .iter()
        .map(|line| ["account", "source_table", "rows_in"].map(|name| line.text(name).to_owned()));
    let there = |rows_in: &str| if rows_in.is_empty() { shape.is_some() } else { seen.has(d, rows_in) };
    found.owners =
        Owner::others(target, names.map(|[account, source, rows_in]| (account, source, rows_in)), there);
    let own = |rows_in: &str| -> Result<Option<State>, DestError> {
        let mine = |line: &&Line| {
            line.text("account") == target.account
                && line.text("source_table") == target.source_table
                && line.text("rows_in") == rows_in
        };
        let Some(line) = lines.iter().find(mine) else { return Ok(None) };
        line.state().map(Some).map_err(|version| newer(target.into(), place, version))
    };
    if let Some(hidden) = shadow(target, target.strategy).filter(|hidden| seen.has(d, hidden)) {
        found.aside = own(&hidden)?;
    }
    if shape.is_some() {
        found.state = own("")?;
    }
    Ok(found)
}
