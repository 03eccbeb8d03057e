//! Files that older versions wrote: the next run goes on from them, whatever state they were in, and one that a newer
//! version wrote is refused.
//!
//! The files lie in `tests/upgrade/<commit>/`; `scripts/fixtures/make` says how they were made. They are never written
//! anew: what once was written in the world stays as it is.

#![cfg(feature = "duckdb")]

use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use flate2::read::GzDecoder;
use gorgias_sim::{Change, Options};

use crate::support::file::File;
use crate::support::memory::Cell;
use crate::support::world::{World, assert_same, flat_columns};

/// The program that did not say yet which one it is.
const FIRST: &str = "4e5a2d4";

const TABLES: [&str; 2] = ["customers", "tickets"];

/// The account as it was when the files were written.
fn options() -> Options {
    Options {
        seed: 12,
        tickets: 700,
        customers: 700,
        messages: 900,
        surveys: 40,
        max_body: 300,
        ..Options::default()
    }
}

/// That account two hours later, and what was left of its copy.
async fn later(commit: &str, kind: &str) -> World {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/upgrade/{commit}/{kind}.duckdb.gz"));
    let packed = std::fs::File::open(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut bytes = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut bytes).unwrap();
    let mut world = World::new(options());
    world.flush_rows = 100;
    // Walking over everything again is not what this is about.
    world.rescans = false;
    let copy = File::duckdb();
    std::fs::write(copy.path(), bytes).unwrap();
    world.file = Some(copy);
    world.pass(Duration::from_secs(7_200)).await;
    world
}

/// Something of everything happens.
fn change(world: &World) {
    let now = world.clock.now();
    let mut account = world.account();
    let (customers, tickets) = (account.ids("customers"), account.ids("tickets"));
    for change in [
        Change::CreateTicket { customer: None },
        Change::UpdateTicket { ticket: tickets[5] },
        Change::DeleteTicket { ticket: tickets[6] },
        Change::MergeTickets { source: tickets[7], target: tickets[8] },
        Change::UpdateCustomer { customer: customers[5] },
        Change::MergeCustomers { source: customers[6], target: customers[5] },
    ] {
        account.apply(change, now).unwrap();
    }
}

/// Runs all tables to a good end, and says how many requests each of them took.
async fn run(world: &World, flags: &[&str], context: &str) -> Vec<u64> {
    let mut taken = Vec::new();
    for table in TABLES {
        let before = world.requests();
        world.ingest(table, flags).await.unwrap_or_else(|failure| panic!("{context}: {table}: {failure}"));
        taken.push(world.requests() - before);
        let (held, _) = world.held(table, None).await;
        let mut wanted = world.expected(table);
        // Columns beside the JSON came later: rows of an unfinished replacement have them with the run after it.
        for (id, row) in wanted.iter_mut().filter(|_| flags.contains(&"--full-refresh")) {
            for column in flat_columns(table) {
                if held.get(id).is_some_and(|row| row[column] == Cell::Null) {
                    row.insert(column.into(), Cell::Null);
                }
            }
        }
        assert_same(table, &wanted, &held, context);
    }
    taken
}

async fn whole_load() -> Vec<u64> {
    let world = World { rescans: false, flush_rows: 100, ..World::new(options()) };
    run(&world, &[], "a first load").await
}

#[tokio::test(start_paused = true)]
async fn a_finished_copy_only_reads_what_changed() {
    let world = later(FIRST, "finished").await;
    change(&world);
    for taken in run(&world, &[], "finished").await {
        assert!(taken <= 5, "{taken} requests for six changes");
    }
    world.pass(Duration::from_secs(600)).await;
    for taken in run(&world, &[], "nothing new").await {
        assert!(taken <= 2, "{taken} requests for nothing");
    }
}

#[tokio::test(start_paused = true)]
async fn a_half_load_goes_on_where_it_stood() {
    let whole = whole_load().await;
    for changed in [false, true] {
        let world = later(FIRST, "half").await;
        if changed {
            change(&world);
        }
        let taken = run(&world, &[], "half").await;
        for (taken, whole) in taken.iter().zip(&whole) {
            // A page more for what changed, and one for rows that were deleted.
            let room = if changed { 2 } else { 0 };
            assert!(taken + 3 <= whole + room, "{taken} of {whole} requests, changed: {changed}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_unfinished_refresh_can_be_finished_or_left_alone() {
    let whole = whole_load().await;
    let world = later(FIRST, "refresh").await;
    let taken = run(&world, &["--full-refresh"], "refreshed").await;
    for (taken, whole) in taken.iter().zip(&whole) {
        assert!(taken + 3 <= *whole, "{taken} of {whole} requests");
    }
    run(&world, &[], "filled").await;
    let world = later(FIRST, "refresh").await;
    change(&world);
    for taken in run(&world, &[], "left alone").await {
        assert!(taken <= 5, "{taken} requests for six changes");
    }
}

/// DuckDB 2 has added a view, a table, a column and a comment.
#[tokio::test(start_paused = true)]
async fn a_copy_that_duckdb_2_has_changed_goes_on() {
    let world = later("duckdb-2.0.1", "finished").await;
    change(&world);
    for taken in run(&world, &[], "changed by DuckDB 2").await {
        assert!(taken <= 5, "{taken} requests for six changes");
    }
    world.pass(Duration::from_secs(600)).await;
    for taken in run(&world, &[], "nothing new").await {
        assert!(taken <= 2, "{taken} requests for nothing");
    }
    let duck = crate::support::duck::Duck::open(&world.file.as_ref().expect("a file").path());
    assert!(duck.number("SELECT count(*) FROM tickets WHERE note = 'mine'") > 300);
    assert_eq!(duck.number("SELECT count(*) FROM notes"), 5);
}

/// A file that DuckDB 2 has made is refused with what can be done about it.
#[tokio::test(start_paused = true)]
async fn a_file_that_duckdb_2_has_made_is_refused() {
    let world = later("duckdb-2.0.1", "made").await;
    let failure = world.ingest("tickets", &[]).await.expect_err("it is refused");
    let said = failure.to_string();
    assert!(said.contains("has a format this program cannot read"), "{said}");
    assert!(said.contains("STORAGE_VERSION 'v1.5.0'"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn what_a_newer_version_wrote_is_refused() {
    for (newer, says) in [
        (
            "source = '{\"version\":99,\"written_by\":\"7.1.0\"}'",
            "ingestr 7.1.0 wrote it (layout 99; ingestr",
        ),
        ("version = 99", "has version 99"),
    ] {
        let world = later(FIRST, "finished").await;
        let file = world.file.as_ref().expect("a file");
        file.run(&format!("UPDATE main._ingestr_state SET {newer}"));
        let before = file.texts("tickets", "updated_datetime");
        let failure = world.ingest("tickets", &[]).await.expect_err("it is refused");
        let said = failure.to_string();
        assert!(said.contains(says), "{said}");
        assert_eq!(world.requests(), 0, "nothing is asked for in vain");
        assert!(file.texts("tickets", "updated_datetime") == before);
    }
}
