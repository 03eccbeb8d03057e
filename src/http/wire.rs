//! The real network: reqwest with rustls.

use std::error::Error;
use std::io;
use std::time::Duration;

use futures_util::future::BoxFuture;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderMap, HeaderValue};
use secrecy::ExposeSecret as _;

use super::room::{Body, MOST, MOST_OF_REFUSAL, Room, TooLarge};
use super::{Request, Response, Transport, TransportError, TransportErrorKind};
use crate::uri::Base;

/// To connect. A host that does not answer at all is not a slow API.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two pieces of an answer, and before the first.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// For a whole answer: a page is a few MB at most.
const TOTAL_TIMEOUT: Duration = Duration::from_secs(180);

/// Bytes on their way on one HTTP/2 connection that nobody has read yet: as many as some dozens of requests may have, so
/// that those which wait for room keep no others waiting.
const CONNECTION_WINDOW: u32 = 64 << 20;

/// How a connection ends that the other side gave up.
const GONE: [io::ErrorKind; 4] = [
    io::ErrorKind::UnexpectedEof,
    io::ErrorKind::ConnectionReset,
    io::ErrorKind::ConnectionAborted,
    io::ErrorKind::BrokenPipe,
];

/// What the resolvers of glibc, musl and macOS say of a name that does not exist. That nobody can tell at the moment is
/// said in other words.
const NO_SUCH_HOST: [&str; 4] = [
    "Name or service not known",
    "No address associated with",
    "Name does not resolve",
    "nodename nor servname provided",
];

/// Sends requests over TCP.
#[derive(Debug)]
pub struct Wire {
    client: reqwest::Client,
    room: Room,
    /// The header that says how much of the account's budget is used.
    call_limit: &'static str,
}

impl Wire {
    /// A client of the API at `base` that keeps its connections, follows no redirect (the key would go along) and uses
    /// the system's proxy settings, but never for loopback. `call_limit` is the header that tells how much of the account's
    /// budget is used.
    ///
    /// # Errors
    /// When TLS cannot be set up.
    pub(crate) fn new(base: &Base, call_limit: &'static str) -> Result<Self, TransportError> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("ingestr/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT)
            .timeout(TOTAL_TIMEOUT)
            .http2_initial_connection_window_size(CONNECTION_WINDOW)
            .tcp_nodelay(true);
        if base.loopback {
            builder = builder.no_proxy();
            if base.is_plain() {
                // Nothing is encrypted, so nobody has to be believed: reading the system's certificates takes longer
                // than a request. Should there ever be TLS all the same, it fails: no root is trusted.
                builder = builder.tls_certs_only([]);
            }
        }
        let client = builder.build().map_err(|error| failure(&error))?;
        Ok(Self { client, room: Room::default(), call_limit })
    }

    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let mut authorization =
            HeaderValue::from_str(request.authorization.expose_secret()).map_err(|_| TransportError {
                kind: TransportErrorKind::Tls,
                message: "the key has characters no header can hold".into(),
            })?;
        authorization.set_sensitive(true);
        let sent = self
            .client
            .get(&request.url)
            .header(AUTHORIZATION, authorization)
            .header(ACCEPT, "application/json")
            .send()
            .await
            .map_err(|error| failure(&error))?;
        let status = sent.status().as_u16();
        let header = |headers: &HeaderMap, name: &str| {
            headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
        };
        let call_limit = header(sent.headers(), self.call_limit);
        let retry_after = header(sent.headers(), "retry-after");
        let date = header(sent.headers(), "date");
        let location = header(sent.headers(), "location");
        let body = self.body(sent).await?;
        Ok(Response { status, call_limit, retry_after, date, location, body })
    }
}

impl Wire {
    /// Reads a body piece by piece, so that one without an end, or one that unpacks to far more than was sent, is noticed
    /// before it is there.
    async fn body(&self, mut sent: reqwest::Response) -> Result<Body, TransportError> {
        let good = sent.status().as_u16() == 200;
        let mut reading = self.room.begin().await;
        let mut length = 0;
        while let Some(piece) = sent.chunk().await.map_err(|error| in_the_middle(failure(&error)))? {
            length += piece.len();
            if !good && length > MOST_OF_REFUSAL {
                // What it refuses, its status says.
                break;
            }
            reading.push(&piece).await.map_err(|TooLarge| too_large())?;
        }
        Ok(reading.finish())
    }
}

/// An answer that has begun: that its rest does not come is no outage.
fn in_the_middle(error: TransportError) -> TransportError {
    match error.kind {
        TransportErrorKind::Timeout => TransportError { kind: TransportErrorKind::Broken, ..error },
        _ => error,
    }
}

/// The same where nothing is shared out.
#[cfg(feature = "bigquery")]
pub(crate) async fn bounded(mut sent: reqwest::Response) -> Result<Vec<u8>, TransportError> {
    let mut body = Vec::new();
    while let Some(piece) = sent.chunk().await.map_err(|error| failure(&error))? {
        if body.len() + piece.len() > MOST {
            return Err(too_large());
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
}

fn too_large() -> TransportError {
    let message = format!("the answer is larger than {} MiB", MOST >> 20);
    TransportError { kind: TransportErrorKind::TooLarge, message }
}

impl Transport for Wire {
    fn get(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(self.send(request))
    }
}

/// What is behind an error. An I/O error that wraps another one names the source of that as its own, and so leaves it out.
fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e (dyn Error + 'static)> {
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    wrapped.map(|wrapped| wrapped as _).or_else(|| error.source())
}

/// Sorts reqwest's error by what may be done next, and words it by its innermost cause: the outer ones only repeat
/// the URL.
pub(crate) fn failure(error: &reqwest::Error) -> TransportError {
    let mut innermost: &(dyn Error + 'static) = error;
    let (mut tls, mut gone) = (false, false);
    while let Some(cause) = cause(innermost) {
        innermost = cause;
        let text = innermost.to_string().to_lowercase();
        tls |= text.contains("certificate") || text.contains("handshake") || text.contains("invalid peer");
        tls |= text.contains("corrupt message") || text.contains("tls");
        gone |= innermost.downcast_ref::<io::Error>().is_some_and(|error| GONE.contains(&error.kind()));
    }
    // Once there was a secure connection, and wherever the other side only hung up, it may be there again next time; that
    // it did so without the farewell of TLS (RFC 8446, 6.1) makes no difference.
    let insecure = tls && !gone && (error.is_connect() || error.is_builder());
    let said = innermost.to_string();
    let (kind, message) = if error.is_timeout() && error.is_connect() {
        (TransportErrorKind::Connect, format!("no connection within {} s", CONNECT_TIMEOUT.as_secs()))
    } else if error.is_timeout() {
        (TransportErrorKind::Timeout, format!("no answer within {} s", READ_TIMEOUT.as_secs()))
    } else if insecure {
        (TransportErrorKind::Tls, format!("no secure connection: {said}"))
    } else if error.is_connect() && NO_SUCH_HOST.iter().any(|words| said.contains(words)) {
        (TransportErrorKind::NoSuchHost, format!("no connection: {said}"))
    } else if error.is_connect() {
        (TransportErrorKind::Connect, format!("no connection: {said}"))
    } else {
        (TransportErrorKind::Broken, format!("the connection broke: {said}"))
    };
    TransportError { kind, message }
}

#[cfg(test)]
mod tests;
