//! Who may write to a table: reading, judging and taking leases.
//!
//! A lease is of a destination table, whatever account and source table its rows come from: two runs that load two
//! accounts into one table exclude each other as well. Whether a lease that is found still counts is decided here, not in
//! SQL.

use super::TableName;
use super::cells::Line;
use super::engine::Engine;
use super::ledger::{self, LEASES, held_by, refused};
use crate::dest::{DestError, Target};
use crate::model::lease;
use crate::model::{Lease, Micros};

/// The lease of a table, expired or not; the longest, if there are several.
///
/// # Errors
/// When it cannot be read.
pub(crate) async fn read<E: Engine>(engine: &E, table: &TableName) -> Result<Option<Lease>, DestError> {
    let lines = engine.lines(LEASES, &ledger::of_table(engine.dialect(), table)).await?;
    Ok(longest(lines.iter().map(Line::lease)))
}

/// Of several leases of a table the one that counts: every reader finds the same.
pub(crate) fn longest(leases: impl IntoIterator<Item = Lease>) -> Option<Lease> {
    leases.into_iter().min_by(|a, b| b.until.cmp(&a.until).then_with(|| a.run.cmp(&b.run)))
}

/// Refused if another run holds a lease that `live` counts, now that a run asks for `lease`.
///
/// # Errors
/// [`crate::dest::DestErrorKind::Leased`].
pub(crate) fn judge(
    target: &Target,
    held: Option<&Lease>,
    lease: &Lease,
    live: fn(&Lease, Micros) -> bool,
) -> Result<(), DestError> {
    // The one who asks wants a whole term from now.
    let now = lease.until.minus(lease::TERM);
    match held.filter(|held| held.run != lease.run && live(held, now)) {
        Some(held) => Err(refused(target, held)),
        None => Ok(()),
    }
}

/// Takes the lease or renews it, inside a transaction that is open.
///
/// # Errors
/// [`crate::dest::DestErrorKind::Leased`] if another run holds one that `live` counts.
pub(crate) async fn take<E: Engine>(
    engine: &E,
    target: &Target,
    lease: &Lease,
    live: fn(&Lease, Micros) -> bool,
) -> Result<(), DestError> {
    let (d, table) = (engine.dialect(), engine.table(&target.table));
    judge(target, read(engine, &table).await?.as_ref(), lease, live)?;
    let there = engine.ledger_columns(LEASES).await?;
    let made = ledger::prepare(d, &table.beside(LEASES), LEASES, there.as_deref());
    for sql in made.into_iter().chain(ledger::write_lease(d, &table, target, lease)) {
        engine.execute(&sql).await?;
    }
    Ok(())
}

/// Gives the lease up if it is that run's.
///
/// # Errors
/// When it cannot be written.
pub(crate) async fn release<E: Engine>(engine: &E, target: &Target, run: &str) -> Result<(), DestError> {
    if engine.ledger_columns(LEASES).await?.is_some() {
        engine.execute(&ledger::give_up(engine.dialect(), &engine.table(&target.table), run)).await?;
    }
    Ok(())
}

/// Why a commit came to an end whose lease was lost.
pub(crate) async fn lost<E: Engine>(engine: &E, schema: &str, table: &str) -> DestError {
    match read(engine, &engine.table(table)).await {
        Ok(held) => held_by(schema, table, held.as_ref()),
        Err(error) => error,
    }
}
