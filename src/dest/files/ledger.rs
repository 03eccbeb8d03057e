//! What people read of runs: a file for each run, and for each commit with values that did not fit. One JSON object a line.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde_json::{Map, Value, json};

use super::leftovers::{REJECTS, RUNS, is_of_a_run};
use super::names::{TablePath, is_run, number_of, numbered};
use super::store::Store;
use crate::dest::{Commit, DestError, DestErrorKind, Target};
use crate::model::{Micros, RUNS_TOLD, RunLine, RunRecord};

fn line(fields: &Value) -> Bytes {
    Bytes::from(format!("{fields}\n"))
}

/// Writes the values of a commit that did not fit, of one of its targets; where they are.
///
/// # Errors
/// When they cannot be written.
pub(super) fn write_rejects(
    store: &dyn Store,
    target: &Target,
    commit: &Commit,
    (at, nth): (usize, u64),
) -> Result<Option<String>, DestError> {
    let rejects = commit.rejects_of(at);
    if rejects.is_empty() {
        return Ok(None);
    }
    let mut text = Vec::new();
    for reject in rejects {
        text.extend(line(&json!({
            "run_id": commit.run.id,
            "account": target.account,
            "source_table": target.source_table,
            "dest_table": target.table,
            "row_id": reject.id,
            "column_name": reject.column,
            "value": reject.value,
            "reason": reject.reason,
            "rejected_at": commit.run.ended_at.to_string(),
        })));
    }
    let path = TablePath::of(target).metadata(&format!("{REJECTS}/{}.jsonl", numbered(&commit.run.id, nth)));
    store.write(&path, Bytes::from(text))?;
    Ok(Some(path))
}

/// Writes the line of a run, in the place of the one that it had.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write_run(store: &dyn Store, target: &Target, run: &RunRecord) -> Result<(), DestError> {
    let text = line(&json!({
        "run_id": run.id,
        "account": target.account,
        "source_table": target.source_table,
        "dest_table": target.table,
        "started_at": run.started_at.to_string(),
        "ended_at": run.ended_at.to_string(),
        "outcome": run.outcome,
        "rows_read": run.rows_read,
        "requests": run.requests,
        "retries": run.retries,
        "error": run.error,
        "warnings": run.warnings,
    }));
    store.write(&TablePath::of(target).metadata(&format!("{RUNS}/{}.json", run.id)), text)
}

/// Removes what is not kept of the first target's runs, and of all targets' values that did not fit.
///
/// Whose a file is stands in it. Few are read for values that did not fit, as it is seen by their names which are too old; all
/// for runs, so these may be a tenth more before they are looked through.
///
/// # Errors
/// When it cannot be read or removed.
pub(super) fn prune(store: &dyn Store, targets: &[Target], commit: &Commit) -> Result<(), DestError> {
    let Some(first) = targets.first() else { return Ok(()) };
    let place = TablePath::of(first);
    let mut old = Vec::new();
    if let Some(most) = commit.keep.runs.and_then(|most| usize::try_from(most).ok()) {
        let mut paths = paths_in(store, &place.metadata(RUNS))?;
        paths.retain(|path| is_of_a_run(path, &["json"]));
        if paths.len() > most + most / 10 {
            let mut own = about(store, first, paths)?;
            own.truncate(own.len().saturating_sub(most));
            old.extend(own);
        }
    }
    if let Some(since) = commit.keep.rejects {
        let since = began(since);
        let before =
            |path: &String| number_of(path).is_some_and(|(run, _)| is_run(run) && run < since.as_str());
        for target in targets {
            let paths = paths_in(store, &TablePath::of(target).metadata(REJECTS))?;
            old.extend(about(store, target, paths.into_iter().filter(before).collect())?);
        }
    }
    old.iter().try_for_each(|path| store.remove(path))
}

/// Paths of the files in a folder, in order, without those that are hidden.
fn paths_in(store: &dyn Store, folder: &str) -> Result<Vec<String>, DestError> {
    let names = store.files(folder)?.into_iter().filter(|name| !name.starts_with('.'));
    Ok(names.map(|name| format!("{folder}/{name}")).collect())
}

