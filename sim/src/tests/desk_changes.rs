//! How small lists change: what moves a date, what an event tells, and what neither does.

use serde_json::Value;

use super::changes::{apply, row, types};
use super::{account, get, now, walk};
use crate::{Account, Change, DAY, Options, SECOND};

/// Whether rows of a list can be deleted, whether they have the date of their last change, whether events tell.
const LISTS: [(&str, bool, bool, bool); 12] = [
    ("users", true, true, true),
    ("tags", true, false, true),
    ("teams", true, false, true),
    ("views", true, false, true),
    ("rules", true, true, true),
    ("macros", true, true, true),
    ("integrations", true, true, true),
    ("widgets", true, true, true),
    ("custom-fields", false, true, true),
    ("account/settings", true, false, true),
    ("jobs", false, false, false),
    ("phone/voice-calls", false, true, false),
];

fn lists(account: &mut Account, list: &str, id: i64) -> bool {
    let queries: &[&str] = match list {
        "custom-fields" => &["object_type=Ticket", "object_type=Customer"],
        "macros" => &["archived=false", "archived=true"],
        _ => &[""],
    };
    let found = |query: &&str| {
        let path = if list == "account/settings" {
            "/api/account/settings?".into()
        } else {
            format!("/api/{list}?{query}")
        };
        walk(account, &path).iter().filter(|row| row["id"] == id).count()
    };
    queries.iter().map(found).sum::<usize>() == 1
}

#[test]
fn rows_of_every_list_come_change_and_go() {
    let mut account = account();
    let at = now(&account);
    for (list, is_deletable, is_dated, is_told) in LISTS {
        let one = |id: i64| format!("/api/{list}/{id}");
        let has_address = list != "account/settings";
        let (id, events) = apply(&mut account, Change::CreateRow { list }, at);
        assert_eq!(types(&events).len(), usize::from(is_told), "{list}");
        assert!(lists(&mut account, list, id), "{list}");
        let mut before = row(&account, list, id);
        if list != "account/settings" {
            assert_eq!(before["created_datetime"], crate::iso(at), "{list}");
        }
        for n in 1..3 {
            let (_, events) = apply(&mut account, Change::UpdateRow { list, id }, at + n * SECOND);
            let after = row(&account, list, id);
            assert_ne!(before, after, "{list}");
            assert_eq!(
                after.get("updated_datetime"),
                is_dated.then(|| crate::iso(at + n * SECOND).into()).as_ref(),
                "{list}"
            );
            assert!(
                events.iter().all(|event| event["object_id"] == id) && events.len() == usize::from(is_told)
            );
            before = after;
        }
        if has_address {
            assert_eq!(get(&mut account, &one(id)).status, 200, "{list}");
        }
        if is_deletable {
            apply(&mut account, Change::DeleteRow { list, id }, at + DAY);
            assert!(!lists(&mut account, list, id), "{list}");
            let tomb = account.tombstones().last().unwrap();
            assert_eq!((tomb.table, tomb.id), (list, id));
            let (next, _) = apply(&mut account, Change::CreateRow { list }, at + DAY);
            assert!(next > id, "{list}: an id is given once");
        } else {
            account.apply(Change::DeleteRow { list, id }, at + DAY);
            assert!(lists(&mut account, list, id), "{list}");
        }
        if has_address {
            assert_eq!(get(&mut account, &one(id)).status, if is_deletable { 404 } else { 200 }, "{list}");
        }
    }
    assert_eq!(account.apply(Change::CreateRow { list: "tickets" }, at), None);
    assert_eq!(account.apply(Change::UpdateRow { list: "teams", id: 1 }, at), None);
}

#[test]
fn rows_are_deactivated_and_macros_archived() {
    let mut account = account();
    let at = now(&account);
    for list in ["users", "views", "rules", "integrations", "widgets", "custom-fields", "macros"] {
        let id = account.ids(list)[0];
        let before = row(&account, list, id);
        let (_, events) = apply(&mut account, Change::RetireRow { list, id, retired: true }, at);
        let after = row(&account, list, id);
        let date = if list == "macros" { "archived_datetime" } else { "deactivated_datetime" };
        assert_eq!(after[date], crate::iso(at), "{list}");
        let moves = !matches!(list, "views" | "macros");
        assert_eq!(after["updated_datetime"] != before["updated_datetime"], moves, "{list}");
        assert_eq!(events.len(), usize::from(list != "macros"), "{list}");
        assert!(lists(&mut account, list, id), "{list}");
        assert_eq!(
            account.apply(Change::RetireRow { list, id, retired: true }, at),
            None,
            "it is so already"
        );
        apply(&mut account, Change::RetireRow { list, id, retired: false }, at + SECOND);
        assert_eq!(row(&account, list, id)[date], Value::Null);
    }
    let id = account.ids("macros")[0];
    apply(&mut account, Change::RetireRow { list: "macros", id, retired: true }, at);
    assert!(walk(&mut account, "/api/macros?").iter().all(|row| row["id"] != id), "hidden");
    let team = account.ids("teams")[0];
    assert_eq!(account.apply(Change::RetireRow { list: "teams", id: team, retired: true }, at), None);
}

