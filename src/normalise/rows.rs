//! A page of JSON rows, parsed once and not copied: the received body plus where each field's key and value lie.
//!
//! Both readers of a page use it: the source looks at ids and dates, `normalise` at everything. Values stay text, so
//! nested JSON survives byte for byte (key order, integers beyond 2^53). serde_json finds the borders of values and
//! refuses what is not JSON; a hand-written scanner would be a little faster and a lot less trustworthy.

use std::fmt;

use bytes::Bytes;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// Rows of one page.
#[derive(Debug, Default)]
pub struct Rows {
    body: String,
    /// Keys with escapes in them, which do not lie in the body as they are.
    odd_keys: Vec<String>,
    fields: Vec<Field>,
    /// For each row, where its fields end.
    ends: Vec<u32>,
    _held: Held,
}

/// What is let go of when the rows are.
#[derive(Default)]
struct Held(Option<Box<dyn Send + Sync>>);

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "something" } else { "nothing" })
    }
}

#[derive(Debug, Clone, Copy)]
struct Field {
    key: Key,
    value: Span,
}

#[derive(Debug, Clone, Copy)]
enum Key {
    InBody(Span),
    Odd(u32),
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    len: u32,
}

/// What a list answer says beside its rows.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Meta {
    /// The cursor of the next page; `None` on the last one.
    pub next_cursor: Option<String>,
    /// Whether the answer said anything about further pages: `meta` with a `next_cursor`, be it null.
    pub tells_next: bool,
    /// Whether the answer had rows at all (a `data` list, or a bare array).
    pub has_rows: bool,
}

/// A body that is not a list answer. Says where, not what: bodies are customers' data.
#[derive(Debug, thiserror::Error)]
#[error("the answer is not the JSON that was asked for ({what}, at byte {at} of {len})")]
pub struct NotRows {
    what: &'static str,
    at: usize,
    len: usize,
}

impl Rows {
    /// Parses `{"data":[…],"meta":{"next_cursor":…}}`, in any key order, or a bare array of rows.
    ///
    /// # Errors
    /// When the body is not exactly one JSON document of that form: HTML, a cut body, an object without `data`.
    pub fn parse(body: Bytes) -> Result<(Self, Meta), NotRows> {
        let len = body.len();
        let fail = |what, at| NotRows { what, at, len };
        if u32::try_from(len).is_err() {
            return Err(fail("larger than 4 GiB", 0));
        }
        // Once for all: parsing bytes would look again at each value, and so would each look at one.
        let body = String::from_utf8(Vec::from(body)).map_err(|error| {
            let error = error.utf8_error();
            let what = if error.error_len().is_none() { "it ends too early" } else { "it is not JSON" };
            fail(what, error.valid_up_to())
        })?;
        let mut rows = Self::default();
        let mut meta = Meta::default();
        let mut json = serde_json::Deserializer::from_str(&body);
        let base = body.as_ptr() as usize;
        Envelope { rows: &mut rows, meta: &mut meta, base }
            .deserialize(&mut json)
            .and_then(|()| json.end())
            .map_err(|error| {
                let what = match error.classify() {
                    serde_json::error::Category::Eof => "it ends too early",
                    serde_json::error::Category::Data => "it has another shape",
                    _ => "it is not JSON",
                };
                fail(what, offset(body.as_bytes(), error.line(), error.column()))
            })?;
        if !meta.has_rows {
            return Err(fail("it has no list of rows", 0));
        }
        rows.body = body;
        Ok((rows, meta))
    }

    /// Keeps `held` as long as the rows are there: whoever reads bodies shares out memory for them.
    #[must_use]
    pub fn holding(self, held: impl Send + Sync + 'static) -> Self {
        Self { _held: Held(Some(Box::new(held))), ..self }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All rows, in the order received.
    pub fn iter(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.len()).map(|index| self.row(index))
    }

