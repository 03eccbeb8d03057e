//! What killed runs leave: what counts is brought to its end, and what does not is removed.
//!
//! Others keep files in these folders, too. Only what the manifest names is removed, and what has the id of a run in its name.

use super::format::Format;
use super::manifest::{FILE, Manifest, Opened, Table};
use super::names::{TablePath, is_run, number_of};
use super::store::Store;
use crate::dest::sql::identity::state_changed;
use crate::dest::{DestError, Target};

/// The folder of rows that wait.
const WAITING: &str = "waiting";
/// The folder of values that did not fit.
pub(super) const REJECTS: &str = "rejects";
/// The folder of runs.
pub(super) const RUNS: &str = "runs";

/// What names of parts end with.
const PARTS: [&str; 2] = ["rows", "keys"];

/// The files of a part: its rows, and their keys. No reader of Parquet takes them for a table's.
pub(super) fn part(place: &TablePath, name: &str) -> [String; 2] {
    PARTS.map(|kind| place.metadata(&format!("{WAITING}/{name}.{kind}")))
}

/// Whether the name is one that a run gives its files, with one of these endings.
pub(super) fn is_of_a_run(path: &str, endings: &[&str]) -> bool {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    let Some((stem, ending)) = name.rsplit_once('.') else { return false };
    endings.contains(&ending) && (is_run(stem) || number_of(name).is_some_and(|(run, _)| is_run(run)))
}

/// Paths of all files that were appended to a table, whether they count or not.
pub(super) fn appended(
    store: &dyn Store,
    place: &TablePath,
    table: &Table,
) -> Result<Vec<String>, DestError> {
    let folder = place.appended();
    let ours = |name: &String| {
        let format = name.rsplit_once('.').and_then(|(_, format)| Format::parse(format));
        let run = number_of(name).map(|(run, _)| run);
        format.is_some() && run.is_some_and(|run| is_run(run) || table.knows(run))
    };
    let files = store.files(&folder)?.into_iter().filter(ours);
    Ok(files.map(|name| format!("{folder}/{name}")).collect())
}

/// Brings to its end what a commit has left to do once it was made.
///
/// # Errors
/// When it cannot be done, or somebody else does it at the same time.
pub(super) fn settle(store: &dyn Store, mut opened: Opened, target: &Target) -> Result<Opened, DestError> {
    let manifest = &mut opened.manifest;
    if manifest.begun.is_empty() && manifest.complete.is_empty() && manifest.outdated.is_empty() {
        return Ok(opened);
    }
    for begun in std::mem::take(&mut manifest.begun) {
        store.abandon(&begun)?;
    }
    for complete in std::mem::take(&mut manifest.complete) {
        if store.place(&complete)? {
            continue;
        }
        // Somebody has removed it: a table without rows has no progress.
        let schema = &target.schema;
        let lost = manifest.tables.iter_mut().filter(|(name, table)| {
            let file = table.file.as_ref();
            file.is_some_and(|file| TablePath::new(schema, name).beside(file) == complete.path)
        });
        lost.for_each(|(_, table)| {
            table.empty();
            table.states.retain(|saved| saved.waiting.is_some());
        });
    }
    for path in std::mem::take(&mut manifest.outdated) {
        store.remove(&path)?;
    }
    opened.swapped(store)?.ok_or_else(|| state_changed(&target.schema, &target.table))
}

/// Removes files of these tables that their manifest does not name, before a run writes its first.
///
/// # Errors
/// When they cannot be removed.
pub(super) fn sweep<'a>(
    store: &dyn Store,
    manifest: &Manifest,
    targets: impl Iterator<Item = &'a Target>,
) -> Result<(), DestError> {
    for target in targets {
        let place = TablePath::of(target);
        let mut dead = unfinished(store, &place)?;
        let nothing = Table::default();
        let table = manifest.tables.get(&target.table).unwrap_or(&nothing);
        let named =
            table.states.iter().filter_map(|saved| saved.waiting.as_ref()).flat_map(|waiting| &waiting.parts);
        let named: Vec<String> = named.flat_map(|(name, _)| part(&place, name)).collect();
        let folder = place.metadata(WAITING);
        let waiting = store.files(&folder)?.into_iter().filter(|name| is_of_a_run(name, &PARTS));
        dead.extend(waiting.map(|name| format!("{folder}/{name}")).filter(|path| !named.contains(path)));
        let appended = appended(store, &place, table)?.into_iter();
        dead.extend(appended.filter(|path| table.counts_file(path) == Some(false)));
        dead.extend(rejects_of_no_commit(store, manifest, &place)?);
        dead.iter().try_for_each(|path| store.remove(path))?;
    }
    Ok(())
}

/// Files of a table that never got their name.
fn unfinished(store: &dyn Store, place: &TablePath) -> Result<Vec<String>, DestError> {
    let formats = Format::ALL.map(Format::name);
    let files = Format::ALL.map(|format| place.file(format));
    let mut found = Vec::new();
    let mut look = |folder: &str, ours: &dyn Fn(&str) -> bool| -> Result<(), DestError> {
        let folder = folder.trim_end_matches('/');
        found.extend(store.leftovers(folder, ours)?.iter().map(|name| format!("{folder}/{name}")));
        Ok(())
    };
    look(place.schema(), &|name| files.iter().any(|file| file == name))?;
    look(&place.appended(), &|name| is_of_a_run(name, &formats))?;
    look(&place.metadata(""), &|name| name == FILE)?;
    look(&place.metadata(WAITING), &|name| is_of_a_run(name, &PARTS))?;
    look(&place.metadata(REJECTS), &|name| is_of_a_run(name, &["jsonl"]))?;
    look(&place.metadata(RUNS), &|name| is_of_a_run(name, &["json"]))?;
    Ok(found)
}

/// Values that did not fit, of commits that were never made: they are later than the last one.
fn rejects_of_no_commit(
    store: &dyn Store,
    manifest: &Manifest,
    place: &TablePath,
) -> Result<Vec<String>, DestError> {
    let folder = place.metadata(REJECTS);
    let last = manifest.last.as_ref().map(|last| (last.run.as_str(), last.count));
    let later = |name: &String| {
        is_of_a_run(name, &["jsonl"])
            && number_of(name).is_some_and(|file| last.is_none_or(|last| file > last))
    };
    Ok(store.files(&folder)?.into_iter().filter(later).map(|name| format!("{folder}/{name}")).collect())
}
