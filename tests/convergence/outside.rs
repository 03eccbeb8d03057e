//! Lives over what is outside of this process, or what is used like that: PostgreSQL, DuckLake, BigQuery's emulator.
//!
//! Each call takes its time there, so the accounts are smaller and the lives shorter. `make test` runs 50 over PostgreSQL and as
//! many over the others as fit into a minute, five at least; `make soak DEST=postgres` runs as many as it is told to, and
//! `INGESTR_SEED` one.

use std::time::{Duration, Instant};

use super::{begin, live, seeds, some_at_once};
use crate::support::outside::Outside;

/// How much of it there is where nobody has said how many.
#[derive(Clone, Copy)]
enum Share {
    /// So many lives.
    #[cfg(feature = "postgres")]
    Lives(u64),
    /// A minute, and five lives at least.
    Minute,
}

/// Lives of accounts with so many tickets at most, so many at once.
fn lives_over(place: fn() -> Outside, share: Share, workers: usize, most: usize, turmoils: usize) {
    let told = ["INGESTR_SEED", "INGESTR_SEEDS"].iter().any(|name| std::env::var_os(name).is_some());
    let start = Instant::now();
    let in_time = |nth: u64| match share {
        _ if told => true,
        #[cfg(feature = "postgres")]
        Share::Lives(lives) => nth < lives,
        Share::Minute => nth < 5 || start.elapsed() < Duration::from_secs(60),
    };
    let lived = some_at_once(workers, seeds(), in_time, |seed| {
        Box::pin(async move {
            let mut rng = fastrand::Rng::with_seed(seed);
            let mut world = begin(seed, &mut rng, most);
            world.outside = Some(place());
            live(world, seed, rng, turmoils).await;
        })
    });
    eprintln!("{lived} lives in {:.0} s", start.elapsed().as_secs_f64());
}

#[cfg(feature = "postgres")]
#[test]
#[ignore = "needs PostgreSQL"]
fn once_changes_stop_postgres_is_equal_too() {
    lives_over(Outside::postgres, Share::Lives(50), 2, 100, 4);
}

#[cfg(feature = "duckdb")]
#[test]
#[ignore = "needs DuckLake's extensions"]
fn once_changes_stop_ducklake_is_equal_too() {
    lives_over(Outside::ducklake, Share::Minute, 2, 60, 3);
}

/// One after the other: the emulator cannot take two changes at once.
#[cfg(feature = "bigquery")]
#[test]
#[ignore = "needs a BigQuery emulator"]
fn once_changes_stop_bigquery_s_emulator_is_equal_too() {
    lives_over(Outside::bigquery, Share::Minute, 1, 60, 3);
}
