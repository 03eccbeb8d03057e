//! Destinations: the traits every one implements, the values that cross, and the ordered list of them.
//!
//! A destination knows nothing of Gorgias or JSON. It is given Arrow batches and a state, and makes both visible in
//! one transaction, or neither.

use std::path::PathBuf;
use std::time::Duration;

use arrow_array::RecordBatch;
use futures_util::future::BoxFuture;

use crate::model::lease::Claim;
use crate::model::{
    Answer, Described, Description, Lease, Micros, Question, Remembered, Strategy, Tombstone,
};

#[cfg(any(feature = "duckdb", feature = "files"))]
mod access;
#[cfg(feature = "bigquery")]
pub mod bigquery;
#[cfg(test)]
pub(crate) mod conformance;
#[cfg(feature = "duckdb")]
pub mod duckdb;
#[cfg(feature = "duckdb")]
pub mod ducklake;
mod error;
#[cfg(feature = "files")]
pub mod files;
#[cfg(any(feature = "duckdb", feature = "sqlite"))]
mod holder;
#[cfg(any(feature = "duckdb", feature = "sqlite"))]
mod in_process;
#[cfg(any(feature = "duckdb", feature = "sqlite", feature = "files"))]
#[cfg_attr(
    not(any(feature = "duckdb", feature = "sqlite")),
    allow(dead_code, reason = "files are no database in a file")
)]
mod local;
#[cfg(feature = "postgres")]
pub mod postgres;
mod registry;
#[cfg_attr(
    not(all(feature = "duckdb", feature = "sqlite", feature = "postgres", feature = "bigquery")),
    allow(dead_code, reason = "each database drives a part of it")
)]
pub mod sql;
#[cfg(feature = "sqlite")]
pub mod sqlite;
mod target;
#[cfg(any(feature = "bigquery", feature = "files"))]
mod text;
#[cfg(any(feature = "duckdb", feature = "postgres", feature = "files"))]
mod uri;

pub use error::{Again, DestError, DestErrorKind, Undone};
pub use registry::{DestEntry, entry};
pub use target::{
    Asked, Basis, Commit, Counts, Hints, Idle, Inspection, Keep, Names, Owner, Stored, TableSize, Target,
    Targets, Written,
};

/// What a destination can do. Plain data: the plan refuses what is not in here before the first request.
#[derive(Debug, Clone, Copy)]
pub struct Capabilities {
    /// Strategies it implements; the first one is that of whoever asks for none.
    pub strategies: &'static [Strategy],
    /// What to use for the strategies that it lacks.
    pub instead: Option<&'static str>,
    /// Whether rows that are stored can be asked for and corrected: only then it is looked for what changed without a sign,
    /// and for what is gone.
    pub corrections: bool,
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
    /// Whether a table may be named `project.dataset.table`.
    pub projects: bool,
    /// Schemas that it keeps for itself, in small letters; with `*` at the end, all that begin so.
    pub system_schemas: &'static [&'static str],
    /// Whether reading is paid by the byte, so that `--max-bytes` means something.
    pub paid_by_byte: bool,
    /// When to commit unless told otherwise.
    pub flush: FlushDefaults,
}

impl Capabilities {
    /// Of a database: every strategy, and nothing of what only a warehouse has.
    pub const DATABASE: Self = Self {
        strategies: &Strategy::ALL,
        instead: None,
        corrections: true,
        partitioning: false,
        clustering: false,
        file_formats: &[],
        staging_bucket: false,
        staging_dataset: false,
        projects: false,
        system_schemas: &[],
        paid_by_byte: false,
        flush: FlushDefaults::EMBEDDED,
    };

    /// The strategy of whoever asks for none.
    #[must_use]
    pub fn usual(&self) -> Strategy {
        self.strategies.first().copied().unwrap_or(Strategy::Merge)
    }
}

/// When a commit is made, as suits the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlushDefaults {
    /// Rows staged.
    pub rows: u64,
    /// Bytes staged; not for the user to choose, as it bounds memory or, where rows are streamed, what is read again
    /// after a failure.
    pub bytes: u64,
    /// Time since the last commit.
    pub interval: Duration,
    /// A run of days that commits more often than this meets a limit of the destination: after [`Self::AT_ONCE`]
    /// commits, a run makes one in so long.
    pub shortest: Option<Duration>,
}

impl FlushDefaults {
    /// A commit that is held in memory until it is written, and costs nothing.
    pub const EMBEDDED: Self =
        Self { rows: 50_000, bytes: 32 * 1024 * 1024, interval: Duration::from_secs(30), shortest: None };

    /// Commits of a run that need not be apart, so that a short run is not held up. Without [`Self::shortest`] it means
    /// nothing.
    pub const AT_ONCE: u64 = 50;

    /// A commit that is held in memory, and makes files of its own.
    pub const LAKE: Self = Self { interval: Duration::from_secs(120), ..Self::EMBEDDED };

