//! What others have beside a table of ours, and must not lose: tables that refer to it or inherit from it, rows that they see
//! and we do not, keys that PostgreSQL does not compare, and schemas that are not for everybody.

use super::*;
use crate::dest::conformance::{batch, commit, counts, items, load};
use crate::dest::{Counts, DestErrorKind};
use crate::model::{Column, Strategy};

async fn loaded(postgres: &Postgres, target: &Target, ids: &[i64]) -> Result<Counts, DestError> {
    let rows: Vec<_> = ids.iter().map(|id| (*id, "a", 10)).collect();
    load(postgres, target, vec![batch(&rows)], commit("r1", "p", true)).await
}

/// The message and the hint of a refusal before the run.
async fn refused(postgres: &Postgres, target: &Target) -> (DestErrorKind, String, String) {
    let error = postgres.inspect(target).await.expect_err("is refused");
    (error.kind, error.to_string(), error.hint.unwrap_or_default())
}

const REPLACING: [(Strategy, &str); 2] =
    [(Strategy::Replace, "replaced as a whole"), (Strategy::DeleteInsert, "replaced")];

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn rows_are_not_replaced_where_others_would_lose_theirs() {
    let items_made = "CREATE TABLE items (id bigint PRIMARY KEY); INSERT INTO items VALUES (1);";
    let parts = "CREATE TABLE items (id bigint PRIMARY KEY) PARTITION BY RANGE (id); \
         CREATE TABLE part PARTITION OF items DEFAULT;";
    let refers = "shop.notes refers to them by a foreign key";
    let inherits = "shop.notes inherits from it, and would lose its rows";
    for (items_made, notes, why, way_out) in [
        (items_made, "(item bigint REFERENCES items ON DELETE CASCADE)", refers, "make the foreign key"),
        (
            items_made,
            "(item bigint REFERENCES items ON DELETE SET NULL DEFERRABLE)",
            refers,
            "make the foreign",
        ),
        (items_made, "(item bigint REFERENCES items)", refers, "make the foreign key DEFERRABLE and"),
        (parts, "(item bigint REFERENCES items ON DELETE CASCADE)", refers, "make the foreign key"),
        (parts, "(item bigint REFERENCES part ON DELETE CASCADE)", refers, "make the foreign key"),
        (items_made, "(note text) INHERITS (items)", inherits, "end the inheritance"),
    ] {
        let server = Server::new();
        server.sql(&format!("{items_made} CREATE TABLE notes {notes};"));
        for (strategy, how) in REPLACING {
            let (kind, message, hint) = refused(&server.postgres(), &items(strategy)).await;
            let expected = format!("rows of table shop.items cannot be {how}: table {why}");
            assert_eq!((kind, message), (DestErrorKind::Shape, expected), "{notes}");
            let begins = "load with --incremental-strategy merge and without --full-refresh, or ";
            assert!(hint.strip_prefix(begins).is_some_and(|rest| rest.starts_with(way_out)), "{hint}");
        }
        server.postgres().inspect(&items(Strategy::Merge)).await.expect("takes nothing along");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_refers_to_rows_that_come_again_stays_and_partitions_are_replaced() {
    let server = Server::new();
    server.sql(
        "CREATE TABLE items (id bigint PRIMARY KEY) PARTITION BY RANGE (id); \
         CREATE TABLE part PARTITION OF items DEFAULT; INSERT INTO items VALUES (1); \
         CREATE TABLE notes (item bigint REFERENCES items DEFERRABLE); INSERT INTO notes VALUES (1)",
    );
    for (strategy, _) in REPLACING {
        let target = items(strategy);
        server.postgres().inspect(&target).await.expect("can be replaced");
        loaded(&server.postgres(), &target, &[1, 2]).await.expect("goes through");
        assert_eq!(server.texts("SELECT id FROM shop.items ORDER BY 1"), ["1", "2"], "{strategy}");
        assert_eq!(server.texts("SELECT item FROM shop.notes"), ["1"], "{strategy}");
    }
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn rows_that_a_policy_hides_are_not_taken_for_missing() {
    let server = Server::new();
    let target = items(Strategy::Merge);
    server.sql("CREATE TABLE items (id bigint, name text, changed_at timestamptz, extra json, _ingestr_loaded_at timestamptz)");
    loaded(&server.postgres(), &target, &[1, 2]).await.expect("goes through");
    let role = format!("role_{}", server.name);
    server.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT ALL ON SCHEMA shop TO {role}; GRANT ALL ON ALL TABLES IN SCHEMA shop TO {role}; \
         ALTER TABLE items ENABLE ROW LEVEL SECURITY; CREATE POLICY visible ON items FOR SELECT USING (id > 1); \
         CREATE POLICY all_new ON items FOR INSERT WITH CHECK (true)"
    ));
    let other = Postgres::from_uri(&server.at("ingestr@", &format!("{role}@"))).expect("a URI");
    let (kind, message, hint) = refused(&other, &target).await;
    assert_eq!(kind, DestErrorKind::Permission);
    assert_eq!(message, "row-level security of table shop.items may hide rows from the user of --dest-uri");
    assert!(hint.starts_with("make that user the owner of the table"), "{hint}");
    // Nor is it read past the look.
    let error = loaded(&other, &target, &[1]).await.expect_err("would be there twice");
    assert_eq!((error.kind, error.hint), (DestErrorKind::Permission, Some(hint)));
    assert!(error.message.contains("row-level security policy for table \"items\""), "{}", error.message);
    assert_eq!(server.texts("SELECT id FROM shop.items ORDER BY 1"), ["1", "2"]);
    // Its owner sees all.
    assert_eq!(loaded(&server.postgres(), &target, &[1]).await.expect("goes through"), counts(0, 0, 1, 0));
    server.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn json_is_no_key() {
    let server = Server::new();
    for (made, refuses) in [
        ("CREATE SCHEMA IF NOT EXISTS shop", true),
        ("CREATE TABLE items (id bigint, extra jsonb)", true),
        ("DROP TABLE items; CREATE TABLE items (id bigint, extra text)", false),
    ] {
        server.sql(made);
        for strategy in Strategy::ALL {
            let target = Target { key: vec!["id".into(), "extra".into()], ..items(strategy) };
            if !refuses || strategy == Strategy::Append {
                server.postgres().inspect(&target).await.expect("can be compared");
                continue;
            }
            let (kind, message, hint) = refused(&server.postgres(), &target).await;
            let expected = "column extra of table shop.items is JSON, which this database does not compare: it can be no key";
            assert_eq!((kind, &*message), (DestErrorKind::Shape, expected), "{made}");
            assert_eq!(hint, "name another column in --primary-key");
        }
    }
    let target = Target { columns: vec![Column::new("id", LogicalType::Int64)], ..items(Strategy::Merge) };
    loaded(&server.postgres(), &target, &[1]).await.expect("has another key");
}

#[tokio::test]
#[ignore = "needs PostgreSQL"]
async fn what_may_not_be_read_is_not_nothing() {
    let server = Server::new();
    let role = format!("role_{}", server.name);
    let other = Postgres::from_uri(&server.at("ingestr@", &format!("{role}@"))).expect("a URI");
    server.sql(&format!("CREATE ROLE {role} LOGIN"));
    assert_eq!(other.remembered().await.expect("there is nothing"), []);
    for schema in ["shop", "yard"] {
        let target = Target { schema: schema.into(), ..items(Strategy::Merge) };
        loaded(&server.postgres(), &target, &[1]).await.expect("goes through");
    }
    let lacks = async |schema: Option<&str>| {
        let found = match schema {
            None => other.remembered().await,
            Some(schema) => other.remembered_in(schema).await,
        };
        found.map(|found| found.into_iter().map(|one| one.schema).collect::<Vec<_>>()).map_err(|error| {
            assert_eq!(error.kind, DestErrorKind::Permission, "{error}");
            assert!(error.message.starts_with("no permission to read the PostgreSQL"), "{error}");
            error.message.rsplit_once("lacks ").map(|(_, right)| right.to_owned()).unwrap_or_default()
        })
    };
    assert_eq!(lacks(None).await, Err("USAGE on schema shop".into()));
    server.sql(&format!("GRANT USAGE ON SCHEMA shop, yard TO {role}"));
    assert_eq!(lacks(None).await, Err("SELECT on table shop._ingestr_runs".into()));
    server.sql(&format!("GRANT SELECT ON shop._ingestr_runs TO {role}"));
    assert_eq!(lacks(None).await, Err("SELECT on table shop._ingestr_state".into()));
    // One that may be read is read, whatever is beside it; of the other one that says nothing.
    server.sql(&format!("GRANT SELECT ON ALL TABLES IN SCHEMA yard TO {role}"));
    assert_eq!(lacks(None).await, Ok(vec!["yard".into()]));
    assert_eq!(lacks(Some("yard")).await, Ok(vec!["yard".into()]));
    assert_eq!(lacks(Some("shop")).await, Err("SELECT on table shop._ingestr_state".into()));
    assert_eq!(lacks(Some("elsewhere")).await, Ok(vec![]));
    server.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}
