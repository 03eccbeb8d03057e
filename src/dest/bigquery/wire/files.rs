//! Load files, made batch by batch: rows go in, bytes come out as soon as there are some.
//!
//! What is chosen here was measured with `wire::tests::measure`; docs/destinations/bigquery.md has the figures.

use arrow_array::{Array, ArrayRef, RecordBatch, new_null_array};
use arrow_schema::ArrowError;

use crate::model::{Column, LogicalType};

mod csv;
mod gzip;
mod jsonl;
mod parquet;

use gzip::Gzip;
#[cfg(test)]
pub(super) use parquet::codecs;

/// Format of the load file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Jsonl,
    Parquet,
    Csv,
}

/// Text that stands for NULL in CSV: the empty text is a value, and a text like this one nobody writes. (Control
/// characters would be safer, but BigQuery takes them in values only.)
pub(super) const CSV_NULL: &str = "\\N(ingestr)";

/// A load file in the making.
pub(super) struct Encoder {
    columns: Vec<Column>,
    kind: Kind,
}

enum Kind {
    Jsonl(jsonl::Jsonl, Gzip),
    Csv(csv::Csv, Gzip),
    Parquet(Box<parquet::Parquet>),
}

impl std::fmt::Debug for Encoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Encoder").field("columns", &self.columns.len()).finish_non_exhaustive()
    }
}

impl Encoder {
    /// An empty file with these columns. `compress` is for the text formats; Parquet compresses its pages anyway.
    pub(super) fn new(format: Format, columns: Vec<Column>, compress: bool) -> Result<Self, ArrowError> {
        let kind = match format {
            Format::Jsonl => Kind::Jsonl(jsonl::Jsonl::new(&columns), Gzip::new(compress)),
            Format::Csv => Kind::Csv(csv::Csv, Gzip::new(compress)),
            Format::Parquet => Kind::Parquet(Box::new(parquet::Parquet::new(&columns)?)),
        };
        Ok(Self { columns, kind })
    }

    /// With another choice of compression, to measure what it costs.
    #[cfg(test)]
    pub(super) fn text(format: Format, columns: Vec<Column>, level: Option<u32>) -> Self {
        let out = level.map_or_else(|| Gzip::new(false), Gzip::at_level);
        let kind = match format {
            Format::Csv => Kind::Csv(csv::Csv, out),
            _ => Kind::Jsonl(jsonl::Jsonl::new(&columns), out),
        };
        Self { columns, kind }
    }

    /// With another choice of compression, to measure what it costs.
    #[cfg(test)]
    pub(super) fn parquet(columns: Vec<Column>, codec: ::parquet::basic::Compression) -> Self {
        let kind = Kind::Parquet(Box::new(parquet::Parquet::with(&columns, codec).unwrap()));
        Self { columns, kind }
    }

    /// The columns of the batch in the file's order; `None` if one of them is not among the file's, or of another
    /// type.
    fn arrange(&self, batch: &RecordBatch) -> Option<Vec<ArrayRef>> {
        arrange(&self.columns, batch)
    }

    /// Appends rows.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let Some(columns) = self.arrange(batch) else {
            return Err(ArrowError::SchemaError("the rows have columns that the load file has not".into()));
        };
        match &mut self.kind {
            Kind::Jsonl(jsonl, out) => jsonl.write(&columns, batch.num_rows(), out),
            Kind::Csv(csv, out) => csv.write(&columns, batch.num_rows(), out),
            Kind::Parquet(parquet) => parquet.write(columns),
        }
    }

    /// Bytes that are ready to be sent; the caller takes from the front.
    pub(super) fn ready(&mut self) -> &mut Vec<u8> {
        match &mut self.kind {
            Kind::Jsonl(_, out) | Kind::Csv(_, out) => out.ready(),
            Kind::Parquet(parquet) => parquet.ready(),
        }
    }

    /// Ends the file and gives its last bytes.
    pub(super) fn finish(self) -> Result<Vec<u8>, ArrowError> {
        match self.kind {
            Kind::Jsonl(_, out) | Kind::Csv(_, out) => out.finish(),
            Kind::Parquet(parquet) => parquet.finish(),
        }
    }
}

fn arrange(columns: &[Column], batch: &RecordBatch) -> Option<Vec<ArrayRef>> {
    let schema = batch.schema();
    for field in schema.fields() {
        let logical = LogicalType::of(field)?;
        columns.iter().find(|column| column.name == *field.name() && column.logical == logical)?;
    }
    let arrays = columns.iter().map(|column| match schema.index_of(&column.name) {
        Ok(at) => std::sync::Arc::clone(batch.column(at)),
        Err(_) => new_null_array(&column.logical.arrow(), batch.num_rows()),
    });
    Some(arrays.collect())
}

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

/// An instant as BigQuery reads it in text, e.g. `2024-06-19 12:00:00.123456+00:00`. Years from 1 to 9999, as
/// everywhere in BigQuery; normalisation lets no other through.
fn push_instant(out: &mut Vec<u8>, micros: i64) -> Result<(), ArrowError> {
    let (days, time) = (micros.div_euclid(DAY), micros.rem_euclid(DAY));
    let (year, month, day) = civil(days);
    if !(1..=9999).contains(&year) {
        return Err(ArrowError::ParseError("an instant lies outside of the years BigQuery knows".into()));
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

/// A double so that reading it gives the same one; what JSON cannot say is a quoted word, which BigQuery takes.
fn push_double(out: &mut Vec<u8>, value: f64, quote: &[u8]) {
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
fn typed<T: Array + 'static>(array: &ArrayRef) -> Result<&T, ArrowError> {
    array
        .as_any()
        .downcast_ref()
        .ok_or_else(|| ArrowError::CastError("a column is not of its declared type".into()))
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
