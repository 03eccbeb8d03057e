//! The kinds of sources there are, in the order help lists them.

use super::estimate::Rescan;
use super::login::Login;
use super::table::{Changes, Resource};
use super::{Source, gorgias};
use crate::error::{self, Failure};
use crate::http::surroundings::Surroundings;
use crate::model::State;
use crate::secret::SecretUri;

/// Opens the source of a URI.
type Open = fn(&str, &Surroundings) -> Result<Box<dyn Source>, gorgias::OpenError>;

/// One kind of source.
#[derive(Debug, Clone, Copy)]
pub struct SourceEntry {
    /// What its URIs begin with.
    pub scheme: &'static str,
    /// Its name in messages.
    pub name: &'static str,
    /// The form of its URIs.
    pub form: &'static str,
    /// Its tables.
    pub tables: &'static [Resource],
    /// Where its accounts' names are found, for hints.
    pub account: &'static str,
    account_named: fn(&str) -> Option<String>,
    uri: fn(&Login<'_>) -> SecretUri,
    open: Open,
    rescan: fn(&'static Resource, &State) -> Option<Rescan>,
}

/// All kinds of sources, in the order help lists them.
pub const SOURCES: [SourceEntry; 1] = [SourceEntry {
    scheme: "gorgias",
    name: "Gorgias",
    form: gorgias::FORM,
    tables: &gorgias::TABLES,
    account: "the part before .gorgias.com in the address of the help desk, such as mycompany",
    account_named: |typed| gorgias::Gorgias::account_named(typed).ok(),
    uri: gorgias::uri_of,
    open: |uri, around| Ok(Box::new(gorgias::Gorgias::open(uri, around)?)),
    rescan: gorgias::rescan,
}];

/// The kind of source a URI names.
///
/// # Errors
/// A usage failure that names what exists.
pub fn entry(uri: &str) -> Result<&'static SourceEntry, Failure> {
    error::kind_of("--source-uri", uri, &SOURCES, |entry| (entry.scheme, entry.form))
}

/// The tables of all sources.
#[must_use]
pub fn tables() -> Vec<Resource> {
    SOURCES.iter().flat_map(|entry| entry.tables).copied().collect()
}

/// An account as it is remembered, for one as it was typed.
///
/// # Errors
/// A sentence on where its name is found.
pub fn account_named(typed: &str) -> Result<String, String> {
    let forms =
        || SOURCES.iter().map(|entry| format!("type {}", entry.account)).collect::<Vec<_>>().join(", or ");
    SOURCES.iter().find_map(|entry| (entry.account_named)(typed)).ok_or_else(forms)
}

/// Whether every run reads all of this table.
#[must_use]
pub fn reads_all(table: &str) -> bool {
    let mut tables = SOURCES.iter().flat_map(|entry| entry.tables);
    tables.any(|there| there.name == table && there.changes == Changes::Full)
}

/// The table whose rows hold those of this one.
#[must_use]
pub fn parent_of(table: &str) -> Option<&'static str> {
    let mut tables = SOURCES.iter().flat_map(|entry| entry.tables);
    tables.find(|there| there.name == table)?.embedded().map(|(parent, _)| parent.name)
}

/// How the list of a table is re-scanned, as its state tells; `None`: it is not, or no run has come so far.
#[must_use]
pub fn rescan(table: &str, state: &State) -> Option<Rescan> {
    SOURCES.iter().find_map(|entry| {
        let spec = entry.tables.iter().find(|spec| spec.name == table)?;
        (entry.rescan)(spec, state)
    })
}

impl SourceEntry {
    /// The URI that says the same.
    #[must_use]
    pub fn uri(&self, login: &Login<'_>) -> SecretUri {
        (self.uri)(login)
    }

    /// Opens the source; sends nothing.
    ///
    /// # Errors
    /// A usage failure that says what is wrong with the URI, or with what the environment says about the network, without
    /// a value of either.
    pub fn open(&self, uri: &str, around: &Surroundings) -> Result<Box<dyn Source>, Failure> {
        (self.open)(uri.trim(), around).map_err(|error| {
            let hint = error.hint().map_or_else(|| format!("its form is {}", self.form), str::to_owned);
            Failure::usage(error.to_string()).hint(hint)
        })
    }
}