    /// Row `index`, counted from 0.
    ///
    /// # Panics
    /// When there is no such row.
    #[must_use]
    pub fn row(&self, index: usize) -> Row<'_> {
        let start = if index == 0 { 0 } else { self.ends[index - 1] as usize };
        Row { rows: self, fields: &self.fields[start..self.ends[index] as usize] }
    }

    fn text(&self, span: Span) -> &str {
        // Every span was handed out by serde_json as a &str of this very body.
        self.body.get(span.start as usize..(span.start + span.len) as usize).unwrap_or_default()
    }
}

/// Byte offset of serde_json's line and column (both from 1; column 0 is the line's border).
fn offset(body: &[u8], line: usize, column: usize) -> usize {
    let start = match line {
        0 | 1 => 0,
        _ => memchr::memchr_iter(b'\n', body).nth(line - 2).map_or(0, |at| at + 1),
    };
    (start + column).min(body.len())
}

/// One row: its fields in the order received.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    rows: &'a Rows,
    fields: &'a [Field],
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the content: rows are customers' data.
        f.debug_struct("Row").field("fields", &self.fields.len()).finish_non_exhaustive()
    }
}

impl<'a> Row<'a> {
    /// Keys and the exact JSON text of their values.
    pub fn fields(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.fields.iter().map(move |field| (self.key(field), self.rows.text(field.value)))
    }

    /// The exact JSON text of a field; `None` if the row lacks it.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.fields.iter().find(|field| self.key(field) == name).map(|field| self.rows.text(field.value))
    }

    fn key(self, field: &Field) -> &'a str {
        match field.key {
            Key::InBody(span) => self.rows.text(span),
            Key::Odd(index) => &self.rows.odd_keys[index as usize],
        }
    }
}

/// Where a borrowed part of the body lies in it.
fn span(base: usize, part: &str) -> Span {
    #[expect(clippy::cast_possible_truncation, reason = "parse() refuses bodies of 4 GiB and more")]
    Span { start: (part.as_ptr() as usize - base) as u32, len: part.len() as u32 }
}

struct Envelope<'r> {
    rows: &'r mut Rows,
    meta: &'r mut Meta,
    base: usize,
}

impl<'de> DeserializeSeed<'de> for Envelope<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Envelope<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list answer")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.meta.has_rows = true;
        while seq.next_element_seed(OneRow { rows: self.rows, base: self.base })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            match key.as_ref() {
                "data" => {
                    if self.meta.has_rows {
                        return Err(A::Error::custom("two lists of rows"));
                    }
                    map.next_value_seed(RowList { rows: self.rows, meta: self.meta, base: self.base })?;
                }
                "meta" => {
                    let meta: Option<WireMeta> = map.next_value()?;
                    let next = meta.and_then(|meta| meta.next_cursor);
                    self.meta.tells_next = next.is_some();
                    self.meta.next_cursor = next.flatten();
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

#[derive(serde::Deserialize)]
struct WireMeta {
    /// Absent and null are different things here.
    #[serde(default, deserialize_with = "present")]
    next_cursor: Option<Option<String>>,
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(Some)
}

struct RowList<'r> {
    rows: &'r mut Rows,
    meta: &'r mut Meta,
    base: usize,
}

impl<'de> DeserializeSeed<'de> for RowList<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(Envelope { rows: self.rows, meta: self.meta, base: self.base })
    }
}

struct OneRow<'r> {
    rows: &'r mut Rows,
    base: usize,
}

impl<'de> DeserializeSeed<'de> for OneRow<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl OneRow<'_> {
    fn end(self) {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a field takes more than one byte of a u32-sized body"
        )]
        self.rows.ends.push(self.rows.fields.len() as u32);
    }
}

/// A row that is no object becomes a row without fields, which the loader rejects for want of an id.
impl<'de> Visitor<'de> for OneRow<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeySeed { rows: self.rows, base: self.base })? {
            let value: &'de RawValue = map.next_value()?;
            self.rows.fields.push(Field { key, value: span(self.base, value.get()) });
        }
        self.end();
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        self.end();
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.end();
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.end();
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.end();
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.end();
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        self.end();
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        self.end();
        Ok(())
    }
}

