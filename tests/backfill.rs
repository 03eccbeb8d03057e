//! Columns that are taken out of JSON, in rows that a version without them has stored: they are filled without a request,
//! whatever happens meanwhile.

use gorgias_sim::{Change, Options};
use ingestr::api::model::Filled;

use crate::support::memory::{Cell, Crash, Row};
use crate::support::world::{World, assert_same};

/// Flat columns of the two tables that have some.
const FLAT: [(&str, &[&str]); 2] = [
    ("tickets", &["customer_id", "assignee_user_id", "assignee_team_id", "tag_names"]),
    ("ticket_messages", &["sender_id", "receiver_id", "source_type"]),
];

/// A copy as a version without flat columns left it, with rows that are gone.
async fn older_copy(rows: usize) -> World {
    let options = Options {
        tickets: rows,
        customers: 50,
        messages: rows,
        surveys: 0,
        max_body: 100,
        ..Options::default()
    };
    let world = World { rescans: false, flush_rows: 10_000, ..World::new(options) };
    for (table, _) in FLAT {
        world.ingest(table, &[]).await.unwrap();
    }
    let tickets = world.account().ids("tickets");
    world.account().apply(Change::DeleteTicket { ticket: tickets[3] }, world.clock.now()).unwrap();
    world
        .account()
        .apply(Change::MergeTickets { source: tickets[4], target: tickets[5] }, world.clock.now())
        .unwrap();
    for (table, columns) in FLAT {
        world.ingest(table, &[]).await.unwrap();
        let mut store = world.memory.store();
        store.tables.get_mut(&("main".into(), table.into())).unwrap().change_all(|row| {
            for column in columns {
                row.insert((*column).into(), Cell::Null);
            }
        });
        for (_, saved) in store.states.iter_mut().filter(|(whose, _)| whose.source_table == table) {
            saved.state.filled = Filled::default();
        }
    }
    world
}

fn is_set(row: &Row, column: &str) -> bool {
    row.get(column).is_some_and(|cell| *cell != Cell::Null)
}

fn without_value(world: &World, table: &str, column: &str) -> usize {
    let table = world.memory.table(&format!("main.{table}"));
    table.rows.values().filter(|row| !is_set(row, column)).count()
}

#[tokio::test(start_paused = true)]
async fn stored_rows_get_columns_that_came_later() {
    let world = older_copy(300).await;
    for (table, columns) in FLAT {
        let (rows, before) = (world.memory.table(&format!("main.{table}")).rows.len(), world.requests());
        let receipt = world.ingest(table, &["--no-backfill"]).await.unwrap();
        assert!(without_value(&world, table, columns[0]) > rows / 2, "{table}");
        let plain = world.requests() - before;
        let before = world.requests();
        let filled = world.ingest(table, &[]).await.unwrap();
        assert!(world.requests() - before <= plain, "{table}: no request is made for it");
        assert!(filled.warnings.iter().any(|warning| warning.contains("filled from the JSON of")), "{table}");
        assert_eq!((filled.counts.inserted, filled.counts.updated), (0, 0), "{table}: nothing new was read");
        assert_eq!(receipt.warnings, [""; 0]);
        assert_same(table, &world.expected(table), &world.held(table, None).await.0, table);
        // Rows that are gone have them as well, and stay gone.
        let held = world.memory.table(&format!("main.{table}")).all;
        let gone: Vec<_> = held.iter().filter(|row| is_set(row, "_ingestr_deleted_at")).collect();
        assert!(!gone.is_empty() && gone.iter().any(|row| is_set(row, columns[0])), "{table}: {gone:?}");
        let known = gone.iter().any(|row| is_set(row, "_ingestr_merged_into"));
        assert_eq!(known, table == "tickets", "where a row went stays known");
        let last = world.ingest(table, &[]).await.unwrap();
        assert_eq!(last.warnings, [""; 0], "{table}: once");
    }
}

#[tokio::test(start_paused = true)]
async fn filling_goes_on_where_a_run_died() {
    let world = older_copy(10_200).await;
    // After the first range, and then with the second.
    for crash in [(1, Crash::Before), (0, Crash::Between), (0, Crash::After)] {
        world.crash(Some(crash));
        assert!(world.ingest("tickets", &[]).await.is_err());
    }
    world.crash(None);
    world.ingest("tickets", &[]).await.unwrap();
    assert_same("tickets", &world.expected("tickets"), &world.held("tickets", None).await.0, "tickets");
}
