//! A step of a pass: requests are sent for its walks, and their answers taken in.

use std::time::Duration;

use crate::http::Signal;
use crate::http::limit::Priority;
use crate::model::{Micros, State};
use crate::source::gorgias::api::PAGE_ROWS;
use crate::source::gorgias::context::{Context, OVERLAP};
use crate::source::gorgias::fields::{self, integer};
use crate::source::gorgias::list::active::Active;
use crate::source::gorgias::list::checkpoint::{Direction, Pass, PassKind, Walk};
use crate::source::gorgias::list::coverage;
use crate::source::gorgias::list::front;
use crate::source::gorgias::list::pages::{self, Answer, Ask, EmptyEnd, Position};
use crate::source::gorgias::list::parallel::{Back, LONG_LOAD, MOST_MISSES, Middle};
use crate::source::gorgias::list::recent;
use crate::source::gorgias::list::seek::{self, Landing};
use crate::source::gorgias::list::tail;
use crate::source::gorgias::list::walk::{self, Fetched, Stumble};
use crate::source::gorgias::list::window;
use crate::source::{Headway, Overlap, Page, SortField, SourceError};

/// Sends as many requests as make sense now.
pub(crate) fn send_out(ctx: &mut Context, active: &mut Active) -> Result<(), SourceError> {
    let priority = active.priority();
    loop {
        let mine = active.parallel.requests.len();
        let walks = &active.pass.walks;
        let mut next = active.parallel.ready(walks, true);
        if next.is_none() {
            // Others are begun only if those that were are too few; walks that wait to meet are not.
            let walking = walks.iter().filter(|walk| !walk.done && walk.pages > 0).count();
            let left = active.parallel.left(walks);
            // In a long load it is worth a request to know where it ends.
            let long = left.is_none() && walks.len() > 1 && active.pass.pages >= LONG_LOAD;
            if mine > 0 && walking.max(mine) >= ctx.reader.concurrency(mine, left) && !long {
                return Ok(());
            }
            next = active.parallel.ready(walks, false);
        }
        if let Some(n) = next {
            active.parallel.turn = n + 1;
            let walker = &mut active.parallel.walkers[n];
            let ask = walk::ask(ctx.resource, &walks[n], &mut walker.state)?;
            walker.under_way = true;
            let tag = walker.tag;
            request(ctx, active, Back::Walk(tag), priority, ask);
            continue;
        }
        let opens = active.parallel.middle == Middle::Open && !active.parallel.looking;
        let Some((n, at)) = opens.then(|| active.parallel.longest(walks)).flatten() else { return Ok(()) };
        let made = Walk { cursor: Some(seek::cursor(at, 0)), ..walks[n].clone() };
        active.parallel.looking = true;
        let back = Back::Made { at, above: active.parallel.walkers[n].tag };
        let path = walk::path(ctx.resource, &made, PAGE_ROWS);
        request(ctx, active, back, priority, Ask { path, position: Position::Later, rows: PAGE_ROWS });
    }
}

fn request(ctx: &Context, active: &mut Active, back: Back, priority: Priority, ask: Ask) {
    let (client, observer) = (ctx.client.clone(), ctx.observer.clone());
    let empty = match back {
        Back::Walk(_) => empty_end(ctx, active, ask.position),
        // What a cursor that was made leads to is checked anyway.
        Back::Made { .. } => EmptyEnd::Harmless,
    };
    active.parallel.requests.spawn(async move {
        let answer = pages::fetch(&client, priority, &ask, &*observer, empty).await;
        (back, answer)
    });
}

/// What it means if the list seems to be empty, or to end without rows. A catch-up takes an empty list for "nothing
/// new", and the next one looks again; a list that is read whole would put nothing in the place of what is there.
fn empty_end(ctx: &Context, active: &Active, position: Position) -> EmptyEnd {
    match active.pass.kind {
        _ if position == Position::Later => EmptyEnd::Doubtful,
        PassKind::CatchUp => EmptyEnd::Harmless,
        PassKind::Backfill if active.moves && ctx.request.from.is_some() => EmptyEnd::Harmless,
        PassKind::Backfill | PassKind::Since(_) => EmptyEnd::Doubtful,
    }
}

