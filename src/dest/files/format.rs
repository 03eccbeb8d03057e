//! What the files are: the formats, and a file in the making. Rows go in, bytes come out as soon as there are some.

use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;

use super::csv::Csv;
use super::jsonl::Jsonl;
use super::parquet::Parquet;
use crate::model::Column;

/// Format of the files that hold a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Parquet,
    Csv,
    Jsonl,
}

impl Format {
    /// All of them; the first one is that of whoever names none.
    pub(super) const ALL: [Self; 3] = [Self::Parquet, Self::Csv, Self::Jsonl];

    /// Its name, and what names of files end with.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::Jsonl => "jsonl",
        }
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }
}

/// A file in the making.
pub(super) enum Encoder {
    Parquet(Box<Parquet>),
    Csv(Csv),
    Jsonl(Jsonl),
}

impl Encoder {
    /// A file without rows.
    pub(super) fn new(format: Format, columns: &[Column]) -> Result<Self, ArrowError> {
        Ok(match format {
            Format::Parquet => Self::Parquet(Box::new(Parquet::new(columns)?)),
            Format::Csv => Self::Csv(Csv::new(columns)),
            Format::Jsonl => Self::Jsonl(Jsonl::new(columns)),
        })
    }

    /// A file of rows that wait.
    pub(super) fn of_part(columns: &[Column]) -> Result<Self, ArrowError> {
        Ok(Self::Parquet(Box::new(Parquet::of_part(columns)?)))
    }

    /// Appends rows, which have the columns of the file in their order.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let (columns, rows): (&[ArrayRef], usize) = (batch.columns(), batch.num_rows());
        match self {
            Self::Parquet(parquet) => parquet.write(batch),
            Self::Csv(csv) => csv.write(columns, rows),
            Self::Jsonl(jsonl) => jsonl.write(columns, rows),
        }
    }

    /// Bytes that are ready; the caller takes all of them.
    pub(super) fn ready(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Parquet(parquet) => parquet.ready(),
            Self::Csv(csv) => &mut csv.out,
            Self::Jsonl(jsonl) => &mut jsonl.out,
        }
    }

    /// Ends the file and gives its last bytes.
    pub(super) fn finish(self) -> Result<Vec<u8>, ArrowError> {
        match self {
            Self::Parquet(parquet) => parquet.finish(),
            Self::Csv(csv) => Ok(csv.out),
            Self::Jsonl(jsonl) => Ok(jsonl.out),
        }
    }
}
