//! What tables and columns mean, as it is said in a destination's catalogue.

use std::collections::BTreeSet;

use super::hash::fnv;

/// What a table or a column of it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// The destination's name of the column; `None`: the table.
    pub column: Option<String>,
    /// What is said of it.
    pub text: String,
}

/// Descriptions that were written by this program, by their hashes: what stands in the catalogue and is none of these is
/// somebody else's, and stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Described(BTreeSet<u32>);

impl Described {
    /// Whether this was written.
    #[must_use]
    pub fn knows(&self, description: &Description) -> bool {
        self.0.contains(&hash(description))
    }

    /// Notes that this was written.
    pub fn note(&mut self, description: &Description) {
        self.0.insert(hash(description));
    }

    /// As it is stored: hashes of eight digits; `None` where there are none.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        (!self.0.is_empty()).then(|| self.0.iter().map(|hash| format!("{hash:08x}")).collect())
    }

    /// What was stored. What cannot be read is taken for somebody else's.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        let hashes = text.as_bytes().chunks(8).filter_map(|digits| std::str::from_utf8(digits).ok());
        Self(hashes.filter_map(|digits| u32::from_str_radix(digits, 16).ok()).collect())
    }
}

fn hash(description: &Description) -> u32 {
    let column = description.column.as_deref().unwrap_or_default();
    fnv(format!("{column}\0{}", description.text).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_known_by_its_hash() {
        let of = |column: Option<&str>, text: &str| Description {
            column: column.map(ToOwned::to_owned),
            text: text.to_owned(),
        };
        let mut described = Described::default();
        assert_eq!(described.text(), None);
        let all = [of(None, "Tags."), of(Some("id"), "Identifies it."), of(Some("name"), "Name.")];
        all.iter().for_each(|one| described.note(one));
        let read = Described::from_text(&described.text().unwrap());
        assert_eq!(read, described);
        assert!(all.iter().all(|one| read.knows(one)));
        for other in [of(Some("name"), "Tags."), of(Some("id"), "Identifies it"), of(None, "")] {
            assert!(!read.knows(&other), "{other:?}");
        }
        assert_eq!(Described::from_text("no digits"), Described::default());
    }
}
