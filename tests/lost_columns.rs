//! Columns that somebody drops from a table between two runs: the rows that are there get their values back, by the run that
//! finds it and whatever happens to that one.

use gorgias_sim::Options;

use crate::support::memory::Crash;
use crate::support::transport::Death;
use crate::support::world::{World, assert_same};

const TABLES: [&str; 5] = ["tickets", "ticket_messages", "customers", "satisfaction_surveys", "tags"];

fn small() -> Options {
    Options { tickets: 120, customers: 60, messages: 250, surveys: 40, max_body: 100, ..Options::default() }
}

async fn copied(tables: &[&str]) -> World {
    let world = World { rescans: false, ..World::new(small()) };
    for table in tables {
        world.ingest(table, &[]).await.unwrap();
    }
    world
}

fn drop_column(world: &World, table: &str, column: &str) {
    let mut store = world.memory.store();
    let held = store.tables.get_mut(&("main".into(), table.into())).unwrap();
    held.columns.retain(|held| held.name != column);
    held.change_all(|row| _ = row.remove(column));
}

async fn assert_equal(world: &World, table: &str, about: &str) {
    assert_same(table, &world.expected(table), &world.held(table, None).await.0, about);
}

#[tokio::test(start_paused = true)]
async fn everything_is_read_again_once_and_said_so() {
    let world = copied(&TABLES).await;
    for (table, column) in [
        ("tickets", "subject"),
        ("ticket_messages", "body_text"),
        ("customers", "email"),
        ("satisfaction_surveys", "score"),
        ("tags", "name"),
    ] {
        drop_column(&world, table, column);
        let receipt = world.ingest(table, &[]).await.unwrap();
        let told = format!(
            "table main.{table} has lost columns since the last run ({column}): everything is read again, as in a first \
             load; --sql-exclude-columns leaves a column out for good"
        );
        assert_eq!(receipt.warnings, [told]);
        assert_equal(&world, table, column).await;
        let again = world.ingest(table, &[]).await.unwrap();
        assert_eq!(again.warnings, [""; 0], "{table}");
        assert_eq!((again.counts.inserted, again.counts.updated), (0, 0), "{table}");
    }
}

/// What lies in JSON that is there is taken from it, without a request more than usual.
#[tokio::test(start_paused = true)]
async fn flat_columns_are_filled_from_their_json() {
    let world = copied(&["tickets"]).await;
    let before = world.requests();
    world.ingest("tickets", &[]).await.unwrap();
    let usual = world.requests() - before;
    drop_column(&world, "tickets", "customer_id");
    let before = world.requests();
    world.ingest("tickets", &[]).await.unwrap();
    assert!(world.requests() - before <= usual);
    assert_equal(&world, "tickets", "flat").await;
    for column in ["customer_id", "customer"] {
        drop_column(&world, "tickets", column);
    }
    world.ingest("tickets", &[]).await.unwrap();
    assert_equal(&world, "tickets", "with its JSON").await;
}

#[tokio::test(start_paused = true)]
async fn child_tables_are_made_anew_from_their_parents() {
    let all = "tickets,ticket_tags,ticket_field_values,ticket_integrations";
    let world = World { rescans: false, ..World::new(small()) };
    world.ingest_all(all, &[], None).await.unwrap().unwrap();
    drop_column(&world, "ticket_tags", "name");
    world.ingest_all(all, &[], None).await.unwrap().unwrap();
    crate::support::children::assert_exact(&world, "without the column").await;
}

#[tokio::test(start_paused = true)]
async fn without_the_key_nothing_is_read() {
    let world = copied(&["tickets"]).await;
    drop_column(&world, "tickets", "id");
    let before = world.requests();
    let failure = world.ingest("tickets", &[]).await.unwrap_err();
    assert_eq!(
        failure.headline,
        "column id of table main.tickets is gone, and without it no row can be told from another"
    );
    assert_eq!(world.requests(), before);
    world.ingest("tickets", &["--full-refresh"]).await.unwrap();
    assert_equal(&world, "tickets", "anew").await;
}

/// Where reading everything again would add rows twice, or is not what was asked for, it is only said.
#[tokio::test(start_paused = true)]
async fn others_are_told_what_stays_empty() {
    for flags in [
        &["--incremental-strategy", "append"] as &[&str],
        &["--incremental-strategy", "scd2"],
        &["--interval-start", "2026-08-20"],
    ] {
        let world = World { rescans: false, ..World::new(small()) };
        world.ingest("tickets", flags).await.unwrap();
        let rows = world.memory.table("main.tickets").all.len();
        drop_column(&world, "tickets", "subject");
        let receipt = world.ingest("tickets", flags).await.unwrap();
        let told = "table main.tickets has lost columns since the last run (subject): rows that are not read again lack these \
                    values until --full-refresh";
        assert_eq!(receipt.warnings, [told], "{flags:?}");
        let more = world.memory.table("main.tickets").all.len() - rows;
        assert!(more <= 10, "{flags:?}: {more} rows more");
        // The next run that reads all of it makes it whole.
        if flags[0] == "--interval-start" {
            world.ingest("tickets", &[]).await.unwrap();
            assert_equal(&world, "tickets", "after the window").await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_dies_meanwhile_is_gone_on_with() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let table = TABLES[rng.usize(0..TABLES.len())];
        let world = World { flush_rows: 100, ..copied(&[table]).await };
        let columns: Vec<String> = {
            let store = world.memory.store();
            let held = &store.tables[&("main".into(), table.to_owned())];
            let names = held.columns.iter().map(|column| column.name.clone());
            names.filter(|name| name != "id" && !name.starts_with("_ingestr")).collect()
        };
        let column = &columns[rng.usize(0..columns.len())];
        drop_column(&world, table, column);
        let death = Death::BeforeRequest(rng.u64(0..6));
        let crash = [Crash::Before, Crash::Between, Crash::After][rng.usize(0..3)];
        world.crash(rng.bool().then(|| (rng.u64(0..3), crash)));
        // Whether it comes to its end is not the question here.
        let _ = world.ingest_until(table, &[], rng.bool().then_some(death)).await;
        world.crash(None);
        world.ingest(table, &[]).await.unwrap();
        assert_equal(&world, table, &format!("seed {seed}: {column}")).await;
    }
}
