//! What is there before a run.

use super::Dialect;
use super::cells::LedgerLine;
use super::columns::same;
use super::commit::Seen;
use super::dialect::Shape;
use super::engine::Engine;
use super::guards::apart;
use super::identity::Apart;
use super::leases;
use super::ledger::{LEASES, NAMES, STATE, newer};
use super::names;
use super::shadow::shadow;
use crate::dest::{DestError, DestErrorKind, Inspection, Owner, Target};
use crate::model::{LogicalType, Strategy};

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
    check_key(d, target, shape)?;
    let mut found = Inspection { columns: shape.map(Shape::known), ..Inspection::default() };
    found.theirs = shape.map(Shape::theirs).unwrap_or_default();
    found.lacking = shape.map(|shape| target.lacking(|name| shape.find(name).is_some())).unwrap_or_default();
    if seen.has(d, LEASES) {
        found.lease = leases::read(engine, &table).await?;
    }
    if !seen.has(d, STATE) {
        return Ok(found);
    }
    let mut another = false;
    let mut lines = engine.lines_about(STATE, &table).await?;
    lines.sort_by_cached_key(|line| {
        ["account", "source_table", "rows_in"].map(|name| line.text(name).to_owned())
    });
    let names = lines
        .iter()
        .map(|line| ["account", "source_table", "rows_in"].map(|name| line.text(name).to_owned()));
    let there = |rows_in: &str| if rows_in.is_empty() { shape.is_some() } else { seen.has(d, rows_in) };
    found.owners =
        Owner::others(target, names.map(|[account, source, rows_in]| (account, source, rows_in)), there);
    let mine = |rows_in: &str| {
        lines.iter().find(|line| {
            line.text("account") == target.account
                && line.text("source_table") == target.source_table
                && line.text("rows_in") == rows_in
        })
    };
    let state_of = |line: &LedgerLine| line.state().map_err(|version| newer(target.into(), place, version));
    if let Some(hidden) = shadow(target, target.strategy)
        && let Some(line) = mine(&hidden)
    {
        found.basis.aside = Some(line.written());
        let name = engine.table(&hidden);
        if apart(engine, line, &name, engine.identity(&name).await?.as_ref()).await?.is_none() {
            found.aside = Some(state_of(line)?);
        }
    }
    if let Some(line) = mine("") {
        found.basis.own = Some(line.written());
        match apart(engine, line, &table, shape.map(|shape| &shape.identity)).await? {
            None => found.state = Some(state_of(line)?),
            Some(apart) => {
                another = apart == Apart::Another;
                found.basis.apart = true;
                if target.strategy != Strategy::Replace {
                    found.notes.push(apart.note(&target.schema, &target.table));
                }
            }
        }
    }
    // Names die with their table, and wait with the rows of one that is not there yet.
    let of_this = (shape.is_some() && !another) || found.aside.is_some();
    if of_this && seen.has(d, NAMES) {
        found.names = Some(names::read(engine, &table).await?);
    }
    Ok(found)
}

/// Refuses a key that the database cannot compare. Where nothing is looked for by key, it does no harm.
fn check_key(d: &dyn Dialect, target: &Target, shape: Option<&Shape>) -> Result<(), DestError> {
    if d.compares_json() || target.strategy == Strategy::Append {
        return Ok(());
    }
    let documented = |key: &str| target.columns.iter().find(|column| same(&column.name, key));
    let is_json = |key: &&String| {
        let found = shape.and_then(|shape| shape.find(key));
        let logical = found.map_or_else(|| Some(documented(key)?.logical), |found| found.logical);
        logical == Some(LogicalType::Json)
    };
    let Some(key) = target.key.iter().find(is_json) else { return Ok(()) };
    let message = format!(
        "column {key} of table {}.{} is JSON, which this database does not compare: it can be no key",
        target.schema, target.table
    );
    Err(DestError::new(DestErrorKind::Shape, message).hint("name another column in --primary-key"))
}
