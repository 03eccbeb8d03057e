//! Which walks are walked, in which order, and what they mean for the watermark.
//!
//! | pass | when | how |
//! | --- | --- | --- |
//! | backfill | nothing known yet | by creation, which never changes, from both ends until the walks meet, and from the middle if that helps |
//! | since | `--interval-start` | newest first by the table's sort field, down to the start |
//! | catch-up | a watermark is known | newest first, down to the watermark less an overlap |
//!
//! Every pass that took more than one page is followed by a short catch-up from the top down to where it began:
//! rows that change while a list is read jump to its front and would be missed (`ARCHITECTURE.md`, "Reading").

use std::collections::HashSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::model::{Micros, State};
use crate::source::gorgias::list::channel::Outlet;
use crate::source::gorgias::list::checkpoint::{Direction, Kind, Pass, Walk};
use crate::source::gorgias::list::front::Front;
use crate::source::gorgias::list::parallel::Abreast;
use crate::source::gorgias::list::walk::{self, Fetched};
use crate::source::gorgias::table_reader::{OVERLAP, Reader};
use crate::source::{Changes, Computed, Headway, Overlap, Page, SortField, SourceError, Window};

const DAY: Duration = Duration::from_secs(86_400);
/// Short catch-ups after a pass; a busy account could keep us here for good.
const MOST_ROUNDS: u32 = 10;

/// The pass being walked.
pub(crate) struct Active {
    pub(crate) pass: Pass,
    /// Its walks as they are walked now.
    pub(crate) abreast: Abreast,
    /// Catch-ups after the first pass.
    round: u32,
    /// What it has read where the next look at the front would read again.
    front: Front,
    /// What the pass before this one has read there, if this one only looks again.
    known: Option<Front>,
    /// Whether that pass came from the front, too: then all rows of the very time down to which this one looks were read.
    again: bool,
    /// Whether it has found a row that the pass before did not have, or there was none before.
    finds: bool,
    /// Before its first request.
    began: Instant,
    /// Whether the watermark moves once it is complete, and so whether it is stored while it is not.
    pub(crate) moves: bool,
    /// Whether an earlier run began it.
    pub(crate) resumed: bool,
    /// Pages that earlier runs read of it.
    pub(crate) before: u64,
    /// Ids met, for a pass whose range is compared with the rows held.
    pub(crate) seen: Option<HashSet<i64>>,
}

impl Active {
    fn new(pass: Pass, moves: bool, round: u32) -> Self {
        let abreast = Abreast::new(&pass.walks);
        let before = pass.pages;
        Self {
            pass,
            abreast,
            round,
            front: Front::default(),
            known: None,
            again: false,
            finds: true,
            began: Instant::now(),
            moves,
            resumed: false,
            before,
            seen: None,
        }
    }

    /// A pass over all of a list that is short enough to begin anew if it comes to no end.
    pub(crate) fn in_full() -> Self {
        let walks = vec![Walk::new(SortField::Created, Direction::NewestFirst, None)];
        let pass = Pass { kind: Kind::Backfill, top: None, pages: 0, walks };
        Self { seen: Some(HashSet::new()), ..Self::new(pass, false, 0) }
    }

    /// A pass that an earlier run left.
    fn resume(pass: Pass) -> Self {
        Self { resumed: true, ..Self::new(pass, true, 0) }
    }
}

impl Reader {
    /// Walks a pass to its end, and moves the watermark.
    pub(crate) async fn pass(&mut self, active: &mut Active, out: &mut Outlet) -> Result<(), SourceError> {
        let walked = self.walk_all(active, out).await;
        self.hand_over_all(out).await;
        walked?;
        self.complete(active);
        let walk = &active.pass.walks[0];
        if let (Some(seen), Some(from), Some(to)) = (&active.seen, walk.until, active.pass.top)
            && !walk.unordered
        {
            self.unmet = self.unmet(seen, from, to, out).await;
        }
        Ok(())
    }

