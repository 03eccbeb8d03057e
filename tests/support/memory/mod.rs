//! A destination in memory: what every destination promises, without a database, so that thousands of runs take
//! seconds. It can crash before, in and after its commits, lose tables, and be taken over by another run.
//!
//! It is one for tests alone, and passes the suite that every destination passes: `src/dest/conformance/memory.rs`
//! includes these files, so that they are tests of the library as well.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard};

use arrow_array::RecordBatch;
use futures_util::future::BoxFuture;
use ingestr::api::dest::sql::identity::Apart;
use ingestr::api::dest::sql::leases::{gone, judge};
use ingestr::api::dest::sql::ledger::newer;
use ingestr::api::dest::{
    Again, Basis, Capabilities, Commit, Counts, DestError, DestErrorKind, Destination, FlushDefaults, Idle,
    Inspection, Load, Owner, Stored, Target, Targets, Undone, Written,
};
use ingestr::api::model::lease::Claim;
use ingestr::api::model::{
    Answer, DELETED_AT, FieldName, Lease, MERGED_INTO, Micros, Question, Reject, Remembered, RunLine,
    RunRecord, STATE_VERSION, State, Strategy, Tombstone,
};

mod apply;
mod ask;
mod rows;

pub use rows::{Cell, Row, Rows};

/// Schema and name of a table.
pub type Place = (String, String);

/// Whose rows of a table something is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Whose {
    pub place: Place,
    pub account: String,
    pub source_table: String,
}

impl Whose {
    fn of(target: &Target) -> Self {
        Self {
            place: place(target),
            account: target.account.clone(),
            source_table: target.source_table.clone(),
        }
    }
}

fn place(target: &Target) -> Place {
    (target.schema.clone(), target.table.clone())
}

/// A state as it is stored.
#[derive(Debug, Clone)]
pub struct Saved {
    pub state: State,
    /// The run that wrote it.
    pub run: String,
    pub version: i64,
    pub updated_at: Micros,
    /// Which table its rows are in, if that is known.
    pub table: Option<u64>,
    /// Whether there are any.
    pub filled: bool,
}

impl Saved {
    fn by(commit: &Commit, rows: &Rows) -> Self {
        Self {
            state: commit.state.clone(),
            run: commit.run.id.clone(),
            version: STATE_VERSION,
            updated_at: commit.run.ended_at,
            table: Some(rows.id),
            filled: rows.len() > 0,
        }
    }

    /// How it and the table that is there have come apart.
    fn apart(&self, table: Option<&Rows>) -> Option<Apart> {
        match table {
            None => Some(Apart::Missing),
            Some(table) if self.table.is_some_and(|id| id != table.id) => Some(Apart::Another),
            Some(table) if self.filled && table.len() == 0 => Some(Apart::Emptied),
            Some(_) => None,
        }
    }
}

/// Rows that wait for the last commit, and their state.
#[derive(Debug, Clone)]
pub struct Shadow {
    pub rows: Rows,
    pub saved: Saved,
}

/// What shall go wrong at a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Nothing of it happens.
    Before,
    /// Its rows are written, its state is not; then it is undone.
    Between,
    /// All of it happens, but nobody hears of it.
    After,
}

/// A line of the ledger.
#[derive(Debug, Clone)]
pub struct Line {
    pub whose: Whose,
    pub record: RunRecord,
}

