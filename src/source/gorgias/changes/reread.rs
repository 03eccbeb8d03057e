//! Messages of single tickets, read again where what we hold is not what the ticket's count says.
//!
//! What a ticket's own list shows is there. What it does not show is gone only if the count of the ticket agrees with it,
//! or a second reading of the list, some seconds later.

use std::collections::{BTreeMap, HashSet};

use tokio::time::Instant;

use crate::model::{Question, Tombstone};
use crate::normalise::rows::{Row, Rows};
use crate::source::gorgias::api::PAGE_ROWS;
use crate::source::gorgias::changes::absence;
use crate::source::gorgias::changes::message_counts::Pair;
use crate::source::gorgias::context::Context;
use crate::source::gorgias::fields::integer;
use crate::source::gorgias::list::channel::Sender;
use crate::source::gorgias::list::pages::{ListStep, Listing, SECOND_LOOK};
use crate::source::{Counted, SourceError};

/// Ids of the messages that the list of one ticket showed.
enum TicketReading {
    Whole(HashSet<i64>),
    /// It showed messages of other tickets, or without an id: it does not answer this question.
    Unclear,
}

/// Readings of the lists of some tickets, each as often as needed.
#[derive(Default)]
struct Readings {
    /// Ids that the first reading showed.
    first: BTreeMap<i64, HashSet<i64>>,
    /// Ids that the second one showed, where there was one.
    second: BTreeMap<i64, HashSet<i64>>,
    /// Messages held, by ticket.
    held: BTreeMap<i64, Vec<i64>>,
}

impl Readings {
    /// Whether a ticket's list shows less than what we hold or what the ticket's count says, and nothing else has said so.
    fn is_doubtful(&self, (ticket, count): Pair) -> bool {
        let Some(ids) = self.first.get(&ticket) else { return false };
        let lacks = self.held.get(&ticket).is_some_and(|held| held.iter().any(|id| !ids.contains(id)));
        let length = length(ids);
        length != count && (lacks || length < count)
    }

    /// What the readings of a ticket come to. `None`: they do not agree, or one is missing.
    fn length_of(&self, pair: Pair) -> Option<i64> {
        let (ticket, count) = pair;
        let first = length(self.first.get(&ticket)?);
        if !self.is_doubtful(pair) {
            return Some(first);
        }
        let second = length(self.second.get(&ticket)?);
        (second == first || second == count).then_some(second)
    }

    /// Messages held of a ticket that no reading showed.
    fn gone(&self, ticket: i64) -> impl Iterator<Item = i64> {
        let shows = |ids: Option<&HashSet<i64>>, id: &i64| ids.is_some_and(|ids| ids.contains(id));
        let held = self.held.get(&ticket).into_iter().flatten();
        held.filter(move |id| !shows(self.first.get(&ticket), id) && !shows(self.second.get(&ticket), id))
            .copied()
    }
}

fn length(ids: &HashSet<i64>) -> i64 {
    i64::try_from(ids.len()).unwrap_or(i64::MAX)
}

/// Reads the messages of queued tickets again, as far as the cap allows.
pub(crate) async fn reread(ctx: &mut Context, counted: Counted, out: &mut Sender) -> Result<(), SourceError> {
    let mut tried = HashSet::new();
    loop {
        let Some(counts) = &ctx.progress.counts else { return Ok(()) };
        let queue = counts.queue.iter().copied();
        let batch: Vec<Pair> = queue.filter(|(ticket, _)| !tried.contains(ticket)).take(PAGE_ROWS).collect();
        if batch.is_empty() || ctx.cap.left() == 0 {
            return Ok(());
        }
        tried.extend(batch.iter().map(|(ticket, _)| *ticket));
        let Some(readings) = readings(ctx, counted, &batch, out).await? else { return Ok(()) };
        conclude(ctx, &batch, &readings, out).await?;
    }
}

/// Reads the lists of these tickets. `None`: the target cannot tell what it holds.
async fn readings(
    ctx: &mut Context,
    counted: Counted,
    batch: &[Pair],
    out: &mut Sender,
) -> Result<Option<Readings>, SourceError> {
    let mut readings = Readings::default();
    for &(ticket, _) in batch {
        if ctx.cap.left() == 0 {
            break;
        }
        if let TicketReading::Whole(ids) = messages_of(ctx, counted, ticket, out).await? {
            readings.first.insert(ticket, ids);
        }
    }
    let read = Instant::now();
    let values = readings.first.keys().copied().collect();
    let question = Question::KeysBy { column: counted.column.into(), values };
    let Some(held) = out.ask(question).await else { return Ok(None) };
    for (ticket, key) in held.pairs {
        readings.held.entry(ticket).or_default().push(key);
    }
    for pair in batch.iter().filter(|pair| readings.is_doubtful(**pair)).copied().collect::<Vec<_>>() {
        if ctx.cap.left() == 0 {
            break;
        }
        tokio::time::sleep_until(read + SECOND_LOOK).await;
        if let TicketReading::Whole(ids) = messages_of(ctx, counted, pair.0, out).await? {
            readings.second.insert(pair.0, ids);
        }
    }
    Ok(Some(readings))
}

