//! A destination that another program holds, or another run: it is waited for, nothing that was read is lost, and it is said
//! once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gorgias_sim::Options;
use ingestr::api::error::{Failure, Kind};
use ingestr::api::model::{Lease, Micros};
use ingestr::api::report::{Event, Reporter, Several, Summary};
use tokio::time::Instant;

use crate::support::memory::{Crash, Memory};
use crate::support::world::World;

fn small() -> Options {
    Options { tickets: 700, customers: 450, messages: 900, surveys: 60, max_body: 300, ..Options::default() }
}

const MINUTE: Duration = Duration::from_secs(60);

/// Another program, which opens the destination when the first commit is about to be made, or at another event; and who is told
/// of it.
struct Other {
    memory: Memory,
    comes: fn(&Event<'_>) -> bool,
    holds: Mutex<Option<Duration>>,
    told: Mutex<Vec<String>>,
}

impl Reporter for Other {
    fn event(&self, table: &str, event: &Event<'_>) {
        if (self.comes)(event)
            && let Some(time) = self.holds.lock().unwrap().take()
        {
            self.memory.store().held_until = Some(Instant::now() + time);
        }
        if let Event::Held { by, limit, .. } = event {
            let limit = limit.map_or("no end".into(), |limit| format!("{} s", limit.as_secs()));
            self.told.lock().unwrap().push(format!("{table}: {by}, {limit}"));
        }
    }

    fn failed(&self, _: &Failure) {}

