//! The ordered list of destinations, found by the scheme of a URI.

use super::{DestError, Destination};
use crate::error::{self, Failure};

/// One kind of destination.
#[derive(Debug, Clone, Copy)]
pub struct DestEntry {
    /// What its URIs begin with.
    pub scheme: &'static str,
    /// Its name in messages.
    pub name: &'static str,
    /// The form of its URIs, for messages.
    pub form: &'static str,
    open: fn(&str) -> Result<Box<dyn Destination>, DestError>,
}

/// All kinds of destinations, in the order help lists them.
pub const DESTINATIONS: &[DestEntry] = &[
    #[cfg(feature = "duckdb")]
    DestEntry {
        scheme: "duckdb",
        name: "DuckDB",
        form: "duckdb:///<file>",
        open: |uri| Ok(Box::new(super::duckdb::DuckDb::from_uri(uri)?)),
    },
    #[cfg(feature = "sqlite")]
    DestEntry {
        scheme: "sqlite",
        name: "SQLite",
        form: "sqlite:///<file>",
        open: |uri| Ok(Box::new(super::sqlite::Sqlite::from_uri(uri)?)),
    },
    #[cfg(feature = "postgres")]
    DestEntry {
        scheme: "postgres",
        name: "PostgreSQL",
        form: super::postgres::FORM,
        open: |uri| Ok(Box::new(super::postgres::Postgres::from_uri(uri)?)),
    },
    #[cfg(feature = "duckdb")]
    DestEntry {
        scheme: "ducklake",
        name: "DuckLake",
        form: super::ducklake::FORM,
        open: |uri| Ok(Box::new(super::ducklake::DuckLake::from_uri(uri)?)),
    },
    #[cfg(feature = "files")]
    DestEntry {
        scheme: "file",
        name: "files",
        form: super::files::FORM,
        open: |uri| Ok(Box::new(super::files::Files::from_uri(uri)?)),
    },
    #[cfg(feature = "files")]
    DestEntry {
        scheme: "s3",
        name: "files in S3",
        form: super::files::S3_FORM,
        open: |uri| Ok(Box::new(super::files::Files::from_uri(uri)?)),
    },
    #[cfg(feature = "files")]
    DestEntry {
        scheme: "az",
        name: "files in Azure",
        form: super::files::AZURE_FORM,
        open: |uri| Ok(Box::new(super::files::Files::from_uri(uri)?)),
    },
    #[cfg(feature = "bigquery")]
    DestEntry {
        scheme: "bigquery",
        name: "BigQuery",
        form: "bigquery://<project>[/<dataset>]",
        open: |uri| Ok(Box::new(super::bigquery::BigQuery::from_uri(uri)?)),
    },
];

/// The kind of destination a URI names.
///
/// # Errors
/// A usage failure that names what exists.
pub fn entry(uri: &str) -> Result<&'static DestEntry, Failure> {
    // PostgreSQL has two schemes, one of which names a driver in ingestr's documentation; a folder has one for each format.
    let alike = [
        ("postgresql+psycopg2:", "postgres:"),
        ("postgresql:", "postgres:"),
        ("parquet:", "file:"),
        ("csv:", "file:"),
        ("jsonl:", "file:"),
    ];
    let other = alike
        .iter()
        .find_map(|(other, own)| uri.trim().strip_prefix(other).map(|rest| format!("{own}{rest}")));
    let uri = other.as_deref().unwrap_or(uri);
    error::kind_of("--dest-uri", uri, DESTINATIONS, |entry| (entry.scheme, entry.form))
}

impl DestEntry {
    /// Opens the destination; touches nothing.
    ///
    /// # Errors
    /// A usage failure that says what is wrong with the URI.
    pub fn open(&self, uri: &str) -> Result<Box<dyn Destination>, Failure> {
        (self.open)(uri.trim()).map_err(|error| {
            let failure = Failure::usage(error.message);
            match error.hint {
                Some(hint) => failure.hint(hint),
                None => failure,
            }
        })
    }
}
