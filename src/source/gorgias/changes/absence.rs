//! What a re-scan concludes from rows that it did not meet.
//!
//! Events tell of deletions, and an event can be missed: by a merge that names nobody, by a table that is begun after it, by
//! the twelve months after which Gorgias forgets it. So rows held whose `created_datetime` lies in a span that was walked
//! completely, and which the walk did not meet, are looked up, and those that are gone are marked. Messages are not
//! re-scanned, their tickets are: of messages created in the span, those tickets are looked up that it did not meet.
//!
//! A key whose role was narrowed sees fewer rows than before, and must not empty a warehouse: if too many rows of one
//! re-scan are gone by absence alone, none is marked until that is confirmed.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::model::{Micros, Question, Tombstone};
use crate::normalise::rows::Rows;
use crate::source::gorgias::changes::{lookup, message_counts};
use crate::source::gorgias::context::Context;
use crate::source::gorgias::list::channel::Sender;
use crate::source::{SortField, SourceError};

/// So many rows may be gone by absence in one re-scan, whatever the size of the table...
const ALWAYS: u64 = 100;
/// ...or this part of its rows: one in twenty.
const PART: u64 = 20;
/// The ends of time, for spans that are open: the years 1 and 9000, which every database and date library can write.
const ENDS: (Micros, Micros) = (Micros(-62_135_596_800_000_000), Micros(221_845_392_000_000_000));

/// Rows that are gone by absence: a key of the table, and what it was merged into.
pub(crate) type Gone = Vec<(i64, Option<i64>)>;

/// What a run has re-scanned in one go.
#[derive(Debug)]
pub(crate) struct WalkedSpan {
    /// When the walk began, of which this is a part.
    pub(crate) began: Micros,
    /// `created_datetime` of the newest row, that one included; `None`: from the front of the list.
    pub(crate) newest: Option<Micros>,
    /// `created_datetime` of the oldest row, that one not included; `None`: to the end of the list.
    pub(crate) oldest: Option<Micros>,
    pub(crate) pages: u64,
    /// Ids of the rows in between. `None`: nothing was read, or not in order and only in part, so that it is not known what
    /// lies between.
    pub(crate) met: Option<HashSet<i64>>,
}

/// For `--debug`.
impl std::fmt::Display for WalkedSpan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let place = |at: Option<Micros>, end: &str| at.map_or_else(|| end.to_owned(), |at| at.to_string());
        let (newest, oldest) = (place(self.newest, "its front"), place(self.oldest, "its end"));
        write!(f, "{} pages from {newest} to {oldest}, a walk begun at {}", self.pages, self.began)
    }
}

/// Looks up what the last run had no requests for.
pub(crate) async fn look_up_left(ctx: &mut Context, out: &mut Sender) -> Result<(), SourceError> {
    let left =
        ctx.progress.rescan.as_mut().map(|rescan| std::mem::take(&mut rescan.absent)).unwrap_or_default();
    conclude_absent(ctx, left.into_iter().collect(), out).await
}

/// Looks up the rows held that a span should have shown, and did not.
pub(crate) async fn conclude_span(
    ctx: &mut Context,
    span: &WalkedSpan,
    out: &mut Sender,
) -> Result<(), SourceError> {
    let Some(met) = span.met.as_ref().filter(|_| ctx.deletions()) else { return Ok(()) };
    let covered = ctx.progress.covered_since.unwrap_or(ENDS.0);
    let (from, to) = (span.oldest.unwrap_or(covered).max(covered), span.newest.unwrap_or(ENDS.1));
    // Of rows that share the time of the last one, the next part of the walk meets the rest.
    let from = if span.oldest.is_some() { from.plus(std::time::Duration::from_micros(1)) } else { from };
    let with = ctx.resource.counted.map(|counted| counted.column.to_owned());
    let column = SortField::Created.column().into();
    let question = Question::KeysBetween { column, from, to, with: with.clone() };
    let Some(held) = out.ask(question).await else { return Ok(()) };
    let id = |(key, value): (i64, i64)| if with.is_some() { value } else { key };
    let absent: BTreeSet<i64> =
        held.pairs.into_iter().map(id).filter(|id| *id != 0 && !met.contains(id)).collect();
    conclude_absent(ctx, absent, out).await
}

