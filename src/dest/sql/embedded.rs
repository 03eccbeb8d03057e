//! What databases in this process have in common: they answer at once, keep the rows of a commit until it is made, and
//! change tables inside a transaction.

use std::sync::Arc;

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::Schema;

use super::commit::Seen;
use super::engine::Engine;
use super::ledger::{self, RUNS, Whose};
use super::staged::{Staged, reject_rows, tombstone_rows};
use super::{deletions, inspect};
use crate::dest::{Commit, DestError, Inspection, Target};
use crate::model::{Column, LogicalType, Reject, Tombstone};

/// What a database in this process says: it never lets anybody wait, so its futures are done when they are asked first.
///
/// # Errors
/// Those of the future.
pub(crate) fn at_once<T>(work: impl Future<Output = Result<T, DestError>>) -> Result<T, DestError> {
    futures_util::FutureExt::now_or_never(work).unwrap_or_else(|| {
        Err(DestError {
            kind: crate::dest::DestErrorKind::Other,
            message: "the database in this process did not answer at once".into(),
            hint: None,
            source: None,
        })
    })
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

/// Stages tombstones and rejects.
///
/// # Errors
/// When they cannot be written.
pub(crate) async fn stage_rest<E: Stage>(
    engine: &E,
    tombstones: &[Tombstone],
    rejects: &[Reject],
) -> Result<Staged, DestError> {
    let mut staged = Staged::default();
    if !tombstones.is_empty() {
        let columns = positional(&deletions::COLUMNS);
        let batch = batch_of(&columns, tombstone_rows(&Tombstone::once_each(tombstones)))?;
        staged.tombstones = Some(engine.stage("gone", &columns, vec![batch]).await?);
    }
    if !rejects.is_empty() {
        let columns = positional(&[LogicalType::Text; 4]);
        let batch = batch_of(&columns, reject_rows(rejects))?;
        staged.rejects = Some(engine.stage("rejects", &columns, vec![batch]).await?);
    }
    Ok(staged)
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
        shape.check(&target.columns)?;
    }
    inspect::look_up(engine, &seen, target, shape.as_ref(), place).await
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
    let is_it = |line: &ledger::Line| {
        line.instant("ended_at") == Some(commit.run.ended_at) && Some(line.number("rows_read")) == rows
    };
    Ok(lines.iter().any(is_it))
}
