//! `ingestr check`: what is said of both ends, and the exit code. Nothing may be written.

use std::time::Duration;

use gorgias_sim::{Fault, Options};
use insta::assert_snapshot;

use super::desk::{Desk, Run, options};

/// The budget drains while it is looked at.
fn drained() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\b\d+ of them in use", "N of them in use");
    settings.bind_to_scope()
}

fn check(desk: &Desk, more: &[&str]) -> Run {
    desk.ingestr(["check"].into_iter().chain(more.iter().copied())).env("SOURCE_URI", desk.uri())
}

#[test]
fn both_ends_as_they_should_be() {
    let desk = Desk::with(Options { unlimited: false, ..options() }, Duration::ZERO);
    let _filters = drained();
    let shown = check(&desk, &[]).env("DESTINATION_URI", "duckdb:///new/shop.duckdb").finish().well().shown();
    assert_snapshot!(shown, @r"
    --- stdout
    ok    account               acme.gorgias.com answers, status active, plan pro
    ok    user                  agent@acme.example, role admin
    ok    customers             may be read
    ok    tickets               may be read
    ok    ticket_messages       may be read
    ok    satisfaction_surveys  may be read
    ok    events                may be read: deletions and merges will be seen
    ok    budget                40 requests, N of them in use after this check
    ok    destination           duckdb file new/shop.duckdb can be written; nothing was copied to it yet
    exit code 0
    ");
    assert!(desk.files().is_empty(), "{:?}", desk.files());
    assert_eq!(desk.account().served(), 7, "one request for each line");

    desk.ingest("tickets,customers", &[]).finish().well();
    let shown = desk.ingestr(["check", "--dest-uri", "duckdb:///shop.duckdb"]);
    assert_snapshot!(shown.finish().well().shown(), @r"
    --- stdout
    ok    destination  duckdb file shop.duckdb can be written; 2 tables copied to it
    exit code 0
    ");
}

#[test]
fn what_the_credentials_may_not_do() {
    let desk = Desk::with(Options { role_can_read_events: false, ..options() }, Duration::ZERO);
    let _filters = drained();
    assert_snapshot!(check(&desk, &[]).finish().well().shown(), @r#"
    --- stdout
    ok    account               acme.gorgias.com answers, status active, plan pro
    ok    user                  agent@acme.example, role admin
    ok    customers             may be read
    ok    tickets               may be read
    ok    ticket_messages       may be read
    ok    satisfaction_surveys  may be read
    warn  events                these credentials may not read the events of Gorgias account acme: deletions and merges will not be seen
                                cause: GET /api/events?limit=1: HTTP 403 "You do not have enough permissions to perform this action."
                                hint: give the user who owns the key a role that may read it, or use an admin's key
    ok    budget                1,000,000 requests, N of them in use after this check
    exit code 0
    "#);
    desk.account().faults().on("/api/messages", 0, Fault::Forbidden);
    desk.account().faults().on("/api/account", 0, Fault::Forbidden);
    let done = check(&desk, &["--json"]).finish();
    assert_eq!(done.code(), Some(3), "{}", done.shown());
    let all: serde_json::Value = serde_json::from_str(&done.stdout).expect("one object");
    assert_eq!((&all["ok"], &all["exit_code"]), (&false.into(), &3.into()));
    let statuses: Vec<_> = all["checks"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|check| {
            format!("{} {}", check["status"].as_str().expect("text"), check["name"].as_str().expect("text"))
        })
        .collect();
    assert_eq!(
        statuses,
        [
            "warn account",
            "ok user",
            "ok customers",
            "ok tickets",
            "fail ticket_messages",
            "ok satisfaction_surveys",
            "warn events",
            "ok budget"
        ]
    );
    assert_eq!(all["checks"][4]["error"]["kind"], "authentication");
}

#[test]
fn a_source_that_is_no_use_is_asked_once() {
    let desk = Desk::new();
    desk.account().set_api_key("another");
    assert_snapshot!(check(&desk, &[]).finish().shown(), @r#"
    --- stdout
    fail  account  Gorgias account acme refused the credentials
                   cause: GET /api/account: HTTP 401 "Unauthorized."
                   hint: check api_key and email in --source-uri: the key is shown under Settings > Account > REST API, and the e-mail must be that of the user who owns it (an access_token may have expired)
    exit code 3
    "#);
    assert_eq!(desk.account().served(), 1);
    let nowhere = Desk::with(Options { unknown_tenant: true, ..options() }, Duration::ZERO);
    assert_snapshot!(check(&nowhere, &[]).finish().shown(), @r"
    --- stdout
    fail  account  there is no Gorgias account named `acme`
                   cause: GET /api/account: HTTP 404
                   hint: check the domain in --source-uri: it is the part before .gorgias.com in the address of the help desk, https://acme.gorgias.com
    exit code 4
    ");
}

#[test]
fn a_destination_that_is_no_database() {
    let desk = Desk::new();
    std::fs::write(desk.folder().join("shop.duckdb"), "not a database\n".repeat(1_000)).expect("a file");
    let dest = ["check", "--dest-uri", "duckdb:///shop.duckdb"];
    assert_snapshot!(desk.ingestr(dest).finish().shown(), @r#"
    --- stdout
    fail  destination  FOLDER/shop.duckdb is not a duckdb database, or is damaged
                       cause: IO Error: The file "FOLDER/shop.duckdb" exists, but it is not a valid DuckDB database file!
                       hint: restore it from a backup, or name another file in --dest-uri
    exit code 5
    "#);
}

#[test]
fn what_cannot_be_checked_as_typed() {
    let desk = Desk::new();
    let said =
        |more: &[&str]| desk.ingestr(["check"].into_iter().chain(more.iter().copied())).finish().shown();
    assert_snapshot!(said(&[]), @r"
    error: there is nothing to check: --source-uri and --dest-uri are missing
      hint: type one of them or both, or set INGESTR_SOURCE_URI and INGESTR_DESTINATION_URI in the environment
    exit code 2
    ");
    assert_snapshot!(said(&["--dest-uri", "mysql://x"]), @r"
    error: --dest-uri: `mysql` is not a scheme ingestr knows
      hint: use duckdb:///<file> or sqlite:///<file> or postgres://<user>[:<password>]@<host>[:<port>]/<database> or ducklake:///<catalog file>?data_path=<folder> or parquet:///<folder>, csv:///<folder>, jsonl:///<folder> or s3://<bucket>[/<prefix>] or az://<container>[/<prefix>] or bigquery://<project>[/<dataset>]
    exit code 2
    ");
    assert_snapshot!(said(&["--source-uri", "gorgias://acme"]), @r"
    error: --source-uri: the parameters api_key and email are missing
      hint: its form is gorgias://<domain>?api_key=<api-key>&email=<email>
    exit code 2
    ");
    assert_snapshot!(said(&["--json"]), @r#"
    --- stdout
    {"ok":false,"exit_code":2,"checks":[{"name":"command","status":"fail","found":"there is nothing to check: --source-uri and --dest-uri are missing","error":{"kind":"usage","exit_code":2,"message":"there is nothing to check: --source-uri and --dest-uri are missing","causes":[],"hint":"type one of them or both, or set INGESTR_SOURCE_URI and INGESTR_DESTINATION_URI in the environment"}}]}
    exit code 2
    "#);
}

#[test]
fn tables_of_another_account() {
    let desk = Desk::new();
    desk.ingest("tickets,customers", &[]).finish().well();
    let there = |account: &str| {
        let uri = desk.uri().replace("gorgias://acme", &format!("gorgias://{account}"));
        let shown = check(&desk, &["--dest-uri", "duckdb:///shop.duckdb"]).env("SOURCE_URI", uri);
        let shown = shown.finish().well().shown();
        let lines: Vec<&str> = shown.lines().skip_while(|line| !line.contains("destination ")).collect();
        lines.join("\n")
    };
    assert_snapshot!(there("acme"), @"
    ok    destination           duckdb file shop.duckdb can be written; 2 tables copied to it
    exit code 0
    ");
    assert_snapshot!(there("umbrella"), @"
    ok    destination           duckdb file shop.duckdb can be written; 2 tables copied to it (2 of account acme)
    warn  tables                no table there is of account umbrella; runs refuse those of others
                                hint: copy account umbrella into tables of its own, with --dest-table; or, if acme was renamed to umbrella: ingestr state move --from acme --to umbrella
    exit code 0
    ");
}

/// A variable of a scheduler that nobody set: what is checked is not less than what was meant.
#[test]
fn an_empty_uri_is_no_good_sign() {
    let desk = Desk::new();
    let good = "duckdb:///shop.duckdb";
    let said = |more: &[&str]| desk.ingestr(more.iter().copied()).finish().shown();
    assert_snapshot!(said(&["check", "--source-uri", "", "--dest-uri", good]), @r"
    error: --source-uri is empty
      hint: is the variable set? Use gorgias://<domain>?api_key=<api-key>&email=<email>
    exit code 2
    ");
    assert_snapshot!(check(&desk, &["--dest-uri", " "]).finish().shown(), @r"
    error: --dest-uri is empty
      hint: is the variable set? Use duckdb:///<file> or sqlite:///<file> or postgres://<user>[:<password>]@<host>[:<port>]/<database> or ducklake:///<catalog file>?data_path=<folder> or parquet:///<folder>, csv:///<folder>, jsonl:///<folder> or s3://<bucket>[/<prefix>] or az://<container>[/<prefix>] or bigquery://<project>[/<dataset>]
    exit code 2
    ");
    let variable = desk.ingestr(["check", "--dest-uri", good]).env("INGESTR_SOURCE_URI", "");
    assert_snapshot!(variable.finish().shown(), @r"
    error: --source-uri is empty
      hint: is the variable set? Use gorgias://<domain>?api_key=<api-key>&email=<email>
    exit code 2
    ");
    check(&desk, &[]).env("INGESTR_SOURCE_URI", "").finish().well();
    for command in [&["state", "show"][..], &["state", "reset", "--dest-table", "a.b"]] {
        let shown = said(&[command, &["--dest-uri", ""]].concat());
        assert!(shown.contains("--dest-uri is empty\n  hint: is the variable set?"), "{shown}");
    }
    for command in ["ingest", "plan"] {
        let tickets = ["--source-table", "tickets"];
        let shown = said(&[&[command, "--source-uri", "", "--dest-uri", good][..], &tickets].concat());
        assert!(shown.contains("--source-uri is empty\n  hint: is the variable set?"), "{shown}");
    }
    assert!(said(&["tables", ""]).contains("is empty"));
    assert!(desk.files().is_empty(), "{:?}", desk.files());
}