#[derive(Debug, Default, Clone)]
pub struct Store {
    pub tables: BTreeMap<Place, Rows>,
    pub shadows: BTreeMap<(Whose, &'static str), Shadow>,
    pub states: BTreeMap<Whose, Saved>,
    pub leases: BTreeMap<Place, Lease>,
    pub runs: Vec<Line>,
    /// With the run that had them.
    pub rejects: Vec<(Whose, String, Reject)>,
    /// Columns of fields, by table.
    pub names: BTreeMap<Place, BTreeMap<String, String>>,
    /// Tables of the ledger that were ever needed, by schema.
    pub ledgers: BTreeSet<(String, &'static str)>,
    /// Commits until the crash, and its kind.
    pub crash: Option<(u64, Crash)>,
    /// Commits until a table is dropped behind the run's back, and which.
    pub vanishes: Option<(u64, Place)>,
    pub commits: u64,
    /// Until when another program holds it.
    pub held_until: Option<tokio::time::Instant>,
    /// What it says of the time between commits.
    pub shortest: Option<std::time::Duration>,
}

/// A table as tests compare it.
#[derive(Debug, Default, Clone)]
pub struct Table {
    /// By id, without columns of ours; of several rows with one id the last, of versions the current one.
    pub rows: BTreeMap<i64, Row>,
    /// All rows, in the order they were written.
    pub all: Vec<Row>,
    pub state: Option<State>,
    /// Rows marked as gone, and what they were merged into.
    pub gone: BTreeMap<i64, Option<i64>>,
}

#[derive(Debug, Default, Clone)]
pub struct Memory(pub Arc<Mutex<Store>>);

impl Memory {
    pub fn store(&self) -> MutexGuard<'_, Store> {
        self.0.lock().unwrap()
    }

    /// A table by `schema.name`; an empty one if there is none.
    pub fn table(&self, name: &str) -> Table {
        let store = self.store();
        let (schema, table) = name.split_once('.').unwrap();
        let place = (schema.to_owned(), table.to_owned());
        let Some(held) = store.tables.get(&place) else { return Table::default() };
        let mut found = Table::default();
        for row in held.iter() {
            found.all.push(row.clone());
            let Some(Cell::Int(id)) = row.get("id") else { continue };
            if row.get(apply::IS_CURRENT) == Some(&Cell::Bool(false)) {
                continue;
            }
            found.gone.remove(id);
            if row.get(DELETED_AT).is_some_and(|cell| *cell != Cell::Null) {
                let survivor = match row.get(MERGED_INTO) {
                    Some(Cell::Int(survivor)) => Some(*survivor),
                    _ => None,
                };
                found.gone.insert(*id, survivor);
            }
            let source = row.iter().filter(|(name, _)| !name.starts_with("_ingestr_"));
            found.rows.insert(*id, source.map(|(name, cell)| (name.clone(), cell.clone())).collect());
        }
        found.state =
            store.states.iter().find(|(whose, _)| whose.place == place).map(|(_, saved)| saved.state.clone());
        found
    }
}

impl Store {
    /// What whoever opens it is told.
    fn opened(&self) -> Result<(), DestError> {
        match self.held_until {
            Some(until) if tokio::time::Instant::now() < until => Err(failure(DestErrorKind::Locked)),
            _ => Ok(()),
        }
    }
}

fn failure(kind: DestErrorKind) -> DestError {
    DestError::new(kind, format!("{kind:?}"))
}

/// What a stored state says to this program.
fn readable(target: &Target, saved: &Saved) -> Result<State, DestError> {
    if saved.version > STATE_VERSION {
        return Err(newer(target.into(), "memory", saved.version));
    }
    Ok(saved.state.clone())
}

impl Destination for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            flush: FlushDefaults { shortest: self.store().shortest, ..FlushDefaults::EMBEDDED },
            ..Capabilities::DATABASE
        }
    }

    fn default_schema(&self) -> Option<&str> {
        Some("main")
    }

    fn describe(&self) -> String {
        "memory".into()
    }

    fn inspect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Inspection, DestError>> {
        let look = || {
            let store = self.store();
            store.opened()?;
            let whose = Whose::of(target);
            let table = store.tables.get(&whose.place);
            let state = store.states.get(&whose);
            let apart = state.and_then(|saved| saved.apart(table));
            let aside = apply::waits(target.strategy)
                .and_then(|strategy| store.shadows.get(&(whose.clone(), strategy)))
                .map(|shadow| (&shadow.saved, shadow.saved.apart(Some(&shadow.rows))));
            let has_aside = aside.is_some_and(|(_, apart)| apart.is_none());
            let named = |(field, column): (&String, &String)| FieldName {
                field: field.clone(),
                column: column.clone(),
            };
            let written = |saved: &Saved| Written { run: saved.run.clone(), at: Some(saved.updated_at) };
            let basis = Basis {
                own: state.map(written),
                aside: aside.map(|(saved, _)| written(saved)),
                apart: apart.is_some(),
            };
            let state = state.filter(|_| apart.is_none());
            let note = apart.filter(|_| target.strategy != Strategy::Replace);
            Ok(Inspection {
                columns: table.map(|table| table.columns.clone()),
                theirs: Vec::new(),
                lacking: table
                    .map(|table| {
                        target.lacking(|name| {
                            table.columns.iter().any(|one| one.name.eq_ignore_ascii_case(name))
                        })
                    })
                    .unwrap_or_default(),
                state: state.map(|saved| readable(target, saved)).transpose()?,
                aside: aside
                    .filter(|(_, apart)| apart.is_none())
                    .map(|(saved, _)| readable(target, saved))
                    .transpose()?,
                owners: store.owners(&whose),
                lease: store.leases.get(&whose.place).cloned(),
                names: (table.is_some() && apart != Some(Apart::Another) || has_aside)
                    .then(|| store.names.get(&whose.place))
                    .flatten()
                    .map(|names| names.iter().map(named).collect()),
                basis,
                held: None,
                notes: note.map(|apart| apart.note(&target.schema, &target.table)).into_iter().collect(),
            })
        };
        let found = look();
        Box::pin(async { found })
    }

    fn begin(&self, targets: Targets<'_>) -> Box<dyn Load> {
        let targets = targets.all().map(Incoming::of).collect();
        Box::new(MemoryLoad { memory: self.clone(), targets, gone: Vec::new() })
    }

    fn ask<'a>(
        &'a self,
        target: &'a Target,
        question: Question,
    ) -> BoxFuture<'a, Result<Option<Answer>, DestError>> {
        let opened = self.store().opened();
        let answer =
            opened.map(|()| ask::answer(&self.store(), target, &question).map(|pairs| Answer { pairs }));
        Box::pin(async { answer })
    }

    fn rows<'a>(
        &'a self,
        target: &'a Target,
        columns: &'a [String],
        after: Option<i64>,
        most: u64,
    ) -> BoxFuture<'a, Result<Option<Vec<Stored>>, DestError>> {
        let opened = self.store().opened();
        let rows = opened.map(|()| ask::stored(&self.store(), target, columns, after, most));
        Box::pin(async { rows })
    }

    fn lease<'a>(
        &'a self,
        target: &'a Target,
        wanted: Lease,
        claim: Claim,
        live: fn(&Lease, Micros) -> bool,
    ) -> BoxFuture<'a, Result<(), DestError>> {
        let mut store = self.store();
        let opened = store.opened();
        let judged = || judge(target, store.leases.get(&place(target)), &wanted, claim, live);
        let result = opened.and_then(|()| judged());
        if result.is_ok() {
            store.ledgers.insert((target.schema.clone(), "_ingestr_leases"));
            store.leases.insert(place(target), wanted);
        }
        Box::pin(async { result })
    }

    fn release<'a>(&'a self, target: &'a Target, run: &'a str) -> BoxFuture<'a, Result<(), DestError>> {
        self.store().leases.retain(|place, held| *place != self::place(target) || held.run != run);
        Box::pin(async { Ok(()) })
    }

    fn commit_idle<'a>(&'a self, idle: &'a [Idle], now: Micros) -> BoxFuture<'a, Result<(), DestError>> {
        let made = || {
            let mut store = self.store();
            store.opened()?;
            let crash = count_down(&mut store.crash);
            if matches!(crash, Some(Crash::Before | Crash::Between)) {
                return Err(failure(DestErrorKind::Other));
            }
            let mut after = store.clone();
            for Idle { targets, commit } in idle {
                let held = after.leases.get(&place(&targets[0]));
                if let Some(held) = held.filter(|held| held.run != commit.run.id && held.until > now) {
                    return Err(gone(&targets[0].schema, &targets[0].table, Some(held)));
                }
                let targets: Vec<Incoming> = targets.iter().map(Incoming::of).collect();
                MemoryLoad { memory: self.clone(), targets, gone: Vec::new() }.apply(&mut after, commit)?;
            }
            after.commits += 1;
            *store = after;
            if crash == Some(Crash::After) { Err(failure(DestErrorKind::Unknown)) } else { Ok(()) }
        };
        let made = made();
        Box::pin(async { made })
    }

    fn remembered(&self) -> BoxFuture<'_, Result<Vec<Remembered>, DestError>> {
        let all = self.store().remembered();
        Box::pin(async { Ok(all) })
    }

    fn reassign<'a>(
        &'a self,
        tables: &'a [Remembered],
        account: &'a str,
    ) -> BoxFuture<'a, Result<u64, DestError>> {
        let count = self.store().reassign(tables, account);
        Box::pin(async move { Ok(count) })
    }

    fn forget<'a>(&'a self, schema: &'a str, table: &'a str) -> BoxFuture<'a, Result<u64, DestError>> {
        let mut store = self.store();
        let place = (schema.to_owned(), table.to_owned());
        let before = store.states.len() + store.shadows.len();
        store.states.retain(|whose, _| whose.place != place);
        store.shadows.retain(|(whose, _), _| whose.place != place);
        store.leases.remove(&place);
        let forgotten = (before - store.states.len() - store.shadows.len()) as u64;
        Box::pin(async move { Ok(forgotten) })
    }
}

