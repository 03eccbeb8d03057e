//! Macros. `updated_datetime` is null until the first edit; to be used or archived moves no date but `archived_datetime`.

use serde_json::{Value, json};

use super::Seed;
use crate::options::Options;
use crate::small::{Small, int};
use crate::time::{DAY, Micros, iso};

pub(super) fn make(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, created, options, is_late } = seed;
    let archived = *n == 4;
    let language = ["null", "\"en\"", "\"fr\""][n % 3];
    let edited = (n % 2 == 1 && !is_late).then(|| (created + DAY).min(options.end));
    let tag = ["", "vip", "refund"][n % 3];
    let json = format!(
        r#"{{"id":{id},"external_id":null,"name":"Macro {n} – réponse","intent":null,"language":{language},"usage":{},"actions":{},"created_datetime":"{at}","updated_datetime":{},"archived_datetime":{},"uri":"/api/macros/{id}/"}}"#,
        n * 3,
        actions("Hi {{ticket.customer.firstname}}", tag),
        edited.map_or("null".into(), |at| format!("\"{}\"", iso(at))),
        if archived { format!("\"{at}\"") } else { "null".into() }
    );
    Small {
        name: format!("Macro {n} – réponse"),
        extra: language.trim_matches('"').into(),
        kind: tag.into(),
        updated: edited.unwrap_or(*created),
        weight: int(n * 3),
        archived,
        json,
        ..Small::default()
    }
}

/// A text and, perhaps, a tag; `type` is missing where the action is of a macro that a person made.
fn actions(text: &str, tag: &str) -> Value {
    let mut actions = vec![json!({
        "arguments": {"body_text": text, "body_html": format!("<p>{text}</p>")},
        "name": "setResponseText",
        "title": "Add response text",
        "type": "user",
    })];
    if !tag.is_empty() {
        actions.push(json!({
            "arguments": {"tags": tag},
            "name": "addTags",
            "title": "Add tags",
            "description": null,
        }));
    }
    actions.into()
}

pub(super) fn revise(row: &mut Small, _: &Options, now: Micros) -> bool {
    row.name = format!("Macro {} v{}", row.id, row.rev);
    row.updated = now;
    row.kind = ["refund", "vip", ""][usize::from(row.rev) % 3].into();
    row.set([
        ("name", row.name.clone().into()),
        ("actions", actions(&format!("Revision {}", row.rev), &row.kind)),
        ("updated_datetime", iso(now).into()),
    ]);
    true
}
