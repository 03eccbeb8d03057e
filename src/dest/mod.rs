//! Destinations: the traits every one implements, the values that cross, and the ordered list of them.
//!
//! A destination knows nothing of Gorgias or JSON. It is given Arrow batches and a state, and makes both visible in
//! one transaction, or neither.

use arrow_array::RecordBatch;
use futures_util::future::BoxFuture;

use crate::error::{self, Failure};
use crate::schema::{Column, Micros};
use crate::state::{RunRecord, State};
use crate::strategy::Strategy;

#[cfg(test)]
pub(crate) mod conformance;
#[cfg(feature = "duckdb")]
pub mod duckdb;
pub mod sql;

/// One kind of destination.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What its URIs begin with.
    pub scheme: &'static str,
    /// Its name in messages.
    pub name: &'static str,
    /// The form of its URIs.
    pub form: &'static str,
    /// Schema of a table that is named without one; `None`: it has to be named.
    pub default_schema: Option<&'static str>,
    open: fn(&str) -> Result<Box<dyn Destination>, DestError>,
}

/// All kinds of destinations, in the order help lists them.
pub const DESTINATIONS: &[Entry] = &[
    #[cfg(feature = "duckdb")]
    Entry {
        scheme: "duckdb",
        name: "DuckDB",
        form: "duckdb:///<file>",
        default_schema: Some("main"),
        open: |uri| Ok(Box::new(duckdb::DuckDb::from_uri(uri)?)),
    },
    Entry {
        scheme: "bigquery",
        name: "BigQuery",
        form: "bigquery://<project>",
        default_schema: None,
        open: |_| Err(not_yet("BigQuery")),
    },
];

fn not_yet(name: &str) -> DestError {
    DestError {
        kind: DestErrorKind::Other,
        message: format!("--dest-uri: the destination {name} is not available yet"),
        hint: Some("copy into DuckDB for now: duckdb:///<file>".into()),
        source: None,
    }
}

/// The kind of destination a URI names.
///
/// # Errors
/// A usage failure that names what exists.
pub fn entry(uri: &str) -> Result<&'static Entry, Failure> {
    let scheme = uri.trim().split_once(':').map_or("", |(scheme, _)| scheme);
    DESTINATIONS.iter().find(|entry| entry.scheme == scheme).ok_or_else(|| {
        let forms: Vec<&str> = DESTINATIONS.iter().map(|entry| entry.form).collect();
        error::unknown_scheme("--dest-uri", scheme, &forms)
    })
}

impl Entry {
    /// Opens the destination; touches nothing.
    ///
    /// # Errors
    /// A usage failure that says what is wrong with the URI.
    pub fn open(&self, uri: &str) -> Result<Box<dyn Destination>, Failure> {
        (self.open)(uri.trim()).map_err(|error| {
            let failure = Failure::usage(error.message);
            match error.hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })
    }
}

/// Column holding the time of the run that wrote a row; the same value for all rows of a run.
pub const LOADED_AT: &str = "_ingestr_loaded_at";

/// What a destination can do. Plain data: the plan refuses what is not in here before the first request.
#[derive(Debug, Clone, Copy)]
pub struct Capabilities {
    /// Strategies it implements.
    pub strategies: &'static [Strategy],
    /// Whether `--partition-by` means something.
    pub partitioning: bool,
    /// Whether `--cluster-by` means something.
    pub clustering: bool,
    /// Values `--loader-file-format` may have; empty: rows are not loaded through files.
    pub file_formats: &'static [&'static str],
    /// Whether `--staging-bucket` means something.
    pub staging_bucket: bool,
    /// Whether `--staging-dataset` means something.
    pub staging_dataset: bool,
}

/// The table that is written, and everything decided about how.
#[derive(Debug, Clone)]
pub struct Target {
    /// The source account the rows come from, e.g. `acme`; part of the state's key.
    pub account: String,
    /// The source's name of the table, e.g. `tickets`; part of the state's key.
    pub source_table: String,
    /// Schema or dataset.
    pub schema: String,
    /// Table name.
    pub table: String,
    /// Merge key: columns that identify a row. Never empty for a strategy that needs one.
    pub key: Vec<String>,
    /// The column that tells which of two rows with one key is newer.
    pub incremental_key: Option<String>,
    /// How rows meet rows.
    pub strategy: Strategy,
    /// The documented columns (after exclusion and renaming), in order; all exist in the table from the first load.
    pub columns: Vec<Column>,
    /// Value of [`LOADED_AT`] for this run; `None` leaves the column out.
    pub loaded_at: Option<Micros>,
    /// With [`Strategy::DeleteInsert`], the closed window of the incremental key to be replaced; an open end means
    /// the smallest or largest value that was read.
    pub window: (Option<Micros>, Option<Micros>),
    /// The run starts from zero: rows that an earlier unfinished [`Strategy::Replace`] or
    /// [`Strategy::DeleteInsert`] kept aside are forgotten. Only the first commit of a run sees this set.
    pub fresh: bool,
}

