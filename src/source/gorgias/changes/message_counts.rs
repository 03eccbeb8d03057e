//! Messages that changed without a sign: imported into old tickets, or deleted.
//!
//! The list of tickets tells how many messages each ticket has. Where that is not how many we hold, the ticket's
//! messages are read again (`reread`), one ticket a request. Tickets that changed lately are compared in every run, all of them by
//! the re-scan (`rescan`): deleting a message moves nothing that a list sorts by.

use std::collections::{BTreeMap, HashSet};

use crate::http::limit::Priority;
use crate::model::{Micros, Question};
use crate::normalise::rows::Rows;
use crate::source::gorgias::changes::deletions::{integer, is_forbidden};
use crate::source::gorgias::changes::reread::Pair;
use crate::source::gorgias::list::channel::Outlet;
use crate::source::gorgias::list::checkpoint::{Counts, Direction, Walk};
use crate::source::gorgias::list::oversize;
use crate::source::gorgias::list::pages::PAGE_ROWS;
use crate::source::gorgias::list::walk::{self, Fetched, Footprint, Stumble};
use crate::source::gorgias::table_reader::{OVERLAP, Reader};
use crate::source::{Counted, Resource, SortField, SourceError};

/// Tickets whose count may be known not to match; beyond it the oldest ids are forgotten, and read again some day.
const MOST_SETTLED: usize = 10_000;

pub(crate) const NO_TICKETS: &str = "the tickets of this account may not be read with these credentials, so messages deleted \
    from or imported into old tickets are not seen";

/// Tickets that changed lately.
#[derive(Debug, Default)]
pub(crate) struct Changed {
    pairs: Vec<Pair>,
    /// Whether any changed since the last run.
    pub(crate) any: bool,
    /// When the last of them changed.
    top: Option<Micros>,
}

impl Reader {
    /// Begins to keep track: tickets changed until now will have been compared by the first load. What "now" is, the
    /// newest ticket tells, since the API's clock may not be ours.
    pub(crate) fn begin_counts(&mut self, parents: &'static Resource) {
        let (client, listener) = (self.client.clone(), self.listener.clone());
        let walk = Walk::new(SortField::Updated, Direction::NewestFirst, None);
        let path = move |rows| walk::path(parents, &walk, rows);
        self.newest.spawn(async move { oversize::first(&client, &*listener, path).await });
    }

