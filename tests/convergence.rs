//! Whatever happens on the way: once changes stop, one more run leaves the destination equal to the account.
//!
//! A seed decides everything: the account, what changes between and during runs, which requests fail and how, and
//! where runs die (before or after a request, before or after a commit; "committed but not heard"). A failing seed is
//! printed; `INGESTR_SEED=17 make test` replays it alone, `make soak SEEDS=10000` runs many.
//!
//! What the API cannot show is left out of the comparison, and nothing else: fields of a message or survey that
//! change without a sign after its lookback is over.
//!
//! Half of the accounts are small and live with everything there is. The walk over the whole list, which finds what
//! shows no sign, repairs in them whatever the passes miss. So the other half go without it and only see changes with
//! a sign, among them some that become visible late or carry a date in the future; there, the very next run must do.
//!
//! `make broken-rules` breaks each rule on purpose and sees the simulation fail; see `docs/guarantees.md`.

#![allow(clippy::disallowed_methods, reason = "which seeds to run is told by the environment")]

use std::time::Duration;

use gorgias_sim::{Bucket, Cursors, Options, SECOND, fault_plan};
use ingestr::api::error::Failure;
use ingestr::api::model::Micros;
use ingestr::api::report::Receipt;

use crate::support::children::assert_exact;
#[cfg(any(feature = "duckdb", feature = "sqlite"))]
use crate::support::file::File;
use crate::support::memory::{Cell, Crash, Row};
use crate::support::world::{Death, LISTS, SMALL, World, assert_same};

mod append;
mod feeds;
#[cfg(any(feature = "duckdb", feature = "postgres", feature = "bigquery"))]
mod outside;
mod steps;
mod windows;

/// How long a row may change without a sign and still be seen.
const LOOKBACK_DAYS: [(&str, i64); 5] = [
    ("ticket_messages", 3),
    ("satisfaction_surveys", 30),
    ("jobs", 7),
    ("voice_calls", 3),
    ("voice_call_recordings", 30),
];

fn seeds() -> std::ops::Range<u64> {
    let read =
        |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect("a seed is a number"));
    match (read("INGESTR_SEED"), read("INGESTR_SEEDS")) {
        (Some(seed), _) => seed..seed + 1,
        (None, Some(count)) => {
            let first = read("INGESTR_FIRST_SEED").unwrap_or(0);
            first..first + count
        }
        (None, None) => 0..200,
    }
}

#[test]
fn once_changes_stop_the_next_run_makes_both_equal() {
    for_each_seed(seeds(), |seed| Box::pin(life(seed)));
}

/// The same over a DuckDB file.
#[cfg(feature = "duckdb")]
#[test]
fn once_changes_stop_a_duckdb_file_is_equal_too() {
    lives_over(File::duckdb);
}

/// The same over a SQLite file.
#[cfg(feature = "sqlite")]
#[test]
fn once_changes_stop_a_sqlite_file_is_equal_too() {
    lives_over(File::sqlite);
}

#[cfg(any(feature = "duckdb", feature = "sqlite"))]
fn lives_over(file: fn() -> File) {
    let seeds = seeds();
    let some = seeds.start..seeds.end.min(seeds.start + 25);
    for_each_seed(some, |seed| {
        Box::pin(async move {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut world = begin(seed, &mut rng, 100);
            world.file = Some(file());
            live(world, seed, rng, 4, usize::MAX).await;
        })
    });
}

/// A run looks again at what changed while it read.
#[test]
fn what_changes_while_a_first_load_begins_is_in_it() {
    let seeds = seeds();
    let some = seeds.start..seeds.end.min(seeds.start + 100);
    for_each_seed(some, |seed| Box::pin(restless_load(seed)));
}

/// Answers so slow that walks begin in the middle of the list, or try to; runs among them fail and die.
#[test]
fn walks_from_the_middle_leave_nothing_out() {
    let seeds = seeds();
    let some = seeds.start..seeds.end.min(seeds.start + 30);
    for_each_seed(some, |seed| Box::pin(slow_load(seed)));
}

