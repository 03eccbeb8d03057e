//! The tables kept beside the data: state, runs, rejects, leases, and names of columns.
//!
//! They live in the schema of the table they are about, so that copying or dropping the schema takes them along. Lines are
//! written as named cells, so that a column which is added to a table here cannot get another one's value, and a
//! destination that is no database can keep them, too.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use super::cells::{Cell, Cells};
use super::columns::same;
pub use super::whose::Whose;
use super::{Dialect, TableName, list};
use crate::dest::{Commit, DestError, DestErrorKind, Target};
use crate::model::{Column, LEDGER_PREFIX, Lease, LogicalType, STATE_VERSION, is_of_ledger};

/// Table with where reading stands.
pub const STATE: &str = "_ingestr_state";
/// Table with a row for each run and table.
pub const RUNS: &str = "_ingestr_runs";
/// Table with the values that did not fit.
pub const REJECTS: &str = "_ingestr_rejects";
/// Table with who may write to which table; without rows while nobody does.
pub const LEASES: &str = "_ingestr_leases";

/// Table with the columns of fields that are not documented; made when the first one gets a column.
pub const NAMES: &str = "_ingestr_columns";
/// Column of [`STATE`]: which table its rows are in; NULL where that was not known.
pub const TABLE_ID: &str = "table_id";
/// Column of [`STATE`]: whether there were rows in it.
pub const HAS_ROWS: &str = "has_rows";

/// A longer state of the source is no part of a statement where there are parameters.
const LONG: usize = 2_048;

/// The name of the parameter for a state of the source that is none of a statement's text: each has one of its own, as a
/// script may write several.
pub(crate) fn source_parameter(source: &str) -> Option<String> {
    (source.len() > LONG).then(|| {
        let mut hasher = DefaultHasher::new();
        source.hash(&mut hasher);
        format!("source_state_{:016x}", hasher.finish())
    })
}

/// Columns of [`STATE`]. `rows_in` is empty for the rows of the table itself, else the name of the hidden table in
/// which an unfinished replacement collects its rows: two rows of state can stand side by side, so that a
/// replacement that is never finished does not cost the table its own state. [`TABLE_ID`] and [`HAS_ROWS`] tell which
/// table the rows are in and whether there are any, so that it is noticed when they are not there any more.
#[must_use]
pub fn state_columns() -> Vec<Column> {
    use LogicalType::{Bool, Int64, Text, Timestamp};
    vec![
        Column::new("account", Text),
        Column::new("source_table", Text),
        Column::new("dest_schema", Text),
        Column::new("dest_table", Text),
        Column::new("rows_in", Text),
        Column::new("version", Int64),
        Column::new("watermark", Timestamp),
        Column::new("covered_since", Timestamp),
        Column::new("complete", Bool),
        Column::new("source", Text),
        Column::new("run_id", Text),
        Column::new("updated_at", Timestamp),
        Column::new(TABLE_ID, Text),
        Column::new(HAS_ROWS, Bool),
        Column::new("filled", Text),
        Column::new("described", Text),
        Column::new("mapping", Text),
    ]
}

/// Columns of [`RUNS`]: one row for each run and table, rewritten at each commit.
#[must_use]
pub fn run_columns() -> Vec<Column> {
    use LogicalType::{Int64, Text, Timestamp};
    vec![
        Column::new("run_id", Text),
        Column::new("account", Text),
        Column::new("source_table", Text),
        Column::new("dest_table", Text),
        Column::new("started_at", Timestamp),
        Column::new("ended_at", Timestamp),
        Column::new("outcome", Text),
        Column::new("rows_read", Int64),
        Column::new("requests", Int64),
        Column::new("retries", Int64),
        Column::new("error", Text),
        Column::new("warnings", Text),
    ]
}

/// Columns of [`REJECTS`]: one row for each value that was left out.
#[must_use]
pub fn reject_columns() -> Vec<Column> {
    use LogicalType::{Text, Timestamp};
    vec![
        Column::new("run_id", Text),
        Column::new("account", Text),
        Column::new("source_table", Text),
        Column::new("dest_table", Text),
        Column::new("row_id", Text),
        Column::new("column_name", Text),
        Column::new("value", Text),
        Column::new("reason", Text),
        Column::new("rejected_at", Timestamp),
    ]
}

