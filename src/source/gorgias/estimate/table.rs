//! What reading tables would take: the pass is decided as for a run, and then estimated from a page of each end of its
//! list instead of being walked. Never more than three requests a table.

use std::sync::Arc;

use crate::http::Listener;
use crate::http::client::Client;
use crate::model::Micros;
use crate::source::gorgias::api::{PAGE_ROWS, is_useless};
use crate::source::gorgias::changes::cap::Cap;
use crate::source::gorgias::changes::rescan::Due;
use crate::source::gorgias::context::Context;
use crate::source::gorgias::estimate::sample::{
    Sample, between, density, per_time, spread, times, weighed, whole,
};
use crate::source::gorgias::list::active::Active;
use crate::source::gorgias::list::checkpoint::{Direction, Pass, Walk};
use crate::source::gorgias::list::{pages as lists, pass};
use crate::source::gorgias::resources::counted_by;
use crate::source::{
    Answers, Basis, Forecast, Guess, Late, List, Overlap, ReadRequest, Resource, SortField, SourceError,
};

const ROWS: u64 = PAGE_ROWS as u64;

/// What is known of a table beside its own forecast.
struct Told {
    forecast: Forecast,
    /// Of rows that count those of another table: how many, on average.
    counted: Option<f64>,
    /// Whether all of the list is read.
    all: bool,
}

/// A forecast for each request, in their order; none any more after a failure that the others would share.
pub(crate) async fn tables(
    client: &Arc<Client>,
    requests: Vec<ReadRequest>,
    listener: Arc<dyn Listener>,
) -> Vec<Result<Forecast, SourceError>> {
    let mut told = Vec::new();
    let mut tables: Vec<&Resource> = Vec::new();
    for request in requests {
        tables.push(request.table);
        told.push(one(Arc::clone(client), request, Arc::clone(&listener)).await);
        if told.last().is_some_and(|told| told.as_ref().is_err_and(is_useless)) {
            break;
        }
    }
    let counted: Vec<(&str, Guess)> = tables
        .iter()
        .zip(&told)
        .filter_map(|(table, told)| {
            let told = told.as_ref().ok().filter(|told| told.all)?;
            Some((table.name, times(told.forecast.rows, told.counted?)))
        })
        .collect();
    let pairs = tables.into_iter().zip(told);
    pairs
        .map(|(table, told)| {
            let Told { forecast, all, .. } = told?;
            let by = table.counted.filter(|_| all).map(|counted| counted.by.name);
            let rows = counted.iter().find(|(name, _)| Some(*name) == by);
            Ok(rows.map_or(forecast, |(_, rows)| with_parents(forecast, *rows)))
        })
        .collect()
}

async fn one(
    client: Arc<Client>,
    request: ReadRequest,
    listener: Arc<dyn Listener>,
) -> Result<Told, SourceError> {
    let ctx = Context::new(client, listener, request)?;
    if let Some(forecast) = small(ctx.resource) {
        return Ok(Told { forecast, counted: None, all: false });
    }
    let active = pass::begin(&ctx);
    let until = active.pass.walks.first().and_then(|walk| walk.until);
    let (rows, basis, counted, all) = if active.resumed {
        let (rows, basis) = rest(&ctx, &active.pass).await?;
        (rows, basis, None, false)
    } else if let Some(until) = until {
        let (rows, basis) = since(&ctx, until).await?;
        (rows, basis, None, false)
    } else {
        let (rows, basis, counted) = everything(&ctx).await?;
        (rows, basis, counted, true)
    };
    let requests = pages(rows).plus(beside(&ctx, &active, rows));
    Ok(Told { forecast: Forecast { rows, requests, basis }, counted, all })
}

/// A list that every run reads whole is short, and not worth a request now: most accounts have a page of it.
fn small(table: &Resource) -> Option<Forecast> {
    let List::Whole { answers, parts, .. } = table.list else { return None };
    let pages = parts.len() as u64;
    let (most, full) = match answers {
        Answers::Pages(_) => (pages * 10, ROWS),
        Answers::Once => (pages, ROWS),
        Answers::Object => (pages, 1),
    };
    let rows = Guess { least: 0, about: (pages * full).div_ceil(2), most: Some(most * full) };
    let requests = Guess { least: pages, about: pages, most: Some(most) };
    Some(Forecast { rows, requests, basis: Basis::Small })
}

