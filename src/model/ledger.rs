//! What is remembered next to the data of earlier runs: their lines in the ledger, and the states they left.

use super::{Lease, Micros, State};

/// What the names of tables begin with that are kept beside the data.
pub const LEDGER_PREFIX: &str = "_ingestr_";

/// Whether a table of that name is kept beside the data, so that no data may be copied into it.
#[must_use]
pub fn is_of_ledger(table: &str) -> bool {
    table.get(..LEDGER_PREFIX.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(LEDGER_PREFIX))
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
    /// The last runs of this target, newest first, at most [`RUNS_TOLD`].
    pub runs: Vec<RunLine>,
}

/// The most runs that a destination tells of a table ([`Remembered::runs`]).
pub const RUNS_TOLD: usize = 5;

impl Remembered {
    /// Whether it is about the rows that are in a table, in whatever case its name is written.
    #[must_use]
    pub fn is_in(&self, schema: &str, table: &str) -> bool {
        !self.aside && self.schema.eq_ignore_ascii_case(schema) && self.table.eq_ignore_ascii_case(table)
    }

    /// Whether it is about the rows of a source table of an account.
    #[must_use]
    pub fn is_of(&self, account: &str, source_table: &str) -> bool {
        self.account == account && self.source_table == source_table
    }

    /// What a list of them is ordered by.
    #[cfg_attr(
        not(any(
            feature = "duckdb",
            feature = "sqlite",
            feature = "postgres",
            feature = "bigquery",
            feature = "files"
        )),
        expect(dead_code, reason = "without a destination nobody has any")
    )]
    pub(crate) fn order(&self) -> (String, String, String, String, bool) {
        let Self { schema, table, account, source_table, .. } = self.clone();
        (schema, table, account, source_table, self.aside)
    }
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
    /// What it warned of; empty for one that an older version made.
    pub warnings: Vec<String>,
}

/// One row of `_ingestr_runs`, rewritten at each commit of the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunRecord {
    /// Unique per run, e.g. `20261122T094025.123456Z-4f2a90c1`.
    pub id: String,
    /// When the run began.
    pub started_at: Micros,
    /// When this commit was made; the end of the run for the last one.
    pub ended_at: Micros,
    /// `running`, `success`, `interrupted` or `failed`.
    pub outcome: &'static str,
    /// What was read and done so far.
    pub rows_read: u64,
    /// Requests sent, retries included.
    pub requests: u64,
    /// Of these, the repeated ones.
    pub retries: u64,
    /// The error's headline, for a failed run.
    pub error: Option<String>,
    /// What it has warned of so far.
    pub warnings: Vec<String>,
}
