//! Windows keep what they read: a row that is stored becomes what it is now, also where it has left the window since; one
//! that is not stored stays out.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use gorgias_sim::{Change, DAY, Fault, Options, SECOND, iso};

use crate::support::memory::{Cell, Row};
use crate::support::world::{LISTS, World, assert_same};

/// An account with so many pages of tickets.
fn world(pages: usize) -> World {
    let (tickets, customers, messages, surveys) = (pages * 100, pages * 100, pages * 150, pages * 60);
    let options = Options { tickets, customers, messages, surveys, max_body: 200, ..Options::default() };
    World { flush_rows: 10_000, ..World::new(options) }
}

fn date(row: &Row) -> i64 {
    match row["updated_datetime"] {
        Cell::Instant(at) => at,
        _ => panic!("a row without updated_datetime"),
    }
}

fn interval(start: i64, end: i64) -> [String; 4] {
    ["--interval-start".into(), iso(start), "--interval-end".into(), iso(end)]
}

async fn ingest(
    world: &World,
    table: &str,
    window: &[String],
    flags: &[&str],
) -> ingestr::api::report::Receipt {
    let flags: Vec<&str> = window.iter().map(String::as_str).chain(flags.iter().copied()).collect();
    world.ingest(table, &flags).await.unwrap_or_else(|failure| panic!("{table}: {failure}"))
}

fn stored(world: &World, table: &str) -> BTreeMap<i64, Row> {
    world.memory.table(&format!("main.{table}")).rows
}

/// Ids of rows whose change is the window's.
fn within(rows: &BTreeMap<i64, Row>, start: i64, end: i64) -> BTreeSet<i64> {
    rows.iter().filter(|(_, row)| (start..=end).contains(&date(row))).map(|(id, _)| *id).collect()
}

/// A change that takes a row of this table out of a window of the past.
fn moves(table: &str, id: i64, now: i64) -> Change {
    match table {
        "tickets" => Change::UpdateTicket { ticket: id },
        "customers" => Change::UpdateCustomer { customer: id },
        "satisfaction_surveys" => Change::ScoreSurvey { survey: id, score: 3 },
        _ => Change::DeliverMessage { message: id, sent: None, opened: Some(now), failed: None },
    }
}

/// A window among the older rows of a table, with a tenth of all in it: pages are read before it comes.
fn a_window(rows: &BTreeMap<i64, Row>) -> (i64, i64) {
    let mut dates: Vec<i64> = rows.values().map(date).collect();
    dates.sort_unstable();
    let last = dates.len() - 1;
    (dates[last / 4], dates[last / 4 + last / 10])
}

/// Loads a window; then some of its rows change, so that they have left it, others of the account too, and one that was
/// marked as deleted is there again.
async fn after_changes(table: &str, flags: &[&str]) -> (World, [String; 4], BTreeSet<i64>) {
    let world = world(9);
    let (start, end) = a_window(&world.expected(table));
    let window = interval(start, end);
    ingest(&world, table, &window, flags).await;
    let first: BTreeSet<i64> = stored(&world, table).into_keys().collect();
    // A message created long before is not met, whenever it was opened.
    assert!(first.is_subset(&within(&world.expected(table), start, end)), "{table}");
    assert!(first.len() > 20, "{table}: {} rows", first.len());
    world.pass(Duration::from_secs(60)).await;
    let others: Vec<i64> = world.expected(table).into_keys().filter(|id| !first.contains(id)).collect();
    let now = world.clock.now();
    for id in first.iter().step_by(3).chain(others.iter().step_by(5)) {
        world.account().apply(moves(table, *id, now), now);
    }
    let marked = first.first().copied().unwrap();
    world.memory.store().tables.get_mut(&("main".to_owned(), table.to_owned())).unwrap().change_all(|row| {
        if row["id"] == Cell::Int(marked) {
            row.insert("_ingestr_deleted_at".into(), Cell::Instant(now));
        }
    });
    (world, window, first)
}

