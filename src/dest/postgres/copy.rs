//! Rows as `COPY … WITH (FORMAT binary)` takes them: <https://www.postgresql.org/docs/current/sql-copy.html>.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};

use crate::model::{Column, LogicalType};

/// Signature, no flags, no extension.
pub(super) const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// What ends the rows.
pub(super) const TRAILER: [u8; 2] = (-1_i16).to_be_bytes();

/// How far PostgreSQL's first moment, the beginning of 2000, is from the epoch, in microseconds.
const EPOCH: i64 = 946_684_800_000_000;
/// The last moment it has, the end of 294276, counted from there; before 4714 BC it has none.
const MOMENTS: std::ops::Range<i64> = -211_813_488_000_000_000..9_223_371_331_200_000_000;

/// Adds a row, with its number in a last column.
pub(super) fn row(out: &mut Vec<u8>, columns: &[Column], batch: &RecordBatch, row: usize, ord: i64) {
    out.extend(i16::try_from(columns.len() + 1).unwrap_or(i16::MAX).to_be_bytes());
    for (column, array) in columns.iter().zip(batch.columns()) {
        value(out, array.as_ref(), row, column.logical);
    }
    field(out, &ord.to_be_bytes());
}

fn value(out: &mut Vec<u8>, array: &dyn Array, row: usize, kind: LogicalType) {
    if array.is_null(row) {
        return null(out);
    }
    match kind {
        LogicalType::Bool => field(out, &[u8::from(array.as_boolean().value(row))]),
        LogicalType::Int64 => field(out, &array.as_primitive::<Int64Type>().value(row).to_be_bytes()),
        LogicalType::Float64 => field(out, &array.as_primitive::<Float64Type>().value(row).to_be_bytes()),
        LogicalType::Timestamp => {
            let at = array.as_primitive::<TimestampMicrosecondType>().value(row).checked_sub(EPOCH);
            match at.filter(|at| MOMENTS.contains(at)) {
                Some(at) => field(out, &at.to_be_bytes()),
                None => null(out),
            }
        }
        LogicalType::Text | LogicalType::Json => {
            let text = array.as_string::<i32>().value(row);
            if text.contains('\0') {
                field(out, text.replace('\0', "\u{fffd}").as_bytes());
            } else {
                field(out, text.as_bytes());
            }
        }
    }
}

fn null(out: &mut Vec<u8>) {
    out.extend((-1_i32).to_be_bytes());
}

fn field(out: &mut Vec<u8>, bytes: &[u8]) {
    // A field has less than 1 GiB, or PostgreSQL refuses it; a page has far less.
    out.extend(i32::try_from(bytes.len()).unwrap_or(i32::MAX).to_be_bytes());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{Int64Array, StringArray};

    use super::*;
    use crate::dest::conformance::batch_of;

    #[test]
    fn a_row_is_its_fields_with_their_lengths() {
        let columns = [Column::new("id", LogicalType::Int64), Column::new("name", LogicalType::Text)];
        let batch = batch_of(vec![
            (columns[0].clone(), Arc::new(Int64Array::from(vec![None, Some(258)]))),
            (columns[1].clone(), Arc::new(StringArray::from(vec!["", "ü\0"]))),
        ]);
        let mut out = Vec::new();
        row(&mut out, &columns, &batch, 0, 0);
        row(&mut out, &columns, &batch, 1, 1);
        let first = [0, 3, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0];
        let id = [0, 3, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 1, 2];
        let name = [0, 0, 0, 5, 0xc3, 0xbc, 0xef, 0xbf, 0xbd, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 1];
        assert_eq!(out, [&first[..], &id, &name].concat());
    }
}
