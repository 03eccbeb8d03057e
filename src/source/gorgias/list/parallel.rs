//! The walks of a pass side by side: their requests are under way at the same time, as many as the account's rate needs
//! with answers as slow as they are. Two walks from both ends of a list are what the API's documentation allows; if
//! that is too few, more begin in the middle (`seek`).

use tokio::task::JoinSet;

use crate::model::Micros;
use crate::source::SourceError;
use crate::source::gorgias::list::checkpoint::Walk;
use crate::source::gorgias::list::pages::Answer;
use crate::source::gorgias::list::walk::WalkState;
use crate::source::gorgias::list::{coverage, seek};

/// A stretch of fewer pages is not worth another walk: each costs half a page, where it meets its neighbour.
const WORTH: f64 = 8.0;
/// The same if only one walk goes on: whatever it has left, it reads page after page, while the rate allows more.
const WORTH_ALONE: f64 = 4.0;
/// The part of a stretch left to the walk from its newer end when another begins in it and a third comes towards that one.
/// Those two share what is theirs and cannot be done before one another, so the first should rather be done before them:
/// a little less than a third.
const FIRST_OF_THREE: f64 = 0.31;
/// Pages after which a walk by itself goes no further without the other end of its list having been seen: with that, the time
/// left can be told.
pub(crate) const LONG_LOAD: u64 = 30;
/// Walks that may turn out to begin where nothing is left, until no more are tried.
pub(crate) const MOST_MISSES: u32 = 3;

/// Whether walks can begin in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Middle {
    /// No cursor has been seen yet.
    Unknown,
    /// Cursors are places.
    Open,
    /// They are not, or it was tried and failed.
    Closed,
}

/// A walk as it is walked now.
#[derive(Debug)]
pub(crate) struct Walker {
    /// Stays the same while walks come and go.
    pub(crate) tag: u32,
    pub(crate) state: WalkState,
    pub(crate) under_way: bool,
    /// Whether the next row is too large to be read, so that this walk cannot go on.
    pub(crate) blocked: bool,
    /// Length of the first page of a walk from the middle: how dense the list is where it began.
    pub(crate) entry: Option<i64>,
}

/// Whose request came back.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Back {
    /// The next page of a walk.
    Walk(u32),
    /// A cursor made for this time, below the walk with this tag.
    Made { at: Micros, above: u32 },
}

/// The walks of a pass, beside what is stored of them.
#[derive(Debug)]
pub(crate) struct Parallel {
    pub(crate) walkers: Vec<Walker>,
    tags: u32,
    pub(crate) requests: JoinSet<(Back, Answer)>,
    /// The walk that goes next, if not all can.
    pub(crate) turn: usize,
    pub(crate) middle: Middle,
    pub(crate) looking: bool,
    pub(crate) misses: u32,
    /// Why the walks that are blocked are.
    pub(crate) blocked: Option<SourceError>,
}

impl Parallel {
    pub(crate) fn new(walks: &[Walk]) -> Self {
        let mut parallel = Self {
            walkers: Vec::new(),
            tags: 0,
            requests: JoinSet::new(),
            turn: 0,
            middle: Middle::Unknown,
            looking: false,
            misses: 0,
            blocked: None,
        };
        walks.iter().enumerate().for_each(|(n, walk)| parallel.insert(n, walk, None));
        parallel
    }

    pub(crate) fn insert(&mut self, n: usize, walk: &Walk, entry: Option<i64>) {
        self.tags += 1;
        let mut state = WalkState::of(walk);
        state.note_span(entry);
        self.walkers.insert(n, Walker { tag: self.tags, state, under_way: false, blocked: false, entry });
    }

    /// The first answer to come; `None`: nothing is under way.
    pub(crate) async fn next(&mut self, path: &'static str) -> Result<Option<(Back, Answer)>, SourceError> {
        match self.requests.join_next().await {
            Some(Ok((_, Err(error)))) if error.ends_the_run() => Err(error.into()),
            Some(joined) => joined.map(Some).map_err(|_| SourceError::Broken { path }),
            // Nothing can be asked for any more, and that is no end.
            None => self.blocked.take().map_or(Ok(None), Err),
        }
    }

    /// Lets go of what is under way: it is not needed any more.
    pub(crate) fn stop(&mut self) {
        self.requests.abort_all();
    }

    pub(crate) fn find(&self, tag: u32) -> Option<usize> {
        self.walkers.iter().position(|walker| walker.tag == tag)
    }

    /// The next walk that can be asked for its next page, among those that have been begun or those that have not.
    pub(crate) fn ready(&self, walks: &[Walk], begun: bool) -> Option<usize> {
        let can = |n: usize| {
            let walk = &walks[n];
            !walk.done
                && (walk.pages > 0) == begun
                && !self.walkers[n].under_way
                && !self.walkers[n].blocked
                && !self.meets_soon(walks, n)
        };
        let first = self.turn.min(walks.len());
        (first..walks.len()).chain(0..first).find(|n| can(*n))
    }

    /// Whether the walk that comes towards this one has probably asked for all that is left between them.
    fn meets_soon(&self, walks: &[Walk], n: usize) -> bool {
        let Some(other) = coverage::facing(walks, n).filter(|other| self.walkers[*other].under_way) else {
            return false;
        };
        let (Some(here), Some(there)) = (walks[n].last, walks[other].last) else { return false };
        // The denser of both ends tells how much may be left.
        let spans = [n, other].map(|n| self.walkers[n].state.span().unwrap_or(0));
        here.0.abs_diff(there.0) <= spans[0].min(spans[1]).unsigned_abs()
    }

    /// The stretch that most needs another walk, as the number of the walk above it and the time to begin at.
    pub(crate) fn longest(&self, walks: &[Walk]) -> Option<(usize, Micros)> {
        let alone = walks.iter().filter(|walk| !walk.done).count() == 1;
        let worth = if alone { WORTH_ALONE } else { WORTH };
        let stretch = |n: usize| {
            let (from, to) = coverage::left_below(walks, n)?;
            let (near, far) = self.ends(walks, n)?;
            let known = Self::known(walks, n, near, far) && walks[n + 1].pages > 1;
            // A stretch with a walk at both ends has three then, otherwise two.
            let other = coverage::facing(walks, n).is_some_and(|other| !walks[other].done);
            let (walkers, part) = if other { (2.0, FIRST_OF_THREE) } else { (1.0, 0.5) };
            let pages = seek::pages(from, to, near, far);
            let at = seek::split(from, to, near, far, part);
            (known && pages >= worth && at < from && at > to).then_some((pages / walkers, n, at))
        };
        let longest = (0..walks.len()).filter_map(stretch).max_by(|a, b| a.0.total_cmp(&b.0));
        longest.map(|(_, n, at)| (n, at))
    }
}