/// Lists in another order than was asked for, from their first page on or a later one, where nothing repairs what is missed.
#[test]
fn lists_that_lose_their_order_leave_nothing_out() {
    let seeds = seeds();
    let some = seeds.start..seeds.end.min(seeds.start + 60);
    for_each_seed(some, |seed| {
        Box::pin(async move {
            let mut rng = fastrand::Rng::with_seed(seed);
            let world = begin(seed, &mut rng, 250);
            let faults = ["wrongorder=0.05", "wrongorder=0.2", "wrongorder=0.1,p500=0.02"];
            let world = World { faults: Some(faults[rng.usize(0..faults.len())]), ..world };
            if !world.rescans {
                live(world, seed, rng, 4, 3).await;
            }
        })
    });
}

async fn slow_load(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let defaults = Options::default();
    let world = World::new(Options {
        seed,
        tickets: 20,
        customers: rng.usize(1_300..2_200),
        messages: 20,
        surveys: 5,
        max_body: 500,
        start: defaults.end - rng.i64(3..400) * gorgias_sim::DAY,
        silent_changes: false,
        cursors: [Cursors::Places, Cursors::Places, Cursors::Places, Cursors::Strict, Cursors::Forgetful]
            [rng.usize(0..5)],
        ..defaults
    });
    let latency = Duration::from_millis(rng.u64(2_000..8_000));
    let world = World { rescans: false, latency, jitter: rng.f64(), flush_rows: 100, ..world };
    for _ in 0..rng.usize(0..3) {
        world.account().set_churn(rng.f64());
        let plan = ["none", "light", "expired=0.1", "nometa=0.05,emptypage=0.05", "wrongorder=0.02"];
        let plan = fault_plan(plan[rng.usize(0..plan.len())]).unwrap();
        world.account().faults().plan(rng.u64(..), plan);
        // Whether it succeeds is not the question here.
        let _ = world.ingest_until("customers", &[], Some(Death::BeforeRequest(rng.u64(5..25)))).await;
    }
    world.account().set_churn(0.0);
    world.account().faults().clear();
    let result = world.ingest("customers", &[]).await;
    let receipt = result.unwrap_or_else(|failure| panic!("seed {seed}: {failure}"));
    compare(&world, "customers", receipt.covered_since, seed).await;
}

type Story = std::pin::Pin<Box<dyn Future<Output = ()>>>;

/// Tells each seed's story on a clock of its own.
fn for_each_seed(seeds: std::ops::Range<u64>, story: impl Fn(u64) -> Story + Sync) {
    some_at_once(2, 1, seeds, |_| true, story);
}

/// The same, so many at once, each with so many threads for what blocks, as long as there is time for one more. How many
/// there was time for.
fn some_at_once(
    workers: usize,
    threads: usize,
    seeds: std::ops::Range<u64>,
    in_time: impl Fn(u64) -> bool + Sync,
    story: impl Fn(u64) -> Story + Sync,
) -> u64 {
    let next = std::sync::atomic::AtomicU64::new(seeds.start);
    let done = std::sync::atomic::AtomicU64::new(0);
    let worker = || {
        loop {
            let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            if seed >= seeds.end || !in_time(seed - seeds.start) {
                return;
            }
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .start_paused(true)
                .max_blocking_threads(threads)
                .build()
                .unwrap();
            let result =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| runtime.block_on(story(seed))));
            if let Err(panic) = result {
                eprintln!("seed {seed} failed; replay it with INGESTR_SEED={seed}");
                next.store(seeds.end, std::sync::atomic::Ordering::Relaxed);
                std::panic::resume_unwind(panic);
            }
            done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..workers).map(|_| scope.spawn(worker)).collect();
        for worker in workers {
            worker.join().unwrap();
        }
    });
    done.into_inner()
}

