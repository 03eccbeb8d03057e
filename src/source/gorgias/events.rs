//! Deletions and merges. Lists do not show them; the account's events do, from their own watermark on.
//!
//! `/events` is the one list that filters by time on the server (`created_datetime[gte]`). What an event says is
//! checked where it can be: tickets are looked up by id, a hundred a request, and only those that the API does not
//! list any more are taken for gone. The recorded `ticket-merged` has no data, so it may name either ticket.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::JoinSet;

use super::feed::Outlet;
use super::pages::{self, Listing, PAGE_ROWS, Step};
use super::progress::Mark;
use super::reader::{OVERLAP, Reader};
use super::tables::{Endpoint, TICKETS};
use super::walk;
use crate::dest::{Question, Tombstone};
use crate::http::Listener;
use crate::http::client::{Client, HttpError, Problem};
use crate::normalise::decode::{self, Decoded};
use crate::normalise::rows::{Row, Rows};
use crate::schema::Micros;
use crate::source::SourceError;

const PATH: &str = "/api/events";

/// An object that an event says is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Loss {
    at: Micros,
    survivor: Option<i64>,
    /// A ticket, as opposed to a row of the table itself.
    ticket: bool,
    merged: bool,
}

/// Reads the events, beside the reader if need be.
struct Search {
    client: Arc<Client>,
    listener: Arc<dyn Listener>,
    endpoint: Endpoint,
}

/// A search that is under way.
pub(super) type Ahead = JoinSet<Result<Found, SourceError>>;

/// What a pass over the events found.
#[derive(Debug, Default)]
pub(super) struct Found {
    losses: BTreeMap<i64, Loss>,
    /// Events near the end, to be known again.
    recent: Vec<(Micros, i64)>,
    unclear: u64,
}

impl Reader {
    /// Reads the events since the last time and hands on what is gone.
    pub(super) async fn read_events(&mut self, out: &mut Outlet) -> Result<(), SourceError> {
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
        if found.unclear > 0 {
            self.warn(&format!(
                "{} events do not say what was merged; these merges are not seen",
                found.unclear
            ));
        }
        let gone = if self.endpoint.path == TICKETS {
            self.gone_tickets(&found.losses, out).await?
        } else if self.endpoint.spec.name == "ticket_messages" {
            self.gone_messages(&found.losses, out).await?
        } else {
            found.losses.iter().map(|(id, loss)| tombstone(*id, loss)).collect()
        };
        let since = found.recent.iter().map(|(at, _)| *at).filter(|at| *at <= self.request.now).max();
        let since = since.map_or(mark.since, |newest| newest.max(mark.since));
        let near = |at: &Micros| *at >= since.minus(OVERLAP);
        let done = found.recent.iter().filter(|(at, _)| near(at)).map(|(_, id)| *id).collect();
        self.progress.events = Some(Mark { since, done });
        if !gone.is_empty() {
            let page = self.page_of(Rows::default(), gone);
            out.page(page).await;
        }
        Ok(())
    }

    fn search(&self) -> Search {
        Search { client: self.client.clone(), listener: self.listener.clone(), endpoint: self.endpoint }
    }

    /// Begins to read the events while something else is read. What that brings has to be handed on before the losses
    /// are: a row may have been listed just before it was deleted.
    pub(super) fn search_ahead(&mut self) {
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
        let types: String = self.endpoint.events.iter().map(|name| format!("&types={name}")).collect();
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
        if mark.done.contains(&id) || !self.endpoint.events.contains(&kind) {
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
        let ticket = kind.starts_with("ticket-") && kind != "ticket-message-deleted";
        let merged = kind.ends_with("-merged");
        let loss = |survivor| Loss { at, survivor, ticket, merged };
        let (gone, loss) = match (merged, named(&["source"]), named(&["target", "into", "survivor"])) {
            (false, ..) => (object, loss(None)),
            // As recorded for customers: the object is the survivor, the data names the source.
            (true, Some(source), target) => {
                (Some(source), loss(target.or(object.filter(|id| *id != source))))
            }
            (true, None, Some(target)) => (object.filter(|id| *id != target), loss(Some(target))),
            // A ticket can be looked up; a customer cannot.
            (true, None, None) if ticket => (object, loss(None)),
            (true, None, None) => {
                found.unclear += 1;
                return;
            }
        };
        if let Some(gone) = gone {
            found.losses.insert(gone, loss);
        }
    }
}

impl Reader {
    /// Tickets among the losses that the API does not list any more. Rows of those it lists are fresh and handed on.
    async fn gone_tickets(
        &mut self,
        losses: &BTreeMap<i64, Loss>,
        out: &mut Outlet,
    ) -> Result<Vec<Tombstone>, SourceError> {
        let mut gone = Vec::new();
        let ids: Vec<i64> = losses.keys().copied().collect();
        for chunk in ids.chunks(PAGE_ROWS) {
            let alive = self.look_up(chunk).await?;
            let listed: Vec<i64> =
                alive.iter().flat_map(Rows::iter).filter_map(|row| integer(row, "id")).collect();
            for id in chunk.iter().filter(|id| !listed.contains(id)) {
                let survivor = self.survivor(*id, &losses[id]).await?;
                gone.push(Tombstone { merged_into: survivor, ..tombstone(*id, &losses[id]) });
            }
            if let Some(rows) = alive.filter(|rows| !rows.is_empty()) {
                let page = self.page_of(rows, Vec::new());
                out.page(page).await;
            }
        }
        Ok(gone)
    }

