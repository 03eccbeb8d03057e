//! Lists that take no order and come oldest first: what is new is at their end.
//!
//! Such a list would have to be read whole to see its newest row. So the progress remembers a cursor that leads to a page
//! near the end, and the row which that page begins with. The next run reads on from there, if the page still begins with
//! that row. Where it does not, the cursor is refused, or a period of the re-scan is over, the list is read whole: nothing
//! else would show that it is another one, or that a row came in the middle.

use std::time::Duration;

use crate::model::Micros;
use crate::source::gorgias::context::Context;
use crate::source::gorgias::fields::integer;
use crate::source::gorgias::list::active::{Active, EndPage, Trail};
use crate::source::gorgias::list::checkpoint::{Direction, Tail, Walk};
use crate::source::gorgias::list::walk::{self, Fetched};

/// So far before its newest row a list is read again, at least: rows can become visible later than the time they carry.
const BEFORE_THE_END: Duration = Duration::from_secs(3_600);

/// The walk that reads on where the last run was near the end of the list.
pub(crate) fn walk(ctx: &Context, until: Micros) -> Option<(Walk, i64)> {
    let tail = ctx.progress.tail.as_ref().filter(|_| !ctx.resource.sortable())?;
    let due = ctx.is_due(tail.whole) || (ctx.request.rescan.is_some() && tail.whole > ctx.request.now);
    if due || tail.at > until {
        return None;
    }
    let walk = Walk::new(ctx.resource.sort(), Direction::OldestFirst, None);
    Some((Walk { cursor: Some(tail.cursor.clone()), ..walk }, tail.id))
}

/// Notes a page that the first walk of a pass has read, asked for by this cursor.
pub(crate) fn note(ctx: &Context, active: &mut Active, asked: Option<String>, fetched: &Fetched) {
    let Some(walk) = active.pass.walks.first_mut().filter(|_| !ctx.resource.sortable()) else { return };
    let trail = &mut active.trail;
    let first = fetched.rows.iter().next().and_then(|row| integer(row, "id"));
    if trail.expects.take().is_some_and(|id| first != Some(id)) {
        walk.done = false;
        walk::begin_anew(walk, &mut active.parallel.walkers[0].state);
        return;
    }
    if asked.is_none() {
        *trail = Trail { whole: true, ..Trail::default() };
    }
    if let (Some(cursor), Some(id), Some(at)) = (asked, first, fetched.values.first().copied().flatten()) {
        trail.pages.push_back(EndPage { cursor, id, at });
    }
    let Some(newest) = walk.last else { return };
    let from = newest.minus(BEFORE_THE_END.max(ctx.behind()));
    while trail.pages.get(1).is_some_and(|next| next.at <= from) {
        trail.pages.pop_front();
    }
}

/// A pass is complete: remembers where the next run reads on.
pub(crate) fn conclude(ctx: &mut Context, active: &mut Active) {
    if ctx.resource.sortable() || !active.moves {
        return;
    }
    // A first load that went on was begun by an earlier run.
    let since = ctx.progress.tail.take().map(|tail| tail.whole).or(ctx.loading_since);
    let [walk] = active.pass.walks.as_slice() else { return };
    let whole = if active.trail.whole { Some(ctx.request.now) } else { since };
    let page = active.trail.pages.pop_front();
    if let (Direction::OldestFirst, false, Some(page), Some(whole)) =
        (walk.direction, walk.unordered, page, whole)
    {
        ctx.progress.tail = Some(Tail { cursor: page.cursor, id: page.id, at: page.at, whole });
    }
}
