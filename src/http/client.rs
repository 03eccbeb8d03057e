//! One account's client: budget, retries and the words for what went wrong, around a [`Transport`].

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use secrecy::SecretString;
use tokio::time::Instant;

use super::limit::{Limiter, Priority, Reader};
use super::mask::Mask;
use super::outage::{Next, Outages, Ride};
use super::retry::{self, Again, Final, Known, LONGEST_TOLD, Outcome, Retries, Why};
use super::room::Body;
use super::when::LONGEST;
use super::{Observer, Request, Response, Signal, Transport, TransportError};
use crate::model::Micros;

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

impl HttpError {
    /// Whether no request should follow, whatever this one was for: the server asks to be left alone for long.
    #[must_use]
    pub fn ends_the_run(&self) -> bool {
        matches!(self.problem, Problem::ComeBack { .. })
    }

    /// Whether the answer was larger than any may be: fewer rows may fit.
    #[must_use]
    pub fn is_too_large(&self) -> bool {
        matches!(self.problem, Problem::TooLarge(_))
    }
}

/// Where a redirect leads: no query, which may hold anything.
fn elsewhere(status: u16, location: Option<&str>) -> String {
    let Some(location) = location.filter(|_| (300..400).contains(&status)) else { return String::new() };
    let place = location.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = place.split_once("://").map_or(("", place), |(scheme, rest)| (scheme, rest));
    let host = rest.split('/').next().unwrap_or_default();
    let bare = rest.replacen(host, host.rsplit_once('@').map_or(host, |(_, host)| host), 1);
    let place = if scheme.is_empty() { bare } else { format!("{scheme}://{bare}") };
    let shown: String = place.chars().filter(|c| c.is_ascii_graphic()).take(200).collect();
    format!(", redirected to {shown}")
}

fn effort(attempts: u32, elapsed: Duration) -> String {
    match attempts {
        0 | 1 => String::new(),
        _ => format!(" (gave up after {attempts} attempts in {:.0} s)", elapsed.as_secs_f64()),
    }
}

/// What is asked for is told as it is, unless it is no wait at all.
fn told(wait: Duration) -> String {
    if wait >= LONGEST { "a year or more".into() } else { format!("{} s", wait.as_secs_f64().ceil()) }
}

/// Characters of a message that are shown.
const MOST: usize = 200;
/// The same of a whole line: what is asked for has cursors, which are long.
const MOST_OF_LINE: usize = 2_000;

/// What was wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A refusal, with the API's own message if it sent one as JSON.
    #[error(
        "HTTP {status}{}{}",
        message.as_deref().map(|text| format!(" \"{text}\"")).unwrap_or_default(),
        elsewhere(*status, location.as_deref())
    )]
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
    /// The answer is larger than any should be. Nothing of it was kept, and the same request would have the same.
    #[error("{0}")]
    TooLarge(String),
    /// A failure that did not pass.
    #[error("{0}")]
    Persistent(Why),
    /// The server asks for a longer wait than a run should last.
    #[error("{why}, Retry-After {}", told(*wait))]
    ComeBack {
        /// What it answered.
        why: Why,
        /// For how long it asks to be left alone.
        wait: Duration,
        /// Until when that is; `None`: nobody knows the time.
        until: Option<Micros>,
    },
}

