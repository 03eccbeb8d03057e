//! What loading into DuckDB costs: our commits beside DuckDB's own floor, and key look-ups with and without a
//! primary key.
//!
//! The floor is one plain append of the same Arrow batches and one checkpoint, in a fresh process with DuckDB's
//! defaults. Each measurement is a process of its own, because peak memory cannot be reset. Run it with
//! `cargo bench --bench duckdb_load`; `-- 600000` for more rows, `-- keys` for the look-ups.

#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a measuring program: it prints, and stops at the first surprise"
)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::Schema;
use duckdb::Connection;
use ingestr::api::dest::duckdb::DuckDb;
use ingestr::api::dest::{Asked, Commit, Destination, Keep, Target};
use ingestr::api::model::{
    Column, Described, Filled, LogicalType, Mappings, Micros, RunRecord, SourceState, State, Strategy,
};

/// Rows of a page, as the API sends them.
const PAGE: i64 = 100;
const WORDS: &str = "order refund shipping please help thanks the a my package arrived late broken return label size \
    colour customer support ticket where is it tracking number hello team would like exchange best regards did not \
    receive email discount code today week soon <br> <div class=\"gmail_quote\"> </p> &nbsp; größe naïve 你好 🎁";

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| a != "--bench").collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match *arguments.as_slice() {
        ["child", what, file, rows, commit] => {
            child(what, Path::new(file), rows.parse().unwrap(), commit.parse().unwrap());
        }
        ["keys"] => keys(),
        [] => compare(60_000),
        [rows] => compare(rows.parse().unwrap()),
        _ => println!("usage: duckdb_load [ROWS | keys]"),
    }
}

fn compare(rows: i64) {
    let folder = tempfile::tempdir().unwrap();
    println!("{rows} messages, 33 columns; CPU without making the rows, peak RSS of the process\n");
    println!("{:<34} {:>7} {:>9} {:>9}", "", "CPU s", "peak MiB", "file MB");
    let run = |name: &str, what: &str, file: &str, rows: i64, commit: i64| {
        let file = folder.path().join(file);
        let own = std::env::current_exe().unwrap();
        let arguments = [rows.to_string(), commit.to_string()];
        let done = Command::new(own).args(["child", what]).arg(&file).args(&arguments).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let size = std::fs::metadata(&file).unwrap().len() as f64 / 1e6;
        let wal = std::fs::exists(file.with_extension("duckdb.wal")).unwrap();
        let wal = if wal { "  WAL left!" } else { "" };
        println!("{name:<34} {} {size:>9.1}{wal}", String::from_utf8(done.stdout).unwrap());
    };
    if rows <= 100_000 {
        run("floor: plain append + checkpoint", "floor", "floor.duckdb", rows, rows);
    }
    for commit in [5_000, 10_000, 12_300, 20_000] {
        let file = format!("ours-{commit}.duckdb");
        run(&format!("ours, commits of {commit}"), "merge", &file, rows, commit);
    }
    run("again, nothing changed", "merge", "ours-12300.duckdb", rows, 12_300);
    run("look and empty commit", "nothing", "ours-12300.duckdb", rows, 0);
    for (name, what) in [("spread", "spread"), ("newest", "newest")] {
        let file = format!("{what}.duckdb");
        std::fs::copy(folder.path().join("ours-12300.duckdb"), folder.path().join(&file)).unwrap();
        run(&format!("then 10 x 1 % changed, {name}"), what, &file, rows, 12_300);
    }
}

fn child(what: &str, file: &Path, rows: i64, commit: i64) {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut used = 0.0;
    match what {
        "floor" => used = floor(file, rows),
        "nothing" => {
            let before = cpu();
            runtime.block_on(async { DuckDb::at(file).inspect(&target()).await.unwrap() });
            used = cpu() - before + load(&runtime, file, Vec::new(), true);
        }
        "merge" => {
            let mut from = 0;
            while from < rows {
                let to = (from + commit).min(rows);
                let batches =
                    (from..to).step_by(100).map(|at| page(&(at..(at + PAGE).min(to)).collect::<Vec<_>>(), 0));
                used += load(&runtime, file, batches.collect(), to == rows);
                from = to;
            }
        }
        _ => {
            for round in 1..=10 {
                let count = rows / 100;
                let ids: Vec<i64> = match what {
                    "spread" => (0..count).map(|i| (i * 100 + round * 7) % rows).collect(),
                    _ => (rows - count * 2 + round..rows - count + round).collect(),
                };
                let batches = ids.chunks(100).map(|ids| page(ids, round)).collect();
                used += load(&runtime, file, batches, true);
            }
        }
    }
    print!("{used:>7.2} {:>9}", peak_mib());
}

