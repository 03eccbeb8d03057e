//! Several tables in one command: what is said, what is written, and the exit code.

use std::time::Duration;

use gorgias_sim::{Fault, Options};
use insta::assert_snapshot;

use super::desk::{Desk, options};
use crate::support::world::FOUR;

#[test]
fn all_tables_into_a_schema_and_again() {
    let desk = Desk::new();
    let _filters = timeless();
    let all = || desk.ingest(FOUR, &["--dest-table", "gorgias", "--flush-records", "20"]).finish().well();
    all();
    for (table, list) in [
        ("customers", "customers"),
        ("tickets", "tickets"),
        ("ticket_messages", "messages"),
        ("satisfaction_surveys", "satisfaction-surveys"),
    ] {
        let there = desk.ask("shop.duckdb", &format!("SELECT count(DISTINCT id) FROM gorgias.{table}"));
        assert_eq!(there, desk.account().count(list).to_string(), "{table}");
    }
    let ids = "SELECT count(*) || ' ' || count(DISTINCT run_id) FROM gorgias._ingestr_runs";
    assert_eq!(desk.ask("shop.duckdb", ids), "4 4", "a run of its own for each table");
    assert_snapshot!(said(&all().shown()), @r"
    4 tables: Gorgias account acme → duckdb file shop.duckdb
    customers → gorgias.customers; what changed since 2026-08-25 15:37:38.70357 UTC; merge by id
    satisfaction_surveys → gorgias.satisfaction_surveys; what changed since 2026-08-04 09:35:00.006862 UTC; merge by id
    ticket_messages → gorgias.ticket_messages; what changed since 2026-08-18 02:43:23.693141 UTC; merge by id
    tickets → gorgias.tickets; what changed since 2026-08-21 09:36:24.833587 UTC; merge by id
    customers: committed 1 row
    customers: done in 0.0 s, 1 row in 1 page
    satisfaction_surveys: committed 2 rows
    satisfaction_surveys: done in 0.0 s, 2 rows in 1 page
    ticket_messages: committed 0 rows
    ticket_messages: committed 1 row
    ticket_messages: done in 0.0 s, 1 row in 2 pages
    tickets: committed 1 row
    tickets: done in 0.0 s, 1 row in 1 page
    done in TIME: 4 tables of Gorgias account acme → duckdb file shop.duckdb
      table                 read  inserted  updated  unchanged  twice  deleted  rejected  requests   time  next start           outcome
      customers                1         0        0          1      0        0         0         2  0.0 s  2026-08-25 15:37:38  done
      tickets                  1         0        0          1      0        0         0         2  0.0 s  2026-08-21 09:36:24  done
      ticket_messages          1         0        0          1      0        0         0         3  0.0 s  2026-08-18 02:43:23  done
      satisfaction_surveys     2         0        0          2      0        0         0         1  0.0 s  2026-08-04 09:35:00  done
      total                    5         0        0          5      0        0         0         8  0.0 s
    exit code 0
    ");
    assert_eq!(desk.files(), ["shop.duckdb"], "leftovers");
}

/// Two flags say what one says with a comma.
#[test]
fn tables_that_are_named_one_by_one_add_up() {
    let desk = Desk::new();
    let more = ["--source-table", "customers", "--source-table", "tickets,tags"];
    desk.ingest("tickets", &more).finish().well();
    let tables = "SELECT string_agg(table_name, ' ' ORDER BY table_name) FROM duckdb_tables() WHERE table_name NOT LIKE '_ingestr_%'";
    assert_eq!(desk.ask("shop.duckdb", tables), "customers tags tickets");
    desk.ingest(FOUR, &["--source-table", "users,ticket_tags"]).finish().well();
    let all = "customers satisfaction_surveys tags ticket_messages ticket_tags tickets users";
    assert_eq!(desk.ask("shop.duckdb", tables), all);
}

/// Times of single tables, in lines and in the receipt.
fn timeless() -> insta::internals::SettingsBindDropGuard {
    let mut settings = insta::Settings::clone_current();
    settings.add_filter(r"\b\d\.\d s\b", "0.0 s");
    settings.bind_to_scope()
}

/// What was said, in an order of its own: which table is the first to commit is a matter of chance.
fn said(shown: &str) -> String {
    let (moving, rest): (Vec<&str>, Vec<&str>) =
        shown.lines().partition(|line| line.contains("Z ") && !line.starts_with(' '));
    let mut moving: Vec<&str> =
        moving.into_iter().filter_map(|line| line.split_once("Z ")).map(|(_, said)| said).collect();
    // How many lines of progress there are depends on the machine.
    moving.retain(|line| !line.contains(" rows/s"));
    moving.sort_unstable();
    let mut starts: Vec<&str> = rest
        .iter()
        .copied()
        .take_while(|line| !["done", "partly", "failed"].iter().any(|end| line.starts_with(end)))
        .collect();
    starts.sort_unstable();
    let end = &rest[starts.len()..];
    [starts, moving, end.to_vec()].concat().join("\n")
}

#[test]
fn a_table_that_fails_does_not_stop_the_others() {
    let desk = Desk::with(Options { tickets: 500, messages: 500, ..options() }, Duration::ZERO);
    desk.account().faults().on("/api/tickets", 3, Fault::Forbidden);
    let done = desk.ingest("customers,tickets", &["--dest-table", "raw.g_{table}"]).finish();
    assert_eq!(done.code(), Some(7));
    // How far the other one came by then is a matter of chance.
    let shown = said(&done.shown());
    for line in [
        "2 tables: Gorgias account acme → duckdb file shop.duckdb",
        "customers → raw.g_customers; everything; merge by id",
        "error: these credentials may not read table tickets of Gorgias account acme",
        "  hint: give the user who owns the key a role that may read it, or use an admin's key",
        "error: 1 of 2 tables is not complete: tickets",
        "  hint: each table says above what to do; the same command goes on from what is stored",
        "exit code 7",
    ] {
        assert!(shown.lines().any(|there| there == line), "`{line}` is not in\n{shown}");
    }
    let row = |table: &str| {
        let rows = shown.lines().filter(|line| line.starts_with("  "));
        rows.map(|row| row.split_whitespace().collect::<Vec<_>>()).find(|row| row[0] == table)
    };
    assert_eq!(row("customers").and_then(|row| row.last().copied()), Some("done"));
    assert_eq!(row("tickets").and_then(|row| row.last().copied()), Some("failed"));
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(*) FROM raw.g_customers"), "30");
    desk.ingest("customers,tickets", &["--dest-table", "raw.g_{table}"]).finish().well();
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(DISTINCT id) FROM raw.g_tickets"), "500");
}

#[test]
fn credentials_that_are_refused_are_told_once() {
    let desk = Desk::new();
    let _filters = timeless();
    desk.account().set_api_key("another");
    assert_snapshot!(said(&desk.ingest("tickets,customers", &[]).finish().shown()), @r#"
    2 tables: Gorgias account acme → duckdb file shop.duckdb
    customers → main.customers; everything; merge by id
    tickets → main.tickets; everything; merge by id
    customers: failed after 0.0 s, 0 rows in 0 pages
    tickets: failed after 0.0 s, 0 rows in 0 pages
    failed after TIME: 2 tables of Gorgias account acme → duckdb file shop.duckdb
      table      read  inserted  updated  unchanged  twice  deleted  rejected  requests   time  next start          outcome
      tickets       0         0        0          0      0        0         0         1  0.0 s  from the beginning  failed
      customers     0         0        0          0      0        0         0         1  0.0 s  from the beginning  failed
      total         0         0        0          0      0        0         0         2  0.0 s
    error: Gorgias account acme refused the credentials
      cause: GET /api/tickets?limit=100&order_by=created_datetime%3Adesc: HTTP 401 "Unauthorized."
      hint: check api_key and email in --source-uri: the key is shown under Settings > Account > REST API, and the e-mail must be that of the user who owns it (an access_token may have expired)
    exit code 3
    "#);
    assert!(desk.files().is_empty(), "{:?}", desk.files());
}

#[test]
fn ctrl_c_stops_all_and_each_goes_on_from_its_last_commit() {
    let latency = Duration::from_millis(100);
    let desk =
        Desk::with(Options { customers: 3_000, tickets: 3_000, messages: 3_000, ..options() }, latency);
    let ingest = |more: &[&str]| desk.ingest("customers,tickets", more);
    let running = ingest(&["--flush-records", "300", "--progress", "json"]).start();
    let done = running.until("\"event\":\"committed\",\"table\":\"tickets\"").signal("TERM").finish();
    assert_eq!(done.code(), Some(6), "{}", done.shown());
    let end: serde_json::Value = serde_json::from_str(&done.stdout).expect("one object");
    assert_eq!(end["outcome"], "interrupted");
    assert_eq!(end["error"]["message"], "stopped before 2 of 2 tables were complete: customers, tickets");
    let stored = |table: &str| -> usize {
        desk.ask("shop.duckdb", &format!("SELECT count(*) FROM {table}")).parse().expect("a number")
    };
    let before = stored("customers") + stored("tickets");
    // The commit that was waited for, and whatever the tables had read when they were stopped.
    assert!((300..6_000).contains(&before), "{before}");
    let read = end["totals"]["read"].as_u64().expect("a number");
    assert_eq!(before as u64, read, "what was read is stored");

    // What was under way when the run was stopped is served for as long as an answer takes, and is none of the next run's.
    std::thread::sleep(3 * latency);
    let served = desk.account().served();
    ingest(&[]).finish().well();
    assert_eq!((stored("customers"), stored("tickets")), (3_000, 3_000));
    let pages = desk.account().served() - served;
    assert!(pages < 64 - read / 100 + 8, "it read {pages} pages, as if nothing had been there");
    assert_eq!(desk.files(), ["shop.duckdb"], "leftovers");
}

#[test]
fn a_table_in_use_elsewhere_leaves_the_others_to_their_work() {
    // Slow enough that the file is free most of the time.
    let desk = Desk::with(Options { tickets: 3_000, ..options() }, Duration::from_millis(600));
    let other = desk.ingest("tickets", &["--flush-records", "300"]).start().until("committed 300 rows");
    let done = desk.ingest("tickets,customers", &["--progress", "json"]).finish();
    assert_eq!(done.code(), Some(7), "{}", done.shown());
    let end: serde_json::Value = serde_json::from_str(&done.stdout).expect("one object");
    let outcomes: Vec<_> = (0..2).map(|n| end["tables"][n]["outcome"].as_str()).collect();
    assert_eq!(outcomes, [Some("failed"), Some("success")], "{end}");
    assert_eq!(end["tables"][0]["error"]["kind"], "destination");
    drop(other.signal("INT").finish());
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(*) FROM customers"), "30");
}

/// What is wrong with the schema as a whole is said once, and the question that is printed can be asked all the same.
#[test]
fn a_schema_with_the_name_of_the_file_is_told_of_once() {
    let desk = Desk::new();
    let flags = ["--dest-table", "shop"];
    let done = desk.ingest("customers,tickets,users,tags", &flags).finish().well();
    let said = |text: &str| text.matches("has the name of the file").count();
    assert_eq!(said(&done.stderr), 1, "{}", done.stderr);
    let asked = done.stderr.lines().find(|line| line.starts_with("ask it:")).expect("a question");
    assert!(asked.contains(" FROM shop.shop.tickets "), "{asked}");
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(*) FROM shop.shop.tickets"), "60");
    let plan = ["plan", "--source-table", "customers,tickets,users", "--dest-table", "shop"];
    let plan =
        desk.ingestr(plan).env("SOURCE_URI", desk.uri()).env("DESTINATION_URI", "duckdb:///shop.duckdb");
    assert_eq!(said(&plan.finish().well().stdout), 1);
}

/// What the docs show of a run is what one of today shows.
#[test]
fn the_receipt_in_the_docs_has_the_tables_and_columns_of_today() {
    let docs = include_str!("../../docs/runs.md");
    let desk = Desk::new();
    let said = desk.ingest("*", &["--dest-table", "gorgias"]).finish().well().shown();
    let tables = |text: &str| {
        let head = text.lines().find(|line| line.contains(" tables: Gorgias account acme")).expect("a head");
        head.split(' ').next().expect("a number").to_owned()
    };
    let columns = |text: &str| {
        let head = text.lines().find(|line| line.starts_with("  table ")).expect("a receipt");
        head.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((tables(docs), columns(docs)), (tables(&said), columns(&said)));
}
