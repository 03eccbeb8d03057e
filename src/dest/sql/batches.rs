//! The rows of one commit, in Arrow: brought to one set of columns and types, and rid of repeated keys.
//!
//! Done here and not in SQL, because it costs a fraction of a staging copy: most commits then need no staging
//! table at all.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow_schema::{DataType, Schema};
use arrow_select::filter::filter_record_batch;

use crate::dest::sql::columns::{same, shape};
use crate::dest::{DestError, Target};
use crate::model::{Column, LogicalType, Micros};

/// The rows of one commit for one target.
#[derive(Debug, Clone)]
pub(crate) struct Incoming {
    pub(crate) target: Target,
    pub(crate) batches: Vec<RecordBatch>,
    /// Parents whose rows are all here.
    pub(crate) complete: Vec<i64>,
}

impl Incoming {
    /// No rows yet.
    pub(crate) fn new(target: Target) -> Self {
        Self { target, batches: Vec::new(), complete: Vec::new() }
    }
}

/// Batches with the same columns throughout.
#[derive(Debug, Clone, Default)]
pub(crate) struct Batches {
    pub(crate) columns: Vec<Column>,
    pub(crate) batches: Vec<RecordBatch>,
}

impl Batches {
    /// Brings the batches to `columns` (name and type), filling what a batch lacks with NULL.
    pub(crate) fn new(
        batches: Vec<RecordBatch>,
        columns: Vec<Column>,
        table: &str,
    ) -> Result<Self, DestError> {
        let schema = Arc::new(Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>()));
        let mut even = Vec::with_capacity(batches.len());
        for batch in batches.into_iter().filter(|batch| batch.num_rows() > 0) {
            let own = batch.schema();
            let arrays = columns.iter().map(|column| {
                let Some(at) = own.fields().iter().position(|f| same(f.name(), &column.name)) else {
                    return new_null_array(&column.logical.arrow(), batch.num_rows());
                };
                let from = LogicalType::of(own.field(at)).unwrap_or(LogicalType::Text);
                widened(batch.column(at), from, column.logical)
            });
            let batch = RecordBatch::try_new(Arc::clone(&schema), arrays.collect())
                .map_err(|e| shape(format!("rows for {table} do not fit together: {e}")))?;
            even.push(batch);
        }
        Ok(Self { columns, batches: even })
    }

    pub(crate) fn count(&self) -> usize {
        self.batches.iter().map(RecordBatch::num_rows).sum()
    }

    fn position(&self, name: &str, table: &str) -> Result<usize, DestError> {
        self.columns.iter().position(|c| same(&c.name, name)).ok_or_else(|| {
            shape(format!("the rows for {table} have no column {name}, which is part of the merge key"))
        })
    }

    /// Keeps the newest row of each key: by incremental key (NULL is oldest), the later one on a tie.
    pub(crate) fn newest(
        self,
        key: &[String],
        incremental: Option<&str>,
        table: &str,
    ) -> Result<Self, DestError> {
        if key.is_empty() || self.batches.is_empty() {
            return Ok(self);
        }
        let key = key.iter().map(|name| self.position(name, table)).collect::<Result<Vec<_>, _>>()?;
        let incremental = incremental.and_then(|name| self.columns.iter().position(|c| same(&c.name, name)));
        let mut winners: HashMap<Vec<u8>, (usize, usize)> = HashMap::with_capacity(self.count());
        let mut lost = false;
        for (b, batch) in self.batches.iter().enumerate() {
            for row in 0..batch.num_rows() {
                let mut bytes = Vec::with_capacity(9 * key.len());
                for at in &key {
                    encode(batch.column(*at), row, &mut bytes);
                }
                let entry = winners.entry(bytes).or_insert((b, row));
                if *entry != (b, row) {
                    lost = true;
                    let older = incremental.is_some_and(|at| {
                        let (other, other_row) = (self.batches[entry.0].column(at), entry.1);
                        compare(batch.column(at), row, other, other_row) == Ordering::Less
                    });
                    if !older {
                        *entry = (b, row);
                    }
                }
            }
        }
        if !lost {
            return Ok(self);
        }
        let mut keep: Vec<Vec<bool>> =
            self.batches.iter().map(|batch| vec![false; batch.num_rows()]).collect();
        for (b, row) in winners.into_values() {
            keep[b][row] = true;
        }
        let masks: Vec<BooleanArray> = keep.into_iter().map(BooleanArray::from).collect();
        self.filter(&masks)
    }

    /// Keeps the rows the masks (one for each batch) say.
    fn filter(self, masks: &[BooleanArray]) -> Result<Self, DestError> {
        let kept =
            self.batches.iter().zip(masks).filter(|(_, mask)| mask.true_count() > 0).map(|(batch, mask)| {
                if mask.true_count() == mask.len() {
                    Ok(batch.clone())
                } else {
                    filter_record_batch(batch, mask)
                }
            });
        let batches =
            kept.collect::<Result<_, _>>().map_err(|e| shape(format!("rows cannot be filtered: {e}")))?;
        Ok(Self { columns: self.columns, batches })
    }

    /// Splits by position: rows whose number is in `these` (sorted) and all others.
    pub(crate) fn split(self, these: &[i64]) -> Result<(Self, Self), DestError> {
        let mut next = these.iter().copied().peekable();
        let mut number = 0;
        let mut masks = Vec::with_capacity(self.batches.len());
        for batch in &self.batches {
            let mask: Vec<bool> = (0..batch.num_rows())
                .map(|_| {
                    let hit = next.next_if_eq(&number).is_some();
                    number += 1;
                    hit
                })
                .collect();
            masks.push(mask);
        }
        let inside: Vec<BooleanArray> = masks.iter().map(|m| BooleanArray::from(m.clone())).collect();
        let outside: Vec<BooleanArray> =
            masks.into_iter().map(|m| m.into_iter().map(|hit| !hit).collect::<Vec<_>>().into()).collect();
        Ok((self.clone().filter(&inside)?, self.filter(&outside)?))
    }

    /// The same rows with their numbers in a last column `ord`. There must be a number for each row.
    pub(crate) fn numbered(&self, mut numbers: impl Iterator<Item = i64>) -> Result<Self, DestError> {
        let mut columns = self.columns.clone();
        columns.push(Column::new("ord", LogicalType::Int64));
        let mut batches = Vec::with_capacity(self.batches.len());
        for batch in &self.batches {
            let mut fields: Vec<_> = batch.schema().fields().iter().map(Arc::clone).collect();
            fields.push(Arc::new(Column::new("ord", LogicalType::Int64).field()));
            let mut arrays = batch.columns().to_vec();
            arrays.push(Arc::new(Int64Array::from_iter_values(numbers.by_ref().take(batch.num_rows()))));
            batches.push(
                RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
                    .map_err(|e| shape(format!("rows cannot be numbered: {e}")))?,
            );
        }
        Ok(Self { columns, batches })
    }

    /// Only some columns, by name; unknown names are left out.
    pub(crate) fn project(&self, names: &[&str]) -> Result<Self, DestError> {
        let at: Vec<usize> =
            names.iter().filter_map(|name| self.columns.iter().position(|c| same(&c.name, name))).collect();
        let batches = self.batches.iter().map(|batch| batch.project(&at)).collect::<Result<_, _>>();
        Ok(Self {
            columns: at.iter().map(|at| self.columns[*at].clone()).collect(),
            batches: batches.map_err(|e| shape(format!("rows cannot be projected: {e}")))?,
        })
    }
}

