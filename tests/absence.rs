//! Rows that are gone without any event: the next complete re-scan finds them, and does not believe it of too many.

use std::time::Duration;

use gorgias_sim::{Change, Fault, Options};
use ingestr::api::error::Kind;

use crate::support::world::World;

const DAY: Duration = Duration::from_secs(90_000);
const TABLES: [&str; 3] = ["customers", "tickets", "ticket_messages"];

/// An account whose events are lost.
fn silent() -> World {
    World::new(Options {
        tickets: 700,
        customers: 700,
        messages: 1_500,
        surveys: 10,
        max_body: 300,
        events_missed: 1.0,
        merged_customer_moves: true,
        ..Options::default()
    })
}

/// Deletes so many tickets and customers, from everywhere in their lists.
fn delete(world: &World, count: usize) {
    let now = world.clock.now();
    let tickets = world.account().ids("tickets");
    let customers = world.account().ids("customers");
    for n in 0..count {
        let (ticket, customer) = (tickets[n * tickets.len() / count], customers[n * customers.len() / count]);
        world.account().apply(Change::DeleteTicket { ticket }, now);
        world.account().apply(Change::DeleteCustomer { customer }, now);
    }
}

#[tokio::test(start_paused = true)]
async fn a_missed_deletion_is_found_by_the_next_complete_re_scan() {
    for table in TABLES {
        for deletes in ["soft", "hard"] {
            let world = silent();
            let flags = ["--deletes", deletes];
            world.ingest(table, &flags).await.unwrap();
            delete(&world, 20);
            world.pass(Duration::from_secs(600)).await;
            let receipt = world.ingest(table, &flags).await.unwrap();
            assert_eq!(receipt.counts.deleted, 0, "{table}: nothing is due");
            world.pass(DAY).await;
            let receipt = world.ingest(table, &flags).await.unwrap();
            world.assert_equal(table, &format!("20 deletions without an event, {deletes}"));
            assert!(receipt.counts.deleted >= 20, "{table}: {}", receipt.counts.deleted);
        }
    }
}

/// A list that ignores the order asked for shows what is gone once it was read from its beginning to its end.
#[tokio::test(start_paused = true)]
async fn a_missed_deletion_is_found_in_a_list_in_no_order_too() {
    for table in TABLES {
        let list = if table == "customers" { "customers" } else { "tickets" };
        let rescan = format!("/api/{list}?limit=100&order_by=created_datetime%3Adesc");
        // From the first page on, from the middle on, in one page alone.
        for (at, ends) in [(0, false), (3, false), (0, true), (3, true)] {
            let world = silent();
            world.ingest(table, &[]).await.unwrap();
            delete(&world, 20);
            world.pass(DAY).await;
            if ends {
                world.account().faults().on(&rescan, at, Fault::WrongOrder);
            } else {
                world.account().faults().from_on(&rescan, at, Fault::WrongOrder);
            }
            world.ingest(table, &[]).await.unwrap();
            world.assert_equal(table, &format!("no order from page {at} on, ends: {ends}"));
        }
    }
}

