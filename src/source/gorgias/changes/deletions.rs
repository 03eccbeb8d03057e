//! Deletions and merges. Lists do not show them; the account's events do, from their own watermark on.
//!
//! `/events` is the one list that filters by time on the server (`created_datetime[gte]`). What an event says is
//! looked up (`lookup`), within the cap of a run; what is left over is in the state. The recorded `ticket-merged` has no
//! data, so it may name either ticket.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use crate::http::Observer;
use crate::http::client::Client;
use crate::model::{Micros, Tombstone};
use crate::normalise::rows::{Row, Rows};
use crate::source::gorgias::api::{is_forbidden, is_missing, is_refused};
use crate::source::gorgias::changes::holders;
use crate::source::gorgias::changes::lookup::{self, Fates};
use crate::source::gorgias::changes::message_counts;
use crate::source::gorgias::context::{Context, OVERLAP};
use crate::source::gorgias::fields::{self, integer};
use crate::source::gorgias::list::channel::Sender;
use crate::source::gorgias::list::checkpoint::{Loss, Mark};
use crate::source::gorgias::list::pages::{ListStep, Listing};
use crate::source::{Counted, EventKind, Resource, SourceError};

const PATH: &str = "/api/events";

/// Reads the events, beside the reader if need be.
struct Search {
    client: Arc<Client>,
    observer: Arc<dyn Observer>,
    resource: &'static Resource,
}

/// A search that is under way.
type Ahead = JoinSet<Result<EventsFound, SourceError>>;

/// What a pass over the events found.
#[derive(Debug, Default)]
struct EventsFound {
    losses: BTreeMap<i64, Loss>,
    /// Events near the end, to be known again.
    recent: Vec<(Micros, i64)>,
}

/// What events tell of rows that are gone.
#[derive(Debug, Default)]
pub(crate) struct Deletions {
    /// The events, if they are being read already.
    ahead: Ahead,
}