fn floor(file: &Path, rows: i64) -> f64 {
    let batches: Vec<RecordBatch> =
        (0..rows).step_by(100).map(|at| page(&(at..at + PAGE).collect::<Vec<_>>(), 0)).collect();
    let before = cpu();
    let connection = Connection::open(file).unwrap();
    let columns: Vec<String> = columns().iter().map(|c| format!("{} {}", c.name, sql_type(c))).collect();
    connection.execute_batch(&format!("CREATE TABLE messages ({})", columns.join(", "))).unwrap();
    let mut appender = connection.appender("messages").unwrap();
    for batch in batches {
        appender.append_record_batch(batch).unwrap();
    }
    appender.flush().unwrap();
    drop(appender);
    connection.execute_batch("CHECKPOINT").unwrap();
    drop(connection);
    cpu() - before
}

fn load(runtime: &tokio::runtime::Runtime, file: &Path, batches: Vec<RecordBatch>, last: bool) -> f64 {
    let before = cpu();
    runtime.block_on(async {
        let duck = DuckDb::at(file);
        let mut load = duck.begin((&target()).into());
        for batch in batches {
            load.stage(0, batch).await.unwrap();
        }
        load.commit(commit(last)).await.unwrap();
    });
    cpu() - before
}

/// The question whether tables should have a primary key: delete 10,000 staged ids out of 10 million, and insert.
fn keys() {
    let folder = tempfile::tempdir().unwrap();
    println!("{:<44} {:>7} {:>7} {:>9}", "10 million rows of 4 columns", "wall s", "CPU s", "file MB");
    for (name, constraint) in [("no primary key", ""), ("primary key", ", PRIMARY KEY (id)")] {
        let file = folder.path().join(format!("{}.duckdb", constraint.len()));
        let step = |what: &str, sql: &str| {
            let (before, began) = (cpu(), std::time::Instant::now());
            let connection = Connection::open(&file).unwrap();
            connection.execute_batch("SET threads = 1; SET memory_limit = '192MB'").unwrap();
            connection.execute_batch(sql).unwrap();
            drop(connection);
            let size = std::fs::metadata(&file).unwrap().len() as f64 / 1e6;
            let (wall, cpu) = (began.elapsed().as_secs_f64(), cpu() - before);
            println!("{:<44} {wall:>7.2} {cpu:>7.2} {size:>9.1}", format!("{name}: {what}"));
        };
        let rows =
            "SELECT range AS id, range % 997 AS a, range * 3 AS b, TIMESTAMPTZ '2024-01-01 00:00:00+00' AS c";
        step("create", &format!("CREATE TABLE t (id BIGINT, a BIGINT, b BIGINT, c TIMESTAMPTZ{constraint})"));
        step("fill", &format!("INSERT INTO t {rows} FROM range(10000000)"));
        let staged = format!("CREATE TEMP TABLE s AS {rows} FROM range(7, 10000000, 1000)");
        let swap = "DELETE FROM t WHERE rowid IN (SELECT t.rowid FROM t JOIN s ON t.id = s.id); INSERT INTO t FROM s";
        for round in 1..=3 {
            step(&format!("10,000 spread ids, {round}"), &format!("BEGIN; {staged}; {swap}; COMMIT"));
        }
        let staged = format!("CREATE TEMP TABLE s AS {rows} FROM range(9990000, 10000000)");
        step("the 10,000 newest ids", &format!("BEGIN; {staged}; {swap}; COMMIT"));
        println!("{:<44} {:>9} MiB peak so far", "", peak_mib());
    }
}

fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    // Clock ticks of 10 ms, user and system.
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn peak_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1024
}

/// Length of each text column, about; with the other columns 3.3 KB a row.
const TEXTS: [(&str, usize); 17] = [
    ("subject", 40),
    ("channel", 6),
    ("via", 6),
    ("uri", 40),
    ("sender", 120),
    ("receiver", 120),
    ("source", 200),
    ("message_id", 60),
    ("attachments", 30),
    ("headers", 150),
    ("meta", 80),
    ("actions", 20),
    ("intents", 20),
    ("stripped_text", 300),
    ("stripped_html", 400),
    ("body_text", 600),
    ("body_html", 1_000),
];