impl Store {
    /// Others who have rows in that place.
    fn owners(&self, target: &Whose) -> Vec<Owner> {
        let there = self.tables.contains_key(&target.place);
        let own = self.states.keys().filter(|_| there).map(|whose| (whose, false));
        let all = own.chain(self.shadows.keys().map(|(whose, _)| (whose, true)));
        let others = all.filter(|(whose, _)| whose.place == target.place && *whose != target);
        let owner = |(whose, aside): (&Whose, bool)| Owner {
            account: whose.account.clone(),
            source_table: whose.source_table.clone(),
            aside,
        };
        others.map(owner).collect()
    }

    fn reassign(&mut self, tables: &[Remembered], account: &str) -> u64 {
        let moves = |whose: &Whose| {
            tables.iter().any(|one| {
                (&one.schema, &one.table) == (&whose.place.0, &whose.place.1)
                    && (&one.account, &one.source_table) == (&whose.account, &whose.source_table)
            })
        };
        let given = |whose: Whose| Whose { account: account.to_owned(), ..whose };
        let (states, rest) =
            std::mem::take(&mut self.states).into_iter().partition(|(whose, _)| moves(whose));
        self.states = rest;
        let (shadows, rest) =
            std::mem::take(&mut self.shadows).into_iter().partition(|((whose, _), _)| moves(whose));
        self.shadows = rest;
        let (states, shadows): (BTreeMap<_, _>, BTreeMap<_, _>) = (states, shadows);
        let count = (states.len() + shadows.len()) as u64;
        self.states.extend(states.into_iter().map(|(whose, saved)| (given(whose), saved)));
        self.shadows
            .extend(shadows.into_iter().map(|((whose, kind), shadow)| ((given(whose), kind), shadow)));
        let lines = self.runs.iter_mut().map(|line| &mut line.whose);
        for whose in
            lines.chain(self.rejects.iter_mut().map(|(whose, ..)| whose)).filter(|whose| moves(whose))
        {
            account.clone_into(&mut whose.account);
        }
        count
    }