/// Marks what is gone, and lets tickets leave the queue together with it: a run that dies before leaves them in it.
async fn conclude(
    ctx: &mut Context,
    batch: &[Pair],
    readings: &Readings,
    out: &mut Sender,
) -> Result<(), SourceError> {
    let at = ctx.request.now;
    let told = batch.iter().filter(|pair| readings.length_of(**pair).is_some());
    let alone = told.filter(|pair| readings.is_doubtful(**pair)).map(|(ticket, _)| *ticket);
    let alone: usize = alone.map(|ticket| readings.gone(ticket).count()).sum();
    absence::believe(ctx, alone, out).await?;
    if let Some(rescan) = ctx.progress.rescan.as_mut().filter(|_| !ctx.request.confirmed) {
        rescan.gone += alone as u64;
    }
    let mut gone = Vec::new();
    let Some(counts) = &mut ctx.progress.counts else { return Ok(()) };
    let mut concluded = HashSet::new();
    for &pair in batch {
        let (ticket, count) = pair;
        let Some(length) = readings.length_of(pair) else { continue };
        gone.extend(readings.gone(ticket).map(|key| Tombstone { key, at, merged_into: None }));
        concluded.insert(ticket);
        // What the list says now is what we hold now. That it is not the count is settled once it was found twice: the count
        // was read before the list, and the ticket may have got a message in between.
        counts.settled.remove(&ticket);
        let before = counts.unsettled.remove(&ticket);
        if count >= 0 && length != count {
            let twice = before == Some((count, length));
            let to = if twice { &mut counts.settled } else { &mut counts.unsettled };
            to.insert(ticket, (count, length));
        }
    }
    counts.queue.retain(|(ticket, _)| !concluded.contains(ticket));
    ctx.hand_on(Rows::default(), gone, out).await;
    Ok(())
}

/// Reads the messages of one ticket, and hands them on.
async fn messages_of(
    ctx: &mut Context,
    counted: Counted,
    ticket: i64,
    out: &mut Sender,
) -> Result<TicketReading, SourceError> {
    let mut list = Listing::oldest_first(ctx.resource.path(), &format!("&{}={ticket}", counted.column));
    let mut ids = HashSet::new();
    loop {
        match list.next(&ctx.client, &*ctx.observer).await? {
            ListStep::End => return Ok(TicketReading::Whole(ids)),
            ListStep::Anew => ids.clear(),
            ListStep::Rows(rows) => {
                let other = |id| id != ticket;
                let strange = |row: Row<'_>| {
                    integer(row, counted.column).is_some_and(other) || integer(row, "id").is_none()
                };
                let unclear = rows.iter().any(strange);
                ids.extend(rows.iter().filter_map(|row| integer(row, "id")));
                if !rows.is_empty() {
                    ctx.hand_on(rows, Vec::new(), out).await;
                }
                if unclear {
                    ctx.cap.spend();
                    return Ok(TicketReading::Unclear);
                }
            }
        }
        ctx.cap.spend();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ticket's count, what we hold of it, and what each reading of its list showed; what comes of it.
    fn outcome(count: i64, held: &[i64], first: &[i64], second: Option<&[i64]>) -> (Option<i64>, Vec<i64>) {
        let of = |ids: &[i64]| BTreeMap::from([(7, ids.iter().copied().collect::<HashSet<_>>())]);
        let readings = Readings {
            first: of(first),
            second: second.map(of).unwrap_or_default(),
            held: BTreeMap::from([(7, held.to_vec())]),
        };
        (readings.length_of((7, count)), readings.gone(7).collect())
    }

    #[test]
    fn what_a_list_does_not_show_is_gone_only_if_something_else_says_so() {
        // The count agrees.
        assert_eq!(outcome(1, &[1, 2], &[1], None), (Some(1), vec![2]));
        assert_eq!(outcome(0, &[1, 2], &[], None), (Some(0), vec![1, 2]));
        // Nothing is missing.
        assert_eq!(outcome(3, &[1, 2], &[1, 2, 3], None), (Some(3), vec![]));
        assert_eq!(outcome(2, &[1, 2], &[1, 2, 3], None), (Some(3), vec![]));
        // One reading against the count, or with no count.
        assert_eq!(outcome(2, &[1, 2], &[], None).0, None);
        assert_eq!(outcome(3, &[1, 2], &[1, 2], None).0, None);
        assert_eq!(outcome(-1, &[1, 2], &[1], None).0, None);
        // A second one agrees with it, or with the count, or with neither.
        assert_eq!(outcome(2, &[1, 2], &[1], Some(&[1])), (Some(1), vec![2]));
        assert_eq!(outcome(2, &[1, 2], &[], Some(&[1, 2])), (Some(2), vec![]));
        assert_eq!(outcome(-1, &[1, 2], &[1], Some(&[1])), (Some(1), vec![2]));
        assert_eq!(outcome(3, &[1, 2, 3], &[], Some(&[1])).0, None);
    }
}