/// Those files that are about the target, as their first line says: all lines of a file are about the same.
fn about(store: &dyn Store, target: &Target, paths: Vec<String>) -> Result<Vec<String>, DestError> {
    let mut own = Vec::with_capacity(paths.len());
    for path in paths {
        let Some((bytes, _)) = store.read(&path)? else { continue };
        let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let fields: Value = serde_json::from_slice(first).unwrap_or_default();
        if fields["account"] == target.account && fields["source_table"] == target.source_table {
            own.push(path);
        }
    }
    Ok(own)
}

/// What the id of a run begins with that began then.
fn began(at: Micros) -> String {
    let text = at.to_string();
    text.chars().filter(|c| c.is_ascii_digit() || *c == 'T').take(15).collect()
}

/// Runs of a table that are looked through for those that are told.
const LOOKED_THROUGH: usize = 50;

/// The last runs of a table, newest first, for each of these accounts and source tables.
///
/// # Errors
/// When they cannot be read.
pub(super) fn runs(
    store: &dyn Store,
    place: &TablePath,
    whose: &[(String, String)],
) -> Result<BTreeMap<(String, String), Vec<RunLine>>, DestError> {
    let mut runs: BTreeMap<_, Vec<RunLine>> = BTreeMap::new();
    for path in paths_in(store, &place.metadata(RUNS))?.iter().rev().take(LOOKED_THROUGH) {
        if whose.iter().all(|whose| runs.get(whose).is_some_and(|runs| runs.len() >= RUNS_TOLD)) {
            break;
        }
        let Some((bytes, _)) = store.read(path)? else { continue };
        let Ok(Value::Object(fields)) = serde_json::from_slice(&bytes) else { continue };
        let whose = (text(&fields, "account"), text(&fields, "source_table"));
        let told = runs.entry(whose).or_default();
        if told.len() < RUNS_TOLD {
            told.push(run(&fields));
        }
    }
    Ok(runs)
}

fn text(fields: &Map<String, Value>, name: &str) -> String {
    fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn run(fields: &Map<String, Value>) -> RunLine {
    let instant = |name: &str| text(fields, name).parse().ok();
    let number = |name: &str| fields.get(name).and_then(Value::as_i64).unwrap_or_default();
    let warnings = fields.get("warnings").and_then(Value::as_array);
    RunLine {
        id: text(fields, "run_id"),
        started_at: instant("started_at"),
        ended_at: instant("ended_at"),
        outcome: text(fields, "outcome"),
        rows_read: number("rows_read"),
        requests: number("requests"),
        error: fields.get("error").and_then(Value::as_str).map(ToOwned::to_owned),
        warnings: warnings
            .map(|all| all.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect())
            .unwrap_or_default(),
    }
}

/// Gives the runs and the values that did not fit to another account, of those that are of `from`.
///
/// # Errors
/// When they cannot be read or written.
pub(super) fn reassign(
    store: &dyn Store,
    place: &TablePath,
    (from, source_table): (&str, &str),
    account: &str,
) -> Result<(), DestError> {
    for folder in [RUNS, REJECTS].map(|folder| place.metadata(folder)) {
        for path in paths_in(store, &folder)? {
            let Some((bytes, _)) = store.read(&path)? else { continue };
            let mut text = Vec::with_capacity(bytes.len());
            for own in bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
                let mut fields: Value = serde_json::from_slice(own).map_err(|error| damaged(&path, error))?;
                if fields["account"] == from && fields["source_table"] == source_table {
                    fields["account"] = account.into();
                }
                text.extend(line(&fields));
            }
            if text != bytes {
                store.write(&path, text.into())?;
            }
        }
    }
    Ok(())
}

fn damaged(path: &str, error: serde_json::Error) -> DestError {
    DestError::new(DestErrorKind::Damaged, format!("{path} is not what ingestr wrote there"))
        .hint("restore it from a copy, or remove it")
        .caused_by(error)
}
