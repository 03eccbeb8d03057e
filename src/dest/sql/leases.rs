//! Who may write to a table: reading, judging and taking leases.
//!
//! A lease is of a destination table, whatever account and source table its rows come from: two runs that load two
//! accounts into one table exclude each other as well. Whether a lease that is found still counts is decided here, not in
//! SQL.

use super::cells::LedgerLine;
use super::engine::Engine;
use super::ledger::{self, LEASES};
use super::script::Script;
use super::{Dialect, TableName};
use crate::dest::{Commit, DestError, DestErrorKind, Target};
use crate::model::lease::{self, Claim};
use crate::model::{Lease, Micros};

/// The lease of a table, expired or not; the longest, if there are several.
///
/// # Errors
/// When it cannot be read.
pub(crate) async fn read<E: Engine>(engine: &E, table: &TableName) -> Result<Option<Lease>, DestError> {
    let lines = engine.lines_about(LEASES, table).await?;
    Ok(longest(lines.iter().map(LedgerLine::lease)))
}

/// Of several leases of a table the one that counts: every reader finds the same.
pub(crate) fn longest(leases: impl IntoIterator<Item = Lease>) -> Option<Lease> {
    leases.into_iter().min_by(|a, b| b.until.cmp(&a.until).then_with(|| a.run.cmp(&b.run)))
}

/// Refused if another run holds a lease that `live` counts, now that a run asks for `lease`; and if the run's own, which it
/// wants to renew, is not there any more.
///
/// # Errors
/// [`crate::dest::DestErrorKind::Leased`].
pub fn judge(
    target: &Target,
    held: Option<&Lease>,
    lease: &Lease,
    claim: Claim,
    live: fn(&Lease, Micros) -> bool,
) -> Result<(), DestError> {
    if claim == Claim::Renew && held.is_none_or(|held| held.run != lease.run) {
        return Err(gone(&target.schema, &target.table, held));
    }
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
/// [`crate::dest::DestErrorKind::Leased`], see [`judge`].
pub(crate) async fn take<E: Engine>(
    engine: &E,
    target: &Target,
    lease: &Lease,
    claim: Claim,
    live: fn(&Lease, Micros) -> bool,
) -> Result<(), DestError> {
    let (d, table) = (engine.dialect(), engine.table(&target.table));
    judge(target, read(engine, &table).await?.as_ref(), lease, claim, live)?;
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

/// Another run holds the target.
#[must_use]
pub fn refused(target: &Target, held: &Lease) -> DestError {
    held_by(&target.schema, &target.table, Some(held))
}

/// Another run holds a table, or held it a moment ago.
pub(crate) fn held_by(schema: &str, table: &str, held: Option<&Lease>) -> DestError {
    let by = held.map_or(String::new(), |held| format!(" ({})", lease::told(held)));
    let message = format!("table {schema}.{table} is being loaded by another run{by}");
    DestError::new(DestErrorKind::Leased, message).hint("wait for it with --wait, or run again later")
}

/// A run's lease is not its own any more: it has slept or was cut off for longer than that lasts, or all that was there is
/// gone. `held` is whose it is now.
#[must_use]
pub fn gone(schema: &str, table: &str, held: Option<&Lease>) -> DestError {
    if held.is_some() {
        return held_by(schema, table, held);
    }
    let message = format!(
        "table {schema}.{table}: the lease of this run is gone, since another run has loaded the table meanwhile, or \
             tables were dropped or replaced"
    );
    DestError::new(DestErrorKind::Leased, message)
        .hint("nothing more was written; run the same command again, it goes on from what is stored")
}

/// Why a commit came to an end whose lease was lost.
pub(crate) async fn lost<E: Engine>(engine: &E, schema: &str, table: &str) -> DestError {
    match read(engine, &engine.table(table)).await {
        Ok(held) => gone(schema, table, held.as_ref()),
        Err(error) => error,
    }
}

/// What a script does with the lease once its rows are in: renews it or gives it up. `there`: whether there are leases.
pub(crate) fn renew(
    script: &mut Script,
    d: &dyn Dialect,
    table: &TableName,
    target: &Target,
    commit: &Commit,
    there: bool,
) {
    match &commit.lease {
        lease if commit.release => {
            let run = lease.as_ref().map_or(&commit.run.id, |lease| &lease.run);
            script.then(there.then(|| ledger::give_up(d, table, run)));
        }
        Some(lease) => script.then(ledger::write_lease(d, table, target, lease)),
        None => {}
    }
}
