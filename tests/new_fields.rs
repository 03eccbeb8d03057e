//! Fields that nobody has documented: each has its column for ever, and so many have one.

use std::sync::{Arc, Mutex};

use bytes::Bytes;
use gorgias_sim::Options;
use ingestr::api::error::Kind;
use ingestr::api::model::EXTRA;
use serde_json::{Value, json};

use crate::support::file::File;
use crate::support::memory::{Cell, Row};
use crate::support::world::World;

fn small() -> Options {
    Options { tickets: 120, customers: 5, messages: 5, surveys: 0, max_body: 200, ..Options::default() }
}

/// An account whose tags have these fields, too, and whose tickets have tags that have them.
struct Odd {
    world: World,
    fields: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Odd {
    fn new(dest: &str) -> Self {
        let fields: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let mut world = World { file: File::named(dest), ..World::new(small()) };
        let more = Arc::clone(&fields);
        world.garble = Some(Arc::new(move |url: &str, body: Bytes| {
            let fields = more.lock().unwrap();
            let mut answer: Value = serde_json::from_slice(&body).unwrap();
            let Some(rows) = answer.get_mut("data").and_then(Value::as_array_mut) else { return body };
            let own = url.contains("/api/tags?");
            let tags: Vec<&mut Value> = if own {
                rows.iter_mut().collect()
            } else {
                rows.iter_mut().filter_map(|row| row.get_mut("tags")?.as_array_mut()).flatten().collect()
            };
            for tag in tags {
                tag.as_object_mut().unwrap().extend(fields.iter().cloned());
            }
            Bytes::from(answer.to_string())
        }));
        Self { world, fields }
    }

    fn have(&self, fields: &[(&str, Value)]) {
        *self.fields.lock().unwrap() =
            fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    }

    async fn ingest(&self, table: &str, flags: &[&str]) -> Vec<ingestr::api::report::Receipt> {
        let ends = self.world.ingest_all(table, flags, None).await.unwrap().unwrap();
        ends.into_iter()
            .map(|end| {
                assert!(end.failure.is_none(), "{:?}", end.failure);
                end.receipt.unwrap()
            })
            .collect()
    }

    /// A value of a column that is the same in all rows, as text; `None` if there is no such column.
    fn value(&self, table: &str, column: &str) -> Option<String> {
        let found = self.columns(table).into_iter().any(|there| there == column);
        let mut values: Vec<String> = match &self.world.file {
            _ if !found => return None,
            Some(file) => file.texts(table, column),
            None => {
                let store = self.world.memory.store();
                let held = &store.tables[&("main".to_owned(), table.to_owned())];
                held.iter().map(|row: &Row| row.get(column).unwrap_or(&Cell::Null).text()).collect()
            }
        };
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), 1, "{table}.{column}: {values:?}");
        values.pop()
    }

    fn columns(&self, table: &str) -> Vec<String> {
        if let Some(file) = &self.world.file {
            return file.columns(table);
        }
        let store = self.world.memory.store();
        let held = &store.tables[&("main".to_owned(), table.to_owned())].columns;
        held.iter().map(|column| column.name.clone()).collect()
    }
}

const KINDS: [&str; 3] = ["memory", "duckdb", "sqlite"];

/// What a table has, all runs together, is bounded, and every value is somewhere.
#[tokio::test(start_paused = true)]
async fn three_thousand_new_fields_are_two_hundred_columns_and_one() {
    for kind in KINDS {
        let odd = Odd::new(kind);
        odd.ingest("tags", &[]).await;
        let documented = odd.columns("tags").len();
        let fields: Vec<(String, Value)> = (0..3_000).map(|n| (format!("f{n:04}"), json!(n))).collect();
        let fields: Vec<(&str, Value)> =
            fields.iter().map(|(name, value)| (&**name, value.clone())).collect();
        odd.have(&fields);
        let receipt = odd.ingest("tags", &[]).await.remove(0);
        assert_eq!(odd.columns("tags").len(), documented + 201, "{kind}");
        let said = receipt.warnings.join("\n");
        assert!(said.contains("--max-new-columns") && said.contains("200"), "{kind}: {said}");
        assert_eq!(receipt.extra_fields, 2_800);
        assert_eq!(odd.value("tags", "f0007").as_deref(), Some("7"), "{kind}");
        let extra: Value = serde_json::from_str(&odd.value("tags", EXTRA).unwrap()).unwrap();
        assert_eq!((&extra["f0200"], &extra["f2999"]), (&json!(200), &json!(2_999)), "{kind}");
        let again = odd.ingest("tags", &[]).await.remove(0);
        assert_eq!((again.counts.inserted, again.counts.updated), (0, 0), "{kind}");
        assert!(again.warnings.is_empty(), "{kind}: {:?}", again.warnings);
        if kind == "duckdb" {
            let silent = "SELECT column_name FROM duckdb_columns() WHERE table_name = 'tags' AND comment IS NULL \
                          AND column_name[1] = '_' ORDER BY ALL";
            let silent = odd.world.file.as_ref().unwrap().texts_of(silent);
            assert_eq!(silent, [""; 0], "a column of ours that came later is described, too");
        }
        odd.have(&fields[..2_999]);
        let changed = odd.ingest("tags", &[]).await.remove(0);
        assert_eq!(changed.counts.updated, changed.read, "a change of an extra field is one of the row");
    }
}

