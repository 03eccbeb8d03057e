//! Walking lists: every row once, in order, also while the account changes.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{account, ids, read, walk};
use crate::{Account, Options};

const ORDERS: &[(&str, &str)] = &[
    ("tickets", "created_datetime"),
    ("tickets", "updated_datetime"),
    ("customers", "created_datetime"),
    ("customers", "updated_datetime"),
    ("messages", "created_datetime"),
    ("satisfaction-surveys", "created_datetime"),
    ("events", "created_datetime"),
    ("users", "name"),
    ("users", "created_datetime"),
    ("tags", "name"),
    ("tags", "created_datetime"),
    ("macros", "usage"),
];

#[test]
fn every_row_once_in_both_directions() {
    let mut account = account();
    for (table, field) in ORDERS {
        for (direction, limit) in [("asc", 7), ("desc", 7), ("asc", 100)] {
            let rows =
                walk(&mut account, &format!("/api/{table}?order_by={field}:{direction}&limit={limit}"));
            let mut found = ids(&rows);
            let keys: Vec<(String, i64)> =
                rows.iter().map(|row| (sort_text(&row[*field]), row["id"].as_i64().unwrap())).collect();
            let sorted = if direction == "asc" { keys.is_sorted() } else { keys.iter().rev().is_sorted() };
            assert!(sorted, "{table} {field} {direction}");
            if *table == "macros" {
                let archived = walk(&mut account, "/api/macros?archived=true");
                assert!(!archived.is_empty());
                found.extend(ids(&archived));
            }
            found.sort_unstable();
            assert_eq!(found, account.ids(table), "{table} {field} {direction}");
        }
    }
}

/// Comparable form: a whole second sorts before its fractions, which the plain texts would not.
fn sort_text(value: &Value) -> String {
    match value {
        Value::Number(n) => format!("{:>12}", n.to_string()),
        Value::String(text) => crate::parse(text).map_or(text.clone(), |at| format!("{at:>20}")),
        _ => String::new(),
    }
}

#[test]
fn rows_are_exactly_the_expected_ones() {
    let mut account = account();
    for table in ["tickets", "messages", "customers", "events", "tags"] {
        let expected: BTreeMap<i64, String> = account.expected(table).into_iter().collect();
        for row in walk(&mut account, &format!("/api/{table}?limit=100")) {
            let text = &expected[&row["id"].as_i64().unwrap()];
            assert_eq!(serde_json::from_str::<Value>(text).unwrap(), row);
        }
    }
}

#[test]
fn previous_pages_lead_back() {
    let mut account = account();
    let first = read(&mut account, "/api/tickets?limit=10");
    assert_eq!(first["meta"]["prev_cursor"], Value::Null);
    let next = first["meta"]["next_cursor"].as_str().unwrap().replace('=', "%3D");
    let second = read(&mut account, &format!("/api/tickets?limit=10&cursor={next}"));
    let prev = second["meta"]["prev_cursor"].as_str().unwrap().replace('=', "%3D");
    let again = read(&mut account, &format!("/api/tickets?limit=10&cursor={prev}"));
    assert_eq!(again["data"], first["data"]);
    assert_eq!(again["meta"]["prev_cursor"], Value::Null);
}

#[test]
fn churn_hides_no_row_that_stays_put() {
    for seed in 0..5 {
        let mut account = Account::new(Options { seed, unlimited: true, ..Options::default() });
        let before: BTreeSet<i64> = account.ids("messages").into_iter().collect();
        account.set_churn(2.5);
        let found = ids(&walk(&mut account, "/api/messages?order_by=created_datetime:asc&limit=20"));
        let distinct: BTreeSet<i64> = found.iter().copied().collect();
        assert_eq!(distinct.len(), found.len(), "no row twice: creation times never move");
        for id in account.ids("messages").into_iter().filter(|id| before.contains(id)) {
            assert!(distinct.contains(&id), "message {id} was there all the time");
        }
    }
}

