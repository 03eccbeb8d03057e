//! A page of JSON rows, parsed once and not copied: the received body plus where each field's key and value lie.
//!
//! Both readers of a page use it: the source looks at ids and dates, `normalise` at everything. Values stay text, so
//! nested JSON survives byte for byte (key order, integers beyond 2^53).
//!
//! serde_json reads the usual page. What it refuses is gone through once more, value by value: one that is no JSON is
//! noted with its text and a reason ([`layout::Damage`]), and what can be read of it, or null, takes its place. So every value
//! handed out is JSON. Only the values may be wrong: brackets, commas, colons and quotes have to be right, else a body
//! that was cut or mixed up on its way would become rows.

mod layout;
mod repair;
mod strict;
mod tolerant;

use bytes::Bytes;

use self::layout::{CUT, NOT_JSON, OTHER_SHAPE, STAND_IN};
pub use self::layout::{Meta, Row, Rows};

/// A body that is not a list answer. Says where, not what: bodies are customers' data.
#[derive(Debug, thiserror::Error)]
#[error("the answer is not the JSON that was asked for ({what}, at byte {at} of {len})")]
pub struct NotRows {
    what: &'static str,
    at: usize,
    len: usize,
}

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
}

fn finished(mut rows: Rows, meta: Meta, body: String) -> Result<(Rows, Meta), (&'static str, usize)> {
    if !meta.has_rows {
        return Err(("it has no list of rows", 0));
    }
    rows.body = body;
    Ok((rows, meta))
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

#[cfg(test)]
mod tests;
