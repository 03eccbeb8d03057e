//! Leases, and what a destination remembers.

use super::{Bench, batch, commit, items, load, loaded, named, state, usual};
use crate::dest::{DestError, DestErrorKind, Destination, Target};
use crate::model::lease::{self, Claim, TERM, this_process};
use crate::model::{Lease, Micros, RunLine, Strategy};

/// 2026-11-22T09:40:25.25 in Greenwich.
const NINE_FORTY: Micros = Micros(1_795_340_425_250_000);

/// A lease that is asked for at `now`.
fn held(run: &str, now: Micros) -> Lease {
    Lease { run: run.into(), process: this_process(), since: NINE_FORTY, until: now.plus(TERM) }
}

async fn take(destination: &dyn Destination, target: &Target, lease: &Lease) -> Result<(), DestError> {
    destination.lease(target, lease.clone(), Claim::Take, lease::live).await
}

async fn renew(destination: &dyn Destination, target: &Target, lease: &Lease) -> Result<(), DestError> {
    destination.lease(target, lease.clone(), Claim::Renew, lease::live).await
}

async fn holder(bench: &dyn Bench, target: &Target) -> Option<String> {
    found(bench, target).await.map(|lease| lease.run)
}

async fn found(bench: &dyn Bench, target: &Target) -> Option<Lease> {
    bench.destination().inspect(target).await.expect("can be inspected").lease
}

/// One run at a time may write to a table, whatever it copies there; it may renew its lease and give it up.
pub(crate) async fn one_run_holds_a_table(bench: &dyn Bench) {
    let target = items(usual(bench));
    assert_eq!(found(bench, &target).await, None);
    let destination = bench.destination();
    destination.release(&target, "r1").await.expect("nothing to give up");
    assert!(bench.tables().is_empty());
    let mine = held("r1", NINE_FORTY);
    take(&*destination, &target, &mine).await.expect("nobody holds it");
    assert_eq!(found(bench, &target).await, Some(mine));
    assert_eq!(bench.tables(), ["_ingestr_leases"]);
    let mut other_account = target.clone();
    other_account.account = "umbrella".into();
    for asker in [&target, &other_account] {
        let error = take(&*bench.destination(), asker, &held("r2", NINE_FORTY)).await.expect_err("is held");
        assert_eq!(error.kind, DestErrorKind::Leased);
        let pid = std::process::id();
        assert_eq!(
            error.to_string(),
            format!(
                "table shop.items is being loaded by another run (started 2026-11-22T09:40:25+00:00, process {pid})"
            )
        );
        assert_eq!(error.hint.as_deref(), Some("wait for it with --wait, or run again later"));
    }
    let renewed = held("r1", Micros(NINE_FORTY.0 + 60_000_000));
    renew(&*destination, &target, &renewed).await.expect("is its own");
    assert_eq!(found(bench, &target).await, Some(renewed));
    let mut elsewhere = target.clone();
    elsewhere.table = "others".into();
    take(&*destination, &elsewhere, &held("r2", NINE_FORTY)).await.expect("another table");
    destination.release(&target, "r2").await.expect("not its lease, so nothing happens");
    assert_eq!(holder(bench, &target).await.as_deref(), Some("r1"));
    destination.release(&target, "r1").await.expect("is its own");
    assert_eq!(found(bench, &target).await, None);
    assert_eq!(holder(bench, &elsewhere).await.as_deref(), Some("r2"));
    take(&*destination, &target, &held("r2", NINE_FORTY)).await.expect("is free");
}

/// A lease that lapsed, or whose holder is dead, holds nobody up.
pub(crate) async fn dead_leases_are_replaced(bench: &dyn Bench) {
    let target = items(usual(bench));
    let destination = bench.destination();
    let first = held("r1", NINE_FORTY);
    take(&*destination, &target, &first).await.expect("nobody holds it");
    let just_before = Micros(first.until.0 - 1);
    take(&*destination, &target, &held("r2", just_before)).await.expect_err("is still held");
    take(&*destination, &target, &held("r2", first.until)).await.expect("has lapsed");
    assert_eq!(holder(bench, &target).await.as_deref(), Some("r2"));
    // This pid, but of a process that began at another time.
    let mut dead = held("r3", first.until);
    dead.process = dead.process.rsplit_once('/').map_or(String::new(), |(place, _)| format!("{place}/1"));
    destination.release(&target, "r2").await.expect("is its own");
    take(&*destination, &target, &dead).await.expect("is free");
    take(&*destination, &target, &held("r4", first.until)).await.expect("its holder is dead");
    assert_eq!(holder(bench, &target).await.as_deref(), Some("r4"));
}