    fn remembered(&self) -> Vec<Remembered> {
        let own = self.states.iter().map(|(whose, saved)| (whose, saved, false));
        let aside = self.shadows.iter().map(|((whose, _), shadow)| (whose, &shadow.saved, true));
        let mut all: Vec<Remembered> =
            own.chain(aside).map(|(whose, saved, aside)| self.entry(whose, saved, aside)).collect();
        let order = |r: &Remembered| {
            (r.schema.clone(), r.table.clone(), r.account.clone(), r.source_table.clone(), r.aside)
        };
        all.sort_by_key(order);
        all
    }

    fn entry(&self, whose: &Whose, saved: &Saved, aside: bool) -> Remembered {
        let mut runs: Vec<&RunRecord> =
            self.runs.iter().filter(|line| line.whose == *whose).map(|line| &line.record).collect();
        runs.sort_by_key(|run| std::cmp::Reverse((run.started_at, run.id.clone())));
        let line = |run: &RunRecord| RunLine {
            id: run.id.clone(),
            started_at: Some(run.started_at),
            ended_at: Some(run.ended_at),
            outcome: run.outcome.into(),
            rows_read: i64::try_from(run.rows_read).unwrap(),
            requests: i64::try_from(run.requests).unwrap(),
            error: run.error.clone(),
            warnings: run.warnings.clone(),
        };
        Remembered {
            account: whose.account.clone(),
            source_table: whose.source_table.clone(),
            schema: whose.place.0.clone(),
            table: whose.place.1.clone(),
            aside,
            version: saved.version,
            state: (saved.version <= STATE_VERSION).then(|| saved.state.clone()),
            updated_at: Some(saved.updated_at),
            lease: self.leases.get(&whose.place).cloned(),
            runs: runs.into_iter().take(5).map(line).collect(),
        }
    }
}

