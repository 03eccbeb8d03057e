//! Names of columns, and what of the ledger is kept.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray};

use super::{Bench, batch, batch_of, commit, counts, items, load, loaded, usual};
use crate::dest::{Commit, Keep, Names, Target, Targets};
use crate::model::{Column, EXTRA, FieldName, LogicalType, Micros, Reject, Strategy};

fn name(field: &str, column: &str) -> FieldName {
    FieldName { field: field.into(), column: column.into() }
}

async fn names_of(bench: &dyn Bench, target: &Target) -> Option<Vec<FieldName>> {
    bench.destination().inspect(target).await.expect("can be inspected").names
}

/// Which column a field has is remembered with the table: through resets and replacements, and no longer than it lives.
pub(crate) async fn names_of_columns_are_the_tables(bench: &dyn Bench) {
    let target = items(usual(bench));
    assert_eq!(names_of(bench, &target).await, None);
    let anew = |new: Vec<FieldName>| vec![Names { new, anew: true }];
    let first = Commit { names: anew(vec![name("Plan", "plan")]), ..commit("r1", "p", false) };
    loaded(bench, &target, &[(1, "a", 10)], first).await;
    let second = vec![name("plan", "plan_9bc1bf11"), name("it's", "it_s"), name("Plan", "plan")];
    loaded(
        bench,
        &target,
        &[(2, "b", 10)],
        Commit { names: vec![Names { new: second, anew: false }], ..commit("r1", "p", true) },
    )
    .await;
    let all = vec![name("Plan", "plan"), name("it's", "it_s"), name("plan", "plan_9bc1bf11")];
    assert_eq!(names_of(bench, &target).await, Some(all.clone()));
    let elsewhere = Target { table: "others".into(), ..target.clone() };
    loaded(bench, &elsewhere, &[(1, "a", 10)], commit("r2", "p", true)).await;
    assert!(names_of(bench, &elsewhere).await.is_none_or(|names| names.is_empty()));
    bench.destination().forget("shop", "items").await.expect("can be forgotten");
    assert_eq!(names_of(bench, &target).await, Some(all.clone()));
    let replaced = Target { strategy: Strategy::Replace, fresh: true, ..target.clone() };
    loaded(bench, &replaced, &[(3, "c", 10)], commit("r3", "half", false)).await;
    let going_on = Target { fresh: false, ..replaced };
    loaded(bench, &going_on, &[(4, "d", 10)], commit("r3", "end", true)).await;
    assert_eq!(names_of(bench, &target).await, Some(all));
    bench.execute("DROP TABLE {}", "items");
    assert_eq!(names_of(bench, &target).await, None);
    let last = Commit { names: anew(vec![name("plan", "plan")]), ..commit("r4", "p", true) };
    loaded(bench, &target, &[(1, "a", 10)], last).await;
    assert_eq!(names_of(bench, &target).await, Some(vec![name("plan", "plan")]));
}

/// A child table has names of its own, which are stored in the same commits.
pub(crate) async fn names_of_columns_are_each_tables_own(bench: &dyn Bench) {
    let table = items(usual(bench));
    let children = [Target { source_table: "parts".into(), table: "parts".into(), ..table.clone() }];
    let new = |names: &[FieldName]| Names { new: names.to_vec(), anew: true };
    let (own, theirs) = (vec![name("Plan", "plan")], vec![name("Plan", "plan_x"), name("other", EXTRA)]);
    for strategy in [usual(bench), Strategy::Replace] {
        let targets = [&table, &children[0]].map(|target| Target { strategy, fresh: true, ..target.clone() });
        let [table, child] = &targets;
        let mut load = bench.destination().begin(Targets { table, children: std::slice::from_ref(child) });
        for at in [0, 1] {
            load.stage(at, batch(&[(1, "a", 10)])).await.expect("can be staged");
        }
        let names = vec![new(&own), new(&theirs)];
        load.commit(Commit { names, ..commit("r1", "p", true) }).await.expect("goes through");
        for (target, wanted) in [(table, &own), (child, &theirs)] {
            bench.destination().forget("shop", &target.table).await.expect("can be forgotten");
            assert_eq!(names_of(bench, target).await.as_ref(), Some(wanted), "{strategy} {}", target.table);
        }
    }
}

/// The JSON of fields that share a column is a value like others: another one is a change of its row, the same is none.
pub(crate) async fn what_shares_a_column_changes_its_row(bench: &dyn Bench) {
    for strategy in [Strategy::Merge, Strategy::Scd2] {
        let target = Target { table: format!("items {strategy}"), ..items(strategy) };
        let with = |extra: [Option<&str>; 2]| {
            batch_of(vec![
                (Column::new("id", LogicalType::Int64), Arc::new(Int64Array::from(vec![1, 2])) as ArrayRef),
                (Column::new(EXTRA, LogicalType::Json), Arc::new(StringArray::from(extra.to_vec()))),
            ])
        };
        loaded(bench, &target, &[(1, "a", 10), (2, "b", 20)], commit("r1", "p", true)).await;
        for (run, extra, changed) in [
            ("r2", [Some(r#"{"f":1}"#), None], 1),
            ("r3", [Some(r#"{"f":1}"#), None], 0),
            ("r4", [Some(r#"{"f":2}"#), Some(r#"{"f":1}"#)], 2),
            ("r5", [None, Some(r#"{"f":1}"#)], 1),
        ] {
            // Rows without a date are the same otherwise.
            let mut target = target.clone();
            (target.incremental_key, target.columns) = (None, target.columns[..1].to_vec());
            let done = load(&*bench.destination(), &target, vec![with(extra)], commit(run, "p", true)).await;
            let done = done.expect("goes through");
            assert_eq!(done, counts(0, changed, 2 - changed, 0), "{strategy} {run}");
        }
    }
}

/// With a run's last commit go old runs and old values that did not fit, of this target alone.
pub(crate) async fn the_ledger_is_kept_for_a_while(bench: &dyn Bench) {
    let target = items(usual(bench));
    let elsewhere = Target { table: "others".into(), ..target.clone() };
    let run = |id: &str, at: i64, release: bool| {
        let mut commit = commit(id, "p", true);
        (commit.run.started_at, commit.run.ended_at) = (Micros(at), Micros(at + 5));
        let value = "1".to_owned();
        commit.rejects = vec![vec![Reject { id: None, column: None, value, reason: "not text" }]];
        commit.release = release;
        commit.keep = Keep { runs: Some(2), rejects: Some(Micros(200)) };
        commit
    };
    loaded(bench, &elsewhere, &[(1, "a", 10)], run("other", 50, false)).await;
    for (id, at) in [("r1", 100), ("r2", 300), ("r3", 400)] {
        load(&*bench.destination(), &target, vec![batch(&[(1, "a", 10)])], run(id, at, false))
            .await
            .expect("goes through");
    }
    let of = |table: &str| bench.rows(table, &["run_id"]).expect("there is one").concat();
    assert_eq!(of("_ingestr_runs"), ["other", "r1", "r2", "r3"]);
    loaded(bench, &target, &[], run("r4", 500, true)).await;
    assert_eq!(of("_ingestr_runs"), ["other", "r3", "r4"]);
    assert_eq!(of("_ingestr_rejects"), ["other", "r2", "r3", "r4"]);
}
