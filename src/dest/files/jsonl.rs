//! JSON lines: one object a row with all columns, `null` where there is no value. JSON columns are JSON, in the text that
//! was received; numbers are written in full, whatever their size.

use std::io::Write as _;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, ArrayRef, StringArray};
use arrow_schema::{ArrowError, DataType};

use crate::dest::text::{push_double, push_instant, push_text, typed};
use crate::model::{Column, LogicalType};

pub(super) struct Jsonl {
    /// `"name":` of each column, and whether it is JSON.
    keys: Vec<(Vec<u8>, bool)>,
    pub(super) out: Vec<u8>,
}

impl Jsonl {
    pub(super) fn new(columns: &[Column]) -> Self {
        let key = |column: &Column| {
            let mut key = Vec::new();
            push_text(&mut key, &column.name);
            key.push(b':');
            (key, column.logical == LogicalType::Json)
        };
        Self { keys: columns.iter().map(key).collect(), out: Vec::new() }
    }

    pub(super) fn write(&mut self, columns: &[ArrayRef], rows: usize) -> Result<(), ArrowError> {
        for row in 0..rows {
            let mut before = b'{';
            for ((key, json), column) in self.keys.iter().zip(columns) {
                self.out.push(before);
                self.out.extend_from_slice(key);
                push(&mut self.out, column, row, *json)?;
                before = b',';
            }
            self.out.extend_from_slice(if before == b'{' { b"{}\n" } else { b"}\n" });
        }
        Ok(())
    }
}

fn push(out: &mut Vec<u8>, column: &ArrayRef, row: usize, json: bool) -> Result<(), ArrowError> {
    if column.is_null(row) {
        out.extend_from_slice(b"null");
        return Ok(());
    }
    match column.data_type() {
        DataType::Boolean => {
            out.extend_from_slice(if column.as_boolean().value(row) { b"true" } else { b"false" });
        }
        DataType::Int64 => write!(out, "{}", column.as_primitive::<Int64Type>().value(row))?,
        DataType::Float64 => push_double(out, column.as_primitive::<Float64Type>().value(row), b"\""),
        DataType::Timestamp(..) => {
            out.push(b'"');
            push_instant(out, column.as_primitive::<TimestampMicrosecondType>().value(row))?;
            out.push(b'"');
        }
        _ if json => {
            let text = typed::<StringArray>(column)?.value(row);
            // Between the tokens of JSON a line may end, and in none of them.
            let line = |byte: u8| if matches!(byte, b'\n' | b'\r') { b' ' } else { byte };
            out.extend(text.bytes().map(line));
        }
        _ => push_text(out, typed::<StringArray>(column)?.value(row)),
    }
    Ok(())
}
