//! CSV as RFC 4180 has it, with a header. NULL is a field with nothing in it, and the empty text is `""`: who knows the
//! difference can tell them apart (DuckDB does with `allow_quoted_nulls = false`), and all others read both as empty.

use arrow_array::{Array as _, ArrayRef, StringArray};
use arrow_schema::ArrowError;

use crate::dest::text::{push_bare, typed};
use crate::model::Column;

pub(super) struct Csv {
    pub(super) out: Vec<u8>,
}

impl Csv {
    pub(super) fn new(columns: &[Column]) -> Self {
        let mut out = Vec::new();
        for (at, column) in columns.iter().enumerate() {
            if at > 0 {
                out.push(b',');
            }
            push_text(&mut out, &column.name);
        }
        out.push(b'\n');
        Self { out }
    }

    pub(super) fn write(&mut self, columns: &[ArrayRef], rows: usize) -> Result<(), ArrowError> {
        for row in 0..rows {
            for (at, column) in columns.iter().enumerate() {
                if at > 0 {
                    self.out.push(b',');
                }
                push(&mut self.out, column, row)?;
            }
            self.out.push(b'\n');
        }
        Ok(())
    }
}

fn push(out: &mut Vec<u8>, column: &ArrayRef, row: usize) -> Result<(), ArrowError> {
    if column.is_null(row) {
        return Ok(());
    }
    if !push_bare(out, column, row)? {
        push_text(out, typed::<StringArray>(column)?.value(row));
    }
    Ok(())
}

/// A text, quoted where it has to be, where it is empty, and where a reader could take spaces at its ends away.
fn push_text(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let special = |byte: &u8| matches!(byte, b'"' | b',' | b'\n' | b'\r');
    let ends = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_whitespace);
    if !ends(bytes.first()) && !ends(bytes.last()) && !bytes.iter().any(special) {
        return out.extend_from_slice(bytes);
    }
    out.push(b'"');
    let mut from = 0;
    for at in memchr::memchr_iter(b'"', bytes) {
        out.extend_from_slice(&bytes[from..=at]);
        out.push(b'"');
        from = at + 1;
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}
