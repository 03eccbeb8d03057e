//! A destination in memory: what every destination promises, without a database, so that thousands of runs take
//! seconds. It can crash before and after its commits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use futures_util::future::BoxFuture;
use ingestr::dest::{
    Answer, Capabilities, Commit, Counts, Deletes, DestError, DestErrorKind, Destination, FlushDefaults,
    Inspection, Lease, Load, Question, Reject, Remembered, Target, Tombstone,
};
use ingestr::lease;
use ingestr::schema::{Column, LogicalType, Micros};
use ingestr::state::{RunRecord, State};
use ingestr::strategy::Strategy;

/// A value as it is stored. Floats as their bits, so that equality is equality.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Null,
    Bool(bool),
    Int(i64),
    Float(u64),
    Text(String),
    Instant(i64),
    Json(String),
}

pub type Row = BTreeMap<String, Cell>;

#[derive(Debug, Default, Clone)]
pub struct Table {
    pub columns: Vec<Column>,
    pub rows: BTreeMap<i64, Row>,
    /// Every row that was ever added, for `append`.
    pub appended: Vec<Row>,
    pub state: Option<State>,
    /// Rows marked as gone, and what they were merged into.
    pub gone: BTreeMap<i64, Option<i64>>,
    pub lease: Option<Lease>,
    shadow: Option<(BTreeMap<i64, Row>, State)>,
}

/// What shall go wrong at a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Nothing of it happens.
    Before,
    /// All of it happens, but nobody hears of it.
    After,
}

#[derive(Debug, Default)]
pub struct Store {
    pub tables: BTreeMap<String, Table>,
    pub rejects: Vec<Reject>,
    pub runs: Vec<RunRecord>,
    /// Commits until the crash, and its kind.
    pub crash: Option<(u64, Crash)>,
    pub commits: u64,
    /// What it says of the time between commits.
    pub shortest: Option<std::time::Duration>,
}

#[derive(Debug, Default, Clone)]
pub struct Memory(pub Arc<Mutex<Store>>);

impl Memory {
    pub fn table(&self, name: &str) -> Table {
        self.0.lock().unwrap().tables.get(name).cloned().unwrap_or_default()
    }
}

fn name(target: &Target) -> String {
    format!("{}.{}", target.schema, target.table)
}

