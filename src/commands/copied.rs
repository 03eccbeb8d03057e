//! What was copied to a schema, for whoever asks the copy questions: that all tables are there which are needed, and that a row
//! stands in them once.

use clap::ValueEnum as _;

use super::look::REPORTED;
use super::state::{done, done_or};
use crate::cli::{Dialect, Optional};
use crate::dest::{Destination, Query};
use crate::error::Failure;
use crate::model::{IS_CURRENT, Remembered};
use crate::run::Waits;

/// What is remembered of the schema; a failure that names others where tables that everybody needs were not copied to it.
/// `held` is what to do about a program that holds the file, if that is not the usual.
pub(super) fn there(
    waits: &Waits,
    dest: &dyn Destination,
    schema: &str,
    held: Option<&str>,
) -> Result<Vec<Remembered>, Failure> {
    let remembered = done_or(waits, async || dest.remembered_in(schema).await, held)?;
    let own = dest.schema(schema);
    let has = |table: &str, schema: &str| remembered.iter().any(|one| one.is_in(schema, table));
    let missing: Vec<&str> = REPORTED.into_iter().filter(|table| !has(table, own)).collect();
    if missing.is_empty() {
        return Ok(remembered);
    }
    let failure = Failure::usage(format!(
        "{} has no copy of {} in schema {schema}",
        dest.describe(),
        missing.join(", ")
    ));
    let mut others: Vec<&str> = remembered
        .iter()
        .map(|one| one.schema.as_str())
        .filter(|other| !other.eq_ignore_ascii_case(own) && has("tickets", other))
        .collect();
    others.sort_unstable();
    others.dedup();
    Err(match (others.as_slice(), missing.as_slice()) {
        ([], ["tickets", ..]) => {
            failure.hint("copy them with `ingestr ingest --source-table '*' --dest-table gorgias`")
        }
        (others, ["tickets", ..]) => {
            failure.hint(format!("tickets are in {}: name it with --schema", others.join(", ")))
        }
        (_, [one]) => failure.hint(format!(
            "copy it, too, with `ingestr ingest --source-table {one} --dest-table {schema}.{one}`"
        )),
        (_, missing) => failure.hint(format!(
            "copy them, too, with `ingestr ingest --source-table {} --dest-table {schema}`",
            missing.join(",")
        )),
    })
}

/// Which of the optional tables were copied to a schema, under their own names, of what is remembered there.
pub(super) fn optional(remembered: &[Remembered], schema: &str) -> Vec<Optional> {
    let is_there = |table: &Optional| remembered.iter().any(|one| one.is_in(schema, &name(*table)));
    Optional::value_variants().iter().copied().filter(is_there).collect()
}

/// A table's name, as it is typed and as it is called in SQL.
pub(super) fn name(table: Optional) -> String {
    // None of them is hidden.
    table.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

/// Refuses tables in which a row stands as often as it has changed: each would count so often. `quoted` is the schema as it is
/// written in SQL.
pub(super) fn without_versions(
    waits: &Waits,
    dest: &dyn Destination,
    dialect: Dialect,
    (schema, quoted): (&str, &str),
    optional: &[Optional],
) -> Result<(), Failure> {
    let more = optional.iter().map(|table| name(*table));
    let needed: Vec<String> = REPORTED.into_iter().map(str::to_owned).chain(more).collect();
    let found = match dialect {
        Dialect::Bigquery => with_the_column(waits, dest, (schema, quoted), &needed)?,
        Dialect::Duckdb | Dialect::Postgres => {
            let sql = format!(
                "SELECT DISTINCT CAST(table_name AS varchar) FROM information_schema.columns WHERE \
                 lower(CAST(table_schema AS varchar)) = lower('{}') AND column_name = '{IS_CURRENT}'",
                schema.replace('\'', "''")
            );
            let query = Query { schema, sql: &sql, columns: 1, most_bytes: None };
            let rows = done(waits, async || dest.select(&query).await)?;
            rows.into_iter().filter_map(|row| row.into_iter().next()?).collect()
        }
    };
    match needed.iter().find(|table| found.iter().any(|found| found.eq_ignore_ascii_case(table))) {
        None => Ok(()),
        Some(table) => Err(Failure::usage(format!(
            "table {schema}.{table} keeps versions of rows (scd2), each of which would be counted"
        ))
        .hint("copy the tables to another schema as well, without --incremental-strategy scd2, and name that one with --schema")),
    }
}

/// The tables for which `BigQuery` takes a question about the column. Nothing is read, and nothing paid: the question is only
/// looked at.
fn with_the_column(
    waits: &Waits,
    dest: &dyn Destination,
    (schema, quoted): (&str, &str),
    tables: &[String],
) -> Result<Vec<String>, Failure> {
    done(waits, async || {
        let mut found = Vec::new();
        for table in tables {
            let sql = format!("SELECT `{IS_CURRENT}` FROM {quoted}.`{table}`");
            let query = Query { schema, sql: &sql, columns: 1, most_bytes: None };
            // Whatever else may be wrong is told where the tables are really asked.
            if let Ok(Some(_)) = dest.bytes(&query).await {
                found.push(table.clone());
            }
        }
        Ok(found)
    })
}
