//! Descriptions of tables and columns, beside the mark that tells one table from another.

use super::*;
use crate::dest::conformance::descriptions::{Catalogue, descriptions_of_others_stay};

impl Catalogue for File {
    fn said(&self) -> Vec<String> {
        let connection = Connection::open(self.path()).expect("opens");
        let sql = "SELECT '' AS name, regexp_replace(comment, '(; )?kept up to date by ingestr.*', '') AS text \
                   FROM duckdb_tables() WHERE schema_name = 'shop' AND table_name = 'items' \
                   UNION ALL SELECT column_name, comment FROM duckdb_columns() \
                   WHERE schema_name = 'shop' AND table_name = 'items' AND comment IS NOT NULL";
        let sql = format!("SELECT name || ': ' || text FROM ({sql}) ORDER BY name");
        let mut statement = connection.prepare(&sql).expect("prepares");
        statement.query_map([], |row| row.get(0)).expect("runs").map(|text| text.expect("is text")).collect()
    }

    fn say(&self, column: &str, text: Option<&str>) {
        let text = text.map_or("NULL".into(), |text| format!("'{text}'"));
        self.sql(&format!("COMMENT ON COLUMN shop.shop.items.{column} IS {text}"));
    }
}

#[tokio::test]
async fn what_others_say_stays() {
    descriptions_of_others_stay(&File::new()).await;
}

/// A table with a key is made anew for a strategy that repeats keys.
#[tokio::test]
async fn a_table_that_is_made_anew_is_described_as_before() {
    let file = File::new();
    file.sql(
        "CREATE SCHEMA shop.shop; CREATE TABLE shop.shop.items (id BIGINT PRIMARY KEY, name VARCHAR, mine INTEGER); \
         COMMENT ON TABLE shop.shop.items IS 'our items'; COMMENT ON COLUMN shop.shop.items.mine IS 'a number'",
    );
    let before = file.said();
    assert_eq!(before, [": our items", "mine: a number"]);
    let rows = vec![batch(&[(1, "a", 10)])];
    load(&file.duck(), &items(Strategy::Append), rows, commit("r", "p", true)).await.expect("goes through");
    assert_eq!(file.said(), before);
}
