//! What a schema remembers, for `ingestr state show`, `ingestr state reset` and `ingestr state move`.

use super::cells::LedgerLine;
use super::commit::Seen;
use super::engine::Engine;
use super::leases;
use super::ledger::{self, LEASES, REJECTS, RUNS, STATE, Whose};
use super::script::{Counter, Script, ScriptStep};
use super::shadow::{is_shadow_of, reassigned};
use crate::dest::DestError;
use crate::model::{RUNS_TOLD, Remembered, RunLine};

/// All states of the schema, in any order.
///
/// # Errors
/// When it cannot be read.
pub(crate) async fn of_schema<E: Engine>(engine: &E) -> Result<Vec<Remembered>, DestError> {
    let d = engine.dialect();
    // A line that was copied here with another schema is nobody's state: no run would find it.
    let schema = engine.table("").schema;
    let here = d.named("dest_schema", &schema);
    let states = engine.lines(STATE, &here).await?;
    if states.is_empty() {
        return Ok(Vec::new());
    }
    let leases = engine.lines(LEASES, &here).await?;
    let mut runs = engine.lines(RUNS, &newest_runs(engine)).await?;
    runs.sort_by(|a, b| {
        let key = |line: &LedgerLine| (line.instant("started_at"), line.text("run_id").to_owned());
        key(b).cmp(&key(a))
    });
    let told = |line: &LedgerLine| {
        let table = line.text("dest_table");
        let of_line = |run: &&LedgerLine| {
            ["account", "source_table"].iter().all(|name| run.text(name) == line.text(name))
                && d.alike(run.text("dest_table"), table)
        };
        let own = leases.iter().filter(|lease| d.alike(lease.text("dest_table"), table));
        Remembered {
            account: line.text("account").to_owned(),
            source_table: line.text("source_table").to_owned(),
            schema: schema.clone(),
            table: table.to_owned(),
            aside: !line.text("rows_in").is_empty(),
            version: line.number("version"),
            updated_at: line.instant("updated_at"),
            lease: leases::longest(own.map(LedgerLine::lease)),
            runs: runs.iter().filter(of_line).map(LedgerLine::run).take(RUNS_TOLD).collect::<Vec<RunLine>>(),
            state: line.state().ok(),
        }
    };
    Ok(states.iter().map(told).collect())
}

/// The condition that a run is among the last of its target.
fn newest_runs<E: Engine>(engine: &E) -> String {
    format!(
        "run_id IN (SELECT run_id FROM (SELECT run_id, ROW_NUMBER() OVER (PARTITION BY account, source_table, \
         dest_table ORDER BY started_at DESC, run_id DESC) AS nth FROM {}) AS _ingestr_runs_told WHERE nth <= {RUNS_TOLD})",
        engine.table(RUNS).sql(engine.dialect())
    )
}

/// Forgets states, lease and rows kept aside of a table; how many states there were.
///
/// # Errors
/// When it cannot be written.
pub(crate) async fn reset<E: Engine>(engine: &E, table: &str) -> Result<u64, DestError> {
    let (d, name) = (engine.dialect(), engine.table(table));
    let seen = Seen { tables: engine.tables().await?, ..Seen::default() };
    let mut script = Script::default();
    for (ledger, counter) in [(LEASES, None), (STATE, Some(Counter::Deleted))] {
        if seen.has(d, ledger) {
            let sql = ledger::delete(d, &name.beside(ledger), &ledger::of_table(d, &name));
            script.body([ScriptStep::Run(sql, counter)]);
        }
    }
    script.dead =
        seen.tables.iter().filter(|hidden| is_shadow_of(hidden, table)).map(|t| name.beside(t)).collect();
    if script.body.is_empty() && script.dead.is_empty() {
        return Ok(0);
    }
    engine.run(&script).await.map(|counts| counts.iter().map(|counts| counts.deleted).sum())
}

/// Gives states, rows kept aside, runs and rejects of tables to another account; how many states there were. Where a
/// database renames no table inside a transaction, rows kept aside get their new name before it; if it does not go
/// through then, an unfinished replacement begins anew, and nothing else is lost.
///
/// # Errors
/// When it cannot be written.
pub(crate) async fn reassign<E: Engine>(
    engine: &E,
    tables: &[&Remembered],
    account: &str,
) -> Result<u64, DestError> {
    let d = engine.dialect();
    let schema = engine.table("").schema;
    let seen = Seen { tables: engine.tables().await?, ..Seen::default() };
    let mut script = Script::default();
    let mut changed: u64 = 0;
    for line in engine.lines(STATE, &d.named("dest_schema", &schema)).await? {
        let whose = Whose {
            account: line.text("account"),
            source_table: line.text("source_table"),
            schema: &schema,
            table: line.text("dest_table"),
        };
        let wanted = |one: &&&Remembered| {
            one.account == whose.account
                && one.source_table == whose.source_table
                && d.alike(&one.table, whose.table)
        };
        if tables.iter().find(wanted).is_none() {
            continue;
        }
        changed += 1;
        let from = line.text("rows_in");
        let mut to = from.to_owned();
        if !from.is_empty() {
            to = reassigned(from, account, whose.source_table);
            if seen.has(d, from) {
                let (from, to) = (engine.table(from), engine.table(&to));
                // What has the new name is nobody's: the account has no state for the table.
                let drop = format!("DROP TABLE IF EXISTS {}", to.sql(d));
                let rename = format!("ALTER TABLE {} RENAME TO {}", from.sql(d), d.bare(&to));
                script.before([drop, rename]);
            }
        }
        let update = |table: &str, set: &str, which: &str| {
            format!(
                "UPDATE {} SET account = {}{set} WHERE {which}",
                engine.table(table).sql(d),
                d.text(account)
            )
        };
        let moved = format!(", rows_in = {}", d.text(&to));
        script.then([update(STATE, &moved, &whose.state(d, from))]);
        for ledger in [RUNS, REJECTS].into_iter().filter(|ledger| seen.has(d, ledger)) {
            script.then([update(ledger, "", &whose.lines(d))]);
        }
    }
    if changed > 0 {
        engine.run(&script).await?;
    }
    Ok(changed)
}
