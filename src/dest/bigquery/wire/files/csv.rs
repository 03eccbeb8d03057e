//! CSV: texts always quoted, so that the empty text differs from NULL ([`CSV_NULL`]).

use arrow_array::{Array as _, ArrayRef, StringArray};
use arrow_schema::ArrowError;

use super::gzip::Output;
use crate::dest::text::{push_bare, typed};

/// Text that stands for NULL in CSV: the empty text is a value, and a text like this one nobody writes. (Control
/// characters would be safer, but BigQuery takes them in values only.)
pub(in super::super) const CSV_NULL: &str = "\\N(ingestr)";

pub(super) struct Csv;

impl Csv {
    #[expect(clippy::unused_self, reason = "the same call as the other formats'")]
    pub(super) fn write(
        &self,
        columns: &[ArrayRef],
        rows: usize,
        out: &mut Output,
    ) -> Result<(), ArrowError> {
        for row in 0..rows {
            let text = out.text();
            for (at, column) in columns.iter().enumerate() {
                if at > 0 {
                    text.push(b',');
                }
                push(text, column, row)?;
            }
            text.push(b'\n');
            out.row()?;
        }
        Ok(())
    }
}

fn push(out: &mut Vec<u8>, column: &ArrayRef, row: usize) -> Result<(), ArrowError> {
    if column.is_null(row) {
        out.extend_from_slice(CSV_NULL.as_bytes());
        return Ok(());
    }
    if !push_bare(out, column, row)? {
        out.push(b'"');
        let bytes = typed::<StringArray>(column)?.value(row).as_bytes();
        let mut from = 0;
        for at in memchr::memchr_iter(b'"', bytes) {
            out.extend_from_slice(&bytes[from..=at]);
            out.push(b'"');
            from = at + 1;
        }
        out.extend_from_slice(&bytes[from..]);
        out.push(b'"');
    }
    Ok(())
}