/// First loads during whose first requests the account changes, and nothing after that.
async fn restless_load(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let tickets = rng.usize(250..400);
    let world = World::new(Options {
        seed,
        tickets,
        customers: rng.usize(250..400),
        messages: tickets * 2,
        surveys: 240,
        max_body: 500,
        merge_event_names_target: rng.bool(),
        merge_bumps_customer: rng.bool(),
        silent_changes: false,
        ..Options::default()
    });
    let world = World { rescans: false, ..world };
    // What is read in parts shows a change of a part behind it to the next run.
    let at_once = SMALL.into_iter().filter(|(table, _)| *table != "custom_fields");
    for (table, _) in LISTS.into_iter().chain(at_once) {
        let requests = rng.u64(1..4);
        world.account().set_churn_for(requests, rng.f64() * 8.0);
        let result = world.ingest(table, &[]).await;
        let receipt = result.unwrap_or_else(|failure| panic!("seed {seed}: {table}: {failure}"));
        // What changes without a sign behind the walk is left to the next run.
        compare_but(&world, table, receipt.covered_since, seed, world.clock.now()).await;
    }
}

/// One account's life: runs among changes, faults and deaths, then peace and one more run.
async fn life(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let world = begin(seed, &mut rng, 350);
    live(world, seed, rng, 6, usize::MAX).await;
}

/// A new account, of so many tickets at most, or now and then three times as many.
fn begin(seed: u64, rng: &mut fastrand::Rng, most: usize) -> World {
    let tickets = if rng.u8(0..8) == 0 { rng.usize(most..3 * most) } else { rng.usize(20..most) };
    let days = if rng.bool() { 2 } else { rng.i64(3..400) };
    let defaults = Options::default();
    let rescans = rng.bool();
    let mut world = World::new(Options {
        seed,
        tickets,
        customers: rng.usize(10..250),
        messages: tickets * rng.usize(1..4),
        surveys: rng.usize(0..tickets.min(150)),
        start: defaults.end - days * gorgias_sim::DAY,
        max_body: 2_000,
        merge_event_names_target: rng.bool(),
        merge_bumps_customer: rng.bool(),
        silent_changes: rescans,
        cursors: [Cursors::Places, Cursors::Places, Cursors::Opaque, Cursors::Strict, Cursors::Forgetful]
            [rng.usize(0..5)],
        bucket: Bucket {
            capacity: if rng.bool() { 40 } else { 80 },
            window: Duration::from_secs(if rng.bool() { 20 } else { 10 }),
        },
        other_client_rate: if rng.u8(0..4) == 0 { rng.f64() * 1.5 } else { 0.0 },
        ..defaults
    });
    world.flush_rows = rng.u64(50..400);
    world.rescans = rescans;
    let slow = rng.u8(0..3) == 0;
    world.latency = Duration::from_millis(rng.u64(0..if slow { 6_000 } else { 1_500 }));
    world.jitter = rng.f64();
    world.children = true;
    steps::untold(&world, rng);
    #[cfg(any(feature = "duckdb", feature = "sqlite"))]
    if let Some(file) = std::env::var("INGESTR_DEST").ok().and_then(|dest| File::named(&dest)) {
        world.file = Some(file);
    }
    world
}

/// Turmoils, fewer than so many, then peace and a last run of each table, of which there are so many at most.
async fn live(mut world: World, seed: u64, mut rng: fastrand::Rng, turmoils: usize, most: usize) {
    let tables = LISTS.into_iter().chain(SMALL).map(|(table, _)| table);
    let mut tables: Vec<&str> = tables.filter(|_| rng.u8(0..4) > 0).collect();
    while tables.len() > most {
        tables.remove(rng.usize(0..tables.len()));
    }
    for _ in 0..rng.usize(1..turmoils) {
        turmoil(&mut world, &mut rng, &tables).await;
    }
    make_peace(&world);
    // More than a day: what shows no sign at all is found by then. What shows one is found at once.
    let patience = if world.rescans { 90_000..130_000 } else { 300..3_000 };
    world.pass(Duration::from_secs(rng.u64(patience))).await;
    let all = tables.join(",");
    if tables.len() > 1 && rng.bool() && world.takes_several() {
        at_last(&world, &all, seed).await;
    }
    for table in tables {
        let receipt = last_run(&world, table, seed).await;
        if std::env::var_os("INGESTR_SEED").is_some() {
            for (_, event) in world.account().expected("events").iter().rev().take(30) {
                eprintln!("{event}");
            }
            let gone: Vec<_> = world.account().tombstones().iter().map(|gone| format!("{gone:?}")).collect();
            eprintln!("{gone:#?}\n{:#?}", world.memory.table(&format!("main.{table}")).state);
        }
        compare(&world, table, receipt.covered_since, seed).await;
    }
}

