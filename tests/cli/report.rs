//! `ingestr report` of every destination: the page is that of a DuckDB file with a copy of the same account.

use std::fs;
use std::time::Duration;

use gorgias_sim::Options;
use insta::assert_snapshot;

use super::desk::{Desk, Done, options};

/// With all that the models look at.
const TABLES: &str = "tickets,ticket_messages,satisfaction_surveys,customers,users,teams,tags,ticket_tags,custom_fields,\
                      ticket_field_values,events,account_settings";

#[allow(clippy::disallowed_methods, reason = "where a service is, is told by the environment")]
fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is told by the script that starts it"))
}

fn desk_of(tickets: usize) -> Desk {
    let size = Options { tickets, messages: tickets * 3, surveys: tickets / 2, events: 2_000, ..options() };
    Desk::with(size, Duration::ZERO)
}

/// A copy of a desk's account somewhere, in a schema of its own.
struct Copy<'a> {
    desk: &'a Desk,
    uri: String,
    schema: String,
    /// Where DuckDB's library is, if it is not that of the program.
    library: Option<String>,
}

impl<'a> Copy<'a> {
    fn new(desk: &'a Desk, uri: &str) -> Self {
        Self { desk, uri: uri.to_owned(), schema: format!("desk_{:08x}", fastrand::u32(..)), library: None }
    }

    fn ingestr(&self, arguments: &[&str]) -> Done {
        let run = self.desk.ingestr(arguments.iter().copied());
        let run = run.env("SOURCE_URI", self.desk.uri()).env("DESTINATION_URI", &self.uri);
        match &self.library {
            Some(library) => run.env("LD_LIBRARY_PATH", library).finish(),
            None => run.finish(),
        }
    }

    fn load(self, tables: &str) -> Self {
        self.ingestr(&["ingest", "--yes", "--source-table", tables, "--dest-table", &self.schema]).well();
        self
    }

    /// One after the other: an emulator cannot take two changes at once.
    #[cfg(feature = "bigquery")]
    fn load_in_turn(self, tables: &str) -> Self {
        for table in tables.split(',') {
            let name = format!("{}.{table}", self.schema);
            self.ingestr(&["ingest", "--yes", "--source-table", table, "--dest-table", &name]).well();
        }
        self
    }

    fn report(&self, more: &[&str]) -> Done {
        let usual = ["report", "--schema", &self.schema, "--tz", "America/New_York", "--output", "page.html"];
        self.ingestr(&[&usual, more].concat())
    }

    /// The page without its last lines, which tell where the copy is and when it was made.
    fn page(&self, more: &[&str]) -> String {
        self.report(more).well();
        let page = fs::read_to_string(self.desk.folder().join("page.html")).expect("the page");
        page.split_once("<footer>").expect("a footer").0.to_owned()
    }

    fn looks_like(&self, other: &Copy<'_>) {
        for period in ["2000-01-01", "90d"] {
            let (own, expected) = (self.page(&["--since", period]), other.page(&["--since", period]));
            let differ = own.lines().zip(expected.lines()).find(|(own, expected)| own != expected);
            assert_eq!(differ, None, "{period}");
            assert_eq!(own, expected, "{period}");
        }
    }
}

fn duckdb<'a>(desk: &'a Desk, tables: &str) -> Copy<'a> {
    Copy::new(desk, "duckdb:///shop.duckdb").load(tables)
}

#[test]
#[ignore = "needs PostgreSQL"]
fn postgres_shows_the_page_of_a_duckdb_file() {
    for tickets in [0, 1, 150] {
        let desk = desk_of(tickets);
        let copy = Copy::new(&desk, &told("POSTGRES_URI")).load(TABLES);
        copy.looks_like(&duckdb(&desk, TABLES));
    }
}

#[test]
#[ignore = "needs DuckLake"]
fn ducklake_shows_the_page_of_a_duckdb_file() {
    let desk = desk_of(150);
    let data = desk.folder().join("data");
    let uri = format!(
        "ducklake:///shop.ducklake?data_path={}&extensions={}",
        data.display(),
        told("DUCKLAKE_EXTENSIONS")
    );
    // Each table makes files, which takes its time.
    let tables = "tickets,ticket_messages,satisfaction_surveys,customers,users,events";
    let lake = Copy { library: Some(told("LD_LIBRARY_PATH")), ..Copy::new(&desk, &uri) }.load(tables);
    lake.looks_like(&duckdb(&desk, tables));
}

#[cfg(feature = "bigquery")]
#[test]
#[ignore = "needs a BigQuery emulator"]
fn an_emulator_of_bigquery_shows_the_page_of_a_duckdb_file() {
    let tables = "tickets,ticket_messages,satisfaction_surveys,customers,users";
    let desk = desk_of(60);
    let copy = Copy::new(&desk, &told("BIGQUERY_EMULATOR_URI")).load_in_turn(tables);
    copy.looks_like(&duckdb(&desk, tables));
    // This one does not tell bytes, whatever is asked.
    let done = copy.report(&["--max-bytes", "2 GB"]).well();
    assert_eq!(
        done.stderr,
        "BigQuery project testproj does not tell how many bytes the report reads; more than 2 GB are refused there\n"
    );
    assert_snapshot!(copy.report(&["--max-bytes", "0"]).shown(), @r"
    error: BigQuery project testproj does not tell how many bytes the report would read
      hint: nothing was read for it; --max-bytes 10GB reads at most so many
    exit code 2
    ");
}

#[test]
fn a_limit_of_bytes_is_read_everywhere_and_means_nothing_to_a_file() {
    let desk = desk_of(1);
    let copy = duckdb(&desk, "tickets,ticket_messages,satisfaction_surveys,customers");
    let done = copy.report(&["--max-bytes", "500MB"]).well();
    assert_eq!(done.stderr, "note: --max-bytes has no effect: DuckDB is not paid by the byte\n");
    assert_eq!(copy.report(&[]).well().stderr, "");
    assert_snapshot!(copy.report(&["--max-bytes", "1.5GB"]).shown(), @r"
    error: --max-bytes: `1.5GB` is no number of bytes
      hint: type 10GB, 500MB or 2TiB; 0 only tells how many bytes would be read
    exit code 2
    ");
}
