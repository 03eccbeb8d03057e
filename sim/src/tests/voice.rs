//! Calls and their recordings: more than a page of them, and what a call comes to by and by.

use super::changes::{apply, row};
use super::{account, get, ids, json, now, read, walk};
use crate::{Account, Change, DAY, Options, SECOND};

const CALLS: &str = "phone/voice-calls";
const RECORDINGS: &str = "phone/voice-call-recordings";

#[test]
fn there_are_more_than_a_page_of_them_newest_first() {
    let mut account = account();
    for (list, newest_first) in [(CALLS, true), (RECORDINGS, true), ("phone/voice-call-events", false)] {
        let first = read(&mut account, &format!("/api/{list}?limit=100"));
        assert!(first["meta"]["next_cursor"].is_string(), "{list}");
        let rows = walk(&mut account, &format!("/api/{list}?limit=100"));
        let times: Vec<&str> = rows.iter().map(|row| row["created_datetime"].as_str().unwrap()).collect();
        let mut instants: Vec<i64> = times.iter().map(|text| crate::parse(text).unwrap()).collect();
        if newest_first {
            instants.reverse();
        }
        assert!(instants.is_sorted(), "{list}");
        let mut found = ids(&rows);
        found.sort_unstable();
        assert_eq!(found, account.ids(list));
        let refused = get(&mut account, &format!("/api/{list}?order_by=created_datetime:desc"));
        assert_eq!(refused.status, 400);
        assert!(json(&refused)["error"]["data"]["order_by"].is_array());
    }
    let mut few = Account::new(Options { calls: 2, unlimited: true, ..Options::default() });
    assert_eq!(walk(&mut few, "/api/phone/voice-calls?").len(), 2);
    let mut none = Account::new(Options { calls: 0, unlimited: true, ..Options::default() });
    assert!(walk(&mut none, "/api/phone/voice-calls?").is_empty());
}

#[test]
fn calls_recordings_and_events_name_each_other() {
    let mut account = account();
    let calls = walk(&mut account, "/api/phone/voice-calls?limit=100");
    let count = |key: &str| calls.iter().filter(|row| !row[key].is_null()).count();
    assert!(
        count("ticket_id") > 100 && count("ticket_id") == count("customer_id") && count("ticket_id") < 240
    );
    let with_summary = calls.iter().filter(|row| row["summaries"][0].is_object()).count();
    assert!(with_summary > 50);
    for call in &calls {
        let id = call["id"].as_i64().unwrap();
        if let Some(ticket) = call["ticket_id"].as_i64() {
            assert_eq!(row(&account, "tickets", ticket)["customer"]["id"], call["customer_id"]);
            let of_ticket = walk(&mut account, &format!("/api/phone/voice-calls?ticket_id={ticket}"));
            assert!(ids(&of_ticket).contains(&id));
        }
        let recordings = walk(&mut account, &format!("/api/phone/voice-call-recordings?call_id={id}"));
        let kind = recordings.first().map(|row| row["type"].as_str().unwrap());
        assert_eq!(kind == Some("call-recording"), call["has_call_recording"] == true);
        assert_eq!(kind == Some("voicemail"), call["has_voicemail"] == true);
        for summary in call["summaries"].as_array().unwrap() {
            assert_eq!(summary["recording_id"], recordings[0]["id"]);
            let keys: Vec<&str> = summary.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(keys, ["id", "recording_id", "summary", "created_datetime"]);
        }
        let events = walk(&mut account, &format!("/api/phone/voice-call-events?call_id={id}"));
        assert_eq!(events[0]["type"], "incoming-phone-call");
    }
    let recordings = walk(&mut account, "/api/phone/voice-call-recordings?limit=100");
    let statuses: std::collections::BTreeSet<&str> =
        recordings.iter().map(|row| row["transcription_status"].as_str().unwrap()).collect();
    assert!(statuses.len() > 3, "{statuses:?}");
    assert!(
        recordings
            .iter()
            .any(|row| row["deleted_datetime"].is_string() && row["deleted_by_user_id"].is_i64())
    );
    assert!(
        recordings.iter().all(|row| row["url"].is_null() == (row["error_code"] == "RECORDING_IS_PRIVATE"))
    );
}

#[test]
fn a_call_comes_to_its_end_recording_summary_and_ticket() {
    let mut account = account();
    let at = now(&account);
    let mut told = std::collections::BTreeSet::new();
    for n in 0..20 {
        let (id, _) = apply(&mut account, Change::CreateRow { list: CALLS }, at + n * SECOND);
        let fresh = row(&account, CALLS, id);
        assert_eq!((fresh["status"].as_str(), &fresh["duration"]), (Some("ringing"), &0.into()));
        assert!(fresh["summaries"].as_array().unwrap().is_empty());
        let mut step = 0;
        while account
            .apply(Change::UpdateRow { list: CALLS, id }, at + n * SECOND + step * 60 * SECOND)
            .is_some()
        {
            let shown = row(&account, CALLS, id);
            assert_eq!(shown["updated_datetime"], crate::iso(at + n * SECOND + step * 60 * SECOND));
            told.extend(shown["status"].as_str().map(str::to_owned));
            step += 1;
        }
        assert!((2..7).contains(&step), "{step}");
        let over = row(&account, CALLS, id);
        assert_eq!(over["status"] == "completed", over["duration"] != 0);
        if id % 11 != 3 {
            assert!(over["termination_status"].is_string());
        }
        assert_eq!(account.apply(Change::DeleteRow { list: CALLS, id }, at), None);
    }
    assert_eq!(told.into_iter().collect::<Vec<_>>(), ["completed", "in-progress", "no-answer"]);

    let id = *account.ids(RECORDINGS).last().unwrap();
    assert_eq!(row(&account, RECORDINGS, id)["transcription_status"], "requested");
    apply(&mut account, Change::UpdateRow { list: RECORDINGS, id }, at + DAY);
    let heard = row(&account, RECORDINGS, id);
    assert_ne!(heard["transcription_status"], "requested");
    apply(&mut account, Change::DeleteRow { list: RECORDINGS, id }, at + DAY);
    assert_eq!(row(&account, RECORDINGS, id)["deleted_datetime"], crate::iso(at + DAY));
    assert_eq!(account.apply(Change::DeleteRow { list: RECORDINGS, id }, at), None, "it is so already");
    assert_eq!(get(&mut account, &format!("/api/{RECORDINGS}/{id}")).status, 200, "and stays in its list");
}