    /// Walks the walks of a pass until all have come to their end.
    async fn walk_all(&mut self, active: &mut Active, out: &mut Outlet) -> Result<(), SourceError> {
        loop {
            self.send_out(active)?;
            let Some((back, answer)) = active.abreast.next(self.resource.path()).await? else {
                return Ok(());
            };
            let page = self.take_in(active, back, answer)?;
            let over = active.pass.walks.iter().all(|walk| walk.done);
            if !over {
                // What comes next is under way while this page is loaded; if loading is slow, there it ends.
                self.send_out(active)?;
            }
            if let Some(mut page) = page {
                if self.counts_begun().await? {
                    page.state = self.state_within(active);
                }
                self.hand_over(active, page, out).await;
            }
            if over {
                active.abreast.stop();
                return Ok(());
            }
        }
    }

    /// Short catch-ups from the top, until one finds nothing that it could have missed.
    pub(crate) async fn rounds(&mut self, mut active: Active, out: &mut Outlet) -> Result<(), SourceError> {
        while let Some(mut next) = self.round_after(&active) {
            next.known = Some(std::mem::take(&mut active.front));
            next.again = self.comes_from_the_front(&active);
            next.finds = false;
            self.pass(&mut next, out).await?;
            active = next;
        }
        Ok(())
    }

    /// Decides what the first pass is.
    pub(crate) fn begin(&mut self) -> Active {
        if self.resource.changes == Changes::Full {
            return Active::in_full();
        }
        let window = self.request.window;
        let newest_first = |until| Walk::new(self.resource.sort(), Direction::NewestFirst, until);
        if !window.is_open() {
            let until = window.start.map(|start| start.minus(self.lookback()));
            let known = self.progress.watermark;
            let kind = window.start.map_or(Kind::Backfill, Kind::Since);
            if let Some(pass) = self.progress.unfinished.as_ref()
                && pass.kind == kind
                && window.end.is_none()
            {
                return Active::resume(pass.clone());
            }
            let begins = known.is_none() && self.progress.unfinished.is_none();
            let reaches = window.start.is_some_and(|start| known.is_some_and(|known| start <= known));
            let moves = window.end.is_none() && self.progress.unfinished.is_none() && (begins || reaches);
            let pass = Pass { kind, top: None, pages: 0, walks: vec![newest_first(until)] };
            return Active::new(pass, moves, 0);
        }
        if let Some(pass) = self.progress.unfinished.clone() {
            return Active::resume(pass);
        }
        match self.progress.watermark {
            Some(watermark) => self.catch_up(watermark.minus(self.behind()), 0, true),
            None => {
                // One page tells how fresh the table is, and whether it is all there is. Then both ends (`walk`).
                // It is the first page of the walk from the newest end already, whatever the table sorts by.
                // Where rows are only added, each version of a row must come once: so oldest change first, and what
                // changes on the way comes again as a new version.
                let first = match self.request.overlap {
                    Overlap::Wide => Walk::new(SortField::Created, Direction::NewestFirst, None),
                    Overlap::None => Walk::new(self.resource.sort(), Direction::OldestFirst, None),
                };
                Active::new(Pass { kind: Kind::Backfill, top: None, pages: 0, walks: vec![first] }, true, 0)
            }
        }
    }

    /// How far behind the watermark a run reads.
    pub(crate) fn behind(&self) -> Duration {
        match self.request.overlap {
            Overlap::Wide => OVERLAP.max(self.lookback()),
            Overlap::None => Duration::ZERO,
        }
    }

    pub(crate) fn catch_up(&self, until: Micros, round: u32, moves: bool) -> Active {
        let walks = vec![Walk::new(self.resource.sort(), Direction::NewestFirst, Some(until))];
        Active::new(Pass { kind: Kind::CatchUp, top: None, pages: 0, walks }, moves, round)
    }

