//! Parquet, row group by row group: in the files that hold a table, and in those in which rows wait.
//!
//! JSON columns are texts that Parquet knows to be JSON. Pages are compressed with zstd, level 1, as measured for BigQuery's
//! load files.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{ArrowError, Field, Schema};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ARROW_SCHEMA_META_KEY, ArrowWriter, encode_arrow_schema};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::model::{Column, LogicalType};

/// Of a row group, packed; some 40 MiB before that. A larger one takes more memory of whoever writes it.
const ROW_GROUP: usize = 8 * 1024 * 1024;
/// Of a dictionary, and of a page: each column keeps one of both.
const DICTIONARY: usize = 256 * 1024;
const PAGE: usize = 512 * 1024;
/// Rows that are read at once: some of them are long.
const BATCH: usize = 1024;

pub(super) struct Parquet {
    writer: ArrowWriter<Vec<u8>>,
    schema: Arc<Schema>,
}

impl Parquet {
    /// A file of a table.
    pub(super) fn new(columns: &[Column]) -> Result<Self, ArrowError> {
        Self::with(columns, true)
    }

    /// A file of rows that wait, which are read back here.
    pub(super) fn of_part(columns: &[Column]) -> Result<Self, ArrowError> {
        Self::with(columns, false)
    }

    fn with(columns: &[Column], plain: bool) -> Result<Self, ArrowError> {
        let fields: Vec<Field> = columns.iter().map(field).collect();
        let schema = Arc::new(Schema::new(fields));
        // Some programs ask Arrow's schema what a column is, and take JSON for bytes if there is none, or for a type of
        // its own if it says so. In files of a table it says that it is a text.
        let texts = columns.iter().map(|column| Field::new(&column.name, column.logical.arrow(), true));
        let texts = encode_arrow_schema(&Schema::new(texts.collect::<Vec<_>>()));
        let told = plain.then(|| vec![KeyValue::new(ARROW_SCHEMA_META_KEY.to_owned(), texts)]);
        let properties = WriterProperties::builder()
            .set_key_value_metadata(told)
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_dictionary_page_size_limit(DICTIONARY)
            .set_data_page_size_limit(PAGE)
            .set_created_by(concat!("ingestr ", env!("CARGO_PKG_VERSION")).to_owned())
            .build();
        let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(plain);
        let writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options)?;
        Ok(Self { writer, schema })
    }

    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), ArrowError> {
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), batch.columns().to_vec())?;
        self.writer.write(&batch)?;
        if self.writer.in_progress_size() >= ROW_GROUP {
            self.writer.flush()?;
        }
        Ok(())
    }

    /// The writer counts what it has written by itself, so what is taken away here does not shift its offsets.
    pub(super) fn ready(&mut self) -> &mut Vec<u8> {
        self.writer.inner_mut()
    }

    pub(super) fn finish(self) -> Result<Vec<u8>, ArrowError> {
        Ok(self.writer.into_inner()?)
    }
}

/// The field of a column, under the names that Arrow itself has for what is more than its type says.
fn field(column: &Column) -> Field {
    let mut field = column.field();
    if column.logical == LogicalType::Json {
        field.metadata_mut().insert("ARROW:extension:name".into(), "arrow.json".into());
        field.metadata_mut().insert("ARROW:extension:metadata".into(), String::new());
    }
    field
}

/// The rows of a file that was written here.
pub(super) fn rows(file: Bytes) -> Result<ParquetRecordBatchReader, ArrowError> {
    Ok(ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(BATCH).build()?)
}
