//! Who may write to a table of the file: reading, taking and giving up leases.
//!
//! A lease is of a destination table, whatever account and source table its rows come from: two runs that load two
//! accounts into one table exclude each other as well.

use duckdb::Connection;

use super::books::{about, book, delete, ensure, insert, instant, text};
use super::dialect::DuckDialect;
use crate::dest::sql::Dialect;
use crate::dest::sql::ledger::{LEASES, lease_columns, refused};
use crate::dest::{Commit, DestError, Target};
use crate::model::lease;
use crate::model::{Lease, Micros};

fn of_table(schema: &str, table: &str) -> String {
    format!("lower(dest_schema) = lower({}) AND lower(dest_table) = lower({})", text(schema), text(table))
}

/// The lease of a table, expired or not.
pub(super) fn read(connection: &Connection, schema: &str, table: &str) -> duckdb::Result<Option<Lease>> {
    let name = book(schema, LEASES);
    let sql = format!(
        "SELECT run_id, process, \"since\", \"until\" FROM {} WHERE {} ORDER BY \"until\" DESC LIMIT 1",
        name.sql(&DuckDialect),
        of_table(schema, table)
    );
    let Some(mut statement) = about(connection, &name, &sql)? else { return Ok(None) };
    let mut rows = statement.query([])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    // A lease without its dates was not written by us: it holds nobody up.
    let at = |value: duckdb::types::Value| instant(&value).unwrap_or(Micros(0));
    Ok(Some(Lease { run: row.get(0)?, process: row.get(1)?, since: at(row.get(2)?), until: at(row.get(3)?) }))
}

/// Takes the lease or renews it; refused if another run holds one that `live` counts.
pub(super) fn take(
    connection: &Connection,
    target: &Target,
    lease: &Lease,
    live: fn(&Lease, Micros) -> bool,
) -> duckdb::Result<Result<(), DestError>> {
    // The one who asks wants a whole term from now.
    let now = lease.until.minus(lease::TERM);
    match read(connection, &target.schema, &target.table)? {
        Some(held) if held.run != lease.run && live(&held, now) => Ok(Err(refused(target, &held))),
        _ => write(connection, target, lease).map(Ok),
    }
}

/// Refused if another run has taken the lease, dead or alive: what this one meant to write may be outdated.
pub(super) fn still_held(
    connection: &Connection,
    target: &Target,
    lease: &Lease,
) -> duckdb::Result<Result<(), DestError>> {
    match read(connection, &target.schema, &target.table)? {
        Some(held) if held.run != lease.run => Ok(Err(refused(target, &held))),
        _ => Ok(Ok(())),
    }
}

/// What a commit does with the lease once its rows are in: renews it or gives it up.
pub(super) fn after_commit(connection: &Connection, target: &Target, commit: &Commit) -> duckdb::Result<()> {
    match &commit.lease {
        lease if commit.release => {
            let run = lease.as_ref().map_or(&commit.run.id, |lease| &lease.run);
            give_up(connection, target, run)
        }
        Some(lease) => write(connection, target, lease),
        None => Ok(()),
    }
}

/// Gives the lease up if it is that run's.
pub(super) fn give_up(connection: &Connection, target: &Target, run: &str) -> duckdb::Result<()> {
    let its = format!("{} AND run_id = {}", of_table(&target.schema, &target.table), text(run));
    delete(connection, &book(&target.schema, LEASES), &its)
}

/// Forgets whoever holds a table.
pub(super) fn forget(connection: &Connection, schema: &str, table: &str) -> duckdb::Result<()> {
    delete(connection, &book(schema, LEASES), &of_table(schema, table))
}

fn write(connection: &Connection, target: &Target, lease: &Lease) -> duckdb::Result<()> {
    let name = book(&target.schema, LEASES);
    ensure(connection, &name, &lease_columns())?;
    forget(connection, &target.schema, &target.table)?;
    let sql = insert(
        &name,
        &[
            ("account", text(&target.account)),
            ("source_table", text(&target.source_table)),
            ("dest_schema", text(&target.schema)),
            ("dest_table", text(&target.table)),
            ("run_id", text(&lease.run)),
            ("process", text(&lease.process)),
            ("since", DuckDialect.instant(lease.since)),
            ("until", DuckDialect.instant(lease.until)),
        ],
    );
    connection.execute(&sql, []).map(|_| ())
}
