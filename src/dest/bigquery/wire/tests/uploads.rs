//! Load files on a bad line: nothing is lost, and nothing is loaded twice.

use super::super::transport::Method::{Post, Put};
use super::fake::{Fake, Fault};
use super::*;

fn thin() -> Vec<Column> {
    vec![Column::new("id", LogicalType::Int64), Column::new("subject", LogicalType::Text)]
}

/// Rows whose text no compression makes small.
fn rows(from: i64, count: i64, width: usize) -> RecordBatch {
    let mut rng = fastrand::Rng::with_seed(u64::try_from(from).unwrap());
    let ids = Int64Array::from_iter_values(from..from + count);
    let texts = StringArray::from_iter_values(
        (0..count).map(|_| std::iter::repeat_with(|| rng.alphanumeric()).take(width).collect::<String>()),
    );
    batch(&thin(), vec![Arc::new(ids), Arc::new(texts)])
}

/// 40 rows in one chunk, or 1,000 in three.
async fn copied(fake: &Arc<Fake>, many: bool, bucket: Option<&str>) -> Result<(), ApiError> {
    let spec = LoadSpec {
        columns: thin(),
        staging_bucket: bucket.map(str::to_owned),
        ..load("load-1", "tickets", Format::Jsonl)
    };
    let mut upload = fake.api().load(spec)?;
    for part in 0..20 {
        upload.write(&if many { rows(part * 50, 50, 1_500) } else { rows(part * 2, 2, 100) }).await?;
    }
    upload.finish().await
}

/// The file was loaded, once, as a whole.
fn assert_once(fake: &Fake, rows: u64, case: &str) {
    let loaded = fake.loaded();
    assert_eq!(loaded.len(), 1, "{case}");
    let ids: Vec<u64> = loaded[0]
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["id"].as_u64().unwrap())
        .collect();
    assert!(ids.iter().copied().eq(0..rows), "{case}: {} rows", ids.len());
}

const KIB: usize = 1024;

#[tokio::test(start_paused = true)]
async fn an_upload_goes_on_after_whatever_breaks_in_its_middle() {
    let cases: Vec<(&str, u32, Fault)> = vec![
        ("nothing", 99, Fault::Reset),
        ("the first chunk does not arrive", 0, Fault::Reset),
        ("the answer to the first chunk is lost", 0, Fault::Lost),
        ("half of the second chunk arrives, and 308 says so", 1, Fault::Keep(256 * KIB)),
        ("a part of the second chunk arrives, and nobody says so", 1, Fault::Cut(300 * KIB)),
        ("nothing of the second chunk arrives", 1, Fault::Keep(0)),
        ("503", 1, Fault::Refuse(503, "backendError", "x")),
        ("403 rateLimitExceeded", 1, Fault::Refuse(403, "rateLimitExceeded", "x")),
        ("the last chunk is cut", 2, Fault::Cut(9 * KIB)),
        ("the last chunk does not arrive", 2, Fault::Reset),
        ("the job ran and the answer is lost", 2, Fault::Lost),
        ("the session is forgotten before anything was sent", 0, Fault::Forget),
        ("the job is slow", 2, Fault::Slow(30)),
    ];
    for (case, passing, fault) in cases {
        let fake = Arc::new(Fake::default());
        fake.breaks_after(passing, Put, "upload_id", fault);
        copied(&fake, true, None).await.expect(case);
        assert!(fake.count("Put") >= 3, "{case}: three chunks");
        assert_once(&fake, 1_000, case);
        assert_eq!(fake.waiting(), usize::from(case == "nothing"), "{case}: it did happen");
    }
}

