//! PostgreSQL, as people and `kill -9` meet it. `scripts/with-postgres` says where the server is.

use std::time::Duration;

use gorgias_sim::Options;
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::desk::{Desk, Run, options};

/// A schema of the server, beside a desk.
struct Server {
    desk: Desk,
    uri: String,
    schema: String,
}

impl Server {
    #[allow(clippy::disallowed_methods, reason = "where the server is, is told by the environment")]
    fn new(desk: Desk) -> Self {
        let uri = std::env::var("POSTGRES_URI").expect("POSTGRES_URI is told by scripts/with-postgres");
        Self { desk, uri, schema: format!("cli_{:012x}", fastrand::u64(..1 << 48)) }
    }

    fn ingest(&self, tables: &str, more: &[&str]) -> Run {
        let into = format!("{}.{{table}}", self.schema);
        let usual = ["ingest", "--dest-table", &into, "--source-table", tables];
        self.desk
            .ingestr(usual.into_iter().chain(more.iter().copied()))
            .env("SOURCE_URI", self.desk.uri())
            .env("DESTINATION_URI", &self.uri)
    }

    /// Numbers in a row, as somebody else reads them; `None` if there is no such table yet.
    fn numbers(&self, question: &str) -> Option<Vec<i64>> {
        let question = question.replace("OURS", &self.schema);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&self.uri, NoTls).await.expect("a server");
            tokio::spawn(connection);
            let answer = match client.simple_query(&question).await {
                Err(error) if error.to_string().contains("db error") => {
                    let missing =
                        error.as_db_error().is_some_and(|error| error.message().contains("does not exist"));
                    assert!(missing, "{question}: {error:?}");
                    return None;
                }
                answer => answer.expect("an answer"),
            };
            let row = answer.into_iter().find_map(|message| match message {
                SimpleQueryMessage::Row(row) => Some(row),
                _ => None,
            });
            let row = row.expect("a row");
            Some((0..row.len()).map(|at| row.get(at).expect("a value").parse().expect("a number")).collect())
        })
    }

    fn stored(&self, table: &str) -> i64 {
        let found = self.numbers(&format!("SELECT count(*), count(DISTINCT id) FROM OURS.{table}"));
        let found = found.expect("there is such a table");
        assert_eq!(found[0], found[1], "{table}");
        found[0]
    }

    fn wanted(&self, list: &str) -> i64 {
        i64::try_from(self.desk.account().count(list)).expect("few")
    }
}

/// Killed at random moments, it goes on where it was: rows and their state are there together, or neither, and no row of a child
/// table is without its parent.
#[test]
#[ignore = "needs PostgreSQL"]
fn whenever_it_is_killed_postgres_is_whole() {
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let mut rng = fastrand::Rng::with_seed(seed);
    let options = Options { tickets: 2_000, messages: 1_000, ..options() };
    let server = Server::new(Desk::with(options, Duration::from_millis(40)));
    let mut before = 0;
    for _ in 0..12 {
        let running = server.ingest("tickets,ticket_tags", &["--flush-records", "150"]).start();
        std::thread::sleep(Duration::from_millis(rng.u64(100..2_500)));
        let over = running.signal("KILL").finish();
        assert!(over.code().is_none_or(|code| code == 0), "{}", over.shown());
        let found = server.numbers(
            "SELECT (SELECT count(*) FROM OURS.tickets), (SELECT count(DISTINCT id) FROM OURS.tickets), \
             (SELECT count(*) FROM OURS._ingestr_state), \
             (SELECT count(*) FROM OURS.ticket_tags c WHERE NOT EXISTS (SELECT 1 FROM OURS.tickets t WHERE t.id = c.ticket_id)), \
             (SELECT count(*) FROM OURS.tickets t WHERE json_array_length(t.tags) <> \
              (SELECT count(*) FROM OURS.ticket_tags c WHERE c.ticket_id = t.id))",
        );
        let Some(found) = found else {
            assert_eq!(before, 0, "the table is gone");
            continue;
        };
        assert!(found[0] == found[1] && found[0] >= before && found[2] == 2, "{found:?} after {before}");
        assert_eq!(found[3..], [0, 0], "rows of the child are those of the parents");
        before = found[0];
    }
    server.ingest("tickets,ticket_tags", &[]).finish().well();
    assert_eq!(server.stored("tickets"), server.wanted("tickets"));
}

/// Several programs at once, each with tables of its own, and some that want the same one: all but one of them are refused.
#[test]
#[ignore = "needs PostgreSQL"]
fn programs_side_by_side_lose_nothing_in_postgres() {
    let server = Server::new(Desk::new());
    let small = &["--flush-records", "50", "--wait=60s"];
    let running: Vec<_> = ["tickets", "customers", "ticket_messages"]
        .map(|table| server.ingest(table, small).start())
        .into_iter()
        .collect();
    for run in running {
        run.finish().well();
    }
    for (table, list) in [("tickets", "tickets"), ("customers", "customers"), ("ticket_messages", "messages")]
    {
        assert_eq!(server.stored(table), server.wanted(list), "{table}");
    }
    let found = server.numbers(
        "SELECT (SELECT count(*) FROM OURS._ingestr_state), (SELECT count(*) FROM OURS._ingestr_leases)",
    );
    assert_eq!(found.expect("is there"), [3, 0]);
    let twice: Vec<_> =
        (0..3).map(|_| server.ingest("satisfaction_surveys", &["--wait=0s"]).start()).collect();
    let codes: Vec<_> = twice.into_iter().map(|run| run.finish().code()).collect();
    assert!(codes.contains(&Some(0)) && codes.iter().all(|code| matches!(code, Some(0 | 5))), "{codes:?}");
    assert_eq!(server.stored("satisfaction_surveys"), server.wanted("satisfaction-surveys"));
}

/// What refers to the rows of a child table does not let it be made anew: what is said to help then does.
#[test]
#[ignore = "needs PostgreSQL"]
fn a_child_that_postgres_does_not_let_go_is_merged_once_both_are_forgotten() {
    let server = Server::new(Desk::new());
    let both = || server.ingest("tickets,ticket_tags", &[]).finish();
    both().well();
    let count = "SELECT count(*) FROM OURS.ticket_tags";
    let before = server.numbers(count);
    server.numbers(
        "CREATE TABLE OURS.notes (ticket bigint, tag bigint, \
         FOREIGN KEY (ticket, tag) REFERENCES OURS.ticket_tags (ticket_id, tag_id) ON DELETE CASCADE); \
         INSERT INTO OURS.notes SELECT ticket_id, tag_id FROM OURS.ticket_tags LIMIT 9; SELECT 1",
    );
    let forget = |table: &str| {
        let table = format!("{}.{table}", server.schema);
        let run = server.desk.ingestr(["state", "reset", "--dest-table", &table]);
        run.env("DESTINATION_URI", &server.uri).finish().well();
    };
    forget("tickets");
    let refused = both();
    let shown = refused.shown();
    assert_eq!(refused.code(), Some(5), "{shown}");
    let hint = format!("ingestr state reset --dest-table {}.ticket_tags, and the same with", server.schema);
    assert!(shown.contains(&hint) && !shown.contains("--incremental-strategy"), "{shown}");
    forget("ticket_tags");
    both().well();
    assert_eq!(server.numbers(count), before);
    assert_eq!(server.numbers("SELECT count(*) FROM OURS.notes"), Some(vec![9]));
}