/// Columns of [`LEASES`]: one row for each table that is being written, whatever account and source table its rows
/// come from; these two only tell people who it is.
#[must_use]
pub fn lease_columns() -> Vec<Column> {
    use LogicalType::{Text, Timestamp};
    vec![
        Column::new("account", Text),
        Column::new("source_table", Text),
        Column::new("dest_schema", Text),
        Column::new("dest_table", Text),
        Column::new("run_id", Text),
        Column::new("process", Text),
        Column::new("since", Timestamp),
        Column::new("until", Timestamp),
    ]
}

/// Columns of [`NAMES`].
#[must_use]
pub fn name_columns() -> Vec<Column> {
    ["dest_schema", "dest_table", "field", "column_name"]
        .map(|name| Column::new(name, LogicalType::Text))
        .to_vec()
}

/// The columns of one of these tables.
pub(crate) fn declared(table: &str) -> Vec<Column> {
    match table {
        STATE => state_columns(),
        RUNS => run_columns(),
        REJECTS => reject_columns(),
        NAMES => name_columns(),
        _ => lease_columns(),
    }
}

/// A query for the lines of a table that `which` holds for, which has the columns `there`; and its columns: those that
/// older versions did not have are left out.
pub(crate) fn select(
    d: &dyn Dialect,
    name: &TableName,
    table: &str,
    there: &[String],
    which: &str,
) -> (String, Vec<Column>) {
    let mut columns = declared(table);
    columns.retain(|column| there.iter().any(|name| same(name, &d.column(&column.name))));
    let names = list(&columns, |c| d.quote(&d.column(&c.name)));
    let sql = format!("SELECT {names} FROM {} WHERE {which}", name.sql(d));
    (sql, columns)
}

/// Statements that make a table of the ledger, or add what a version before this one did not have: `there` are its
/// columns.
pub(crate) fn prepare(
    d: &dyn Dialect,
    name: &TableName,
    table: &str,
    there: Option<&[String]>,
) -> Vec<String> {
    let mut columns = declared(table);
    for column in &mut columns {
        column.name = d.column(&column.name).into_owned();
    }
    let Some(there) = there else { return vec![create(d, name, &columns)] };
    let missing = columns.iter().filter(|column| !there.iter().any(|name| same(name, &column.name)));
    missing.map(|column| super::add_column(d, name, column)).map(|sql| d.harmless(sql)).collect()
}

/// The statement that makes a table unless it is there.
pub(crate) fn create(d: &dyn Dialect, name: &TableName, columns: &[Column]) -> String {
    let declared = list(columns, |c| format!("{} {}", d.quote(&c.name), d.type_name(c.logical)));
    format!("CREATE TABLE IF NOT EXISTS {} ({declared})", name.sql(d))
}

/// The statement that adds a line.
pub(crate) fn insert(d: &dyn Dialect, name: &TableName, cells: &[(&str, Cell)]) -> String {
    let names = list(cells, |(name, _)| d.quote(&d.column(name)));
    let values = list(cells, |(_, cell)| cell.sql(d));
    format!("INSERT INTO {} ({names}) VALUES ({values})", name.sql(d))
}

/// Statements that write a line in the place of those that `which` holds for.
fn put(d: &dyn Dialect, name: &TableName, which: &str, cells: &[(&str, Cell)]) -> [String; 2] {
    [delete(d, name, which), insert(d, name, cells)]
}

/// The statement that removes the lines that `which` holds for.
pub(crate) fn delete(d: &dyn Dialect, name: &TableName, which: &str) -> String {
    format!("DELETE FROM {} WHERE {which}", name.sql(d))
}

/// The condition that a line of [`STATE`] or [`LEASES`] is about that table, whoever's rows it has.
pub(crate) fn of_table(d: &dyn Dialect, name: &TableName) -> String {
    format!("{} AND {}", d.named("dest_schema", &name.schema), d.named("dest_table", &name.table))
}

/// The table with the rows that a state is about.
#[derive(Debug, Clone)]
pub(crate) struct RowsIn<'a> {
    /// Empty for the table itself, else the name of a hidden one.
    pub(crate) name: &'a str,
    /// Which table it is, if that is known.
    pub(crate) id: Cell,
}

