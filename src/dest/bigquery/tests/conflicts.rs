//! Transactions that meet others, which no emulator plays: over the scripted BigQuery of the wire's tests.

use super::super::script::text;
use super::statements::{hostile, place};
use super::*;
use crate::dest::sql::script::{Breach, Breached, Script};
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
    let (script, before) = (Script::default(), tokio::time::Instant::now());
    place.patiently(&fake.api(), "20261124T1.5Z-1", &script, &[]).await.expect("goes through at last");
    assert_eq!(fake.ran(), [text(&script)]);
    assert!(before.elapsed().as_millis() >= 250, "with pauses");
    // Whoever did not hear of it asks for the same job.
    place.patiently(&fake.api(), "20261124T1.5Z-1", &script, &[]).await.expect("has happened");
    assert_eq!(fake.ran(), [text(&script)]);
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_always_meets_others_says_so() {
    let fake = Arc::new(Fake::default());
    let place = place(&hostile(Strategy::Merge));
    for _ in 0..200 {
        conflict(&fake);
    }
    let error =
        place.patiently(&fake.api(), "r", &Script::default(), &[]).await.expect_err("never goes through");
    assert_eq!(
        (error.kind, error.message.as_str()),
        (DestErrorKind::Conflict, "table shop.größe - 2 cannot be written")
    );
    assert!(fake.ran().is_empty());
    let cause = error.source.expect("what BigQuery said");
    assert_eq!(cause.downcast_ref::<ApiError>().map(|cause| cause.reason), Some(Reason::Conflict));
}

/// Of several tables, the one of which it is true.
#[tokio::test(start_paused = true)]
async fn what_is_not_as_it_must_be_is_told_of_its_own_table() {
    let place = place(&hostile(Strategy::Merge));
    let tables = ["tickets", "ticket_tags"];
    let guard = |table: &str| {
        let (schema, table) = ("shop".to_owned(), table.to_owned());
        ("1 = 1".to_owned(), Breach { what: Breached::StateChanged, schema, table })
    };
    let script = Script { guards: tables.map(guard).into(), ..Script::default() };
    for (said, table) in
        [("_ingestr_state_changed at [1:2]", "tickets"), ("_ingestr_state_changed1", "ticket_tags")]
    {
        let fake = Arc::new(Fake::default());
        fake.fails_a_job("invalidQuery", said);
        let error = place.patiently(&fake.api(), "r", &script, &[]).await.expect_err("is refused");
        assert_eq!(error.kind, DestErrorKind::Changed);
        assert!(error.message.contains(&format!("table shop.{table} ")), "{error}");
    }
}
