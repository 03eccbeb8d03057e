//! Lives of tables that are read by when their rows were created: some never change, of others the last days are read again.
//! Deletions in them are not seen.

use std::time::Duration;

use gorgias_sim::{DAY, SECOND};

use super::{LOOKBACK_DAYS, begin, for_each_seed, last_run, make_peace, seeds, turmoil};
use crate::support::memory::{Cell, Row};
use crate::support::world::{FEEDS, World, assert_same};

#[test]
fn once_changes_stop_tables_without_a_date_of_change_are_equal_too() {
    let seeds = seeds();
    let some = seeds.start..seeds.end.min(seeds.start + 40);
    for_each_seed(some, |seed| Box::pin(life(seed)));
}

async fn life(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut world = begin(seed, &mut rng, 100);
    let tables = FEEDS.into_iter().map(|(table, _)| table);
    let tables: Vec<&str> = tables.filter(|_| rng.u8(0..4) > 0).collect();
    for _ in 0..rng.usize(1..6) {
        // Nobody has published which way lists of calls go.
        if rng.u8(0..3) == 0 {
            world.account().set_calls_turned(rng.bool());
        }
        turmoil(&mut world, &mut rng, &tables).await;
    }
    make_peace(&world);
    world.pass(Duration::from_secs(rng.u64(300..130_000))).await;
    for table in tables {
        let receipt = last_run(&world, table, seed).await;
        compare(&world, table, receipt.covered_since, seed).await;
    }
}

/// Every row must be there that was created since the table is covered. It may show how it was when it was last read where it
/// is too old to be read again, and rows that are gone may have stayed.
async fn compare(world: &World, table: &str, covered_since: Option<ingestr::api::model::Micros>, seed: u64) {
    let (mut stored, covered_since) = world.held(table, covered_since).await;
    let mut wanted = world.expected(table);
    wanted.values_mut().flat_map(Row::values_mut).for_each(redact);
    stored.retain(|id, _| wanted.contains_key(id));
    let since = covered_since.map_or(i64::MIN, |since| since.0);
    let created = |row: &Row| match row.get("created_datetime") {
        Some(Cell::Instant(at)) => *at,
        _ => i64::MAX,
    };
    wanted.retain(|id, row| stored.contains_key(id) || created(row) >= since);
    let days =
        LOOKBACK_DAYS.into_iter().find(|(name, _)| *name == table).map_or(i64::MAX / DAY, |(_, days)| days);
    let read_again =
        world.clock.now().saturating_sub(days.saturating_mul(DAY)).saturating_add(3_600 * SECOND);
    for (id, row) in &mut stored {
        if let Some(now) = wanted.get(id).filter(|now| created(now) < read_again.max(since)) {
            row.clone_from(now);
        }
    }
    assert_same(table, &wanted, &stored, &format!("seed {seed}"));
}

/// What lies in addresses as a signature is not copied.
fn redact(cell: &mut Cell) {
    if let Cell::Text(text) | Cell::Json(text) = cell {
        for secret in gorgias_sim::secrets::ALL {
            *text = text.replace(&format!("signature={secret}"), "[redacted]");
        }
    }
}
