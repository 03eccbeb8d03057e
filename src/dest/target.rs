//! What is written, what was there before, and what becomes visible with one commit.

use crate::model::{
    Column, Deletes, FieldName, FileFormat, Lease, Micros, Reject, RunRecord, State, Strategy,
};

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
    /// Value of [`crate::model::LOADED_AT`] for this run; `None` leaves the column out.
    pub loaded_at: Option<Micros>,
    /// With [`Strategy::DeleteInsert`], the closed window of the incremental key to be replaced; an open end means
    /// the smallest or largest value that was read.
    pub window: (Option<Micros>, Option<Micros>),
    /// Which rows of the window are asked for: only these are gone if they do not come.
    pub asked: Asked,
    /// What becomes of rows that are gone. With [`Deletes::Soft`], [`crate::model::DELETED_AT`] and [`crate::model::MERGED_INTO`] are
    /// among `columns`.
    pub deletes: Deletes,
    /// How the table is laid out when it is made, and how rows get there, for destinations that have a choice.
    pub hints: Hints,
    /// The run starts from zero: rows that an earlier unfinished [`Strategy::Replace`] or
    /// [`Strategy::DeleteInsert`] kept aside are forgotten. Only the first commit of a run sees this set.
    pub fresh: bool,
}

impl Target {
    /// Its columns, by their place, that a table does not have.
    #[must_use]
    pub fn lacking(&self, has: impl Fn(&str) -> bool) -> Vec<usize> {
        (0..self.columns.len()).filter(|at| !has(&self.columns[*at].name)).collect()
    }

    /// A table and whose rows are for it, with nothing said of its rows: as much as a lease needs.
    #[must_use]
    pub fn named(account: &str, source_table: &str, schema: &str, table: &str) -> Self {
        Self {
            account: account.to_owned(),
            source_table: source_table.to_owned(),
            schema: schema.to_owned(),
            table: table.to_owned(),
            key: Vec::new(),
            incremental_key: None,
            strategy: Strategy::Append,
            columns: Vec::new(),
            loaded_at: None,
            window: (None, None),
            asked: Asked::All,
            deletes: Deletes::Ignore,
            hints: Hints::default(),
            fresh: false,
        }
    }
}

/// Which rows of a window a run asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Asked {
    /// All.
    #[default]
    All,
    /// Those whose value in this column is that or later: a list that is sorted by creation is read that far.
    Since(String, Micros),
    /// It cannot be said: the column that would tell is not there, or no window was asked for.
    Untold,
}

/// What one load writes to: the table that is read, and its child tables, whose rows are taken out of its rows and become
/// visible with them. A child is keyed by its parent's key first, is in the same schema, and is merged or replaced.
#[derive(Debug, Clone, Copy)]
pub struct Targets<'a> {
    /// The table that is read.
    pub table: &'a Target,
    /// Its child tables.
    pub children: &'a [Target],
}

impl Targets<'_> {
    /// All of them; the one that is read is the first.
    pub fn all(&self) -> impl Iterator<Item = &Target> {
        std::iter::once(self.table).chain(self.children)
    }
}

impl<'a> From<&'a Target> for Targets<'a> {
    fn from(table: &'a Target) -> Self {
        Self { table, children: &[] }
    }
}

/// A row as it is stored: see [`super::Destination::rows`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Its key.
    pub key: i64,
    /// When it was marked as gone.
    pub deleted_at: Option<Micros>,
    /// Which row it went into.
    pub merged_into: Option<i64>,
    /// The values that were asked for; `None` where they are NULL.
    pub values: Vec<Option<String>>,
}

/// What a destination may be told, and others do not ask for.
#[derive(Debug, Clone, Default)]
pub struct Hints {
    /// Column that a new table is partitioned by, an instant.
    pub partition_by: Option<String>,
    /// Columns that a new table is clustered by; empty: its key.
    pub cluster_by: Vec<String>,
    /// Format of load files; `None`: what suits best.
    pub file_format: Option<FileFormat>,
    /// Bucket that load files lie in meanwhile.
    pub staging_bucket: Option<String>,
    /// Dataset of staging tables; `None`: the table's own.
    pub staging_dataset: Option<String>,
}

/// What was found before the run: nothing is written to find it.
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// Columns of the existing table, in its own order, as far as their types are ours. `None`: no such table.
    pub columns: Option<Vec<Column>>,
    /// Names of its other columns, which nothing that is read can be written to.
    pub theirs: Vec<String>,
    /// Which columns of the target, by their place there, the existing table does not have, whatever it calls them.
    pub lacking: Vec<usize>,
    /// The state of exactly this target; `None` when there is none, or when its table is gone.
    pub state: Option<State>,
    /// The state of rows that an unfinished [`Strategy::Replace`] or [`Strategy::DeleteInsert`] of this target keeps
    /// aside.
    pub aside: Option<State>,
    /// Others whose rows lie in this place.
    pub owners: Vec<Owner>,
    /// Who holds the target, expired or not.
    pub lease: Option<Lease>,
    /// Which columns fields without a documented one have got; `None`: nothing is remembered of this table.
    pub names: Option<Vec<FieldName>>,
    /// What the run's first commit goes on from.
    pub basis: Basis,
    /// What the existing table holds, where reading it is paid by the byte and that can be told for nothing.
    pub held: Option<TableSize>,
    /// What the user should know of the existing table, one sentence each.
    pub notes: Vec<String>,
}