/// One value as bytes, such that equal values and only they have equal bytes.
pub(crate) fn encode(array: &ArrayRef, row: usize, into: &mut Vec<u8>) {
    if array.is_null(row) {
        into.push(0);
        return;
    }
    into.push(1);
    let any = array.as_any();
    if let Some(array) = any.downcast_ref::<Int64Array>() {
        into.extend(array.value(row).to_le_bytes());
    } else if let Some(array) = any.downcast_ref::<TimestampMicrosecondArray>() {
        into.extend(array.value(row).to_le_bytes());
    } else if let Some(array) = any.downcast_ref::<StringArray>() {
        let text = array.value(row);
        // The length first, so that ("a", "b") differs from ("ab", "").
        into.extend((text.len() as u64).to_le_bytes());
        into.extend(text.as_bytes());
    } else if let Some(array) = any.downcast_ref::<Float64Array>() {
        // 0.0 and -0.0 are equal and so are their sums with 0.0.
        into.extend((array.value(row) + 0.0).to_le_bytes());
    } else if let Some(array) = any.downcast_ref::<BooleanArray>() {
        into.push(u8::from(array.value(row)));
    }
}

/// Orders two values of one column; NULL is the smallest.
fn compare(a: &ArrayRef, row: usize, b: &ArrayRef, other: usize) -> Ordering {
    match (a.is_null(row), b.is_null(other)) {
        (true, true) => return Ordering::Equal,
        (true, false) => return Ordering::Less,
        (false, true) => return Ordering::Greater,
        (false, false) => {}
    }
    macro_rules! as_type {
        ($array:ty, $order:expr) => {
            if let (Some(a), Some(b)) =
                (a.as_any().downcast_ref::<$array>(), b.as_any().downcast_ref::<$array>())
            {
                return $order(&a.value(row), &b.value(other));
            }
        };
    }
    as_type!(TimestampMicrosecondArray, Ord::cmp);
    as_type!(Int64Array, Ord::cmp);
    as_type!(StringArray, |a: &&str, b: &&str| a.cmp(b));
    as_type!(Float64Array, f64::total_cmp);
    as_type!(BooleanArray, Ord::cmp);
    Ordering::Equal
}

