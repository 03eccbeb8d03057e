//! What a run did, as it is told at its end.

use std::time::Duration;

use crate::dest::Counts;
use crate::error::{Failure, Kind};
use crate::model::{Micros, Strategy};
use crate::source::Changes;

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// All that was asked for is done.
    Success,
    /// It stopped at `--sql-limit`.
    Limited,
    /// It was stopped by a signal.
    Interrupted,
    /// It stopped at an error.
    Failed,
    /// Nothing was read, as the account does not show this table and nobody named it: why, in a few words.
    LeftOut(String),
}

impl Outcome {
    /// The name in machine-readable output.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Limited => "limited",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::LeftOut(_) => "left_out",
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
    /// Of the committed rows, those that the run had read before: they are none of the counted ones. `None`: it is not known,
    /// as rows of an earlier run are counted as well.
    pub read_again: Option<u64>,
    /// Whether deleted rows were looked for.
    pub deletions: bool,
    /// Values that did not fit and are kept in `_ingestr_rejects`.
    pub rejected: u64,
    /// Rows or values left out by the schema contract.
    pub discarded: u64,
    /// Fields of the table that lie in its column `_ingestr_extra`, as far as they are known by name.
    pub extra_fields: u64,
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
    /// How changes of the table are found.
    pub changes: Changes,
    /// Whether nothing was complete before it: whoever ran it sees the table for the first time.
    pub first: bool,
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
    /// Of these, those that the run before this one had, too.
    pub known_warnings: Vec<String>,
}

/// What the next run reads.
pub(super) enum Next {
    /// What changed since.
    Since(Micros),
    /// What this one did not read.
    Rest,
    /// All of the table, as every run does.
    All,
    /// What comes with the rows of another table.
    WithParent,
    /// Everything.
    Everything,
}

impl Receipt {
    /// Why the table was left out, if it was.
    pub(super) fn left_out(&self) -> Option<&str> {
        match &self.outcome {
            Outcome::LeftOut(why) => Some(why),
            _ => None,
        }
    }

    pub(super) fn next(&self) -> Next {
        match (self.next_start, self.changes) {
            (_, Changes::Full) => Next::All,
            (Some(next), _) => Next::Since(next),
            (None, _) if self.unfinished => Next::Rest,
            (None, Changes::WithParent) => Next::WithParent,
            (None, Changes::ByUpdate | Changes::Recent { .. }) => Next::Everything,
        }
    }

    /// Whether what was read is staged: a replacement that is not complete has changed nothing that can be seen, and the
    /// next run goes on with it.
    pub(super) fn staged(&self) -> bool {
        let replaces = matches!(self.strategy, Strategy::Replace | Strategy::DeleteInsert);
        let ended = matches!(self.outcome, Outcome::Interrupted | Outcome::Failed);
        replaces && ended && self.unfinished && self.read > 0 && self.counts == Counts::default()
    }

    /// The warnings that the run before did not have.
    pub(super) fn new_warnings(&self) -> impl Iterator<Item = &String> {
        self.warnings.iter().filter(|warning| !self.known_warnings.contains(warning))
    }
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
    /// After a first load, lines that say how to look at it.
    pub look: &'a [String],
}

impl Summary<'_> {
    /// How the command ended, in one word of machine-readable output.
    pub(super) fn outcome(&self) -> &'static str {
        let limited = |end: &Ended| end.receipt.as_ref().is_some_and(|done| done.outcome == Outcome::Limited);
        match self.failure.map(|failure| failure.kind) {
            None if self.ends.iter().any(limited) => Outcome::Limited.name(),
            None => Outcome::Success.name(),
            Some(kind @ (Kind::Partial | Kind::Interrupted)) => kind.name(),
            Some(_) => Outcome::Failed.name(),
        }
    }
}