/// The size of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableSize {
    /// Its rows.
    pub rows: u64,
    /// Their bytes, as they are billed.
    pub bytes: u64,
}

impl Inspection {
    /// Whose the place is, if it is not the target's: somebody else's state says that the rows of the table are theirs. Rows
    /// kept aside say so only as long as the table itself is nobody's, or the target's own rows would be theirs as soon as
    /// another one began a replacement.
    #[must_use]
    pub fn owner(&self) -> Option<&Owner> {
        let of_the_table = self.owners.iter().find(|owner| !owner.aside);
        of_the_table.or_else(|| self.owners.first().filter(|_| self.state.is_none()))
    }
}

/// Another account or source table that has a state for a destination table. Rows of two in one table are told apart by
/// nothing: their keys meet, and a replacement by the one takes the rows of the other, whatever the strategy was before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The source account.
    pub account: String,
    /// The source's table.
    pub source_table: String,
    /// Whether its rows are kept aside for an unfinished replacement.
    pub aside: bool,
}

impl Owner {
    /// Of those who have a state for the target's table (account, source table, and where its rows are: empty for the table
    /// itself, else the name of a hidden table) all but the target, as long as the rows are there.
    pub(crate) fn others(
        target: &Target,
        states: impl IntoIterator<Item = (String, String, String)>,
        mut there: impl FnMut(&str) -> bool,
    ) -> Vec<Self> {
        let own = |account: &str, source: &str| account == target.account && source == target.source_table;
        let others = states.into_iter().filter(|(account, source, _)| !own(account, source));
        let others = others.filter(|(_, _, rows_in)| there(rows_in));
        others
            .map(|(account, source_table, rows_in)| Self {
                account,
                source_table,
                aside: !rows_in.is_empty(),
            })
            .collect()
    }
}

/// What a run knows to be stored of its target, from its look before the first request or from its last commit. A commit
/// goes through only if it still is: progress and rows belong together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Basis {
    /// The state of the table's own rows; `None`: there is none.
    pub own: Option<Written>,
    /// That of the rows kept aside.
    pub aside: Option<Written>,
    /// The table is not there, or is not the one that its state tells of: the next commit makes the two one again.
    pub apart: bool,
}

impl Basis {
    /// What is stored after a commit.
    #[must_use]
    pub fn after(&self, strategy: Strategy, commit: &Commit) -> Self {
        let written = Some(Written { run: commit.run.id.clone(), at: Some(commit.run.ended_at) });
        let waits = matches!(strategy, Strategy::Replace | Strategy::DeleteInsert) && !commit.last;
        if waits {
            Self { own: self.own.clone(), aside: written, apart: self.apart }
        } else {
            Self { own: written, aside: None, apart: false }
        }
    }
}

/// Who wrote a state, and when: no two of them are alike.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// The run.
    pub run: String,
    /// When.
    pub at: Option<Micros>,
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
    /// Rows removed, or found gone. A version that another one takes the place of is none of them: its row was updated.
    pub deleted: u64,
    /// Values that only the destination could see do not fit, and which it has put among the rejects; without those of
    /// [`Commit::rejects`].
    pub rejected: u64,
}

impl Counts {
    /// Adds another commit's.
    pub fn add(&mut self, other: Self) {
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.unchanged += other.unchanged;
        self.deleted += other.deleted;
        self.rejected += other.rejected;
    }
}

/// How much of the ledger is kept, for each account, source table and destination table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// The last so many runs.
    pub runs: Option<u64>,
    /// Values that did not fit since then.
    pub rejects: Option<Micros>,
}

/// Which columns fields of a table have got that are not documented.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// Those that got theirs since the last commit.
    pub new: Vec<FieldName>,
    /// Whether what is stored is of a table that is gone.
    pub anew: bool,
}

/// Everything that becomes visible together with the staged rows.
#[derive(Debug, Clone)]
pub struct Commit {
    /// Where the run stands after these rows.
    pub state: State,
    /// Values that did not fit, of each target; where there are none of the last targets, their lists may be missing.
    pub rejects: Vec<Vec<Reject>>,
    /// The run's line in the ledger.
    pub run: RunRecord,
    /// How much of the ledger is kept once the lease is given up.
    pub keep: Keep,
    /// Which columns fields have got, of each target; those of the last targets may be missing.
    pub names: Vec<Names>,
    /// What must be stored before, or the commit fails with [`super::DestErrorKind::Changed`]; `None`: whatever is there.
    pub basis: Option<Basis>,
    /// The lease of the run, to be renewed with this commit; the commit fails with [`super::DestErrorKind::Leased`] if
    /// another run has taken it since.
    pub lease: Option<Lease>,
    /// Whether the lease is given up with this commit.
    pub release: bool,
    /// Whether the pass is complete with this commit. Strategies that publish at the end
    /// ([`Strategy::Replace`], [`Strategy::DeleteInsert`]) do so now; others do not care.
    pub last: bool,
}

/// The commit of a run that has no row to write: it read that everything is as it was.
#[derive(Debug, Clone)]
pub struct Idle {
    /// The table that was read, and its child tables.
    pub targets: Vec<Target>,
    /// What becomes visible; without rejects, and without a lease.
    pub commit: Commit,
}

impl Commit {
    /// The values that did not fit of one target.
    #[must_use]
    pub fn rejects_of(&self, at: usize) -> &[Reject] {
        self.rejects.get(at).map_or(&[], Vec::as_slice)
    }
}
