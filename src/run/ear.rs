//! Hears what the HTTP client does: counts it, and tells the reporter what a user wants to see.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::http::{Listener, Signal};
use crate::report::{Event, Reporter, Wait};
use crate::schema::Micros;

pub(super) struct Ear {
    table: &'static str,
    reporter: Arc<dyn Reporter>,
    start: Instant,
    /// The time at `start`.
    began: Micros,
    requests: AtomicU64,
    retries: AtomicU64,
    waited_micros: AtomicU64,
    budget: Mutex<Option<(u32, u32)>>,
}

impl Ear {
    pub(super) fn new(
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
        }
    }

    pub(super) fn requests(&self) -> u64 {
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
    pub(super) fn budget(&self) -> Option<(u32, u32)> {
        *self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Listener for Ear {
    fn now(&self) -> Option<Micros> {
        Some(self.began.plus(self.start.elapsed()))
    }

    fn hear(&self, signal: Signal) {
        let elapsed = self.start.elapsed();
        match signal {
            Signal::Sent { retry } => {
                self.requests.fetch_add(1, Relaxed);
                self.retries.fetch_add(u64::from(retry), Relaxed);
            }
            Signal::Used { used, limit } => {
                *self.budget.lock().unwrap_or_else(PoisonError::into_inner) = Some((used, limit));
            }
            Signal::Budget(wait) => {
                self.waited_micros.fetch_add(u64::try_from(wait.as_micros()).unwrap_or(u64::MAX), Relaxed);
                self.reporter.event(self.table, &Event::Waiting { why: Wait::RateLimit, wait, elapsed });
            }
            Signal::Detail(text) => self.reporter.event(self.table, &Event::Debug(&text)),
            Signal::Retry { why, attempt, wait } => {
                let why = Wait::Retry { what: why, attempt: attempt + 1 };
                self.reporter.event(self.table, &Event::Waiting { why, wait, elapsed });
            }
        }
    }
}
