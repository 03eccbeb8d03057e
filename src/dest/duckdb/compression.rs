//! How values are packed: which columns of a new table with zstd, and what DuckDB may try with the others.
//!
//! DuckDB chooses a column's compression by itself, for each group of rows, and gives up on text as soon as one value is
//! longer than 4,096 bytes: everything is stored as it is then, and each such value takes up to 256 KiB. Mail always has
//! some. Left alone, 60,000 messages of 3.3 KB take 263 MiB and 1.55 s of CPU to write; with the columns of long text
//! declared as zstd 45 MiB and 1.15 s, since so much less is written. Reading all of it back costs 0.25 s instead of 0.20.
//!
//! Files that pack so have the storage version of DuckDB 1.2, so older programs cannot read them. Only files that we
//! create are made so; in an older one nothing is declared, because DuckDB would heed a declaration by not compressing at
//! all.

use std::path::Path;

use arrow_array::{Array, RecordBatch, StringArray};
use duckdb::Connection;

use super::dialect::{CATALOG, DuckDialect};
use crate::dest::sql::columns::same;
use crate::dest::sql::{Dialect, TableName, list};
use crate::model::{Column, LogicalType};

/// Text is not tried with FSST, which learns a table of symbols for each column before it knows whether that helps: half
/// of what writing the ledger costs (5 % of a run that finds nothing new).
pub(super) const QUICK: &str = "SET GLOBAL disabled_compression_methods = 'fsst'";
/// Packs as DuckDB likes to: for commits that write rows. Holds until the file is attached again.
pub(super) const FULL: &str = "SET GLOBAL disabled_compression_methods = ''";

/// What a file is attached with if it is not there yet.
const NEW_FILE: &str = ", STORAGE_VERSION 'v1.2.0'";
/// Text of so many bytes on average is better off with zstd. Below that dictionaries are as small, and faster to read.
const LONG: usize = 64;
/// One value longer than this and DuckDB does not compress the text around it.
const TOO_LONG: usize = 4_096;

/// Options of `ATTACH` for a file at `path`.
pub(super) fn options(path: &Path) -> &'static str {
    if path.exists() { "" } else { NEW_FILE }
}

/// Creates a table for rows like these. No constraints: they would turn one odd row into a failed night, and a primary key
/// costs more than it gives. 10 million rows of 4 columns, 10,000 of them deleted by key and inserted again: 0.14 to
/// 0.29 s CPU without a key, 0.30 to 0.48 s with one; filling 0.6 s against 3.5 s; file 22 MB against 184 MB.
pub(super) fn create_table(
    connection: &Connection,
    name: &TableName,
    columns: &[Column],
    rows: &[RecordBatch],
) -> duckdb::Result<()> {
    let d = &DuckDialect;
    let can = can_pack(connection)?;
    let columns = list(columns, |c| {
        let packed = if can && is_long(c, rows) { " USING COMPRESSION zstd" } else { "" };
        format!("{} {}{packed}", d.quote(&c.name), d.type_name(c.logical))
    });
    connection.execute_batch(&format!("CREATE TABLE {} ({columns})", name.sql(d)))
}

/// Whether the file's storage version knows zstd.
fn can_pack(connection: &Connection) -> duckdb::Result<bool> {
    let sql = "SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = ?";
    let version: Option<String> = connection.query_row(sql, [CATALOG], |row| row.get(0))?;
    Ok(version.is_some_and(|version| at_least_1_2(&version)))
}

/// `v1.2.0+` and later ones.
fn at_least_1_2(version: &str) -> bool {
    let mut parts = version.trim_start_matches('v').split(['.', '+']).map(str::parse::<u32>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= (1, 2),
        _ => false,
    }
}

/// JSON and long text. What no row has yet may become either: unpacked mail costs six times its size, packed words
/// next to nothing.
fn is_long(column: &Column, rows: &[RecordBatch]) -> bool {
    match column.logical {
        LogicalType::Json => return true,
        LogicalType::Text => {}
        _ => return false,
    }
    let (mut bytes, mut values) = (0, 0);
    for batch in rows {
        let schema = batch.schema();
        let Some(at) = schema.fields().iter().position(|f| same(f.name(), &column.name)) else { continue };
        let Some(text) = batch.column(at).as_any().downcast_ref::<StringArray>() else { continue };
        let length = |ends: &[i32]| usize::try_from(ends[1] - ends[0]).unwrap_or(0);
        let offsets = text.value_offsets();
        if offsets.windows(2).any(|ends| length(ends) > TOO_LONG) {
            return true;
        }
        bytes += offsets.windows(2).map(length).sum::<usize>();
        values += text.len() - text.null_count();
    }
    values == 0 || bytes / values >= LONG
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use arrow_array::ArrayRef;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(["v1.2.0", "v1.2.0+", "v1.10.0+", "v2.0.0"].iter().all(|version| at_least_1_2(version)));
        assert!(!["v1.0.0+", "v1.1.3", "v0.10.2", "", "unknown"].iter().any(|version| at_least_1_2(version)));
    }

    #[test]
    fn long_text_and_json_are_packed_and_words_are_not() {
        let long = "x".repeat(5_000);
        let columns: Vec<(&str, Vec<Option<&str>>)> = vec![
            ("channel", vec![Some("email"), Some("chat")]),
            ("subject", vec![Some("Hello"), Some(&long)]),
            ("body", vec![Some(&long[..70]), None]),
            ("none", vec![None, None]),
        ];
        let arrays = columns.iter().map(|(name, values)| {
            let array: ArrayRef = Arc::new(StringArray::from(values.clone()));
            (*name, array, true)
        });
        let rows = [RecordBatch::try_from_iter_with_nullable(arrays).unwrap()];
        let packed = |name, logical| is_long(&Column::new(name, logical), &rows);
        assert!(!packed("channel", LogicalType::Text));
        assert!(["subject", "BODY", "none", "absent"].iter().all(|name| packed(name, LogicalType::Text)));
        assert!(packed("channel", LogicalType::Json) && !packed("id", LogicalType::Int64));
    }
}
