//! The key of the account is nowhere but in the requests. (That no run prints it, every test here checks.)

use std::time::Duration;

use gorgias_sim::{Fault, Options};
use ingestr::api::http::surroundings::Surroundings;

use super::desk::{Desk, PLANTED, basic, options};

/// No file on the desk has the key in it, plain or as the header carries it.
fn nowhere(desk: &Desk) {
    let files = desk.files();
    for file in &files {
        let path = desk.folder().join(file);
        let bytes = if path.is_file() { std::fs::read(&path).expect("a file") } else { Vec::new() };
        for secret in [PLANTED.to_owned(), basic(PLANTED), "api_key=".into()] {
            let there = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!there, "{file} holds {secret}");
        }
    }
}

#[test]
fn a_good_run_leaves_no_key_anywhere() {
    let desk = Desk::new();
    for table in ["customers", "tickets", "ticket_messages", "satisfaction_surveys"] {
        desk.ingest(table, &["--debug"]).finish().well();
    }
    assert_eq!(desk.files(), ["shop.duckdb"]);
    nowhere(&desk);
}

#[test]
fn a_failing_run_leaves_no_key_anywhere() {
    let desk = Desk::with(Options { tickets: 500, messages: 500, ..options() }, Duration::ZERO);
    // None of those that a cursor gets which is no longer known: the place would be found again without it.
    for fault in [Fault::Forbidden, Fault::Status(405), Fault::Status(451)] {
        desk.account().faults().nth(2, fault);
        let done = desk.ingest("tickets", &["--debug", "--full-refresh"]).finish();
        assert_ne!(done.code(), Some(0), "{}", done.shown());
        nowhere(&desk);
    }
    desk.account().set_api_key("another");
    let done = desk.ingest("tickets", &["--debug", "--progress", "json"]).finish();
    assert_eq!(done.code(), Some(3), "{}", done.shown());
    nowhere(&desk);
}

#[test]
fn a_key_typed_in_the_wrong_place_is_not_repeated() {
    let desk = Desk::new();
    let uri = format!("gorgias://acme?api_key={PLANTED}&email=a@b.c");
    for arguments in [
        vec!["ingest", "--source-table", &uri],
        vec!["ingest", "--dest-uri", &uri, "--source-uri", "x", "--source-table", "tickets"],
        vec!["ingest", "--dest-table", &uri, "--source-uri", &uri, "--source-table", "tickets"],
        vec!["ingest", &uri],
        vec!["ingest", "--no-such-flag", &uri],
        vec!["tables", &uri, &uri],
        vec![uri.as_str()],
    ] {
        let done = desk.ingestr(arguments).finish();
        assert_eq!(done.code(), Some(2), "{}", done.shown());
    }
    let done = desk.ingest("tickets", &[]).env("INTERVAL_START", &uri).finish();
    assert_eq!(done.code(), Some(2), "{}", done.shown());
}

#[test]
fn nothing_that_can_be_printed_for_debugging_shows_a_key() {
    let uri = format!("gorgias://acme?api_key={PLANTED}&email=a@b.c");
    let argv = ["ingestr", "ingest", "--source-uri", &uri].map(Into::into).to_vec();
    let command = ingestr::api::cli::parse(argv, &|_| None).expect("a command");
    let source = ingestr::api::source::entry(&uri)
        .and_then(|entry| entry.open(&uri, &Surroundings::default()))
        .expect("a source");
    let shown = format!("{command:?} {source:?}");
    assert!(shown.contains("acme"), "{shown}");
    assert!(!shown.contains(PLANTED) && !shown.contains(&basic(PLANTED)), "{shown}");
}
