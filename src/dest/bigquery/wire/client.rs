//! One call: its token, what is done again and after how long, and the error it ends with.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use tokio::time::Instant;

use super::auth::{AuthError, Tokens};
use super::error::{self, ApiError, Doing, Said};
use super::transport::{Method, Reply, Request, Transport};
use crate::http::retry::{Again, Retries, Why};
use crate::http::{TransportError, TransportErrorKind, when};

/// Sends calls.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) transport: Arc<dyn Transport>,
    pub(super) tokens: Arc<dyn Tokens>,
    pub(super) rng: Mutex<fastrand::Rng>,
    /// Whether the host has ever answered.
    pub(super) seen: AtomicBool,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Bytes,
    /// Statuses beside 2xx that are an answer and no failure.
    pub(super) fine: &'static [u16],
}

impl Call {
    pub(super) fn new(method: Method, url: String) -> Self {
        Self { method, url, headers: Vec::new(), body: Bytes::new(), fine: &[] }
    }

    pub(super) fn json(mut self, body: &serde_json::Value) -> Self {
        self.headers.push(("content-type", "application/json; charset=UTF-8".into()));
        self.body = body.to_string().into();
        self
    }

    pub(super) fn fine(mut self, statuses: &'static [u16]) -> Self {
        self.fine = statuses;
        self
    }
}

/// How one attempt ended.
#[derive(Debug)]
pub(super) enum Attempt {
    /// 2xx, or a status that the call expects.
    Answer(Reply),
    /// It may pass.
    Again(Again, Option<Said>),
    /// It stays.
    Final(ApiError),
}

impl Client {
    /// Sends a call until it succeeds, or fails for good.
    pub(super) async fn send(&self, doing: &Doing, call: Call) -> Result<Reply, ApiError> {
        let mut patience = Patience::default();
        loop {
            match self.attempt(doing, &call).await {
                Attempt::Answer(reply) => return Ok(reply),
                Attempt::Final(error) => return Err(patience.spent_on(error)),
                Attempt::Again(again, said) => patience.wait(self, doing, again, said).await?,
            }
        }
    }

    /// The same, and reads the answer. One that is not what it should be was cut, or made by something between.
    pub(super) async fn read<T: DeserializeOwned>(&self, doing: &Doing, call: Call) -> Result<T, ApiError> {
        match self.read_or(doing, call.fine(&[])).await? {
            Ok(value) => Ok(value),
            Err(reply) => Err(ApiError::refused(doing, reply.status, Said::of(&reply.body))),
        }
    }

    /// The same with the statuses that the call expects beside 2xx: those come back as the reply.
    pub(super) async fn read_or<T: DeserializeOwned>(
        &self,
        doing: &Doing,
        call: Call,
    ) -> Result<Result<T, Reply>, ApiError> {
        let mut patience = Patience::default();
        loop {
            let (again, said) = match self.attempt(doing, &call).await {
                Attempt::Answer(reply) if call.fine.contains(&reply.status) => return Ok(Err(reply)),
                Attempt::Answer(reply) => match serde_json::from_slice(&reply.body) {
                    Ok(value) => return Ok(Ok(value)),
                    Err(_) => (Again::soon(Why::Body("the answer is not what it should be".into())), None),
                },
                Attempt::Final(error) => return Err(patience.spent_on(error)),
                Attempt::Again(again, said) => (again, said),
            };
            patience.wait(self, doing, again, said).await?;
        }
    }

    /// Sends a call once; once more with a new token, if the first was refused.
    pub(super) async fn attempt(&self, doing: &Doing, call: &Call) -> Attempt {
        let mut renewed = false;
        loop {
            let secrets = match self.tokens.headers().await {
                Ok(secrets) => secrets,
                Err(error) if error.passes => {
                    return Attempt::Again(Again::soon(Why::Transport(error.message)), None);
                }
                Err(AuthError { message, hint, .. }) => {
                    return Attempt::Final(ApiError::credentials(doing, message, hint));
                }
            };
            let had_token = !secrets.is_empty();
            let request = Request {
                method: call.method,
                url: call.url.clone(),
                secrets,
                headers: call.headers.clone(),
                body: call.body.clone(),
            };
            let reply = match self.transport.send(request).await {
                Ok(reply) => reply,
                Err(error) => return broken(doing, error),
            };
            self.seen.store(true, Ordering::Relaxed);
            if reply.status == 401 && had_token && !renewed {
                renewed = true;
                self.tokens.renew();
                continue;
            }
            return sort(doing, call, reply);
        }
    }
}

/// What an answer means.
fn sort(doing: &Doing, call: &Call, reply: Reply) -> Attempt {
    if (200..300).contains(&reply.status) || call.fine.contains(&reply.status) {
        return Attempt::Answer(reply);
    }
    let said = Said::of(&reply.body);
    let passes = match reply.status {
        408 | 425 | 429 | 500 | 502..=504 => true,
        _ => said.as_ref().is_some_and(error::passes),
    };
    if !passes {
        return Attempt::Final(ApiError::refused(doing, reply.status, said));
    }
    let told = reply.retry_after.as_deref().and_then(|text| when::read(text, reply.date.as_deref(), None));
    Attempt::Again(Again { told, ..Again::soon(Why::Status(reply.status)) }, said)
}

fn broken(doing: &Doing, error: TransportError) -> Attempt {
    let again = |why| Attempt::Again(Again::soon(why), None);
    match error.kind {
        TransportErrorKind::Tls => Attempt::Final(ApiError::tls(doing, error.message)),
        TransportErrorKind::TooLarge => Attempt::Final(ApiError::other(doing, error.message)),
        TransportErrorKind::Connect | TransportErrorKind::NoSuchHost => again(Why::Connect(error.message)),
        TransportErrorKind::Timeout | TransportErrorKind::Broken => again(Why::Transport(error.message)),
    }
}

/// Attempts at one call, and the waits between them.
#[derive(Debug)]
pub(super) struct Patience {
    retries: Retries,
    start: Instant,
}

impl Default for Patience {
    fn default() -> Self {
        Self { retries: Retries::default(), start: Instant::now() }
    }
}

impl Patience {
    /// Waits before the next attempt.
    ///
    /// # Errors
    /// When there were enough of them.
    pub(super) async fn wait(
        &mut self,
        client: &Client,
        doing: &Doing,
        again: Again,
        said: Option<Said>,
    ) -> Result<(), ApiError> {
        let wait = {
            let mut rng = client.rng.lock().unwrap_or_else(PoisonError::into_inner);
            self.retries.next(&again, client.seen.load(Ordering::Relaxed), &mut rng)
        };
        match wait {
            Some(wait) => {
                tokio::time::sleep(wait).await;
                Ok(())
            }
            None => {
                let mut error = ApiError::lasting(doing, &again.why, said);
                if let (Some(wait), None) = (again.told, &error.hint) {
                    let seconds = wait.as_secs_f64().ceil();
                    error.hint = Some(format!("come back in {seconds:.0} s and run the command again"));
                }
                error.attempts = self.retries.attempts();
                error.elapsed = self.start.elapsed();
                Err(error)
            }
        }
    }

    fn spent_on(&self, mut error: ApiError) -> ApiError {
        error.attempts = self.retries.attempts() + 1;
        error.elapsed = self.start.elapsed();
        error
    }
}
