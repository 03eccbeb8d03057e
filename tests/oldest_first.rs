//! Lists that take no order and come oldest first: a run reads on where the last one was at their end.

use std::time::Duration;

use gorgias_sim::{Change, Fault, Options};
use ingestr::api::report::Receipt;

use crate::support::transport::Death;
use crate::support::world::World;

const HOUR: Duration = Duration::from_secs(3_600);
const EVENTS: &str = "voice_call_events";
const PATH: &str = "/api/phone/voice-call-events";

/// An account of 400 calls and more than a thousand events of them.
fn calls() -> World {
    World::new(Options { tickets: 40, calls: 400, messages: 40, customers: 20, ..Options::default() })
}

/// So many calls begin, and others go on.
async fn ring(world: &World, calls: usize) {
    for _ in 0..calls {
        world.account().apply(Change::CreateRow { list: "phone/voice-calls" }, world.clock.now());
        world.pass(Duration::from_secs(1)).await;
    }
}

/// Runs once: requests to the list.
async fn run(world: &World, table: &str, flags: &[&str]) -> (usize, Receipt) {
    let before = usize::try_from(world.requests()).unwrap();
    let receipt = world.ingest(table, flags).await.unwrap_or_else(|failure| panic!("{table}: {failure}"));
    let account = world.account();
    let asked = account.requests()[before..].iter().filter(|asked| asked.path.starts_with("/api/phone/"));
    (asked.count(), receipt)
}

fn pages(world: &World) -> usize {
    world.account().count("phone/voice-call-events").div_ceil(100)
}

#[tokio::test(start_paused = true)]
async fn a_run_reads_on_at_the_end() {
    let world = calls();
    let whole = pages(&world);
    assert!(whole > 10, "{whole} pages");
    assert_eq!(run(&world, EVENTS, &[]).await.0, whole, "a first load");
    // The last hour is read again.
    let mut before = 0;
    for new in [0, 5, 0, 150, 250, 1] {
        ring(&world, new).await;
        world.pass(HOUR).await;
        let (asked, receipt) = run(&world, EVENTS, &[]).await;
        assert!(asked <= (before + new) / 100 + 3, "{asked} requests for {new} rows after {before}");
        before = new;
        assert_eq!(receipt.counts.inserted, new as u64);
        world.assert_equal(EVENTS, &format!("{new} rows"));
    }
}

/// Rows become visible later than the time they carry: the last hour is read again whatever the number of rows.
#[tokio::test(start_paused = true)]
async fn a_row_that_comes_late_is_not_missed() {
    let world = calls();
    run(&world, EVENTS, &[]).await;
    ring(&world, 300).await;
    run(&world, EVENTS, &[]).await;
    let late = world.clock.now() - 299 * gorgias_sim::SECOND;
    world.account().apply(Change::CreateRow { list: "phone/voice-calls" }, late);
    let (asked, receipt) = run(&world, EVENTS, &[]).await;
    assert!(asked < pages(&world) / 2, "{asked} requests");
    assert_eq!(receipt.counts.inserted, 1);
    world.assert_equal(EVENTS, "a row between others");
}

