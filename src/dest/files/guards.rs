//! What must be true for a commit to count: the lease, the state that the run stored last, the files of which that tells.

use super::format::Format;
use super::leftovers::{appended, part};
use super::manifest::{Manifest, Opened, Saved, Table, TableMetadata, look};
use super::names::TablePath;
use super::store::{Store, Waiting};
use crate::dest::sql::batches::Incoming;
use crate::dest::sql::columns::shape;
use crate::dest::sql::identity::{Apart, state_changed};
use crate::dest::sql::leases;
use crate::dest::{Basis, Commit, DestError, DestErrorKind, Target};
use crate::model::{Lease, Strategy};

/// Takes what is remembered of the child tables into the manifest of their parent, and what is remembered of that one, if it was
/// a child before.
pub(super) fn adopt(store: &dyn Store, manifest: &mut Manifest, rows: &[Incoming]) -> Result<(), DestError> {
    let Some(parent) = rows.first().map(|rows| rows.target.table.clone()) else { return Ok(()) };
    for (at, target) in rows.iter().map(|rows| &rows.target).enumerate() {
        let own = Opened::of(store, &TablePath::of(target))?.manifest;
        let is_here =
            if at == 0 { own.written_with.is_none() } else { own.written_with.as_ref() == Some(&parent) };
        if is_here && manifest.tables.contains_key(&target.table) {
            continue;
        }
        let TableMetadata { table, .. } = look(store, &target.schema, &target.table)?;
        manifest.tables.insert(target.table.clone(), table);
    }
    manifest.written_with = None;
    Ok(())
}

/// Says in the manifest of a child that it is written in that of its parent.
pub(super) fn point(store: &dyn Store, child: &Target, parent: &str) -> Result<(), DestError> {
    let mut opened = Opened::of(store, &TablePath::of(child))?;
    if opened.manifest.written_with.as_deref() == Some(parent) {
        return Ok(());
    }
    opened.manifest.written_with = Some(parent.to_owned());
    match opened.swap(store)? {
        true => Ok(()),
        false => Err(state_changed(&child.schema, &child.table)),
    }
}

/// What a run knows must still be so.
pub(super) fn guard(
    store: &dyn Store,
    manifest: &Manifest,
    rows: &[Incoming],
    commit: &Commit,
) -> Result<(), DestError> {
    let Some(target) = rows.first().map(|rows| &rows.target) else { return Ok(()) };
    if let Some(lease) = &commit.lease {
        let held: Option<Lease> = manifest.lease.as_ref().map(Into::into);
        if held.as_ref().is_none_or(|held| held.run != lease.run) {
            return Err(leases::gone(&target.schema, &target.table, held.as_ref()));
        }
    }
    let Some(basis) = &commit.basis else { return Ok(()) };
    let nothing = Table::default();
    let of = |target: &Target| manifest.tables.get(&target.table).unwrap_or(&nothing);
    if written(of(target), target) != (Basis { apart: false, ..basis.clone() }) {
        return Err(state_changed(&target.schema, &target.table));
    }
    for target in rows.iter().map(|rows| &rows.target) {
        let table = of(target);
        let missing = match target.strategy {
            Strategy::Replace => !target.fresh && !parts_are_there(store, waiting(table, target), target)?,
            _ => {
                let has_state = table.state(target, false).is_some();
                has_state && !basis.apart && !is_there(store, &manifest.complete, table, target)?
            }
        };
        if missing {
            return Err(Apart::Missing.error(&target.schema, &target.table));
        }
    }
    Ok(())
}

/// Who has written the states of a target.
pub(super) fn written(table: &Table, target: &Target) -> Basis {
    let own = table.state(target, false).map(Saved::written);
    Basis { own, aside: waiting(table, target).map(Saved::written), apart: false }
}

/// The state of rows that wait for a target; a replacement has some, and nobody else asks for them.
pub(super) fn waiting<'t>(table: &'t Table, target: &Target) -> Option<&'t Saved> {
    table.state(target, true).filter(|_| target.strategy == Strategy::Replace)
}

/// Whether there is such a table: one of its files at least. One that never had a row has none.
pub(super) fn is_there(
    store: &dyn Store,
    complete: &[Waiting],
    table: &Table,
    target: &Target,
) -> Result<bool, DestError> {
    let place = TablePath::of(target);
    let mut expected = false;
    if let Some(file) = &table.file {
        let path = place.beside(file);
        expected = true;
        if complete.iter().any(|waiting| waiting.path == path) || store.size(&path)?.is_some() {
            return Ok(true);
        }
    }
    if !table.appended.is_empty() {
        expected = true;
        if appended(store, &place, table)?.iter().any(|path| table.counts_file(path) == Some(true)) {
            return Ok(true);
        }
    }
    Ok(!expected && !table.columns.is_empty())
}

/// Refuses to add to a table in another format than it has: nobody could read it as one table, and what lies there in the other
/// format would be taken for read.
pub(super) fn one_format(
    store: &dyn Store,
    format: Format,
    table: &Table,
    target: &Target,
) -> Result<(), DestError> {
    let place = TablePath::of(target);
    let appended = appended(store, &place, table)?.into_iter();
    let appended = appended.filter(|path| table.counts_file(path) == Some(true));
    let formats = table.file.iter().cloned().chain(appended);
    let formats = formats.filter_map(|path| Format::parse(path.rsplit_once('.')?.1));
    let Some(other) = formats.into_iter().find(|found| *found != format) else { return Ok(()) };
    let (name, other) = (format.name(), other.name());
    let message = format!(
        "table {}.{} is {other}, and nothing in {name} can be appended to it",
        target.schema, target.table
    );
    Err(shape(message).hint(format!(
        "name {other} in --dest-uri ({other}:///<folder>, or ?format={other}), or another table in --dest-table; replace writes \
         all of it anew as {name}"
    )))
}

/// Whether all parts of an unfinished replacement are there; of a state of the table itself, there are none.
pub(super) fn parts_are_there(
    store: &dyn Store,
    saved: Option<&Saved>,
    target: &Target,
) -> Result<bool, DestError> {
    let Some(waiting) = saved.and_then(|saved| saved.waiting.as_ref()) else {
        return Ok(true);
    };
    if waiting.parts.is_empty() {
        return Ok(true);
    }
    let place = TablePath::of(target);
    let there = store.files(&place.metadata("waiting"))?;
    Ok(waiting
        .parts
        .iter()
        .flat_map(|(name, _)| part(&place, name))
        .all(|path| path.rsplit_once('/').is_some_and(|(_, name)| there.iter().any(|there| there == name))))
}

/// How often a manifest is tried to be swapped that others swap, too.
const ATTEMPTS: usize = 5;

/// Swaps the manifest of a table, as often as others do so at the same time: `attempt` gives nothing where they were faster.
///
/// # Errors
/// Those of `attempt`, and when others keep changing it.
pub(super) fn patiently<T>(
    (schema, table): (&str, &str),
    mut attempt: impl FnMut() -> Result<Option<T>, DestError>,
) -> Result<T, DestError> {
    for _ in 0..ATTEMPTS {
        if let Some(done) = attempt()? {
            return Ok(done);
        }
    }
    let message = format!("others keep writing what is remembered of table {schema}.{table}");
    Err(DestError::new(DestErrorKind::Conflict, message))
}
