//! What a copy costs: CPU, memory and file size of whole processes, beside DuckDB's own floor on the same rows.
//!
//! `make bench` runs it in release. It starts the simulator over loopback (latency 0, no rate limit), then measures
//! child processes one after another and prints ratios: absolute numbers differ from machine to machine. Of short runs it
//! takes the median: five floors, five copies, nine times nothing new. `copy large` adds 600,000 messages.
//!
//! | child | does |
//! | --- | --- |
//! | read | reads and normalises; a sink counts rows and bytes |
//! | floor | the same, keeps the batches, then appends them to one DuckDB table and checkpoints; only that is counted |
//! | copy | `ingestr ingest` into a DuckDB file |
//!
//! `nothing new` are further copies of an account that has not changed. The floor is also shown for messages none of
//! which is long: DuckDB packs no text at all next to a long one, so its floor does less work where there are some.
//!
//! `10 x 1 %` are ten further copies, each after one row of a hundred has changed: tickets are updated all over the
//! table; of messages one half is new and the other half edited, of those young enough to be looked at again. Its floor
//! is a plain append of the table as it is after that. `copy incremental tickets 6000` measures that alone, with so many
//! messages.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a benchmark is run by a person, who sees what failed"
)]

use std::collections::HashSet;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Int64Type;
use arrow_array::{BooleanArray, RecordBatch};
use arrow_select::filter::filter_record_batch;
use gorgias_sim::{Account, Change, Options, Server};
use ingestr::api::http::NoObserver;
use ingestr::api::normalise::{Normaliser, Shaping};
use ingestr::api::source::gorgias::{Gorgias, TABLES};
use ingestr::api::source::{Late, Outside, Overlap, ReadRequest, Source as _, Step, Window};
use nix::sys::resource::UsageWho;

use support::{Sim, cost, cpu, program};

mod support;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    match args.get(1).map(String::as_str) {
        Some("read") => read(&args[2], &args[3]),
        Some("floor") => floor(&args[2], &args[3], Path::new(&args[4])),
        Some("incremental") => incremental(&args[2], args[3].parse().unwrap()),
        _ => {
            measure(args.iter().skip(1).any(|arg| arg == "large"));
            for (table, messages) in [("ticket_messages", 60_000), ("tickets", 60_000), ("tickets", 600_000)]
            {
                incremental(table, messages);
            }
            help();
        }
    }
}

/// Reads a table to its end and hands each batch on.
fn batches(uri: &str, table: &str, mut take: impl FnMut(RecordBatch)) {
    let source = Gorgias::open(uri, &ingestr::api::http::surroundings::Surroundings::default()).unwrap();
    let table = TABLES.iter().find(|spec| spec.name == table).unwrap();
    let request = ReadRequest {
        table,
        window: Window::default(),
        replaces: false,
        outside: Outside::Dropped,
        from: None,
        overlap: Overlap::Wide,
        lookback: None,
        rescan: None,
        refresh_small: std::time::Duration::ZERO,
        confirmed: false,
        late: Late::Nothing,
        now: ingestr::api::model::Micros(i64::MAX),
    };
    let mut pages = source.read(request, Arc::new(NoObserver)).unwrap();
    let mut normaliser = Normaliser::new(&table.columns(), table.key, &[], &Shaping::default());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        while let Step::Page(page) = pages.next().await.unwrap() {
            normaliser.push(&page.rows, &page.keep, page.derived.as_ref()).unwrap();
            while let Some(batch) = normaliser.take(false) {
                take(batch);
            }
        }
        while let Some(batch) = normaliser.take(true) {
            take(batch);
        }
    });
}

fn read(uri: &str, table: &str) {
    let (mut rows, mut bytes) = (0, 0);
    batches(uri, table, |batch| {
        rows += batch.num_rows();
        bytes += batch.get_array_memory_size();
    });
    eprintln!("{rows} rows, {bytes} bytes of Arrow");
}

