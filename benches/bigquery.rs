//! What a copy into BigQuery costs on our side: CPU and memory of the whole program, and bytes sent, by file format.
//!
//! `make bench` runs it in release: the simulator over loopback (latency 0, no rate limit) on one side, on the other a
//! sink that speaks the API over TLS and does nothing (`support/sink.rs`). 60,000 messages for CPU, 600,000 for the
//! peak. It fails if a row is missing or a limit is not kept. `bigquery small` leaves the 600,000 out.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    clippy::cast_precision_loss,
    reason = "a benchmark is run by a person, who sees what failed"
)]

use std::process::Command;

use sink::Sink;
use support::{Sim, cost, program};

#[path = "support/sink.rs"]
mod sink;
mod support;

/// Limits: CPU for 60,000 messages in seconds, by format; peak in MiB.
const CPU: [(&str, f64); 3] = [("jsonl", 3.0), ("csv", 3.0), ("parquet", 4.0)];
const PEAK: f64 = 120.0;

fn main() {
    let small = std::env::args().any(|arg| arg == "small");
    let sink = Sink::start();
    println!("| ticket_messages | rows | CPU s | CPU s / 60,000 | wall s | peak MiB | MB sent | commits |");
    println!("| --- | --- | --- | --- | --- | --- | --- | --- |");
    let mut missed = Vec::new();
    for rows in if small { &[60_000][..] } else { &[60_000, 600_000] } {
        let tickets = (rows / 3).to_string();
        let sim =
            Sim::start(&["--messages", &rows.to_string(), "--tickets", &tickets, "--customers", "10000"]);
        for (format, limit) in CPU {
            let mut command = Command::new(program("ingestr"));
            command.env_clear().env("SSL_CERT_FILE", &sink.certificate);
            command.args(["ingest", "--source-uri", &sim.uri, "--dest-uri", &sink.uri, "--progress", "log"]);
            command.args(["--source-table", "ticket_messages", "--dest-table", "shop.ticket_messages"]);
            let run = cost(command.args(["--loader-file-format", format]));
            let received = sink.received();
            assert!(received.rows >= *rows, "{} rows arrived: {}", received.rows, run.stdout);
            let each = run.cpu * 60_000.0 / *rows as f64;
            println!(
                "| {format} | {} | {:.2} | {each:.2} | {:.1} | {:.0} | {:.1} | {} |",
                received.rows, run.cpu, run.wall, run.peak, received.megabytes, received.commits
            );
            if each > limit {
                missed.push(format!("{format}, {rows}: {each:.2} s of CPU for 60,000 messages, not {limit}"));
            }
            if run.peak > PEAK {
                missed.push(format!("{format}, {rows}: peak of {:.0} MiB, not {PEAK}", run.peak));
            }
        }
    }
    println!(
        "limits that were missed: {}",
        if missed.is_empty() { "none".into() } else { missed.join("; ") }
    );
    assert!(missed.is_empty());
}
