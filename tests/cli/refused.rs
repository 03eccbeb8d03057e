//! Bad input: what is said, with which exit code, and that nothing was written.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::time::Duration;

use gorgias_sim::{Fault, Options};
use insta::assert_snapshot;

use super::desk::{Desk, options};

/// What is said to someone who typed this; nothing may be on the desk afterwards, and nobody asked for rows.
fn said(arguments: &[&str]) -> String {
    let desk = Desk::new();
    let shown = desk.ingestr(["ingest"].into_iter().chain(arguments.iter().copied())).finish().shown();
    assert_eq!(desk.account().served(), 0, "a request was sent");
    assert!(desk.files().is_empty(), "{:?}", desk.files());
    shown
}

/// The same, with a good source, table and destination, and more.
fn said_to(more: &[&str]) -> String {
    let usual = ["--source-uri", GOOD, "--source-table", "tickets", "--dest-uri", "duckdb:///shop.duckdb"];
    said(&[&usual, more].concat())
}

/// Runs that ask, and are refused: nothing may be on the desk afterwards.
fn asked(desk: &Desk, uri: &str) -> String {
    let shown = desk.ingest("tickets", &["--source-uri", uri]).finish().shown();
    assert!(desk.files().is_empty(), "{:?}", desk.files());
    shown
}

const GOOD: &str = "gorgias://acme?api_key=planted-key-4f1c9a7e&email=agent@acme.example";