/// A table once more, and again where it says that something is left.
async fn last_run(world: &World, table: &str, seed: u64) -> Receipt {
    let before = world.account().requests().len();
    let mut result = world.ingest(table, &[]).await;
    for nth in 1..RUNS_AT_LAST {
        if result.as_ref().is_ok_and(leaves_some) || (nth == 1 && !world.corrects()) {
            result = world.ingest(table, &[]).await;
        }
    }
    tell_requests(world, before);
    if std::env::var_os("INGESTR_SEED").is_some() {
        tell(table, &[], "at last", Some(&result));
    }
    result.unwrap_or_else(|failure| panic!("seed {seed}: {table}: {failure}"))
}

/// One change. Without rescans only one that shows, but perhaps later than the time it carries, or earlier.
fn change(world: &World, rng: &mut fastrand::Rng) {
    let now = world.clock.now();
    let mut account = world.account();
    let carries = match rng.u8(0..10) {
        _ if world.rescans => now,
        0..3 => now - rng.i64(0..240 * SECOND),
        3 => now + rng.i64(0..7_200 * SECOND),
        _ => now,
    };
    if rng.u8(0..40) == 0 {
        account.random_bulk_change(rng, carries);
    } else {
        account.random_change(rng, carries);
    }
}

/// Some changes, one after the other.
async fn some_changes(world: &World, rng: &mut fastrand::Rng) {
    for _ in 0..rng.usize(0..25) {
        change(world, rng);
        world.pass(Duration::from_millis(rng.u64(0..120_000))).await;
    }
}

/// Whether a run dies at a request, or sleeps.
fn death(rng: &mut fastrand::Rng) -> Option<Death> {
    let death = match rng.u8(0..6) {
        0 => Some(Death::BeforeRequest(rng.u64(0..12))),
        1 => Some(Death::AfterRequest(rng.u64(0..12))),
        _ => None,
    };
    steps::sleeps(rng).or(death)
}

/// Whether a run dies at a commit.
fn crash(world: &World, rng: &mut fastrand::Rng) -> Option<(u64, Crash)> {
    match rng.u8(0..6) {
        0 => Some((rng.u64(0..4), Crash::Before)),
        1 => Some((rng.u64(0..4), Crash::After)),
        2 if world.can_be_cut() => Some((rng.u64(0..4), Crash::Between)),
        _ => None,
    }
}

/// Nothing changes or goes wrong any more.
fn make_peace(world: &World) {
    world.account().set_churn(0.0);
    world.account().faults().clear();
    world.crash(None);
    world.vanish_at(None);
}

/// All tables once more, in one command.
async fn at_last(world: &World, tables: &str, seed: u64) {
    let mut ends = Vec::new();
    for nth in 0..RUNS_AT_LAST {
        let before = world.account().requests().len();
        let all = world.ingest_all(tables, &[], None).await.expect("nobody dies any more");
        tell_requests(world, before);
        ends = all.unwrap_or_else(|failure| panic!("seed {seed}: {tables}: {failure}"));
        if nth == 0 && !world.corrects() {
            continue;
        }
        if !ends.iter().filter_map(|end| end.receipt.as_ref()).any(leaves_some) {
            break;
        }
    }
    for end in ends {
        if let Some(failure) = end.failure {
            panic!("seed {seed}: {}: {failure}", end.table);
        }
        let covered_since = end.receipt.and_then(|receipt| receipt.covered_since);
        compare(world, &end.table, covered_since, seed).await;
    }
}

