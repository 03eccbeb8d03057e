//! The documented command and its neighbours; `BIGQUERY_EMULATOR_URI` says where the emulator is.

use insta::assert_snapshot;
use serde_json::Value;

use crate::cli::copies::printed;
use crate::cli::desk::{Desk, Done, Run};

/// A dataset of its own for each test.
struct Warehouse {
    desk: Desk,
    uri: String,
    dataset: String,
}

impl Warehouse {
    fn new() -> Self {
        let uri =
            std::env::var("BIGQUERY_EMULATOR_URI").expect("BIGQUERY_EMULATOR_URI says where the emulator is");
        Self { desk: Desk::new(), uri, dataset: format!("cli_{:08x}", fastrand::u32(..)) }
    }

    fn run(&self, line: &str) -> Done {
        Run::in_shell(&self.desk, line)
            .env("GORGIAS_URI", self.desk.uri())
            .env("BIGQUERY_URI", &self.uri)
            .finish()
    }

    fn ingest(&self, table: &str, flags: &str) -> Done {
        self.run(&format!(
            "ingestr ingest --source-table {table} --source-uri $GORGIAS_URI --dest-uri $BIGQUERY_URI \
             --dest-table {}.{table} {flags}",
            self.dataset
        ))
    }

    fn receipt(&self, table: &str, flags: &str) -> Value {
        let done = self.ingest(table, &format!("--progress json {flags}")).well();
        let mut whole: Value = serde_json::from_str(&done.stdout).expect("one object");
        whole["tables"][0].take()
    }
}

#[test]
#[ignore = "needs a BigQuery emulator"]
fn the_documented_command_runs_as_printed() {
    let warehouse = Warehouse::new();
    let line = printed("$BIGQUERY_URI");
    assert!(line.contains("--dest-table 'gorgias.ticket_messages' --loader-file-format jsonl"), "{line}");
    let line = line.replace("gorgias.ticket_messages", &format!("{}.ticket_messages", warehouse.dataset));
    let shown = warehouse.run(&line).well().shown().replace(&warehouse.dataset, "gorgias");
    assert_snapshot!(shown, @r"
    tickets: Gorgias account acme → gorgias.ticket_messages in BigQuery project testproj; changed from 2024-06-19 00:00:00 UTC on; merge by id
    NOW tickets: committed 60 rows
    done in TIME: tickets → gorgias.ticket_messages in BigQuery project testproj
      read        60  rows in 1 page
      inserted    60
      updated      0
      unchanged    0
      deleted      0
      rejected     0
      requests     2  none repeated
      covers      changes since 2024-06-19 00:00:00 UTC
      next start  2026-08-21 09:36:24.833587 UTC
    ask it:      bq query --use_legacy_sql=false 'SELECT channel, count(*) FROM gorgias.ticket_messages GROUP BY channel'
    exit code 0
    ");
}

#[test]
#[ignore = "needs a BigQuery emulator"]
fn every_format_brings_the_same_rows_and_a_second_run_changes_nothing() {
    let warehouse = Warehouse::new();
    for (table, formats) in [
        ("tickets", &["jsonl", "parquet"][..]),
        ("ticket_messages", &["parquet", "csv"]),
        ("satisfaction_surveys", &["csv", "jsonl"]),
    ] {
        let endpoint = table.trim_start_matches("ticket_").replace('_', "-");
        let there = warehouse.desk.account().count(&endpoint) as u64;
        let first = warehouse.receipt(table, &format!("--loader-file-format {}", formats[0]));
        assert_eq!((&first["inserted"], &first["rejected"]), (&there.into(), &0.into()), "{table}: {first}");
        for format in &formats[1..] {
            // All rows again, in another format: each value is found to be the same.
            let flags = format!("--interval-start 2000-01-01 --loader-file-format {format}");
            let again = warehouse.receipt(table, &flags);
            let counts = ["inserted", "updated", "unchanged", "deleted", "rejected"].map(|name| &again[name]);
            assert_eq!(
                counts.map(Value::as_u64),
                [0, 0, there, 0, 0].map(Some),
                "{table} as {format}: {again}"
            );
        }
    }
}

/// Each job takes a second or more, and is billed: with nothing new, two to look, two to count messages, one to store.
#[test]
#[ignore = "needs a BigQuery emulator"]
fn a_run_with_nothing_new_is_a_handful_of_jobs() {
    let warehouse = Warehouse::new();
    let tables = ["tickets", "ticket_messages", "tags"];
    // One by one, as the emulator takes one change at a time. The second has read all that is read again.
    for table in tables.iter().chain(&tables) {
        warehouse.ingest(table, "").well();
    }
    let done = warehouse.run(&format!(
        "ingestr ingest --source-table {} --source-uri $GORGIAS_URI --dest-uri $BIGQUERY_URI \
         --dest-table '{}.{{table}}' --debug",
        tables.join(","),
        warehouse.dataset
    ));
    let said = done.well().stderr;
    let begins = ["SELECT", "DECLARE", "CREATE", "MERGE", "DELETE", "INSERT", "UPDATE"];
    let jobs = said.lines().filter_map(|line| line.strip_prefix("debug: "));
    let jobs: Vec<&str> = jobs.filter(|line| begins.iter().any(|begin| line.starts_with(begin))).collect();
    assert!((1..=5).contains(&jobs.len()), "{said}");
    assert!(!jobs.iter().any(|job| job.contains("_ingestr_staging")), "{said}");
}

#[test]
#[ignore = "needs a BigQuery emulator"]
fn what_is_remembered_is_shown_and_forgotten() {
    let warehouse = Warehouse::new();
    warehouse.ingest("tickets", "").well();
    let show = || {
        let line =
            format!("ingestr state show --dest-uri $BIGQUERY_URI --dest-table {}.tickets", warehouse.dataset);
        let done = warehouse.run(&line);
        (done.stdout + &done.stderr).replace(&warehouse.dataset, "gorgias")
    };
    let shown = show();
    assert!(shown.starts_with("gorgias.tickets  tickets of account acme\n  changed up to  2026-"), "{shown}");
    let reset = format!(
        "ingestr state reset --dest-uri $BIGQUERY_URI --dest-table testproj.{}.tickets",
        warehouse.dataset
    );
    warehouse.run(&reset).well();
    assert!(show().starts_with("error: nothing is remembered of table gorgias.tickets"), "{}", show());
}

#[test]
#[ignore = "needs a BigQuery emulator"]
fn a_full_refresh_replaces_the_rows() {
    let warehouse = Warehouse::new();
    let first = warehouse.receipt("tickets", "");
    let again =
        warehouse.receipt("tickets", "--full-refresh --flush-records 20 --partition-by created_datetime");
    assert_eq!((&again["inserted"], &again["deleted"]), (&first["inserted"], &first["inserted"]));
    let warnings = again["warnings"].to_string();
    assert!(
        warnings.contains("is partitioned not at all; --partition-by created_datetime is for new tables"),
        "{again}"
    );
}
