//! What databases have in common that keep the rows of a commit until it is made, and change tables inside a transaction:
//! those in this process, which answer at once, and PostgreSQL.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{Field, Schema};

use super::batches::{Batches, Incoming};
use super::cells::LedgerLine;
use super::columns::{columns_of, needed, same, version_columns};
use super::commit::{Plan, Seen, script};
use super::dialect::Shape;
use super::engine::Engine;
use super::ledger::{self, RUNS, Whose};
use super::script::own;
use super::shape::Needs;
use super::staged::{Staged, StagedRows, StagingTable, key_rows, reject_rows, tombstone_rows};
use super::{Dialect, children, deletions, inspect};
use crate::dest::{Commit, Counts, DestError, DestErrorKind, Inspection, Target, Targets};
use crate::model::{Column, LogicalType, Reject, Strategy, Tombstone};

/// What a database in this process says: it never lets anybody wait, so its futures are done when they are asked first.
///
/// # Errors
/// Those of the future.
pub(crate) fn at_once<T>(work: impl Future<Output = Result<T, DestError>>) -> Result<T, DestError> {
    futures_util::FutureExt::now_or_never(work).unwrap_or_else(|| {
        let message = "the database in this process did not answer at once";
        Err(DestError::new(crate::dest::DestErrorKind::Other, message))
    })
}

/// The rows of one commit. Nothing of it is written before: the caller bounds a commit, and the file stays closed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting {
    /// For each target; the one that is read is the first.
    pub(crate) targets: Vec<Incoming>,
    pub(crate) tombstones: Vec<Tombstone>,
}

impl Waiting {
    /// No rows yet, for these targets under the database's names of their columns.
    pub(crate) fn of(d: &dyn Dialect, targets: Targets<'_>) -> Self {
        let incoming = |target| Incoming::new(d.spelled(target));
        Self { targets: targets.all().map(incoming).collect(), tombstones: Vec::new() }
    }

    /// Takes a batch under the database's names of its columns.
    ///
    /// # Errors
    /// When two of them have one name then.
    pub(crate) fn take(&mut self, d: &dyn Dialect, at: usize, batch: RecordBatch) -> Result<(), DestError> {
        self.targets[at].batches.push(spelled(d, batch)?);
        Ok(())
    }

    /// A copy with what `taken` makes of each batch (`at`: which target it is for), the commit with what it puts among the
    /// rejects, and how many these are for each target.
    pub(crate) fn rewritten(
        &self,
        commit: &Commit,
        taken: impl Fn(usize, RecordBatch, &Target, &mut Vec<Reject>) -> RecordBatch,
    ) -> (Self, Commit, Vec<u64>) {
        let (mut rows, mut commit) = (self.clone(), commit.clone());
        commit.rejects.resize(rows.targets.len().max(commit.rejects.len()), Vec::new());
        let mut counts = Vec::with_capacity(rows.targets.len());
        for (at, (of, rejects)) in rows.targets.iter_mut().zip(&mut commit.rejects).enumerate() {
            let before = rejects.len();
            let batches = std::mem::take(&mut of.batches);
            of.batches = batches.into_iter().map(|batch| taken(at, batch, &of.target, rejects)).collect();
            counts.push((rejects.len() - before) as u64);
        }
        (rows, commit, counts)
    }

    /// The target that is read.
    pub(crate) fn target(&self) -> &Target {
        &self.targets[0].target
    }
}

/// Rows under the database's names of their columns.
///
/// # Errors
/// When two of them have one name then.
fn spelled(d: &dyn Dialect, batch: RecordBatch) -> Result<RecordBatch, DestError> {
    let schema = batch.schema();
    if schema.fields().iter().all(|field| d.column(field.name()) == *field.name()) {
        return Ok(batch);
    }
    let named = |field: &Arc<Field>| field.as_ref().clone().with_name(d.column(field.name()));
    let fields: Vec<_> = schema.fields().iter().map(named).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), batch.columns().to_vec())
        .map_err(|error| super::columns::shape(format!("rows do not fit together: {error}")))
}

