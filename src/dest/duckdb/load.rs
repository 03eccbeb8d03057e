//! A load: batches kept until the commit, then one transaction.

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use duckdb::Connection;
use futures_util::future::BoxFuture;

use super::apply::Work;
use super::engine::Session;
use super::{Faults, Step, open};
use crate::dest::local::{blocking, create_parents};
use crate::dest::sql::embedded::{at_once, has_landed};
use crate::dest::{Commit, Counts, DestError, DestErrorKind, Load, Target};
use crate::model::Tombstone;

/// The rows of one commit into a file.
#[derive(Debug)]
pub(super) struct DuckLoad {
    pub(super) path: PathBuf,
    pub(super) target: Target,
    pub(super) faults: Faults,
    pub(super) batches: Vec<RecordBatch>,
    pub(super) tombstones: Vec<Tombstone>,
}

impl Load for DuckLoad {
    fn stage<'a>(&'a mut self, batch: RecordBatch) -> BoxFuture<'a, Result<(), DestError>> {
        // Nothing is written: the caller bounds a commit, and the file stays closed until then.
        self.batches.push(batch);
        Box::pin(std::future::ready(Ok(())))
    }

    fn bury(&mut self, tombstones: Vec<Tombstone>) {
        self.tombstones.extend(tombstones);
    }

    fn commit(self: Box<Self>, commit: Commit) -> BoxFuture<'static, Result<Counts, DestError>> {
        Box::pin(blocking(open::KIND, move || self.run(&commit)))
    }
}

impl DuckLoad {
    fn run(mut self, commit: &Commit) -> Result<Counts, DestError> {
        create_parents(open::KIND, &self.path)?;
        let batches = std::mem::take(&mut self.batches);
        let rows = batches.iter().map(RecordBatch::num_rows).sum::<usize>() + self.tombstones.len();
        let mut committing = false;
        let result =
            open::with_file(&self.path, open::COMMIT_PATIENCE, open::Grain::of(rows), |connection| {
                self.transact(connection, batches, commit, &mut committing)
            });
        match result {
            // COMMIT itself failed. DuckDB undoes that, but the disk may know better: ask the file.
            Err(error) if committing => self.after_failed_commit(commit, error),
            other => other,
        }
    }

    fn transact(
        &self,
        connection: &Connection,
        batches: Vec<RecordBatch>,
        commit: &Commit,
        committing: &mut bool,
    ) -> Result<Counts, DestError> {
        let wrap = |e| open::failed(&self.path, "write", e);
        connection.execute_batch("BEGIN TRANSACTION").map_err(wrap)?;
        let work = Work {
            session: Session::new(connection, &self.path, &self.target.schema),
            target: &self.target,
            commit,
            tombstones: &self.tombstones,
            wrap: &wrap,
            faults: &self.faults,
        };
        let counts =
            work.apply(batches).and_then(|counts| self.faults.hit(Step::BeforeCommit).map(|()| counts));
        match counts {
            Ok(counts) => {
                *committing = true;
                connection.execute_batch("COMMIT").map_err(wrap)?;
                *committing = false;
                Ok(counts)
            }
            Err(error) => {
                // If this fails too, closing the connection does the same; the first error is the one to tell.
                let _ = connection.execute_batch("ROLLBACK");
                Err(error)
            }
        }
    }

    fn after_failed_commit(&self, commit: &Commit, error: DestError) -> Result<Counts, DestError> {
        match landed(&self.path, &self.target, commit) {
            Ok(false) => Err(error),
            Ok(true) | Err(_) => Err(DestError {
                kind: DestErrorKind::Unknown,
                message: format!("{}, while committing: it may or may not have been written", error.message),
                hint: Some("run the command again; it goes on from what the file says".into()),
                source: error.source,
            }),
        }
    }
}

fn landed(path: &Path, target: &Target, made: &Commit) -> Result<bool, DestError> {
    open::with_file(path, open::INSPECT_PATIENCE, open::Grain::Bulk, |connection| {
        at_once(has_landed(&Session::new(connection, path, &target.schema), target, made))
    })
}