/// Reads one account.
#[derive(Debug)]
pub struct Client {
    transport: Arc<dyn Transport>,
    /// Scheme, host and port, no slash at the end.
    base: String,
    authorization: SecretString,
    /// Hides them in whatever the server says.
    mask: Mask,
    limiter: Arc<Limiter>,
    rng: Mutex<fastrand::Rng>,
    /// Whether the host has ever answered.
    seen: AtomicBool,
    outages: Outages,
    /// Whether it has answered as the API does: with JSON.
    speaks: AtomicBool,
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
        let (seen, speaks) = (AtomicBool::new(false), AtomicBool::new(false));
        let outages = Outages::default();
        let (rng, mask) = (Mutex::new(rng), Mask::of(&authorization));
        Self { transport, base, authorization, mask, limiter, rng, seen, outages, speaks }
    }

    /// What the server said, as it may be shown: in one line, and without the credentials that it was sent.
    #[must_use]
    pub fn shown(&self, text: &str) -> String {
        self.mask.shown(text, MOST)
    }

    /// The account's budget.
    #[must_use]
    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    /// What becomes of requests while the host does not answer.
    #[must_use]
    pub fn outages(&self) -> &Outages {
        &self.outages
    }

    /// Joins those that read the account.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader::join(Arc::clone(&self.limiter))
    }

    /// [`Client::get_when`] for what is small and wanted soon.
    ///
    /// # Errors
    /// After the attempts that make sense.
    pub async fn get<T, E: std::fmt::Display>(
        &self,
        path: &str,
        observer: &dyn Observer,
        read: impl Fn(Body) -> Result<T, E>,
    ) -> Result<T, HttpError> {
        self.get_when(Priority::Soon, path, observer, read).await
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
        observer: &dyn Observer,
        read: impl Fn(Body) -> Result<T, E>,
    ) -> Result<T, HttpError> {
        let mut retries = Retries::default();
        let mut ride = self.outages.ride();
        let start = Instant::now();
        loop {
            let ticket = self.limiter.acquire(priority, observer).await;
            observer.on(Signal::Sent { retry: retries.attempts() > 0 });
            let request =
                Request { url: format!("{}{path}", self.base), authorization: self.authorization.clone() };
            let began = Instant::now();
            let attempt = self.transport.get(request).await.map_err(|error| self.shown_error(&error));
            let told = detail(path, &attempt, began.elapsed());
            observer.on(Signal::Detail(self.mask.shown(&told, MOST_OF_LINE)));
            match &attempt {
                Ok(response) => ticket.answered(response.call_limit.as_deref(), observer),
                // It is not known whether it was counted.
                Err(_) => drop(ticket),
            }
            self.seen.fetch_or(attempt.is_ok(), Ordering::Relaxed);
            let known = Known { now: observer.now(), speaks: self.speaks.load(Ordering::Relaxed) };
            let outcome = retry::classify(attempt, known);
            if !matches!(&outcome, Outcome::Again(again) if again.why.is_outage() || again.why.is_silence()) {
                self.outages.met();
                ride.answered(observer);
            }
            let again = match outcome {
                Outcome::Good(response) => {
                    let page = response.is_page();
                    match read(response.body) {
                        Ok(value) => {
                            self.speaks.fetch_or(!page, Ordering::Relaxed);
                            return Ok(value);
                        }
                        Err(error) => Again::soon(Why::Body(self.shown(&error.to_string()))),
                    }
                }
                Outcome::Again(again) => again,
                Outcome::Final(end) => {
                    let problem = problem(end, &self.mask);
                    let spoke = matches!(&problem, Problem::Refused { json: true, .. });
                    self.speaks.fetch_or(spoke, Ordering::Relaxed);
                    return Err(self.error(path, problem, &retries, start));
                }
            };
            let (wait, told) = self.pause(&again, began, &mut retries, &mut ride, observer);
            let Some(wait) = wait else {
                let problem = given_up(again, observer.now(), &self.mask);
                let mut error = self.error(path, problem, &retries, start);
                error.attempts -= 1;
                return Err(error);
            };
            if again.why == Why::Status(429) {
                // The budget is the account's: everything that shares it waits, not only this request.
                self.limiter.refused(wait);
            }
            if told {
                observer.on(Signal::Retry { why: again.why.to_string(), attempt: retries.attempts(), wait });
            }
            tokio::time::sleep(wait).await;
        }
    }

    fn error(&self, path: &str, problem: Problem, retries: &Retries, start: Instant) -> HttpError {
        let path = self.mask.shown(path, MOST_OF_LINE);
        HttpError { path, problem, attempts: retries.attempts() + 1, elapsed: start.elapsed() }
    }

    fn shown_error(&self, error: &TransportError) -> TransportError {
        TransportError { kind: error.kind, message: self.shown(&error.message) }
    }

    /// How long to wait before the next attempt, `None` to give up; and whether the wait is worth a word.
    fn pause(
        &self,
        again: &Again,
        began: Instant,
        retries: &mut Retries,
        ride: &mut Ride<'_>,
        observer: &dyn Observer,
    ) -> (Option<Duration>, bool) {
        let mut rng = self.rng.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        match ride.failed(again, began, retries, &mut rng, observer) {
            Next::Elsewhere => (retries.next(again, self.seen.load(Ordering::Relaxed), &mut rng), true),
            Next::Wait(wait, told) => (Some(wait), told),
            Next::GiveUp => (None, false),
        }
    }
}

/// What `--debug` shows of an attempt. Cursors are left out: they are long, and say nothing to anybody.
fn detail(path: &str, attempt: &Result<Response, TransportError>, took: Duration) -> String {
    let path = match path.split_once("cursor=") {
        Some((before, after)) => {
            format!("{before}cursor=…{}", after.find('&').map_or("", |end| &after[end..]))
        }
        None => path.to_owned(),
    };
    let found = match attempt {
        Ok(response) => {
            let budget = response.call_limit.as_deref().map(|used| format!(", budget {used}"));
            format!("{}{}", response.status, budget.unwrap_or_default())
        }
        Err(error) => error.to_string(),
    };
    format!("GET {path}: {found}, {} ms", took.as_millis())
}

/// What a failure was in the end that did not pass.
fn given_up(again: Again, now: Option<Micros>, mask: &Mask) -> Problem {
    match again {
        Again { refusal: Some(refusal), told: Some(wait), .. } if wait <= LONGEST_TOLD => {
            problem(Final::Status(refusal), mask)
        }
        Again { why, told: Some(wait), .. } if !wait.is_zero() => {
            Problem::ComeBack { why, wait, until: now.map(|now| now.plus(wait)) }
        }
        Again { why, .. } => Problem::Persistent(why),
    }
}

fn problem(end: Final, mask: &Mask) -> Problem {
    match end {
        Final::Tls(message) => Problem::Tls(message),
        Final::TooLarge(message) => Problem::TooLarge(message),
        Final::Status(response) => {
            let body: Option<serde_json::Value> = serde_json::from_slice(&response.body).ok();
            let message = body.as_ref().and_then(|body| body.get("error")).and_then(|error| {
                error.get("msg").and_then(|text| text.as_str()).map(|text| mask.shown(text, MOST))
            });
            let json = body.is_some();
            let location = response.location.map(|location| mask.hide(&location));
            Problem::Refused { status: response.status, message, json, location }
        }
    }
}
