//! Why a table could not be read.

use crate::http::client::{HttpError, Problem};
use crate::words::count;

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
        "GET {path}: {} in a row brought no new rows, and each names a next one, so this list has no end",
        count((*pages).into(), "page")
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
        "GET {path}: {rows} rows that the table has are not there any more and no event says so; the table has {} rows",
        held.map_or_else(|| "nobody knows how many".to_owned(), |held| held.to_string())
    )]
    ManyGone {
        /// Path of the list.
        path: &'static str,
        /// How many.
        rows: u64,
        /// Rows of the table that are not marked as gone; `None`: the target cannot tell.
        held: Option<u64>,
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

impl SourceError {
    /// Why the account does not show a list to these credentials, in a few words; `None`: it is another error.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        let Self::Http(HttpError { problem: Problem::Refused { status, message, json: true, .. }, .. }) =
            self
        else {
            return None;
        };
        let why = match status {
            403 => "not allowed",
            404 => "the account has no such list",
            _ => return None,
        };
        Some(message.as_ref().map_or(why.to_owned(), |message| format!("{why} (\"{message}\")")))
    }
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
