//! BigQuery's REST API, as far as a load needs it: datasets, tables, query jobs and load jobs.
//!
//! Thin on purpose: requests and answers, retries of what may pass, and typed errors. No SQL is made here, and nothing
//! is decided about tables. All queries go through `jobs.insert` and `jobs.get`: a job has an id that the caller
//! chooses, so a submission whose answer was lost is found again instead of being done twice. (`jobs.query` would save
//! a round trip, and has no such id.)
//!
//! | room | what |
//! | --- | --- |
//! | `names` | datasets, tables, job ids |
//! | `tables`, `bodies` | datasets and tables: look, make, remove |
//! | `jobs`, `results` | query jobs, waiting for any job, and reading rows |
//! | `upload` | batches → load file → load job |
//! | `files` | the load file: JSON lines, Parquet or CSV |
//! | `resumable` | a file in chunks, gone on with after what breaks |
//! | `storage` | files by way of a Cloud Storage bucket |
//! | `permissions` | what may be done, asked beforehand |
//! | `client`, `transport` | one call: token, retries, the network |
//! | `auth` | bearer tokens |
//! | `error`, `hints` | what went wrong, and what it means to a user |

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

mod auth;
mod bodies;
mod client;
mod error;
mod files;
mod hints;
mod jobs;
mod names;
mod permissions;
mod results;
mod resumable;
mod storage;
mod tables;
#[cfg(test)]
pub(super) mod tests;
mod transport;
mod upload;

pub(crate) use error::{ApiError, Reason};
pub(crate) use files::Format;
pub(crate) use jobs::{Param, QueryOutcome};
pub(crate) use names::{DatasetRef, JobId, TableRef};
pub(crate) use tables::{Field, Kind, Mode, Partitioning, TableInfo};
pub(crate) use upload::{LoadSpec, Upload};

use super::uri::BigQueryUri;
use client::Client;
use error::Doing;

/// The API of one project. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    inner: Arc<Inner>,
    /// Where jobs run; a job outside of US and EU is only found by those who know.
    location: Option<String>,
}

#[derive(Debug)]
struct Inner {
    client: Client,
    project: String,
    /// Scheme and host of BigQuery, no slash at the end.
    base: String,
    /// Scheme and host of Cloud Storage, no slash at the end.
    storage: String,
    /// Whether load files in text are compressed. They are, but for an emulator on this machine, which speaks plain
    /// HTTP: there is nothing to save, and none of them can unpack. TLS on this machine is a tunnel to the real one.
    compress: bool,
    /// Bytes of a load file that are sent, and kept, at once.
    chunk: usize,
}

impl Api {
    /// The API that a URI names. Connects to nothing.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn open(uri: &BigQueryUri) -> Result<Self, ApiError> {
        let doing = Doing::new("set up the connection to BigQuery".into(), "bigquery.jobs.create");
        let transport =
            transport::Wire::new(uri.base.loopback).map_err(|error| ApiError::tls(&doing, error.message))?;
        Ok(Self::with(
            uri,
            Arc::new(transport),
            auth::tokens(&uri.credentials),
            fastrand::Rng::new(),
            upload::CHUNK,
        ))
    }

    fn with(
        uri: &BigQueryUri,
        transport: Arc<dyn transport::Transport>,
        tokens: Arc<dyn auth::Tokens>,
        rng: fastrand::Rng,
        chunk: usize,
    ) -> Self {
        let client = Client { transport, tokens, rng: Mutex::new(rng), seen: AtomicBool::new(false) };
        let inner = Inner {
            client,
            project: uri.project.clone(),
            base: uri.base.url.clone(),
            storage: uri.storage.url.clone(),
            compress: !uri.base.url.starts_with("http://"),
            chunk,
        };
        Self { inner: Arc::new(inner), location: uri.location.clone() }
    }

    /// The same with its jobs in `location`, as its dataset is. To be called once the dataset is
    /// known, before any job.
    #[must_use]
    pub(crate) fn located(&self, location: &str) -> Self {
        Self { inner: Arc::clone(&self.inner), location: Some(location.to_owned()) }
    }

    /// The project that pays for jobs.
    pub(crate) fn project(&self) -> &str {
        &self.inner.project
    }

    /// Where jobs run, as far as it is known.
    pub(crate) fn location(&self) -> Option<&str> {
        self.location.as_deref()
    }

    /// A URL below `projects/`.
    fn url(&self, project: &str, path: &str) -> String {
        format!("{}/bigquery/v2/projects/{}{path}", self.inner.base, segment(project))
    }
}

/// What a path or a query may not hold as it is.
const ESCAPED: percent_encoding::AsciiSet =
    percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A name as one segment of a path.
fn segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, &ESCAPED).to_string()
}

/// `?name=value&…` of the parameters that have a value.
fn query(parameters: &[(&str, Option<&str>)]) -> String {
    let given =
        parameters.iter().filter_map(|(name, value)| value.map(|value| format!("{name}={}", segment(value))));
    let joined = given.collect::<Vec<_>>().join("&");
    if joined.is_empty() { joined } else { format!("?{joined}") }
}
