//! Lives over what is outside of this process, or what is used like that: PostgreSQL, DuckLake, BigQuery's emulator.
//!
//! Each call takes its time there, so the accounts are smaller and the lives shorter. `make test` runs 50 over PostgreSQL and as
//! many over the others as fit into a minute, five at least; `make soak DEST=postgres` runs as many as it is told to, and
//! `INGESTR_SEED` one.

use std::time::{Duration, Instant};

use super::{begin, live, seeds, some_at_once};
use crate::support::outside::Outside;

/// How much fits into the time there is.
#[derive(Clone, Copy)]
struct Size {
    /// So many lives, where nobody has said how many.
    lives: u64,
    /// And as many more as begin within this time.
    time: Duration,
    /// Lives at once.
    side_by_side: usize,
    /// How many an account has at most, more or less.
    tickets: usize,
    /// How many tables are copied at most.
    tables: usize,
    /// There are fewer than so many.
    turmoils: usize,
}

/// Calls that one life may make at once: as many as there are tables.
const CALLS: usize = 16;

fn lives_over(place: fn() -> Outside, size: Size) {
    let told = ["INGESTR_SEED", "INGESTR_SEEDS"].iter().any(|name| std::env::var_os(name).is_some());
    let start = Instant::now();
    let in_time = |nth: u64| told || nth < size.lives || start.elapsed() < size.time;
    let lived = some_at_once(size.side_by_side, CALLS, seeds(), in_time, |seed| {
        Box::pin(async move {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut world = begin(seed, &mut rng, size.tickets);
            let place = place();
            world.children = place.can.children;
            world.outside = Some(place);
            live(world, seed, rng, size.turmoils, size.tables).await;
        })
    });
    eprintln!("{lived} lives in {:.0} s", start.elapsed().as_secs_f64());
}

#[cfg(any(feature = "duckdb", feature = "bigquery"))]
const MINUTE: Duration = Duration::from_secs(60);

#[cfg(feature = "postgres")]
#[test]
#[ignore = "needs PostgreSQL"]
fn once_changes_stop_postgres_is_equal_too() {
    let size = Size {
        lives: 50,
        time: Duration::ZERO,
        side_by_side: 2,
        tickets: 100,
        tables: usize::MAX,
        turmoils: 4,
    };
    lives_over(Outside::postgres, size);
}

#[cfg(feature = "duckdb")]
#[test]
#[ignore = "needs DuckLake's extensions"]
fn once_changes_stop_ducklake_is_equal_too() {
    let size = Size { lives: 5, time: MINUTE, side_by_side: 2, tickets: 60, tables: 5, turmoils: 3 };
    lives_over(Outside::ducklake, size);
}

/// Files are replaced as a whole by each run, so a life has few of them.
#[cfg(all(feature = "duckdb", feature = "files"))]
#[test]
fn once_changes_stop_files_are_equal_too() {
    let size = Size {
        lives: 25,
        time: Duration::ZERO,
        side_by_side: 2,
        tickets: 100,
        tables: usize::MAX,
        turmoils: 4,
    };
    lives_over(Outside::files, size);
}

/// One after the other, as the emulator cannot take two changes at once, and of few runs, as each takes seconds.
#[cfg(feature = "bigquery")]
#[test]
#[ignore = "needs a BigQuery emulator"]
fn once_changes_stop_bigquery_s_emulator_is_equal_too() {
    let size = Size { lives: 5, time: MINUTE, side_by_side: 1, tickets: 40, tables: 2, turmoils: 2 };
    lives_over(Outside::bigquery, size);
}
