//! Rows that a reader cannot read as they are: one value or one name of them is no JSON, no text, or far too long.

use std::ops::Range;

use serde_json::value::RawValue;

/// What is wrong with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// A text begins with a byte that is no UTF-8.
    NotUtf8,
    /// `NaN` stands where `null` stood.
    NaN,
    /// `-Infinity` stands where `null` stood.
    Infinity,
    /// A text begins with a control character as it is, not escaped.
    Control,
    /// A field more, whose name has half a surrogate pair in it.
    HalfSurrogateInName,
    /// A text begins with half a surrogate pair.
    HalfSurrogate,
    /// A field more, whose name has a NUL in it.
    NulInName,
    /// A field more, of so many MiB.
    Padded {
        /// 1,048,576 bytes each.
        mib: usize,
    },
}

/// Texts that people write, in the tables that have them.
const TEXTS: [&str; 5] = ["subject", "body_text", "name", "comment", "bio"];

impl Unreadable {
    /// The row, spoilt. It keeps its id and its dates.
    pub(crate) fn spoil(self, row: &str) -> Vec<u8> {
        let within =
            |bytes: &[u8]| match field(row, |name, value| TEXTS.contains(&name) && value.starts_with('"')) {
                Some(place) => splice(row, place.start + 1..place.start + 1, bytes),
                None => splice(row, 1..1, &[b"\"note\":\"", bytes, b"\","].concat()),
            };
        let instead_of_null = |text: &str| match field(row, |_, value| value == "null") {
            Some(place) => splice(row, place, text.as_bytes()),
            None => splice(row, 1..1, format!("\"ratio\":{text},").as_bytes()),
        };
        match self {
            Unreadable::NotUtf8 => within(&[0xff]),
            Unreadable::Control => within(&[0x01]),
            Unreadable::HalfSurrogate => within(b"\\ud83d"),
            Unreadable::NaN => instead_of_null("NaN"),
            Unreadable::Infinity => instead_of_null("-Infinity"),
            Unreadable::HalfSurrogateInName => splice(row, 1..1, b"\"\\ud83d\":1,"),
            Unreadable::NulInName => splice(row, 1..1, b"\"a\\u0000b\":1,"),
            Unreadable::Padded { mib } => {
                splice(row, 1..1, format!("\"padding\":\"{}\",", "x".repeat(mib << 20)).as_bytes())
            }
        }
    }
}

/// Where the value of the first field of the row itself lies that is wanted by name and JSON text.
fn field(row: &str, wanted: impl Fn(&str, &str) -> bool) -> Option<Range<usize>> {
    let fields: std::collections::BTreeMap<String, &RawValue> = serde_json::from_str(row).ok()?;
    let places = fields.iter().filter(|(name, value)| wanted(name, value.get())).map(|(_, value)| {
        // The value is borrowed from the row.
        let start = value.get().as_ptr() as usize - row.as_ptr() as usize;
        start..start + value.get().len()
    });
    places.min_by_key(|place| place.start)
}

fn splice(row: &str, place: Range<usize>, with: &[u8]) -> Vec<u8> {
    let row = row.as_bytes();
    [&row[..place.start], with, &row[place.end..]].concat()
}
