//! Calls that fail, and jobs: what is done again, what is not, and what is said in the end.

use std::time::Duration;

use serde_json::json;

use super::super::transport::Method::{Get, Post};
use super::fake::{Fake, Fault};
use super::*;

fn dataset() -> DatasetRef {
    DatasetRef { project: "testproj".into(), dataset: "gorgias".into() }
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_repeated_until_it_has() {
    for fault in [
        Fault::Refuse(500, "internalError", "x"),
        Fault::Refuse(502, "badGateway", "x"),
        Fault::Refuse(503, "backendError", "x"),
        Fault::Refuse(
            403,
            "rateLimitExceeded",
            "Exceeded rate limits: too many api requests per user per method.",
        ),
        Fault::Refuse(400, "jobRateLimitExceeded", "x"),
        Fault::Refuse(403, "quotaExceeded", "Quota exceeded: too many concurrent queries"),
        Fault::Refuse(429, "rateLimitExceeded", "x"),
        Fault::Reset,
        Fault::Lost,
    ] {
        let fake = Arc::new(Fake::default());
        for _ in 0..3 {
            fake.breaks(Get, "/datasets/gorgias", fault.clone());
        }
        let found = fake.api().location_of(&dataset()).await;
        assert_eq!(found.unwrap().unwrap(), "EU", "{fault:?}");
        assert_eq!(fake.count("Get /bigquery/v2/projects/testproj/datasets/gorgias"), 4, "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_does_not_pass_is_given_up_after_a_minute_or_so() {
    let fake = Arc::new(Fake::default());
    for _ in 0..20 {
        fake.breaks(
            Get,
            "/datasets",
            Fault::Refuse(503, "backendError", "Visibility check was unavailable."),
        );
    }
    let start = tokio::time::Instant::now();
    let error = fake.api().location_of(&dataset()).await.unwrap_err();
    assert_eq!(error.reason, Reason::Unavailable);
    assert_eq!(fake.count("Get"), 8);
    let waited = start.elapsed();
    assert!((Duration::from_secs(25)..Duration::from_secs(90)).contains(&waited), "{waited:?}");
    let said = error.to_string();
    assert!(
        said.starts_with(
            "look at dataset testproj.gorgias: Visibility check was unavailable (HTTP 503 backendError) (gave up after 8 attempts in "
        ),
        "{said}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_server_asks_for_is_kept() {
    let fake = Arc::new(Fake::default());
    fake.breaks(Get, "/datasets", Fault::Later(503, 37));
    let start = tokio::time::Instant::now();
    fake.api().location_of(&dataset()).await.unwrap();
    assert!(start.elapsed() >= Duration::from_secs(37));
}

#[tokio::test(start_paused = true)]
async fn what_stays_is_tried_once() {
    for (status, reason) in
        [(400, "invalid"), (403, "accessDenied"), (403, "billingNotEnabled"), (501, "notImplemented")]
    {
        let fake = Arc::new(Fake::default());
        fake.breaks(Get, "/datasets", Fault::Refuse(status, reason, "x"));
        fake.api().location_of(&dataset()).await.unwrap_err();
        assert_eq!(fake.count("Get"), 1, "{reason}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_is_refused_is_renewed_once() {
    let fake = Arc::new(Fake::default());
    let api = fake.api();
    fake.valid_from(1);
    assert!(api.location_of(&dataset()).await.unwrap().is_some());
    assert_eq!(fake.count("Get"), 2);
    // Hours later it has expired again, in the middle of other things.
    fake.valid_from(2);
    api.query(&job("q"), "SELECT 1", &[]).await.unwrap();
    fake.valid_from(99);
    let error = api.location_of(&dataset()).await.unwrap_err();
    assert_eq!(error.reason, Reason::Credentials);
    assert!(error.hint.unwrap().starts_with("the credentials are wrong or have expired"));
}

#[tokio::test(start_paused = true)]
async fn a_wrong_address_is_not_an_empty_warehouse() {
    let fake = Arc::new(Fake::default());
    fake.breaks(Get, "/datasets", Fault::Refuse(404, "notFound", "Not found: Project testproj"));
    let error = fake.api().location_of(&dataset()).await.unwrap_err();
    assert_eq!(error.reason, Reason::NotFound);
    assert!(error.hint.unwrap().starts_with("check the project id"));
}

#[tokio::test(start_paused = true)]
async fn a_query_whose_submission_went_unanswered_runs_once() {
    for fault in [Fault::Lost, Fault::Reset] {
        let fake = Arc::new(Fake::default());
        fake.breaks(Post, "/jobs", fault.clone());
        let found = fake.api().query(&job("commit-1"), "COMMIT", &[]).await.unwrap();
        assert_eq!(found, vec![vec![Some("commit-1".to_owned())]], "{fault:?}");
        assert_eq!(fake.ran(), ["COMMIT"], "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_query_of_which_nobody_heard_is_unknown_and_asking_again_does_not_repeat_it() {
    let fake = Arc::new(Fake::default());
    let api = fake.api();
    fake.breaks(Post, "/jobs", Fault::Lost);
    for _ in 0..20 {
        fake.breaks(Post, "/jobs", Fault::Reset);
    }
    let error = api.query(&job("commit-1"), "COMMIT", &[]).await.unwrap_err();
    assert!(error.is_unknown(), "{error:?}");
    fake.forgives();
    api.query(&job("commit-1"), "COMMIT", &[]).await.unwrap();
    assert_eq!(fake.ran(), ["COMMIT"]);
}

#[tokio::test(start_paused = true)]
async fn slow_jobs_are_waited_for_without_haste() {
    let fake = Arc::new(Fake::default());
    fake.breaks(Post, "/jobs", Fault::Slow(100));
    let start = tokio::time::Instant::now();
    fake.api().query(&job("slow"), "SELECT 1", &[]).await.unwrap();
    assert!(start.elapsed() > Duration::from_secs(300), "{:?}", start.elapsed());
    assert_eq!(fake.count("Get /bigquery/v2/projects/testproj/jobs/slow"), 100);
}

#[tokio::test(start_paused = true)]
async fn a_job_that_failed_for_a_passing_reason_is_done_again() {
    let fake = Arc::new(Fake::default());
    fake.breaks(
        Post,
        "/jobs",
        Fault::Fail("backendError", "Error encountered during execution. Retrying may solve the problem."),
    );
    fake.breaks(Post, "/jobs", Fault::Fail("jobRateLimitExceeded", "x"));
    let found = fake.api().query(&job("q"), "SELECT 1", &[]).await.unwrap();
    assert_eq!(found, vec![vec![Some("q-again3".to_owned())]]);

    let fake = Arc::new(Fake::default());
    for _ in 0..10 {
        fake.breaks(Post, "/jobs", Fault::Fail("backendError", "x"));
    }
    let error = fake.api().query(&job("q"), "SELECT 1", &[]).await.unwrap_err();
    assert_eq!((error.reason, error.attempts), (Reason::Unavailable, 4));
    assert_eq!(fake.count("Post"), 4);
}

#[tokio::test(start_paused = true)]
async fn a_conflict_is_the_callers_and_the_same_call_may_be_made_again() {
    let fake = Arc::new(Fake::default());
    let api = fake.api();
    let message = "Query error: Transaction is aborted due to concurrent update against table testproj:gorgias.tickets. Transaction ID: 1 at [3:1]";
    fake.breaks(Post, "/jobs", Fault::Fail("invalidQuery", message));
    let error = api.query(&job("commit-1"), "COMMIT", &[]).await.unwrap_err();
    assert!(error.is_conflict(), "{error:?}");
    assert_eq!(fake.count("Post"), 1);
    let found = api.query(&job("commit-1"), "COMMIT", &[]).await.unwrap();
    assert_eq!(found, vec![vec![Some("commit-1-again2".to_owned())]]);
    assert_eq!(fake.ran(), ["COMMIT"]);
    // And once more: it has happened.
    api.query(&job("commit-1"), "COMMIT", &[]).await.unwrap();
    assert_eq!(fake.ran(), ["COMMIT"]);
}

#[tokio::test(start_paused = true)]
async fn a_result_that_does_not_come_is_not_asked_for_for_ever() {
    for (late, comes) in [(5, true), (1_000, false)] {
        let fake = Arc::new(Fake::default());
        for _ in 0..late {
            fake.breaks(Get, "/queries/", Fault::NoResult);
        }
        let found = fake.api().query(&job("commit-1"), "COMMIT", &[]).await;
        assert_eq!(found.is_ok(), comes, "{late}: {found:?}");
        let Err(error) = found else { continue };
        // The job has run, whatever it was.
        assert!(error.is_unknown(), "{error:?}");
        insta::assert_snapshot!(
            format!("{error}\n{}", error.hint.as_deref().unwrap_or_default()),
            @r"
        run query job commit-1: the job is done, and BigQuery did not give its result within a minute
        run the command again; it goes on from what BigQuery says
        "
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_query_would_read_is_told_without_running_it() {
    let fake = Arc::new(Fake::default());
    let api = fake.api();
    for (told, bytes) in [
        (
            json!({"totalBytesProcessed": "1234", "query": {"totalBytesProcessedAccuracy": "PRECISE"}}),
            Some(1_234),
        ),
        (json!({"totalBytesProcessed": "0", "query": {"totalBytesProcessedAccuracy": "PRECISE"}}), Some(0)),
        (
            json!({"totalBytesProcessed": "77", "query": {"totalBytesProcessedAccuracy": "UPPER_BOUND"}}),
            Some(77),
        ),
        (json!({"totalBytesProcessed": "5"}), Some(5)),
        // Nobody says so, or it is worth nothing.
        (json!({"totalBytesProcessed": "9", "query": {"totalBytesProcessedAccuracy": "UNKNOWN"}}), None),
        (json!({"totalBytesProcessed": "0", "query": {}}), None),
        (json!({}), None),
    ] {
        fake.tells(told.clone());
        assert_eq!(api.bytes(&job("try"), "SELECT 1").await.unwrap(), bytes, "{told}");
    }
    assert!(fake.ran().is_empty(), "{:?}", fake.ran());
    fake.breaks(Post, "/jobs", Fault::Refuse(400, "invalidQuery", "Unrecognized name: nope"));
    assert_eq!(api.bytes(&job("try"), "SELECT nope").await.unwrap_err().reason, Reason::Invalid);
}

#[tokio::test(start_paused = true)]
async fn a_query_says_what_it_may_be_paid_for() {
    let fake = Arc::new(Fake::default());
    let api = fake.api();
    api.select(&job("one"), "SELECT 1", Some(10_000_000_000)).await.unwrap();
    api.select(&job("two"), "SELECT 2", None).await.unwrap();
    assert_eq!(fake.limits(), ["10000000000"]);
    let said = "Query exceeded limit for bytes billed: 1000000. 10485760 or higher required.";
    fake.breaks(Post, "/jobs", Fault::Fail("bytesBilledLimitExceeded", said));
    let error = api.select(&job("three"), "SELECT 3", Some(1_000_000)).await.unwrap_err();
    assert!(error.hint.expect("a hint").contains("--max-bytes"));
}
