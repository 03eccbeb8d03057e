//! How long a run will still take, measured while it goes on: how fast what is left of its pass shrinks.

use std::collections::VecDeque;
use std::time::Duration;

use crate::http::limit::Allowance;
use crate::report::forecast::{real, whole};
use crate::source::Left;

/// Measured over this time, so that it follows what happens now.
const WINDOW: Duration = Duration::from_secs(20);
/// How often it is measured: the source has to read its own progress for it.
pub(super) const EVERY: Duration = Duration::from_secs(1);
/// Pages before which nothing is said.
const LEAST_PAGES: u64 = 5;
/// A first estimate is worth a word in the receipt if so many times its pages were read in the end.
const WORTH_A_WORD: u64 = 3;

/// What was measured.
#[derive(Debug, Clone, Copy)]
struct Mark {
    elapsed: Duration,
    left: Left,
}

/// What was expected early on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected {
    /// Pages of the pass that were read when it was.
    pub after: u64,
    /// Pages of the pass.
    pub pages: u64,
    /// Time of the run.
    pub elapsed: Duration,
}

/// Measures.
#[derive(Debug, Default)]
pub(super) struct Outlook {
    first: Option<Mark>,
    recent: VecDeque<Mark>,
    expected: Option<Expected>,
    /// Pages of the pass at the last look.
    pages: u64,
}

impl Outlook {
    /// Whether it is time to look again.
    pub(super) fn is_due(&self, elapsed: Duration) -> bool {
        self.recent.back().is_none_or(|last| elapsed >= last.elapsed + EVERY)
    }

    /// Takes what is left by now; returns the time that it will take. `allowed` is what the account allows, as long as
    /// nothing has been waited for: the burst at the beginning is no measure of what comes then.
    pub(super) fn look(
        &mut self,
        elapsed: Duration,
        left: Option<Left>,
        allowed: Option<Allowance>,
    ) -> Option<Duration> {
        let left = left?;
        let mark = Mark { elapsed, left };
        // Another pass has begun.
        if self.first.is_some_and(|first| left.pages < self.pages || left.span > first.left.span) {
            *self = Self { expected: self.expected, ..Self::default() };
        }
        self.pages = left.pages;
        let first = *self.first.get_or_insert(mark);
        self.recent.push_back(mark);
        while self.recent.get(1).is_some_and(|next| next.elapsed + WINDOW <= elapsed) {
            self.recent.pop_front();
        }
        let oldest = self.recent.front()?;
        // Of late if that is enough: the oldest page may have spanned imports of many years.
        let since = |mark: &Mark| {
            let pages = left.pages.checked_sub(mark.left.pages).filter(|pages| *pages >= LEAST_PAGES)?;
            let read = mark.left.span.checked_sub(left.span).filter(|read| *read > 0)?;
            Some(real(pages) / real(read))
        };
        let more = real(left.span) * since(oldest).or_else(|| since(&first))?;
        let seconds = (elapsed - oldest.elapsed).as_secs_f64();
        let speed = real(left.pages - oldest.left.pages) / seconds.max(0.001);
        let allowed = allowed.map_or(0.0, |allowed| (more - allowed.free) / allowed.rate);
        let time = Duration::try_from_secs_f64((more / speed).max(allowed)).ok()?;
        self.expected.get_or_insert(Expected {
            after: left.pages,
            pages: left.pages + whole(more),
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

    fn at(
        outlook: &mut Outlook,
        seconds: u64,
        span: u64,
        pages: u64,
        allowed: Option<Allowance>,
    ) -> Option<u64> {
        let look = outlook.look(Duration::from_secs(seconds), Some(Left { span, pages }), allowed);
        look.map(|time| time.as_secs())
    }

    #[test]
    fn what_is_left_shrinks_as_it_did() {
        let mut outlook = Outlook::default();
        assert_eq!(at(&mut outlook, 0, 1_000, 2, None), None);
        assert_eq!(at(&mut outlook, 2, 970, 5, None), None, "too few pages to tell");
        // 10 pages for 100; 900 are left, so 90 pages at 2 a second.
        assert_eq!(at(&mut outlook, 5, 900, 12, None), Some(45));
        assert_eq!(outlook.expected(35), None, "too soon to be of use");
        let expected = Expected { after: 12, pages: 102, elapsed: Duration::from_secs(50) };
        assert_eq!(outlook.expected(36), Some(expected));
        assert!(!outlook.is_due(Duration::from_millis(5_900)));
        assert!(outlook.is_due(Duration::from_secs(6)));
    }

    #[test]
    fn the_burst_at_the_beginning_is_no_measure() {
        let mut outlook = Outlook::default();
        let allowed = |free, rate| Some(Allowance { free, rate, share: Share::WHOLE });
        at(&mut outlook, 0, 1_000, 0, allowed(39.0, 2.0));
        let slow = at(&mut outlook, 1, 800, 20, allowed(20.0, 2.0));
        assert_eq!(slow, Some(30), "80 pages: 20 at once, 60 at 2 a second");
        let fast = at(&mut outlook, 1, 800, 20, allowed(20.0, 6.0));
        assert_eq!(fast, Some(10), "a drain that is known to be faster");
    }

    /// The first of the oldest pages spans nine tenths of the time.
    #[test]
    fn a_page_of_many_years_is_forgotten() {
        let mut outlook = Outlook::default();
        at(&mut outlook, 0, 10_000, 1, None);
        assert_eq!(at(&mut outlook, 5, 900, 11, None), Some(0), "10 pages for all of it");
        at(&mut outlook, 6, 890, 12, None);
        assert_eq!(at(&mut outlook, 26, 690, 32, None), Some(69), "69 pages, one a second");
    }

    #[test]
    fn another_pass_begins_anew() {
        let mut outlook = Outlook::default();
        at(&mut outlook, 0, 100, 0, None);
        assert_eq!(at(&mut outlook, 10, 50, 10, None), Some(10));
        assert_eq!(at(&mut outlook, 20, 1_000, 1, None), None);
        assert_eq!(
            outlook.expected(30).map(|expected| expected.pages),
            Some(20),
            "the first one is compared"
        );
        assert_eq!(outlook.look(Duration::from_secs(30), None, None), None);
    }
}
