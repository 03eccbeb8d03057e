//! Answers that are larger than any may be, in-process: fewer rows a request, and one row that is too large by itself.
//! The limits of the real network are tested where it is (`src/http/wire/tests.rs`, `tests/cli/hostile.rs`).

use std::collections::BTreeMap;
use std::time::Duration;

use gorgias_sim::{Change, Options};
use ingestr::api::error::{Failure, Kind};
use serde_json::Value;

use crate::support::memory::Row;
use crate::support::world::{LISTS, World, assert_same};

fn small() -> Options {
    Options {
        tickets: 260,
        customers: 240,
        messages: 420,
        surveys: 230,
        max_body: 2_000,
        ..Options::default()
    }
}

/// As many bytes as that many rows of a list have on average.
fn bytes(world: &World, list: &str, rows: usize) -> usize {
    let all = world.account().expected(list);
    all.iter().map(|(_, row)| row.len()).sum::<usize>() / all.len() * rows
}

/// Ids in order of creation, and the words by which an answer with the row is known.
fn by_creation(world: &World, list: &str) -> Vec<(i64, String)> {
    let rows = world.account().expected(list);
    let mut rows: Vec<(String, i64, String)> = rows
        .into_iter()
        .map(|(id, text)| {
            let row: Value = serde_json::from_str(&text).unwrap();
            (row["created_datetime"].as_str().unwrap().to_owned(), id, text.chars().take(80).collect())
        })
        .collect();
    rows.sort();
    rows.into_iter().map(|(_, id, mark)| (id, mark)).collect()
}

fn stored(world: &World, table: &str) -> BTreeMap<i64, Row> {
    world.memory.table(&format!("main.{table}")).rows
}

fn without(world: &World, table: &str, id: i64) -> BTreeMap<i64, Row> {
    let mut wanted = world.expected(table);
    wanted.remove(&id).expect("a row");
    wanted
}

fn is_named(failure: &Failure, table: &str) {
    let text = failure.to_string();
    assert_eq!(failure.kind, Kind::Source, "exit code 4: {text}");
    assert!(
        text.contains(&format!("one row of table {table} of Gorgias account acme is too large")),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn fewer_rows_are_asked_for_where_a_page_is_too_large() {
    for (table, list) in LISTS {
        for (rows, flags) in [(30, vec![]), (3, vec![]), (30, vec!["--interval-start", "2015-01-01"])] {
            let mut world = World::new(small());
            world.body_limit = Some(bytes(&world, list, rows) + 3_000);
            world.ingest(table, &flags).await.unwrap();
            world.assert_equal(table, &format!("{rows} rows an answer"));
            for _ in 0..300 {
                world.account().apply(Change::CreateTicket { customer: None }, world.clock.now());
            }
            world.pass(Duration::from_secs(600)).await;
            world.ingest(table, &flags).await.unwrap();
            world.assert_equal(table, &format!("{rows} rows an answer, second run"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_neighbours_of_a_row_that_is_too_large_arrive_and_it_is_named() {
    for (table, list) in LISTS {
        for part in [0, 1, 50, 98, 100] {
            let mut world = World::new(small());
            let rows = by_creation(&world, list);
            let n = (rows.len() - 1) * part / 100;
            let (id, mark) = rows[n].clone();
            world.too_large = vec![mark];
            let failure = world.ingest(table, &[]).await.unwrap_err();
            is_named(&failure, table);
            let context = format!("{table}, row {n} of {}: {failure}", rows.len());
            assert_same(table, &without(&world, table, id), &stored(&world, table), &context);
            let text = failure.to_string();
            for neighbour in [n.checked_sub(1), Some(n + 1)].into_iter().flatten() {
                let Some((id, _)) = rows.get(neighbour) else { continue };
                assert!(text.contains(&id.to_string()), "{id} is next to it: {context}");
            }
            // The next run meets it again, with little to read.
            let before = world.requests();
            is_named(&world.ingest(table, &[]).await.unwrap_err(), table);
            assert!(world.requests() - before <= 20, "{} requests: {context}", world.requests() - before);
            world.too_large.clear();
            world.ingest(table, &[]).await.unwrap();
            world.assert_equal(table, "once it is smaller");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_row_that_grows_too_large_later_hides_no_change_before_it() {
    let mut world = World::new(small());
    world.ingest("tickets", &[]).await.unwrap();
    let customer = None;
    for n in 0..40 {
        world.account().apply(Change::CreateTicket { customer }, world.clock.now());
        world.pass(Duration::from_secs(60)).await;
        if n == 20 {
            let (_, mark) = by_creation(&world, "tickets").pop().unwrap();
            world.too_large = vec![mark];
        }
    }
    let failure = world.ingest("tickets", &[]).await.unwrap_err();
    is_named(&failure, "tickets");
    assert_eq!(stored(&world, "tickets").len(), 260 + 19, "what is newer is stored");
    world.too_large.clear();
    world.ingest("tickets", &[]).await.unwrap();
    world.assert_equal("tickets", "once it is smaller");
}

#[tokio::test(start_paused = true)]
async fn other_tables_of_the_command_are_complete() {
    let mut world = World::new(small());
    let (_, mark) = by_creation(&world, "customers")[100].clone();
    world.too_large = vec![mark];
    let ends = world.ingest_all("customers,satisfaction_surveys", &[], None).await.unwrap().unwrap();
    is_named(ends[0].failure.as_ref().unwrap(), "customers");
    assert!(ends[1].failure.is_none());
    world.assert_equal("satisfaction_surveys", "beside a table that failed");
}

/// Events of many tickets that are gone or merged, and look-ups of those that may be: each is more than an answer may have.
#[tokio::test(start_paused = true)]
async fn look_ups_and_events_are_asked_for_in_smaller_parts() {
    let mut world = World::new(Options { merge_event_names_target: true, ..small() });
    for table in ["tickets", "ticket_messages"] {
        world.ingest(table, &[]).await.unwrap();
    }
    let tickets: Vec<i64> = world.account().ids("tickets");
    let now = world.clock.now();
    for pair in tickets[..120].chunks(2) {
        world.account().apply(Change::DeleteTicket { ticket: pair[0] }, now);
        world.account().apply(Change::MergeTickets { source: pair[1], target: tickets[200] }, now);
    }
    world.pass(Duration::from_secs(60)).await;
    world.body_limit = Some(bytes(&world, "tickets", 8) + 3_000);
    for table in ["tickets", "ticket_messages"] {
        world.ingest(table, &[]).await.unwrap();
        world.assert_equal(table, "after deletions, in small parts");
    }
    assert_eq!(world.memory.table("main.tickets").gone.len(), 120);
}
