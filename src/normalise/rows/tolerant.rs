//! The unusual page: finds the borders of rows and values without caring what lies between them, and then looks at each
//! value by itself.
//!
//! Each byte is looked at a fixed number of times, and nothing is called recursively: a body may be as hostile as it
//! likes.

use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::layout::{
    ByteSpan, CUT, DamagedField, DamagedRow, Field, Meta, NOT_JSON, OTHER_SHAPE, Rows, Text, below_4_gib,
};
use super::repair::{is_json, repaired};
use super::strict::WireMeta;
use crate::normalise::decode::{self, Decoded};
use crate::normalise::token::{SPACES, Token, token};

/// What is wrong, and at which byte.
type Wrong = (&'static str, usize);

/// Reads `body` from `start` on into `rows`, which gets its fields and not yet the body.
pub(super) fn read(body: &str, start: usize, rows: &mut Rows) -> Result<Meta, Wrong> {
    let mut scanner = Scanner { body, at: start, rows };
    let mut meta = Meta::default();
    match scanner.next()? {
        b'[' => scanner.list(&mut meta)?,
        b'{' => scanner.envelope(&mut meta)?,
        _ => return Err((NOT_JSON, start)),
    }
    match scanner.next() {
        Err(_) => Ok(meta),
        Ok(_) => Err((NOT_JSON, scanner.at)),
    }
}

struct Scanner<'b, 'r> {
    body: &'b str,
    at: usize,
    rows: &'r mut Rows,
}

/// A field of the row that is being read.
struct Met {
    key: Text,
    value: Text,
    damage: Option<(ByteSpan, &'static str)>,
}

impl<'b> Scanner<'b, '_> {
    /// The next byte that is no white space, which is not passed.
    fn next(&mut self) -> Result<u8, Wrong> {
        let rest = self.body.as_bytes().get(self.at..).unwrap_or_default();
        match rest.iter().position(|byte| !SPACES.contains(byte)) {
            Some(spaces) => {
                self.at += spaces;
                Ok(rest[spaces])
            }
            None => Err((CUT, self.body.len())),
        }
    }

    /// Passes `wanted`, which has to come next.
    fn pass(&mut self, wanted: u8, otherwise: &'static str) -> Result<(), Wrong> {
        if self.next()? != wanted {
            return Err((otherwise, self.at));
        }
        self.at += 1;
        Ok(())
    }

    /// Passes a comma, or the bracket that ends what is being read: then nothing more comes.
    fn more(&mut self, end: u8) -> Result<bool, Wrong> {
        let next = self.next()?;
        if next != b',' && next != end {
            return Err((NOT_JSON, self.at));
        }
        self.at += 1;
        Ok(next == b',')
    }

    /// Passes the bracket that opens, and the one that closes if that is all.
    fn enter(&mut self, end: u8) -> Result<bool, Wrong> {
        self.at += 1;
        let empty = self.next()? == end;
        self.at += usize::from(empty);
        Ok(!empty)
    }

    fn envelope(&mut self, meta: &mut Meta) -> Result<(), Wrong> {
        let mut more = self.enter(b'}')?;
        let mut told = false;
        while more {
            let at = self.at;
            let key = self.key()?;
            // Under a name that cannot be read may be the rows, or where the list goes on.
            let Some(name) = as_text(key.of(self.body)) else { return Err((NOT_JSON, at)) };
            self.pass(b':', NOT_JSON)?;
            self.next()?;
            match name.as_ref() {
                "data" if meta.has_rows => return Err((OTHER_SHAPE, at)),
                "data" if self.next()? == b'[' => self.list(meta)?,
                "data" => return Err((OTHER_SHAPE, self.at)),
                "meta" => {
                    let value = self.value()?.of(self.body);
                    match serde_json::from_str(value) {
                        Ok(wire) if !told => WireMeta::tell(meta, wire),
                        _ => return Err((OTHER_SHAPE, at)),
                    }
                    told = true;
                }
                _ => {
                    self.value()?;
                }
            }
            more = self.more(b'}')?;
        }
        Ok(())
    }

    fn list(&mut self, meta: &mut Meta) -> Result<(), Wrong> {
        meta.has_rows = true;
        let mut more = self.enter(b']')?;
        while more {
            let start = self.at_next()?;
            let damages = if self.next()? == b'{' {
                self.row()?
            } else {
                let value = self.value()?;
                if value.len == 0 {
                    return Err((NOT_JSON, self.at));
                }
                self.rows.end_row();
                Some(Vec::new())
            };
            if let Some(damages) = damages {
                let text = self.since(start);
                self.rows.damaged.push(DamagedRow { row: self.rows.len() - 1, text, damages });
            }
            more = self.more(b']')?;
        }
        Ok(())
    }

    /// One row that is an object, and what is wrong in it, if anything is.
    fn row(&mut self) -> Result<Option<Vec<DamagedField>>, Wrong> {
        // Made for each row: emptying one that has been large takes time, too.
        let mut places: HashMap<Cow<'b, str>, usize> = HashMap::new();
        let mut fields: Vec<Met> = Vec::new();
        let mut nameless = Vec::new();
        let mut more = self.enter(b'}')?;
        while more {
            let key = self.key()?;
            self.pass(b':', NOT_JSON)?;
            self.next()?;
            let value = self.value()?;
            match self.name(key) {
                Ok(name) => {
                    let met = self.field(key, &name, value);
                    match places.entry(name) {
                        // The last one counts, as in every common parser.
                        Entry::Occupied(place) => fields[*place.get()] = met,
                        Entry::Vacant(place) => {
                            place.insert(fields.len());
                            fields.push(met);
                        }
                    }
                }
                Err(name) => {
                    let name = self.rows.keep(name);
                    let whole = ByteSpan { start: key.start, len: value.start + value.len - key.start };
                    let reason = "a name that cannot be read; the value is in no column";
                    nameless.push(DamagedField { field: None, name, text: whole, reason });
                }
            }
            more = self.more(b'}')?;
        }
        let mut damages = Vec::new();
        for (index, met) in fields.iter().enumerate() {
            if let Some((text, reason)) = met.damage {
                damages.push(DamagedField { field: Some(index), name: met.key, text, reason });
            }
        }
        damages.append(&mut nameless);
        self.rows.fields.extend(fields.iter().map(|met| Field { key: met.key, value: met.value }));
        self.rows.end_row();
        Ok((!damages.is_empty()).then_some(damages))
    }

    /// The text of a key, or what can be read of it. A control character in it is as clear as its escape.
    fn name(&self, key: ByteSpan) -> Result<Cow<'b, str>, String> {
        let text = key.of(self.body);
        if let Some(name) = as_text(text) {
            return Ok(name);
        }
        let (repaired, damage) = repaired(text, self.rows.stands_in);
        let mut name = String::new();
        let clear = decode::text(&repaired, &mut name) == Decoded::Value(());
        if clear && damage.is_lossless() { Ok(Cow::Owned(name)) } else { Err(name) }
    }

    fn field(&mut self, key: ByteSpan, name: &str, value: ByteSpan) -> Met {
        let inner = ByteSpan { start: key.start + 1, len: key.len - 2 };
        let plain = inner.of(self.body) == name;
        let key = if plain { Text(inner) } else { self.rows.keep(name.to_owned()) };
        let text = value.of(self.body);
        if is_json(text) {
            return Met { key, value: Text(value), damage: None };
        }
        let (repaired, damage) = repaired(text, self.rows.stands_in);
        let own = self.rows.keep(repaired);
        Met { key, value: own, damage: Some((value, damage.reason())) }
    }

    /// A key with its quotes.
    fn key(&mut self) -> Result<ByteSpan, Wrong> {
        if self.next()? != b'"' {
            return Err((NOT_JSON, self.at));
        }
        let start = self.at;
        self.token()?;
        Ok(self.since(start))
    }

    /// A value, which begins here: anything up to the comma or bracket behind it. What is in brackets has to have them
    /// in pairs.
    fn value(&mut self) -> Result<ByteSpan, Wrong> {
        let start = self.at;
        let mut open = Vec::new();
        loop {
            self.next()?;
            let at = self.at;
            match self.token()? {
                Token::Open(close) => open.push(close),
                Token::Close(close) if open.last() == Some(&close) => {
                    open.pop();
                }
                // Nothing at all stands here, where a value should.
                Token::Close(_) | Token::Comma if open.is_empty() => self.at = at,
                Token::Close(_) => return Err((NOT_JSON, at)),
                Token::Colon if open.is_empty() => return Err((NOT_JSON, at)),
                Token::Text | Token::Bare | Token::Comma | Token::Colon => {}
            }
            if open.is_empty() {
                return Ok(self.since(start));
            }
        }
    }

    /// Passes the token that begins here.
    fn token(&mut self) -> Result<Token, Wrong> {
        let (token, len) = token(&self.body.as_bytes()[self.at..]).ok_or((CUT, self.body.len()))?;
        self.at += len;
        Ok(token)
    }

    fn at_next(&mut self) -> Result<usize, Wrong> {
        self.next()?;
        Ok(self.at)
    }

    fn since(&self, start: usize) -> ByteSpan {
        ByteSpan { start: below_4_gib(start), len: below_4_gib(self.at - start) }
    }
}

/// What a JSON string says; `None` if it is not whole.
fn as_text(json: &str) -> Option<Cow<'_, str>> {
    // Borrowed where it has no escapes.
    #[derive(serde::Deserialize)]
    struct Whole<'a>(#[serde(borrow)] Cow<'a, str>);
    serde_json::from_str::<Whole<'_>>(json).ok().map(|whole| whole.0)
}
