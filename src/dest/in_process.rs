//! A database that this process opens itself, as a destination: for each look and each commit, in between anybody may use
//! it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use futures_util::future::BoxFuture;

use super::local::blocking;
use super::sql::Dialect;
use super::sql::cells::Cell;
use super::sql::embedded::{Waiting, at_once, has_landed, inspect};
use super::sql::engine::Engine;
use super::sql::ledger::not_ours;
use super::sql::{answers, descriptions, idle, inventory, leases};
use super::{
    Again, Answer, Capabilities, Commit, Counts, DestError, DestErrorKind, Destination, Idle, Inspection,
    Lease, Load, Query, Question, Remembered, Stored, Target, Targets, TextRow, Undone,
};
use crate::model::lease::Claim;
use crate::model::{Described, Description, LogicalType, Micros, Tombstone};

/// What it is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// The look before a run, which finds out that it can be written.
    Look,
    /// Reading.
    Read,
    /// One transaction of a few rows, in a place that may have to be made.
    Change,
}

/// A database that is opened in this process.
pub(crate) trait InProcess: std::fmt::Debug + Clone + Send + Sync + 'static {
    /// What messages call it.
    const KIND: &'static str;
    /// What it can do.
    const CAPABILITIES: Capabilities = Capabilities::DATABASE;
    /// The database while it is open.
    type Handle;
    /// One schema of it.
    type Session<'a>: Engine;

    /// How it spells SQL.
    fn dialect(&self) -> &'static dyn Dialect;

    /// How messages name it: no credentials.
    fn name(&self) -> String;

    /// Where it is, as messages say it.
    fn place(&self) -> String;

    /// The file that it is, if it is one.
    fn file(&self) -> Option<&Path>;

    /// Whether it is there yet.
    fn exists(&self) -> Result<bool, DestError>;

    /// Whether it is there yet.
    ///
    /// # Errors
    /// If it cannot be written, or could not be made.
    fn exists_and_is_writable(&self) -> Result<bool, DestError>;

    /// Makes the folders in which it is to be.
    fn make_room(&self) -> Result<(), DestError>;

    /// Opens it and runs `work`; for [`Access::Change`] in a transaction, and again if others were in its way.
    fn open<T>(
        &self,
        access: Access,
        work: impl Fn(&Self::Handle) -> Result<T, DestError>,
    ) -> Result<T, DestError>;

    /// A schema of it.
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

/// A load into such a database.
#[derive(Debug)]
struct WaitingLoad<D> {
    into: D,
    rows: Waiting,
}

impl<D: InProcess> Load for WaitingLoad<D> {
    fn stage<'a>(&'a mut self, at: usize, batch: RecordBatch) -> BoxFuture<'a, Result<(), DestError>> {
        Box::pin(std::future::ready(self.rows.take(self.into.dialect(), at, batch)))
    }

    fn complete(&mut self, at: usize, parents: Vec<i64>) {
        self.rows.targets[at].complete.extend(parents);
    }

    fn bury(&mut self, tombstones: Vec<Tombstone>) {
        self.rows.tombstones.extend(tombstones);
    }

    fn commit(self: Box<Self>, commit: Commit) -> BoxFuture<'static, Result<Vec<Counts>, Undone>> {
        Box::pin(async { blocking(D::KIND, move || Ok(self.make(commit))).await? })
    }
}

impl<D: InProcess> WaitingLoad<D> {
    fn make(mut self: Box<Self>, commit: Commit) -> Result<Vec<Counts>, Undone> {
        let Self { into, rows } = &mut *self;
        // Who has a lease has written it there.
        if commit.lease.is_some() && !into.exists()? {
            return Err(leases::gone(&rows.target().schema, &rows.target().table, None).into());
        }
        into.make_room()?;
        let (target, mut committing) = (rows.target().clone(), false);
        match into.commit(rows, &commit, &mut committing) {
            Ok(counts) => Ok(counts),
            // COMMIT itself failed. The database undoes that, but the disk may know better: ask the file.
            Err(error) if committing => Err(after_failed_commit(into, &target, &commit, error).into()),
            Err(error) if error.kind == DestErrorKind::Locked => {
                Err(Undone::Held { error, again: Box::new(Again { load: self, commit }) })
            }
            Err(error) => Err(error.into()),
        }
    }
}

fn after_failed_commit<D: InProcess>(
    own: &D,
    target: &Target,
    commit: &Commit,
    error: DestError,
) -> DestError {
    let landed = own.open(Access::Look, |handle| {
        at_once(has_landed(&own.session(handle, &target.schema), target, commit))
    });
    match landed {
        Ok(false) => error,
        Ok(true) | Err(_) => {
            error.while_committing("run the command again; it goes on from what the file says")
        }
    }
}

fn look<D: InProcess>(own: &D, target: &Target) -> Result<Inspection, DestError> {
    not_ours(target)?;
    own.check(target)?;
    if !own.exists_and_is_writable()? {
        return Ok(Inspection::default());
    }
    own.open(Access::Look, |handle| {
        at_once(inspect(&own.session(handle, &target.schema), target, &own.place()))
    })
}

/// Runs `work`, if there is anything.
fn there<D: InProcess, T: Default>(
    own: &D,
    access: Access,
    work: impl Fn(&D::Handle) -> Result<T, DestError>,
) -> Result<T, DestError> {
    if own.exists()? { own.open(access, work) } else { Ok(T::default()) }
}