/// No run can go on where another one was in a list that is in no order: it is read whole, once a period.
#[tokio::test(start_paused = true)]
async fn a_list_in_no_order_is_re_scanned_whole_whatever_the_number_of_runs() {
    for (table, list) in [("customers", "customers"), ("tickets", "tickets"), ("ticket_messages", "tickets")]
    {
        let rescan = format!("/api/{list}?limit=100&order_by=created_datetime%3Adesc");
        for ends in [0, 9] {
            let world = silent();
            world.ingest(table, &[]).await.unwrap();
            world.account().faults().from_on(&rescan, 0, Fault::WrongOrder);
            delete(&world, 20);
            let before = world.account().requests().len();
            // Two days, of which the first may only learn that there is no order.
            for run in 0..24 {
                if run == ends && ends > 0 {
                    world.account().faults().clear();
                }
                world.pass(Duration::from_secs(2 * 3_600)).await;
                world.ingest(table, &[]).await.unwrap();
            }
            world.assert_equal(table, &format!("no order for so many runs (0: always): {ends}"));
            let pages = world.account().requests()[before..]
                .iter()
                .filter(|asked| format!("{}?{}", asked.path, asked.query).starts_with(&rescan))
                .count();
            assert!(pages <= 24, "{table}, {ends}: {pages} pages of a list of seven, in two days");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_row_was_merged_into_is_asked_of_its_address() {
    let world = silent();
    for table in ["customers", "tickets"] {
        world.ingest(table, &[]).await.unwrap();
    }
    let now = world.clock.now();
    let tickets = world.account().ids("tickets");
    let customers = world.account().ids("customers");
    world.account().apply(Change::MergeTickets { source: tickets[3], target: tickets[9] }, now);
    world.account().apply(Change::MergeCustomers { source: customers[3], target: customers[9] }, now);
    world.pass(DAY).await;
    for table in ["customers", "tickets"] {
        world.ingest(table, &[]).await.unwrap();
        world.assert_equal(table, "a merge without an event");
    }
    assert_eq!(world.memory.table("main.tickets").gone, [(tickets[3], Some(tickets[9]))].into());
    assert_eq!(world.memory.table("main.customers").gone, [(customers[3], Some(customers[9]))].into());
}

#[tokio::test(start_paused = true)]
async fn what_a_run_cannot_look_up_is_looked_up_by_the_next_ones() {
    let world = silent();
    world.ingest("customers", &[]).await.unwrap();
    delete(&world, 90);
    world.pass(DAY).await;
    let mut deleted = 0;
    for _ in 0..3 {
        let receipt = world.ingest("customers", &[]).await.unwrap();
        assert!(receipt.requests <= 2 + 50, "{} requests", receipt.requests);
        deleted += receipt.counts.deleted;
        world.pass(Duration::from_secs(60)).await;
    }
    assert_eq!(deleted, 90);
    world.assert_equal("customers", "90 deletions, 50 requests a run");
}

#[tokio::test(start_paused = true)]
async fn too_many_missing_rows_are_not_believed_until_that_is_confirmed() {
    for table in TABLES {
        let world = silent();
        world.ingest(table, &[]).await.unwrap();
        delete(&world, 350);
        world.pass(DAY).await;
        for _ in 0..3 {
            let failure = world.ingest(table, &[]).await.unwrap_err();
            assert_eq!((failure.kind, failure.kind.exit_code()), (Kind::Source, 4), "{table}: {failure}");
            assert!(failure.to_string().contains("--confirm-deletions"), "{failure}");
            assert_eq!(world.memory.table(&format!("main.{table}")).gone.len(), 0, "{table}");
            world.pass(Duration::from_secs(600)).await;
        }
        let mut deleted = 0;
        for _ in 0..12 {
            let receipt = world.ingest(table, &["--confirm-deletions"]).await.unwrap();
            deleted += receipt.counts.deleted;
            world.pass(Duration::from_secs(600)).await;
        }
        world.assert_equal(table, "350 deletions, confirmed");
        assert!(deleted >= 350, "{table}: {deleted}");
        // What was confirmed is over: a few more are believed without it.
        delete(&world, 3);
        world.pass(DAY).await;
        world.ingest(table, &[]).await.unwrap();
        world.assert_equal(table, "three more");
    }
}

#[tokio::test(start_paused = true)]
async fn rows_from_before_the_table_is_covered_are_left_alone() {
    for table in ["customers", "tickets"] {
        let world = silent();
        world.ingest(table, &["--sql-limit", "400"]).await.unwrap();
        let start = gorgias_sim::iso(world.account().options().end - 100 * gorgias_sim::DAY);
        let world = silent();
        world.ingest(table, &["--interval-start", &start]).await.unwrap();
        delete(&world, 40);
        world.pass(DAY).await;
        world.ingest(table, &[]).await.unwrap();
        let held = world.memory.table(&format!("main.{table}"));
        let now = world.expected(table);
        for (id, row) in held.rows.iter().filter(|(id, _)| !now.contains_key(id)) {
            let old = row["created_datetime"]
                < crate::support::memory::Cell::Instant(
                    world.account().options().end - 100 * gorgias_sim::DAY,
                );
            assert_eq!(!held.gone.contains_key(id), old, "{table}: {id}");
        }
    }
}

/// A ticket with one message is merged into another without an event, and the other loses one of its own: its count is what it was,
/// so only the address of the ticket that is gone tells where to look.
#[tokio::test(start_paused = true)]
async fn messages_that_a_missed_merge_moved_are_found_where_they_are_now() {
    let world = silent();
    world.ingest("ticket_messages", &[]).await.unwrap();
    let mut of: std::collections::BTreeMap<i64, Vec<i64>> = Default::default();
    for (id, json) in world.account().expected("messages") {
        let row: serde_json::Value = serde_json::from_str(&json).unwrap();
        of.entry(row["ticket_id"].as_i64().unwrap()).or_default().push(id);
    }
    let with = |count: usize| of.iter().filter(move |(_, messages)| messages.len() == count);
    // More than are asked for by their own address anyway.
    for ((source, _), (target, messages)) in with(1).zip(with(3)).take(9) {
        let now = world.clock.now();
        world.account().apply(Change::MergeTickets { source: *source, target: *target }, now).unwrap();
        world.account().apply(Change::DeleteMessage { message: messages[0] }, now).unwrap();
    }
    world.pass(DAY).await;
    world.ingest("ticket_messages", &[]).await.unwrap();
    world.assert_equal("ticket_messages", "nine missed merges");
}
