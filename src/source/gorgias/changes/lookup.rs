//! Asking for single rows: whether they are still there.
//!
//! Nothing is gone on one answer: a server that is overloaded, or a cache in between, may leave out rows for a moment. A
//! row that one list does not show is asked for again, through another endpoint (its own address, which answers 404, or
//! 301 with the address of the row it was merged into), or by the same question at least two seconds later with other
//! requests in between, unless one of those shows a row that the list has left out. Whatever shows a row proves that it
//! is there; 401 and 403 prove nothing.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::Value;
use tokio::time::Instant;

use crate::http::Observer;
use crate::http::client::{Client, HttpError, Problem};
use crate::http::room::Body;
use crate::normalise::rows::{Meta, Rows};
use crate::source::gorgias::api::{PAGE_ROWS, is_forbidden, is_refused};
use crate::source::gorgias::context::Context;
use crate::source::gorgias::fields::integer;
use crate::source::gorgias::list::channel::Sender;
use crate::source::gorgias::list::page_size::PageSize;
use crate::source::gorgias::list::pages::{self, Position, SECOND_LOOK};
use crate::source::{Resource, SourceError};

/// So many rows of a batch are asked for by their own address, which also stands between two equal questions.
const ONE_BY_ONE: usize = 5;

/// What the address of a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    There,
    /// With the row it was merged into, if that is told.
    Gone(Option<i64>),
    /// These credentials may not know, or the row is too large to be shown.
    Untold,
}

/// What look-ups of some rows came to.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    /// Those that are gone, with what they were merged into.
    pub(crate) gone: BTreeMap<i64, Option<i64>>,
    /// Those that this run did not learn about: it could not ask any more, or was not told.
    pub(crate) left: BTreeSet<i64>,
}

/// Asks for one row by its own address.
pub(crate) async fn fate(ctx: &mut Context, path: &str, id: i64) -> Result<Fate, SourceError> {
    let read = |body: Body| match serde_json::from_slice::<Value>(&body) {
        Ok(row) if row.get("id").and_then(Value::as_i64) == Some(id) => Ok(()),
        Ok(_) => Err("the answer is not the row that was asked for".to_owned()),
        Err(error) => Err(error.to_string()),
    };
    ctx.cap.spend();
    match ctx.client.get(&format!("{path}/{id}"), &*ctx.observer, read).await {
        Ok(()) => Ok(Fate::There),
        Err(HttpError { problem: Problem::Refused { status, json, location, .. }, .. })
            if matches!(status, 301 | 308 | 410) || (status == 404 && json) =>
        {
            let survivor = location.as_deref().and_then(last_id).filter(|survivor| *survivor != id);
            Ok(Fate::Gone(survivor))
        }
        Err(error) if is_forbidden(&error) || error.is_too_large() => Ok(Fate::Untold),
        Err(error) => Err(error.into()),
    }
}

/// Asks for rows one after the other, as far as the cap allows.
pub(crate) async fn look_up_each(
    ctx: &mut Context,
    path: &'static str,
    ids: &BTreeSet<i64>,
) -> Result<Fates, SourceError> {
    let mut fates = Fates::default();
    for id in ids {
        if ctx.cap.left() == 0 {
            fates.left.insert(*id);
            continue;
        }
        match fate(ctx, path, *id).await? {
            Fate::There => {}
            Fate::Gone(survivor) => {
                fates.gone.insert(*id, survivor);
            }
            Fate::Untold => {
                fates.left.insert(*id);
            }
        }
    }
    Ok(fates)
}

/// Asks for rows of `list`, a hundred at a time where that can be asked for single rows; those that are there are handed
/// on if they are rows of this table. Those in `merged` are asked for by their own address too, as it tells what they
/// were merged into.
pub(crate) async fn look_up(
    ctx: &mut Context,
    list: &Resource,
    ids: &BTreeSet<i64>,
    merged: &HashSet<i64>,
    out: &mut Sender,
) -> Result<Fates, SourceError> {
    let Some(by_ids) = list.by_ids else { return look_up_each(ctx, list.path(), ids).await };
    let mut fates = Fates::default();
    let all: Vec<i64> = ids.iter().copied().collect();
    for chunk in all.chunks(PAGE_ROWS) {
        if ctx.cap.left() == 0 {
            fates.left.extend(chunk);
            continue;
        }
        let Some(absent) = not_listed(ctx, list, by_ids, chunk, out).await? else {
            // It cannot be asked so: each by its own address.
            let chunk = chunk.iter().copied().collect();
            let found = look_up_each(ctx, list.path(), &chunk).await?;
            fates.gone.extend(found.gone);
            fates.left.extend(found.left);
            continue;
        };
        confirm(ctx, (list, by_ids), &absent, merged, &mut fates, out).await?;
    }
    Ok(fates)
}

