//! Waits that the API asks for, answers that come from something in front of it, and what is stored meanwhile.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use gorgias_sim::{Fault, Options, Response};
use ingestr::api::error::{Failure, Kind};
use ingestr::api::report::{Ended, Event, Outcome, Reporter, Several, Summary, Wait};
use tokio::time::Instant;

use crate::support::world::{Death, FOUR, LISTS, World};

fn small() -> Options {
    Options { tickets: 700, customers: 450, messages: 1_500, surveys: 260, ..Options::default() }
}

const CHALLENGE: &str = "<!DOCTYPE html><html><title>Just a moment...</title></html>";
const JSON: &str = r#"{"error":{"msg":"no"}}"#;

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Fault {
    let headers = headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Fault::Answer(Response { status, headers, body: body.to_owned().into() })
}

#[tokio::test(start_paused = true)]
async fn a_wait_is_kept_as_it_was_asked_for() {
    let date = ("date", "Sat, 28 Nov 2026 13:00:00 GMT");
    for (status, headers, seconds) in [
        (429, vec![("retry-after", "20")], 20.0),
        (503, vec![("Retry-After", "7.5")], 7.5),
        (500, vec![("retry-after", "40")], 40.0),
        (403, vec![("retry-after", "40")], 40.0),
        (202, vec![("retry-after", "40")], 40.0),
        (429, vec![date, ("retry-after", "Sat, 28 Nov 2026 13:10:00 GMT")], 600.0),
        (503, vec![date, ("retry-after", "Saturday, 28-Nov-26 13:02:00 GMT")], 120.0),
        (503, vec![("retry-after", "900")], 900.0),
    ] {
        let world = World::new(small());
        world.account().faults().nth(3, answer(status, &headers, JSON));
        let start = Instant::now();
        let receipt = world.ingest("tickets", &[]).await.unwrap();
        let took = start.elapsed().as_secs_f64();
        assert_eq!((receipt.outcome, receipt.retries), (Outcome::Success, 1), "{status} {headers:?}");
        assert!((seconds..seconds + 10.0).contains(&took), "{status} {headers:?}: {took} s");
        world.assert_equal("tickets", "after a wait");
    }
}

