//! Tables in files, as people and `kill -9` meet them.

use std::time::Duration;

use gorgias_sim::{Change, Options, SECOND};
use insta::assert_snapshot;

use super::desk::{Desk, Run, options};

/// `ingestr ingest` of some tables to a place for files.
fn ingest(desk: &Desk, uri: &str, table: &str, more: &[&str]) -> Run {
    let usual = ["ingest", "--dest-table", "shop", "--dest-uri", uri, "--source-table", table];
    desk.ingestr(usual.into_iter().chain(more.iter().copied())).env("SOURCE_URI", desk.uri())
}

/// The one value that the question has, of files on the desk.
fn ask(desk: &Desk, question: &str) -> String {
    let database = duckdb::Connection::open_in_memory().expect("a database");
    let folder = desk.folder().display().to_string();
    let question = question.replace("FOLDER", &folder);
    let question = format!("SELECT COLUMNS(*)::VARCHAR FROM ({question})");
    database.query_row(&question, [], |row| row.get(0)).unwrap_or_else(|error| panic!("{question}: {error}"))
}

/// How a format is read.
fn read(format: &str, path: &str) -> String {
    match format {
        "parquet" => format!("read_parquet('{path}')"),
        "csv" => format!("read_csv('{path}', header = true, all_varchar = true, allow_quoted_nulls = false)"),
        _ => format!("read_json('{path}', format = 'newline_delimited')"),
    }
}

/// Files of tables, without what lies beside them.
fn tables(desk: &Desk) -> Vec<String> {
    let hidden =
        |path: &String| path.contains("_ingestr") || !path.contains('.') || path.ends_with(".unfinished");
    desk.files().into_iter().filter(|path| !hidden(path)).collect()
}

#[test]
fn every_format_has_the_rows_that_a_database_has() {
    let desk = Desk::new();
    desk.ingest("*", &["--dest-table", "other"]).finish().well();
    for format in ["parquet", "csv", "jsonl"] {
        let uri = format!("{format}:///{format}");
        for _ in 0..2 {
            ingest(&desk, &uri, "*", &[]).finish().well();
        }
        for (table, key) in [
            ("tickets", "id"),
            ("customers", "id"),
            ("ticket_messages", "id"),
            ("tags", "id"),
            ("ticket_tags", "ticket_id, tag_id"),
        ] {
            let path = format!("FOLDER/{format}/shop/{table}.{format}");
            let from = read(format, &path);
            let both = format!(
                "SELECT (SELECT count(*) FROM {from}) || ' ' || (SELECT count(*) FROM (SELECT DISTINCT {key} FROM {from}))"
            );
            let wanted = desk.ask("shop.duckdb", &format!("SELECT count(*) FROM other.{table}"));
            assert_eq!(ask(&desk, &both), format!("{wanted} {wanted}"), "{table}");
        }
    }
    // Values, to the last character, in a table that has all types.
    let columns =
        "id, subject, created_datetime::TIMESTAMPTZ, is_unread::BOOLEAN, customer::VARCHAR, tags::VARCHAR";
    let of = |from: &str| {
        format!(
            "SELECT md5(string_agg(row::VARCHAR, '' ORDER BY id)) FROM (SELECT id, ({columns}) AS row FROM {from})"
        )
    };
    let wanted = {
        let database = format!("ATTACH '{}' AS d (READ_ONLY)", desk.folder().join("shop.duckdb").display());
        let connection = duckdb::Connection::open_in_memory().expect("a database");
        connection.execute_batch(&database).expect("is attached");
        connection.query_row(&of("d.other.tickets"), [], |row| row.get::<_, String>(0)).expect("an answer")
    };
    assert_eq!(ask(&desk, &of("read_parquet('FOLDER/parquet/shop/tickets.parquet')")), wanted);
    // Nothing is marked in files.
    let ours = "SELECT string_agg(column_name, ' ' ORDER BY column_name) FROM (DESCRIBE FROM 'FOLDER/parquet/shop/tickets.parquet') \
                WHERE column_name LIKE '\\_ingestr\\_%' ESCAPE '\\'";
    assert_eq!(ask(&desk, ours), "_ingestr_loaded_at");
    // No leftovers.
    assert!(desk.files().iter().all(|path| !path.contains("unfinished") && !path.contains("/waiting/")));
}

