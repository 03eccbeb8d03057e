//! One account's client: budget, retries and the words for what went wrong, around a [`Transport`].

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use secrecy::SecretString;
use tokio::time::Instant;

use super::limit::{Limiter, Priority, Seat};
use super::retry::{self, Again, Final, Outcome, Retries, Why};
use super::{Listener, Request, Signal, Transport};

/// A request that did not succeed, with everything a user needs to see and no secret: the path and query carry
/// cursors, ids and sort orders only.
#[derive(Debug, thiserror::Error)]
#[error("GET {path}: {problem}{}", effort(*attempts, *elapsed))]
pub struct HttpError {
    /// Path and query.
    pub path: String,
    /// What was wrong in the end.
    pub problem: Problem,
    /// How often it was tried.
    pub attempts: u32,
    /// From the first attempt to the last answer.
    pub elapsed: Duration,
}

fn effort(attempts: u32, elapsed: Duration) -> String {
    match attempts {
        0 | 1 => String::new(),
        _ => format!(" (gave up after {attempts} attempts in {:.0} s)", elapsed.as_secs_f64()),
    }
}

/// What was wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A refusal, with the API's own message if it sent one as JSON.
    #[error("HTTP {status}{}", message.as_deref().map(|text| format!(" \"{text}\"")).unwrap_or_default())]
    Refused {
        /// Status code.
        status: u16,
        /// `error.msg` of the body.
        message: Option<String>,
        /// Whether the body was JSON at all: an account that does not exist answers with an HTML page.
        json: bool,
        /// Where the API says it is now.
        location: Option<String>,
    },
    /// No trusted connection.
    #[error("{0}")]
    Tls(String),
    /// A failure that did not pass.
    #[error("{0}")]
    Persistent(Why),
}

/// Reads one account.
#[derive(Debug)]
pub struct Client {
    transport: Arc<dyn Transport>,
    /// Scheme, host and port, no slash at the end.
    base: String,
    authorization: SecretString,
    limiter: Arc<Limiter>,
    rng: Mutex<fastrand::Rng>,
    /// Whether the host has ever answered.
    seen: AtomicBool,
}

impl Client {
    /// A client for `base` (no slash at the end).
    #[must_use]
    pub fn new(
        transport: Arc<dyn Transport>,
        base: String,
        authorization: SecretString,
        limiter: Arc<Limiter>,
        rng: fastrand::Rng,
    ) -> Self {
        Self { transport, base, authorization, limiter, rng: Mutex::new(rng), seen: AtomicBool::new(false) }
    }

    /// The account's budget.
    #[must_use]
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// A place among those who read the account.
    #[must_use]
    pub fn seat(&self) -> Seat {
        Seat::take(Arc::clone(&self.limiter))
    }

    /// [`Client::get_when`] for what is small and wanted soon.
    ///
    /// # Errors
    /// After the attempts that make sense.
    pub async fn get<T, E: std::fmt::Display>(
        &self,
        path: &str,
        listener: &dyn Listener,
        read: impl Fn(Bytes) -> Result<T, E>,
    ) -> Result<T, HttpError> {
        self.get_when(Priority::Soon, path, listener, read).await
    }

    /// Gets `path` (with its query) and reads the body with `read`. A body that cannot be read is a failed attempt
    /// like any other: it was cut, or something between us and the API answered in its place.
    ///
    /// # Errors
    /// After the attempts that make sense.
    pub async fn get_when<T, E: std::fmt::Display>(
        &self,
        priority: Priority,
        path: &str,
        listener: &dyn Listener,
        read: impl Fn(Bytes) -> Result<T, E>,
    ) -> Result<T, HttpError> {
        let mut retries = Retries::default();
        let start = Instant::now();
        loop {
            let ticket = self.limiter.acquire(priority, listener).await;
            listener.hear(Signal::Sent { retry: retries.attempts() > 0 });
            let request =
                Request { url: format!("{}{path}", self.base), authorization: self.authorization.clone() };
            let attempt = self.transport.get(request).await;
            match &attempt {
                Ok(response) => ticket.answered(response.call_limit.as_deref(), listener),
                // It is not known whether it was counted.
                Err(_) => drop(ticket),
            }
            self.seen.fetch_or(attempt.is_ok(), Ordering::Relaxed);
            let again = match retry::classify(attempt) {
                Outcome::Good(response) => match read(response.body) {
                    Ok(value) => return Ok(value),
                    Err(error) => Again { why: Why::Body(error.to_string()), told: None },
                },
                Outcome::Again(again) => again,
                Outcome::Final(end) => return Err(error(path, problem(end), &retries, start)),
            };
            let wait = {
                let mut rng = self.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                retries.next(&again, self.seen.load(Ordering::Relaxed), &mut rng)
            };
            let Some(wait) = wait else {
                let mut error = error(path, Problem::Persistent(again.why), &retries, start);
                error.attempts -= 1;
                return Err(error);
            };
            if again.why == Why::Status(429) {
                // The budget is the account's: everything that shares it waits, not only this request.
                self.limiter.refused(wait);
            }
            listener.hear(Signal::Retry { why: again.why.to_string(), attempt: retries.attempts(), wait });
            tokio::time::sleep(wait).await;
        }
    }
}

fn error(path: &str, problem: Problem, retries: &Retries, start: Instant) -> HttpError {
    HttpError { path: path.to_owned(), problem, attempts: retries.attempts() + 1, elapsed: start.elapsed() }
}

fn problem(end: Final) -> Problem {
    match end {
        Final::Tls(message) => Problem::Tls(message),
        Final::Status(response) => {
            let body: Option<serde_json::Value> = serde_json::from_slice(&response.body).ok();
            let message = body.as_ref().and_then(|body| body.get("error")).and_then(|error| {
                error.get("msg").and_then(|text| text.as_str()).map(|text| text.chars().take(200).collect())
            });
            let json = body.is_some();
            Problem::Refused { status: response.status, message, json, location: response.location }
        }
    }
}