    /// A commit whose rows are streamed, and which costs some seconds, a scan, and a share of a daily quota. BigQuery
    /// allows 1,500 changes of a table a day; one a minute and [`Self::AT_ONCE`] are 1,490:
    /// <https://cloud.google.com/bigquery/quotas#standard_tables>.
    pub const WAREHOUSE: Self = Self {
        rows: 500_000,
        bytes: 512 * 1024 * 1024,
        interval: Duration::from_secs(120),
        shortest: Some(Duration::from_secs(60)),
    };
}

/// A row of texts.
pub type TextRow = Vec<Option<String>>;

/// A query in a destination's own SQL.
#[derive(Debug, Clone)]
pub struct Query<'a> {
    /// The schema that it is about, as it was typed.
    pub schema: &'a str,
    /// What is asked.
    pub sql: &'a str,
    /// How many columns the answer has. All of them are text.
    pub columns: usize,
    /// How many bytes it may be paid for, where reading is paid by the byte.
    pub most_bytes: Option<u64>,
}

/// A place rows can be copied to. What another program is in the way of fails at once with [`DestErrorKind::Locked`]: whoever
/// asks knows how long to wait, and whom to tell.
pub trait Destination: Send + Sync + std::fmt::Debug {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Schema of a table that is named without one; `None`: it has to be named.
    fn default_schema(&self) -> Option<&str>;

    /// A schema as it is remembered, for one as it was typed.
    fn schema<'a>(&self, typed: &'a str) -> &'a str {
        typed
    }

    /// What the user should know of a schema of that name, in one sentence.
    fn remark(&self, _schema: &str) -> Option<String> {
        None
    }

    /// How messages name it: no credentials, e.g. `duckdb file shop.duckdb`.
    fn describe(&self) -> String;

    /// The files on this machine that it is, with those that may lie beside them: nothing else may be written there.
    fn files(&self) -> Vec<PathBuf> {
        Vec::new()
    }

    /// Looks at what is there before the first request: reachable, writable, of a shape that can be taken over.
    ///
    /// # Errors
    /// Everything that would make the load fail later and can be known now. Writes nothing.
    fn inspect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Inspection, DestError>>;

    /// Answers a question about the rows of the target (of the rows kept aside, for an unfinished replacement; none
    /// for one that is [`Target::fresh`]). Of rows that repeat a key in them, only the newest counts. No rows if there
    /// is no such table; `None` if it does not have the columns that the question is about, and so cannot tell.
    ///
    /// # Errors
    /// When the destination cannot be read.
    fn ask<'a>(
        &'a self,
        target: &'a Target,
        question: Question,
    ) -> BoxFuture<'a, Result<Option<Answer>, DestError>>;

    /// Rows of the target's table in the order of its key, a single integer: those that come after `after`, so many at most.
    /// Of each the key, when it was marked as gone, and the values of these columns: JSON as its text, integers. None if
    /// there is no such table; `None` if it does not have these columns.
    ///
    /// # Errors
    /// When the destination cannot be read.
    fn rows<'a>(
        &'a self,
        target: &'a Target,
        columns: &'a [String],
        after: Option<i64>,
        most: u64,
    ) -> BoxFuture<'a, Result<Option<Vec<Stored>>, DestError>>;

    /// Says in the database's catalogue what tables and their columns mean, where that has a place for it and is silent, or
    /// has what `described` knows. False if one of the tables is not there yet.
    ///
    /// # Errors
    /// When the catalogue cannot be read or written.
    fn write_descriptions<'a>(
        &'a self,
        _tables: &'a [(Target, Vec<Description>)],
        _described: &'a Described,
    ) -> BoxFuture<'a, Result<bool, DestError>> {
        Box::pin(std::future::ready(Ok(true)))
    }

    /// Takes the lease of the target, or renews it. `live` tells whether a lease found there still counts. Creates
    /// what is needed to store it.
    ///
    /// # Errors
    /// [`DestErrorKind::Leased`] if a live lease of another run is there, the message names its holder; and if one that is
    /// to be renewed is not there any more.
    fn lease<'a>(
        &'a self,
        target: &'a Target,
        lease: Lease,
        claim: Claim,
        live: fn(&Lease, Micros) -> bool,
    ) -> BoxFuture<'a, Result<(), DestError>>;

    /// Gives the lease up, if it is still this run's.
    ///
    /// # Errors
    /// When the destination cannot be written.
    fn release<'a>(&'a self, target: &'a Target, run: &'a str) -> BoxFuture<'a, Result<(), DestError>>;

    /// Makes the commits of runs that have no row to write, of tables in one schema, in one transaction. These runs hold no
    /// lease, so it fails with [`DestErrorKind::Leased`] if somebody holds one that has not lapsed by `now`.
    ///
    /// # Errors
    /// When the transaction did not go through. Nothing of it is visible then, unless it is [`DestErrorKind::Unknown`].
    fn commit_idle<'a>(&'a self, _idle: &'a [Idle], _now: Micros) -> BoxFuture<'a, Result<(), DestError>> {
        Box::pin(std::future::ready(Err(DestError::new(
            DestErrorKind::Other,
            format!("{} makes a commit for each table", self.describe()),
        ))))
    }

    /// Finds out what would stop the next run of a table that was copied before, as far as that is known without a look at each.
    ///
    /// # Errors
    /// Of the first of them.
    fn check(&self) -> BoxFuture<'_, Result<(), DestError>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Everything remembered here, in all schemas, ordered by schema, table and account.
    ///
    /// # Errors
    /// When the destination cannot be read.
    fn remembered(&self) -> BoxFuture<'_, Result<Vec<Remembered>, DestError>>;

    /// What is remembered in one schema at least, which may be one that [`Self::remembered`] does not come by.
    ///
    /// # Errors
    /// When the destination cannot be read.
    fn remembered_in<'a>(&'a self, _schema: &'a str) -> BoxFuture<'a, Result<Vec<Remembered>, DestError>> {
        self.remembered()
    }

    /// Forgets the state (and lease, and rows kept aside) of a table, so that its next run is a first one. The rows
    /// stay. Returns how many states there were.
    ///
    /// # Errors
    /// When the destination cannot be written.
    fn forget<'a>(&'a self, schema: &'a str, table: &'a str) -> BoxFuture<'a, Result<u64, DestError>>;

    /// Gives what is remembered of tables, each as [`Self::remembered`] lists it, to another account: states, rows kept
    /// aside, runs and rejects. What lies in one schema changes in one transaction, and all of it where schemas can share
    /// one. The caller holds the leases of the tables, and has seen that the account has no state for them. Returns how
    /// many states there were.
    ///
    /// # Errors
    /// When the destination cannot be written.
    fn reassign<'a>(
        &'a self,
        tables: &'a [Remembered],
        account: &'a str,
    ) -> BoxFuture<'a, Result<u64, DestError>>;

    /// How a schema is written in the SQL of [`Self::select`], from its quoted name.
    fn schema_in_sql(&self, quoted: &str) -> String {
        quoted.to_owned()
    }

    /// How many bytes the query would read, where reading is paid by the byte; `None`: that is not told. Nothing is read, and
    /// nothing paid.
    ///
    /// # Errors
    /// When the destination cannot be asked, or does not take the query.
    fn bytes<'a>(&'a self, _query: &'a Query<'a>) -> BoxFuture<'a, Result<Option<u64>, DestError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// The rows of a query. Nothing is written.
    ///
    /// # Errors
    /// When the destination cannot be read, or not in SQL.
    fn select<'a>(&'a self, _query: &'a Query<'a>) -> BoxFuture<'a, Result<Vec<TextRow>, DestError>> {
        Box::pin(std::future::ready(Err(DestError::new(
            DestErrorKind::Other,
            format!("{} cannot be asked in SQL", self.describe()),
        ))))
    }

    /// Starts a load: the rows of one commit, for the table that is read and for its child tables, which lie in one
    /// schema. Dropping it without commit leaves no trace.
    fn begin(&self, targets: Targets<'_>) -> Box<dyn Load>;
}

