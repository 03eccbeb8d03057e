//! The last commit of a replacement: the rows that wait and those that were read last become one file, streamed part by part.

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::ArrowError;
use arrow_select::filter::filter_record_batch;

use super::format::{Encoder, Format};
use super::keys::{Counting, repeated};
use super::leftovers::part;
use super::manifest::Parts;
use super::names::TablePath;
use super::parquet;
use super::rows::{Ready, misfit};
use super::store::{Store, Upload, Waiting};
use crate::dest::sql::batches::Batches;
use crate::dest::sql::identity::Apart;
use crate::dest::{DestError, Target};
use crate::model::Column;

/// A file in the making.
pub(super) struct Publication {
    pub(super) target: Target,
    counting: Counting,
    format: Format,
    waiting: Parts,
    last: Ready,
    upload: Box<dyn Upload>,
}

/// A file that is complete.
pub(super) struct Published {
    pub(super) complete: Waiting,
    pub(super) columns: Vec<Column>,
    pub(super) rows: u64,
}

impl Publication {
    /// Begins the file. The columns of `last` are those of all rows.
    pub(super) fn begin(
        store: &dyn Store,
        format: Format,
        (target, counting): (Target, Counting),
        waiting: Parts,
        last: Ready,
    ) -> Result<Self, DestError> {
        let place = TablePath::of(&target);
        let upload = store.begin(&place.beside(&place.file(format)))?;
        Ok(Self { target, counting, format, waiting, last, upload })
    }

    pub(super) fn begun(&self) -> Waiting {
        self.upload.begun()
    }

    /// Writes the file.
    pub(super) fn write(mut self, store: &dyn Store) -> Result<Published, DestError> {
        let failed = |error: ArrowError| misfit(&self.target.table, &error);
        let place = TablePath::of(&self.target);
        let names: Vec<[String; 2]> = self.waiting.parts.iter().map(|(name, _)| part(&place, name)).collect();
        let read = |path: &str| {
            let found = store.read(path)?;
            found.map(|(bytes, _)| bytes).ok_or_else(|| gone(&self.target))
        };
        let own = self.last.keys(self.counting).into_bytes();
        let count =
            self.last.rows.count() as u64 + self.waiting.parts.iter().map(|(_, rows)| rows).sum::<u64>();
        let mut out = repeated(names.len() + 1, count, self.counting, |at| match names.get(at) {
            Some([_, keys]) => read(keys).map(Vec::from),
            None => Ok(own.clone()),
        })?;
        let outside = out.pop().unwrap_or_default();
        let columns = self.last.rows.columns.clone();
        let mut file = File {
            encoder: Encoder::new(self.format, &columns).map_err(failed)?,
            columns,
            upload: self.upload.as_mut(),
            table: &self.target.table,
            rows: 0,
        };
        for ([rows, _], out) in names.iter().zip(out) {
            let batches = parquet::rows(read(rows)?).map_err(failed)?;
            file.part(batches, &out)?;
        }
        file.part(std::mem::take(&mut self.last.rows.batches).into_iter().map(Ok), &outside)?;
        let (columns, rows) = file.finish()?;
        Ok(Published { complete: self.upload.complete()?, columns, rows })
    }
}

/// Rows that wait are gone.
fn gone(target: &Target) -> DestError {
    Apart::Missing.error(&target.schema, &target.table)
}

/// The file, and what it has so far.
struct File<'a> {
    encoder: Encoder,
    columns: Vec<Column>,
    upload: &'a mut dyn Upload,
    table: &'a str,
    rows: u64,
}

impl File<'_> {
    /// Appends the rows of a part but for those that do not count.
    fn part(
        &mut self,
        batches: impl Iterator<Item = Result<RecordBatch, ArrowError>>,
        out: &[u32],
    ) -> Result<(), DestError> {
        let table = self.table;
        let failed = |error: ArrowError| misfit(table, &error);
        let (mut out, mut number) = (out.iter().copied().peekable(), 0);
        for batch in batches {
            let batch = batch.map_err(failed)?;
            let mask: Vec<bool> = (0..batch.num_rows())
                .map(|_| {
                    let lost = out.next_if_eq(&number).is_some();
                    number += 1;
                    !lost
                })
                .collect();
            let batch = match mask.contains(&false) {
                true => filter_record_batch(&batch, &BooleanArray::from(mask)).map_err(failed)?,
                false => batch,
            };
            for batch in Batches::new(vec![batch], self.columns.clone(), table)?.batches {
                self.rows += batch.num_rows() as u64;
                self.encoder.write(&batch).map_err(failed)?;
                self.upload.write(self.encoder.ready())?;
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<(Vec<Column>, u64), DestError> {
        let mut rest = self.encoder.finish().map_err(|error| misfit(self.table, &error))?;
        self.upload.write(&mut rest)?;
        Ok((self.columns, self.rows))
    }
}