/// A run that slept past its lease does not get it back, whether another run has it now or had it and gave it up: that one
/// has written meanwhile.
pub(crate) async fn a_lost_lease_is_not_renewed(bench: &dyn Bench) {
    let target = items(usual(bench));
    let destination = bench.destination();
    let first = held("r1", NINE_FORTY);
    take(&*destination, &target, &first).await.expect("nobody holds it");
    take(&*destination, &target, &held("r2", first.until)).await.expect("has lapsed");
    let much_later = held("r1", Micros(first.until.0 + 600_000_000));
    let error = renew(&*destination, &target, &much_later).await.expect_err("r2 had it");
    assert_eq!(error.kind, DestErrorKind::Leased);
    assert!(error.message.contains("is being loaded by another run"), "{error}");
    destination.release(&target, "r2").await.expect("is its own");
    let error = renew(&*destination, &target, &much_later).await.expect_err("r2 had it");
    assert_eq!(error.kind, DestErrorKind::Leased);
    assert!(error.message.contains("the lease of this run is gone"), "{error}");
    assert_eq!(found(bench, &target).await, None);
}

/// Commits renew the lease and give it up when told, all with their rows or not at all.
pub(crate) async fn commits_carry_the_lease(bench: &dyn Bench) {
    let target = items(usual(bench));
    let first = held("r1", NINE_FORTY);
    let mut next = commit("r1", "p1", false);
    next.lease = Some(first.clone());
    take(&*bench.destination(), &target, &first).await.expect("nobody holds it");
    loaded(bench, &target, &[(1, "a", 10)], next.clone()).await;
    assert_eq!(found(bench, &target).await, Some(first));
    let renewed = held("r1", Micros(NINE_FORTY.0 + 1_000_000));
    next.lease = Some(renewed.clone());
    // Without rows as well.
    loaded(bench, &target, &[], next.clone()).await;
    assert_eq!(found(bench, &target).await, Some(renewed.clone()));
    next.release = true;
    let broken = bench.break_between(&*bench.destination());
    load(&*broken, &target, vec![batch(&[(2, "b", 10)])], next.clone()).await.expect_err("is broken");
    assert_eq!(found(bench, &target).await, Some(renewed));
    loaded(bench, &target, &[(2, "b", 10)], next).await;
    assert_eq!(found(bench, &target).await, None);
    assert_eq!(named(bench), ["1 a", "2 b"]);
}

/// A run whose lease was taken by another, dead or alive, writes nothing more.
pub(crate) async fn who_lost_the_lease_writes_nothing(bench: &dyn Bench) {
    for &strategy in bench.strategies() {
        let mut target = items(strategy);
        target.table = format!("items {strategy}");
        let mine = held("r1", NINE_FORTY);
        let mut first = commit("r1", "p1", true);
        first.lease = Some(mine.clone());
        take(&*bench.destination(), &target, &mine).await.expect("nobody holds it");
        loaded(bench, &target, &[(1, "a", 10)], first).await;
        take(&*bench.destination(), &target, &held("r2", mine.until)).await.expect("has lapsed");
        let (rows, tables) = (bench.rows(&target.table, &["id", "name"]), bench.tables());
        let mut late = commit("r1", "p2", true);
        late.lease = Some(held("r1", Micros(mine.until.0 + 1_000_000_000_000)));
        late.release = strategy == Strategy::Merge;
        let error = load(&*bench.destination(), &target, vec![batch(&[(1, "b", 20)])], late).await;
        assert_eq!(error.expect_err("lost its lease").kind, DestErrorKind::Leased, "{strategy}");
        assert_eq!(bench.rows(&target.table, &["id", "name"]), rows, "{strategy}");
        assert_eq!(bench.tables(), tables, "{strategy}");
        assert_eq!(state(bench, &target).await.expect("has a state").source.0, "p1", "{strategy}");
        assert_eq!(holder(bench, &target).await.as_deref(), Some("r2"), "{strategy}");
    }
}

/// A lease that is missing is lost: another run took it and is done, or all that was here is gone.
pub(crate) async fn who_finds_no_lease_writes_nothing(bench: &dyn Bench) {
    let target = items(usual(bench));
    let mine = held("r1", NINE_FORTY);
    let mut next = commit("r1", "p1", false);
    next.lease = Some(mine.clone());
    // Where nothing is there at all, other things may be missed first.
    let error = load(&*bench.destination(), &target, vec![batch(&[(1, "a", 10)])], next.clone()).await;
    error.expect_err("never had one");
    assert_eq!(state(bench, &target).await, None);
    take(&*bench.destination(), &target, &mine).await.expect("nobody holds it");
    loaded(bench, &target, &[(1, "a", 10)], next.clone()).await;
    take(&*bench.destination(), &target, &held("r2", mine.until)).await.expect("has lapsed");
    bench.destination().release(&target, "r2").await.expect("is its own");
    let error = load(&*bench.destination(), &target, vec![batch(&[(1, "b", 20)])], next).await;
    assert_eq!(error.expect_err("lost its lease").kind, DestErrorKind::Leased);
    assert_eq!(named(bench), ["1 a"]);
}

