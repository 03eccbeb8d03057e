//! Rows of child tables as they have to be: those that the stored parents have, by rules written down a second time.

use std::collections::BTreeSet;

use ingestr::api::model::DELETED_AT;
use serde_json::Value;

use super::world::World;

/// What tickets have that simulated lives copy along.
pub const OF_TICKETS: [&str; 3] = ["ticket_tags", "ticket_field_values", "ticket_integrations"];

/// Whether a row is marked as gone, behind its text.
fn mark(deleted_at: &str) -> &'static str {
    if deleted_at == "NULL" { "" } else { " gone" }
}

/// The rows of a child as text, as far as these columns go.
async fn stored(world: &World, table: &str, columns: &[&str]) -> BTreeSet<String> {
    let all = world.texts(table, &[columns, &[DELETED_AT]].concat()).await;
    let count = all.len();
    let shown = |mut cells: Vec<String>| {
        let deleted_at = cells.pop().expect("the last column");
        format!("{}{}", cells.join(" "), mark(&deleted_at))
    };
    let set: BTreeSet<String> = all.into_iter().map(shown).collect();
    assert_eq!(set.len(), count, "{table} has a row twice");
    set
}

/// The same, from a field of the tickets that are stored.
async fn wanted(world: &World, field: &str, row: impl Fn(&str, usize, &Value) -> String) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for ticket in world.texts("tickets", &["id", field, DELETED_AT]).await {
        let [id, text, deleted_at] = ticket.as_slice() else { panic!("three columns") };
        if text == "NULL" {
            continue;
        }
        let elements: Vec<Value> = match serde_json::from_str(text).unwrap() {
            Value::Array(elements) => elements,
            Value::Object(values) => values.into_iter().map(|(_, value)| value).collect(),
            _ => Vec::new(),
        };
        for (position, element) in elements.iter().enumerate() {
            all.insert(format!("{}{}", row(id, position, element), mark(deleted_at)));
        }
    }
    all
}

/// Compares those of tickets, wherever the world copies to.
pub async fn assert_exact(world: &World, context: &str) {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let nothing = |value: &Value| text(value).replace("null", "NULL");
    let [tags, values, integrations] = OF_TICKETS;
    let wanted_tags = wanted(world, "tags", |ticket, position, tag| {
        format!("{ticket} {} {} {position}", tag["id"], text(&tag["name"]))
    });
    let columns = ["ticket_id", "tag_id", "name", "position"];
    assert_eq!(stored(world, tags, &columns).await, wanted_tags.await, "{context}");
    let wanted_values = wanted(world, "custom_fields", |ticket, _, field| {
        format!("{ticket} {} {}", field["id"], nothing(&field["value"]))
    });
    let columns = ["ticket_id", "field_id", "value"];
    assert_eq!(stored(world, values, &columns).await, wanted_values.await, "{context}");
    let wanted_integrations = wanted(world, "integrations", |ticket, position, one| {
        format!("{ticket} {position} {}", nothing(&one["name"]))
    });
    let columns = ["ticket_id", "position", "name"];
    assert_eq!(stored(world, integrations, &columns).await, wanted_integrations.await, "{context}");
}
