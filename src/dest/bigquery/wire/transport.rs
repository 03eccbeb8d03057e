//! The door to the network, as a trait: production plugs in reqwest, tests a scripted BigQuery.
//!
//! A trait of its own beside [`crate::http::Transport`], which can do nothing but GET: that we never write to a
//! merchant's account is in that type, and shall stay there.

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};

use crate::http::{TransportError, TransportErrorKind, wire};

/// To connect. A host that does not answer at all is not a slow API.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For an answer, the body of the request apart.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// Bytes a second at which sending a body is still waited for.
const SLOWEST: u64 = 32 * 1024;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

/// A request. The URL may carry the id of an upload session, which nobody may see: no `Display`.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: String,
    /// Tokens, and what belongs to them.
    pub(super) secrets: Vec<(&'static str, SecretString)>,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
}

/// A complete answer.
#[derive(Debug, Clone, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    /// Of an upload session.
    pub(super) location: Option<String>,
    /// What an upload session has.
    pub(super) range: Option<String>,
    pub(super) retry_after: Option<String>,
    pub(super) date: Option<String>,
    pub(super) body: Bytes,
}

/// The network.
pub(super) trait Transport: Send + Sync + std::fmt::Debug {
    /// Sends one request and waits for the whole answer. Never retries.
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, TransportError>>;
}

/// Sends requests over TCP.
#[derive(Debug)]
pub(super) struct Wire {
    client: reqwest::Client,
}

impl Wire {
    /// A client that keeps its connections, follows no redirect (the token would go along) and uses the system's
    /// proxy settings, but never for loopback.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(super) fn new(loopback: bool) -> Result<Self, TransportError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("ingestr/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true);
        if loopback {
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| wire::failure(&error))?;
        Ok(Self { client })
    }

    async fn exchange(&self, request: Request) -> Result<Reply, TransportError> {
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        let mut headers = HeaderMap::new();
        for (name, secret) in &request.secrets {
            let mut value = HeaderValue::from_str(secret.expose_secret()).map_err(|_| TransportError {
                kind: TransportErrorKind::Tls,
                message: "the token has characters no header can hold".into(),
            })?;
            value.set_sensitive(true);
            headers.insert(HeaderName::from_static(name), value);
        }
        let timeout = ANSWER_TIMEOUT
            + Duration::from_secs(u64::try_from(request.body.len()).unwrap_or(u64::MAX) / SLOWEST);
        let mut builder = self.client.request(method, &request.url).headers(headers).timeout(timeout);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if request.method != Method::Get {
            builder = builder.body(request.body);
        }
        let reply = builder.send().await.map_err(|error| failure(&error))?;
        let header =
            |name: &str| reply.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (status, location, range) = (reply.status().as_u16(), header("location"), header("range"));
        let (retry_after, date) = (header("retry-after"), header("date"));
        let body = wire::bounded(reply).await?.into();
        Ok(Reply { status, location, range, retry_after, date, body })
    }
}

/// As for sources, but for the time that was waited: it depends on the size of the body.
fn failure(error: &reqwest::Error) -> TransportError {
    let failure = wire::failure(error);
    match failure.kind {
        TransportErrorKind::Timeout => TransportError { message: "no answer in time".into(), ..failure },
        _ => failure,
    }
}

impl Transport for Wire {
    fn send(&self, request: Request) -> BoxFuture<'_, Result<Reply, TransportError>> {
        Box::pin(self.exchange(request))
    }
}