#[test]
fn missing_flags_are_named_at_once() {
    assert_snapshot!(said(&[]), @r"
    error: --source-uri, --source-table, --dest-uri are missing
      hint: type --source-uri 'gorgias://mycompany?api_key=<key>&email=<email>' (or set INGESTR_SOURCE_URI or SOURCE_URI), --source-table tickets (or set INGESTR_SOURCE_TABLE or SOURCE_TABLE), --dest-uri duckdb:///gorgias.duckdb (or set INGESTR_DESTINATION_URI or DESTINATION_URI)
    exit code 2
    ");
    assert_snapshot!(said(&["--source-uri", GOOD, "--source-table", "", "--dest-uri", "duckdb:///shop.duckdb"]), @r"
    error: --source-table is empty
      hint: is the variable set? Otherwise type --source-table tickets (or set INGESTR_SOURCE_TABLE or SOURCE_TABLE)
    exit code 2
    ");
}

#[test]
fn empty_uris_are_told_from_missing_ones() {
    assert_snapshot!(said(&["--source-uri", "", "--source-table", "tickets"]), @r"
    error: --dest-uri is missing, --source-uri is empty
      hint: is the variable set? Otherwise type --dest-uri duckdb:///gorgias.duckdb (or set INGESTR_DESTINATION_URI or DESTINATION_URI), --source-uri 'gorgias://mycompany?api_key=<key>&email=<email>' (or set INGESTR_SOURCE_URI or SOURCE_URI)
    exit code 2
    ");
    assert_snapshot!(said_to(&["--source-uri", " ", "--dest-uri", ""]), @r"
    error: --source-uri, --dest-uri are empty
      hint: are the variables set? Otherwise type --source-uri 'gorgias://mycompany?api_key=<key>&email=<email>' (or set INGESTR_SOURCE_URI or SOURCE_URI), --dest-uri duckdb:///gorgias.duckdb (or set INGESTR_DESTINATION_URI or DESTINATION_URI)
    exit code 2
    ");
}

#[test]
fn what_came_along_with_a_uri_is_told() {
    let uri = |uri: String| said_to(&["--source-uri", &uri]);
    assert_snapshot!(uri(format!("'{GOOD}'")), @r"
    error: --source-uri begins with a quotation mark, which no URI has
      hint: leave it out where the value is set: files of variables and web forms take quotes as a part of it
    exit code 2
    ");
    assert_snapshot!(uri(format!("\u{feff}{GOOD}")), @r"
    error: --source-uri begins with a byte order mark, which cannot be seen
      hint: save the file that it comes from as UTF-8 without a byte order mark (BOM)
    exit code 2
    ");
    assert_snapshot!(uri("$GORGIAS_URI".to_owned()), @r#"
    error: --source-uri is the name of a variable and not its value
      hint: put it in double quotes, "$NAME", and in a crontab or a file of variables write the value itself
    exit code 2
    "#);
    assert_snapshot!(uri(GOOD.replace("gorgias", "GORGIAS")), @r"
    error: --source-uri: `GORGIAS` is written in small letters
      hint: let it begin with gorgias:
    exit code 2
    ");
    assert_snapshot!(said_to(&["--dest-uri", "\"duckdb:///shop.duckdb\""]), @r"
    error: --dest-uri begins with a quotation mark, which no URI has
      hint: leave it out where the value is set: files of variables and web forms take quotes as a part of it
    exit code 2
    ");
}

#[test]
fn missing_and_empty_parts_of_a_source_uri() {
    for uri in [
        "gorgias://?api_key=planted-key-4f1c9a7e&email=a@b.c",
        "gorgias://acme",
        "gorgias://acme?api_key=&email=a@b.c",
        "gorgias://acme?api_key=planted-key-4f1c9a7e",
        "gorgias://acme?email=a@b.c",
        "gorgias://acme?api_key=planted-key-4f1c9a7e&email=",
        "gorgias://acme?apikey=planted-key-4f1c9a7e&email=a@b.c",
        "gorgias://evil.com?api_key=planted-key-4f1c9a7e&email=a@b.c",
        "gorgias://acme?api_key=planted-key-4f1c9a7e&email=a@b.c&base_url=http%3A%2F%2Fexample.com",
    ] {
        let shown =
            said(&["--source-uri", uri, "--source-table", "tickets", "--dest-uri", "duckdb:///shop.duckdb"]);
        assert!(
            shown.ends_with("its form is gorgias://<domain>?api_key=<api-key>&email=<email>\nexit code 2"),
            "{shown}"
        );
    }
    let uri = |uri| {
        said(&["--source-uri", uri, "--source-table", "tickets", "--dest-uri", "duckdb:///shop.duckdb"])
    };
    assert_snapshot!(uri("gorgias://?api_key=planted-key-4f1c9a7e&email=a@b.c"), @r"
    error: --source-uri: the domain is missing: it is the part before .gorgias.com in the address of the help desk
      hint: its form is gorgias://<domain>?api_key=<api-key>&email=<email>
    exit code 2
    ");
    assert_snapshot!(uri("gorgias://acme"), @r"
    error: --source-uri: the parameters api_key and email are missing
      hint: its form is gorgias://<domain>?api_key=<api-key>&email=<email>
    exit code 2
    ");
    assert_snapshot!(uri("gorgias://acme?api_key=planted-key-4f1c9a7e"), @r"
    error: --source-uri: the parameter email is missing: it is the address of the user who owns the key
      hint: its form is gorgias://<domain>?api_key=<api-key>&email=<email>
    exit code 2
    ");
    assert_snapshot!(uri("gorgias://acme?api_key=&email=a@b.c"), @r"
    error: --source-uri: the parameter api_key is empty
      hint: its form is gorgias://<domain>?api_key=<api-key>&email=<email>
    exit code 2
    ");
    assert_snapshot!(uri("gorgias://evil.com?api_key=planted-key-4f1c9a7e&email=a@b.c"), @r"
    error: --source-uri: the domain must be a single name such as mycompany or mycompany.gorgias.com
      hint: its form is gorgias://<domain>?api_key=<api-key>&email=<email>
    exit code 2
    ");
}

#[test]
fn an_unknown_scheme_is_answered_with_what_exists() {
    let uris =
        |source, dest| said(&["--source-uri", source, "--source-table", "tickets", "--dest-uri", dest]);
    assert_snapshot!(uris("zendesk://acme?api_key=planted-key-4f1c9a7e", "duckdb:///shop.duckdb"), @r"
    error: --source-uri: `zendesk` is not a scheme ingestr knows
      hint: use gorgias://<domain>?api_key=<api-key>&email=<email>
    exit code 2
    ");
    assert_snapshot!(uris("acme", "duckdb:///shop.duckdb"), @r"
    error: --source-uri has no scheme
      hint: use gorgias://<domain>?api_key=<api-key>&email=<email>
    exit code 2
    ");
    assert_snapshot!(uris(GOOD, "snowflake://planted-key-4f1c9a7e@x"), @r"
    error: --dest-uri: `snowflake` is not a scheme ingestr knows
      hint: use duckdb:///<file> or sqlite:///<file> or postgres://<user>[:<password>]@<host>[:<port>]/<database> or ducklake:///<catalog file>?data_path=<folder> or parquet:///<folder>, csv:///<folder>, jsonl:///<folder> or s3://<bucket>[/<prefix>] or az://<container>[/<prefix>] or bigquery://<project>[/<dataset>]
    exit code 2
    ");
    assert_snapshot!(uris(GOOD, "shop.duckdb"), @r"
    error: --dest-uri has no scheme
      hint: use duckdb:///<file> or sqlite:///<file> or postgres://<user>[:<password>]@<host>[:<port>]/<database> or ducklake:///<catalog file>?data_path=<folder> or parquet:///<folder>, csv:///<folder>, jsonl:///<folder> or s3://<bucket>[/<prefix>] or az://<container>[/<prefix>] or bigquery://<project>[/<dataset>]
    exit code 2
    ");
    assert_snapshot!(uris(GOOD, "duckdb:///"), @r"
    error: the duckdb URI names no file
      hint: use duckdb:///relative.duckdb or duckdb:////absolute/path.duckdb
    exit code 2
    ");
}

#[test]
fn what_is_wrong_with_a_bigquery_uri_is_said_without_its_values() {
    assert_snapshot!(said_to(&["--dest-uri", "bigquery://?credentials_base64=planted-key-4f1c9a7e"]), @r"
    error: --dest-uri: the project is missing: bigquery://<project>
      hint: the form is bigquery://<project>[/<dataset>][?credentials_path=<file>][&location=<location>]
    exit code 2
    ");
    assert_snapshot!(said_to(&["--dest-uri", "bigquery://project?credentials_base64=planted-key-4f1c9a7e"]), @r"
    error: --dest-uri: credentials_base64 is not the base64 of a JSON file
      hint: the form is bigquery://<project>[/<dataset>][?credentials_path=<file>][&location=<location>]
    exit code 2
    ");
    assert_snapshot!(said_to(&["--dest-uri", "bigquery://project?base_url=http://example.com"]), @r"
    error: --dest-uri: base_url is plain http: the token would travel unencrypted; use https
      hint: the form is bigquery://<project>[/<dataset>][?credentials_path=<file>][&location=<location>]
    exit code 2
    ");
}

#[test]
fn a_table_in_bigquery_needs_a_dataset() {
    let loopback = "bigquery://project?base_url=http://127.0.0.1:9";
    assert_snapshot!(said_to(&["--dest-uri", loopback]), @r"
    error: --dest-table: `tickets` has no schema
      hint: type --dest-table <schema>.tickets
    exit code 2
    ");
    assert_snapshot!(said_to(&["--dest-uri", loopback, "--dest-table", "a.b.c.d"]), @r#"
    error: --dest-table: `a.b.c.d` has 4 parts, BigQuery takes project.dataset.table
      hint: put a name that has a dot in double quotes: 'main."my.table"'
    exit code 2
    "#);
}

#[test]
fn an_unknown_table_is_answered_with_all_four_and_the_nearest() {
    let table =
        |table| said(&["--source-uri", GOOD, "--source-table", table, "--dest-uri", "duckdb:///shop.duckdb"]);
    assert_snapshot!(table("tickets,,customers"), @r"
    error: --source-table: `tickets,,customers` has an empty name
      hint: put one comma between two tables; they are customers, tickets, ticket_messages, satisfaction_surveys, and 27 more (`ingestr tables` lists all)
    exit code 2
    ");
    assert_snapshot!(table("tickets,mesages"), @r"
    error: Gorgias has no table `mesages`
      hint: did you mean `messages`? Tables are customers, tickets, ticket_messages, satisfaction_surveys, and 27 more (`ingestr tables` lists all)
    exit code 2
    ");
    assert_snapshot!(table("orders"), @r"
    error: Gorgias has no table `orders`
      hint: tables are customers, tickets, ticket_messages, satisfaction_surveys, and 27 more (`ingestr tables` lists all)
    exit code 2
    ");
}

#[test]
fn a_place_for_one_table_is_none_for_several() {
    let to = |more: &[&str]| {
        let usual = ["--source-uri", GOOD, "--source-table", "*", "--dest-uri", "duckdb:///shop.duckdb"];
        said(&[&usual, more].concat())
    };
    assert_snapshot!(to(&["--dest-table", "gorgias.tickets"]), @r"
    error: --dest-table: `gorgias.tickets` is one table, and --source-table names 21
      hint: type a schema for all of them, or a pattern: 'gorgias.tickets_{table}'
    exit code 2
    ");
    assert_snapshot!(to(&["--dest-table", "gorgias.{name}"]), @r"
    error: --dest-table: `{name}` is not known
      hint: the name of each table takes the place of {table}: 'raw.gorgias_{table}'
    exit code 2
    ");
    assert_snapshot!(to(&["--primary-key", "ticket_id"]), @r"
    error: --primary-key: customers has no column `ticket_id`, which ticket_messages, satisfaction_surveys have
      hint: copy ticket_messages, satisfaction_surveys with a command of their own
    exit code 2
    ");
    assert_snapshot!(to(&["--columns", "body:text:body_text"]), @r"
    error: --columns: customers has no column `body_text`, which ticket_messages, satisfaction_surveys have
      hint: copy ticket_messages, satisfaction_surveys with a command of their own
    exit code 2
    ");
}

#[test]
fn contradictory_flags() {
    assert_snapshot!(said_to(&["--incremental-strategy", "scd2", "--full-refresh"]), @r"
    error: --full-refresh would erase the history that scd2 keeps
      hint: leave --full-refresh out; if the history may go, drop the table first, then run without it
    exit code 2
    ");
    assert_snapshot!(said_to(&["--incremental-strategy", "delete+insert", "--sql-limit", "5"]), @r"
    error: --sql-limit would leave the interval with fewer rows than it had, as delete+insert replaces them
      hint: leave --sql-limit out, or type --incremental-strategy merge without --full-refresh
    exit code 2
    ");
    assert_snapshot!(said_to(&["--sql-exclude-columns", "id"]), @r"
    error: --sql-exclude-columns: `id` identifies the rows of tickets
      hint: take `id` off the list
    exit code 2
    ");
}

#[test]
fn an_interval_that_ends_before_it_begins() {
    assert_snapshot!(said_to(&["--interval-start", "2024-02-01", "--interval-end", "2024-01-01"]), @r"
    error: --interval-start (2024-02-01T00:00:00Z) is after --interval-end (2024-01-01T00:00:00Z)
      hint: the start must be before the end; both belong to the interval
    exit code 2
    ");
    assert_snapshot!(said_to(&["--interval-start", "2024-02-01", "--interval-end", "2024-02-01"]), @r"
    error: --interval-start (2024-02-01T00:00:00Z) is the same as --interval-end (2024-02-01T00:00:00Z)
      hint: a date alone means 00:00:00; for the whole day type --interval-end 2024-02-01T23:59:59.999999Z
    exit code 2
    ");
}

#[test]
fn a_date_that_is_none() {
    assert_snapshot!(said_to(&["--interval-start", "last week"]), @r"
    error: --interval-start: `last week` is not a time: this form is not known
      hint: write 2024-01-31, 2024-01-31T10:00:00 or 2024-01-31 10:00:00, with a fraction (.123456) and a zone (Z, +02, +0200 or +02:00) if you like; without a zone it is UTC; or today, yesterday, -7d or 7 days ago
    exit code 2
    ");
    assert_snapshot!(said_to(&["--interval-end", "2024-02-30"]), @r"
    error: --interval-end: `2024-02-30` is not a time: there is no such day
      hint: write 2024-01-31, 2024-01-31T10:00:00 or 2024-01-31 10:00:00, with a fraction (.123456) and a zone (Z, +02, +0200 or +02:00) if you like; without a zone it is UTC; or today, yesterday, -7d or 7 days ago
    exit code 2
    ");
}

#[test]
fn a_strategy_that_is_none() {
    assert_snapshot!(said_to(&["--incremental-strategy", "upsert"]), @r"
    error: --incremental-strategy: there is no strategy `upsert`
      hint: DuckDB can do merge, replace, append, delete+insert, scd2 and none (the source's own, merge)
    exit code 2
    ");
    assert_snapshot!(said_to(&["--incremental-strategy", "truncate+insert"]), @r"
    error: --incremental-strategy: `truncate+insert` does not exist here
      hint: type --incremental-strategy replace, which shows the old rows until the new ones are complete
    exit code 2
    ");
}

#[test]
fn a_flag_that_would_change_rows_is_refused_by_name() {
    assert_snapshot!(said_to(&["--mask", "email:hash"]), @r"
    error: --mask is not available yet: values inside JSON columns would stay as they are
      hint: leave personal columns out with --sql-exclude-columns, or mask in SQL after the copy
    exit code 2
    ");
    assert_snapshot!(said_to(&["--stream"]), @r"
    error: --stream is not supported: Gorgias sends no stream of changes
      hint: run the command again and again, e.g. from cron; each run copies what changed
    exit code 2
    ");
    assert_snapshot!(said_to(&["--no-such-flag"]), @r"
    error: unexpected argument '--no-such-flag' found

    Usage: ingestr ingest --source-uri <URI> --source-table <TABLES> --dest-uri <URI>

    For more information, try '--help'.
    exit code 2
    ");
}

#[test]
fn a_wrong_key() {
    let desk = Desk::new();
    desk.account().set_api_key("another");
    assert_snapshot!(asked(&desk, desk.uri()), @r#"
    tickets: Gorgias account acme → main.tickets in duckdb file shop.duckdb; everything; merge by id
    failed after TIME: tickets → main.tickets in duckdb file shop.duckdb
      read        0  rows in 0 pages
      requests    1  none repeated
      next start  from the beginning
    error: Gorgias account acme refused the credentials
      cause: GET /api/tickets?limit=100&order_by=created_datetime%3Adesc: HTTP 401 "Unauthorized."
      hint: check api_key and email in --source-uri: the key is shown under Settings > Account > REST API, and the e-mail must be that of the user who owns it (an access_token may have expired)
    exit code 3
    "#);
    assert_eq!(desk.account().served(), 1, "a refusal was asked again");
}

#[test]
fn a_domain_nobody_has() {
    let desk = Desk::with(Options { unknown_tenant: true, ..options() }, Duration::ZERO);
    assert_snapshot!(asked(&desk, desk.uri()), @r"
    tickets: Gorgias account acme → main.tickets in duckdb file shop.duckdb; everything; merge by id
    failed after TIME: tickets → main.tickets in duckdb file shop.duckdb
      read        0  rows in 0 pages
      requests    1  none repeated
      next start  from the beginning
    error: there is no Gorgias account named `acme`
      cause: GET /api/tickets?limit=100&order_by=created_datetime%3Adesc: HTTP 404
      hint: check the domain in --source-uri: it is the part before .gorgias.com in the address of the help desk, https://acme.gorgias.com
    exit code 4
    ");
}

#[test]
fn a_role_that_may_not_read_the_table() {
    let desk = Desk::new();
    desk.account().faults().next(Fault::Forbidden);
    assert_snapshot!(asked(&desk, desk.uri()), @r#"
    tickets: Gorgias account acme → main.tickets in duckdb file shop.duckdb; everything; merge by id
    failed after TIME: tickets → main.tickets in duckdb file shop.duckdb
      read        0  rows in 0 pages
      requests    1  none repeated
      next start  from the beginning
    error: these credentials may not read table tickets of Gorgias account acme
      cause: GET /api/tickets?limit=100&order_by=created_datetime%3Adesc: HTTP 403 "You do not have enough permissions to perform this action."
      hint: give the user who owns the key a role that may read it, or use an admin's key
    exit code 3
    "#);
}

#[test]
fn a_host_that_does_not_answer() {
    let desk = Desk::new();
    // A port that was free a moment ago and that nobody listens on.
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let uri = format!("{GOOD}&base_url=http%3A%2F%2F127.0.0.1%3A{port}");
    assert_snapshot!(asked(&desk, &uri), @r"
    tickets: Gorgias account acme → main.tickets in duckdb file shop.duckdb; everything; merge by id
    NOW tickets: no connection: Connection refused (os error 111), attempt 2: 1 s
    NOW tickets: no connection: Connection refused (os error 111), attempt 3: 1 s
    failed after TIME: tickets → main.tickets in duckdb file shop.duckdb
      read        0  rows in 0 pages
      requests    3  2 of them repeated
      next start  from the beginning
    error: Gorgias account acme cannot be reached
      cause: GET /api/tickets?limit=100&order_by=created_datetime%3Adesc: no connection: Connection refused (os error 111) (gave up after 3 attempts in TIME)
      hint: check the domain in --source-uri, and the network or proxy of this machine
    exit code 4
    ");
}

#[test]
fn a_host_without_tls() {
    let desk = Desk::new();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
        }
    });
    let uri = format!("{GOOD}&base_url=https%3A%2F%2F127.0.0.1%3A{port}");
    assert_snapshot!(asked(&desk, &uri), @r"
    tickets: Gorgias account acme → main.tickets in duckdb file shop.duckdb; everything; merge by id
    failed after TIME: tickets → main.tickets in duckdb file shop.duckdb
      read        0  rows in 0 pages
      requests    1  none repeated
      next start  from the beginning
    error: there is no secure connection to Gorgias account acme
      cause: GET /api/tickets?limit=100&order_by=created_datetime%3Adesc: no secure connection: received corrupt message of type InvalidContentType
      hint: check the clock of this machine and the certificates of a proxy in between
    exit code 4
    ");
}

#[test]
fn an_error_goes_to_standard_output_as_json_when_asked_so() {
    let desk = Desk::new();
    let done = desk.ingest("ticket", &["--progress", "json"]).finish();
    assert_snapshot!(done.shown(), @r#"
    --- stdout
    {"event":"end","outcome":"failed","source":null,"destination":null,"tables":[],"totals":{"read":0,"pages":0,"inserted":0,"updated":0,"unchanged":0,"read_again":0,"deleted":0,"rejected":0,"discarded":0,"requests":0,"retries":0,"elapsed_ms":0},"error":{"kind":"usage","exit_code":2,"message":"Gorgias has no table `ticket`","causes":[],"hint":"did you mean `tickets`? Tables are customers, tickets, ticket_messages, satisfaction_surveys, and 27 more (`ingestr tables` lists all)"},"version":1}
    exit code 2
    "#);
}

/// Schemas that the database keeps for itself.
#[test]
fn schemas_of_the_database_are_refused_as_they_are_typed() {
    let desk = Desk::new();
    let refused = |uri: &str, table: &str, typed: &str| {
        let arguments = ["ingest", "--source-table", table, "--dest-uri", uri, "--dest-table", typed];
        let done = desk.ingestr(arguments).env("SOURCE_URI", desk.uri()).finish();
        assert_eq!(done.code(), Some(2), "{}", done.shown());
        let words = format!("error: --dest-table: `{}`: ", typed.replace("{table}", "users"));
        assert!(done.stderr.starts_with(&words), "{}", done.stderr);
        assert!(done.stderr.contains(" keeps that schema for itself\n"), "{}", done.stderr);
    };
    for typed in ["information_schema.users", "Pg_Catalog.users", "temp.users"] {
        refused("duckdb:///x.duckdb", "users", typed);
    }
    refused("duckdb:///x.duckdb", "users,tags", "information_schema");
    refused("duckdb:///x.duckdb", "users,tags", "pg_catalog.{table}");
    #[cfg(feature = "postgres")]
    for typed in ["pg_toast.users", "information_schema.users"] {
        refused("postgres://u@127.0.0.1:1/shop", "users", typed);
    }
    assert_eq!(desk.account().served(), 0);
    assert!(desk.files().is_empty());
}
