//! Tests of the account as its clients see it.

mod answers;
mod changes;
mod denied;
mod desk;
mod desk_changes;
mod faults;
mod fields;
mod history;
mod http;
mod lifelike;
mod lists;
mod same;
mod shapes;
mod strict;
mod voice;

use serde_json::Value;

use crate::{Account, Micros, Options, Request, Response};

/// The account most tests want, without a call budget.
fn account() -> Account {
    Account::new(Options { unlimited: true, ..Options::default() })
}

fn now(account: &Account) -> Micros {
    account.options().end + crate::SECOND
}

fn request(account: &Account, path: &str) -> Request {
    Request { headers: account.credentials(), ..Request::get(path) }
}

fn get(account: &mut Account, path: &str) -> Response {
    let at = now(account);
    account.handle(&request(account, path), at).response().expect("a whole answer")
}

fn json(response: &Response) -> Value {
    serde_json::from_slice(&response.body).expect("valid JSON")
}

fn read(account: &mut Account, path: &str) -> Value {
    let response = get(account, path);
    assert_eq!(response.status, 200, "{path}: {:?}", response.body);
    json(&response)
}

/// Follows next cursors to the end; all rows in the order they came.
fn walk(account: &mut Account, path: &str) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = match &cursor {
            Some(cursor) => format!("{path}&cursor={}", cursor.replace('=', "%3D").replace('+', "%2B")),
            None => path.to_owned(),
        };
        let body = read(account, &page);
        rows.extend(body["data"].as_array().unwrap().iter().cloned());
        match body["meta"]["next_cursor"].as_str() {
            Some(next) => cursor = Some(next.to_owned()),
            None => return rows,
        }
    }
}

fn ids(rows: &[Value]) -> Vec<i64> {
    rows.iter().map(|row| row["id"].as_i64().unwrap()).collect()
}
