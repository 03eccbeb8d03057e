//! Each fault does what its name says, once, and to the right request.

use std::collections::BTreeSet;

use super::{account, get, ids, json, now, read, request, walk};
use crate::{Fault, Reply};

#[test]
fn statuses_and_bodies() {
    let mut account = account();
    account.faults().next(Fault::Status429 { retry_after: Some(7) });
    let response = get(&mut account, "/api/tickets");
    assert_eq!((response.status, response.header("retry-after")), (429, Some("7")));
    for status in [500, 502, 503] {
        account.faults().next(Fault::Status(status));
        assert_eq!(get(&mut account, "/api/tickets").status, status);
    }
    account.faults().next(Fault::Forbidden);
    assert_eq!(get(&mut account, "/api/tickets").status, 403);
    account.faults().next(Fault::Html200);
    let page = get(&mut account, "/api/tickets");
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html")));
    account.faults().next(Fault::MissingMeta);
    assert!(read(&mut account, "/api/tickets").get("meta").is_none());
    account.faults().next(Fault::BareArray);
    assert_eq!(read(&mut account, "/api/tickets").as_array().unwrap().len(), 30);
    account.faults().next(Fault::HeaderMissing);
    assert_eq!(get(&mut account, "/api/tickets").header("x-gorgias-account-api-call-limit"), None);
    account.faults().next(Fault::HeaderNonsense);
    let header = get(&mut account, "/api/tickets");
    assert!(!header.header("x-gorgias-account-api-call-limit").unwrap().starts_with(char::is_numeric));
    assert_eq!(get(&mut account, "/api/tickets").status, 200, "and then all is well");
}

#[test]
fn connections() {
    let mut account = account();
    let (at, call) = (now(&account), request(&account, "/api/tickets"));
    account.faults().next(Fault::Reset);
    assert!(matches!(account.handle(&call, at), Reply::Reset));
    account.faults().next(Fault::Hang);
    assert!(matches!(account.handle(&call, at), Reply::Hang));
    account.faults().next(Fault::CutBody);
    assert!(matches!(account.handle(&call, at), Reply::CutBody(response) if response.status == 200));
    assert_eq!(account.requests().iter().map(|logged| logged.status).collect::<Vec<_>>(), [0, 0, 200]);
}

#[test]
fn cursors() {
    let mut account = account();
    account.faults().next(Fault::ExpiredCursor);
    let first = read(&mut account, "/api/tickets?limit=10");
    assert_eq!(account.faults().pending(), 1, "the first page has no cursor to expire");
    let cursor = first["meta"]["next_cursor"].as_str().unwrap();
    let path = format!("/api/tickets?limit=10&cursor={}", cursor.replace('=', "%3D"));
    let expired = get(&mut account, &path);
    assert_eq!(expired.status, 400);
    assert!(json(&expired)["error"]["data"]["cursor"].is_array());
    account.faults().next(Fault::RepeatedCursor);
    assert_eq!(read(&mut account, &path)["meta"]["next_cursor"], cursor);
    for direction in ["asc", "desc"] {
        account.faults().nth(1, Fault::EmptyPageWithNext);
        let rows =
            walk(&mut account, &format!("/api/tickets?limit=10&order_by=updated_datetime:{direction}"));
        let found: BTreeSet<i64> = ids(&rows).into_iter().collect();
        assert_eq!((rows.len(), found.len()), (300, 300), "an empty page loses nothing");
    }
    let ascending = read(&mut account, "/api/tickets?order_by=created_datetime:asc");
    account.faults().next(Fault::WrongOrder);
    assert_eq!(read(&mut account, "/api/tickets")["data"], ascending["data"]);
}

#[test]
fn scripts_wait_for_their_path_and_plans_repeat() {
    let mut account = account();
    account.faults().on("/api/messages", 1, Fault::Status(500));
    assert_eq!(get(&mut account, "/api/tickets").status, 200);
    assert_eq!(get(&mut account, "/api/messages").status, 200);
    assert_eq!(get(&mut account, "/api/tickets").status, 200);
    assert_eq!(get(&mut account, "/api/messages").status, 500);
    let mut run = || {
        account.faults().plan(5, vec![(Fault::Status(503), 0.3)]);
        (0..100).map(|_| get(&mut account, "/api/tags").status).collect::<Vec<_>>()
    };
    let (one, other) = (run(), run());
    assert_eq!(one, other);
    assert!(one.contains(&503) && one.contains(&200));
}

#[test]
fn a_plan_misleads_the_same_request_once_in_a_row() {
    for fault in [Fault::EmptyEnd, Fault::ShortWithoutMeta, Fault::MissingMeta] {
        let mut account = account();
        let path = "/api/tickets?limit=10";
        let truth = get(&mut account, path).body;
        account.faults().plan(7, vec![(fault, 1.0)]);
        let answers: Vec<bool> = (0..6).map(|_| get(&mut account, path).body == truth).collect();
        assert_eq!(answers, [false, true, false, true, false, true]);
    }
}
