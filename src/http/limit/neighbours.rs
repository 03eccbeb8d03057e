//! What others put into the bucket, as far as it shows, and how much room they are left for it.
//!
//! A bucket that we keep full to the brim refuses everybody else. So there is always room for a request of somebody
//! else, for the largest burst that was seen lately, and for what comes while an answer is on its way. Only after a
//! minute in which nobody else was seen do we go to the brim.

use std::time::Duration;

use tokio::time::Instant;

/// The least time that is looked at as a whole: corrections within it may be of the order of requests only.
const STEP: Duration = Duration::from_secs(1);
/// Alone for this long: room begins to shrink, and is gone.
const QUIET: f64 = 20.0;
const ALONE: f64 = 60.0;
/// A gap between two answers counts as no longer than this.
const LONGEST_GAP: f64 = 5.0;
/// A burst is remembered for this long.
const MEMORY: Duration = Duration::from_secs(600);
/// How quickly the rate follows.
const WEIGHT: f64 = 0.1;

#[derive(Debug)]
pub(super) struct Neighbours {
    /// Sum of all corrections, the lowest in this step, and in the one before.
    sum: f64,
    low: f64,
    before: f64,
    since: Instant,
    /// The largest rise in a step, and when the last one was.
    burst: f64,
    seen: Option<Instant>,
    /// Requests per second.
    rate: f64,
    /// Seconds of answers in which nobody was seen.
    alone: f64,
    /// Whether the bucket was full in this step: more may have been refused than went in.
    full: bool,
    last: Instant,
}

impl Neighbours {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            sum: 0.0,
            low: 0.0,
            before: 0.0,
            since: now,
            burst: 0.0,
            seen: None,
            rate: 0.0,
            alone: 0.0,
            full: false,
            last: now,
        }
    }

    /// What was corrected until now is where we begin.
    pub(super) fn begin(&mut self, now: Instant) {
        *self = Self::new(now);
    }

    /// Our idea of the level was wrong by this much.
    pub(super) fn shift(&mut self, by: f64) {
        self.sum += by;
        self.low = self.low.min(self.sum);
    }

    /// Whether the last answer found the bucket full.
    pub(super) fn full(&mut self, full: bool) {
        self.full |= full;
    }

    /// An answer has been looked at.
    pub(super) fn tick(&mut self, now: Instant) {
        self.alone += now.saturating_duration_since(self.last).as_secs_f64().min(LONGEST_GAP);
        self.last = now;
        let time = now.saturating_duration_since(self.since);
        if time < STEP {
            return;
        }
        let rise = self.low - self.before;
        if rise > 0.5 {
            let burst = if self.full { rise + 2.0 * self.burst } else { rise };
            self.burst = self.burst.max(burst);
            self.seen = Some(now);
            self.alone = 0.0;
        } else if self.seen.is_some_and(|seen| seen + MEMORY < now) {
            (self.seen, self.burst) = (None, 0.0);
        }
        let rate = rise.max(0.0) / time.as_secs_f64();
        self.rate += (rate - self.rate) * (WEIGHT * time.as_secs_f64()).min(1.0);
        (self.before, self.low, self.since, self.full) = (self.low, self.sum, now, false);
    }

    /// Requests per second that others send.
    pub(super) fn rate(&self) -> f64 {
        self.rate
    }

    /// Requests that must find room at any time, if an answer takes `trip`, and so many may not
    /// have shown yet.
    pub(super) fn room(&self, trip: Duration, unseen: f64) -> f64 {
        let least = match self.seen {
            Some(_) => self.burst.max(1.0) + 1.0 + unseen,
            None => (1.0 + unseen) * (1.0 - ((self.alone - QUIET) / (ALONE - QUIET)).clamp(0.0, 1.0)),
        };
        least + self.rate * trip.as_secs_f64()
    }
}
