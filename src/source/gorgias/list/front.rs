//! What a pass has read at the front of its list, where the next look begins: by that it is told whether the next look
//! finds anything.
//!
//! A rule or macro gives hundreds of rows one same `updated_datetime`. They stay at the front until something newer comes,
//! so that their number of pages says nothing about whether the list still changes.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::model::Micros;
use crate::model::hash::fnv64;
use crate::normalise::rows::Row;

/// Rows that are remembered at most, in a few MB. Those beyond it count as new.
const MOST: usize = 200_000;

/// Rows at or after a bound, by key and content.
#[derive(Debug, Default)]
pub(crate) struct Front {
    bound: Option<Micros>,
    /// Hash of each row, and its place.
    rows: HashMap<u64, Option<Micros>>,
}

impl Front {
    /// Remembers a row that was read. The bound may rise while a pass goes on; rows that it leaves behind are forgotten.
    /// A row without a date may be anywhere.
    pub(crate) fn note(&mut self, bound: Micros, at: Option<Micros>, row: Row<'_>) {
        if self.bound.is_none_or(|before| before < bound) {
            self.bound = Some(bound);
            self.rows.retain(|_, at| at.is_none_or(|at| at >= bound));
        }
        if at.is_none_or(|at| at >= bound) && self.rows.len() < MOST {
            self.rows.insert(hash(row), at);
        }
    }

    /// Whether this very row was read, as it is now.
    pub(crate) fn knows(&self, row: Row<'_>) -> bool {
        self.rows.contains_key(&hash(row))
    }
}

/// Of all fields, the key among them, as they were received. Another version of the program may give another.
pub(crate) fn hash(row: Row<'_>) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.fields().for_each(|field| field.hash(&mut hasher));
    hasher.finish()
}

/// The same for states that every version goes on with: slower.
pub(crate) fn lasting_hash(row: Row<'_>) -> u64 {
    // No byte of a text is 0xff, so two texts cannot run into each other.
    let texts = row.fields().flat_map(|(key, value)| [key, value]);
    fnv64(texts.flat_map(|text| text.bytes().chain([0xff])))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::normalise::rows::Rows;

    fn rows(json: &'static str) -> Rows {
        Rows::parse(bytes::Bytes::from_static(json.as_bytes())).unwrap().0
    }

    #[test]
    fn a_row_is_known_by_key_and_content_and_only_at_or_after_the_bound() {
        let read = rows(r#"[{"id":1,"n":1},{"id":2,"n":1},{"id":3,"n":1}]"#);
        let mut front = Front::default();
        for (row, at) in [(0, Some(Micros(9))), (1, Some(Micros(10))), (2, None)] {
            front.note(Micros(9), at, read.row(row));
        }
        let now = rows(r#"[{"id":1,"n":1},{"id":2,"n":2},{"id":3,"n":1},{"id":4,"n":1}]"#);
        let known = |front: &Front| (0..4).map(|n| front.knows(now.row(n))).collect::<Vec<_>>();
        assert_eq!(known(&front), [true, false, true, false]);
        front.note(Micros(10), Some(Micros(9)), now.row(3));
        assert_eq!(known(&front), [false, false, true, false], "what the bound has left behind is forgotten");
    }
}
