//! The leaky bucket of calls, on whatever clock the caller brings.

use crate::options::{Bucket, Options};
use crate::time::{Micros, SECOND};

/// What became of the calls of another client of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Others {
    /// Calls it made.
    pub made: u64,
    /// Those that were refused for want of room; it does not repeat them.
    pub refused: u64,
}

/// Another client: one call after another, evenly, and each needs its own place.
#[derive(Debug, Clone, Copy)]
struct Other {
    /// Microseconds between two calls, and until the next one; `None`: it makes none.
    every: Option<f64>,
    next: f64,
    tally: Others,
}

impl Other {
    fn new(per_second: f64) -> Other {
        #[expect(clippy::cast_precision_loss, reason = "a million")]
        let every = (per_second > 0.0).then(|| SECOND as f64 / per_second);
        Other { every, next: every.unwrap_or_default(), tally: Others::default() }
    }
}

/// Level of the bucket at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    capacity: f64,
    /// Calls per microsecond that leave.
    drain: f64,
    other: Other,
    level: f64,
    last: Option<Micros>,
    unlimited: bool,
}

impl Meter {
    pub(crate) fn new(options: &Options) -> Meter {
        let Bucket { capacity, window } = options.bucket;
        let capacity = f64::from(capacity.max(1));
        Meter {
            capacity,
            drain: capacity / (window.as_secs_f64().max(1e-6) * 1e6),
            other: Other::new(options.other_client_rate),
            level: 0.0,
            last: None,
            unlimited: options.unlimited,
        }
    }

    pub(crate) fn set_other(&mut self, per_second: f64) {
        self.other = Other { tally: self.other.tally, ..Other::new(per_second) };
    }

    pub(crate) fn others(&self) -> Others {
        self.other.tally
    }

    /// Lets time pass: calls leave, and those of another client come, if there is room for them.
    fn advance(&mut self, elapsed: f64) {
        let mut left = elapsed;
        if let Some(every) = self.other.every {
            while self.other.next <= left {
                self.level = (self.level - self.other.next * self.drain).max(0.0);
                left -= self.other.next;
                self.other.next = every;
                self.other.tally.made += 1;
                if self.fits() { self.level += 1.0 } else { self.other.tally.refused += 1 }
            }
            self.other.next -= left;
        }
        self.level = (self.level - left * self.drain).max(0.0);
    }

    /// Whether one more call has room. The tolerance keeps rounding from refusing a client that calls at exactly the
    /// drain.
    fn fits(&self) -> bool {
        self.unlimited || self.level + 1.0 <= self.capacity + 1e-6
    }

    /// Counts one call; an error is the number of whole seconds until there is room again.
    pub(crate) fn take(&mut self, now: Micros) -> Result<(), u64> {
        let last = *self.last.get_or_insert(now);
        // A clock that steps back drains nothing.
        #[expect(clippy::cast_precision_loss, reason = "spans are far below 2^53 microseconds")]
        let elapsed = (now - last).max(0) as f64;
        self.last = Some(now.max(last));
        self.advance(elapsed);
        if !self.fits() {
            let wait = (self.level + 1.0 - self.capacity) / self.drain / 1e6;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "positive and small"
            )]
            return Err((wait - 1e-6).ceil().max(1.0) as u64);
        }
        self.level += 1.0;
        Ok(())
    }

    /// `used/limit`.
    pub(crate) fn header(&self) -> String {
        if self.unlimited {
            return "1/1000000".into();
        }
        // Tolerant upwards: 12.0000001 calls are 12.
        format!("{:.0}/{:.0}", (self.level - 1e-6).ceil().max(0.0), self.capacity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::SECOND;

    #[test]
    fn a_burst_fills_it_and_time_drains_it() {
        let mut meter = Meter::new(&Options::default());
        for n in 1..=40 {
            assert_eq!(meter.take(0), Ok(()));
            assert_eq!(meter.header(), format!("{n}/40"));
        }
        assert_eq!(meter.take(0), Err(1));
        assert_eq!(meter.header(), "40/40");
        // Two calls per second leave.
        assert_eq!(meter.take(SECOND / 2), Ok(()));
        assert_eq!(meter.take(SECOND / 2), Err(1));
        assert_eq!(meter.take(20 * SECOND + SECOND / 2), Ok(()));
        assert_eq!(meter.header(), "1/40");
    }

    #[test]
    fn a_client_at_the_drain_is_never_refused() {
        let mut meter = Meter::new(&Options::default());
        for n in 0..40 {
            assert_eq!(meter.take(n), Ok(()));
        }
        for n in 1..10_000 {
            assert_eq!(meter.take(40 + n * SECOND / 2), Ok(()), "call {n}");
        }
    }

    #[test]
    fn another_client_takes_its_share() {
        let mut meter = Meter::new(&Options { other_client_rate: 2.0, ..Options::default() });
        for _ in 0..40 {
            assert_eq!(meter.take(0), Ok(()));
        }
        // What drains, the other client fills.
        assert_eq!(meter.take(100 * SECOND), Err(1));
        assert_eq!(meter.others(), Others { made: 200, refused: 0 });
    }

    #[test]
    fn another_client_is_refused_like_any_other() {
        let mut meter = Meter::new(&Options { other_client_rate: 1.0, ..Options::default() });
        // By itself it always has room, however long.
        meter.take(0).unwrap();
        meter.take(1_000 * SECOND - SECOND / 4).unwrap();
        assert_eq!(meter.others(), Others { made: 999, refused: 0 });
        // A quarter of a second before its call somebody fills the bucket, and takes each place that falls free.
        let filled = 1_001 * SECOND - SECOND / 4;
        while meter.take(filled).is_ok() {}
        for n in 1..=40 {
            assert_eq!(meter.take(filled + n * SECOND / 2), Ok(()));
        }
        assert_eq!(meter.others(), Others { made: 1_020, refused: 20 });
    }
}
