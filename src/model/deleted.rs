//! Rows that are gone from the source, and what becomes of them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::Micros;

/// What becomes of rows that are gone from the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Deletes {
    /// They stay and are marked with _ingestr_deleted_at, and with _ingestr_merged_into where known.
    #[default]
    Soft,
    /// They are removed.
    Hard,
    /// They stay as they are.
    Ignore,
}

/// A row that is gone from the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tombstone {
    /// Its key: tables whose deletions are tracked have a single integer key.
    pub key: i64,
    /// When it was deleted, or found to be.
    pub at: Micros,
    /// The row it was merged into, if known.
    pub merged_into: Option<i64>,
}

impl Tombstone {
    /// One tombstone for each key, as if they had come one after the other: the first date, the first known survivor.
    #[cfg_attr(
        not(any(feature = "duckdb", feature = "sqlite", feature = "postgres", feature = "bigquery")),
        expect(dead_code, reason = "without a destination nobody has any")
    )]
    pub(crate) fn once_each(tombstones: &[Self]) -> Vec<Self> {
        let mut each: Vec<Self> = Vec::with_capacity(tombstones.len());
        let mut places = HashMap::with_capacity(tombstones.len());
        for tombstone in tombstones {
            match places.entry(tombstone.key) {
                Entry::Vacant(place) => {
                    place.insert(each.len());
                    each.push(*tombstone);
                }
                Entry::Occupied(place) => {
                    let one = &mut each[*place.get()];
                    one.merged_into = one.merged_into.or(tombstone.merged_into);
                }
            }
        }
        each
    }
}