/// Nothing but the whole list shows that a row came in its middle. It is read once in `--rescan`.
#[tokio::test(start_paused = true)]
async fn the_whole_list_is_read_once_a_period() {
    let world = calls();
    run(&world, EVENTS, &[]).await;
    let long_ago = world.clock.now() - 90 * gorgias_sim::DAY;
    world.account().apply(Change::CreateRow { list: "phone/voice-calls" }, long_ago);
    let mut asked = 0;
    for _ in 0..8 {
        world.pass(HOUR * 6).await;
        asked += run(&world, EVENTS, &[]).await.0;
    }
    world.assert_equal(EVENTS, "a row in the middle");
    assert!((2 * pages(&world)..2 * pages(&world) + 12).contains(&asked), "{asked} requests in two days");
    let whole = run(&world, EVENTS, &["--rescan", "1h"]).await.0;
    assert!(whole < 3, "{whole} requests");
    world.pass(HOUR * 300).await;
    let never = run(&world, EVENTS, &["--rescan", "0"]).await.0;
    assert!(never < 3, "{never} requests");
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_not_there_any_more_is_not_gone_on_from() {
    for what in ["a refused cursor", "an empty page", "a page of other rows", "the other way round"] {
        let world = calls();
        run(&world, EVENTS, &[]).await;
        ring(&world, 3).await;
        match what {
            "a refused cursor" => world.account().faults().on(PATH, 0, Fault::ExpiredCursor),
            "an empty page" => {
                world.account().faults().on(PATH, 0, Fault::EmptyEnd);
                world.account().faults().on(PATH, 0, Fault::EmptyEnd);
            }
            "a page of other rows" => world.account().faults().on(PATH, 0, Fault::WrongOrder),
            _ => world.account().set_calls_turned(true),
        }
        let (_, receipt) = run(&world, EVENTS, &[]).await;
        assert_eq!(world.account().faults().pending(), 0, "{what}");
        assert_eq!(receipt.warnings, [""; 0], "{what}");
        world.assert_equal(EVENTS, what);
        ring(&world, 3).await;
        world.pass(HOUR).await;
        let asked = run(&world, EVENTS, &[]).await.0;
        world.assert_equal(EVENTS, &format!("the run after {what}"));
        assert!(asked <= pages(&world) + 1, "{what}: {asked} requests");
    }
}

/// A first load goes on where it was, too.
#[tokio::test(start_paused = true)]
async fn a_load_that_died_goes_on() {
    let world = World { flush_rows: 100, ..calls() };
    let whole = pages(&world);
    assert!(world.ingest_until(EVENTS, &[], Some(Death::BeforeRequest(8))).await.is_none());
    let (asked, _) = run(&world, EVENTS, &[]).await;
    world.assert_equal(EVENTS, "a load that died");
    assert!(asked <= whole - 4, "{asked} of {whole} requests");
    let again = run(&world, EVENTS, &[]).await.0;
    assert!(again <= 2, "{again} requests when nothing is new");
}

/// Rows that may still change are read again, as far back as they may.
#[tokio::test(start_paused = true)]
async fn rows_of_the_last_days_are_read_again() {
    for (table, list) in
        [("voice_calls", "phone/voice-calls"), ("voice_call_recordings", "phone/voice-call-recordings")]
    {
        let world = calls();
        world.account().set_calls_turned(true);
        run(&world, table, &[]).await;
        for _ in 0..6 {
            ring(&world, 40).await;
            let ids = world.account().ids(list);
            for id in ids.into_iter().rev().take(30) {
                world.account().apply(Change::UpdateRow { list, id }, world.clock.now());
            }
            world.pass(HOUR).await;
            run(&world, table, &[]).await;
            world.assert_equal(table, "calls that go on");
        }
    }
}

/// Where rows are only added, none is added twice, wherever a run dies.
#[tokio::test(start_paused = true)]
async fn append_adds_each_row_once() {
    let world = World { flush_rows: 100, ..calls() };
    let flags = ["--incremental-strategy", "append"];
    assert!(world.ingest_until(EVENTS, &flags, Some(Death::BeforeRequest(5))).await.is_none());
    for new in [0, 0, 7, 130, 450, 0] {
        if new == 450 {
            ring(&world, 900).await;
            assert!(world.ingest_until(EVENTS, &flags, Some(Death::BeforeRequest(8))).await.is_none());
        }
        ring(&world, new).await;
        world.pass(HOUR * 8).await;
        run(&world, EVENTS, &flags).await;
        let stored = world.memory.table("main.voice_call_events").all.len();
        assert_eq!(stored, world.account().count("phone/voice-call-events"), "after {new} more");
    }
}
