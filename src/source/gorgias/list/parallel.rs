//! The walks of a pass side by side: their requests are under way at the same time, as many as the account's rate needs
//! with answers as slow as they are. Two walks from both ends of a list are what the API's documentation allows; if
//! that is too few, more begin in the middle (`made`).

use tokio::task::JoinSet;

use crate::http::Signal;
use crate::http::limit::Priority;
use crate::model::Micros;
use crate::source::gorgias::changes::deletions::integer;
use crate::source::gorgias::list::checkpoint::{Kind, Walk};
use crate::source::gorgias::list::coverage;
use crate::source::gorgias::list::pages::{self, Answer, Ask, EmptyEnd, PAGE_ROWS, Position};
use crate::source::gorgias::list::pass::Active;
use crate::source::gorgias::list::seek::{self, Landing};
use crate::source::gorgias::list::walk::{self, Fetched, Footprint, Stumble};
use crate::source::gorgias::table_reader::Reader;
use crate::source::{Page, SourceError};

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
const BLIND: u64 = 300;
/// Walks that may turn out to begin where nothing is left, until no more are tried.
const MOST_MISSES: u32 = 3;

/// Whether walks can begin in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Middle {
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
    tag: u32,
    pub(crate) footprint: Footprint,
    under_way: bool,
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
pub(crate) struct Abreast {
    pub(crate) walkers: Vec<Walker>,
    tags: u32,
    requests: JoinSet<(Back, Answer)>,
    /// The walk that goes next, if not all can.
    turn: usize,
    middle: Middle,
    looking: bool,
    misses: u32,
    /// Why the walks that are blocked are.
    pub(crate) blocked: Option<SourceError>,
}

impl Abreast {
    pub(crate) fn new(walks: &[Walk]) -> Self {
        let mut abreast = Self {
            walkers: Vec::new(),
            tags: 0,
            requests: JoinSet::new(),
            turn: 0,
            middle: Middle::Unknown,
            looking: false,
            misses: 0,
            blocked: None,
        };
        walks.iter().enumerate().for_each(|(n, walk)| abreast.insert(n, walk, None));
        abreast
    }

