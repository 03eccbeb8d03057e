//! Reading and writing state, runs and rejects in the file; leases have a file of their own.

use duckdb::types::Value;
use duckdb::{Connection, params};

use super::dialect::DuckDialect;
use super::open::CATALOG;
use crate::dest::sql::columns::same;
use crate::dest::sql::ledger::{REJECTS, RUNS, STATE, Whose, reject_columns, run_columns, state_columns};
use crate::dest::sql::{Dialect, TableName, list};
use crate::dest::{Commit, Target};
use crate::model::{Column, LogicalType, Micros, STATE_VERSION, SourceState, State};

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

/// A statement about a book, or `None` if there is no such book. Preparing it asks the catalogue for that one table
/// (0.1 ms); the list of all tables is asked (0.6 ms) only where that fails, for whatever reason. A statement that cannot
/// be prepared leaves a transaction as it was.
pub(super) fn about<'a>(
    connection: &'a Connection,
    name: &TableName,
    sql: &str,
) -> duckdb::Result<Option<duckdb::Statement<'a>>> {
    match connection.prepare(sql) {
        Ok(statement) => Ok(Some(statement)),
        Err(error) if is_listed(connection, name)? => Err(error),
        Err(_) => Ok(None),
    }
}

fn is_listed(connection: &Connection, name: &TableName) -> duckdb::Result<bool> {
    connection.query_row(
        "SELECT count(*) > 0 FROM duckdb_tables() WHERE database_name = ? AND lower(schema_name) = lower(?) \
         AND lower(table_name) = lower(?)",
        params![name.catalog, name.schema, name.table],
        |row| row.get(0),
    )
}

/// A text in a statement. The books are asked and written with literals: what has placeholders is planned twice, without
/// their types and with them. DuckDB takes statements as C strings, so NUL, which only a message of others can have,
/// becomes a replacement character.
pub(super) fn text(value: &str) -> String {
    DuckDialect.text(&value.replace('\0', "\u{fffd}"))
}

/// Creates the table, or adds the columns that a version before this one did not have. What is missing is found out
/// first: there are thirty columns in the books, and each `ALTER TABLE` is parsed, bound and planned though it does nothing.
pub(super) fn ensure(connection: &Connection, name: &TableName, columns: &[Column]) -> duckdb::Result<()> {
    let d = &DuckDialect;
    let table = name.sql(d);
    let declare = |c: &Column| format!("{} {}", d.quote(&c.name), d.type_name(c.logical));
    // Not duckdb_columns(): it binds every view there is, DuckDB's own included (6 ms).
    let Some(mut nothing) = about(connection, name, &format!("SELECT * FROM {table} LIMIT 0"))? else {
        return connection.execute_batch(&format!("CREATE TABLE {table} ({})", list(columns, declare)));
    };
    let there = nothing.query([])?.as_ref().map(duckdb::Statement::column_names).unwrap_or_default();
    for column in columns.iter().filter(|c| !there.iter().any(|name| same(name, &c.name))) {
        let column = declare(column);
        connection.execute_batch(&format!("ALTER TABLE {table} ADD COLUMN IF NOT EXISTS {column}"))?;
    }
    Ok(())
}

fn of_target(whose: Whose<'_>, rows_in: &str) -> String {
    format!(
        "account = {} AND source_table = {} AND lower(dest_schema) = lower({}) AND lower(dest_table) = lower({}) \
         AND rows_in = {}",
        text(whose.account),
        text(whose.source_table),
        text(whose.schema),
        text(whose.table),
        text(rows_in)
    )
}

/// The state of the target's rows in `rows_in` (empty: the table itself).
pub(super) fn read_state<'a>(
    connection: &Connection,
    whose: impl Into<Whose<'a>>,
    rows_in: &str,
) -> duckdb::Result<Stored> {
    let whose = whose.into();
    let name = book(whose.schema, STATE);
    let from = format!("FROM {} WHERE {}", name.sql(&DuckDialect), of_target(whose, rows_in));
    // The version first, and by itself: of the columns of a newer one nothing is known.
    let Some(mut versions) = about(connection, &name, &format!("SELECT max(version) {from}"))? else {
        return Ok(Stored::Nothing);
    };
    match versions.query_row([], |row| row.get::<_, Option<i64>>(0))? {
        None => return Ok(Stored::Nothing),
        Some(version) if version > STATE_VERSION => return Ok(Stored::Newer(version)),
        Some(_) => {}
    }
    let sql = format!("SELECT watermark, covered_since, complete, source, run_id {from}");
    connection.query_row(&sql, [], |row| {
        let state = State {
            watermark: instant(&row.get(0)?),
            covered_since: instant(&row.get(1)?),
            complete: row.get(2)?,
            source: SourceState(row.get(3)?),
        };
        Ok(Stored::Found(state, row.get(4)?))
    })
}

pub(super) fn instant(value: &Value) -> Option<Micros> {
    match value {
        Value::Timestamp(duckdb::types::TimeUnit::Microsecond, micros) => Some(Micros(*micros)),
        _ => None,
    }
}

