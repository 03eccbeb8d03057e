//! The account's request budget, shared by everything in the process that reads the account.
//!
//! Gorgias allows 40 requests per 20 s to an API key (80 to an OAuth app; Enterprise in 10 s) and answers each
//! request with `X-Gorgias-Account-Api-Call-Limit: used/limit`, counted for everything that uses the account
//! (developers.gorgias.com/reference/limitations). So we start from an empty bucket of 40 per 20 s, and each answer
//! corrects that: `bucket` follows the level, `drain` finds out how fast it falls, `neighbours` what is not ours, `latency`
//! when a request was counted, `rounding` what `used` hides. `readers` are those in this process who share it.
//! Other processes, and other programs, are seen through that header and in no other way.

mod bucket;
mod drain;
mod latency;
mod neighbours;
mod reader;
mod readers;
mod rounding;
mod share;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use self::bucket::Bucket;
pub use self::reader::Reader;
use self::readers::Readers;
use self::share::RateHeader;
pub use self::share::{Allowance, NoShare, Share};
use super::{Observer, Signal};

/// One in so many places goes to those who can wait, though others are waiting.
const PATIENT_TURN: u32 = 5;

/// Who goes first when several wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// Small reads that somebody waits for: what changed, events, counts.
    Soon,
    /// Long ones: a first load, a walk over everything.
    Later {
        /// Pages that it has had in this run. Whoever has had fewest goes first: a table that was held up by its
        /// destination catches up, and tables that are as long as each other end together, so that none is left alone
        /// with more budget than one walk can use.
        had: u64,
    },
}

/// One bucket per account, shared by everything in the process that reads it.
#[derive(Debug)]
pub struct Limiter {
    inner: Mutex<Inner>,
    /// Rings when somebody else may be next.
    bell: Notify,
}

#[derive(Debug)]
struct Inner {
    bucket: Bucket,
    soon: VecDeque<u64>,
    /// With the pages each has had.
    later: BTreeSet<(u64, u64)>,
    /// Number of the next one who waits.
    number: u64,
    /// Places given to the soon while others waited.
    favoured: u32,
    readers: Readers,
}

impl Inner {
    fn next(&self) -> Option<u64> {
        let (soon, later) = (self.soon.front().copied(), self.later.first().map(|(_, number)| *number));
        let patient = self.favoured + 1 >= PATIENT_TURN;
        if patient { later.or(soon) } else { soon.or(later) }
    }

    fn leave(&mut self, number: u64) {
        self.soon.retain(|other| *other != number);
        self.later.retain(|(_, other)| *other != number);
    }
}

/// A place in the queue; left when dropped, with or without having got what it was for.
struct Waiting<'a> {
    limiter: &'a Limiter,
    number: u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.limiter.lock().leave(self.number);
        self.limiter.bell.notify_waiters();
    }
}

/// A request that may be sent, and has been counted. Dropped without an answer, it is taken for lost.
#[derive(Debug)]
pub struct Ticket<'a> {
    limiter: &'a Limiter,
    id: u64,
}

impl Ticket<'_> {
    /// The answer is here; `None`: it does not say what is used.
    pub fn answered(self, header: Option<&str>, observer: &dyn Observer) {
        let reading = header.and_then(parse);
        self.limiter.lock().bucket.answered(self.id, reading, Instant::now());
        if let Some(RateHeader { used, limit }) = reading {
            observer.on(Signal::Used { used, limit });
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        self.limiter.lock().bucket.lost(self.id, Instant::now());
        self.limiter.bell.notify_waiters();
    }
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Limiter {
    /// An empty bucket of the safe size.
    #[must_use]
    pub fn new() -> Self {
        let (bucket, readers) = (Bucket::new(Instant::now()), Readers::default());
        let inner =
            Inner { bucket, soon: VecDeque::new(), later: BTreeSet::new(), number: 0, favoured: 0, readers };
        Self { inner: Mutex::new(inner), bell: Notify::new() }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while holding it leaves numbers, and any numbers are corrected by the next answer.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps to this part of the budget from now on.
    pub fn keep_to(&self, share: Share) {
        self.lock().bucket.set_share(share);
    }

    /// What may be sent from now on.
    #[must_use]
    pub fn allowance(&self) -> Allowance {
        self.lock().bucket.allowance(Instant::now())
    }

    /// Waits until one more request fits and it is this one's turn, and counts it.
    pub async fn acquire(&self, priority: Priority, observer: &dyn Observer) -> Ticket<'_> {
        let waiting = {
            let mut inner = self.lock();
            inner.number += 1;
            let number = inner.number;
            match priority {
                Priority::Soon => inner.soon.push_back(number),
                Priority::Later { had } => {
                    inner.later.insert((had, number));
                }
            }
            Waiting { limiter: self, number }
        };
        let mut told: Option<Instant> = None;
        loop {
            // Before looking, or a bell in between would not be heard.
            let bell = self.bell.notified();
            let Some(wait) = self.try_take(waiting.number, priority) else {
                if let Some(until) = self.opens_at().filter(|until| told.is_none_or(|told| *until > told)) {
                    observer.on(Signal::Closed(until.saturating_duration_since(Instant::now())));
                    told = Some(until);
                }
                bell.await;
                continue;
            };
            let until = match wait {
                Ok(id) => return Ticket { limiter: self, id },
                Err(wait) => Instant::now() + wait,
            };
            // What an answer changes in between is told once.
            let news = until.saturating_duration_since(told.unwrap_or_else(Instant::now));
            if !news.is_zero() {
                observer.on(Signal::Budget(news));
                told = Some(until);
            }
            tokio::select! {
                () = tokio::time::sleep_until(until) => {}
                () = bell => {}
            }
        }
    }

    /// The number of the request, if it is this one's turn and there is room, or how long to wait; `None`: until the
    /// bell rings.
    fn try_take(&self, number: u64, priority: Priority) -> Option<Result<u64, Duration>> {
        let mut inner = self.lock();
        if inner.next() != Some(number) {
            return None;
        }
        match inner.bucket.take(Instant::now()) {
            Ok(id) => {
                let passed_over = priority == Priority::Soon && !inner.later.is_empty();
                inner.favoured = if passed_over { inner.favoured + 1 } else { 0 };
                Some(Ok(id))
            }
            Err(wait) => wait.map(Err),
        }
    }

    /// When the account opens again that the API has closed.
    fn opens_at(&self) -> Option<Instant> {
        self.lock().bucket.closed_until().filter(|until| *until > Instant::now())
    }

    /// The API refused a request for want of budget: nothing is sent for this long.
    pub fn refused(&self, wait: Duration) {
        self.lock().bucket.refused(wait, Instant::now());
        self.bell.notify_waiters();
    }
}

/// `used/limit`. Nonsense is no reading: a limit of 0 would stop us for good, and more than twice as much in use as
/// there is cannot be.
fn parse(header: &str) -> Option<RateHeader> {
    let (used, limit) = header.split_once('/')?;
    let (used, limit): (u32, u32) = (used.trim().parse().ok()?, limit.trim().parse().ok()?);
    (limit > 0 && used <= limit.saturating_mul(2)).then_some(RateHeader { used, limit })
}
