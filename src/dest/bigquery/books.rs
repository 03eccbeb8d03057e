//! State, runs, rejects and leases as statements; reading them back.

use super::dialect::BigQueryDialect;
use super::script::{LEASED, REFUSED, Script};
use crate::dest::sql::ledger::{
    LEASES, REJECTS, RUNS, STATE, Whose, lease_columns, reject_columns, run_columns, state_columns,
};
use crate::dest::sql::{Dialect, TableName, list};
use crate::dest::{Commit, Target};
use crate::model::{Column, Lease, Micros, STATE_VERSION, SourceState, State};

/// Named parameter with the source's own state: it may be longer than a statement should be.
pub(super) const SOURCE: &str = "source_state";

fn text(value: &str) -> String {
    BigQueryDialect.text(value)
}

fn instant(at: Option<Micros>) -> String {
    at.map_or_else(|| "CAST(NULL AS TIMESTAMP)".into(), |at| BigQueryDialect.instant(at))
}

fn optional(value: Option<&str>) -> String {
    value.map_or_else(|| "CAST(NULL AS STRING)".into(), text)
}

/// Statements that make a book that is not there.
pub(super) fn create(name: &TableName, columns: &[Column]) -> String {
    let d = &BigQueryDialect;
    let declared = list(columns, |c| format!("{} {}", d.quote(&c.name), d.type_name(c.logical)));
    format!("CREATE TABLE IF NOT EXISTS {} ({declared})", name.sql(d))
}

/// The books a commit writes to, apart from the rejects.
pub(super) fn missing(beside: &TableName, there: impl Fn(&str) -> bool, leased: bool) -> Vec<String> {
    let mut books = vec![(STATE, state_columns()), (RUNS, run_columns())];
    if leased {
        books.push((LEASES, lease_columns()));
    }
    books.retain(|(book, _)| !there(book));
    books.iter().map(|(book, columns)| create(&beside.beside(book), columns)).collect()
}

/// The condition that a row of state is of that account, source table and table.
pub(super) fn of_target(whose: Whose<'_>) -> String {
    format!(
        "account = {} AND source_table = {} AND dest_table = {}",
        text(whose.account),
        text(whose.source_table),
        text(whose.table)
    )
}

/// The condition that a row of state is about the rows in `rows_in` (empty: the table itself).
pub(super) fn of_state(whose: Whose<'_>, rows_in: &str) -> String {
    format!("{} AND dest_schema = {} AND rows_in = {}", of_target(whose), text(whose.schema), text(rows_in))
}

/// The condition that a lease is of that table.
pub(super) fn of_table(schema: &str, table: &str) -> String {
    format!("dest_schema = {} AND dest_table = {}", text(schema), text(table))
}

/// Statements that write one row, in the place of the one with the same values in `key`.
fn put(name: &TableName, columns: &[Column], key: &[&str], value: impl Fn(&str) -> String) -> [String; 2] {
    let d = &BigQueryDialect;
    let same: Vec<String> = key.iter().map(|k| format!("{k} = {}", value(k))).collect();
    let name = name.sql(d);
    [
        format!("DELETE FROM {name} WHERE {}", same.join(" AND ")),
        format!(
            "INSERT INTO {name} ({}) VALUES ({})",
            list(columns, |c| d.quote(&c.name)),
            list(columns, |c| value(&c.name))
        ),
    ]
}

/// Writes the state of the rows in `rows_in`, whose own text is the parameter [`SOURCE`].
pub(super) fn write_state(
    script: &mut Script,
    beside: &TableName,
    target: &Target,
    rows_in: &str,
    commit: &Commit,
) {
    let state = &commit.state;
    let key = ["account", "source_table", "dest_schema", "dest_table", "rows_in"];
    script.body(put(&beside.beside(STATE), &state_columns(), &key, |column| match column {
        "account" => text(&target.account),
        "source_table" => text(&target.source_table),
        "dest_schema" => text(&beside.schema),
        "dest_table" => text(&target.table),
        "rows_in" => text(rows_in),
        "version" => STATE_VERSION.to_string(),
        "watermark" => instant(state.watermark),
        "covered_since" => instant(state.covered_since),
        "complete" => state.complete.to_string().to_uppercase(),
        "source" => format!("@{SOURCE}"),
        "run_id" => text(&commit.run.id),
        _ => instant(Some(commit.run.ended_at)),
    }));
}

