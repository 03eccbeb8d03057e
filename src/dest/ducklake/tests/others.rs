//! Other runs that write to the same lake at the same time.

use super::*;
use crate::dest::conformance::descriptions::{Catalogue, descriptions_of_others_stay};
use crate::dest::conformance::{batch, commit, items, load};
use crate::dest::{Commit, Target};
use crate::model::Strategy;

/// Runs of several tables share the tables beside them: whoever is met there tries again, and no commit is lost.
async fn two_at_once(lake: &Lake) {
    let begun = Target { table: "begun".into(), ..items(Strategy::Merge) };
    load(&lake.lake(), &begun, vec![batch(&[(1, "a", 1)])], commit("r", "p", true))
        .await
        .expect("goes through");
    let run = |name: &'static str| {
        let lake = lake.lake();
        async move {
            let target = Target { table: name.into(), ..items(Strategy::Merge) };
            for nth in 0..5 {
                let last = Commit { release: nth == 4, ..commit(name, &format!("p{nth}"), nth == 4) };
                load(&lake, &target, vec![batch(&[(nth, "x", nth)])], last).await.expect(name);
            }
        }
    };
    tokio::join!(run("one"), run("two"), run("three"));
    for table in ["one", "two", "three"] {
        assert_eq!(lake.rows(table, &["id"]).expect("is there").len(), 5, "{table}");
    }
    let states = lake.rows("_ingestr_state", &["dest_table", "source"]).expect("is there");
    assert_eq!(states, [["begun", "p"], ["one", "p4"], ["three", "p4"], ["two", "p4"]]);
}

#[tokio::test]
#[ignore = "needs DuckLake"]
async fn several_tables_at_once() {
    two_at_once(&Lake::new()).await;
    two_at_once(&Lake::of_sqlite()).await;
}

/// Another program is in a transaction that a commit collides with: the commit is made once that is over.
#[tokio::test]
#[ignore = "needs DuckLake and PostgreSQL"]
async fn a_commit_that_collides_is_made_again_on_server() {
    let lake = Lake::of_postgres();
    two_at_once(&lake).await;
    let target = Target { table: "one".into(), ..items(Strategy::Merge) };
    let other = lake.lake();
    // The turn of this process is not taken by an engine of its own, as another program has one.
    let engine = Connection::open_in_memory().expect("an engine");
    extensions::load(&engine, &other.lake).expect("loads");
    engine
        .execute_batch(&format!(
            "ATTACH '{}' AS _ingestr_lake; BEGIN; UPDATE _ingestr_lake.shop._ingestr_state SET source = source; \
             UPDATE _ingestr_lake.shop.one SET name = 'theirs' WHERE id = 0",
            other.lake.catalog.attached(std::path::Path::new(""))
        ))
        .expect("runs");
    // Whoever is in the way is waited for, as a run does it.
    let mut met = 0;
    let again = || load(&other, &target, vec![batch(&[(9, "mine", 9)])], commit("r9", "p9", true));
    let done = loop {
        // Nothing is known of the other one until it commits.
        let (done, _) = tokio::join!(again(), async { engine.execute_batch("COMMIT") });
        match done {
            Err(error) if error.kind == DestErrorKind::Locked && met < 20 => met += 1,
            done => break done,
        }
    };
    done.expect("goes through");
    drop(engine);
    let rows = lake.rows("one", &["id", "name"]).expect("is there");
    assert!(rows.contains(&vec!["9".to_owned(), "mine".into()]), "{rows:?}");
    let states = lake.rows("_ingestr_state", &["dest_table", "source"]).expect("is there");
    assert!(states.contains(&vec!["one".to_owned(), "p9".into()]) && states.len() == 4, "{states:?}");
}

impl Catalogue for Lake {
    fn said(&self) -> Vec<String> {
        let of_items =
            format!("database_name = '{CATALOG}' AND schema_name = 'shop' AND table_name = 'items'");
        self.strings(&format!(
            "SELECT name || ': ' || text FROM (SELECT '' AS name, \
             regexp_replace(comment, '(; )?kept up to date by ingestr.*', '') AS text FROM duckdb_tables() WHERE {of_items} \
             UNION ALL SELECT column_name, comment FROM duckdb_columns() WHERE {of_items} AND comment IS NOT NULL) ORDER BY name"
        ))
    }

    fn say(&self, column: &str, text: Option<&str>) {
        let text = text.map_or("NULL".into(), |text| format!("'{text}'"));
        self.execute(&format!("COMMENT ON COLUMN {{}}.{column} IS {text}"), "items");
    }
}

#[tokio::test]
#[ignore = "needs DuckLake"]
async fn what_others_say_of_a_table_stays() {
    descriptions_of_others_stay(&Lake::new()).await;
}