    fn insert(&mut self, n: usize, walk: &Walk, entry: Option<i64>) {
        self.tags += 1;
        let mut footprint = Footprint::of(walk);
        footprint.note_span(entry);
        self.walkers.insert(n, Walker { tag: self.tags, footprint, under_way: false, blocked: false, entry });
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

    fn find(&self, tag: u32) -> Option<usize> {
        self.walkers.iter().position(|walker| walker.tag == tag)
    }

    /// The next walk that can be asked for its next page, among those that have been begun or those that have not.
    fn ready(&self, walks: &[Walk], begun: bool) -> Option<usize> {
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
        let spans = [n, other].map(|n| self.walkers[n].footprint.span().unwrap_or(0));
        here.0.abs_diff(there.0) <= spans[0].min(spans[1]).unsigned_abs()
    }

    /// The stretch that most needs another walk, as the number of the walk above it and the time to begin at.
    fn longest(&self, walks: &[Walk]) -> Option<(usize, Micros)> {
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

impl Reader {
    fn priority(active: &Active) -> Priority {
        match active.pass.kind {
            Kind::CatchUp => Priority::Soon,
            Kind::Backfill | Kind::Since(_) => Priority::Later { had: active.pass.pages - active.before },
        }
    }

    /// Sends as many requests as make sense now.
    pub(crate) fn send_out(&mut self, active: &mut Active) -> Result<(), SourceError> {
        let priority = Self::priority(active);
        loop {
            let mine = active.abreast.requests.len();
            let walks = &active.pass.walks;
            let mut next = active.abreast.ready(walks, true);
            if next.is_none() {
                // Others are begun only if those that were are too few; walks that wait to meet are not.
                let walking = walks.iter().filter(|walk| !walk.done && walk.pages > 0).count();
                let left = active.abreast.left(walks);
                // In a long load it is worth a request to know where it ends.
                let blind = left.is_none() && walks.len() > 1 && active.pass.pages >= BLIND;
                if mine > 0 && walking.max(mine) >= self.seat.appetite(mine, left) && !blind {
                    return Ok(());
                }
                next = active.abreast.ready(walks, false);
            }
            if let Some(n) = next {
                active.abreast.turn = n + 1;
                let walker = &mut active.abreast.walkers[n];
                let ask = walk::ask(self.resource, &walks[n], &mut walker.footprint)?;
                walker.under_way = true;
                let tag = walker.tag;
                self.request(active, Back::Walk(tag), priority, ask);
                continue;
            }
            let opens = active.abreast.middle == Middle::Open && !active.abreast.looking;
            let Some((n, at)) = opens.then(|| active.abreast.longest(walks)).flatten() else { return Ok(()) };
            let made = Walk { cursor: Some(seek::cursor(at)), ..walks[n].clone() };
            active.abreast.looking = true;
            let back = Back::Made { at, above: active.abreast.walkers[n].tag };
            let path = walk::path(self.resource, &made, PAGE_ROWS);
            self.request(active, back, priority, Ask { path, position: Position::Later, rows: PAGE_ROWS });
        }
    }

    fn request(&self, active: &mut Active, back: Back, priority: Priority, ask: Ask) {
        let (client, listener) = (self.client.clone(), self.listener.clone());
        let empty = match back {
            Back::Walk(_) => self.empty_end(active, ask.position),
            // What a cursor that was made leads to is checked anyway.
            Back::Made { .. } => EmptyEnd::Harmless,
        };
        active.abreast.requests.spawn(async move {
            let answer = pages::fetch(&client, priority, &ask, &*listener, empty).await;
            (back, answer)
        });
    }

    /// What it means if the list seems to be empty, or to end without rows. A catch-up takes an empty list for "nothing
    /// new", and the next one looks again; a list that is read whole would put nothing in the place of what is there.
    fn empty_end(&self, active: &Active, position: Position) -> EmptyEnd {
        match active.pass.kind {
            _ if position == Position::Later => EmptyEnd::Doubtful,
            Kind::CatchUp => EmptyEnd::Harmless,
            Kind::Backfill if active.moves && self.request.from.is_some() => EmptyEnd::Harmless,
            Kind::Backfill | Kind::Since(_) => EmptyEnd::Doubtful,
        }
    }

    /// Takes an answer in. `None`: it brought nothing to hand on.
    pub(crate) fn take_in(
        &mut self,
        active: &mut Active,
        back: Back,
        answer: Answer,
    ) -> Result<Option<Page>, SourceError> {
        let tag = match back {
            Back::Walk(tag) => tag,
            Back::Made { at, above } => return Ok(self.begin_in_the_middle(active, at, above, answer)),
        };
        // A walk that was taken out has nobody to wait for it.
        let Some(n) = active.abreast.find(tag) else { return Ok(None) };
        let (walk, walker) = (&mut active.pass.walks[n], &mut active.abreast.walkers[n]);
        walker.under_way = false;
        if walk.done {
            walker.footprint.forget(walk);
            return Ok(None);
        }
        let fetched = match walk::take(self.resource, walk, &mut walker.footprint, answer) {
            Ok(Some(fetched)) => fetched,
            Ok(None) => return Ok(None),
            Err(Stumble::Error(error @ SourceError::RowTooLarge { .. })) => {
                self.block(active, n, error);
                return Ok(None);
            }
            Err(Stumble::Error(error)) => return Err(error),
            Err(Stumble::Refused) => {
                self.refused(active, n)?;
                return Ok(None);
            }
        };
        self.note_page(active, &fetched);
        if active.pass.walks[n].unordered && active.pass.walks[n].first.is_some() {
            self.close_the_middle(active, "the rows are not in order");
            self.take_out(active, n);
            return Ok(Some(self.page(active, n - 1, fetched)));
        }
        self.warnings.extend(fetched.warning.clone());
        let opens = active.pass.pages == 1 && self.spreads(active) && !active.pass.walks[n].done;
        let times = fetched.times(active.pass.walks[n].sort, self.resource.sort());
        self.note_top(active, n, &times);
        self.note_front(active, n, &fetched, &times);
        self.look_at_cursor(active, n, &fetched);
        coverage::settle(&mut active.pass.walks);
        if opens {
            Self::spread(active);
        }
        Ok(Some(self.page(active, n, fetched)))
    }

    /// Counts a page, whichever walk it is of.
    fn note_page(&mut self, active: &mut Active, fetched: &Fetched) {
        active.pass.pages += 1;
        self.spent += 1;
        if let Some(seen) = &mut active.seen {
            seen.extend(fetched.rows.iter().filter_map(|row| integer(row, "id")));
        }
    }

    /// Joins to the walk from the newest end one from the oldest.
    pub(crate) fn spread(active: &mut Active) {
        let [_, oldest_first] = walk::both_ends();
        active.abreast.insert(1, &oldest_first, None);
        active.abreast.turn = 1;
        active.pass.walks.push(oldest_first);
    }

    /// The API refused a cursor: leave the rest to a walk that comes from the other side, or to the one above, or find
    /// the place again.
    fn refused(&mut self, active: &mut Active, n: usize) -> Result<(), SourceError> {
        let walks = &mut active.pass.walks;
        if let Some(other) = coverage::facing(walks, n).filter(|other| !walks[*other].done) {
            // The other walk ends where this one has come to, so nothing is read twice.
            walks[n].done = true;
            active.abreast.walkers[n].footprint.forget(&walks[n]);
            active.abreast.turn = other;
            return Ok(());
        }
        if walks[n].first.is_some() {
            self.close_the_middle(active, "a cursor was refused later");
            self.take_out(active, n);
            return Ok(());
        }
        self.warnings.push(format!(
            "GET {}: the API refused a cursor; the place is looked for again",
            self.resource.path()
        ));
        walk::restart(&mut walks[n], &mut active.abreast.walkers[n].footprint, self.resource)
    }

    fn take_out(&self, active: &mut Active, n: usize) {
        active.abreast.walkers.remove(n);
        coverage::take_out(&mut active.pass.walks, n);
    }

    /// Learns from a page whether cursors are places that can be made.
    fn look_at_cursor(&self, active: &mut Active, n: usize, fetched: &Fetched) {
        let walk = &active.pass.walks[n];
        let (Some(cursor), Middle::Unknown, Kind::Backfill) =
            (&walk.cursor, active.abreast.middle, active.pass.kind)
        else {
            return;
        };
        if active.pass.walks.len() < 2 || fetched.skipped {
            return;
        }
        if seek::is_place(cursor, &fetched.rows, walk.sort) {
            active.abreast.middle = Middle::Open;
        } else {
            self.close_the_middle(active, "cursors have another form");
        }
    }

    /// No more walks from the middle in this run.
    fn close_the_middle(&self, active: &mut Active, why: &str) {
        active.abreast.middle = Middle::Closed;
        let path = self.resource.path();
        self.listener
            .hear(Signal::Detail(format!("GET {path}: reading from the middle is left alone, as {why}")));
    }

    /// The answer to a cursor that was made.
    fn begin_in_the_middle(
        &mut self,
        active: &mut Active,
        at: Micros,
        above: u32,
        answer: Answer,
    ) -> Option<Page> {
        active.abreast.looking = false;
        // While the request was under way, the stretch may have been read, or its walk taken out.
        let n = active.abreast.find(above)?;
        let (from, to) = coverage::left_below(&active.pass.walks, n)?;
        let (walk, rows) = match seek::landing(answer, at, from, to, active.pass.walks[n].sort) {
            Landing::Here(walk, rows) => (walk, rows),
            Landing::Beyond => {
                active.abreast.misses += 1;
                if active.abreast.misses >= MOST_MISSES {
                    self.close_the_middle(active, "little was left there");
                }
                return None;
            }
            Landing::Nowhere(why) => {
                self.close_the_middle(active, why);
                return None;
            }
        };
        let sort = walk.sort;
        let values: Vec<_> = rows.iter().map(|row| walk::datetime(row, sort.column())).collect();
        let fetched = Fetched { rows, values, skipped: false, warning: None };
        self.note_page(active, &fetched);
        active.abreast.insert(n + 1, &walk, walk::span(&fetched.values));
        active.pass.walks.insert(n + 1, walk);
        let times = fetched.times(sort, self.resource.sort());
        self.note_front(active, n + 1, &fetched, &times);
        coverage::settle(&mut active.pass.walks);
        Some(self.page(active, n + 1, fetched))
    }
}