#[tokio::test(start_paused = true)]
async fn what_has_left_its_window_is_updated_and_nothing_else_comes() {
    for (table, _) in LISTS {
        for flags in [&[] as &[&str], &["--incremental-strategy", "scd2"]] {
            let (world, window, first) = after_changes(table, flags).await;
            let commits = world.memory.0.lock().unwrap().commits;
            let receipt = ingest(&world, table, &window, flags).await;
            let mut wanted = world.expected(table);
            wanted.retain(|id, _| first.contains(id));
            assert_same(table, &wanted, &stored(&world, table), &format!("{flags:?}"));
            let held = world.memory.table(&format!("main.{table}"));
            assert_eq!(held.gone, BTreeMap::new(), "{table}");
            assert!(receipt.counts.updated >= first.len() as u64 / 4, "{table}: {receipt:?}");
            assert_eq!(receipt.counts.inserted, 0, "{table}");
            assert_eq!((receipt.read, receipt.read_again), (first.len() as u64, Some(0)), "{table}");
            // What is asked costs no commit.
            assert_eq!(held.state.and_then(|state| state.watermark), None, "{table}");
            assert_eq!(world.memory.0.lock().unwrap().commits, commits + 1, "{table}");
        }
    }
}

/// Where rows are added, or the window is replaced, or a number of rows was asked for, those outside play no part.
#[tokio::test(start_paused = true)]
async fn other_strategies_and_limits_are_about_the_window_alone() {
    for (table, _) in LISTS {
        for flags in [&["--incremental-strategy", "append"] as &[&str], &["--sql-limit", "7"]] {
            let (world, window, _) = after_changes(table, &[]).await;
            let before = world.memory.table(&format!("main.{table}")).all;
            let receipt = ingest(&world, table, &window, flags).await;
            let mut written = world.memory.table(&format!("main.{table}")).all;
            written.retain(|row| !before.contains(row));
            let (start, end) = (&window[1], &window[3]);
            let inside = |row: &Row| (start.as_str()..=end.as_str()).contains(&iso(date(row)).as_str());
            assert!(receipt.read > 0 && written.iter().all(inside), "{table} {flags:?}");
            let limited = flags[0] == "--sql-limit";
            assert!(if limited { receipt.read == 7 } else { !written.is_empty() }, "{table} {flags:?}");
        }
    }
}

/// It costs no request, and what was read before a run failed is kept, too.
#[tokio::test(start_paused = true)]
async fn rows_outside_cost_no_request_and_survive_a_failure() {
    for (table, _) in LISTS {
        let (world, window, _) = after_changes(table, &[]).await;
        let before = world.requests();
        ingest(&world, table, &window, &["--incremental-strategy", "append", "--dest-table", "main.other"])
            .await;
        let plain = world.requests() - before;
        ingest(&world, table, &window, &[]).await;
        assert_eq!(world.requests() - before, 2 * plain, "{table}");
    }
    for (table, _) in &LISTS[..2] {
        let (world, window, first) = after_changes(table, &[]).await;
        let now = world.clock.now();
        let account = world.expected(table);
        let newest = first.iter().copied().max_by_key(|id| date(&account[id])).unwrap();
        world.account().apply(moves(table, newest, now), now);
        world.account().faults().nth(2, Fault::Status(403));
        let flags: Vec<&str> = window.iter().map(String::as_str).collect();
        world.ingest(table, &flags).await.unwrap_err();
        assert_eq!(stored(&world, table)[&newest], world.expected(table)[&newest], "{table}");
    }
}

/// Read once as a row of the window and, as the list is begun again, once more with a later date; nothing is stored between.
#[tokio::test(start_paused = true)]
async fn what_leaves_its_window_while_that_is_read_follows_too() {
    for (table, _) in &LISTS[..2] {
        let mut world = world(4);
        let (now, account) = (world.clock.now(), world.expected(table));
        let mut ids: Vec<i64> = account.keys().copied().collect();
        ids.sort_unstable_by_key(|id| date(&account[id]));
        let (start, newest) = (date(&account[&ids[0]]), ids.split_off(ids.len() - 20));
        let (changing, moved, begun) = (world.account.clone(), newest.clone(), AtomicBool::new(false));
        world.garble = Some(Arc::new(move |_, body| {
            // The first page is on its way.
            if !begun.swap(true, Relaxed) {
                for id in &moved {
                    changing.lock().unwrap().apply(moves(table, *id, now + SECOND), now + SECOND);
                }
            }
            body
        }));
        world.account().faults().nth(1, Fault::WrongOrder);
        ingest(&world, table, &interval(start, now), &[]).await;
        let rows = stored(&world, table);
        assert_eq!(rows.len(), account.len(), "{table}");
        for id in newest {
            assert_eq!(date(&rows[&id]), now + SECOND, "{table} {id}");
        }
    }
}

