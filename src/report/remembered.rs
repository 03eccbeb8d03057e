//! What a destination remembers, as text for people and as JSON for programs: `ingestr state`.
//!
//! What belongs to one account, source table and destination table is one entry: the state of the table, that of rows
//! kept aside for an unfinished replacement, who writes to it now, and the last runs.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::format::{count, duration, short_utc, utc};
use super::rescan;
use crate::model::lease;
use crate::model::{Lease, Micros, Remembered, RunLine, State};
use crate::plan::format_utc;
use crate::source;

/// What is remembered under one name.
struct RememberedEntry<'a> {
    /// Of the table itself.
    own: Option<&'a Remembered>,
    /// Of rows kept aside.
    aside: Option<&'a Remembered>,
    /// Whichever there is.
    any: &'a Remembered,
}

fn entries(all: &[Remembered]) -> Vec<RememberedEntry<'_>> {
    let mut entries: Vec<RememberedEntry<'_>> = Vec::new();
    let name = |one: &Remembered| {
        [&one.schema, &one.table, &one.account, &one.source_table].map(|part| part.to_lowercase())
    };
    for one in all {
        let (own, aside) = if one.aside { (None, Some(one)) } else { (Some(one), None) };
        match entries.last_mut().filter(|last| name(last.any) == name(one)) {
            Some(last) => {
                last.own = last.own.or(own);
                last.aside = last.aside.or(aside);
            }
            None => entries.push(RememberedEntry { own, aside, any: one }),
        }
    }
    entries
}

/// A run whose process is gone was cut off, whatever it wrote last.
fn outcome<'a>(run: &'a RunLine, lease: Option<&Lease>) -> &'a str {
    match run.outcome.as_str() {
        "running" if lease.is_none_or(|lease| lease.run != run.id) => "cut off",
        outcome => outcome,
    }
}

fn length(run: &RunLine) -> Option<Duration> {
    let micros = run.ended_at?.0.checked_sub(run.started_at?.0)?;
    u64::try_from(micros).ok().map(Duration::from_micros)
}

fn live(one: &Remembered, now: Micros) -> Option<&Lease> {
    one.lease.as_ref().filter(|held| lease::live(held, now))
}

/// All of it for a terminal; `place` is the destination, as it describes itself.
#[must_use]
pub fn text(all: &[Remembered], place: &str, now: Micros) -> String {
    let mut text = String::new();
    for entry in entries(all) {
        if !text.is_empty() {
            text.push('\n');
        }
        entry_text(&mut text, &entry, now);
    }
    if text.is_empty() {
        text = format!("nothing is remembered in {place}: the next run of any table is a first one\n");
    }
    text
}

/// How far back the rows go.
fn history(since: Option<Micros>) -> String {
    since.map_or_else(
        || "complete".into(),
        |since| format!("since {}; older rows were never asked for", utc(since)),
    )
}

fn entry_text(text: &mut String, entry: &RememberedEntry<'_>, now: Micros) {
    let RememberedEntry { own, aside, any } = entry;
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{}.{}  {} of account {}", any.schema, any.table, any.source_table, any.account);
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "  {label:<13}  {value}");
    };
    match own {
        None => line("changed up to", "nothing yet"),
        Some(Remembered { state: None, version, .. }) => {
            line("state", &format!("written by a newer ingestr (layout {version}): update this one"));
        }
        Some(Remembered { state: Some(state), .. }) => {
            match state.watermark {
                None if source::reads_all(&any.source_table) => line("read", "all of it, in every run"),
                watermark => line("changed up to", &watermark.map_or_else(|| "nothing yet".into(), utc)),
            }
            if state.watermark.is_some() {
                line("history", &history(state.covered_since));
            }
            if let Some(rescan) = source::rescan(&any.source_table, state) {
                line("re-scan", &rescan::sentence(&rescan, rescan::between(&any.runs)));
            }
            if !state.complete {
                line("unfinished", "a pass is unfinished; the next run goes on with it");
            }
        }
    }
    if aside.is_some() {
        line(
            "staging",
            "rows of an unfinished replacement, not visible yet; the same command goes on with them, any other run of this table drops them",
        );
    }
    let held = live(any, now);
    if let Some(held) = held {
        let pid = lease::pid(held).map(|pid| format!(", process {pid}")).unwrap_or_default();
        line(
            "in use",
            &format!("by a run since {}{pid}; until {} at least", utc(held.since), utc(held.until)),
        );
    }
    for (index, run) in any.runs.iter().enumerate() {
        let start = run.started_at.map_or_else(|| "?".into(), |at| format!("{} UTC", short_utc(at)));
        let length = length(run).map(|length| format!("in {}, ", duration(length))).unwrap_or_default();
        let number = |value: i64| u64::try_from(value).unwrap_or_default();
        let did =
            format!("{}, {}", count(number(run.rows_read), "row"), count(number(run.requests), "request"));
        let why = run.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
        let label = if index == 0 { "last runs" } else { "" };
        line(label, &format!("{start}  {}, {length}{did}{why}", outcome(run, held)));
    }
}

