//! Lakes, as people and `kill -9` meet them. `scripts/test-ducklake` says where DuckDB's extensions are.

use std::time::Duration;

use duckdb::Connection;
use gorgias_sim::Options;

use super::desk::{Desk, Run, options};

#[allow(clippy::disallowed_methods, reason = "where things are, is told by the environment")]
fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is told by scripts/test-ducklake"))
}

/// A lake beside a desk.
struct Lake {
    desk: Desk,
    /// Of the catalog, without parameters.
    catalog: String,
    data: String,
    /// Further parameters.
    more: String,
    /// How DuckDB attaches the catalog.
    attached: String,
}

impl Lake {
    fn new(desk: Desk) -> Self {
        let folder = desk.folder().display().to_string();
        let (catalog, data) = ("ducklake:///shop.ducklake".into(), format!("{folder}/data"));
        Self {
            attached: format!("ducklake:{folder}/shop.ducklake"),
            catalog,
            data,
            more: String::new(),
            desk,
        }
    }

    fn of_sqlite(desk: Desk) -> Self {
        let folder = desk.folder().display().to_string();
        let catalog = "ducklake:sqlite:///shop.db".into();
        Self { catalog, attached: format!("ducklake:sqlite:{folder}/shop.db"), ..Self::new(desk) }
    }

    fn of_postgres(desk: Desk) -> Self {
        let uri = told("POSTGRES_URI");
        let own = format!(
            "{}lake_{:012x}",
            uri.strip_suffix("postgres").expect("of the server"),
            fastrand::u64(..1 << 48)
        );
        let lake = Self {
            attached: format!("ducklake:postgres:{own}"),
            catalog: format!("ducklake:{own}"),
            ..Self::new(desk)
        };
        let name = own.rsplit('/').next().expect("a name");
        let made =
            format!("CALL postgres_execute('server', 'CREATE DATABASE {name}', use_transaction := false)");
        lake.engine()
            .execute_batch(&format!("ATTACH '{uri}' AS server (TYPE postgres); {made}"))
            .expect("is made");
        lake
    }

    fn uri(&self) -> String {
        let Self { catalog, data, more, .. } = self;
        format!("{catalog}?data_path={data}&extensions={}{more}", told("DUCKLAKE_EXTENSIONS"))
    }

    fn ingestr<'a>(&self, arguments: impl IntoIterator<Item = &'a str>) -> Run {
        let run = self
            .desk
            .ingestr(arguments)
            .env("SOURCE_URI", self.desk.uri())
            .env("DESTINATION_URI", self.uri());
        run.env("LD_LIBRARY_PATH", told("LD_LIBRARY_PATH"))
    }

    fn ingest(&self, tables: &str, more: &[&str]) -> Run {
        self.ingestr(
            ["ingest", "--dest-table", "gorgias.{table}", "--source-table", tables]
                .into_iter()
                .chain(more.iter().copied()),
        )
    }

    fn engine(&self) -> Connection {
        let engine = Connection::open_in_memory().expect("an engine");
        for name in ["ducklake", "sqlite_scanner", "postgres_scanner", "httpfs"] {
            let file = format!("LOAD '{}/{name}.duckdb_extension'", told("DUCKLAKE_EXTENSIONS"));
            engine.execute_batch(&file).expect("loads");
        }
        engine
    }

    /// Numbers in a row, as somebody else reads them; `None` if there is no such table yet.
    fn numbers(&self, question: &str) -> Option<Vec<i64>> {
        let engine = self.engine();
        let bucket = self.more.contains("endpoint_url").then(|| {
            let host = told("S3_ENDPOINT").replace("http://", "");
            format!("CREATE SECRET (TYPE s3, KEY_ID 'test', SECRET 'secret', REGION 'us-east-1', ENDPOINT '{host}', USE_SSL false, URL_STYLE 'path');")
        });
        let attach = format!(
            "{} ATTACH '{}' AS lake (READ_ONLY); USE lake",
            bucket.unwrap_or_default(),
            self.attached
        );
        let missing = |error: &duckdb::Error| {
            let text = error.to_string();
            ["does not exist", "unable to open database file"].iter().any(|word| text.contains(word))
        };
        match engine.execute_batch(&attach) {
            Err(error) if missing(&error) => return None,
            done => done.unwrap_or_else(|error| panic!("{error}")),
        }
        let row = |row: &duckdb::Row<'_>| {
            let count = row.as_ref().column_count();
            (0..count).map(|at| row.get(at)).collect::<duckdb::Result<Vec<i64>>>()
        };
        match engine.query_row(question, [], row) {
            Err(error) if missing(&error) => None,
            found => Some(found.unwrap_or_else(|error| panic!("{question}: {error}"))),
        }
    }

    fn stored(&self, table: &str) -> i64 {
        let question = format!("SELECT count(*), count(DISTINCT id) FROM gorgias.{table}");
        let found = self.numbers(&question).expect("there is such a table");
        assert_eq!(found[0], found[1], "{table}");
        found[0]
    }

    fn wanted(&self, list: &str) -> i64 {
        i64::try_from(self.desk.account().count(list)).expect("few")
    }
}

const TABLES: &str = "tickets,ticket_tags,customers,ticket_messages,users";

