//! Cursors as the API makes them: padded base64 of `["next", <sort value>, <id>]`, a position and nothing else.
//!
//! Because a cursor names a row's place in the order and not a page number, it stays good while rows come and go.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::time::{self, Micros};

/// What a list is ordered by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// A datetime, naive in the cursor.
    Time(Micros),
    /// A priority or a count.
    Int(i64),
    /// A name.
    Text(String),
}

/// A decoded cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// Towards the end of the list (`next`) or its beginning (`prev`).
    pub forward: bool,
    /// Sort value of the row the cursor stands on.
    pub key: Key,
    /// Id of that row; breaks ties.
    pub id: i64,
}

impl Cursor {
    /// The opaque text.
    pub fn encode(&self) -> String {
        let word = if self.forward { "next" } else { "prev" };
        let key = match &self.key {
            Key::Time(at) => format!("\"{}\"", time::naive(*at)),
            Key::Int(value) => value.to_string(),
            Key::Text(text) => Value::String(text.clone()).to_string(),
        };
        // The separators of Python's json.dumps, as recorded.
        STANDARD.encode(format!("[\"{word}\", {key}, {}]", self.id))
    }

    /// The same in a form that tells nobody anything: reversed, in another alphabet.
    pub fn veil(text: &str) -> String {
        text.bytes().rev().map(|byte| format!("{:02x}", byte ^ 0x5a)).collect()
    }

    /// Back from [`Cursor::veil`].
    pub fn unveil(text: &str) -> Option<String> {
        let bytes: Option<Vec<u8>> = (0..text.len() / 2)
            .rev()
            .map(|n| Some(u8::from_str_radix(text.get(2 * n..2 * n + 2)?, 16).ok()? ^ 0x5a))
            .collect();
        String::from_utf8(bytes?).ok()
    }

    /// Reads a cursor of a list sorted like `like`; anything else is malformed.
    pub fn decode(text: &str, like: &Key) -> Option<Cursor> {
        let json = STANDARD.decode(text).ok()?;
        let Value::Array(parts) = serde_json::from_slice(&json).ok()? else { return None };
        let [Value::String(word), key, Value::Number(id)] = parts.as_slice() else { return None };
        let forward = match word.as_str() {
            "next" => true,
            "prev" => false,
            _ => return None,
        };
        let key = match (like, key) {
            (Key::Time(_), Value::String(text)) => Key::Time(time::parse(text)?),
            (Key::Int(_), Value::Number(value)) => Key::Int(value.as_i64()?),
            (Key::Text(_), Value::String(text)) => Key::Text(text.clone()),
            _ => return None,
        };
        Some(Cursor { forward, key, id: id.as_i64()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recorded_cursors_round_trip() {
        let recorded = "WyJuZXh0IiwgIjIwMjYtMDgtMjZUMTg6MzU6NTYuMjk1OTIxIiwgMjE5MDkzMTQ3M10=";
        let cursor = Cursor::decode(recorded, &Key::Time(0)).unwrap();
        assert_eq!(cursor.id, 2_190_931_473);
        assert_eq!(cursor.key, Key::Time(time::parse("2026-08-26T18:35:56.295921").unwrap()));
        assert_eq!(cursor.encode(), recorded);

        let documented = "WyJuZXh0IiwgMjksIDkyOV0=";
        let cursor = Cursor::decode(documented, &Key::Int(0)).unwrap();
        assert_eq!(cursor, Cursor { forward: true, key: Key::Int(29), id: 929 });
        assert_eq!(cursor.encode(), documented);

        // Without a fraction, as the surveys' documentation shows it.
        let whole =
            Cursor { forward: true, key: Key::Time(time::parse("2022-01-01T01:00:00").unwrap()), id: 123 };
        assert_eq!(STANDARD.decode(whole.encode()).unwrap(), br#"["next", "2022-01-01T01:00:00", 123]"#);
    }

    #[test]
    fn what_is_veiled_can_be_read_by_us_only() {
        let plain = "WyJuZXh0IiwgMjksIDkyOV0=";
        assert_eq!(Cursor::decode(&Cursor::veil(plain), &Key::Int(0)), None);
        assert_eq!(Cursor::unveil(&Cursor::veil(plain)).as_deref(), Some(plain));
        assert_eq!(Cursor::unveil("zz"), None);
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "x", "cHJldl9fNl9fMjAyMS0wMy0wMyAwNjowMDowMA==", "WyJuZXh0IiwgMjksIDkyOV0="] {
            assert_eq!(Cursor::decode(text, &Key::Time(0)), None, "{text}");
        }
    }
}