/// What was found before the run: nothing is written to find it.
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// Columns of the existing table, in its own order, as far as their types are ours. `None`: no such table.
    pub columns: Option<Vec<Column>>,
    /// The state of exactly this target; `None` when there is none, or when its table is gone.
    pub state: Option<State>,
    /// The state of rows that an unfinished [`Strategy::Replace`] or [`Strategy::DeleteInsert`] of this target keeps
    /// aside.
    pub aside: Option<State>,
}

/// A value that did not fit its column, for `_ingestr_rejects`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The row's key as text, if it had one.
    pub id: Option<String>,
    /// Column the value was for; `None` if the whole row was refused.
    pub column: Option<String>,
    /// The value as JSON text.
    pub value: String,
    /// Why it did not fit.
    pub reason: &'static str,
}

/// What a commit did to the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows that were not there before.
    pub inserted: u64,
    /// Rows whose key was there with other values.
    pub updated: u64,
    /// Rows whose key was there with the same values; they were not written again.
    pub unchanged: u64,
    /// Rows removed or closed.
    pub deleted: u64,
}

impl Counts {
    /// Adds another commit's.
    pub fn add(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
    }
}

/// Everything that becomes visible together with the staged rows.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Where the run stands after these rows.
    pub state: State,
    /// Values that did not fit.
    pub rejects: Vec<Reject>,
    /// The run's line in the ledger.
    pub run: RunRecord,
    /// Whether the pass is complete with this commit. Strategies that publish at the end
    /// ([`Strategy::Replace`], [`Strategy::DeleteInsert`]) do so now; others do not care.
    pub last: bool,
}

/// A place rows can be copied to.
pub trait Destination: Send + Sync + std::fmt::Debug {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// How messages name it: no credentials, e.g. `duckdb file shop.duckdb`.
    fn describe(&self) -> String;

    /// Looks at what is there before the first request: reachable, writable, of a shape that can be taken over.
    ///
    /// # Errors
    /// Everything that would make the load fail later and can be known now. Writes nothing.
    fn inspect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Inspection, DestError>>;

    /// Starts a load: the rows of one commit. Dropping it without commit leaves no trace.
    fn begin(&self, target: &Target) -> Box<dyn Load>;
}

/// The rows of one commit.
pub trait Load: Send {
    /// Takes a batch. Columns are found by name; a column the table lacks is added at commit, a wider type widens
    /// the table's column. Rows may repeat a key: the newest by incremental key wins, the later on a tie.
    ///
    /// # Errors
    /// When the destination refuses the rows.
    fn stage<'a>(&'a mut self, batch: RecordBatch) -> BoxFuture<'a, Result<(), DestError>>;

    /// Makes the staged rows, the state, the rejects and the run's line visible in one transaction and consumes the
    /// load. After an error nothing of it is visible, unless the error is [`DestErrorKind::Unknown`].
    ///
    /// # Errors
    /// When the transaction did not go through.
    fn commit(self: Box<Self>, commit: Commit) -> BoxFuture<'static, Result<Counts, DestError>>;
}

/// Why a destination failed, by what the user can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestErrorKind {
    /// Another process holds it.
    Locked,
    /// It is not what it should be: damaged, or no database at all.
    Damaged,
    /// No permission to write (or read) it.
    Permission,
    /// No space left.
    Full,
    /// The existing table cannot be taken over.
    Shape,
    /// Its state was written by a newer version.
    NewerState,
    /// It may or may not have committed.
    Unknown,
    /// Anything else.
    Other,
}

/// A destination's failure: what happened, to what, and what to do next.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DestError {
    /// What may be done.
    pub kind: DestErrorKind,
    /// One sentence, naming file or table, without row content.
    pub message: String,
    /// What to do next, if the kind's general hint does not say it.
    pub hint: Option<String>,
    /// The underlying error.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}
