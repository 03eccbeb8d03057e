//! `ingestr plan`: what is said before anything is read, that nothing is written, and the exit code.

use std::time::Duration;

use gorgias_sim::{Fault, Options};
use insta::assert_snapshot;

use super::desk::{Desk, Run, options};
use crate::support::world::FOUR;

fn plan(desk: &Desk, table: &str, more: &[&str]) -> Run {
    let usual = ["plan", "--source-table", table, "--dest-uri", "duckdb:///shop.duckdb"];
    desk.ingestr(usual.into_iter().chain(more.iter().copied())).env("SOURCE_URI", desk.uri())
}

/// Times depend on the machine.
fn timeless() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"  time  .*", "  time      TIME");
    settings.add_filter(r"\b\d+ of them in use", "N of them in use");
    settings.bind_to_scope()
}

#[test]
fn before_the_first_load_and_after_it() {
    let size = Options { tickets: 900, messages: 2_000, customers: 400, unlimited: false, ..options() };
    let desk = Desk::with(size, Duration::ZERO);
    let _filters = timeless();
    let to = ["--dest-table", "gorgias"];
    assert_snapshot!(plan(&desk, FOUR, &to).finish().well().shown(), @r"
    --- stdout
    4 tables together
      rows      about 3,400 (3,200 to 4,000)
      requests  about 43 (40 to 57)
      time      TIME
    customers → gorgias.customers: everything
      rows      400
      requests  6 to 8
      time      TIME
      known by  a look at all of it
    tickets → gorgias.tickets: everything
      rows      about 932 (844 to 1,100)
      requests  about 12 (11 to 16)
      time      TIME
      known by  pages read at some of its dates
    ticket_messages → gorgias.ticket_messages: everything
      rows      about 2,100 (1,900 to 2,500)
      requests  about 24 (22 to 30)
      time      TIME
      known by  the number of tickets, and how many messages those have
    satisfaction_surveys → gorgias.satisfaction_surveys: everything
      rows      20
      requests  1 to 3
      time      TIME
      known by  a look at all of it
    at 2 requests a second: a budget of 40 requests, N of them in use
    nothing was written; 17 requests were sent to find this out
    exit code 0
    ");
    assert!(desk.files().is_empty(), "{:?}", desk.files());
    assert!(desk.account().served() <= 40, "{} requests", desk.account().served());

    desk.account().set_api_key(super::desk::PLANTED);
    for _ in 0..3 {
        let to = ["--dest-table", "gorgias.satisfaction_surveys"];
        desk.ingest("satisfaction_surveys", &to).finish().well();
    }
    let before = std::fs::read(desk.folder().join("shop.duckdb")).expect("a file");
    let again = plan(&desk, "satisfaction_surveys", &["--dest-table", "gorgias.satisfaction_surveys"]);
    assert_snapshot!(again.finish().well().shown(), @r"
    --- stdout
    satisfaction_surveys → gorgias.satisfaction_surveys: what changed since 2026-08-02 02:03:11.888022 UTC
      rows      2
      requests  1
      time      TIME
      known by  a look at all of it
      before    the last runs took 1, 1
    at 2 requests a second: a budget of 40 requests, N of them in use
    nothing was written; 1 request was sent to find this out
    exit code 0
    ");
    assert!(
        before == std::fs::read(desk.folder().join("shop.duckdb")).expect("a file"),
        "the file was written"
    );
}

#[test]
fn as_json_for_programs() {
    let desk = Desk::new();
    let done = plan(&desk, "tickets,customers", &["--json", "--page-size", "5"]).finish().well();
    assert_eq!(done.stderr, "");
    let all: serde_json::Value = serde_json::from_str(&done.stdout).expect("one object");
    assert_eq!(all["tables"][0]["table"], "tickets");
    assert_eq!(all["tables"][0]["dest_table"], "main.tickets");
    assert_eq!(all["tables"][0]["rows"], serde_json::json!({"least": 60, "about": 60, "most": 60}));
    assert_eq!(
        (&all["tables"][0]["basis"], &all["tables"][0]["scope"]),
        (&"seen".into(), &"everything".into())
    );
    assert_eq!((&all["rows"]["about"], &all["tables"][0]["wide_because"]), (&90.into(), &().into()));
    assert_eq!(all["requests_sent"], 2);
    assert_eq!(all["notes"][0], "--page-size has no effect: Gorgias pages are always 100 rows");
}

#[test]
fn what_would_fail_fails_here_too() {
    let desk = Desk::new();
    let _filters = timeless();
    assert_snapshot!(plan(&desk, "ticket", &[]).finish().shown(), @r"
    error: Gorgias has no table `ticket`
      hint: did you mean `tickets`? Tables are customers, tickets, ticket_messages, satisfaction_surveys, and 27 more (`ingestr tables` lists all)
    exit code 2
    ");
    assert_snapshot!(plan(&desk, "ticket", &["--json"]).finish().shown(), @r#"
    --- stdout
    {"error":{"kind":"usage","exit_code":2,"message":"Gorgias has no table `ticket`","causes":[],"hint":"did you mean `tickets`? Tables are customers, tickets, ticket_messages, satisfaction_surveys, and 27 more (`ingestr tables` lists all)"}}
    exit code 2
    "#);
    assert_eq!(desk.account().served(), 0);
    desk.account().faults().on("/api/tickets", 0, Fault::Forbidden);
    assert_snapshot!(plan(&desk, "tickets,customers", &[]).finish().shown(), @r#"
    --- stdout
    2 tables together
      rows      30
      requests  2 to 4
      time      TIME
    tickets → main.tickets
      error: these credentials may not read table tickets of Gorgias account acme
        cause: GET /api/tickets?limit=100&order_by=created_datetime%3Adesc: HTTP 403 "You do not have enough permissions to perform this action."
        hint: give the user who owns the key a role that may read it, or use an admin's key
    customers → main.customers: everything
      rows      30
      requests  2 to 4
      time      TIME
      known by  a look at all of it
    at 50000 requests a second: a budget of 1,000,000 requests, N of them in use
    nothing was written; 2 requests were sent to find this out
    exit code 7
    "#);
    desk.account().set_api_key("another");
    let served = desk.account().served();
    assert_snapshot!(plan(&desk, FOUR, &[]).finish().shown(), @r#"
    error: Gorgias account acme refused the credentials
      cause: GET /api/customers?limit=100&order_by=created_datetime%3Adesc: HTTP 401 "Unauthorized."
      hint: check api_key and email in --source-uri: the key is shown under Settings > Account > REST API, and the e-mail must be that of the user who owns it (an access_token may have expired)
    exit code 3
    "#);
    assert_eq!(desk.account().served() - served, 1, "the others would meet the same");
    assert!(desk.files().is_empty(), "{:?}", desk.files());
}

#[test]
fn a_share_of_the_budget_takes_longer() {
    let size = Options { tickets: 900, unlimited: false, ..options() };
    let desk = Desk::with(size, Duration::ZERO);
    let look = |more: &[&str]| {
        let done = plan(&desk, "tickets", &[&["--full-refresh"], more].concat()).finish().well();
        done.stdout
    };
    let half = look(&["--budget", "35%"]);
    assert!(half.contains("at 0.7 requests a second: 35% of a budget of 40 requests, "), "{half}");
    let json = look(&["--json"]);
    let all: serde_json::Value = serde_json::from_str(&json).expect("one object");
    assert_eq!(all["requests_per_second"], 2.0);
}

#[test]
fn what_the_first_load_found_is_the_least_that_a_full_refresh_will() {
    let desk = Desk::with(Options { tickets: 2_000, ..options() }, Duration::ZERO);
    desk.ingest("tickets", &[]).finish().well();
    // This list has far fewer, and more than are seen at once.
    let shrunk = Desk::with(Options { tickets: 700, ..options() }, Duration::ZERO);
    let rows = |more: &[&str]| {
        let done = plan(&desk, "tickets", &[&["--source-uri", shrunk.uri(), "--json"], more].concat());
        let json = done.finish().well().stdout;
        let all: serde_json::Value = serde_json::from_str(&json).expect("one object");
        all["tables"][0]["rows"]["about"].as_u64().expect("a number")
    };
    let found = rows(&["--full-refresh"]);
    assert!((1_500..2_100).contains(&found), "{found} rows");
    let window = rows(&["--full-refresh", "--interval-start", "2020-01-01"]);
    assert!(window < 1_000, "{window} rows");
}

/// The re-scan of a list is part of a later run, and is told with the period that is kept.
#[test]
fn how_often_a_list_is_re_scanned() {
    let desk =
        Desk::with(Options { customers: 6_200, tickets: 10, messages: 10, ..options() }, Duration::ZERO);
    let _filters = timeless();
    let told = |more: &[&str]| {
        let done = plan(&desk, "customers", more).finish().well();
        let line = done.stdout.lines().find(|line| line.starts_with("  re-scan")).map(ToOwned::to_owned);
        line.unwrap_or_default()
    };
    assert_eq!(told(&[]), "", "nothing is known before the first load");
    desk.ingest("customers", &[]).finish().well();
    assert_eq!(told(&[]), "  re-scan   the whole list every 1d (--rescan)");
    assert_eq!(told(&["--rescan", "7d"]), "  re-scan   the whole list every 7d (--rescan)");
    assert_eq!(told(&["--rescan", "0"]), "  re-scan   never, as told by --rescan 0");
    // All of it is due by the next run, and more than a run may read.
    std::thread::sleep(Duration::from_millis(1_100));
    let ran = desk.ingest("customers", &["--rescan", "1s"]).finish().well();
    let warning = "a run reads 50 at most, and all of it takes 2 runs";
    assert!(ran.stderr.contains(warning), "{}", ran.shown());
    let line = told(&["--rescan", "1s"]);
    let kept = "  re-scan   the whole list, about 6";
    assert!(line.starts_with(kept) && line.contains(" pages, every 2 runs, which is "), "{line}");
    // What is due grows with the time since the last run, until all of it is.
    std::thread::sleep(Duration::from_millis(1_100));
    let json = plan(&desk, "customers", &["--json", "--rescan", "1s"]).finish().well().stdout;
    let all: serde_json::Value = serde_json::from_str(&json).expect("one object");
    assert_eq!(
        (&all["tables"][0]["rescan"]["period_s"], &all["tables"][0]["rescan"]["runs"]),
        (&1.into(), &2.into())
    );
    assert!(all["tables"][0]["requests"]["least"].as_u64() >= Some(50), "{json}");
    let shown = desk.ingestr(["state", "show", "--dest-uri", "duckdb:///shop.duckdb"]).finish().well().stdout;
    assert!(shown.contains("  re-scan        the whole list, about 6"), "{shown}");
}

/// What comes before anything is read is told, too.
#[test]
fn columns_that_are_filled_first_are_told() {
    let desk = Desk::new();
    let to = ["--dest-table", "gorgias.tickets"];
    desk.ingest("tickets", &to).finish().well();
    let older = duckdb::Connection::open(desk.folder().join("shop.duckdb")).unwrap();
    // As a version without such columns left it.
    older.execute_batch("UPDATE gorgias._ingestr_state SET filled = NULL").unwrap();
    drop(older);
    let told = "first fills customer_id, assignee_user_id, assignee_team_id, tag_names of stored rows from their JSON; \
                --no-backfill leaves them as they are";
    assert!(plan(&desk, "tickets", &to).finish().well().stdout.contains(told));
    let left = plan(&desk, "tickets", &[&to[..], &["--no-backfill"]].concat());
    assert!(!left.finish().well().stdout.contains("first fills"));
}
