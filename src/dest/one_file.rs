//! A database that is one file of this machine, as a destination: opened for each look and each commit, in between
//! anybody may use it.

use std::collections::BTreeSet;
use std::path::Path;

use arrow_array::RecordBatch;
use futures_util::future::BoxFuture;

use super::local::{blocking, create_parents, exists, exists_and_is_writable};
use super::sql::cells::Cell;
use super::sql::embedded::{Incoming, Waiting, at_once, has_landed, inspect};
use super::sql::engine::Engine;
use super::sql::ledger::not_ours;
use super::sql::{answers, inventory, leases};
use super::{
    Again, Answer, Capabilities, Commit, Counts, DestError, DestErrorKind, Destination, Inspection, Lease,
    Load, Question, Remembered, Stored, Target, Targets, TextRow, Undone,
};
use crate::model::lease::Claim;
use crate::model::{LogicalType, Micros, Tombstone};

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// The look before a run, which finds out that the file can be written.
    Look,
    /// Reading.
    Read,
    /// One transaction of a few rows, in a file that may have to be made.
    Change,
}

/// A database in one file.
pub(crate) trait OneFile: std::fmt::Debug + Clone + Send + Sync + 'static {
    /// What messages call it.
    const KIND: &'static str;
    /// The file while it is open.
    type Handle;
    /// One schema of it.
    type Session<'a>: Engine;

    /// Where it is.
    fn path(&self) -> &Path;

    /// Opens the file and runs `work`; for [`Access::Change`] in a transaction.
    fn open<T>(
        &self,
        access: Access,
        work: impl FnOnce(&Self::Handle) -> Result<T, DestError>,
    ) -> Result<T, DestError>;

    /// A schema of the file.
    fn session<'a>(&'a self, handle: &'a Self::Handle, schema: &'a str) -> Self::Session<'a>;

    /// All schemas that remember something.
    fn schemas(&self, handle: &Self::Handle) -> Result<Vec<String>, DestError>;

    /// Refuses names that the database has no place for.
    fn check(&self, _target: &Target) -> Result<(), DestError> {
        Ok(())
    }

    /// What the user should know of a schema of that name.
    fn remark_on(&self, _schema: &str) -> Option<String> {
        None
    }

    /// The statement that makes a schema; `None`: there is nothing to be made.
    fn create_schema(&self, schema: &str) -> Option<String>;

    /// How a schema is written in a query, from its quoted name.
    fn schema_in_sql(&self, quoted: &str) -> String {
        quoted.to_owned()
    }

    /// What has to be set before a query of somebody who waits for it, and may take what it needs.
    fn prepare(&self, _handle: &Self::Handle) -> Result<(), DestError> {
        Ok(())
    }

    /// Makes a commit, as one transaction. `committing` is set while it is not known whether it went through. After
    /// [`DestErrorKind::Locked`] the rows are as they were.
    fn commit(
        &self,
        rows: &mut Waiting,
        commit: &Commit,
        committing: &mut bool,
    ) -> Result<Vec<Counts>, DestError>;
}

/// A load into a file.
#[derive(Debug)]
struct FileLoad<F> {
    file: F,
    rows: Waiting,
}

impl<F: OneFile> Load for FileLoad<F> {
    fn stage<'a>(&'a mut self, at: usize, batch: RecordBatch) -> BoxFuture<'a, Result<(), DestError>> {
        self.rows.targets[at].batches.push(batch);
        Box::pin(std::future::ready(Ok(())))
    }

    fn complete(&mut self, at: usize, parents: Vec<i64>) {
        self.rows.targets[at].complete.extend(parents);
    }

    fn bury(&mut self, tombstones: Vec<Tombstone>) {
        self.rows.tombstones.extend(tombstones);
    }

    fn commit(self: Box<Self>, commit: Commit) -> BoxFuture<'static, Result<Vec<Counts>, Undone>> {
        Box::pin(async { blocking(F::KIND, move || Ok(self.make(commit))).await? })
    }
}