/// The key of a row, as a reject names it.
pub(crate) fn key_of(batch: &RecordBatch, target: &Target, row: usize) -> Option<String> {
    let name = target.key.first()?;
    let at = batch.schema().fields().iter().position(|field| same(field.name(), name))?;
    let array = batch.column(at);
    if array.is_null(row) {
        return None;
    }
    let number = array.as_primitive_opt::<Int64Type>().map(|numbers| numbers.value(row).to_string());
    number.or_else(|| array.as_string_opt::<i32>().map(|texts| texts.value(row).to_owned()))
}

/// A database that keeps the rows of a commit until it is made, and stages them then.
pub(crate) trait Stage: Engine {
    /// Puts rows into a new temporary table with these columns (`c0`, `c1`, …) and [`super::staged::ORD`]; its name in SQL.
    ///
    /// # Errors
    /// When they cannot be written.
    async fn stage(
        &self,
        what: &str,
        columns: &[Column],
        batches: Vec<RecordBatch>,
    ) -> Result<String, DestError>;
}

/// Stages what there is beside the rows: tombstones, once for all targets, complete parents and rejects.
///
/// # Errors
/// When it cannot be written.
pub(crate) async fn stage_rest<E: Stage>(
    engine: &E,
    rows: &Waiting,
    commit: &Commit,
) -> Result<Vec<Staged>, DestError> {
    let mut all = Vec::with_capacity(rows.targets.len());
    let mut gone = None;
    if !rows.tombstones.is_empty() {
        let arrays = tombstone_rows(&Tombstone::once_each(&rows.tombstones));
        gone = Some(stage_arrays(engine, "gone", &deletions::COLUMNS, arrays).await?);
    }
    for (at, of) in rows.targets.iter().enumerate() {
        let mut staged = Staged { tombstones: gone.clone(), ..Staged::default() };
        let name = |what: &str| own(what, at);
        if !of.complete.is_empty() {
            let arrays = key_rows(&of.complete);
            staged.complete =
                Some(stage_arrays(engine, &name("complete"), &children::COLUMNS, arrays).await?);
        }
        let rejects = commit.rejects_of(at);
        if !rejects.is_empty() {
            let arrays = reject_rows(rejects);
            staged.rejects =
                Some(stage_arrays(engine, &name("rejects"), &[LogicalType::Text; 4], arrays).await?);
        }
        all.push(staged);
    }
    Ok(all)
}

async fn stage_arrays<E: Stage>(
    engine: &E,
    what: &str,
    types: &[LogicalType],
    arrays: Vec<ArrayRef>,
) -> Result<String, DestError> {
    let columns = positional(types);
    let batch = batch_of(&columns, arrays)?;
    engine.stage(what, &columns, vec![batch]).await
}

fn positional(types: &[LogicalType]) -> Vec<Column> {
    types.iter().enumerate().map(|(i, logical)| Column::new(format!("c{i}"), *logical)).collect()
}

fn batch_of(columns: &[Column], arrays: Vec<ArrayRef>) -> Result<RecordBatch, DestError> {
    let schema = Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), arrays)
        .map_err(|error| super::columns::shape(format!("rows do not fit together: {error}")))
}

/// What a database in this process has of a target.
///
/// # Errors
/// Everything that would make the load fail later and can be known now.
pub(crate) async fn inspect<E: Engine>(
    engine: &E,
    target: &Target,
    place: &str,
) -> Result<Inspection, DestError> {
    let seen = Seen { tables: engine.tables().await?, ..Seen::default() };
    let shape = engine.describe(&engine.table(&target.table)).await?;
    if let Some(shape) = &shape {
        // What a commit could not do to the table is known now.
        let extra = if target.strategy == Strategy::Scd2 { version_columns() } else { Vec::new() };
        let needed = needed(target, &[], &extra);
        shape.check(&needed)?;
        let (changes, _) = shape.clone().changed(&Needs::of(target, &needed));
        let statements = engine.dialect().alter(shape, &changes)?;
        engine.rehearse(shape, &changes, &statements).await.map_err(|error| unchanged(shape, error))?;
    }
    inspect::look_up(engine, &seen, target, shape.as_ref(), place).await
}

/// Runs statements and undoes them.
///
/// # Errors
/// When one of them fails.
pub(crate) async fn rehearse<E: Engine>(
    engine: &E,
    begin: &str,
    statements: &[String],
) -> Result<(), DestError> {
    engine.execute(begin).await?;
    let mut done = Ok(());
    for statement in statements {
        if done.is_ok() {
            done = engine.execute(statement).await.map(|_| ());
        }
    }
    // If this fails, closing the connection does the same.
    let _ = engine.execute("ROLLBACK").await;
    done
}

