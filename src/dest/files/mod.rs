//! Files as a destination: a folder on this machine, or a bucket. For lakes, and for whoever just wants a file.
//!
//! There is no table format of our own: a table is replaced as a whole or added to, and merging is what DuckLake is for. What
//! is remembered lies beside the files (`manifest`), and says which of them count.
//!
//! | room | what |
//! | --- | --- |
//! | `uri`, `names` | which place, and where each file lies in it |
//! | `store`, `disk`, `bucket`, `clients` | what a place for files can do; the one on this machine; those of clouds |
//! | `format`, `csv`, `jsonl`, `parquet` | what is in the files |
//! | `manifest`, `ledger` | what is remembered beside them |
//! | `rows`, `keys`, `publish` | the rows of a commit; which of them count; the file that they become |
//! | `commit`, `guards`, `leftovers` | the steps of a commit, what must be true for it, what killed runs leave |
//! | `inventory` | `ingestr state` |

use std::sync::Arc;

use arrow_array::RecordBatch;
use futures_util::future::BoxFuture;

use super::local::blocking;
use super::sql::batches::Incoming;
use super::sql::columns::same;
use super::sql::identity::Apart;
use super::sql::leases;
use super::sql::ledger::not_ours;
use super::{
    Answer, Capabilities, Commit, Counts, DestError, Destination, FlushDefaults, Inspection, Lease, Load,
    Owner, Question, Remembered, Stored, Target, Targets, Undone,
};
use crate::model::lease::Claim;
use crate::model::{Column, FieldName, Micros, Strategy, Tombstone};
use disk::{Disk, KIND};
use format::Format;
use manifest::{Opened, TableMetadata, look};
use names::TablePath;
use store::Store;
use uri::FilesUri;

mod bucket;
mod clients;
mod commit;
mod csv;
mod disk;
mod format;
mod guards;
mod inventory;
mod jsonl;
mod keys;
mod ledger;
mod leftovers;
mod manifest;
mod names;
mod parquet;
mod publish;
mod rows;
mod store;
#[cfg(test)]
mod tests;
mod uri;

pub(super) use uri::{AZURE_FORM, FORM, S3_FORM};

/// A place for files, as a destination.
#[derive(Debug, Clone)]
pub struct Files {
    store: Arc<dyn Store>,
    format: Format,
}

impl Files {
    /// The place that a URI names. Touches nothing.
    ///
    /// # Errors
    /// What is wrong with the URI.
    pub fn from_uri(uri: &str) -> Result<Self, DestError> {
        let form = match uri.trim().split(':').next() {
            Some("s3") => S3_FORM.to_owned(),
            Some("az") => AZURE_FORM.to_owned(),
            _ => format!("one of {FORM}"),
        };
        Ok(match super::uri::read(&form, |env| FilesUri::parse(uri, env))? {
            FilesUri::Disk(folder, format) => Self { store: Arc::new(Disk::new(folder)), format },
            FilesUri::Bucket(bucket, format) => Self { store: Arc::new(bucket), format },
        })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Store) -> Result<T, DestError> + Send + 'static,
    ) -> Result<T, DestError> {
        let store = Arc::clone(&self.store);
        blocking(KIND, move || work(&*store)).await
    }
}

fn inspect(store: &dyn Store, format: Format, target: &Target) -> Result<Inspection, DestError> {
    not_ours(target)?;
    let place = TablePath::of(target);
    place.check()?;
    store.check(&[place.schema().to_owned(), place.appended(), place.metadata("")])?;
    let TableMetadata { lease, table, complete, .. } = look(store, &target.schema, &target.table)?;
    let there = guards::is_there(store, &complete, &table, target)?;
    if there && target.strategy == Strategy::Append {
        guards::one_format(store, format, &table, target)?;
    }
    let own = table.state(target, false);
    let mut basis = guards::written(&table, target);
    basis.apart = own.is_some() && !there;
    let name = store.name();
    let state = own.filter(|_| there).map(|saved| saved.readable(target, &name)).transpose()?;
    let (mut aside, mut states) = (None, Vec::new());
    for saved in &table.states {
        let waits = saved.waiting.is_some();
        if !guards::parts_are_there(store, Some(saved), target)? || (!waits && !there) {
            continue;
        }
        let rows_in = if waits { "waiting" } else { "" };
        states.push((saved.account.clone(), saved.source_table.clone(), rows_in.to_owned()));
        if guards::waiting(&table, target) == Some(saved) {
            aside = Some(saved.readable(target, &name)?);
        }
    }
    let owners = Owner::others(target, states, |_| true);
    let named =
        |(field, column): (&String, &String)| FieldName { field: field.clone(), column: column.clone() };
    let names = table.names.as_ref().filter(|_| there || aside.is_some());
    let mut notes = Vec::new();
    if basis.apart && target.strategy != Strategy::Replace {
        notes.push(Apart::Missing.note(&target.schema, &target.table));
    }
    let file = place.file(format);
    if target.strategy == Strategy::Replace {
        store.check_place(&place.beside(&file)).map_err(|error| {
            let hint = error.hint.clone().unwrap_or_default();
            error.hint(format!("{hint}, or name another table in --dest-table"))
        })?;
    }
    if target.strategy == Strategy::Replace
        && table.file.as_ref() != Some(&file)
        && store.size(&place.beside(&file))?.is_some()
    {
        notes.push(format!(
            "{} is there already, and no run has written it: it is replaced",
            place.beside(&file)
        ));
    }
    let columns = there.then(|| table.columns.read());
    let has = |columns: &Vec<Column>| target.lacking(|name| columns.iter().any(|one| same(&one.name, name)));
    Ok(Inspection {
        lacking: columns.as_ref().map(has).unwrap_or_default(),
        columns,
        theirs: Vec::new(),
        state,
        names: names.map(|names| names.iter().map(named).collect()),
        aside,
        owners,
        lease,
        basis,
        held: None,
        notes,
    })
}

