//! Messages that changed without a sign: imported into old tickets, or deleted.
//!
//! The list of tickets tells how many messages each ticket has. Where that is not how many we hold, the ticket's
//! messages are read again (`reread`), one ticket a request. Tickets that changed lately are compared in every run, all of them by
//! the re-scan (`rescan`): deleting a message moves nothing that a list sorts by.

use std::collections::{BTreeMap, HashSet};

use tokio::task::JoinSet;

use crate::http::limit::Priority;
use crate::model::{Micros, Question};
use crate::source::gorgias::api::{PAGE_ROWS, is_forbidden};
use crate::source::gorgias::context::{Context, OVERLAP};
use crate::source::gorgias::fields::{self, integer};
use crate::source::gorgias::list::channel::Sender;
use crate::source::gorgias::list::checkpoint::{Counts, Direction, Walk};
use crate::source::gorgias::list::pages::{self, Answer, Position};
use crate::source::gorgias::list::walk::{self, Fetched, Stumble, WalkState};
use crate::source::{Counted, Resource, SortField, SourceError};
use crate::words::count;

/// Tickets whose count may be known not to match; beyond it the oldest ids are forgotten, and read again some day.
const MOST_SETTLED: usize = 10_000;

pub(crate) const NO_TICKETS: &str = "the tickets of this account may not be read with these credentials, so messages deleted \
    from or imported into old tickets are not seen";

/// A ticket and its count of messages, or -1.
pub(crate) type Pair = (i64, i64);

/// Tickets that changed lately.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    pairs: Vec<Pair>,
    /// Whether any changed since the last run.
    pub(crate) any: bool,
    /// When the last of them changed.
    top: Option<Micros>,
}

/// Messages whose tickets have to be compared with what is held of them.
#[derive(Debug, Default)]
pub(crate) struct MessageCounts {
    /// The newest ticket, if it is being looked at: how it stood when the table's first page was requested.
    newest: JoinSet<Answer>,
    /// Rows held that a pass over their time did not meet.
    pub(crate) unmet: Vec<i64>,
}

impl MessageCounts {
    /// Begins to keep track: tickets changed until now will have been compared by the first load. What "now" is, the
    /// newest ticket tells, since the API's clock may not be ours.
    pub(crate) fn begin(&mut self, ctx: &Context, parents: &'static Resource) {
        let (client, observer) = (ctx.client.clone(), ctx.observer.clone());
        let walk = Walk::new(SortField::Updated, Direction::NewestFirst, None);
        let path = move |rows| walk::path(parents, &walk, rows);
        self.newest.spawn(async move { pages::one(&client, &*observer, Position::First, path).await });
    }