#[test]
fn counts_agree_unless_they_are_told_to_lie() {
    for lies in [0, 7] {
        let mut account = Account::new(Options { count_lies: lies, unlimited: true, ..Options::default() });
        let mut counts: BTreeMap<i64, i64> = BTreeMap::new();
        for row in walk(&mut account, "/api/messages?limit=100") {
            *counts.entry(row["ticket_id"].as_i64().unwrap()).or_default() += 1;
        }
        let tickets = walk(&mut account, "/api/tickets?limit=100");
        assert!(counts.keys().all(|id| ids(&tickets).contains(id)), "no message without its ticket");
        let wrong = tickets
            .iter()
            .filter(|row| {
                row["messages_count"].as_i64()
                    != counts.get(&row["id"].as_i64().unwrap()).copied().or(Some(0))
            })
            .count();
        assert_eq!(wrong, lies);
    }
}

#[test]
fn filters_leave_what_they_name() {
    let mut account = account();
    let all = walk(&mut account, "/api/tickets?limit=100");
    let trashed = all.iter().filter(|row| !row["trashed_datetime"].is_null()).count();
    assert!(trashed > 0, "trashed tickets are listed by default");
    let kept = walk(&mut account, "/api/tickets?limit=100&trashed=false");
    assert_eq!(kept.len(), all.len() - trashed);
    let some = ids(&all[3..6]);
    let query: String = some.iter().map(|id| format!("&ticket_ids={id}")).collect();
    let found = read(&mut account, &format!("/api/tickets?limit=100&ticket_ids=5{query}"));
    assert_eq!(ids(found["data"].as_array().unwrap()), some);
    let ticket = account.data.tickets.values().find(|row| row.messages.len() > 1).unwrap().clone();
    let found = read(&mut account, &format!("/api/messages?ticket_id={}&limit=100", ticket.id));
    assert_eq!(found["data"].as_array().unwrap().len(), ticket.messages.len().min(100));
    let events = walk(&mut account, "/api/events?limit=100&order_by=created_datetime:asc");
    let at = events[100]["created_datetime"].as_str().unwrap().replace('+', "%2B");
    let from = walk(&mut account, &format!("/api/events?limit=100&created_datetime[gte]={at}"));
    assert!(from.len() < events.len() && ids(&from).contains(&events[100]["id"].as_i64().unwrap()));
}

#[test]
fn view_items_need_the_ignored_item() {
    let mut account = account();
    let (mut path, mut found) = ("/api/views/5501/items?limit=20".to_owned(), Vec::new());
    loop {
        let page = read(&mut account, &path);
        found.extend(ids(page["data"].as_array().unwrap()));
        match page["meta"]["next_items"].as_str() {
            Some(next) => path = next.to_owned(),
            None => break,
        }
    }
    let distinct: BTreeSet<i64> = found.iter().copied().collect();
    assert_eq!(distinct.len(), found.len());
    assert_eq!(found.len(), walk(&mut account, "/api/tickets?limit=100&trashed=false").len());
}

#[test]
fn child_messages_are_page_numbered() {
    let mut account = account();
    let ticket = account.data.tickets.values().max_by_key(|row| row.messages.len()).unwrap().clone();
    let page = read(&mut account, &format!("/api/tickets/{}/messages/?page=1&per_page=2", ticket.id));
    assert_eq!(page["data"].as_array().unwrap().len(), 2);
    assert_eq!(page["meta"]["item_count"].as_u64().unwrap(), ticket.messages.len() as u64);
}

#[test]
fn the_smallest_accounts_stand_too() {
    for (tickets, messages) in [(0, 0), (1, 0), (1, 1), (2, 1), (3, 40), (5, 5)] {
        let sizes = Options {
            customers: tickets,
            tickets,
            messages,
            surveys: 9,
            unlimited: true,
            ..Options::default()
        };
        let mut account = Account::new(sizes);
        for (table, count) in [("tickets", tickets), ("messages", if tickets > 0 { messages } else { 0 })] {
            assert_eq!(walk(&mut account, &format!("/api/{table}?limit=3")).len(), count, "{table}");
        }
        account.set_churn(1.0);
        let body = read(&mut account, "/api/events");
        assert!(body["data"].is_array());
    }
}
