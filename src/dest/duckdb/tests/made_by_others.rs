//! Tables that ingestr v1, ingestr 0.x or the user made.

use super::*;

pub(super) const V1: &str = "CREATE SCHEMA shop.shop;
    CREATE TABLE shop.shop.items (id BIGINT PRIMARY KEY, name VARCHAR, changed_at TIMESTAMPTZ, extra JSON,
        _ingestr_loaded_at TIMESTAMPTZ);
    INSERT INTO shop.shop.items VALUES (1, 'a', TIMESTAMPTZ '1970-01-01 00:00:00.00001+00', NULL, now()),
        (2, 'b', TIMESTAMPTZ '1970-01-01 00:00:00.00002+00', '{}', now());";

pub(super) const V0: &str = "CREATE SCHEMA shop.shop;
    CREATE TABLE shop.shop.items (id BIGINT NOT NULL, name VARCHAR NOT NULL, changed_at TIMESTAMPTZ NOT NULL,
        uri VARCHAR NOT NULL, _dlt_load_id VARCHAR NOT NULL, _dlt_id VARCHAR NOT NULL);
    INSERT INTO shop.shop.items VALUES (1, 'a', TIMESTAMPTZ '1970-01-01 00:00:00.00001+00', '/1', '17.5', 'x1'),
        (2, 'b', TIMESTAMPTZ '1970-01-01 00:00:00.00002+00', '/2', '17.5', 'x2');";

async fn merge(file: &File, rows: &[(i64, &str, i64)]) -> Counts {
    let done = load(&file.duck(), &items(Strategy::Merge), vec![batch(rows)], commit("r", "p", true)).await;
    done.expect("the table is taken over")
}

#[tokio::test]
async fn a_table_of_v1_keeps_its_primary_key_and_takes_every_row_again() {
    let file = File::new();
    file.sql(V1);
    let counts = merge(&file, &[(1, "changed", 30), (2, "b", 20), (3, "c", 30)]).await;
    assert_eq!(counts, Counts { inserted: 1, updated: 1, unchanged: 1, ..Counts::default() });
    let rows = file.rows("items", &["id", "name", "extra"]).expect("exists");
    assert_eq!(rows, [["1", "changed", "NULL"], ["2", "b", "{}"], ["3", "c", "NULL"]]);
    let keys = file.rows(
        "items",
        &["(SELECT count(*) FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY')"],
    );
    assert_eq!(keys.expect("exists")[0], ["1"]);
    // And again, now that both have written.
    assert_eq!(merge(&file, &[(1, "again", 40), (3, "c", 30)]).await.updated, 1);
}

#[tokio::test]
async fn a_table_of_0x_loses_not_null_where_it_would_be_in_the_way() {
    let file = File::new();
    file.sql(V0);
    let nameless = conformance::batch_of(vec![(
        crate::model::Column::new("id", crate::model::LogicalType::Int64),
        std::sync::Arc::new(arrow_array::Int64Array::from(vec![4, 5])),
    )]);
    let counts = merge(&file, &[(1, "changed", 30), (2, "b", 20)]).await;
    assert_eq!(counts, Counts { inserted: 0, updated: 1, unchanged: 1, ..Counts::default() });
    load(&file.duck(), &items(Strategy::Merge), vec![nameless], commit("r2", "p", true))
        .await
        .expect("goes through");
    let rows =
        file.rows("items", &["id", "name", "uri", "_dlt_load_id", "left(_dlt_id, 1)"]).expect("exists");
    assert_eq!(
        rows,
        [
            ["1", "changed", "/1", "17.5", "x"],
            ["2", "b", "/2", "17.5", "x"],
            ["4", "NULL", "NULL", "-", "-"],
            ["5", "NULL", "NULL", "-", "-"],
        ]
    );
    let unique =
        file.rows("items", &["(SELECT count(DISTINCT _dlt_id) FROM shop.shop.items)"]).expect("exists");
    assert_eq!(unique[0], ["4"]);
}

