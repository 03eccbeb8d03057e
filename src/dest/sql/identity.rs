//! Which table it is that has a name: one that was dropped and made anew under it is another one, and what is remembered
//! of the first says nothing of the second.
//!
//! Found from the catalogue and never by a scan. BigQuery knows when a table was made; DuckDB and SQLite tell one table
//! of a name from another by nothing, so ours carry a mark that goes with the table: a comment, or an index of no rows.

use crate::dest::{DestError, DestErrorKind};

/// What the catalogue says of which table it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Identity {
    /// This one.
    Is(String),
    /// The one that a query of the script finds out, as an expression.
    Found(String),
    /// None that was ever marked.
    Unmarked,
    /// It cannot be told: something of the user's has the mark's place, or the table is only about to be made.
    Untold,
}

impl Identity {
    /// Whether there is nothing yet that could be remembered of it.
    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Self::Unmarked | Self::Untold)
    }

    /// Whether it is another one than `stored`, of which a state tells; an older version's tells of none.
    pub(crate) fn differs(&self, stored: Option<&str>) -> bool {
        match (self, stored) {
            (_, None) | (Self::Untold | Self::Found(_), _) => false,
            (Self::Is(id), Some(stored)) => id != stored,
            (Self::Unmarked, Some(_)) => true,
        }
    }

    /// One that no table has yet.
    pub(crate) fn new_id() -> String {
        format!("{:016x}", fastrand::u64(..))
    }
}

/// How a table gets what tells it from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mark {
    /// A statement marks it with an id.
    Set(String, String),
    /// The database has marked it: a query finds a number for the variable, and an expression over that is the id.
    Found {
        /// The query.
        query: String,
        /// The expression.
        expression: String,
    },
}

/// How a state and its table have come apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Apart {
    /// The table is not there.
    Missing,
    /// It is another one.
    Another,
    /// Its rows are gone, all of them.
    Emptied,
}

impl Apart {
    /// What a run says that begins anew for it.
    #[must_use]
    pub fn note(self, schema: &str, table: &str) -> String {
        format!(
            "table {schema}.{table} was {} since the last run: everything is read again, as in a first load",
            self.how()
        )
    }

    /// Why a run comes to an end that meets it at a commit.
    #[must_use]
    pub fn error(self, schema: &str, table: &str) -> DestError {
        let message = format!("table {schema}.{table} was {} while this run was loading it", self.how());
        DestError::new(DestErrorKind::Changed, message)
            .hint("nothing more was written; run the same command again, and it reads everything anew")
    }

    fn how(self) -> &'static str {
        match self {
            Self::Missing => "dropped",
            Self::Another => "replaced by another one",
            Self::Emptied => "emptied",
        }
    }
}

/// The state is not the one that the run knows.
#[must_use]
pub fn state_changed(schema: &str, table: &str) -> DestError {
    let message = format!(
        "the progress of table {schema}.{table} is not what this run stored last: another run has written to it, or \
             what holds it was dropped or restored from a copy"
    );
    DestError::new(DestErrorKind::Changed, message)
        .hint("nothing more was written; run the same command again, it goes on from what is there")
}
