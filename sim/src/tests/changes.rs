//! What each change lets a reader see, and what it hides.

use serde_json::Value;

use super::{account, get, now, read};
use crate::{Account, Change, DAY, Micros, SECOND};

/// A busy ticket that is neither trashed nor surveyed, and its messages.
fn some_ticket(account: &Account) -> (i64, Vec<i64>) {
    let data = &account.data;
    let free = |id: &i64| !data.survey_of.contains_key(id);
    let row = data.tickets.values().find(|row| {
        row.messages.len() > 2 && row.trashed.get().is_none() && row.closed.get().is_none() && free(&row.id)
    });
    let row = row.unwrap();
    (row.id, row.messages.clone())
}

pub(super) fn row(account: &Account, table: &str, id: i64) -> Value {
    serde_json::from_str(&account.row(table, id).unwrap()).unwrap()
}

/// Applies a change; answers its id and the events it wrote.
#[expect(clippy::needless_pass_by_value, reason = "reads like the method it wraps")]
pub(super) fn apply(account: &mut Account, change: Change, at: Micros) -> (i64, Vec<Value>) {
    let before = account.ids("events").len();
    let id = account.apply(change.clone(), at).unwrap_or_else(|| panic!("{change:?} could not happen"));
    let ids = account.ids("events");
    (id, ids[before..].iter().map(|id| row(account, "events", *id)).collect())
}

pub(super) fn types(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["type"].as_str().unwrap()).collect()
}

#[test]
fn tickets_come_move_and_go() {
    let mut account = account();
    let at = now(&account);
    let (id, events) = apply(&mut account, Change::CreateTicket { customer: None }, at);
    assert_eq!(
        types(&events),
        ["customer-created", "ticket-created", "ticket-message-created", "ticket-updated"]
    );
    assert!(events.iter().all(|event| event["context"] == events[0]["context"]));
    assert_eq!(row(&account, "tickets", id)["messages_count"], 1);
    let (_, events) = apply(&mut account, Change::UpdateTicket { ticket: id }, at + SECOND);
    assert_eq!(types(&events), ["ticket-updated"]);
    assert_eq!(row(&account, "tickets", id)["updated_datetime"], crate::iso(at + SECOND));
    apply(&mut account, Change::AddMessage { ticket: id, from_agent: true }, at + 2 * SECOND);
    let ticket = row(&account, "tickets", id);
    assert_eq!(
        (&ticket["messages_count"], &ticket["updated_datetime"]),
        (&2.into(), &crate::iso(at + 2 * SECOND).into())
    );
    let (_, events) = apply(&mut account, Change::TrashTicket { ticket: id }, at + 3 * SECOND);
    assert_eq!(types(&events), ["ticket-trashed"]);
    assert!(row(&account, "tickets", id)["trashed_datetime"].is_string());
    apply(&mut account, Change::UntrashTicket { ticket: id }, at + 4 * SECOND);
    apply(&mut account, Change::ToggleTicket { ticket: id }, at + 4 * SECOND);
    assert_eq!(row(&account, "tickets", id)["status"], "closed");
    let (survey, events) = apply(&mut account, Change::CreateSurvey { ticket: id }, at + 5 * SECOND);
    assert!(events.is_empty());
    let (_, events) = apply(&mut account, Change::DeleteTicket { ticket: id }, at + 6 * SECOND);
    assert_eq!((types(&events), &events[0]["data"]), (vec!["ticket-deleted"], &Value::Null));
    assert_eq!(account.row("tickets", id), None);
    assert_eq!(get(&mut account, &format!("/api/tickets/{id}")).status, 404);
    assert!(
        !account.expected("messages").iter().any(|(_, text)| text.contains(&format!("\"ticket_id\":{id},")))
    );
    assert!(account.row("satisfaction-surveys", survey).is_some(), "surveys outlive their ticket");
    assert_eq!(account.tombstones().len(), 3, "two messages and the ticket");
    assert_eq!(account.apply(Change::UpdateTicket { ticket: id }, at), None);
}