    /// How far behind a row's creation it may still change without a sign.
    fn lookback(&self) -> Duration {
        match (self.request.lookback, self.resource.changes) {
            (Some(asked), _) => asked,
            (None, Changes::ByUpdate | Changes::Full) => Duration::ZERO,
            (None, Changes::Recent { days }) => DAY * days,
        }
    }

    /// The newest value of the table's sort field, not in the future, from when the pass began.
    ///
    /// A row that was read at that moment shows no change made later. So its first page tells, whatever it is sorted by.
    /// So do later pages of a first load, less the time that has passed since: what they show cannot be newer than now.
    pub(crate) fn note_top(&mut self, active: &mut Active, turn: usize, times: &[Option<Micros>]) {
        let walk = &active.pass.walks[turn];
        let newest = times.iter().flatten().copied().filter(|value| *value <= self.request.now).max();
        let from_the_top = walk.direction == Direction::NewestFirst && walk.first.is_none();
        if walk.sort == SortField::Created && self.resource.sort() == SortField::Updated {
            let passed = if active.pass.pages == 1 { Duration::ZERO } else { active.began.elapsed() };
            // How long ago an earlier run began is not known.
            let newest = newest.filter(|_| !active.resumed).map(|newest| newest.minus(passed));
            active.pass.top = active.pass.top.max(newest);
        } else if active.pass.top.is_none() && from_the_top && walk.sort == self.resource.sort() {
            active.pass.top = newest;
        }
        // The API's clock may be behind ours. What it calls its newest change is a time both agree on.
        if let (Some(top), true) = (active.pass.top, self.tracking_begins) {
            self.tracking_begins = false;
            if let Some(mark) = &mut self.progress.events {
                mark.since = mark.since.min(top);
            }
        }
    }

    /// Remembers what a page shows of the front of the list, and compares it with what the pass before has read there.
    /// What that read to its end need not be read again: the rows of the very time down to which a look goes are where
    /// nothing new comes.
    pub(crate) fn note_front(
        &self,
        active: &mut Active,
        turn: usize,
        fetched: &Fetched,
        times: &[Option<Micros>],
    ) {
        let from = self.again_from(&active.pass);
        let walk = &mut active.pass.walks[turn];
        // What is skipped was read before a cursor was refused.
        if fetched.skipped || walk.unordered {
            active.finds = true;
            return;
        }
        let strict = self.request.overlap == Overlap::None && active.pass.kind == Kind::CatchUp;
        let mut new = false;
        for (row, at) in fetched.rows.iter().zip(times) {
            if let Some(from) = from {
                active.front.note(from, *at, row);
            }
            let outside = |at: Micros| walk.until.is_some_and(|until| at < until || (strict && at == until));
            let wanted = !at.is_some_and(outside);
            new |= wanted && active.known.as_ref().is_some_and(|known| !known.knows(row));
        }
        active.finds |= new;
        let last = fetched.values.iter().rev().find_map(|value| *value);
        let at_the_bound = last.is_some() && last == walk.until;
        walk.done |= at_the_bound && (strict || (active.again && !new));
    }

    /// What a walk has read, as it is handed on.
    pub(crate) fn page(&mut self, active: &Active, turn: usize, fetched: Fetched) -> Page {
        let walk = &active.pass.walks[turn];
        let window = self.request.window;
        let keys = self.keys_in(&window, walk.sort, &fetched);
        let strict = self.request.overlap == Overlap::None;
        let keep = (0..fetched.rows.len())
            .map(|row| {
                let wanted = match (active.pass.kind, walk.until, fetched.values[row]) {
                    (Kind::CatchUp, Some(until), Some(value)) => value > until || (value == until && !strict),
                    _ => true,
                };
                // A row whose key is no datetime is kept, as ingestr does: better too much than lost.
                let inside = keys.get(row).copied().flatten().is_none_or(|key| {
                    window.start.is_none_or(|start| key >= start) && window.end.is_none_or(|end| key <= end)
                });
                wanted && inside && !fetched.skipped
            })
            .collect();
        let reached = fetched.values.iter().rev().find_map(|value| *value);
        let state = self.state_within(active);
        let left = active.abreast.rest(&active.pass.walks);
        let headway = left.map(|left| Headway { read: active.pass.pages - active.before, left });
        Page { keep, state, reached, headway, ..self.page_of(fetched.rows, Vec::new()) }
    }

