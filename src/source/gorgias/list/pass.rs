//! Which walks are walked, and in which order. What a complete pass means for the watermark: `watermark.rs`.
//!
//! | pass | when | how |
//! | --- | --- | --- |
//! | backfill | nothing known yet | by creation, which never changes, from both ends until the walks meet, and from the middle if that helps |
//! | since | `--interval-start` | newest first by the table's sort field, down to the start |
//! | catch-up | a watermark is known | newest first, down to the watermark less an overlap |
//!
//! Every pass that took more than one page is followed by a short catch-up from the top down to where it began:
//! rows that change while a list is read jump to its front and would be missed (`ARCHITECTURE.md`, "Reading").

use crate::model::Micros;
use crate::source::gorgias::changes::message_counts::MessageCounts;
use crate::source::gorgias::context::Context;
use crate::source::gorgias::list::active::Active;
use crate::source::gorgias::list::advance;
use crate::source::gorgias::list::channel::Sender;
use crate::source::gorgias::list::checkpoint::{Direction, Pass, PassKind, Walk};
use crate::source::gorgias::list::recent;
use crate::source::gorgias::list::tail;
use crate::source::gorgias::list::watermark;
use crate::source::gorgias::list::window::Aside;
use crate::source::{Overlap, SortField, SourceError};

/// Short catch-ups after a pass; a busy account could keep us here for good.
const MOST_ROUNDS: u32 = 10;

/// Walks a pass to its end, and moves the watermark.
pub(crate) async fn pass(
    ctx: &mut Context,
    counts: &mut MessageCounts,
    active: &mut Active,
    out: &mut Sender,
) -> Result<(), SourceError> {
    let mut aside = Aside::default();
    let walked = walk_all(ctx, counts, &mut aside, active, out).await;
    aside.hand_over_all(ctx, out).await;
    walked?;
    recent::conclude(ctx, active);
    tail::conclude(ctx, active);
    watermark::complete(ctx, active);
    let walk = &active.pass.walks[0];
    if let (Some(seen), Some(from), Some(to)) = (&active.seen, walk.until, active.pass.top)
        && !walk.unordered
    {
        counts.note_unmet(seen, from, to, out).await;
    }
    Ok(())
}

/// Walks the walks of a pass until all have come to their end.
async fn walk_all(
    ctx: &mut Context,
    counts: &mut MessageCounts,
    aside: &mut Aside,
    active: &mut Active,
    out: &mut Sender,
) -> Result<(), SourceError> {
    loop {
        advance::send_out(ctx, active)?;
        let Some((back, answer)) = active.parallel.next(ctx.resource.path()).await? else {
            return Ok(());
        };
        let page = advance::take_in(ctx, active, back, answer)?;
        let over = active.pass.walks.iter().all(|walk| walk.done);
        if !over {
            // What comes next is under way while this page is loaded; if loading is slow, there it ends.
            advance::send_out(ctx, active)?;
        }
        if let Some(mut page) = page {
            if counts.begun(ctx).await? {
                page.state = advance::state_within(ctx, active);
            }
            aside.hand_over(ctx, active.pass.kind, page, out).await;
        }
        if over {
            active.parallel.stop();
            return Ok(());
        }
    }
}

/// Short catch-ups from the top, until one finds nothing that it could have missed.
pub(crate) async fn rounds(
    ctx: &mut Context,
    counts: &mut MessageCounts,
    mut active: Active,
    out: &mut Sender,
) -> Result<(), SourceError> {
    while let Some(mut next) = round_after(ctx, &active) {
        next.known = Some(std::mem::take(&mut active.front));
        next.again = comes_from_the_front(ctx, &active);
        next.finds = false;
        recent::go_on(&mut active, &mut next);
        pass(ctx, counts, &mut next, out).await?;
        active = next;
    }
    Ok(())
}