/// A line of [`STATE`]. `source`: where the source's own text is; `has_rows`: whether there are rows.
pub(crate) fn state_line(
    whose: Whose<'_>,
    rows_in: RowsIn<'_>,
    commit: &Commit,
    source: Cell,
    has_rows: Cell,
) -> Cells {
    let state = &commit.state;
    vec![
        ("account", Cell::text(whose.account)),
        ("source_table", Cell::text(whose.source_table)),
        ("dest_schema", Cell::text(whose.schema)),
        ("dest_table", Cell::text(whose.table)),
        ("rows_in", Cell::text(rows_in.name)),
        ("version", Cell::Int(STATE_VERSION)),
        ("watermark", Cell::maybe(state.watermark)),
        ("covered_since", Cell::maybe(state.covered_since)),
        ("complete", Cell::Bool(state.complete)),
        ("source", source),
        ("run_id", Cell::text(&commit.run.id)),
        ("updated_at", Cell::Instant(commit.run.ended_at)),
        (TABLE_ID, rows_in.id),
        (HAS_ROWS, has_rows),
        ("filled", state.filled.text().as_deref().map_or(Cell::Null, Cell::text)),
        ("described", state.described.text().as_deref().map_or(Cell::Null, Cell::text)),
        ("mapping", state.mappings.text().as_deref().map_or(Cell::Null, Cell::text)),
    ]
}

/// A line of [`RUNS`].
pub(crate) fn run_line(whose: Whose<'_>, commit: &Commit) -> Cells {
    let run = &commit.run;
    vec![
        ("run_id", Cell::text(&run.id)),
        ("account", Cell::text(whose.account)),
        ("source_table", Cell::text(whose.source_table)),
        ("dest_table", Cell::text(whose.table)),
        ("started_at", Cell::Instant(run.started_at)),
        ("ended_at", Cell::Instant(run.ended_at)),
        ("outcome", Cell::text(run.outcome)),
        ("rows_read", Cell::count(run.rows_read)),
        ("requests", Cell::count(run.requests)),
        ("retries", Cell::count(run.retries)),
        ("error", run.error.as_deref().map_or(Cell::Null, Cell::text)),
        ("warnings", if run.warnings.is_empty() { Cell::Null } else { Cell::text(&lines(&run.warnings)) }),
    ]
}

/// Warnings as they are stored: one a line.
fn lines(warnings: &[String]) -> String {
    let one: Vec<String> = warnings.iter().map(|warning| warning.replace('\n', " ")).collect();
    one.join("\n")
}

/// A line of [`LEASES`].
pub(crate) fn lease_line(whose: Whose<'_>, lease: &Lease) -> Cells {
    vec![
        ("account", Cell::text(whose.account)),
        ("source_table", Cell::text(whose.source_table)),
        ("dest_schema", Cell::text(whose.schema)),
        ("dest_table", Cell::text(whose.table)),
        ("run_id", Cell::text(&lease.run)),
        ("process", Cell::text(&lease.process)),
        ("since", Cell::Instant(lease.since)),
        ("until", Cell::Instant(lease.until)),
    ]
}

/// The statement that adds the values that did not fit, which a query has as `row_id`, `column_name`, `value` and
/// `reason`.
pub(crate) fn insert_rejects(
    d: &dyn Dialect,
    table: &TableName,
    whose: Whose<'_>,
    commit: &Commit,
    from: &str,
) -> String {
    let own = |name| (name, Cell::Named(format!("_ingestr_s.{name}")));
    let cells = [
        ("run_id", Cell::text(&commit.run.id)),
        ("account", Cell::text(whose.account)),
        ("source_table", Cell::text(whose.source_table)),
        ("dest_table", Cell::text(whose.table)),
        own("row_id"),
        own("column_name"),
        own("value"),
        own("reason"),
        ("rejected_at", Cell::Instant(commit.run.ended_at)),
    ];
    let names = list(&cells, |(name, _)| d.quote(&d.column(name)));
    let values = list(&cells, |(_, cell)| cell.sql(d));
    let name = table.beside(REJECTS).sql(d);
    format!("INSERT INTO {name} ({names}) SELECT {values} FROM ({from}) AS _ingestr_s")
}

