//! What the rounding of `used` hides.
//!
//! Nothing says whether it is rounded up or down. Down, the level may be up to a whole request more than `used` says; and
//! a bucket that somebody else left half a request in stays half a request fuller than we think. Up, the level is never
//! more. Both look the same at first. But each answer that is near a whole number narrows it down: whatever is above
//! our level is less than `used + 1`, so it is at most the least of these differences. If that never gets below one though
//! answers of all kinds have come, `used` is rounded up and our level is right.
//!
//! Of requests that are sent together nobody knows which was counted first, but all of them were: taken together their
//! difference is known as exactly as that of a single one.

use tokio::time::Instant;

/// So many differences that are exactly known, vary by this much and are never negative show that it is rounded up. One that
/// is negative shows that it is not after all.
const ANSWERS: u32 = 16;
const SPREAD: f64 = 0.6;
/// What was known is forgotten at so much a second, unless answers go on to say so: others may come and go unseen.
const FORGET: f64 = 0.1;

#[derive(Debug)]
pub(super) struct Rounding {
    up: bool,
    /// How much more than we think may be in the bucket.
    above: f64,
    at: Instant,
    /// As long as our level has never been corrected: the least and the most by which `used` was more, of so many answers.
    seen: Option<(f64, f64, u32)>,
    bunch: Bunch,
}

/// Requests that may have been counted in any order, from the first to the last of these numbers.
#[derive(Debug, Default)]
struct Bunch {
    ids: (u64, u64),
    answers: u32,
    /// By how much `used` was more than expected, of all answers so far.
    sum: f64,
}

impl Rounding {
    /// A difference is exactly known up to this.
    pub(super) const EXACT: f64 = 0.05;

    pub(super) fn new(now: Instant) -> Self {
        let seen = Some((f64::INFINITY, f64::NEG_INFINITY, 0));
        Self { up: false, above: 1.0, at: now, seen, bunch: Bunch::default() }
    }

    /// How much more than we think may be in the bucket.
    pub(super) fn above(&self) -> f64 {
        if self.up { 0.0 } else { self.above }
    }

    /// By how much to correct the level, if `used` is more than it by `more` at least and by `most` at most.
    pub(super) fn correct(&mut self, more: f64, most: f64, slack: f64, now: Instant) -> f64 {
        if self.up {
            // Others send whole requests.
            return if more >= 1.0 + slack { more.floor() } else { (most + slack).min(0.0).ceil() };
        }
        let idle = now.saturating_duration_since(self.at).as_secs_f64();
        self.at = now;
        self.above = (self.above + FORGET * idle).min(1.0);
        let by = if more > self.above + slack {
            (more - self.above).ceil()
        } else {
            (most + 1.0 + slack).min(0.0)
        };
        let above = (most - by + 1.0 + slack).clamp(0.0, 1.0);
        self.above = if by > 0.0 { above } else { (self.above - by).min(above) };
        let as_thought = by == 0.0;
        self.seen = self.seen.filter(|_| as_thought);
        by
    }

    /// `used` was more by `more` than expected of a request that may have been counted in any order with these.
    pub(super) fn compare(&mut self, ids: (u64, u64), more: f64) {
        if self.bunch.ids != ids {
            self.bunch = Bunch { ids, ..Bunch::default() };
        }
        self.bunch.answers += 1;
        self.bunch.sum += more;
        if u64::from(self.bunch.answers) == ids.1 - ids.0 + 1 {
            self.learn(self.bunch.sum / f64::from(self.bunch.answers));
        }
    }

    fn learn(&mut self, difference: f64) {
        let Some((least, greatest, answers)) = &mut self.seen else { return };
        (*least, *greatest, *answers) = (least.min(difference), greatest.max(difference), *answers + 1);
        let never_less = *least >= -Self::EXACT;
        if self.up && !never_less {
            (self.up, self.above) = (false, 1.0);
        }
        self.up |= never_less && *answers >= ANSWERS && *greatest - *least >= SPREAD;
    }
}