#[tokio::test(start_paused = true)]
async fn a_file_of_one_chunk_is_sent_again_whatever_happens() {
    for (case, faults) in [
        ("session forgotten", vec![Fault::Forget]),
        ("session forgotten twice", vec![Fault::Forget, Fault::Forget]),
        ("job fails for a passing reason", vec![Fault::Fail("backendError", "x")]),
        ("job fails twice, with a lost answer", vec![Fault::Fail("backendError", "x"), Fault::Lost]),
        ("answer lost, and the session with it", vec![Fault::Lost]),
    ] {
        let fake = Arc::new(Fake::default());
        for fault in faults {
            fake.breaks(Put, "upload_id", fault);
        }
        copied(&fake, false, None).await.expect(case);
        assert_once(&fake, 40, case);
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_sent_again_is_an_error_and_loads_nothing() {
    for (case, fault) in [
        ("session forgotten", Fault::Forget),
        ("token server down", Fault::Refuse(403, "accessDenied", "Permission bigquery.jobs.create denied")),
    ] {
        let fake = Arc::new(Fake::default());
        fake.breaks_after(1, Put, "upload_id", fault);
        copied(&fake, true, None).await.expect_err(case);
        assert!(fake.loaded().is_empty(), "{case}");
    }
    let fake = Arc::new(Fake::default());
    fake.breaks_after(2, Put, "upload_id", Fault::Fail("backendError", "x"));
    let error = copied(&fake, true, None).await.unwrap_err();
    assert_eq!(error.reason, Reason::Unavailable);
    assert!(fake.loaded().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_job_that_was_there_already_is_not_done_twice() {
    let fake = Arc::new(Fake::default());
    for many in [true, true] {
        copied(&fake, many, None).await.unwrap();
    }
    assert_once(&fake, 1_000, "the same id twice");
    assert_eq!(fake.count("Put"), 3, "the second time nothing was sent");
    // The same id for other rows is a mistake, and is noticed.
    let error = copied(&fake, false, None).await.unwrap_err();
    assert!(error.to_string().contains("wrote 1,000 rows, and 40 were sent"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn a_failed_job_of_the_same_id_is_passed_over() {
    let fake = Arc::new(Fake::default());
    fake.breaks(Put, "upload_id", Fault::Fail("invalid", "Error while reading data"));
    copied(&fake, false, None).await.unwrap_err();
    copied(&fake, false, None).await.unwrap();
    assert_once(&fake, 40, "the second attempt");
}

#[tokio::test(start_paused = true)]
async fn a_load_that_is_dropped_or_empty_loads_nothing() {
    let fake = Arc::new(Fake::default());
    let spec = LoadSpec { columns: thin(), ..load("load-1", "tickets", Format::Jsonl) };
    let mut upload = fake.api().load(spec.clone()).unwrap();
    for part in 0..15 {
        upload.write(&rows(part * 50, 50, 1_500)).await.unwrap();
    }
    assert_eq!(fake.count("Put"), 1, "a chunk was on its way");
    drop(upload);
    assert!(fake.loaded().is_empty());
    fake.api().load(spec).unwrap().finish().await.unwrap();
    assert_eq!(fake.count("Post"), 1, "no job without rows");
}

#[tokio::test(start_paused = true)]
async fn a_bucket_is_cleaned_whatever_becomes_of_the_job() {
    let bucket = Some("gs://shop-staging/x");
    for (case, good, faults) in [
        ("nothing", true, vec![]),
        ("the job fails for a passing reason", true, vec![(Post, "/jobs", Fault::Fail("backendError", "x"))]),
        ("the submission is lost", true, vec![(Post, "/jobs", Fault::Lost)]),
        ("the last chunk's answer is lost", true, vec![(Put, "upload_id", Fault::Cut(0))]),
        ("the job fails", false, vec![(Post, "/jobs", Fault::Fail("invalid", "x"))]),
    ] {
        let fake = Arc::new(Fake::default());
        for (method, part, fault) in faults {
            fake.breaks(method, part, fault);
        }
        let result = copied(&fake, false, bucket).await;
        assert_eq!(result.is_ok(), good, "{case}: {result:?}");
        assert_eq!(fake.loaded().len(), usize::from(good), "{case}");
        assert_eq!(fake.objects(), 0, "{case}");
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_breaks_it_is_loaded_once_or_not_at_all() {
    for seed in 0..100 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let fake = Arc::new(Fake::default());
        let mut told = String::new();
        for _ in 0..rng.usize(1..6) {
            let fault = match rng.u8(..9) {
                0 => Fault::Reset,
                1 | 2 => Fault::Lost,
                3 => Fault::Keep(KIB * rng.usize(..600)),
                4 => Fault::Cut(KIB * rng.usize(..600)),
                5 => Fault::Forget,
                6 => Fault::Slow(rng.u32(..5)),
                7 => Fault::Fail("backendError", "x"),
                _ => Fault::Refuse(503, "backendError", "x"),
            };
            let passing = rng.u32(..4);
            told = format!("{told} {passing} {fault:?}");
            fake.breaks_after(passing, Put, "upload_id", fault);
        }
        let many = seed % 10 == 0;
        let result = copied(&fake, many, None).await;
        let case = format!("seed {seed}:{told}: {result:?}");
        match result {
            Ok(()) => assert_once(&fake, if many { 1_000 } else { 40 }, &case),
            // A failure that says it is one has loaded nothing.
            Err(error) if !error.is_unknown() => assert!(fake.loaded().is_empty(), "{case}"),
            Err(_) => assert!(fake.loaded().len() <= 1, "{case}"),
        }
    }
}
