//! Batches into a table through DuckDB's appender: the fastest way in, and transactional.

use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringArray, TimestampMicrosecondArray};
use arrow_schema::{Field, Schema};
use duckdb::Connection;

use super::dialect::DuckDialect;
use crate::dest::sql::batches::Batches;
use crate::dest::sql::{Dialect, TableName, list, trace};
use crate::model::{Column, LogicalType, Micros};

/// After this many rows the appender hands over to the transaction. Its own buffer holds a second copy of the
/// rows; 204,800 of them, its default, would be the whole commit.
const FLUSH_ROWS: usize = 2_048;

/// A column the rows do not have, with one value for all of them.
#[derive(Debug, Clone)]
pub(in crate::dest) enum Fill {
    At(Micros),
    True,
    Text(&'static str),
    /// A text that differs from row to row, for columns of ingestr 0.x that may be unique.
    Unique,
    Null(LogicalType),
}

impl Fill {
    fn field(&self, name: &str) -> Field {
        let logical = match self {
            Self::At(_) => LogicalType::Timestamp,
            Self::True => LogicalType::Bool,
            Self::Text(_) | Self::Unique => LogicalType::Text,
            Self::Null(logical) => *logical,
        };
        Column::new(name, logical).field()
    }

    fn array(&self, rows: usize) -> ArrayRef {
        match self {
            Self::At(at) => Arc::new(TimestampMicrosecondArray::from_value(at.0, rows).with_timezone("UTC")),
            Self::True => Arc::new(BooleanArray::from(vec![true; rows])),
            Self::Text(text) => Arc::new(StringArray::from_iter_values(std::iter::repeat_n(text, rows))),
            Self::Unique => Arc::new(StringArray::from_iter_values(
                (0..rows).map(|_| format!("-{:032x}", fastrand::u128(..))),
            )),
            Self::Null(logical) => arrow_array::new_null_array(&logical.arrow(), rows),
        }
    }

    /// The value as an expression.
    pub(super) fn sql(&self) -> String {
        match self {
            Self::At(at) => DuckDialect.instant(*at),
            Self::True => "TRUE".into(),
            Self::Text(text) => DuckDialect.text(text),
            Self::Unique => "'-' || uuid()".into(),
            Self::Null(_) => "NULL".into(),
        }
    }
}

/// Appends all rows, and lets each batch go as soon as it is in.
pub(in crate::dest) fn append(
    connection: &Connection,
    table: &TableName,
    names: &[&str],
    rows: Batches,
    fills: &[(String, Fill)],
) -> duckdb::Result<()> {
    if rows.batches.is_empty() {
        return Ok(());
    }
    let all: Vec<&str> = names.iter().copied().chain(fills.iter().map(|(name, _)| name.as_str())).collect();
    let mut appender = connection.appender_with_columns_to_catalog_and_db(
        &table.table,
        &table.catalog,
        &table.schema,
        &all,
    )?;
    let mut pending = 0;
    for batch in rows.batches {
        let count = batch.num_rows();
        appender.append_record_batch(filled(&batch, fills)?)?;
        drop(batch);
        pending += count;
        if pending >= FLUSH_ROWS {
            appender.flush()?;
            pending = 0;
        }
    }
    appender.flush()
}

/// Makes a temporary table with these rows, under the names of their columns; its name.
pub(in crate::dest) fn stage(connection: &Connection, name: &str, rows: Batches) -> duckdb::Result<String> {
    let table = format!("temp.main.{name}");
    let declared = list(&rows.columns, |c| format!("{} {}", c.name, DuckDialect.type_name(c.logical)));
    let sql = format!("CREATE TEMP TABLE {table} ({declared})");
    trace::timed(&sql, || connection.execute_batch(&sql))?;
    let columns = rows.columns.clone();
    let names: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
    append(connection, &TableName::new("temp", "main", name), &names, rows, &[])?;
    Ok(table)
}

fn filled(batch: &RecordBatch, fills: &[(String, Fill)]) -> duckdb::Result<RecordBatch> {
    let schema = batch.schema();
    let mut fields: Vec<Arc<Field>> = schema.fields().iter().map(Arc::clone).collect();
    let mut arrays = batch.columns().to_vec();
    for (name, fill) in fills {
        fields.push(Arc::new(fill.field(name)));
        arrays.push(fill.array(batch.num_rows()));
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|e| duckdb::Error::ToSqlConversionFailure(Box::new(e)))
}
