//! What the rounding of `used` hides.
//!
//! Nothing says whether it is rounded up or down. Down, the level may be up to a whole request more than `used` says; and
//! a bucket that somebody else left half a request in stays half a request fuller than we think. Up, the level is never
//! more. Both look the same at first. But each answer that is near a whole number narrows it down: whatever is above
//! our level is less than `used + 1`, so it is at most the least of these differences. If that never gets below one though
//! answers of all kinds have come, `used` is rounded up and our level is right.

use tokio::time::Instant;

/// So many answers whose difference is exactly known, which vary by this much and are never less, show that it is rounded up.
const ANSWERS: u32 = 16;
const SPREAD: f64 = 0.6;
const EXACT: f64 = 0.05;
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
}

impl Rounding {
    pub(super) fn new(now: Instant) -> Self {
        Self { up: false, above: 1.0, at: now, seen: Some((f64::INFINITY, f64::NEG_INFINITY, 0)) }
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
        if let Some((least, greatest, answers)) = &mut self.seen
            && most - more <= EXACT
        {
            (*least, *greatest, *answers) = (least.min(more), greatest.max(more), *answers + 1);
            self.up = *answers >= ANSWERS && *least >= -EXACT && *greatest - *least >= SPREAD;
        }
        by
    }
}
