//! How long a run will still take, measured while it goes on: how fast it reads what the source says is left.

use std::collections::VecDeque;
use std::time::Duration;

use crate::http::limit::Allowance;
use crate::report::Expected;
use crate::report::forecast::{real, whole};
use crate::source::Headway;

/// Speed is measured over this time, so that it follows what happens now.
const WINDOW: Duration = Duration::from_secs(20);
/// How often it is measured.
const EVERY: Duration = Duration::from_secs(1);
/// Pages before which nothing is said: the first ones of a list may be unlike all others.
const LEAST_PAGES: u64 = 8;
/// A first estimate is worth a word in the receipt if so many times its pages were read in the end.
const WORTH_A_WORD: u64 = 3;

/// What was measured.
#[derive(Debug, Clone, Copy)]
struct Mark {
    elapsed: Duration,
    read: u64,
}

/// Measures.
#[derive(Debug, Default)]
pub(super) struct Eta {
    recent: VecDeque<Mark>,
    expected: Option<Expected>,
}

impl Eta {
    /// Whether it is time to look again.
    pub(super) fn is_due(&self, elapsed: Duration) -> bool {
        self.recent.back().is_none_or(|last| elapsed >= last.elapsed + EVERY)
    }

    /// Takes how far the run has come by now; returns the time that the rest will take. `allowed` is what the account
    /// allows, as long as nothing has been waited for: the burst at the beginning is no measure of what comes then.
    pub(super) fn look(
        &mut self,
        elapsed: Duration,
        headway: Option<Headway>,
        allowed: Option<Allowance>,
    ) -> Option<Duration> {
        let Headway { read, left } = headway?;
        // Another pass has begun.
        if self.recent.back().is_some_and(|last| read < last.read) {
            self.recent.clear();
        }
        self.recent.push_back(Mark { elapsed, read });
        while self.recent.get(1).is_some_and(|next| next.elapsed + WINDOW <= elapsed) {
            self.recent.pop_front();
        }
        let oldest = self.recent.front()?;
        let (pages, time) = (read - oldest.read, elapsed - oldest.elapsed);
        if read < LEAST_PAGES || pages == 0 {
            return None;
        }
        let measured = left * time.as_secs_f64() / real(pages);
        let allowed = allowed.map_or(0.0, |allowed| (left - allowed.free) / allowed.rate);
        let time = Duration::try_from_secs_f64(measured.max(allowed)).ok()?;
        self.expected.get_or_insert(Expected {
            after: read,
            pages: read + whole(left),
            elapsed: elapsed + time,
        });
        Some(time)
    }

    /// What was expected early on, if the run went on long enough after that for it to matter.
    pub(super) fn expected(&self, pages: u64) -> Option<Expected> {
        self.expected.filter(|expected| pages >= expected.after * WORTH_A_WORD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::limit::Share;

    fn at(eta: &mut Eta, seconds: u64, read: u64, left: f64, allowed: Option<Allowance>) -> Option<u64> {
        let look = eta.look(Duration::from_secs(seconds), Some(Headway { read, left }), allowed);
        look.map(|time| time.as_secs())
    }

    #[test]
    fn what_is_left_takes_as_long_as_what_was_read_of_late() {
        let mut eta = Eta::default();
        assert_eq!(at(&mut eta, 0, 2, 100.0, None), None);
        assert_eq!(at(&mut eta, 2, 5, 97.0, None), None, "too few pages to tell");
        assert_eq!(at(&mut eta, 5, 12, 90.0, None), Some(45));
        assert_eq!(eta.expected(35), None, "too soon to be of use");
        let expected = Expected { after: 12, pages: 102, elapsed: Duration::from_secs(50) };
        assert_eq!(eta.expected(36), Some(expected));
        assert!(!eta.is_due(Duration::from_millis(5_900)));
        assert!(eta.is_due(Duration::from_secs(6)));
        // Slower now: a page a second, in the last twenty.
        at(&mut eta, 10, 20, 82.0, None);
        assert_eq!(at(&mut eta, 30, 40, 62.0, None), Some(62));
        assert_eq!(eta.look(Duration::from_secs(31), None, None), None);
    }

    #[test]
    fn the_burst_at_the_beginning_is_no_measure() {
        let mut eta = Eta::default();
        let allowed = |free, rate| Some(Allowance { free, rate, share: Share::WHOLE });
        at(&mut eta, 0, 0, 100.0, allowed(39.0, 2.0));
        let slow = at(&mut eta, 1, 20, 80.0, allowed(20.0, 2.0));
        assert_eq!(slow, Some(30), "80 pages: 20 at once, 60 at 2 a second");
        let fast = at(&mut eta, 1, 20, 80.0, allowed(20.0, 6.0));
        assert_eq!(fast, Some(10), "a drain that is known to be faster");
    }

    #[test]
    fn another_pass_begins_anew() {
        let mut eta = Eta::default();
        at(&mut eta, 0, 0, 20.0, None);
        assert_eq!(at(&mut eta, 10, 10, 10.0, None), Some(10));
        assert_eq!(at(&mut eta, 20, 1, 1_000.0, None), None);
        let expected = eta.expected(30).map(|expected| expected.pages);
        assert_eq!(expected, Some(20), "the first one is compared");
    }
}