/// Every state is listed with its lease and its last runs; one of a newer version without its content.
pub(crate) async fn what_is_remembered_is_listed(bench: &dyn Bench) {
    let destination = bench.destination();
    assert_eq!(destination.remembered().await.expect("can be read"), []);
    let target = items(usual(bench));
    for run in ["r1", "r2", "r3", "r4", "r5", "r6"] {
        let mut commit = commit(run, "p", true);
        if run == "r6" {
            commit.run.outcome = "failed";
            commit.run.error = Some("the cable was cut".into());
            commit.run.warnings = vec!["it was late".into(), "it's \"odd\"".into()];
        }
        loaded(bench, &target, &[(1, "a", 10)], commit).await;
    }
    let mut other = items(Strategy::Replace);
    other.account = "umbrella".into();
    loaded(bench, &other, &[(2, "b", 10)], commit("r7", "half", false)).await;
    let mut elsewhere = target.clone();
    (elsewhere.schema, elsewhere.table) = ("attic".into(), "boxes".into());
    loaded(bench, &elsewhere, &[(3, "c", 10)], commit("r8", "boxes", true)).await;
    take(&*destination, &target, &held("r9", NINE_FORTY)).await.expect("is free");
    bench.execute("UPDATE {} SET version = 2 WHERE account = 'umbrella'", "_ingestr_state");

    let all = destination.remembered().await.expect("can be read");
    let names: Vec<_> =
        all.iter().map(|r| [&r.schema, &r.table, &r.account, &r.source_table].map(String::as_str)).collect();
    let shop = ["shop", "items"];
    assert_eq!(
        names,
        [
            ["attic", "boxes", "acme", "items"],
            [shop[0], shop[1], "acme", "items"],
            [shop[0], shop[1], "umbrella", "items"],
        ]
    );
    let [boxes, own, newer] = all.as_slice() else { panic!("three states: {all:?}") };
    assert_eq!(boxes.state, Some(commit("r8", "boxes", true).state));
    assert_eq!((boxes.lease.as_ref(), boxes.runs.len(), boxes.aside), (None, 1, false));
    assert_eq!(own.state, Some(commit("r6", "p", true).state));
    assert_eq!((own.version, own.updated_at), (1, Some(Micros(1_700_000_001_000_000))));
    assert_eq!(own.lease, Some(held("r9", NINE_FORTY)));
    let runs: Vec<_> = own.runs.iter().map(|run| run.id.as_str()).collect();
    assert_eq!(runs, ["r6", "r5", "r4", "r3", "r2"]);
    assert_eq!(
        own.runs[0],
        RunLine {
            id: "r6".into(),
            started_at: Some(Micros(1_700_000_000_000_000)),
            ended_at: Some(Micros(1_700_000_001_000_000)),
            outcome: "failed".into(),
            rows_read: 3,
            requests: 2,
            error: Some("the cable was cut".into()),
            warnings: vec!["it was late".into(), "it's \"odd\"".into()],
        }
    );
    assert_eq!(own.runs[1].error, None);
    assert_eq!((newer.version, newer.state.as_ref(), newer.aside), (2, None, true));
    assert_eq!(newer.lease, own.lease);
}

/// Forgetting a table takes states, lease and rows kept aside, of all accounts; its rows and other tables stay.
pub(crate) async fn forgetting_leaves_the_rows(bench: &dyn Bench) {
    let destination = bench.destination();
    assert_eq!(destination.forget("shop", "items").await.expect("nothing to forget"), 0);
    assert!(bench.tables().is_empty());
    let target = items(usual(bench));
    loaded(bench, &target, &[(1, "a", 10)], commit("r1", "p", true)).await;
    let mut other = items(Strategy::Replace);
    other.account = "umbrella".into();
    loaded(bench, &other, &[(2, "b", 10)], commit("r2", "half", false)).await;
    // A table whose name looks like that of rows kept aside for `items`.
    let mut alike = items(Strategy::Replace);
    alike.table = "items__0badcafe".into();
    loaded(bench, &alike, &[(3, "c", 10)], commit("r3", "alike", false)).await;
    take(&*destination, &target, &held("r4", NINE_FORTY)).await.expect("is free");
    take(&*destination, &alike, &held("r4", NINE_FORTY)).await.expect("is free");
    let before = bench.tables().len();

    assert_eq!(destination.forget("shop", "other").await.expect("nothing to forget"), 0);
    assert_eq!(destination.forget("other", "items").await.expect("nothing to forget"), 0);
    assert_eq!(bench.tables().len(), before);
    assert_eq!(destination.forget("shop", "items").await.expect("is forgotten"), 2);
    assert_eq!(bench.tables().len(), before - 1);
    assert_eq!((state(bench, &target).await, state(bench, &other).await), (None, None));
    assert_eq!(found(bench, &target).await, None);
    assert_eq!(named(bench), ["1 a"]);
    assert_eq!(state(bench, &alike).await.expect("its own state").source.0, "alike");
    assert_eq!(holder(bench, &alike).await.as_deref(), Some("r4"));
    assert_eq!(destination.forget("shop", "items").await.expect("nothing to forget"), 0);
    // And it can be begun again.
    loaded(bench, &target, &[(1, "a", 10)], commit("r5", "again", true)).await;
    assert_eq!(state(bench, &target).await.expect("has a state").source.0, "again");
}