/// Takes an answer in. `None`: it brought nothing to hand on.
pub(crate) fn take_in(
    ctx: &mut Context,
    active: &mut Active,
    back: Back,
    answer: Answer,
) -> Result<Option<Page>, SourceError> {
    let tag = match back {
        Back::Walk(tag) => tag,
        Back::Made { at, above } => return Ok(begin_in_the_middle(ctx, active, at, above, answer)),
    };
    // A walk that was taken out has nobody to wait for it.
    let Some(n) = active.parallel.find(tag) else { return Ok(None) };
    let (walk, walker) = (&mut active.pass.walks[n], &mut active.parallel.walkers[n]);
    walker.under_way = false;
    if walk.done {
        walker.state.forget(walk);
        return Ok(None);
    }
    let asked = walk.cursor.clone();
    let fetched = match walk::take(ctx.resource, walk, &mut walker.state, answer) {
        Ok(Some(fetched)) => fetched,
        Ok(None) => return Ok(None),
        Err(Stumble::Error(error @ SourceError::RowTooLarge { .. })) => {
            block(ctx, active, n, error);
            return Ok(None);
        }
        Err(Stumble::Error(error)) => return Err(error),
        Err(Stumble::Refused) => {
            refused(ctx, active, n)?;
            return Ok(None);
        }
    };
    note_page(ctx, active, &fetched);
    if active.pass.walks[n].unordered && active.pass.walks[n].first.is_some() {
        close_the_middle(ctx, active, "the rows are not in order");
        take_out(active, n);
        return Ok(Some(page(ctx, active, n - 1, fetched)));
    }
    fetched.warning.clone().into_iter().for_each(|warning| ctx.warn(warning));
    let opens = active.pass.pages == 1 && spreads(ctx, active) && !active.pass.walks[n].done;
    let times = fetched.times(active.pass.walks[n].sort, ctx.resource.sort());
    note_top(ctx, active, n, &times);
    note_front(ctx, active, n, &fetched, &times);
    tail::note(ctx, active, asked, &fetched);
    look_at_cursor(ctx, active, n, &fetched);
    coverage::settle(&mut active.pass.walks);
    if opens {
        active.spread();
    }
    Ok(Some(page(ctx, active, n, fetched)))
}

/// Counts a page, whichever walk it is of.
fn note_page(ctx: &mut Context, active: &mut Active, fetched: &Fetched) {
    active.pass.pages += 1;
    ctx.cap.page();
    if let Some(seen) = &mut active.seen {
        seen.extend(fetched.rows.iter().filter_map(|row| integer(row, "id")));
    }
}

/// The API refused a cursor: leave the rest to a walk that comes from the other side, or to the one above, or find
/// the place again.
fn refused(ctx: &mut Context, active: &mut Active, n: usize) -> Result<(), SourceError> {
    let walks = &mut active.pass.walks;
    if active.trail.expects.take().is_some() {
        // It is an earlier run's, which need not be taken any more.
        walk::begin_anew(&mut walks[n], &mut active.parallel.walkers[n].state);
        return Ok(());
    }
    if let Some(other) = coverage::facing(walks, n).filter(|other| !walks[*other].done) {
        // The other walk ends where this one has come to, so nothing is read twice.
        walks[n].done = true;
        active.parallel.walkers[n].state.forget(&walks[n]);
        active.parallel.turn = other;
        return Ok(());
    }
    if walks[n].first.is_some() {
        close_the_middle(ctx, active, "a cursor was refused later");
        take_out(active, n);
        return Ok(());
    }
    ctx.warn(format!("GET {}: the API refused a cursor; the place is looked for again", ctx.resource.path()));
    walk::restart(&mut walks[n], &mut active.parallel.walkers[n].state, ctx.resource)
}

fn take_out(active: &mut Active, n: usize) {
    active.parallel.walkers.remove(n);
    coverage::take_out(&mut active.pass.walks, n);
}

/// Learns from a page whether cursors are places that can be made.
fn look_at_cursor(ctx: &Context, active: &mut Active, n: usize, fetched: &Fetched) {
    let walk = &active.pass.walks[n];
    let (Some(cursor), Middle::Unknown, PassKind::Backfill) =
        (&walk.cursor, active.parallel.middle, active.pass.kind)
    else {
        return;
    };
    if active.pass.walks.len() < 2 || fetched.skipped {
        return;
    }
    if seek::is_place(cursor, &fetched.rows, walk.sort) {
        active.parallel.middle = Middle::Open;
    } else {
        close_the_middle(ctx, active, "cursors have another form");
    }
}

