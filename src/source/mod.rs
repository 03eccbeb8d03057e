//! Sources: the traits every one implements, the values that cross, and the ordered list of them.
//!
//! A source knows nothing of destinations. It yields pages of rows as JSON text together with its own progress.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::error::{self, Failure};
use crate::http::Listener;
use crate::http::client::HttpError;
use crate::http::limit::{Allowance, Share};
use crate::model::{Answer, Column, LogicalType, Micros, Question, State, Tombstone};
use crate::normalise::rows::Rows;

mod finding;
mod forecast;
pub mod gorgias;

pub use finding::{Finding, Subject};
pub use forecast::{Basis, Forecast, Guess, Headway, Rescan};

/// One kind of source.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// What its URIs begin with.
    pub scheme: &'static str,
    /// Its name in messages.
    pub name: &'static str,
    /// The form of its URIs.
    pub form: &'static str,
    /// Its tables.
    pub tables: &'static [TableSpec],
    open: fn(&str) -> Result<Box<dyn Source>, gorgias::OpenError>,
    rescan: fn(&'static TableSpec, &State) -> Option<Rescan>,
}

/// All kinds of sources, in the order help lists them.
pub const SOURCES: [Entry; 1] = [Entry {
    scheme: "gorgias",
    name: "Gorgias",
    form: gorgias::FORM,
    tables: &gorgias::TABLES,
    open: |uri| Ok(Box::new(gorgias::Gorgias::open(uri)?)),
    rescan: gorgias::rescan,
}];

/// The kind of source a URI names.
///
/// # Errors
/// A usage failure that names what exists.
pub fn entry(uri: &str) -> Result<&'static Entry, Failure> {
    let scheme = uri.trim().split_once(':').map_or("", |(scheme, _)| scheme);
    SOURCES.iter().find(|entry| entry.scheme == scheme).ok_or_else(|| {
        let forms: Vec<&str> = SOURCES.iter().map(|entry| entry.form).collect();
        error::unknown_scheme("--source-uri", scheme, &forms)
    })
}

/// How the list of a table is re-scanned, as its state tells; `None`: it is not, or no run has come so far.
#[must_use]
pub fn rescan(table: &str, state: &State) -> Option<Rescan> {
    SOURCES.iter().find_map(|entry| {
        let spec = entry.tables.iter().find(|spec| spec.name == table)?;
        (entry.rescan)(spec, state)
    })
}

impl Entry {
    /// Opens the source; sends nothing.
    ///
    /// # Errors
    /// A usage failure that says what is wrong with the URI, without a value of it.
    pub fn open(&self, uri: &str) -> Result<Box<dyn Source>, Failure> {
        (self.open)(uri.trim())
            .map_err(|error| Failure::usage(error.to_string()).hint(format!("its form is {}", self.form)))
    }
}

/// How a table's changes are found without reading all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Incremental {
    /// The list sorts by the incremental key: what changed is read, and nothing else.
    Updated,
    /// The list sorts by creation only: what was created lately is read again, as rows change after creation
    /// without any sign. The length is the default lookback in days.
    Lookback {
        /// Days before the watermark that are read again.
        days: u32,
    },
}

/// A table of a source, declared as data; docs and `ingestr tables` are made from it.
#[derive(Debug, Clone, Copy)]
pub struct TableSpec {
    /// Its name on the command line.
    pub name: &'static str,
    /// One sentence on what a row is.
    pub about: &'static str,
    /// Merge key.
    pub key: &'static str,
    /// Incremental key.
    pub incremental_key: &'static str,
    /// How its changes are found.
    pub incremental: Incremental,
    /// Whether its rows can be deleted, or merged into others, and that is noticed.
    pub deletions: bool,
    /// Whether a list is read again from time to time for what changes without a sign.
    pub rescans: bool,
    /// Documented columns, in the API's order, with a short description each.
    pub columns: &'static [(&'static str, LogicalType, &'static str)],
}

impl TableSpec {
    /// The documented columns.
    #[must_use]
    pub fn columns(&self) -> Vec<Column> {
        self.columns.iter().map(|(name, logical, _)| Column::new(*name, *logical)).collect()
    }
}

