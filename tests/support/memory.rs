//! A destination in memory: what every destination promises, without a database, so that thousands of runs take
//! seconds. It can crash before and after its commits.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use futures_util::future::BoxFuture;
use ingestr::dest::{
    Capabilities, Commit, Counts, DestError, DestErrorKind, Destination, Inspection, Load, Reject, Target,
};
use ingestr::schema::{Column, LogicalType};
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
        }
    }

    fn describe(&self) -> String {
        "memory".into()
    }

    fn inspect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Inspection, DestError>> {
        let table = self.0.lock().unwrap().tables.get(&name(target)).cloned();
        Box::pin(async move {
            Ok(match table {
                None => Inspection::default(),
                Some(table) => {
                    let state = if target.strategy == Strategy::Replace {
                        table.shadow.map(|(_, state)| state)
                    } else {
                        table.state
                    };
                    Inspection { columns: Some(table.columns), state }
                }
            })
        })
    }

    fn begin(&self, target: &Target) -> Box<dyn Load> {
        Box::new(MemoryLoad { store: self.clone(), target: target.clone(), batches: Vec::new() })
    }
}

struct MemoryLoad {
    store: Memory,
    target: Target,
    batches: Vec<RecordBatch>,
}

impl Load for MemoryLoad {
    fn stage<'a>(&'a mut self, batch: RecordBatch) -> BoxFuture<'a, Result<(), DestError>> {
        self.batches.push(batch);
        Box::pin(async { Ok(()) })
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
            let lost = || DestError {
                kind: DestErrorKind::Other,
                message: "crash".into(),
                hint: None,
                source: None,
            };
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
            if commit.last {
                counts.inserted = shadow.len() as u64;
                table.rows = shadow;
                table.state = Some(commit.state);
            } else {
                table.shadow = Some((shadow, commit.state));
            }
            return counts;
        }
        for (id, row) in staged {
            match table.rows.insert(id, row.clone()) {
                None => counts.inserted += 1,
                Some(old) if old == row => counts.unchanged += 1,
                Some(_) => counts.updated += 1,
            }
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
