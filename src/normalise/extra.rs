//! Fields that have no column of their own: one JSON object of each row.
//!
//! A source that sends ever new fields would make a table wider and wider, until no database can write it. So the columns
//! that fields may add are counted, and what comes after them lies in [`crate::model::EXTRA`]. A field that is there
//! once stays there, or its values would lie in two places.

use std::collections::HashSet;
use std::fmt::Write as _;

use crate::model::{EXTRA, FieldName};

/// So many fields are remembered one by one as those that lie there, and so many bytes of their names: they are read and
/// held by every run, and written as text. After that all fields lie there that have no column by then.
const FIELDS: usize = 4_000;
const BYTES: usize = 128 << 10;

/// Which fields lie in the column.
#[derive(Debug, Default)]
pub(super) struct Extra {
    fields: HashSet<String>,
    bytes: usize,
    /// Whether all do that have no column.
    rest: bool,
}

impl Extra {
    /// What stands for all fields that have no column: a field that nobody has who means well. One that is called so lies
    /// there with them.
    const REST: &'static str = EXTRA;

    /// Takes over what earlier runs remembered; whether that is about this column.
    pub(super) fn remember(&mut self, name: &FieldName) -> bool {
        if name.column != EXTRA {
            return false;
        }
        if name.field == Self::REST {
            self.rest = true;
        } else {
            self.bytes += name.field.len();
            self.fields.insert(name.field.clone());
        }
        true
    }

    /// Whether the field lies there already.
    pub(super) fn has(&self, field: &str) -> bool {
        self.fields.contains(field)
    }

    /// Whether all fields lie there that have no column.
    pub(super) fn has_the_rest(&self) -> bool {
        self.rest
    }

    /// Whether there is any.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.is_empty() && !self.rest
    }

    /// How many are known by name.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// From now on the field lies there; what is to be remembered of it.
    pub(super) fn add(&mut self, field: &str) -> Option<FieldName> {
        if self.rest {
            return None;
        }
        let more = self.bytes + field.len();
        let name = if self.fields.len() >= FIELDS || more > BYTES || field == Self::REST {
            self.rest = true;
            Self::REST
        } else {
            self.bytes = more;
            self.fields.insert(field.to_owned());
            field
        };
        Some(FieldName { field: name.to_owned(), column: EXTRA.to_owned() })
    }
}

/// One object of these fields and the JSON of their values, in the order of their names, so that it changes only with
/// them; `None` if they are all null, which a column would not tell from a field that is not there.
pub(super) fn object(mut fields: Vec<(&str, &str)>) -> Option<String> {
    fields.retain(|(_, raw)| *raw != "null");
    if fields.is_empty() {
        return None;
    }
    fields.sort_unstable();
    let mut text = String::with_capacity(fields.iter().map(|(name, raw)| name.len() + raw.len() + 4).sum());
    for (name, raw) in fields {
        let _ = write!(
            text,
            "{}{}:{raw}",
            if text.is_empty() { '{' } else { ',' },
            serde_json::Value::from(name)
        );
    }
    text.push('}');
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_changes_only_with_its_values() {
        let one = object(vec![("b", "1.50"), ("a\"", "{\"z\": 1}"), ("gone", "null")]);
        assert_eq!(one.as_deref(), Some(r#"{"a\"":{"z": 1},"b":1.50}"#));
        assert_eq!(one, object(vec![("a\"", "{\"z\": 1}"), ("b", "1.50")]));
        assert_eq!(object(vec![("a", "null")]), None);
        assert_eq!(object(Vec::new()), None);
    }

    /// Whatever a source sends, no more is remembered than can be held and written.
    #[test]
    fn so_many_fields_are_remembered_and_then_all() {
        for length in [5, 1_000] {
            let mut extra = Extra::default();
            let field = |n: usize| format!("{n:0length$}");
            let names: Vec<FieldName> = (0..10_000).filter_map(|n| extra.add(&field(n))).collect();
            let bytes: usize = names.iter().map(|name| name.field.len()).sum();
            assert!(names.len() <= FIELDS + 1 && bytes <= BYTES, "{} of {bytes}", names.len());
            let mut next = Extra::default();
            assert!(names.iter().all(|name| next.remember(name)));
            assert!(next.has_the_rest() && next.has(&field(7)) && !next.has(&field(9_999)));
            assert_eq!(next.add("another"), None);
        }
    }
}
