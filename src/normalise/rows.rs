//! A page of JSON rows, parsed once and not copied: the received body plus where each field's key and value lie.
//!
//! Both readers of a page use it: the source looks at ids and dates, `normalise` at everything. Values stay text, so
//! nested JSON survives byte for byte (key order, integers beyond 2^53).
//!
//! serde_json reads the usual page. What it refuses is gone through once more, value by value: one that is no JSON is
//! noted with its text and a reason ([`Damage`]), and what can be read of it, or null, takes its place. So every value
//! handed out is JSON. Only the values may be wrong: brackets, commas, colons and quotes have to be right, else a body
//! that was cut or mixed up on its way would become rows.

mod repair;
mod strict;
mod tolerant;

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;

/// Rows of one page.
#[derive(Debug, Default)]
pub struct Rows {
    body: String,
    /// Whether [`STAND_IN`] in the body stands for bytes that are no text.
    stands_in: bool,
    /// Texts that do not lie in the body as they are: keys with escapes, values that were repaired.
    own: Vec<String>,
    fields: Vec<Field>,
    /// For each row, where its fields end.
    ends: Vec<u32>,
    /// Rows with damage, in the order received.
    damaged: Vec<DamagedRow>,
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
    key: Text,
    value: Text,
}

/// Where a text lies: eight bytes, as there is one for each key and each value.
#[derive(Debug, Clone, Copy)]
struct Text(Span);

impl Text {
    /// The length of a span whose start is an index into [`Rows::own`]. No part of a body is so long.
    const OWN: u32 = u32::MAX;

    fn own(index: u32) -> Self {
        Self(Span { start: index, len: Self::OWN })
    }
}

#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    len: u32,
}

impl Span {
    fn of(self, body: &str) -> &str {
        // Every span was made from a part of this very body, between the borders of its values.
        body.get(self.start as usize..(self.start + self.len) as usize).unwrap_or_default()
    }
}

#[derive(Debug)]
struct DamagedRow {
    /// Which row it is.
    row: usize,
    /// All of it, as received.
    text: Span,
    damages: Vec<DamagedField>,
}

#[derive(Debug)]
struct DamagedField {
    /// Which of the row's fields it is; `None` where the name could not be read, so that there is no field.
    field: Option<usize>,
    name: Text,
    /// The value as received.
    text: Span,
    reason: &'static str,
}

/// In the place of bytes that are no text, until it is known where they lie. As a control character (SUBSTITUTE), it
/// is damage wherever it lies in JSON.
const STAND_IN: char = '\u{1a}';

/// What was wrong with one value of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage<'a> {
    /// Which of the row's fields ([`Row::fields`]) it is; `None` where its name cannot be read and it is none.
    pub field: Option<usize>,
    /// Its name, as far as it can be read.
    pub name: &'a str,
    /// The value as received.
    pub text: Cow<'a, str>,
    /// What was wrong, and what came of it.
    pub reason: &'static str,
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

/// Why a body cannot be read.
const CUT: &str = "it ends too early";
const NOT_JSON: &str = "it is not JSON";
const OTHER_SHAPE: &str = "it has another shape";

/// A byte order mark, which some servers put before a text.
const MARK: &str = "\u{feff}";

