//! A file that another program holds, for real: who it is, how long it is waited for, and what ends the wait.

use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use gorgias_sim::Options;
use insta::assert_snapshot;

use super::desk::{Desk, Running, options};

/// A desk with a file, and the path of it.
fn desk_with_a_file() -> (Desk, PathBuf) {
    let desk = Desk::new();
    desk.ingest("customers", &[]).finish().well();
    let file = desk.folder().join("shop.duckdb");
    (desk, file)
}

/// Opens the file as soon as nobody else has it open.
fn hold(file: &PathBuf) -> duckdb::Connection {
    loop {
        match duckdb::Connection::open(file) {
            Ok(holder) => return holder,
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

#[test]
fn it_is_told_once_who_holds_it_and_no_request_is_sent_in_vain() {
    let (desk, file) = desk_with_a_file();
    let served = desk.account().served();
    let holder = hold(&file);
    let done = desk.ingest("tickets", &["--wait=2s"]).finish();
    assert!(done.stderr.contains(&format!("(process {}); waiting", std::process::id())), "{}", done.shown());
    assert_snapshot!(done.shown(), @r"
    tickets: the duckdb file FOLDER/shop.duckdb is in use by PROGRAM; waiting for up to 2.0 s
    error: table main.tickets: the duckdb file FOLDER/shop.duckdb is in use by PROGRAM, still after 2.0 s
      hint: close the program that holds it, or wait longer for it with --wait
    exit code 5
    ");
    let done = desk.ingest("tickets", &["--wait=1500ms", "--quiet"]).finish();
    assert_snapshot!(done.shown(), @r"
    error: table main.tickets: the duckdb file FOLDER/shop.duckdb is in use by PROGRAM, still after 1.5 s
      failed: tickets; Gorgias account acme → duckdb file shop.duckdb
      safe: tickets: this run changed nothing
      hint: close the program that holds it, or wait longer for it with --wait
      exit code: 5
    exit code 5
    ");
    // Time enough for a busy machine to look again before it is over.
    let done = desk.ingest("tickets", &["--wait=4s", "--progress", "json"]).finish();
    let held: Vec<serde_json::Value> = done
        .stderr
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object"))
        .filter(|line: &serde_json::Value| line["event"] == "held")
        .collect();
    assert_eq!(held.len(), 1, "{}", done.shown());
    assert_eq!(held[0]["limit_ms"], 4_000);
    assert!(held[0]["by"].as_str().expect("text").contains("is in use by "), "{}", held[0]);
    assert_eq!(desk.account().served(), served, "a request was sent though nothing could be written");
    drop(holder);
    desk.ingest("tickets", &[]).finish().well();
}

/// A run that reads on while another program has opened the file behind its back, and waits with what it has read.
fn held_at_a_commit(desk: &Desk, more: &[&str]) -> (Running, duckdb::Connection) {
    let flags = [&["--flush-records", "1000", "--interval-start", "2020-01-01"], more].concat();
    let running = desk.ingest("tickets", &flags).start().until("committed 1,000 rows");
    let holder = hold(&desk.folder().join("shop.duckdb"));
    (running.until("; waiting for up to 10 min 00 s"), holder)
}

fn slow() -> Desk {
    Desk::with(Options { tickets: 4_000, messages: 4_000, ..options() }, Duration::from_millis(60))
}

#[test]
fn what_was_read_is_committed_once_it_is_free() {
    let desk = slow();
    let (running, holder) = held_at_a_commit(&desk, &[]);
    drop(holder);
    running.finish().well();
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(DISTINCT id) FROM tickets"), "4000");
    let served = desk.account().served();
    assert!(served <= 48, "{served} requests for 40 pages: some were read again");
}

#[test]
fn a_wish_to_stop_ends_the_wait_and_a_second_one_ends_it_at_once() {
    let desk = slow();
    let (running, holder) = held_at_a_commit(&desk, &[]);
    let began = Instant::now();
    let done = running.signal("TERM").finish();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(done.code(), Some(6), "{}", done.shown());
    let last: Vec<&str> = done.stderr.lines().rev().take(3).collect();
    assert_snapshot!(last.into_iter().rev().collect::<Vec<_>>().join("\n"), @r"
    error: stopped before table tickets was complete
      cause: table main.tickets: the duckdb file FOLDER/shop.duckdb is in use by PROGRAM
      hint: run the same command again; it goes on from what is stored
    ");
    drop(holder);
    let stored: u64 = desk.ask("shop.duckdb", "SELECT count(*) FROM tickets").parse().expect("a number");
    assert!(
        stored.is_multiple_of(1_000) && (1_000..4_000).contains(&stored),
        "whole commits, not {stored} rows"
    );

    let (running, holder) = held_at_a_commit(&slow(), &[]);
    let running = running.signal("INT");
    std::thread::sleep(Duration::from_millis(400));
    let done = running.signal("INT").finish();
    assert_eq!(done.code(), Some(6), "{}", done.shown());
    let last = done.stderr.lines().last();
    let closing = "error: stopped at once: what was read since the last commit is read again by the next run";
    assert_eq!(last, Some(closing), "{}", done.shown());
    drop(holder);
}

/// A run that was asked to stop while it reads tries to store what it has, for some seconds.
#[test]
fn what_cannot_be_stored_at_the_end_is_told() {
    let desk = slow();
    let flags = ["--flush-records", "1000", "--interval-start", "2020-01-01"];
    let running = desk.ingest("tickets", &flags).start().until("committed 1,000 rows");
    let holder = hold(&desk.folder().join("shop.duckdb"));
    std::thread::sleep(Duration::from_millis(200));
    let done = running.signal("TERM").finish();
    assert_eq!(done.code(), Some(6), "{}", done.shown());
    let told = "warning: what was read last could not be stored: table main.tickets: the duckdb file ";
    assert!(done.stderr.contains(told), "{}", done.shown());
    drop(holder);
    desk.ingest("tickets", &flags).finish().well();
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(DISTINCT id) FROM tickets"), "4000");
}

#[test]
fn a_wish_to_stop_ends_the_look_before_a_run_whatever_blocks_it() {
    let (desk, file) = desk_with_a_file();
    let holder = hold(&file);
    let running = desk.ingest("tickets", &["--wait"]).start().until("; waiting as long as it takes");
    let done = running.signal("HUP").finish();
    assert_eq!(done.code(), Some(6), "{}", done.shown());
    drop(holder);
    // Whoever opens a pipe to read from it waits for somebody to write: DuckDB reads a file's log when it opens it.
    let log = file.with_extension("duckdb.wal");
    assert!(Command::new("mkfifo").arg(&log).status().expect("there is a mkfifo").success());
    for signal in ["INT", "TERM"] {
        let running = desk.ingest("tickets", &[]).start();
        std::thread::sleep(Duration::from_secs(1));
        let done = running.signal(signal).finish();
        assert_eq!(done.code(), Some(6), "{}", done.shown());
        assert!(done.stderr.contains("stopped before table tickets was complete"), "{}", done.shown());
    }
}

#[test]
fn somebody_who_watches_waits_ten_seconds() {
    let (desk, file) = desk_with_a_file();
    let holder = hold(&file);
    let began = Instant::now();
    let dest = ["--dest-uri", "duckdb:///shop.duckdb"];
    let check = desk.ingestr(["check"].into_iter().chain(dest)).start();
    let state = desk.ingestr(["state", "show"].into_iter().chain(dest)).start();
    let flags = ["plan", "--source-table", "tickets,users"];
    let plan = desk.ingestr(flags.into_iter().chain(dest)).env("SOURCE_URI", desk.uri()).start();
    for running in [check, state, plan] {
        let done = running.finish();
        assert_eq!(done.code(), Some(5), "{}", done.shown());
        let told = done.shown().matches("; waiting for up to 10 s\n").count();
        assert_eq!(told, 1, "{}", done.shown());
        assert!(done.shown().contains(", still after 10 s\n"), "{}", done.shown());
    }
    assert!((9..16).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    drop(holder);
    // Who lets go in time keeps nobody.
    let holder = hold(&file);
    let check = desk.ingestr(["check"].into_iter().chain(dest)).start().until("; waiting for up to 10 s");
    drop(holder);
    check.finish().well();
}
