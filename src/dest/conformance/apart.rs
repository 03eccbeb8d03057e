//! Progress and rows belong together: a commit goes through only if what is stored is what its run left there.

use super::{Bench, batch, commit, counts, items, load, loaded, named, usual};
use crate::dest::{Basis, Commit, DestError, DestErrorKind, Inspection, Target, Written};
use crate::model::{Micros, Strategy};

async fn found(bench: &dyn Bench, target: &Target) -> Inspection {
    bench.destination().inspect(target).await.expect("can be inspected")
}

/// A commit that goes on from that.
fn from(basis: &Basis, run: &str, at: &str, last: bool) -> Commit {
    Commit { basis: Some(basis.clone()), ..commit(run, at, last) }
}

/// The same target in a table of its own for each strategy.
fn own(strategy: Strategy) -> Target {
    Target { table: format!("items {strategy}"), ..items(strategy) }
}

/// Loads a row; what a run knows that has just done so.
async fn begun(bench: &dyn Bench, target: &Target, last: bool) -> Basis {
    let basis = found(bench, target).await.basis;
    assert_eq!(basis, Basis::default());
    let first = from(&basis, "r1", "p1", last);
    let after = basis.after(target.strategy, &first);
    loaded(bench, target, &[(1, "a", 10), (2, "b", 10)], first).await;
    assert_eq!(found(bench, target).await.basis, after, "{}", target.strategy);
    after
}

async fn refused(bench: &dyn Bench, target: &Target, commit: Commit, why: &str) -> DestError {
    let (rows, tables) = (bench.rows(&target.table, &["id", "name"]), bench.tables());
    let before = found(bench, target).await;
    let error = load(&*bench.destination(), target, vec![batch(&[(3, "c", 20)])], commit).await;
    let error = error.expect_err(why);
    assert_eq!(error.kind, DestErrorKind::Changed, "{error}: {}", target.strategy);
    assert!(error.message.contains(why), "{error}: {}", target.strategy);
    assert_eq!(bench.rows(&target.table, &["id", "name"]), rows, "{}", target.strategy);
    assert_eq!(bench.tables(), tables, "{}", target.strategy);
    let after = found(bench, target).await;
    assert_eq!((after.state, after.basis), (before.state, before.basis), "{}", target.strategy);
    error
}

const PROGRESS: &str = "is not what this run stored last";

/// Another run has stored something since, or what this one stored is gone, or an older copy is there.
pub(crate) async fn commits_go_on_from_their_own_progress(bench: &dyn Bench) {
    for &strategy in bench.strategies() {
        let target = own(strategy);
        let waits = matches!(strategy, Strategy::Replace | Strategy::DeleteInsert);
        let basis = begun(bench, &target, !waits).await;
        let next = from(&basis, "r1", "p2", false);
        let later = Basis { own: None, aside: None, ..basis.clone() };
        refused(bench, &target, from(&later, "r1", "p2", false), PROGRESS).await;
        let older = |written: &Option<Written>| {
            written.as_ref().map(|written| Written { at: Some(Micros(7)), ..written.clone() })
        };
        let older = Basis { own: older(&basis.own), aside: older(&basis.aside), ..basis.clone() };
        refused(bench, &target, from(&older, "r1", "p2", false), PROGRESS).await;
        // Staged before, committed after.
        let mut staged = bench.destination().begin((&target).into());
        staged.stage(0, batch(&[(3, "c", 20)])).await.expect("can be staged");
        loaded(bench, &target, &[(4, "d", 30)], commit("r2", "theirs", !waits)).await;
        let error = staged.commit(next.clone()).await.expect_err("another run was there");
        let error = DestError::from(error);
        assert_eq!(error.kind, DestErrorKind::Changed, "{strategy}");
        let there = found(bench, &target).await;
        let theirs = if waits { there.aside } else { there.state };
        assert_eq!(theirs.expect("theirs").source.0, "theirs", "{strategy}");
        bench.execute("DELETE FROM {} WHERE account = 'acme'", "_ingestr_state");
        refused(bench, &target, next, PROGRESS).await;
    }
}

