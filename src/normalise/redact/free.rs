//! Secrets in JSON of which nobody knows the form: found by the names of members, and by what texts hold.
//!
//! One pass over the text, however deep it is, and one more for each text that holds JSON itself, [`LEVELS`] deep.

use std::cmp::Reverse;
use std::ops::Range;

use serde_json::value::RawValue;

use super::names::{Tells, tells};
use super::texts::{self, Found, HIDDEN};
use crate::normalise::children::quoted;

/// How often a text that holds JSON is looked into, one in the other. What lies deeper is hidden.
const LEVELS: u32 = 4;

/// The value without its secrets; `None`: it has none.
pub(super) fn hide(raw: &str) -> Option<String> {
    Scan::over(raw, LEVELS, false)
}

/// The value of something that is called like a secret: names, nulls and truths stay.
pub(super) fn hide_all(raw: &str) -> Option<String> {
    Scan::over(raw, LEVELS, true)
}

/// A text where an object belongs: one that holds JSON is that, and any other is hidden whole.
pub(super) fn hide_text(raw: &str) -> Option<String> {
    match Text::of(raw) {
        Text::Unreadable => Some(HIDDEN.to_owned()),
        Text::Json(json) => Scan::over(&json, LEVELS, false).map(|text| quoted(&text)),
        Text::Plain(text) => (!text.trim().is_empty()).then(|| HIDDEN.to_owned()),
    }
}

/// What a JSON string holds.
enum Text {
    /// Half of a surrogate pair: no text.
    Unreadable,
    /// An object, an array or a string once more.
    Json(String),
    Plain(String),
}

impl Text {
    fn of(raw: &str) -> Self {
        let Ok(text) = serde_json::from_str::<String>(raw) else { return Self::Unreadable };
        let inner = text.trim_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        match inner.as_bytes().first() {
            Some(b'{' | b'[' | b'"') if serde_json::from_str::<&RawValue>(inner).is_ok() => {
                Self::Json(inner.to_owned())
            }
            _ => Self::Plain(text),
        }
    }
}

/// What is put in the place of a part of the value; `None`: [`HIDDEN`].
type Cut = (Range<usize>, Option<String>);

struct Scan<'a> {
    raw: &'a str,
    levels: u32,
    /// Whether all of it is secret.
    hides: bool,
    open: Vec<Open>,
    cuts: Vec<Cut>,
}

/// An object or array that is not closed yet.
struct Open {
    start: usize,
    is_object: bool,
    /// Whether all in it is secret.
    hides: bool,
    /// Whether a name comes next.
    wants_name: bool,
    /// What the name of the next value tells.
    tells: Tells,
    role: Role,
    /// Whether it has a `name` or the like whose text is that of a secret.
    says: bool,
    value: Option<Range<usize>>,
    key: Option<Range<usize>>,
}

/// What a member is where a name and its value are members of one object: `{"name":"Authorization","value":"x"}`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Role {
    None,
    Name,
    /// `key`: a name beside a value, and else a key.
    Key,
    Value,
}

impl Role {
    fn of(name: &str) -> Self {
        match name.to_lowercase().as_str() {
            "name" | "header" | "field" | "param" | "parameter" | "label" | "property" => Self::Name,
            "key" => Self::Key,
            "value" | "values" | "val" => Self::Value,
            _ => Self::None,
        }
    }
}

impl<'a> Scan<'a> {
    fn over(raw: &'a str, levels: u32, hides: bool) -> Option<String> {
        let mut scan = Self { raw, levels, hides, open: Vec::new(), cuts: Vec::new() };
        scan.run();
        scan.finish()
    }

