//! JSON written by hand, straight into the answer's bytes.
//!
//! Two gigabytes of messages are rendered per full read, so rows are appended as text and never built as values.
//! `ascii` switches string content to `\uXXXX` escapes, as Python's `json.dumps` writes by default: readers must take both.

use crate::text::Word;
use crate::time::{Maybe, Micros, push_naive};

/// An answer under construction.
#[derive(Debug, Default)]
pub(crate) struct Out {
    bytes: Vec<u8>,
    /// Whether strings are written in ASCII only.
    pub(crate) ascii: bool,
}

impl Out {
    pub(crate) fn with_capacity(n: usize) -> Out {
        Out { bytes: Vec::with_capacity(n), ascii: false }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Replaces what was appended after the first `start` bytes.
    pub(crate) fn replace_from(&mut self, start: usize, change: impl FnOnce(&str) -> Vec<u8>) {
        let tail = String::from_utf8_lossy(&self.bytes[start..]).into_owned();
        self.bytes.truncate(start);
        self.bytes.extend_from_slice(&change(&tail));
    }

    pub(crate) fn into_string(self) -> String {
        // Only whole UTF-8 strings were appended, so nothing is ever replaced.
        String::from_utf8(self.bytes).unwrap_or_default()
    }

    /// Text that is JSON already.
    pub(crate) fn raw(&mut self, json: &str) -> &mut Out {
        self.bytes.extend_from_slice(json.as_bytes());
        self
    }

    pub(crate) fn int(&mut self, value: i64) -> &mut Out {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        let mut rest = value.unsigned_abs();
        loop {
            at -= 1;
            digits[at] = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
            if rest == 0 {
                break;
            }
        }
        if value < 0 {
            self.bytes.push(b'-');
        }
        self.bytes.extend_from_slice(&digits[at..]);
        self
    }

    pub(crate) fn bool(&mut self, value: bool) -> &mut Out {
        self.raw(if value { "true" } else { "false" })
    }

    /// A prepared fragment inside a string that is already open.
    pub(crate) fn word(&mut self, word: &Word) -> &mut Out {
        let text = if self.ascii { &word.ascii } else { &word.plain };
        self.bytes.extend_from_slice(text.as_bytes());
        self
    }

    pub(crate) fn time(&mut self, at: Micros) -> &mut Out {
        self.bytes.push(b'"');
        push_naive(&mut self.bytes, at);
        self.bytes.extend_from_slice(b"+00:00\"");
        self
    }

    pub(crate) fn maybe(&mut self, at: Maybe) -> &mut Out {
        match at.get() {
            Some(at) => self.time(at),
            None => self.raw("null"),
        }
    }

    /// An id, or null for 0: no row has that id.
    pub(crate) fn id_or_null(&mut self, id: i64) -> &mut Out {
        if id == 0 { self.raw("null") } else { self.int(id) }
    }
}

/// The inside of a JSON string.
pub(crate) fn escape(text: &str, ascii: bool) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if u32::from(c) < 0x20 || (ascii && !c.is_ascii()) => {
                let mut units = [0u16; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04x}"));
                }
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_read_back_as_the_same_text() {
        let text = "a\"b\\c\n\t\u{1}\u{2028}😀漢字 שלום";
        for ascii in [false, true] {
            let json = format!("\"{}\"", escape(text, ascii));
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
            assert!(!ascii || json.is_ascii());
        }
    }

    #[test]
    fn integers_at_the_edges() {
        for value in [0, -1, i64::MAX, i64::MIN, 2_190_931_473] {
            let mut out = Out::default();
            out.int(value);
            assert_eq!(out.into_string(), value.to_string());
        }
    }
}