/// Rows, or tickets of messages, that were not met. What the cap leaves over is in the state.
async fn conclude_absent(
    ctx: &mut Context,
    absent: BTreeSet<i64>,
    out: &mut Sender,
) -> Result<(), SourceError> {
    if absent.is_empty() {
        return Ok(());
    }
    let asked = ctx.resource.counted.map_or(ctx.resource, |counted| counted.by);
    // The address of a ticket tells which one its messages are in now.
    let merged =
        if ctx.resource.counted.is_some() { absent.iter().copied().collect() } else { HashSet::new() };
    let fates = lookup::look_up(ctx, asked, &absent, &merged, out).await?;
    let gone: Gone = if let Some(counted) = ctx.resource.counted {
        // They are read again there, whatever its count says.
        message_counts::queue_uncounted(ctx, fates.gone.values().flatten().copied());
        let tickets = fates.gone.keys().copied().collect();
        let Some(held) = message_counts::counted_held(ctx, counted, tickets, out).await else {
            return Ok(());
        };
        held.into_iter().map(|(_, key)| (key, None)).collect()
    } else {
        fates.gone.iter().map(|(key, survivor)| (*key, *survivor)).collect()
    };
    // Those that could not be looked up are as the others are.
    let alone = if gone.is_empty() { 0 } else { gone.len() + fates.left.len() };
    if let Err(error) = believe(ctx, alone, out).await {
        if let Some(rescan) = &mut ctx.progress.rescan {
            rescan.absent.extend(fates.gone.keys().chain(&fates.left));
        }
        ctx.hand_on_state(out).await;
        return Err(error);
    }
    if let Some(rescan) = &mut ctx.progress.rescan {
        rescan.absent.extend(&fates.left);
        rescan.gone += if ctx.request.confirmed { 0 } else { gone.len() as u64 };
    }
    mark(ctx, gone, out).await;
    Ok(())
}

/// Marks rows as gone, together with the state as it stands.
pub(crate) async fn mark(ctx: &mut Context, gone: Gone, out: &mut Sender) {
    let at = ctx.request.now;
    let tombstones = gone.into_iter().map(|(key, merged_into)| Tombstone { key, at, merged_into });
    ctx.hand_on(Rows::default(), tombstones.collect(), out).await;
}

/// Refuses to mark too many rows that only their absence says are gone. `alone` is how many more there are of them.
pub(crate) async fn believe(ctx: &mut Context, alone: usize, out: &mut Sender) -> Result<(), SourceError> {
    let Some(rescan) = ctx.progress.rescan.as_mut().filter(|_| alone > 0) else { return Ok(()) };
    if ctx.request.confirmed {
        // What is confirmed weighs nothing against what comes after it.
        rescan.gone = 0;
        return Ok(());
    }
    let rows = rescan.gone + alone as u64;
    if rows <= ALWAYS || !ctx.deletions() {
        return Ok(());
    }
    let count = out.ask(Question::Count).await;
    let held = count.and_then(|count| u64::try_from(count.pairs.first()?.1).ok());
    if held.is_some_and(|held| rows * PART <= held) {
        return Ok(());
    }
    Err(SourceError::ManyGone { path: ctx.resource.path(), rows, held })
}

/// Of the rows that a walk met, those at the place where it stands: the next part begins among them.
pub(crate) fn boundary_ids(met: &BTreeMap<i64, Option<Micros>>, last: Option<Micros>) -> Vec<i64> {
    met.iter().filter(|(_, at)| at.is_some() && **at == last).map(|(id, _)| *id).collect()
}
