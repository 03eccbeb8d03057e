//! HTTP as a source needs it: one seam to the network, one budget, one way to retry.
//!
//! [`Transport`] is the only door to the network and can do nothing but GET: that we never write to a merchant's
//! account is in its type. Production plugs in [`wire::Wire`], tests plug in the simulator.

pub mod client;
pub mod limit;
mod mask;
pub mod outage;
pub mod retry;
pub mod room;
pub mod surroundings;
pub mod when;
pub mod wire;

use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use self::room::Body;
use crate::model::Micros;

/// A request; always GET.
#[derive(Debug, Clone)]
pub struct Request {
    /// Absolute URL with its query.
    pub url: String,
    /// Value of the `Authorization` header.
    pub authorization: SecretString,
}

/// A complete answer.
#[derive(Debug, Default)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// `X-Gorgias-Account-Api-Call-Limit`, as sent.
    pub call_limit: Option<String>,
    /// `Retry-After`, as sent.
    pub retry_after: Option<String>,
    /// `Date`, as sent: the clock that a date in `Retry-After` goes by.
    pub date: Option<String>,
    /// `Location`, as sent: a merged ticket answers with its survivor's.
    pub location: Option<String>,
    /// The whole body, decompressed; of a refusal as much as is read of one.
    pub body: Body,
}

impl Response {
    /// Whether the body is a page for people: no answer of the API is.
    #[must_use]
    pub fn is_page(&self) -> bool {
        self.body.trim_ascii_start().starts_with(b"<")
    }
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransportErrorKind {
    /// No connection: refused, no route, nobody who knows the name at the moment. Nothing was sent.
    Connect,
    /// There is no host of that name.
    NoSuchHost,
    /// No trust: certificate or protocol. Trying again cannot help.
    Tls,
    /// No answer has begun in time.
    Timeout,
    /// The connection broke, before or in the middle of the answer, or the rest of the answer did not come in time.
    Broken,
    /// The answer is larger than any should be. The same request would have the same answer.
    TooLarge,
}

/// No answer.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct TransportError {
    /// What it means for a retry.
    pub kind: TransportErrorKind,
    /// What happened, without URL.
    pub message: String,
}

/// The network.
pub trait Transport: Send + Sync + std::fmt::Debug {
    /// Sends one request and waits for the whole answer. Never retries.
    fn get(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>>;
}

/// What happens on the way, for progress and receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Signal {
    /// The account's budget is used up; the next request waits this long.
    Budget(Duration),
    /// The API has closed the account to everybody for this long, and the request waits behind others for it to open.
    Closed(Duration),
    /// The answer was no good; the request is repeated after this long.
    Retry {
        /// What was wrong, e.g. `HTTP 502`.
        why: String,
        /// Attempts made so far.
        attempt: u32,
        /// The wait.
        wait: Duration,
    },
    /// There are no answers any more; the request is repeated for this long, and no [`Signal::Retry`] says so.
    Lost {
        /// What comes instead, e.g. `HTTP 502`.
        why: String,
        /// For how long.
        patience: Duration,
    },
    /// There are answers again, after this long.
    Back(Duration),
    /// An answer said how much of the budget is in use.
    Used {
        /// Requests in the bucket.
        used: u32,
        /// Its size.
        limit: u32,
    },
    /// A request was sent.
    Sent {
        /// Whether it repeats a failed one.
        retry: bool,
    },
    /// A detail for those who look closely.
    Detail(String),
}

/// Hears the signals; called often, so it must be quick.
pub trait Observer: Send + Sync {
    /// Takes one signal.
    fn on(&self, signal: Signal);

    /// The time, if the observer knows it: nothing here reads a clock.
    fn now(&self) -> Option<Micros> {
        None
    }
}

/// Hears nothing.
#[derive(Debug, Clone, Copy)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn on(&self, _: Signal) {}
}
