//! A process that is stopped for longer than its lease lasts, while another one loads the same table: it writes nothing
//! over what that one has written.

use std::time::Duration;

use gorgias_sim::Options;
use ingestr::api::error::Kind;

use crate::support::transport::Death;
use crate::support::world::{LISTS, World};

/// Wherever it fell asleep, and whatever it was about to do: the table is whole, before the next run and after it.
#[tokio::test(start_paused = true)]
async fn a_run_that_slept_past_its_lease_leaves_the_table_whole() {
    let options = Options {
        tickets: 450,
        customers: 450,
        messages: 600,
        surveys: 260,
        max_body: 300,
        ..Options::default()
    };
    let mut lost = 0;
    for (table, _) in LISTS {
        for flags in [&[] as &[&str], &["--full-refresh"]] {
            for request in 0..7 {
                let world = World { flush_rows: 100, ..World::new(options.clone()) };
                world.ingest(table, &[]).await.unwrap();
                let sleep = Death::Sleep { request, time: Duration::from_secs(480) };
                let woken = world.ingest_until(table, flags, Some(sleep)).await.expect("it wakes");
                let context = format!("{flags:?}, asleep at request {request}");
                world.assert_equal(table, &context);
                if let Err(failure) = woken {
                    assert_eq!(failure.kind, Kind::Destination, "{table} {context}: {failure}");
                    lost += 1;
                }
                world.ingest(table, &[]).await.unwrap();
                world.assert_equal(table, &format!("{context}, and again"));
            }
        }
    }
    assert!(lost > 5, "{lost} runs lost their lease");
}
