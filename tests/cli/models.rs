//! `ingestr models` and `ingestr report`: SQL that a database takes, and a page that shows what its views hold.

use std::fs;
use std::time::Duration;

use gorgias_sim::Options;
use insta::assert_snapshot;

use super::desk::{Desk, options};

/// A desk with a copy in the schema `gorgias` of `shop.duckdb`.
fn copied() -> Desk {
    let desk = Desk::new();
    desk.ingest("*", &["--dest-table", "gorgias"]).finish().well();
    desk
}

fn models(desk: &Desk, arguments: &[&str]) -> String {
    let done = desk.ingestr(["models"].into_iter().chain(arguments.iter().copied())).finish().well();
    assert_eq!(done.stderr, "");
    done.stdout
}

/// Runs SQL in the file, as `duckdb shop.duckdb < models.sql` does.
fn apply(desk: &Desk, sql: &str) {
    let database = duckdb::Connection::open(desk.folder().join("shop.duckdb")).expect("a database");
    database.execute_batch(sql).expect("SQL that DuckDB takes");
}

fn report(desk: &Desk, more: &[&str]) -> String {
    let usual = ["report", "--dest-uri", "duckdb:///shop.duckdb", "--output", "page.html"];
    let done = desk.ingestr(usual.into_iter().chain(more.iter().copied())).finish().well();
    assert!(done.stdout.starts_with("wrote page.html: "), "{}", done.stdout);
    fs::read_to_string(desk.folder().join("page.html")).expect("the page")
}

/// The number of one of the six figures.
fn figure(page: &str, key: &str) -> f64 {
    let mark = format!("data-figure={key} data-value=\"");
    let (_, rest) = page.split_once(&mark).expect("the figure");
    rest.split('"').next().expect("its end").parse().expect("a number")
}

#[test]
fn the_models_are_views_that_survive_what_later_runs_do() {
    let desk = copied();
    let sql = models(&desk, &["--dialect", "duckdb", "--tz", "America/New_York"]);
    apply(&desk, &sql);
    let tickets = || desk.ask("shop.duckdb", "SELECT count(*) FROM analytics.gorgias__tickets");
    assert_eq!(tickets(), "60");
    let created = "SELECT sum(tickets_created) = (SELECT count(*) FROM analytics.gorgias__tickets WHERE is_counted) \
                   FROM analytics.gorgias__daily WHERE channel IS NULL";
    assert_eq!(desk.ask("shop.duckdb", created), "true");
    for more in [&[][..], &["--full-refresh"], &["--incremental-strategy", "replace"]] {
        desk.ingest("*", &[&["--dest-table", "gorgias"], more].concat()).finish().well();
        assert_eq!(tickets(), "60", "{more:?}");
    }
    apply(&desk, "ALTER TABLE gorgias.tickets ADD COLUMN surprise VARCHAR");
    assert_eq!(tickets(), "60");
    // And once more over themselves.
    apply(&desk, &sql);
    assert_eq!(desk.ask("shop.duckdb", created), "true");
}

#[test]
fn tables_that_were_copied_are_found_or_named() {
    let desk = copied();
    let four = models(&desk, &["--dialect", "duckdb"]);
    assert!(!four.contains("\"gorgias\".\"tags\""));
    desk.ingest("tags", &["--dest-table", "gorgias.tags"]).finish().well();
    let found = models(&desk, &["--dest-uri", "duckdb:///shop.duckdb"]);
    assert!(found.contains("\"gorgias\".\"tags\""));
    apply(&desk, &found);
    assert!(
        models(&desk, &["--dialect", "duckdb", "--with", "tags,users"]).contains("\"gorgias\".\"users\"")
    );
    let elsewhere =
        models(&desk, &["--dialect", "bigquery", "--schema", "project.desk", "--target-schema", "numbers"]);
    assert!(
        elsewhere.contains("`project`.`desk`.`tickets`")
            && elsewhere.contains("view `numbers`.`gorgias__daily`")
    );
}

