//! Names of columns, and what of the books is kept.

use super::{Bench, batch, commit, items, load, loaded};
use crate::dest::{Commit, Keep, Target};
use crate::model::{FieldName, Micros, Reject, Strategy};

fn name(field: &str, column: &str) -> FieldName {
    FieldName { field: field.into(), column: column.into() }
}

async fn names(bench: &dyn Bench, target: &Target) -> Option<Vec<FieldName>> {
    bench.destination().inspect(target).await.expect("can be inspected").names
}

/// Which column a field has is remembered with the table: through resets and replacements, and no longer than it lives.
pub(crate) async fn names_of_columns_are_the_tables(bench: &dyn Bench) {
    let target = items(Strategy::Merge);
    assert_eq!(names(bench, &target).await, None);
    let first = Commit { names_anew: true, names: vec![name("Plan", "plan")], ..commit("r1", "p", false) };
    loaded(bench, &target, &[(1, "a", 10)], first).await;
    let second = vec![name("plan", "plan_9bc1bf11"), name("it's", "it_s"), name("Plan", "plan")];
    loaded(bench, &target, &[(2, "b", 10)], Commit { names: second, ..commit("r1", "p", true) }).await;
    let all = vec![name("Plan", "plan"), name("it's", "it_s"), name("plan", "plan_9bc1bf11")];
    assert_eq!(names(bench, &target).await, Some(all.clone()));
    let elsewhere = Target { table: "others".into(), ..target.clone() };
    loaded(bench, &elsewhere, &[(1, "a", 10)], commit("r2", "p", true)).await;
    assert!(names(bench, &elsewhere).await.is_none_or(|names| names.is_empty()));
    bench.destination().forget("shop", "items").await.expect("can be forgotten");
    assert_eq!(names(bench, &target).await, Some(all.clone()));
    let replaced = Target { strategy: Strategy::Replace, fresh: true, ..target.clone() };
    loaded(bench, &replaced, &[(3, "c", 10)], commit("r3", "half", false)).await;
    let going_on = Target { fresh: false, ..replaced };
    loaded(bench, &going_on, &[(4, "d", 10)], commit("r3", "end", true)).await;
    assert_eq!(names(bench, &target).await, Some(all));
    bench.execute("DROP TABLE {}", "items");
    assert_eq!(names(bench, &target).await, None);
    let anew = Commit { names_anew: true, names: vec![name("plan", "plan")], ..commit("r4", "p", true) };
    loaded(bench, &target, &[(1, "a", 10)], anew).await;
    assert_eq!(names(bench, &target).await, Some(vec![name("plan", "plan")]));
}

/// With a run's last commit go old runs and old values that did not fit, of this target alone.
pub(crate) async fn books_are_kept_for_a_while(bench: &dyn Bench) {
    let target = items(Strategy::Merge);
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
