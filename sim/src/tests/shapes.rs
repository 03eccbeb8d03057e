//! Rows and envelopes have the keys, and the order of keys, that were recorded.
//!
//! The recordings lie outside the repository because of their licence, so what needs them is run by itself:
//! `make test-recordings`.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use super::{account, get, json, now, read, walk};
use crate::{Account, Options};

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/fixtures/gorgias").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str::<Value>(&text).unwrap()["body"].clone()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().map(|object| object.keys().map(String::as_str).collect()).unwrap_or_default()
}

/// The types of JSON that a field has.
fn types(rows: &[Value], key: &str) -> BTreeSet<&'static str> {
    let of = |value: &Value| match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    rows.iter().map(|row| of(&row[key])).collect()
}

/// Answers which types were recorded of fields that never have them here.
fn compare_list(account: &mut Account, name: &str, path: &str) -> Vec<String> {
    let recorded = fixture(name);
    let ours = read(account, path);
    assert_eq!(keys(&ours), keys(&recorded), "{path}");
    assert_eq!(keys(&ours["meta"]), keys(&recorded["meta"]), "{path}");
    let template = keys(&recorded["data"][0]);
    let rows = walk(account, path);
    for row in &rows {
        assert_eq!(keys(row), template, "{path}");
        for part in ["customer", "sender", "receiver"] {
            let like = recorded["data"].as_array().unwrap().iter().find(|row| row[part].is_object());
            if let (true, Some(like)) = (row[part].is_object(), like) {
                assert_eq!(keys(&row[part]), keys(&like[part]), "{path} {part}");
            }
        }
    }
    let recorded_rows = recorded["data"].as_array().unwrap();
    let missing = template.iter().map(|key| (key, &types(recorded_rows, key) - &types(&rows, key)));
    missing
        .filter(|(_, types)| !types.is_empty())
        .map(|(key, types)| format!("{path} {key} {types:?}"))
        .collect()
}

#[test]
#[ignore = "needs the recordings in ../shared"]
fn lists_look_as_recorded() {
    // Some tickets have no message.
    let mut account = Account::new(Options { unlimited: true, messages: 280, ..Options::default() });
    let mut rng = fastrand::Rng::with_seed(1);
    for _ in 0..300 {
        let at = now(&account);
        account.random_change(&mut rng, at);
    }
    let mut missing = Vec::new();
    for list in ["tickets", "customers", "messages", "satisfaction-surveys", "users", "tags"] {
        missing.extend(compare_list(
            &mut account,
            &format!("{list}-list.json"),
            &format!("/api/{list}?limit=100"),
        ));
    }
    assert_eq!(missing, Vec::<String>::new());
}

#[test]
#[ignore = "needs the recordings in ../shared"]
fn one_ticket_looks_as_recorded() {
    let mut account = account();
    let recorded = fixture("get-ticket.json");
    for id in account.ids("tickets") {
        let ours = read(&mut account, &format!("/api/tickets/{id}"));
        let mut ours_keys = keys(&ours);
        ours_keys.retain(|key| *key != "custom_fields");
        assert_eq!(ours_keys, keys(&recorded));
        for part in ["customer", "requester"] {
            assert_eq!(keys(&ours[part]), keys(&recorded[part]));
            if !ours[part]["channels"][0].is_null() {
                assert_eq!(keys(&ours[part]["channels"][0]), keys(&recorded[part]["channels"][0]));
            }
        }
        for message in ours["messages"].as_array().unwrap() {
            assert_eq!(keys(message), keys(&recorded["messages"][0]));
        }
    }
}

#[test]
#[ignore = "needs the recordings in ../shared"]
fn an_error_looks_as_recorded() {
    let mut denied = Account::new(Options { role_can_read_events: false, ..Options::default() });
    let response = json(&get(&mut denied, "/api/events"));
    let recorded = fixture("error-403-create-ticket.json");
    assert_eq!(keys(&response), keys(&recorded));
    assert_eq!(keys(&response["error"]), keys(&recorded["error"]));
}

#[test]
fn the_uri_is_echoed_and_events_may_be_denied() {
    let mut account = account();
    assert_eq!(read(&mut account, "/api/tickets")["uri"], "/api/tickets?");
    let events = read(&mut account, "/api/events?order_by=created_datetime:asc&limit=2");
    assert_eq!(events["uri"], "/api/events?order_by=created_datetime%3Aasc&limit=2");
    let views = read(&mut account, "/api/views/?order_by=created_datetime%3Aasc&limit=2");
    assert_eq!(views["uri"], "/api/views?limit=2&order_by=created_datetime%3Aasc");
    let mut denied = Account::new(Options { role_can_read_events: false, ..Options::default() });
    assert_eq!(get(&mut denied, "/api/events").status, 403);
}

#[test]
fn every_row_is_json_and_the_same_seed_is_the_same_account() {
    let (one, other) = (account(), account());
    for table in crate::tables() {
        let rows = one.expected(table);
        assert!(!rows.is_empty(), "{table}");
        assert_eq!(rows, other.expected(table), "{table}");
        for (id, text) in rows {
            let row: Value =
                serde_json::from_str(&text).unwrap_or_else(|error| panic!("{table} {id}: {error}: {text}"));
            assert_eq!(row["id"].as_i64(), Some(id));
        }
    }
}

#[test]
fn sizes_and_oddities_are_realistic() {
    let account = Account::new(Options { tickets: 2000, messages: 6000, ..Options::default() });
    let average = |table: &str| {
        let rows = account.expected(table);
        rows.iter().map(|(_, text)| text.len()).sum::<usize>() / rows.len()
    };
    let (message, ticket) = (average("messages"), average("tickets"));
    assert!((2900..3700).contains(&message), "messages average {message} bytes");
    assert!((1500..1900).contains(&ticket), "tickets average {ticket} bytes");
    let tickets = account.expected("tickets");
    let any = |needle: &str| tickets.iter().any(|(_, text)| text.contains(needle));
    assert!(
        any("\\u00")
            && any("9007199254740993")
            && any("\"meta\":null")
            && any("\"meta\":{}")
            && any("\"meta\":[")
    );
    assert!(any("\"imported\"") || any("\"external_id\":\"import-"));
    let messages = account.expected("messages");
    assert!(messages.iter().any(|(_, text)| text.contains("\\ud83d\\u")), "surrogate pairs, escaped");
    assert!(messages.iter().any(|(_, text)| text.contains('\u{2028}')), "and a separator, not escaped");
    assert!(account.ids("events").iter().all(|id| *id > i64::from(i32::MAX)));
}
