//! The leaky bucket of calls, on whatever clock the caller brings.

use crate::options::{Bucket, Options};
use crate::time::Micros;

/// Level of the bucket at a moment.
#[derive(Debug, Clone)]
pub(crate) struct Meter {
    capacity: f64,
    /// Calls per microsecond that leave, and that another client adds.
    drain: f64,
    other: f64,
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
            other: options.other_client_rate / 1e6,
            level: 0.0,
            last: None,
            unlimited: options.unlimited,
        }
    }

    pub(crate) fn set_other(&mut self, per_second: f64) {
        self.other = per_second / 1e6;
    }

    /// Counts one call; an error is the number of whole seconds until there is room again.
    pub(crate) fn take(&mut self, now: Micros) -> Result<(), u64> {
        let last = *self.last.get_or_insert(now);
        // A clock that steps back drains nothing.
        #[expect(clippy::cast_precision_loss, reason = "spans are far below 2^53 microseconds")]
        let elapsed = (now - last).max(0) as f64;
        self.last = Some(now.max(last));
        self.level = (self.level + elapsed * (self.other - self.drain)).clamp(0.0, self.capacity);
        if self.unlimited {
            return Ok(());
        }
        // The tolerance keeps rounding from refusing a client that calls at exactly the drain.
        if self.level + 1.0 > self.capacity + 1e-6 {
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
    }
}