impl<F: OneFile> FileLoad<F> {
    fn make(mut self: Box<Self>, commit: Commit) -> Result<Vec<Counts>, Undone> {
        let Self { file, rows } = &mut *self;
        // Who has a lease has written it there.
        if commit.lease.is_some() && !exists(F::KIND, file.path())? {
            return Err(leases::gone(&rows.target().schema, &rows.target().table, None).into());
        }
        create_parents(F::KIND, file.path())?;
        let (target, mut committing) = (rows.target().clone(), false);
        match file.commit(rows, &commit, &mut committing) {
            Ok(counts) => Ok(counts),
            // COMMIT itself failed. The database undoes that, but the disk may know better: ask the file.
            Err(error) if committing => Err(after_failed_commit(file, &target, &commit, error).into()),
            Err(error) if error.kind == DestErrorKind::Locked => {
                Err(Undone::Held { error, again: Box::new(Again { load: self, commit }) })
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn after_failed_commit<F: OneFile>(
    file: &F,
    target: &Target,
    commit: &Commit,
    error: DestError,
) -> DestError {
    let landed = file.open(Access::Look, |handle| {
        at_once(has_landed(&file.session(handle, &target.schema), target, commit))
    });
    match landed {
        Ok(false) => error,
        Ok(true) | Err(_) => DestError {
            kind: DestErrorKind::Unknown,
            message: format!("{}, while committing: it may or may not have been written", error.message),
            hint: Some("run the command again; it goes on from what the file says".into()),
            source: error.source,
        },
    }
}

fn look<F: OneFile>(file: &F, target: &Target) -> Result<Inspection, DestError> {
    not_ours(target)?;
    file.check(target)?;
    if !exists_and_is_writable(F::KIND, file.path())? {
        return Ok(Inspection::default());
    }
    file.open(Access::Look, |handle| {
        let place = file.path().display().to_string();
        at_once(inspect(&file.session(handle, &target.schema), target, &place))
    })
}

/// Runs `work`, if there is a file.
fn there<F: OneFile, T: Default>(
    file: &F,
    access: Access,
    work: impl FnOnce(&F::Handle) -> Result<T, DestError>,
) -> Result<T, DestError> {
    if exists(F::KIND, file.path())? { file.open(access, work) } else { Ok(T::default()) }
}

fn all_remembered<F: OneFile>(file: &F) -> Result<Vec<Remembered>, DestError> {
    there(file, Access::Read, |handle| {
        let mut all = Vec::new();
        for schema in file.schemas(handle)? {
            all.extend(at_once(inventory::of_schema(&file.session(handle, &schema)))?);
        }
        all.sort_by_cached_key(Remembered::order);
        Ok(all)
    })
}

fn reassign<F: OneFile>(file: &F, tables: &[Remembered], account: &str) -> Result<u64, DestError> {
    there(file, Access::Change, |handle| {
        let mut changed = 0;
        for schema in tables.iter().map(|one| one.schema.as_str()).collect::<BTreeSet<_>>() {
            let of_schema: Vec<&Remembered> = tables.iter().filter(|one| one.schema == schema).collect();
            changed += at_once(inventory::reassign(&file.session(handle, schema), &of_schema, account))?;
        }
        Ok(changed)
    })
}

impl<F: OneFile> Destination for F {
    fn capabilities(&self) -> Capabilities {
        Capabilities::DATABASE
    }

    fn default_schema(&self) -> Option<&str> {
        Some("main")
    }

    fn remark(&self, schema: &str) -> Option<String> {
        self.remark_on(schema)
    }

    fn describe(&self) -> String {
        format!("{} file {}", F::KIND, self.path().display())
    }

    fn inspect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Inspection, DestError>> {
        let (own, target) = (self.clone(), target.clone());
        Box::pin(blocking(F::KIND, move || look(&own, &target)))
    }

    fn ask<'a>(
        &'a self,
        target: &'a Target,
        question: Question,
    ) -> BoxFuture<'a, Result<Option<Answer>, DestError>> {
        let (own, target) = (self.clone(), target.clone());
        Box::pin(blocking(F::KIND, move || {
            if !exists(F::KIND, own.path())? {
                return Ok(Some(Answer::default()));
            }
            own.open(Access::Read, |handle| {
                at_once(answers::answer(&own.session(handle, &target.schema), &target, &question))
            })
        }))
    }

    fn rows<'a>(
        &'a self,
        target: &'a Target,
        columns: &'a [String],
        after: Option<i64>,
        most: u64,
    ) -> BoxFuture<'a, Result<Option<Vec<Stored>>, DestError>> {
        let (own, target, columns) = (self.clone(), target.clone(), columns.to_vec());
        Box::pin(blocking(F::KIND, move || {
            if !exists(F::KIND, own.path())? {
                return Ok(Some(Vec::new()));
            }
            own.open(Access::Read, |handle| {
                let session = own.session(handle, &target.schema);
                at_once(answers::rows(&session, &target, &columns, after, most))
            })
        }))
    }

