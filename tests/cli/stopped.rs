//! Runs that do not come to their end: signals, a source that fails half-way, a destination that is none, output that nobody
//! gets.

use std::time::Duration;

use gorgias_sim::{Fault, Options, Response};
use insta::assert_snapshot;

use super::desk::{Desk, Run, Running, options};

#[test]
fn ctrl_c_keeps_what_was_committed_and_the_next_run_goes_on() {
    let desk =
        Desk::with(Options { tickets: 6_000, messages: 6_000, ..options() }, Duration::from_millis(700));
    let running = desk.ingest("tickets", &["--flush-records", "3000"]).start();
    let done = running.until("committed 3,000 rows").signal("INT").finish();
    assert_eq!(done.code(), Some(6), "{}", done.shown());
    let last: Vec<&str> = done.stderr.lines().rev().take(2).collect();
    assert_snapshot!(last.into_iter().rev().collect::<Vec<_>>().join("\n"), @r"
    error: stopped before table tickets was complete
      hint: run the same command again; it goes on from what is stored
    ");
    let there: u64 = desk.ask("shop.duckdb", "SELECT count(*) FROM tickets").parse().expect("a number");
    assert!((3_000..6_000).contains(&there), "{there}");

    let before = desk.account().served();
    let again = desk.ingest("tickets", &[]).finish().well();
    assert!(again.stderr.contains("the rest of what an earlier run began"), "{}", again.shown());
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(DISTINCT id) FROM tickets"), "6000");
    let pages = desk.account().served() - before;
    assert!(pages < 48, "it read {pages} pages, as if nothing had been there");
    assert_eq!(desk.files(), ["shop.duckdb"], "leftovers");
}

#[test]
fn a_source_that_fails_half_way_is_named_and_what_was_read_stays() {
    let desk = Desk::with(Options { tickets: 500, messages: 500, ..options() }, Duration::ZERO);
    desk.account().faults().nth(3, Fault::Forbidden);
    // From a start on, there is one walk, and one request after another.
    let flags = ["--interval-start", "2020-01-01"];
    assert_snapshot!(desk.ingest("tickets", &flags).finish().shown(), @r#"
    tickets: Gorgias account acme → main.tickets in duckdb file shop.duckdb; changed from 2020-01-01 00:00:00 UTC on; merge by id
    NOW tickets: committed 300 rows
    failed after TIME: tickets → main.tickets in duckdb file shop.duckdb
      read        300  rows in 3 pages
      inserted    300
      updated       0
      unchanged     0
      deleted       0
      rejected      0
      requests      4  none repeated
      stopped at  2026-04-27 03:29:22.250172 UTC
      next start  with what is left; what was committed stays
    error: these credentials may not read table tickets of Gorgias account acme
      cause: GET /api/tickets?limit=100&order_by=updated_datetime%3Adesc&cursor=CURSOR: HTTP 403 "You do not have enough permissions to perform this action."
      hint: give the user who owns the key a role that may read it, or use an admin's key
    exit code 3
    "#);
    let there: u64 = desk.ask("shop.duckdb", "SELECT count(*) FROM tickets").parse().expect("a number");
    assert!((100..500).contains(&there), "{there}");
    desk.ingest("tickets", &flags).finish().well();
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(DISTINCT id) FROM tickets"), "500");
}

/// The API asks for ten minutes in the middle, and the program is killed after the first seconds of them.
#[test]
fn what_was_read_before_a_wait_outlives_kill_9() {
    let desk = Desk::with(Options { tickets: 800, messages: 800, ..options() }, Duration::ZERO);
    let later = Response {
        status: 503,
        headers: vec![("retry-after".into(), "600".into())],
        body: r#"{"error":{"msg":"later"}}"#.into(),
    };
    desk.account().faults().nth(3, Fault::Answer(later));
    let flags = ["--interval-start", "2020-01-01", "--flush-interval", "1s"];
    let running = desk.ingest("tickets", &flags).start();
    let killed = running.until("committed 300 rows").signal("KILL").finish();
    assert!(
        killed.stderr.contains("tickets: HTTP 503, attempt 2: 10 min 00 s, until 20"),
        "{}",
        killed.shown()
    );
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(*) FROM tickets"), "300");
    let before = desk.account().served();
    desk.ingest("tickets", &flags).finish().well();
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(DISTINCT id) FROM tickets"), "800");
    let pages = desk.account().served() - before;
    assert!(pages <= 8, "it read {pages} pages, as if nothing had been there");
}

#[test]
fn a_file_that_is_no_database() {
    let desk = Desk::new();
    let text = "not a database\n".repeat(1_000);
    std::fs::write(desk.folder().join("shop.duckdb"), &text).expect("a file");
    assert_snapshot!(desk.ingest("tickets", &[]).finish().shown(), @r#"
    error: table main.tickets: FOLDER/shop.duckdb is not a duckdb database, or is damaged
      cause: IO Error: The file "FOLDER/shop.duckdb" exists, but it is not a valid DuckDB database file!
      hint: restore it from a backup, or name another file in --dest-uri
    exit code 5
    "#);
    assert_eq!(std::fs::read_to_string(desk.folder().join("shop.duckdb")).expect("text"), text);
    assert_eq!(desk.account().served(), 0);
}

/// A run that has made a commit, and has some more pages to come.
fn under_way(desk: &Desk, line: &str) -> Running {
    Run::in_shell(desk, line).env("SOURCE_URI", desk.uri()).start().until("committed ")
}

const SLOW: Duration = Duration::from_millis(250);
const INGEST: &str =
    "ingestr ingest --source-table tickets --dest-uri duckdb:///shop.duckdb --flush-records 1000";

/// So many tickets that a run is still reading after its first commit.
fn large() -> Options {
    Options { tickets: 4_000, messages: 4_000, ..options() }
}

#[test]
fn the_end_of_the_session_is_a_wish_to_stop_unless_it_was_started_under_nohup() {
    let desk = Desk::with(large(), SLOW);
    let done = under_way(&desk, &format!("exec {INGEST}")).signal("HUP").finish();
    assert_eq!(done.code(), Some(6), "{}", done.shown());
    assert!(done.stderr.contains("error: stopped before table tickets was complete"), "{}", done.shown());
    let stored: u64 = desk.ask("shop.duckdb", "SELECT count(*) FROM tickets").parse().expect("a number");
    let read = done.stderr.lines().find_map(|line| line.trim().strip_prefix("read")).expect("a receipt");
    let read: u64 =
        read.split_whitespace().next().and_then(|n| n.replace(',', "").parse().ok()).expect("rows");
    assert_eq!(stored, read, "all that was read is stored: {}", done.shown());

    let desk = Desk::with(large(), SLOW);
    let nohup = format!("PATH=$PATH:/usr/bin:/bin; exec nohup {INGEST}");
    under_way(&desk, &nohup).signal("HUP").finish().well();
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(*) FROM tickets"), "4000");
}

/// `timeout` sends its signal to the program, and then to the group that it is in.
#[test]
fn a_signal_that_comes_twice_at_once_is_one() {
    let desk = Desk::with(large(), SLOW);
    let done = under_way(&desk, &format!("exec {INGEST}")).signals(&["TERM", "TERM"]).finish();
    assert_eq!(done.code(), Some(6), "{}", done.shown());
    assert!(done.stderr.contains("error: stopped before table tickets was complete"), "{}", done.shown());
}

#[test]
fn a_receipt_that_nobody_gets_is_no_success() {
    for (more, flags) in [("> /dev/full", "--progress json"), ("2> /dev/full", "--progress log")] {
        let desk = Desk::new();
        let line = format!("{INGEST} {flags} {more}");
        let done = Run::in_shell(&desk, &line).env("SOURCE_URI", desk.uri()).finish();
        assert_eq!(done.code(), Some(1), "{more}: {}", done.shown());
        let told = "error: receipt not written; the rows are committed";
        assert_eq!(done.stderr.contains(told), !more.starts_with('2'), "{more}: {}", done.shown());
        assert_eq!(desk.ask("shop.duckdb", "SELECT count(*) FROM tickets"), "60");
        // There is nothing to be told, and so nothing that nobody gets.
        let again = Run::in_shell(&desk, &format!("{INGEST} --quiet {more}")).env("SOURCE_URI", desk.uri());
        again.finish().well();
    }
}

#[test]
fn the_receipt_of_a_replacement_that_goes_on_says_what_it_does_not_know() {
    let desk = Desk::with(large(), SLOW);
    let done = under_way(&desk, &format!("exec {INGEST} --full-refresh")).signal("TERM").finish();
    assert_eq!(done.code(), Some(6), "{}", done.shown());
    let done = Run::in_shell(&desk, &format!("{INGEST} --full-refresh --progress json"));
    let done = done.env("SOURCE_URI", desk.uri()).finish().well();
    let receipt: serde_json::Value = serde_json::from_str(&done.stdout).expect("one object");
    let table = &receipt["tables"][0];
    assert!(table["read"].as_u64() < table["inserted"].as_u64(), "{receipt}");
    assert_eq!((table["inserted"].as_u64(), &table["read_again"]), (Some(4_000), &serde_json::Value::Null));
    assert_eq!(receipt["totals"]["read_again"], serde_json::Value::Null);
}
