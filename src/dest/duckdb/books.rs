//! Reading and writing state, runs and rejects in the file; leases have a file of their own.

use duckdb::types::Value;
use duckdb::{Connection, params};

use super::dialect::DuckDialect;
use super::open::CATALOG;
use crate::dest::sql::books::{REJECTS, RUNS, STATE, Whose, reject_columns, run_columns, state_columns};
use crate::dest::sql::brought::same;
use crate::dest::sql::{Dialect, TableName, list};
use crate::dest::{Commit, Target};
use crate::schema::{Column, LogicalType, Micros};
use crate::state::{STATE_VERSION, SourceState, State};

/// What the state table says about one target.
#[derive(Debug)]
pub(super) enum Stored {
    Nothing,
    /// State, and the run that wrote it.
    Found(State, String),
    /// Written by a newer version.
    Newer(i64),
}

/// The book of that name in a schema.
pub(super) fn book(schema: &str, table: &str) -> TableName {
    TableName::new(CATALOG, schema, table)
}

/// Whether there is a table of that name. Preparing a statement asks the catalogue for that one table (0.1 ms); the list
/// of all tables is asked (0.6 ms) only where that fails, for whatever reason. A failed lookup leaves a transaction as it was.
pub(super) fn exists(connection: &Connection, name: &TableName) -> duckdb::Result<bool> {
    if connection.prepare(&format!("SELECT 1 FROM {} LIMIT 0", name.sql(&DuckDialect))).is_ok() {
        return Ok(true);
    }
    connection.query_row(
        "SELECT count(*) > 0 FROM duckdb_tables() WHERE database_name = ? AND lower(schema_name) = lower(?) \
         AND lower(table_name) = lower(?)",
        params![name.catalog, name.schema, name.table],
        |row| row.get(0),
    )
}

/// Creates the table, or adds the columns that a version before this one did not have. What is missing is found out
/// first: there are thirty columns in the books, and each `ALTER TABLE` is parsed, bound and planned though it does nothing.
pub(super) fn ensure(connection: &Connection, name: &TableName, columns: &[Column]) -> duckdb::Result<()> {
    let d = &DuckDialect;
    let table = name.sql(d);
    let declare = |c: &Column| format!("{} {}", d.quote(&c.name), d.type_name(c.logical));
    if !exists(connection, name)? {
        return connection.execute_batch(&format!("CREATE TABLE {table} ({})", list(columns, declare)));
    }
    // Not duckdb_columns(): it binds every view there is, DuckDB's own included (6 ms).
    let mut nothing = connection.prepare(&format!("SELECT * FROM {table} LIMIT 0"))?;
    let there = nothing.query([])?.as_ref().map(duckdb::Statement::column_names).unwrap_or_default();
    for column in columns.iter().filter(|c| !there.iter().any(|name| same(name, &c.name))) {
        let column = declare(column);
        connection.execute_batch(&format!("ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column}"))?;
    }
    Ok(())
}

const OF_TARGET: &str = "account = ? AND source_table = ? AND lower(dest_schema) = lower(?) \
                         AND lower(dest_table) = lower(?) AND rows_in = ?";

/// The state of the target's rows in `rows_in` (empty: the table itself).
pub(super) fn read_state<'a>(
    connection: &Connection,
    whose: impl Into<Whose<'a>>,
    rows_in: &str,
) -> duckdb::Result<Stored> {
    let Whose { account, source_table, schema, table } = whose.into();
    let name = book(schema, STATE);
    if !exists(connection, &name)? {
        return Ok(Stored::Nothing);
    }
    let at = params![account, source_table, schema, table, rows_in];
    let table = name.sql(&DuckDialect);
    let newest: Option<i64> =
        connection.query_row(&format!("SELECT max(version) FROM {table} WHERE {OF_TARGET}"), at, |row| {
            row.get(0)
        })?;
    match newest {
        None => return Ok(Stored::Nothing),
        Some(version) if version > STATE_VERSION => return Ok(Stored::Newer(version)),
        Some(_) => {}
    }
    connection.query_row(
        &format!("SELECT watermark, covered_since, complete, source, run_id FROM {table} WHERE {OF_TARGET}"),
        at,
        |row| {
            let state = State {
                watermark: instant(&row.get(0)?),
                covered_since: instant(&row.get(1)?),
                complete: row.get(2)?,
                source: SourceState(row.get(3)?),
            };
            Ok(Stored::Found(state, row.get(4)?))
        },
    )
}

pub(super) fn instant(value: &Value) -> Option<Micros> {
    match value {
        Value::Timestamp(duckdb::types::TimeUnit::Microsecond, micros) => Some(Micros(*micros)),
        _ => None,
    }
}

