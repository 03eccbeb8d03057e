//! What the file remembers, for `ingestr state show`, `ingestr state reset` and `ingestr state move`.

use duckdb::{Connection, params};

use super::books::{Stored, about, book, instant, read_state, text};
use super::dialect::DuckDialect;
use super::leases;
use super::open::CATALOG;
use super::shape::Shape;
use crate::dest::sql::ledger::{REJECTS, RUNS, RUNS_TOLD, STATE, Whose};
use crate::dest::sql::shadow::{is_shadow_of, reassigned};
use crate::dest::sql::{Dialect, TableName};
use crate::model::{Remembered, RunLine};

/// All states, ordered by schema, table and account.
pub(super) fn remembered(connection: &Connection) -> duckdb::Result<Vec<Remembered>> {
    let mut all = Vec::new();
    for schema in strings(
        connection,
        "SELECT schema_name FROM duckdb_tables() WHERE database_name = ? AND lower(table_name) = ?",
        &[CATALOG, STATE],
    )? {
        all.extend(of_schema(connection, &schema)?);
    }
    all.sort_by_cached_key(Remembered::order);
    Ok(all)
}

fn of_schema(connection: &Connection, schema: &str) -> duckdb::Result<Vec<Remembered>> {
    // A row that was copied here with another schema is nobody's state: no run would find it.
    let sql = format!(
        "SELECT account, source_table, dest_table, rows_in, version, updated_at FROM {} \
         WHERE lower(dest_schema) = lower(?)",
        book(schema, STATE).sql(&DuckDialect)
    );
    let mut statement = connection.prepare(&sql)?;
    let mut rows = statement.query(params![schema])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let (account, source_table, table) =
            (row.get::<_, String>(0)?, row.get::<_, String>(1)?, row.get::<_, String>(2)?);
        let rows_in: String = row.get(3)?;
        let whose = Whose { account: &account, source_table: &source_table, schema, table: &table };
        let state = match read_state(connection, whose, &rows_in)? {
            Stored::Found(state, _) => Some(state),
            Stored::Nothing | Stored::Newer(_) => None,
        };
        found.push(Remembered {
            aside: !rows_in.is_empty(),
            version: row.get(4)?,
            state,
            updated_at: instant(&row.get(5)?),
            lease: leases::read(connection, schema, &table)?,
            runs: runs(connection, whose)?,
            schema: schema.to_owned(),
            account,
            source_table,
            table,
        });
    }
    Ok(found)
}

fn runs(connection: &Connection, whose: Whose<'_>) -> duckdb::Result<Vec<RunLine>> {
    let name = book(whose.schema, RUNS);
    let sql = format!(
        "SELECT run_id, started_at, ended_at, outcome, rows_read, requests, error FROM {} WHERE account = ? \
         AND source_table = ? AND lower(dest_table) = lower(?) ORDER BY started_at DESC, run_id DESC \
         LIMIT {RUNS_TOLD}",
        name.sql(&DuckDialect)
    );
    let Some(mut statement) = about(connection, &name, &sql)? else { return Ok(Vec::new()) };
    let lines = statement.query_map(params![whose.account, whose.source_table, whose.table], |row| {
        Ok(RunLine {
            id: row.get(0)?,
            started_at: instant(&row.get(1)?),
            ended_at: instant(&row.get(2)?),
            outcome: row.get(3)?,
            rows_read: row.get(4)?,
            requests: row.get(5)?,
            error: row.get(6)?,
        })
    })?;
    lines.collect()
}

/// Forgets states, lease and rows kept aside of a table; how many states there were.
pub(super) fn forget(connection: &Connection, schema: &str, table: &str) -> duckdb::Result<u64> {
    let d = &DuckDialect;
    let tables = strings(
        connection,
        "SELECT table_name FROM duckdb_tables() WHERE database_name = ? AND lower(schema_name) = lower(?)",
        &[CATALOG, schema],
    )?;
    for hidden in tables.iter().filter(|name| is_shadow_of(name, table)) {
        connection.execute_batch(&format!("DROP TABLE {}", book(schema, hidden).sql(d)))?;
    }
    leases::forget(connection, schema, table)?;
    let name = book(schema, STATE);
    let of_table = "lower(dest_schema) = lower(?) AND lower(dest_table) = lower(?)";
    let sql = format!("DELETE FROM {} WHERE {of_table}", name.sql(d));
    let Some(mut statement) = about(connection, &name, &sql)? else { return Ok(0) };
    statement.execute(params![schema, table]).map(|states| states as u64)
}

/// Gives states, rows kept aside, runs and rejects of tables to another account; how many states there were.
pub(super) fn reassign(connection: &Connection, tables: &[Remembered], account: &str) -> duckdb::Result<u64> {
    let mut changed = 0;
    for (index, one) in tables.iter().enumerate() {
        let whose = |other: &Remembered| {
            [&other.account, &other.source_table, &other.schema, &other.table].map(Clone::clone)
        };
        // Rows kept aside are listed beside those of their table.
        if tables[..index].iter().any(|other| whose(other) == whose(one)) {
            continue;
        }
        let of = format!(
            "account = {} AND source_table = {} AND lower(dest_table) = lower({})",
            text(&one.account),
            text(&one.source_table),
            text(&one.table)
        );
        // The other books have no schema in their lines. A line of state that was copied here with another one is nobody's.
        let of_state = format!("{of} AND lower(dest_schema) = lower({})", text(&one.schema));
        let state = book(&one.schema, STATE).sql(&DuckDialect);
        let aside = format!("SELECT rows_in FROM {state} WHERE {of_state} AND rows_in <> ''");
        for hidden in strings(connection, &aside, &[])? {
            let renamed = reassigned(&hidden, account, &one.source_table);
            rename(connection, &book(&one.schema, &hidden), &renamed)?;
            let sql = format!("UPDATE {state} SET rows_in = ? WHERE {of_state} AND rows_in = ?");
            connection.execute(&sql, params![renamed, hidden])?;
        }
        for (name, of) in [(STATE, &of_state), (RUNS, &of), (REJECTS, &of)] {
            let name = book(&one.schema, name);
            let sql = format!("UPDATE {} SET account = ? WHERE {of}", name.sql(&DuckDialect));
            let Some(mut statement) = about(connection, &name, &sql)? else { continue };
            let lines = statement.execute(params![account])? as u64;
            changed += if name.table == STATE { lines } else { 0 };
        }
    }
    Ok(changed)
}

/// Gives a hidden table another name, if it is there; what had that name was nobody's.
fn rename(connection: &Connection, hidden: &TableName, to: &str) -> duckdb::Result<()> {
    let d = &DuckDialect;
    if Shape::read(connection, hidden).is_ok_and(|shape| shape.is_some()) {
        connection.execute_batch(&format!("DROP TABLE IF EXISTS {}", hidden.beside(to).sql(d)))?;
        connection.execute_batch(&format!("ALTER TABLE {} RENAME TO {}", hidden.sql(d), d.quote(to)))?;
    }
    Ok(())
}

fn strings(connection: &Connection, sql: &str, at: &[&str]) -> duckdb::Result<Vec<String>> {
    let mut statement = connection.prepare(sql)?;
    let found = statement.query_map(duckdb::params_from_iter(at), |row| row.get(0))?;
    found.collect()
}
