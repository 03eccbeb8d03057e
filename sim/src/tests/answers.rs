//! Answers that no healthy API gives: lists that end too soon or never, look-ups that forget rows, rows that cannot be
//! read, statuses and headers of others.

use serde_json::Value;

use super::{account, get, ids, json, now, read, walk};
use crate::{Account, Change, Fault, Options, RetryAfter, Unreadable};

fn rows(body: &Value) -> usize {
    body["data"].as_array().unwrap().len()
}

/// A ticket with several messages.
fn busy(account: &Account) -> i64 {
    let data = &account.data;
    data.tickets.values().find(|row| row.messages.len() > 3).expect("one of them").id
}

#[test]
fn lookups_forget_rows_once() {
    let mut account = account();
    let ticket = busy(&account);
    let messages = format!("/api/messages?ticket_id={ticket}");
    let tickets = format!("/api/tickets?ticket_ids={ticket}&ticket_ids={}", ticket + 1);
    let whole = ids(read(&mut account, &messages)["data"].as_array().unwrap());
    for path in [&messages, &tickets] {
        account.faults().next(Fault::EmptyLookup);
        read(&mut account, "/api/tickets?limit=1");
        assert_eq!(account.faults().pending(), 1, "the list of all tickets is no look-up");
        let empty = read(&mut account, path);
        assert_eq!((rows(&empty), &empty["meta"]["next_cursor"]), (0, &Value::Null));
        assert_eq!(empty["meta"]["prev_cursor"], Value::Null);
        assert!(rows(&read(&mut account, path)) > 0, "and the next time they are there");
    }
    account.faults().next(Fault::PartialLookup);
    let part = read(&mut account, &messages);
    let every_second: Vec<i64> = whole.iter().copied().step_by(2).collect();
    assert_eq!(ids(part["data"].as_array().unwrap()), every_second);
    assert_eq!(part["meta"]["next_cursor"], Value::Null);
    let message = format!("/api/tickets/{ticket}/messages/{}", whole[0]);
    for path in [format!("/api/tickets/{ticket}"), message] {
        account.faults().next(Fault::Lost);
        assert_eq!(get(&mut account, "/api/tickets").status, 200, "no single row");
        assert_eq!(get(&mut account, &path).status, 404);
        assert_eq!(get(&mut account, &path).status, 200);
    }
}

