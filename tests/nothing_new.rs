//! Runs that find nothing new: rows that every run reads again, and that are stored as they are, are not written again.

use std::sync::Arc;
use std::time::Duration;

use gorgias_sim::{Change, Options};

use crate::support::memory::Cell;
use crate::support::world::{Death, World};

fn world() -> World {
    World::new(Options { tickets: 300, customers: 200, messages: 900, surveys: 60, ..Options::default() })
}

/// A first load, and a run after it, which has read everything that the next one reads again.
async fn twice(world: &World, tables: &str) {
    for _ in 0..2 {
        let ends = world.ingest_all(tables, &[], None).await.unwrap().unwrap();
        assert!(ends.iter().all(|end| end.failure.is_none()), "{ends:?}");
        world.pass(Duration::from_secs(60)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn all_tables_store_what_they_know_with_one_commit() {
    let world = world();
    twice(&world, "*").await;
    let (before, requests) = (world.memory.store().commits, world.requests());
    let ends = world.ingest_all("*", &[], None).await.unwrap().unwrap();
    assert_eq!(world.memory.store().commits - before, 1);
    assert!(world.requests() - requests <= 30);
    let messages = ends.iter().find(|end| end.table == "ticket_messages").unwrap();
    let receipt = messages.receipt.as_ref().unwrap();
    assert!(receipt.read > 0 && receipt.counts.unchanged == receipt.read, "{receipt:?}");
    for table in ["tickets", "ticket_messages", "customers", "satisfaction_surveys"] {
        world.assert_equal(table, "with nothing new");
    }

    // What is new is written, and nothing else.
    let now = world.clock.now();
    let ticket = world.account().ids("tickets")[7];
    world.account().apply(Change::AddMessage { ticket, from_agent: true }, now).unwrap();
    let ends = world.ingest_all("*", &[], None).await.unwrap().unwrap();
    assert!(ends.iter().all(|end| end.failure.is_none()), "{ends:?}");
    for table in ["tickets", "ticket_messages"] {
        world.assert_equal(table, "with a new message");
    }
}

/// A look-up brings another version of a row than the list had. What the list shows in the next run is news.
#[tokio::test(start_paused = true)]
async fn what_a_look_up_brought_is_not_taken_for_what_the_list_showed() {
    let mut world = world();
    twice(&world, "ticket_messages").await;
    let (now, ticket) = (world.clock.now(), world.account().ids("tickets")[7]);
    world.account().apply(Change::AddMessage { ticket, from_agent: true }, now).unwrap();
    world.ingest("ticket_messages", &[]).await.unwrap();
    let messages: Vec<i64> = {
        let rows = world.expected("ticket_messages");
        rows.iter().filter(|(_, row)| row["ticket_id"] == Cell::Int(ticket)).map(|(id, _)| *id).collect()
    };
    let (Some(&oldest), Some(&newest)) = (messages.first(), messages.last()) else { panic!("it has two") };
    // One of its messages goes, so that they are looked up.
    let now = world.clock.now();
    world.account().apply(Change::DeleteMessage { message: oldest }, now);
    world.account().apply(Change::ToggleTicket { ticket }, now);
    let looked_up = move |url: &str, body: bytes::Bytes| {
        if !url.contains(&format!("ticket_id={ticket}")) {
            return body;
        }
        let mut page: serde_json::Value = serde_json::from_slice(&body).unwrap();
        for row in page["data"].as_array_mut().unwrap().iter_mut().filter(|row| row["id"] == newest) {
            row["subject"] = "as it was for a moment".into();
        }
        page.to_string().into()
    };
    world.garble = Some(Arc::new(looked_up));
    world.ingest("ticket_messages", &[]).await.unwrap();
    let subject = world.held("ticket_messages", None).await.0[&newest]["subject"].clone();
    assert_eq!(subject, Cell::Text("as it was for a moment".into()));
    world.garble = None;
    world.ingest("ticket_messages", &[]).await.unwrap();
    world.assert_equal("ticket_messages", "as the list shows it");
}

/// Two versions of a row in one commit, the older one with a date in the future: that one is stored, and the next run brings the
/// other.
#[tokio::test(start_paused = true)]
async fn a_row_that_came_with_two_contents_is_read_again() {
    let mut world = world();
    twice(&world, "tickets").await;
    let (now, tickets) = (world.clock.now(), world.account().ids("tickets"));
    for ticket in tickets.iter().copied().take(150) {
        world.account().apply(Change::UpdateTicket { ticket }, now);
    }
    let (asked, ticket) = (std::sync::atomic::AtomicUsize::new(0), tickets[149]);
    let first = move |url: &str, body: bytes::Bytes| {
        let lists = url.contains("/api/tickets?") && url.contains("updated");
        if !lists || asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed) > 0 {
            return body;
        }
        let mut page: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let rows = page["data"].as_array_mut().unwrap();
        let row = rows.iter_mut().find(|row| row["id"] == ticket).expect("it is on the first page");
        row["subject"] = "as it was before".into();
        row["updated_datetime"] = ingestr::api::model::Micros(now + 7_200_000_000).to_string().into();
        page.to_string().into()
    };
    world.garble = Some(Arc::new(first));
    world.ingest("tickets", &[]).await.unwrap();
    let subject = world.held("tickets", None).await.0[&ticket]["subject"].clone();
    assert_eq!(subject, Cell::Text("as it was before".into()), "the newer date wins");
    world.garble = None;
    world.ingest("tickets", &[]).await.unwrap();
    world.assert_equal("tickets", "as it is now");
}

/// It takes no lease while it reads. Another run that comes to its end meanwhile is no failure: it looks again.
#[tokio::test(start_paused = true)]
async fn two_runs_with_nothing_new_do_not_stand_in_each_others_way() {
    let world = world();
    twice(&world, "tickets").await;
    let asleep = Death::Sleep { request: 1, time: Duration::from_secs(1_800) };
    let receipt = world.ingest_until("tickets", &[], Some(asleep)).await.expect("it goes on").unwrap();
    assert_eq!(receipt.counts.unchanged, receipt.read);
    world.assert_equal("tickets", "after both");
}