/// A table that was dropped, replaced or emptied since the last commit ends the run; the next one begins anew.
pub(crate) async fn commits_go_on_in_their_own_table(bench: &dyn Bench) {
    let gone: [(&[&str], &str); 3] = [
        (&["DELETE FROM {} WHERE TRUE"], "emptied"),
        (&["DROP TABLE {}"], "dropped"),
        (&["DROP TABLE {}", "CREATE TABLE {} (id BIGINT, name VARCHAR)"], "replaced by another one"),
    ];
    for (statements, how) in gone {
        let target = Target { table: format!("items {}", Strategy::Merge), ..items(usual(bench)) };
        let basis = begun(bench, &target, true).await;
        statements.iter().for_each(|sql| bench.execute(sql, &target.table));
        refused(bench, &target, from(&basis, "r1", "p2", false), &format!("was {how} while")).await;
        let inspection = found(bench, &target).await;
        assert_eq!(inspection.state, None, "{how}");
        // Which table, a warehouse says in its own words.
        let note = format!(" was {how} since the last run");
        assert!(inspection.notes.iter().any(|said| said.contains(&note)), "{:?}", inspection.notes);
        assert_eq!(inspection.basis, Basis { apart: true, ..basis });
        let again = from(&inspection.basis, "r2", "p3", true);
        let done = loaded(bench, &target, &[(5, "e", 40)], again).await;
        assert_eq!(done, counts(1, 0, 0, 0), "{how}");
        let after = found(bench, &target).await;
        assert_eq!(after.state.expect("its own").source.0, "p3", "{how}");
        assert!(!after.basis.apart && after.notes.is_empty(), "{how}: {:?}", after.notes);
        bench.execute("DROP TABLE {}", &target.table);
        bench.execute("DELETE FROM {} WHERE account = 'acme'", "_ingestr_state");
    }
}

/// Rows that a user deleted, columns that were added, and a table that never had a row are no sign.
pub(crate) async fn what_users_change_in_a_table_ends_no_run(bench: &dyn Bench) {
    let target = items(usual(bench));
    let basis = found(bench, &target).await.basis;
    loaded(bench, &target, &[], from(&basis, "r1", "p1", false)).await;
    let basis = found(bench, &target).await.basis;
    assert!(!basis.apart);
    loaded(bench, &target, &[(1, "a", 10), (2, "b", 10)], from(&basis, "r1", "p2", true)).await;
    bench.execute("DELETE FROM {} WHERE id = 1", "items");
    bench.execute("ALTER TABLE {} ADD COLUMN note VARCHAR", "items");
    let basis = found(bench, &target).await.basis;
    assert!(!basis.apart);
    loaded(bench, &target, &[(3, "c", 20)], from(&basis, "r2", "p3", true)).await;
    assert_eq!(named(bench), ["2 b", "3 c"]);
}

/// A replacement loses its rows only with the hidden table; the old one may go before.
pub(crate) async fn replacements_go_on_with_their_own_rows(bench: &dyn Bench) {
    for strategy in [Strategy::Replace, Strategy::DeleteInsert] {
        let target = own(strategy);
        loaded(
            bench,
            &Target { strategy: Strategy::Merge, ..target.clone() },
            &[(9, "old", 10)],
            commit("r0", "p0", true),
        )
        .await;
        let basis = found(bench, &target).await.basis;
        let first = from(&basis, "r1", "p1", false);
        let basis = basis.after(strategy, &first);
        loaded(bench, &target, &[(1, "a", 10)], first).await;
        let waits =
            |name: &String| name.starts_with("_ingestr_new__") || name.starts_with("_ingestr_window__");
        let hidden = bench.tables().into_iter().find(waits).expect("rows are kept aside");
        let last = from(&basis, "r1", "p2", true);
        bench.execute("DELETE FROM {} WHERE TRUE", &hidden);
        refused(bench, &target, last.clone(), "was emptied while").await;
        bench.execute("DROP TABLE {}", &hidden);
        // Where rows wait together with their state, both are gone.
        refused(bench, &target, last, "").await;
        let inspection = found(bench, &target).await;
        assert_eq!((inspection.aside, inspection.state.is_some()), (None, true), "{strategy}");
        // A new one begins from nothing.
        let mut fresh = target.clone();
        fresh.fresh = true;
        let first = from(&inspection.basis, "r2", "p1", false);
        let basis = inspection.basis.after(strategy, &first);
        loaded(bench, &fresh, &[(1, "a", 10)], first).await;
        bench.execute("DROP TABLE {}", &target.table);
        let last = from(&basis, "r2", "p2", true);
        if strategy == Strategy::DeleteInsert {
            refused(bench, &target, last, "was dropped while").await;
        } else {
            loaded(bench, &target, &[(2, "b", 10)], last).await;
            assert_eq!(found(bench, &target).await.state.expect("its own").source.0, "p2");
        }
        bench.destination().forget("shop", &target.table).await.expect("can be forgotten");
    }
}

/// What an older version stored tells of no table, and is taken as it is.
pub(crate) async fn older_states_tell_of_no_table(bench: &dyn Bench) {
    let target = items(usual(bench));
    let first = begun(bench, &target, true).await;
    for column in ["table_id", "has_rows"] {
        bench.execute(&format!("ALTER TABLE {{}} DROP COLUMN {column}"), "_ingestr_state");
    }
    let inspection = found(bench, &target).await;
    assert_eq!((inspection.state.is_some(), &inspection.basis), (true, &first));
    loaded(bench, &target, &[(3, "c", 20)], from(&first, "r2", "p2", true)).await;
    bench.execute("DROP TABLE {}", "items");
    bench.execute("CREATE TABLE {} (id BIGINT, name VARCHAR)", "items");
    assert!(found(bench, &target).await.basis.apart);
}
