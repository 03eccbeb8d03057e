//! The simulated account in the place of the network, on the paused clock of the test.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use gorgias_sim::{Account, Reply};
use ingestr::api::http::{Request, Response, Transport, TransportError, TransportErrorKind};
use secrecy::ExposeSecret as _;
use tokio::sync::Notify;
use tokio::time::Instant;

#[derive(Debug)]
pub struct SimTransport {
    pub account: Arc<Mutex<Account>>,
    pub clock: Clock,
    pub latency: Duration,
    /// The part of the latency that differs from answer to answer, 0 to 1, and what decides it.
    pub jitter: f64,
    pub rng: Mutex<fastrand::Rng>,
    pub death: Option<Death>,
    pub sent: AtomicU64,
    /// Bytes that an answer may have.
    pub body_limit: usize,
    /// Answers that contain one of these are too large.
    pub too_large: Vec<String>,
    /// Rings when the process dies or is stopped.
    pub bell: Arc<Notify>,
    /// Rings when a stopped process goes on.
    pub wake: Arc<Notify>,
}

/// Where a process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Before it sends its n-th request, from 0.
    BeforeRequest(u64),
    /// After the account has answered it.
    AfterRequest(u64),
    /// It does not die, but is stopped for so long before it sends its n-th request.
    Sleep { request: u64, time: Duration },
}

/// Wall time that follows Tokio's, so that pausing one pauses the other.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    pub base: i64,
    pub start: Instant,
}

impl Clock {
    pub fn now(self) -> i64 {
        self.base + i64::try_from(self.start.elapsed().as_micros()).unwrap()
    }
}

impl SimTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let broken = |kind, message: &str| TransportError { kind, message: message.into() };
        tokio::time::sleep(self.half()).await;
        let path = request.url.strip_prefix("http://127.0.0.1:9").expect("requests go to the account only");
        let sent =
            gorgias_sim::Request::get(path).header("Authorization", request.authorization.expose_secret());
        let reply = self.account.lock().unwrap().handle(&sent, self.clock.now());
        tokio::time::sleep(self.half()).await;
        match reply {
            Reply::Respond(response) if self.is_too_large(&response) => {
                Err(broken(TransportErrorKind::TooLarge, "the answer is larger than it may be"))
            }
            Reply::Respond(response) => Ok(Response {
                status: response.status,
                call_limit: response.header("x-gorgias-account-api-call-limit").map(str::to_owned),
                retry_after: response.header("retry-after").map(str::to_owned),
                date: response.header("date").map(str::to_owned),
                location: response.header("location").map(str::to_owned),
                body: response.body.into(),
            }),
            Reply::Reset => Err(broken(TransportErrorKind::Broken, "connection reset")),
            Reply::CutBody(_) => Err(broken(TransportErrorKind::Broken, "the body was cut")),
            Reply::Hang => {
                tokio::time::sleep(Duration::from_secs(60)).await;
                Err(broken(TransportErrorKind::Timeout, "no answer within 60 s"))
            }
        }
    }
}

impl SimTransport {
    fn is_too_large(&self, response: &gorgias_sim::Response) -> bool {
        let holds = |mark: &String| memchr::memmem::find(&response.body, mark.as_bytes()).is_some();
        let marked = || self.too_large.iter().any(holds);
        response.status == 200 && (response.body.len() > self.body_limit || marked())
    }

    fn half(&self) -> Duration {
        let part = 1.0 - self.jitter * self.rng.lock().unwrap().f64();
        (self.latency / 2).mul_f64(part)
    }

    async fn die(&self) {
        self.bell.notify_one();
        std::future::pending::<()>().await;
    }
}

impl Transport for SimTransport {
    fn get(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let number = self.sent.fetch_add(1, Relaxed);
            if self.death == Some(Death::BeforeRequest(number)) {
                self.die().await;
            }
            if matches!(self.death, Some(Death::Sleep { request, .. }) if request == number) {
                self.bell.notify_one();
                self.wake.notified().await;
            }
            let response = self.send(request).await;
            if self.death == Some(Death::AfterRequest(number)) {
                self.die().await;
            }
            response
        })
    }
}

/// Makes a body out of the one that was sent, for a path.
pub type Garble = Arc<dyn Fn(&str, Bytes) -> Bytes + Send + Sync>;

/// A transport whose bodies arrive otherwise than they were sent.
pub struct Garbled {
    pub transport: SimTransport,
    pub garble: Option<Garble>,
}

impl std::fmt::Debug for Garbled {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.transport.fmt(f)
    }
}

impl Transport for Garbled {
    fn get(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let url = request.url.clone();
            let mut response = self.transport.get(request).await?;
            if let Some(garble) = &self.garble {
                response.body = garble(&url, Bytes::copy_from_slice(&response.body)).into();
            }
            Ok(response)
        })
    }
}
