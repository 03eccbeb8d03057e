//! Child tables: whatever happens to their parents and to us, their rows are those that the stored parents have.

use std::sync::Arc;

use bytes::Bytes;
use gorgias_sim::Options;
use ingestr::api::error::Failure;
use ingestr::api::report::{Event, Reporter, Several, Summary};
use serde_json::Value;

use crate::support::children::assert_exact;
use crate::support::memory::{Crash, Memory, Saved, Whose};
use crate::support::transport::Death;
use crate::support::world::{Silent, World};

fn small() -> Options {
    Options { tickets: 350, customers: 80, messages: 500, surveys: 0, max_body: 300, ..Options::default() }
}

/// All that tickets can have, in one command.
const ALL: &str = "tickets,ticket_tags,ticket_field_values,ticket_integrations";

async fn changed(world: &World, rng: &mut fastrand::Rng) {
    for _ in 0..60 {
        let now = world.clock.now();
        world.account().random_change(rng, now);
        world.pass(std::time::Duration::from_secs(20)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn they_are_loaded_and_kept_with_their_parent_without_a_request() {
    for flags in [&[] as &[&str], &["--deletes", "hard"], &["--full-refresh"]] {
        let (world, alone) = (World::new(small()), World::new(small()));
        let mut rng = fastrand::Rng::with_seed(7);
        for round in 0..3 {
            world.ingest_all(ALL, flags, None).await.unwrap().unwrap();
            assert_exact(&world, &format!("{flags:?}, run {round}")).await;
            changed(&world, &mut rng).await;
        }
        assert!(world.memory.table("main.ticket_tags").all.len() > 50);
        let ends = world.ingest_all("tickets,ticket_tags", &[], None).await.unwrap().unwrap();
        assert_eq!(ends[1].table, "ticket_tags");
        assert_eq!(ends[1].receipt.as_ref().unwrap().requests, 0);
        alone.ingest("tickets", &[]).await.unwrap();
        let fresh = World::new(small());
        fresh.ingest_all(ALL, &[], None).await.unwrap().unwrap();
        assert_eq!(fresh.requests(), alone.requests());
    }
}

/// Named alone, a child brings its parent along, under its own name beside it.
#[tokio::test(start_paused = true)]
async fn one_that_is_named_alone_brings_its_parent() {
    let world = World::new(small());
    let ends = world
        .ingest_all("ticket_tags", &["--dest-table", "main.tags_of_tickets"], None)
        .await
        .unwrap()
        .unwrap();
    let tables: Vec<&str> = ends.iter().map(|end| end.table.as_str()).collect();
    assert_eq!(tables, ["tickets", "ticket_tags"]);
    world.assert_equal("tickets", "the parent");
    assert!(world.memory.table("main.tags_of_tickets").all.len() > 50);
}

/// Added later, or left out of a run: made anew from the parent's stored rows, without a request.
#[tokio::test(start_paused = true)]
async fn one_that_is_not_as_far_as_its_parent_is_made_from_its_rows() {
    let world = World::new(small());
    let mut rng = fastrand::Rng::with_seed(8);
    world.ingest("tickets", &[]).await.unwrap();
    changed(&world, &mut rng).await;
    world.ingest("tickets", &[]).await.unwrap();
    assert!(!world.memory.table("main.tickets").gone.is_empty(), "some are marked as gone");
    let before = world.requests();
    world.ingest_all(ALL, &[], None).await.unwrap().unwrap();
    assert!(world.requests() - before < 5, "{} requests", world.requests() - before);
    assert_exact(&world, "added later").await;
    changed(&world, &mut rng).await;
    world.ingest("tickets", &[]).await.unwrap();
    world.ingest_all(ALL, &[], None).await.unwrap().unwrap();
    assert_exact(&world, "left out once").await;
}

/// A window changes rows and leaves the progress where it is: a child that was left out of it is behind all the same.
#[tokio::test(start_paused = true)]
async fn one_that_was_left_out_of_a_window_is_made_from_its_parents_rows() {
    for strategy in ["merge", "delete+insert"] {
        let world = World::new(small());
        world.ingest_all(ALL, &[], None).await.unwrap().unwrap();
        let mut rng = fastrand::Rng::with_seed(9);
        changed(&world, &mut rng).await;
        let until = ingestr::api::model::Micros(world.clock.now()).to_string();
        let window =
            ["--interval-start", "2026-01-01", "--interval-end", &until, "--incremental-strategy", strategy];
        for _ in 0..2 {
            world.ingest("tickets", &window).await.unwrap();
            world.ingest_all(ALL, &[], None).await.unwrap().unwrap();
            assert_exact(&world, strategy).await;
        }
    }
}

/// An answer that has a ticket twice, with another tag the first time.
fn twice(url: &str, body: Bytes) -> Bytes {
    if !url.contains("/api/tickets?") {
        return body;
    }
    let mut answer: Value = serde_json::from_slice(&body).unwrap();
    let rows = answer["data"].as_array_mut().unwrap();
    if let Some(mut other) = rows.first().cloned() {
        other["tags"] = serde_json::json!([{"id": 4_711, "name": "soon gone"}]);
        rows.insert(0, other);
    }
    Bytes::from(answer.to_string())
}

#[tokio::test(start_paused = true)]
async fn a_ticket_that_comes_twice_has_the_tags_that_it_had_last() {
    for flags in [&[] as &[&str], &["--full-refresh"]] {
        let mut world = World::new(small());
        world.garble = Some(Arc::new(twice));
        for round in 0..2 {
            world.ingest_all(ALL, flags, None).await.unwrap().unwrap();
            assert_exact(&world, &format!("{flags:?}, run {round}")).await;
        }
    }
}

/// Whenever a run dies, and wherever a commit fails: after each run the children are those of the stored parents.
#[tokio::test(start_paused = true)]
async fn they_are_exact_wherever_a_run_ends() {
    for seed in 0..5 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let world = World { flush_rows: 60, ..World::new(Options { seed, ..small() }) };
        for round in 0..6 {
            changed(&world, &mut rng).await;
            let death = rng.bool().then(|| Death::AfterRequest(rng.u64(1..9)));
            let crashes = [Crash::Before, Crash::Between, Crash::After];
            world.crash(rng.bool().then(|| (rng.u64(0..4), crashes[rng.usize(0..3)])));
            let flags: &[&str] = if rng.u8(0..4) == 0 { &["--full-refresh"] } else { &[] };
            let some = if rng.u8(0..4) == 0 { "tickets" } else { ALL };
            let _ = world.ingest_all(some, flags, death).await;
            world.crash(None);
            world.ingest_all(ALL, &[], None).await.unwrap().unwrap();
            assert_exact(&world, &format!("seed {seed}, round {round}")).await;
        }
    }
}

/// Between the look and the lease, another run has made a child; this one does not write over it.
#[tokio::test(start_paused = true)]
async fn one_that_another_run_has_made_meanwhile_is_not_made_anew() {
    struct Meanwhile(Memory);

    impl Reporter for Meanwhile {
        fn event(&self, _: &str, event: &Event<'_>) {
            if let Event::Started(_) = event {
                let place = ("main".to_owned(), "ticket_tags".to_owned());
                let whose = Whose { place, account: "acme".into(), source_table: "ticket_tags".into() };
                let mut store = self.0.store();
                let (_, saved) = store.states.first_key_value().expect("the parent's");
                let saved = Saved { run: "another".into(), table: None, filled: false, ..saved.clone() };
                store.states.insert(whose, saved);
            }
        }

        fn failed(&self, _: &Failure) {}

        fn begins(&self, _: &Several<'_>) {}

        fn ends(&self, _: &Summary<'_>) {}
    }

    let world = World::new(small());
    world.ingest("tickets", &[]).await.unwrap();
    let world = World { reporter: Arc::new(Meanwhile(world.memory.clone())), ..world };
    let ends = world.ingest_all("tickets,ticket_tags", &[], None).await.unwrap().unwrap();
    let failure = ends[0].failure.as_ref().expect("it is refused");
    assert!(failure.headline.contains("table main.ticket_tags"), "{failure}");
    assert!(failure.to_string().contains("run the same command again"), "{failure}");
    assert!(world.memory.table("main.ticket_tags").all.is_empty());
    let world = World { reporter: Arc::new(Silent), ..world };
    world.ingest_all(ALL, &[], None).await.unwrap().unwrap();
    assert_exact(&world, "afterwards").await;
}
