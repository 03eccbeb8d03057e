//! Whole runs in each style, as text.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::*;
use crate::dest::Counts;
use crate::error::Failure;
use crate::error::Kind;
use crate::model::{Micros, Strategy};
use crate::source::{Changes, Window};

mod several;

const NOON: i64 = 1_763_812_443_000_000;

/// A writer that can be read.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A reader that went away; counts what it is told all the same.
#[derive(Clone, Default)]
struct Gone(Arc<AtomicU64>);

impl Write for Gone {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        self.0.fetch_add(1, Relaxed);
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn start() -> Start {
    Start {
        table: "tickets".into(),
        source: "Gorgias account acme".into(),
        dest_table: "gorgias.tickets".into(),
        destination: "duckdb file shop.duckdb".into(),
        strategy: Strategy::Merge,
        key: vec!["id".into()],
        scope: Scope::ChangedSince(Micros(NOON - 86_400_000_000)),
        notes: vec!["--page-size has no effect: Gorgias pages are always 100 rows".into()],
        at: Micros(NOON),
    }
}

fn receipt(outcome: Outcome) -> Receipt {
    Receipt {
        outcome,
        table: "tickets".into(),
        dest_table: "gorgias.tickets".into(),
        destination: "duckdb file shop.duckdb".into(),
        strategy: Strategy::Merge,
        read: 20_000,
        pages: 200,
        counts: Counts { inserted: 1_203, updated: 512, unchanged: 18_185, ..Counts::default() },
        read_again: Some(100),
        deletions: true,
        rejected: 3,
        discarded: 0,
        extra_fields: 0,
        requests: 203,
        retries: 3,
        waited: Duration::from_secs(52),
        elapsed: Duration::from_secs(92),
        started_at: Micros(NOON),
        covered_since: None,
        changes: Changes::ByUpdate,
        first: false,
        next_start: Some(Micros(NOON - 123_456)),
        unfinished: false,
        stopped_at: None,
        expected: Some(Expected { after: 12, pages: 187, elapsed: Duration::from_secs(84) }),
        warnings: vec!["the list was out of order".into()],
        known_warnings: Vec::new(),
    }
}

fn page(rows: u64, seconds: u64) -> Event<'static> {
    Event::Page(Progress {
        rows,
        pages: rows / 100,
        requests: rows / 100,
        reached: Some(Micros(NOON - 3_600_000_001)),
        budget: Some((12, 40)),
        elapsed: Duration::from_secs(seconds),
        left: (rows > 1_000).then(|| Duration::from_secs(100 - seconds)),
    })
}

fn run(reporter: &dyn Reporter) {
    let wait = |why, millis, seconds| Event::Waiting {
        why,
        wait: Duration::from_millis(millis),
        waited: None,
        until: Micros(NOON).plus(Duration::from_secs(seconds) + Duration::from_millis(millis)),
        elapsed: Duration::from_secs(seconds),
    };
    reporter.event("tickets", &Event::Started(&start()));
    reporter.event("tickets", &page(100, 1));
    reporter.event("tickets", &wait(Wait::RateLimit, 400, 1));
    reporter.event("tickets", &wait(Wait::RateLimit, 500, 3));
    reporter.event("tickets", &page(2_000, 4));
    reporter.event("tickets", &page(2_100, 5));
    reporter.event("tickets", &wait(Wait::RateLimit, 400, 5));
    reporter.event("tickets", &wait(Wait::RateLimit, 3_200, 5));
    reporter.event("tickets", &wait(Wait::Retry { what: "HTTP 503".into(), attempt: 2 }, 1_000, 8));
    let by = "the duckdb file shop.duckdb is in use by python3 (process 4711)";
    let held = |limit| Event::Held { by, limit, elapsed: Duration::from_secs(9) };
    reporter.event("tickets", &held(Some(Duration::from_secs(600))));
    reporter.event("tickets", &held(None));
    reporter.event("tickets", &Event::Debug("GET /api/tickets"));
    reporter.event("tickets", &Event::Warning("the list was out of order"));
    reporter.event("tickets", &Event::Committing { rows: 20_000, elapsed: Duration::from_secs(90) });
    let counts = receipt(Outcome::Success).counts;
    reporter.event("tickets", &Event::Committed { rows: 20_000, counts, elapsed: Duration::from_secs(91) });
    ends(reporter, receipt(Outcome::Success), None);
}

