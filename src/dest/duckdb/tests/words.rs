//! Tables of others in which a column hides DuckDB's word for a row's position.

use super::made_by_others::{V0, V1};
use super::*;
use crate::model::{Deletes, Tombstone};

const FIVE: [(i64, &str, i64); 5] = [(1, "a", 10), (2, "b", 20), (3, "c", 30), (4, "d", 40), (5, "e", 50)];

async fn merge(file: &File, rows: &[(i64, &str, i64)], gone: &[i64]) -> Counts {
    let mut target = items(Strategy::Merge);
    target.deletes = Deletes::Hard;
    let mut load = file.duck().begin((&target).into());
    load.stage(0, batch(rows)).await.expect("can be staged");
    load.bury(gone.iter().map(|key| Tombstone { key: *key, at: Micros(500), merged_into: None }).collect());
    load.commit(commit("r", "p", true)).await.expect("goes through")[0]
}

fn counts(inserted: u64, updated: u64, unchanged: u64, deleted: u64) -> Counts {
    Counts { inserted, updated, unchanged, deleted, rejected: 0 }
}

/// As users make such tables, also with what stands in the way of other repairs: an index on the column, a key, or a
/// column that has the first other name.
#[tokio::test]
async fn rows_are_told_apart_whatever_the_column_is_for() {
    for change in [
        "ALTER TABLE shop.shop.items ADD COLUMN rowid BIGINT DEFAULT 0",
        "ALTER TABLE shop.shop.items ADD COLUMN \"RowID\" VARCHAR; UPDATE shop.shop.items SET rowid = 'x'; \
         CREATE INDEX by_rowid ON shop.shop.items(rowid); CREATE UNIQUE INDEX by_id ON shop.shop.items(id)",
        "CREATE TABLE shop.shop.copy AS SELECT rowid, 7 AS _ingestr_rowid, * FROM shop.shop.items; \
         DROP TABLE shop.shop.items; ALTER TABLE shop.shop.copy RENAME TO items",
        "CREATE TABLE shop.shop.copy (rowid STRUCT(a INTEGER), id BIGINT PRIMARY KEY, \
         name VARCHAR, changed_at TIMESTAMPTZ, extra JSON, _ingestr_loaded_at TIMESTAMPTZ); \
         INSERT INTO shop.shop.copy SELECT {'a': 7}, * FROM shop.shop.items; \
         DROP TABLE shop.shop.items; ALTER TABLE shop.shop.copy RENAME TO items",
    ] {
        let file = File::new();
        assert_eq!(merge(&file, &FIVE, &[]).await, counts(5, 0, 0, 0));
        file.sql(change);
        let theirs = file.rows("items", &["id", "rowid"]).expect("exists");
        let done = merge(&file, &[(3, "c2", 60), (2, "b", 20), (6, "f", 60)], &[1]).await;
        assert_eq!(done, counts(1, 1, 1, 1), "{change}");
        let names = file.rows("items", &["id", "name"]).expect("exists");
        assert_eq!(names, [["2", "b"], ["3", "c2"], ["4", "d"], ["5", "e"], ["6", "f"]], "{change}");
        assert_eq!(file.rows("items", &["id", "rowid"]).expect("exists")[..4], theirs[1..], "{change}");
    }
}

/// What others made may hold a key twice, or none: the new row stays of the one, and the other is a key like any.
#[tokio::test]
async fn repeated_and_missing_keys_are_met_by_key() {
    let file = File::new();
    file.sql(
        "CREATE SCHEMA shop.shop; CREATE TABLE shop.shop.items (id BIGINT, name VARCHAR, rowid BIGINT);
        INSERT INTO shop.shop.items VALUES (1, 'a', 0), (1, 'a', 0), (2, 'b', 0), (2, 'b', 0), (NULL, 'x', 0), (3, 'c', 0);",
    );
    assert_eq!(merge(&file, &[(1, "a", 10)], &[3]).await, counts(0, 1, 0, 1));
    let ids = || file.rows("items", &["id"]).expect("exists").concat();
    assert_eq!(ids(), ["1", "2", "2", "NULL"]);
    assert_eq!(merge(&file, &[], &[2]).await, counts(0, 0, 0, 1));
    assert_eq!(ids(), ["1", "NULL"]);
    let keyless = conformance::batch_of(vec![
        (
            crate::model::Column::new("name", crate::model::LogicalType::Text),
            std::sync::Arc::new(arrow_array::StringArray::from(vec!["y"])),
        ),
        (
            crate::model::Column::new("id", crate::model::LogicalType::Int64),
            std::sync::Arc::new(arrow_array::Int64Array::from(vec![None])),
        ),
    ]);
    let done = load(&file.duck(), &items(Strategy::Merge), vec![keyless], commit("r", "p", true)).await;
    assert_eq!(done.expect("goes through"), counts(0, 1, 0, 0));
    assert_eq!(file.rows("items", &["id", "name"]).expect("exists"), [["1", "a"], ["NULL", "y"]]);
}

/// Two current versions of one key, as a table that was taken over has them where its keys repeat, are both closed,
/// whether rows have positions or not.
#[tokio::test]
async fn every_current_version_of_a_gone_row_is_closed() {
    for more in ["", ", rowid BIGINT"] {
        let file = File::new();
        file.sql(&format!(
            "CREATE SCHEMA shop.shop; CREATE TABLE shop.shop.items (id BIGINT, name VARCHAR{more});
            INSERT INTO shop.shop.items (id, name) VALUES (1, 'a'), (1, 'a'), (2, 'b');"
        ));
        let mut target = items(Strategy::Scd2);
        target.deletes = Deletes::Hard;
        let mut load = file.duck().begin((&target).into());
        load.bury(vec![Tombstone { key: 1, at: Micros(500), merged_into: None }]);
        assert_eq!(load.commit(commit("r", "p", true)).await.expect("goes through")[0].deleted, 1);
        let current = file.rows("items", &["id", "_scd_is_current"]).expect("exists");
        assert_eq!(current, [["1", "false"], ["1", "false"], ["2", "true"]], "{more}");
    }
}

#[tokio::test]
async fn tables_of_earlier_versions_with_such_a_column_are_taken_over_by_every_strategy() {
    for made in [V0, V1] {
        for strategy in Strategy::ALL {
            let file = File::new();
            file.sql(&format!("{made} ALTER TABLE shop.shop.items ADD COLUMN rowid BIGINT DEFAULT 1"));
            let target = items(strategy);
            for (run, name) in [("r1", "x"), ("r2", "y")] {
                let rows = batch(&[(1, name, 10), (3, "c", 30)]);
                load(&file.duck(), &target, vec![rows], commit(run, "p", true)).await.expect("goes through");
            }
            let rows = file.rows("items", &["id", "name"]).expect("exists");
            let expected: &[[&str; 2]] = match strategy {
                Strategy::Merge => &[["1", "y"], ["2", "b"], ["3", "c"]],
                // The window is all that was read, which 2 lies in.
                Strategy::Replace | Strategy::DeleteInsert => &[["1", "y"], ["3", "c"]],
                Strategy::Append => &[["1", "a"], ["1", "x"], ["1", "y"], ["2", "b"], ["3", "c"], ["3", "c"]],
                Strategy::Scd2 => &[["1", "a"], ["1", "x"], ["1", "y"], ["2", "b"], ["3", "c"]],
            };
            assert_eq!(rows, expected, "{strategy}");
        }
    }
}