/// Days in turn, as a scheduler asks for them: each is a window, and between them rows move from one day to a later one.
#[tokio::test(start_paused = true)]
async fn days_in_turn_lose_nothing_and_leave_no_row_older_than_it_was_read() {
    days_in_turn(&[]).await;
}

#[tokio::test(start_paused = true)]
async fn days_that_are_written_anew_in_turn_lose_nothing_either() {
    days_in_turn(&["--incremental-strategy", "delete+insert"]).await;
    days_in_turn(&["--full-refresh"]).await;
}

async fn days_in_turn(flags: &[&str]) {
    for (table, _) in LISTS {
        for seed in 0..2 {
            let mut rng = fastrand::Rng::with_seed(seed);
            let world = world(4);
            let today = world.clock.now();
            let days: Vec<(i64, i64)> =
                (1..8).rev().map(|ago| (today - ago * DAY, today - (ago - 1) * DAY - 1)).collect();
            // Twice, as whoever repeats a few days does; nothing changes the second time.
            for round in 0..2 {
                for (start, end) in &days {
                    ingest(&world, table, &interval(*start, *end), flags).await;
                    let (account, rows) = (world.expected(table), stored(&world, table));
                    let met = |id: &i64| table_reaches(table, &account[id], *start);
                    for (id, row) in rows.iter().filter(|(id, _)| met(id)) {
                        assert_eq!(*row, account[id], "seed {seed}: {table} {id} after {}", iso(*start));
                    }
                    for _ in 0..if round == 0 { rng.usize(0..30) } else { 0 } {
                        let id = *rng.choice(account.keys().collect::<Vec<_>>().as_slice()).unwrap();
                        let at = *start + rng.i64(0..3 * DAY).min(today - *start) + SECOND;
                        world.account().apply(moves(table, *id, at), at);
                    }
                }
            }
            let (first, last) = (days[0].0, days[days.len() - 1].1);
            let mut account = world.expected(table);
            let rows = stored(&world, table);
            account.retain(|id, row| {
                rows.contains_key(id)
                    || ((first..=last).contains(&date(row)) && table_reaches(table, row, date(row)))
            });
            assert_same(table, &account, &rows, &format!("seed {seed}"));
        }
    }
}

/// A window of a table that has everything is written anew: what has left it since, and what it does not meet, stays; rows
/// that were deleted go.
#[tokio::test(start_paused = true)]
async fn a_window_that_is_written_anew_loses_no_row_of_the_account() {
    for (table, _) in LISTS {
        for flags in [&["--full-refresh"] as &[&str], &["--incremental-strategy", "delete+insert"]] {
            let world = world(9);
            let (start, end) = a_window(&world.expected(table));
            ingest(&world, table, &[], &[]).await;
            let before = stored(&world, table);
            assert_eq!(before.len(), world.expected(table).len());
            world.pass(Duration::from_secs(60)).await;
            let now = world.clock.now();
            let inside: Vec<i64> = within(&before, start, end).into_iter().collect();
            for id in inside.iter().step_by(3) {
                world.account().apply(moves(table, *id, now), now);
            }
            let deleted = (table == "tickets").then(|| inside[1]);
            if let Some(ticket) = deleted {
                world.account().apply(Change::DeleteTicket { ticket }, now);
            }
            ingest(&world, table, &interval(start, end), flags).await;
            let (account, rows) = (world.expected(table), stored(&world, table));
            let missing: Vec<_> = account.keys().filter(|id| !rows.contains_key(id)).collect();
            assert!(missing.is_empty(), "{table} {flags:?}: {} missing", missing.len());
            assert!(deleted.is_none_or(|ticket| !rows.contains_key(&ticket)), "{table} {flags:?}");
            for id in inside.iter().filter(|id| account.contains_key(id)) {
                if table_reaches(table, &account[id], start) {
                    assert_eq!(rows[id], account[id], "{table} {flags:?} {id}");
                }
            }
        }
    }
}