    /// Waits for the newest ticket, if it is not here yet: no page may be stored without it, as a later run would take
    /// a newer one. True if it has come now.
    pub(crate) async fn counts_begun(&mut self) -> Result<bool, SourceError> {
        let Some(answer) = self.newest.join_next().await else { return Ok(false) };
        let rows = match answer.map_err(|_| SourceError::Broken { path: self.resource.path() })? {
            Ok((rows, _)) => rows,
            Err(error) if is_forbidden(&error) => {
                self.warn(NO_TICKETS);
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        let now = self.request.now;
        let changed = rows.iter().filter_map(|row| walk::datetime(row, SortField::Updated.column()));
        let seen = changed.filter(|at| *at <= now).max().unwrap_or(now.minus(OVERLAP));
        self.progress.counts = Some(Counts { seen, queue: Vec::new(), settled: BTreeMap::new() });
        Ok(true)
    }

    /// The tickets that changed since the last time.
    pub(crate) async fn changed_tickets(&mut self, counted: Counted) -> Result<Changed, SourceError> {
        let Some(counts) = self.progress.counts.clone() else { return Ok(Changed::default()) };
        let mut walk =
            Walk::new(SortField::Updated, Direction::NewestFirst, Some(counts.seen.minus(OVERLAP)));
        let (mut pairs, mut top) = (Vec::new(), None);
        let mut footprint = Footprint::of(&walk);
        while !walk.done {
            let Some(fetched) = self.tickets(counted.by, &mut walk, &mut footprint).await? else { break };
            pairs.extend(self.pairs_of(counted, &fetched));
            top = top.or(fetched.values.iter().flatten().copied().filter(|at| *at <= self.request.now).max());
        }
        Ok(Changed { pairs, any: top.is_some_and(|top| top > counts.seen), top })
    }

    /// Compares the tickets that changed, then those that the re-scan brings, and reads again what does not match.
    pub(crate) async fn check_counts(
        &mut self,
        counted: Counted,
        changed: Changed,
        out: &mut Outlet,
    ) -> Result<(), SourceError> {
        if !self.compare(counted, changed.pairs, out).await {
            return Ok(());
        }
        if let (Some(counts), Some(top)) = (&mut self.progress.counts, changed.top) {
            counts.seen = counts.seen.max(top);
        }
        self.reread(counted, out).await?;
        self.rescan(out).await?;
        let unmet = std::mem::take(&mut self.unmet);
        self.suspect_parents(counted, unmet, out).await;
        self.reread(counted, out).await?;
        let Some(counts) = &mut self.progress.counts else { return Ok(()) };
        while counts.settled.len() > MOST_SETTLED {
            counts.settled.pop_first();
        }
        let left = counts.queue.len();
        if left > 0 {
            self.warn(&format!("the messages of {left} tickets are left to be read again by the next runs"));
        }
        let page = self.page_of(Rows::default(), Vec::new());
        out.page(page).await;
        Ok(())
    }

    /// Notes a ticket whose messages have to be read again. `None`: its count is not known.
    pub(crate) fn suspect(&mut self, ticket: i64, count: Option<i64>) {
        if let Some(counts) = &mut self.progress.counts {
            counts.queue.retain(|(other, _)| *other != ticket);
            counts.queue.push((ticket, count.unwrap_or(-1)));
        }
    }

    /// One page of tickets; `None` if they may not be read.
    async fn tickets(
        &mut self,
        list: &Resource,
        walk: &mut Walk,
        footprint: &mut Footprint,
    ) -> Result<Option<Fetched>, SourceError> {
        loop {
            match walk::step(&self.client, Priority::Soon, &list, walk, footprint, &*self.listener).await {
                Ok(fetched) => return Ok(Some(fetched)),
                Err(Stumble::Refused) => walk::restart(walk, footprint, list)?,
                Err(Stumble::Error(SourceError::Http(error))) if is_forbidden(&error) => {
                    self.warn(NO_TICKETS);
                    return Ok(None);
                }
                Err(Stumble::Error(error)) => return Err(error),
            }
        }
    }

    /// Queues the tickets whose count is not what we hold. False if the target cannot tell.
    pub(crate) async fn compare(&mut self, counted: Counted, pairs: Vec<Pair>, out: &mut Outlet) -> bool {
        for chunk in pairs.chunks(PAGE_ROWS) {
            let values = chunk.iter().map(|(ticket, _)| *ticket).collect();
            let Some(answer) = out.ask(Question::CountBy { column: counted.column.into(), values }).await
            else {
                return false;
            };
            let held: BTreeMap<i64, i64> = answer.pairs.into_iter().collect();
            for &(ticket, count) in chunk {
                let Some(counts) = &mut self.progress.counts else { return false };
                let held = held.get(&ticket).copied().unwrap_or(0);
                let fine = counts.settled.get(&ticket).map_or(held == count, |known| *known == (count, held));
                if fine {
                    counts.queue.retain(|(other, known)| *other != ticket || *known < 0);
                } else {
                    self.suspect(ticket, Some(count));
                }
            }
        }
        true
    }

    /// The messages of their tickets have to be read again, as far as they are still held.
    pub(crate) async fn suspect_parents(&mut self, counted: Counted, keys: Vec<i64>, out: &mut Outlet) {
        for chunk in keys.chunks(PAGE_ROWS) {
            let question = Question::ValuesOf { column: counted.column.into(), keys: chunk.to_vec() };
            for (_, ticket) in out.ask(question).await.unwrap_or_default().pairs {
                self.suspect(ticket, None);
            }
        }
    }

    /// The messages held of these tickets, as ticket and message.
    pub(crate) async fn counted_held(
        &self,
        counted: Counted,
        tickets: Vec<i64>,
        out: &mut Outlet,
    ) -> Vec<(i64, i64)> {
        let mut held = Vec::new();
        for chunk in tickets.chunks(PAGE_ROWS) {
            let question = Question::KeysBy { column: counted.column.into(), values: chunk.to_vec() };
            held.extend(out.ask(question).await.unwrap_or_default().pairs);
        }
        held
    }

    /// Messages held that were created in a range which was just read whole, and not met there. They may be gone: their
    /// tickets tell.
    pub(crate) async fn unmet(
        &self,
        seen: &HashSet<i64>,
        from: Micros,
        to: Micros,
        out: &mut Outlet,
    ) -> Vec<i64> {
        let column = SortField::Created.column().into();
        let question = Question::KeysBetween { column, from, to, with: None };
        let held = out.ask(question).await.unwrap_or_default();
        held.pairs.into_iter().map(|(key, _)| key).filter(|key| !seen.contains(key)).collect()
    }

    /// Tickets and counts of a page. A ticket from before the table is covered has messages that were never asked for.
    pub(crate) fn pairs_of(&self, counted: Counted, fetched: &Fetched) -> Vec<Pair> {
        let since = self.progress.covered_since;
        let covered = |row| {
            since.is_none_or(|since| walk::datetime(row, "created_datetime").is_some_and(|at| at >= since))
        };
        let rows = fetched.rows.iter().filter(|row| covered(*row));
        rows.filter_map(|row| Some((integer(row, "id")?, integer(row, counted.field)?))).collect()
    }
}
