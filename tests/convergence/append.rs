//! Lives of tables to which rows are only added: each version of a row that a run meets is there once, and the newest of each
//! row is there at last.
//!
//! Deletions are not seen there, nor is a list in no order gone on with, and nothing is read twice to find what shows late.

use std::collections::BTreeMap;
use std::time::Duration;

use gorgias_sim::fault_plan;

use super::{begin, crash, death, for_each_seed, make_peace, seeds, some_changes, tell, tell_requests};
use crate::support::memory::{Cell, Row};
use crate::support::world::{World, assert_same};

const FLAGS: [&str; 2] = ["--incremental-strategy", "append"];

/// Read by when their rows changed, or were made where they never change.
const TABLES: [&str; 4] = ["tickets", "customers", "events", "voice_call_events"];

#[test]
fn once_changes_stop_each_version_of_a_row_was_added_once() {
    for_each_seed(seeds(), |seed| Box::pin(life(seed)));
}

async fn life(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let mut world = begin(seed, &mut rng, 150);
    // Rows of children are replaced together with those of their parents, and not added.
    world.children = false;
    // Where changes may show no sign, what a row has become is not asked for. Every other shows at once, under its own date.
    let silent = std::mem::replace(&mut world.rescans, true);
    let tables: Vec<&str> = TABLES.into_iter().filter(|_| rng.bool()).collect();
    world.account().set_calls_turned(rng.bool());
    for _ in 0..rng.usize(1..6) {
        some_changes(&world, &mut rng).await;
        world.account().set_churn(if rng.bool() { 0.0 } else { rng.f64() * 1.5 });
        for table in &tables {
            let plans = [
                "none",
                "light",
                "heavy",
                "p429=0.1,p429bare=0.1",
                "expired=0.2",
                "nometa=0.05",
                "p500=0.6,reset=0.2",
            ];
            let plan = fault_plan(plans[rng.usize(0..plans.len())]).unwrap();
            world.account().faults().plan(rng.u64(..), plan);
            let death = death(&mut rng);
            world.crash(crash(&world, &mut rng));
            // Whether it succeeds is not the question here.
            let before = world.account().requests().len();
            let result = world.ingest_until(table, &FLAGS, death).await;
            tell_requests(&world, before);
            if std::env::var_os("INGESTR_SEED").is_some() {
                tell(table, &FLAGS, &format!("{death:?}"), result.as_ref());
                let held = world.memory.table(&format!("main.{table}"));
                eprintln!("{} rows, {:?}", held.all.len(), held.state);
            }
        }
        world.pass(Duration::from_secs(rng.u64(0..7_200))).await;
    }
    make_peace(&world);
    world.pass(Duration::from_secs(rng.u64(300..130_000))).await;
    for table in tables {
        world.ingest(table, &FLAGS).await.unwrap_or_else(|failure| panic!("seed {seed}: {table}: {failure}"));
        compare(&world, table, silent, seed);
    }
}

fn compare(world: &World, table: &str, silent: bool, seed: u64) {
    let wanted = world.expected(table);
    let documented = |row: &Row, like: &Row| -> Row {
        like.keys().map(|name| (name.clone(), row[name].clone())).collect()
    };
    let stored = world.memory.table(&format!("main.{table}")).all;
    let mut newest: BTreeMap<i64, Row> = BTreeMap::new();
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    for (at, row) in stored.iter().enumerate() {
        let Some(Cell::Int(id)) = row.get("id") else { panic!("seed {seed}: {table}: a row without an id") };
        let before = seen.insert(format!("{:?}", bare(row)), at);
        assert_eq!(before, None, "seed {seed}: {table}: row {id} was added twice alike, last as number {at}");
        if let Some(like) = wanted.get(id) {
            newest.insert(*id, if silent { like.clone() } else { documented(row, like) });
        }
    }
    assert_same(table, &wanted, &newest, &format!("seed {seed}"));
}

/// A row without the time at which it was loaded.
fn bare(row: &Row) -> Row {
    let mut row = row.clone();
    row.retain(|name, _| !name.starts_with("_ingestr"));
    row
}