/// A long life among faults may leave more to be looked up than one run may ask: it says so, and the next goes on.
const RUNS_AT_LAST: usize = 5;

fn leaves_some(receipt: &Receipt) -> bool {
    receipt.warnings.iter().any(|warning| warning.contains("are left to be"))
}

/// Changes, then a run of each table that may fail or die: one after the other, or all in one command.
async fn turmoil(world: &mut World, rng: &mut fastrand::Rng, tables: &[&str]) {
    some_changes(world, rng).await;
    world.account().set_churn(if rng.bool() { 0.0 } else { rng.f64() * 1.5 });
    let all = tables.join(",");
    let together = tables.len() > 1 && rng.u8(0..3) == 0 && world.takes_several();
    for table in if together { vec![all.as_str()] } else { tables.to_vec() } {
        let plan = [
            "none",
            "light",
            "heavy",
            "p429=0.1,p429bare=0.1",
            "expired=0.2,repeat=0.01",
            "nometa=0.05,emptypage=0.05",
            "wrongorder=0.1",
            // These end the run: refused for good, or more often than it tries.
            "forbidden=0.1",
            "p500=0.6,reset=0.2",
        ];
        let usual = plan[rng.usize(0..plan.len())];
        let plan = world.faults.or(steps::plan(rng)).unwrap_or(usual);
        world.account().faults().plan(rng.u64(..), fault_plan(plan).unwrap());
        let one_of_them = tables[rng.usize(0..tables.len())];
        steps::vanish(world, rng, if together { one_of_them } else { table });
        let (death, crash) = (death(rng), crash(world, rng));
        world.crash(crash);
        let flags: &[&str] = match rng.u8(0..12) {
            0 => &["--full-refresh"],
            1 => &["--interval-start", "2026-08-20"],
            2 => &["--interval-start", "2026-07-01", "--interval-end", "2026-08-25T10:00:00"],
            _ => &[],
        };
        let flags = steps::flags(rng).unwrap_or(flags);
        // A window of a small table is refused, and so is what makes one of what was read.
        let small = SMALL.iter().any(|(name, _)| table.split(',').any(|table| table == *name));
        let windowed = ["--interval-start", "delete+insert"].iter().any(|flag| flags.contains(flag));
        let flags = if small && windowed { &[] } else { flags };
        let fate = format!("{plan} {death:?} {crash:?}");
        // Whether it succeeds is not the question here.
        if together {
            let before = world.account().requests().len();
            let ends = world.ingest_all(table, flags, death).await.map(|ends| ends.expect("a plan"));
            tell_requests(world, before);
            for end in ends.iter().flatten().filter(|_| std::env::var_os("INGESTR_SEED").is_some()) {
                eprintln!("together, {}: {fate}: {:?} {:?}", end.table, end.receipt, end.failure);
            }
        } else {
            let before = world.account().requests().len();
            let result = world.ingest_until(table, flags, death).await;
            tell_requests(world, before);
            if std::env::var_os("INGESTR_SEED").is_some() {
                tell(table, flags, &fate, result.as_ref());
            }
        }
        if rng.bool() {
            world.pass(Duration::from_secs(rng.u64(0..7_200))).await;
        }
    }
}

/// With `INGESTR_REQUESTS`, those that were sent after so many.
fn tell_requests(world: &World, before: usize) {
    if std::env::var_os("INGESTR_REQUESTS").is_some() {
        for request in &world.account().requests()[before..] {
            eprintln!("  {} {}?{}", request.status, request.path, request.query);
        }
    }
}

