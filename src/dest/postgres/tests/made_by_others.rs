//! Tables made by others, values that PostgreSQL does not take, and names that it cuts.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, StringArray};

use super::*;
use crate::dest::Counts;
use crate::dest::DestErrorKind;
use crate::dest::conformance::descriptions::{Catalogue, descriptions_of_others_stay};
use crate::dest::conformance::{batch, batch_of, commit, counts, items, load};
use crate::model::{Column, Strategy};

fn row(values: &[(&str, LogicalType, &str)]) -> RecordBatch {
    let id: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let mut columns = vec![(Column::new("id", LogicalType::Int64), id)];
    for (name, logical, value) in values {
        columns.push((Column::new(*name, *logical), Arc::new(StringArray::from(vec![*value]))));
    }
    batch_of(columns)
}

async fn loaded(server: &Server, target: &Target, rows: RecordBatch) -> Result<Counts, DestError> {
    load(&server.postgres(), target, vec![rows], commit("r1", "p", true)).await
}

impl Catalogue for Server {
    fn said(&self) -> Vec<String> {
        self.texts(
            "SELECT coalesce(a.attname, '') || ': ' || d.description FROM pg_description d \
             JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass \
             LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0 \
             WHERE c.oid = 'shop.items'::regclass ORDER BY coalesce(a.attname, '') COLLATE \"C\"",
        )
    }

