//! What becomes of small files.
//!
//! Every commit makes a file for each table that it writes to, and one more for rows that it changes or removes; after a few weeks
//! of small runs a table would be hundreds of files. So the last commit of a run has those of its own tables put together once many
//! have gathered. The old files stay until their snapshots are expired, which is for the lake's owner to decide: it is about
//! all of its tables.

use duckdb::Connection;

use super::dialect::{CATALOG, LakeDialect};
use super::errors::failed;
use super::layout::OPTIONS;
use super::open::{For, attached, locked};
use super::uri::LakeUri;
use crate::dest::DestError;
use crate::dest::sql::Dialect as _;

/// Files smaller than this are put together, once there are so many.
const SMALL: u64 = 16 * 1024 * 1024;
const MANY: i64 = 32;

/// Files of which so many rows are gone are written anew: others cannot be put together with them.
const GONE: &str = "0.1";

/// After the last commit of a run: files of its tables that have become many are put together. The run is done, so whatever fails
/// here is left to the next one.
pub(super) fn end<'a>(lake: &LakeUri, schema: &str, tables: impl Iterator<Item = &'a str>) {
    let tables: Vec<&str> = tables.collect();
    let work = |connection: &Connection| {
        for table in &tables {
            if number_of_small(lake, connection, schema, table)? >= MANY {
                locked(lake, connection, &|| put_together(lake, connection, schema, table))?;
            }
        }
        Ok(())
    };
    if let Err(error) = attached(lake, For::Writing, &work) {
        log::debug!("small files stay as they are: {error}");
    }
}

fn number_of_small(
    lake: &LakeUri,
    connection: &Connection,
    schema: &str,
    table: &str,
) -> Result<i64, DestError> {
    let d = &LakeDialect;
    let sql = format!(
        "SELECT count(*) FROM ducklake_list_files('{CATALOG}', {}, schema => {}) WHERE data_file_size_bytes < {SMALL}",
        d.text(table),
        d.text(schema)
    );
    connection.query_row(&sql, [], |row| row.get(0)).map_err(|error| failed(lake, "read", error))
}

/// Two transactions of their own, which change no row.
fn put_together(lake: &LakeUri, connection: &Connection, schema: &str, table: &str) -> Result<(), DestError> {
    let d = &LakeDialect;
    let (schema, table) = (d.text(schema), d.text(table));
    let run = |sql: &str| {
        // Through a query: what a CALL gives has to be fetched for it to be done.
        let done = connection.prepare(sql).and_then(|mut call| {
            let mut rows = call.query([])?;
            while rows.next()?.is_some() {}
            Ok(())
        });
        done.map_err(|error| failed(lake, "write", error))
    };
    for (name, value) in OPTIONS {
        let known =
            format!("SELECT count(*) > 0 FROM ducklake_options('{CATALOG}') WHERE option_name = '{name}'");
        let known: bool = connection
            .query_row(&known, [], |row| row.get(0))
            .map_err(|error| failed(lake, "read", error))?;
        if !known {
            run(&format!(
                "CALL {CATALOG}.set_option('{name}', '{value}', schema => {schema}, table_name => {table})"
            ))?;
        }
    }
    run(&format!(
        "CALL ducklake_rewrite_data_files('{CATALOG}', {table}, schema => {schema}, delete_threshold => {GONE})"
    ))?;
    run(&format!(
        "CALL ducklake_merge_adjacent_files('{CATALOG}', {table}, schema => {schema}, max_file_size => {SMALL})"
    ))
}