/// Forgets the state of rows that are gone.
pub(super) fn forget_state(script: &mut Script, beside: &TableName, target: &Target, rows_in: &str) {
    let whose = whose(target, beside);
    let name = beside.beside(STATE).sql(&BigQueryDialect);
    script.body([format!("DELETE FROM {name} WHERE {}", of_state(whose, rows_in))]);
}

/// Forgets what others had read into a table of that name: it is gone, and another one is made.
pub(super) fn forget_others(script: &mut Script, beside: &TableName, target: &Target) {
    script.body([format!(
        "DELETE FROM {} WHERE {} AND rows_in = '' AND NOT (account = {} AND source_table = {})",
        beside.beside(STATE).sql(&BigQueryDialect),
        of_table(&beside.schema, &target.table),
        text(&target.account),
        text(&target.source_table)
    )]);
}

/// Statements that give a state, named by where its rows are now, to another account, with its runs and rejects where
/// there are any.
pub(super) fn reassign(
    beside: &TableName,
    row: &StateRow,
    (account, rows_in): (&str, &str),
    there: impl Fn(&str) -> bool,
) -> Vec<String> {
    let whose = Whose {
        account: &row.account,
        source_table: &row.source_table,
        schema: &beside.schema,
        table: &row.table,
    };
    let name = |book: &str| beside.beside(book).sql(&BigQueryDialect);
    let mut statements = vec![format!(
        "UPDATE {} SET account = {}, rows_in = {} WHERE {}",
        name(STATE),
        text(account),
        text(rows_in),
        of_state(whose, &row.rows_in)
    )];
    for book in [RUNS, REJECTS].into_iter().filter(|book| there(book)) {
        statements.push(format!(
            "UPDATE {} SET account = {} WHERE {}",
            name(book),
            text(account),
            of_target(whose)
        ));
    }
    statements
}

/// The target, under the name of the dataset alone: a copied dataset keeps its books.
pub(super) fn whose<'a>(target: &'a Target, beside: &'a TableName) -> Whose<'a> {
    Whose {
        account: &target.account,
        source_table: &target.source_table,
        schema: &beside.schema,
        table: &target.table,
    }
}

/// Rewrites the run's line.
pub(super) fn write_run(script: &mut Script, beside: &TableName, target: &Target, commit: &Commit) {
    let run = &commit.run;
    let key = ["run_id", "account", "source_table", "dest_table"];
    script.body(put(&beside.beside(RUNS), &run_columns(), &key, |column| match column {
        "run_id" => text(&run.id),
        "account" => text(&target.account),
        "source_table" => text(&target.source_table),
        "dest_table" => text(&target.table),
        "started_at" => instant(Some(run.started_at)),
        "ended_at" => instant(Some(run.ended_at)),
        "outcome" => text(run.outcome),
        "rows_read" => run.rows_read.to_string(),
        "requests" => run.requests.to_string(),
        "retries" => run.retries.to_string(),
        _ => optional(run.error.as_deref()),
    }));
}