/// Without a window, what came since the last run is read, with dates from long before among them: nothing else goes.
#[tokio::test(start_paused = true)]
async fn what_came_since_is_written_anew_and_nothing_else_goes() {
    for (table, _) in LISTS {
        for first in [&[] as &[&str], &["--incremental-strategy", "delete+insert"]] {
            let world = world(9);
            ingest(&world, table, &[], first).await;
            world.pass(Duration::from_secs(60)).await;
            let (before, now) = (stored(&world, table), world.clock.now());
            for id in before.keys().step_by(3) {
                world.account().apply(moves(table, *id, now), now);
            }
            for _ in 0..2 {
                ingest(&world, table, &[], &["--incremental-strategy", "delete+insert"]).await;
                let rows = stored(&world, table);
                let missing = world.expected(table).keys().filter(|id| !rows.contains_key(id)).count();
                assert_eq!(missing, 0, "{table} {first:?}");
            }
        }
    }
}

/// A window whose reading was stopped by another run is not gone on with: what was read of it then is not read now.
#[tokio::test(start_paused = true)]
async fn a_window_is_written_anew_from_its_beginning() {
    let world = world(9);
    let world = World { flush_rows: 100, ..world };
    let (start, _) = a_window(&world.expected("tickets"));
    let since = ["--interval-start".to_owned(), iso(start)];
    world.account().faults().nth(3, Fault::Status(403));
    let flags: Vec<&str> = since.iter().map(String::as_str).collect();
    world.ingest("tickets", &flags).await.unwrap_err();
    assert!(!stored(&world, "tickets").is_empty());
    ingest(&world, "tickets", &since, &["--full-refresh"]).await;
    let rows = stored(&world, "tickets");
    let wanted = within(&world.expected("tickets"), start, world.clock.now());
    assert_eq!(rows.keys().copied().collect::<BTreeSet<i64>>(), wanted);
}

/// Whether a window that begins at `start` meets a row on its way.
fn table_reaches(table: &str, row: &Row, start: i64) -> bool {
    match table {
        "ticket_messages" => row["created_datetime"] >= Cell::Instant(start - 3 * DAY),
        "satisfaction_surveys" => row["created_datetime"] >= Cell::Instant(start - 30 * DAY),
        _ => date(row) >= start,
    }
}

/// The same over a file: a merge and versions, a row marked as deleted and one that was removed.
#[cfg(feature = "duckdb")]
#[tokio::test(start_paused = true)]
async fn a_file_is_updated_too() {
    use crate::support::duck::Duck;

    for strategy in ["merge", "scd2"] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("desk.duckdb");
        let world = world(9);
        let (start, end) = a_window(&world.expected("tickets"));
        let window = interval(start, end);
        let mut flags: Vec<&str> = window.iter().map(String::as_str).collect();
        flags.extend(["--incremental-strategy", strategy]);
        let first = within(&world.expected("tickets"), start, end);
        let run = async || {
            let duck = ingestr::api::dest::duckdb::DuckDb::at(&file);
            world.ingest_into(&duck, "tickets", &flags, None).await.unwrap().unwrap()
        };
        run().await;
        let ids: Vec<i64> = first.iter().copied().collect();
        let sql = match strategy {
            "scd2" => "SET _ingestr_deleted_at = now(), _scd_is_current = FALSE, _scd_valid_to = now()",
            _ => "SET _ingestr_deleted_at = now()",
        };
        let connection = duckdb::Connection::open(&file).unwrap();
        connection.execute_batch(&format!("UPDATE tickets {sql} WHERE id = {}", ids[0])).unwrap();
        connection.execute_batch(&format!("DELETE FROM tickets WHERE id = {}", ids[1])).unwrap();
        drop(connection);
        world.pass(Duration::from_secs(60)).await;
        for ticket in &ids[..10] {
            world.account().apply(Change::UpdateTicket { ticket: *ticket }, world.clock.now());
        }
        let receipt = run().await;
        assert_eq!(receipt.read, first.len() as u64 - 1, "{strategy}");
        let current = if strategy == "scd2" { "_scd_is_current" } else { "_ingestr_deleted_at IS NULL" };
        let duck = Duck::open(&file);
        let number =
            |what: &str| duck.number(&format!("SELECT count(*) FROM tickets WHERE {current} AND {what}"));
        assert_eq!(number("TRUE"), first.len() as i64 - 1, "{strategy}");
        assert_eq!(number(&format!("updated_datetime > '{}'", iso(end))), 9, "{strategy}");
        assert_eq!(number(&format!("id = {}", ids[0])), 1, "{strategy}");
        let all = duck.number("SELECT count(*) FROM tickets");
        assert_eq!(all, first.len() as i64 - 1 + if strategy == "scd2" { 9 } else { 0 }, "{strategy}");
    }
}