    fn lease<'a>(
        &'a self,
        target: &'a Target,
        lease: Lease,
        claim: Claim,
        live: fn(&Lease, Micros) -> bool,
    ) -> BoxFuture<'a, Result<(), DestError>> {
        let (own, target) = (self.clone(), target.clone());
        Box::pin(blocking(F::KIND, move || {
            create_parents(F::KIND, own.path())?;
            own.open(Access::Change, |handle| {
                let session = own.session(handle, &target.schema);
                if let Some(schema) = own.create_schema(&target.schema) {
                    at_once(session.execute(&schema))?;
                }
                at_once(leases::take(&session, &target, &lease, claim, live))
            })
        }))
    }

    fn release<'a>(&'a self, target: &'a Target, run: &'a str) -> BoxFuture<'a, Result<(), DestError>> {
        let (own, target, run) = (self.clone(), target.clone(), run.to_owned());
        Box::pin(blocking(F::KIND, move || {
            there(&own, Access::Change, |handle| {
                at_once(leases::release(&own.session(handle, &target.schema), &target, &run))
            })
        }))
    }

    fn remembered(&self) -> BoxFuture<'_, Result<Vec<Remembered>, DestError>> {
        let own = self.clone();
        Box::pin(blocking(F::KIND, move || all_remembered(&own)))
    }

    fn forget<'a>(&'a self, schema: &'a str, table: &'a str) -> BoxFuture<'a, Result<u64, DestError>> {
        let (own, schema, table) = (self.clone(), schema.to_owned(), table.to_owned());
        Box::pin(blocking(F::KIND, move || {
            there(&own, Access::Change, |handle| {
                at_once(inventory::reset(&own.session(handle, &schema), &table))
            })
        }))
    }

    fn reassign<'a>(
        &'a self,
        tables: &'a [Remembered],
        account: &'a str,
    ) -> BoxFuture<'a, Result<u64, DestError>> {
        let (own, tables, account) = (self.clone(), tables.to_vec(), account.to_owned());
        Box::pin(blocking(F::KIND, move || reassign(&own, &tables, &account)))
    }

    fn schema_in_sql(&self, quoted: &str) -> String {
        OneFile::schema_in_sql(self, quoted)
    }

    fn select<'a>(
        &'a self,
        schema: &'a str,
        sql: &'a str,
        columns: usize,
    ) -> BoxFuture<'a, Result<Vec<TextRow>, DestError>> {
        let (own, schema, sql) = (self.clone(), schema.to_owned(), sql.to_owned());
        Box::pin(blocking(F::KIND, move || {
            own.open(Access::Read, |handle| {
                own.prepare(handle)?;
                let rows =
                    at_once(own.session(handle, &schema).query(&sql, &vec![LogicalType::Text; columns]))?;
                Ok(rows.into_iter().map(|row| row.into_iter().map(Cell::into_text).collect()).collect())
            })
        }))
    }

    fn begin(&self, targets: Targets<'_>) -> Box<dyn Load> {
        let incoming =
            |target: &Target| Incoming { target: target.clone(), batches: Vec::new(), complete: Vec::new() };
        let rows = Waiting { targets: targets.all().map(incoming).collect(), tombstones: Vec::new() };
        Box::new(FileLoad { file: self.clone(), rows })
    }
}