/// The values in a wider type. Only widenings of [`LogicalType::widen`] come here; text put where JSON is stored as
/// text stays as it is.
fn widened(array: &ArrayRef, from: LogicalType, to: LogicalType) -> ArrayRef {
    if from == to {
        return Arc::clone(array);
    }
    let text = |row: usize| -> Option<String> { (!array.is_null(row)).then(|| text_of(array, row)) };
    let rows = 0..array.len();
    match to {
        LogicalType::Text => Arc::new(StringArray::from_iter(rows.map(text))),
        LogicalType::Json => Arc::new(StringArray::from_iter(rows.map(|row| {
            text(row).map(|text| match from {
                LogicalType::Text | LogicalType::Timestamp => serde_json::Value::String(text).to_string(),
                _ => text,
            })
        }))),
        LogicalType::Float64 => {
            let ints = array.as_any().downcast_ref::<Int64Array>();
            #[allow(
                clippy::cast_precision_loss,
                reason = "the column was widened to double, which is what that means"
            )]
            let double = |row: usize| ints.filter(|a| !a.is_null(row)).map(|a| a.value(row) as f64);
            Arc::new(Float64Array::from_iter(rows.map(double)))
        }
        // `widen` never leads here from another type.
        LogicalType::Bool | LogicalType::Int64 | LogicalType::Timestamp => {
            new_null_array(&to.arrow(), array.len())
        }
    }
}

fn text_of(array: &ArrayRef, row: usize) -> String {
    let any = array.as_any();
    match array.data_type() {
        DataType::Int64 => any.downcast_ref::<Int64Array>().map(|a| a.value(row).to_string()),
        DataType::Float64 => any.downcast_ref::<Float64Array>().map(|a| a.value(row).to_string()),
        DataType::Boolean => any.downcast_ref::<BooleanArray>().map(|a| a.value(row).to_string()),
        DataType::Timestamp(..) => any.downcast_ref::<TimestampMicrosecondArray>().map(|a| {
            let micros = a.value(row);
            Micros(micros).iso().unwrap_or_else(|| micros.to_string())
        }),
        _ => any.downcast_ref::<StringArray>().map(|a| a.value(row).to_owned()),
    }
    .unwrap_or_default()
}