/// No more walks from the middle in this run.
fn close_the_middle(ctx: &Context, active: &mut Active, why: &str) {
    active.parallel.middle = Middle::Closed;
    let path = ctx.resource.path();
    ctx.observer.on(Signal::Detail(format!("GET {path}: reading from the middle is left alone, as {why}")));
}

/// The answer to a cursor that was made.
fn begin_in_the_middle(
    ctx: &mut Context,
    active: &mut Active,
    at: Micros,
    above: u32,
    answer: Answer,
) -> Option<Page> {
    active.parallel.looking = false;
    // While the request was under way, the stretch may have been read, or its walk taken out.
    let n = active.parallel.find(above)?;
    let (from, to) = coverage::left_below(&active.pass.walks, n)?;
    let (walk, rows) = match seek::landing(answer, at, from, to, active.pass.walks[n].sort) {
        Landing::Here(walk, rows) => (walk, rows),
        Landing::Beyond => {
            active.parallel.misses += 1;
            if active.parallel.misses >= MOST_MISSES {
                close_the_middle(ctx, active, "little was left there");
            }
            return None;
        }
        Landing::Nowhere(why) => {
            close_the_middle(ctx, active, why);
            return None;
        }
    };
    let sort = walk.sort;
    let values: Vec<_> = rows.iter().map(|row| fields::datetime(row, sort.column())).collect();
    let fetched = Fetched { rows, values, skipped: false, known: 0, warning: None };
    note_page(ctx, active, &fetched);
    active.parallel.insert(n + 1, &walk, walk::span(&fetched.values));
    active.pass.walks.insert(n + 1, walk);
    let times = fetched.times(sort, ctx.resource.sort());
    note_front(ctx, active, n + 1, &fetched, &times);
    coverage::settle(&mut active.pass.walks);
    Some(page(ctx, active, n + 1, fetched))
}

/// A row cannot be read: the walk stands there, and what lies behind it is left to a walk from the other end.
pub(crate) fn block(ctx: &Context, active: &mut Active, n: usize, error: SourceError) {
    active.parallel.walkers[n].blocked = true;
    let error = match (active.parallel.blocked.take(), error) {
        // The same row, seen from its other side.
        (
            Some(SourceError::RowTooLarge { path, id, after, before: None }),
            SourceError::RowTooLarge { after: before, .. },
        ) => SourceError::RowTooLarge { path, id, after, before },
        (Some(first), _) => first,
        (None, error) => error,
    };
    active.parallel.blocked = Some(error);
    // In a first load that begins with such a row, there is no other walk yet.
    if active.pass.pages == 0 && spreads(ctx, active) {
        active.spread();
    }
}

/// Whether a second walk joins the first one once that has begun.
pub(crate) fn spreads(ctx: &Context, active: &Active) -> bool {
    active.pass.kind == PassKind::Backfill
        && active.pass.walks.len() == 1
        && ctx.request.window.is_open()
        && ctx.request.overlap == Overlap::Wide
        && ctx.resource.sortable()
}

/// The newest value of the table's sort field, not in the future, from when the pass began.
///
/// A row that was read at that moment shows no change made later. So its first page tells, whatever it is sorted by; where all
/// of that lies in the future, the first page that does not. So do later pages of a first load, less the time that has
/// passed since: what they show cannot be newer than now.
pub(crate) fn note_top(ctx: &mut Context, active: &mut Active, turn: usize, times: &[Option<Micros>]) {
    let walk = &active.pass.walks[turn];
    let newest = times.iter().flatten().copied().filter(|value| *value <= ctx.request.now).max();
    // Whatever came before the first value that is not in the future was.
    let from_the_top = walk.direction == Direction::NewestFirst && turn == 0;
    if walk.sort == SortField::Created && ctx.resource.sort() == SortField::Updated {
        let passed = if active.pass.pages == 1 { Duration::ZERO } else { active.began.elapsed() };
        // How long ago an earlier run began is not known.
        let newest = newest.filter(|_| !active.resumed).map(|newest| newest.minus(passed));
        active.pass.top = active.pass.top.max(newest);
    } else if walk.unordered && walk.sort == SortField::Created {
        // All of it is read, and the time of a row never changes.
        active.pass.top = active.pass.top.max(newest);
    } else if active.pass.top.is_none() && from_the_top && walk.sort == ctx.resource.sort() {
        active.pass.top = newest;
    }
    // The API's clock may be behind ours. What it calls its newest change is a time both agree on.
    if let (Some(top), true) = (active.pass.top, ctx.tracking_begins) {
        ctx.tracking_begins = false;
        if let Some(mark) = &mut ctx.progress.events {
            mark.since = mark.since.min(top);
        }
    }
}

