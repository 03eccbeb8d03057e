//! Deletions and merges. Lists do not show them; the account's events do, from their own watermark on.
//!
//! `/events` is the one list that filters by time on the server (`created_datetime[gte]`). What an event says is
//! looked up (`lookup`), within the cap of a run; what is left over is in the state. The recorded `ticket-merged` has no
//! data, so it may name either ticket.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::http::Listener;
use crate::http::client::{Client, HttpError, Problem};
use crate::model::{Micros, Tombstone};
use crate::normalise::decode::{self, Decoded};
use crate::normalise::rows::{Row, Rows};
use crate::source::gorgias::changes::lookup::Fates;
use crate::source::gorgias::list::channel::Outlet;
use crate::source::gorgias::list::checkpoint::Mark;
use crate::source::gorgias::list::pages::{Listing, Step};
use crate::source::gorgias::list::walk;
use crate::source::gorgias::table_reader::{OVERLAP, Reader};
use crate::source::{Counted, EventKind, Resource, SourceError};

const PATH: &str = "/api/events";

/// An object that an event says is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Loss {
    /// When, as the event says.
    at: Micros,
    /// What it was merged into, if the event says so.
    survivor: Option<i64>,
    /// Of the table that counts this one's rows, as [`EventKind::parent`] says.
    #[serde(rename = "ticket")]
    parent: bool,
    merged: bool,
}

/// Reads the events, beside the reader if need be.
struct Search {
    client: Arc<Client>,
    listener: Arc<dyn Listener>,
    resource: &'static Resource,
}

/// A search that is under way.
pub(crate) type Ahead = JoinSet<Result<Found, SourceError>>;

/// What a pass over the events found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    losses: BTreeMap<i64, Loss>,
    /// Events near the end, to be known again.
    recent: Vec<(Micros, i64)>,
}