/// What to read: both ends inclusive, on the incremental key, to the microsecond.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    /// Oldest value wanted.
    pub start: Option<Micros>,
    /// Newest value wanted.
    pub end: Option<Micros>,
}

impl Window {
    /// Whether neither end is given: "what has changed", not "what lies between".
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.start.is_none() && self.end.is_none()
    }
}

/// How far a catch-up reads behind the watermark.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Overlap {
    /// Far enough for rows that became visible late or change without a sign. What is read twice is merged.
    #[default]
    Wide,
    /// Only what is newer, for a destination that adds whatever it is given.
    None,
}

/// What to look for beside the rows that a list shows as new.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Late {
    /// Nothing.
    Nothing,
    /// Changes without a sign, such as messages imported into old tickets.
    Changes,
    /// These, and rows that are gone.
    #[default]
    ChangesAndDeletions,
}

/// What becomes of rows that were read on the way and lie outside of the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Outside {
    /// They are left out.
    #[default]
    Dropped,
    /// Those that the target holds are handed on, as they are news of its rows; others are left out.
    Updates,
}

/// One request to a source for a table's rows.
#[derive(Debug, Clone)]
pub struct ReadRequest {
    /// The table.
    pub table: &'static TableSpec,
    /// The part of it.
    pub window: Window,
    /// What becomes of rows outside of it.
    pub outside: Outside,
    /// Where the last run stood; `None` starts from zero.
    pub from: Option<State>,
    /// How far to read behind the watermark.
    pub overlap: Overlap,
    /// How long after its creation a row may still change without a sign, if not as the table declares.
    pub lookback: Option<Duration>,
    /// In which time to read the whole list again, a part a run; `None`: never.
    pub rescan: Option<Duration>,
    /// What else to look for.
    pub late: Late,
    /// Whether rows may be marked as gone however many only their absence says it of.
    pub confirmed: bool,
    /// When the run began: nothing later moves a watermark.
    pub now: Micros,
}

/// Rows that were read, and the progress after them.
#[derive(Debug)]
pub struct Page {
    /// The rows, as text.
    pub rows: Rows,
    /// Which of them to keep, one per row; the others lie outside of what was asked for.
    pub keep: Vec<bool>,
    /// A column computed by the source, one value per row: Gorgias' messages and surveys have no
    /// `updated_datetime`, so it is the newest `*_datetime` of the row.
    pub derived: Option<(&'static str, Vec<Option<Micros>>)>,
    /// Rows that are gone.
    pub gone: Vec<Tombstone>,
    /// What to store once these rows are stored.
    pub state: State,
    /// The sort value of the last row, for "the date reached".
    pub reached: Option<Micros>,
    /// How far the pass has come of which this is a page; `None`: it is of none, or nothing tells where that ends.
    pub headway: Option<Headway>,
    /// Things the receipt must say, e.g. that the order of the list could not be trusted.
    pub warnings: Vec<String>,
}

/// What reading yields.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "nearly every step is a page, and steps are few")]
pub enum Step {
    /// More rows.
    Page(Page),
    /// The source must know this to go on; it is about all pages before it. [`Pages::answer`] tells it.
    Ask(Question),
    /// All that was asked for has been read; this is what to store with the last of it.
    End(State),
}

/// Reading in progress. Pull-based, so a slow destination slows the source down.
pub trait Pages: Send {
    /// The next step. After [`Step::End`] there is none. An error is never the end of the data.
    ///
    /// # Errors
    /// What the source says, after the retries that make sense.
    fn next(&mut self) -> BoxFuture<'_, Result<Step, SourceError>>;

    /// Answers a [`Step::Ask`]; `None` if the target cannot tell, as it does not have the column.
    fn answer(&mut self, answer: Option<Answer>);
}

/// A place rows can be copied from.
pub trait Source: Send + Sync + std::fmt::Debug {
    /// Its tables, in the order help lists them.
    fn tables(&self) -> &'static [TableSpec];

    /// The account whose rows these are; part of the state's key.
    fn account(&self) -> &str;

    /// How messages name it: no credentials, e.g. `Gorgias account acme`.
    fn describe(&self) -> String;

    /// Keeps to this part of the account's request budget from now on, whatever the URI says.
    fn keep_to(&self, share: Share);

    /// What may be sent to the account, as far as its answers have told.
    fn allowance(&self) -> Allowance;

