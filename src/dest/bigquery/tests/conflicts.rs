//! Transactions that meet others, which no emulator plays: over the scripted BigQuery of the wire's tests.

use super::statements::{hostile, place};
use super::*;
use wire::Reason;
use wire::tests::fake::Fake;

const CONFLICT: &str =
    "Query error: Transaction is aborted due to concurrent update against table shop-1:shop._ingestr_state";

fn conflict(fake: &Fake) {
    fake.fails_a_job("invalidQuery", CONFLICT);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_meets_another_is_made_again_and_only_once() {
    let fake = Arc::new(Fake::default());
    let place = place(&hostile(Strategy::Merge));
    for _ in 0..3 {
        conflict(&fake);
    }
    let before = tokio::time::Instant::now();
    place.patiently(&fake.api(), "20261124T1.5Z-1", "SCRIPT", &[]).await.expect("goes through at last");
    assert_eq!(fake.ran(), ["SCRIPT"]);
    assert!(before.elapsed().as_millis() >= 250, "with pauses");
    // Whoever did not hear of it asks for the same job.
    place.patiently(&fake.api(), "20261124T1.5Z-1", "SCRIPT", &[]).await.expect("has happened");
    assert_eq!(fake.ran(), ["SCRIPT"]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_always_meets_others_says_so() {
    let fake = Arc::new(Fake::default());
    let place = place(&hostile(Strategy::Merge));
    for _ in 0..200 {
        conflict(&fake);
    }
    let error = place.patiently(&fake.api(), "r", "SCRIPT", &[]).await.expect_err("never goes through");
    assert_eq!(
        (error.kind, error.message.as_str()),
        (DestErrorKind::Conflict, "table shop.größe - 2 cannot be written")
    );
    assert!(fake.ran().is_empty());
    let cause = error.source.expect("what BigQuery said");
    assert_eq!(cause.downcast_ref::<ApiError>().map(|cause| cause.reason), Some(Reason::Conflict));
}
