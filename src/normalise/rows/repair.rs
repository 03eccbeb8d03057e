//! What becomes of one value that is no JSON: as much of it as can be read, in JSON again.

use serde_json::value::RawValue;

use super::layout::STAND_IN;
use crate::normalise::token::{SPACES, Token, token};

/// What was wrong with a value, the worst of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Damage {
    /// Nothing is lost: the character is the same as its escape.
    RawControl,
    NotUtf8,
    UnknownEscape,
    /// Within brackets: the rest is there.
    InnerWord,
    Word,
    /// Brackets, commas and colons that make no JSON.
    Form,
}

impl Damage {
    pub(super) fn is_lossless(self) -> bool {
        self == Self::RawControl
    }

    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::RawControl => "a control character that is not escaped, taken as it is",
            Self::NotUtf8 => "bytes that are not UTF-8, replaced by U+FFFD",
            Self::UnknownEscape => "an escape that JSON does not have, replaced by U+FFFD",
            Self::InnerWord => "a value in it is not JSON, replaced by null",
            Self::Word | Self::Form => "not JSON",
        }
    }
}

/// Whether a text is one JSON value. serde_json goes through it without recursion, however deep it is.
pub(super) fn is_json(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

/// JSON for a value that is none. With `stands_in`, [`STAND_IN`] is a byte that was no text, else just itself.
pub(super) fn repaired(text: &str, stands_in: bool) -> (String, Damage) {
    let mut out = String::with_capacity(text.len());
    let mut worst = Damage::RawControl;
    let mut at = 0;
    while let Some(spaces) = text.as_bytes()[at..].iter().position(|byte| !SPACES.contains(byte)) {
        out.push_str(&text[at..at + spaces]);
        at += spaces;
        // Who found the borders of the value has met the end of each string in it.
        let Some((token, len)) = token(&text.as_bytes()[at..]) else { break };
        let part = &text[at..at + len];
        at += len;
        match token {
            Token::Text => worst = worst.max(repair_text(part, stands_in, &mut out)),
            Token::Bare if !is_json(part) => {
                let whole = len == text.len();
                worst = worst.max(if whole { Damage::Word } else { Damage::InnerWord });
                out.push_str("null");
            }
            _ => out.push_str(part),
        }
    }
    if is_json(&out) { (out, worst) } else { ("null".into(), Damage::Form) }
}

/// Appends a string to `out` with everything escaped that has to be.
fn repair_text(text: &str, stands_in: bool, out: &mut String) -> Damage {
    let mut worst = Damage::RawControl;
    let mut rest = text;
    let special = |c: char| c == '\\' || c < ' ';
    while let Some(at) = rest.find(special) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let mut chars = rest.chars();
        let used = match chars.next() {
            Some('\\') => {
                let known = known_escape(rest);
                match known {
                    Some(len) => out.push_str(&rest[..len]),
                    None => {
                        out.push('\u{fffd}');
                        worst = worst.max(Damage::UnknownEscape);
                    }
                }
                known.unwrap_or(1 + chars.next().map_or(0, char::len_utf8))
            }
            Some(STAND_IN) if stands_in => {
                out.push('\u{fffd}');
                worst = worst.max(Damage::NotUtf8);
                1
            }
            Some(control) => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
                1
            }
            None => break,
        };
        rest = &rest[used..];
    }
    out.push_str(rest);
    worst
}

/// How long the escape is that `rest` begins with, if JSON has it.
fn known_escape(rest: &str) -> Option<usize> {
    match rest.as_bytes().get(1)? {
        b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
        b'u' => {
            let digits = rest.as_bytes().get(2..6)?;
            digits.iter().all(u8::is_ascii_hexdigit).then_some(6)
        }
        _ => None,
    }
}