/// Without a `Date` of its own, the answer's date goes by the clock of the run.
#[tokio::test(start_paused = true)]
async fn a_date_alone_goes_by_the_clock_of_the_run() {
    let world = World::new(small());
    let until = world.clock.now() + 300 * gorgias_sim::SECOND;
    let until = jiff::Timestamp::from_microsecond(until).unwrap().to_zoned(jiff::tz::TimeZone::UTC);
    let text = until.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    world.account().faults().nth(3, answer(503, &[("retry-after", &text)], JSON));
    let start = Instant::now();
    world.ingest("tickets", &[]).await.unwrap();
    assert!((298..310).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_a_quarter_of_an_hour_ends_the_run_and_says_when_to_come_back() {
    for status in [429, 503, 403] {
        let world = World { flush_rows: 10_000, ..World::new(small()) };
        world.account().faults().nth(5, answer(status, &[("retry-after", "7200")], CHALLENGE));
        let start = Instant::now();
        let failure = world.ingest("tickets", &[]).await.unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(10), "it ends at once");
        assert_eq!(failure.kind, Kind::Source, "exit code 4");
        let after = (failure.not_before.unwrap().0 - world.clock.now()) / gorgias_sim::SECOND;
        assert!((7_190..=7_200).contains(&after), "{after}");
        let stored = world.memory.table("main.tickets").rows.len();
        assert!(stored >= 300, "{stored} rows: what was read is stored");
        let text = failure.to_string();
        assert!(
            text.contains("come back after 20") && text.contains(" UTC and run the same command"),
            "{text}"
        );
        assert!(text.contains(&format!("HTTP {status}, Retry-After 7200 s")), "{text}");
        assert!(text.contains("table tickets"), "{text}");
        world.pass(Duration::from_secs(7_200)).await;
        world.ingest("tickets", &[]).await.unwrap();
        world.assert_equal("tickets", "after it came back");
    }
}

/// Whichever request it is that is answered so, one that only tries something out among them.
#[tokio::test(start_paused = true)]
async fn it_ends_the_run_whatever_the_request_was_for() {
    for n in 0..24 {
        let options = Options { tickets: 3_000, messages: 3_000, ..small() };
        let world = World { latency: Duration::from_secs(4), ..World::new(options) };
        world.account().faults().nth(n, answer(429, &[("retry-after", "7200")], JSON));
        let failure = world.ingest("tickets", &[]).await.unwrap_err();
        assert!(failure.not_before.is_some(), "request {n}: {failure}");
        assert!(world.requests() <= n as u64 + 10, "request {n}: {} were sent", world.requests());
    }
}

#[tokio::test(start_paused = true)]
async fn waits_add_up_to_a_quarter_of_an_hour() {
    let world = World::new(small());
    world.account().faults().nth(2, Fault::Status(500));
    for at in 3..20 {
        world.account().faults().nth(at, answer(503, &[("retry-after", "200")], JSON));
    }
    let start = Instant::now();
    let failure = world.ingest("satisfaction_surveys", &[]).await.unwrap_err();
    assert!((800..1_000).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    assert_eq!(failure.kind, Kind::Source);
    let told = failure.not_before.unwrap().0 - world.clock.now();
    assert!((190..=200).contains(&(told / gorgias_sim::SECOND)), "{failure}");
}

#[tokio::test(start_paused = true)]
async fn tables_of_one_command_say_together_when_to_come_back() {
    let world = World::new(small());
    world.account().faults().plan(1, vec![(answer(429, &[("retry-after", "3600")], JSON), 1.0)]);
    let ends = world.ingest_all("tickets,customers", &[], None).await.unwrap().unwrap();
    let failure = ingestr::api::run::outcome(&ends).unwrap();
    assert_eq!(failure.kind, Kind::Source);
    assert!(failure.to_string().contains("hint: come back after 20"), "{failure}");
}

/// A bot check or a proxy that answers in the API's place for a moment.
#[tokio::test(start_paused = true)]
async fn a_page_in_the_middle_of_a_run_is_a_fault_that_passes() {
    for status in [403, 401, 404, 400] {
        for at in [1, 2, 5] {
            let world = World::new(small());
            for (table, _) in LISTS {
                world.account().faults().nth(at, answer(status, &[], CHALLENGE));
                let receipt = world.ingest(table, &[]).await;
                let receipt = receipt.unwrap_or_else(|failure| panic!("{table} {status} at {at}: {failure}"));
                assert_eq!(receipt.warnings, Vec::<String>::new(), "{table} {status} at {at}");
                world.account().faults().clear();
                world.assert_equal(table, &format!("{status} at {at}"));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_that_stays_is_no_missing_right() {
    let world = World::new(small());
    world.account().faults().plan(1, vec![(answer(403, &[], CHALLENGE), 1.0)]);
    let failure = world.ingest("tickets", &[]).await.unwrap_err();
    insta::assert_snapshot!(failure, @r"
    error: something in front of Gorgias account acme refused a request for table tickets
      cause: GET /api/tickets?limit=100&order_by=created_datetime%3Adesc: HTTP 403
      hint: the refusal is not the API's own, so it is none of the credentials: a bot check, a firewall or a proxy may stand in between; run the command again later, or from another network
    ");
    assert_eq!(
        (failure.kind.exit_code(), world.requests()),
        (4, 1),
        "at once, if the API has never answered"
    );
    let world = World::new(small());
    world.ingest("tickets", &["--sql-limit", "100"]).await.unwrap();
    for at in 1..20 {
        world.account().faults().nth(at, answer(403, &[], CHALLENGE));
    }
    let failure = world.ingest("tickets", &[]).await.unwrap_err();
    let text = failure.to_string();
    assert!(
        text.contains("HTTP 403 with a web page in the place of the API's answer (gave up after 8"),
        "{text}"
    );
    assert_eq!(failure.kind, Kind::Source);
    assert!(!world.memory.table("main.tickets").rows.is_empty(), "what was read before is stored");
    // The events are no table of their own: a page in their place does not mean that they may not be read.
    let world = World::new(small());
    for at in 0..20 {
        world.account().faults().on("/api/events", at, answer(403, &[], CHALLENGE));
    }
    let failure = world.ingest("tickets", &[]).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Source, "{failure}");
}

#[tokio::test(start_paused = true)]
async fn another_success_than_200_is_tried_again_and_then_named() {
    for status in [203, 206, 204, 201] {
        let body = r#"{"data":[],"meta":{"next_cursor":null}}"#;
        let world = World::new(small());
        world.account().faults().nth(2, answer(status, &[], body));
        let receipt = world.ingest("tickets", &[]).await.unwrap();
        assert_eq!(receipt.retries, 1, "{status}");
        world.assert_equal("tickets", "after one answer that is none");
        let world = World::new(small());
        world.account().faults().plan(1, vec![(answer(status, &[], body), 1.0)]);
        let failure = world.ingest("tickets", &[]).await.unwrap_err();
        assert_eq!(failure.kind, Kind::Source);
        assert!(
            failure.to_string().contains(&format!("HTTP {status} (gave up after 8 attempts")),
            "{failure}"
        );
    }
}

/// Notes which waits were told of, and what was committed when.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Reporter for Notes {
    fn event(&self, table: &str, event: &Event<'_>) {
        let note = match event {
            Event::Waiting { why, wait, waited, until, elapsed } if wait.as_secs() >= 10 => {
                let why = if matches!(why, Wait::RateLimit) { "rate limit" } else { "retry" };
                let (wait, elapsed) = (wait.as_secs_f64().round(), elapsed.as_secs());
                let waited = waited.map(|waited| waited.as_secs());
                format!("{table} at {elapsed}: {why} {wait} {waited:?} {}", until.0 % 1_000_000_007)
            }
            Event::Committed { rows, elapsed, .. } => {
                format!("{table} at {}: committed {rows}", elapsed.as_secs())
            }
            _ => return,
        };
        self.0.lock().unwrap().push(note);
    }

    fn failed(&self, _: &Failure) {}

    fn begins(&self, _: &Several<'_>) {}

    fn ends(&self, _: &Summary<'_>) {}
}

/// A world in which the request before the n-th has to wait for ten minutes.
fn world_that_waits(n: usize, status: u16) -> (World, Arc<Notes>) {
    let notes = Arc::new(Notes::default());
    let world = World { flush_rows: 100_000, ..World::new(small()) };
    let world = World { reporter: Arc::<Notes>::clone(&notes), ..world };
    world.account().faults().nth(n, answer(status, &[("retry-after", "600")], JSON));
    (world, notes)
}

/// With `--interval-start` there is one walk, so that nothing is read while its request waits; with one table after the
/// other read so, and without, and with several at once.
#[tokio::test(start_paused = true)]
async fn what_was_read_is_safe_while_a_request_waits() {
    for (tables, flags, committed) in [
        ("tickets", vec!["--interval-start", "2020-01-01"], 300),
        ("customers", vec!["--full-refresh"], 0),
        ("tickets", vec![], 200),
        ("ticket_messages", vec!["--interval-start", "2020-01-01"], 200),
        ("tickets,customers", vec!["--interval-start", "2020-01-01"], 200),
    ] {
        for status in [429, 503] {
            let (world, notes) = world_that_waits(3, status);
            let flags: Vec<&str> = flags.iter().copied().chain(["--flush-interval", "20s"]).collect();
            // Dies when it sends the request again, or whichever comes after the wait.
            let death = Some(Death::BeforeRequest(if status == 429 { 4 } else { 60 }));
            let ends = world.ingest_all(tables, &flags, death).await;
            let notes = notes.0.lock().unwrap().clone();
            let stored: usize =
                tables.split(',').map(|table| world.memory.table(&format!("main.{table}")).rows.len()).sum();
            let told = format!("{tables} {flags:?} {status}: {stored} rows\n{}", notes.join("\n"));
            if status == 429 {
                assert!(ends.is_none(), "it died in its wait: {told}");
                let at_twenty = notes.iter().filter(|note| note.contains("at 20: committed")).count();
                assert!(at_twenty >= 1, "{told}");
                assert!(stored >= committed, "{told}");
            }
            let minutes = notes.iter().filter(|note| note.contains("Some(")).count();
            assert!(minutes >= 9, "it says each minute that it goes on: {told}");
            world.account().faults().clear();
            for table in tables.split(',') {
                world.ingest(table, &[]).await.unwrap();
                world.assert_equal(table, "after the wait");
            }
        }
    }
}

/// Nothing is committed when nothing is staged, and a destination that counts commits gets no more of them than it takes.
#[tokio::test(start_paused = true)]
async fn the_clock_commits_what_is_there_and_in_pace() {
    let (world, notes) = world_that_waits(3, 429);
    world.ingest("tickets", &["--flush-interval", "5s", "--interval-start", "2020-01-01"]).await.unwrap();
    let told = notes.0.lock().unwrap().clone();
    let commits = |range: std::ops::Range<u64>| {
        let at = |note: &&String| range.clone().any(|at| note.contains(&format!("at {at}: committed")));
        told.iter().filter(at).count()
    };
    assert_eq!((commits(5..7), commits(7..600)), (1, 0), "{}", told.join("\n"));

    let options = Options { tickets: 15_000, messages: 15_000, ..small() };
    let notes = Arc::new(Notes::default());
    let world = World { latency: Duration::from_secs(2), flush_rows: 1_000_000, ..World::new(options) };
    let world = World { reporter: Arc::<Notes>::clone(&notes), ..world };
    world.memory.0.lock().unwrap().shortest = Some(Duration::from_secs(60));
    world.ingest("tickets", &["--flush-interval", "1s"]).await.unwrap();
    world.assert_equal("tickets", "in pace");
    let seconds: Vec<u64> = notes
        .0
        .lock()
        .unwrap()
        .iter()
        .filter(|note| note.contains("committed"))
        .filter_map(|note| note.split_once(" at ")?.1.split_once(':')?.0.parse().ok())
        .collect();
    let late = &seconds[50.min(seconds.len())..seconds.len() - 1];
    assert!(late.windows(2).all(|pair| pair[1] - pair[0] >= 59), "{seconds:?}");
}

/// All tables of a command learn that the account is closed, also those that wait behind others.
#[tokio::test(start_paused = true)]
async fn a_closed_account_is_told_of_for_each_table() {
    let (world, notes) = world_that_waits(6, 429);
    let ends: Vec<Ended> = world.ingest_all(FOUR, &[], None).await.unwrap().unwrap();
    assert!(ends.iter().all(|end| end.failure.is_none()));
    let told = notes.0.lock().unwrap().clone();
    for (table, _) in LISTS {
        let of_it: Vec<&String> = told
            .iter()
            .filter(|note| note.starts_with(&format!("{table} at")) && !note.contains("committed"))
            .collect();
        assert!(of_it.len() >= 9, "{table}: {}", told.join("\n"));
    }
    for (table, _) in LISTS {
        world.assert_equal(table, "after the wait");
    }
}