#[test]
fn a_report_shows_what_the_views_hold() {
    let desk = copied();
    apply(&desk, &models(&desk, &["--dialect", "duckdb"]));
    let page = report(&desk, &["--since", "2000-01-01"]);
    let marts = |question: &str| desk.ask("shop.duckdb", question).parse::<f64>().expect("a number");
    for (key, question) in [
        ("created", "SELECT sum(tickets_created) FROM analytics.gorgias__daily WHERE channel IS NULL"),
        ("closed", "SELECT sum(tickets_closed) FROM analytics.gorgias__daily WHERE channel IS NULL"),
        (
            "open",
            "SELECT arg_max(open_tickets, day) FROM analytics.gorgias__backlog_daily WHERE channel IS NULL",
        ),
        (
            "first_response",
            "SELECT median(first_response_seconds) FROM analytics.gorgias__tickets WHERE is_counted",
        ),
        ("resolution", "SELECT median(resolution_seconds) FROM analytics.gorgias__tickets WHERE is_counted"),
        (
            "csat",
            "SELECT sum(scores_of_4_or_5) / sum(surveys_scored) FROM analytics.gorgias__daily WHERE channel IS NULL",
        ),
    ] {
        assert!((figure(&page, key) - marts(question)).abs() < 1e-6, "{key}");
    }
    // One file that loads nothing and runs nothing.
    for wrong in ["<script", "http://", "https://", "src=", "@import", "url("] {
        assert!(!page.contains(wrong), "{wrong}");
    }
    assert!(page.contains("Help desk acme"));
}

/// Of the account that `make demo` copies.
#[test]
fn the_questions_of_the_readme_have_the_answers_that_it_tells() {
    let demo = include_str!("../../scripts/demo");
    let wanted = "--tickets 1500 --messages 4000 --customers 700 --surveys 900 --lifelike";
    assert!(demo.contains(wanted), "the account of the demo is another one");
    let size = Options { tickets: 1_500, messages: 4_000, customers: 700, surveys: 900, ..options() };
    let desk = Desk::with(Options { lifelike: true, ..size }, Duration::ZERO);
    let tables = "tickets,ticket_messages,satisfaction_surveys,customers,users,tags,ticket_tags";
    desk.ingest(tables, &["--dest-table", "gorgias"]).finish().well();
    apply(&desk, &models(&desk, &["--dest-uri", "duckdb:///shop.duckdb"]));
    let readme = include_str!("../../README.md");
    let block =
        readme.split("```sql\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a block of SQL");
    let (told, sql): (Vec<&str>, Vec<&str>) = block.lines().partition(|line| line.starts_with("-- "));
    let told: Vec<&str> = told
        .into_iter()
        .map(|line| line.trim_start_matches("-- "))
        .filter(|line| !line.ends_with('?'))
        .collect();
    let database = duckdb::Connection::open(desk.folder().join("shop.duckdb")).expect("a database");
    let answer = |question: &str| {
        let question = format!("SELECT COLUMNS(*)::VARCHAR FROM ({question})");
        let mut statement = database.prepare(&question).expect("SQL that DuckDB takes");
        let line = |row: &duckdb::Row<'_>| {
            let cells: duckdb::Result<Vec<String>> =
                (0..row.as_ref().column_count()).map(|at| row.get(at)).collect();
            Ok(cells?.join(", "))
        };
        let lines: duckdb::Result<Vec<String>> = statement.query_map([], line).expect("an answer").collect();
        lines.expect("texts").join("; ")
    };
    let sql = sql.join("\n");
    let questions = sql.split(';').filter(|question| !question.trim().is_empty());
    let found: Vec<String> = questions.map(answer).collect();
    assert!(found.len() == 3, "{found:?}");
    assert_eq!(found, told);
}

#[test]
fn agents_can_be_left_out_and_the_file_stays_as_it_was() {
    let desk = copied();
    let before = fs::read(desk.folder().join("shop.duckdb")).expect("the file");
    let name = desk.ask(
        "shop.duckdb",
        "SELECT json_extract_string(sender, '$.name') FROM gorgias.ticket_messages WHERE from_agent AND via = 'helpdesk' LIMIT 1",
    );
    let shown = name.replace('\'', "&#39;");
    assert!(report(&desk, &["--since", "2000-01-01"]).contains(&shown), "{name}");
    let page = report(&desk, &["--since", "2000-01-01", "--anonymous"]);
    assert!(page.contains("Agent 1") && !page.contains(&shown));
    assert_eq!(fs::read(desk.folder().join("shop.duckdb")).expect("the file"), before);
    assert_eq!(desk.files(), ["page.html", "shop.duckdb"]);
}