/// The forecast of all rows of a table, given how many of them those have that count them: what is known more exactly counts.
fn with_parents(forecast: Forecast, counted: Guess) -> Forecast {
    if forecast.rows.is_exact() {
        return forecast;
    }
    let width = |guess: Guess| guess.most.map_or(f64::INFINITY, |most| ratio(most, guess.least));
    let (own, tickets) = ((forecast.rows, forecast.basis), (counted, Basis::Tickets));
    let counted_first = width(counted) < width(forecast.rows);
    let (rows, basis) = if counted_first { weighed(tickets, own) } else { weighed(own, tickets) };
    let extra = forecast.requests.least - pages(forecast.rows).least;
    let most = forecast.requests.most.zip(pages(forecast.rows).most);
    let more = most.map_or(extra, |(requests, pages)| requests - pages);
    Forecast { rows, requests: pages(rows).plus(between_least(extra, more)), basis }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn ratio(most: u64, least: u64) -> f64 {
    most as f64 / least.max(1) as f64
}

/// Pages of so many rows; a list without any is a page, too.
fn pages(rows: Guess) -> Guess {
    rows.map(|rows| rows.div_ceil(ROWS).max(1))
}

fn between_least(least: u64, most: u64) -> Guess {
    Guess { least, about: least, most: Some(most) }
}

/// A page of the list, from its newest or its oldest end.
async fn sample(ctx: &Context, sort: SortField, direction: &str) -> Result<Sample, SourceError> {
    let (list, column) = (ctx.resource.path(), sort.column());
    let order =
        if ctx.resource.sortable() { format!("&order_by={column}%3A{direction}") } else { String::new() };
    let path = |rows| format!("{list}?limit={rows}{order}");
    let (rows, meta) = lists::first(&ctx.client, &*ctx.listener, path).await?;
    Ok(Sample::of(&rows, meta.next_cursor.is_none(), sort, counted_by(ctx.resource)))
}

/// Rows of the whole list.
async fn everything(ctx: &Context) -> Result<(Guess, Basis, Option<f64>), SourceError> {
    let newest = sample(ctx, SortField::Created, "desc").await?;
    if newest.whole {
        return Ok((Guess::exactly(newest.ids.len() as u64), Basis::Seen, newest.counted));
    }
    // More than a page, and no telling how much more.
    let unknown = Guess { least: ROWS, about: ROWS, most: None };
    if !ctx.resource.sortable() {
        return Ok((unknown, Basis::Seen, None));
    }
    let oldest = sample(ctx, SortField::Created, "asc").await?;
    let counted = newest.counted.zip(oldest.counted).map(|(new, old)| f64::midpoint(new, old));
    let (rows, basis) = between(&newest, &oldest).unwrap_or((unknown, Basis::Seen));
    Ok((Guess { least: rows.least.max(ROWS), ..rows }, basis, counted))
}

/// Rows down to `until`. How fast a list changed lately says little about long ago: there are no more rows than the
/// list has.
async fn since(ctx: &Context, until: Micros) -> Result<(Guess, Basis), SourceError> {
    let newest = sample(ctx, ctx.resource.sort(), "desc").await?;
    let inside = newest.times.iter().filter(|at| **at >= until.0).count() as u64;
    let Some(oldest) = newest.times.first().filter(|oldest| !newest.whole && **oldest > until.0) else {
        return Ok((Guess::exactly(inside), Basis::Seen));
    };
    let Some(density) = density(&newest.times) else {
        return Ok((Guess { least: inside, about: inside, most: None }, Basis::Changes));
    };
    let (all, _, _) = everything(ctx).await?;
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let more = density * (oldest - until.0) as f64;
    // Days differ, and mornings from nights.
    let rows = |factor: f64| inside + whole(more * factor);
    let most = all.most.map_or(rows(3.0), |most| rows(3.0).min(most)).max(inside);
    let about = rows(1.0).min(all.about.max(inside)).min(most);
    let least = rows(0.3).min(all.least / 4).clamp(inside, about);
    Ok((Guess { least, about, most: Some(most) }, Basis::Changes))
}

/// Rows that an unfinished pass has still to read, by how densely those lie that it has read at both ends.
async fn rest(ctx: &Context, pass: &Pass) -> Result<(Guess, Basis), SourceError> {
    let unknown = (Guess { least: 0, about: 0, most: None }, Basis::Progress);
    let (Some(span), Some(top)) = (left_of(pass), pass.top) else { return Ok(unknown) };
    let read = |walk: &Walk, from: i64| {
        let pages = i64::try_from(walk.pages).ok()?;
        per_time(pages.checked_mul(i64::try_from(PAGE_ROWS).ok()?)?, (walk.last?.0 - from).abs())
    };
    let new = pass.walks.first().and_then(|walk| read(walk, top.0));
    let old = match pass.walks.as_slice() {
        [_, .., last] => {
            // Imports with old dates are no measure of what comes after them.
            let oldest = sample(ctx, SortField::Created, "asc").await?.times;
            oldest.get(oldest.len() / 2).and_then(|from| read(last, *from))
        }
        _ => None,
    };
    let (Some(new), Some(old)) = (new.or(old), old.or(new)) else { return Ok(unknown) };
    Ok(spread(span, Some(new), Some(old))
        .map_or((Guess::exactly(0), Basis::Progress), |(rows, _)| (rows, Basis::Progress)))
}

/// Requests beside the pages of the pass: what a list does not show, and looking again at its front.
fn beside(ctx: &Context, active: &Active, rows: Guess) -> Guess {
    let tracks = ctx.request.late != Late::Nothing && ctx.request.overlap == Overlap::Wide;
    let follows = tracks && active.moves;
    let first = ctx.progress.watermark.is_none();
    let several = rows.about > ROWS || active.resumed;
    let events =
        u64::from(follows && ctx.request.late == Late::ChangesAndDeletions && ctx.resource.deletions());
    let counts = u64::from(tracks && ctx.resource.counted.is_some());
    let front = u64::from(several && ctx.request.window.end.is_none());
    // What has become due is re-scanned. Rows with a sign are looked up out of the same cap, and a list is looked at
    // again as long as it changes.
    let fresh = first && !active.resumed;
    let looks = follows && !fresh && ctx.resource.rescanned().is_some();
    let cap = if looks { Cap::of(pages(rows).most.unwrap_or(rows.about)) } else { 0 };
    let due = if looks { due(ctx).min(cap) } else { 0 };
    let least = events + counts + front + due;
    let again = if several || first { 2 } else { 0 };
    between_least(least, least + again + cap - due)
}

/// Pages of the re-scan that have become due.
fn due(ctx: &Context) -> u64 {
    let due = ctx.progress.sweep.as_ref().zip(ctx.request.rescan).map(|(sweep, period)| {
        match sweep.due(period, ctx.request.now) {
            Due::Pages(pages) => pages,
            Due::Everything => sweep.length(),
        }
    });
    due.unwrap_or(0)
}

/// The time between each walk and where the one below it began, or from the only one to where it ends, in microseconds.
fn left_of(pass: &Pass) -> Option<i64> {
    let gap = |newer: Micros, older: Micros| (newer.0 - older.0).max(0);
    let span = match pass.walks.as_slice() {
        walks if walks.iter().any(|walk| walk.unordered) => return None,
        walks if walks.iter().all(|walk| walk.done) => 0,
        [walk] if walk.direction == Direction::NewestFirst => gap(walk.last?, walk.until?),
        walks if walks.last()?.direction == Direction::OldestFirst => {
            let mut span = 0;
            for pair in walks.windows(2) {
                let [above, below] = pair else { continue };
                if !above.done {
                    span += gap(above.last?, below.first.or(below.last)?);
                }
            }
            span
        }
        _ => return None,
    };
    Some(span)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_many_as_the_tickets_have_unless_their_list_says_otherwise() {
        let guess = |least, about, most| Guess { least, about, most: Some(most) };
        let own = |rows, basis| Forecast { rows, requests: pages(rows).plus(between_least(2, 5)), basis };
        let dates = own(guess(1_000, 4_000, 9_000), Basis::Dates);
        let told = with_parents(dates, guess(4_000, 5_000, 6_000));
        assert_eq!((told.rows, told.basis), (guess(4_000, 5_000, 6_000), Basis::Tickets));
        assert_eq!(told.requests, guess(42, 52, 65));
        // The list itself is known better.
        let ids = own(guess(4_500, 4_600, 4_700), Basis::Ids);
        assert_eq!(with_parents(ids, guess(4_000, 5_000, 6_000)), ids);
        // Neither can be right if the other is.
        let told = with_parents(own(guess(80, 100, 125), Basis::Ids), guess(9_000, 10_000, 12_000));
        assert_eq!((told.rows, told.basis), (guess(80, 1_000, 12_000), Basis::Disputed));
        let seen = own(Guess::exactly(60), Basis::Seen);
        assert_eq!(with_parents(seen, guess(4_000, 5_000, 6_000)), seen);
    }
}