/// All of it: `check`, `plan`, two runs, `state`.
fn everything(lake: &Lake) {
    let all = ["--source-table", TABLES, "--dest-table", "gorgias.{table}"];
    lake.ingestr(["check"]).finish().well();
    lake.ingestr(["plan"].into_iter().chain(all)).finish().well();
    lake.ingest(TABLES, &[]).finish().well();
    for (table, list) in [("tickets", "tickets"), ("customers", "customers"), ("ticket_messages", "messages")]
    {
        assert_eq!(lake.stored(table), lake.wanted(list), "{table}");
    }
    lake.ingest(TABLES, &[]).finish().well();
    assert_eq!(lake.stored("tickets"), lake.wanted("tickets"));
    let shown = lake.ingestr(["state", "show"]).finish().well();
    assert!(shown.shown().contains("gorgias.tickets"), "{}", shown.shown());
    assert!(!shown.shown().contains("secret"), "{}", shown.shown());
    lake.ingestr(["state", "reset", "--dest-table", "gorgias.tickets"]).finish().well();
    let left = lake.numbers("SELECT count(*) FROM gorgias._ingestr_state").expect("is there");
    assert!((3..5).contains(&left[0]), "all but that one, and its child: {left:?}");
}

#[test]
#[ignore = "needs DuckLake"]
fn everything_is_copied_into_a_lake() {
    let lake = Lake::new(Desk::new());
    everything(&lake);
    let beside: Vec<String> =
        lake.desk.files().into_iter().filter(|name| !name.starts_with("data")).collect();
    assert_eq!(beside, ["shop.ducklake"]);
    everything(&Lake::of_sqlite(Desk::new()));
}

#[test]
#[ignore = "needs DuckLake and PostgreSQL"]
fn everything_is_copied_into_a_lake_of_a_server() {
    everything(&Lake::of_postgres(Desk::new()));
}

#[test]
#[ignore = "needs DuckLake and S3"]
fn everything_is_copied_into_a_bucket() {
    let mut lake = Lake::new(Desk::new());
    lake.data = format!("{}/{:012x}", told("S3_BUCKET"), fastrand::u64(..1 << 48));
    lake.more = format!(
        "&access_key_id=test&secret_access_key=secret&region=us-east-1&endpoint_url={}",
        told("S3_ENDPOINT")
    );
    everything(&lake);
}

/// Killed at random moments, it goes on where it was: rows and their state are there together, or neither.
fn killed(lake: &Lake) {
    let mut rng = fastrand::Rng::with_seed(5);
    let mut before = 0;
    for _ in 0..12 {
        let running = lake.ingest("tickets", &["--flush-records", "150"]).start();
        std::thread::sleep(Duration::from_millis(rng.u64(100..2_500)));
        let over = running.signal("KILL").finish();
        assert!(over.code().is_none_or(|code| code == 0), "{}", over.shown());
        let question = "SELECT (SELECT count(*) FROM gorgias.tickets), (SELECT count(DISTINCT id) FROM gorgias.tickets), \
                        (SELECT count(*) FROM gorgias._ingestr_state WHERE dest_table = 'tickets')";
        let Some(found) = lake.numbers(question) else {
            assert_eq!(before, 0, "the table is gone");
            continue;
        };
        assert!(found[0] == found[1] && found[0] >= before && found[2] == 1, "{found:?} after {before}");
        before = found[0];
    }
    lake.ingest("tickets", &[]).finish().well();
    assert_eq!(lake.stored("tickets"), lake.wanted("tickets"));
}

fn slow() -> Desk {
    Desk::with(Options { tickets: 2_000, messages: 1_000, ..options() }, Duration::from_millis(40))
}

#[test]
#[ignore = "needs DuckLake"]
fn whenever_it_is_killed_the_lake_is_whole() {
    killed(&Lake::new(slow()));
    killed(&Lake::of_sqlite(slow()));
}

#[test]
#[ignore = "needs DuckLake and PostgreSQL"]
fn whenever_it_is_killed_the_lake_of_a_server_is_whole() {
    killed(&Lake::of_postgres(slow()));
}

/// Several programs at once, each with tables of its own, and two that want the same one: one of them is refused.
fn side_by_side(lake: &Lake) {
    let small = &["--flush-records", "50", "--wait=60s"];
    let running: Vec<_> = ["tickets", "customers", "ticket_messages"]
        .map(|table| lake.ingest(table, small).start())
        .into_iter()
        .collect();
    for run in running {
        run.finish().well();
    }
    for (table, list) in [("tickets", "tickets"), ("customers", "customers"), ("ticket_messages", "messages")]
    {
        assert_eq!(lake.stored(table), lake.wanted(list), "{table}");
    }
    let states = lake
        .numbers("SELECT count(*), count(DISTINCT dest_table) FROM gorgias._ingestr_state")
        .expect("is there");
    assert_eq!(states, [3, 3]);
    let left = lake.numbers("SELECT count(*) FROM gorgias._ingestr_leases").expect("is there");
    assert_eq!(left, [0]);
    let twice: Vec<_> = (0..3).map(|_| lake.ingest("satisfaction_surveys", &["--wait=0s"]).start()).collect();
    let codes: Vec<_> = twice.into_iter().map(|run| run.finish().code()).collect();
    assert!(codes.contains(&Some(0)) && codes.iter().all(|code| matches!(code, Some(0 | 5))), "{codes:?}");
    assert_eq!(lake.stored("satisfaction_surveys"), lake.wanted("satisfaction-surveys"));
}

#[test]
#[ignore = "needs DuckLake"]
fn programs_side_by_side_lose_nothing() {
    side_by_side(&Lake::new(Desk::new()));
    side_by_side(&Lake::of_sqlite(Desk::new()));
}

#[test]
#[ignore = "needs DuckLake and PostgreSQL"]
fn programs_side_by_side_lose_nothing_on_a_server() {
    side_by_side(&Lake::of_postgres(Desk::new()));
}