impl Rows {
    /// Parses `{"data":[…],"meta":{"next_cursor":…}}`, in any key order, or a bare array of rows. Of equal keys in one
    /// row the last one counts.
    ///
    /// # Errors
    /// When the body is not exactly one document of that form: HTML, a cut body, an object without `data`, a `meta` that
    /// cannot be read.
    pub fn parse(body: Bytes) -> Result<(Self, Meta), NotRows> {
        let len = body.len();
        let fail = |(what, at)| NotRows { what, at, len };
        if u32::try_from(len).is_err() {
            return Err(fail(("larger than 4 GiB", 0)));
        }
        // Once for all: parsing bytes would look again at each value, and so would each look at one.
        let (body, stands_in) = match String::from_utf8(Vec::from(body)) {
            Ok(body) => (body, false),
            Err(error) if error.utf8_error().error_len().is_none() => {
                return Err(fail((CUT, error.utf8_error().valid_up_to())));
            }
            Err(error) => (stand_in(error.as_bytes()), true),
        };
        let start = if body.starts_with(MARK) { MARK.len() } else { 0 };
        let refused = if stands_in {
            None
        } else {
            let mut rows = Self::default();
            let mut meta = Meta::default();
            match strict::read(&body, start, &mut rows, &mut meta) {
                Ok(()) => return finished(rows, meta, body).map_err(fail),
                Err(error) => {
                    let at = start + offset(&body.as_bytes()[start..], error.line(), error.column());
                    Some(match error.classify() {
                        serde_json::error::Category::Eof => return Err(fail((CUT, at))),
                        serde_json::error::Category::Data => (OTHER_SHAPE, at),
                        _ => (NOT_JSON, at),
                    })
                }
            }
        };
        let mut rows = Self { stands_in, ..Self::default() };
        match tolerant::read(&body, start, &mut rows) {
            Ok(meta) => finished(rows, meta, body).map_err(fail),
            // What serde_json says of where is more exact, unless the end comes too early behind it.
            Err((CUT, at)) => Err(fail((CUT, at))),
            Err(error) => Err(fail(refused.unwrap_or(error))),
        }
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

    /// Bytes of the text they lie in.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.body.len()
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
        Row { rows: self, index, fields: &self.fields[start..self.ends[index] as usize] }
    }

    fn text(&self, text: Text) -> &str {
        match text {
            Text(Span { start, len: Text::OWN }) => &self.own[start as usize],
            Text(span) => span.of(&self.body),
        }
    }

    /// A part of the body as it may be shown.
    fn shown(&self, span: Span) -> Cow<'_, str> {
        let text = span.of(&self.body);
        if self.stands_in && text.contains(STAND_IN) {
            return Cow::Owned(text.replace(STAND_IN, "\u{fffd}"));
        }
        Cow::Borrowed(text)
    }

    fn keep(&mut self, text: String) -> Text {
        self.own.push(text);
        Text::own(below_4_gib(self.own.len() - 1))
    }

    fn end_row(&mut self) {
        self.ends.push(below_4_gib(self.fields.len()));
    }
}

fn finished(mut rows: Rows, meta: Meta, body: String) -> Result<(Rows, Meta), (&'static str, usize)> {
    if !meta.has_rows {
        return Err(("it has no list of rows", 0));
    }
    rows.body = body;
    Ok((rows, meta))
}

/// An offset into the body, or a number of things of which each takes a byte of it at least.
fn below_4_gib(number: usize) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "parse() refuses bodies of 4 GiB and more")]
    {
        number as u32
    }
}

/// The body as text, no longer than it was.
fn stand_in(body: &[u8]) -> String {
    let mut text = String::with_capacity(body.len());
    for chunk in body.utf8_chunks() {
        text.push_str(chunk.valid());
        if !chunk.invalid().is_empty() {
            text.push(STAND_IN);
        }
    }
    text
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
    index: usize,
    fields: &'a [Field],
}

impl fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Never the content: rows are customers' data.
        f.debug_struct("Row").field("fields", &self.fields.len()).finish_non_exhaustive()
    }
}

impl<'a> Row<'a> {
    /// Keys, each once, and the exact JSON text of their values.
    pub fn fields(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.fields.iter().map(move |field| (self.rows.text(field.key), self.rows.text(field.value)))
    }

    /// The exact JSON text of a field; `None` if the row lacks it.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.fields().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// Values of this row that were not what JSON allows, in the order received.
    pub fn damages(self) -> impl Iterator<Item = Damage<'a>> {
        self.damaged().into_iter().flat_map(|row| &row.damages).map(move |damage| Damage {
            field: damage.field,
            name: self.rows.text(damage.name),
            text: self.rows.shown(damage.text),
            reason: damage.reason,
        })
    }

    /// The row as it was received, where it is more or something else than its fields say: with damage, or no object.
    #[must_use]
    pub fn received(self) -> Option<Cow<'a, str>> {
        self.damaged().map(|row| self.rows.shown(row.text))
    }

    /// Whether it is an object, as a row should be.
    #[must_use]
    pub fn is_object(self) -> bool {
        self.received().is_none_or(|text| text.starts_with('{'))
    }

    fn damaged(self) -> Option<&'a DamagedRow> {
        let damaged = &self.rows.damaged;
        let at = damaged.binary_search_by_key(&self.index, |row| row.row).ok()?;
        Some(&damaged[at])
    }
}

#[cfg(test)]
mod tests;