/// The second answer about rows that one list did not show.
async fn confirm(
    ctx: &mut Context,
    (list, by_ids): (&Resource, &str),
    absent: &[i64],
    merged: &HashSet<i64>,
    fates: &mut Fates,
    out: &mut Sender,
) -> Result<(), SourceError> {
    let asked = Instant::now();
    let (rest, mut alone): (Vec<i64>, Vec<i64>) = absent.iter().partition(|id| !merged.contains(id));
    let (some, rest) = some_of(rest, ONE_BY_ONE);
    alone.extend(some);
    let found = look_up_each(ctx, list.path(), &alone.iter().copied().collect()).await?;
    let there = alone.len() > found.gone.len() + found.left.len();
    fates.gone.extend(found.gone);
    fates.left.extend(found.left);
    if rest.is_empty() {
        return Ok(());
    }
    // A list that leaves out rows which are there is not asked a second time: it says nothing about the others.
    if there || ctx.cap.left() == 0 {
        fates.left.extend(rest);
        return Ok(());
    }
    tokio::time::sleep_until(asked + SECOND_LOOK).await;
    match not_listed(ctx, list, by_ids, &rest, out).await? {
        Some(still) => fates.gone.extend(still.into_iter().map(|id| (id, None))),
        None => fates.left.extend(rest),
    }
    Ok(())
}

/// So many of the ids, from all over them, and the others: what is gone for a reason lies together.
fn some_of(ids: Vec<i64>, most: usize) -> (Vec<i64>, Vec<i64>) {
    let step = ids.len().div_ceil(most).max(1);
    let (some, rest): (Vec<_>, Vec<_>) = ids.into_iter().enumerate().partition(|(at, _)| at % step == 0);
    let bare = |numbered: Vec<(usize, i64)>| numbered.into_iter().map(|(_, id)| id).collect();
    (bare(some), bare(rest))
}

/// Which of these rows, a hundred at most, the list does not show. `None`: it cannot be asked for them, or answers
/// something else.
async fn not_listed(
    ctx: &mut Context,
    list: &Resource,
    by_ids: &str,
    ids: &[i64],
    out: &mut Sender,
) -> Result<Option<Vec<i64>>, SourceError> {
    let path = |ids: &[i64]| {
        let ids: String = ids.iter().map(|id| format!("&{by_ids}={id}")).collect();
        format!("{}?limit={PAGE_ROWS}{ids}", list.path())
    };
    let answers = match by_id(&ctx.client, &*ctx.observer, list.path(), ids, path).await {
        Ok(answers) => answers,
        Err(SourceError::Http(error)) if is_refused(&error) || is_forbidden(&error) => {
            ctx.cap.spend();
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut listed = HashSet::new();
    let mut strange = false;
    for (rows, meta) in &answers {
        ctx.cap.spend();
        let found = rows.iter().filter_map(|row| integer(row, "id")).filter(|id| ids.contains(id));
        let before = listed.len();
        listed.extend(found);
        // No more than were asked for, all on one page, each with its id: anything else is no answer to this question.
        strange |= meta.next_cursor.is_some() || listed.len() - before != rows.len();
    }
    if strange {
        return Ok(None);
    }
    for (rows, _) in answers {
        if ctx.resource.path() == list.path() && !rows.is_empty() {
            ctx.hand_on(rows, Vec::new(), out).await;
        }
    }
    Ok(Some(ids.iter().copied().filter(|id| !listed.contains(id)).collect()))
}

/// The answers of `list` about these ids, a hundred a request, or fewer where those are more than an answer may have. `path`
/// is the request for some of them.
pub(crate) async fn by_id(
    client: &Client,
    observer: &dyn Observer,
    list: &'static str,
    ids: &[i64],
    path: impl Fn(&[i64]) -> String,
) -> Result<Vec<(Rows, Meta)>, SourceError> {
    let (mut size, mut left, mut found) = (PageSize::default(), ids, Vec::new());
    while !left.is_empty() {
        let (some, rest) = left.split_at(size.rows().min(left.len()));
        match client.get(&path(some), observer, pages::read(Position::First, PAGE_ROWS)).await {
            Ok(answer) => {
                found.push(answer);
                left = rest;
                size.fits();
            }
            Err(error) if error.is_too_large() => {
                if !size.shrink() {
                    let id = some.first().copied();
                    return Err(SourceError::RowTooLarge { path: list, id, after: None, before: None });
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(found)
}

/// The id at the end of an object's address, absolute or not: `/api/tickets/7/`.
fn last_id(address: &str) -> Option<i64> {
    let path = address.split(['?', '#']).next()?;
    path.trim_end_matches('/').rsplit('/').find_map(|part| part.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_are_from_all_over() {
        assert_eq!(some_of((0..12).collect(), 5), (vec![0, 3, 6, 9], vec![1, 2, 4, 5, 7, 8, 10, 11]));
        assert_eq!(some_of(vec![7, 8], 5), (vec![7, 8], vec![]));
        assert_eq!(some_of(Vec::new(), 5), (vec![], vec![]));
    }

    #[test]
    fn the_survivor_is_read_off_its_address() {
        for address in
            ["/api/tickets/7", "https://acme.gorgias.com/api/tickets/7/", "/api/tickets/7/messages?x=9", "7"]
        {
            assert_eq!(last_id(address), Some(7), "{address}");
        }
        for address in ["", "/login", "https://acme.gorgias.com/"] {
            assert_eq!(last_id(address), None, "{address}");
        }
    }
}