/// The table does not let itself be changed as rows need it.
fn unchanged(shape: &Shape, error: DestError) -> DestError {
    if matches!(error.kind, DestErrorKind::Locked | DestErrorKind::Full | DestErrorKind::Permission) {
        return error;
    }
    let message = format!(
        "table {}.{} has not all columns that its rows need, and cannot be changed so",
        shape.name.schema, shape.name.table
    );
    let hint = "load into another table, or drop what depends on its columns: a view, a trigger, a check, a generated column";
    DestError::new(DestErrorKind::Shape, message).hint(hint).caused_by(error)
}

/// Whether this very commit is there: asked when it is not known whether it went through.
///
/// # Errors
/// When it cannot be read.
pub(crate) async fn has_landed<E: Engine>(
    engine: &E,
    target: &Target,
    commit: &Commit,
) -> Result<bool, DestError> {
    let table = engine.table(&target.table);
    let which = ledger::of_run(engine.dialect(), Whose::of(target, &table), &commit.run.id);
    let lines = engine.lines(RUNS, &which).await?;
    let rows = i64::try_from(commit.run.rows_read).ok();
    let is_it = |line: &LedgerLine| {
        line.instant("ended_at") == Some(commit.run.ended_at) && Some(line.number("rows_read")) == rows
    };
    Ok(lines.iter().any(is_it))
}

/// A commit, inside a transaction that is open. `fault`: see [`script`].
///
/// # Errors
/// When something of it fails; the transaction has to be rolled back then.
pub(crate) async fn commit<E: Stage>(
    engine: &E,
    mut rows: Waiting,
    commit: &Commit,
    fault: Option<String>,
) -> Result<Vec<Counts>, DestError> {
    let seen = Seen::look(engine).await?;
    let mut staged = stage_rest(engine, &rows, commit).await?;
    let mut tables = Vec::with_capacity(staged.len());
    for (at, (of, staged)) in rows.targets.iter_mut().zip(&mut staged).enumerate() {
        staged.rows = stage_rows(engine, at, &of.target, std::mem::take(&mut of.batches)).await?;
        tables.push(engine.table(&of.target.table));
    }
    let mut targets = Vec::with_capacity(staged.len());
    for ((of, table), staged) in rows.targets.iter().zip(&tables).zip(&staged) {
        let plan = Plan { d: engine.dialect(), table, target: &of.target, commit };
        targets.push((plan, seen.of(engine, &of.target).await?, staged));
    }
    engine.run(&script(targets, &seen, fault)?).await
}

/// Stages rows, rid of repeated keys: done in Arrow it costs a fraction of what it does in SQL.
async fn stage_rows<E: Stage>(
    engine: &E,
    at: usize,
    target: &Target,
    batches: Vec<RecordBatch>,
) -> Result<StagedRows, DestError> {
    let columns = columns_of(&batches, &target.table)?;
    let mut rows = Batches::new(batches, columns, &target.table)?;
    let once = target.strategy != Strategy::Append;
    if once {
        rows = rows.newest(&target.key, target.incremental_key.as_deref(), &target.table)?;
    }
    stage_batches(engine, &own("rows", at), target, rows, once).await
}

/// Stages rows as they are. `once`: whether each key is there once.
pub(crate) async fn stage_batches<E: Stage>(
    engine: &E,
    what: &str,
    target: &Target,
    rows: Batches,
    once: bool,
) -> Result<StagedRows, DestError> {
    let mut staged = StagedRows { columns: rows.columns.clone(), once, ..StagedRows::default() };
    if rows.count() == 0 {
        return Ok(staged);
    }
    let key = target.key.iter().map(|name| staged.position(name));
    staged.null_keys = key
        .map(|at| at.is_none_or(|at| rows.batches.iter().any(|batch| batch.column(at).null_count() > 0)))
        .collect();
    let types: Vec<LogicalType> = staged.columns.iter().map(|column| column.logical).collect();
    let table = engine.stage(what, &positional(&types), rows.batches).await?;
    staged.parts = vec![StagingTable { table, columns: staged.columns.clone() }];
    Ok(staged)
}