#[test]
fn what_cannot_be_shown_is_refused() {
    let desk = copied();
    let refused = |arguments: &[&str]| desk.ingestr(arguments.iter().copied()).finish().shown();
    assert_snapshot!(refused(&["models"]), @r"
    error: --dialect is missing
      hint: look at the copy with --dest-uri (or set INGESTR_DESTINATION_URI), or use --dialect duckdb, bigquery or postgres
    exit code 2
    ");
    assert_snapshot!(refused(&["models", "--dialect", "duckdb", "--tz", "UTC'"]), @r"
    error: --tz: `UTC'` is not the name of a time zone
      hint: use an IANA name such as Europe/Paris
    exit code 2
    ");
    assert_snapshot!(refused(&["report", "--dest-uri", "duckdb:///shop.duckdb", "--tz", "Europe/Pariss"]), @r"
    error: --tz: `Europe/Pariss` is not the name of a time zone
      hint: did you mean Europe/Paris?
    exit code 2
    ");
    assert_snapshot!(refused(&["report"]), @r"
    error: --dest-uri is missing
      hint: type --dest-uri duckdb:///gorgias.duckdb (or set INGESTR_DESTINATION_URI or DESTINATION_URI)
    exit code 2
    ");
    assert_snapshot!(refused(&["report", "--dest-uri", "duckdb:///shop.duckdb", "--since", "soon"]), @r"
    error: --since: `soon` is no period
      hint: type 90d, 12w, or a day such as 2026-01-31
    exit code 2
    ");
    assert_snapshot!(refused(&["report", "--dest-uri", "duckdb:///shop.duckdb", "--schema", "main"]), @r"
    error: duckdb file shop.duckdb has no copy of tickets, ticket_messages, satisfaction_surveys, customers in schema main
      hint: tickets are in gorgias: name it with --schema
    exit code 2
    ");
    assert_snapshot!(refused(&["report", "--dest-uri", "duckdb:///other.duckdb"]), @r"
    error: duckdb file other.duckdb has no copy of tickets, ticket_messages, satisfaction_surveys, customers in schema gorgias
      hint: copy them with `ingestr ingest --source-table '*' --dest-table gorgias`
    exit code 2
    ");
    #[cfg(feature = "sqlite")]
    assert_snapshot!(refused(&["report", "--dest-uri", "sqlite:///shop.db"]), @r"
    error: there is no report of SQLite
      hint: copy to DuckDB, DuckLake, PostgreSQL or BigQuery as well, e.g. with --dest-uri duckdb:///gorgias.duckdb
    exit code 2
    ");
}

/// What cannot run is not printed.
#[test]
fn models_are_of_tables_that_are_there() {
    let desk = copied();
    let refused = |arguments: &[&str]| desk.ingestr(arguments.iter().copied()).finish().shown();
    assert_snapshot!(refused(&["models", "--dest-uri", "duckdb:///nofile.duckdb"]), @r"
    error: duckdb file nofile.duckdb has no copy of tickets, ticket_messages, satisfaction_surveys, customers in schema gorgias
      hint: copy them with `ingestr ingest --source-table '*' --dest-table gorgias`
    exit code 2
    ");
    assert_snapshot!(refused(&["models", "--dest-uri", "duckdb:///shop.duckdb", "--schema", "nosuch"]), @r"
    error: duckdb file shop.duckdb has no copy of tickets, ticket_messages, satisfaction_surveys, customers in schema nosuch
      hint: tickets are in gorgias: name it with --schema
    exit code 2
    ");
    desk.ingest("tickets,tags", &["--dest-table", "some"]).finish().well();
    let [models, report] = ["models", "report"]
        .map(|command| refused(&[command, "--dest-uri", "duckdb:///shop.duckdb", "--schema", "some"]));
    assert_snapshot!(models, @r"
    error: duckdb file shop.duckdb has no copy of ticket_messages, satisfaction_surveys, customers in schema some
      hint: copy them, too, with `ingestr ingest --source-table ticket_messages,satisfaction_surveys,customers --dest-table some`
    exit code 2
    ");
    assert_eq!(report, models);
    desk.ingest("ticket_messages,satisfaction_surveys", &["--dest-table", "some"]).finish().well();
    assert_snapshot!(refused(&["report", "--dest-uri", "duckdb:///shop.duckdb", "--schema", "some"]), @r"
    error: duckdb file shop.duckdb has no copy of customers in schema some
      hint: copy it, too, with `ingestr ingest --source-table customers --dest-table some.customers`
    exit code 2
    ");
}

#[test]
fn models_look_where_the_environment_says_unless_told_what_to_write() {
    let desk = copied();
    desk.ingest("tags", &["--dest-table", "gorgias.tags"]).finish().well();
    let uri = "duckdb:///shop.duckdb";
    let printed = |arguments: &[&str]| {
        let run = desk.ingestr(["models"].into_iter().chain(arguments.iter().copied()));
        run.env("INGESTR_DESTINATION_URI", uri).finish().well().stdout
    };
    assert_eq!(printed(&[]), models(&desk, &["--dest-uri", uri]));
    for told in [&["--dialect", "postgres"][..], &["--dialect", "duckdb", "--with", "users"]] {
        assert_eq!(printed(told), models(&desk, told));
    }
}

/// Each version of a ticket would be counted.
#[test]
fn tables_with_versions_are_refused() {
    let desk = copied();
    desk.ingest("tickets", &["--dest-table", "kept.tickets", "--incremental-strategy", "scd2"])
        .finish()
        .well();
    desk.ingest("ticket_messages,satisfaction_surveys,customers", &["--dest-table", "kept"]).finish().well();
    let [refused, report] = ["models", "report"].map(|command| {
        let arguments = [command, "--dest-uri", "duckdb:///shop.duckdb", "--schema", "KEPT"];
        desk.ingestr(arguments).finish().shown()
    });
    assert_snapshot!(refused, @r"
    error: table KEPT.tickets keeps versions of rows (scd2), each of which would be counted
      hint: copy the tables to another schema as well, without --incremental-strategy scd2, and name that one with --schema
    exit code 2
    ");
    assert_eq!(report, refused);
    // Those of another schema are nobody's concern.
    models(&desk, &["--dest-uri", "duckdb:///shop.duckdb"]);
}

/// A shell starts both ends of a pipe at once, and the database at its end holds the file from then on.
#[test]
fn whoever_holds_the_file_at_the_end_of_a_pipe_is_told_of_a_file() {
    let desk = copied();
    let _held = duckdb::Connection::open(desk.folder().join("shop.duckdb")).expect("a database");
    let done = desk.ingestr(["models", "--dest-uri", "duckdb:///shop.duckdb"]).finish();
    assert_eq!((done.code(), done.stdout.as_str()), (Some(5), ""));
    let hint = "ingestr models … > models.sql && duckdb helpdesk.duckdb < models.sql\n";
    assert!(done.stderr.ends_with(hint), "{}", done.stderr);
}

#[test]
fn a_page_that_cannot_be_written_is_output_that_could_not_be_written() {
    let desk = copied();
    let report = |uri, file| desk.ingestr(["report", "--dest-uri", uri, "--output", file]).finish();
    let full = report("duckdb:///shop.duckdb", "/dev/full");
    assert_eq!(full.code(), Some(1), "{}", full.shown());
    assert!(full.stderr.starts_with("error: the page cannot be written to /dev/full\n"), "{}", full.stderr);
    // What was typed wrong is found before anything is read.
    assert_snapshot!(report("duckdb:///other.duckdb", "no/page.html").shown(), @r"
    error: --output: no/page.html cannot be written: its folder does not exist
      hint: make the folder no first, or name another file
    exit code 2
    ");
    assert_snapshot!(report("duckdb:///other.duckdb", ".").shown(), @r"
    error: --output: . is a folder
      hint: add the name of the file
    exit code 2
    ");
}