#[test]
fn lists_end_too_soon() {
    let mut account = account();
    let first = read(&mut account, "/api/customers?limit=20");
    let cursor = first["meta"]["next_cursor"].as_str().unwrap().replace('=', "%3D");
    for path in ["/api/customers?limit=20".to_owned(), format!("/api/customers?limit=20&cursor={cursor}")] {
        account.faults().next(Fault::EmptyWithoutMeta);
        assert_eq!(&get(&mut account, &path).body[..], br#"{"data":[]}"#);
        account.faults().next(Fault::EmptyEnd);
        let empty = read(&mut account, &path);
        assert_eq!(rows(&empty), 0);
        assert_eq!(empty["meta"].to_string(), r#"{"prev_cursor":null,"next_cursor":null}"#);
        account.faults().next(Fault::ShortWithoutMeta);
        let short = read(&mut account, &path);
        assert_eq!((rows(&short), short.get("meta")), (10, None));
        for (fault, status, count) in [(Fault::Partial206, 206, 10), (Fault::Status203, 203, 20)] {
            account.faults().next(fault);
            let answer = get(&mut account, &path);
            let body = json(&answer);
            assert_eq!(
                (answer.status, rows(&body), &body["meta"]["next_cursor"]),
                (status, count, &Value::Null)
            );
        }
        account.faults().next(Fault::NoContent);
        let nothing = get(&mut account, &path);
        assert_eq!((nothing.status, nothing.body.len()), (204, 0));
        account.faults().next(Fault::EmptyCursor);
        assert_eq!(read(&mut account, &path)["meta"]["next_cursor"], "");
        let whole = read(&mut account, &path);
        assert!(rows(&whole) == 20 && whole["meta"]["next_cursor"].is_string());
    }
}

#[test]
fn lists_never_end() {
    for (fault, direction) in [
        (Fault::EndlessEmpty, "asc"),
        (Fault::EndlessEmpty, "desc"),
        (Fault::EndlessSame, "asc"),
        (Fault::EndlessSame, "desc"),
    ] {
        let mut account = account();
        let path = format!("/api/customers?limit=20&order_by=created_datetime:{direction}");
        let whole = walk(&mut account, &path);
        account.faults().from_on("/api/customers", 1, fault.clone());
        let mut body = read(&mut account, &path);
        let mut seen = std::collections::BTreeSet::new();
        let mut same = Vec::new();
        for _ in 0..300 {
            let cursor = body["meta"]["next_cursor"].as_str().unwrap().replace('=', "%3D");
            assert!(seen.insert(cursor.clone()), "ever new cursors");
            body = read(&mut account, &format!("{path}&cursor={cursor}"));
            let shown = ids(body["data"].as_array().unwrap());
            same.push(shown);
        }
        same.dedup();
        let second: Vec<i64> = ids(&whole)[20..40].to_vec();
        assert_eq!(
            same,
            [if fault == Fault::EndlessEmpty { Vec::new() } else { second }],
            "{fault:?} {direction}"
        );
        // Once it is over, nothing is lost.
        account.faults().clear();
        let mut found = ids(&whole)[..20].to_vec();
        while let Some(cursor) = body["meta"]["next_cursor"].as_str() {
            body = read(&mut account, &format!("{path}&cursor={}", cursor.replace('=', "%3D")));
            found.extend(ids(body["data"].as_array().unwrap()));
        }
        assert_eq!(found, ids(&whole));
    }
}

#[test]
fn a_network_speaks_for_itself() {
    let mut account = account();
    account.faults().next(Fault::BotCheck);
    let check = get(&mut account, "/api/tickets");
    assert_eq!((check.status, check.header("content-type")), (403, Some("text/html; charset=utf-8")));
    assert_eq!(check.header("x-gorgias-account-api-call-limit"), None);
    for (wait, text) in [
        (RetryAfter::Seconds(3_600), "3600"),
        (RetryAfter::Millis(1_500), "1.500"),
        // The account's clock says 18:00:01.
        (RetryAfter::Date(3), "Wed, 26 Aug 2026 18:00:04 GMT"),
        (RetryAfter::Text("soon"), "soon"),
    ] {
        account.faults().next(Fault::Told { status: 503, wait });
        let told = get(&mut account, "/api/tickets");
        assert_eq!((told.status, told.header("retry-after")), (503, Some(text)));
        assert_eq!(told.header("date"), Some("Wed, 26 Aug 2026 18:00:01 GMT"));
    }
}

#[test]
fn rows_that_cannot_be_read() {
    let mut account = account();
    let path = "/api/customers?limit=9&order_by=created_datetime:asc";
    let whole = get(&mut account, path).body;
    let spoilt = |account: &mut Account, fault| {
        account.faults().next(fault);
        get(account, path).body.to_vec()
    };
    for (how, what) in [
        (Unreadable::NotUtf8, &b"\"name\":\"\xff"[..]),
        (Unreadable::Control, b"\"name\":\"\x01"),
        (Unreadable::HalfSurrogate, b"\"name\":\"\\ud83d"),
        (Unreadable::NaN, b":NaN,"),
        (Unreadable::Infinity, b":-Infinity,"),
        (Unreadable::HalfSurrogateInName, b"{\"\\ud83d\":1,\"id\":"),
        (Unreadable::NulInName, b"{\"a\\u0000b\":1,\"id\":"),
        (Unreadable::Padded { mib: 2 }, b"{\"padding\":\"xxx"),
    ] {
        let body = spoilt(&mut account, Fault::Unreadable(how));
        let found = body.windows(what.len()).filter(|window| *window == what).count();
        assert_eq!(found, 1, "{how:?}: {}", String::from_utf8_lossy(&body[..body.len().min(5_000)]));
        assert_eq!(body.len() > 2 << 20, how == Unreadable::Padded { mib: 2 });
        let reads = serde_json::from_slice::<Value>(&body).is_ok();
        assert_eq!(reads, matches!(how, Unreadable::NulInName | Unreadable::Padded { .. }), "{how:?}");
    }
    let marked = spoilt(&mut account, Fault::Bom);
    assert_eq!((&marked[..3], &marked[3..]), (&b"\xef\xbb\xbf"[..], &whole[..]));
    // A row that is so for good, in every list that shows it, and in no other way.
    let id = account.ids("customers")[3];
    account.set_unreadable("customers", id, Some(Unreadable::NaN));
    for order in ["created_datetime:asc", "updated_datetime:desc"] {
        let body = get(&mut account, &format!("/api/customers?limit=100&order_by={order}")).body;
        let text = String::from_utf8(body.to_vec()).unwrap();
        let (before, after) = text.split_once(":NaN,").expect("it is there");
        assert!(
            before.rsplit_once(&format!("{{\"id\":{id},")).is_some_and(|(_, row)| !row.contains("{\"id\":"))
        );
        assert!(!after.contains("NaN"));
    }
    assert_eq!(get(&mut account, path).body.len(), whole.len() - 1, "NaN is shorter than null by one");
    account.set_unreadable("customers", id, None);
    assert_eq!(get(&mut account, path).body, whole);
}

#[test]
fn events_can_be_missed_and_merges_say_nothing() {
    let options = Options { unlimited: true, ..Options::default() };
    let quiet = Options { merge_event_names_source: false, merged_customer_moves: true, ..options.clone() };
    let mut account = Account::new(quiet);
    let at = now(&account);
    let customers = account.ids("customers");
    let (source, target) = (customers[3], customers[4]);
    account.apply(Change::MergeCustomers { source, target }, at).unwrap();
    let events = read(&mut account, &format!("/api/events?object_type=Customer&object_id={target}&limit=1"));
    assert_eq!(
        (events["data"][0]["type"].as_str(), &events["data"][0]["data"]),
        (Some("customer-merged"), &Value::Null)
    );
    let moved = get(&mut account, &format!("/api/customers/{source}"));
    assert_eq!((moved.status, moved.header("location")), (301, Some(&*format!("/api/customers/{target}"))));

    for (part, least, most) in [(1.0, 0, 0), (0.5, 5, 25), (0.0, 30, 30)] {
        let mut account = Account::new(Options { events_missed: part, ..options.clone() });
        let before = account.count("events");
        for customer in account.ids("customers").into_iter().take(30) {
            account.apply(Change::DeleteCustomer { customer }, at).unwrap();
        }
        let told = account.count("events") - before;
        assert!((least..=most).contains(&told), "{part}: {told} of 30");
        // Nothing else is missed.
        account.apply(Change::CreateCustomer, at).unwrap();
        assert_eq!(account.count("events") - before, told + 1);
        account.set_events_missed(1.0);
        let customer = account.ids("customers")[0];
        account.apply(Change::DeleteCustomer { customer }, at).unwrap();
        assert_eq!(account.count("events") - before, told + 1);
    }
}

#[test]
fn a_message_is_there_below_its_ticket_only() {
    let mut account = account();
    let ticket = busy(&account);
    let message = account.data.tickets[&ticket].messages[0];
    assert_eq!(read(&mut account, &format!("/api/tickets/{ticket}/messages/{message}"))["id"], message);
    assert_eq!(get(&mut account, &format!("/api/messages/{message}")).status, 404);
    let at = now(&account);
    account.apply(Change::DeleteMessage { message }, at).unwrap();
    assert_eq!(get(&mut account, &format!("/api/tickets/{ticket}/messages/{message}")).status, 404);
}
