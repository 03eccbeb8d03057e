//! A commit: files that nobody counts yet, then the manifest that names them, then what is left to do.
//!
//! 1. What an earlier run left half done is brought to its end, or removed.
//! 2. Rows are written: of `append` as files of the table, of `replace` as parts in which they wait, or, with its last
//!    commit, as one file that is complete and has no name yet.
//! 3. The manifest is swapped: from here on the commit is made. Whoever dies before has written nothing that counts.
//! 4. Complete files are put in their place, and what they replace is removed. The next run does it if this one dies. If it
//!    cannot be done, the run that has made its last commit fails, although what it read is kept.

use super::format::{Encoder, Format};
use super::keys::Counting;
use super::manifest::{Columns, Files, Manifest, Opened, Saved, Table};
use super::names::{TablePath, numbered};
use super::publish::Publication;
use super::rows::{Ready, encoded};
use super::store::{Store, Waiting};
use super::{guards, ledger, leftovers};
use crate::dest::sql::batches::Incoming;
use crate::dest::sql::columns::shape;
use crate::dest::sql::identity::state_changed;
use crate::dest::{Commit, Counts, DestError, DestErrorKind, Target};
use crate::model::{RunRecord, Strategy};

/// A commit in the making.
struct Writing<'a> {
    store: &'a dyn Store,
    format: Format,
    commit: &'a Commit,
    /// Which of its run's commits it is, from 1.
    nth: u64,
    /// Files that count once the manifest is swapped.
    written: Vec<String>,
    /// Files that do not count any more then.
    outdated: Vec<String>,
    /// Large files: which target each is for.
    publications: Vec<(usize, Publication)>,
    /// Large files that nobody goes on with if the commit is not made.
    begun: Vec<Waiting>,
}

/// The commit is made, and not all of it is in its place.
fn left_to_do(target: &Target, error: DestError) -> DestError {
    let hint = error.hint.as_deref().unwrap_or("put that right");
    let hint = format!("{hint}; then run the command again: what was read is kept, and gets its place first");
    let message = format!(
        "what was read for table {}.{} is kept, but is not in its place: {}",
        target.schema, target.table, error.message
    );
    DestError { source: error.source, ..DestError::new(DestErrorKind::Unknown, message).hint(hint) }
}

/// The commit was made, and its file was removed before it got its place.
fn vanished(schema: &str, table: &str) -> DestError {
    let message = format!("the new file of table {schema}.{table} was removed before it was in its place");
    DestError::new(DestErrorKind::Unknown, message)
        .hint("run the command again: it reads the table anew; see that nothing else removes unfinished files there")
}

/// Makes a commit. What was done to each target.
///
/// # Errors
/// Nothing of it counts then, unless it is [`crate::dest::DestErrorKind::Unknown`].
pub(super) fn make(
    (store, format): (&dyn Store, Format),
    rows: Vec<Incoming>,
    commit: &Commit,
) -> Result<Vec<Counts>, DestError> {
    let Some(first) = rows.first() else { return Ok(Vec::new()) };
    let target = first.target.clone();
    let mut opened = Opened::of(store, &TablePath::of(&target))?;
    guards::adopt(store, &mut opened.manifest, &rows)?;
    guards::guard(store, &opened.manifest, &rows, commit)?;
    let opened = leftovers::settle(store, opened, &target)?;
    if opened.manifest.last.as_ref().is_none_or(|last| last.run != commit.run.id) {
        leftovers::sweep(store, &opened.manifest, rows.iter().map(|rows| &rows.target))?;
    }
    for child in rows.iter().skip(1) {
        guards::point(store, &child.target, &target.table)?;
    }
    let targets: Vec<Target> = rows.iter().map(|rows| rows.target.clone()).collect();
    let nth = opened.manifest.next(&commit.run.id);
    let (written, outdated) = (Vec::new(), Vec::new());
    let (publications, begun) = (Vec::new(), Vec::new());
    let mut writing = Writing { store, format, commit, nth, written, outdated, publications, begun };
    match writing.write(opened, rows, &target) {
        Ok((opened, counts)) => writing.end(opened, &target, &targets).map(|()| counts),
        Err(error) => Err(writing.undone(error)),
    }
}