/// Takes or renews a lease, which is a line of the manifest.
fn take(
    store: &dyn Store,
    target: &Target,
    lease: &Lease,
    claim: Claim,
    live: fn(&Lease, Micros) -> bool,
) -> Result<(), DestError> {
    guards::patiently((&target.schema, &target.table), || {
        let mut opened = Opened::of(store, &TablePath::of(target))?;
        let held: Option<Lease> = opened.manifest.lease.as_ref().map(Into::into);
        leases::judge(target, held.as_ref(), lease, claim, live)?;
        if claim == Claim::Take {
            opened = leftovers::settle(store, opened, target)?;
        }
        opened.manifest.lease = Some(lease.into());
        Ok(opened.swapped(store)?.map(|_| ()))
    })
}

fn release(store: &dyn Store, target: &Target, run: &str) -> Result<(), DestError> {
    guards::patiently((&target.schema, &target.table), || {
        let mut opened = Opened::of(store, &TablePath::of(target))?;
        let before = opened.manifest.lease.clone();
        opened.manifest.release(run);
        Ok((opened.manifest.lease == before || opened.swap(store)?).then_some(()))
    })
}

impl Destination for Files {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            strategies: &[Strategy::Replace, Strategy::Append],
            instead: Some("to keep a table up to date in files, copy it to ducklake://"),
            corrections: false,
            flush: FlushDefaults::LAKE,
            ..Capabilities::DATABASE
        }
    }

    fn default_schema(&self) -> Option<&str> {
        Some("main")
    }

    fn describe(&self) -> String {
        format!("{} as {}", self.store.name(), self.format.name())
    }

    fn inspect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Inspection, DestError>> {
        let (format, target) = (self.format, target.clone());
        Box::pin(self.blocking(move |store| inspect(store, format, &target)))
    }

    /// Rows that are in files are not asked for.
    fn ask<'a>(
        &'a self,
        _target: &'a Target,
        _question: Question,
    ) -> BoxFuture<'a, Result<Option<Answer>, DestError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn rows<'a>(
        &'a self,
        _target: &'a Target,
        _columns: &'a [String],
        _after: Option<i64>,
        _most: u64,
    ) -> BoxFuture<'a, Result<Option<Vec<Stored>>, DestError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    fn lease<'a>(
        &'a self,
        target: &'a Target,
        lease: Lease,
        claim: Claim,
        live: fn(&Lease, Micros) -> bool,
    ) -> BoxFuture<'a, Result<(), DestError>> {
        let target = target.clone();
        Box::pin(self.blocking(move |store| take(store, &target, &lease, claim, live)))
    }

    fn release<'a>(&'a self, target: &'a Target, run: &'a str) -> BoxFuture<'a, Result<(), DestError>> {
        let (target, run) = (target.clone(), run.to_owned());
        Box::pin(self.blocking(move |store| release(store, &target, &run)))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), DestError>> {
        Box::pin(self.blocking(inventory::check))
    }

    fn remembered(&self) -> BoxFuture<'_, Result<Vec<Remembered>, DestError>> {
        Box::pin(self.blocking(inventory::all))
    }

    fn forget<'a>(&'a self, schema: &'a str, table: &'a str) -> BoxFuture<'a, Result<u64, DestError>> {
        let (schema, table) = (schema.to_owned(), table.to_owned());
        Box::pin(self.blocking(move |store| inventory::forget(store, &schema, &table)))
    }

    fn reassign<'a>(
        &'a self,
        tables: &'a [Remembered],
        account: &'a str,
    ) -> BoxFuture<'a, Result<u64, DestError>> {
        let (tables, account) = (tables.to_vec(), account.to_owned());
        Box::pin(self.blocking(move |store| inventory::reassign(store, &tables, &account)))
    }

    fn begin(&self, targets: Targets<'_>) -> Box<dyn Load> {
        let incoming = |target: &Target| Incoming::new(target.clone());
        Box::new(FilesLoad { into: self.clone(), rows: targets.all().map(incoming).collect() })
    }
}

/// The rows of a commit.
struct FilesLoad {
    into: Files,
    rows: Vec<Incoming>,
}

impl Load for FilesLoad {
    fn stage<'a>(&'a mut self, at: usize, batch: RecordBatch) -> BoxFuture<'a, Result<(), DestError>> {
        self.rows[at].batches.push(batch);
        Box::pin(std::future::ready(Ok(())))
    }

    fn complete(&mut self, at: usize, parents: Vec<i64>) {
        self.rows[at].complete.extend(parents);
    }

    /// Nobody looks for rows that are gone, of those that are in files.
    fn bury(&mut self, _tombstones: Vec<Tombstone>) {}

    fn commit(self: Box<Self>, commit: Commit) -> BoxFuture<'static, Result<Vec<Counts>, Undone>> {
        let Self { into, rows } = *self;
        Box::pin(async move {
            let format = into.format;
            let made = into.blocking(move |store| commit::make((store, format), rows, &commit)).await;
            made.map_err(Undone::from)
        })
    }
}