/// Wherever a field lies, it lies there in every later run, whatever is typed, reset or read anew.
#[tokio::test(start_paused = true)]
async fn a_field_that_shares_a_column_stays_there() {
    let flags: [&[&str]; 3] = [&[], &["--full-refresh"], &["--incremental-strategy", "replace"]];
    for kind in KINDS {
        for how in flags {
            let why = format!("{kind} {how:?}");
            let with = |most: &'static str| [how, &["--max-new-columns", most]].concat();
            let odd = Odd::new(kind);
            odd.have(&[("one", json!(1)), ("two", json!("b"))]);
            odd.ingest("tags", &with("1")).await;
            assert_eq!(odd.value("tags", "one").as_deref(), Some("1"), "{why}");
            assert_eq!(odd.value("tags", EXTRA).as_deref(), Some(r#"{"two":"b"}"#), "{why}");
            odd.have(&[("three", json!(true)), ("two", json!("c")), ("one", json!(1))]);
            odd.ingest("tags", &with("9")).await;
            odd.world.dest().forget("main", "tags").await.unwrap();
            odd.ingest("tags", &with("9")).await;
            assert_eq!(odd.value("tags", EXTRA).as_deref(), Some(r#"{"two":"c"}"#), "{why}");
            assert_eq!(
                (odd.value("tags", "two"), odd.value("tags", "one").as_deref()),
                (None, Some("1")),
                "{why}"
            );
            assert!(odd.value("tags", "three").is_some(), "{why}");
            // It is not what the user types either.
            let wish = [&with("9")[..], &["--columns", "two:text"]].concat();
            let ends = odd.world.ingest_all("tags", &wish, None).await.unwrap().unwrap();
            let failure = ends[0].failure.as_ref().unwrap();
            assert_eq!(failure.kind, Kind::Usage, "{why}: {failure:?}");
            assert!(failure.headline.contains(EXTRA), "{why}: {failure:?}");
        }
    }
}

/// A table that is made anew begins anew.
#[tokio::test(start_paused = true)]
async fn a_table_that_is_dropped_takes_its_names_along() {
    for kind in KINDS {
        let odd = Odd::new(kind);
        odd.have(&[("one", json!(1))]);
        odd.ingest("tags", &["--max-new-columns", "0"]).await;
        assert_eq!(
            (odd.value("tags", EXTRA).as_deref(), odd.value("tags", "one")),
            (Some(r#"{"one":1}"#), None)
        );
        odd.world.vanish(Some("tags"));
        odd.ingest("tags", &[]).await;
        assert_eq!(
            (odd.value("tags", EXTRA), odd.value("tags", "one").as_deref()),
            (None, Some("1")),
            "{kind}"
        );
    }
}

/// A field that was there and is null in all rows, or in none any more, says nothing.
#[tokio::test(start_paused = true)]
async fn a_field_that_is_no_more_is_null() {
    for kind in KINDS {
        for most in ["200", "0"] {
            let column = if most == "0" { EXTRA } else { "plan" };
            for then in [vec![("plan", Value::Null)], Vec::new()] {
                let odd = Odd::new(kind);
                odd.have(&[("plan", json!("big"))]);
                odd.ingest("tags", &["--max-new-columns", most]).await;
                assert!(odd.value("tags", column).unwrap().contains("big"));
                odd.have(&then);
                let receipt = odd.ingest("tags", &["--max-new-columns", most]).await.remove(0);
                assert_eq!(odd.value("tags", column).as_deref(), Some("NULL"), "{kind} {most} {then:?}");
                assert_eq!(receipt.counts.updated, receipt.read, "{kind} {most} {then:?}");
            }
        }
    }
}

/// What holds for a table holds for those that are taken out of its rows.
#[tokio::test(start_paused = true)]
async fn fields_of_child_rows_keep_their_columns() {
    for kind in KINDS {
        for how in [&[] as &[&str], &["--full-refresh"]] {
            let why = format!("{kind} {how:?}");
            let odd = Odd::new(kind);
            odd.have(&[("Plan", json!("big")), ("a b", json!(1))]);
            odd.ingest("tickets,ticket_tags", how).await;
            assert_eq!(odd.value("ticket_tags", "plan").as_deref(), Some("big"), "{why}");
            assert_eq!(odd.value("ticket_tags", "a_b").as_deref(), Some("1"), "{why}");
            odd.have(&[
                ("plan", json!("small")),
                ("a.b", json!(2)),
                ("Plan", json!("big")),
                ("a b", json!(1)),
            ]);
            odd.world.dest().forget("main", "tickets").await.unwrap();
            odd.ingest("tickets,ticket_tags", how).await;
            odd.have(&[
                ("a.b", json!(2)),
                ("plan", json!("small")),
                ("a b", json!(1)),
                ("Plan", json!("big")),
            ]);
            odd.world.dest().forget("main", "ticket_tags").await.unwrap();
            odd.ingest("tickets,ticket_tags", how).await;
            odd.ingest("tickets,ticket_tags", &["--full-refresh"]).await;
            assert_eq!(odd.value("ticket_tags", "plan").as_deref(), Some("big"), "{why}");
            assert_eq!(odd.value("ticket_tags", "a_b").as_deref(), Some("1"), "{why}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn new_fields_of_child_rows_share_a_column_in_the_end() {
    for kind in KINDS {
        let odd = Odd::new(kind);
        odd.have(&[("one", json!(1)), ("two", json!(2))]);
        let ends = odd.ingest("tickets,ticket_tags", &["--max-new-columns", "1"]).await;
        let said = ends[0].warnings.join("\n");
        assert!(said.contains("new fields of ticket_tags") && said.contains("--max-new-columns"), "{said}");
        assert_eq!(ends[1].extra_fields, 1);
        odd.ingest("tickets,ticket_tags", &["--full-refresh"]).await;
        assert_eq!(odd.value("ticket_tags", "one").as_deref(), Some("1"), "{kind}");
        assert_eq!(odd.value("ticket_tags", EXTRA).as_deref(), Some(r#"{"two":2}"#), "{kind}");
    }
}
