//! Load files, made batch by batch: rows go in, bytes come out as soon as there are some.
//!
//! What is chosen here was measured with `wire::tests::measure`; docs/destinations/bigquery.md has the figures.

use arrow_array::{ArrayRef, RecordBatch, new_null_array};
use arrow_schema::ArrowError;

use crate::model::{Column, LogicalType};

mod csv;
mod gzip;
mod jsonl;
mod parquet;

pub(super) use csv::CSV_NULL;
use gzip::Output;
#[cfg(test)]
pub(super) use parquet::codecs;

/// Format of the load file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Jsonl,
    Parquet,
    Csv,
}

/// A load file in the making.
pub(super) struct Encoder {
    columns: Vec<Column>,
    kind: FileKind,
}

enum FileKind {
    Jsonl(jsonl::Jsonl, Output),
    Csv(csv::Csv, Output),
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
            Format::Jsonl => FileKind::Jsonl(jsonl::Jsonl::new(&columns), Output::new(compress)),
            Format::Csv => FileKind::Csv(csv::Csv, Output::new(compress)),
            Format::Parquet => FileKind::Parquet(Box::new(parquet::Parquet::new(&columns)?)),
        };
        Ok(Self { columns, kind })
    }

    /// With another choice of compression, to measure what it costs.
    #[cfg(test)]
    pub(super) fn text(format: Format, columns: Vec<Column>, level: Option<u32>) -> Self {
        let out = level.map_or_else(|| Output::new(false), Output::gzip);
        let kind = match format {
            Format::Csv => FileKind::Csv(csv::Csv, out),
            _ => FileKind::Jsonl(jsonl::Jsonl::new(&columns), out),
        };
        Self { columns, kind }
    }

    /// With another choice of compression, to measure what it costs.
    #[cfg(test)]
    pub(super) fn parquet(columns: Vec<Column>, codec: ::parquet::basic::Compression) -> Self {
        let kind = FileKind::Parquet(Box::new(parquet::Parquet::with(&columns, codec).unwrap()));
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
            FileKind::Jsonl(jsonl, out) => jsonl.write(&columns, batch.num_rows(), out),
            FileKind::Csv(csv, out) => csv.write(&columns, batch.num_rows(), out),
            FileKind::Parquet(parquet) => parquet.write(columns),
        }
    }

    /// Bytes that are ready to be sent; the caller takes from the front.
    pub(super) fn ready(&mut self) -> &mut Vec<u8> {
        match &mut self.kind {
            FileKind::Jsonl(_, out) | FileKind::Csv(_, out) => out.ready(),
            FileKind::Parquet(parquet) => parquet.ready(),
        }
    }

    /// Ends the file and gives its last bytes.
    pub(super) fn finish(self) -> Result<Vec<u8>, ArrowError> {
        match self.kind {
            FileKind::Jsonl(_, out) | FileKind::Csv(_, out) => out.finish(),
            FileKind::Parquet(parquet) => parquet.finish(),
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