fn of_table(schema: &str, table: &str) -> String {
    format!("lower(dest_schema) = lower({}) AND lower(dest_table) = lower({})", text(schema), text(table))
}

/// Who has a state for the target's table: account, source table, and where the rows are.
pub(super) fn owners(
    connection: &Connection,
    target: &Target,
) -> duckdb::Result<Vec<(String, String, String)>> {
    let name = book(&target.schema, STATE);
    let sql = format!(
        "SELECT account, source_table, rows_in FROM {} WHERE {} ORDER BY ALL",
        name.sql(&DuckDialect),
        of_table(&target.schema, &target.table)
    );
    let Some(mut statement) = about(connection, &name, &sql)? else { return Ok(Vec::new()) };
    statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
}

/// Forgets what others had read into a table of that name: it is gone, and another one is made.
pub(super) fn forget_others(connection: &Connection, target: &Target) -> duckdb::Result<()> {
    let which = format!(
        "{} AND rows_in = '' AND NOT (account = {} AND source_table = {})",
        of_table(&target.schema, &target.table),
        text(&target.account),
        text(&target.source_table)
    );
    delete(connection, &book(&target.schema, STATE), &which)
}

/// Forgets the state of rows that are gone.
pub(super) fn forget_state(connection: &Connection, target: &Target, rows_in: &str) -> duckdb::Result<()> {
    delete(connection, &book(&target.schema, STATE), &of_target(target.into(), rows_in))
}

/// Deletes the lines of a book that `which` holds for; if there is no such book, nothing.
pub(super) fn delete(connection: &Connection, book: &TableName, which: &str) -> duckdb::Result<()> {
    let sql = format!("DELETE FROM {} WHERE {which}", book.sql(&DuckDialect));
    if let Some(mut statement) = about(connection, book, &sql)? {
        statement.execute([])?;
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
    let sql = insert(
        &name,
        &[
            ("account", text(&target.account)),
            ("source_table", text(&target.source_table)),
            ("dest_schema", text(&target.schema)),
            ("dest_table", text(&target.table)),
            ("rows_in", text(rows_in)),
            ("version", STATE_VERSION.to_string()),
            ("watermark", optional(state.watermark)),
            ("covered_since", optional(state.covered_since)),
            ("complete", state.complete.to_string()),
            ("source", text(&state.source.0)),
            ("run_id", text(&commit.run.id)),
            ("updated_at", DuckDialect.instant(commit.run.ended_at)),
        ],
    );
    connection.execute(&sql, []).map(|_| ())
}

fn optional(at: Option<Micros>) -> String {
    at.map_or_else(|| "NULL".into(), |at| DuckDialect.instant(at))
}

/// `INSERT` of one row: columns, and their values as expressions. Instants could not be bound anyway: a bound timestamp
/// has no zone, and would be read in the session's.
pub(super) fn insert(name: &TableName, row: &[(&str, String)]) -> String {
    let d = &DuckDialect;
    let (names, values) = (list(row, |(name, _)| d.quote(name)), list(row, |(_, value)| value.clone()));
    format!("INSERT INTO {} ({names}) VALUES ({values})", name.sql(d))
}

/// Rewrites the run's line.
pub(super) fn write_run(connection: &Connection, target: &Target, commit: &Commit) -> duckdb::Result<()> {
    let name = book(&target.schema, RUNS);
    ensure(connection, &name, &run_columns())?;
    let run = &commit.run;
    delete(connection, &name, &of_run(target, commit))?;
    let sql = insert(
        &name,
        &[
            ("run_id", text(&run.id)),
            ("account", text(&target.account)),
            ("source_table", text(&target.source_table)),
            ("dest_table", text(&target.table)),
            ("started_at", DuckDialect.instant(run.started_at)),
            ("ended_at", DuckDialect.instant(run.ended_at)),
            ("outcome", text(run.outcome)),
            ("rows_read", run.rows_read.to_string()),
            ("requests", run.requests.to_string()),
            ("retries", run.retries.to_string()),
            ("error", run.error.as_deref().map_or_else(|| "NULL".into(), text)),
        ],
    );
    connection.execute(&sql, []).map(|_| ())
}

fn of_run(target: &Target, commit: &Commit) -> String {
    format!(
        "run_id = {} AND account = {} AND source_table = {} AND dest_table = {}",
        text(&commit.run.id),
        text(&target.account),
        text(&target.source_table),
        text(&target.table)
    )
}

/// Whether this very commit is in the file: asked when DuckDB reported a failure of `COMMIT` itself.
pub(super) fn has_landed(connection: &Connection, target: &Target, commit: &Commit) -> duckdb::Result<bool> {
    let name = book(&target.schema, RUNS);
    let sql = format!(
        "SELECT count(*) > 0 FROM {} WHERE {} AND ended_at = {} AND rows_read = {}",
        name.sql(&DuckDialect),
        of_run(target, commit),
        DuckDialect.instant(commit.run.ended_at),
        commit.run.rows_read
    );
    match about(connection, &name, &sql)? {
        Some(mut statement) => statement.query_row([], |row| row.get(0)),
        None => Ok(false),
    }
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
