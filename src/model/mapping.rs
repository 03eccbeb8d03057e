//! What the runs of a table had in their flags that its rows depend on: by which columns rows were told apart, and which
//! columns were left out or had another name. A run with other flags must know of it, as rows that are stored were not
//! written by them. And which columns they wrote, so that it is noticed when one is not there any more.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Mappings of the tables that one run writes, by the source's names of these: a table, and those that are read out of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Mappings(pub BTreeMap<String, Mapping>);

/// How rows of a table are stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mapping {
    /// The columns that rows are told apart by, in the destination's names; empty where rows are only added.
    pub key: Vec<String>,
    /// Fields that have another column than the one of their name, by their source's name; `None`: they have none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub columns: BTreeMap<String, Option<String>>,
    /// All columns that were written, in the destination's names, without those of fields that are not documented.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub written: Vec<String>,
    /// What else is said of values, as it would be typed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub flags: Vec<String>,
}

impl Mapping {
    /// The column that a field of the source has.
    pub fn column<'a>(&'a self, field: &'a str) -> Option<&'a str> {
        self.columns.get(field).map_or(Some(field), Option::as_deref)
    }

    /// Whether rows are told apart by other columns than there. Where one of both does not tell, they are not.
    #[must_use]
    pub fn other_key(&self, than: &Self) -> bool {
        let sorted = |of: &Self| {
            let mut key = of.key.clone();
            key.sort_unstable();
            key
        };
        !self.key.is_empty() && !than.key.is_empty() && sorted(self) != sorted(than)
    }
}

impl<'a> FromIterator<(&'a str, Mapping)> for Mappings {
    fn from_iter<T: IntoIterator<Item = (&'a str, Mapping)>>(tables: T) -> Self {
        Self(tables.into_iter().map(|(table, mapping)| (table.to_owned(), mapping)).collect())
    }
}

impl Mappings {
    /// As it is stored; `None` where there is nothing to say.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        let Self(tables) = self;
        if tables.is_empty() { None } else { serde_json::to_string(self).ok() }
    }

    /// What was stored. What cannot be read says nothing.
    #[must_use]
    pub fn from_text(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_is_read_back() {
        let columns = [("body_html", None), ("subject", Some("title"))];
        let columns = columns.map(|(field, column)| (field.to_owned(), column.map(str::to_owned)));
        let (written, flags) = (vec!["id".into()], vec!["--trim-whitespace".into()]);
        let some = Mapping { key: vec!["id".into()], columns: columns.into(), written, flags };
        let all =
            Mappings([("tickets".to_owned(), some.clone()), ("tags".to_owned(), Mapping::default())].into());
        let stored = r#"{"tags":{"key":[]},"tickets":{"key":["id"],"columns":{"body_html":null,"subject":"title"},"written":["id"],"flags":["--trim-whitespace"]}}"#;
        assert_eq!(all.text().as_deref(), Some(stored));
        assert_eq!((Mappings::from_text(stored), Mappings::default().text()), (all, None));
        assert_eq!(Mappings::from_text("[1"), Mappings::default());
        assert_eq!(
            ["body_html", "subject", "id"].map(|field| some.column(field)),
            [None, Some("title"), Some("id")]
        );
    }

    #[test]
    fn keys_differ_where_both_are_known_whatever_their_order() {
        let of = |key: &[&str]| Mapping {
            key: key.iter().map(|one| (*one).to_owned()).collect(),
            ..Mapping::default()
        };
        assert!(of(&["id"]).other_key(&of(&["id", "email"])));
        for (one, other) in [(&["a", "b"][..], &["b", "a"][..]), (&[], &["a"]), (&["a"], &[])] {
            assert!(!of(one).other_key(&of(other)), "{one:?} {other:?}");
        }
    }
}
