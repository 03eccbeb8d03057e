//! Values as text, in files that are made row by row.

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{ArrowError, DataType};

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// An instant as databases read it in text, e.g. `2024-06-19 12:00:00.123456+00:00`. Years from 1 to 9999, as
/// everywhere in BigQuery, which knows the fewest; normalisation lets no other through.
pub(crate) fn push_instant(out: &mut Vec<u8>, micros: i64) -> Result<(), ArrowError> {
    let (days, time) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    if !(1..=9999).contains(&year) {
        return Err(ArrowError::ParseError("an instant lies outside of the years 1 to 9999".into()));
    }
    let (second, fraction) = (time / 1_000_000, time % 1_000_000);
    let parts = [
        (year, 4, b'-'),
        (month, 2, b'-'),
        (day, 2, b' '),
        (second / 3600, 2, b':'),
        (second / 60 % 60, 2, b':'),
        (second % 60, 2, b'.'),
        (fraction, 6, b'+'),
    ];
    for (value, width, after) in parts {
        push_padded(out, value, width);
        out.push(after);
    }
    out.extend_from_slice(b"00:00");
    Ok(())
}

/// Year, month and day of a day counted from 1970-01-01, in the Gregorian calendar. (jiff ends a day before BigQuery
/// does.) Counts from the 1st of March of the year 0, so that the leap day is a year's last.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, of_year - (153 * shifted + 2) / 5 + 1)
}

fn push_padded(out: &mut Vec<u8>, value: i64, width: u32) {
    for place in (0..width).rev() {
        let digit = value / 10_i64.pow(place) % 10;
        out.push(b'0' + u8::try_from(digit).unwrap_or_default());
    }
}

/// A truth, a number or an instant as CSV has it, of a row that has a value; false: it is a text, and was not written.
pub(crate) fn push_bare(out: &mut Vec<u8>, column: &ArrayRef, row: usize) -> Result<bool, ArrowError> {
    use std::io::Write as _;
    match column.data_type() {
        DataType::Boolean => {
            out.extend_from_slice(if column.as_boolean().value(row) { b"true" } else { b"false" });
        }
        DataType::Int64 => write!(out, "{}", column.as_primitive::<Int64Type>().value(row))?,
        DataType::Float64 => push_double(out, column.as_primitive::<Float64Type>().value(row), b""),
        DataType::Timestamp(..) => {
            push_instant(out, column.as_primitive::<TimestampMicrosecondType>().value(row))?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// A double so that reading it gives the same one; what JSON cannot say is a quoted word, which BigQuery takes.
pub(crate) fn push_double(out: &mut Vec<u8>, value: f64, quote: &[u8]) {
    use std::io::Write as _;
    let word = if value.is_nan() {
        "NaN"
    } else if value == f64::INFINITY {
        "Infinity"
    } else if value == f64::NEG_INFINITY {
        "-Infinity"
    } else {
        // Writing to a Vec cannot fail.
        let _ = write!(out, "{value:?}");
        return;
    };
    out.extend_from_slice(quote);
    out.extend_from_slice(word.as_bytes());
    out.extend_from_slice(quote);
}

/// A column as the type its logical type stands for.
pub(crate) fn typed<T: Array + 'static>(array: &ArrayRef) -> Result<&T, ArrowError> {
    array
        .as_any()
        .downcast_ref()
        .ok_or_else(|| ArrowError::CastError("a column is not of its declared type".into()))
}

/// What a JSON string may not hold as it is, and its escape's letter; 0: none, `u`: by number.
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut control = 0;
    while control < 0x20 {
        table[control] = b'u';
        control += 1;
    }
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table[b'\t' as usize] = b't';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

/// A JSON string.
pub(crate) fn push_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut from = 0;
    for (at, byte) in bytes.iter().enumerate() {
        let escape = ESCAPES[usize::from(*byte)];
        if escape == 0 {
            continue;
        }
        out.extend_from_slice(&bytes[from..at]);
        from = at + 1;
        if escape == b'u' {
            const HEX: &[u8; 16] = b"0123456789abcdef";
            out.extend_from_slice(&[
                b'\\',
                b'u',
                b'0',
                b'0',
                HEX[usize::from(byte >> 4)],
                HEX[usize::from(byte & 15)],
            ]);
        } else {
            out.extend_from_slice(&[b'\\', escape]);
        }
    }
    out.extend_from_slice(&bytes[from..]);
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_keep_their_microseconds() {
        for (micros, text) in [
            (1_718_798_400_123_456, "2024-06-19 12:00:00.123456+00:00"),
            (0, "1970-01-01 00:00:00.000000+00:00"),
            (-1, "1969-12-31 23:59:59.999999+00:00"),
            (-62_135_596_800_000_000, "0001-01-01 00:00:00.000000+00:00"),
            (253_402_300_799_999_999, "9999-12-31 23:59:59.999999+00:00"),
            (951_782_400_000_000, "2000-02-29 00:00:00.000000+00:00"),
            (4_107_542_399_000_000, "2100-02-28 23:59:59.000000+00:00"),
        ] {
            let mut out = Vec::new();
            push_instant(&mut out, micros).unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
        for micros in [-62_135_596_800_000_001, 253_402_300_800_000_000, i64::MIN, i64::MAX] {
            assert!(push_instant(&mut Vec::new(), micros).is_err(), "{micros}");
        }
    }
}
