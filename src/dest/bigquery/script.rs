//! A commit as one text: what must be there, then one transaction, then what it did.
//!
//! BigQuery changes no permanent table inside a transaction, so tables are made and widened before it. A script that
//! fails inside its transaction has done nothing of it: BigQuery rolls back.
//! <https://cloud.google.com/bigquery/docs/transactions>

use crate::dest::sql::script::{Counter, Script, ScriptStep, Tally, When, own};
use crate::dest::{Counts, TextRow};

/// Variables of every script; their names begin like ours, since a column of the same name would win.
fn variable(counter: Counter, at: usize) -> String {
    let name = match counter {
        Counter::Read => "_ingestr_read",
        Counter::Inserted => "_ingestr_inserted",
        Counter::Updated => "_ingestr_updated",
        Counter::Told => "_ingestr_survivors",
        Counter::Deleted => "_ingestr_deleted",
        Counter::Rejected => "_ingestr_rejected",
    };
    own(name, at)
}

/// The whole, which ends in one row: what [`counts`] reads.
pub(super) fn text(script: &Script) -> String {
    let of = |at: usize| Counter::ALL.map(|counter| variable(counter, at)).join(", ");
    let counters = (0..=script.at).map(of).collect::<Vec<_>>().join(", ");
    let mut variables = vec![counters.clone()];
    for (step, at) in of_targets(&script.before).chain(of_targets(&script.body)) {
        let names: &[&'static str] = match step {
            ScriptStep::Find(name, ..) => &[name],
            ScriptStep::Only(When::Any(names), _) => names,
            _ => &[],
        };
        for name in names.iter().map(|name| own(name, at)) {
            if !variables.contains(&name) {
                variables.push(name);
            }
        }
    }
    let guards = script.guards.iter().enumerate().map(|(nth, (condition, _))| {
        format!("IF {condition} THEN RAISE USING MESSAGE = '{}'; END IF", script.code(nth))
    });
    let guards: Vec<String> = guards.collect();
    let mut statements = vec![format!("DECLARE {} INT64 DEFAULT 0", variables.join(", "))];
    // Before anything is changed, and again inside the transaction.
    statements.extend(guards.iter().cloned());
    statements.extend(steps(&script.before));
    statements.push("BEGIN TRANSACTION".into());
    statements.extend(guards);
    statements.extend(steps(&script.body));
    statements.push("COMMIT TRANSACTION".into());
    // BigQuery would keep them for a day.
    statements.extend(script.scratch.iter().map(|name| format!("DROP TABLE {name}")));
    statements.push(format!("SELECT {counters}"));
    statements.join(";\n") + ";\n"
}

fn steps(steps: &[ScriptStep]) -> Vec<String> {
    of_targets(steps).flat_map(|(step, at)| statements_of(step, at)).collect()
}

/// Each step, and the target that it is for.
fn of_targets(steps: &[ScriptStep]) -> impl Iterator<Item = (&ScriptStep, usize)> {
    steps.iter().scan(0, |at, step| {
        if let ScriptStep::Of(target) = step {
            *at = *target;
        }
        Some((step, *at))
    })
}

fn statements_of(step: &ScriptStep, at: usize) -> Vec<String> {
    let add = |counter: &Option<Counter>, rows: &str| {
        counter.map(|counter| format!("SET {0} = {0} + {rows}", variable(counter, at)))
    };
    match step {
        ScriptStep::Of(_) => Vec::new(),
        ScriptStep::Run(sql, counter) => {
            [sql.clone()].into_iter().chain(add(counter, "@@row_count")).collect()
        }
        ScriptStep::Find(name, query, counter) => {
            let name = own(name, at);
            [format!("SET {name} = ({query})")].into_iter().chain(add(counter, &name)).collect()
        }
        ScriptStep::Only(when, then) => {
            let condition = match when {
                When::Any(names) => {
                    let names: Vec<String> = names.iter().map(|name| own(name, at)).collect();
                    format!("{} > 0", names.join(" + "))
                }
                When::Not(condition) => format!("NOT {condition}"),
                When::Holds(condition) => condition.clone(),
            };
            vec![format!("IF {condition} THEN {}; END IF", then.join("; "))]
        }
    }
}

/// What a script did to each target.
pub(super) fn counts(rows: &[TextRow]) -> Vec<Counts> {
    let row = rows.first().map(Vec::as_slice).unwrap_or_default();
    let of_target = |cells: &[Option<String>]| {
        let mut tally = Tally::default();
        for (count, cell) in tally.0.iter_mut().zip(cells) {
            *count = cell.as_deref().and_then(|cell| cell.parse().ok()).unwrap_or(0);
        }
        Counts::from(tally)
    };
    row.chunks(Counter::ALL.len()).map(of_target).collect()
}
