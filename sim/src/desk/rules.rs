//! Rules: code, and the same code once more as a tree that is far longer.

use super::Seed;
use crate::options::Options;
use crate::small::Small;
use crate::time::{Micros, iso};

pub(super) fn make(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, .. } = seed;
    let body: Vec<String> = (0..200 * (n % 2) + 1)
        .map(|i| format!(r#"{{"type":"ExpressionStatement","start":{i},"expression":{{"callee":{{"name":"Action"}}}}}}"#))
        .collect();
    let events = if *n == 3 { "null" } else { "\"ticket-created,ticket-message-created\"" };
    let deactivated = if *n == 2 { format!("\"{at}\"") } else { "null".to_owned() };
    let json = format!(
        r#"{{"id":{id},"code":"if (eq(message.from_agent, false)) {{ Action('addTags', {{\"tags\":\"vip\"}}) }}","code_ast":{{"type":"Program","body":[{}]}},"created_datetime":"{at}","deactivated_datetime":{deactivated},"description":null,"event_types":{events},"settings":null,"name":"Rule {n}","priority":{n},"type":"user","updated_datetime":"{at}","uri":"/api/rules/{id}/"}}"#,
        body.join(",")
    );
    Small { name: format!("Rule {n}"), archived: *n == 2, json, ..Small::default() }
}

pub(super) fn revise(row: &mut Small, _: &Options, now: Micros) -> bool {
    row.name = format!("Rule {} v{}", row.id, row.rev);
    row.updated = now;
    row.set([
        ("description", format!("Revision {}", row.rev).into()),
        ("name", row.name.clone().into()),
        ("priority", (i64::from(row.rev) + 10).into()),
        ("updated_datetime", iso(now).into()),
    ]);
    true
}