    /// Values of the incremental key, a row each, where a window asks for them.
    fn keys_in(&self, window: &Window, sorted: SortField, fetched: &Fetched) -> Vec<Option<Micros>> {
        let rows = fetched.rows.iter();
        match (self.resource.incremental_key, self.resource.computed) {
            _ if window.is_open() => Vec::new(),
            (None, _) => Vec::new(),
            (Some(key), Some((column, Computed::NewestDatetime))) if key == column => {
                rows.map(walk::newest_datetime).collect()
            }
            (Some(key), _) if key == sorted.column() => fetched.values.clone(),
            (Some(key), _) => rows.map(|row| walk::datetime(row, key)).collect(),
        }
    }

    /// What to store while a pass is walked.
    fn state_within(&self, active: &Active) -> State {
        let mut progress = self.progress.clone();
        if active.moves {
            progress.unfinished = Some(active.pass.clone());
        }
        progress.state()
    }

    /// A pass is complete: moves the watermark.
    fn complete(&mut self, active: &mut Active) {
        let pass = &mut active.pass;
        let now = self.request.now;
        pass.top = pass.top.or_else(|| live_end(pass, self.resource.sort(), now));
        if pass.top.is_none() && pass.walks.iter().any(|walk| walk.last.is_some()) {
            // No row has a date, or all are in the future: our clock is the only one left to go by.
            pass.top = Some(self.loading_since.unwrap_or(now));
        }
        if !active.moves {
            return;
        }
        let first = self.progress.watermark.is_none();
        if first && pass.kind != Kind::CatchUp {
            self.note_length(pass.pages);
        }
        self.progress.unfinished = None;
        self.progress.watermark = self.progress.watermark.max(pass.top);
        match pass.kind {
            Kind::Backfill => self.progress.covered_since = None,
            Kind::Since(start) => {
                // `None` is "from the beginning", and a table that was covered stays covered.
                let since = self.progress.covered_since;
                self.progress.covered_since =
                    if first { Some(start) } else { since.map(|since| since.min(start)) };
            }
            Kind::CatchUp => {}
        }
    }

    /// The catch-up that a pass must be followed by, as rows may have jumped to the front while it was walked. A look that
    /// found nothing needs none, however long it took.
    pub(crate) fn round_after(&self, active: &Active) -> Option<Active> {
        let from = self.again_from(&active.pass)?;
        let again = active.pass.pages > 1 && active.round < MOST_ROUNDS && self.request.window.end.is_none();
        (again && active.finds).then(|| self.catch_up(from, active.round + 1, active.moves))
    }

    /// Down to where the front is looked at after a pass.
    fn again_from(&self, pass: &Pass) -> Option<Micros> {
        let back = match pass.kind {
            Kind::Backfill if self.request.overlap == Overlap::Wide => OVERLAP,
            _ => Duration::ZERO,
        };
        Some(pass.top?.minus(back))
    }

    /// Whether a pass has read all rows with the newest date, and whatever is behind them as far as it went.
    fn comes_from_the_front(&self, active: &Active) -> bool {
        let [walk] = active.pass.walks.as_slice() else { return false };
        walk.direction == Direction::NewestFirst
            && walk.sort == self.resource.sort()
            && !walk.unordered
            && active.pass.kind != Kind::Backfill
    }
}

/// Where a pass ended that walked towards the present.
fn live_end(pass: &Pass, sort: SortField, now: Micros) -> Option<Micros> {
    let [walk] = pass.walks.as_slice() else { return None };
    let towards = walk.direction == Direction::OldestFirst && walk.sort == sort;
    walk.last.filter(|last| towards && *last <= now)
}
