//! What a commit does, strategy by strategy, to a store that nobody else sees meanwhile.

use std::collections::{BTreeSet, HashMap};

use arrow_array::RecordBatch;
pub use ingestr::api::dest::sql::columns::IS_CURRENT;
use ingestr::api::dest::sql::columns::{
    MARKS, VALID_FROM, VALID_TO, columns_of, needed, type_after, version_columns,
};
use ingestr::api::dest::sql::identity::state_changed;
use ingestr::api::dest::sql::leases::gone;
use ingestr::api::dest::{Asked, Commit, Counts, DestError, Names, Target, Written};
use ingestr::api::model::{Column, DELETED_AT, Deletes, LOADED_AT, MERGED_INTO, Micros, Strategy, Tombstone};

use super::rows::{Cell, Row, Rows, find, get, of_batch};
use super::{Line, Saved, Shadow, Store, Whose, place};

/// What rows of this strategy wait as until the last commit; `None`: they do not.
pub(super) fn waits(strategy: Strategy) -> Option<&'static str> {
    match strategy {
        Strategy::Replace => Some("replace"),
        Strategy::DeleteInsert => Some("delete+insert"),
        Strategy::Merge | Strategy::Append | Strategy::Scd2 => None,
    }
}

/// Whether the first of two rows with one key, which was written earlier, is the newer one all the same.
pub(super) fn newest_first(target: &Target, earlier: &Row, later: &Row) -> bool {
    target.incremental_key.as_ref().is_some_and(|key| get(earlier, key) > get(later, key))
}

pub(super) struct Work<'a> {
    pub target: &'a Target,
    pub commit: &'a Commit,
    /// Which of the commit's targets it is.
    pub at: usize,
    /// Parents whose rows are all here.
    pub complete: &'a [i64],
    pub gone: &'a [Tombstone],
}

