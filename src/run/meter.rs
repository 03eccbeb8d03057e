//! Hears what the HTTP client does: counts it, and tells the reporter what a user wants to see.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::http::{Observer, Signal};
use crate::model::Micros;
use crate::report::{Event, LONG, Reporter, Wait};

/// How often it is said that a long wait goes on.
const EVERY: Duration = Duration::from_secs(60);

/// A long wait.
struct Pause {
    why: Wait,
    since: Instant,
    until: Instant,
    /// When it was spoken of last.
    said: Instant,
}

pub(crate) struct Meter {
    table: &'static str,
    reporter: Arc<dyn Reporter>,
    start: Instant,
    /// The time at `start`.
    began: Micros,
    requests: AtomicU64,
    retries: AtomicU64,
    waited_micros: AtomicU64,
    budget: Mutex<Option<(u32, u32)>>,
    /// The wait that goes on longest.
    pause: Mutex<Option<Pause>>,
}

impl Meter {
    pub(crate) fn new(
        table: &'static str,
        reporter: Arc<dyn Reporter>,
        start: Instant,
        began: Micros,
    ) -> Self {
        Self {
            table,
            reporter,
            start,
            began,
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            waited_micros: AtomicU64::new(0),
            budget: Mutex::new(None),
            pause: Mutex::new(None),
        }
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Relaxed)
    }

    pub(super) fn retries(&self) -> u64 {
        self.retries.load(Relaxed)
    }

    /// Time spent waiting for the account's budget.
    pub(super) fn waited(&self) -> Duration {
        Duration::from_micros(self.waited_micros.load(Relaxed))
    }

    /// Requests of the budget in use, and how many it has.
    pub(crate) fn budget(&self) -> Option<(u32, u32)> {
        *self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Meter {
    fn pause(&self) -> MutexGuard<'_, Option<Pause>> {
        self.pause.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(&self, why: Wait, wait: Duration) {
        self.tell(why.clone(), wait, None);
        let since = Instant::now();
        let until = since + wait;
        let mut pause = self.pause();
        if wait >= LONG && pause.as_ref().is_none_or(|pause| pause.until < until) {
            *pause = Some(Pause { why, since, until, said: since });
        }
    }

    fn tell(&self, why: Wait, wait: Duration, waited: Option<Duration>) {
        let elapsed = self.start.elapsed();
        let until = self.began.plus(elapsed).plus(wait);
        self.reporter.event(self.table, &Event::Waiting { why, wait, waited, until, elapsed });
    }

    /// When it is time to say again that a long wait goes on.
    pub(super) fn speaks_at(&self) -> Option<Instant> {
        let next = |pause: &Pause| (pause.said + EVERY, pause.until);
        self.pause().as_ref().map(next).filter(|(next, until)| next < until).map(|(next, _)| next)
    }

    /// Says that it goes on.
    pub(super) fn speak(&self) {
        let now = Instant::now();
        let said = self.pause().as_mut().filter(|pause| pause.until > now).map(|pause| {
            pause.said = now;
            (pause.why.clone(), pause.until - now, now - pause.since)
        });
        if let Some((why, left, waited)) = said {
            self.tell(why, left, Some(waited));
        }
    }
}

impl Observer for Meter {
    fn now(&self) -> Option<Micros> {
        Some(self.began.plus(self.start.elapsed()))
    }

    fn on(&self, signal: Signal) {
        match signal {
            Signal::Sent { retry } => {
                self.requests.fetch_add(1, Relaxed);
                self.retries.fetch_add(u64::from(retry), Relaxed);
                // The account is open again.
                self.pause().take_if(|pause| pause.why == Wait::RateLimit);
            }
            Signal::Used { used, limit } => {
                *self.budget.lock().unwrap_or_else(PoisonError::into_inner) = Some((used, limit));
            }
            Signal::Budget(wait) => {
                self.waited_micros.fetch_add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX), Relaxed);
                self.begin(Wait::RateLimit, wait);
            }
            Signal::Closed(wait) => {
                // Each request of the table waits for the same.
                let until = Instant::now() + wait;
                if wait >= LONG && self.pause().as_ref().is_none_or(|pause| pause.until < until) {
                    self.begin(Wait::RateLimit, wait);
                }
            }
            Signal::Lost { why, patience } => {
                let elapsed = self.start.elapsed();
                self.reporter.event(self.table, &Event::Lost { why: &why, patience, elapsed });
            }
            Signal::Back(lasted) => {
                let elapsed = self.start.elapsed();
                self.reporter.event(self.table, &Event::Back { lasted, elapsed });
            }
            Signal::Detail(text) => self.reporter.event(self.table, &Event::Debug(&text)),
            Signal::Retry { why, attempt, wait } => {
                self.begin(Wait::Retry { what: why, attempt: attempt + 1 }, wait);
            }
        }
    }
}
