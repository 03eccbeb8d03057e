//! Values of custom fields, which change without a sign, and what the addresses below tickets and customers show.

use std::collections::BTreeSet;

use serde_json::Value;

use super::changes::{apply, row};
use super::{account, get, ids, json, now, read};
use crate::{Change, DAY, SECOND};

/// The keys of an object, in their order.
pub(super) fn keys(row: &Value) -> String {
    row.as_object().unwrap().keys().map(String::as_str).collect::<Vec<_>>().join(" ")
}

#[test]
fn they_are_set_without_a_sign() {
    let mut account = account();
    let at = now(&account);
    let (ticket, customer) = (account.ids("tickets")[5], account.ids("customers")[5]);
    let mut seen = BTreeSet::new();
    for (table, id) in [("tickets", ticket), ("customers", customer)] {
        let before = row(&account, table, id);
        for n in 0..60 {
            let change = match table {
                "tickets" => Change::SetTicketFields { ticket },
                _ => Change::SetCustomerFields { customer },
            };
            let (_, events) = apply(&mut account, change, at + n * SECOND);
            assert!(events.is_empty());
            let mut after = row(&account, table, id);
            for (key, value) in after["custom_fields"].as_object().unwrap() {
                assert_eq!(value["id"].to_string(), *key);
                seen.insert(match &value["value"] {
                    Value::Null => "null",
                    Value::Bool(_) => "boolean",
                    Value::Number(_) => "number",
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Object(_) => "object",
                });
            }
            after["custom_fields"] = before["custom_fields"].clone();
            assert_eq!(after, before, "nothing else");
        }
        let kept = row(&account, table, id);
        let update = match table {
            "tickets" => Change::UpdateTicket { ticket },
            _ => Change::UpdateCustomer { customer },
        };
        apply(&mut account, update, at + DAY);
        assert_eq!(
            row(&account, table, id)["custom_fields"],
            kept["custom_fields"],
            "they stay as they were set"
        );
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
}

#[test]
fn tags_and_field_values_below_a_ticket_are_whole() {
    let mut account = account();
    let (mut tags, mut values) = (0, 0);
    for id in account.ids("tickets") {
        let ticket: Value = serde_json::from_str(&account.row("tickets", id).unwrap()).unwrap();
        let shown = read(&mut account, &format!("/api/tickets/{id}/tags"))["data"].take();
        assert_eq!(ids(shown.as_array().unwrap()), ids(ticket["tags"].as_array().unwrap()));
        for tag in shown.as_array().unwrap() {
            tags += 1;
            let wanted = "id created_datetime decoration deleted_datetime description name usage uri";
            assert_eq!(keys(tag), wanted);
        }
        let shown = read(&mut account, &format!("/api/tickets/{id}/custom-fields"))["data"].take();
        let fields = ticket["custom_fields"].as_object().unwrap();
        assert_eq!(shown.as_array().unwrap().len(), fields.len());
        for value in shown.as_array().unwrap() {
            values += 1;
            assert_eq!(keys(value), "field prediction value");
            let field = value["field"]["id"].to_string();
            assert_eq!(value["value"], fields[&field]["value"]);
            assert_eq!(value["field"], read(&mut account, &format!("/api/custom-fields/{field}")));
        }
    }
    assert!(tags > 100 && values > 50, "{tags} tags, {values} values");
    let customers = account.ids("customers");
    let mut some = 0;
    for id in customers {
        for value in
            read(&mut account, &format!("/api/customers/{id}/custom-fields"))["data"].as_array().unwrap()
        {
            some += 1;
            assert_eq!(keys(value), "field value");
            assert!(value["field"].get("requirement_type").is_none() && value["field"]["id"].is_i64());
        }
        let one = read(&mut account, &format!("/api/customers/{id}"));
        let wanted = "id external_id active email name firstname lastname channels language timezone created_datetime updated_datetime meta data note custom_fields customer integrations external_data ecommerce_data";
        assert_eq!(keys(&one), wanted);
    }
    assert!(some > 20);
    assert_eq!(
        json(&get(&mut account, "/api/tickets/1/custom-fields"))["error"]["msg"],
        "Resource not found."
    );
}
