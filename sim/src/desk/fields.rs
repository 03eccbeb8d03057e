//! Custom fields of tickets and of customers. They are never deleted; a deactivated one stays in its list.

use serde_json::json;

use super::Seed;
use crate::options::Options;
use crate::small::{Small, int};
use crate::time::{Micros, iso};

pub(super) fn make(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, .. } = seed;
    let object = if (4..7).contains(n) || *n > 7 && n % 5 == 4 { "Customer" } else { "Ticket" };
    let definition = match n % 4 {
        0 | 3 => {
            json!({"data_type": "text", "input_settings": {"input_type": "dropdown", "choices": ["gold", "silver", "été", "Level::Level"]}})
        }
        1 => {
            json!({"data_type": "number", "input_settings": {"input_type": "input_number", "placeholder": ""}})
        }
        _ => {
            json!({"data_type": "boolean", "input_settings": {"input_type": "dropdown", "choices": [true, false]}})
        }
    };
    let managed = match n {
        8 => "\"contact_reason\"",
        10 => "\"ai_intent\"",
        _ => "null",
    };
    let archived = matches!(n, 3 | 5);
    let json = format!(
        r#"{{"id":{id},"external_id":null,"object_type":"{object}","label":"Field {n}","description":null,"priority":{n},"required":{},"requirement_type":"{}","managed_type":{managed},"definition":{definition},"created_datetime":"{at}","updated_datetime":"{at}","deactivated_datetime":{}}}"#,
        n % 6 == 2,
        if n % 6 == 4 { "conditional" } else { "visible" },
        if archived { "\"2026-08-26T12:30:00+00:00\"" } else { "null" }
    );
    Small {
        name: format!("Field {n}"),
        kind: object.into(),
        weight: int(*n),
        archived,
        json,
        ..Small::default()
    }
}

pub(super) fn revise(row: &mut Small, _: &Options, now: Micros) -> bool {
    row.name = format!("Field {} v{}", row.id, row.rev);
    row.weight = (row.id + i64::from(row.rev)) % 17;
    row.updated = now;
    row.set([
        ("label", row.name.clone().into()),
        ("priority", row.weight.into()),
        ("required", (row.rev % 2 == 1).into()),
        ("updated_datetime", iso(now).into()),
    ]);
    true
}
