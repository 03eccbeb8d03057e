//! What a copy into PostgreSQL costs: CPU and memory of our side beside DuckDB's, and how long it takes beside the least that
//! PostgreSQL could do with the same rows.
//!
//! `make bench-postgres` runs it in release, beside a server of its own (`scripts/with-postgres`), with the simulator over
//! loopback (latency 0, no rate limit). The server's own CPU is not counted. It fails if a row is missing, and tells which of the
//! limits below were missed: time is worth little where the server, the simulator and the copy share two cores, as the floor has
//! them to itself. `postgres small` leaves the 600,000 out.
//!
//! | line | is |
//! | --- | --- |
//! | duckdb | `ingestr ingest` into a DuckDB file |
//! | postgres | the same into PostgreSQL |
//! | nothing new | the same again, with nothing changed |
//! | floor | the rows that the copy has left, by `COPY` into a temporary table and `INSERT … ON CONFLICT` into an empty one |

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a benchmark is run by a person, who sees what failed"
)]

use std::process::Command;
use std::time::Instant;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use support::{Cost, Sim, cost, program};
use tokio_postgres::{Client, NoTls};

mod support;

/// Limits: our CPU of that for DuckDB, our time of the floor's, CPU of a run with nothing new in seconds, peak in MiB.
const CPU: f64 = 1.5;
const WALL: f64 = 1.3;
const NOTHING_NEW: f64 = 0.1;
const PEAK: f64 = 150.0;

/// Rows of which everything is measured; of more, whether the peak is the same.
const FEW: u32 = 60_000;

fn main() {
    let small = std::env::args().any(|arg| arg == "small");
    let uri = std::env::var("POSTGRES_URI").expect("POSTGRES_URI is told by scripts/with-postgres");
    println!("| ticket_messages | rows | CPU s | wall s | peak MiB | CPU / duckdb | wall / floor |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    let mut missed = Vec::new();
    for rows in if small { &[FEW][..] } else { &[FEW, 600_000] } {
        measure(&uri, *rows, &mut missed);
    }
    let told = if missed.is_empty() { "none".into() } else { missed.join("; ") };
    println!("limits that were missed: {told}");
}

fn measure(uri: &str, rows: u32, missed: &mut Vec<String>) {
    let (messages, tickets) = (rows.to_string(), (rows / 3).to_string());
    let sim = Sim::start(&["--messages", &messages, "--tickets", &tickets, "--customers", "10000"]);
    let times = if rows > FEW { 1 } else { 3 };
    let fresh = || {
        run(uri, async |client| {
            client.batch_execute("DROP SCHEMA IF EXISTS shop CASCADE").await.unwrap();
        });
        cost(&mut copy(&sim.uri, uri))
    };
    let copied = median(times, fresh);
    let mut limit = |what: &str, found: f64, limit: f64| {
        if found > limit {
            missed.push(format!("{rows} rows: {what} is {found:.2}, not {limit}"));
        }
    };
    limit("peak in MiB", copied.peak, PEAK);
    let line = format!("| postgres | {rows} | {:.2} | {:.1} | {:.0}", copied.cpu, copied.wall, copied.peak);
    if rows > FEW {
        let count = run(uri, async |client| count(client).await);
        assert!(count >= i64::from(rows), "{count} rows arrived: {}", copied.stdout);
        println!("{line} | | |");
        return;
    }
    let duckdb = median(times, || into_duckdb(&sim.uri));
    let floor = run(uri, async |client| floor(client, times, rows).await);
    let (of_duckdb, of_floor) = (copied.cpu / duckdb.cpu, copied.wall / floor);
    println!("| duckdb | {rows} | {:.2} | {:.1} | {:.0} | 1.00 | |", duckdb.cpu, duckdb.wall, duckdb.peak);
    println!("| floor | {rows} | | {floor:.1} | | | 1.00 |");
    println!("{line} | {of_duckdb:.2} | {of_floor:.2} |");
    let again = median(9, || cost(&mut copy(&sim.uri, uri)));
    println!("| nothing new | {rows} | {:.3} | {:.2} | {:.0} | | |", again.cpu, again.wall, again.peak);
    limit("CPU of that for DuckDB", of_duckdb, CPU);
    limit("time of the floor's", of_floor, WALL);
    limit("CPU of a run with nothing new", again.cpu, NOTHING_NEW);
}

/// The same rows into a new DuckDB file.
fn into_duckdb(source: &str) -> Cost {
    let folder = tempfile::tempdir().unwrap();
    cost(&mut copy(source, &format!("duckdb:///{}/copy.duckdb", folder.path().display())))
}

fn copy(source: &str, dest: &str) -> Command {
    let mut command = Command::new(program("ingestr"));
    command.env_clear().args(["ingest", "--source-uri", source, "--dest-uri", dest, "--progress", "log"]);
    command.args(["--source-table", "ticket_messages", "--dest-table", "shop.ticket_messages"]);
    command
}

/// What is in the middle of so many runs, by the time they took: their CPU differs little.
fn median(times: usize, mut run: impl FnMut() -> Cost) -> Cost {
    let mut all: Vec<Cost> = (0..times).map(|_| run()).collect();
    all.sort_by(|a, b| a.wall.total_cmp(&b.wall));
    all.swap_remove(times / 2)
}

/// Works on the server.
fn run<T>(uri: &str, work: impl AsyncFnOnce(&Client) -> T) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) = tokio_postgres::connect(uri, NoTls).await.unwrap();
        tokio::spawn(connection);
        work(&client).await
    })
}

async fn count(client: &Client) -> i64 {
    client.query_one("SELECT count(*) FROM shop.ticket_messages", &[]).await.unwrap().get(0)
}

/// Seconds that the server takes for the rows of the table, in one transaction, in the middle of so many times.
async fn floor(client: &Client, times: usize, rows: u32) -> f64 {
    let there = count(client).await;
    assert!(there >= i64::from(rows), "{there} rows arrived");
    let out = client.copy_out("COPY shop.ticket_messages TO STDOUT (FORMAT binary)").await.unwrap();
    let kept: Vec<Bytes> = out.map(Result::unwrap).collect().await;
    let mut all = Vec::new();
    for _ in 0..times {
        let ready = "DROP TABLE IF EXISTS shop.plain; CREATE TABLE shop.plain (LIKE shop.ticket_messages, PRIMARY KEY (id))";
        client.batch_execute(ready).await.unwrap();
        let start = Instant::now();
        let begin = "BEGIN; CREATE TEMP TABLE incoming (LIKE shop.ticket_messages) ON COMMIT DROP";
        client.batch_execute(begin).await.unwrap();
        let mut into = Box::pin(client.copy_in("COPY incoming FROM STDIN (FORMAT binary)").await.unwrap());
        for part in &kept {
            into.feed(part.clone()).await.unwrap();
        }
        into.close().await.unwrap();
        let merge = "INSERT INTO shop.plain SELECT * FROM incoming ON CONFLICT (id) DO UPDATE SET id = excluded.id; COMMIT";
        client.batch_execute(merge).await.unwrap();
        all.push(start.elapsed().as_secs_f64());
    }
    all.sort_by(f64::total_cmp);
    all[times / 2]
}