fn all_remembered<D: InProcess>(own: &D) -> Result<Vec<Remembered>, DestError> {
    there(own, Access::Read, |handle| {
        let mut all = Vec::new();
        for schema in own.schemas(handle)? {
            all.extend(at_once(inventory::of_schema(&own.session(handle, &schema)))?);
        }
        all.sort_by_cached_key(Remembered::order);
        Ok(all)
    })
}

fn reassign<D: InProcess>(own: &D, tables: &[Remembered], account: &str) -> Result<u64, DestError> {
    there(own, Access::Change, |handle| {
        let mut changed = 0;
        for schema in tables.iter().map(|one| one.schema.as_str()).collect::<BTreeSet<_>>() {
            let of_schema: Vec<&Remembered> = tables.iter().filter(|one| one.schema == schema).collect();
            changed += at_once(inventory::reassign(&own.session(handle, schema), &of_schema, account))?;
        }
        Ok(changed)
    })
}

impl<D: InProcess> Destination for D {
    fn capabilities(&self) -> Capabilities {
        D::CAPABILITIES
    }

    fn default_schema(&self) -> Option<&str> {
        Some("main")
    }

    fn remark(&self, schema: &str) -> Option<String> {
        self.remark_on(schema)
    }

    fn describe(&self) -> String {
        self.name()
    }

    fn files(&self) -> Vec<PathBuf> {
        let beside = |end: &&str| {
            let mut path = self.file()?.as_os_str().to_owned();
            path.push(end);
            Some(PathBuf::from(path))
        };
        // The logs of DuckDB and SQLite, whichever it is.
        ["", ".wal", "-wal", "-shm", "-journal"].iter().filter_map(beside).collect()
    }

    fn inspect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Inspection, DestError>> {
        let (own, target) = (self.clone(), self.dialect().spelled(target));
        Box::pin(blocking(D::KIND, move || look(&own, &target)))
    }

    fn ask<'a>(
        &'a self,
        target: &'a Target,
        question: Question,
    ) -> BoxFuture<'a, Result<Option<Answer>, DestError>> {
        let (own, target) = (self.clone(), self.dialect().spelled(target));
        Box::pin(blocking(D::KIND, move || {
            if !own.exists()? {
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
        let (own, target, columns) = (self.clone(), self.dialect().spelled(target), columns.to_vec());
        Box::pin(blocking(D::KIND, move || {
            if !own.exists()? {
                return Ok(Some(Vec::new()));
            }
            own.open(Access::Read, |handle| {
                let session = own.session(handle, &target.schema);
                at_once(answers::rows(&session, &target, &columns, after, most))
            })
        }))
    }

    fn write_descriptions<'a>(
        &'a self,
        tables: &'a [(Target, Vec<Description>)],
        described: &'a Described,
    ) -> BoxFuture<'a, Result<bool, DestError>> {
        let (own, tables, described) = (self.clone(), tables.to_vec(), described.clone());
        Box::pin(blocking(D::KIND, move || {
            let Some((first, _)) = tables.first() else { return Ok(true) };
            there(&own, Access::Change, |handle| {
                at_once(descriptions::write(&own.session(handle, &first.schema), &tables, &described))
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
        let (own, target) = (self.clone(), self.dialect().spelled(target));
        Box::pin(blocking(D::KIND, move || {
            own.make_room()?;
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
        Box::pin(blocking(D::KIND, move || {
            there(&own, Access::Change, |handle| {
                at_once(leases::release(&own.session(handle, &target.schema), &target, &run))
            })
        }))
    }

    fn commit_idle<'a>(&'a self, idle: &'a [Idle], now: Micros) -> BoxFuture<'a, Result<(), DestError>> {
        let (own, idle) = (self.clone(), idle.to_vec());
        Box::pin(blocking(D::KIND, move || {
            let Some(schema) = idle.first().and_then(|one| one.targets.first()).map(|one| &one.schema) else {
                return Ok(());
            };
            // Who finds that nothing has changed has a state there.
            own.open(Access::Change, |handle| at_once(idle::commit(&own.session(handle, schema), &idle, now)))
        }))
    }

    fn remembered(&self) -> BoxFuture<'_, Result<Vec<Remembered>, DestError>> {
        let own = self.clone();
        Box::pin(blocking(D::KIND, move || all_remembered(&own)))
    }

    fn forget<'a>(&'a self, schema: &'a str, table: &'a str) -> BoxFuture<'a, Result<u64, DestError>> {
        let (own, schema, table) = (self.clone(), schema.to_owned(), table.to_owned());
        Box::pin(blocking(D::KIND, move || {
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
        Box::pin(blocking(D::KIND, move || reassign(&own, &tables, &account)))
    }

    fn schema_in_sql(&self, quoted: &str) -> String {
        InProcess::schema_in_sql(self, quoted)
    }

    fn select<'a>(&'a self, query: &'a Query<'a>) -> BoxFuture<'a, Result<Vec<TextRow>, DestError>> {
        let (own, schema, sql) = (self.clone(), query.schema.to_owned(), query.sql.to_owned());
        let columns = query.columns;
        Box::pin(blocking(D::KIND, move || {
            own.open(Access::Read, |handle| {
                own.prepare(handle)?;
                let rows =
                    at_once(own.session(handle, &schema).query(&sql, &vec![LogicalType::Text; columns]))?;
                Ok(rows.into_iter().map(|row| row.into_iter().map(Cell::into_text).collect()).collect())
            })
        }))
    }

    fn begin(&self, targets: Targets<'_>) -> Box<dyn Load> {
        let rows = Waiting::of(self.dialect(), targets);
        Box::new(WaitingLoad { into: self.clone(), rows })
    }
}