#[test]
fn messages_change_silently() {
    let mut account = account();
    let at = now(&account);
    let (ticket, messages) = some_ticket(&account);
    let before = row(&account, "tickets", ticket);
    let sent = Some(at - DAY);
    let late = Change::DeliverMessage { message: messages[0], sent, opened: Some(at), failed: None };
    let (id, events) = apply(&mut account, late, at);
    assert!(events.is_empty());
    assert_eq!(row(&account, "messages", id)["sent_datetime"], crate::iso(at - DAY));
    let body = row(&account, "messages", id)["body_html"].clone();
    let text = account.row("messages", id);
    apply(&mut account, Change::EditMessage { message: id }, at);
    assert_ne!(account.row("messages", id), text, "{body}");
    assert_eq!(row(&account, "tickets", ticket), before, "the ticket shows none of it");
    let (_, events) = apply(&mut account, Change::DeleteMessage { message: id }, at);
    assert!(events.is_empty());
    let after = row(&account, "tickets", ticket);
    assert_eq!(after["messages_count"].as_u64().unwrap(), messages.len() as u64 - 1);
    assert_eq!((&after["updated_datetime"], &after["excerpt"]), (&before["updated_datetime"], &Value::Null));
    assert_eq!(account.row("messages", id), None);
}

#[test]
fn surveys_are_scored_without_a_trace() {
    let mut account = account();
    let at = now(&account);
    let (ticket, _) = some_ticket(&account);
    let before = row(&account, "tickets", ticket);
    let (survey, _) = apply(&mut account, Change::CreateSurvey { ticket }, at);
    assert_eq!(account.apply(Change::CreateSurvey { ticket }, at), None, "one per ticket");
    apply(&mut account, Change::SendSurvey { survey }, at + SECOND);
    let (_, events) = apply(&mut account, Change::ScoreSurvey { survey, score: 4 }, at + DAY);
    assert!(events.is_empty());
    let scored = row(&account, "satisfaction-surveys", survey);
    assert_eq!((&scored["score"], &scored["scored_datetime"]), (&4.into(), &crate::iso(at + DAY).into()));
    assert_eq!(row(&account, "tickets", ticket), before);
}

#[test]
fn merged_tickets_redirect() {
    let mut account = account();
    let at = now(&account);
    let (source, moved) = some_ticket(&account);
    let target = *account.ids("tickets").iter().find(|id| **id != source).unwrap();
    let had = row(&account, "tickets", target)["messages_count"].as_u64().unwrap();
    let (_, events) = apply(&mut account, Change::MergeTickets { source, target }, at);
    assert_eq!(
        (events[0]["type"].as_str(), events[0]["object_id"].as_i64()),
        (Some("ticket-merged"), Some(source))
    );
    assert_eq!(events[0]["data"], Value::Null);
    assert_eq!(row(&account, "messages", moved[0])["ticket_id"], target);
    assert_eq!(row(&account, "tickets", target)["messages_count"].as_u64(), Some(had + moved.len() as u64));
    assert_eq!(account.row("tickets", source), None);
    let response = get(&mut account, &format!("/api/tickets/{source}"));
    assert_eq!(
        (response.status, response.header("location")),
        (301, Some(format!("/api/tickets/{target}").as_str()))
    );
    let tomb = account.tombstones().last().unwrap();
    assert_eq!((tomb.table, tomb.id, tomb.survivor), ("tickets", source, Some(target)));
    account.options.merge_event_names_target = true;
    let source = *account.ids("tickets").iter().find(|id| **id != target).unwrap();
    let (_, events) = apply(&mut account, Change::MergeTickets { source, target }, at);
    assert_eq!(events[0]["data"]["target_ticket_id"], target);
}

