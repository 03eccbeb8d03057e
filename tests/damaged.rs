//! Values that are no JSON, in whole runs: the table is loaded in one go, and each of them is found among the rejects.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};

use bytes::Bytes;
use gorgias_sim::{Change, Options};
use ingestr::api::report::{Outcome, Receipt};
use serde_json::value::RawValue;

use crate::support::memory::{Cell, Row};
use crate::support::world::{LISTS, World, assert_same};

fn small() -> Options {
    Options { tickets: 320, customers: 260, messages: 450, surveys: 120, ..Options::default() }
}

/// Replaces the row of `list` at a place, counted from the oldest: a value of it, or all.
struct Damage {
    place: usize,
    /// Empty for the whole row.
    field: &'static str,
    value: &'static [u8],
}

fn damage(place: usize, field: &'static str, value: &'static [u8]) -> Damage {
    Damage { place, field, value }
}

/// The row's text with another value in it.
fn with(row: &str, damage: &Damage) -> Vec<u8> {
    if damage.field.is_empty() {
        return damage.value.to_vec();
    }
    let fields: BTreeMap<String, &RawValue> = serde_json::from_str(row).unwrap();
    let start = fields[damage.field].get().as_ptr() as usize - row.as_ptr() as usize;
    let end = start + fields[damage.field].get().len();
    [&row.as_bytes()[..start], damage.value, &row.as_bytes()[end..]].concat()
}

fn replace(body: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    match body.windows(from.len()).position(|part| part == from) {
        Some(at) => [&body[..at], to, &body[at + from.len()..]].concat(),
        None => body.to_vec(),
    }
}

/// A world in which every answer with these rows has them damaged, and the ids of the rows.
fn world(list: &str, damages: &[Damage]) -> (World, Vec<i64>) {
    let mut world = World::new(small());
    let rows: Vec<(i64, String)> = world.account().expected(list).into_iter().collect();
    let ids = damages.iter().map(|damage| rows[damage.place].0).collect();
    let swaps: Vec<(Vec<u8>, Vec<u8>)> = damages
        .iter()
        .map(|damage| (rows[damage.place].1.clone().into_bytes(), with(&rows[damage.place].1, damage)))
        .collect();
    world.garble = Some(Arc::new(move |_, body| {
        let garbled = swaps.iter().fold(body.to_vec(), |body, (from, to)| replace(&body, from, to));
        Bytes::from(garbled)
    }));
    (world, ids)
}

/// What a clean account of the same size costs.
async fn clean(table: &str) -> Receipt {
    World::new(small()).ingest(table, &[]).await.unwrap()
}

fn stored(world: &World, table: &str) -> BTreeMap<i64, Row> {
    world.memory.table(&format!("main.{table}")).rows
}

