//! What a destination that is loaded through files, with partitions and clusters, is told.

use super::*;

pub(super) const WAREHOUSE: Endpoints<'static> = Endpoints {
    destination: "Warehouse",
    default_schema: None,
    capabilities: Capabilities {
        strategies: &[Strategy::Merge, Strategy::Append],
        instead: None,
        corrections: true,
        partitioning: true,
        clustering: true,
        file_formats: &["parquet", "jsonl"],
        staging_bucket: true,
        staging_dataset: true,
        projects: true,
        system_schemas: &["information_schema"],
        paid_by_byte: true,
        flush: FlushDefaults::WAREHOUSE,
    },
    ..DUCKDB
};

#[test]
fn the_destination_says_what_it_can() {
    let good = ["--dest-table", "d.t"];
    for (line, wanted) in [
        (&["--dest-table", "t"][..], "--dest-table: `t` has no schema | type --dest-table <schema>.tickets"),
        (
            &["--dest-table", "INFORMATION_SCHEMA.t"],
            "--dest-table: `INFORMATION_SCHEMA.t`: Warehouse keeps that schema for itself | name a schema of your own, such as gorgias",
        ),
        (
            &["--dest-table", "d.t", "--incremental-strategy", "scd2"],
            "--incremental-strategy: Warehouse cannot do scd2 | it can do merge, append",
        ),
        (
            &["--dest-table", "d.t", "--full-refresh"],
            "--full-refresh: Warehouse cannot do replace | it can do merge, append",
        ),
        (
            &["--dest-table", "d.t", "--loader-file-format", "csv"],
            "--loader-file-format: Warehouse cannot load csv | it can load parquet, jsonl",
        ),
        (
            &["--dest-table", "d.t", "--loader-file-size", "x"],
            "--loader-file-size: `x` is not a number of rows | type a whole number from 1 up",
        ),
        (
            &["--dest-table", "d.t", "--partition-by", "statu"],
            "--partition-by: tickets has no column `statu` | did you mean `status`? `ingestr tables` lists the columns; a field that is not documented has to be declared with --columns",
        ),
        (
            &["--dest-table", "d.t", "--partition-by", "status"],
            "--partition-by: `status` is text, not timestamptz | tables are partitioned by the day of an instant, e.g. created_datetime; for others use --cluster-by",
        ),
        (
            &["--dest-table", "d.t", "--cluster-by", "id,rate", "--columns", "rate:double:status"],
            "--cluster-by: `rate` is double, which has no order | cluster by text, bigint, boolean or timestamptz columns",
        ),
        (
            &["--dest-table", "d.t", "--cluster-by", "id,status,id,status,id"],
            "--cluster-by: 5 columns are too many | name at most 4, the most selective first",
        ),
        (
            &["--dest-table", "a.b.c.d"],
            "--dest-table: `a.b.c.d` has 4 parts, Warehouse takes project.dataset.table | put a name that has a dot in double quotes: 'main.\"my.table\"'",
        ),
    ] {
        assert_eq!(refusal(line, &WAREHOUSE), wanted);
    }
    let hints =
        ["--partition-by", "updated_datetime", "--cluster-by", "id, status", "--staging-bucket", "gs://b"];
    let plan = plan_for(&[&good[..], &hints].concat(), &WAREHOUSE).unwrap();
    assert_eq!(plan.hints.partition_by.as_deref(), Some("updated_datetime"));
    assert_eq!(plan.hints.cluster_by, ["id", "status"]);
    assert_eq!(plan.hints.staging_bucket.as_deref(), Some("gs://b"));
    assert_eq!(plan.notes, Vec::<String>::new());
}

#[test]
fn a_table_may_be_named_with_its_project() {
    let named = |line: &[&str], ends| plan_for(line, ends).map(|plan| (plan.schema, plan.dest_table));
    let whole = named(&["--dest-table", "my-project.gorgias.tickets"], &WAREHOUSE);
    assert_eq!(whole, Ok(("my-project.gorgias".into(), "tickets".into())));
    let own = Endpoints { default_schema: Some("gorgias"), ..WAREHOUSE };
    assert_eq!(named(&[], &own), Ok(("gorgias".into(), "tickets".into())));
    assert!(named(&["--dest-table", "a.b.c"], &DUCKDB).is_err());
}

#[test]
fn commits_are_as_far_apart_as_the_destination_wants() {
    let flush = |line: &[&str]| {
        let plan = plan_for(&[&["--dest-table", "d.t"][..], line].concat(), &WAREHOUSE).unwrap();
        (plan.flush.rows, plan.flush.interval.as_secs(), plan.notes.join(" | "))
    };
    assert_eq!(flush(&[]), (500_000, 120, String::new()));
    assert_eq!(flush(&["--flush-records", "10", "--flush-interval", "60s"]), (10, 60, String::new()));
    assert_eq!(
        flush(&["--flush-interval", "30s"]),
        (
            500_000,
            30,
            "--flush-interval 30s: after 50 commits, a run makes one every 60 s at most, as Warehouse limits how often a table changes in a day"
                .into()
        )
    );
}

#[test]
fn columns_of_the_layout_have_the_names_of_the_destination() {
    let line = [
        "--dest-table",
        "d.t",
        "--columns",
        "changed::updated_datetime",
        "--partition-by",
        "updated_datetime",
    ];
    let plan = plan_for(&line, &WAREHOUSE).unwrap();
    assert_eq!(plan.hints.partition_by.as_deref(), Some("changed"));
}