impl Writing<'_> {
    /// Writes what the manifest is to name, and says in the manifest what it is.
    fn write(
        &mut self,
        mut opened: Opened,
        rows: Vec<Incoming>,
        target: &Target,
    ) -> Result<(Opened, Vec<Counts>), DestError> {
        let before = opened.manifest.clone();
        let mut counts = Vec::with_capacity(rows.len());
        for (at, incoming) in rows.into_iter().enumerate() {
            let table = opened.manifest.tables.get(&incoming.target.table).cloned().unwrap_or_default();
            let there = guards::is_there(self.store, &opened.manifest.complete, &table, &incoming.target)?;
            let rejects = ledger::write_rejects(self.store, &incoming.target, self.commit, (at, self.nth))?;
            self.written.extend(rejects);
            let table = opened.manifest.table(&incoming.target.table);
            self.name_columns(at, table);
            if !there && (self.commit.last || incoming.target.strategy != Strategy::Replace) {
                // It is made anew: what others had read into one of that name went with it.
                table.states.retain(|saved| saved.waiting.is_some() || saved.is_of(&incoming.target));
                table.empty();
            }
            counts.push(match incoming.target.strategy {
                Strategy::Replace => self.replace(table, incoming, at)?,
                Strategy::Append => self.append(table, incoming)?,
                other => return Err(shape(format!("files cannot do {other}"))),
            });
        }
        self.publish(opened, before, counts, target)
    }

    /// Which columns fields have got since the last commit.
    fn name_columns(&self, at: usize, table: &mut Table) {
        let Some(names) = self.commit.names.get(at) else { return };
        if names.anew {
            table.names = None;
        }
        if !names.new.is_empty() {
            let known = table.names.get_or_insert_default();
            known.extend(names.new.iter().map(|name| (name.field.clone(), name.column.clone())));
        }
    }

    /// `append`: a file of the table.
    fn append(&mut self, table: &mut Table, incoming: Incoming) -> Result<Counts, DestError> {
        let (target, place) = (incoming.target.clone(), TablePath::of(&incoming.target));
        let ready = Ready::new(incoming, &table.columns.read())?;
        let count = ready.rows.count() as u64;
        if count > 0 {
            let name = numbered(&self.commit.run.id, self.nth);
            let path = format!("{}/{name}.{}", place.appended(), self.format.name());
            self.written.push(path.clone());
            self.store.write(
                &path,
                encoded(Encoder::new(self.format, &ready.rows.columns), &ready.rows, &target.table)?,
            )?;
            table.append(&self.commit.run.id, self.nth);
        }
        table.rows += count;
        table.columns = Columns::from(&*ready.rows.columns);
        self.forget_parts(&place, table, |saved| saved.is_of(&target));
        table.states.retain(|saved| !saved.is_of(&target));
        table.states.push(Saved::by(&target, self.commit, None));
        Ok(Counts { inserted: count, ..Counts::default() })
    }

    /// `replace`: a part in which rows wait or, with the last commit, the file that is published.
    fn replace(&mut self, table: &mut Table, incoming: Incoming, at: usize) -> Result<Counts, DestError> {
        let (target, place) = (incoming.target.clone(), TablePath::of(&incoming.target));
        let counting = if at == 0 { Counting::Newest } else { Counting::OfParents };
        let own = |saved: &Saved| saved.is_of(&target) && saved.waiting.is_some();
        // A run that starts from zero knows its own rows by its id.
        let goes_on = |saved: &&Saved| own(saved) && (!target.fresh || saved.run == self.commit.run.id);
        let before = table.states.iter().find(goes_on).and_then(|saved| saved.waiting.clone());
        let mut waiting = before.unwrap_or_default();
        let ready = Ready::new(incoming, &waiting.columns.read())?.newest()?;
        waiting.columns = Columns::from(&*ready.rows.columns);
        self.forget_parts(&place, table, own);
        if self.commit.last {
            let publication =
                Publication::begin(self.store, self.format, (target, counting), waiting, ready)?;
            self.begun.push(publication.begun());
            self.publications.push((at, publication));
            return Ok(Counts::default());
        }
        let (count, keys) = (ready.rows.count() as u64, ready.keys(counting).into_bytes());
        if !keys.is_empty() {
            let name = numbered(&self.commit.run.id, self.nth);
            let [rows, beside] = leftovers::part(&place, &name);
            self.written.extend([rows.clone(), beside.clone()]);
            self.store
                .write(&rows, encoded(Encoder::of_part(&ready.rows.columns), &ready.rows, &target.table)?)?;
            self.store.write(&beside, keys.into())?;
            waiting.parts.push((name, count));
        }
        let kept: Vec<String> =
            waiting.parts.iter().flat_map(|(name, _)| leftovers::part(&place, name)).collect();
        self.outdated.retain(|path| !kept.contains(path));
        table.states.retain(|saved| !own(saved));
        table.states.push(Saved::by(&target, self.commit, Some(waiting)));
        Ok(Counts::default())
    }

    /// Nobody waits for the parts of these states any more.
    fn forget_parts(&mut self, place: &TablePath, table: &Table, of: impl Fn(&Saved) -> bool) {
        let parts = table.states.iter().filter(|saved| of(saved)).filter_map(|saved| saved.waiting.as_ref());
        let parts = parts.flat_map(|waiting| &waiting.parts);
        self.outdated.extend(parts.flat_map(|(name, _)| leftovers::part(place, name)));
    }

    /// Writes the large files. They are noted in the manifest before, as a store keeps for ever what was begun, and shows it to
    /// nobody.
    fn publish(
        &mut self,
        mut opened: Opened,
        before: Manifest,
        mut counts: Vec<Counts>,
        target: &Target,
    ) -> Result<(Opened, Vec<Counts>), DestError> {
        if self.publications.is_empty() {
            return Ok((opened, counts));
        }
        let begun = self.begun.clone();
        let manifest = std::mem::take(&mut opened.manifest);
        opened.manifest = Manifest { begun, ..before };
        let Some(mut opened) = opened.swapped(self.store)? else {
            return Err(state_changed(&target.schema, &target.table));
        };
        opened.manifest = manifest;
        for (at, publication) in std::mem::take(&mut self.publications) {
            let target = publication.target.clone();
            let place = TablePath::of(&target);
            let published = publication.write(self.store)?;
            let table = opened.manifest.table(&target.table);
            self.outdated.extend(leftovers::appended(self.store, &place, table)?);
            counts[at] = Counts { inserted: published.rows, deleted: table.rows, ..Counts::default() };
            let file = place.file(self.format);
            let old = table.file.take().filter(|old| *old != file);
            table.empty();
            (table.file, table.rows) = (Some(file), published.rows);
            table.columns = Columns::from(&*published.columns);
            table.states.retain(|saved| !saved.is_of(&target));
            table.states.push(Saved::by(&target, self.commit, None));
            self.outdated.extend(old.map(|old| place.beside(&old)));
            opened.manifest.complete.push(published.complete);
        }
        Ok((opened, counts))
    }

    /// Swaps the manifest, and does what is left to do. `targets`: all of the commit.
    fn end(mut self, mut opened: Opened, target: &Target, targets: &[Target]) -> Result<(), DestError> {
        let (store, commit, place) = (self.store, self.commit, TablePath::of(target));
        let (run, manifest) = (&commit.run.id, &mut opened.manifest);
        manifest.last = Some(Files { run: run.clone(), count: self.nth });
        manifest.outdated.append(&mut self.outdated);
        // Who still has to clear up keeps the lease until then.
        let done = manifest.complete.is_empty() && manifest.outdated.is_empty();
        if let Some(lease) = &commit.lease {
            manifest.lease = Some(lease.into());
        }
        if commit.release && done {
            manifest.release(run);
        }
        let wanted = manifest.clone();
        match opened.swap(store) {
            Ok(true) => {}
            Ok(false) => return Err(self.undone(state_changed(&target.schema, &target.table))),
            Err(error) => match Opened::of(store, &place) {
                Ok(found) if found.manifest == wanted => {}
                Ok(_) => return Err(self.undone(error)),
                Err(_) => {
                    let hint = "run the command again; it goes on from what is stored";
                    return Err(error.while_committing(hint));
                }
            },
        }
        // The commit is made. What fails from here on, the next one does, be it of this run or of another. But who is not told
        // that the file is not in its place takes the old one for the new.
        let placed = if done { Ok(()) } else { self.placed(&wanted, target) };
        let error = placed.as_ref().err().filter(|_| commit.last);
        let told = match error.map(ToString::to_string) {
            Some(error) => RunRecord { outcome: "failed", error: Some(error), ..commit.run.clone() },
            None => commit.run.clone(),
        };
        let _ = ledger::write_run(store, target, &told);
        if commit.release {
            let _ = ledger::prune(store, targets, commit);
        }
        if commit.last { placed } else { Ok(()) }
    }

    /// Does what is left to do of a commit that is made, and gives up the lease.
    fn placed(&self, made: &Manifest, target: &Target) -> Result<(), DestError> {
        let (store, place) = (self.store, TablePath::of(target));
        let opened = Opened::of(store, &place).map_err(|error| left_to_do(target, error))?;
        let mut opened = match leftovers::settle(store, opened, target) {
            Ok(opened) => opened,
            // Somebody else has done it, or it is still to do.
            Err(error) => Opened::of(store, &place)
                .ok()
                .filter(|opened| opened.manifest.complete.is_empty() && opened.manifest.outdated.is_empty())
                .ok_or_else(|| left_to_do(target, error))?,
        };
        let has_file = |manifest: &Manifest, table: &str| {
            manifest.tables.get(table).is_some_and(|table| table.file.is_some())
        };
        let lost = made
            .tables
            .keys()
            .find(|table| has_file(made, table.as_str()) && !has_file(&opened.manifest, table.as_str()));
        let lost = lost.map(|table| vanished(&target.schema, table));
        if self.commit.release {
            opened.manifest.release(&self.commit.run.id);
            let _ = opened.swap(store);
        }
        lost.map_or(Ok(()), Err)
    }

    /// Removes what was written, as it does not count.
    fn undone(&mut self, error: DestError) -> DestError {
        self.written.drain(..).for_each(|path| _ = self.store.remove(&path));
        self.begun.drain(..).for_each(|begun| _ = self.store.abandon(&begun));
        error
    }
}
