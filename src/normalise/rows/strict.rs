//! The usual page: one valid JSON document, read by serde_json in one go.
//!
//! What it does not take is left to [`super::tolerant`]. That includes what is valid and rare: rows that are no objects,
//! and rows with a key twice.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::layout::{ByteSpan, Field, Meta, Rows, Text, below_4_gib};

/// Reads `body` from `start` on into `rows`, which gets its fields and not yet the body.
pub(super) fn read(body: &str, start: usize, rows: &mut Rows, meta: &mut Meta) -> serde_json::Result<()> {
    let document = body.get(start..).unwrap_or_default();
    // As many as a page of the API has for its size, so that they are seldom moved.
    rows.fields.reserve(document.len() / 64);
    let mut json = serde_json::Deserializer::from_str(document);
    Envelope { rows, meta, body }.deserialize(&mut json)?;
    json.end()
}

/// `{"next_cursor":…}`.
#[derive(Debug, serde::Deserialize)]
pub(super) struct WireMeta {
    /// Absent and null are different things here.
    #[serde(default, deserialize_with = "present")]
    next_cursor: Option<Option<String>>,
}

impl WireMeta {
    /// Notes what the answer's `meta` says, which may be null.
    pub(super) fn tell(meta: &mut Meta, wire: Option<Self>) {
        let next = wire.and_then(|wire| wire.next_cursor);
        meta.tells_next = next.is_some();
        meta.next_cursor = next.flatten();
    }
}

fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    serde::Deserialize::deserialize(deserializer).map(Some)
}

struct Envelope<'r, 'de> {
    rows: &'r mut Rows,
    meta: &'r mut Meta,
    body: &'de str,
}

impl<'de> DeserializeSeed<'de> for Envelope<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Envelope<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list answer")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        self.meta.has_rows = true;
        while seq.next_element_seed(OneRow { rows: self.rows, body: self.body })?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut metas = 0;
        while let Some(key) = map.next_key::<Cow<'de, str>>()? {
            match key.as_ref() {
                "data" => {
                    if self.meta.has_rows {
                        return Err(A::Error::custom("two lists of rows"));
                    }
                    map.next_value_seed(RowList { rows: self.rows, meta: self.meta, body: self.body })?;
                }
                "meta" => {
                    metas += 1;
                    if metas > 1 {
                        return Err(A::Error::custom("two that say where the list goes on"));
                    }
                    WireMeta::tell(self.meta, map.next_value()?);
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(())
    }
}

struct RowList<'r, 'de> {
    rows: &'r mut Rows,
    meta: &'r mut Meta,
    body: &'de str,
}

impl<'de> DeserializeSeed<'de> for RowList<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(Envelope { rows: self.rows, meta: self.meta, body: self.body })
    }
}

struct OneRow<'r, 'de> {
    rows: &'r mut Rows,
    body: &'de str,
}

impl<'de> DeserializeSeed<'de> for OneRow<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for OneRow<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a row")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key_seed(KeySeed { rows: self.rows, body: self.body })? {
            let value: &'de RawValue = map.next_value()?;
            self.rows.fields.push(Field { key, value: Text(span(self.body, value.get())) });
        }
        if !self.keys_differ() {
            return Err(A::Error::custom("a key twice"));
        }
        self.rows.end_row();
        Ok(())
    }
}

impl OneRow<'_, '_> {
    /// Whether each key of the row that was just read comes once. Rows of one list have their fields in one order, so
    /// mostly this is seen from the row before.
    fn keys_differ(&self) -> bool {
        let rows = &*self.rows;
        let body = self.body.as_bytes();
        let key = |field: &Field| match field.key {
            Text(ByteSpan { start, len: Text::OWN }) => rows.own[start as usize].as_bytes(),
            Text(ByteSpan { start, len }) => &body[start as usize..(start + len) as usize],
        };
        let start = rows.ends.last().copied().unwrap_or_default() as usize;
        let before = rows.ends.len().checked_sub(2).map_or(0, |row| rows.ends[row] as usize);
        let (before, row) = (&rows.fields[before..start], &rows.fields[start..]);
        if before.len() == row.len() && before.iter().zip(row).all(|(a, b)| key(a) == key(b)) {
            return true;
        }
        let mut met = HashSet::with_capacity(row.len());
        row.iter().all(|field| met.insert(key(field)))
    }
}

struct KeySeed<'r, 'de> {
    rows: &'r mut Rows,
    body: &'de str,
}

impl<'de> DeserializeSeed<'de> for KeySeed<'_, 'de> {
    type Value = Text;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for KeySeed<'_, 'de> {
    type Value = Text;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a field name")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Text, E> {
        Ok(Text(span(self.body, key)))
    }

    fn visit_str<E>(self, key: &str) -> Result<Text, E> {
        Ok(self.rows.keep(key.to_owned()))
    }
}

/// Where a borrowed part of the body lies in it.
fn span(body: &str, part: &str) -> ByteSpan {
    let start = part.as_ptr() as usize - body.as_ptr() as usize;
    ByteSpan { start: below_4_gib(start), len: below_4_gib(part.len()) }
}
