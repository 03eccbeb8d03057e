//! The file that everything opens: one SQLite database.
//!
//! The smallest destination over [`super::sql`], and the example for others: how the file is opened (`file`), how SQL is
//! spelled (`dialect`), and what the engine asks of a database (`engine`). Every look has a connection of its own, every
//! commit one transaction. The journal mode stays as it is found.
//!
//! SQLite has no schemas: tables of `main` have their own name, those of another schema `schema.table`.

use std::path::PathBuf;

use arrow_array::RecordBatch;
use futures_util::future::BoxFuture;

use super::local::{blocking, create_parents, exists, exists_and_is_writable, path_of};
use super::sql::embedded::{at_once, commit, has_landed, inspect};
use super::sql::ledger::not_ours;
use super::sql::{answers, inventory, leases};
use super::{
    Answer, Capabilities, Commit, Counts, DestError, DestErrorKind, Destination, FlushDefaults, Inspection,
    Lease, Load, Question, Remembered, Target,
};
use crate::model::{Micros, Strategy, Tombstone};
use engine::Session;
use file::{COMMIT_PATIENCE, INSPECT_PATIENCE, KIND};

mod dialect;
mod engine;
mod file;
#[cfg(test)]
mod tests;

/// A SQLite file as a destination.
#[derive(Debug, Clone)]
pub struct Sqlite {
    path: PathBuf,
    /// A statement that fails, between the rows of the next commit and its state: for tests.
    fault: Option<String>,
}

impl Sqlite {
    /// The file of a `sqlite:///relative` or `sqlite:////absolute` URI. Touches nothing.
    ///
    /// # Errors
    /// When the URI names no file.
    pub fn from_uri(uri: &str) -> Result<Self, DestError> {
        Ok(Self::at(path_of(KIND, uri)?))
    }

    /// The file at `path`. Touches nothing.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), fault: None }
    }

    fn look(&self, target: &Target) -> Result<Inspection, DestError> {
        not_ours(target)?;
        dialect::check_names(target)?;
        if !exists_and_is_writable(KIND, &self.path)? {
            return Ok(Inspection::default());
        }
        let session = Session::open(&self.path, &target.schema, INSPECT_PATIENCE)?;
        at_once(inspect(&session, target, &self.path.display().to_string()))
    }

    /// Runs `work` over the schema, if there is a file.
    fn read<T: Default>(
        &self,
        schema: &str,
        work: impl FnOnce(&Session) -> Result<T, DestError>,
    ) -> Result<T, DestError> {
        if !exists(KIND, &self.path)? {
            return Ok(T::default());
        }
        work(&Session::open(&self.path, schema, COMMIT_PATIENCE)?)
    }

    /// Runs `work` over the schema in one transaction, if there is a file.
    fn change<T: Default>(
        &self,
        schema: &str,
        work: impl FnOnce(&Session) -> Result<T, DestError>,
    ) -> Result<T, DestError> {
        self.read(schema, |session| session.transact(|| work(session)).map_err(|failed| failed.error))
    }

    fn all_remembered(&self) -> Result<Vec<Remembered>, DestError> {
        let mut all = Vec::new();
        for schema in self.read("main", Session::schemas)? {
            all.extend(self.read(&schema, |session| at_once(inventory::of_schema(session)))?);
        }
        all.sort_by_cached_key(Remembered::order);
        Ok(all)
    }

    fn give(&self, tables: &[Remembered], account: &str) -> Result<u64, DestError> {
        self.change("main", |session| {
            let mut changed = 0;
            for schema in tables.iter().map(|one| &one.schema).collect::<std::collections::BTreeSet<_>>() {
                let there: Vec<&Remembered> = tables.iter().filter(|one| one.schema == *schema).collect();
                changed += at_once(inventory::reassign(&session.beside(schema), &there, account))?;
            }
            Ok(changed)
        })
    }
}

