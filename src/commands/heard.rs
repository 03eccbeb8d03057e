//! What the answers to a few requests said of the budget, for commands that are no runs.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::http::{Listener, Signal};
use crate::schema::Micros;

/// Hears the budget, and counts requests.
#[derive(Debug)]
pub(super) struct Heard {
    /// The time, and when that was.
    began: (Micros, Instant),
    budget: Mutex<Option<(u32, u32)>>,
    sent: AtomicU64,
}

impl Heard {
    /// Hears from now on.
    pub(super) fn from(now: Micros) -> Self {
        Self { began: (now, Instant::now()), budget: Mutex::default(), sent: AtomicU64::new(0) }
    }

    /// Requests in use, and how many the budget has.
    pub(super) fn budget(&self) -> Option<(u32, u32)> {
        *self.budget.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Requests sent, repeated ones included.
    pub(super) fn sent(&self) -> u64 {
        self.sent.load(Relaxed)
    }
}

impl Listener for Heard {
    fn now(&self) -> Option<Micros> {
        let (now, since) = self.began;
        Some(now.plus(since.elapsed()))
    }

    fn hear(&self, signal: Signal) {
        match signal {
            Signal::Used { used, limit } => {
                *self.budget.lock().unwrap_or_else(PoisonError::into_inner) = Some((used, limit));
            }
            Signal::Sent { .. } => {
                self.sent.fetch_add(1, Relaxed);
            }
            _ => {}
        }
    }
}