fn columns() -> Vec<Column> {
    let named = |prefix: &str, count: usize, logical| {
        (0..count).map(move |i| Column::new(format!("{prefix}{i}"), logical)).collect::<Vec<_>>()
    };
    let mut columns = vec![Column::new("id", LogicalType::Int64)];
    columns.extend(named("number_", 5, LogicalType::Int64));
    columns.extend(named("flag_", 4, LogicalType::Bool));
    columns.extend(named("time_", 5, LogicalType::Timestamp));
    columns.push(Column::new("updated_datetime", LogicalType::Timestamp));
    columns.extend(TEXTS.iter().map(|(name, _)| Column::new(*name, LogicalType::Text)));
    columns
}

fn sql_type(column: &Column) -> &'static str {
    match column.logical {
        LogicalType::Int64 => "BIGINT",
        LogicalType::Bool => "BOOLEAN",
        LogicalType::Timestamp => "TIMESTAMPTZ",
        _ => "VARCHAR",
    }
}

/// Rows with these ids, the same each time for one version.
fn page(ids: &[i64], version: i64) -> RecordBatch {
    let words: Vec<&str> = WORDS.split_whitespace().collect();
    let mut random = fastrand::Rng::with_seed(ids[0].unsigned_abs() * 31 + version.unsigned_abs());
    let columns = columns();
    let arrays = columns.iter().map(|column| -> ArrayRef {
        match column.logical {
            LogicalType::Int64 if column.name == "id" => {
                Arc::new(Int64Array::from_iter_values(ids.iter().copied()))
            }
            LogicalType::Int64 => Arc::new(Int64Array::from_iter(
                ids.iter().map(|_| (random.u8(..) > 30).then(|| random.i64(0..1 << 40))),
            )),
            LogicalType::Bool => Arc::new(BooleanArray::from_iter(ids.iter().map(|_| Some(random.bool())))),
            LogicalType::Timestamp => {
                let at = ids
                    .iter()
                    .map(|id| 1_600_000_000_000_000 + id * 61_000_000 + version + random.i64(0..999));
                Arc::new(TimestampMicrosecondArray::from_iter_values(at).with_timezone("UTC"))
            }
            _ => {
                let length = TEXTS.iter().find(|(name, _)| *name == column.name).unwrap().1;
                Arc::new(StringArray::from_iter_values(ids.iter().map(|_| text(&mut random, &words, length))))
            }
        }
    });
    let arrays = arrays.collect();
    let schema = Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), arrays).unwrap()
}

/// Words, and every fifth a random number: about as compressible as mail is.
fn text(random: &mut fastrand::Rng, words: &[&str], length: usize) -> String {
    let length = random.usize(length / 2..length * 3 / 2 + 1);
    let mut text = String::with_capacity(length + 24);
    while text.len() < length {
        if random.u8(..) < 50 {
            text.push_str(&random.u64(..).to_string());
        } else {
            text.push_str(words[random.usize(..words.len())]);
        }
        text.push(' ');
    }
    text
}

fn target() -> Target {
    Target {
        account: "acme".into(),
        source_table: "ticket_messages".into(),
        schema: "gorgias".into(),
        table: "messages".into(),
        key: vec!["id".into()],
        incremental_key: Some("updated_datetime".into()),
        strategy: Strategy::Merge,
        columns: columns(),
        loaded_at: Some(Micros(1_700_000_000_000_000)),
        window: (None, None),
        asked: Asked::All,
        deletes: ingestr::api::model::Deletes::Soft,
        hints: ingestr::api::dest::Hints::default(),
        fresh: false,
    }
}

fn commit(last: bool) -> Commit {
    Commit {
        state: State {
            filled: Filled::default(),
            described: Described::default(),
            mappings: Mappings::default(),
            watermark: None,
            covered_since: None,
            complete: last,
            source: SourceState("{}".into()),
        },
        rejects: Vec::new(),
        run: RunRecord {
            id: "bench".into(),
            started_at: Micros(1_700_000_000_000_000),
            ended_at: Micros(1_700_000_000_000_000),
            outcome: "running",
            rows_read: 0,
            requests: 0,
            retries: 0,
            error: None,
            warnings: Vec::new(),
        },
        keep: Keep::default(),
        names: Vec::new(),
        basis: None,
        lease: None,
        release: last,
        last,
    }
}
