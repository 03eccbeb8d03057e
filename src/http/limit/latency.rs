//! How long answers take, and what that says about when a request was counted.
//!
//! A request is counted somewhere between when it is sent and when it is answered. How long that takes is not known,
//! and need not be: it is the same for all requests but for what makes some answers slower than the quickest. So levels
//! are reckoned as if each request were counted as early as those of the quickest answers; that is the frame. A request
//! whose answer took a second longer was counted up to a second later than that, when more had drained and others were in
//! before it.

use std::collections::VecDeque;
use std::time::Duration;

/// Answers that are remembered for how long they take.
const TRIPS: usize = 16;
/// Those of which none was quicker than the frame, until the frame follows.
const PATIENCE: u32 = 128;
/// The least difference that is reckoned with: our own scheduling has that much.
const LEAST_JITTER: Duration = Duration::from_millis(30);
/// The least as long as few answers are known.
const FIRST_JITTER: Duration = Duration::from_millis(100);

#[derive(Debug, Default)]
pub(super) struct Latency {
    trips: VecDeque<Duration>,
    /// How long the quickest take; `None`: no answer yet.
    frame: Option<Duration>,
    /// The quickest since the frame was met last, and how many these are.
    quickest: Option<Duration>,
    slower: u32,
}

impl Latency {
    /// An answer took this long. Returns the seconds by which the frame is earlier now, or later if negative.
    pub(super) fn note(&mut self, trip: Duration) -> f64 {
        if self.trips.len() == TRIPS {
            self.trips.pop_front();
        }
        self.trips.push_back(trip);
        let Some(frame) = self.frame.filter(|frame| trip > *frame) else {
            let earlier = self.frame.map_or(0.0, |frame| frame.as_secs_f64() - trip.as_secs_f64());
            self.set(trip);
            return earlier;
        };
        let quickest = self.quickest.map_or(trip, |quickest| quickest.min(trip));
        self.slower += 1;
        self.quickest = Some(quickest);
        if self.slower < PATIENCE {
            return 0.0;
        }
        self.set(quickest);
        frame.as_secs_f64() - quickest.as_secs_f64()
    }

    fn set(&mut self, frame: Duration) {
        (self.frame, self.quickest, self.slower) = (Some(frame), None, 0);
    }

    /// How much later than in the frame a request may have been counted whose answer took this long.
    pub(super) fn late(&self, trip: Duration) -> Duration {
        self.frame.map_or(Duration::ZERO, |frame| trip.saturating_sub(frame))
    }

    /// How long an answer takes.
    pub(super) fn mean(&self) -> Duration {
        let sum: Duration = self.trips.iter().sum();
        sum / u32::try_from(self.trips.len().max(1)).unwrap_or(1)
    }

    /// How much earlier than in the frame the next request may be counted.
    pub(super) fn jitter(&self) -> Duration {
        let frame = self.frame.unwrap_or_default();
        if self.trips.len() < TRIPS {
            // The first ones had to connect.
            return FIRST_JITTER.max(frame / 2);
        }
        // Where answers differ, the next one may be a little quicker than any so far.
        LEAST_JITTER.max(self.mean().saturating_sub(frame) / 4)
    }
}