    /// Messages that are gone: by themselves, or with their tickets.
    async fn gone_messages(
        &mut self,
        losses: &BTreeMap<i64, Loss>,
        out: &mut Outlet,
    ) -> Result<Vec<Tombstone>, SourceError> {
        let (tickets, messages): (Vec<_>, Vec<_>) = losses.iter().partition(|(_, loss)| loss.ticket);
        let mut gone: Vec<Tombstone> = messages.iter().map(|(id, loss)| tombstone(**id, loss)).collect();
        for chunk in tickets.chunks(PAGE_ROWS) {
            let ids: Vec<i64> = chunk.iter().map(|(id, _)| **id).collect();
            let alive = self.look_up(&ids).await?;
            let listed: Vec<i64> =
                alive.iter().flat_map(Rows::iter).filter_map(|row| integer(row, "id")).collect();
            let lost: Vec<i64> = ids.into_iter().filter(|id| !listed.contains(id)).collect();
            if lost.is_empty() {
                continue;
            }
            // A merge moves the messages: they are read again where they are now.
            for id in &lost {
                if let Some(survivor) = self.survivor(*id, &losses[id]).await? {
                    self.suspect(survivor, None);
                }
            }
            let held = out.ask(Question::KeysBy { column: "ticket_id".into(), values: lost }).await;
            let at = |ticket: i64| losses.get(&ticket).map_or(self.request.now, |loss| loss.at);
            gone.extend(held.unwrap_or_default().pairs.into_iter().map(|(ticket, key)| Tombstone {
                key,
                at: at(ticket),
                merged_into: None,
            }));
        }
        Ok(gone)
    }

    /// What a ticket was merged into: as the event says, or as the API redirects to (since August 2023, it answers a
    /// merged ticket with the survivor's address).
    async fn survivor(&self, ticket: i64, loss: &Loss) -> Result<Option<i64>, SourceError> {
        if loss.survivor.is_some() || !loss.merged {
            return Ok(loss.survivor);
        }
        match self.client.get(&format!("{TICKETS}/{ticket}"), &*self.listener, |_| Ok::<_, String>(())).await
        {
            Ok(()) => Ok(None),
            Err(HttpError { problem: Problem::Refused { location, .. }, .. }) => {
                Ok(location.as_deref().and_then(ticket_in).filter(|survivor| *survivor != ticket))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The tickets with these ids that the API lists; `None` if it cannot be asked so.
    async fn look_up(&self, ids: &[i64]) -> Result<Option<Rows>, SourceError> {
        let ids: String = ids.iter().map(|id| format!("&ticket_ids={id}")).collect();
        match self
            .client
            .get(&format!("{TICKETS}?limit={PAGE_ROWS}{ids}"), &*self.listener, pages::rows)
            .await
        {
            Ok((rows, _)) => Ok(Some(rows)),
            Err(error) if is_refused(&error) || is_forbidden(&error) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

fn tombstone(key: i64, loss: &Loss) -> Tombstone {
    Tombstone { key, at: loss.at, merged_into: loss.survivor }
}

/// The id in the address of a ticket, absolute or not.
fn ticket_in(address: &str) -> Option<i64> {
    let (_, rest) = address.split_once("/tickets/")?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// An integer field of a row.
pub(super) fn integer(row: Row<'_>, field: &str) -> Option<i64> {
    match decode::int64(row.get(field)?) {
        Decoded::Value(value) => Some(value),
        _ => None,
    }
}

/// The API's own refusal; a page with that status is one of something in between, which may let us pass next time.
pub(super) fn is_forbidden(error: &HttpError) -> bool {
    matches!(&error.problem, Problem::Refused { status: 403, json: true, .. })
}

fn is_refused(error: &HttpError) -> bool {
    matches!(&error.problem, Problem::Refused { status: 400 | 404 | 422, .. })
}
