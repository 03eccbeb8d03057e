//! The extensions of DuckDB that open a lake: its own, from DuckDB's repository, or from a folder on machines without
//! internet. One of another version than DuckDB's is refused by DuckDB, and must never be forced: it crashes.

use std::path::{Path, PathBuf};

use duckdb::Connection;

use super::uri::{Catalog, LakeUri};
use crate::dest::duckdb::dialect::DuckDialect;
use crate::dest::sql::Dialect as _;
use crate::dest::{DestError, DestErrorKind};

/// Those that this lake needs.
fn needed(lake: &LakeUri) -> Vec<&'static str> {
    let mut all = vec!["ducklake"];
    match lake.catalog {
        Catalog::DuckDb(_) => {}
        Catalog::Sqlite(_) => all.push("sqlite_scanner"),
        Catalog::Postgres(_) => all.push("postgres_scanner"),
    }
    if let Some(bucket) = &lake.bucket {
        all.push("httpfs");
        all.extend(bucket.is_looked_for().then_some("aws"));
    }
    all
}

/// What an engine has loaded that is for this lake.
pub(super) fn key(lake: &LakeUri) -> String {
    format!("{:?} {:?}", needed(lake), lake.extensions)
}

/// Loads what the lake needs.
///
/// # Errors
/// When one of them is not there, or is of another version.
pub(super) fn load(connection: &Connection, lake: &LakeUri) -> Result<(), DestError> {
    let folder = lake.extensions.as_deref();
    if let Some(folder) = folder {
        // Laid out as DuckDB does it.
        let set = format!("SET extension_directory = {}", DuckDialect.text(&folder.to_string_lossy()));
        connection.execute_batch(&set).map_err(|error| missing(connection, "", Some(folder), &error))?;
    }
    for name in needed(lake) {
        let what = match folder.and_then(|folder| beside(folder, name)) {
            Some(file) => DuckDialect.text(&file.to_string_lossy()),
            None => name.to_owned(),
        };
        let load = format!("LOAD {what}");
        let Err(error) = connection.execute_batch(&load) else { continue };
        // Only what is not there is fetched: one of another version would be there again.
        let fetch = folder.is_none() && error.to_string().contains("not found");
        let fetched =
            if fetch { connection.execute_batch(&format!("INSTALL {name}; {load}")) } else { Err(error) };
        fetched.map_err(|error| missing(connection, name, folder, &error))?;
    }
    Ok(())
}

/// The file of an extension that lies in the folder itself.
fn beside(folder: &Path, name: &str) -> Option<PathBuf> {
    let file = folder.join(format!("{name}.duckdb_extension"));
    file.exists().then_some(file)
}

fn missing(connection: &Connection, name: &str, folder: Option<&Path>, error: &duckdb::Error) -> DestError {
    let ask = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, String>(0)).unwrap_or_default();
    let (version, platform) = (ask("SELECT library_version FROM pragma_version()"), ask("PRAGMA platform"));
    let text = error.to_string();
    let other = !text.contains("not found") && !text.contains("download");
    let from = folder.map_or("DuckDB's repository".to_owned(), |folder| folder.display().to_string());
    let message = if other {
        format!("DuckDB's extension {name} in {from} is not one for DuckDB {version} on {platform}")
    } else {
        format!("DuckDB's extension {name}, which DuckLake needs, is not to be had from {from}")
    };
    let file = format!("{version}/{platform}/{name}.duckdb_extension");
    let hint = match folder {
        Some(_) => format!(
            "fetch http://extensions.duckdb.org/{file}.gz where there is internet, unpack it, and put it into that folder"
        ),
        None => format!(
            "let this machine reach extensions.duckdb.org once, or name a folder with {file} as extensions=<folder> in \
             --dest-uri"
        ),
    };
    DestError::new(DestErrorKind::Other, message).hint(hint).caused_by(text)
}
