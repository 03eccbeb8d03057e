//! What the answers to a few requests said of the budget, for commands that are no runs.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::World;
use crate::http::{Listener, Signal};
use crate::model::Micros;
use crate::report::{self, Wait};

/// Hears the budget, and counts requests.
#[derive(Debug)]
pub(super) struct Heard {
    /// Where a long wait is told of: nothing else is shown meanwhile.
    err: fn() -> Box<dyn Write + Send>,
    /// The time, and when that was.
    began: (Micros, Instant),
    budget: Mutex<Option<(u32, u32)>>,
    sent: AtomicU64,
}

impl Heard {
    /// Hears from now on.
    pub(super) fn new(world: &World) -> Self {
        Self {
            err: world.err,
            began: (world.now, Instant::now()),
            budget: Mutex::default(),
            sent: AtomicU64::new(0),
        }
    }

    /// Says that nothing happens for a while, if it is long.
    fn tell(&self, why: &Wait, wait: Duration) {
        if let Some(line) = self.now().and_then(|now| report::long_wait(why, wait, now.plus(wait))) {
            // A reader that went away is no failure.
            let _ = writeln!((self.err)(), "{line}");
        }
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
            Signal::Budget(wait) => self.tell(&Wait::RateLimit, wait),
            Signal::Retry { why, attempt, wait } => {
                self.tell(&Wait::Retry { what: why, attempt: attempt + 1 }, wait);
            }
            _ => {}
        }
    }
}