#[test]
fn what_files_cannot_do_is_said_before_the_first_request() {
    let desk = Desk::new();
    assert_snapshot!(ingest(&desk, "csv:///out", "tickets", &["--incremental-strategy", "merge"]).finish().shown(), @r"
    error: --incremental-strategy: files cannot do merge
      hint: it can do replace, append; to keep a table up to date in files, copy it to ducklake://
    exit code 2
    ");
    assert_snapshot!(ingest(&desk, "csv:///out", "tickets", &["--full-refresh", "--interval-start", "2024-01-01"]).finish().shown(), @r#"
    error: --full-refresh: files cannot do delete+insert
      hint: it can do replace, append; to keep a table up to date in files, copy it to ducklake://
    exit code 2
    "#);
    assert_snapshot!(ingest(&desk, "file:///out?format=xlsx", "tickets", &[]).finish().shown(), @r#"
    error: --dest-uri: the parameter format is none of parquet, csv, jsonl
      hint: the form is one of parquet:///<folder>, csv:///<folder>, jsonl:///<folder>
    exit code 2
    "#);
    assert_snapshot!(ingest(&desk, "csv:///tickets.csv", "tickets", &[]).finish().shown(), @r#"
    error: --dest-uri: the URI names a file, and each table gets a file of its own: name the folder that they go to, as in csv:///out, and the table with --dest-table
      hint: the form is one of parquet:///<folder>, csv:///<folder>, jsonl:///<folder>
    exit code 2
    "#);
    assert_snapshot!(ingest(&desk, "csv:///out", "tags", &["--incremental-strategy", "append"]).finish().shown(), @r#"
    error: --incremental-strategy: append would add all rows of tags in every run
      hint: type replace
    exit code 2
    "#);
    assert_eq!(desk.files(), Vec::<String>::new());
    assert_snapshot!(ingest(&desk, "csv:///out", "customers", &["--deletes", "hard"]).finish().well().shown(), @r#"
    customers: Gorgias account acme → main.shop in folder out as csv; everything; replace
    note: --deletes has no effect: files hold rows as they were read; what is gone since then is not in them once the table is replaced again
    NOW customers: committed 30 rows
    done in TIME: customers → main.shop in folder out as csv
      read        30  rows in 1 page
      inserted    30
      updated      0
      unchanged    0
      rejected     0
      requests     1  none repeated
      next start  2026-08-25 15:37:38.70357 UTC
    exit code 0
    "#);
    std::fs::write(desk.folder().join("file"), "x").expect("a file");
    assert_snapshot!(ingest(&desk, "csv:///file", "customers", &[]).finish().shown(), @r#"
    error: table main.shop: FOLDER/file is a file, and tables are written into a folder
      hint: name a folder in --dest-uri
    exit code 5
    "#);
    assert_snapshot!(desk.ingestr(["check", "--dest-uri", "csv:///out"]).finish().well().shown(), @r#"
    --- stdout
    ok    destination  folder out as csv can be written; 1 table copied to it
    exit code 0
    "#);
    let shown = desk.ingestr(["state", "show", "--dest-uri", "csv:///out"]).finish().well();
    assert!(shown.shown().contains("main.shop"), "{}", shown.shown());
}

/// A folder that Spark has written has the name of the table's file.
#[test]
fn a_folder_in_the_place_of_the_file_is_told_of_before_the_first_request() {
    let desk = Desk::new();
    let place = desk.folder().join("out/shop/tickets.parquet");
    std::fs::create_dir_all(&place).expect("a folder");
    let run = || ingest(&desk, "parquet:///out", "tickets", &["--dest-table", "shop.{table}"]).finish();
    assert_snapshot!(run().shown(), @r"
    error: out/shop/tickets.parquet is a folder, and the file of the table has its place there
      hint: move that folder away, or name another table in --dest-table
    exit code 5
    ");
    assert_eq!(desk.account().served(), 0, "a request was sent");
    std::fs::remove_dir(&place).expect("a folder");
    run().well();
    std::fs::rename(&place, desk.folder().join("mine")).expect("a file");
    std::fs::create_dir(&place).expect("a folder");
    assert_snapshot!(desk.ingestr(["check", "--dest-uri", "parquet:///out"]).finish().shown(), @r"
    --- stdout
    fail  destination  out/shop/tickets.parquet is a folder, and the file of the table has its place there
                       hint: move that folder away
    exit code 5
    ");
}

#[test]
fn appending_goes_on_from_a_replacement_and_a_replacement_takes_its_place() {
    let desk = Desk::new();
    let run = |more: &[&str]| ingest(&desk, "parquet:///out", "customers,tickets", more).finish().well();
    run(&[]);
    assert_eq!(tables(&desk), ["out/shop/customers.parquet", "out/shop/tickets.parquet"]);
    let before = desk.account().count("tickets");
    let append = ["--incremental-strategy", "append"];
    run(&append);
    assert_eq!(tables(&desk).len(), 2, "nothing is new");
    desk.account().apply(Change::CreateTicket { customer: None }, options().end + SECOND);
    run(&append);
    assert_eq!(tables(&desk).len(), 4, "its customer is new, too: {:?}", tables(&desk));
    let from = "read_parquet(['FOLDER/out/shop/tickets.parquet', 'FOLDER/out/shop/tickets/*.parquet'], union_by_name = true)";
    assert_eq!(ask(&desk, &format!("SELECT count(DISTINCT id) FROM {from}")), (before + 1).to_string());
    run(&[]);
    assert_eq!(tables(&desk), ["out/shop/customers.parquet", "out/shop/tickets.parquet"]);
    let all = "SELECT count(*) FROM 'FOLDER/out/shop/tickets.parquet'";
    assert_eq!(ask(&desk, all), (before + 1).to_string());
}

/// What is there in one format is no history for another.
#[test]
fn what_is_appended_has_one_format() {
    let desk = Desk::new();
    let append = ["--incremental-strategy", "append"];
    ingest(&desk, "parquet:///out", "tickets", &append).finish().well();
    let (served, files) = (desk.account().served(), desk.files());
    assert_snapshot!(ingest(&desk, "csv:///out", "tickets", &append).finish().shown(), @r"
    error: table main.shop is parquet, and nothing in csv can be appended to it
      hint: name parquet in --dest-uri (parquet:///<folder>, or ?format=parquet), or another table in --dest-table; replace writes all of it anew as csv
    exit code 5
    ");
    assert_eq!((desk.account().served(), desk.files()), (served, files));
    ingest(&desk, "csv:///out", "tickets", &[]).finish().well();
    assert_eq!(tables(&desk), ["out/main/shop.csv"]);
    ingest(&desk, "file:///out?format=csv", "tickets", &append).finish().well();
}

#[test]
fn whenever_it_is_killed_the_next_run_makes_the_table_whole() {
    let size = Options { tickets: 800, messages: 1_600, ..options() };
    let desk = Desk::with(size, Duration::from_millis(4));
    let mut rng = fastrand::Rng::with_seed(7);
    for strategy in ["replace", "append"] {
        let uri = format!("parquet:///{strategy}");
        let run = || {
            let more = ["--flush-records", "150", "--incremental-strategy", strategy];
            ingest(&desk, &uri, "ticket_messages,tickets", &more)
        };
        for _ in 0..20 {
            let running = run().start();
            std::thread::sleep(Duration::from_millis(rng.u64(5..500)));
            let over = running.signal("KILL").finish();
            assert!(over.code().is_none_or(|code| code == 0), "{}", over.shown());
            for path in tables(&desk).iter().filter(|path| path.starts_with(strategy)) {
                // Whatever has its name is whole.
                ask(&desk, &format!("SELECT count(*) FROM read_parquet('FOLDER/{path}')"));
            }
        }
        run().finish().well();
        for (table, list) in [("tickets", "tickets"), ("ticket_messages", "messages")] {
            let files = match strategy {
                "replace" => format!("FOLDER/{strategy}/shop/{table}.parquet"),
                _ => format!("FOLDER/{strategy}/shop/{table}/*.parquet"),
            };
            let question =
                format!("SELECT count(*) || ' ' || count(DISTINCT id) FROM read_parquet('{files}')");
            let wanted = desk.account().count(list);
            assert_eq!(ask(&desk, &question), format!("{wanted} {wanted}"), "{strategy} {table}");
        }
    }
    let left = |path: &String| path.contains("unfinished") || path.contains("/waiting/");
    assert!(!desk.files().iter().any(left), "{:?}", desk.files());
}

/// A bucket or a container of scripts/with-stores, and a prefix of its own in it.
struct Store {
    desk: Desk,
    uri: String,
}

impl Store {
    fn new(scheme: &str) -> Self {
        Self { desk: Desk::new(), uri: format!("{scheme}://shop/{:016x}", fastrand::u64(..)) }
    }

    #[allow(clippy::disallowed_methods, reason = "where things are, is told by the environment")]
    fn told(run: Run) -> Run {
        let names = [
            "AWS_ENDPOINT_URL",
            "AWS_ACCESS_KEY_ID",
            "AWS_SECRET_ACCESS_KEY",
            "AWS_REGION",
            "AZURE_STORAGE_ACCOUNT_NAME",
            "AZURE_STORAGE_ACCOUNT_KEY",
            "AZURE_STORAGE_ENDPOINT",
        ];
        let told =
            |name: &str| std::env::var(name).unwrap_or_else(|_| panic!("scripts/test-files tells {name}"));
        names.into_iter().fold(run, |run, name| run.env(name, told(name)))
    }

    fn ingest(&self, uri: &str, table: &str, more: &[&str]) -> Run {
        Self::told(ingest(&self.desk, uri, table, more))
    }

    /// Rows that a run says it has inserted into a table.
    fn inserted(&self, uri: &str, more: &[&str]) -> String {
        let done = self.ingest(uri, "tickets", more).finish().well();
        let line = done.stderr.lines().find(|line| line.trim_start().starts_with("inserted"));
        line.and_then(|line| line.split_whitespace().nth(1)).unwrap_or_default().to_owned()
    }
}

/// What a run does in a folder, it does in a bucket: replace, replace in another format, append, be killed, be remembered.
fn a_bucket_is_filled(scheme: &str) {
    let store = Store::new(scheme);
    let wanted = store.desk.account().count("tickets").to_string();
    for format in ["csv", "jsonl", "parquet"] {
        let uri = format!("{}?format={format}", store.uri);
        assert_eq!(store.inserted(&uri, &[]), wanted);
    }
    let append = ["--incremental-strategy", "append"];
    store.desk.account().apply(Change::CreateTicket { customer: None }, options().end + SECOND);
    assert_eq!(store.inserted(&store.uri, &append), "1");
    for _ in 0..5 {
        let running = store.ingest(&store.uri, "tickets,ticket_messages", &["--flush-records", "20"]).start();
        std::thread::sleep(Duration::from_millis(fastrand::u64(50..400)));
        running.signal("KILL").finish();
    }
    let more = store.desk.account().count("tickets").to_string();
    let done = store.ingest(&store.uri, "tickets,ticket_messages", &[]).finish().well();
    let replaced = store.inserted(&store.uri, &[]);
    assert_eq!(replaced, more, "{}", done.shown());
    let state = store.desk.ingestr(["state", "show", "--dest-uri", &store.uri]);
    let shown = Store::told(state).finish().well();
    assert!(shown.shown().contains("shop.ticket_messages"), "{}", shown.shown());
    let check = store.desk.ingestr(["check", "--dest-uri", &store.uri]);
    Store::told(check).finish().well();
}

#[test]
#[ignore = "needs a bucket, see scripts/test-files"]
fn a_bucket_of_s3_is_filled() {
    a_bucket_is_filled("s3");
}

#[test]
#[ignore = "needs a container, see scripts/test-files"]
fn a_bucket_of_azure_is_filled() {
    a_bucket_is_filled("az");
}

#[test]
#[ignore = "needs a bucket, see scripts/test-files"]
fn a_bucket_that_is_not_there_or_not_ours_is_told_of() {
    let store = Store::new("s3");
    assert_snapshot!(store.ingest("s3://nobodys", "tickets", &[]).finish().shown(), @r"
    error: table main.shop: bucket s3://nobodys does not exist
      cause: NoSuchBucket: The specified bucket does not exist
      hint: make it first, or name another one in --dest-uri
    exit code 5
    ");
    assert_snapshot!(store.ingest("az://nobodys", "tickets", &[]).finish().shown(), @r"
    error: table main.shop: container az://nobodys does not exist
      cause: ContainerNotFound: The specified container does not exist.
      hint: make it first, or name another one in --dest-uri
    exit code 5
    ");
    // Emulators of S3 take every key; this one asks for the right one.
    let wrong = store.ingest("az://shop/x", "tickets", &[]);
    let key = "cGxhbnRlZC1zZWNyZXQ=";
    let done = wrong.env("AZURE_STORAGE_ACCOUNT_KEY", key).finish();
    assert!(!done.shown().contains(key));
    assert_snapshot!(done.shown(), @r"
    error: container az://shop/x does not take the credentials
      cause: AuthorizationFailure: Server failed to authenticate the request. Make sure the value of the Authorization header is formed correctly including the signature.
      hint: check the keys, and whether their time is over
    exit code 5
    ");
}