struct KeySeed<'r> {
    rows: &'r mut Rows,
    base: usize,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_> {
    type Value = Key;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Key, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed<'_> {
    type Value = Key;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Key, E> {
        Ok(Key::InBody(span(self.base, key)))
    }

    fn visit_str<E>(self, key: &str) -> Result<Key, E> {
        self.rows.odd_keys.push(key.to_owned());
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a key takes more than one byte of a u32-sized body"
        )]
        Ok(Key::Odd((self.rows.odd_keys.len() - 1) as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<(Rows, Meta), NotRows> {
        Rows::parse(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn values_keep_their_exact_text() {
        let (rows, meta) = parse(
            r#"{"data":[{"id":1,"meta": {"b":12345678901234567890, "a":[ ]} },{"id":2,"\u006eame":"x\"y"}],"object":"list","uri":"/api/x?","meta":{"prev_cursor":null,"next_cursor":"abc"}}"#,
        )
        .unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows.row(0).get("meta"), Some(r#"{"b":12345678901234567890, "a":[ ]}"#));
        assert_eq!(rows.row(1).get("name"), Some(r#""x\"y""#));
        assert_eq!(rows.row(0).get("name"), None);
        assert_eq!(meta.next_cursor.as_deref(), Some("abc"));
        let tells_next = |text: &str| parse(text).unwrap().1.tells_next;
        assert!(tells_next(r#"{"data":[],"meta":{"next_cursor":null}}"#));
        assert!(!tells_next(r#"{"data":[],"meta":{"prev_cursor":null}}"#));
        assert!(!tells_next(r#"{"data":[]}"#));
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_and_told_from_a_cut() {
        let message = |bytes: &'static [u8]| Rows::parse(Bytes::from_static(bytes)).unwrap_err().to_string();
        let refused = "the answer is not the JSON that was asked for";
        assert_eq!(message(b"[{\"id\":\"\xff\"}]"), format!("{refused} (it is not JSON, at byte 8 of 12)"));
        assert_eq!(message(b"[{\"id\":\"\xc3"), format!("{refused} (it ends too early, at byte 8 of 9)"));
    }

    #[test]
    fn both_envelopes_and_the_bare_array_are_read() {
        for text in [
            r#"{"object":"list","uri":"u","data":[{"id":1}],"meta":{"prev_cursor":null,"next_cursor":null,"total_resources":null}}"#,
            r#"{"data":[{"id":1}],"object":"list","uri":"u","meta":{"prev_cursor":null,"next_cursor":null}}"#,
            r#"{"data":[{"id":1}],"meta":null}"#,
            r#"{"data":[{"id":1}]}"#,
            r#"[{"id":1}]"#,
        ] {
            let (rows, meta) = parse(text).unwrap();
            assert_eq!((rows.len(), meta.next_cursor), (1, None), "{text}");
        }
    }

    #[test]
    fn rows_that_are_no_objects_become_rows_without_fields() {
        let (rows, _) = parse(r#"{"data":[null,1,-1,1.5,"x",true,[1,{"a":2}],{}]}"#).unwrap();
        assert_eq!(rows.len(), 8);
        assert!(rows.iter().all(|row| row.fields().count() == 0));
    }

    #[test]
    fn what_is_not_a_list_answer_is_refused_and_says_where() {
        let message = |text: &str| parse(text).unwrap_err().to_string();
        assert_eq!(
            message("<html>Bad gateway</html>"),
            "the answer is not the JSON that was asked for (it is not JSON, at byte 1 of 24)"
        );
        assert_eq!(
            message("{\"data\":[{\"id\":1},\n{\"id\":"),
            "the answer is not the JSON that was asked for (it ends too early, at byte 25 of 25)"
        );
        assert_eq!(
            message(r#"{"error":{"msg":"no"}}"#),
            "the answer is not the JSON that was asked for (it has no list of rows, at byte 0 of 22)"
        );
        assert_eq!(
            message(r#"{"data":[]} {}"#),
            "the answer is not the JSON that was asked for (it is not JSON, at byte 13 of 14)"
        );
        assert!(message("").contains("it ends too early"));
        assert!(message(r#"{"data":{"id":1}}"#).contains("another shape"));
    }
}
