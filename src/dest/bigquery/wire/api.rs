//! The API of one project, as the rest of this folder calls it.

use super::super::uri::BigQueryUri;
use super::client::Client;
use super::error::{ApiError, Doing};
use super::{auth, transport};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};

/// Sizes of all chunks but the last are multiples of it, says the API.
pub(super) const GRAIN: usize = 256 * 1024;

/// Bytes a request: large enough that a round trip each does not matter, small enough to be kept.
pub(super) const CHUNK: usize = 32 * GRAIN;

/// The API of one project. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    pub(super) inner: Arc<Inner>,
    /// Where jobs run; a job outside of US and EU is only found by those who know.
    pub(super) location: Option<String>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) client: Client,
    pub(super) project: String,
    /// Scheme and host of BigQuery, no slash at the end.
    pub(super) base: String,
    /// Scheme and host of Cloud Storage, no slash at the end.
    pub(super) storage: String,
    /// Whether load files in text are compressed. They are, but for an emulator on this machine, which speaks plain
    /// HTTP: there is nothing to save, and none of them can unpack. TLS on this machine is a tunnel to the real one.
    pub(super) compress: bool,
    /// Bytes of a load file that are sent, and kept, at once.
    pub(super) chunk: usize,
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
        Ok(Self::with(uri, Arc::new(transport), auth::tokens(&uri.credentials), fastrand::Rng::new(), CHUNK))
    }

    pub(super) fn with(
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
    pub(super) fn url(&self, project: &str, path: &str) -> String {
        format!("{}/bigquery/v2/projects/{}{path}", self.inner.base, segment(project))
    }
}

/// What a path or a query may not hold as it is.
const ESCAPED: percent_encoding::AsciiSet =
    percent_encoding::NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A name as one segment of a path.
pub(super) fn segment(name: &str) -> String {
    percent_encoding::utf8_percent_encode(name, &ESCAPED).to_string()
}

/// `?name=value&…` of the parameters that have a value.
pub(super) fn query(parameters: &[(&str, Option<&str>)]) -> String {
    let given =
        parameters.iter().filter_map(|(name, value)| value.map(|value| format!("{name}={}", segment(value))));
    let joined = given.collect::<Vec<_>>().join("&");
    if joined.is_empty() { joined } else { format!("?{joined}") }
}
