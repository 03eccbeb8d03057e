//! The rows of one commit, in memory until it is made: what a commit may hold is bounded by whoever makes it.

use std::sync::Arc;

use arrow_array::{RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{ArrowError, Schema};
use bytes::Bytes;

use super::format::Encoder;
use super::keys::{Counting, Keys};
use crate::dest::sql::batches::{Batches, Incoming};
use crate::dest::sql::columns::{columns_of, needed, same, shape, widen};
use crate::dest::{DestError, Target};
use crate::model::{Column, LOADED_AT, LogicalType};

/// The rows of one commit for one target, with all columns that the table has from then on.
pub(super) struct Ready {
    target: Target,
    pub(super) rows: Batches,
    complete: Vec<i64>,
}

impl Ready {
    /// `there`: the columns of the rows before.
    pub(super) fn new(incoming: Incoming, there: &[Column]) -> Result<Self, DestError> {
        let Incoming { target, batches, complete } = incoming;
        let batches = match target.loaded_at {
            None => batches,
            Some(at) => batches
                .into_iter()
                .map(|batch| stamped(&batch, at.0))
                .collect::<Result<_, _>>()
                .map_err(|e| misfit(&target.table, &e))?,
        };
        let is_stamp = |column: &Column| target.loaded_at.is_some() && same(&column.name, LOADED_AT);
        let mut brought: Vec<Column> = there.to_vec();
        for column in columns_of(&batches, &target.table)? {
            widen(&mut brought, &column);
        }
        brought.retain(|column| !is_stamp(column));
        let columns = needed(&target, &brought, &[]);
        let rows = Batches::new(batches, columns, &target.table)?;
        Ok(Self { target, rows, complete })
    }

    /// Only the newest row of each key.
    pub(super) fn newest(self) -> Result<Self, DestError> {
        let Target { key, incremental_key, table, .. } = &self.target;
        let rows = self.rows.newest(key, incremental_key.as_deref(), table)?;
        Ok(Self { rows, ..self })
    }

    /// The keys of the rows; of those of a child, their parents.
    pub(super) fn keys(&self, counting: Counting) -> Keys {
        let Target { key, incremental_key, .. } = &self.target;
        match counting {
            Counting::Newest => Keys::of(&self.rows, key, incremental_key.as_deref(), &[]),
            Counting::OfParents => Keys::of(&self.rows, &key[..key.len().min(1)], None, &self.complete),
        }
    }
}

/// The batch with the time of the run in each row.
fn stamped(batch: &RecordBatch, at: i64) -> Result<RecordBatch, ArrowError> {
    let mut fields: Vec<_> = batch.schema().fields().iter().map(Arc::clone).collect();
    fields.push(Arc::new(Column::new(LOADED_AT, LogicalType::Timestamp).field()));
    let mut arrays = batch.columns().to_vec();
    let times = TimestampMicrosecondArray::from_value(at, batch.num_rows()).with_timezone("UTC");
    arrays.push(Arc::new(times));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

/// A whole file of these rows.
pub(super) fn encoded(
    encoder: Result<Encoder, ArrowError>,
    rows: &Batches,
    table: &str,
) -> Result<Bytes, DestError> {
    let encode = || {
        let mut encoder = encoder?;
        let mut file = Vec::new();
        for batch in &rows.batches {
            encoder.write(batch)?;
            file.append(encoder.ready());
        }
        file.extend(encoder.finish()?);
        Ok(Bytes::from(file))
    };
    encode().map_err(|error: ArrowError| misfit(table, &error))
}

/// Rows that cannot be written as they are.
pub(super) fn misfit(table: &str, error: &ArrowError) -> DestError {
    shape(format!("rows for {table} cannot be written: {error}"))
}