    /// Whether `state` is that of a pass which reads from zero exactly what this window asks for, and was not finished.
    fn continues(&self, table: &TableSpec, window: Window, state: &State) -> bool;

    /// Finds out what the credentials may do, with one cheap request after the other.
    fn probe(&self, listener: Arc<dyn Listener>) -> BoxFuture<'_, Vec<Finding>>;

    /// Estimates what each of these reads would take, in at most three requests a table. The answers are in the order of
    /// the requests, and end with one that fails for a reason which all others would share.
    fn forecast(
        &self,
        requests: Vec<ReadRequest>,
        listener: Arc<dyn Listener>,
    ) -> BoxFuture<'_, Vec<Result<Forecast, SourceError>>>;

    /// Starts reading. Sends nothing before the first call of [`Pages::next`].
    ///
    /// # Errors
    /// When the state was written by a newer version, or is none of ours.
    fn read(&self, request: ReadRequest, listener: Arc<dyn Listener>) -> Result<Box<dyn Pages>, SourceError>;
}

/// Why a table could not be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A request that did not succeed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The list went round in circles.
    #[error("GET {path}: the answer names a next page that was read already, so this list has no end")]
    RepeatedCursor {
        /// Path of the list.
        path: &'static str,
    },
    /// Page after page brings nothing that was not there before, under ever new cursors.
    #[error(
        "GET {path}: {pages} pages in a row brought no new rows, and each names a next one, so this list has no end"
    )]
    Endless {
        /// Path of the list.
        path: &'static str,
        /// How many.
        pages: u32,
    },
    /// A list that is read in one go was broken off, or out of order, each time it was begun.
    #[error(
        "GET {path}: the list was begun {times} times and came out of order, or refused its own cursor, each time"
    )]
    Unsteady {
        /// Path of the list.
        path: &'static str,
        /// How often.
        times: u32,
    },
    /// A row that has more than an answer may have, even by itself. Its neighbours are named, as far as they are known.
    #[error(
        "GET {path}: a row is larger than an answer may be ({} MiB), even by itself; {}",
        crate::http::room::MOST >> 20,
        place(*id, *after, *before)
    )]
    RowTooLarge {
        /// Path of the list.
        path: &'static str,
        /// Its id, if it was asked for by that.
        id: Option<i64>,
        /// Id of the row before it, in the order in which the list was read.
        after: Option<i64>,
        /// Id of the row behind it, where the list was read from its other end, too.
        before: Option<i64>,
    },
    /// So many rows seem to be gone that rather these credentials may not see them any more.
    #[error(
        "GET {path}: {rows} rows that the table has are not there any more and no event says so; the table has {held} rows"
    )]
    ManyGone {
        /// Path of the list.
        path: &'static str,
        /// How many.
        rows: u64,
        /// Rows of the table that are not marked as gone.
        held: u64,
    },
    /// The API keeps refusing cursors that it has just handed out.
    #[error("GET {path}: the API refused its own cursor {times} times without a step forward")]
    RefusedCursor {
        /// Path of the list.
        path: &'static str,
        /// How often.
        times: u32,
    },
    /// The list is in another order again and again, so that no reading of it is known to be whole.
    #[error("GET {path}: the list changed its order {times} times while it was read")]
    NoOrder {
        /// Path of the list.
        path: &'static str,
        /// How often.
        times: u32,
    },
    /// Reading came to an end that is a defect of ours.
    #[error("reading {path} came to an unexpected end")]
    Broken {
        /// Path of the list.
        path: &'static str,
    },
    /// The stored state is not one this version can go on from.
    #[error("the stored progress of table {table} cannot be read: {why}")]
    State {
        /// The source's table.
        table: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

/// Where a row lies that cannot be read.
fn place(id: Option<i64>, after: Option<i64>, before: Option<i64>) -> String {
    if let Some(id) = id {
        return format!("its id is {id}");
    }
    match (after, before) {
        (Some(after), Some(before)) => format!("it lies between the rows with the ids {after} and {before}"),
        (Some(id), None) => format!("it comes next after the row with the id {id}"),
        (None, Some(id)) => format!("it comes next before the row with the id {id}"),
        (None, None) => "it is the next one to be read".to_owned(),
    }
}
