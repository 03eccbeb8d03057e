//! Values of custom fields: as lists show them in tickets and customers, and as the addresses below those do.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use super::{Of, View};
use crate::json::Out;
use crate::list;
use crate::model::{Customer, Ticket};

/// Of a ticket; `field` is what it was born with.
pub(super) fn of_ticket(out: &mut Out, view: View<'_>, row: &Ticket, field: usize) {
    if row.fields > 0 {
        set(out, view.dice(Of::Fields, row.id, row.fields).below(8), 319_825);
        return;
    }
    match field {
        0 => out.raw("{\"319825\":{\"id\":319825,\"value\":\"Checked by ").int(row.id % 7).raw("\"}}"),
        1 => out.raw("{\"319825\":{\"id\":319825,\"value\":true},\"319826\":{\"id\":319826,\"value\":12.0}}"),
        _ => out.raw("{}"),
    };
}

/// Of a customer.
pub(super) fn of_customer(out: &mut Out, view: View<'_>, row: &Customer, field: usize) {
    if row.fields > 0 {
        set(out, view.dice(Of::Fields, row.id, row.fields).below(8), 319_829);
        return;
    }
    match field {
        0 => out.raw("{\"319830\":{\"value\":\"gold\",\"id\":319830}}"),
        1 => {
            out.raw("{\"319831\":{\"value\":42.50,\"id\":319831},\"319830\":{\"value\":null,\"id\":319830}}")
        }
        _ => out.raw("{}"),
    };
}

/// What was set later, of every type there is; fields have three ids in a row.
fn set(out: &mut Out, what: usize, first: i64) {
    let values: &[(i64, &str)] = match what {
        0 => &[],
        1 => &[(0, "\"Level::été\"")],
        2 => &[(1, "12.5"), (0, "\"silver\"")],
        3 => &[(2, "false")],
        4 => &[(0, "[\"gold\",\"silver\"]")],
        5 => &[(2, "{\"amount\":1.5}"), (1, "9007199254740993")],
        6 => &[(0, "null")],
        _ => &[(0, "\"gold\""), (1, "7"), (2, "true")],
    };
    out.raw("{");
    for (n, (place, value)) in values.iter().enumerate() {
        let id = first + place;
        out.raw(if n > 0 { ",\"" } else { "\"" }).int(id).raw("\":{\"id\":").int(id);
        out.raw(",\"value\":").raw(value).raw("}");
    }
    out.raw("}");
}

/// The same at the address of a ticket or a customer: each value with its field, and that of a ticket with what was foretold.
pub(crate) fn values(view: View<'_>, table: &str, id: i64) -> Option<String> {
    let is_ticket = table == "tickets";
    let mut row = Out::default();
    list::row(&mut row, view, table, id).then_some(())?;
    let row = row.into_string();
    let row: BTreeMap<String, &RawValue> = serde_json::from_str(&row).ok()?;
    let values: Vec<(i64, &RawValue)> = of(row.get("custom_fields")?.get())?;
    let mut shown = Vec::new();
    for (id, value) in values {
        let Some(field) = list::small(view, "custom-fields", id) else { continue };
        let field = if is_ticket { field.json.clone() } else { without(&field.json, "requirement_type") };
        let prediction = if is_ticket { "\"prediction\":null," } else { "" };
        shown.push(format!("{{\"field\":{field},{prediction}\"value\":{}}}", value.get()));
    }
    Some(format!("{{\"data\":[{}]}}", shown.join(",")))
}

fn of(values: &str) -> Option<Vec<(i64, &RawValue)>> {
    let values: BTreeMap<&str, BTreeMap<&str, &RawValue>> = serde_json::from_str(values).ok()?;
    values.into_iter().map(|(id, value)| Some((id.parse().ok()?, *value.get("value")?))).collect()
}

fn without(row: &str, key: &str) -> String {
    let Ok(mut row) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(row) else {
        return row.to_owned();
    };
    row.shift_remove(key);
    serde_json::Value::Object(row).to_string()
}