/// The rows of one commit. `at` says which of the load's targets something is for: 0 is the table that is read.
pub trait Load: Send {
    /// Takes a batch. Columns are found by name; a column the table lacks is added at commit, a wider type widens
    /// the table's column. Rows may repeat a key: the newest by incremental key wins, the later on a tie.
    ///
    /// # Errors
    /// When the destination refuses the rows.
    fn stage<'a>(&'a mut self, at: usize, batch: RecordBatch) -> BoxFuture<'a, Result<(), DestError>>;

    /// Says that all rows of these parents are among the staged ones: those that are stored beside them are removed,
    /// whatever `--deletes` says. A child table names the parent in the first column of its key.
    fn complete(&mut self, at: usize, parents: Vec<i64>);

    /// Takes rows that are gone, and with them their rows in child tables. They are applied after all rows of this load, as [`crate::model::Deletes`] says, to the rows of the
    /// target ([`Strategy::Merge`]) or to those kept aside ([`Strategy::Replace`]). [`Strategy::Scd2`] closes the
    /// current version, marks it with [`crate::model::Deletes::Soft`] and removes none. Other strategies leave gone rows alone. A
    /// row that is gone already keeps its first date; a survivor that becomes known later is added. Rows newly gone
    /// are counted as deleted, added survivors as updated.
    fn bury(&mut self, tombstones: Vec<Tombstone>);

    /// Makes the staged rows, the state, the rejects and the run's line visible in one transaction and consumes the
    /// load. What was done to each target, in their order. After an error nothing of it is visible and nothing is stored, unless
    /// the error is [`DestErrorKind::Unknown`].
    ///
    /// # Errors
    /// When the transaction did not go through; where another program is in the way, the load comes back with it.
    fn commit(self: Box<Self>, commit: Commit) -> BoxFuture<'static, Result<Vec<Counts>, Undone>>;
}
