//! What a destination remembers about a table between runs.
//!
//! A state belongs to one account, one source table and one destination table, lies next to the data and is written
//! in the same transaction. The part that says where reading stands is the source's own ([`SourceState`]).

use std::collections::BTreeSet;

use super::{Described, Mappings, Micros};

/// Version of the layout of `_ingestr_state`; a newer one found in a destination is refused.
pub const STATE_VERSION: i64 = 1;

/// The source's progress, as it wrote it: JSON text that nobody else looks into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceState(pub String);

/// One row of `_ingestr_state`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Everything that changed up to here has been read. `None` until a first load is complete.
    pub watermark: Option<Micros>,
    /// Rows changed before this were never asked for. `None`: the table is covered from its beginning.
    pub covered_since: Option<Micros>,
    /// Whether the pass that wrote this had read all it set out to read.
    pub complete: bool,
    /// Where reading stands.
    pub source: SourceState,
    /// How far rows that are stored have their flat columns. The run's part: a source leaves it empty.
    pub filled: Filled,
    /// Which descriptions were written into the catalogue. The run's part, too.
    pub described: Described,
    /// What its rows depend on in the flags of the runs that wrote it. The run's part, too.
    pub mappings: Mappings,
}

/// Which columns that are taken out of JSON have their value in all rows that are stored. A table that got such a column
/// later, or from a version that did not have it, has it in newer rows alone until it is filled in the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filled {
    /// The source's names of these columns.
    pub columns: BTreeSet<String>,
    /// The key up to which they are filled; `None`: in all rows.
    pub up_to: Option<i64>,
}

impl Filled {
    /// These columns, in all rows.
    pub fn all<'a>(columns: impl IntoIterator<Item = &'a str>) -> Self {
        Self { columns: columns.into_iter().map(str::to_owned).collect(), up_to: None }
    }

    /// As it is stored; `None` where there is nothing to say.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let columns: Vec<&str> = self.columns.iter().map(String::as_str).collect();
        let up_to = self.up_to.map_or_else(String::new, |key| format!(" {key}"));
        (!columns.is_empty()).then(|| columns.join(",") + &up_to)
    }

    /// What was stored. What cannot be read counts as nothing, and is filled once more.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let (columns, up_to) = match text.split_once(' ') {
            None => (text, None),
            Some((columns, key)) => match key.parse() {
                Ok(key) => (columns, Some(key)),
                Err(_) => return Self::default(),
            },
        };
        let columns = columns.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        Self { columns, up_to }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_filled_is_read_back() {
        let some = Filled::all(["b", "a"]);
        assert_eq!(some.text().as_deref(), Some("a,b"));
        for filled in [some.clone(), Filled { up_to: Some(-7), ..some }, Filled::default()] {
            assert_eq!(Filled::from_text(&filled.text().unwrap_or_default()), filled);
        }
        assert_eq!(Filled::from_text("a,b x"), Filled::default());
    }
}
