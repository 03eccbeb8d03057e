//! What a table of a source is, as data: one record each. Reading, `ingestr tables`, docs/tables.md and the shape of the
//! destination's table all come from it, and nothing is decided by a table's name.

use std::time::Duration;

use crate::model::{Column, LogicalType};
use crate::normalise::children::Embedded;
pub use crate::normalise::flat::Flat;
pub use crate::normalise::redact::Secret;

/// The fields a list can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SortField {
    /// When a row was created, which never changes.
    Created,
    /// When it was last changed.
    Updated,
}

impl SortField {
    /// The field of a row that holds it.
    #[must_use]
    pub fn column(self) -> &'static str {
        match self {
            Self::Created => "created_datetime",
            Self::Updated => "updated_datetime",
        }
    }
}

/// How a table's rows are listed.
#[derive(Debug, Clone, Copy)]
pub enum List {
    /// A list of its own that is sorted by creation, or by change where [`Changes::ByUpdate`] says so, and paged by cursors
    /// that hold the place of a row.
    Keyset {
        /// Path of the list.
        path: &'static str,
        /// Who decides its order.
        order: Order,
    },
    /// A list that is read from its beginning to its end in every run.
    Whole {
        /// Path of the list.
        path: &'static str,
        /// How it answers.
        answers: Answers,
        /// What is asked for, one reading after the other, each a query without `?`; together they are all rows.
        parts: &'static [&'static str],
    },
    /// None: its rows are taken out of those of another table, which is read for them.
    In {
        /// The other table.
        parent: &'static Resource,
        /// Where they are in a row of it.
        embedded: Embedded,
    },
}

/// Who decides the order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The request: by a field, either way.
    Asked,
    /// The list, which does not take one. It is expected to show the newest row first; if it does not, all of it is read.
    Given,
}

/// How a list answers that is read whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// Page after page, in this order if one can be asked for.
    Pages(Option<&'static str>),
    /// With all rows at once; it takes no parameters.
    Once,
    /// With one object, which is the only row.
    Object,
}

/// Whether `*` means a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It does.
    Usual,
    /// It does, unless the account has no such list or the credentials may not read it: then it is left out.
    Offered,
    /// It does not: the table is copied where it is named, or by `**`.
    Named,
}

impl Choice {
    /// Whether `*` means the table.
    #[must_use]
    pub fn by_star(self) -> bool {
        self != Self::Named
    }
}

/// How a table's changes are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changes {
    /// The list sorts by the time of the last change: what changed is read, and nothing else.
    ByUpdate,
    /// The list sorts by creation only: what was created lately is read again, as rows change after creation
    /// without any sign. The length is the default lookback in days.
    Recent {
        /// Days before the watermark that are read again.
        days: u32,
    },
    /// The table is small, and rows change without any sign: every run reads all of it.
    Full,
    /// With its parent's: see [`List::In`].
    WithParent,
}

impl Changes {
    /// How long after its creation a row may change without a sign; `None`: there is a sign.
    #[must_use]
    pub fn lookback(self) -> Option<Duration> {
        match self {
            Self::Recent { days } => Some(Duration::from_secs(86_400) * days),
            Self::ByUpdate | Self::Full | Self::WithParent => None,
        }
    }
}

/// How it is noticed that rows are gone, or were merged into others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removals {
    /// Rows never go.
    Never,
    /// The account's events of these kinds tell, and so does the absence of a row where a whole list is read again.
    Events(&'static [EventKind]),
    /// The absence of a row where the whole list was read tells, and nothing else.
    Absence,
    /// They go with the parent's: see [`List::In`].
    WithParent,
}

/// A kind of events that tell of rows that are gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventKind {
    /// As the API calls it.
    pub name: &'static str,
    /// Whether its object is a row of the table that counts this one's rows ([`Resource::counted`]), which are gone
    /// together with it, instead of a row of this table.
    pub parent: bool,
    /// Whether the row was merged into another, instead of deleted.
    pub merged: bool,
}

/// Rows that are counted by another table, which tells of those that came or went without a sign.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    /// The table that counts them.
    pub by: &'static Resource,
    /// Its field that says how many there are.
    pub field: &'static str,
    /// The column of the counted rows that names the row which counts them.
    pub column: &'static str,
}

/// A value that the source computes for a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Computed {
    /// The newest of a row's `*_datetime` fields.
    NewestDatetime,
}

/// A JSON column that has rows of a small table in it, as objects with an `id`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holds {
    /// The column.
    pub column: &'static str,
    /// The name of the small table.
    pub rows_of: &'static str,
}