/// Where rejects come from: a query with `row_id`, `column_name`, `value` and `reason`.
fn insert_rejects(beside: &TableName, target: &Target, commit: &Commit, from: &str) -> String {
    let d = &BigQueryDialect;
    let columns = reject_columns();
    let values = list(&columns, |c| match c.name.as_str() {
        "run_id" => text(&commit.run.id),
        "account" => text(&target.account),
        "source_table" => text(&target.source_table),
        "dest_table" => text(&target.table),
        "rejected_at" => instant(Some(commit.run.ended_at)),
        own => format!("_ingestr_s.{own}"),
    });
    let names = list(&columns, |c| d.quote(&c.name));
    let name = beside.beside(REJECTS).sql(d);
    format!("INSERT INTO {name} ({names}) SELECT {values} FROM ({from}) AS _ingestr_s")
}

/// Adds the values that did not fit, from a staging table with `c0` to `c3`.
pub(super) fn write_rejects(
    script: &mut Script,
    beside: &TableName,
    target: &Target,
    commit: &Commit,
    staged: &TableName,
) {
    script.before([create(&beside.beside(REJECTS), &reject_columns())]);
    let from = format!(
        "SELECT c0 AS row_id, c1 AS column_name, c2 AS value, c3 AS reason FROM {}",
        staged.sql(&BigQueryDialect)
    );
    script.body([insert_rejects(beside, target, commit, &from)]);
}

/// Adds the JSON that BigQuery did not take, if there is any: `from` is [`super::rows::Rows::refused`].
pub(super) fn write_refused(
    script: &mut Script,
    beside: &TableName,
    target: &Target,
    commit: &Commit,
    from: &str,
) {
    script.before([
        format!("SET {REFUSED} = (SELECT COUNT(*) FROM ({from}))"),
        format!("IF {REFUSED} > 0 THEN {}; END IF", create(&beside.beside(REJECTS), &reject_columns())),
    ]);
    script.body([format!("IF {REFUSED} > 0 THEN {}; END IF", insert_rejects(beside, target, commit, from))]);
}

/// Fails if another run has taken the lease, dead or alive: what this one means to write may be outdated.
pub(super) fn still_held(script: &mut Script, beside: &TableName, target: &Target, lease: &Lease) {
    script.guard(format!(
        "IF EXISTS (SELECT 1 FROM {} WHERE {} AND run_id != {}) THEN RAISE USING MESSAGE = {}; END IF",
        beside.beside(LEASES).sql(&BigQueryDialect),
        of_table(&beside.schema, &target.table),
        text(&lease.run),
        text(LEASED)
    ));
}

/// What a commit does with the lease: renews it or gives it up.
pub(super) fn after_commit(
    script: &mut Script,
    beside: &TableName,
    target: &Target,
    commit: &Commit,
    leases_there: bool,
) {
    match &commit.lease {
        lease if commit.release && leases_there => {
            let run = lease.as_ref().map_or(&commit.run.id, |lease| &lease.run);
            script.body([give_up(beside, &target.table, run)]);
        }
        Some(lease) if !commit.release => {
            let key = ["dest_schema", "dest_table"];
            script.body(put(&beside.beside(LEASES), &lease_columns(), &key, |column| {
                lease_value(beside, target, lease, column)
            }));
        }
        _ => {}
    }
}

/// Gives the lease up if it is that run's.
pub(super) fn give_up(beside: &TableName, table: &str, run: &str) -> String {
    format!(
        "DELETE FROM {} WHERE {} AND run_id = {}",
        beside.beside(LEASES).sql(&BigQueryDialect),
        of_table(&beside.schema, table),
        text(run)
    )
}

/// A value of a lease's row.
fn lease_value(beside: &TableName, target: &Target, lease: &Lease, column: &str) -> String {
    match column {
        "account" => text(&target.account),
        "source_table" => text(&target.source_table),
        "dest_schema" => text(&beside.schema),
        "dest_table" => text(&target.table),
        "run_id" => text(&lease.run),
        "process" => text(&lease.process),
        "since" => BigQueryDialect.instant(lease.since),
        _ => BigQueryDialect.instant(lease.until),
    }
}

