//! Files on this machine, as the suite sees them and as whoever is killed leaves them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, ArrayRef};
use arrow_schema::DataType;
use bytes::Bytes;

use super::*;

mod bench;
mod contents;
mod dying;
mod others;
mod strangers;

/// A folder that goes with the test.
struct Folder {
    at: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { at: tempfile::tempdir().expect("a folder") }
    }

    fn files(&self, format: Format) -> Files {
        Files { store: Arc::new(Disk::new(self.at.path().to_owned())), format }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.at.path().join(path)
    }

    /// All files, but for locks.
    fn all(&self) -> Vec<String> {
        fn walk(root: &Path, at: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(at).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    walk(root, &path, found);
                } else if path.extension().is_none_or(|ending| ending != "lock") {
                    found.push(path.strip_prefix(root).expect("inside").display().to_string());
                }
            }
        }
        let mut found = Vec::new();
        walk(self.at.path(), self.at.path(), &mut found);
        found.sort();
        found
    }
}

/// A value as the suite writes it.
fn text_of(array: Option<&ArrayRef>, row: usize) -> String {
    let Some(array) = array.filter(|array| !array.is_null(row)) else { return "NULL".into() };
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => format!("{:?}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(..) => array.as_primitive::<TimestampMicrosecondType>().value(row).to_string(),
        _ => array.as_string::<i32>().value(row).to_owned(),
    }
}

/// The rows of a file, by column.
fn parquet_rows(file: Bytes) -> Vec<BTreeMap<String, String>> {
    let mut rows = Vec::new();
    for batch in parquet::rows(file).expect("a file of rows") {
        let batch = batch.expect("rows");
        for row in 0..batch.num_rows() {
            let schema = batch.schema();
            let cells = schema.fields().iter().zip(batch.columns());
            rows.push(
                cells.map(|(field, array)| (field.name().clone(), text_of(Some(array), row))).collect(),
            );
        }
    }
    rows
}
