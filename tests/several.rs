//! Several tables in one command, in-process under paused time: what they share, and what they do not.

use std::time::Duration;

use gorgias_sim::{Fault, Options};

use crate::support::world::{FOUR, LISTS, World};

fn options() -> Options {
    Options {
        customers: 450,
        tickets: 700,
        messages: 900,
        surveys: 150,
        max_body: 2_000,
        ..Options::default()
    }
}

#[tokio::test(start_paused = true)]
async fn all_tables_share_one_budget_and_are_equal_in_the_end() {
    let world = World::new(options());
    let ends = world.ingest_all(FOUR, &[], None).await.expect("nobody died").unwrap();
    for (end, (table, _)) in ends.iter().zip(LISTS) {
        assert_eq!(end.table, table);
        assert!(end.failure.is_none(), "{:?}", end.failure);
        world.assert_equal(table, "all at once");
    }
    let receipts: Vec<_> = ends.iter().filter_map(|end| end.receipt.as_ref()).collect();
    let requests: u64 = receipts.iter().map(|receipt| receipt.requests).sum();
    assert_eq!(requests, world.requests(), "every request is in one receipt");
    assert_eq!(receipts.iter().map(|receipt| receipt.retries).sum::<u64>(), 0, "no 429");
    let ids: std::collections::BTreeSet<_> =
        world.memory.0.lock().unwrap().runs.iter().map(|line| line.record.id.clone()).collect();
    assert_eq!(ids.len(), 4, "a run of its own for each table");
}

#[tokio::test(start_paused = true)]
async fn what_changed_is_read_before_what_was_never_read() {
    let world = World::new(options());
    world.ingest("satisfaction_surveys", &[]).await.unwrap();
    world.pass(Duration::from_secs(3_600)).await;
    let before = world.account().requests().len();
    world.ingest_all("customers,tickets,satisfaction_surveys", &[], None).await.unwrap().unwrap();
    let paths: Vec<String> =
        world.account().requests()[before..].iter().map(|sent| sent.path.clone()).collect();
    assert!(paths[0].contains("satisfaction-surveys"), "{paths:?}");
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_leaves_the_others_alone_and_its_own_work_where_it_was() {
    let world = World::new(options());
    world.account().faults().on("/api/tickets", 4, Fault::Forbidden);
    let ends = world.ingest_all(FOUR, &["--dest-table", "g"], None).await.unwrap().unwrap();
    let failed: Vec<&str> =
        ends.iter().filter(|end| end.failure.is_some()).map(|end| end.table.as_str()).collect();
    assert_eq!(failed, ["tickets"]);
    let done = ends[1].receipt.as_ref().unwrap();
    assert!(done.read > 0 && done.unfinished, "{done:?}");
    let again = world.ingest_all(FOUR, &["--dest-table", "g"], None).await.unwrap().unwrap();
    assert!(again.iter().all(|end| end.failure.is_none()));
    let read = again[1].receipt.as_ref().unwrap().read;
    assert!(done.read + read < 700 + 250, "{} and then {read}: it began again", done.read);
    assert_eq!(world.memory.table("g.tickets").rows.len(), 700);
}

#[tokio::test(start_paused = true)]
async fn the_bytes_after_which_a_commit_is_made_are_those_of_all_tables() {
    let world = || {
        let mut world = World::new(options());
        (world.flush_rows, world.flush_bytes) = (100_000, Some(500_000));
        world
    };
    let (apart, together) = (world(), world());
    for (table, _) in LISTS {
        apart.ingest(table, &[]).await.unwrap();
    }
    together.ingest_all(FOUR, &[], None).await.unwrap().unwrap();
    for (table, _) in LISTS {
        together.assert_equal(table, "small commits");
    }
    let commits = |world: &World| world.memory.0.lock().unwrap().commits;
    // What is staged for the other tables takes its part of the bytes, so each commit is smaller.
    let (apart, together) = (commits(&apart), commits(&together));
    assert!(together > apart, "{together} commits together, {apart} apart");
}
