//! What the account refuses, and how it says so.

use super::{account, get, json, now, request};
use crate::{Account, Options, Request, SECOND};

#[test]
fn wrong_parameters_are_named() {
    let mut account = account();
    for (path, field) in [
        ("/api/tickets?updated_datetime__gte=2026", "updated_datetime__gte"),
        ("/api/tickets?limit=101", "limit"),
        ("/api/tickets?limit=0", "limit"),
        ("/api/tickets?limit=many", "limit"),
        ("/api/messages?order_by=updated_datetime:asc", "order_by"),
        ("/api/events?order_by=created_datetime", "order_by"),
        ("/api/phone/voice-calls?order_by=created_datetime:asc", "order_by"),
        ("/api/events?object_type=Ticket", "object_id"),
        ("/api/events?created_datetime[gte]=soon", "created_datetime[gte]"),
        ("/api/custom-fields", "object_type"),
        ("/api/tickets?cursor=nonsense", "cursor"),
        ("/api/tags?order_by=usage:asc,name:desc", "order_by"),
    ] {
        let response = get(&mut account, path);
        assert_eq!(response.status, 400, "{path}");
        let body = json(&response);
        assert!(body["error"]["msg"].is_string(), "{path}");
        assert!(body["error"]["data"][field][0].is_string(), "{path}: {body}");
    }
    let body = json(&get(&mut account, "/api/tickets?limit=101"));
    assert_eq!(body["error"]["data"]["limit"][0], "Must be at most 100");
    let body = json(&get(&mut account, "/api/tickets?nope=1"));
    assert_eq!(body["error"]["data"]["nope"][0], "Unknown field.");
    assert_eq!(get(&mut account, "/api/tags?order_by=usage:desc,name:desc").status, 200);
}

#[test]
fn credentials_methods_and_paths() {
    let mut account = Account::new(Options { access_token: Some("tok".into()), ..Options::default() });
    let at = now(&account);
    let mut status = |request: Request| account.handle(&request, at).response().unwrap().status;
    assert_eq!(status(Request::get("/api/account")), 401);
    assert_eq!(status(Request::get("/api/account").header("authorization", "Basic eDp5")), 401);
    assert_eq!(status(Request::get("/api/account").header("authorization", "Bearer tok")), 200);
    assert_eq!(status(Request::get("/api/account/").header("authorization", "Bearer tok")), 200);
    assert_eq!(status(Request::get("/api/users/0").header("authorization", "Bearer tok")), 200);
    assert_eq!(status(Request::get("/api/nothing").header("authorization", "Bearer tok")), 404);
    assert_eq!(status(Request::get("/api/tickets/1").header("authorization", "Bearer tok")), 404);
    let post = Request {
        method: "POST".into(),
        ..Request::get("/api/tickets").header("authorization", "Bearer tok")
    };
    assert_eq!(status(post), 405);
    account.faults().unknown_tenant = true;
    let response = get(&mut account, "/api/account");
    assert_eq!(response.status, 404);
    assert!(response.header("content-type").unwrap().starts_with("text/html"));
    assert_eq!(response.header("x-gorgias-account-api-call-limit"), None);
}

#[test]
fn the_budget_shows_and_holds() {
    let mut account = Account::new(Options::default());
    let at = now(&account);
    let call = request(&account, "/api/account");
    for n in 1..=40 {
        let response = account.handle(&call, at).response().unwrap();
        assert_eq!(response.status, 200);
        assert_eq!(response.header("X-Gorgias-Account-Api-Call-Limit"), Some(format!("{n}/40").as_str()));
        assert_eq!(response.header("Retry-after"), None);
    }
    let refused = account.handle(&call, at).response().unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")));
    assert_eq!(account.handle(&call, at + SECOND).response().unwrap().status, 200);
    let statuses: Vec<u16> = account.requests().iter().map(|logged| logged.status).collect();
    assert_eq!((statuses.len(), statuses[40], account.served()), (42, 429, 42));
}