/// A replayed seed says what happened.
fn tell(table: &str, flags: &[&str], fate: &str, result: Option<&Result<Receipt, Failure>>) {
    let end = match result {
        None => "died".into(),
        Some(Err(failure)) => format!("{failure}"),
        Some(Ok(receipt)) => format!(
            "read {} {:?} in {} requests, next {:?}, covered {:?}, {:?}",
            receipt.read,
            receipt.counts,
            receipt.requests,
            receipt.next_start,
            receipt.covered_since,
            receipt.warnings
        ),
    };
    eprintln!("{table} {flags:?} {fate}: {end}");
}

async fn compare(world: &World, table: &str, covered_since: Option<Micros>, seed: u64) {
    let lookback = LOOKBACK_DAYS.into_iter().find(|(name, _)| *name == table).map_or(0, |(_, days)| days);
    let horizon = world.clock.now() - lookback * gorgias_sim::DAY + 3_600 * SECOND;
    compare_but(world, table, covered_since, seed, horizon).await;
}

/// Compares, but for fields of messages and surveys from before `horizon`: rows must be there, but may show how they
/// were when they were last read.
async fn compare_but(world: &World, table: &str, covered_since: Option<Micros>, seed: u64, horizon: i64) {
    let (mut stored, covered_since) = world.held(table, covered_since).await;
    let mut wanted = world.expected(table);
    #[cfg(any(feature = "duckdb", feature = "postgres", feature = "bigquery"))]
    if world.outside.as_ref().is_some_and(|outside| !outside.can.exact_json) {
        crate::support::outside::by_value(&mut stored);
        crate::support::outside::by_value(&mut wanted);
    }
    let lookback = LOOKBACK_DAYS.into_iter().find(|(name, _)| *name == table).map_or(0, |(_, days)| days);
    if let Some(since) = covered_since {
        // The table was begun with --interval-start: older rows are there only if something brought them.
        // A row that was too old by then may have come into the interval later, by a change without a sign.
        let created =
            Cell::Instant(since.0.max(world.clock.now()) - lookback * gorgias_sim::DAY + 3_600 * SECOND);
        let covered = |row: &Row| {
            row["updated_datetime"] >= Cell::Instant(since.0) && row["created_datetime"] >= created
        };
        // What a closed interval brought from before that is not followed.
        stored.retain(|id, row| wanted.contains_key(id) || row["created_datetime"] >= Cell::Instant(since.0));
        // Nor are the messages of a ticket from before counted: one that was deleted by itself stays.
        let begun = |ticket: i64| {
            let ticket: serde_json::Value =
                serde_json::from_str(&world.account().row("tickets", ticket)?).expect("JSON");
            ticket["created_datetime"].as_str()?.parse::<jiff::Timestamp>().ok()
        };
        let counted = |row: &Row| match row.get("ticket_id") {
            Some(Cell::Int(ticket)) => begun(*ticket).is_none_or(|at| at.as_microsecond() >= since.0),
            _ => true,
        };
        let watched = |row: &Row| {
            table != "ticket_messages" || row["created_datetime"] >= Cell::Instant(horizon) || counted(row)
        };
        stored.retain(|id, row| wanted.contains_key(id) || watched(row));
        // Nor is walked over again what was created before: a change without a sign is not seen there.
        for (id, row) in &mut stored {
            if let Some(now) = wanted.get(id).filter(|now| now["created_datetime"] < Cell::Instant(since.0)) {
                row.clone_from(now);
            }
        }
        wanted.retain(|id, row| {
            stored.contains_key(id)
                || (if lookback > 0 {
                    covered(row)
                } else {
                    row["updated_datetime"] >= Cell::Instant(since.0)
                })
        });
    }
    if lookback > 0 {
        for (id, row) in &mut stored {
            if let Some(now) = wanted.get(id).filter(|now| now["created_datetime"] < Cell::Instant(horizon)) {
                row.clone_from(now);
            }
        }
    }
    assert_same(table, &wanted, &stored, &format!("seed {seed}"));
    if table == "tickets" && world.children {
        assert_exact(world, &format!("seed {seed}")).await;
    }
}