/// The end of a command of one table.
fn ends(reporter: &dyn Reporter, receipt: Receipt, failure: Option<&Failure>) {
    reporter.event("tickets", &Event::Finished { receipt: &receipt, failure });
    let (source, destination) = ("Gorgias account acme", "duckdb file shop.duckdb");
    let elapsed = receipt.elapsed;
    let ends = [Ended { table: "tickets".into(), receipt: Some(receipt), failure: failure.cloned() }];
    reporter.ends(&Summary { ends: &ends, source, destination, elapsed, failure, look: &[] });
}

fn shown(style: ProgressStyle, events: impl FnOnce(&dyn Reporter)) -> (String, String) {
    let (out, err) = (Shared::default(), Shared::default());
    let terminal = Terminal { stderr: false, color: false, width: None };
    let manner = Manner { style, quiet: false, debug: false };
    events(&*reporter(manner, terminal, Box::new(out.clone()), Box::new(err.clone())));
    (out.text(), err.text())
}

#[test]
fn a_run_as_log_lines() {
    let (out, err) = shown(ProgressStyle::Log, run);
    assert_eq!(out, "");
    insta::assert_snapshot!(err, @r"
    tickets: Gorgias account acme → gorgias.tickets in duckdb file shop.duckdb; what changed since 2025-11-21 11:54:03 UTC; merge by id
    note: --page-size has no effect: Gorgias pages are always 100 rows
    2025-11-22T11:54:07Z tickets: 2,000 rows, 20 pages, 500 rows/s, reached 2025-11-22 10:54:02, about 100 s left, requests 12/40, waited 0.9 s for the rate limit
    2025-11-22T11:54:08Z tickets: rate limit: 4 s
    2025-11-22T11:54:11Z tickets: HTTP 503, attempt 2: 1 s
    2025-11-22T11:54:12Z tickets: the duckdb file shop.duckdb is in use by python3 (process 4711); waiting for up to 10 min 00 s
    2025-11-22T11:54:12Z tickets: the duckdb file shop.duckdb is in use by python3 (process 4711); waiting as long as it takes
    warning: the list was out of order
    2025-11-22T11:55:34Z tickets: committed 20,000 rows
    done in 1 min 32 s: tickets → gorgias.tickets in duckdb file shop.duckdb
      read        20,000  rows in 200 pages
      inserted     1,203
      updated        512
      unchanged   18,185
      read twice     100  rows that this run had read before
      deleted          0
      rejected         3  values, kept in _ingestr_rejects
      requests       203  3 of them repeated, 52 s waited for the rate limit
      warnings         1  see above
      expected    187 pages in 80 s after the first 12
      next start  2025-11-22 11:54:02.876544 UTC
    ");
    assert_eq!(shown(ProgressStyle::Interactive, run).1, err, "without a terminal, interactive is log");
}

#[test]
fn a_run_as_json() {
    let (out, err) = shown(ProgressStyle::Json, run);
    insta::assert_snapshot!(err, @r#"
    {"event":"start","table":"tickets","source":"Gorgias account acme","dest_table":"gorgias.tickets","destination":"duckdb file shop.duckdb","strategy":"merge","key":["id"],"scope":"changed_since","since":"2025-11-21T11:54:03Z","until":null,"notes":["--page-size has no effect: Gorgias pages are always 100 rows"],"started_at":"2025-11-22T11:54:03Z","version":1}
    {"event":"progress","table":"tickets","rows":100,"pages":1,"rows_per_second":100,"reached":"2025-11-22T10:54:02.999999Z","requests":1,"budget_used":12,"budget_capacity":40,"rate_limited_ms":0,"elapsed_ms":1000,"left_ms":null,"version":1}
    {"event":"progress","table":"tickets","rows":2000,"pages":20,"rows_per_second":500,"reached":"2025-11-22T10:54:02.999999Z","requests":20,"budget_used":12,"budget_capacity":40,"rate_limited_ms":900,"elapsed_ms":4000,"left_ms":96000,"version":1}
    {"event":"waiting","table":"tickets","why":"rate_limit","what":null,"attempt":null,"wait_ms":3200,"waited_ms":null,"until":"2025-11-22T11:54:11.2Z","elapsed_ms":5000,"version":1}
    {"event":"waiting","table":"tickets","why":"retry","what":"HTTP 503","attempt":2,"wait_ms":1000,"waited_ms":null,"until":"2025-11-22T11:54:12Z","elapsed_ms":8000,"version":1}
    {"event":"held","table":"tickets","by":"the duckdb file shop.duckdb is in use by python3 (process 4711)","limit_ms":600000,"elapsed_ms":9000,"version":1}
    {"event":"held","table":"tickets","by":"the duckdb file shop.duckdb is in use by python3 (process 4711)","limit_ms":null,"elapsed_ms":9000,"version":1}
    {"event":"warning","table":"tickets","message":"the list was out of order","version":1}
    {"event":"committed","table":"tickets","rows":20000,"inserted":1203,"updated":512,"unchanged":18185,"deleted":0,"elapsed_ms":91000,"version":1}
    {"event":"table_end","outcome":"success","table":"tickets","dest_table":"gorgias.tickets","destination":"duckdb file shop.duckdb","strategy":"merge","read":20000,"pages":200,"inserted":1203,"updated":512,"unchanged":18185,"read_again":100,"deleted":0,"rejected":3,"discarded":0,"requests":203,"retries":3,"rate_limited_ms":52000,"started_at":"2025-11-22T11:54:03Z","elapsed_ms":92000,"covered_since":null,"next_start":"2025-11-22T11:54:02.876544Z","unfinished":false,"stopped_at":null,"expected":{"after_pages":12,"pages":187,"elapsed_ms":84000},"warnings":["the list was out of order"],"error":null,"version":1}
    "#);
    insta::assert_snapshot!(out, @r#"{"event":"end","outcome":"success","source":"Gorgias account acme","destination":"duckdb file shop.duckdb","tables":[{"outcome":"success","table":"tickets","dest_table":"gorgias.tickets","destination":"duckdb file shop.duckdb","strategy":"merge","read":20000,"pages":200,"inserted":1203,"updated":512,"unchanged":18185,"read_again":100,"deleted":0,"rejected":3,"discarded":0,"requests":203,"retries":3,"rate_limited_ms":52000,"started_at":"2025-11-22T11:54:03Z","elapsed_ms":92000,"covered_since":null,"next_start":"2025-11-22T11:54:02.876544Z","unfinished":false,"stopped_at":null,"expected":{"after_pages":12,"pages":187,"elapsed_ms":84000},"warnings":["the list was out of order"],"error":null}],"totals":{"read":20000,"pages":200,"inserted":1203,"updated":512,"unchanged":18185,"read_again":100,"deleted":0,"rejected":3,"discarded":0,"requests":203,"retries":3,"elapsed_ms":92000},"error":null,"version":1}"#);
}

#[test]
fn a_run_on_a_terminal_leaves_headline_and_receipt() {
    let err = Shared::default();
    let lines = human::Lines::new(Box::new(err.clone()), true, true);
    run(&live::Interactive::new(indicatif::ProgressDrawTarget::hidden(), lines));
    insta::assert_snapshot!(err.text().replace('\x1b', "ESC"), @r"
    tickets: Gorgias account acme → gorgias.tickets in duckdb file shop.duckdb; what changed since 2025-11-21 11:54:03 UTC; merge by id
    ESC[2mnote:ESC[0m --page-size has no effect: Gorgias pages are always 100 rows
    tickets: the duckdb file shop.duckdb is in use by python3 (process 4711); waiting for up to 10 min 00 s
    tickets: the duckdb file shop.duckdb is in use by python3 (process 4711); waiting as long as it takes
    ESC[2mdebug: GET /api/ticketsESC[0m
    ESC[1;33mwarning:ESC[0m the list was out of order
    ESC[1;32mdone in 1 min 32 sESC[0m: tickets → gorgias.tickets in duckdb file shop.duckdb
      read        20,000  rows in 200 pages
      inserted     1,203
      updated        512
      unchanged   18,185
      read twice     100  rows that this run had read before
      deleted          0
      rejected         3  values, kept in _ingestr_rejects
      requests       203  3 of them repeated, 52 s waited for the rate limit
      warnings         1  see above
      expected    187 pages in 80 s after the first 12
      next start  2025-11-22 11:54:02.876544 UTC
    ");
}

#[test]
fn a_failed_run_ends_with_its_reason() {
    let failure = Failure::new(Kind::Source, "tickets could not be read to the end").hint("run it again");
    let stopped = Receipt {
        next_start: None,
        unfinished: true,
        stopped_at: Some(Micros(NOON)),
        covered_since: Some(Micros(0)),
        warnings: vec![],
        ..receipt(Outcome::Failed)
    };
    let finish = |reporter: &dyn Reporter| {
        ends(reporter, stopped.clone(), Some(&failure));
    };
    insta::assert_snapshot!(shown(ProgressStyle::Log, finish).1, @r"
    failed after 1 min 32 s: tickets → gorgias.tickets in duckdb file shop.duckdb
      read        20,000  rows in 200 pages
      inserted     1,203
      updated        512
      unchanged   18,185
      read twice     100  rows that this run had read before
      deleted          0
      rejected         3  values, kept in _ingestr_rejects
      requests       203  3 of them repeated, 52 s waited for the rate limit
      expected    187 pages in 80 s after the first 12
      stopped at  2025-11-22 11:54:03 UTC
      covers      changes since 1970-01-01 00:00:00 UTC
      next start  with what is left; what was committed stays
    error: tickets could not be read to the end
      hint: run it again
    ");
    insta::assert_snapshot!(shown(ProgressStyle::Json, finish).0, @r#"{"event":"end","outcome":"failed","source":"Gorgias account acme","destination":"duckdb file shop.duckdb","tables":[{"outcome":"failed","table":"tickets","dest_table":"gorgias.tickets","destination":"duckdb file shop.duckdb","strategy":"merge","read":20000,"pages":200,"inserted":1203,"updated":512,"unchanged":18185,"read_again":100,"deleted":0,"rejected":3,"discarded":0,"requests":203,"retries":3,"rate_limited_ms":52000,"started_at":"2025-11-22T11:54:03Z","elapsed_ms":92000,"covered_since":"1970-01-01T00:00:00Z","next_start":null,"unfinished":true,"stopped_at":"2025-11-22T11:54:03Z","expected":{"after_pages":12,"pages":187,"elapsed_ms":84000},"warnings":[],"error":{"kind":"source","exit_code":4,"message":"tickets could not be read to the end","causes":[],"hint":"run it again"}}],"totals":{"read":20000,"pages":200,"inserted":1203,"updated":512,"unchanged":18185,"read_again":100,"deleted":0,"rejected":3,"discarded":0,"requests":203,"retries":3,"elapsed_ms":92000},"error":{"kind":"source","exit_code":4,"message":"tickets could not be read to the end","causes":[],"hint":"run it again"},"version":1}"#);
}

#[test]
fn a_run_that_stored_nothing_says_where_the_next_one_starts() {
    let failure = Failure::new(Kind::Authentication, "Gorgias account acme refused the credentials");
    let next = |next_start| {
        let counts = Counts::default();
        let nothing = Receipt {
            read: 0,
            pages: 0,
            counts,
            read_again: Some(0),
            next_start,
            ..receipt(Outcome::Failed)
        };
        let finish = |reporter: &dyn Reporter| {
            ends(reporter, nothing.clone(), Some(&failure));
        };
        let text = shown(ProgressStyle::Log, finish).1;
        text.lines().find(|line| line.contains("next start")).unwrap_or_default().to_owned()
    };
    assert_eq!(next(None), "  next start  from the beginning");
    assert_eq!(next(Some(Micros(NOON))), "  next start  2025-11-22 11:54:03 UTC");
}

#[test]
fn nothing_new_is_short() {
    let receipt = Receipt {
        read: 0,
        pages: 1,
        counts: Counts::default(),
        read_again: Some(0),
        rejected: 0,
        requests: 1,
        retries: 0,
        waited: Duration::ZERO,
        elapsed: Duration::from_millis(312),
        warnings: vec![],
        ..receipt(Outcome::Success)
    };
    let finish = |reporter: &dyn Reporter| {
        ends(reporter, receipt.clone(), None);
    };
    insta::assert_snapshot!(shown(ProgressStyle::Log, finish).1, @r"
    done in 0.3 s: tickets → gorgias.tickets in duckdb file shop.duckdb
      read        0  rows in 1 page
      requests    1  none repeated
      expected    187 pages in 80 s after the first 12
      next start  2025-11-22 11:54:02.876544 UTC
    ");
}

#[test]
fn without_a_run_there_is_only_the_reason() {
    let failure = Failure::usage("--source-uri is missing").hint("type it");
    let fail = |reporter: &dyn Reporter| reporter.failed(&failure);
    assert_eq!(
        shown(ProgressStyle::Log, fail),
        (String::new(), "error: --source-uri is missing\n  hint: type it\n".into())
    );
    insta::assert_snapshot!(shown(ProgressStyle::Json, fail).0, @r#"{"event":"end","outcome":"failed","source":null,"destination":null,"tables":[],"totals":{"read":0,"pages":0,"inserted":0,"updated":0,"unchanged":0,"read_again":0,"deleted":0,"rejected":0,"discarded":0,"requests":0,"retries":0,"elapsed_ms":0},"error":{"kind":"usage","exit_code":2,"message":"--source-uri is missing","causes":[],"hint":"type it"},"version":1}"#);
}

#[test]
fn a_reader_that_went_away_stops_nothing() {
    for style in [ProgressStyle::Log, ProgressStyle::Json] {
        let (out, err) = (Gone::default(), Gone::default());
        run(&*reporter(
            Manner { style, quiet: false, debug: true },
            Terminal { stderr: false, color: false, width: None },
            Box::new(out.clone()),
            Box::new(err.clone()),
        ));
        let told = out.0.load(Relaxed) + err.0.load(Relaxed);
        assert!(told > 5, "{style:?} gave up after {told} lines");
    }
}

#[test]
fn headlines_say_which_rows() {
    let interval = |start, end| Scope::Interval(Window { start, end });
    let (from, to) = (Some(Micros(0)), Some(Micros(1_500_000)));
    for (scope, strategy, wanted) in [
        (Scope::Everything, Strategy::Replace, "everything; replace"),
        (Scope::Remaining, Strategy::Append, "the rest of what an earlier run began; append"),
        (interval(from, None), Strategy::Scd2, "changed from 1970-01-01 00:00:00 UTC on; scd2 by id"),
        (interval(None, to), Strategy::Merge, "changed up to 1970-01-01 00:00:01.5 UTC; merge by id"),
        (
            interval(from, to),
            Strategy::DeleteInsert,
            "changed from 1970-01-01 00:00:00 UTC to 1970-01-01 00:00:01.5 UTC; delete+insert",
        ),
    ] {
        let line = format::headline(&Start { scope, strategy, ..start() });
        assert_eq!(
            line,
            format!("tickets: Gorgias account acme → gorgias.tickets in duckdb file shop.duckdb; {wanted}")
        );
    }
}

#[test]
fn a_long_wait_says_until_when_and_again_that_it_goes_on() {
    let events = |reporter: &dyn Reporter| {
        reporter.event("tickets", &Event::Started(&start()));
        for (left, waited) in [(600, None), (540, Some(60))] {
            let wait = Duration::from_secs(left);
            reporter.event(
                "tickets",
                &Event::Waiting {
                    why: Wait::RateLimit,
                    wait,
                    waited: waited.map(Duration::from_secs),
                    until: Micros(NOON).plus(Duration::from_secs(601)),
                    elapsed: Duration::from_secs(601 - left),
                },
            );
        }
        reporter.event("tickets", &page(100, 602));
    };
    let log = shown(ProgressStyle::Log, events).1;
    insta::assert_snapshot!(log.lines().skip(2).collect::<Vec<_>>().join("\n"), @r"
    2025-11-22T11:54:04Z tickets: rate limit: 10 min 00 s, until 2025-11-22 12:04:04 UTC
    2025-11-22T11:55:04Z tickets: rate limit: 9 min 00 s more, until 2025-11-22 12:04:04 UTC
    2025-11-22T12:04:05Z tickets: 100 rows, 1 page, 0 rows/s, reached 2025-11-22 10:54:02, requests 12/40
    ");
    let json = shown(ProgressStyle::Json, events).1;
    insta::assert_snapshot!(json.lines().skip(1).collect::<Vec<_>>().join("\n"), @r#"
    {"event":"waiting","table":"tickets","why":"rate_limit","what":null,"attempt":null,"wait_ms":600000,"waited_ms":null,"until":"2025-11-22T12:04:04Z","elapsed_ms":1000,"version":1}
    {"event":"waiting","table":"tickets","why":"rate_limit","what":null,"attempt":null,"wait_ms":540000,"waited_ms":60000,"until":"2025-11-22T12:04:04Z","elapsed_ms":61000,"version":1}
    {"event":"progress","table":"tickets","rows":100,"pages":1,"rows_per_second":0,"reached":"2025-11-22T10:54:02.999999Z","requests":1,"budget_used":12,"budget_capacity":40,"rate_limited_ms":600000,"elapsed_ms":602000,"left_ms":null,"version":1}
    "#);
}

#[test]
fn an_outage_is_told_when_it_begins_and_when_it_ends() {
    let outage = |reporter: &dyn Reporter| {
        let (patience, elapsed) = (Duration::from_secs(900), Duration::from_secs(3));
        reporter.event("tickets", &Event::Started(&start()));
        reporter.event("tickets", &Event::Lost { why: "HTTP 503", patience, elapsed });
        let lasted = Duration::from_secs(250);
        reporter.event("tickets", &Event::Back { lasted, elapsed: Duration::from_secs(253) });
    };
    let last = |style, first| {
        let text = shown(style, outage).1;
        text.lines().skip(first).map(|line| format!("{line}\n")).collect::<String>()
    };
    insta::assert_snapshot!(last(ProgressStyle::Log, 2), @r"
    2025-11-22T11:54:06Z tickets: no answer (HTTP 503); it is asked again for up to 15 min 00 s
    2025-11-22T11:58:16Z tickets: it answers again, after 4 min 10 s
    ");
    insta::assert_snapshot!(last(ProgressStyle::Json, 1), @r#"
    {"event":"outage","table":"tickets","why":"HTTP 503","retry_for_ms":900000,"elapsed_ms":3000,"version":1}
    {"event":"outage_over","table":"tickets","lasted_ms":250000,"elapsed_ms":253000,"version":1}
    "#);
}
