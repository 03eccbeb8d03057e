//! Tests of the half that speaks HTTP: against a scripted BigQuery, under paused time, and against emulators.

use std::sync::{Arc, Mutex};

use arrow_array::{
    ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow_schema::Schema;

use super::super::uri::BigQueryUri;
use super::*;
use crate::model::{Column, LogicalType};

mod calls;
pub(crate) mod emulator;
mod errors;
pub(crate) mod fake;
mod measure;
mod uploads;

/// A column of each type.
fn columns() -> Vec<Column> {
    [
        ("id", LogicalType::Int64),
        ("subject", LogicalType::Text),
        ("meta", LogicalType::Json),
        ("sent_at", LogicalType::Timestamp),
        ("score", LogicalType::Float64),
        ("spam", LogicalType::Bool),
    ]
    .map(|(name, logical)| Column::new(name, logical))
    .to_vec()
}

/// Values that are lost easily, and NULLs.
fn hostile() -> RecordBatch {
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![Some(i64::MAX), Some(9_007_199_254_740_993), Some(-1), None])),
        Arc::new(StringArray::from(vec![
            Some("a \"quoted\", text\nwith \\N, \ttabs, \r\n and ünicode 🦀"),
            Some(""),
            Some("\\N"),
            None,
        ])),
        Arc::new(StringArray::from(vec![
            Some(r#"{"b": 12345678901234567, "a": [1.10, "x\"\n"]}"#),
            Some("[]"),
            Some("\"text\""),
            None,
        ])),
        Arc::new(
            TimestampMicrosecondArray::from(vec![
                Some(1_718_798_400_123_456),
                Some(0),
                Some(-62_135_596_800_000_000),
                None,
            ])
            .with_timezone("UTC"),
        ),
        Arc::new(Float64Array::from(vec![Some(0.1), Some(1e300), Some(-0.5), None])),
        Arc::new(BooleanArray::from(vec![Some(true), Some(false), None, None])),
    ];
    batch(&columns(), arrays)
}

fn batch(columns: &[Column], arrays: Vec<ArrayRef>) -> RecordBatch {
    let schema = Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), arrays).unwrap()
}

fn table(name: &str) -> TableRef {
    TableRef { project: "testproj".into(), dataset: "wire".into(), table: name.into() }
}

fn job(id: &str) -> JobId {
    JobId::new(id).unwrap()
}

fn load(id: &str, into: &str, format: Format) -> LoadSpec {
    LoadSpec { job: job(id), into: table(into), columns: columns(), format, staging_bucket: None }
}
