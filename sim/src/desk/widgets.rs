//! Widgets. None was ever recorded: these are as documented.

use serde_json::json;

use super::Seed;
use crate::options::Options;
use crate::small::{Small, int};
use crate::time::{Micros, iso};

pub(super) fn make(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, .. } = seed;
    let integration = [40_022, 40_023][n % 2];
    let json = format!(
        r#"{{"id":{id},"app_id":null,"context":"{}","created_datetime":"{at}","deactivated_datetime":null,"integration_id":{integration},"order":{n},"template":{{"type":"wrapper","widgets":[]}},"type":"{}","updated_datetime":"{at}","uri":"/api/widgets/{id}/"}}"#,
        ["ticket", "customer", "user"][n % 3],
        ["shopify", "http"][n % 2],
    );
    Small { weight: int(*n), extra: integration.to_string(), json, ..Small::default() }
}

pub(super) fn revise(row: &mut Small, _: &Options, now: Micros) -> bool {
    row.weight = i64::from(row.rev) % 7;
    row.updated = now;
    row.set([
        ("order", row.weight.into()),
        ("template", json!({"type": "wrapper", "widgets": [{"path": format!("v{}", row.rev)}]})),
        ("updated_datetime", iso(now).into()),
    ]);
    true
}
