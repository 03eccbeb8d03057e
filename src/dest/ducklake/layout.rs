//! How the files of a lake are laid out that is made by us.

use duckdb::Connection;

use super::dialect::CATALOG;
use super::errors::failed;
use super::uri::LakeUri;
use crate::dest::DestError;

/// What a lake of ours is made with. Groups of so many rows are read in 128 MB, whatever the table: DuckDB keeps what it reads of
/// one. zstd takes a third less room than what DuckLake does by itself.
pub(super) const OPTIONS: [(&str, &str); 2] =
    [("parquet_row_group_size", "8192"), ("parquet_compression", "zstd")];

/// Before something is written: a lake that has just been made is set up.
pub(super) fn set_up(lake: &LakeUri, connection: &Connection) -> Result<(), DestError> {
    let fresh = format!("SELECT id = 0 FROM ducklake_current_snapshot('{CATALOG}')");
    let fresh: bool =
        connection.query_row(&fresh, [], |row| row.get(0)).map_err(|error| failed(lake, "read", error))?;
    if !fresh {
        return Ok(());
    }
    let set = OPTIONS.map(|(name, value)| format!("CALL {CATALOG}.set_option('{name}', '{value}')"));
    connection.execute_batch(&set.join("; ")).map_err(|error| failed(lake, "write", error))
}