    /// The text is JSON: whoever hands it on has checked that.
    fn run(&mut self) {
        let bytes = self.raw.as_bytes();
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'{' | b'[' => {
                    self.begin(at, *byte == b'{');
                    at += 1;
                }
                b'}' | b']' => {
                    at += 1;
                    self.end(at);
                }
                b',' => {
                    if let Some(open) = self.open.last_mut() {
                        open.wants_name = open.is_object;
                    }
                    at += 1;
                }
                b'"' => {
                    let end = string_end(bytes, at);
                    match self.open.last().is_some_and(|open| open.wants_name) {
                        true => self.name(at..end),
                        false => self.plain(at..end),
                    }
                    at = end;
                }
                byte if byte.is_ascii_whitespace() || *byte == b':' => at += 1,
                _ => {
                    let is_part = |byte: &&u8| !byte.is_ascii_whitespace() && !b",]}:{[\"".contains(byte);
                    let end = at + bytes[at..].iter().take_while(is_part).count();
                    self.plain(at..end);
                    at = end;
                }
            }
        }
    }

    fn begin(&mut self, start: usize, is_object: bool) {
        let hides = self.open.last().map_or(self.hides, |open| open.hides || open.tells == Tells::Secret);
        self.open.push(Open {
            start,
            is_object,
            hides,
            wants_name: is_object,
            tells: Tells::Nothing,
            role: Role::None,
            says: false,
            value: None,
            key: None,
        });
    }

    fn end(&mut self, end: usize) {
        let Some(open) = self.open.pop() else { return };
        match (open.value, open.key) {
            (Some(value), _) if open.says => self.cuts.push((value, None)),
            (None, Some(key)) => self.cuts.push((key, None)),
            _ => {}
        }
        if let Some(around) = self.open.last_mut()
            && around.role == Role::Value
        {
            around.value = Some(open.start..end);
        }
    }

    fn name(&mut self, range: Range<usize>) {
        let name = serde_json::from_str::<String>(&self.raw[range]);
        let Some(open) = self.open.last_mut() else { return };
        open.wants_name = false;
        // A name that is no text may be that of a secret.
        open.tells = name.as_ref().map_or(Tells::Secret, |name| tells(name));
        open.role = name.map_or(Role::None, |name| Role::of(&name));
    }

    /// A value that holds no others.
    fn plain(&mut self, range: Range<usize>) {
        let raw = &self.raw[range.clone()];
        let hides = self.open.last().map_or(self.hides, |open| open.hides || open.tells != Tells::Nothing);
        if matches!(raw, "null" | "true" | "false" | "\"\"") {
            return;
        }
        if hides {
            self.cuts.push((range, None));
            return;
        }
        let text = raw.starts_with('"').then(|| Text::of(raw));
        if let Some(open) = self.open.last_mut() {
            let says = || matches!(&text, Some(Text::Plain(text)) if tells(text) != Tells::Nothing);
            match open.role {
                Role::Name => open.says |= says(),
                Role::Key => {
                    open.says |= says();
                    open.key = Some(range.clone());
                }
                Role::Value => open.value = Some(range.clone()),
                Role::None => {}
            }
        }
        let Some(text) = text else { return };
        let found = match text {
            Text::Unreadable => Found::Secret,
            Text::Json(_) if self.levels == 0 => Found::Secret,
            Text::Json(json) => {
                Scan::over(&json, self.levels - 1, false).map_or(Found::Nothing, Found::Without)
            }
            Text::Plain(text) => texts::look(&text),
        };
        match found {
            Found::Nothing => {}
            Found::Without(text) => self.cuts.push((range, Some(quoted(&text)))),
            Found::Secret => self.cuts.push((range, None)),
        }
    }

    fn finish(mut self) -> Option<String> {
        if self.cuts.is_empty() {
            return None;
        }
        // Of two of which one lies in the other, the outer one counts; of two at one place, that which hides more.
        self.cuts.sort_by_key(|(range, text)| (range.start, Reverse(range.end), text.is_some()));
        let mut out = String::with_capacity(self.raw.len());
        let mut done = 0;
        for (range, text) in self.cuts {
            if range.start < done {
                continue;
            }
            out.push_str(&self.raw[done..range.start]);
            out.push_str(text.as_deref().unwrap_or(HIDDEN));
            done = range.end;
        }
        out.push_str(&self.raw[done..]);
        (out != self.raw).then_some(out)
    }
}

/// Behind the quote that ends the string which begins there.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(found) = memchr::memchr2(b'"', b'\\', bytes.get(at..).unwrap_or_default()) {
        if bytes[at + found] == b'"' {
            return at + found + 1;
        }
        at += found + 2;
    }
    bytes.len()
}