/// Forgets the state of rows that are gone.
pub(super) fn forget_state(connection: &Connection, target: &Target, rows_in: &str) -> duckdb::Result<()> {
    let name = book(&target.schema, STATE);
    if exists(connection, &name)? {
        let at = params![target.account, target.source_table, target.schema, target.table, rows_in];
        connection.execute(&format!("DELETE FROM {} WHERE {OF_TARGET}", name.sql(&DuckDialect)), at)?;
    }
    Ok(())
}

/// Writes the state of the rows in `rows_in`.
pub(super) fn write_state(
    connection: &Connection,
    target: &Target,
    rows_in: &str,
    commit: &Commit,
) -> duckdb::Result<()> {
    let name = book(&target.schema, STATE);
    ensure(connection, &name, &state_columns())?;
    forget_state(connection, target, rows_in)?;
    let state = &commit.state;
    let sql = insert(&name, &state_columns(), |column| match column {
        "watermark" => Some(optional(state.watermark)),
        "covered_since" => Some(optional(state.covered_since)),
        "updated_at" => Some(DuckDialect.instant(commit.run.ended_at)),
        _ => None,
    });
    connection.execute(
        &sql,
        params![
            target.account,
            target.source_table,
            target.schema,
            target.table,
            rows_in,
            STATE_VERSION,
            state.complete,
            state.source.0,
            commit.run.id
        ],
    )?;
    Ok(())
}

fn optional(at: Option<Micros>) -> String {
    at.map_or_else(|| "NULL".into(), |at| DuckDialect.instant(at))
}

/// `INSERT` with a placeholder for each column, or the literal that `literal` gives for it. Instants go as
/// literals: a bound timestamp has no zone, and would be read in the session's.
pub(super) fn insert(
    name: &TableName,
    columns: &[Column],
    literal: impl Fn(&str) -> Option<String>,
) -> String {
    let d = &DuckDialect;
    let values = list(columns, |c| literal(&c.name).unwrap_or_else(|| "?".into()));
    format!("INSERT INTO {} ({}) VALUES ({values})", name.sql(d), list(columns, |c| d.quote(&c.name)))
}

/// Rewrites the run's line.
pub(super) fn write_run(connection: &Connection, target: &Target, commit: &Commit) -> duckdb::Result<()> {
    let name = book(&target.schema, RUNS);
    ensure(connection, &name, &run_columns())?;
    let run = &commit.run;
    connection.execute(
        &format!(
            "DELETE FROM {} WHERE run_id = ? AND account = ? AND source_table = ? AND dest_table = ?",
            name.sql(&DuckDialect)
        ),
        params![run.id, target.account, target.source_table, target.table],
    )?;
    let sql = insert(&name, &run_columns(), |column| match column {
        "started_at" => Some(DuckDialect.instant(run.started_at)),
        "ended_at" => Some(DuckDialect.instant(run.ended_at)),
        _ => None,
    });
    connection.execute(
        &sql,
        params![
            run.id,
            target.account,
            target.source_table,
            target.table,
            run.outcome,
            run.rows_read,
            run.requests,
            run.retries,
            run.error
        ],
    )?;
    Ok(())
}

/// Whether this very commit is in the file: asked when DuckDB reported a failure of `COMMIT` itself.
pub(super) fn has_landed(connection: &Connection, target: &Target, commit: &Commit) -> duckdb::Result<bool> {
    let name = book(&target.schema, RUNS);
    if !exists(connection, &name)? {
        return Ok(false);
    }
    connection.query_row(
        &format!(
            "SELECT count(*) > 0 FROM {} WHERE run_id = ? AND account = ? AND source_table = ? AND dest_table = ? \
             AND ended_at = {} AND rows_read = ?",
            name.sql(&DuckDialect),
            DuckDialect.instant(commit.run.ended_at)
        ),
        params![commit.run.id, target.account, target.source_table, target.table, commit.run.rows_read],
        |row| row.get(0),
    )
}

/// Adds the values that did not fit.
pub(super) fn write_rejects(connection: &Connection, target: &Target, commit: &Commit) -> duckdb::Result<()> {
    if commit.rejects.is_empty() {
        return Ok(());
    }
    let name = book(&target.schema, REJECTS);
    let mut columns = reject_columns();
    ensure(connection, &name, &columns)?;
    let at = commit.run.ended_at;
    columns.retain(|c| c.logical == LogicalType::Text);
    let d = &DuckDialect;
    let sql = format!(
        "INSERT INTO {} ({}, rejected_at) VALUES ({}, {})",
        name.sql(d),
        list(&columns, |c| d.quote(&c.name)),
        list(&columns, |_| "?".into()),
        d.instant(at)
    );
    let mut statement = connection.prepare(&sql)?;
    for reject in &commit.rejects {
        statement.execute(params![
            commit.run.id,
            target.account,
            target.source_table,
            target.table,
            reject.id,
            reject.column,
            reject.value,
            reject.reason
        ])?;
    }
    Ok(())
}