/// Remembers what a page shows of the front of the list, and compares it with what the pass before has read there.
/// What that read to its end need not be read again: the rows of the very time down to which a look goes are where
/// nothing new comes.
pub(crate) fn note_front(
    ctx: &Context,
    active: &mut Active,
    turn: usize,
    fetched: &Fetched,
    times: &[Option<Micros>],
) {
    // While all rows are in the future, these are the front.
    let from = again_from(ctx, &active.pass).unwrap_or(ctx.request.now);
    let walk = &mut active.pass.walks[turn];
    // A list without an order is read to its end by every run, and has no front; one that comes oldest first has what is
    // new at its end.
    if walk.unordered || (!ctx.resource.sortable() && walk.direction == Direction::OldestFirst) {
        active.finds = false;
        return;
    }
    // What is skipped was read before a cursor was refused.
    if fetched.skipped {
        active.finds = true;
        return;
    }
    let strict = ctx.request.overlap == Overlap::None && active.pass.kind == PassKind::CatchUp;
    let mut new = false;
    for (row, at) in fetched.rows.iter().zip(times) {
        active.front.note(from, *at, row);
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
pub(crate) fn page(ctx: &mut Context, active: &mut Active, turn: usize, fetched: Fetched) -> Page {
    let (walk, window) = (&active.pass.walks[turn], ctx.request.window);
    let keys = window::keys(ctx, &window, walk.sort, &fetched);
    let strict = ctx.request.overlap == Overlap::None;
    // Where rows are only added, those up to the watermark were, whichever way the list goes.
    let until = if strict { walk.until.or(ctx.progress.watermark) } else { walk.until };
    let keep: Vec<bool> = (0..fetched.rows.len())
        .map(|row| {
            let wanted = match (active.pass.kind, until, fetched.values[row]) {
                (PassKind::CatchUp, Some(until), Some(value)) => value > until || (value == until && !strict),
                _ => true,
            };
            // A row whose key is no datetime is kept, as ingestr does: better too much than lost.
            let inside = keys.get(row).copied().flatten().is_none_or(|key| {
                window.start.is_none_or(|start| key >= start) && window.end.is_none_or(|end| key <= end)
            });
            wanted && inside && !fetched.skipped && !(strict && row < fetched.known)
        })
        .collect();
    let mut keep = if strict && active.moves { once(ctx, keep, &fetched) } else { keep };
    let same = recent::leave_out(ctx, active, &fetched, &mut keep);
    let reached = fetched.values.iter().rev().find_map(|value| *value);
    let page = ctx.page_of(fetched.rows, Vec::new());
    recent::remember(ctx, active);
    let state = state_within(ctx, active);
    let left = active.parallel.rest(&active.pass.walks);
    let headway = left.map(|left| Headway { read: active.pass.pages - active.before, left });
    Page { keep, same, state, reached, headway, ..page }
}

/// Rows ahead that are remembered at most; the state holds about 40 bytes of each.
const MOST_AHEAD: usize = 10_000;

/// Where rows are only added, one that lies ahead of the watermark is handed on once, however often it is read.
fn once(ctx: &mut Context, mut keep: Vec<bool>, fetched: &Fetched) -> Vec<bool> {
    let (now, ahead) = (ctx.request.now, &mut ctx.progress.ahead);
    for (row, keep) in keep.iter_mut().enumerate().filter(|(_, keep)| **keep) {
        let Some(at) = fetched.values[row].filter(|at| *at > now || !ahead.is_empty()) else { continue };
        let hash = front::lasting_hash(fetched.rows.row(row));
        *keep = !ahead.contains_key(&hash);
        if at > now && ahead.len() < MOST_AHEAD {
            ahead.insert(hash, at);
        }
    }
    keep
}

/// What to store while a pass is walked.
pub(crate) fn state_within(ctx: &Context, active: &Active) -> State {
    let mut progress = ctx.progress.clone();
    if active.moves {
        progress.unfinished = Some(active.pass.clone());
    }
    progress.state()
}

/// Down to where the front is looked at after a pass.
pub(crate) fn again_from(ctx: &Context, pass: &Pass) -> Option<Micros> {
    let back = match pass.kind {
        PassKind::Backfill if ctx.request.overlap == Overlap::Wide => OVERLAP,
        _ => Duration::ZERO,
    };
    Some(pass.top?.minus(back))
}
