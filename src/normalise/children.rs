//! Rows of child tables: taken out of a field of their parent's rows, as JSON rows of their own.
//!
//! What becomes of them is what becomes of any rows: columns, types, rejects and new fields are the business of a
//! [`super::Normaliser`] of the child's own. Values keep their exact text.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash, Hasher};

use bytes::Bytes;
use serde_json::value::RawValue;

use super::rows::{Row, Rows};
use crate::model::Reject;

/// Where rows of a child table are in a row of its parent.
#[derive(Debug, Clone, Copy)]
pub struct Embedded {
    /// The field of the parent.
    pub field: &'static str,
    /// How the rows lie in it.
    pub elements: Elements,
    /// Columns that are not simply fields of an element, and where their values come from.
    pub taken: &'static [(&'static str, Taken)],
}

/// How child rows lie in a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Elements {
    /// A list of objects.
    List,
    /// The values of an object; their names say nothing that they do not.
    Values,
    /// Lists of objects, or single objects, under these names of an object.
    Named(&'static [&'static str]),
}

/// Where the value of a column comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// A field of the parent's row.
    Parent(&'static str),
    /// The element's place in its list, counted from 0.
    Position,
    /// The name under which the element lies: see [`Elements::Named`].
    Name,
    /// A field of the element, under another name.
    Field(&'static str),
    /// A field of the element as text: a string as it is, anything else as its JSON.
    Text(&'static str),
    /// The JSON type of a field of the element.
    Type(&'static str),
}

/// Child rows of some parents.
#[derive(Debug, Default)]
pub struct TakenOut {
    /// The rows.
    pub rows: Rows,
    /// The parents whose rows are all among them, and what their field says: see [`Embedded::says`].
    pub parents: Vec<(i64, u64)>,
    /// Fields that are not what they should be, so that the rows of their parents are not known, and elements that are no rows.
    pub rejects: Vec<Reject>,
}

/// Rejected: the rows of the parent stay as they are.
const OTHER_SHAPE: &str = "not a list of the form that the child table is taken out of";
/// Rejected: the other rows of the parent are taken out.
const NO_OBJECT: &str = "not an object, as rows of the child table are";

impl Embedded {
    /// A hash of what the field of a parent says: the same one means the same rows.
    #[must_use]
    pub fn says(&self, parent: Row<'_>) -> u64 {
        let mut hasher = DefaultHasher::new();
        parent.get(self.field).unwrap_or("null").hash(&mut hasher);
        hasher.finish()
    }

    /// Takes the rows out of those parents that are marked in `keep`. `key`: the parent's field that identifies it.
    #[must_use]
    pub fn take_out(&self, key: &str, parents: &Rows, keep: &[bool]) -> TakenOut {
        let mut out = TakenOut::default();
        let mut body = String::from("[");
        for (row, _) in parents.iter().zip(keep).filter(|(_, keep)| **keep) {
            // A row without a key that can be read is among the rejects as a whole.
            let Some(id) = row.get(key).and_then(|id| id.parse::<i64>().ok()) else { continue };
            let field = row.get(self.field).unwrap_or("null");
            // What can be read of a damaged field is what is stored of it; where that is nothing, nothing is known of the rows.
            let damaged = row.damages().any(|damage| damage.name == self.field && damage.field.is_some());
            let damaged = damaged && field == "null";
            let (before, mut bare) = (body.len(), Vec::new());
            let mut reject = |value: &str, reason| {
                let (id, column) = (Some(id.to_string()), Some(self.field.to_owned()));
                out.rejects.push(Reject { id, column, value: value.to_owned(), reason });
            };
            let read = !damaged && self.write(row, field, (&mut body, &mut bare)).is_some();
            // Where nothing is an object, they lie in it in another way.
            if read && (bare.is_empty() || body.len() > before) {
                bare.iter().for_each(|element| reject(element, NO_OBJECT));
                out.parents.push((id, self.says(row)));
            } else {
                body.truncate(before);
                reject(field, OTHER_SHAPE);
            }
        }
        if body.ends_with(',') {
            body.pop();
        }
        body.push(']');
        // Made of texts that were JSON. If it could not be read, nothing would be known of any parent.
        match Rows::parse(Bytes::from(body)) {
            Ok((rows, _)) => out.rows = rows,
            Err(_) => out.parents.clear(),
        }
        out
    }

    /// Adds the rows of one parent, and elements that are none; `None` if its field is not what it should be.
    fn write(&self, parent: Row<'_>, field: &str, mut to: (&mut String, &mut Vec<String>)) -> Option<()> {
        if matches!(field, "null" | "[]" | "{}") {
            return Some(());
        }
        match self.elements {
            Elements::List => self.write_list(parent, field, "", &mut to),
            Elements::Values => {
                let values: BTreeMap<String, &RawValue> = serde_json::from_str(field).ok()?;
                for value in values.values() {
                    self.write_row(parent, value.get(), ("", 0), &mut to)?;
                }
                Some(())
            }
            Elements::Named(names) => {
                let values: BTreeMap<String, &RawValue> = serde_json::from_str(field).ok()?;
                for name in names {
                    match values.get(*name).map(|value| value.get()) {
                        None | Some("null" | "[]" | "{}") => {}
                        Some(one) if one.starts_with('{') => {
                            self.write_row(parent, one, (name, 0), &mut to)?;
                        }
                        Some(list) => self.write_list(parent, list, name, &mut to)?,
                    }
                }
                Some(())
            }
        }
    }

    fn write_list(
        &self,
        parent: Row<'_>,
        list: &str,
        name: &str,
        to: &mut (&mut String, &mut Vec<String>),
    ) -> Option<()> {
        let elements: Vec<&RawValue> = serde_json::from_str(list).ok()?;
        for (position, element) in elements.iter().enumerate() {
            self.write_row(parent, element.get(), (name, position), to)?;
        }
        Some(())
    }

    /// Adds a row: what is taken from elsewhere, then the fields of the element that were not. Null is none.
    fn write_row(
        &self,
        parent: Row<'_>,
        element: &str,
        (name, position): (&str, usize),
        (body, bare): &mut (&mut String, &mut Vec<String>),
    ) -> Option<()> {
        if element == "null" {
            return Some(());
        }
        if !element.starts_with('{') {
            bare.push(element.to_owned());
            return Some(());
        }
        // In their order, but for names that come twice.
        let fields: Vec<(String, &RawValue)> = ordered(element)?;
        let of = |name: &str| {
            fields.iter().rev().find(|(field, _)| field == name).map_or("null", |(_, raw)| raw.get())
        };
        body.push('{');
        for (column, taken) in self.taken {
            let _ = write!(body, "\"{column}\":");
            match taken {
                Taken::Parent(field) => body.push_str(parent.get(field).unwrap_or("null")),
                Taken::Position => _ = write!(body, "{position}"),
                Taken::Name => body.push_str(&quoted(name)),
                Taken::Field(field) => body.push_str(of(field)),
                Taken::Text(field) => match of(field) {
                    text if text == "null" || text.starts_with('"') => body.push_str(text),
                    other => body.push_str(&quoted(other)),
                },
                Taken::Type(field) => body.push_str(&quoted(json_type(of(field)))),
            }
            body.push(',');
        }
        for (field, raw) in &fields {
            let elsewhere = self.taken.iter().any(|(_, taken)| {
                matches!(taken, Taken::Field(own) | Taken::Text(own) | Taken::Type(own) if own == field)
            });
            if elsewhere {
                continue;
            }
            let name = match self.taken.iter().find(|(column, _)| column == field) {
                None => quoted(field),
                // It says once more whose it is.
                Some((_, Taken::Parent(own))) if parent.get(own) == Some(raw.get()) => continue,
                // A field that is called like one of these columns is another one.
                Some(_) => quoted(&format!("{}.{field}", self.field)),
            };
            let _ = write!(body, "{name}:{},", raw.get());
        }
        if body.ends_with(',') {
            body.pop();
        }
        body.push_str("},");
        Some(())
    }
}

/// The fields of an object in their order; `None` if it is none.
pub(super) fn ordered(object: &str) -> Option<Vec<(String, &RawValue)>> {
    struct Fields;
    impl<'de> serde::de::Visitor<'de> for Fields {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut fields = Vec::new();
            while let Some(field) = map.next_entry()? {
                fields.push(field);
            }
            Ok(fields)
        }
    }
    serde::Deserializer::deserialize_map(&mut serde_json::Deserializer::from_str(object), Fields).ok()
}

/// A text as JSON.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn json_type(raw: &str) -> &'static str {
    match raw.as_bytes().first() {
        Some(b'"') => "string",
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b't' | b'f') => "boolean",
        Some(b'n') | None => "null",
        Some(_) => "number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAGS: Embedded = Embedded {
        field: "tags",
        elements: Elements::List,
        taken: &[
            ("ticket_id", Taken::Parent("id")),
            ("tag_id", Taken::Field("id")),
            ("position", Taken::Position),
        ],
    };

    fn taken_out(embedded: &Embedded, rows: &str) -> (Vec<String>, Vec<i64>, usize) {
        let (rows, _) = Rows::parse(Bytes::from(rows.to_owned())).expect("rows");
        let out = embedded.take_out("id", &rows, &vec![true; rows.len()]);
        let text = |row: Row<'_>| {
            row.fields().map(|(name, raw)| format!("{name}={raw}")).collect::<Vec<_>>().join(" ")
        };
        let parents = out.parents.iter().map(|(id, _)| *id).collect();
        (out.rows.iter().map(text).collect(), parents, out.rejects.len())
    }

    #[test]
    fn elements_of_a_list_are_rows_with_their_parents_key() {
        let (rows, parents, rejects) = taken_out(
            &TAGS,
            r#"[{"id":9007199254740993,"tags":[{"id":7,"name":"é","x":1.50},{"name":"y","id":9007199254740995}]},
                {"id":2,"tags":[]},{"id":3,"tags":null},{"id":4}]"#,
        );
        assert_eq!(
            rows,
            [
                "ticket_id=9007199254740993 tag_id=7 position=0 name=\"é\" x=1.50",
                "ticket_id=9007199254740993 tag_id=9007199254740995 position=1 name=\"y\"",
            ]
        );
        assert_eq!((parents, rejects), (vec![9_007_199_254_740_993, 2, 3, 4], 0));
    }

    #[test]
    fn a_field_that_is_called_like_a_column_of_ours_is_not_lost() {
        let (rows, _, rejects) = taken_out(
            &TAGS,
            r#"[{"id":1,"tags":[{"id":7,"position":"top","tag_id":9,"ticket_id":2},{"id":8,"ticket_id":1}]}]"#,
        );
        assert_eq!(
            rows,
            [
                r#"ticket_id=1 tag_id=7 position=0 tags.position="top" tags.tag_id=9 tags.ticket_id=2"#,
                "ticket_id=1 tag_id=8 position=1",
            ]
        );
        assert_eq!(rejects, 0);
    }

    #[test]
    fn a_field_of_another_form_says_nothing_of_its_rows() {
        let rows = r#"[{"id":1,"tags":"urgent"},{"id":2,"tags":[1]},{"id":3,"tags":{"id":1}},{"id":4,"tags":[{"id":7}]}]"#;
        let (rows, parents, rejects) = taken_out(&TAGS, rows);
        assert_eq!(rows, ["ticket_id=4 tag_id=7 position=0"]);
        assert_eq!((parents, rejects), (vec![4], 3));
    }

    #[test]
    fn elements_that_are_no_objects_are_left_out_and_the_others_are_rows() {
        let rows =
            r#"[{"id":1,"tags":[null,{"id":7},5,{"id":8}]},{"id":2,"tags":[null]},{"id":3,"tags":[null,5]}]"#;
        let (rows, parents, rejects) = taken_out(&TAGS, rows);
        assert_eq!(rows, ["ticket_id=1 tag_id=7 position=1", "ticket_id=1 tag_id=8 position=3"]);
        assert_eq!((parents, rejects), (vec![1, 2], 2));
    }

    #[test]
    fn what_can_be_read_of_a_damaged_field_is_taken_out() {
        let rows = r#"[{"id":1,"tags":[{"id":7,"name":"a\x"},{"id":8}]},{"id":2,"tags":NaN}]"#;
        let (rows, parents, rejects) = taken_out(&TAGS, rows);
        assert_eq!(
            rows,
            ["ticket_id=1 tag_id=7 position=0 name=\"a\u{fffd}\"", "ticket_id=1 tag_id=8 position=1"]
        );
        assert_eq!((parents, rejects), (vec![1], 1));
    }

    #[test]
    fn values_of_an_object_keep_what_type_they_had() {
        let fields = Embedded {
            field: "custom_fields",
            elements: Elements::Values,
            taken: &[
                ("ticket_id", Taken::Parent("id")),
                ("field_id", Taken::Field("id")),
                ("value", Taken::Text("value")),
                ("value_type", Taken::Type("value")),
            ],
        };
        let rows = r#"[{"id":1,"custom_fields":{"5":{"id":5,"value":"a::b"},"6":{"id":6,"value":1.50},"7":{"id":7,"value":null},
            "8":{"id":8,"value":["x",2]},"9":{"id":9,"value":true}}},{"id":2,"custom_fields":{}},{"id":3,"custom_fields":[]}]"#;
        let (rows, parents, rejects) = taken_out(&fields, rows);
        assert_eq!(
            rows,
            [
                r#"ticket_id=1 field_id=5 value="a::b" value_type="string""#,
                r#"ticket_id=1 field_id=6 value="1.50" value_type="number""#,
                r#"ticket_id=1 field_id=7 value=null value_type="null""#,
                r#"ticket_id=1 field_id=8 value="[\"x\",2]" value_type="array""#,
                r#"ticket_id=1 field_id=9 value="true" value_type="boolean""#,
            ]
        );
        assert_eq!((parents, rejects), (vec![1, 2, 3], 0));
    }

    #[test]
    fn named_lists_and_single_objects_say_under_which_name_they_lay() {
        let recipients = Embedded {
            field: "source",
            elements: Elements::Named(&["from", "to"]),
            taken: &[
                ("message_id", Taken::Parent("id")),
                ("kind", Taken::Name),
                ("position", Taken::Position),
            ],
        };
        let rows = r#"[{"id":1,"source":{"type":"email","to":[{"address":"b"},{"address":"c"}],"from":{"address":"a"}}},
            {"id":2,"source":{"type":"api"}}]"#;
        let (rows, parents, rejects) = taken_out(&recipients, rows);
        assert_eq!(
            rows,
            [
                r#"message_id=1 kind="from" position=0 address="a""#,
                r#"message_id=1 kind="to" position=0 address="b""#,
                r#"message_id=1 kind="to" position=1 address="c""#,
            ]
        );
        assert_eq!((parents, rejects), (vec![1, 2], 0));
    }
}