/// A table of a source.
#[derive(Debug, Clone, Copy)]
pub struct Resource {
    /// Its name on the command line.
    pub name: &'static str,
    /// Other names it may be called by on the command line, in lower case and with `_`.
    pub aliases: &'static [&'static str],
    /// Whether `*` means it, too.
    pub choice: Choice,
    /// One sentence on what a row is.
    pub about: &'static str,
    /// Merge key: one column or more.
    pub key: &'static [&'static str],
    /// Incremental key: the column that says which of two versions of a row is newer.
    pub incremental_key: Option<&'static str>,
    /// How its rows are listed.
    pub list: List,
    /// The query parameter by which the list can be asked for single rows, many at once.
    pub by_ids: Option<&'static str>,
    /// How its changes are found.
    pub changes: Changes,
    /// How it is noticed that rows are gone.
    pub removals: Removals,
    /// By which table its rows are counted.
    pub counted: Option<Counted>,
    /// A column that rows of the API do not have.
    pub computed: Option<(&'static str, Computed)>,
    /// Columns taken out of its JSON fields.
    pub flat: &'static [(&'static str, Flat)],
    /// A JSON column with rows of a small table, which go from it without a sign when they vanish there.
    pub holds: Option<Holds>,
    /// What is a secret in its rows, and is hidden before anything else sees them.
    pub secrets: &'static [Secret],
    /// The right that is needed to read it, as the API names it, where that is known.
    pub scope: Option<&'static str>,
    /// Documented columns, in the API's order, with a short description each.
    pub columns: &'static [(&'static str, LogicalType, &'static str)],
}

impl Resource {
    /// A table of rows that have an `id` and are listed, change and go in these ways, with nothing else said of it: the rest is
    /// added as `Resource { …, ..Resource::of(…) }`.
    #[must_use]
    pub const fn of(name: &'static str, list: List, changes: Changes, removals: Removals) -> Self {
        Self {
            name,
            aliases: &[],
            choice: Choice::Usual,
            about: "",
            key: &["id"],
            incremental_key: None,
            list,
            by_ids: None,
            changes,
            removals,
            counted: None,
            computed: None,
            flat: &[],
            holds: None,
            secrets: &[],
            scope: None,
            columns: &[],
        }
    }

    /// The documented columns.
    #[must_use]
    pub fn columns(&self) -> Vec<Column> {
        self.columns.iter().map(|(name, logical, _)| Column::new(*name, *logical)).collect()
    }

    /// Path of its list, or of its parent's.
    #[must_use]
    pub fn path(&self) -> &'static str {
        match self.list {
            List::Keyset { path, .. } | List::Whole { path, .. } => path,
            List::In { parent, .. } => parent.path(),
        }
    }

    /// The table whose rows its own are taken out of, and where they are in them.
    #[must_use]
    pub fn embedded(&self) -> Option<(&'static Self, Embedded)> {
        match self.list {
            List::In { parent, embedded } => Some((parent, embedded)),
            List::Keyset { .. } | List::Whole { .. } => None,
        }
    }

    /// Whether its list can be asked for in an order.
    #[must_use]
    pub fn sortable(&self) -> bool {
        matches!(self.list, List::Keyset { order: Order::Asked, .. })
    }

    /// The field by which its list is sorted to find changes.
    #[must_use]
    pub fn sort(&self) -> SortField {
        match self.changes {
            Changes::ByUpdate => SortField::Updated,
            Changes::Recent { .. } | Changes::Full | Changes::WithParent => SortField::Created,
        }
    }

    /// Its key, if that is one column: what is said of single rows, such as that one is gone, names them by that.
    #[must_use]
    pub fn single_key(&self) -> Option<&'static str> {
        if let [key] = self.key { Some(key) } else { None }
    }

    /// Whether it is noticed that rows are gone.
    #[must_use]
    pub fn deletions(&self) -> bool {
        self.removals != Removals::Never
    }

    /// The events that tell of rows that are gone.
    #[must_use]
    pub fn events(&self) -> &'static [EventKind] {
        match self.removals {
            Removals::Events(kinds) => kinds,
            Removals::Never | Removals::Absence | Removals::WithParent => &[],
        }
    }

    /// The table whose list is read again from time to time for what changes without a sign: itself, or the one that
    /// counts its rows. `None`: none is.
    #[must_use]
    pub fn rescanned(&self) -> Option<&Self> {
        match (self.counted, self.changes) {
            (Some(counted), _) => Some(counted.by),
            (None, Changes::ByUpdate) => Some(self),
            (None, Changes::Recent { .. } | Changes::Full | Changes::WithParent) => None,
        }
    }
}