impl Deletions {
    /// Reads the events since the last time and hands on what is gone.
    pub(crate) async fn follow(&mut self, ctx: &mut Context, out: &mut Sender) -> Result<(), SourceError> {
        let Some(mark) = ctx.progress.events.clone().filter(|_| ctx.deletions()) else { return Ok(()) };
        let found = match self.ahead.join_next().await {
            Some(found) => found.unwrap_or(Err(SourceError::Broken { path: PATH })),
            None => search(ctx).losses(&mark).await,
        };
        let found = match found {
            Ok(found) => found,
            Err(SourceError::Http(error)) if is_forbidden(&error) || is_missing(&error) => {
                ctx.warn("the events of this account may not be read with these credentials, so deletions and merges are not seen");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut losses = found.losses;
        for (id, loss) in &mark.pending {
            losses.entry(*id).or_insert(*loss);
        }
        // An event may be there before the row is gone from what the API shows: as long as it is that new, it is asked again.
        let new = ctx.request.now.minus(OVERLAP);
        let told: Vec<(i64, Loss)> =
            losses.iter().filter(|(_, loss)| loss.at >= new).map(|(id, loss)| (*id, *loss)).collect();
        // Nothing says that they are gone; whatever they are now, the look-up shows it.
        let changed = Loss { at: ctx.request.now, survivor: None, parent: false, merged: false };
        for id in holders::of_vanished(ctx, out).await {
            losses.entry(id).or_insert(changed);
        }
        let Confirmed { gone, settled, left: mut pending } = confirmed(ctx, losses, out).await?;
        if !pending.is_empty() {
            let left = pending.len();
            ctx.warn(format!("rows that may be gone are left to be looked up by the next runs: {left}"));
        }
        let known: BTreeSet<i64> = pending.iter().map(|(id, _)| *id).chain(settled).collect();
        pending.extend(told.into_iter().filter(|(id, _)| !known.contains(id)));
        let since = found.recent.iter().map(|(at, _)| *at).filter(|at| *at <= ctx.request.now).max();
        let since = since.map_or(mark.since, |newest| newest.max(mark.since));
        let near = |at: &Micros| *at >= since.minus(OVERLAP);
        let done = found.recent.iter().filter(|(at, _)| near(at)).map(|(_, id)| *id).collect();
        ctx.progress.events = Some(Mark { since, done, pending });
        if !gone.is_empty() {
            ctx.hand_on(Rows::default(), gone, out).await;
        }
        Ok(())
    }

    /// Begins to read the events while something else is read. What that brings has to be handed on before the losses
    /// are: a row may have been listed just before it was deleted.
    pub(crate) fn search_ahead(&mut self, ctx: &Context) {
        if let Some(mark) = ctx.progress.events.clone().filter(|_| ctx.deletions() && self.ahead.is_empty()) {
            let search = search(ctx);
            self.ahead.spawn(async move { search.losses(&mark).await });
        }
    }
}

fn search(ctx: &Context) -> Search {
    Search { client: ctx.client.clone(), observer: ctx.observer.clone(), resource: ctx.resource }
}

impl Search {
    /// Walks the events; asks for the wanted types only, unless the API does not take that.
    async fn losses(&self, mark: &Mark) -> Result<EventsFound, SourceError> {
        let types: String =
            self.resource.events().iter().map(|event| format!("&types={}", event.name)).collect();
        match self.walk(mark, &types).await {
            Err(SourceError::Http(error)) if is_refused(&error) => self.walk(mark, "").await,
            other => other,
        }
    }

    async fn walk(&self, mark: &Mark, types: &str) -> Result<EventsFound, SourceError> {
        let since = mark.since.minus(OVERLAP).to_string();
        let since = percent_encoding::utf8_percent_encode(&since, percent_encoding::NON_ALPHANUMERIC);
        let mut list = Listing::oldest_first(PATH, &format!("&created_datetime%5Bgte%5D={since}{types}"));
        let mut found = EventsFound::default();
        loop {
            match list.next(&self.client, &*self.observer).await? {
                ListStep::Rows(rows) => rows.iter().for_each(|row| self.note(row, mark, &mut found)),
                ListStep::Anew => found = EventsFound::default(),
                ListStep::End => return Ok(found),
            }
        }
    }

    fn note(&self, row: Row<'_>, mark: &Mark, found: &mut EventsFound) {
        let (Some(id), Some(at)) = (integer(row, "id"), fields::datetime(row, "created_datetime")) else {
            return;
        };
        found.recent.push((at, id));
        let kind = row.get("type").map(|raw| raw.trim_matches('"')).unwrap_or_default();
        let Some(event) = self.resource.events().iter().find(|event| event.name == kind) else { return };
        if mark.done.contains(&id) {
            return;
        }
        let object = integer(row, "object_id");
        // Read like a row, which one value that nobody can read does not spoil.
        let data = row.get("data").and_then(|raw| Rows::parse(Bytes::from(format!("[{raw}]"))).ok());
        let named = |part: &[&str]| {
            let fields = data.as_ref()?.0.iter().next()?.fields();
            fields
                .filter(|(name, _)| part.iter().any(|part| name.contains(part)))
                .find_map(|(_, raw)| raw.parse::<i64>().ok())
        };
        let EventKind { parent, merged, .. } = *event;
        let loss = |survivor| Loss { at, survivor, parent, merged };
        let (gone, loss) = match (merged, named(&["source"]), named(&["target", "into", "survivor"])) {
            (false, ..) => (object, loss(None)),
            // As recorded for customers: the object is the survivor, the data names the source.
            (true, Some(source), target) => {
                (Some(source), loss(target.or(object.filter(|id| *id != source))))
            }
            (true, None, Some(target)) => (object.filter(|id| *id != target), loss(Some(target))),
            // It may be either of the two: its own address tells. Where it is the survivor, the re-scan finds the other.
            (true, None, None) => (object, loss(None)),
        };
        if let Some(gone) = gone {
            found.losses.insert(gone, loss);
        }
    }
}

/// What came of looking up what events say is gone.
struct Confirmed {
    /// Rows that are.
    gone: Vec<Tombstone>,
    /// The objects of the events that are: the rows, or those that count them.
    settled: BTreeSet<i64>,
    /// What is left to be looked up by the next run.
    left: Vec<(i64, Loss)>,
}

/// Looks up what events say is gone, as far as the cap allows.
async fn confirmed(
    ctx: &mut Context,
    losses: BTreeMap<i64, Loss>,
    out: &mut Sender,
) -> Result<Confirmed, SourceError> {
    if let Some(counted) = ctx.resource.counted {
        let (parents, own): (BTreeMap<_, _>, BTreeMap<_, _>) =
            losses.into_iter().partition(|(_, loss)| loss.parent);
        let confirmed = gone_with_parents(ctx, counted, &parents, out).await?;
        message_counts::suspect_parents(ctx, counted, own.into_keys().collect(), out).await;
        return Ok(confirmed);
    }
    let fates = fates_of_losses(ctx, ctx.resource, &losses, out).await?;
    let settled = fates.gone.keys().copied().collect();
    let gone = fates.gone.into_iter().map(|(id, survivor)| {
        let loss = &losses[&id];
        Tombstone { key: id, at: loss.at, merged_into: loss.survivor.or(survivor) }
    });
    let left = fates.left.into_iter().map(|id| (id, losses[&id])).collect();
    Ok(Confirmed { gone: gone.collect(), settled, left })
}

async fn fates_of_losses(
    ctx: &mut Context,
    list: &Resource,
    losses: &BTreeMap<i64, Loss>,
    out: &mut Sender,
) -> Result<Fates, SourceError> {
    let ids = losses.keys().copied().collect();
    let unnamed = losses.iter().filter(|(_, loss)| loss.merged && loss.survivor.is_none());
    lookup::look_up(ctx, list, &ids, &unnamed.map(|(id, _)| *id).collect(), out).await
}

/// Rows that are gone with the rows that count them.
async fn gone_with_parents(
    ctx: &mut Context,
    counted: Counted,
    losses: &BTreeMap<i64, Loss>,
    out: &mut Sender,
) -> Result<Confirmed, SourceError> {
    let fates = fates_of_losses(ctx, counted.by, losses, out).await?;
    let left = fates.left.iter().map(|id| (*id, losses[id])).collect();
    // A merge moves the messages: they are read again where they are now.
    let survivors = fates.gone.iter().filter_map(|(id, survivor)| losses[id].survivor.or(*survivor));
    message_counts::queue_uncounted(ctx, survivors);
    let settled = fates.gone.keys().copied().collect();
    let gone = message_counts::counted_held(ctx, counted, fates.gone.into_keys().collect(), out).await;
    let gone = gone.unwrap_or_default();
    let at = |ticket: i64| losses.get(&ticket).map_or(ctx.request.now, |loss| loss.at);
    let gone = gone.into_iter().map(|(ticket, key)| Tombstone { key, at: at(ticket), merged_into: None });
    Ok(Confirmed { gone: gone.collect(), settled, left })
}
