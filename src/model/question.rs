//! What a source may ask about the rows that are stored.

use super::Micros;

/// Something a source must know of the rows a target holds. Only rows that are not marked as deleted count, but for
/// [`Question::Stored`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// How many rows have each of these values in an integer column.
    CountBy {
        /// The column.
        column: String,
        /// The values; at most a few hundred.
        values: Vec<i64>,
    },
    /// The keys of the rows that have one of these values in an integer column.
    KeysBy {
        /// The column.
        column: String,
        /// The values; at most a few hundred.
        values: Vec<i64>,
    },
    /// The keys of the rows that have one of these values in an integer column, those marked as deleted and closed versions
    /// included: whether a row is there at all. It is about rows that were committed.
    Stored {
        /// The column.
        column: String,
        /// The values; at most a few hundred.
        values: Vec<i64>,
    },
    /// The keys of the rows whose instant in a column lies in a closed range.
    KeysBetween {
        /// The column.
        column: String,
        /// Oldest.
        from: Micros,
        /// Newest.
        to: Micros,
        /// An integer column whose value is told with each key.
        with: Option<String>,
    },
    /// The value of an integer column in the rows with these keys.
    ValuesOf {
        /// The column.
        column: String,
        /// The keys; at most a few hundred.
        keys: Vec<i64>,
    },
    /// The keys of the rows that have an object with one of these ids in a JSON column. A key of a row that has not may be among
    /// them: what is found is looked at again.
    Holding {
        /// The column.
        column: String,
        /// The ids; at most a hundred.
        ids: Vec<i64>,
    },
    /// The keys of all rows.
    Keys,
    /// How many rows there are.
    Count,
}

impl Question {
    /// Whether it is about no value at all.
    #[must_use]
    pub fn asks_for_nothing(&self) -> bool {
        match self {
            Self::CountBy { values, .. } | Self::KeysBy { values, .. } | Self::Stored { values, .. } => {
                values.is_empty()
            }
            Self::ValuesOf { keys, .. } => keys.is_empty(),
            Self::Holding { ids, .. } => ids.is_empty(),
            Self::KeysBetween { .. } | Self::Keys | Self::Count => false,
        }
    }

    /// The columns that it is about.
    pub(crate) fn columns(&mut self) -> impl Iterator<Item = &mut String> {
        let (column, with) = match self {
            Self::CountBy { column, .. }
            | Self::KeysBy { column, .. }
            | Self::Stored { column, .. }
            | Self::ValuesOf { column, .. }
            | Self::Holding { column, .. } => (Some(column), None),
            Self::KeysBetween { column, with, .. } => (Some(column), with.as_mut()),
            Self::Keys | Self::Count => (None, None),
        };
        column.into_iter().chain(with)
    }
}

/// The answer to a [`Question`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// For [`Question::CountBy`]: value and count, in any order; a value without rows may be missing. For
    /// [`Question::KeysBy`] and [`Question::Stored`]: value and key. For [`Question::KeysBetween`]: key, and the value asked for with it, or 0 where
    /// there is none; for [`Question::Holding`] and [`Question::Keys`], key and 0. For [`Question::ValuesOf`]: key and value, without rows that have none. For [`Question::Count`]: 0 and
    /// the number of rows.
    pub pairs: Vec<(i64, i64)>,
}
