//! Whose a table is, and how it becomes another account's.

use super::{Bench, Item, batch, commit, items, load, loaded, named, state, usual};
use crate::dest::{Inspection, Owner, Target};
use crate::model::{Remembered, Strategy};

async fn found(bench: &dyn Bench, target: &Target) -> Inspection {
    bench.destination().inspect(target).await.expect("can be inspected")
}

/// Whose the table is, if it is not the target's: account, source table, and whether its rows are kept aside.
async fn owner(bench: &dyn Bench, target: &Target) -> Option<(String, String, bool)> {
    let Owner { account, source_table, aside } = found(bench, target).await.owner()?.clone();
    Some((account, source_table, aside))
}

fn is(account: &str, aside: bool) -> Option<(String, String, bool)> {
    Some((account.into(), "items".into(), aside))
}

fn of(account: &str, strategy: Strategy) -> Target {
    Target { account: account.into(), ..items(strategy) }
}

const A: [Item<'static>; 1] = [(1, "a", 10)];
const B: [Item<'static>; 1] = [(2, "b", 10)];

/// A table is of the account and source table whose state tells of it, whatever the strategy; not of one that only has
/// rows kept aside, as long as it is another's. Without a state it is nobody's.
pub(crate) async fn a_table_is_of_whom_its_state_tells(bench: &dyn Bench) {
    assert_eq!(owner(bench, &of("acme", usual(bench))).await, None);
    loaded(bench, &of("acme", usual(bench)), &A, commit("r1", "p", true)).await;
    for &strategy in bench.strategies() {
        assert_eq!(owner(bench, &of("acme", strategy)).await, None, "{strategy}");
        let theirs = of("umbrella", strategy);
        assert_eq!(owner(bench, &theirs).await, is("acme", false), "{strategy}");
        let inspection = found(bench, &theirs).await;
        assert_eq!((inspection.state, inspection.aside), (None, None), "{strategy}");
        let another = Target { source_table: "things".into(), ..of("acme", strategy) };
        assert_eq!(owner(bench, &another).await, is("acme", false), "{strategy}");
    }
    let elsewhere = Target { table: "others".into(), ..of("umbrella", usual(bench)) };
    assert_eq!(owner(bench, &elsewhere).await, None);
    // As versions wrote it that did not ask.
    loaded(bench, &of("umbrella", Strategy::Replace), &B, commit("r2", "half", false)).await;
    assert_eq!(owner(bench, &of("acme", usual(bench))).await, None);
    assert_eq!(owner(bench, &of("umbrella", Strategy::Replace)).await, is("acme", false));
    loaded(bench, &of("umbrella", usual(bench)), &B, commit("r3", "p", true)).await;
    assert_eq!(owner(bench, &of("acme", usual(bench))).await, is("umbrella", false));
    assert_eq!(owner(bench, &of("umbrella", usual(bench))).await, is("acme", false));
    bench.destination().forget("shop", "items").await.expect("can be forgotten");
    assert_eq!(owner(bench, &of("initech", usual(bench))).await, None);
    assert_eq!(named(bench), ["1 a", "2 b"]);
}

/// Rows kept aside make a table theirs that does not exist yet, until they are forgotten or gone.
pub(crate) async fn rows_kept_aside_have_an_owner(bench: &dyn Bench) {
    loaded(bench, &of("umbrella", Strategy::Replace), &B, commit("r1", "half", false)).await;
    assert_eq!(owner(bench, &of("umbrella", Strategy::Replace)).await, None);
    for strategy in [usual(bench), Strategy::Replace, Strategy::Append] {
        assert_eq!(owner(bench, &of("acme", strategy)).await, is("umbrella", true), "{strategy}");
    }
    let hidden = bench.tables().into_iter().find(|name| name.starts_with("_ingestr_new__"));
    bench.execute("DROP TABLE {}", &hidden.expect("rows are kept aside"));
    assert_eq!(owner(bench, &of("acme", usual(bench))).await, None);
}

/// Who makes a table anew has it: what others had read into one of that name is forgotten with the first commit.
pub(crate) async fn a_table_made_anew_is_its_makers(bench: &dyn Bench) {
    for &strategy in bench.strategies() {
        bench.execute("DROP TABLE IF EXISTS {}", "items");
        let (acme, umbrella) = (of("acme", strategy), of("umbrella", strategy));
        loaded(bench, &acme, &A, commit("r1", "p", true)).await;
        bench.execute("DROP TABLE {}", "items");
        assert_eq!(owner(bench, &umbrella).await, None, "{strategy}");
        loaded(bench, &umbrella, &B, commit("r2", "p", true)).await;
        assert_eq!(owner(bench, &umbrella).await, None, "{strategy}");
        assert_eq!(state(bench, &umbrella).await.expect("has a state").source.0, "p", "{strategy}");
        assert_eq!(owner(bench, &acme).await, is("umbrella", false), "{strategy}");
        assert_eq!(state(bench, &acme).await, None, "{strategy}");
    }
}

/// Another account goes on where the one stood: with the state, the rows kept aside, the runs and the rejects, of the tables
/// that are named and no others.
pub(crate) async fn tables_are_given_to_another_account(bench: &dyn Bench) {
    let destination = bench.destination();
    assert_eq!(destination.reassign(&[], "umbrella").await.expect("nothing to do"), 0);
    assert!(bench.tables().is_empty());
    let mut first = commit("r1", "p1", true);
    first.rejects = vec![vec![crate::model::Reject {
        id: None,
        column: Some("name".into()),
        value: "1".into(),
        reason: "not text",
    }]];
    load(&*destination, &of("acme", usual(bench)), vec![batch(&A)], first).await.expect("goes through");
    let mut fresh = of("acme", Strategy::Replace);
    fresh.fresh = true;
    loaded(bench, &fresh, &B, commit("r2", "half", false)).await;
    let other = |account: &str| Target { table: "others".into(), ..of(account, usual(bench)) };
    loaded(bench, &other("acme"), &A, commit("r3", "stays", true)).await;
    let third = |account: &str| Target { table: "thirds".into(), ..of(account, usual(bench)) };
    loaded(bench, &third("initech"), &A, commit("r4", "stays", true)).await;
    // Nobody's, under the name that the rows kept aside will have.
    loaded(bench, &of("umbrella", Strategy::Replace), &A, commit("r5", "dead", false)).await;
    bench.execute("DELETE FROM {} WHERE account = 'umbrella'", "_ingestr_state");
    bench.execute("DELETE FROM {} WHERE account = 'umbrella'", "_ingestr_runs");

    let listed = destination.remembered().await.expect("can be read");
    let moved: Vec<Remembered> = listed.into_iter().filter(|one| one.table == "items").collect();
    assert_eq!(moved.len(), 2);
    assert_eq!(destination.reassign(&moved, "umbrella").await.expect("is given"), 2);
    let gone = found(bench, &of("acme", Strategy::Replace)).await;
    assert_eq!((gone.state, gone.aside), (None, None));
    assert_eq!(owner(bench, &of("acme", Strategy::Replace)).await, is("umbrella", false));
    let there = found(bench, &of("umbrella", Strategy::Replace)).await;
    assert_eq!(there.state.clone().expect("own state").source.0, "p1");
    assert_eq!(there.aside.clone().expect("rows kept aside").source.0, "half");
    assert_eq!(there.owner(), None);
    let after = destination.remembered().await.expect("can be read");
    let told: Vec<_> = after
        .iter()
        .map(|one| {
            let runs: Vec<&str> = one.runs.iter().map(|run| run.id.as_str()).collect();
            format!("{} {} {} {}", one.table, one.account, one.aside, runs.join("+"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "items umbrella false r2+r1",
            "items umbrella true r2+r1",
            "others acme false r3",
            "thirds initech false r4"
        ]
    );
    let rejects = bench.rows("_ingestr_rejects", &["account", "run_id"]).expect("table exists");
    assert_eq!(rejects, [["umbrella", "r1"]]);
    // The replacement goes on, with its own rows only.
    loaded(bench, &of("umbrella", Strategy::Replace), &[(3, "c", 20)], commit("r6", "end", true)).await;
    assert_eq!(named(bench), ["2 b", "3 c"]);
    assert!(!bench.tables().iter().any(|name| name.starts_with("_ingestr_new__")));
    assert_eq!(state(bench, &other("acme")).await.expect("own state").source.0, "stays");
}