#[test]
fn uses_and_logins_leave_no_date() {
    let mut account = account();
    let at = now(&account);
    let id = account.ids("macros")[1];
    let (before, (_, events)) =
        (row(&account, "macros", id), apply(&mut account, Change::UseMacro { id }, at));
    let mut wanted = before.clone();
    wanted["usage"] = (before["usage"].as_i64().unwrap() + 1).into();
    assert_eq!((row(&account, "macros", id), events), (wanted, Vec::new()));

    let user = account.ids("users")[3];
    let (before, (_, events)) =
        (row(&account, "users", user), apply(&mut account, Change::LogIn { user }, at));
    assert_eq!(row(&account, "users", user), before);
    assert_eq!(types(&events), ["user-logged-in"]);
    assert_eq!(events[0]["data"]["remote_addr"], "203.0.113.9");
}

#[test]
fn jobs_go_on_and_end() {
    let mut account = account();
    let at = now(&account);
    let mut ends = std::collections::BTreeSet::new();
    for n in 0..12 {
        let (id, _) = apply(&mut account, Change::CreateRow { list: "jobs" }, at);
        let mut statuses = vec![row(&account, "jobs", id)["status"].as_str().unwrap().to_owned()];
        if n % 5 == 4 {
            apply(&mut account, Change::DeleteRow { list: "jobs", id }, at);
        }
        for step in 1..9 {
            if account.apply(Change::UpdateRow { list: "jobs", id }, at + step * SECOND).is_some() {
                statuses.push(row(&account, "jobs", id)["status"].as_str().unwrap().to_owned());
            }
        }
        let job = row(&account, "jobs", id);
        let ended = ["cancelled_datetime", "ended_datetime", "failed_datetime"];
        assert_eq!(ended.iter().filter(|date| !job[**date].is_null()).count(), 1, "{job}");
        assert_eq!(account.apply(Change::DeleteRow { list: "jobs", id }, at), None, "it is over");
        ends.insert(statuses.last().unwrap().clone());
        assert!(statuses.len() > 1 && statuses.len() < 4, "{statuses:?}");
    }
    assert_eq!(ends.into_iter().collect::<Vec<_>>(), ["canceled", "done", "errored"]);
}

#[test]
fn random_changes_reach_every_list_and_silent_ones_only_where_they_may() {
    for silent_changes in [true, false] {
        let mut account = Account::new(Options { unlimited: true, silent_changes, ..Options::default() });
        let lists: Vec<&str> =
            LISTS.iter().map(|(list, ..)| *list).chain(["phone/voice-call-recordings"]).collect();
        let before: Vec<_> = lists.iter().map(|list| account.expected(list)).collect();
        let mut rng = fastrand::Rng::with_seed(3);
        for n in 0..2_500 {
            let at = now(&account) + n * 30 * SECOND;
            account.random_change(&mut rng, at);
        }
        for (list, before) in lists.iter().zip(before) {
            let after: std::collections::BTreeMap<i64, String> = account.expected(list).into_iter().collect();
            assert!(after.len() > 2, "{list}");
            let changed =
                before.iter().filter(|(id, text)| after.get(id).is_some_and(|now| now != text)).count();
            let gone = before.iter().filter(|(id, _)| !after.contains_key(id)).count();
            let new = after.keys().filter(|id| before.iter().all(|(old, _)| old != *id)).count();
            let stays = matches!(*list, "custom-fields" | "jobs") || list.starts_with("phone/");
            assert!(
                new > 0 && (gone > 0) != (stays || matches!(*list, "users")),
                "{list}: {new} new, {gone} gone"
            );
            // Without silent changes only rows of the last days change.
            let old = stays && !silent_changes;
            assert!(changed > 0 || gone == before.len() || old, "{list}: {changed} changed");
        }
        let set = |rows: usize| (rows > 0) == silent_changes;
        let data = &account.data;
        assert!(set(data.tickets.values().filter(|row| row.fields > 0).count()));
        assert!(set(data.customers.values().filter(|row| row.fields > 0).count()));
    }
}