/// Decides what the first pass is.
pub(crate) fn begin(ctx: &Context) -> Active {
    let (window, strict) = (ctx.request.window, ctx.request.overlap == Overlap::None);
    let newest_first = |until| Walk::new(ctx.resource.sort(), Direction::NewestFirst, until);
    if !window.is_open() {
        let until = window.start.map(|start| start.minus(ctx.lookback()));
        let known = ctx.progress.watermark;
        let kind = window.start.map_or(PassKind::Backfill, PassKind::Since);
        if let Some(pass) = ctx.progress.unfinished.as_ref()
            && pass.kind == kind
            && window.end.is_none()
            && !ctx.request.replaces
        {
            return Active::resume(pass.clone());
        }
        let begins = known.is_none() && ctx.progress.unfinished.is_none();
        let reaches = window.start.is_some_and(|start| known.is_some_and(|known| start <= known));
        let moves = window.end.is_none() && ctx.progress.unfinished.is_none() && (begins || reaches);
        let pass = Pass { kind, top: None, pages: 0, walks: vec![newest_first(until)] };
        return Active::new(pass, moves, 0);
    }
    // A look at the front that has come to no row which is not in the future has read nothing that is needed. It went down to
    // the watermark only, and would move that past rows that became visible since: this run looks down to the overlap.
    // Where rows are only added, it is gone on with all the same if it comes from the oldest end: it has added some.
    let added = |walk: &Walk| strict && walk.direction == Direction::OldestFirst;
    let empty =
        |pass: &Pass| pass.kind == PassKind::CatchUp && pass.top.is_none() && !pass.walks.iter().all(added);
    if let Some(pass) = ctx.progress.unfinished.clone().filter(|pass| !empty(pass)) {
        return Active::resume(pass);
    }
    match ctx.progress.watermark {
        Some(watermark) => follow_up(ctx, watermark),
        None => {
            // One page tells how fresh the table is, and whether it is all there is. Then the list is read from both ends
            // (`advance`).
            // It is the first page of the walk from the newest end already, whatever the table sorts by.
            // Where rows are only added, each version of a row must come once: so oldest change first, and what
            // changes on the way comes again as a new version.
            let first = match ctx.request.overlap {
                Overlap::Wide => Walk::new(SortField::Created, Direction::NewestFirst, None),
                Overlap::None => Walk::new(ctx.resource.sort(), Direction::OldestFirst, None),
            };
            Active::new(Pass { kind: PassKind::Backfill, top: None, pages: 0, walks: vec![first] }, true, 0)
        }
    }
}

/// The pass that looks for what came after the watermark.
pub(crate) fn follow_up(ctx: &Context, watermark: Micros) -> Active {
    let until = watermark.minus(ctx.behind());
    let mut active = catch_up(ctx, until, 0, true);
    if let Some((walk, first)) = tail::walk(ctx, until) {
        active.pass.walks = vec![walk];
        active.trail.expects = Some(first);
    }
    active
}

fn catch_up(ctx: &Context, until: Micros, round: u32, moves: bool) -> Active {
    let walks = vec![Walk::new(ctx.resource.sort(), Direction::NewestFirst, Some(until))];
    Active::new(Pass { kind: PassKind::CatchUp, top: None, pages: 0, walks }, moves, round)
}

/// The catch-up that a pass must be followed by, as rows may have jumped to the front while it was walked. A look that
/// found nothing needs none, however long it took.
pub(crate) fn round_after(ctx: &Context, active: &Active) -> Option<Active> {
    let from = advance::again_from(ctx, &active.pass)?;
    let looks = ctx.request.window.end.is_none() || ctx.request.replaces;
    let again = active.pass.pages > 1 && active.round < MOST_ROUNDS && looks;
    (again && active.finds).then(|| catch_up(ctx, from, active.round + 1, active.moves))
}

/// Whether a pass has read all rows with the newest date, and whatever is behind them as far as it went.
fn comes_from_the_front(ctx: &Context, active: &Active) -> bool {
    let [walk] = active.pass.walks.as_slice() else { return false };
    walk.direction == Direction::NewestFirst
        && walk.sort == ctx.resource.sort()
        && !walk.unordered
        && active.pass.kind != PassKind::Backfill
}
