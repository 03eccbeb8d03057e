//! Small tables, of which every run reads all: what is held and was not read is gone, once a second answer says so.
//!
//! A list that was cut, or an answer without rows, must not empty a table. So a few rows are asked for by their own address,
//! and if there are more, the whole list is read a second time: what both readings missed is gone.

use std::collections::{BTreeSet, HashSet};

use crate::model::{Micros, Question};
use crate::source::gorgias::changes::absence::{self, Gone};
use crate::source::gorgias::changes::lookup;
use crate::source::gorgias::context::Context;
use crate::source::gorgias::list::channel::Sender;
use crate::source::gorgias::list::checkpoint::RescanState;
use crate::source::gorgias::list::pages::SECOND_LOOK;
use crate::source::gorgias::list::whole::{Rest, read_whole};
use crate::source::gorgias::shared::TableReading;
use crate::source::{Answers, List, SourceError};

/// So many rows are asked for by their own address.
const ONE_BY_ONE: usize = 10;

/// Reads all of the table, and looks for rows that are not there any more.
pub(crate) async fn read_in_full(
    ctx: &mut Context,
    reading: &mut TableReading<'_>,
    out: &mut Sender,
) -> Result<(), SourceError> {
    let (now, pause) = (ctx.request.now, ctx.request.refresh_small);
    if ctx.progress.rescan.as_ref().is_some_and(|whole| !ctx.is_over(whole.last_began, pause)) {
        return Ok(());
    }
    // 0: it was never read whole.
    let rescan = ctx.progress.rescan.get_or_insert_with(|| RescanState::new(Micros(0)));
    rescan.gone = 0;
    // Until all of them are handed on, those that are stored may be some of then and some of now.
    let before = rescan.rows.take();
    let mut rest = Rest::held(ctx);
    let met = read_whole(ctx, &mut rest, out).await?;
    let digest = rest.digest();
    let mut rows = digest.map(|digest| (digest, now));
    // From time to time they are handed on all the same: somebody else may have changed what is stored.
    let stands = |(_, at): &(u64, Micros)| !ctx.is_due(*at);
    let same =
        before.filter(stands).filter(|(before, _)| digest == Some(*before) && ctx.request.from.is_some());
    if same.is_some() {
        rest.are_the_same(ctx, out).await;
        rows = same;
    } else {
        rest.let_go(ctx, out).await;
        if ctx.deletions()
            && ctx.request.from.is_some()
            && !conclude_vanished(ctx, &met, reading, out).await?
        {
            rows = None;
        }
    }
    ctx.progress.rescan = Some(RescanState { rows, ..RescanState::new(now) });
    Ok(())
}

/// Whether it is known of all rows that were not met what became of them.
async fn conclude_vanished(
    ctx: &mut Context,
    met: &HashSet<i64>,
    reading: &mut TableReading<'_>,
    out: &mut Sender,
) -> Result<bool, SourceError> {
    let Some(held) = out.ask(Question::Keys).await else { return Ok(false) };
    let keys = held.pairs.into_iter().map(|(key, _)| key);
    let absent: BTreeSet<i64> = keys.filter(|key| !met.contains(key)).collect();
    if absent.is_empty() {
        return Ok(true);
    }
    let asked = absent.len();
    // Some rows have no address of their own.
    let alone = matches!(ctx.resource.list, List::Whole { answers: Answers::Pages(_), .. });
    let gone: Gone = if absent.len() <= ONE_BY_ONE && alone {
        // What these credentials may not know, the next run finds again.
        lookup::look_up_each(ctx, ctx.resource.path(), &absent).await?.gone.into_iter().collect()
    } else {
        tokio::time::sleep(SECOND_LOOK).await;
        let again = read_whole(ctx, &mut Rest::Flow, out).await?;
        if again.is_empty() && alone && !is_really_empty(ctx, &absent).await? {
            return Ok(false);
        }
        absent.into_iter().filter(|key| !again.contains(key)).map(|key| (key, None)).collect()
    };
    let known = gone.len() == asked;
    absence::believe(ctx, gone.len(), out).await?;
    if !gone.is_empty() {
        reading.note(gone.iter().map(|(id, _)| *id));
        absence::mark(ctx, gone, out).await;
    }
    Ok(known)
}

/// Whether a table that shows no row has none: some of its rows, asked for by their own address, are gone.
async fn is_really_empty(ctx: &mut Context, absent: &BTreeSet<i64>) -> Result<bool, SourceError> {
    let some: BTreeSet<i64> = absent.iter().copied().take(ONE_BY_ONE).collect();
    let fates = lookup::look_up_each(ctx, ctx.resource.path(), &some).await?;
    Ok(fates.gone.len() == some.len())
}