    fn say(&self, column: &str, text: Option<&str>) {
        let text = text.map_or("NULL".into(), |text| format!("'{text}'"));
        self.sql(&format!("COMMENT ON COLUMN items.{column} IS {text}"));
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_others_say_of_a_table_stays() {
    descriptions_of_others_stay(&Server::new()).await;
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn a_table_of_others_is_taken_over_with_its_indexes_and_views() {
    let server = Server::new();
    server.sql(
        "CREATE TABLE items (\"ID\" integer PRIMARY KEY, name varchar(20), changed_at timestamp, extra jsonb, n smallint, \
         _dlt_id varchar NOT NULL UNIQUE, _dlt_load_id varchar NOT NULL, mine text NOT NULL DEFAULT 'x', needed text NOT NULL); \
         CREATE INDEX by_n ON items (n); CREATE VIEW names AS SELECT mine FROM items; COMMENT ON TABLE items IS 'ours'; \
         INSERT INTO items VALUES (1, 'old', '2024-01-01 00:00:00', '{\"b\": 1, \"a\": 2}', 7, 'q', '1', 'x', 'y')",
    );
    let target = items(Strategy::Merge);
    let found = server.postgres().inspect(&target).await.expect("can be taken over");
    assert!(found.columns.expect("is there").contains(&Column::new("n", LogicalType::Int64)));
    let rows = batch_of(vec![
        (Column::new("id", LogicalType::Int64), Arc::new(Int64Array::from(vec![1, 2]))),
        (
            Column::new("name", LogicalType::Text),
            Arc::new(StringArray::from(vec!["new", "two, and longer than twenty"])),
        ),
        (Column::new("n", LogicalType::Text), Arc::new(StringArray::from(vec!["seven", "8"]))),
    ]);
    assert_eq!(loaded(&server, &target, rows).await.expect("goes through"), counts(1, 1, 0, 0));
    let rows = "SELECT concat_ws(' ', \"ID\", name, changed_at::text, extra, n, mine, needed) FROM shop.items ORDER BY 1";
    assert_eq!(
        server.texts(rows),
        ["1 new 2024-01-01 00:00:00+00 {\"a\": 2, \"b\": 1} seven x y", "2 two, and longer than twenty 8 x"]
    );
    let there = server.texts("SELECT indexname FROM pg_indexes WHERE schemaname = 'shop' ORDER BY 1");
    assert_eq!(there, ["by_n", "items__dlt_id_key", "items_pkey"]);
    assert_eq!(server.texts("SELECT obj_description('shop.items'::regclass)"), ["ours"]);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_cannot_be_taken_over_is_refused_before_the_run() {
    for (made, strategy, message, cause) in [
        ("CREATE VIEW items AS SELECT 1 AS id", Strategy::Merge, "shop.items is a view, not a table", ""),
        (
            "CREATE TABLE items (id bigint, name bytea)",
            Strategy::Merge,
            "column name of table shop.items is bytea, which cannot hold text",
            "",
        ),
        (
            "CREATE TABLE items (id bigint, name integer); CREATE VIEW v AS SELECT name FROM items",
            Strategy::Merge,
            "table shop.items has not all columns that its rows need, and cannot be changed so",
            "what has to be changed of it is used by rule _RETURN on view",
        ),
        (
            "CREATE TABLE items (id bigint UNIQUE)",
            Strategy::Append,
            "table shop.items has a unique index, and this strategy writes several rows with one key",
            "",
        ),
        (
            "CREATE TABLE items (id bigint PRIMARY KEY); CREATE TABLE others (item bigint REFERENCES items)",
            Strategy::Scd2,
            "table shop.items has not all columns that its rows need, and cannot be changed so",
            "what has to be changed of it is used by constraint others_item_fkey on table",
        ),
        (
            "CREATE TABLE items (id bigint PRIMARY KEY); \
             CREATE TABLE others (item bigint REFERENCES items ON DELETE CASCADE DEFERRABLE)",
            Strategy::Replace,
            "rows of table shop.items cannot be replaced as a whole: table shop.others refers to them by a foreign key",
            "",
        ),
    ] {
        let server = Server::new();
        server.sql(made);
        let error = server.postgres().inspect(&items(strategy)).await.expect_err(made);
        assert_eq!((error.kind, error.to_string().as_str()), (DestErrorKind::Shape, message), "{made}");
        let below = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(below.starts_with(cause), "{made}: {below}");
        assert!(error.hint.is_some(), "{made}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn rows_are_replaced_under_a_view_and_a_foreign_key() {
    let server = Server::new();
    let target = Target { fresh: true, ..items(Strategy::Replace) };
    loaded(&server, &target, batch(&[(1, "a", 10), (2, "b", 10)])).await.expect("goes through");
    server.sql(
        "CREATE VIEW seen AS SELECT id, name FROM items; \
         CREATE TABLE others (item bigint REFERENCES items DEFERRABLE); INSERT INTO others VALUES (1)",
    );
    server.postgres().inspect(&target).await.expect("can be replaced");
    let done = loaded(&server, &target, batch(&[(1, "a2", 10), (3, "c", 10)])).await;
    assert_eq!(done.expect("goes through"), counts(2, 0, 0, 2));
    assert_eq!(server.texts("SELECT id || name FROM shop.seen ORDER BY 1"), ["1a2", "3c"]);
    // The row that others refer to is not among the new ones.
    let error = loaded(&server, &target, batch(&[(3, "c", 10)])).await.expect_err("others refer to it");
    assert_eq!(error.kind, DestErrorKind::Shape);
    assert!(
        error.message.ends_with("rows do not meet constraint others_item_fkey of table shop.others"),
        "{error}"
    );
    assert_eq!(server.texts("SELECT id || name FROM shop.seen ORDER BY 1"), ["1a2", "3c"]);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn keys_are_primary_where_they_stand_once() {
    let server = Server::new();
    let keys = "SELECT count(*) FROM pg_constraint WHERE contype = 'p' AND conrelid = 'shop.items'::regclass";
    for (strategy, made) in
        [(Strategy::Merge, "1"), (Strategy::Append, "0"), (Strategy::Replace, "1"), (Strategy::Scd2, "0")]
    {
        server.sql("DROP TABLE IF EXISTS items");
        loaded(&server, &items(strategy), batch(&[(1, "a", 10)])).await.expect("goes through");
        assert_eq!(server.texts(keys), [made], "{strategy}");
    }
    server.sql("DROP TABLE items");
    loaded(&server, &items(Strategy::Merge), batch(&[(1, "a", 10)])).await.expect("goes through");
    loaded(&server, &items(Strategy::Append), batch(&[(1, "a", 10)])).await.expect("goes through");
    assert_eq!(server.texts(keys), ["0"]);
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn json_keeps_its_text_and_jsonb_its_value() {
    let text = "{\"b\": 1.50, \"a\": -0, \"a\": 9007199254740993, \"c\": \"\\u0041\\\\u0000\"}";
    for (parameter, kind, stored) in [
        ("", "json", text),
        ("?json=jsonb", "jsonb", r#"{"a": 9007199254740993, "b": 1.50, "c": "A\\u0000"}"#),
    ] {
        let server = Server::new();
        let postgres = Postgres::from_uri(&format!("{}{parameter}", server.at("", ""))).expect("a URI");
        for expected in [counts(1, 0, 0, 0), counts(0, 0, 1, 0)] {
            let rows = vec![row(&[("extra", LogicalType::Json, text)])];
            let done = load(&postgres, &items(Strategy::Merge), rows, commit("r1", "p", true)).await;
            assert_eq!(done.expect("goes through"), expected, "{kind}");
        }
        // Whatever the URI says now, what is there stays.
        let rows = row(&[("extra", LogicalType::Json, text)]);
        let done = loaded(&server, &items(Strategy::Merge), rows).await;
        assert_eq!(done.expect("goes through"), counts(0, 0, 1, 0), "{kind}");
        assert_eq!(server.texts("SELECT pg_typeof(extra) FROM shop.items"), [kind]);
        assert_eq!(server.texts("SELECT extra FROM shop.items"), [stored]);
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_postgresql_does_not_take_is_among_the_rejects() {
    let server = Server::new();
    server.sql("CREATE TABLE items (id bigint PRIMARY KEY, name text, extra jsonb, other json, large jsonb)");
    for strategy in [Strategy::Merge, Strategy::Replace] {
        server.sql("DROP TABLE IF EXISTS _ingestr_rejects");
        let rows = row(&[
            ("name", LogicalType::Text, "a\0b"),
            ("extra", LogicalType::Json, r#"{"a": "x\u0000"}"#),
            ("other", LogicalType::Json, r#"{"a": "\u0000\\u0000", "b": 1e999999}"#),
            ("large", LogicalType::Json, "[1e999999]"),
        ]);
        let done = loaded(&server, &items(strategy), rows).await.expect("goes through");
        assert_eq!(done.rejected, 4, "{strategy}");
        let stored = server.texts("SELECT concat_ws(' ', id, name, extra, other, large) FROM shop.items");
        assert_eq!(
            stored,
            ["1 a\u{fffd}b {\"a\": \"x\u{fffd}\"} {\"a\": \"\\ufffd\\\\u0000\", \"b\": 1e999999}"],
            "{strategy}"
        );
        let rejects =
            "SELECT concat_ws(' ', row_id, column_name, value) FROM shop._ingestr_rejects ORDER BY 1";
        assert_eq!(
            server.texts(rejects),
            [
                "1 extra {\"a\": \"x\\u0000\"}",
                "1 large [1e999999]",
                "1 name \"a\\u0000b\"",
                "1 other {\"a\": \"\\u0000\\\\u0000\", \"b\": 1e999999}"
            ],
            "{strategy}"
        );
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn long_names_stay_apart() {
    let server = Server::new();
    let long = "ü".repeat(40);
    let (one, two) = (format!("{long}1"), format!("{long}2"));
    for strategy in [Strategy::Merge, Strategy::Replace, Strategy::DeleteInsert] {
        for table in ["t".repeat(63), format!("{}{}", "t".repeat(60), "ü")] {
            let target = Target {
                table: table[..table.floor_char_boundary(62)].into(),
                fresh: true,
                ..items(strategy)
            };
            let rows = || vec![row(&[(&one, LogicalType::Text, "1"), (&two, LogicalType::Text, "2")])];
            load(&server.postgres(), &target, rows(), commit("r1", "p", false)).await.expect("goes through");
            let target = Target { fresh: false, ..target };
            load(&server.postgres(), &target, rows(), commit("r1", "p", false)).await.expect("goes through");
            if strategy != Strategy::Merge {
                // With the one that the strategy before has left, whose table is gone.
                assert!(server.postgres().forget("shop", &target.table).await.expect("is forgotten") >= 1);
                assert!(server.tables().iter().all(|table| !table.contains("__t")), "{:?}", server.tables());
            }
            load(&server.postgres(), &target, rows(), commit("r1", "p", true)).await.expect("goes through");
            assert!(
                server.postgres().inspect(&target).await.expect("is known").state.is_some(),
                "{strategy}"
            );
            server.sql(&format!("DROP TABLE \"{}\"", target.table));
        }
    }
    for (schema, table) in [("shop", "t".repeat(64)), (&"s".repeat(64), "t".into()), ("pg_mine", "t".into())]
    {
        let target = Target { schema: schema.into(), table, ..items(Strategy::Merge) };
        let error = server.postgres().inspect(&target).await.expect_err("is no name");
        assert_eq!(error.kind, DestErrorKind::Name, "{error}");
    }
}