impl Reader {
    /// Reads the events since the last time and hands on what is gone.
    pub(crate) async fn read_events(&mut self, out: &mut Outlet) -> Result<(), SourceError> {
        let Some(mark) = self.progress.events.clone() else { return Ok(()) };
        let found = match self.ahead.join_next().await {
            Some(found) => found.unwrap_or(Err(SourceError::Broken { path: PATH })),
            None => self.search().losses(&mark).await,
        };
        let found = match found {
            Ok(found) => found,
            Err(SourceError::Http(error)) if is_forbidden(&error) => {
                self.warn("the events of this account may not be read with these credentials, so deletions and merges are not seen");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let mut losses = found.losses;
        for (id, loss) in &mark.pending {
            losses.entry(*id).or_insert(*loss);
        }
        let (gone, pending) = self.confirmed(losses, out).await?;
        let since = found.recent.iter().map(|(at, _)| *at).filter(|at| *at <= self.request.now).max();
        let since = since.map_or(mark.since, |newest| newest.max(mark.since));
        let near = |at: &Micros| *at >= since.minus(OVERLAP);
        let done = found.recent.iter().filter(|(at, _)| near(at)).map(|(_, id)| *id).collect();
        self.progress.events = Some(Mark { since, done, pending });
        if !gone.is_empty() {
            let page = self.page_of(Rows::default(), gone);
            out.page(page).await;
        }
        Ok(())
    }

    fn search(&self) -> Search {
        Search { client: self.client.clone(), listener: self.listener.clone(), resource: self.resource }
    }

    /// Begins to read the events while something else is read. What that brings has to be handed on before the losses
    /// are: a row may have been listed just before it was deleted.
    pub(crate) fn search_ahead(&mut self) {
        if let Some(mark) = self.progress.events.clone().filter(|_| self.deletions() && self.ahead.is_empty())
        {
            let search = self.search();
            self.ahead.spawn(async move { search.losses(&mark).await });
        }
    }
}

impl Search {
    /// Walks the events; asks for the wanted types only, unless the API does not take that.
    async fn losses(&self, mark: &Mark) -> Result<Found, SourceError> {
        let types: String =
            self.resource.events().iter().map(|event| format!("&types={}", event.name)).collect();
        match self.walk(mark, &types).await {
            Err(SourceError::Http(error)) if is_refused(&error) => self.walk(mark, "").await,
            other => other,
        }
    }

    async fn walk(&self, mark: &Mark, types: &str) -> Result<Found, SourceError> {
        let since = mark.since.minus(OVERLAP).to_string();
        let since = percent_encoding::utf8_percent_encode(&since, percent_encoding::NON_ALPHANUMERIC);
        let mut list = Listing::new(PATH, &format!("&created_datetime%5Bgte%5D={since}{types}"));
        let mut found = Found::default();
        loop {
            match list.next(&self.client, &*self.listener).await? {
                Step::Rows(rows) => rows.iter().for_each(|row| self.note(row, mark, &mut found)),
                Step::Anew => found = Found::default(),
                Step::End => return Ok(found),
            }
        }
    }

    fn note(&self, row: Row<'_>, mark: &Mark, found: &mut Found) {
        let (Some(id), Some(at)) = (integer(row, "id"), walk::datetime(row, "created_datetime")) else {
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

/// Rows that are gone, and what is left to be looked up by the next run.
type Confirmed = (Vec<Tombstone>, Vec<(i64, Loss)>);

impl Reader {
    /// Looks up what events say is gone, as far as the cap allows.
    async fn confirmed(
        &mut self,
        losses: BTreeMap<i64, Loss>,
        out: &mut Outlet,
    ) -> Result<Confirmed, SourceError> {
        if let Some(counted) = self.resource.counted {
            let (parents, own): (BTreeMap<_, _>, BTreeMap<_, _>) =
                losses.into_iter().partition(|(_, loss)| loss.parent);
            let confirmed = self.gone_with_parents(counted, &parents, out).await?;
            self.suspect_parents(counted, own.into_keys().collect(), out).await;
            return Ok(confirmed);
        }
        let fates = self.fates_of_losses(self.resource, &losses, out).await?;
        let gone = fates.gone.into_iter().map(|(id, survivor)| {
            let loss = &losses[&id];
            Tombstone { key: id, at: loss.at, merged_into: loss.survivor.or(survivor) }
        });
        let left = fates.left.into_iter().map(|id| (id, losses[&id])).collect();
        Ok((gone.collect(), left))
    }

    async fn fates_of_losses(
        &mut self,
        list: &Resource,
        losses: &BTreeMap<i64, Loss>,
        out: &mut Outlet,
    ) -> Result<Fates, SourceError> {
        let ids = losses.keys().copied().collect();
        let unnamed = losses.iter().filter(|(_, loss)| loss.merged && loss.survivor.is_none());
        self.fates_of(list, &ids, &unnamed.map(|(id, _)| *id).collect(), out).await
    }

    /// Rows that are gone with the rows that count them.
    async fn gone_with_parents(
        &mut self,
        counted: Counted,
        losses: &BTreeMap<i64, Loss>,
        out: &mut Outlet,
    ) -> Result<Confirmed, SourceError> {
        let fates = self.fates_of_losses(counted.by, losses, out).await?;
        let left = fates.left.iter().map(|id| (*id, losses[id])).collect();
        // A merge moves the messages: they are read again where they are now.
        for (id, survivor) in &fates.gone {
            if let Some(survivor) = losses[id].survivor.or(*survivor) {
                self.suspect(survivor, None);
            }
        }
        let gone = self.counted_held(counted, fates.gone.into_keys().collect(), out).await;
        let at = |ticket: i64| losses.get(&ticket).map_or(self.request.now, |loss| loss.at);
        let gone = gone.into_iter().map(|(ticket, key)| Tombstone { key, at: at(ticket), merged_into: None });
        Ok((gone.collect(), left))
    }
}

/// An integer field of a row.
pub(crate) fn integer(row: Row<'_>, field: &str) -> Option<i64> {
    match decode::int64(row.get(field)?) {
        Decoded::Value(value) => Some(value),
        _ => None,
    }
}

/// The API's own refusal; a page with that status is one of something in between, which may let us pass next time.
pub(crate) fn is_forbidden(error: &HttpError) -> bool {
    matches!(&error.problem, Problem::Refused { status: 403, json: true, .. })
}

pub(crate) fn is_refused(error: &HttpError) -> bool {
    matches!(&error.problem, Problem::Refused { status: 400 | 404 | 422, .. })
}