/// Writes the lease, unless there is one that is not as `expected` says: compare and swap in one statement.
pub(super) fn swap_lease(beside: &TableName, target: &Target, lease: &Lease, expected: &str) -> String {
    let d = &BigQueryDialect;
    let columns = lease_columns();
    let value = |column: &str| lease_value(beside, target, lease, column);
    let selected = list(&columns, |c| format!("{} AS {}", value(&c.name), d.quote(&c.name)));
    let set = list(&columns, |c| format!("{0} = _ingestr_s.{0}", d.quote(&c.name)));
    format!(
        "MERGE {} AS _ingestr_t USING (SELECT {selected}) AS _ingestr_s \
         ON _ingestr_t.dest_schema = _ingestr_s.dest_schema AND _ingestr_t.dest_table = _ingestr_s.dest_table \
         WHEN MATCHED AND ({expected}) THEN UPDATE SET {set} WHEN NOT MATCHED THEN INSERT ({}) VALUES ({})",
        beside.beside(LEASES).sql(d),
        list(&columns, |c| d.quote(&c.name)),
        list(&columns, |c| format!("_ingestr_s.{}", d.quote(&c.name)))
    )
}

/// A query for all rows of state in a dataset, whose columns [`StateRow::of`] reads.
pub(super) fn states(beside: &TableName, condition: &str) -> String {
    let name = beside.beside(STATE).sql(&BigQueryDialect);
    let columns = list(&state_columns(), |c| BigQueryDialect.quote(&c.name));
    format!("SELECT {columns} FROM {name} WHERE dest_schema = {} AND {condition}", text(&beside.schema))
}

/// A row of `_ingestr_state`.
#[derive(Debug)]
pub(super) struct StateRow {
    pub(super) account: String,
    pub(super) source_table: String,
    pub(super) table: String,
    pub(super) rows_in: String,
    pub(super) version: i64,
    pub(super) updated_at: Option<Micros>,
    state: State,
}

/// Cells of an answer, by position.
pub(super) fn cell(row: &[Option<String>], at: usize) -> Option<&str> {
    row.get(at)?.as_deref()
}

/// A cell that is a number.
pub(super) fn number(row: &[Option<String>], at: usize) -> Option<i64> {
    cell(row, at)?.parse().ok()
}

fn owned(row: &[Option<String>], at: usize) -> String {
    cell(row, at).unwrap_or_default().to_owned()
}

impl StateRow {
    pub(super) fn of(row: &[Option<String>]) -> Self {
        Self {
            account: owned(row, 0),
            source_table: owned(row, 1),
            table: owned(row, 3),
            rows_in: owned(row, 4),
            version: number(row, 5).unwrap_or(0),
            updated_at: number(row, 11).map(Micros),
            state: State {
                watermark: number(row, 6).map(Micros),
                covered_since: number(row, 7).map(Micros),
                complete: cell(row, 8) == Some("true"),
                source: SourceState(owned(row, 9)),
            },
        }
    }

    /// The state; the version of a newer program's as an error.
    pub(super) fn state(self) -> Result<State, i64> {
        if self.version > STATE_VERSION { Err(self.version) } else { Ok(self.state) }
    }
}

/// A query for the leases in a dataset: table, run, process, since, until; the latest of each table first.
pub(super) fn leases(beside: &TableName, condition: &str) -> String {
    format!(
        "SELECT dest_table, run_id, process, since, until FROM {} WHERE dest_schema = {} AND {condition} \
         ORDER BY until DESC, run_id",
        beside.beside(LEASES).sql(&BigQueryDialect),
        text(&beside.schema)
    )
}

/// A lease of an answer to [`leases`], with its table.
pub(super) fn lease_of(row: &[Option<String>]) -> (String, Lease) {
    // A lease without its dates was not written by us: it holds nobody up.
    let at = |column| Micros(number(row, column).unwrap_or(0));
    (owned(row, 0), Lease { run: owned(row, 1), process: owned(row, 2), since: at(3), until: at(4) })
}
