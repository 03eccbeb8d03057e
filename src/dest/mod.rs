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

/// Column holding when a row was found to be gone from the source; NULL as long as it is there.
pub const DELETED_AT: &str = "_ingestr_deleted_at";

/// Column holding the key of the row that a gone row was merged into, where the source tells.
pub const MERGED_INTO: &str = "_ingestr_merged_into";

/// What becomes of rows that are gone from the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Deletes {
    /// They stay and are marked with _ingestr_deleted_at, and with _ingestr_merged_into where known.
    #[default]
    Soft,
    /// They are removed.
    Hard,
    /// They stay as they are.
    Ignore,
}

/// A row that is gone from the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tombstone {
    /// Its key: tables whose deletions are tracked have a single integer key.
    pub key: i64,
    /// When it was deleted, or found to be.
    pub at: Micros,
    /// The row it was merged into, if known.
    pub merged_into: Option<i64>,
}

/// Something a source must know of the rows a target holds. Only rows that are not marked as deleted count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// How many rows have each of these values in an integer column.
    CountBy {
        /// The column.
        column: String,
        /// The values; at most a few hundred.
        values: Vec<i64>,
    },
    /// The keys of the rows that have one of these values in an integer column.
    KeysBy {
        /// The column.
        column: String,
        /// The values; at most a few hundred.
        values: Vec<i64>,
    },
    /// The keys of the rows whose instant in a column lies in a closed range.
    KeysBetween {
        /// The column.
        column: String,
        /// Oldest.
        from: Micros,
        /// Newest.
        to: Micros,
    },
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// For [`Question::CountBy`]: value and count, in any order; a value without rows may be missing. For
    /// [`Question::KeysBy`]: value and key. For [`Question::KeysBetween`]: key and 0.
    pub pairs: Vec<(i64, i64)>,
}

/// The right to write to a target: one run at a time. Stored in `_ingestr_leases` beside the data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// The run that holds it.
    pub run: String,
    /// The process that runs it, as [`crate::lease`] writes it; lets the same machine see that it is dead.
    pub process: String,
    /// Since when it is held.
    pub since: Micros,
    /// When it lapses unless it is renewed.
    pub until: Micros,
}

/// A state as `ingestr state show` lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The source account.
    pub account: String,
    /// The source's table.
    pub source_table: String,
    /// Schema or dataset.
    pub schema: String,
    /// The destination's table.
    pub table: String,
    /// Whether the rows it is about are kept aside for an unfinished replacement.
    pub aside: bool,
    /// Version of the state's layout.
    pub version: i64,
    /// The state; `None` if a newer version wrote it.
    pub state: Option<State>,
    /// When it was written.
    pub updated_at: Option<Micros>,
    /// Who holds the target, expired or not.
    pub lease: Option<Lease>,
    /// The last runs of this target, newest first, at most five.
    pub runs: Vec<RunLine>,
}

/// A line of `_ingestr_runs`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunLine {
    /// The run's id.
    pub id: String,
    /// When it began.
    pub started_at: Option<Micros>,
    /// When it was last heard of.
    pub ended_at: Option<Micros>,
    /// `running`, `success`, `interrupted` or `failed`.
    pub outcome: String,
    /// Rows it read.
    pub rows_read: i64,
    /// Requests it sent.
    pub requests: i64,
    /// The error's headline, for a failed run.
    pub error: Option<String>,
}

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
    /// What becomes of rows that are gone. With [`Deletes::Soft`], [`DELETED_AT`] and [`MERGED_INTO`] are among
    /// `columns`.
    pub deletes: Deletes,
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
    /// Who holds the target, expired or not.
    pub lease: Option<Lease>,
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
    /// The lease of the run, to be renewed with this commit; the commit fails with [`DestErrorKind::Leased`] if
    /// another run has taken it since.
    pub lease: Option<Lease>,
    /// Whether the lease is given up with this commit.
    pub release: bool,
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

    /// Answers a question about the rows of the target (of the rows kept aside, for an unfinished replacement; none
    /// for one that is [`Target::fresh`]). Of rows that repeat a key in them, only the newest counts. No rows if there
    /// is no such table or column.
    ///
    /// # Errors
    /// When the destination cannot be read.
    fn ask<'a>(&'a self, target: &'a Target, question: Question) -> BoxFuture<'a, Result<Answer, DestError>>;

    /// Takes the lease of the target, or renews it. `live` tells whether a lease found there still counts. Creates
    /// what is needed to store it.
    ///
    /// # Errors
    /// [`DestErrorKind::Leased`] if a live lease of another run is there; the message names its holder.
    fn lease<'a>(
        &'a self,
        target: &'a Target,
        lease: Lease,
        live: fn(&Lease, Micros) -> bool,
    ) -> BoxFuture<'a, Result<(), DestError>>;

    /// Gives the lease up, if it is still this run's.
    ///
    /// # Errors
    /// When the destination cannot be written.
    fn release<'a>(&'a self, target: &'a Target, run: &'a str) -> BoxFuture<'a, Result<(), DestError>>;

    /// Everything remembered here, in all schemas, ordered by schema, table and account.
    ///
    /// # Errors
    /// When the destination cannot be read.
    fn remembered(&self) -> BoxFuture<'_, Result<Vec<Remembered>, DestError>>;

    /// Forgets the state (and lease, and rows kept aside) of a table, so that its next run is a first one. The rows
    /// stay. Returns how many states there were.
    ///
    /// # Errors
    /// When the destination cannot be written.
    fn forget<'a>(&'a self, schema: &'a str, table: &'a str) -> BoxFuture<'a, Result<u64, DestError>>;

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

    /// Takes rows that are gone. They are applied after all rows of this load, as [`Deletes`] says, to the rows of the
    /// target ([`Strategy::Merge`]) or to those kept aside ([`Strategy::Replace`]). [`Strategy::Scd2`] closes the
    /// current version, marks it with [`Deletes::Soft`] and removes none. Other strategies leave gone rows alone. A
    /// row that is gone already keeps its first date; a survivor that becomes known later is added. Rows newly gone
    /// are counted as deleted, added survivors as updated.
    fn bury(&mut self, tombstones: Vec<Tombstone>);

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
    /// Another run is writing to it.
    Leased,
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
