//! Windows between two changes of rows.

use gorgias_sim::fault_plan;
use ingestr::api::model::Micros;

use super::{LOOKBACK_DAYS, begin, for_each_seed, seeds, some_changes};
use crate::support::memory::{Cell, Row};
use crate::support::world::{Death, LISTS, assert_same};

/// A window between two changes of rows holds both, and what lies between, and nothing else. Read again after more changes,
/// it leaves no row as it was that it met.
#[test]
fn windows_hold_what_changed_in_them() {
    for_each_seed(seeds(), |seed| Box::pin(windows(seed)));
}

async fn windows(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let world = begin(seed, &mut rng, 200);
    let (table, _) = LISTS[rng.usize(0..LISTS.len())];
    let key = |row: &Row| match row["updated_datetime"] {
        Cell::Instant(at) => Some(at),
        _ => None,
    };
    let keys: Vec<i64> = world.expected(table).values().filter_map(key).collect();
    let (Some(one), Some(other)) = (rng.choice(&keys), rng.choice(&keys)) else { return };
    let (start, end) = (*one.min(other), *one.max(other));
    if start == end {
        return;
    }
    let flags = ["--interval-start", &Micros(start).to_string(), "--interval-end", &Micros(end).to_string()];
    for _ in 0..rng.usize(0..3) {
        let plan = fault_plan(["none", "light", "expired=0.2", "heavy"][rng.usize(0..4)]).unwrap();
        world.account().faults().plan(rng.u64(..), plan);
        // Whether it succeeds is not the question here.
        let _ = world.ingest_until(table, &flags, Some(Death::BeforeRequest(rng.u64(0..12)))).await;
    }
    world.account().faults().clear();
    world.ingest(table, &flags).await.unwrap_or_else(|failure| panic!("seed {seed}: {table}: {failure}"));
    let (stored, _) = world.held(table, None).await;
    let lookback = LOOKBACK_DAYS.into_iter().find(|(name, _)| *name == table).map(|(_, days)| days);
    let mut wanted = world.expected(table);
    wanted.retain(|id, row| {
        // A row created long before the window is met only if it shares a page with those that were not.
        let met = lookback
            .is_none_or(|days| row["created_datetime"] >= Cell::Instant(start - days * gorgias_sim::DAY));
        key(row).is_some_and(|at| start <= at && at <= end) && (met || stored.contains_key(id))
    });
    assert_same(table, &wanted, &stored, &format!("seed {seed}, {flags:?}"));

    some_changes(&world, &mut rng).await;
    world.ingest(table, &flags).await.unwrap_or_else(|failure| panic!("seed {seed}: {table}: {failure}"));
    let (mut now, _) = world.held(table, None).await;
    let mut wanted = world.expected(table);
    let met = |row: &Row| match lookback {
        Some(days) => row["created_datetime"] >= Cell::Instant(start - days * gorgias_sim::DAY),
        None => key(row).is_some_and(|at| start <= at),
    };
    now.retain(|id, _| wanted.get(id).map_or(!stored.contains_key(id), met));
    wanted.retain(|id, row| {
        let inside = key(row).is_some_and(|at| start <= at && at <= end);
        met(row) && (inside || stored.contains_key(id))
    });
    assert_same(table, &wanted, &now, &format!("seed {seed}, {flags:?}, again"));
}
