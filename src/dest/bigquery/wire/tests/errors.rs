//! What the API says, and what we make of it. Messages are those of BigQuery's documentation and of reports of users.

use super::super::client::Call;
use super::super::error::{Doing, Said};
use super::super::transport::Method;
use super::fake::{Fake, Fault};
use super::*;
use crate::dest::DestErrorKind;

/// Status, reason and message of the API; what it is, what may be done, and how the hint begins.
type Case = (u16, &'static str, &'static str, Reason, DestErrorKind, &'static str);

const CASES: [Case; 18] = [
    (
        401,
        "authError",
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid authentication credential.",
        Reason::Credentials,
        DestErrorKind::Permission,
        "the credentials are wrong or have expired",
    ),
    (
        403,
        "accessDenied",
        "Access Denied: Project my-project: User does not have bigquery.jobs.create permission in project my-project.",
        Reason::Permission,
        DestErrorKind::Permission,
        "the permission bigquery.jobs.create is missing; grant roles/bigquery.jobUser on the project",
    ),
    (
        403,
        "accessDenied",
        "Access Denied: Dataset my-project:gorgias: Permission bigquery.tables.create denied on dataset my-project:gorgias (or it may not exist).",
        Reason::Permission,
        DestErrorKind::Permission,
        "the permission bigquery.tables.create is missing; grant roles/bigquery.dataEditor on the dataset",
    ),
    (
        403,
        "accessDenied",
        "Access Denied",
        Reason::Permission,
        DestErrorKind::Permission,
        "the permission bigquery.datasets.create is missing; grant roles/bigquery.user on the project",
    ),
    (
        403,
        "forbidden",
        "loader@p.iam.gserviceaccount.com does not have storage.objects.create access to the Google Cloud Storage object.",
        Reason::Permission,
        DestErrorKind::Permission,
        "the permission storage.objects.create is missing; grant roles/storage.objectUser on the staging bucket",
    ),
    (
        403,
        "accessNotConfigured",
        "BigQuery API has not been used in project 1 before or it is disabled.",
        Reason::Permission,
        DestErrorKind::Permission,
        "enable the BigQuery API in the project",
    ),
    (
        403,
        "billingNotEnabled",
        "Billing has not been enabled for this project. DML queries are not allowed in the free tier. Set up a billing account to remove this restriction.",
        Reason::Billing,
        DestErrorKind::Permission,
        "link a billing account to the project",
    ),
    (
        403,
        "quotaExceeded",
        "Quota exceeded: Your table exceeded quota for imports or query appends per table. For more information, see https://cloud.google.com/bigquery/docs/troubleshoot-quotas",
        Reason::Quota,
        DestErrorKind::Full,
        "see the project's quotas",
    ),
    (
        403,
        "quotaExceeded",
        "Quota exceeded: Your project exceeded quota for imports per table.",
        Reason::Quota,
        DestErrorKind::Full,
        "the table has had its 1,500 changes of the day",
    ),
    (
        403,
        "quotaExceeded",
        "Custom quota exceeded: Your usage exceeded the custom quota for QueryUsagePerDay, which is set by your administrator.",
        Reason::Quota,
        DestErrorKind::Full,
        "the day's quota of bytes for queries is used up",
    ),
    (
        400,
        "invalidQuery",
        "UPDATE or DELETE statement over table p.d.tickets would affect rows in the streaming buffer, which is not supported",
        Reason::StreamingBuffer,
        DestErrorKind::Conflict,
        "another program streams rows into this table",
    ),
    (
        400,
        "invalid",
        "Invalid dataset ID \"my-data\". Dataset IDs must be alphanumeric (plus underscores) and must be at most 1024 characters long.",
        Reason::Invalid,
        DestErrorKind::Other,
        "names of datasets have only letters, digits and underscores",
    ),
    (
        400,
        "invalid",
        "Cannot read and write in different locations: source: US, destination: EU",
        Reason::Location,
        DestErrorKind::Other,
        "dataset, staging dataset, staging bucket and `location` in --dest-uri must be in one place",
    ),
    (
        404,
        "notFound",
        "Not found: Project shop",
        Reason::NotFound,
        DestErrorKind::Other,
        "check the project id",
    ),
    (
        404,
        "notFound",
        "Not found: Dataset p:d was not found in location EU",
        Reason::NotFound,
        DestErrorKind::Other,
        "check the names in --dest-uri and --dest-table",
    ),
    (
        400,
        "invalidQuery",
        "Transaction is aborted due to concurrent update against table p:d.tickets. Transaction ID: 1",
        Reason::Conflict,
        DestErrorKind::Conflict,
        "another program writes to the same table",
    ),
    (
        400,
        "invalidQuery",
        "Could not serialize access to table p:d.tickets due to concurrent update",
        Reason::Conflict,
        DestErrorKind::Conflict,
        "another program writes to the same table",
    ),
    (409, "duplicate", "Already Exists: Table p:d.t", Reason::Exists, DestErrorKind::Other, ""),
];

#[test]
fn every_refusal_has_a_reason_and_a_hint() {
    let doing = Doing::new("create dataset p.d".into(), "bigquery.datasets.create");
    for (status, reason, message, expected, kind, hint) in CASES {
        let said = Said { reason: reason.into(), message: message.into() };
        let error = ApiError::refused(&doing, status, Some(said.clone()));
        assert_eq!(error.reason, expected, "{message}");
        assert!(error.hint.as_deref().unwrap_or_default().starts_with(hint), "{message}: {:?}", error.hint);
        assert!(error.to_string().starts_with("create dataset p.d: "), "{error}");
        let dest = error.into_dest("gorgias.tickets cannot be written");
        assert_eq!(
            (dest.kind, dest.message.as_str()),
            (kind, "gorgias.tickets cannot be written"),
            "{message}"
        );
        if status != 401 {
            assert_eq!(ApiError::job(&doing, &said).reason, expected, "the same of a job: {message}");
        }
    }
}

#[test]
fn what_a_job_quotes_of_a_row_is_not_shown() {
    let doing = Doing::new("load table p.d.t".into(), "bigquery.jobs.create");
    for (message, shown) in [
        (
            "Error while reading data, error message: JSON parsing error in row starting at position 0: Could not convert value to integer. Field: id; Value: SECRET",
            "Error while reading data, error message: JSON parsing error in row starting at position 0: Could not convert value to integer. Field: id; Value: … (invalid)",
        ),
        ("Bad int64 value: SECRET; expected a number", "Bad int64 value: …; expected a number (invalid)"),
        ("Could not parse 'SECRET' as INT64", "Could not parse '…' as INT64 (invalid)"),
        (
            "Invalid timestamp: \"SECRET's \"SECRET\"\" at [1:2]",
            "Invalid timestamp: \"…\" at [1:2] (invalid)",
        ),
        ("can't do this", "can't do this (invalid)"),
        ("Unclosed 'SECRET", "Unclosed '…' (invalid)"),
    ] {
        let said = Said { reason: "invalid".into(), message: message.into() };
        assert_eq!(ApiError::job(&doing, &said).message, shown);
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_the_apis_is_no_answer() {
    // A proxy's page, say. It is asked for again, and then said to be what it is.
    let fake = Arc::new(Fake::default());
    let api = fake.api();
    let doing = Doing::new("list things".into(), "bigquery.tables.list");
    let call =
        Call::new(Method::Get, "https://bigquery.googleapis.com/bigquery/v2/projects/p/datasets/d".into());
    let error = api.inner.client.read::<Vec<String>>(&doing, call).await.unwrap_err();
    assert_eq!(error.reason, Reason::Unavailable);
    assert!(
        error.to_string().starts_with("list things: the answer is not what it should be (gave up after 8"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn no_token_and_no_session_is_shown() {
    let fake = Arc::new(Fake::default());
    for _ in 0..20 {
        fake.breaks(Method::Put, "upload_id", Fault::Refuse(503, "backendError", "x"));
    }
    let mut upload = fake.api().load(load("load-1", "tickets", Format::Csv)).unwrap();
    upload.write(&hostile()).await.unwrap();
    let told = format!("{upload:?}");
    let error = upload.finish().await.unwrap_err();
    let told = format!("{told} {error} {error:?} {:?}", fake.api());
    assert!(!told.contains("upload_id") && !told.contains("Bearer"), "{told}");
}
