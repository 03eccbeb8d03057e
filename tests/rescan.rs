//! How much of a list is re-scanned by which run: as much as has become due, within a cap.

use std::time::Duration;

use gorgias_sim::{Change, Options};
use ingestr::api::model::Micros;
use ingestr::api::report::Receipt;

use crate::support::memory::Cell;
use crate::support::world::World;

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);
/// Tables with a re-scan, and the list that is read for it.
const RESCANNED: [(&str, &str); 3] =
    [("customers", "customers"), ("tickets", "tickets"), ("ticket_messages", "tickets")];

/// An account of 3,000 tickets and customers: 30 pages each.
fn thirty_pages() -> World {
    World::new(Options {
        tickets: 3_000,
        customers: 3_000,
        messages: 6_000,
        surveys: 10,
        max_body: 200,
        merge_bumps_customer: false,
        ..Options::default()
    })
}

/// Runs once; what was asked for: pages of the re-scan, and all.
async fn run(world: &World, table: &str, flags: &[&str]) -> (u64, u64, Receipt) {
    let list = RESCANNED.iter().find(|(name, _)| *name == table).unwrap().1;
    let before = usize::try_from(world.requests()).unwrap();
    let receipt = world.ingest(table, flags).await.unwrap_or_else(|failure| panic!("{table}: {failure}"));
    let account = world.account();
    let asked = &account.requests()[before..];
    let path = format!("/api/{list}");
    let rescans =
        |query: &str| query.contains("order_by=created_datetime%3Adesc") && !query.contains("ticket_id=");
    let pages = asked.iter().filter(|asked| asked.path == path && rescans(&asked.query)).count();
    (pages as u64, asked.len() as u64, receipt)
}

#[tokio::test(start_paused = true)]
async fn a_run_at_once_costs_what_its_changes_cost() {
    for (table, list) in RESCANNED {
        let world = thirty_pages();
        world.ingest(table, &[]).await.unwrap();
        for seconds in [600, 5, 5] {
            let changed = world.account().bulk_change(list, 63, world.clock.now());
            assert_eq!(changed, 63);
            world.pass(Duration::from_secs(seconds)).await;
            let (rescanned, asked, _) = run(&world, table, &[]).await;
            // Of messages, three days are read again in any case.
            let pages = if table == "ticket_messages" { recent_messages(&world) + 1 } else { 1 };
            assert!(asked <= pages + 5, "{table} after {seconds} s: {asked} requests for {pages} pages");
            assert_eq!(rescanned, 0, "{table} after {seconds} s");
        }
    }
}

/// Pages of messages of the last three days.
fn recent_messages(world: &World) -> u64 {
    let since = gorgias_sim::iso(world.clock.now() - 3 * gorgias_sim::DAY);
    let recent = |json: &str| {
        let row: serde_json::Value = serde_json::from_str(json).unwrap();
        row["created_datetime"].as_str().unwrap() >= since.as_str()
    };
    let rows = world.account().expected("messages").into_iter().filter(|(_, json)| recent(json)).count();
    rows.div_ceil(100) as u64
}

