//! Runs of a table with other flags than those before it: what is stored was written by the flags of then.

use gorgias_sim::Options;

use crate::support::memory::Crash;
use crate::support::transport::Death;
use crate::support::world::{World, assert_same};

fn small() -> World {
    let options = Options {
        tickets: 120,
        customers: 60,
        messages: 250,
        surveys: 40,
        max_body: 100,
        ..Options::default()
    };
    World { rescans: false, ..World::new(options) }
}

async fn assert_equal(world: &World, about: &str) {
    assert_same("tickets", &world.expected("tickets"), &world.held("tickets", None).await.0, about);
}

fn filled(columns: &str) -> String {
    format!("earlier runs of table main.tickets have not filled columns that this one does ({columns}): ")
}

fn left(column: &str) -> String {
    format!(
        "columns of table main.tickets are not written any more ({column}): they keep what earlier runs have put there; \
         drop them, or load the table anew with --full-refresh"
    )
}

const AGAIN: &str =
    "everything is read again, as in a first load; --sql-exclude-columns leaves a column out for good";
const LATER: &str = "rows that are not read again lack these values until --full-refresh";

#[tokio::test(start_paused = true)]
async fn a_column_that_was_left_out_is_filled_by_the_run_that_takes_it() {
    let world = small();
    let without = ["--sql-exclude-columns", "subject,spam"];
    for _ in 0..2 {
        assert_eq!(world.ingest("tickets", &without).await.unwrap().warnings, [""; 0]);
    }
    // A run that reads some rows leaves the others to the next that reads all.
    for _ in 0..2 {
        let receipt = world.ingest("tickets", &["--interval-start", "2026-08-20"]).await.unwrap();
        assert_eq!(receipt.warnings, [filled("spam, subject") + LATER]);
    }
    let receipt = world.ingest("tickets", &[]).await.unwrap();
    assert_eq!(receipt.warnings, [filled("spam, subject") + AGAIN]);
    assert_equal(&world, "taken in").await;
    let receipt = world.ingest("tickets", &[]).await.unwrap();
    assert_eq!((receipt.warnings.len(), receipt.counts.inserted, receipt.counts.updated), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_column_that_is_left_out_from_now_on_is_said_to_be_old() {
    let world = small();
    world.ingest("tickets", &[]).await.unwrap();
    let without = ["--sql-exclude-columns", "subject"];
    assert_eq!(world.ingest("tickets", &without).await.unwrap().warnings, [left("subject")]);
    assert_eq!(world.ingest("tickets", &without).await.unwrap().warnings, [""; 0]);
    // Taken in again, rows that changed meanwhile get what they have missed.
    assert_eq!(world.ingest("tickets", &[]).await.unwrap().warnings, [filled("subject") + AGAIN]);
    assert_equal(&world, "taken in again").await;
}

#[tokio::test(start_paused = true)]
async fn a_column_with_another_name_is_filled_and_the_one_before_is_old() {
    let world = small();
    world.ingest("tickets", &["--columns", "title::subject"]).await.unwrap();
    let receipt = world.ingest("tickets", &[]).await.unwrap();
    assert_eq!(receipt.warnings, [left("title"), filled("subject") + AGAIN]);
    assert_equal(&world, "by its own name").await;
    assert_eq!(world.ingest("tickets", &[]).await.unwrap().warnings, [""; 0]);
    // From one name to another, each is told of once.
    world.ingest("tickets", &["--columns", "title::subject"]).await.unwrap();
    let receipt = world.ingest("tickets", &["--columns", "heading::subject"]).await.unwrap();
    assert_eq!(receipt.warnings, [left("title"), filled("heading") + AGAIN]);
}

/// What lies in JSON that is stored is taken from it, with no more requests than usual.
#[tokio::test(start_paused = true)]
async fn flat_columns_that_were_left_out_are_filled_from_their_json() {
    let world = small();
    for flags in [&["--sql-exclude-columns", "customer_id"] as &[&str], &[]] {
        world.ingest("tickets", flags).await.unwrap();
    }
    assert_equal(&world, "flat").await;
}

#[tokio::test(start_paused = true)]
async fn another_key_is_refused_before_any_request() {
    for (first, then, before, now) in [
        (&[] as &[&str], &["--primary-key", "external_id"] as &[&str], "id", "external_id"),
        (&["--primary-key", "id,uri"], &[], "id,uri", "id"),
        (&[], &["--incremental-strategy", "delete+insert", "--primary-key", "uri"], "id", "uri"),
    ] {
        let world = small();
        world.ingest("tickets", first).await.unwrap();
        let (requests, rows) = (world.requests(), world.memory.table("main.tickets").all.len());
        let failure = world.ingest("tickets", then).await.unwrap_err();
        assert_eq!(
            failure.headline,
            format!(
                "the rows of table main.tickets were told apart by {before} when they were loaded, and cannot be by {now} \
                 now: rows would be lost, or stand twice"
            )
        );
        assert_eq!((world.requests(), world.memory.table("main.tickets").all.len()), (requests, rows));
        // Neither does what keeps no rows ask for it, nor what is given as before.
        world.ingest("tickets", first).await.unwrap();
        world.ingest("tickets", &["--full-refresh"]).await.unwrap();
        world.ingest("tickets", &[]).await.unwrap();
        assert_equal(&world, now).await;
    }
}

/// Rows of an unfinished replacement were written by its own flags.
#[tokio::test(start_paused = true)]
async fn a_replacement_is_gone_on_with_by_the_same_flags_only() {
    let usual: &[&str] = &["--full-refresh"];
    for other in [
        &["--full-refresh", "--sql-exclude-columns", "subject"] as &[&str],
        &["--full-refresh", "--trim-whitespace"],
        &["--full-refresh", "--columns", "messages_count:text"],
        &["--full-refresh", "--primary-key", "uri"],
        &["--full-refresh", "--sql-limit", "5"],
    ] {
        let mut asked = Vec::new();
        for (first, then) in [(other, other), (other, usual), (usual, other)] {
            let world = World { flush_rows: 100, ..small() };
            let died = world.ingest_until("tickets", first, Some(Death::BeforeRequest(2))).await;
            let before = world.requests();
            let receipt = world.ingest("tickets", then).await.unwrap();
            asked.push(world.requests() - before);
            if then == usual {
                assert_equal(&world, "anew").await;
            }
            if other.contains(&"--sql-limit") && then == other {
                assert_eq!(world.memory.table("main.tickets").all.len(), 5, "{receipt:?}");
            }
            assert!(died.is_none() || first.contains(&"--sql-limit"), "{first:?}");
        }
        let limited = other.contains(&"--sql-limit");
        assert!(limited || (asked[0] < asked[1] && asked[0] < asked[2]), "{other:?}: {asked:?} requests");
    }
}

#[tokio::test(start_paused = true)]
async fn child_tables_get_what_they_lack_from_their_parents() {
    let all = "tickets,ticket_tags,ticket_field_values,ticket_integrations";
    let world = small();
    world.ingest_all(all, &["--sql-exclude-columns", "name"], None).await.unwrap().unwrap();
    world.ingest_all(all, &[], None).await.unwrap().unwrap();
    crate::support::children::assert_exact(&world, "with the column").await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_meanwhile_is_gone_on_with() {
    for seed in 0..30 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let world = World { flush_rows: 100, ..small() };
        world.ingest("tickets", &["--sql-exclude-columns", "subject,status"]).await.unwrap();
        let crash = [Crash::Before, Crash::Between, Crash::After][rng.usize(0..3)];
        world.crash(rng.bool().then(|| (rng.u64(0..3), crash)));
        let death = Death::BeforeRequest(rng.u64(0..6));
        // Whether it comes to its end is not the question here.
        let _ = world.ingest_until("tickets", &[], rng.bool().then_some(death)).await;
        world.crash(None);
        world.ingest("tickets", &[]).await.unwrap();
        assert_equal(&world, &format!("seed {seed}")).await;
    }
}
