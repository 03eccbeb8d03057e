//! Where the parts of a page lie: the received body, and spans of it.

use std::borrow::Cow;
use std::fmt;

/// Rows of one page.
#[derive(Debug, Default)]
pub struct Rows {
    pub(super) body: String,
    /// Whether [`STAND_IN`] in the body stands for bytes that are no text.
    pub(super) stands_in: bool,
    /// Texts that do not lie in the body as they are: keys with escapes, values that were repaired.
    pub(super) own: Vec<String>,
    pub(super) fields: Vec<Field>,
    /// For each row, where its fields end.
    pub(super) ends: Vec<u32>,
    /// Rows with damage, in the order received.
    pub(super) damaged: Vec<DamagedRow>,
    /// Whether texts of damaged rows may hold secrets, and must not be shown.
    pub(super) hides: bool,
    pub(super) _held: HeldMemory,
}

/// What is let go of when the rows are.
#[derive(Default)]
pub(super) struct HeldMemory(Option<Box<dyn Send + Sync>>);

impl fmt::Debug for HeldMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "something" } else { "nothing" })
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) key: Text,
    pub(super) value: Text,
}

/// Where a text lies: eight bytes, as there is one for each key and each value.
#[derive(Debug, Clone, Copy)]
pub(super) struct Text(pub(super) ByteSpan);

impl Text {
    /// The length of a span whose start is an index into [`Rows::own`]. No part of a body is so long.
    pub(super) const OWN: u32 = u32::MAX;

    pub(super) fn own(index: u32) -> Self {
        Self(ByteSpan { start: index, len: Self::OWN })
    }
}

#[derive(Debug, Clone, Copy)]
pub(super) struct ByteSpan {
    pub(super) start: u32,
    pub(super) len: u32,
}

impl ByteSpan {
    pub(super) fn of(self, body: &str) -> &str {
        // Every span was made from a part of this very body, between the borders of its values.
        body.get(self.start as usize..(self.start + self.len) as usize).unwrap_or_default()
    }
}

#[derive(Debug)]
pub(super) struct DamagedRow {
    /// Which row it is.
    pub(super) row: usize,
    /// All of it, as received.
    pub(super) text: ByteSpan,
    pub(super) damages: Vec<DamagedField>,
}

#[derive(Debug)]
pub(super) struct DamagedField {
    /// Which of the row's fields it is; `None` where the name could not be read, so that there is no field.
    pub(super) field: Option<usize>,
    pub(super) name: Text,
    /// The value as received.
    pub(super) text: ByteSpan,
    pub(super) reason: &'static str,
}

/// In the place of bytes that are no text, until it is known where they lie. As a control character (SUBSTITUTE), it
/// is damage wherever it lies in JSON.
pub(super) const STAND_IN: char = '\u{1a}';

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

/// Why a body cannot be read.
pub(super) const CUT: &str = "it ends too early";
pub(super) const NOT_JSON: &str = "it is not JSON";
pub(super) const OTHER_SHAPE: &str = "it has another shape";

impl Rows {
    /// Keeps `held` as long as the rows are there: whoever reads bodies shares out memory for them.
    #[must_use]
    pub fn holding(self, held: impl Send + Sync + 'static) -> Self {
        Self { _held: HeldMemory(Some(Box::new(held))), ..self }
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
            Text(ByteSpan { start, len: Text::OWN }) => &self.own[start as usize],
            Text(span) => span.of(&self.body),
        }
    }

    /// Puts other values in the place of those for which `change` has one, by the name of the field. What is damaged is not
    /// shown any more.
    pub(in crate::normalise) fn change(&mut self, change: impl Fn(&str, &str) -> Option<String>) {
        self.hides = true;
        for at in 0..self.fields.len() {
            let Field { key, value } = self.fields[at];
            if let Some(text) = change(self.text(key), self.text(value)) {
                self.fields[at].value = self.keep(text);
            }
        }
    }

    /// Adds fields of these names to each row for which there is a value, unless the row has one of that name that says
    /// something. `value` is asked by the number of the name.
    pub(in crate::normalise) fn add(
        &mut self,
        names: &[&str],
        value: impl Fn(usize, Row<'_>) -> Option<String>,
    ) {
        let value = |row| (0..names.len()).map(|nth| value(nth, row)).collect();
        let values: Vec<Vec<Option<String>>> = self.iter().map(value).collect();
        let keys: Vec<Text> = names.iter().map(|name| self.keep((*name).to_owned())).collect();
        let mut fields = Vec::with_capacity(self.fields.len() + values.len() * names.len());
        let mut start = 0;
        for (row, values) in values.into_iter().enumerate() {
            let (first, end) = (fields.len(), self.ends[row] as usize);
            fields.extend_from_slice(&self.fields[start..end]);
            start = end;
            for ((name, key), value) in names.iter().zip(&keys).zip(values) {
                let Some(value) = value else { continue };
                let there = fields[first..].iter().position(|field| self.text(field.key) == *name);
                match there.map(|at| first + at) {
                    None => fields.push(Field { key: *key, value: self.keep(value) }),
                    Some(at) if self.text(fields[at].value) == "null" => fields[at].value = self.keep(value),
                    Some(_) => {}
                }
            }
            self.ends[row] = below_4_gib(fields.len());
        }
        self.fields = fields;
    }

    /// A part of the body as it may be shown.
    fn shown(&self, span: ByteSpan) -> Cow<'_, str> {
        if self.hides {
            return Cow::Borrowed("[redacted]");
        }
        let text = span.of(&self.body);
        if self.stands_in && text.contains(STAND_IN) {
            return Cow::Owned(text.replace(STAND_IN, "\u{fffd}"));
        }
        Cow::Borrowed(text)
    }

    pub(super) fn keep(&mut self, text: String) -> Text {
        self.own.push(text);
        Text::own(below_4_gib(self.own.len() - 1))
    }

    pub(super) fn end_row(&mut self) {
        self.ends.push(below_4_gib(self.fields.len()));
    }
}

/// An offset into the body, or a number of things of which each takes a byte of it at least.
pub(super) fn below_4_gib(number: usize) -> u32 {
    #[expect(clippy::cast_possible_truncation, reason = "parse() refuses bodies of 4 GiB and more")]
    {
        number as u32
    }
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
        self.damaged().is_none_or(|row| row.text.of(&self.rows.body).starts_with('{'))
    }

    fn damaged(self) -> Option<&'a DamagedRow> {
        let damaged = &self.rows.damaged;
        let at = damaged.binary_search_by_key(&self.index, |row| row.row).ok()?;
        Some(&damaged[at])
    }
}