impl Destination for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            strategies: &Strategy::ALL,
            partitioning: false,
            clustering: false,
            file_formats: &[],
            staging_bucket: false,
            staging_dataset: false,
            projects: false,
            flush: FlushDefaults { shortest: self.0.lock().unwrap().shortest, ..FlushDefaults::EMBEDDED },
        }
    }

    fn default_schema(&self) -> Option<&str> {
        Some("main")
    }

    fn describe(&self) -> String {
        "memory".into()
    }

    fn inspect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Inspection, DestError>> {
        let table = self.0.lock().unwrap().tables.get(&name(target)).cloned();
        Box::pin(async move {
            Ok(match table {
                None => Inspection::default(),
                Some(table) => Inspection {
                    columns: Some(table.columns),
                    state: table.state,
                    aside: table.shadow.map(|(_, state)| state),
                    owners: Vec::new(),
                    lease: table.lease,
                    notes: Vec::new(),
                },
            })
        })
    }

    fn begin(&self, target: &Target) -> Box<dyn Load> {
        Box::new(MemoryLoad {
            store: self.clone(),
            target: target.clone(),
            batches: Vec::new(),
            gone: Vec::new(),
        })
    }

    fn ask<'a>(&'a self, target: &'a Target, question: Question) -> BoxFuture<'a, Result<Answer, DestError>> {
        let mut table = self.table(&name(target));
        if let (Strategy::Replace, Some((shadow, _))) = (target.strategy, table.shadow.take()) {
            table.rows = shadow;
            table.gone.clear();
        }
        let alive = table.rows.iter().filter(|(id, _)| !table.gone.contains_key(id));
        let matching = |row: &Row, column: &str, values: &[i64]| match row.get(column) {
            Some(Cell::Int(value)) if values.contains(value) => Some(*value),
            _ => None,
        };
        let pairs = match question {
            Question::CountBy { column, values } => {
                let mut counts = BTreeMap::new();
                for value in alive.filter_map(|(_, row)| matching(row, &column, &values)) {
                    *counts.entry(value).or_insert(0) += 1;
                }
                counts.into_iter().collect()
            }
            Question::KeysBy { column, values } => {
                alive.filter_map(|(id, row)| Some((matching(row, &column, &values)?, *id))).collect()
            }
            Question::KeysBetween { column, from, to, with } => {
                let value = |row: &Row| match with.as_ref().and_then(|with| row.get(with)) {
                    Some(Cell::Int(value)) => *value,
                    _ => 0,
                };
                alive
                    .filter(
                        |(_, row)| matches!(row[&column], Cell::Instant(at) if (from.0..=to.0).contains(&at)),
                    )
                    .map(|(id, row)| (*id, value(row)))
                    .collect()
            }
            Question::ValuesOf { column, keys } => {
                let value = |row: &Row| match row.get(&column) {
                    Some(Cell::Int(value)) => Some(*value),
                    _ => None,
                };
                let wanted = alive.filter(|(id, _)| keys.contains(id));
                wanted.filter_map(|(id, row)| Some((*id, value(row)?))).collect()
            }
            Question::Count => vec![(0, i64::try_from(alive.count()).unwrap())],
        };
        Box::pin(async { Ok(Answer { pairs }) })
    }

    fn lease<'a>(
        &'a self,
        target: &'a Target,
        wanted: Lease,
        live: fn(&Lease, Micros) -> bool,
    ) -> BoxFuture<'a, Result<(), DestError>> {
        let mut store = self.0.lock().unwrap();
        let held = &mut store.tables.entry(name(target)).or_default().lease;
        let now = wanted.until.minus(lease::TERM);
        let result = match held {
            Some(other) if other.run != wanted.run && live(other, now) => Err(failure(DestErrorKind::Leased)),
            _ => {
                *held = Some(wanted);
                Ok(())
            }
        };
        Box::pin(async { result })
    }

    fn release<'a>(&'a self, target: &'a Target, run: &'a str) -> BoxFuture<'a, Result<(), DestError>> {
        let mut store = self.0.lock().unwrap();
        let held = &mut store.tables.entry(name(target)).or_default().lease;
        if held.as_ref().is_some_and(|held| held.run == run) {
            *held = None;
        }
        Box::pin(async { Ok(()) })
    }

    fn remembered(&self) -> BoxFuture<'_, Result<Vec<Remembered>, DestError>> {
        Box::pin(async { Ok(Vec::new()) })
    }

    fn reassign<'a>(&'a self, _: &'a [Remembered], _: &'a str) -> BoxFuture<'a, Result<u64, DestError>> {
        Box::pin(async { Ok(0) })
    }

    fn forget<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<u64, DestError>> {
        Box::pin(async { Ok(0) })
    }
}

fn failure(kind: DestErrorKind) -> DestError {
    DestError { kind, message: format!("{kind:?}"), hint: None, source: None }
}

struct MemoryLoad {
    store: Memory,
    target: Target,
    batches: Vec<RecordBatch>,
    gone: Vec<Tombstone>,
}

impl Load for MemoryLoad {
    fn stage<'a>(&'a mut self, batch: RecordBatch) -> BoxFuture<'a, Result<(), DestError>> {
        self.batches.push(batch);
        Box::pin(async { Ok(()) })
    }

    fn bury(&mut self, tombstones: Vec<Tombstone>) {
        self.gone.extend(tombstones);
    }

    fn commit(self: Box<Self>, commit: Commit) -> BoxFuture<'static, Result<Counts, DestError>> {
        Box::pin(async move {
            let mut store = self.store.0.lock().unwrap();
            let crash = match &mut store.crash {
                Some((0, kind)) => Some(*kind),
                Some((left, _)) => {
                    *left -= 1;
                    None
                }
                None => None,
            };
            let lost = || failure(DestErrorKind::Other);
            if crash == Some(Crash::Before) {
                return Err(lost());
            }
            store.commits += 1;
            let counts = self.apply(&mut store, commit);
            if crash == Some(Crash::After) { Err(lost()) } else { Ok(counts) }
        })
    }
}

