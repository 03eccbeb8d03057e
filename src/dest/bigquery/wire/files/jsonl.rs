//! JSON lines. NULL is a key that is not there.
//!
//! An integer beyond 2^53 is a quoted number: the API's documentation asks for it, as a JSON number may be read as a
//! double. JSON columns are text, quoted like any other (see [`super::super::upload`]).

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{
    Array as _, ArrayRef, BooleanArray, Float64Array, Int64Array, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::{ArrowError, DataType};

use super::gzip::Output;
use crate::dest::text::{push_double, push_instant, push_text, typed};
use crate::model::Column;

/// Beyond it, a JSON number is no longer exact for everybody.
const EXACT: u64 = 1 << 53;

pub(super) struct Jsonl {
    /// `"name":` of each column.
    keys: Vec<Vec<u8>>,
}

enum Values<'a> {
    Bool(&'a BooleanArray),
    Int64(&'a Int64Array),
    Float64(&'a Float64Array),
    Text(&'a StringArray),
    Instant(&'a TimestampMicrosecondArray),
}

impl Jsonl {
    pub(super) fn new(columns: &[Column]) -> Self {
        let key = |column: &Column| {
            let mut key = Vec::new();
            push_text(&mut key, &column.name);
            key.push(b':');
            key
        };
        Self { keys: columns.iter().map(key).collect() }
    }

    pub(super) fn write(
        &self,
        columns: &[ArrayRef],
        rows: usize,
        out: &mut Output,
    ) -> Result<(), ArrowError> {
        let columns = columns.iter().map(values).collect::<Result<Vec<_>, _>>()?;
        for row in 0..rows {
            let text = out.text();
            let mut before = b'{';
            for (key, column) in self.keys.iter().zip(&columns) {
                if column.is_null(row) {
                    continue;
                }
                text.push(before);
                text.extend_from_slice(key);
                column.push(text, row)?;
                before = b',';
            }
            text.extend_from_slice(if before == b'{' { b"{}\n" } else { b"}\n" });
            out.row()?;
        }
        Ok(())
    }
}

fn values(array: &ArrayRef) -> Result<Values<'_>, ArrowError> {
    Ok(match array.data_type() {
        DataType::Boolean => Values::Bool(array.as_boolean()),
        DataType::Int64 => Values::Int64(array.as_primitive::<Int64Type>()),
        DataType::Float64 => Values::Float64(array.as_primitive::<Float64Type>()),
        DataType::Timestamp(..) => Values::Instant(array.as_primitive::<TimestampMicrosecondType>()),
        _ => Values::Text(typed(array)?),
    })
}

impl Values<'_> {
    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Bool(array) => array.is_null(row),
            Self::Int64(array) => array.is_null(row),
            Self::Float64(array) => array.is_null(row),
            Self::Text(array) => array.is_null(row),
            Self::Instant(array) => array.is_null(row),
        }
    }

    fn push(&self, out: &mut Vec<u8>, row: usize) -> Result<(), ArrowError> {
        use std::io::Write as _;
        match self {
            Self::Bool(array) => out.extend_from_slice(if array.value(row) { b"true" } else { b"false" }),
            Self::Int64(array) => {
                let value = array.value(row);
                if value.unsigned_abs() < EXACT {
                    write!(out, "{value}")?;
                } else {
                    write!(out, "\"{value}\"")?;
                }
            }
            Self::Float64(array) => push_double(out, array.value(row), b"\""),
            Self::Text(array) => push_text(out, array.value(row)),
            Self::Instant(array) => {
                out.push(b'"');
                push_instant(out, array.value(row))?;
                out.push(b'"');
            }
        }
        Ok(())
    }
}