#[test]
fn customers_merge_without_moving_the_survivor() {
    let mut account = account();
    let at = now(&account);
    let customers = account.ids("customers");
    let (source, target) = (customers[3], customers[4]);
    let before = account.row("customers", target);
    let (_, events) = apply(&mut account, Change::MergeCustomers { source, target }, at);
    assert_eq!(
        (events[0]["type"].as_str(), events[0]["object_id"].as_i64()),
        (Some("customer-merged"), Some(target))
    );
    assert_eq!(events[0]["data"]["source_customer_id"], source);
    assert_eq!(account.row("customers", target), before);
    assert_eq!(account.row("customers", source), None);
    assert!(account.data.tickets.values().all(|row| row.customer != source));
    apply(&mut account, Change::UpdateCustomer { customer: target }, at);
    assert_eq!(row(&account, "customers", target)["updated_datetime"], crate::iso(at));
    let (_, events) = apply(&mut account, Change::DeleteCustomer { customer: target }, at);
    assert_eq!((types(&events), &events[0]["data"]), (vec!["customer-deleted"], &Value::Null));
    assert_eq!(get(&mut account, &format!("/api/customers/{target}")).status, 404);
}

#[test]
fn imports_arrive_with_old_times() {
    let mut account = account();
    let at = now(&account);
    let (id, events) = apply(&mut account, Change::ImportTicket { created: at - 900 * DAY, messages: 3 }, at);
    let ticket = row(&account, "tickets", id);
    assert_eq!(ticket["created_datetime"], crate::iso(at - 900 * DAY));
    assert_eq!(ticket["updated_datetime"], crate::iso(at));
    assert_eq!(Some(&id), account.ids("tickets").last());
    assert!(events.iter().all(|event| event["created_datetime"] == crate::iso(at)));
    let newest = read(&mut account, "/api/tickets?limit=100");
    assert!(
        newest["data"].as_array().unwrap().iter().all(|row| row["id"] != id),
        "a newest-first reader misses it"
    );
}

#[test]
fn tags_and_users_change() {
    let mut account = account();
    let at = now(&account);
    let (tag, _) = apply(&mut account, Change::CreateTag, at);
    let (_, events) = apply(&mut account, Change::RenameTag { tag }, at);
    assert_eq!(types(&events), ["tag-renamed"]);
    assert_eq!(row(&account, "tags", tag)["created_datetime"], crate::iso(at));
    apply(&mut account, Change::DeleteTag { tag }, at);
    let (user, _) = apply(&mut account, Change::CreateUser, at);
    for n in 1..3 {
        apply(&mut account, Change::UpdateUser { user }, at + n * DAY);
        assert_eq!(row(&account, "users", user)["updated_datetime"], crate::iso(at + n * DAY));
    }
    assert_eq!(row(&account, "users", user)["bio"], "Revision 2");
    apply(&mut account, Change::DeleteUser { user }, at);
    assert_eq!(get(&mut account, &format!("/api/users/{user}")).status, 404);
}

#[test]
fn random_changes_keep_the_account_whole() {
    for seed in 0..4 {
        let (mut account, mut twin) = (account(), account());
        let (mut rng, mut other) = (fastrand::Rng::with_seed(seed), fastrand::Rng::with_seed(seed));
        for n in 0..1500 {
            let at = now(&account) + n * SECOND;
            assert_eq!(account.random_change(&mut rng, at), twin.random_change(&mut other, at));
        }
        for table in crate::tables() {
            let rows = account.expected(table);
            assert_eq!(rows, twin.expected(table));
            assert!(rows.iter().all(|(_, text)| serde_json::from_str::<Value>(text).is_ok()), "{table}");
        }
        let data = &account.data;
        assert!(data.messages.values().all(|row| data.tickets[&row.ticket].messages.contains(&row.id)));
        assert_eq!(data.tickets.values().map(|row| row.messages.len()).sum::<usize>(), data.messages.len());
        assert_eq!(data.tickets_updated.len(), data.tickets.len());
        assert!(data.events.is_sorted_by_key(|row| (row.created, row.id)));
    }
}
