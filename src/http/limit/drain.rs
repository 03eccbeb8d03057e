//! How fast the bucket drains. Two rates are documented: its size in 20 s, and in 10 s for Enterprise accounts
//! (developers.gorgias.com/reference/limitations). Nothing in an answer says which.
//!
//! What others send can only make `used` fall slower than it drains. So a fall that is clearly faster than the slow
//! rate proves the fast one, however many use the account; the slow one needs no proof, as it is safe. Assuming too
//! slow a drain costs next to nothing: each answer's `used` puts the level right.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// The documented windows in seconds.
const SLOW: f64 = 20.0;
const FAST: f64 = 10.0;
/// How much faster than the slow rate a fall must be to prove the fast one; that is twice as fast.
const PROOF: f64 = 1.2;
/// The shortest fall that proves anything, and the longest that is looked at.
const SHORTEST: Duration = Duration::from_millis(1_500);
const LONGEST: Duration = Duration::from_secs(30);
/// Readings that are kept, and the least time between two of them.
const READINGS: usize = 64;
const APART: Duration = Duration::from_millis(250);
/// After a refusal, nothing is believed for this long.
const DISTRUST: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, Copy)]
struct LevelSample {
    at: Instant,
    used: f64,
    /// Requests of ours that were counted by then, at most.
    most: u64,
}

#[derive(Debug, Default)]
pub(super) struct Drain {
    fast: bool,
    readings: VecDeque<LevelSample>,
    distrust_until: Option<Instant>,
}

impl Drain {
    /// Requests per second that leak out of a bucket of this size.
    pub(super) fn per_second(&self, capacity: f64) -> f64 {
        capacity / if self.fast { FAST } else { SLOW }
    }

    /// The bucket is another one: nothing known of it counts.
    pub(super) fn forget(&mut self) {
        self.fast = false;
        self.readings.clear();
    }

    /// What was believed is in doubt.
    pub(super) fn fall_back(&mut self, now: Instant) {
        self.forget();
        self.distrust_until = Some(now + DISTRUST);
    }

    /// Perhaps it is not fast after all; if it is, little is lost.
    pub(super) fn doubt(&mut self, now: Instant) {
        if self.fast {
            self.fall_back(now);
        }
    }

    /// It is not known any more which of our requests were counted.
    pub(super) fn unsure(&mut self) {
        self.readings.clear();
    }

    /// Takes a reading: `used` when the request sent at `at` was counted. Of our requests, between `counted.0` and
    /// `counted.1` were counted by then.
    pub(super) fn read(
        &mut self,
        at: Instant,
        used: f64,
        counted: (u64, u64),
        capacity: f64,
        jitter: Duration,
    ) {
        if self.fast || self.distrust_until.is_some_and(|until| at < until) {
            return;
        }
        self.readings.retain(|old| old.at + LONGEST >= at);
        let proof = PROOF * capacity / SLOW;
        self.fast = self.readings.iter().any(|old| {
            let time = at.saturating_duration_since(old.at);
            #[expect(clippy::cast_precision_loss, reason = "counts of requests")]
            let ours = counted.0.saturating_sub(old.most) as f64;
            // One for rounding: the level may have been up to one lower than the first `used` says.
            let fallen = old.used + ours - used - 1.0;
            time >= SHORTEST && fallen >= proof * (time + jitter).as_secs_f64()
        });
        if self.fast {
            self.readings.clear();
        } else if self.readings.back().is_none_or(|last| last.at + APART <= at) {
            if self.readings.len() == READINGS {
                self.readings.pop_front();
            }
            self.readings.push_back(LevelSample { at, used, most: counted.1 });
        }
    }
}