    /// Waits for the newest ticket, if it is not here yet: no page may be stored without it, as a later run would take
    /// a newer one. True if it has come now.
    pub(crate) async fn begun(&mut self, ctx: &mut Context) -> Result<bool, SourceError> {
        let Some(answer) = self.newest.join_next().await else { return Ok(false) };
        let rows = match answer.map_err(|_| SourceError::Broken { path: ctx.resource.path() })? {
            Ok((rows, _)) => rows,
            Err(error) if is_forbidden(&error) => {
                ctx.warn(NO_TICKETS);
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        let now = ctx.request.now;
        let changed = rows.iter().filter_map(|row| fields::datetime(row, SortField::Updated.column()));
        let newest = changed.filter(|at| *at <= now).max().unwrap_or(now.minus(OVERLAP));
        let seen = newest.min(ctx.unfollowed_since());
        ctx.progress.counts =
            Some(Counts { seen, queue: Vec::new(), settled: BTreeMap::new(), unsettled: BTreeMap::new() });
        Ok(true)
    }

    /// Messages held that were created in a range which was just read whole, and not met there. They may be gone: their
    /// tickets tell.
    pub(crate) async fn note_unmet(
        &mut self,
        seen: &HashSet<i64>,
        from: Micros,
        to: Micros,
        out: &mut Sender,
    ) {
        let column = SortField::Created.column().into();
        let question = Question::KeysBetween { column, from, to, with: None };
        if let Some(held) = out.ask(question).await {
            let keys = held.pairs.into_iter().map(|(key, _)| key);
            self.unmet = keys.filter(|key| !seen.contains(key)).collect();
        }
    }
}

/// The tickets that changed since the last time.
pub(crate) async fn changed_tickets(ctx: &mut Context, counted: Counted) -> Result<Changed, SourceError> {
    let Some(counts) = ctx.progress.counts.clone() else { return Ok(Changed::default()) };
    let mut walk = Walk::new(SortField::Updated, Direction::NewestFirst, Some(counts.seen.minus(OVERLAP)));
    let (mut pairs, mut top) = (Vec::new(), None);
    let mut state = WalkState::of(&walk);
    while !walk.done {
        // Which others have changed is not known: the next run asks for all of them again.
        let Some(fetched) = tickets(ctx, counted.by, &mut walk, &mut state).await? else {
            return Ok(Changed { pairs, any: true, top: None });
        };
        pairs.extend(pairs_of(ctx, counted, &fetched));
        top = top.or(fetched.values.iter().flatten().copied().filter(|at| *at <= ctx.request.now).max());
    }
    Ok(Changed { pairs, any: top.is_some_and(|top| top > counts.seen), top })
}

/// Notes tickets whose messages have to be read again, their counts not being known.
pub(crate) fn queue_uncounted(ctx: &mut Context, tickets: impl IntoIterator<Item = i64>) {
    if let Some(counts) = &mut ctx.progress.counts {
        counts.enqueue(&tickets.into_iter().map(|ticket| (ticket, -1)).collect());
    }
}

/// One page of tickets; `None` if they may not be read.
async fn tickets(
    ctx: &mut Context,
    list: &Resource,
    walk: &mut Walk,
    state: &mut WalkState,
) -> Result<Option<Fetched>, SourceError> {
    loop {
        match walk::step(&ctx.client, Priority::Soon, list, walk, state, &*ctx.observer).await {
            Ok(fetched) => return Ok(Some(fetched)),
            Err(Stumble::Refused) => walk::restart(walk, state, list)?,
            Err(Stumble::Error(SourceError::Http(error))) if is_forbidden(&error) => {
                ctx.warn(NO_TICKETS);
                return Ok(None);
            }
            Err(Stumble::Error(error)) => return Err(error),
        }
    }
}

/// Compares the tickets that changed lately. False if the target cannot tell what it holds.
pub(crate) async fn compare_changed(
    ctx: &mut Context,
    counted: Counted,
    changed: Changed,
    out: &mut Sender,
) -> bool {
    let known = compare(ctx, counted, changed.pairs, out).await;
    if let (true, Some(counts), Some(top)) = (known, &mut ctx.progress.counts, changed.top) {
        counts.seen = counts.seen.max(top);
    }
    known
}

/// What is left of the queue is said, and what need not be remembered forgotten.
pub(crate) async fn conclude(ctx: &mut Context, out: &mut Sender) {
    let Some(counts) = &mut ctx.progress.counts else { return };
    for known in [&mut counts.settled, &mut counts.unsettled] {
        while known.len() > MOST_SETTLED {
            known.pop_first();
        }
    }
    let left = counts.queue.len();
    if left > 0 {
        ctx.warn(format!(
            "the messages of {} are left to be read again by the next runs",
            count(left as u64, "ticket")
        ));
    }
    ctx.hand_on_state(out).await;
}

/// The target cannot tell which rows it holds of a ticket: that is not "none".
fn warn_untold(ctx: &mut Context, counted: Counted) {
    ctx.warn(format!(
        "rows that are gone with their {} are not seen, as the table has no column {}",
        counted.by.name, counted.column
    ));
}

/// Queues the tickets whose count is not what we hold. False if the target cannot tell.
pub(crate) async fn compare(ctx: &mut Context, counted: Counted, pairs: Vec<Pair>, out: &mut Sender) -> bool {
    for chunk in pairs.chunks(PAGE_ROWS) {
        let values = chunk.iter().map(|(ticket, _)| *ticket).collect();
        let Some(answer) = out.ask(Question::CountBy { column: counted.column.into(), values }).await else {
            return false;
        };
        let held: BTreeMap<i64, i64> = answer.pairs.into_iter().collect();
        let Some(counts) = &mut ctx.progress.counts else { return false };
        let fine = |(ticket, count): &Pair| {
            let held = held.get(ticket).copied().unwrap_or(0);
            counts.settled.get(ticket).map_or(held == *count, |known| *known == (*count, held))
        };
        let (fine, doubtful): (BTreeMap<_, _>, _) = chunk.iter().copied().partition(fine);
        counts.queue.retain(|(ticket, count)| *count < 0 || !fine.contains_key(ticket));
        counts.enqueue(&doubtful);
    }
    true
}

/// The messages of their tickets have to be read again, as far as they are still held.
pub(crate) async fn suspect_parents(ctx: &mut Context, counted: Counted, keys: Vec<i64>, out: &mut Sender) {
    for chunk in keys.chunks(PAGE_ROWS) {
        let question = Question::ValuesOf { column: counted.column.into(), keys: chunk.to_vec() };
        let Some(answer) = out.ask(question).await else { return warn_untold(ctx, counted) };
        queue_uncounted(ctx, answer.pairs.into_iter().map(|(_, ticket)| ticket));
    }
}

/// The messages held of these tickets, as ticket and message.
pub(crate) async fn counted_held(
    ctx: &mut Context,
    counted: Counted,
    tickets: Vec<i64>,
    out: &mut Sender,
) -> Option<Vec<(i64, i64)>> {
    let mut held = Vec::new();
    for chunk in tickets.chunks(PAGE_ROWS) {
        let question = Question::KeysBy { column: counted.column.into(), values: chunk.to_vec() };
        let Some(answer) = out.ask(question).await else {
            warn_untold(ctx, counted);
            return None;
        };
        held.extend(answer.pairs);
    }
    Some(held)
}

/// Tickets and counts of a page. A ticket from before the table is covered has messages that were never asked for.
pub(crate) fn pairs_of(ctx: &Context, counted: Counted, fetched: &Fetched) -> Vec<Pair> {
    let since = ctx.progress.covered_since;
    let covered = |row| {
        since.is_none_or(|since| fields::datetime(row, "created_datetime").is_some_and(|at| at >= since))
    };
    let rows = fetched.rows.iter().filter(|row| covered(*row));
    rows.filter_map(|row| Some((integer(row, "id")?, integer(row, counted.field)?))).collect()
}