impl Destination for Sqlite {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            strategies: &Strategy::ALL,
            partitioning: false,
            clustering: false,
            file_formats: &[],
            staging_bucket: false,
            staging_dataset: false,
            projects: false,
            flush: FlushDefaults::EMBEDDED,
        }
    }

    fn default_schema(&self) -> Option<&str> {
        Some("main")
    }

    fn describe(&self) -> String {
        format!("{KIND} file {}", self.path.display())
    }

    fn inspect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Inspection, DestError>> {
        let (own, target) = (self.clone(), target.clone());
        Box::pin(blocking(KIND, move || own.look(&target)))
    }

    fn ask<'a>(
        &'a self,
        target: &'a Target,
        question: Question,
    ) -> BoxFuture<'a, Result<Option<Answer>, DestError>> {
        let (own, target) = (self.clone(), target.clone());
        Box::pin(blocking(KIND, move || {
            if !exists(KIND, &own.path)? {
                return Ok(Some(Answer::default()));
            }
            own.read(&target.schema, |session| at_once(answers::answer(session, &target, &question)))
        }))
    }

    fn lease<'a>(
        &'a self,
        target: &'a Target,
        lease: Lease,
        live: fn(&Lease, Micros) -> bool,
    ) -> BoxFuture<'a, Result<(), DestError>> {
        let (own, target) = (self.clone(), target.clone());
        Box::pin(blocking(KIND, move || {
            create_parents(KIND, &own.path)?;
            let session = Session::open_or_create(&own.path, &target.schema)?;
            let take = || at_once(leases::take(&session, &target, &lease, live));
            session.transact(take).map_err(|failed| failed.error)
        }))
    }

    fn release<'a>(&'a self, target: &'a Target, run: &'a str) -> BoxFuture<'a, Result<(), DestError>> {
        let (own, target, run) = (self.clone(), target.clone(), run.to_owned());
        Box::pin(blocking(KIND, move || {
            own.change(&target.schema, |session| at_once(leases::release(session, &target, &run)))
        }))
    }

    fn remembered(&self) -> BoxFuture<'_, Result<Vec<Remembered>, DestError>> {
        let own = self.clone();
        Box::pin(blocking(KIND, move || own.all_remembered()))
    }

    fn forget<'a>(&'a self, schema: &'a str, table: &'a str) -> BoxFuture<'a, Result<u64, DestError>> {
        let (own, schema, table) = (self.clone(), schema.to_owned(), table.to_owned());
        Box::pin(blocking(KIND, move || {
            own.change(&schema, |session| at_once(inventory::reset(session, &table)))
        }))
    }

    fn reassign<'a>(
        &'a self,
        tables: &'a [Remembered],
        account: &'a str,
    ) -> BoxFuture<'a, Result<u64, DestError>> {
        let (own, tables, account) = (self.clone(), tables.to_vec(), account.to_owned());
        Box::pin(blocking(KIND, move || own.give(&tables, &account)))
    }

    fn begin(&self, target: &Target) -> Box<dyn Load> {
        Box::new(SqliteLoad {
            own: self.clone(),
            target: target.clone(),
            batches: Vec::new(),
            tombstones: Vec::new(),
        })
    }
}

/// The rows of one commit into a file.
#[derive(Debug)]
struct SqliteLoad {
    own: Sqlite,
    target: Target,
    batches: Vec<RecordBatch>,
    tombstones: Vec<Tombstone>,
}

impl Load for SqliteLoad {
    fn stage<'a>(&'a mut self, batch: RecordBatch) -> BoxFuture<'a, Result<(), DestError>> {
        // Nothing is written: the caller bounds a commit, and the file stays closed until then.
        self.batches.push(batch);
        Box::pin(std::future::ready(Ok(())))
    }

    fn bury(&mut self, tombstones: Vec<Tombstone>) {
        self.tombstones.extend(tombstones);
    }

    fn commit(self: Box<Self>, commit: Commit) -> BoxFuture<'static, Result<Counts, DestError>> {
        Box::pin(blocking(KIND, move || self.run(&commit)))
    }
}

impl SqliteLoad {
    fn run(self, made: &Commit) -> Result<Counts, DestError> {
        let Self { own, target, batches, tombstones } = self;
        create_parents(KIND, &own.path)?;
        let session = Session::open_or_create(&own.path, &target.schema)?;
        let work = || at_once(commit(&session, &target, batches, &tombstones, made, own.fault.clone()));
        let failed = match session.transact(work) {
            Ok(counts) => return Ok(counts),
            Err(failed) if !failed.committing => return Err(failed.error),
            Err(failed) => failed.error,
        };
        // COMMIT itself failed. SQLite undoes that, but the disk may know better: ask the file.
        drop(session);
        match Session::open(&own.path, &target.schema, INSPECT_PATIENCE)
            .and_then(|session| at_once(has_landed(&session, &target, made)))
        {
            Ok(false) => Err(failed),
            Ok(true) | Err(_) => Err(DestError {
                kind: DestErrorKind::Unknown,
                message: format!("{}, while committing: it may or may not have been written", failed.message),
                hint: Some("run the command again; it goes on from what the file says".into()),
                source: failed.source,
            }),
        }
    }
}
