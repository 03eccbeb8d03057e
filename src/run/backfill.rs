//! Flat columns of rows that are stored already: a table that a version without such a column wrote has it in newer rows
//! alone, and grouping by it would give wrong answers. They are filled from the JSON they lie in, without a request, in
//! ranges of keys that are a commit each; the state says how far.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::{Field, Schema};

use super::names::normaliser;
use super::stored::as_rows;
use crate::dest::{Inspection, Stored, TableSize};
use crate::error::{Failure, Kind};
use crate::model::{Column, DELETED_AT, Filled, LogicalType, MERGED_INTO, Micros, State, Strategy};
use crate::normalise::Normaliser;
use crate::normalise::rows::Rows;
use crate::plan::Plan;
use crate::source::Flat;
use crate::words::{count, size};

/// Rows that are read back at a time.
pub(super) const ROWS: u64 = 10_000;

/// What fills the flat columns of a table.
pub(super) struct Backfill {
    /// The source's name of the key.
    key: &'static str,
    flats: Vec<(&'static str, Flat)>,
    /// The fields they lie in, and what the destination calls these.
    pub(super) fields: Vec<(&'static str, String)>,
    /// The key and the flat columns, as the destination calls them.
    columns: Vec<String>,
    normaliser: Normaliser,
    /// All flat columns of the table, and how far they are filled.
    pub(super) filled: Filled,
}

/// What the rows of a run are filled with when they are stored, and what is to be filled before. `from`: the state that the
/// run goes on from.
pub(super) fn of(plan: &Plan, from: Option<&State>, found: &Inspection) -> (Filled, Option<Backfill>) {
    let all = Filled::all(plan.table.flat.iter().map(|(column, _)| *column));
    let Some(from) = from else { return (all, None) };
    let known = all.columns.is_subset(&from.filled.columns);
    if known && from.filled.up_to.is_none() {
        return (from.filled.clone(), None);
    }
    // Other strategies keep rows as they were loaded, or replace them anyway.
    let fills = plan.backfill && plan.limit.is_none() && plan.strategy == Strategy::Merge;
    let up_to = from.filled.up_to.filter(|_| known);
    let backfill = if fills { Backfill::new(plan, found, Filled { up_to, ..all }) } else { None };
    (from.filled.clone(), backfill)
}

impl Backfill {
    fn new(plan: &Plan, found: &Inspection, filled: Filled) -> Option<Self> {
        let normaliser = normaliser(plan, found);
        let name = |field: &'static str| normaliser.destination_name(field);
        let flats: Vec<(&str, Flat)> = plan
            .table
            .flat
            .iter()
            .filter(|(column, flat)| name(column).is_some() && name(flat.field()).is_some())
            .copied()
            .collect();
        let mut fields: Vec<(&str, String)> =
            flats.iter().filter_map(|(_, flat)| Some((flat.field(), name(flat.field())?))).collect();
        fields.dedup();
        let key = plan.table.single_key()?;
        let columns = std::iter::once(key).chain(flats.iter().map(|(column, _)| *column));
        let columns = columns.map(name).collect::<Option<_>>()?;
        Some(Self { key, flats, fields, columns, normaliser, filled })
    }

    /// The columns that stored rows have been given, for a message.
    pub(super) fn named(&self) -> String {
        self.columns.iter().skip(1).cloned().collect::<Vec<_>>().join(", ")
    }

    /// What a run will fill before it reads anything, and what that may cost.
    pub(super) fn forecast(&self, held: Option<TableSize>) -> String {
        let cost = held.filter(|held| held.rows > 0).map(cost).unwrap_or_default();
        format!(
            "first fills {} of stored rows from their JSON{cost}; --no-backfill leaves them as they are",
            self.named()
        )
    }

    /// The key and the flat columns of these rows, and their marks, which would go otherwise: who brings a row without them
    /// says that it is there again.
    pub(super) fn batch(&mut self, stored: &[Stored]) -> Result<Option<RecordBatch>, Failure> {
        let key = self.key;
        let fields: Vec<&str> = self.fields.iter().map(|(field, _)| *field).collect();
        let mut rows = as_rows(key, &fields, stored)?;
        rows.flatten(&self.flats);
        let (flat, marked): (Vec<String>, Vec<&Stored>) = rows
            .iter()
            .zip(stored)
            .filter_map(|(row, stored)| {
                let value = |(column, _): &(&str, Flat)| Some(format!(",\"{column}\":{}", row.get(column)?));
                let values: String = self.flats.iter().filter_map(value).collect();
                (!values.is_empty()).then(|| (format!("{{\"{key}\":{}{values}}}", stored.key), stored))
            })
            .unzip();
        if flat.is_empty() {
            return Ok(None);
        }
        let unread =
            |why: String| Failure::new(Kind::Internal, format!("stored rows cannot be read again: {why}"));
        let (rows, _) =
            Rows::parse(format!("[{}]", flat.join(",")).into()).map_err(|error| unread(error.to_string()))?;
        let frozen = |frozen: crate::normalise::Frozen| unread(frozen.field);
        self.normaliser.push(&rows, &vec![true; rows.len()], None).map_err(frozen)?;
        // A value that does not fit was told when its row was read.
        self.normaliser.take_rejects();
        let batch = self.normaliser.take(true).filter(|batch| batch.num_rows() == marked.len());
        let batch = batch.ok_or_else(|| unread("some are missing".into()))?;
        let found = |name: &String| batch.schema().index_of(name).ok();
        let places: Vec<usize> = self.columns.iter().filter_map(found).collect();
        let batch = batch.project(&places).map_err(|error| unread(error.to_string()))?;
        with_marks(&batch, &marked).map(Some).map_err(|error| unread(error.to_string()))
    }
}

/// Each part is read and merged. A table that is clustered by its key is neither read nor written whole for that.
fn cost(TableSize { rows, bytes }: TableSize) -> String {
    let parts = rows.div_ceil(ROWS);
    let most = size(bytes.saturating_mul(2).saturating_mul(parts));
    format!(": {} in {}, for which at most {most} are billed", count(rows, "row"), count(parts, "part"))
}

fn with_marks(batch: &RecordBatch, rows: &[&Stored]) -> Result<RecordBatch, arrow_schema::ArrowError> {
    let deleted =
        TimestampMicrosecondArray::from_iter(rows.iter().map(|row| row.deleted_at.map(|Micros(at)| at)));
    let merged = Int64Array::from_iter(rows.iter().map(|row| row.merged_into));
    let mut fields: Vec<Field> = batch.schema().fields().iter().map(|field| Field::clone(field)).collect();
    fields.push(Column::new(DELETED_AT, LogicalType::Timestamp).field());
    fields.push(Column::new(MERGED_INTO, LogicalType::Int64).field());
    let mut arrays: Vec<ArrayRef> = batch.columns().to_vec();
    arrays.push(Arc::new(deleted.with_timezone("UTC")));
    arrays.push(Arc::new(merged));
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_filling_may_cost_is_told_before() {
        let cost = |rows, bytes| cost(TableSize { rows, bytes });
        assert_eq!(
            cost(120_000, 300_000_000),
            ": 120,000 rows in 12 parts, for which at most 7.2 GB are billed"
        );
        assert_eq!(cost(1, 40), ": 1 row in 1 part, for which at most 80 bytes are billed");
    }
}
