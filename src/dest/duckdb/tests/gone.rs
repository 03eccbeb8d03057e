//! Gone rows in tables made by others, and questions while others read the file.

use super::made_by_others::{V0, V1};
use super::*;
use crate::model::{Column, DELETED_AT, Deletes, LogicalType, MERGED_INTO, Tombstone};

fn target(deletes: Deletes) -> Target {
    let mut target = items(Strategy::Merge);
    target.deletes = deletes;
    if deletes == Deletes::Soft {
        target.columns.push(Column::new(DELETED_AT, LogicalType::Timestamp));
        target.columns.push(Column::new(MERGED_INTO, LogicalType::Int64));
    }
    target
}

async fn bury(file: &File, deletes: Deletes, keys: std::ops::Range<i64>) -> Counts {
    let mut load = file.duck().begin((&target(deletes)).into());
    load.bury(keys.map(|key| Tombstone { key, at: Micros(500), merged_into: Some(key + 1) }).collect());
    load.commit(commit("r", "p", true)).await.expect("goes through")[0]
}

fn count_by_id(values: Vec<i64>) -> Question {
    Question::CountBy { column: "id".into(), values }
}

#[tokio::test]
async fn tables_of_others_are_marked_and_their_keys_go() {
    for made in [
        V1,
        V0,
        "CREATE SCHEMA shop.shop; CREATE TABLE shop.shop.items (\"ID\" INTEGER, name VARCHAR, \"_Ingestr_Deleted_At\" TIMESTAMPTZ);
            CREATE INDEX by_id ON shop.shop.items(\"ID\");
            INSERT INTO shop.shop.items VALUES (1, 'a', NULL), (2, 'b', NULL), (2, 'b', NULL);",
        "CREATE SCHEMA shop.shop; CREATE TABLE shop.shop.items (id VARCHAR, name VARCHAR);
            INSERT INTO shop.shop.items VALUES ('1', 'a'), ('2', 'b'), ('x', 'no number');",
    ] {
        let file = File::new();
        file.sql(made);
        assert_eq!(bury(&file, Deletes::Soft, 2..4).await.deleted, 1, "{made}");
        assert_eq!(bury(&file, Deletes::Soft, 2..4).await, Counts::default(), "{made}");
        let marked = file.rows("items", &["id", "_ingestr_merged_into"]).expect("exists");
        assert_eq!(marked[..2], [["1", "NULL"], ["2", "3"]], "{made}");
        let asked = file.duck().ask(&target(Deletes::Soft), count_by_id(vec![1, 2])).await;
        assert_eq!(asked.expect("can be asked").expect("can tell").pairs, [(1, 1)], "{made}");
        // It comes back and goes for good.
        let rows = vec![batch(&[(2, "b", 20)])];
        let done = load(&file.duck(), &target(Deletes::Soft), rows, commit("r", "p", true)).await;
        assert_eq!(done.expect("goes through").updated, 1, "{made}");
        let marked = file.rows("items", &["id", "_ingestr_deleted_at", "_ingestr_merged_into"]);
        assert_eq!(marked.expect("exists")[1], ["2", "NULL", "NULL"], "{made}");
        assert_eq!(bury(&file, Deletes::Hard, 2..4).await.deleted, 1, "{made}");
        let left = file.rows("items", &["id"]).expect("exists");
        assert!(!left.contains(&vec!["2".to_owned()]), "{made}");
    }
}

#[tokio::test]
async fn tombstones_by_the_ten_thousand_go_in_at_once() {
    let file = File::new();
    let rows: Vec<_> = (0..12_000).map(|id| (id, "x", id)).collect();
    let soft = target(Deletes::Soft);
    load(&file.duck(), &soft, vec![batch(&rows)], commit("r", "p", true)).await.expect("goes through");
    assert_eq!(bury(&file, Deletes::Soft, 1_000..31_000).await.deleted, 11_000);
    let asked = file.duck().ask(&soft, count_by_id((900..1_100).collect())).await;
    assert_eq!(asked.expect("can be asked").expect("can tell").pairs.len(), 100);
    assert_eq!(bury(&file, Deletes::Hard, 0..31_000).await.deleted, 12_000);
}

#[tokio::test]
async fn questions_are_answered_from_the_log_of_others_too() {
    let file = File::new();
    load(&file.duck(), &target(Deletes::Soft), vec![batch(&[(1, "a", 10)])], commit("r", "p", true))
        .await
        .expect("goes through");
    // A process that died left its last change in the write-ahead log.
    file.sql(
        "PRAGMA disable_checkpoint_on_shutdown; SET checkpoint_threshold = '1GB';
        INSERT INTO shop.shop.items (id) VALUES (2);",
    );
    let log = file.path().with_extension("duckdb.wal");
    assert!(log.exists());
    let asked = file.duck().ask(&target(Deletes::Soft), count_by_id(vec![1, 2])).await;
    assert_eq!(asked.expect("can be asked").expect("can tell").pairs.len(), 2);
    assert!(log.exists(), "reading writes nothing");
}
