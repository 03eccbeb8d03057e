//! Good runs: the documented commands, second runs, styles of progress, destinations.

use std::process::Command;
use std::time::Duration;

use gorgias_sim::{DAY, Options};
use insta::assert_snapshot;

use super::desk::{Desk, Run, options};

/// The command of the README that contains these words, as printed.
pub(super) fn printed(words: &str) -> String {
    let readme = include_str!("../../README.md");
    let blocks = readme.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    let commands = blocks.flat_map(|block| block.split("ingestr ingest ").skip(1));
    let mut found = commands.filter(|command| command.contains("$GORGIAS_URI") && command.contains(words));
    found
        .next()
        .map(|rest| format!("ingestr ingest {rest}"))
        .unwrap_or_else(|| panic!("README.md has no command with {words}"))
}

#[test]
fn the_commands_of_the_readme_run_as_printed() {
    let desk = Desk::with(Options { start: options().end - 30 * DAY, ..options() }, Duration::ZERO);
    let run = |line: &str| Run::in_shell(&desk, line).env("GORGIAS_URI", desk.uri());
    assert_snapshot!(run(&printed("duckdb:///gorgias.duckdb")).finish().well().shown(), @r"
    customers: Gorgias account acme → dest.customers in duckdb file gorgias.duckdb; changed from 2024-01-01 00:00:00 UTC on; merge by id
    NOW customers: committed 30 rows
    done in TIME: customers → dest.customers in duckdb file gorgias.duckdb
      read        30  rows in 1 page
      inserted    30
      updated      0
      unchanged    0
      deleted      0
      rejected     0
      requests     2  none repeated
      covers      changes since 2024-01-01 00:00:00 UTC
      next start  2026-08-26 16:01:19.402776 UTC
    ask it:      duckdb gorgias.duckdb 'SELECT count(*) FROM dest.customers'
    exit code 0
    ");
    assert_eq!(desk.ask("gorgias.duckdb", "SELECT count(*) FROM dest.customers"), "30");
    for table in ["tickets", "ticket_messages", "satisfaction_surveys"] {
        run(&printed("duckdb:///gorgias.duckdb").replace("customers", table)).finish().well();
        let endpoint = table.trim_start_matches("ticket_").replace('_', "-");
        let wanted = desk.account().count(&endpoint).to_string();
        assert_eq!(
            desk.ask("gorgias.duckdb", &format!("SELECT count(*) FROM dest.{table}")),
            wanted,
            "{table}"
        );
    }
    let bigquery =
        run(&printed("$BIGQUERY_URI")).env("BIGQUERY_URI", "bigquery://project?credentials_path=key.json");
    assert_snapshot!(bigquery.finish().shown(), @r"
    error: table gorgias.ticket_messages: dataset project.gorgias cannot be read
      cause: look at dataset project.gorgias: the credentials file key.json cannot be read: No such file or directory (os error 2)
      hint: credentials_path in --dest-uri names a JSON file, relative to where the command is run
    exit code 5
    ");
}

/// What `docs/tables.md` says of tables and columns is in the file, too.
#[test]
fn the_file_tells_what_its_tables_and_columns_mean() {
    let desk = Desk::new();
    let ingest = |flags: &str| {
        let line = format!(
            "ingestr ingest --source-table tickets,ticket_tags --dest-table d.{{table}} --dest-uri duckdb:///desk.duckdb \
             --source-uri $GORGIAS_URI {flags}"
        );
        Run::in_shell(&desk, &line).env("GORGIAS_URI", desk.uri()).finish().well()
    };
    let silent = "SELECT count(*) FROM duckdb_columns() WHERE schema_name = 'd' AND table_name IN ('tickets', 'ticket_tags') \
                  AND comment IS NULL";
    let of = |column: &str| {
        format!(
            "SELECT comment FROM duckdb_columns() WHERE table_name = 'tickets' AND column_name = '{column}'"
        )
    };
    ingest("");
    assert_eq!(desk.ask("desk.duckdb", silent), "0");
    assert_eq!(desk.ask("desk.duckdb", &of("status")), "`open` or `closed`.");
    let about = "SELECT split_part(comment, ';', 1) FROM duckdb_tables() WHERE table_name = 'ticket_tags'";
    assert_eq!(desk.ask("desk.duckdb", about), "Tags of tickets.");
    let file = duckdb::Connection::open(desk.folder().join("desk.duckdb")).expect("opens");
    file.execute_batch("COMMENT ON COLUMN d.tickets.status IS 'ours'").expect("is written");
    drop(file);
    for flags in ["", "--full-refresh", ""] {
        ingest(flags);
        assert_eq!(desk.ask("desk.duckdb", &of("status")), "ours", "{flags}");
        assert_eq!(desk.ask("desk.duckdb", silent), "0", "{flags}");
    }
}

/// The first example, behind `ingestr init` for another account.
#[test]
fn the_first_example_of_the_readme_runs_as_printed() {
    let desk = Desk::new();
    let readme = include_str!("../../README.md");
    let block = readme.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    assert!(block.starts_with("set -a && . ./gorgias.env && set +a\ningestr ingest "), "{block}");
    assert!(!block.contains("--interval-start") && !block.contains("--source-uri"), "{block}");
    let base_url = desk.base_url();
    let init = ["init", "--domain", "acme", "--email", "agent@acme.example", "--base-url", &base_url];
    desk.ingestr(init).env("INGESTR_API_KEY", super::desk::PLANTED).finish().well();
    for _ in 0..2 {
        Run::in_shell(&desk, block).finish().well();
    }
    assert_eq!(desk.ask("helpdesk.duckdb", "SELECT count(*) FROM gorgias.tickets"), "60");
}

#[test]
fn a_first_run_copies_all_and_a_second_one_what_changed() {
    let desk = Desk::new();
    assert_snapshot!(desk.ingest("tickets", &[]).finish().well().shown(), @r"
    tickets: Gorgias account acme → main.tickets in duckdb file shop.duckdb; everything; merge by id
    NOW tickets: committed 60 rows
    done in TIME: tickets → main.tickets in duckdb file shop.duckdb
      read        60  rows in 1 page
      inserted    60
      updated      0
      unchanged    0
      deleted      0
      rejected     0
      requests     2  none repeated
      next start  2026-08-21 09:36:24.833587 UTC
    ask it:      duckdb shop.duckdb 'SELECT channel, count(*) FROM main.tickets GROUP BY channel'
    exit code 0
    ");
    assert_snapshot!(desk.ingest("tickets", &[]).finish().well().shown(), @r"
    tickets: Gorgias account acme → main.tickets in duckdb file shop.duckdb; what changed since 2026-08-21 09:36:24.833587 UTC; merge by id
    NOW tickets: committed 1 row
    done in TIME: tickets → main.tickets in duckdb file shop.duckdb
      read        1  row in 1 page
      inserted    0
      updated     0
      unchanged   1
      deleted     0
      rejected    0
      requests    2  none repeated
      next start  2026-08-21 09:36:24.833587 UTC
    exit code 0
    ");
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(*) FROM tickets"), "60");
    assert_eq!(desk.files(), ["shop.duckdb"], "leftovers");
}

#[test]
fn every_row_that_was_read_is_in_the_receipt() {
    let desk = Desk::with(Options { tickets: 500, messages: 500, ..options() }, Duration::ZERO);
    for more in
        [&[][..], &["--full-refresh"], &["--incremental-strategy", "scd2", "--dest-table", "versions"]]
    {
        let done = desk.ingest("tickets", &[&["--progress", "json"], more].concat()).finish().well();
        let receipt: serde_json::Value = serde_json::from_str(&done.stdout).expect("one object");
        let receipt = &receipt["tables"][0];
        let number = |name: &str| receipt[name].as_u64().expect("a number");
        let counted: u64 = ["inserted", "updated", "unchanged", "read_again"].into_iter().map(number).sum();
        assert_eq!(number("read"), counted, "{more:?}: {receipt}");
        assert!(number("read_again") > 0, "{more:?}: {receipt}");
    }
}

#[test]
fn every_ticket_arrives_with_its_text() {
    let desk = Desk::new();
    desk.ingest("tickets", &[]).finish().well();
    let subjects = desk.ask(
        "shop.duckdb",
        "SELECT string_agg(id || ' ' || coalesce(subject, ''), '|' ORDER BY id) FROM tickets",
    );
    let wanted: Vec<String> = desk
        .account()
        .expected("tickets")
        .into_iter()
        .map(|(id, row)| {
            let row: serde_json::Value = serde_json::from_str(&row).expect("JSON");
            format!("{id} {}", row["subject"].as_str().unwrap_or_default())
        })
        .collect();
    assert_eq!(subjects, wanted.join("|"));
}

#[test]
fn progress_as_json_is_one_object_a_line_and_the_receipt_on_standard_output() {
    let desk = Desk::new();
    let done = desk.ingest("customers", &["--progress", "json"]).finish().well();
    let events: Vec<serde_json::Value> =
        done.stderr.lines().map(|line| serde_json::from_str(line).expect("an object")).collect();
    let mut names: Vec<&str> = events.iter().filter_map(|event| event["event"].as_str()).collect();
    names.dedup();
    assert_eq!(names, ["begin", "start", "progress", "committed", "table_end"]);
    let whole: serde_json::Value = serde_json::from_str(&done.stdout).expect("one object");
    assert_eq!(done.stdout.lines().count(), 1);
    assert_eq!((&whole["event"], &whole["outcome"]), (&"end".into(), &"success".into()));
    assert_eq!((&whole["totals"]["read"], &whole["error"]), (&30.into(), &serde_json::Value::Null));
    let mut receipt = whole["tables"][0].clone();
    for changing in ["elapsed_ms", "started_at"] {
        assert!(receipt[changing].take() != serde_json::Value::Null, "{changing}");
    }
    assert_snapshot!(serde_json::to_string_pretty(&receipt).expect("JSON"), @r#"
    {
      "outcome": "success",
      "table": "customers",
      "dest_table": "main.customers",
      "destination": "duckdb file shop.duckdb",
      "strategy": "merge",
      "read": 30,
      "pages": 1,
      "inserted": 30,
      "updated": 0,
      "unchanged": 0,
      "read_again": 0,
      "deleted": 0,
      "rejected": 0,
      "discarded": 0,
      "requests": 2,
      "retries": 0,
      "rate_limited_ms": 0,
      "started_at": null,
      "elapsed_ms": null,
      "covered_since": null,
      "next_start": "2026-08-25T15:37:38.70357Z",
      "unfinished": false,
      "stopped_at": null,
      "expected": null,
      "warnings": [],
      "error": null
    }
    "#);
}

#[test]
fn flags_are_read_from_the_environment_and_the_typed_one_wins() {
    let desk = Desk::new();
    let run = desk.ingestr(["ingest", "--dest-table", "typed.customers"]);
    let run = run.env("INGESTR_SOURCE_URI", desk.uri()).env("SOURCE_URI", "gorgias://other");
    let run = run.env("SOURCE_TABLE", "customers").env("DESTINATION_URI", "duckdb:///shop.duckdb");
    run.env("DESTINATION_TABLE", "found.customers").env("SQL_LIMIT", "").finish().well();
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(*) FROM typed.customers"), "30");
}

#[test]
fn a_flag_without_effect_is_noted() {
    let desk = Desk::new();
    let more = ["--page-size", "50", "--partition-by", "created_datetime", "--interval-end", "2030-01-01"];
    let done = desk.ingest("customers", &more).finish().well();
    let notes: Vec<&str> = done.stderr.lines().filter(|line| line.starts_with("note:")).collect();
    assert_snapshot!(notes.join("\n"), @r"
    note: --interval-end 2030-01-01 leaves that day out, as a date alone means 00:00:00; for the whole day type --interval-end 2030-01-01T23:59:59.999999Z
    note: --partition-by has no effect: DuckDB has no partitions
    note: --page-size has no effect: Gorgias pages are always 100 rows
    ");
}

#[test]
fn a_database_may_have_the_name_of_the_schema_in_it() {
    let desk = Desk::new();
    let run = |table: &str| {
        let to = format!("gorgias.{table}");
        desk.ingest(table, &["--dest-uri", "duckdb:///gorgias.duckdb", "--dest-table", &to]).finish().well()
    };
    run("customers");
    run("tickets");
    run("tickets");
    assert_eq!(desk.ask("gorgias.duckdb", "SELECT count(*) FROM gorgias.gorgias.customers"), "30");
}

#[test]
fn folders_on_the_way_to_a_database_are_made() {
    let desk = Desk::new();
    desk.ingest("customers", &["--dest-uri", "duckdb:///sub/dir/x.duckdb"]).finish().well();
    assert_eq!(desk.ask("sub/dir/x.duckdb", "SELECT count(*) FROM customers"), "30");
    let absolute = format!("duckdb:///{}/y.duckdb", desk.folder().display());
    desk.ingest("customers", &["--dest-uri", &absolute]).finish().well();
    assert_eq!(desk.ask("y.duckdb", "SELECT count(*) FROM customers"), "30");
}

#[test]
fn a_limit_stops_early_and_the_next_run_reads_all() {
    let desk = Desk::new();
    assert_snapshot!(desk.ingest("tickets", &["--sql-limit", "5"]).finish().well().shown(), @r"
    tickets: Gorgias account acme → main.tickets in duckdb file shop.duckdb; everything; merge by id
    note: --sql-limit 5: the next run does not start where this one ends
    NOW tickets: committed 5 rows
    stopped at --sql-limit after TIME: tickets → main.tickets in duckdb file shop.duckdb
      read        5  rows in 1 page
      inserted    5
      updated     0
      unchanged   0
      deleted     0
      rejected    0
      requests    2  none repeated
      next start  from the beginning
    exit code 0
    ");
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(*) FROM tickets"), "5");
    desk.ingest("tickets", &[]).finish().well();
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(*) FROM tickets"), "60");
}

#[test]
fn nothing_but_the_source_is_connected_to() {
    let desk = Desk::new();
    let mut run = desk.ingest("customers", &[]);
    // Whoever used a proxy or looked a name up would fail.
    for variable in ["HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "https_proxy", "http_proxy", "all_proxy"] {
        run = run.env(variable, "http://127.0.0.1:9");
    }
    run.finish().well();
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(*) FROM customers"), "30");
}

#[test]
#[ignore = "needs strace"]
fn no_socket_but_to_the_source_is_opened() {
    let desk = Desk::new();
    let log = desk.folder().join("calls");
    let traced = Command::new("strace")
        .args(["-f", "-e", "trace=connect,sendto", "-o"])
        .arg(&log)
        .arg(env!("CARGO_BIN_EXE_ingestr"))
        .args(["ingest", "--source-table", "customers", "--dest-uri", "duckdb:///shop.duckdb"])
        .env("SOURCE_URI", desk.uri())
        .current_dir(desk.folder())
        .output()
        .expect("strace runs");
    assert!(traced.status.success(), "{traced:?}");
    let calls = std::fs::read_to_string(log).expect("a log");
    let connects: Vec<&str> = calls.lines().filter(|line| line.contains("connect(")).collect();
    assert!(!connects.is_empty(), "{calls}");
    let url = desk.base_url();
    let (_, port) = url.rsplit_once(':').expect("a port");
    for call in connects {
        assert!(call.contains(&format!("htons({port})")) && call.contains("127.0.0.1"), "{call}");
    }
}
