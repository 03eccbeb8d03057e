//! What the user sees of a run: events in, text out. With `main`, the only place that prints.
//!
//! Three styles share one trait: a live line on a terminal, log lines, JSON lines. Time comes in with the events and
//! writers are given, so that whole runs can be compared with a snapshot. Human styles write to standard error only;
//! JSON writes its final object to standard output. A reader that went away never stops a run.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use crate::dest::Counts;
use crate::error::{Failure, Kind};
use crate::model::{Micros, ProgressStyle, Strategy};
use crate::source::Window;

pub mod check;
pub mod forecast;
mod format;
mod human;
mod json;
mod live;
pub mod remembered;
pub(crate) mod rescan;
mod screen;
mod summary;

/// Takes what happens in one command. Called from runs and from the HTTP client, so it must be shareable.
pub trait Reporter: Send + Sync {
    /// Shows an event of the run of this source table, or decides not to.
    fn event(&self, table: &str, event: &Event<'_>);

    /// Shows why there is no run of any table. The only thing a reporter is told then.
    fn failed(&self, failure: &Failure);

    /// Several tables are about to be copied; not told of one. The first thing a reporter is told then.
    fn begins(&self, several: &Several<'_>);

    /// The runs of several tables are over; not told of one. The last thing a reporter is told then.
    fn ends(&self, summary: &Summary<'_>);
}

/// Several tables in one command.
#[derive(Debug, Clone, Copy)]
pub struct Several<'a> {
    /// The source, as it describes itself.
    pub source: &'a str,
    /// The destination, as it describes itself.
    pub destination: &'a str,
    /// Source tables, in the order they are shown.
    pub tables: &'a [&'a str],
    /// Notes of the plan that concern more than one of them.
    pub notes: &'a [String],
}

/// What several runs did.
#[derive(Debug, Clone, Copy)]
pub struct Summary<'a> {
    /// Each table's end, in the order they are shown.
    pub ends: &'a [Ended],
    /// The source, as it describes itself.
    pub source: &'a str,
    /// The destination, as it describes itself.
    pub destination: &'a str,
    /// Time of the whole command.
    pub elapsed: Duration,
    /// Why it is not a success.
    pub failure: Option<&'a Failure>,
}

impl Summary<'_> {
    /// How the command ended, in one word of machine-readable output.
    fn outcome(&self) -> &'static str {
        let limited = |end: &Ended| end.receipt.as_ref().is_some_and(|done| done.outcome == Outcome::Limited);
        match self.failure.map(|failure| failure.kind) {
            None if self.ends.iter().any(limited) => Outcome::Limited.name(),
            None => Outcome::Success.name(),
            Some(kind @ (Kind::Partial | Kind::Interrupted)) => kind.name(),
            Some(_) => Outcome::Failed.name(),
        }
    }
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

/// A longer wait is worth saying until when it goes on, and to say again now and then.
pub(crate) const LONG: Duration = Duration::from_secs(10);

/// A line that says of a long wait why and until when.
pub(crate) fn long_wait(why: &Wait, wait: Duration, until: Micros) -> Option<String> {
    (wait >= LONG).then(|| format!("{}: {}", format::wait(why), format::length(wait, None, until)))
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
    /// Another program holds the destination.
    DestinationLocked,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All that was asked for is done.
    Success,
    /// It stopped at `--sql-limit`.
    Limited,
    /// It was stopped by a signal.
    Interrupted,
    /// It stopped at an error.
    Failed,
}

impl Outcome {
    /// The name in machine-readable output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Limited => "limited",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
        }
    }
}

/// What was expected early on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Pages of the pass that were read when it was.
    pub after: u64,
    /// Pages of the pass.
    pub pages: u64,
    /// Time of the run.
    pub elapsed: Duration,
}

/// What a run did. Only committed rows count as inserted, updated, unchanged or deleted.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// How it ended.
    pub outcome: Outcome,
    /// Source table.
    pub table: String,
    /// Destination table with its schema.
    pub dest_table: String,
    /// The destination, as it describes itself.
    pub destination: String,
    /// How rows met rows.
    pub strategy: Strategy,
    /// Rows read.
    pub read: u64,
    /// Pages read.
    pub pages: u64,
    /// What was done to the table.
    pub counts: Counts,
    /// Of the committed rows, those that the run had read before: they are none of the counted ones.
    pub read_again: u64,
    /// Whether deleted rows were looked for.
    pub deletions: bool,
    /// Values that did not fit and are kept in `_ingestr_rejects`.
    pub rejected: u64,
    /// Rows or values left out by the schema contract.
    pub discarded: u64,
    /// Requests sent, repeated ones included.
    pub requests: u64,
    /// Of these, the repeated ones.
    pub retries: u64,
    /// Time spent waiting for the request budget.
    pub waited: Duration,
    /// Time of the whole run.
    pub elapsed: Duration,
    /// When the run started.
    pub started_at: Micros,
    /// Since when the table is covered; `None` from its beginning.
    pub covered_since: Option<Micros>,
    /// Where the next run starts; `None` if it starts from zero or goes on with the rest of a pass.
    pub next_start: Option<Micros>,
    /// Whether the next run goes on with the rest of a pass: this one's, or an earlier one's.
    pub unfinished: bool,
    /// The date reached by a run that stopped before the end.
    pub stopped_at: Option<Micros>,
    /// What was expected after the first pages, of a run that was long enough.
    pub expected: Option<Expected>,
    /// All warnings; each was an event, too.
    pub warnings: Vec<String>,
}

/// How the run of one table ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// Source table.
    pub table: String,
    /// What it did; `None`: there was no run.
    pub receipt: Option<Receipt>,
    /// Why it is not complete.
    pub failure: Option<Failure>,
}

/// What the reporter may know of the terminal.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Whether standard error is one.
    pub stderr: bool,
    /// Whether colours are wanted: a terminal, and `NO_COLOR` is empty or not set.
    pub color: bool,
}

/// The reporter of that style, writing to `out` (standard output) and `err` (standard error). The live line is
/// drawn on the process's standard error. `debug` shows [`Event::Debug`].
#[must_use]
pub fn reporter(
    style: ProgressStyle,
    terminal: Terminal,
    debug: bool,
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
) -> Arc<dyn Reporter> {
    match style {
        ProgressStyle::Json => Arc::new(json::Json::new(out, err, debug)),
        ProgressStyle::Interactive if terminal.stderr => {
            Arc::new(live::Interactive::new(screen::screen(), human::Lines::new(err, terminal.color, debug)))
        }
        ProgressStyle::Interactive | ProgressStyle::Log => {
            Arc::new(human::Log::new(human::Lines::new(err, terminal.color, debug)))
        }
    }
}

#[cfg(test)]
mod tests;