/// The rejects as id, column and value.
fn rejects(world: &World) -> std::collections::BTreeSet<(Option<String>, Option<String>, String)> {
    let store = world.memory.0.lock().unwrap();
    store.rejects.iter().map(|(_, _, r)| (r.id.clone(), r.column.clone(), r.value.clone())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_no_json_costs_neither_its_row_nor_a_request() {
    let null = Cell::Null;
    let text = |text: &str| Cell::Text(text.into());
    let deep: &'static [u8] = [b"[".repeat(100_000), b"]".repeat(100_000)].concat().leak();
    let cases = [
        (damage(3, "subject", b"\"a\xff\xfeb\""), text("a\u{fffd}\u{fffd}b")),
        (damage(9, "subject", b"\"a\tb\""), text("a\tb")),
        (damage(20, "subject", b"\"a\\xb\""), text("a\u{fffd}b")),
        (damage(50, "spam", b"NaN"), null.clone()),
        (damage(110, "messages_count", b"01"), null.clone()),
        (damage(150, "closed_datetime", b"-Infinity"), null.clone()),
        (damage(200, "customer", b"{\"id\":NaN}"), Cell::Json("{\"id\":null}".into())),
        (damage(319, "tags", deep), null.clone()),
        (damage(250, "tags", b"[1,]"), null),
    ];
    let damages: Vec<Damage> = cases.iter().map(|(d, _)| damage(d.place, d.field, d.value)).collect();
    let (world, ids) = world("tickets", &damages);
    let receipt = world.ingest("tickets", &[]).await.unwrap();
    let clean = clean("tickets").await;
    assert_eq!((receipt.outcome, receipt.retries), (Outcome::Success, 0));
    assert_eq!((receipt.requests, receipt.read), (clean.requests, clean.read));
    let mut wanted = world.expected("tickets");
    for ((damage, cell), id) in cases.into_iter().zip(&ids) {
        let row = wanted.get_mut(id).unwrap();
        row.insert(damage.field.into(), cell);
        // What is taken out of it is not known either.
        for (field, flat) in [("tags", "tag_names"), ("customer", "customer_id")] {
            if damage.field == field {
                row.insert(flat.into(), Cell::Null);
            }
        }
    }
    assert_same("tickets", &wanted, &stored(&world, "tickets"), "damaged");
    let lines = rejects(&world);
    assert_eq!(lines.len(), damages.len());
    for (damage, id) in damages.iter().zip(ids) {
        let value = String::from_utf8_lossy(damage.value).into_owned();
        assert!(
            lines.contains(&(Some(id.to_string()), Some(damage.field.into()), value)),
            "{}",
            damage.field
        );
    }
}

#[tokio::test(start_paused = true)]
async fn only_rows_without_a_key_are_left_out_of_any_table() {
    for (table, list) in LISTS {
        let damages = [
            damage(5, "id", b"NaN"),
            damage(20, "", b"NaN"),
            damage(30, "", b"\"what?\""),
            damage(40, "", b"{\"text\":\"\xff\"}"),
            damage(60, "created_datetime", b"\"2026\xff\""),
        ];
        let (world, ids) = world(list, &damages);
        let receipt = world.ingest(table, &[]).await.unwrap();
        assert_eq!((receipt.outcome, receipt.retries), (Outcome::Success, 0), "{table}");
        let mut wanted = world.expected(table);
        ids[..4].iter().for_each(|id| assert!(wanted.remove(id).is_some()));
        let stored = stored(&world, table);
        assert!(stored.keys().eq(wanted.keys()), "{table}");
        assert_eq!(stored[&ids[4]]["created_datetime"], Cell::Null, "{table}");
        let whole: Vec<_> = rejects(&world).into_iter().filter(|(id, ..)| id.is_none()).collect();
        assert_eq!(whole.len(), 4, "{table}");
        for text in ["NaN", "\"what?\"", "{\"text\":\"\u{fffd}\"}"] {
            assert!(
                whole.iter().any(|(_, column, value)| column.is_none() && value == text),
                "{table}: {text}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_cut_behind_a_damaged_value_is_asked_for_again() {
    let (mut world, _) = world("customers", &[damage(3, "name", b"\"\xff\"")]);
    let damage = world.garble.take().unwrap();
    let cut = AtomicBool::new(false);
    world.garble = Some(Arc::new(move |path, body| {
        let body = damage(path, body);
        let damaged = std::str::from_utf8(&body).is_err();
        if damaged && !cut.swap(true, Relaxed) {
            return body.slice(..body.len() - 3);
        }
        body
    }));
    let receipt = world.ingest("customers", &[]).await.unwrap();
    assert_eq!((receipt.outcome, receipt.retries, receipt.rejected), (Outcome::Success, 1, 1));
    assert!(stored(&world, "customers").keys().eq(world.expected("customers").keys()));
}

/// What an event says of a merge is known though something else in it cannot be read.
#[tokio::test(start_paused = true)]
async fn events_with_odd_values_in_them_are_understood() {
    for odd in [r#""\ud800""#, "NaN", r#"{"\ud800":1}"#, &["[".repeat(1_000), "]".repeat(1_000)].concat()] {
        let mut world = World::new(small());
        let mut expected = world.expected("customers").into_keys();
        let (source, target) = (expected.next().unwrap(), expected.next().unwrap());
        world.ingest("customers", &[]).await.unwrap();
        world.pass(std::time::Duration::from_secs(60)).await;
        let now = world.clock.now();
        world.account().apply(Change::MergeCustomers { source, target }, now);
        let data = format!(r#""data":{{"odd":{odd},"#);
        let met = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&met);
        world.garble = Some(Arc::new(move |_, body| {
            let text = String::from_utf8_lossy(&body);
            count.fetch_add(text.matches(r#""data":{"#).count() as u64, Relaxed);
            Bytes::from(text.replace(r#""data":{"#, &data))
        }));
        let receipt = world.ingest("customers", &[]).await.unwrap();
        assert_eq!((receipt.outcome, receipt.retries), (Outcome::Success, 0), "{odd}");
        let gone = world.memory.table("main.customers").gone;
        assert_eq!(gone.get(&source), Some(&Some(target)), "{odd}");
        assert!(met.load(Relaxed) > 0);
    }
}

/// NUL, names without a letter and a byte order mark, in a real database.
#[cfg(feature = "duckdb")]
#[tokio::test(start_paused = true)]
async fn odd_texts_and_names_arrive_in_a_file() {
    use crate::support::duck::Duck;

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("desk.duckdb");
    let duck = ingestr::api::dest::duckdb::DuckDb::at(&file);
    let fields = b"\"a\0b\\u0000\",\"\":1,\"\\u0000\":2,\"\\u0001\":3,\"\xff\":4,\"rowid\":5";
    let (mut world, ids) = world("customers", &[damage(3, "name", fields), damage(5, "id", b"\"\0\"")]);
    let damage = world.garble.take().unwrap();
    world.garble =
        Some(Arc::new(move |path, body| Bytes::from([b"\xef\xbb\xbf", &damage(path, body)[..]].concat())));
    for naming in ["snake_case", "direct"] {
        let flags = ["--schema-naming", naming, "--dest-table", naming];
        let receipt = world.ingest_into(&duck, "customers", &flags, None).await.unwrap().unwrap();
        assert_eq!((receipt.outcome, receipt.retries, receipt.rejected), (Outcome::Success, 0, 3));
    }
    let duck = Duck::open(&file);
    for table in ["snake_case", "direct"] {
        let question = format!(
            "SELECT count(*) FROM {table} WHERE id = {} AND name = 'a' || chr(0) || 'b' || chr(0) AND field = 1 AND _ = 2 AND __040c5b8c = 3",
            ids[0]
        );
        assert_eq!(duck.number(&question), 1, "{table}");
    }
    assert_eq!(duck.number("SELECT count(*) FROM _ingestr_rejects WHERE strlen(value) > 0"), 6);
}
