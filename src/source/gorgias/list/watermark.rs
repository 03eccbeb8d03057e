//! Where the watermark is decided: the newest value of the field that a table is sorted by up to which all is read.
//!
//! It moves when a pass is complete, and never back. It is a time of the API's rows, not of our clock, which may be ahead or
//! behind; rows whose date is in the future do not move it. How far before it the next run begins: `Context::behind`.

use crate::model::Micros;
use crate::source::SortField;
use crate::source::gorgias::changes::rescan;
use crate::source::gorgias::context::Context;
use crate::source::gorgias::list::active::Active;
use crate::source::gorgias::list::checkpoint::{Direction, Pass, PassKind};

/// A pass is complete: moves the watermark.
pub(crate) fn complete(ctx: &mut Context, active: &mut Active) {
    let pass = &mut active.pass;
    let now = ctx.request.now;
    pass.top = pass.top.or_else(|| live_end(pass, ctx.resource.sort(), now));
    if pass.top.is_none() && pass.walks.iter().any(|walk| walk.last.is_some()) {
        // No row has a date, or all are in the future: our clock is the only one left to go by.
        pass.top = Some(ctx.loading_since.unwrap_or(now));
    }
    if !active.moves {
        return;
    }
    let first = ctx.progress.watermark.is_none();
    if first && pass.kind != PassKind::CatchUp {
        rescan::note_length(ctx, pass.pages);
    }
    ctx.progress.unfinished = None;
    ctx.progress.watermark = ctx.progress.watermark.max(pass.top);
    let watermark = ctx.progress.watermark;
    ctx.progress.ahead.retain(|_, at| watermark.is_none_or(|watermark| *at > watermark));
    match pass.kind {
        PassKind::Backfill => ctx.progress.covered_since = None,
        PassKind::Since(start) => {
            // `None` is "from the beginning", and a table that was covered stays covered. What has not come to pass yet was not
            // left out.
            let since = ctx.progress.covered_since;
            ctx.progress.covered_since =
                if first { Some(start.min(now)) } else { since.map(|since| since.min(start)) };
        }
        PassKind::CatchUp => {}
    }
}

/// Where a pass ended that walked towards the present.
fn live_end(pass: &Pass, sort: SortField, now: Micros) -> Option<Micros> {
    let [walk] = pass.walks.as_slice() else { return None };
    let towards = walk.direction == Direction::OldestFirst && walk.sort == sort && !walk.unordered;
    walk.last.filter(|last| towards && *last <= now)
}
