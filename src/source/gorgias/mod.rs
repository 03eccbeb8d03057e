//! Gorgias: one account's tables over its REST API.

mod activity;
mod api;
mod changes;
mod check;
mod children;
mod context;
mod estimate;
mod explain;
mod fields;
mod list;
mod resources;
mod shared;
mod small;
mod table_reader;
mod tables;
mod uri;

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::future::BoxFuture;
use secrecy::{ExposeSecret as _, SecretString};

use self::list::channel::Channel;
use self::list::checkpoint::{Checkpoint, PassKind};
pub use self::resources::TABLES;
use self::shared::Vanished;
use self::table_reader::TableReader;
pub(crate) use self::uri::uri_of;
use self::uri::{Credentials, GorgiasUri};
pub use self::uri::{FORM, UriError};
use crate::error::Failure;
use crate::http::client::Client;
use crate::http::limit::{Allowance, Limiter, Share};
use crate::http::surroundings::{Surroundings, Wrong};
use crate::http::wire::Wire;
use crate::http::{Observer, Transport};
use crate::model::State;
use crate::source::{
    Finding, Forecast, Pages, ReadRequest, Rescan, Resource, Source, SourceError, Subject, Window,
};

/// One Gorgias account.
#[derive(Debug)]
pub struct Gorgias {
    domain: String,
    client: Arc<Client>,
    /// What the small tables of a command have lost, for those that hold rows of them.
    vanished: Arc<Vanished>,
}

/// Why an account cannot be opened. Nothing has been sent.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URI is wrong.
    #[error(transparent)]
    Uri(#[from] UriError),
    /// What the environment says about the network cannot work.
    #[error(transparent)]
    Around(#[from] Wrong),
    /// The machine cannot do TLS.
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
}

impl OpenError {
    /// What to do, where it is not about the form of the URI.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Around(wrong) => Some(wrong.hint),
            Self::Tls(_) => {
                Some("check the certificates of this machine, such as the package ca-certificates")
            }
            Self::Uri(_) => None,
        }
    }
}

impl Gorgias {
    /// Opens the account of a source URI; sends nothing.
    ///
    /// # Errors
    /// When the URI is wrong. The message never repeats a value of it.
    pub fn open(uri: &str, around: &Surroundings) -> Result<Self, OpenError> {
        let uri = GorgiasUri::parse(uri)?;
        around.check(&uri.base)?;
        let wire = Wire::new(&uri.base, api::CALL_LIMIT, around.proxy(&uri.base))
            .map_err(|error| OpenError::Tls(error.to_string()))?;
        Ok(Self::over(Arc::new(wire), uri, fastrand::Rng::new()))
    }

    /// An account as it is remembered, for one as it was typed: `Acme.gorgias.com` is `acme`.
    ///
    /// # Errors
    /// When it can be none.
    pub fn account_named(typed: &str) -> Result<String, UriError> {
        uri::domain_as_typed(typed)
    }

    /// The account of a source URI over another transport, with a seeded source of randomness: for tests.
    ///
    /// # Errors
    /// When the URI is wrong.
    pub fn with_transport(uri: &str, transport: Arc<dyn Transport>, seed: u64) -> Result<Self, UriError> {
        Ok(Self::over(transport, GorgiasUri::parse(uri)?, fastrand::Rng::with_seed(seed)))
    }

    fn over(transport: Arc<dyn Transport>, uri: GorgiasUri, rng: fastrand::Rng) -> Self {
        let authorization = authorization(&uri.credentials);
        let limiter = Arc::new(Limiter::new());
        limiter.keep_to(uri.budget);
        let client = Client::new(transport, uri.base.url, authorization, limiter, rng);
        Self { domain: uri.domain, client: Arc::new(client), vanished: Arc::default() }
    }
}

fn authorization(credentials: &Credentials) -> SecretString {
    match credentials {
        Credentials::Key { email, api_key } => {
            format!("Basic {}", STANDARD.encode(format!("{email}:{}", api_key.expose_secret()))).into()
        }
        Credentials::Bearer(token) => format!("Bearer {}", token.expose_secret()).into(),
    }
}

/// How the list of a table is re-scanned, as its state tells.
pub(super) fn rescan(table: &'static Resource, state: &State) -> Option<Rescan> {
    let rescan =
        Checkpoint::read(Some(state), table.name).ok()?.rescan.filter(|_| table.rescanned().is_some())?;
    let period = Some(Duration::from_secs(rescan.period?)).filter(|period| !period.is_zero());
    Some(Rescan { period, pages: rescan.length(), cap: rescan.capped_at })
}

impl Source for Gorgias {
    fn tables(&self) -> &'static [Resource] {
        &TABLES
    }

    fn account(&self) -> &str {
        &self.domain
    }

    fn describe(&self) -> String {
        format!("Gorgias account {}", self.domain)
    }

    fn keep_to(&self, share: Share) {
        self.client.limiter().keep_to(share);
    }

    fn ride_out(&self, patience: Duration) {
        self.client.outages().ride_out(patience);
    }

    fn allowance(&self) -> Allowance {
        self.client.limiter().allowance()
    }

    fn nothing_known(&self) -> State {
        Checkpoint::default().state()
    }

    fn explain(&self, subject: Subject, error: &SourceError) -> Option<Failure> {
        explain::explain(&self.describe(), &self.domain, subject, error)
    }

    fn continues(&self, table: &Resource, window: Window, state: &State) -> bool {
        let Ok(progress) = Checkpoint::read(Some(state), table.name) else { return false };
        let kind = window.start.map_or(PassKind::Backfill, PassKind::Since);
        window.end.is_none()
            && progress.watermark.is_none()
            && progress.unfinished.is_some_and(|pass| pass.kind == kind)
    }

    fn probe(&self, observer: Arc<dyn Observer>) -> BoxFuture<'_, Vec<Finding>> {
        Box::pin(self.find_out(observer))
    }

    fn forecast(
        &self,
        requests: Vec<ReadRequest>,
        observer: Arc<dyn Observer>,
    ) -> BoxFuture<'_, Vec<Result<Forecast, SourceError>>> {
        Box::pin(estimate::table::tables(&self.client, requests, observer))
    }

    fn read(&self, request: ReadRequest, observer: Arc<dyn Observer>) -> Result<Box<dyn Pages>, SourceError> {
        if request.from.is_some() {
            self.client.outages().met();
        }
        let path = request.table.path();
        let reader =
            TableReader::new(Arc::clone(&self.client), Arc::clone(&self.vanished), observer, request)?;
        Ok(Box::new(Channel::new(path, |out| Box::pin(reader.run(out)))))
    }
}