fn floor(uri: &str, table: &str, file: &Path) {
    let mut kept = Vec::new();
    batches(uri, table, |batch| kept.push(batch));
    each_row_once(&mut kept);
    let before = cpu(UsageWho::RUSAGE_SELF);
    let connection = duckdb::Connection::open(file).unwrap();
    connection.execute_batch("SET threads = 2").unwrap();
    let schema = kept[0].schema();
    let columns: Vec<String> = schema
        .fields()
        .iter()
        .map(|field| {
            let sql = match ingestr::api::model::LogicalType::of(field).unwrap().name() {
                "text" => "VARCHAR",
                name => name,
            };
            format!("\"{}\" {sql}", field.name())
        })
        .collect();
    connection.execute_batch(&format!("CREATE TABLE plain ({})", columns.join(", "))).unwrap();
    let mut appender = connection.appender("plain").unwrap();
    for batch in kept {
        appender.append_record_batch(batch).unwrap();
    }
    appender.flush().unwrap();
    drop(appender);
    connection.execute_batch("CHECKPOINT").unwrap();
    drop(connection);
    println!("{}", (cpu(UsageWho::RUSAGE_SELF) - before).as_secs_f64());
}

/// A reader reads some rows again; a table holds them once, as they were read last.
fn each_row_once(batches: &mut [RecordBatch]) {
    let mut met = HashSet::new();
    for batch in batches.iter_mut().rev() {
        let ids = batch.column_by_name("id").unwrap().as_primitive::<Int64Type>();
        let mut keep: Vec<bool> = (0..ids.len()).rev().map(|row| met.insert(ids.value(row))).collect();
        keep.reverse();
        *batch = filter_record_batch(batch, &BooleanArray::from(keep)).unwrap();
    }
}

fn copy(uri: &str, table: &str, file: &Path) -> Command {
    let mut command = Command::new(program("ingestr"));
    let dest = format!("duckdb:///{}", file.display());
    command.env_clear().args(["ingest", "--source-uri", uri, "--dest-uri", &dest, "--source-table", table]);
    command.args(["--dest-table", &format!("gorgias.{table}"), "--progress", "log"]);
    command
}

fn size(file: &Path) -> f64 {
    std::fs::metadata(file).unwrap().len() as f64 / f64::from(1 << 20)
}

