//! Runs that have no row to write, of several tables.

use super::{Bench, commit, items, loaded, named, state};
use crate::dest::{Commit, DestErrorKind, Idle, Target};
use crate::model::lease::{self, Claim, TERM, this_process};
use crate::model::{Lease, Micros, Strategy};

const NOW: Micros = Micros(1_795_340_425_250_000);

/// What runs of that name would store of these tables.
async fn idle(bench: &dyn Bench, targets: [&Target; 2], run: &str, at: &str) -> Vec<Idle> {
    let mut all = Vec::new();
    for target in targets {
        let basis = bench.destination().inspect(target).await.expect("can be inspected").basis;
        let commit = Commit { basis: Some(basis), release: true, ..commit(run, at, true) };
        all.push(Idle { targets: vec![target.clone()], commit });
    }
    all
}

async fn states(bench: &dyn Bench, targets: [&Target; 2]) -> Vec<String> {
    let mut all = Vec::new();
    for target in targets {
        all.push(state(bench, target).await.expect("has a state").source.0);
    }
    all
}

/// All of them store what they know, or none does: when another run holds one of the tables, or has written to it.
pub(crate) async fn runs_without_rows_commit_together(bench: &dyn Bench) {
    let mut other = items(Strategy::Merge);
    (other.table, other.source_table) = ("others".into(), "others".into());
    let items = items(Strategy::Merge);
    let both = [&items, &other];
    loaded(bench, &items, &[(1, "a", 10)], commit("r1", "p1", true)).await;
    loaded(bench, &other, &[(2, "b", 10)], commit("r1", "p1", true)).await;
    let destination = bench.destination();
    let tables = bench.tables();
    destination.commit_idle(&[], NOW).await.expect("is nothing");

    let early = idle(bench, both, "r2", "p2").await;
    destination.commit_idle(&early, NOW).await.expect("nobody is in the way");
    assert_eq!(states(bench, both).await, ["p2", "p2"]);
    assert_eq!((named(bench), bench.tables()), (vec!["1 a".to_owned()], tables), "nothing else has changed");

    let mut late = idle(bench, both, "r3", "p3").await;
    late[1].commit.basis.clone_from(&early[1].commit.basis);
    let error = destination.commit_idle(&late, NOW).await.expect_err("one of them was written to");
    assert_eq!(error.kind, DestErrorKind::Changed, "{error}");
    assert_eq!(states(bench, both).await, ["p2", "p2"]);

    let held = Lease { run: "r9".into(), process: this_process(), since: NOW, until: NOW.plus(TERM) };
    destination.lease(&other, held, Claim::Take, lease::live).await.expect("nobody holds it");
    let again = idle(bench, both, "r4", "p4").await;
    let error = destination.commit_idle(&again, NOW).await.expect_err("one of them is held");
    assert_eq!(error.kind, DestErrorKind::Leased, "{error}");
    assert_eq!(states(bench, both).await, ["p2", "p2"]);
    destination.commit_idle(&again, NOW.plus(TERM)).await.expect("has lapsed");
    assert_eq!(states(bench, both).await, ["p4", "p4"]);

    // States that are too long for a statement's text, each table's own.
    let long = ["one ", "other "].map(|word| word.repeat(1_000));
    let mut longer = idle(bench, both, "r5", "p5").await;
    for (idle, long) in longer.iter_mut().zip(&long) {
        idle.commit.state.source.0.clone_from(long);
    }
    destination.commit_idle(&longer, NOW.plus(TERM)).await.expect("nobody is in the way");
    assert_eq!(states(bench, both).await, long);
}
