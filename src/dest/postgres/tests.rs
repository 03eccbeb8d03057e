//! Tests of the PostgreSQL destination: the shared suite, tables made by others, and what can go wrong, on a real server.
//!
//! `scripts/with-postgres` starts it and says where it is. Every test has a database of its own, so that they run side by side,
//! and removes them at the end.

use super::dialect::JSON;
use super::dialect::column_name;
use super::*;
use crate::dest::conformance::Bench;
use crate::dest::sql::Dialect;

/// A database of one test.
struct Server {
    /// Of the server.
    uri: String,
    /// The way that the destination takes there.
    way: String,
    name: String,
}

#[allow(clippy::disallowed_methods, reason = "where the server is, is told by the environment")]
fn told(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is told by scripts/with-postgres"))
}

/// Waits for work on a thread of its own: the suite's own calls are not asynchronous.
fn wait<T: Send>(work: impl Future<Output = T> + Send) -> T {
    let wait = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.expect("a runtime").block_on(work)
    };
    std::thread::scope(|scope| scope.spawn(wait).join().expect("no panic"))
}

impl Server {
    /// The newest version.
    fn new() -> Self {
        Self::of("POSTGRES_URI")
    }

    fn of(variable: &str) -> Self {
        let name = format!("test_{:012x}", fastrand::u64(..1 << 48));
        let server = Self { uri: told(variable), way: told(variable), name };
        server.of_server(&format!("CREATE DATABASE {}", server.name));
        server
    }

    /// The newest one, through a pooler.
    fn through(variable: &str) -> Self {
        let mut server = Self::new();
        server.way = told(variable);
        server
    }

    /// A statement that is no transaction's.
    fn of_server(&self, sql: &str) {
        let server = Postgres::from_uri(&self.uri).expect("a URI");
        wait(async { server.connect().await.expect("is there").batch_execute(sql).await }).expect(sql);
    }

    /// The URI of the database, with other words in it: `from` by `to`.
    fn at(&self, from: &str, to: &str) -> String {
        format!("{}{}", self.uri.strip_suffix("postgres").expect("is of the server"), self.name)
            .replace(from, to)
    }

    fn postgres(&self) -> Postgres {
        Postgres::from_uri(&self.at("", "")).expect("a URI")
    }

    fn query(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let postgres = self.postgres();
        let rows = wait(async {
            let session = postgres.open("", Access::Read).await?;
            let rows = session.texts(sql).await;
            session.end(rows).await
        });
        rows.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// Statements on tables of the schema `shop`.
    fn sql(&self, sql: &str) {
        self.query(&format!("CREATE SCHEMA IF NOT EXISTS shop; SET LOCAL search_path = shop; {sql}"));
    }

    /// The first column of a query.
    fn texts(&self, sql: &str) -> Vec<String> {
        self.query(sql).into_iter().map(|row| row[0].clone().unwrap_or_else(|| "NULL".into())).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.of_server(&format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

fn quoted(table: &str) -> String {
    format!("shop.{}", JSON.quote(table))
}

/// A line of the suite's SQL, which is DuckDB's, in PostgreSQL's.
fn translated(sql: &str) -> String {
    let mut out = String::new();
    for (nth, part) in sql.replace("\"\"", "\u{1}").split('"').enumerate() {
        if nth % 2 == 1 {
            out.push_str(&JSON.quote(&column_name(&part.replace('\u{1}', "\""))));
        } else {
            out.push_str(part);
        }
    }
    for (ours, theirs) in [
        ("epoch_us(", "(SELECT 1000000 * extract(epoch FROM "),
        ("year(", "(SELECT extract(year FROM "),
        ("(upper(name))", "(upper(name)) STORED"),
        ("(upper(n))", "(upper(n)) STORED"),
        ("(abs(name))", "(abs(name)) STORED"),
        ("ADD COLUMN ", "ADD COLUMN IF NOT EXISTS "),
    ] {
        out = out.replace(ours, theirs);
    }
    if out.starts_with("(SELECT") {
        out.push_str(")::bigint");
    }
    out
}

/// A value of a type as the suite has it.
fn text(value: Option<&String>, kind: Option<&String>) -> String {
    match (value, kind.map(String::as_str)) {
        (None, _) => "NULL".into(),
        (Some(value), Some("boolean")) => (value == "t").to_string(),
        (Some(value), Some("double precision")) => format!("{:?}", value.parse::<f64>().expect("a number")),
        (Some(value), _) => value.clone(),
    }
}

impl Bench for Server {
    fn destination(&self) -> Box<dyn Destination> {
        Box::new(self.postgres())
    }

    fn rows(&self, table: &str, columns: &[&str]) -> Option<Vec<Vec<String>>> {
        if !self.tables().contains(&table.to_owned()) {
            return None;
        }
        let wanted: Vec<String> = columns.iter().map(|column| translated(column)).collect();
        let wanted: Vec<String> = wanted.iter().map(|sql| format!("{sql}, pg_typeof({sql})")).collect();
        let rows = self.query(&format!("SELECT {} FROM {}", wanted.join(", "), quoted(table)));
        let cells = |row: Vec<Option<String>>| {
            row.chunks(2).map(|pair| text(pair[0].as_ref(), pair[1].as_ref())).collect()
        };
        let mut rows: Vec<Vec<String>> = rows.into_iter().map(cells).collect();
        rows.sort();
        Some(rows)
    }

    fn execute(&self, sql: &str, table: &str) {
        self.sql(&translated(&sql.replace("{}", "\u{2}")).replace('\u{2}', &quoted(table)));
    }

    fn tables(&self) -> Vec<String> {
        self.texts(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'shop' ORDER BY tablename COLLATE \"C\"",
        )
    }

    fn generates(&self) -> bool {
        true
    }

    fn break_between(&self, _: &dyn Destination) -> Box<dyn Destination> {
        Box::new(Postgres { fault: Some("SELECT 1 FROM no_such_table".into()), ..self.postgres() })
    }
}

mod suite {
    use super::Server;
    crate::dest::conformance::suite!(Server::new(), ignore = "needs PostgreSQL");
}

/// The oldest version, as it is on this machine.
mod older {
    use super::Server;
    crate::dest::conformance::suite!(
        Server::of("POSTGRES_OLDER_URI"),
        ignore = "needs PostgreSQL of the system"
    );
}

/// Through a pooler in transaction mode.
mod pooled {
    use super::Server;
    crate::dest::conformance::suite!(Server::through("POSTGRES_BOUNCER_URI"), ignore = "needs pgbouncer");
}

mod beside;
mod made_by_others;
mod older_tls;
mod trouble;