#[tokio::test(start_paused = true)]
async fn a_list_is_read_once_in_its_period_whatever_the_number_of_runs() {
    for (flags, days, every) in [(&[] as &[&str], 1, [30, 7 * 60]), (&["--rescan", "2d"], 2, [60, 50 * 60])] {
        for minutes in every {
            let world = thirty_pages();
            world.ingest("customers", flags).await.unwrap();
            let runs = 2 * days * 24 * 60 / minutes;
            let mut pages = 0;
            for _ in 0..runs {
                world.pass(Duration::from_secs(minutes * 60)).await;
                let (rescanned, _, receipt) = run(&world, "customers", flags).await;
                let most = 30 * minutes / (days * 24 * 60) + 1;
                assert!(rescanned <= most, "{rescanned} pages after {minutes} min of {days} d");
                assert_eq!(receipt.warnings, [""; 0]);
                pages += rescanned;
            }
            // Twice the list, but for what is less than a page and the time since the last run.
            let passed = 60 * minutes * runs / (2 * days * 24 * 60);
            assert!(
                pages.abs_diff(passed) <= 2,
                "{pages} of {passed} pages, every {minutes} min in {days} d"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn never_is_never() {
    for (table, _) in RESCANNED {
        let world = thirty_pages();
        for _ in 0..3 {
            let (rescanned, ..) = run(&world, table, &["--rescan", "0"]).await;
            // The first load is by creation, too; that of messages is not that of tickets.
            let first = world.clock.now() < world.clock.base + 3_600 * gorgias_sim::SECOND;
            assert!(first || rescanned == 0, "{table}: {rescanned} pages");
            world.pass(2 * DAY).await;
        }
    }
}

/// What changed without a sign behind an unfinished re-scan is found, too, once a period has passed.
#[tokio::test(start_paused = true)]
async fn after_a_whole_period_every_place_is_read() {
    for table in ["tickets", "ticket_messages"] {
        for hours in [1, 13] {
            let world = thirty_pages();
            world.ingest(table, &[]).await.unwrap();
            world.pass(HOUR * hours).await;
            run(&world, table, &[]).await;
            // Of tickets in all parts of the list, one message each.
            let messages: Vec<i64> = world.expected("ticket_messages").keys().copied().step_by(211).collect();
            let now = world.clock.now();
            for message in &messages {
                world.account().apply(Change::DeleteMessage { message: *message }, now);
            }
            world.pass(DAY + Duration::from_secs(60)).await;
            let (rescanned, _, mut receipt) = run(&world, table, &[]).await;
            assert!((30..=32).contains(&rescanned), "{table}, {hours} h: {rescanned} pages");
            // Their messages are looked up within the cap, the rest by the next run, which is not paced.
            let left = |receipt: &Receipt| {
                receipt.warnings.iter().any(|warning| warning.contains("left to be read"))
            };
            while left(&receipt) {
                let (_, asked, next) = run(&world, table, &[]).await;
                assert!(asked <= 60 + recent_messages(&world), "{asked} requests");
                receipt = next;
            }
            world.assert_equal(table, &format!("after {hours} h and a day"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_too_long_for_the_cap_takes_as_many_runs_as_the_receipt_says() {
    let world = World::new(Options {
        customers: 12_000,
        tickets: 10,
        messages: 10,
        surveys: 1,
        ..Options::default()
    });
    let (pages, ..) = run(&world, "customers", &[]).await;
    assert!(pages > 0);
    world.pass(DAY * 2).await;
    for (expected, cut) in [(50, true), (50, true), (20, false), (0, false)] {
        world.pass(Duration::from_secs(1)).await;
        let (rescanned, _, receipt) = run(&world, "customers", &[]).await;
        assert!(rescanned.abs_diff(expected) <= 1, "{rescanned} instead of {expected}");
        let said = receipt.warnings.iter().any(|warning| warning.contains("takes 3 runs"));
        assert_eq!(said, cut, "{:?}", receipt.warnings);
    }
}

/// A run of a window follows nothing that comes later. What it brought is owed a re-scan all the same.
#[tokio::test(start_paused = true)]
async fn rows_that_a_window_brought_are_re_scanned_a_period_later() {
    const WINDOWS: [&[&str]; 2] = [
        &["--full-refresh", "--interval-start", "2010-01-01"],
        &["--incremental-strategy", "delete+insert", "--interval-start", "2010-01-01"],
    ];
    for (table, window) in RESCANNED.into_iter().flat_map(|(table, _)| WINDOWS.map(|window| (table, window)))
    {
        let world = thirty_pages();
        world.ingest(table, window).await.unwrap();
        world.account().set_events_missed(1.0);
        let message = *world.expected("ticket_messages").keys().next().unwrap();
        let ticket = world.account().ids("tickets")[7];
        let customer = world.account().ids("customers")[7];
        let now = world.clock.now();
        for change in [
            Change::DeleteMessage { message },
            Change::DeleteTicket { ticket },
            Change::DeleteCustomer { customer },
        ] {
            world.account().apply(change, now);
        }
        for hours in [13, 12] {
            world.pass(HOUR * hours).await;
            world.ingest(table, &[]).await.unwrap();
        }
        world.assert_equal(table, &format!("a day after {window:?}"));
    }
}

/// A table that was begun with `--interval-start`, and is then covered from its beginning while a re-scan is under way.
#[tokio::test(start_paused = true)]
async fn a_re_scan_goes_on_as_far_back_as_the_table_is_covered_by_now() {
    let world = thirty_pages();
    let mut changed: Vec<i64> = world
        .expected("customers")
        .values()
        .filter_map(|row| match row["updated_datetime"] {
            Cell::Instant(at) => Some(at),
            _ => None,
        })
        .collect();
    changed.sort_unstable();
    let late = Micros(changed[changed.len() / 2]).to_string();
    world.ingest("customers", &["--interval-start", &late]).await.unwrap();
    world.pass(HOUR * 12).await;
    let (begun, ..) = run(&world, "customers", &[]).await;
    assert!((3..=12).contains(&begun), "{begun} pages of half the list");
    world.ingest("customers", &["--interval-start", "2010-01-01"]).await.unwrap();
    world.pass(DAY).await;
    let (rescanned, asked, _) = run(&world, "customers", &[]).await;
    assert!((30..=32).contains(&rescanned), "{rescanned} pages");
    assert!(asked <= rescanned + 4, "no row is looked up for not being met: {asked} requests");
    world.assert_equal("customers", "covered from its beginning");
}
