//! What a place remembers, for `ingestr state`.

use std::collections::BTreeMap;

use super::guards::patiently;
use super::ledger;
use super::leftovers::part;
use super::manifest::{Opened, look};
use super::names::{TablePath, metadata_folder, unescaped};
use super::store::Store;
use crate::dest::DestError;
use crate::model::Remembered;

/// Everything, in all schemas.
///
/// # Errors
/// When it cannot be read.
pub(super) fn all(store: &dyn Store) -> Result<Vec<Remembered>, DestError> {
    let mut all = Vec::new();
    for (schema, table) in tables(store)? {
        all.extend(of_table(store, &schema, &table)?);
    }
    all.sort_by_cached_key(Remembered::order);
    Ok(all)
}

/// Whether the files of all tables can be replaced, and get their place if they wait for it.
///
/// # Errors
/// Why not.
pub(super) fn check(store: &dyn Store) -> Result<(), DestError> {
    for (schema, table) in tables(store)? {
        let manifest = Opened::of(store, &TablePath::new(&schema, &table))?.manifest;
        for (name, table) in &manifest.tables {
            let file = table.file.as_ref().map(|file| TablePath::new(&schema, name).beside(file));
            file.map_or(Ok(()), |file| store.check_place(&file))?;
        }
    }
    Ok(())
}

/// Schema and name of each table of which something is remembered.
fn tables(store: &dyn Store) -> Result<Vec<(String, String)>, DestError> {
    let mut tables = Vec::new();
    for folder in store.folders("")? {
        let names = store.folders(&metadata_folder(&folder))?;
        tables.extend(names.iter().map(|name| (unescaped(&folder), unescaped(name))));
    }
    Ok(tables)
}

fn of_table(store: &dyn Store, schema: &str, table: &str) -> Result<Vec<Remembered>, DestError> {
    let found = look(store, schema, table)?;
    if found.table.states.is_empty() {
        return Ok(Vec::new());
    }
    let states = found.table.states.iter();
    let whose: Vec<_> = states.map(|saved| (saved.account.clone(), saved.source_table.clone())).collect();
    let runs = ledger::runs(store, &TablePath::new(schema, table), &whose)?;
    let told = found.table.states.iter().map(|saved| {
        let whose = (saved.account.clone(), saved.source_table.clone());
        Remembered {
            schema: schema.to_owned(),
            table: table.to_owned(),
            aside: saved.waiting.is_some(),
            version: saved.version,
            state: saved.state(),
            updated_at: Some(saved.updated_at),
            lease: found.lease.clone(),
            runs: runs.get(&whose).cloned().unwrap_or_default(),
            account: whose.0,
            source_table: whose.1,
        }
    });
    Ok(told.collect())
}

/// Changes a manifest, as often as others do so at the same time.
fn change<T>(
    store: &dyn Store,
    path: &str,
    target: (&str, &str),
    mut change: impl FnMut(&mut Opened) -> T,
) -> Result<T, DestError> {
    patiently(target, || {
        let mut opened = Opened::at(store, path.to_owned())?;
        let done = change(&mut opened);
        Ok(opened.swap(store)?.then_some(done))
    })
}

/// Forgets states, lease and rows that wait of a table; how many states there were.
///
/// # Errors
/// When it cannot be written.
pub(super) fn forget(store: &dyn Store, schema: &str, table: &str) -> Result<u64, DestError> {
    let (found, place) = (look(store, schema, table)?, TablePath::new(schema, table));
    let parts = found.table.states.iter().filter_map(|saved| saved.waiting.as_ref());
    let parts: Vec<String> =
        parts.flat_map(|waiting| &waiting.parts).flat_map(|(name, _)| part(&place, name)).collect();
    for path in &found.manifests {
        if store.read(path)?.is_none() {
            continue;
        }
        let own = *path == found.manifests[0];
        change(store, path, (schema, table), |opened| {
            if let Some(table) = opened.manifest.tables.get_mut(table) {
                table.states.clear();
            }
            opened.manifest.lease = opened.manifest.lease.take().filter(|_| !own);
        })?;
    }
    parts.iter().try_for_each(|path| store.remove(path))?;
    Ok(found.table.states.len() as u64)
}

/// Gives what is remembered of tables to another account, table by table; how many states there were.
///
/// # Errors
/// When it cannot be written.
pub(super) fn reassign(store: &dyn Store, tables: &[Remembered], account: &str) -> Result<u64, DestError> {
    let mut wanted: BTreeMap<(&str, &str), Vec<&Remembered>> = BTreeMap::new();
    for one in tables {
        wanted.entry((&one.schema, &one.table)).or_default().push(one);
    }
    let mut changed = 0;
    for ((schema, table), ones) in wanted {
        let found = look(store, schema, table)?;
        let Some(path) = found.manifests.last() else { continue };
        for one in &ones {
            ledger::reassign(
                store,
                &TablePath::new(schema, table),
                (&one.account, &one.source_table),
                account,
            )?;
        }
        changed += change(store, path, (schema, table), |opened| {
            let states = opened.manifest.tables.get_mut(table).map(|table| table.states.as_mut_slice());
            let mut given = 0;
            for saved in states.unwrap_or_default() {
                if ones
                    .iter()
                    .any(|one| one.account == saved.account && one.source_table == saved.source_table)
                {
                    account.clone_into(&mut saved.account);
                    given += 1;
                }
            }
            given
        })?;
    }
    Ok(changed)
}
