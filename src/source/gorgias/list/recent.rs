//! Rows that every run reads again, because of the overlap or the lookback, and that are stored as they were read.
//!
//! Most runs find nothing new there. Handed on, such rows would be staged and merged to no effect: a warehouse bills that
//! and makes a run wait for it. So the progress remembers what was handed on of them, and a catch-up leaves out what it
//! reads unchanged. Whatever else hands on a row, or finds that it is gone, makes it be forgotten
//! ([`Context::page_of`]).

use std::collections::HashMap;

use crate::source::gorgias::context::Context;
use crate::source::gorgias::fields::integer;
use crate::source::gorgias::list::active::Active;
use crate::source::gorgias::list::checkpoint::{PassKind, Recent};
use crate::source::gorgias::list::front;
use crate::source::gorgias::list::walk::Fetched;
use crate::source::{Outside, Overlap};

/// Rows that are remembered at most, the newest; the state holds about 32 bytes of each. Those beyond it are handed on by
/// every run.
const MOST: usize = 2_000;
/// Rows that a run may hand on before it remembers no more of them.
const MOST_HANDED: usize = 100_000;

/// Lets go of what may be outdated, before a run reads: a run of a window may remove rows, one that adds rows or makes the
/// table anew has others. From time to time all are handed on: somebody else may have changed what is stored.
pub(crate) fn begin(ctx: &mut Context) {
    let recent = ctx.progress.recent.take();
    let stands =
        |recent: &Recent| updates(ctx) && recent.since <= ctx.request.now && !ctx.is_due(recent.since);
    ctx.progress.recent = recent.filter(stands);
}

/// Whether rows are handed on as updates by key, of any of the table.
fn updates(ctx: &Context) -> bool {
    let request = &ctx.request;
    request.window.is_open()
        && request.overlap == Overlap::Wide
        && request.outside == Outside::Updates
        && !request.replaces
}

/// From here on rows are remembered: this is the first pass of a run, and has not been begun by another one. Of two versions
/// of a row in one commit the one with the newer date is stored, whichever came last; so rows are remembered only where all
/// that the run has handed on is known.
pub(crate) fn remember_from(ctx: &Context, active: &mut Active) {
    active.met.remembers = follows(ctx, active) && !active.resumed;
}

/// The next look at the front goes on with what this one has handed on.
pub(crate) fn go_on(active: &mut Active, next: &mut Active) {
    next.met.remembers = active.met.remembers;
    next.met.handed = std::mem::take(&mut active.met.handed);
}

/// Whether the rows of a pass may be left out.
fn follows(ctx: &Context, active: &Active) -> bool {
    active.moves && active.pass.kind == PassKind::CatchUp && updates(ctx)
}

/// Leaves out of the rows of a page that would be kept those that are stored as they are; how many these are.
pub(crate) fn leave_out(ctx: &Context, active: &mut Active, fetched: &Fetched, keep: &mut [bool]) -> u64 {
    active.met.page.clear();
    let Some(key) = ctx.resource.single_key().filter(|_| follows(ctx, active)) else { return 0 };
    let mut same = 0;
    for (row, keep) in fetched.rows.iter().zip(keep).filter(|(_, keep)| **keep) {
        let Some(id) = integer(row, key) else { continue };
        // Of a damaged row something is said in every run.
        if row.received().is_some() {
            active.met.handed.insert(id, None);
            continue;
        }
        let hash = front::hash(row);
        // Of a row that comes twice, what came last is stored.
        let stored = || ctx.progress.recent.as_ref().and_then(|recent| recent.rows.get(&id));
        if active.met.page.get(&id).or_else(stored) == Some(&hash) {
            *keep = false;
            same += 1;
        } else if active.met.remembers {
            let handed = active.met.handed.entry(id).or_insert(Some(hash));
            *handed = handed.filter(|before| *before == hash);
        }
        active.met.page.insert(id, hash);
    }
    same
}

/// Remembers the rows of that page, which is about to be handed on.
pub(crate) fn remember(ctx: &mut Context, active: &mut Active) {
    let page = std::mem::take(&mut active.met.page);
    active.met.ids.extend(page.keys());
    if active.met.handed.len() > MOST_HANDED {
        active.met.remembers = false;
        active.met.handed = HashMap::new();
    }
    if page.is_empty() || !active.met.remembers {
        return;
    }
    let recent = ctx.progress.recent.get_or_insert_with(|| Recent::since(ctx.request.now));
    for (id, hash) in page {
        // What was left out is not among those that were handed on.
        let once = active.met.handed.get(&id).is_none_or(|handed| *handed == Some(hash));
        if once && recent.rows.len() < MOST {
            recent.rows.insert(id, hash);
        }
    }
}

/// What a complete catch-up has not met is not read again by the next one.
pub(crate) fn conclude(ctx: &mut Context, active: &Active) {
    if follows(ctx, active)
        && active.round == 0
        && let Some(recent) = &mut ctx.progress.recent
    {
        recent.rows.retain(|id, _| active.met.ids.contains(id));
    }
}