impl MemoryLoad {
    fn apply(&self, store: &mut Store, commit: Commit) -> Counts {
        store.rejects.extend(commit.rejects);
        store.runs.push(commit.run);
        let table = store.tables.entry(name(&self.target)).or_default();
        if table.columns.is_empty() {
            table.columns.clone_from(&self.target.columns);
        }
        if let Some(lease) = &commit.lease {
            assert_eq!(table.lease.as_ref().map(|held| &held.run), Some(&lease.run), "the lease is ours");
        }
        if commit.release {
            table.lease = None;
        }
        let key = self.target.incremental_key.clone().unwrap_or_default();
        let mut staged: BTreeMap<i64, Row> = BTreeMap::new();
        for row in self.batches.iter().flat_map(rows) {
            table.appended.push(row.clone());
            let Cell::Int(id) = row["id"] else { panic!("a row without an id was loaded") };
            let newer = staged.get(&id).is_none_or(|old| row.get(&key) >= old.get(&key));
            if newer {
                staged.insert(id, row);
            }
        }
        let mut counts = Counts::default();
        if self.target.strategy == Strategy::Replace {
            if self.target.fresh {
                table.shadow = None;
            }
            let (mut shadow, _) = table.shadow.take().unwrap_or((BTreeMap::new(), commit.state.clone()));
            shadow.extend(staged);
            for gone in &self.gone {
                shadow.remove(&gone.key);
            }
            if commit.last {
                counts.inserted = shadow.len() as u64;
                table.rows = shadow;
                table.gone.clear();
                table.state = Some(commit.state);
            } else {
                table.shadow = Some((shadow, commit.state));
            }
            return counts;
        }
        for (id, row) in staged {
            table.gone.remove(&id);
            match table.rows.insert(id, row.clone()) {
                None => counts.inserted += 1,
                Some(old) if old == row => counts.unchanged += 1,
                Some(_) => counts.updated += 1,
            }
        }
        for tombstone in &self.gone {
            if !table.rows.contains_key(&tombstone.key) {
                continue;
            }
            match self.target.deletes {
                Deletes::Soft => {
                    table.gone.entry(tombstone.key).or_insert(tombstone.merged_into);
                }
                Deletes::Hard => {
                    table.rows.remove(&tombstone.key);
                }
                Deletes::Ignore => {}
            }
            counts.deleted += 1;
        }
        table.state = Some(commit.state);
        counts
    }
}

fn rows(batch: &RecordBatch) -> Vec<Row> {
    let schema = batch.schema();
    let cells = |row: usize| {
        schema.fields().iter().zip(batch.columns()).map(move |(field, array)| {
            (field.name().clone(), cell(LogicalType::of(field).unwrap(), array, row))
        })
    };
    (0..batch.num_rows()).map(|row| cells(row).collect()).collect()
}

fn cell(logical: LogicalType, array: &ArrayRef, row: usize) -> Cell {
    if array.is_null(row) {
        return Cell::Null;
    }
    match logical {
        LogicalType::Bool => Cell::Bool(array.as_boolean().value(row)),
        LogicalType::Int64 => Cell::Int(array.as_primitive::<Int64Type>().value(row)),
        LogicalType::Float64 => Cell::Float(array.as_primitive::<Float64Type>().value(row).to_bits()),
        LogicalType::Text => Cell::Text(array.as_string::<i32>().value(row).into()),
        LogicalType::Timestamp => Cell::Instant(array.as_primitive::<TimestampMicrosecondType>().value(row)),
        LogicalType::Json => Cell::Json(array.as_string::<i32>().value(row).into()),
    }
}