impl Work<'_> {
    /// Rows, tombstones, state, run, rejects and lease.
    pub(super) fn apply(&self, store: &mut Store, batches: &[RecordBatch]) -> Result<Counts, DestError> {
        let (target, place) = (self.target, place(self.target));
        if let (0, Some(ours)) = (self.at, &self.commit.lease) {
            let held = store.leases.get(&place);
            if held.is_none_or(|held| held.run != ours.run) {
                return Err(gone(&target.schema, &target.table, held));
            }
        }
        self.check(store)?;
        let brought = columns_of(batches, &target.table)?;
        self.sweep(store);
        let was_there = store.tables.contains_key(&place);
        let counts = match waits(target.strategy) {
            None => {
                let table = store.tables.entry(place).or_default();
                self.in_place(table, batches, &brought)
            }
            Some(name) => self.collect(store, name, batches, &brought),
        };
        if waits(target.strategy).is_none() || self.commit.last {
            if !was_there {
                // What others had read into a table of that name is gone with it.
                let ours = Whose::of(target);
                store.states.retain(|whose, _| whose.place != ours.place || *whose == ours);
            }
            let saved = Saved::by(self.commit, &store.tables[&Whose::of(target).place]);
            store.states.insert(Whose::of(target), saved);
        }
        self.prune_ledger(store);
        Ok(counts)
    }

    /// State and table are still those that the run knows.
    fn check(&self, store: &Store) -> Result<(), DestError> {
        let (target, Some(basis)) = (self.target, &self.commit.basis) else { return Ok(()) };
        let whose = Whose::of(target);
        let known = |saved: Option<&Saved>, written: Option<&Written>| {
            let there = saved.map(|saved| (&saved.run, Some(saved.updated_at)));
            there == written.map(|written| (&written.run, written.at))
        };
        let own = store.states.get(&whose);
        let aside = waits(target.strategy).and_then(|name| store.shadows.get(&(whose.clone(), name)));
        let is_known =
            known(own, basis.own.as_ref()) && known(aside.map(|shadow| &shadow.saved), basis.aside.as_ref());
        if self.at == 0 && !is_known {
            return Err(state_changed(&target.schema, &target.table));
        }
        let needed = own.filter(|_| target.strategy != Strategy::Replace && !basis.apart);
        let waiting =
            aside.filter(|_| !target.fresh).and_then(|shadow| shadow.saved.apart(Some(&shadow.rows)));
        let needed = needed.and_then(|saved| saved.apart(store.tables.get(&whose.place)));
        match waiting.or(needed) {
            Some(apart) => Err(apart.error(&target.schema, &target.table)),
            None => Ok(()),
        }
    }

    /// Removes what is not kept of the values that did not fit, of this target.
    fn prune_rejects(&self, store: &mut Store, whose: &Whose) {
        let Some(since) = self.commit.keep.rejects.filter(|_| self.commit.release) else { return };
        let ended = store.runs.iter().map(|line| (line.record.id.clone(), line.record.ended_at));
        let old: BTreeSet<String> = ended.filter(|(_, at)| *at < since).map(|(run, _)| run).collect();
        store.rejects.retain(|(other, run, _)| other != whose || !old.contains(run));
    }

    /// Removes what is not kept of the runs.
    fn prune_runs(&self, store: &mut Store, whose: &Whose) {
        let Some(most) = self.commit.keep.runs else { return };
        let mut own: Vec<_> = store.runs.iter().filter(|line| line.whose == *whose).collect();
        own.sort_by_key(|line| std::cmp::Reverse((line.record.started_at, line.record.id.clone())));
        let gone = own.iter().skip(usize::try_from(most).unwrap()).map(|line| line.record.id.clone());
        let gone: Vec<String> = gone.collect();
        store.runs.retain(|line| line.whose != *whose || !gone.contains(&line.record.id));
    }

    fn prune_ledger(&self, store: &mut Store) {
        let Commit { run, lease, release, names, .. } = self.commit;
        if let Some(Names { new, anew }) = names.get(self.at) {
            let held = store.names.entry(place(self.target)).or_default();
            if *anew {
                held.clear();
            }
            held.extend(new.iter().map(|name| (name.field.clone(), name.column.clone())));
        }
        let rejects = self.commit.rejects_of(self.at);
        let (whose, schema) = (Whose::of(self.target), &self.target.schema);
        let rejected = rejects.iter().map(|reject| (whose.clone(), run.id.clone(), reject.clone()));
        store.rejects.extend(rejected);
        if !rejects.is_empty() {
            store.ledgers.insert((schema.clone(), "_ingestr_rejects"));
        }
        self.prune_rejects(store, &whose);
        if self.at > 0 {
            return;
        }
        store.runs.retain(|line| line.record.id != run.id || line.whose != whose);
        store.runs.push(Line { whose: whose.clone(), record: run.clone() });
        store.ledgers.extend([(schema.clone(), "_ingestr_runs"), (schema.clone(), "_ingestr_state")]);
        if *release {
            self.prune_runs(store, &whose);
            let ours = lease.as_ref().map_or(&run.id, |lease| &lease.run);
            store.leases.retain(|place, held| *place != whose.place || held.run != *ours);
        } else if let Some(lease) = lease {
            store.ledgers.insert((schema.clone(), "_ingestr_leases"));
            store.leases.insert(whose.place, lease.clone());
        }
    }

    /// Forgets rows of this target that wait and that no run will go on with.
    fn sweep(&self, store: &mut Store) {
        let (whose, waits) = (Whose::of(self.target), waits(self.target.strategy));
        store.shadows.retain(|(other, name), shadow| {
            *other != whose
                || (Some(*name) == waits && (!self.target.fresh || shadow.saved.run == self.commit.run.id))
        });
    }

    /// Makes the table fit the rows, and the rows the table.
    fn fit(
        &self,
        table: &mut Rows,
        batches: &[RecordBatch],
        brought: &[Column],
        extra: &[Column],
    ) -> Vec<Row> {
        for column in needed(self.target, brought, extra) {
            let found = table.columns.iter_mut().find(|c| c.name.eq_ignore_ascii_case(&column.name));
            let Some(found) = found else {
                table.columns.push(column);
                continue;
            };
            let after = type_after(Some(found.logical), &column, &self.target.columns);
            if after != found.logical {
                found.logical = after;
                let name = found.name.clone();
                table.change_all(|row| {
                    if let Some(cell) = row.get_mut(&name) {
                        *cell = std::mem::replace(cell, Cell::Null).widened(after);
                    }
                });
            }
        }
        let columns = &table.columns;
        let fitting = |(name, cell): (String, Cell)| {
            let column = find(columns, &name).expect("all brought columns are there");
            (column.name.clone(), cell.widened(column.logical))
        };
        batches.iter().flat_map(of_batch).map(|row| row.into_iter().map(fitting).collect()).collect()
    }

    /// The newest row of each key, in the order they came.
    fn newest(&self, rows: Vec<Row>) -> Vec<Row> {
        let mut places: HashMap<Vec<Cell>, usize> = HashMap::new();
        let mut kept: Vec<Row> = Vec::with_capacity(rows.len());
        for row in rows {
            if self.target.key.is_empty() {
                kept.push(row);
                continue;
            }
            let at = *places.entry(Rows::key_of(&row, &self.target.key)).or_insert(kept.len());
            match kept.get_mut(at) {
                Some(old) if newest_first(self.target, old, &row) => {}
                Some(old) => *old = row,
                None => kept.push(row),
            }
        }
        kept
    }

    fn loaded(&self, mut row: Row) -> Row {
        row.extend(self.target.loaded_at.map(|at| (LOADED_AT.to_owned(), Cell::Instant(at.0))));
        row
    }

    fn in_place(&self, table: &mut Rows, batches: &[RecordBatch], brought: &[Column]) -> Counts {
        let strategy = self.target.strategy;
        let versions = (strategy == Strategy::Scd2).then_some(self.commit.run.started_at);
        let extra = if versions.is_some() { version_columns() } else { Vec::new() };
        let rows = self.fit(table, batches, brought, &extra);
        let mut counts = Counts::default();
        if strategy == Strategy::Append {
            counts.inserted = rows.len() as u64;
            rows.into_iter().for_each(|row| table.insert(self.loaded(row)));
        } else {
            if let Some(at) = versions {
                adopt_versions(table, at);
            }
            let rows = self.newest(rows);
            self.complete(table, &rows, &mut counts);
            table.index_by(&self.target.key);
            for row in rows {
                self.merge(table, row, brought, versions, &mut counts);
            }
            counts.add(self.bury(table, versions));
        }
        counts
    }

    /// Removes rows of complete parents that are not among these.
    fn complete(&self, table: &mut Rows, rows: &[Row], counts: &mut Counts) {
        let Some(parent) = self.target.key.first().filter(|_| !self.complete.is_empty()) else { return };
        let of = |row: &Row| self.complete.iter().any(|key| *get(row, parent) == Cell::Int(*key));
        let brought: Vec<Vec<Cell>> = rows.iter().map(|row| Rows::key_of(row, &self.target.key)).collect();
        counts.deleted +=
            table.retain(|row| !of(row) || brought.contains(&Rows::key_of(row, &self.target.key)));
    }

    /// One row meets those of its key.
    fn merge(
        &self,
        table: &mut Rows,
        row: Row,
        brought: &[Column],
        versions: Option<Micros>,
        counts: &mut Counts,
    ) {
        let current =
            |number: &u64| versions.is_none() || *get(table.row(*number), IS_CURRENT) == Cell::Bool(true);
        let there: Vec<u64> =
            table.with_key(&Rows::key_of(&row, &self.target.key)).into_iter().filter(current).collect();
        let is_brought = |name: &str| brought.iter().any(|column| column.name.eq_ignore_ascii_case(name));
        if let [number] = there.as_slice() {
            let old = table.row(*number);
            let same = row.iter().all(|(name, cell)| get(old, name) == cell);
            let marked = MARKS.iter().any(|(mark, _)| !is_brought(mark) && *get(old, mark) != Cell::Null);
            if same && !marked {
                counts.unchanged += 1;
                return;
            }
        }
        let mut new = Row::new();
        if let Some(number) = there.first() {
            let kept =
                table.row(*number).iter().filter(|(name, _)| !MARKS.iter().any(|(mark, _)| mark == name));
            new.extend(kept.map(|(name, cell)| (name.clone(), cell.clone())));
            counts.updated += 1;
        } else {
            counts.inserted += 1;
        }
        new.extend(row);
        let mut new = self.loaded(new);
        if let Some(at) = versions {
            new.insert(VALID_FROM.into(), Cell::Instant(at.0));
            new.insert(VALID_TO.into(), Cell::Null);
            new.insert(IS_CURRENT.into(), Cell::Bool(true));
        }
        for number in there {
            match versions {
                None => table.remove(number),
                Some(at) => table.change(number, |old| {
                    old.insert(VALID_TO.into(), Cell::Instant(at.0));
                    old.insert(IS_CURRENT.into(), Cell::Bool(false));
                }),
            }
        }
        table.insert(new);
    }

    /// Marks, closes or removes the rows that are gone.
    fn bury(&self, table: &mut Rows, versions: Option<Micros>) -> Counts {
        let mut counts = Counts::default();
        let (deletes, Some(key)) = (self.target.deletes, self.target.key.first()) else { return counts };
        if deletes == Deletes::Ignore || self.gone.is_empty() {
            return counts;
        }
        table.index_by(std::slice::from_ref(key));
        for grave in self.gone {
            let mut there = table.with_key(&[Cell::Int(grave.key)]);
            if versions.is_some() {
                // Only the latest version can be told anything new.
                let latest = there.iter().copied().max_by_key(|number| {
                    let row = table.row(*number);
                    let to = get(row, VALID_TO).clone();
                    (*get(row, IS_CURRENT) == Cell::Bool(true), to == Cell::Null, to, *number)
                });
                there = latest.into_iter().collect();
            }
            let (mut newly, mut again) = (0, 0);
            for number in there {
                let row = table.row(number);
                let soft = deletes == Deletes::Soft;
                let was_gone = soft && *get(row, DELETED_AT) != Cell::Null;
                let news = self.marks_survivors()
                    && was_gone
                    && *get(row, MERGED_INTO) == Cell::Null
                    && grave.merged_into.is_some();
                let open =
                    if versions.is_some() { *get(row, IS_CURRENT) == Cell::Bool(true) } else { !was_gone };
                if !open && !news {
                    continue;
                }
                newly += u64::from(!was_gone);
                again += u64::from(was_gone);
                if deletes == Deletes::Hard && versions.is_none() {
                    table.remove(number);
                } else {
                    table.change(number, |row| self.mark(row, grave));
                }
            }
            // Keys, not rows; a child table has many rows of one parent.
            let most = if self.target.key.len() == 1 { 1 } else { u64::MAX };
            counts.deleted += newly.min(most);
            counts.updated += again.min(most);
        }
        counts
    }

    /// Rows of a child table are merged into no other.
    fn marks_survivors(&self) -> bool {
        self.target.columns.iter().any(|column| column.name == MERGED_INTO)
    }

    fn mark(&self, row: &mut Row, grave: &Tombstone) {
        let mut fill = |name: &str, cell: Cell| {
            let old = row.entry(name.into()).or_insert(Cell::Null);
            if *old == Cell::Null {
                *old = cell;
            }
        };
        if self.target.deletes == Deletes::Soft {
            fill(DELETED_AT, Cell::Instant(grave.at.0));
            if self.marks_survivors() {
                fill(MERGED_INTO, grave.merged_into.map_or(Cell::Null, Cell::Int));
            }
        }
        if self.target.strategy == Strategy::Scd2 {
            fill(VALID_TO, Cell::Instant(self.commit.run.started_at.0));
            row.insert(IS_CURRENT.into(), Cell::Bool(false));
        }
        row.extend(self.target.loaded_at.map(|at| (LOADED_AT.to_owned(), Cell::Instant(at.0))));
    }

    /// Adds the rows to those that wait, and with the last commit makes them the table's.
    fn collect(
        &self,
        store: &mut Store,
        name: &'static str,
        batches: &[RecordBatch],
        brought: &[Column],
    ) -> Counts {
        let id = (Whose::of(self.target), name);
        let mut waiting = store.shadows.remove(&id).map_or_else(Rows::default, |shadow| shadow.rows);
        let rows = self.fit(&mut waiting, batches, brought, &[]);
        let rows = self.newest(rows);
        self.complete(&mut waiting, &rows, &mut Counts::default());
        for row in rows {
            waiting.insert(self.loaded(row));
        }
        let mut counts = Counts::default();
        if self.target.strategy == Strategy::Replace {
            counts = self.bury(&mut waiting, None);
        }
        if !self.commit.last {
            let saved = Saved::by(self.commit, &waiting);
            store.shadows.insert(id, Shadow { rows: waiting, saved });
            return counts;
        }
        let mut published = Rows::with_columns(waiting.columns.clone());
        let all: Vec<Row> = waiting.iter().cloned().collect();
        self.newest(all).into_iter().for_each(|row| published.insert(row));
        let table = store.tables.entry(place(self.target)).or_default();
        if self.target.strategy == Strategy::Replace {
            counts.deleted += table.len();
            counts.inserted += published.len();
            *table = published;
        } else {
            counts.add(self.replace_window(table, &published));
        }
        counts
    }

    fn replace_window(&self, table: &mut Rows, published: &Rows) -> Counts {
        self.fit(table, &[], &published.columns, &[]);
        let mut deleted = 0;
        if let Some(column) = &self.target.incremental_key {
            let read: Vec<&Cell> =
                published.iter().map(|row| get(row, column)).filter(|cell| **cell != Cell::Null).collect();
            let (low, high) = self.target.window;
            let end = |at: Option<Micros>| at.map(|at| Cell::Instant(at.0));
            let low = end(low).or_else(|| read.iter().min().copied().cloned());
            let high = end(high).or_else(|| read.iter().max().copied().cloned());
            if let (Some(low), Some(high)) = (low, high) {
                let within = |cell: &Cell| *cell != Cell::Null && low <= *cell && *cell <= high;
                let asked = |row: &Row| match &self.target.asked {
                    Asked::All => true,
                    Asked::Since(column, at) => *get(row, column) >= Cell::Instant(at.0),
                    Asked::Untold => false,
                };
                deleted += table.retain(|row| !(within(get(row, column)) && asked(row)));
            }
        }
        if !self.target.key.is_empty() {
            table.index_by(&self.target.key);
            for row in published.iter() {
                for number in table.with_key(&Rows::key_of(row, &self.target.key)) {
                    table.remove(number);
                    deleted += 1;
                }
            }
        }
        published.iter().for_each(|row| table.insert(row.clone()));
        Counts { inserted: published.len(), deleted, ..Counts::default() }
    }
}

/// Rows of a table that had no versions become current ones, valid since they were loaded.
fn adopt_versions(table: &mut Rows, start: Micros) {
    let plain: Vec<u64> = table
        .numbered()
        .filter(|(_, row)| *get(row, IS_CURRENT) == Cell::Null)
        .map(|(number, _)| number)
        .collect();
    for number in plain {
        table.change(number, |row| {
            let since = match get(row, LOADED_AT) {
                Cell::Null => Cell::Instant(start.0),
                at => at.clone(),
            };
            row.insert(IS_CURRENT.into(), Cell::Bool(true));
            row.insert(VALID_FROM.into(), since);
        });
    }
}
