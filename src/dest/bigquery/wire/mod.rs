//! BigQuery's REST API, as far as a load needs it: datasets, tables, query jobs and load jobs.
//!
//! Thin on purpose: requests and answers, retries of what may pass, and typed errors. No SQL is made here, and nothing
//! is decided about tables. All queries go through `jobs.insert` and `jobs.get`: a job has an id that the caller
//! chooses, so a submission whose answer was lost is found again instead of being done twice. (`jobs.query` would save
//! a round trip, and has no such id.)
//!
//! | room | what |
//! | --- | --- |
//! | `client` | one request: token, retries, errors |
//! | `tables` | datasets and tables |
//! | `jobs` | query jobs, and waiting for any job |
//! | `upload`, `files` | batches → load file → resumable upload → load job |
//! | `storage` | the same by way of a Cloud Storage bucket |
//! | `auth` | bearer tokens |
//! | `error` | what went wrong, and what it means to a user |

use std::sync::Arc;

mod error;
mod jobs;
mod names;
mod tables;
mod upload;

pub(crate) use error::{ApiError, Reason};
pub(crate) use jobs::{Affected, Child, Param, QueryOutcome, Value};
pub(crate) use names::{DatasetRef, JobId, JobIdError, TableRef};
pub(crate) use tables::{Dataset, Field, Kind, Mode, Partitioning, TableInfo, TableSpec};
pub(crate) use upload::{Disposition, Format, LoadSpec, Loaded, Upload};

use super::uri::BigQueryUri;

/// The API of one project. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    inner: Arc<Inner>,
    /// Where jobs run; a job outside of US and EU is only found by those who know.
    location: Option<String>,
}

#[derive(Debug)]
struct Inner {
    project: String,
}

impl Api {
    /// The API that a URI names. Connects to nothing.
    ///
    /// # Errors
    /// When credentials were given that cannot be read, or TLS cannot be set up.
    pub(crate) fn open(uri: &BigQueryUri) -> Result<Self, ApiError> {
        let inner = Inner { project: uri.project.clone() };
        Ok(Self { inner: Arc::new(inner), location: uri.location.clone() })
    }

    /// The same with its jobs in `location`, as [`Dataset::location`] says it. To be called once the dataset is
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
}
