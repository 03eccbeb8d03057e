//! Look-ups of single rows: nothing is gone on one answer, whatever that was.

use std::time::Duration;

use gorgias_sim::{Change, Fault, Options};

use crate::support::world::World;

fn small() -> Options {
    Options { tickets: 300, customers: 260, messages: 900, surveys: 40, ..Options::default() }
}

/// A ticket with three messages or more, and these.
fn ticket(world: &World) -> (i64, Vec<i64>) {
    let mut of: std::collections::BTreeMap<i64, Vec<i64>> = Default::default();
    for (id, json) in world.account().expected("messages") {
        let row: serde_json::Value = serde_json::from_str(&json).unwrap();
        of.entry(row["ticket_id"].as_i64().unwrap()).or_default().push(id);
    }
    of.into_iter().find(|(_, messages)| messages.len() >= 3).unwrap()
}

fn asked(world: &World, part: &str) -> usize {
    world
        .account()
        .requests()
        .iter()
        .filter(|request| format!("{}?{}", request.path, request.query).contains(part))
        .count()
}

#[tokio::test(start_paused = true)]
async fn one_answer_about_the_messages_of_a_ticket_buries_none_and_settles_nothing() {
    for fault in [Fault::EmptyLookup, Fault::PartialLookup] {
        for deletes in ["soft", "hard"] {
            let world = World::new(small());
            let flags = ["--deletes", deletes];
            world.ingest("ticket_messages", &flags).await.unwrap();
            let (ticket, messages) = ticket(&world);
            let now = world.clock.now();
            world.account().apply(Change::DeleteMessage { message: messages[0] }, now);
            // The ticket moves, so that its count is compared.
            world.account().apply(Change::ToggleTicket { ticket }, now);
            world.account().faults().on("ticket_id=", 0, fault.clone());
            world.pass(Duration::from_secs(60)).await;
            let receipt = world.ingest("ticket_messages", &flags).await.unwrap();
            assert_eq!(world.account().faults().pending(), 0, "the look-up met its fault");
            world.assert_equal("ticket_messages", &format!("{fault:?} {deletes}"));
            assert_eq!(receipt.counts.deleted, 1, "{fault:?} {deletes}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_count_that_was_not_reached_in_one_reading_is_looked_at_again() {
    let world = World::new(small());
    world.ingest("ticket_messages", &[]).await.unwrap();
    let (now, created) = (world.clock.now(), world.account().options().start);
    world.account().apply(Change::ImportTicket { created, messages: 3 }, now);
    world.account().faults().on("ticket_id=", 0, Fault::EmptyLookup);
    world.pass(Duration::from_secs(60)).await;
    world.ingest("ticket_messages", &[]).await.unwrap();
    world.assert_equal("ticket_messages", "messages with an old date, and one empty answer");
}

#[tokio::test(start_paused = true)]
async fn one_empty_answer_about_tickets_buries_none() {
    for table in ["tickets", "ticket_messages"] {
        for merges in [1, 7] {
            let world = World::new(small());
            world.ingest(table, &[]).await.unwrap();
            let tickets: Vec<i64> = world.account().ids("tickets");
            let now = world.clock.now();
            for pair in tickets.chunks(2).take(merges) {
                // Its event has no data, so it may name either of the two.
                world.account().apply(Change::MergeTickets { source: pair[0], target: pair[1] }, now);
            }
            world.account().apply(Change::DeleteTicket { ticket: tickets[100] }, now);
            world.account().faults().on("ticket_ids=", 0, Fault::EmptyLookup);
            world.pass(Duration::from_secs(60)).await;
            world.ingest(table, &[]).await.unwrap();
            world.assert_equal(table, &format!("{merges} merges, {table}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn tickets_are_looked_up_a_hundred_at_a_time() {
    let world = World::new(small());
    world.ingest("tickets", &[]).await.unwrap();
    let tickets: Vec<i64> = world.account().ids("tickets");
    let now = world.clock.now();
    for ticket in &tickets[..200] {
        world.account().apply(Change::DeleteTicket { ticket: *ticket }, now);
    }
    world.pass(Duration::from_secs(60)).await;
    let before = world.requests();
    let receipt = world.ingest("tickets", &["--rescan", "0"]).await.unwrap();
    world.assert_equal("tickets", "200 deletions");
    assert_eq!(receipt.counts.deleted, 200);
    // Each hundred twice, a few by their own address in between, three pages of events, one of tickets.
    assert!(world.requests() - before <= 4 + 10 + 4, "{} requests", world.requests() - before);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_allowed_to_be_known_is_not_gone() {
    for table in ["tickets", "customers", "ticket_messages"] {
        let world = World::new(small());
        world.ingest(table, &[]).await.unwrap();
        let now = world.clock.now();
        let tickets = world.account().ids("tickets");
        let customers = world.account().ids("customers");
        world.account().apply(Change::DeleteTicket { ticket: tickets[0] }, now);
        world.account().apply(Change::DeleteCustomer { customer: customers[0] }, now);
        for path in [
            "ticket_ids=",
            &format!("/api/tickets/{}", tickets[0]),
            &format!("/api/customers/{}", customers[0]),
        ] {
            world.account().faults().on(path, 0, Fault::Forbidden);
        }
        world.pass(Duration::from_secs(60)).await;
        let receipt = world.ingest(table, &["--rescan", "0"]).await.unwrap();
        assert_eq!(receipt.counts.deleted, 0, "{table}");
    }
}

#[tokio::test(start_paused = true)]
async fn customers_of_whom_an_event_tells_are_looked_up_within_the_cap_and_the_rest_by_the_next_runs() {
    let world = World::new(small());
    world.ingest("customers", &[]).await.unwrap();
    let customers = world.account().ids("customers");
    let now = world.clock.now();
    for customer in &customers[..80] {
        world.account().apply(Change::DeleteCustomer { customer: *customer }, now);
    }
    let mut left = 80;
    for deleted in [50, 30] {
        world.pass(Duration::from_secs(3_600)).await;
        let receipt = world.ingest("customers", &["--rescan", "0"]).await.unwrap();
        left -= deleted;
        assert_eq!(receipt.counts.deleted, deleted, "{left} left");
    }
    world.assert_equal("customers", "80 deletions");
    assert_eq!(asked(&world, "/api/customers/"), 80, "each once");
}

#[tokio::test(start_paused = true)]
async fn a_table_that_cannot_tell_its_tickets_says_so_and_marks_nothing() {
    let world = World::new(small());
    let flags = ["--sql-exclude-columns", "ticket_id"];
    world.ingest("ticket_messages", &flags).await.unwrap();
    let (ticket, _) = ticket(&world);
    let now = world.clock.now();
    world.account().apply(Change::DeleteTicket { ticket }, now).unwrap();
    let receipt = world.ingest("ticket_messages", &flags).await.unwrap();
    assert_eq!(receipt.counts.deleted, 0);
    let says = "rows that are gone with their tickets are not seen, as the table has no column ticket_id";
    assert!(receipt.warnings.iter().any(|warning| warning == says), "{:?}", receipt.warnings);
}

/// The count of a ticket is read before its messages. What was read of a ticket that got a message in between is no truth to
/// keep: another one goes, and the count is what it was.
#[tokio::test(start_paused = true)]
async fn a_count_that_was_behind_once_hides_no_later_deletion() {
    let mut world = World::new(small());
    world.ingest("ticket_messages", &[]).await.unwrap();
    let (ticket, messages) = ticket(&world);
    let count = messages.len();
    let behind = move |url: &str, body: bytes::Bytes| {
        if !url.contains("/api/tickets?") {
            return body;
        }
        let mut page: serde_json::Value = serde_json::from_slice(&body).unwrap();
        for row in page["data"].as_array_mut().unwrap().iter_mut().filter(|row| row["id"] == ticket) {
            row["messages_count"] = (count - 1).into();
        }
        page.to_string().into()
    };
    world.garble = Some(std::sync::Arc::new(behind));
    let now = world.clock.now();
    world.account().apply(Change::ToggleTicket { ticket }, now);
    world.pass(Duration::from_secs(60)).await;
    world.ingest("ticket_messages", &[]).await.unwrap();
    assert_eq!(asked(&world, &format!("ticket_id={ticket}")), 1, "its messages were read again");

    world.garble = None;
    let now = world.clock.now();
    world.account().apply(Change::DeleteMessage { message: messages[0] }, now);
    // What shows no sign at all is found by then.
    world.pass(Duration::from_secs(100_000)).await;
    world.ingest("ticket_messages", &[]).await.unwrap();
    world.assert_equal("ticket_messages", "the count is what it was then");
}

/// So many other tickets change that what changed before them is on no page of those that changed lately.
async fn update_others(world: &World) {
    let tickets = world.account().ids("tickets");
    for some in [150, 60] {
        world.pass(Duration::from_secs(3_600)).await;
        let now = world.clock.now();
        for ticket in tickets.iter().copied().take(some) {
            world.account().apply(Change::UpdateTicket { ticket }, now);
        }
    }
}

/// A first load takes several runs, and the first of them may not see the tickets: what is imported behind it meanwhile is
/// older than anything the next run reads, and only the count of its ticket tells. Without the re-scan, which finds it some day.
#[tokio::test(start_paused = true)]
async fn counts_are_followed_since_the_first_load_began() {
    let latency = Duration::from_secs(2);
    let world = World { flush_rows: 100, rescans: false, latency, ..World::new(small()) };
    world.account().faults().on("/api/tickets?", 0, Fault::Forbidden);
    // By then the list is read from both of its ends.
    world.account().faults().on("/api/messages?", 5, Fault::Forbidden);
    world.ingest("ticket_messages", &[]).await.expect_err("a page was refused");
    assert!(!world.held("ticket_messages", None).await.0.is_empty(), "it was half loaded");
    let now = world.clock.now();
    world.account().apply(Change::ImportTicket { created: now - 900 * gorgias_sim::DAY, messages: 3 }, now);
    update_others(&world).await;
    world.ingest("ticket_messages", &[]).await.unwrap();
    world.assert_equal("ticket_messages", "what was imported between the two");
}

/// The second page of the tickets that changed is refused once: the next run asks for it again.
#[tokio::test(start_paused = true)]
async fn tickets_that_were_refused_half_way_are_compared_by_the_next_run() {
    let world = World { rescans: false, ..World::new(small()) };
    world.ingest("ticket_messages", &[]).await.unwrap();
    let now = world.clock.now();
    world.account().apply(Change::ImportTicket { created: now - 900 * gorgias_sim::DAY, messages: 3 }, now);
    update_others(&world).await;
    world.account().faults().on("/api/tickets?", 1, Fault::Forbidden);
    let receipt = world.ingest("ticket_messages", &[]).await.unwrap();
    assert_eq!(world.account().faults().pending(), 0, "the page was refused");
    assert!(receipt.warnings.iter().any(|warning| warning.contains("tickets")), "{:?}", receipt.warnings);
    world.pass(Duration::from_secs(3_600)).await;
    world.ingest("ticket_messages", &[]).await.unwrap();
    world.assert_equal("ticket_messages", "what was imported before the page that was refused");
}

/// The event of a deletion may be there while lists and addresses still show the row: it is asked again as long as that is new.
#[tokio::test(start_paused = true)]
async fn what_an_event_says_too_early_is_asked_again() {
    for (table, object, event) in [
        ("tickets", "tickets", "ticket-deleted"),
        ("ticket_messages", "tickets", "ticket-deleted"),
        ("customers", "customers", "customer-deleted"),
    ] {
        let world = World { rescans: false, ..World::new(small()) };
        world.ingest(table, &[]).await.unwrap();
        let id = world.account().ids(object)[7];
        let now = world.clock.now();
        world.account().announce_deletion(event, id, now);
        world.pass(Duration::from_secs(5)).await;
        let early = world.ingest(table, &[]).await.unwrap();
        assert_eq!((early.counts.deleted, early.warnings.len()), (0, 0), "{table}");
        world.account().set_events_missed(1.0);
        let gone = if object == "tickets" {
            Change::DeleteTicket { ticket: id }
        } else {
            Change::DeleteCustomer { customer: id }
        };
        let now = world.clock.now();
        world.account().apply(gone, now).unwrap();
        world.pass(Duration::from_secs(60)).await;
        let receipt = world.ingest(table, &[]).await.unwrap();
        assert!(receipt.counts.deleted > 0, "{table}");
        world.assert_equal(table, "an early event");
        // It was no mistake for ever: what is there after all is not asked for again and again.
        let other = world.account().ids(object)[3];
        let now = world.clock.now();
        world.account().set_events_missed(0.0);
        world.account().announce_deletion(event, other, now);
        world.pass(Duration::from_secs(5)).await;
        for minutes in [0, 6, 6] {
            world.pass(Duration::from_secs(60 * minutes)).await;
            world.ingest(table, &[]).await.unwrap();
        }
        let before = asked(&world, &other.to_string());
        world.ingest(table, &[]).await.unwrap();
        assert_eq!(asked(&world, &other.to_string()), before, "{table}");
        world.assert_equal(table, "a false event");
    }
}
