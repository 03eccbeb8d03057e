//! `ingestr state`: what is shown of earlier runs, and what is forgotten.

use std::time::Duration;

use gorgias_sim::{Fault, Options};
use insta::assert_snapshot;

use super::desk::{Desk, options};

const SHOP: [&str; 2] = ["--dest-uri", "duckdb:///shop.duckdb"];

fn show(desk: &Desk, more: &[&str]) -> String {
    desk.ingestr(["state", "show"].into_iter().chain(SHOP).chain(more.iter().copied())).finish().shown()
}

fn reset(desk: &Desk, more: &[&str]) -> String {
    desk.ingestr(["state", "reset"].into_iter().chain(SHOP).chain(more.iter().copied())).finish().shown()
}

fn json(desk: &Desk) -> serde_json::Value {
    let done = desk.ingestr(["state", "show", "--json"].into_iter().chain(SHOP)).finish().well();
    assert_eq!(done.stderr, "");
    serde_json::from_str(&done.stdout).expect("JSON")
}

#[test]
fn of_a_destination_that_nothing_was_copied_to() {
    let desk = Desk::new();
    assert_snapshot!(show(&desk, &[]), @r"
    --- stdout
    nothing is remembered in duckdb file shop.duckdb: the next run of any table is a first one
    exit code 0
    ");
    assert_eq!(json(&desk), serde_json::json!([]));
    assert_snapshot!(reset(&desk, &["--dest-table", "main.tickets"]), @r"
    error: nothing is remembered of table main.tickets in duckdb file shop.duckdb
      hint: nor of any other table: check --dest-uri
    exit code 2
    ");
    assert!(desk.files().is_empty(), "{:?}", desk.files());
}

#[test]
fn complete_tables_and_their_last_runs() {
    let desk = Desk::new();
    desk.ingest("tickets", &["--dest-table", "shop.Tickets"]).finish().well();
    desk.ingest("customers", &["--interval-start", "2020-01-01"]).finish().well();
    for _ in 0..6 {
        desk.ingest("customers", &[]).finish().well();
    }
    assert_snapshot!(show(&desk, &[]), @r"
    --- stdout
    main.customers  customers of account acme
      changed up to  2026-08-25 15:37:38.70357 UTC
      history        since 2020-01-01 00:00:00 UTC; older rows were never asked for
      re-scan        the whole list every 1d (--rescan)
      last runs      NOW UTC  success, in TIME, 1 row, 2 requests
                     NOW UTC  success, in TIME, 1 row, 2 requests
                     NOW UTC  success, in TIME, 1 row, 2 requests
                     NOW UTC  success, in TIME, 1 row, 2 requests
                     NOW UTC  success, in TIME, 1 row, 2 requests

    shop.Tickets  tickets of account acme
      changed up to  2026-08-21 09:36:24.833587 UTC
      history        complete
      re-scan        the whole list every 1d (--rescan)
      last runs      NOW UTC  success, in TIME, 60 rows, 2 requests
    exit code 0
    ");
    assert_snapshot!(show(&desk, &["--dest-table", "SHOP.tickets"]), @r"
    --- stdout
    shop.Tickets  tickets of account acme
      changed up to  2026-08-21 09:36:24.833587 UTC
      history        complete
      re-scan        the whole list every 1d (--rescan)
      last runs      NOW UTC  success, in TIME, 60 rows, 2 requests
    exit code 0
    ");
    let shown = desk.ingestr(["state", "show"]).env("DESTINATION_URI", SHOP[1]).finish().well();
    assert_eq!(shown.shown(), show(&desk, &[]), "the destination comes from the environment, too");

    let json = json(&desk);
    let tables: Vec<_> = json.as_array().expect("a list").iter().map(|one| &one["table"]).collect();
    assert_eq!(tables, ["customers", "Tickets"]);
    let mut customers = json[0].clone();
    assert_eq!(customers["runs"].as_array().map(Vec::len), Some(5));
    for changing in ["run_id", "started_at", "ended_at", "elapsed_ms"] {
        assert!(!customers["runs"][0][changing].take().is_null(), "{changing}");
    }
    assert_eq!(customers["state"]["progress"]["version"], 3);
    assert!(customers["state"]["progress"].take().is_object());
    assert!(customers["state"]["updated_at"].take().is_string());
    customers["runs"].as_array_mut().expect("a list").truncate(1);
    assert_snapshot!(serde_json::to_string_pretty(&customers).expect("JSON"), @r#"
    {
      "account": "acme",
      "source_table": "customers",
      "schema": "main",
      "table": "customers",
      "state": {
        "version": 1,
        "readable": true,
        "watermark": "2026-08-25T15:37:38.70357Z",
        "covered_since": "2020-01-01T00:00:00Z",
        "unfinished": false,
        "updated_at": null,
        "rescan": {
          "period_s": 86400,
          "pages": 1,
          "runs": null
        },
        "progress": null
      },
      "aside": null,
      "lease": null,
      "runs": [
        {
          "run_id": null,
          "started_at": null,
          "ended_at": null,
          "elapsed_ms": null,
          "outcome": "success",
          "rows_read": 1,
          "requests": 2,
          "error": null
        }
      ]
    }
    "#);
}

#[test]
fn a_pass_that_was_not_finished_and_why() {
    let desk = Desk::with(Options { tickets: 500, messages: 500, ..options() }, Duration::ZERO);
    desk.account().faults().nth(3, Fault::Forbidden);
    // From a start on, there is one walk, and one request after another.
    desk.ingest("tickets", &["--interval-start", "2020-01-01"]).finish();
    assert_snapshot!(show(&desk, &[]), @r"
    --- stdout
    main.tickets  tickets of account acme
      changed up to  nothing yet
      unfinished     a pass is unfinished; the next run goes on with it
      last runs      NOW UTC  failed, in TIME, 300 rows, 4 requests: these credentials may not read table tickets of Gorgias account acme
    exit code 0
    ");
    let all = json(&desk);
    assert_eq!(
        (&all[0]["state"]["unfinished"], &all[0]["runs"][0]["outcome"]),
        (&true.into(), &"failed".into())
    );
}

#[test]
fn rows_kept_aside_for_a_replacement() {
    let desk = Desk::with(Options { tickets: 500, messages: 500, ..options() }, Duration::ZERO);
    desk.ingest("tickets", &[]).finish().well();
    desk.account().faults().nth(3, Fault::Forbidden);
    desk.ingest("tickets", &["--full-refresh"]).finish();
    let shown = show(&desk, &[]);
    assert!(
        shown.contains(
            "  staging        rows of an unfinished replacement, not visible yet; the same command goes on with them, any other run of this table drops them\n"
        ),
        "{shown}"
    );
    assert_eq!(json(&desk)[0]["aside"]["unfinished"], true);
    let forgot = reset(&desk, &["--dest-table", "tickets"]);
    assert!(forgot.contains(" and the staged rows of an unfinished replacement\n"), "{forgot}");
    assert_eq!(json(&desk), serde_json::json!([]));
}

#[test]
fn a_run_that_goes_on_is_named_and_not_disturbed() {
    let desk =
        Desk::with(Options { tickets: 6_000, messages: 6_000, ..options() }, Duration::from_millis(900));
    let running = desk.ingest("tickets", &["--flush-records", "300"]).start().until("committed 300 rows");
    let pid = running.pid();
    let shown = show(&desk, &[]);
    assert!(
        shown.contains("  in use         by a run since ") && shown.contains(&format!("process {pid};")),
        "{shown}"
    );
    assert!(shown.contains(" UTC  running, in ") && shown.contains("a pass is unfinished"), "{shown}");
    let refused = reset(&desk, &["--dest-table", "tickets"]);
    assert!(refused.starts_with("error: table main.tickets is being loaded by another run"), "{refused}");
    assert!(refused.ends_with("  hint: wait until it is done, or stop it first\nexit code 5"), "{refused}");

    running.signal("KILL").finish();
    let shown = show(&desk, &[]);
    assert!(shown.contains(" UTC  cut off, in ") && !shown.contains("in use"), "{shown}");
    assert_eq!(json(&desk)[0]["runs"][0]["outcome"], "cut_off");
    let forgot = reset(&desk, &["--dest-table", "tickets"]);
    assert!(forgot.contains("forgot how far its first load had come"), "{forgot}");
}

#[test]
fn a_table_that_was_forgotten_keeps_its_rows_and_is_read_anew() {
    let desk = Desk::new();
    desk.ingest("tickets", &[]).finish().well();
    desk.ingest("customers", &[]).finish().well();
    assert_snapshot!(reset(&desk, &["--dest-table", "main.TICKETS"]), @r"
    --- stdout
    main.tickets in duckdb file shop.duckdb, tickets of account acme: forgot how far it was read (2026-08-21 09:36:24.833587 UTC)
    the rows of the table stay; its next run reads everything again
    exit code 0
    ");
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(*) FROM tickets"), "60");
    assert!(!show(&desk, &[]).contains("tickets"));
    let again = desk.ingest("tickets", &[]).finish().well();
    assert!(
        again.stderr.contains("; everything; merge by id") && again.stderr.contains("unchanged   60"),
        "{}",
        again.shown()
    );
}

#[test]
fn a_table_that_nothing_is_remembered_of() {
    let desk = Desk::new();
    for (table, to) in [("customers", "a.customers"), ("tickets", "b.tickets"), ("tickets", "c.old")] {
        desk.ingest(table, &["--dest-table", to]).finish().well();
    }
    assert_snapshot!(reset(&desk, &["--dest-table", "ticket"]), @r"
    error: nothing is remembered of table main.ticket in duckdb file shop.duckdb
      hint: there are b.tickets, a.customers, c.old
    exit code 2
    ");
    assert_snapshot!(reset(&desk, &["--dest-table", "c.olds"]), @r"
    error: nothing is remembered of table c.olds in duckdb file shop.duckdb
      hint: there are c.old, a.customers, b.tickets
    exit code 2
    ");
    assert_snapshot!(show(&desk, &["--dest-table", "nothing.like.it"]), @r#"
    error: --dest-table: `nothing.like.it` has 3 parts, DuckDB takes schema.table
      hint: put a name that has a dot in double quotes: 'main."my.table"'
    exit code 2
    "#);
    assert_snapshot!(show(&desk, &["--dest-table", "b.orders"]), @r"
    error: nothing is remembered of table b.orders in duckdb file shop.duckdb
      hint: there are a.customers, b.tickets, c.old
    exit code 2
    ");
    assert_eq!(json(&desk).as_array().map(Vec::len), Some(3));
}

#[test]
fn what_cannot_be_done_as_typed() {
    let desk = Desk::new();
    let said = |arguments: &[&str]| desk.ingestr(arguments.iter().copied()).finish().shown();
    assert_snapshot!(said(&["state", "show"]), @r"
    error: --dest-uri is missing
      hint: type --dest-uri duckdb:///gorgias.duckdb (or set INGESTR_DESTINATION_URI or DESTINATION_URI)
    exit code 2
    ");
    assert_snapshot!(said(&["state", "reset", "--dest-uri", "duckdb:///shop.duckdb"]), @r"
    error: --dest-table is missing
      hint: type the table to forget, --dest-table <schema>.<table>; `ingestr state show` lists them
    exit code 2
    ");
    assert_snapshot!(said(&["state", "show", "--dest-uri", "snowflake://planted-key-4f1c9a7e@x"]), @r"
    error: --dest-uri: `snowflake` is not a scheme ingestr knows
      hint: use duckdb:///<file> or sqlite:///<file> or postgres://<user>[:<password>]@<host>[:<port>]/<database> or ducklake:///<catalog file>?data_path=<folder> or parquet:///<folder>, csv:///<folder>, jsonl:///<folder> or s3://<bucket>[/<prefix>] or az://<container>[/<prefix>] or bigquery://<project>[/<dataset>]
    exit code 2
    ");
    assert_snapshot!(said(&["state", "reset", "--dest-uri", "duckdb:///x", "--dest-table", "x://planted-key-4f1c9a7e"]), @r"
    error: --dest-table takes the name of a table, not a URI
      hint: the URI belongs to --dest-uri
    exit code 2
    ");
    assert_eq!(said(&["state"]).lines().last(), Some("exit code 2"));
    // A variable that is there for other commands does not choose what is forgotten.
    let found =
        desk.ingestr(["state", "reset"].into_iter().chain(SHOP)).env("DESTINATION_TABLE", "main.tickets");
    assert!(found.finish().stderr.starts_with("error: --dest-table is missing"));
}

/// The same command under another account's name.
fn as_account(desk: &Desk, account: &str, table: &str, more: &[&str]) -> String {
    let uri = desk.uri().replace("gorgias://acme", &format!("gorgias://{account}"));
    assert!(uri.starts_with(&format!("gorgias://{account}?")), "{uri}");
    desk.ingest(table, more).env("SOURCE_URI", uri).finish().shown()
}

fn hand_over(desk: &Desk, more: &[&str]) -> String {
    desk.ingestr(["state", "move"].into_iter().chain(SHOP).chain(more.iter().copied())).finish().shown()
}

#[test]
fn a_table_of_another_account_is_refused_before_the_first_request() {
    let desk = Desk::new();
    desk.ingest("customers", &[]).finish().well();
    let sent = desk.account().served();
    let rows = desk.ask("shop.duckdb", "SELECT count(*) FROM customers");
    for more in [
        &[][..],
        &["--full-refresh"],
        &["--wait"],
        &["--incremental-strategy", "append"],
        &["--incremental-strategy", "delete+insert", "--interval-start", "2020-01-01"],
        &["--incremental-strategy", "scd2"],
        &["--dest-table", "MAIN.Customers"],
    ] {
        let said = as_account(&desk, "umbrella", "customers", more);
        let table = if more.contains(&"MAIN.Customers") { "MAIN.Customers" } else { "main.customers" };
        let expected = format!(
            "error: table {table} holds customers of account acme, and is not for customers of account umbrella\n  hint: \
             copy account umbrella into another table, with --dest-table; or, if acme was renamed to umbrella: ingestr \
             state move --from acme --to umbrella\nexit code 2"
        );
        assert_eq!(said, expected);
    }
    assert_snapshot!(as_account(&desk, "acme", "tickets", &["--dest-table", "customers"]), @"
    error: table main.customers holds customers of account acme, and is not for tickets of account acme
      hint: copy tickets into another table, with --dest-table
    exit code 2
    ");
    assert_eq!(desk.account().served(), sent, "a request was sent");
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(*) FROM customers"), rows);
    // An account is one, however its name is written.
    assert!(as_account(&desk, "Acme.gorgias.com", "customers", &[]).ends_with("exit code 0"));
    // A table that was forgotten is there for whoever comes.
    reset(&desk, &["--dest-table", "customers"]);
    assert!(as_account(&desk, "umbrella", "customers", &[]).ends_with("exit code 0"));
    assert!(as_account(&desk, "acme", "customers", &[]).ends_with("exit code 2"));
}

#[test]
fn of_several_tables_those_of_others_are_refused() {
    let desk = Desk::new();
    desk.ingest("customers", &[]).finish().well();
    let said = as_account(&desk, "umbrella", "customers,tickets", &[]);
    assert!(said.contains("table main.customers holds customers of account acme"), "{said}");
    assert!(said.ends_with("exit code 7"), "{said}");
    let said = as_account(&desk, "acme", "customers,tickets", &["--incremental-strategy", "append"]);
    assert!(said.contains("table main.tickets holds tickets of account umbrella"), "{said}");
    desk.ingestr(["state", "move", "--from", "umbrella", "--to", "acme"].into_iter().chain(SHOP))
        .finish()
        .well();
    let sent = desk.account().served();
    let said = as_account(&desk, "umbrella", "customers,tickets", &[]);
    assert!(said.contains("none of the 2 tables can be copied as typed"), "{said}");
    assert!(said.ends_with("exit code 2"), "{said}");
    let planned = desk
        .ingestr(["plan", "--source-table", "customers,tickets"].into_iter().chain(SHOP))
        .env("SOURCE_URI", desk.uri().replace("gorgias://acme", "gorgias://umbrella"));
    let planned = planned.finish().shown();
    assert!(planned.contains("main.tickets holds tickets of account acme"), "{planned}");
    assert!(planned.ends_with("exit code 2"), "{planned}");
    assert_eq!(desk.account().served(), sent, "a request was sent");
}

#[test]
fn a_renamed_account_goes_on_where_it_stood() {
    let desk = Desk::with(Options { tickets: 500, messages: 500, ..options() }, Duration::ZERO);
    desk.ingest("customers", &[]).finish().well();
    desk.ingest("tickets", &["--dest-table", "shop.tickets"]).finish().well();
    desk.account().faults().nth(3, Fault::Forbidden);
    desk.ingest("tickets", &["--dest-table", "shop.tickets", "--full-refresh"]).finish();
    let before = show(&desk, &[]);
    assert_snapshot!(hand_over(&desk, &["--from", "Acme.gorgias.com", "--to", "Umbrella", "--dest-table", "customers"]), @"
    --- stdout
    main.customers in duckdb file shop.duckdb: customers of account acme are those of account umbrella now
    the rows stay; runs of account umbrella go on where those of acme stood
    exit code 0
    ");
    assert!(show(&desk, &[]).contains("main.customers  customers of account umbrella\n"));
    assert_snapshot!(hand_over(&desk, &["--from", "acme", "--to", "umbrella"]), @"
    --- stdout
    shop.tickets in duckdb file shop.duckdb: tickets of account acme are those of account umbrella now, and so are the staged rows
    the rows stay; runs of account umbrella go on where those of acme stood
    exit code 0
    ");
    assert_eq!(show(&desk, &[]), before.replace("of account acme", "of account umbrella"));
    let leases = desk.ask(
        "shop.duckdb",
        "SELECT (SELECT count(*) FROM shop.main._ingestr_leases) + (SELECT count(*) FROM shop.shop._ingestr_leases)",
    );
    assert_eq!(leases, "0");
    let again = as_account(&desk, "umbrella", "customers", &[]);
    assert!(again.contains("; what changed since ") && again.ends_with("exit code 0"), "{again}");
    let again = as_account(&desk, "umbrella", "tickets", &["--dest-table", "shop.tickets", "--full-refresh"]);
    assert!(again.ends_with("exit code 0"), "{again}");
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(*) FROM shop.shop.tickets"), "500");
    assert!(as_account(&desk, "acme", "customers", &[]).ends_with("exit code 2"));
}

#[test]
fn what_cannot_be_moved() {
    let desk = Desk::new();
    assert_snapshot!(hand_over(&desk, &["--from", "acme"]), @"
    error: --from and --to are needed: the old and the new name of the account
      hint: the name is the part before .gorgias.com; `ingestr state show` lists those that are there
    exit code 2
    ");
    assert_snapshot!(hand_over(&desk, &["--from", "acme", "--to", "umbrella"]), @"
    error: nothing is remembered of account acme in duckdb file shop.duckdb
      hint: nor of any other account: check --dest-uri
    exit code 2
    ");
    assert!(desk.files().is_empty(), "{:?}", desk.files());
    desk.ingest("customers", &[]).finish().well();
    as_account(&desk, "umbrella", "tickets", &[]);
    assert_snapshot!(hand_over(&desk, &["--from", "acme", "--to", "https://umbrella.example.com"]), @"
    error: --to: `https://umbrella.example.com` is not the name of an account
      hint: type the part before .gorgias.com in the address of the help desk, such as mycompany
    exit code 2
    ");
    assert_snapshot!(hand_over(&desk, &["--from", "ACME", "--to", "acme.gorgias.com"]), @"
    error: --from and --to are the same account, acme
    exit code 2
    ");
    assert_snapshot!(hand_over(&desk, &["--from", "initech", "--to", "hooli"]), @"
    error: nothing is remembered of account initech in duckdb file shop.duckdb
      hint: there are tables of acme, umbrella
    exit code 2
    ");
    assert_snapshot!(hand_over(&desk, &["--from", "acme", "--to", "hooli", "--dest-table", "tickets"]), @"
    error: nothing is remembered of account acme in duckdb file shop.duckdb
      hint: there are tables of umbrella
    exit code 2
    ");
    // As versions wrote it that did not ask.
    {
        let database = duckdb::Connection::open(desk.folder().join("shop.duckdb")).expect("a database");
        let copy = "INSERT INTO _ingestr_state SELECT * REPLACE ('umbrella' AS account) FROM _ingestr_state \
                    WHERE dest_table = 'customers'";
        database.execute_batch(copy).expect("runs");
    }
    assert_snapshot!(hand_over(&desk, &["--from", "acme", "--to", "umbrella"]), @"
    error: account umbrella has customers in table main.customers already
      hint: forget what is remembered of that table with `ingestr state reset --dest-table main.customers`, or move the others one by one, with --dest-table
    exit code 2
    ");
    assert_snapshot!(as_account(&desk, "acme", "customers", &[]), @"
    error: table main.customers holds customers of account acme and customers of account umbrella, and nothing tells them apart
      hint: copy one of them into another table, with --dest-table. To leave this one to the other: ingestr state reset --dest-table main.customers, then a run with --full-refresh
    exit code 2
    ");
    assert_eq!(json(&desk).as_array().map(Vec::len), Some(3));
}

#[test]
fn a_table_in_use_is_not_moved() {
    let desk =
        Desk::with(Options { tickets: 6_000, messages: 6_000, ..options() }, Duration::from_millis(900));
    let running = desk.ingest("tickets", &["--flush-records", "300"]).start().until("committed 300 rows");
    let refused = hand_over(&desk, &["--from", "acme", "--to", "umbrella"]);
    assert!(refused.starts_with("error: table main.tickets is being loaded by another run"), "{refused}");
    assert!(refused.ends_with("  hint: wait until it is done, or stop it first\nexit code 5"), "{refused}");
    running.signal("KILL").finish();
    let moved = hand_over(&desk, &["--from", "acme", "--to", "umbrella"]);
    assert!(moved.ends_with("exit code 0"), "{moved}");
    assert!(show(&desk, &[]).contains("tickets of account umbrella"));
}

#[test]
fn of_a_table_that_every_run_reads_whole() {
    let desk = Desk::new();
    desk.ingest("tags", &[]).finish().well();
    let shown = show(&desk, &[]);
    assert!(
        shown.contains("main.tags  tags of account acme\n  read           all of it, in every run\n"),
        "{shown}"
    );
    assert!(!shown.contains("nothing yet"), "{shown}");
}
