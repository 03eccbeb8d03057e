//! docs/progress.schema.json and what `--progress json` writes: each line has just the fields that are told there.

use std::time::Duration;

use gorgias_sim::{Fault, Options, Response};
use serde_json::Value;

use super::desk::{Desk, Done, options};

fn schema() -> Value {
    serde_json::from_str(include_str!("../../docs/progress.schema.json")).expect("JSON")
}

/// What is wrong with a value, as far as the few words of JSON Schema go that the file uses.
fn wrong(schema: &Value, rule: &Value, value: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    if let Some(name) = rule["$ref"].as_str() {
        let rule = &schema["$defs"][name.trim_start_matches("#/$defs/")];
        assert!(rule.is_object(), "there is no {name}");
        return wrong(schema, rule, value, at);
    }
    if let Some(rules) = rule["anyOf"].as_array() {
        let all: Vec<Vec<String>> = rules.iter().map(|rule| wrong(schema, rule, value, at)).collect();
        return if all.iter().any(Vec::is_empty) { Vec::new() } else { all.concat() };
    }
    let is = |kind: &str| match kind {
        "null" => value.is_null(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "boolean" => value.is_boolean(),
        "array" => value.is_array(),
        _ => value.is_object(),
    };
    let kinds = match &rule["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(kind)) {
        found.push(format!("{at}: {value} is no {kinds:?}"));
    }
    if rule["const"] != Value::Null && rule["const"] != *value {
        found.push(format!("{at}: {value} is not {}", rule["const"]));
    }
    if rule["enum"].as_array().is_some_and(|values| !values.contains(value)) {
        found.push(format!("{at}: {value} is not among {}", rule["enum"]));
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        found.extend(wrong(schema, &rule["items"], item, &format!("{at}[{index}]")));
    }
    if let (Some(fields), Some(rules)) = (value.as_object(), rule["properties"].as_object()) {
        for (name, field) in fields {
            match rules.get(name) {
                Some(rule) => found.extend(wrong(schema, rule, field, &format!("{at}.{name}"))),
                None => found.push(format!("{at}.{name} is not told of")),
            }
        }
        let required = rule["required"].as_array().expect("a list");
        let missing = required.iter().filter_map(Value::as_str).filter(|name| !fields.contains_key(*name));
        found.extend(missing.map(|name| format!("{at}.{name} is missing")));
    }
    found
}

/// The names of the events of a run, each line compared with the schema.
fn checked(done: &Done) -> Vec<String> {
    let schema = schema();
    let mut names = Vec::new();
    assert_eq!(done.stdout.lines().count(), 1, "{}", done.shown());
    for line in done.stderr.lines().chain(done.stdout.lines()) {
        let value: Value = serde_json::from_str(line).expect("an object");
        let name = value["event"].as_str().expect("a name").to_owned();
        let found = wrong(&schema, &schema["$defs"][&name], &value, &name);
        assert!(found.is_empty(), "{found:#?}\n{line}");
        names.push(name);
    }
    names.sort();
    names.dedup();
    names
}

#[test]
fn every_line_is_as_the_schema_says() {
    let desk = Desk::with(Options { tickets: 500, messages: 500, ..options() }, Duration::ZERO);
    let json = ["--progress", "json", "--debug", "--page-size", "5"];
    let one = checked(&desk.ingest("customers", &json).finish().well());
    assert_eq!(one, ["begin", "committed", "debug", "end", "progress", "start", "table_end"]);
    let later = Response { status: 429, headers: vec![("retry-after".into(), "2".into())], body: "".into() };
    desk.account().faults().next(Fault::Answer(later));
    desk.account().faults().on("/api/customers", 0, Fault::Forbidden);
    let several = desk.ingest("*", &json).finish();
    assert_eq!(several.code(), Some(7), "{}", several.shown());
    assert!(checked(&several).contains(&"waiting".to_owned()), "{}", several.shown());
    assert_eq!(checked(&desk.ingest("nothing", &json).finish()), ["end"]);
    desk.account().set_api_key("another");
    let refused = desk.ingest("tickets", &json).finish();
    assert_eq!((refused.code(), checked(&refused).len()), (Some(3), 5), "{}", refused.shown());
}

#[test]
fn quiet_json_is_the_final_object() {
    let desk = Desk::new();
    let done = desk.ingest("customers", &["--progress", "json", "--quiet"]).finish().well();
    assert_eq!((done.stderr.as_str(), checked(&done)), ("", vec!["end".to_owned()]));
}