/// Statements that write the state of the rows in `rows_in`.
pub(crate) fn write_state(
    d: &dyn Dialect,
    table: &TableName,
    target: &Target,
    rows_in: RowsIn<'_>,
    commit: &Commit,
) -> [String; 2] {
    let whose = Whose::of(target, table);
    let source = &commit.state.source.0;
    let parameter = source_parameter(source).and_then(|name| d.parameter(&name));
    let source = parameter.map_or_else(|| Cell::text(source), Cell::Named);
    let rows = if rows_in.name.is_empty() { table.clone() } else { table.beside(rows_in.name) };
    let has_rows = Cell::Named(format!("EXISTS (SELECT 1 FROM {})", rows.sql(d)));
    let which = whose.state(d, rows_in.name);
    put(d, &table.beside(STATE), &which, &state_line(whose, rows_in, commit, source, has_rows))
}

/// The statement that forgets the state of rows that are gone.
pub(crate) fn forget_state(d: &dyn Dialect, table: &TableName, target: &Target, rows_in: &str) -> String {
    delete(d, &table.beside(STATE), &Whose::of(target, table).state(d, rows_in))
}

/// The statement that forgets what others had read into a table of that name: it is gone, and another one is made.
pub(crate) fn forget_others(d: &dyn Dialect, table: &TableName, target: &Target) -> String {
    let others = format!(
        "{} AND rows_in = '' AND NOT (account = {} AND source_table = {})",
        of_table(d, table),
        d.text(&target.account),
        d.text(&target.source_table)
    );
    delete(d, &table.beside(STATE), &others)
}

/// The condition that a line of [`RUNS`] is that of the run.
pub(crate) fn of_run(d: &dyn Dialect, whose: Whose<'_>, run: &str) -> String {
    format!("run_id = {} AND {}", d.text(run), whose.lines(d))
}

/// Statements that rewrite the run's line.
pub(crate) fn write_run(d: &dyn Dialect, table: &TableName, target: &Target, commit: &Commit) -> [String; 2] {
    let whose = Whose::of(target, table);
    put(d, &table.beside(RUNS), &of_run(d, whose, &commit.run.id), &run_line(whose, commit))
}

/// Statements that write the lease, in the place of whatever was there.
pub(crate) fn write_lease(d: &dyn Dialect, table: &TableName, target: &Target, lease: &Lease) -> [String; 2] {
    let line = lease_line(Whose::of(target, table), lease);
    put(d, &table.beside(LEASES), &of_table(d, table), &line)
}

/// The statement that gives the lease up if it is that run's.
pub(crate) fn give_up(d: &dyn Dialect, table: &TableName, run: &str) -> String {
    delete(d, &table.beside(LEASES), &format!("{} AND run_id = {}", of_table(d, table), d.text(run)))
}

/// A newer version wrote the state; `place` is where it lies.
#[must_use]
pub fn newer(whose: Whose<'_>, place: &str, version: i64) -> DestError {
    let message = format!(
        "the state of {}.{} in {place} has version {version}; this program knows versions up to {STATE_VERSION}",
        whose.schema, whose.table
    );
    DestError::new(DestErrorKind::NewerState, message)
        .hint("use the newer ingestr that wrote it, or load into another table")
}

/// Names of tables that are ours are not for data.
///
/// # Errors
/// [`DestErrorKind::Name`] if the target has one.
pub fn not_ours(target: &Target) -> Result<(), DestError> {
    if !is_of_ledger(&target.table) {
        return Ok(());
    }
    let message =
        format!("{}.{}: names beginning with {LEDGER_PREFIX} are taken", target.schema, target.table);
    Err(DestError::new(DestErrorKind::Name, message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dest::conformance::{commit, items};
    use crate::model::Micros;
    use crate::model::Strategy;

    #[test]
    fn every_column_of_a_line_is_declared_and_every_declared_one_is_written() {
        let target = items(Strategy::Merge);
        let (whose, commit) = (Whose::from(&target), commit("r1", "p", true));
        let lease = Lease { run: "r1".into(), process: "p".into(), since: Micros(1), until: Micros(2) };
        for (table, line) in [
            (STATE, state_line(whose, RowsIn { name: "", id: Cell::Null }, &commit, Cell::Null, Cell::Null)),
            (RUNS, run_line(whose, &commit)),
            (LEASES, lease_line(whose, &lease)),
        ] {
            let written: Vec<&str> = line.iter().map(|(name, _)| *name).collect();
            let declared = declared(table);
            assert_eq!(written, declared.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), "{table}");
        }
    }
}