#[tokio::test]
async fn every_strategy_takes_over_both() {
    for made in [V0, V1] {
        for strategy in Strategy::ALL {
            let file = File::new();
            file.sql(made);
            let target = items(strategy);
            let found = file.duck().inspect(&target).await.expect("can be taken over");
            assert_eq!(found.state, None);
            for run in ["r1", "r2"] {
                let name = if run == "r1" { "x" } else { "y" };
                let rows = batch(&[(1, name, 10), (3, "c", 30)]);
                load(&file.duck(), &target, vec![rows], commit(run, "p", true)).await.expect("goes through");
            }
            let ones = file.rows("items", &["id", "name"]).expect("exists");
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
async fn duplicates_in_an_old_table_collapse_when_their_key_is_read() {
    let file = File::new();
    file.sql(
        "CREATE SCHEMA shop.shop; CREATE TABLE shop.shop.items (id BIGINT, name VARCHAR);
        INSERT INTO shop.shop.items VALUES (1, 'a'), (1, 'a'), (2, 'b'), (2, 'b');",
    );
    assert_eq!(merge(&file, &[(1, "a", 10)]).await, Counts { updated: 1, ..Counts::default() });
    assert_eq!(file.rows("items", &["id"]).expect("exists"), [["1"], ["2"], ["2"]]);
}

#[tokio::test]
async fn columns_are_found_whatever_their_case_and_narrow_types_are_widened() {
    let file = File::new();
    file.sql("CREATE SCHEMA shop.\"Shop\"; CREATE TABLE shop.shop.\"Items\" (\"ID\" INTEGER PRIMARY KEY, \"Name\" VARCHAR);
        CREATE INDEX by_name ON shop.shop.items(\"Name\");
        INSERT INTO shop.shop.items VALUES (1, 'a');");
    let counts = merge(&file, &[(1, "b", 10), (5_000_000_000, "big", 10)]).await;
    assert_eq!(counts, Counts { inserted: 1, updated: 1, ..Counts::default() });
    let connection = Connection::open(file.path()).expect("opens");
    let types: String = connection
        .query_row(
            "SELECT string_agg(column_name || ' ' || data_type, ', ' ORDER BY column_index) FROM duckdb_columns() \
             WHERE lower(table_name) = 'items'",
            [],
            |row| row.get(0),
        )
        .expect("runs");
    assert_eq!(
        types,
        "ID BIGINT, Name VARCHAR, changed_at TIMESTAMP WITH TIME ZONE, extra JSON, _ingestr_loaded_at TIMESTAMP WITH TIME ZONE"
    );
    let kept: String = connection
        .query_row("SELECT (SELECT count(*) FROM duckdb_indexes()) || ' ' || (SELECT count(*) FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY')", [], |row| row.get(0))
        .expect("runs");
    assert_eq!(kept, "1 1");
}

#[tokio::test]
async fn json_in_a_text_column_stays_text() {
    let file = File::new();
    file.sql(
        "CREATE SCHEMA shop.shop; CREATE TABLE shop.shop.items (id BIGINT, extra VARCHAR);
        INSERT INTO shop.shop.items VALUES (1, '{}');",
    );
    let json = conformance::batch_of(vec![
        (
            crate::model::Column::new("id", crate::model::LogicalType::Int64),
            std::sync::Arc::new(arrow_array::Int64Array::from(vec![2])),
        ),
        (
            crate::model::Column::new("extra", crate::model::LogicalType::Json),
            std::sync::Arc::new(arrow_array::StringArray::from(vec!["{\"a\": 1}"])),
        ),
    ]);
    load(&file.duck(), &items(Strategy::Merge), vec![json], commit("r", "p", true))
        .await
        .expect("goes through");
    assert_eq!(
        file.rows("items", &["extra", "typeof(extra)"]).expect("exists"),
        [["{\"a\": 1}", "VARCHAR"], ["{}", "VARCHAR"]]
    );
}

#[tokio::test]
async fn what_cannot_be_taken_over_is_named_before_the_run() {
    for (sql, message) in [
        ("CREATE VIEW shop.shop.items AS SELECT 1 AS id", "shop.items is a view, not a table"),
        (
            "CREATE TABLE shop.shop.items (id BIGINT, extra STRUCT(a INTEGER))",
            "column extra of table shop.items is STRUCT(a INTEGER), which cannot hold json",
        ),
        (
            "CREATE TABLE shop.shop.items (id BIGINT, \"Changed_At\" TIMESTAMP)",
            "column Changed_At of table shop.items is TIMESTAMP, which cannot hold timestamptz",
        ),
        (
            "CREATE TABLE shop.shop.items (id BIGINT PRIMARY KEY, name VARCHAR);
             CREATE TABLE shop.shop.notes (item BIGINT REFERENCES shop.items(id))",
            "table shop.items is named by a foreign key of shop.notes, and DuckDB changes no row that such a key names",
        ),
        (
            "CREATE TABLE shop.shop.people (id BIGINT PRIMARY KEY);
             CREATE TABLE shop.shop.items (id BIGINT, name VARCHAR, mine BIGINT REFERENCES shop.people(id))",
            "table shop.items has a foreign key, FOREIGN KEY (mine) REFERENCES shop.people(id), which rows break that come before \
             those they belong to",
        ),
    ] {
        let file = File::new();
        file.sql(&format!("CREATE SCHEMA shop.shop; {sql};"));
        let error = file.duck().inspect(&items(Strategy::Merge)).await.expect_err(sql);
        assert_eq!((error.kind, error.to_string().as_str()), (DestErrorKind::Shape, message));
    }
    let mut target = items(Strategy::Merge);
    target.table = "_ingestr_state".into();
    let error = File::new().duck().inspect(&target).await.expect_err("reserved");
    assert_eq!(error.to_string(), "shop._ingestr_state: names beginning with _ingestr_ are taken");
}

#[tokio::test]
async fn a_newer_state_is_refused_and_left_alone() {
    let file = File::new();
    merge(&file, &[(1, "a", 10)]).await;
    file.execute("UPDATE {} SET version = 2", "_ingestr_state");
    let error = file.duck().inspect(&items(Strategy::Merge)).await.expect_err("newer");
    assert_eq!(error.kind, DestErrorKind::NewerState);
    let message = error.to_string().replace(&file.path().display().to_string(), "FILE");
    assert_eq!(message, "the state of shop.items in FILE has version 2; this program knows versions up to 1");
    assert_eq!(
        error.hint.as_deref(),
        Some("use the newer ingestr that wrote it, or load into another table")
    );
}