    fn begins(&self, _: &Several<'_>) {}

    fn ends(&self, _: &Summary<'_>) {}
}

/// A world with another program that holds the destination for so long from the first commit on.
fn world(holds: Option<Duration>) -> (World, Arc<Other>) {
    world_with(holds, |event| matches!(event, Event::Committing { .. }))
}

fn world_with(holds: Option<Duration>, comes: fn(&Event<'_>) -> bool) -> (World, Arc<Other>) {
    let world = World::new(small());
    let memory = world.memory.clone();
    let other = Arc::new(Other { memory, comes, holds: Mutex::new(holds), told: Mutex::default() });
    (World { reporter: Arc::<Other>::clone(&other), ..world }, other)
}

fn told(other: &Other) -> Vec<String> {
    std::mem::take(&mut other.told.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_commit_waits_as_long_as_is_wanted_and_loses_nothing() {
    let (free, _) = world(None);
    free.ingest("tickets", &[]).await.unwrap();
    for (flags, holds, limit) in [
        (&[] as &[&str], MINUTE * 9, "600 s"),
        (&["--wait"], MINUTE * 60 * 30, "no end"),
        (&["--wait=90s"], MINUTE, "90 s"),
    ] {
        let (world, other) = world(Some(holds));
        let began = Instant::now();
        world.ingest("tickets", flags).await.unwrap();
        assert!(began.elapsed() >= holds, "{flags:?}");
        assert_eq!(told(&other), [format!("tickets: Locked, {limit}")], "{flags:?}");
        assert_eq!(world.requests(), free.requests(), "{flags:?}: nothing is read again");
        world.assert_equal("tickets", &format!("{flags:?}"));
        assert_eq!(world.memory.store().leases.len(), 0, "the lease is given up");
    }
}

#[tokio::test(start_paused = true)]
async fn it_ends_when_that_is_over_and_the_next_run_goes_on() {
    for (flags, limit, after) in [
        (&[] as &[&str], MINUTE * 10, ", still after 10 min 00 s"),
        (&["--wait=90s"], MINUTE * 3 / 2, ", still after 1 min 30 s"),
        (&["--wait=0s"], Duration::ZERO, ": Locked"),
    ] {
        let (world, other) = world(Some(MINUTE * 60));
        let began = Instant::now();
        let failure = world.ingest("tickets", flags).await.unwrap_err();
        let passed = began.elapsed();
        assert!((limit..limit + MINUTE).contains(&passed), "{flags:?}: {passed:?}");
        assert_eq!(failure.kind, Kind::Destination);
        assert!(failure.headline.ends_with(after), "{flags:?}: {failure}");
        assert!(failure.to_string().contains("wait longer for it with --wait"), "{failure}");
        assert_eq!(told(&other).len(), usize::from(!limit.is_zero()));
        assert!(world.memory.table("main.tickets").all.is_empty());
        world.pass(MINUTE * 60).await;
        world.ingest("tickets", &["--wait"]).await.unwrap();
        world.assert_equal("tickets", "once it is free");
    }
}

/// Also the look before the first request, and what a short one is nobody hears.
#[tokio::test(start_paused = true)]
async fn all_tables_of_a_command_wait_for_the_same_and_it_is_said_once() {
    for (holds, times) in [(MINUTE, 1), (Duration::from_millis(600), 0)] {
        let (world, other) = world(None);
        world.memory.store().held_until = Some(Instant::now() + holds);
        let ends = world.ingest_all("*,users", &[], None).await.unwrap().unwrap();
        assert!(ends.iter().all(|end| end.failure.is_none()), "{ends:?}");
        assert_eq!(told(&other).len(), times, "{holds:?}");
        for table in ["tickets", "customers"] {
            world.assert_equal(table, "once it is free");
        }
    }
}

/// Tables that are as they were are stored with one commit: what comes of it comes of it for each.
#[tokio::test(start_paused = true)]
async fn tables_without_news_wait_once_for_all_and_share_what_comes_of_it() {
    const SMALL: &str = "users,teams,tags";
    let (world, other) = world_with(None, |event| matches!(event, Event::Page(_)));
    for _ in 0..2 {
        let ends = world.ingest_all(SMALL, &[], None).await.unwrap().unwrap();
        assert!(ends.iter().all(|end| end.failure.is_none()), "{ends:?}");
    }

    *other.holds.lock().unwrap() = Some(MINUTE * 60);
    let began = Instant::now();
    let ends = world.ingest_all(SMALL, &["--wait=90s"], None).await.unwrap().unwrap();
    let passed = began.elapsed();
    assert!((MINUTE * 3 / 2..MINUTE * 2).contains(&passed), "{passed:?}");
    for end in &ends {
        let failure = end.failure.as_ref().expect("the file is held");
        assert!(failure.headline.ends_with(", still after 1 min 30 s"), "{failure}");
    }
    assert_eq!(told(&other).len(), 1);

    // Whether it was made is not known, of any.
    world.pass(MINUTE * 60).await;
    world.crash(Some((0, Crash::After)));
    let ends = world.ingest_all(SMALL, &[], None).await.unwrap().unwrap();
    for end in &ends {
        let failure = end.failure.as_ref().expect("nobody knows");
        assert_eq!(failure.kind, Kind::Destination);
        assert!(failure.to_string().contains("Unknown"), "{failure}");
    }
    world.crash(None);
    let ends = world.ingest_all(SMALL, &[], None).await.unwrap().unwrap();
    assert!(ends.iter().all(|end| end.failure.is_none()), "{ends:?}");
}

#[tokio::test(start_paused = true)]
async fn another_run_is_waited_for_as_long_as_is_wanted() {
    for (flags, holds, limit, ends_well) in [
        (&[] as &[&str], 20, None, false),
        (&["--wait=10s"], 20, Some("10 s"), false),
        (&["--wait=40s"], 20, Some("40 s"), true),
        (&["--wait"], 290, Some("no end"), true),
    ] {
        let (world, other) = world(None);
        let now = Micros(world.clock.now());
        let (process, until) = ("another-machine/4711/7".to_owned(), now.plus(Duration::from_secs(holds)));
        let lease = Lease { run: "another".into(), process, since: now, until };
        world.memory.store().leases.insert(("main".into(), "tickets".into()), lease);
        let done = world.ingest("tickets", flags).await;
        assert_eq!(done.is_ok(), ends_well, "{flags:?}");
        let told = told(&other);
        assert_eq!(told.len(), usize::from(limit.is_some()), "{flags:?}: {told:?}");
        if let (Some(limit), [told]) = (limit, told.as_slice()) {
            assert!(told.contains("is being loaded by another run (started "), "{told}");
            assert!(told.ends_with(&format!(", process 4711), {limit}")), "{told}");
        }
        match done {
            Ok(_) => world.assert_equal("tickets", "after the other run"),
            Err(failure) => {
                let hint =
                    if limit.is_some() { "wait longer for the other run with --wait" } else { "--wait" };
                assert!(failure.to_string().contains(hint), "{failure}");
                assert_eq!((failure.kind, world.requests()), (Kind::Destination, 0));
            }
        }
    }
}

/// Versions that hold no more cannot be read again, so nothing but scd2 writes to a table that keeps them.
#[tokio::test(start_paused = true)]
async fn a_table_that_keeps_versions_is_for_scd2_alone() {
    let world =
        World::new(Options { tickets: 60, messages: 60, customers: 20, surveys: 0, ..Options::default() });
    world.ingest("tickets", &["--incremental-strategy", "scd2"]).await.unwrap();
    let before = world.requests();
    for flags in [
        &[] as &[&str],
        &["--full-refresh"],
        &["--incremental-strategy", "replace"],
        &["--incremental-strategy", "append"],
        &["--incremental-strategy", "delete+insert", "--interval-start", "2026-01-01"],
    ] {
        let failure = world.ingest("tickets", flags).await.unwrap_err();
        assert_eq!(failure.kind, Kind::Usage, "{flags:?}");
        assert!(
            failure.headline.contains("table main.tickets keeps versions of its rows (scd2), and"),
            "{failure}"
        );
    }
    assert_eq!(world.requests(), before);
    world.ingest("tickets", &["--incremental-strategy", "scd2"]).await.unwrap();
}
