//! Columns beside JSON: a member of an object, or of each element of a list, taken out of the same row without a request, so
//! that who joins or groups by it need not take JSON apart.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::rows::{Row, Rows};

/// Where the value of a flat column lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flat {
    /// A member of a field that is an object.
    Member(&'static str, &'static str),
    /// That member of each element of a field that is a list, as a list.
    Members(&'static str, &'static str),
}

impl Flat {
    /// The field that it lies in.
    #[must_use]
    pub fn field(self) -> &'static str {
        match self {
            Self::Member(field, _) | Self::Members(field, _) => field,
        }
    }

    /// The value as JSON; `None`: the row says nothing of it.
    fn of(self, row: Row<'_>) -> Option<String> {
        match self {
            Self::Member(field, name) => {
                let value = member(row.get(field)?, name)?;
                (value != "null" && !value.starts_with(['{', '['])).then(|| value.to_owned())
            }
            Self::Members(field, name) => {
                let list = row.get(field).filter(|list| list.starts_with('['))?;
                Some(format!("[{}]", members(list, name)?.join(",")))
            }
        }
    }
}

impl Rows {
    /// Adds flat columns to each row. A value that a row has under such a name stays.
    pub fn flatten(&mut self, flats: &[(&'static str, Flat)]) {
        if flats.is_empty() {
            return;
        }
        let names: Vec<&str> = flats.iter().map(|(column, _)| *column).collect();
        self.add(&names, |nth, row| flats[nth].1.of(row));
    }
}

/// A member of an object; `None`: it has none of that name, or is no object.
fn member<'a>(object: &'a str, name: &str) -> Option<&'a str> {
    if !object.starts_with('{') {
        return None;
    }
    Member(name).deserialize(&mut serde_json::Deserializer::from_str(object)).ok()?
}

/// Reads a member of an object, and passes over all others.
struct Member<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<&'de str>;

    fn deserialize<D: Deserializer<'de>>(self, object: D) -> Result<Self::Value, D::Error> {
        object.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = object.next_key_seed(Is(self.0))? {
            if is_it {
                found = Some(object.next_value::<&RawValue>()?.get());
            } else {
                object.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// The same of each object of a list; those without it are passed over. `None`: it is a list of something else.
fn members<'a>(list: &'a str, name: &str) -> Option<Vec<&'a str>> {
    let elements: Vec<&RawValue> = serde_json::from_str(list).ok()?;
    let elements = elements.into_iter().map(RawValue::get).filter(|element| *element != "null");
    let (objects, others): (Vec<_>, Vec<_>) = elements.partition(|element| element.starts_with('{'));
    if objects.is_empty() && !others.is_empty() {
        return None;
    }
    Some(
        objects
            .into_iter()
            .filter_map(|object| member(object, name))
            .filter(|value| *value != "null")
            .collect(),
    )
}

/// Whether a name is this one.
struct Is<'n>(&'n str);

impl<'de> DeserializeSeed<'de> for Is<'_> {
    type Value = bool;

    fn deserialize<D: Deserializer<'de>>(self, name: D) -> Result<bool, D::Error> {
        name.deserialize_str(self)
    }
}

impl Visitor<'_> for Is<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok(name == self.0)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const FLATS: [(&str, Flat); 2] =
        [("customer_id", Flat::Member("customer", "id")), ("tag_names", Flat::Members("tags", "name"))];

    fn flattened(row: &str) -> String {
        let (mut rows, _) = Rows::parse(Bytes::from(format!("[{row},{{\"id\":2}}]"))).unwrap();
        rows.flatten(&FLATS);
        assert_eq!(rows.row(1).fields().count(), 1, "nothing is said of what is not there");
        let fields: Vec<String> = rows.row(0).fields().map(|(name, raw)| format!("{name}={raw}")).collect();
        fields[1..].join(" ")
    }

    #[test]
    fn values_are_taken_out_as_they_are() {
        for (row, wanted) in [
            (
                r#"{"id":1,"customer":{"x":{"id":5},"id": 9007199254740993 ,"y":1}}"#,
                "customer_id=9007199254740993",
            ),
            (r#"{"id":1,"customer":{"\u0069d":7}}"#, "customer_id=7"),
            (r#"{"id":1,"customer":{"id":null}}"#, ""),
            (r#"{"id":1,"customer":{"id":{"a":1}}}"#, ""),
            (r#"{"id":1,"customer":null}"#, ""),
            (r#"{"id":1,"customer":[{"id":1}]}"#, ""),
            (
                r#"{"id":1,"tags":[{"name":"a\"b"},{"id":1},{"name":null},{"name":"c"}]}"#,
                r#"tag_names=["a\"b","c"]"#,
            ),
            (r#"{"id":1,"tags":[]}"#, "tag_names=[]"),
            (r#"{"id":1,"tags":[1]}"#, ""),
            (r#"{"id":1,"tags":[null,{"name":"a"},1]}"#, r#"tag_names=["a"]"#),
            (r#"{"id":1,"tags":[null]}"#, "tag_names=[]"),
            (r#"{"id":1,"tags":"x"}"#, ""),
            (r#"{"id":1,"customer":{"id":1},"customer_id":3}"#, "customer_id=3"),
            (r#"{"id":1,"customer":{"id":1},"customer_id":null}"#, "customer_id=1"),
        ] {
            let found = flattened(row);
            let found: Vec<&str> = found
                .split(' ')
                .filter(|field| field.starts_with("customer_id") || field.starts_with("tag_names"))
                .collect();
            assert_eq!(found.join(" "), wanted, "{row}");
        }
    }
}