#[derive(Serialize)]
struct Json<'a> {
    account: &'a str,
    source_table: &'a str,
    schema: &'a str,
    table: &'a str,
    /// Of the table.
    state: Option<StateJson>,
    /// Of rows kept aside for an unfinished replacement.
    aside: Option<StateJson>,
    lease: Option<LeaseJson<'a>>,
    runs: Vec<RunJson<'a>>,
}

#[derive(Serialize)]
struct StateJson {
    version: i64,
    /// Whether this ingestr can read it; otherwise only the version is known.
    readable: bool,
    watermark: Option<String>,
    covered_since: Option<String>,
    unfinished: Option<bool>,
    updated_at: Option<String>,
    /// How the list is re-scanned for changes without a sign.
    rescan: Option<rescan::Json>,
    /// As the source wrote it.
    progress: Option<serde_json::Value>,
}

#[derive(Serialize)]
struct LeaseJson<'a> {
    run_id: &'a str,
    process: &'a str,
    since: String,
    until: String,
}

#[derive(Serialize)]
struct RunJson<'a> {
    run_id: &'a str,
    started_at: Option<String>,
    ended_at: Option<String>,
    elapsed_ms: Option<u64>,
    outcome: String,
    rows_read: i64,
    requests: i64,
    error: Option<&'a str>,
}

fn state_json(one: &Remembered) -> StateJson {
    let state = one.state.as_ref();
    let progress = |state: &State| {
        let text = &state.source.0;
        serde_json::from_str(text).unwrap_or_else(|_| serde_json::Value::from(text.as_str()))
    };
    StateJson {
        version: one.version,
        readable: state.is_some(),
        watermark: state.and_then(|state| state.watermark).map(format_utc),
        covered_since: state.and_then(|state| state.covered_since).map(format_utc),
        unfinished: state.map(|state| !state.complete),
        updated_at: one.updated_at.map(format_utc),
        rescan: state.and_then(|state| source::rescan(&one.source_table, state)).as_ref().map(Into::into),
        progress: state.map(progress),
    }
}

/// All of it as one JSON array, ending in a newline.
///
/// # Errors
/// None in practice: all of it is text and numbers.
pub fn json(all: &[Remembered], now: Micros) -> Result<Vec<u8>, serde_json::Error> {
    let entries: Vec<Json<'_>> = entries(all)
        .into_iter()
        .map(|RememberedEntry { own, aside, any }| {
            let held = live(any, now);
            Json {
                account: &any.account,
                source_table: &any.source_table,
                schema: &any.schema,
                table: &any.table,
                state: own.map(state_json),
                aside: aside.map(state_json),
                lease: held.map(|held| LeaseJson {
                    run_id: &held.run,
                    process: &held.process,
                    since: format_utc(held.since),
                    until: format_utc(held.until),
                }),
                runs: any.runs.iter().map(|run| run_json(run, held)).collect(),
            }
        })
        .collect();
    let mut json = serde_json::to_vec_pretty(&entries)?;
    json.push(b'\n');
    Ok(json)
}

fn run_json<'a>(run: &'a RunLine, held: Option<&Lease>) -> RunJson<'a> {
    RunJson {
        run_id: &run.id,
        started_at: run.started_at.map(format_utc),
        ended_at: run.ended_at.map(format_utc),
        elapsed_ms: length(run).map(super::json::ms),
        outcome: outcome(run, held).replace(' ', "_"),
        rows_read: run.rows_read,
        requests: run.requests,
        error: run.error.as_deref(),
    }
}

/// What another account has now.
#[must_use]
pub fn moved(all: &[Remembered], place: &str, account: &str) -> String {
    let mut text = String::new();
    let mut from = "";
    for RememberedEntry { aside, any, .. } in entries(all) {
        let kept = if aside.is_some() { ", and so are the staged rows" } else { "" };
        from = &any.account;
        let _ = writeln!(
            text,
            "{}.{} in {place}: {} of account {from} are those of account {account} now{kept}",
            any.schema, any.table, any.source_table
        );
    }
    let _ = writeln!(text, "the rows stay; runs of account {account} go on where those of {from} stood");
    text
}

/// What was forgotten of a table, and what that means.
#[must_use]
pub fn forgotten(all: &[Remembered], place: &str) -> String {
    let mut text = String::new();
    for RememberedEntry { own, aside, any } in entries(all) {
        let mut what = Vec::new();
        match own.and_then(|own| own.state.as_ref()) {
            Some(State { watermark: Some(watermark), .. }) => {
                what.push(format!("how far it was read ({})", utc(*watermark)));
            }
            Some(_) => what.push("how far its first load had come".to_owned()),
            None if own.is_some() => what.push("a state written by a newer ingestr".to_owned()),
            None => {}
        }
        if aside.is_some() {
            what.push("the staged rows of an unfinished replacement".to_owned());
        }
        let _ = writeln!(
            text,
            "{}.{} in {place}, {} of account {}: forgot {}",
            any.schema,
            any.table,
            any.source_table,
            any.account,
            what.join(" and ")
        );
    }
    text.push_str("the rows of the table stay; its next run reads everything again\n");
    text
}
