//! The columns that rows bring, and those a table has to have for them.

use arrow_array::RecordBatch;

use crate::dest::{DestError, DestErrorKind, Target};
use crate::model::{Column, DELETED_AT, LOADED_AT, LogicalType, MERGED_INTO};
pub use crate::model::{IS_CURRENT, VALID_FROM, VALID_TO};

/// Set where a row was deleted at the source; a row that is read again is not deleted.
pub const MARKS: [(&str, LogicalType); 2] =
    [(DELETED_AT, LogicalType::Timestamp), (MERGED_INTO, LogicalType::Int64)];

/// Columns of [`crate::model::Strategy::Scd2`].
#[must_use]
pub fn version_columns() -> Vec<Column> {
    vec![
        Column::new(VALID_FROM, LogicalType::Timestamp),
        Column::new(VALID_TO, LogicalType::Timestamp),
        Column::new(IS_CURRENT, LogicalType::Bool),
    ]
}

/// Same name, as databases see it.
#[must_use]
pub fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

/// All columns of the batches, each with the narrowest type that holds all its values.
///
/// # Errors
/// [`DestErrorKind::Shape`] if a name is there twice, or a type is none of ours.
pub fn columns_of<'a>(
    batches: impl IntoIterator<Item = &'a RecordBatch>,
    table: &str,
) -> Result<Vec<Column>, DestError> {
    let mut columns: Vec<Column> = Vec::new();
    for batch in batches {
        let schema = batch.schema();
        for (at, field) in schema.fields().iter().enumerate() {
            if schema.fields()[..at].iter().any(|other| same(other.name(), field.name())) {
                return Err(shape(format!(
                    "two columns of the rows for {table} are called {}",
                    field.name()
                )));
            }
            let logical = LogicalType::of(field).ok_or_else(|| {
                shape(format!(
                    "column {} for {table} has a type that cannot be stored: {}",
                    field.name(),
                    field.data_type()
                ))
            })?;
            widen(&mut columns, &Column::new(field.name(), logical));
        }
    }
    Ok(columns)
}

/// Adds a column, or widens the one of that name.
pub fn widen(columns: &mut Vec<Column>, column: &Column) {
    match columns.iter_mut().find(|c| same(&c.name, &column.name)) {
        Some(known) => known.logical = known.logical.widen(column.logical),
        None => columns.push(column.clone()),
    }
}

/// The columns the target's table has to have for rows with the `brought` ones.
#[must_use]
pub fn needed(target: &Target, brought: &[Column], extra: &[Column]) -> Vec<Column> {
    let mut needed = target.columns.clone();
    for column in brought {
        widen(&mut needed, column);
    }
    if target.loaded_at.is_some() {
        needed.push(Column::new(LOADED_AT, LogicalType::Timestamp));
    }
    needed.extend_from_slice(extra);
    needed
}

/// The type that a column of type `found` (`None`: there is none) has after a load brought `column`.
#[must_use]
pub fn type_after(found: Option<LogicalType>, column: &Column, documented: &[Column]) -> LogicalType {
    match (found, column.logical) {
        // JSON is text to its last character: where somebody declared a text column, it stays.
        (Some(LogicalType::Text), LogicalType::Json)
            if documented.iter().any(|c| same(&c.name, &column.name)) =>
        {
            LogicalType::Text
        }
        (Some(found), brought) => found.widen(brought),
        (None, brought) => brought,
    }
}

/// A table or rows that are not as they have to be.
#[must_use]
pub fn shape(message: String) -> DestError {
    DestError::new(DestErrorKind::Shape, message)
}
