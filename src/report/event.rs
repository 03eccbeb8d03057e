//! What a run tells while it goes on, and who is told.

use std::time::Duration;

use super::receipt::{Receipt, Summary};
use crate::dest::Counts;
use crate::error::Failure;
use crate::model::{Micros, Strategy};
use crate::source::Window;

/// Takes what happens in one command. Called from runs and from the HTTP client, so it must be shareable.
pub trait Reporter: Send + Sync {
    /// Shows an event of the run of this source table, or decides not to.
    fn event(&self, table: &str, event: &Event<'_>);

    /// Shows why there is no run of any table. The only thing a reporter is told then.
    fn failed(&self, failure: &Failure);

    /// Tables are about to be copied. The first thing a reporter is told then.
    fn begins(&self, several: &Several<'_>);

    /// The runs of all tables are over. The last thing a reporter is told then.
    fn ends(&self, summary: &Summary<'_>);

    /// Whether only such warnings are shown that the run before did not have.
    fn wants_news_only(&self) -> bool {
        false
    }
}

/// The tables of one command.
#[derive(Debug, Clone, Copy)]
pub struct Several<'a> {
    /// The source, as it describes itself.
    pub source: &'a str,
    /// The destination, as it describes itself.
    pub destination: &'a str,
    /// Source tables, in the order they are shown.
    pub tables: &'a [&'a str],
    /// Notes of the plan that concern more than one of them; of one table, they come with its start.
    pub notes: &'a [String],
}

/// What happens in the run of one table. `elapsed` is always the time since the run started.
#[derive(Debug)]
pub enum Event<'a> {
    /// All is decided; the first request comes next.
    Started(&'a Start),
    /// A page was read.
    Page(Progress),
    /// Nothing happens for a while, and why.
    Waiting {
        /// The reason.
        why: Wait,
        /// How long from now on.
        wait: Duration,
        /// Since when, if it has been told before: it goes on.
        waited: Option<Duration>,
        /// Until when.
        until: Micros,
        /// Time since the run started.
        elapsed: Duration,
    },
    /// The source has stopped answering, and is asked again and again.
    Lost {
        /// What comes instead of an answer, e.g. `HTTP 503` or `no connection`.
        why: &'a str,
        /// For how long it is asked.
        patience: Duration,
        /// Time since the run started.
        elapsed: Duration,
    },
    /// Others are in the way: a program that holds the file of the destination, or another run. Told once a wait.
    Held {
        /// Who it is, in one sentence.
        by: &'a str,
        /// For how long it is waited for; `None`: as long as it takes.
        limit: Option<Duration>,
        /// Time since the run started.
        elapsed: Duration,
    },
    /// It answers again.
    Back {
        /// How long it did not.
        lasted: Duration,
        /// Time since the run started.
        elapsed: Duration,
    },
    /// A commit begins.
    Committing {
        /// Rows in it.
        rows: u64,
        /// Time since the run started.
        elapsed: Duration,
    },
    /// A commit is done: these rows are safe.
    Committed {
        /// Rows in it.
        rows: u64,
        /// What it did to the table.
        counts: Counts,
        /// Time since the run started.
        elapsed: Duration,
    },
    /// Something the user must know; not repeated in the receipt by human styles.
    Warning(&'a str),
    /// A detail for `--debug`; no values of rows, no secrets.
    Debug(&'a str),
    /// The run is over, well or not. The last event of the table.
    Finished {
        /// What was done.
        receipt: &'a Receipt,
        /// Why it is not a success.
        failure: Option<&'a Failure>,
    },
    /// There was no run of this table. Its last event.
    Failed(&'a Failure),
}

/// What is about to happen.
#[derive(Debug, Clone)]
pub struct Start {
    /// Source table.
    pub table: String,
    /// The source, as it describes itself.
    pub source: String,
    /// Destination table with its schema.
    pub dest_table: String,
    /// The destination, as it describes itself.
    pub destination: String,
    /// How rows meet rows.
    pub strategy: Strategy,
    /// Merge key.
    pub key: Vec<String>,
    /// Which rows.
    pub scope: Scope,
    /// Notes of the plan.
    pub notes: Vec<String>,
    /// When the run started.
    pub at: Micros,
}

/// Which rows a run reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    Everything,
    /// What changed since.
    ChangedSince(Micros),
    /// The rest of what an earlier run began.
    Remaining,
    /// An interval.
    Interval(Window),
}

impl Scope {
    /// The name in machine-readable output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Everything => "everything",
            Self::ChangedSince(_) => "changed_since",
            Self::Remaining => "remaining",
            Self::Interval(_) => "interval",
        }
    }
}

/// How far reading has come.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// Rows read.
    pub rows: u64,
    /// Pages read.
    pub pages: u64,
    /// Requests sent, repeated ones included.
    pub requests: u64,
    /// The date that was reached.
    pub reached: Option<Micros>,
    /// Requests of the account's budget in use, and how many it has.
    pub budget: Option<(u32, u32)>,
    /// Time since the run started.
    pub elapsed: Duration,
    /// Time that the rest of a long pass will take, measured.
    pub left: Option<Duration>,
}

/// Why nothing happens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wait {
    /// The account's request budget is used up.
    RateLimit,
    /// A request failed and is sent again.
    Retry {
        /// What came instead of an answer, e.g. `HTTP 503` or `timeout`.
        what: String,
        /// Which attempt comes next; the first repetition is 2.
        attempt: u32,
    },
}
