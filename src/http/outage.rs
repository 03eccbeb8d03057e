//! Outages: a host that has answered and does not any more is asked for long, and it is said once.
//!
//! An outage is measured for each request, so that a single one that never gets an answer ends, whatever becomes of the
//! others. The first request that is in it for some attempts tells the observer when it begins and when it ends; what the
//! others meet meanwhile is the same, and is not told.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use tokio::time::Instant;

use super::retry::{Again, Retries};
use super::{Observer, Signal};

/// Failed attempts that are told one by one before they are an outage.
const HICCUPS: u32 = 2;

/// What the requests of one account share about it.
#[derive(Debug, Default)]
pub struct Outages {
    /// How long it is ridden out; zero: not at all.
    patience_ms: AtomicU64,
    /// Whether the host has ever answered as it should, in this run or in an earlier one.
    met: AtomicBool,
    /// Whether somebody has told that there is an outage.
    told: AtomicBool,
}

impl Outages {
    /// Rides outages out from now on.
    pub fn ride_out(&self, patience: Duration) {
        self.patience_ms.store(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX), Relaxed);
    }

    /// The host has answered: what it is called is no typing error.
    pub fn met(&self) {
        self.met.store(true, Relaxed);
    }

    /// A request that begins.
    pub(super) fn ride(&self) -> Ride<'_> {
        Ride { outages: self, since: None, failed: 0, tells: false }
    }
}

/// One request's way through an outage.
#[derive(Debug)]
pub(super) struct Ride<'a> {
    outages: &'a Outages,
    since: Option<Instant>,
    failed: u32,
    /// Whether this is the one that tells.
    tells: bool,
}

/// What is to be done after a failed attempt.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It is no outage, or none that is ridden out.
    Elsewhere,
    /// Wait for so long, and tell of this attempt if it is one of the first.
    Wait(Duration, bool),
    /// It has lasted too long.
    GiveUp,
}

impl Ride<'_> {
    /// After a failed attempt that began at `began`.
    pub(super) fn failed(
        &mut self,
        again: &Again,
        began: Instant,
        retries: &mut Retries,
        rng: &mut fastrand::Rng,
        observer: &dyn Observer,
    ) -> Next {
        let patience = Duration::from_millis(self.outages.patience_ms.load(Relaxed));
        // Whoever says when to come back is there.
        let rides = again.why.is_outage() && again.told.is_none() && self.outages.met.load(Relaxed);
        if !rides || patience.is_zero() {
            return Next::Elsewhere;
        }
        let since = *self.since.get_or_insert(began);
        self.failed += 1;
        let Some(wait) = retries.ride(patience.saturating_sub(since.elapsed()), rng) else {
            return Next::GiveUp;
        };
        if self.failed > HICCUPS && !self.outages.told.swap(true, Relaxed) {
            self.tells = true;
            observer.on(Signal::Lost { why: again.why.to_string(), patience });
        }
        Next::Wait(wait, self.failed <= HICCUPS && !self.outages.told.load(Relaxed))
    }

    /// There was an answer, whatever it says.
    pub(super) fn answered(&mut self, observer: &dyn Observer) {
        if let Some(since) = self.since.take() {
            self.failed = 0;
            if std::mem::take(&mut self.tells) {
                self.outages.told.store(false, Relaxed);
                observer.on(Signal::Back(since.elapsed()));
            }
        }
    }
}

