//! Tables that ingestr v1, ingestr 0.x or the user made.

use std::sync::Arc;

use arrow_array::{Int64Array, StringArray};

use super::*;
use crate::dest::conformance::{batch, batch_of, commit, items, load};
use crate::model::{Column, LogicalType};
use wire::Partitioning;

pub(super) const V1: &str = "CREATE TABLE {} (id INT64, name STRING, changed_at TIMESTAMP, extra JSON,
        _ingestr_loaded_at TIMESTAMP) CLUSTER BY id;
    INSERT INTO {} (id, name, changed_at, extra) VALUES (1, 'a', TIMESTAMP_MICROS(10), NULL),
        (2, 'b', TIMESTAMP_MICROS(20), JSON '{\"k\":1}');";

pub(super) const V0: &str =
    "CREATE TABLE {} (id INT64 NOT NULL, name STRING NOT NULL, changed_at TIMESTAMP NOT NULL,
        uri STRING NOT NULL, _dlt_load_id STRING NOT NULL, _dlt_id STRING NOT NULL);
    INSERT INTO {} VALUES (1, 'a', TIMESTAMP_MICROS(10), '/1', '17.5', 'x1'),
        (2, 'b', TIMESTAMP_MICROS(20), '/2', '17.5', 'x2');";

async fn merge(project: &Project, rows: arrow_array::RecordBatch) -> Counts {
    let done =
        load(&*project.destination(), &items(Strategy::Merge), vec![rows], commit("r", "p", true)).await;
    done.expect("the table is taken over")
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn a_table_of_v1_takes_every_row_again() {
    let project = Project::new();
    project.sql(V1);
    assert_eq!(
        merge(&project, batch(&[(1, "changed", 30), (2, "b", 20), (3, "c", 30)])).await,
        Counts { inserted: 1, updated: 1, unchanged: 1, ..Counts::default() }
    );
    let rows = project.rows("items", &["id", "name", "extra"]).expect("exists");
    assert_eq!(rows, [["1", "changed", "NULL"], ["2", "b", "{\"k\":1}"], ["3", "c", "NULL"]]);
    assert_eq!(merge(&project, batch(&[(1, "again", 40), (3, "c", 30)])).await.updated, 1);
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn a_table_of_0x_loses_not_null_where_it_would_be_in_the_way() {
    let project = Project::new();
    project.sql(V0);
    let counts = merge(&project, batch(&[(1, "changed", 30), (2, "b", 20)])).await;
    assert_eq!(counts, Counts { inserted: 0, updated: 1, unchanged: 1, ..Counts::default() });
    let nameless =
        batch_of(vec![(Column::new("id", LogicalType::Int64), Arc::new(Int64Array::from(vec![4, 5])))]);
    merge(&project, nameless).await;
    let columns = ["id", "name", "uri", "_dlt_load_id", "LENGTH(_dlt_id)"];
    assert_eq!(
        project.rows("items", &columns).expect("exists"),
        [
            ["1", "changed", "/1", "17.5", "2"],
            ["2", "b", "/2", "17.5", "2"],
            ["4", "NULL", "NULL", "-", "36"],
            ["5", "NULL", "NULL", "-", "36"],
        ]
    );
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn every_strategy_takes_over_both() {
    for (made, strategies) in [(V0, &Strategy::ALL[..]), (V1, &[Strategy::Replace, Strategy::Scd2])] {
        for strategy in strategies.iter().copied() {
            let project = Project::new();
            project.sql(made);
            let target = items(strategy);
            let found = project.destination().inspect(&target).await.expect("can be taken over");
            assert_eq!(found.state, None);
            for run in ["r1", "r2"] {
                let name = if run == "r1" { "x" } else { "y" };
                let rows = vec![batch(&[(1, name, 10), (3, "c", 30)])];
                load(&*project.destination(), &target, rows, commit(run, "p", true))
                    .await
                    .expect("goes through");
            }
            let ones = project.rows("items", &["id", "name"]).expect("exists");
            let ones = ones.iter().filter(|row| row[0] == "1").count();
            let expected = match strategy {
                Strategy::Append | Strategy::Scd2 => 3,
                _ => 1,
            };
            assert_eq!(ones, expected, "{strategy}");
        }
    }
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn duplicates_in_an_old_table_collapse_when_their_key_is_read() {
    let project = Project::new();
    project.sql(
        "CREATE TABLE {} (id INT64, name STRING, changed_at TIMESTAMP, mine STRING, more JSON);
        INSERT INTO {} (id, name, changed_at, mine, more) VALUES (1, 'a', TIMESTAMP_MICROS(9), 'new', JSON '{\"k\":1}'),
        (1, 'a', TIMESTAMP_MICROS(8), 'old', NULL), (1, 'a', NULL, 'none', NULL), (2, 'b', NULL, 'x', NULL),
        (2, 'b', NULL, 'x', NULL), (3, 'c', TIMESTAMP_MICROS(10), 'y', NULL), (3, 'c', TIMESTAMP_MICROS(10), 'y', NULL);",
    );
    let counts = merge(&project, batch(&[(1, "a", 10), (3, "c", 10), (4, "d", 10)])).await;
    assert_eq!(counts, Counts { inserted: 1, updated: 1, unchanged: 1, ..Counts::default() });
    let rows = project.rows("items", &["id", "epoch_us(changed_at)", "mine", "more"]).expect("exists");
    let (x, y) = (["2", "NULL", "x", "NULL"], ["3", "10", "y", "NULL"]);
    assert_eq!(rows, [["1", "10", "new", "{\"k\":1}"], x, x, y, ["4", "10", "NULL", "NULL"]]);
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn json_in_a_text_column_stays_text_and_other_columns_keep_their_spelling() {
    let project = Project::new();
    project.sql(
        "CREATE TABLE {} (`ID` INT64, extra STRING, mine NUMERIC); INSERT INTO {} VALUES (1, '{}', 2.5);",
    );
    let json = batch_of(vec![
        (Column::new("id", LogicalType::Int64), Arc::new(Int64Array::from(vec![1, 2]))),
        (
            Column::new("extra", LogicalType::Json),
            Arc::new(StringArray::from(vec!["{\"b\": 1,  \"a\": 2}", "{\"a\": 1}"])),
        ),
    ]);
    let counts = merge(&project, json).await;
    assert_eq!(counts, Counts { inserted: 1, updated: 1, ..Counts::default() });
    let rows = project.rows("items", &["ID", "extra", "mine = 2.5"]).expect("exists");
    assert_eq!(rows, [["1", "{\"b\": 1,  \"a\": 2}", "true"], ["2", "{\"a\": 1}", "NULL"]]);
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn json_that_bigquery_cannot_hold_is_kept_among_the_rejects() {
    let project = Project::new();
    let json = ["{\"id\":17841400000000000}", "{\"n\":922337203685477580701}", "{\"deep\":\"\\ud800\"}"];
    let rows = batch_of(vec![
        (Column::new("id", LogicalType::Int64), Arc::new(Int64Array::from(vec![1, 2, 3]))),
        (Column::new("extra", LogicalType::Json), Arc::new(StringArray::from(json.to_vec()))),
    ]);
    let counts = merge(&project, rows).await;
    let rejects = project.rows("_ingestr_rejects", &["row_id", "column_name", "value"]).expect("exists");
    assert_eq!((counts.inserted, counts.rejected), (3, rejects.len() as u64));
    let kept = project.rows("items", &["id", "extra"]).expect("exists");
    assert_eq!(kept[0], ["1", json[0]]);
    assert_eq!(rejects[0], ["2", "extra", json[1]]);
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn what_cannot_be_taken_over_is_named_before_the_run() {
    for (sql, message) in [
        ("CREATE VIEW {} AS SELECT 1 AS id", "shop.items is a view, not a table"),
        (
            "CREATE TABLE {} (id INT64, extra STRUCT<a INT64>)",
            "column extra of table shop.items is STRUCT, which cannot hold json",
        ),
        (
            "CREATE TABLE {} (id INT64, name ARRAY<STRING>)",
            "column name of table shop.items is repeated STRING, which cannot hold text",
        ),
        (
            "CREATE TABLE {} (id INT64, `Changed_At` DATETIME)",
            "column Changed_At of table shop.items is DATETIME, which cannot hold timestamptz",
        ),
    ] {
        let project = Project::new();
        project.sql(sql);
        let error = project.destination().inspect(&items(Strategy::Merge)).await.expect_err(sql);
        assert_eq!((error.kind, error.to_string().as_str()), (DestErrorKind::Shape, message));
    }
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn what_a_killed_run_left_is_dropped_by_the_next() {
    let project = Project::new();
    merge(&project, batch(&[(1, "a", 10)])).await;
    let target = project.bigquery().table_in(&project.dataset("shop"), "items");
    let left = format!("{}0123456789abcdef_rows0", staging_prefix(&target));
    let other = format!("{}0123456789abcdef_rows0", staging_prefix(&target.beside("others")));
    for name in [&left, &other] {
        project.execute("CREATE TABLE {} (c0 INT64)", name);
    }
    merge(&project, batch(&[(1, "b", 20)])).await;
    assert_eq!(project.tables(), ["_ingestr_runs", &*other, "_ingestr_state", "items"]);
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn a_new_table_is_laid_out_as_asked_and_an_old_one_keeps_its_layout() {
    let project = Project::new();
    let mut target = items(Strategy::Merge);
    target.hints.partition_by = Some("changed_at".into());
    target.hints.cluster_by = vec!["name".into(), "id".into()];
    let destination = project.destination();
    load(&*destination, &target, vec![batch(&[(1, "a", 10)])], commit("r", "p", true)).await.expect("loads");
    let place = table_ref(&project.bigquery().table_in(&project.dataset("shop"), "items"));
    let info = project.wait(async |bigquery| bigquery.api.table(&place).await);
    let info = info.expect("can be read").expect("exists");
    assert_eq!(info.clustering, ["name", "id"]);
    let by = Partitioning::Time { unit: "DAY".into(), column: Some("changed_at".into()) };
    assert_eq!(info.partitioning, Some(by));
    let found = destination.inspect(&target).await.expect("can be inspected");
    assert_eq!(found.notes, [""; 0]);
    target.hints.partition_by = Some("other".into());
    target.hints.cluster_by = vec!["id".into()];
    let found = destination.inspect(&target).await.expect("can be inspected");
    let dataset = project.dataset("shop");
    assert_eq!(
        found.notes,
        [
            format!(
                "table {dataset}.items is partitioned by changed_at; --partition-by other is for new tables"
            ),
            format!("table {dataset}.items is clustered by name, id; --cluster-by id is for new tables"),
        ]
    );
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn staging_tables_may_lie_in_another_dataset() {
    let project = Project::new();
    let mut target = items(Strategy::Merge);
    target.hints.staging_dataset = Some(project.dataset("attic"));
    let rows = vec![batch(&[(1, "a", 10)])];
    let done = load(&*project.destination(), &target, rows, commit("r", "p", true)).await;
    assert_eq!(done.expect("loads").inserted, 1);
    assert_eq!(project.tables(), ["_ingestr_runs", "_ingestr_state", "items"]);
}

#[tokio::test]
#[ignore = "needs a BigQuery emulator"]
async fn a_dataset_elsewhere_is_refused_before_the_run() {
    let project = Project::new();
    merge(&project, batch(&[(1, "a", 10)])).await;
    let elsewhere = BigQuery::from_uri(&format!("{}&location=europe-west3", project.uri)).expect("a URI");
    let error =
        project.elsewhere(elsewhere).inspect(&items(Strategy::Merge)).await.expect_err("is in the US");
    assert!(error.message.contains("shop is in US, and --dest-uri says location=europe-west3"), "{error}");
}