fn measure(large: bool) {
    println!("| what | rows | CPU s | wall s | peak MiB | file MiB | CPU / floor | file / floor |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    each_table(60_000, &["ticket_messages", "tickets"], "", &[]);
    each_table(60_000, &["ticket_messages"], " without long bodies", &["--max-body", SHORT]);
    if large {
        each_table(600_000, &["ticket_messages", "tickets"], "", &[]);
    }
}

/// What is in the middle of so many runs.
fn median<T>(times: usize, mut run: impl FnMut() -> T, by: impl Fn(&T) -> f64) -> T {
    let mut all: Vec<T> = (0..times).map(|_| run()).collect();
    all.sort_by(|a, b| by(a).total_cmp(&by(b)));
    all.swap_remove(times / 2)
}

fn remove(file: &Path) {
    if file.exists() {
        std::fs::remove_file(file).unwrap();
    }
}

/// Characters of a body, at most, with which no text of a message is longer than what DuckDB packs by itself.
const SHORT: &str = "1300";

/// Each of the tables of an account with so many messages, made with more of the simulator's arguments.
fn each_table(messages: usize, tables: &[&str], kind: &str, more: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let me = std::env::current_exe().unwrap();
    let tickets = messages / 3;
    let (all, threads, people) = (messages.to_string(), tickets.to_string(), (tickets / 2).to_string());
    let size_of = ["--messages", &*all, "--tickets", &*threads, "--customers", &*people];
    let sim = Sim::start(&[&size_of, more].concat());
    for table in tables {
        let rows = if *table == "tickets" { tickets } else { messages };
        let name = format!("{table}{kind}");
        let read = cost(Command::new(&me).args(["read", &sim.uri, table]));
        println!("| read {name} | {rows} | {:.2} | {:.1} | {:.0} | | | |", read.cpu, read.wall, read.peak);
        let times = if messages <= 60_000 { 5 } else { 1 };
        let file = folder.path().join("floor.duckdb");
        let floor = || {
            remove(&file);
            let floor = cost(Command::new(&me).args(["floor", &sim.uri, table]).arg(&file));
            (floor.stdout.trim().parse().unwrap(), size(&file))
        };
        let (floor_cpu, floor_size): (f64, f64) = median(times, floor, |floor| floor.0);
        println!("| floor {name} | {rows} | {floor_cpu:.2} | | | {floor_size:.1} | 1.00 | 1.00 |");
        let file = folder.path().join(format!("copy-{table}.duckdb"));
        let fresh = || {
            remove(&file);
            cost(&mut copy(&sim.uri, table, &file))
        };
        let copied = median(times, fresh, |copied| copied.cpu);
        let mib = size(&file);
        println!(
            "| copy {name} | {rows} | {:.2} | {:.1} | {:.0} | {mib:.1} | {:.2} | {:.2} |",
            copied.cpu,
            copied.wall,
            copied.peak,
            copied.cpu / floor_cpu,
            mib / floor_size
        );
        let again = median(NOTHING_NEW, || cost(&mut copy(&sim.uri, table, &file)), |again| again.cpu);
        println!(
            "| nothing new {name} | {rows} | {:.3} | {:.2} | {:.0} | {:.1} | | |",
            again.cpu,
            again.wall,
            again.peak,
            size(&file)
        );
    }
}

/// Runs that find nothing new: one is short, and its cost varies.
const NOTHING_NEW: usize = 9;

/// Ten copies, before each of which a hundredth of the rows has changed.
fn incremental(table: &str, messages: usize) {
    const ROUNDS: usize = 10;
    let options = Options {
        messages,
        tickets: messages / 3,
        customers: messages / 6,
        unlimited: true,
        ..Options::default()
    };
    let end = options.end;
    let account = Arc::new(Mutex::new(Account::new(options)));
    let server = Server::start(Arc::clone(&account), Duration::ZERO).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("copy.duckdb");
    cost(&mut copy(server.source_uri(), table, &file));
    let (mut used, mut peak, mut wall) = (0.0, 0.0f64, 0.0);
    for round in 1..=ROUNDS {
        change(&mut account.lock().unwrap(), table, round, end);
        let run = cost(&mut copy(server.source_uri(), table, &file));
        (used, wall, peak) = (used + run.cpu, wall + run.wall, peak.max(run.peak));
    }
    let rows = if table == "tickets" { messages / 3 } else { messages };
    let plain = folder.path().join("floor.duckdb");
    let me = std::env::current_exe().unwrap();
    cost(Command::new(me).args(["floor", server.source_uri(), table]).arg(&plain));
    println!(
        "| {ROUNDS} x 1 % of {table} | {rows} | {used:.2} | {wall:.1} | {peak:.0} | {:.1} | | {:.2} |",
        size(&file),
        size(&file) / size(&plain)
    );
}

fn change(account: &mut Account, table: &str, round: usize, end: i64) {
    let now = end + i64::try_from(round).unwrap() * 1_000_000;
    let tickets = account.ids("tickets");
    let spread = |count: usize| {
        let (step, first) = (tickets.len() / count, round * 7);
        (0..count).map(move |n| (n * step + first) % (count * step))
    };
    if table == "tickets" {
        for n in spread(tickets.len() / 100) {
            account.apply(Change::UpdateTicket { ticket: tickets[n] }, now).unwrap();
        }
        return;
    }
    let messages = account.ids("messages");
    let half = messages.len() / 200;
    for message in messages.iter().rev().take(half) {
        account.apply(Change::EditMessage { message: *message }, now).unwrap();
    }
    for n in spread(half) {
        account.apply(Change::AddMessage { ticket: tickets[n], from_agent: n % 2 == 0 }, now).unwrap();
    }
}

fn help() {
    let help = || cost(Command::new(program("ingestr")).env_clear().arg("--help")).wall;
    let wall = median(20, help, |wall| *wall);
    println!("| ingestr --help, median of 20 | | | {wall:.4} | | | | |");
}