impl Drop for Ride<'_> {
    fn drop(&mut self) {
        if self.tells {
            self.outages.told.store(false, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::sync::{Arc, Mutex};

    use futures_util::future::BoxFuture;

    use super::super::client::{Client, HttpError};
    use super::super::limit::Limiter;
    use super::super::room::Body;
    use super::super::{Request, Response, Transport, TransportError, TransportErrorKind};
    use super::*;

    /// A host that answers `good`, then what each second of an outage has, then well again.
    #[derive(Debug)]
    struct Host {
        began: Instant,
        /// From when to when it is out, in seconds.
        out: (u64, u64),
        answers: fn() -> Result<Response, TransportError>,
    }

    impl Transport for Host {
        fn get(&self, _: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
            let now = self.began.elapsed().as_secs();
            let out = self.out.0 <= now && now < self.out.1;
            let good = Response { status: 200, body: "{}".into(), ..Response::default() };
            Box::pin(std::future::ready(if out { (self.answers)() } else { Ok(good) }))
        }
    }

    #[derive(Default)]
    struct Heard(Mutex<VecDeque<String>>);

    impl Observer for Heard {
        fn on(&self, signal: Signal) {
            let said = match signal {
                Signal::Retry { why, attempt, .. } => format!("{why}, attempt {}", attempt + 1),
                Signal::Lost { why, patience } => format!("lost: {why}, for {} s", patience.as_secs()),
                Signal::Back(_) => "back".into(),
                _ => return,
            };
            self.0.lock().unwrap().push_back(said);
        }
    }

    impl Heard {
        fn all(&self) -> Vec<String> {
            self.0.lock().unwrap().drain(..).collect()
        }
    }

    fn refused() -> Result<Response, TransportError> {
        Err(TransportError { kind: TransportErrorKind::Connect, message: "refused".into() })
    }

    fn status(status: u16) -> Result<Response, TransportError> {
        Ok(Response { status, ..Response::default() })
    }

    fn client(out: (u64, u64), answers: fn() -> Result<Response, TransportError>, patience: u64) -> Client {
        let transport = Arc::new(Host { began: Instant::now(), out, answers });
        let limiter = Arc::new(Limiter::new());
        let rng = fastrand::Rng::with_seed(1);
        let client = Client::new(transport, "http://host".into(), "x".to_owned().into(), limiter, rng);
        client.outages().ride_out(Duration::from_secs(patience));
        client
    }

    async fn ask(client: &Client, heard: &Heard) -> Result<(), HttpError> {
        client.get("/x", heard, |_: Body| Ok::<(), String>(())).await
    }

    #[tokio::test(start_paused = true)]
    async fn an_outage_of_a_host_that_has_answered_is_ridden_out_and_told_once() {
        for answers in [
            refused,
            || status(502),
            || status(503),
            || status(504),
            || Err(TransportError { kind: TransportErrorKind::Timeout, message: "no answer".into() }),
        ] {
            let (client, heard) = (client((1, 800), answers, 900), Heard::default());
            ask(&client, &heard).await.unwrap();
            tokio::time::sleep(Duration::from_secs(2)).await;
            ask(&client, &heard).await.unwrap();
            let all = heard.all();
            assert_eq!((all.len(), all[3].as_str()), (4, "back"), "{all:?}");
            assert!(all[0].ends_with(", attempt 2") && all[1].ends_with(", attempt 3"), "{all:?}");
            assert!(all[2].starts_with("lost: ") && all[2].ends_with(", for 900 s"), "{all:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_when_it_has_lasted_too_long() {
        let (client, heard) = (client((1, 10_000), refused, 60), Heard::default());
        ask(&client, &heard).await.unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let began = Instant::now();
        let error = ask(&client, &heard).await.unwrap_err();
        assert_eq!(began.elapsed().as_secs(), 60, "{error}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_may_be_a_typing_error_is_given_up_soon() {
        let (client, heard) = (client((0, 10_000), refused, 900), Heard::default());
        let began = Instant::now();
        assert_eq!(ask(&client, &heard).await.unwrap_err().attempts, 3);
        assert!(began.elapsed() < Duration::from_secs(5));
        // An earlier run had an answer.
        client.outages().met();
        ask(&client, &heard).await.unwrap_err();
        assert!(began.elapsed() > Duration::from_secs(900));
    }

    #[tokio::test(start_paused = true)]
    async fn whatever_is_no_outage_keeps_its_few_attempts() {
        let nobody =
            || Err(TransportError { kind: TransportErrorKind::NoSuchHost, message: "no such name".into() });
        let insecure =
            || Err(TransportError { kind: TransportErrorKind::Tls, message: "not trusted".into() });
        for answers in [nobody, insecure, || status(500)] {
            let (client, heard) = (client((1, 10_000), answers, 900), Heard::default());
            ask(&client, &heard).await.unwrap();
            tokio::time::sleep(Duration::from_secs(2)).await;
            let began = Instant::now();
            assert!(ask(&client, &heard).await.unwrap_err().attempts <= 8);
            assert!(began.elapsed() < Duration::from_secs(90));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_of_several_requests_tells() {
        let (client, heard) = (client((1, 300), refused, 900), Heard::default());
        ask(&client, &heard).await.unwrap();
        tokio::time::sleep(Duration::from_secs(2)).await;
        let all = futures_util::future::join_all((0..4).map(|_| ask(&client, &heard))).await;
        assert!(all.iter().all(Result::is_ok));
        let told = heard.all();
        let of = |what: &str| told.iter().filter(|said| said.starts_with(what)).count();
        assert_eq!((of("lost"), of("back")), (1, 1), "{told:?}");
    }
}
