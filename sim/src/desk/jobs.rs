//! Jobs in the background: their status and times change for a while after they were created, and nothing says when.

use serde_json::{Value, json};

use super::Seed;
use crate::options::Options;
use crate::secrets;
use crate::small::{FIRST_PERSON, Small};
use crate::time::{Micros, SECOND, iso};

const TYPES: [&str; 6] =
    ["updateTicket", "exportTicket", "applyMacro", "deleteTicket", "importMacro", "exportMacro"];

pub(super) fn make(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, created, is_late, .. } = seed;
    let what = TYPES[n % TYPES.len()];
    let is_export = what.starts_with("export");
    let params = match is_export {
        true => json!({"url": format!("https://exports.example/{id}.csv?signature={}", secrets::JOB_URL)}),
        false => json!({"ticket_ids": [82_000_001, 82_000_002], "updates": {"status": "closed"}}),
    };
    // An export that was asked for, or a change of tickets in an hour at most.
    let status = if is_export { "pending" } else { "scheduled" };
    let scheduled = if is_export { "null".into() } else { format!("\"{}\"", iso(created + 1800 * SECOND)) };
    let json = format!(
        r#"{{"id":{id},"cancel_requested_datetime":null,"cancelled_datetime":null,"created_datetime":"{at}","ended_datetime":null,"failed_datetime":null,"info":{{"progress_count":0}},"locked_datetime":null,"meta":null,"params":{params},"scheduled_datetime":{scheduled},"started_datetime":null,"status":"{status}","type":"{what}","user_id":{},"uri":"/api/jobs/{id}/"}}"#,
        FIRST_PERSON + 2
    );
    let mut row = Small { id: *id, kind: status.into(), extra: what.into(), json, ..Small::default() };
    // Those of the past are over.
    for step in [20, 90].into_iter().filter(|_| !is_late) {
        advance(&mut row, created + step * SECOND);
    }
    row
}

pub(super) fn revise(row: &mut Small, _: &Options, now: Micros) -> bool {
    advance(row, now)
}

/// On to the next status; false at the last one.
fn advance(row: &mut Small, now: Micros) -> bool {
    let at = || Value::from(iso(now));
    let end = match row.kind.as_str() {
        "pending" | "scheduled" => {
            "running".clone_into(&mut row.kind);
            row.set([("started_datetime", at()), ("locked_datetime", at()), ("status", "running".into())]);
            return true;
        }
        "cancel_requested" => ("canceled", "cancelled_datetime"),
        "running" if row.id % 4 == 3 => ("errored", "failed_datetime"),
        "running" => ("done", "ended_datetime"),
        _ => return false,
    };
    end.0.clone_into(&mut row.kind);
    let info = match row.extra.starts_with("export") {
        true => {
            json!({"progress_count": 2, "url": format!("https://exports.example/{}.zip?signature={}", row.id, secrets::JOB_INFO)})
        }
        false => json!({"progress_count": 2}),
    };
    row.set([(end.1, at()), ("locked_datetime", Value::Null), ("status", end.0.into()), ("info", info)]);
    true
}

/// A job that is not over is asked to end.
pub(crate) fn cancel(row: &mut Small, now: Micros) -> bool {
    let is_open = matches!(row.kind.as_str(), "pending" | "scheduled" | "running");
    if is_open {
        "cancel_requested".clone_into(&mut row.kind);
        row.set([("cancel_requested_datetime", iso(now).into()), ("status", "cancel_requested".into())]);
    }
    is_open
}