struct MemoryLoad {
    memory: Memory,
    targets: Vec<Incoming>,
    gone: Vec<Tombstone>,
}

/// The rows of one commit for one target.
struct Incoming {
    target: Target,
    batches: Vec<RecordBatch>,
    /// Parents whose rows are all here.
    complete: Vec<i64>,
}

impl Incoming {
    /// No rows yet.
    fn of(target: &Target) -> Self {
        Self { target: target.clone(), batches: Vec::new(), complete: Vec::new() }
    }
}

impl MemoryLoad {
    fn apply(&self, store: &mut Store, commit: &Commit) -> Result<Vec<Counts>, DestError> {
        let gone = once_each(&self.gone);
        let work = |(at, of): (usize, &Incoming)| {
            let work = apply::Work { target: &of.target, commit, at, complete: &of.complete, gone: &gone };
            work.apply(store, &of.batches)
        };
        self.targets.iter().enumerate().map(work).collect()
    }
}

impl Load for MemoryLoad {
    fn stage<'a>(&'a mut self, at: usize, batch: RecordBatch) -> BoxFuture<'a, Result<(), DestError>> {
        self.targets[at].batches.push(batch);
        Box::pin(async { Ok(()) })
    }

    fn complete(&mut self, at: usize, parents: Vec<i64>) {
        self.targets[at].complete.extend(parents);
    }

    fn bury(&mut self, tombstones: Vec<Tombstone>) {
        self.gone.extend(tombstones);
    }

    fn commit(self: Box<Self>, commit: Commit) -> BoxFuture<'static, Result<Vec<Counts>, Undone>> {
        Box::pin(async move {
            let opened = self.memory.store().opened();
            if let Err(error) = opened {
                return Err(Undone::Held { error, again: Box::new(Again { load: self, commit }) });
            }
            let mut store = self.memory.store();
            let crash = count_down(&mut store.crash);
            if let Some(place) = count_down(&mut store.vanishes) {
                store.tables.remove(&place);
                store.vanishes = None;
            }
            if crash == Some(Crash::Before) {
                return Err(failure(DestErrorKind::Other).into());
            }
            if crash == Some(Crash::Between) {
                store.crash = None;
                self.apply(&mut store.clone(), &commit)?;
                return Err(failure(DestErrorKind::Other).into());
            }
            let counts = self.apply(&mut store, &commit)?;
            store.commits += 1;
            if crash == Some(Crash::After) { Err(failure(DestErrorKind::Unknown).into()) } else { Ok(counts) }
        })
    }
}

/// What is due now, after so many times before.
pub fn count_down<T: Clone>(waits: &mut Option<(u64, T)>) -> Option<T> {
    match waits {
        Some((0, due)) => Some(due.clone()),
        Some((left, _)) => {
            *left -= 1;
            None
        }
        None => None,
    }
}

/// One tombstone for each key: the first date, the first known survivor.
fn once_each(tombstones: &[Tombstone]) -> Vec<Tombstone> {
    let mut places: HashMap<i64, usize> = HashMap::new();
    let mut graves: Vec<Tombstone> = Vec::new();
    for tombstone in tombstones {
        let at = *places.entry(tombstone.key).or_insert(graves.len());
        match graves.get_mut(at) {
            Some(grave) => grave.merged_into = grave.merged_into.or(tombstone.merged_into),
            None => graves.push(*tombstone),
        }
    }
    graves
}
