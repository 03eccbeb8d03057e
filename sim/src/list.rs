//! Lists: which rows, in which order, which page of them, in which envelope.

use std::ops::Bound::{Excluded, Unbounded};

use crate::cursor::{Cursor, Key};
use crate::faults::Fault;
use crate::filter;
use crate::json::Out;
use crate::model::Index;
use crate::options::Cursors;
use crate::query::{Query, Refusal, refusal};
use crate::render::{self, Form, View};
use crate::small::Small;
use crate::specs::{Sort, Spec};
use crate::spoil::{Next, Page};
use crate::time::Micros;
use crate::unreadable::Unreadable;

/// Where the rows of a list come from.
pub(crate) enum Rows<'a> {
    /// A kept index: nothing is filtered, so a page costs its own length.
    Index(&'a Index),
    /// All events in order; positions are found by bisection.
    Events,
    /// Filtered or small: collected, ascending.
    Some(Vec<(Key, i64)>),
}

/// Answers a list request.
pub(crate) fn list(
    view: View<'_>,
    spec: &Spec,
    query: &Query,
    fault: Option<&Fault>,
) -> Result<Vec<u8>, Refusal> {
    for (name, _) in &query.0 {
        if !spec.knows(name) {
            return Err(refusal(name, "Unknown field."));
        }
    }
    let limit = query.limit()?;
    let (sort, mut ascending) = match query.one("order_by") {
        None if spec.orders.is_empty() => (spec.default.0, spec.default.1 != view.options.calls_turned),
        None => spec.default,
        Some(text) => spec.order(text).ok_or_else(|| refusal("order_by", "Not a valid choice."))?,
    };
    if fault == Some(&Fault::WrongOrder) {
        ascending = !ascending;
    }
    let rows = filter::rows(view, spec, query, sort)?;
    let like = filter::like(sort);
    let cursor = match query.one("cursor") {
        None => None,
        Some(text) => placed(view.options.cursors, text, &like)?,
    };
    if fault == Some(&Fault::ExpiredCursor) && cursor.is_some() {
        return Err(refusal("cursor", "The cursor has expired."));
    }
    let mut page = page(view, &rows, cursor.as_ref(), ascending, limit);
    if let Some(fault) = fault {
        page.spoil(fault, query.one("cursor").zip(cursor.as_ref()), ascending);
    }
    Ok(envelope(view, spec, query, &page, fault))
}

/// The cursor that was sent, by the account's rules for cursors. Ids begin at 1, so a place with id 0 was made up.
fn placed(cursors: Cursors, text: &str, like: &Key) -> Result<Option<Cursor>, Refusal> {
    let invalid = || refusal("cursor", "Invalid cursor.");
    let plain = match cursors {
        Cursors::Opaque => Cursor::unveil(text).ok_or_else(invalid)?,
        _ => text.to_owned(),
    };
    let cursor = Cursor::decode(&plain, like).ok_or_else(invalid)?;
    match cursors {
        Cursors::Strict if cursor.id < 1 => Err(invalid()),
        Cursors::Forgetful if cursor.id < 1 => Ok(None),
        _ => Ok(Some(cursor)),
    }
}

fn page(view: View<'_>, rows: &Rows<'_>, cursor: Option<&Cursor>, ascending: bool, limit: usize) -> Page {
    // A `prev` cursor reads away from it, against the order shown.
    let forward = cursor.is_none_or(|cursor| cursor.forward);
    let up = ascending == forward;
    let from = cursor.map(|cursor| (cursor.key.clone(), cursor.id));
    let mut found = seek(view, rows, from.as_ref(), up, limit + 1);
    let more = found.len() > limit;
    found.truncate(limit);
    let behind = found.first().is_some_and(|first| !seek(view, rows, Some(first), !up, 1).is_empty());
    let (before, after) = if forward { (behind, more) } else { (more, behind) };
    if !forward {
        found.reverse();
    }
    let prev = found.first().filter(|_| before).cloned();
    let next = found.last().filter(|_| after).cloned().map_or(Next::End, Next::Beyond);
    Page { rows: found, prev, next, has_meta: true }
}

/// At most `count` rows strictly beyond `from`, upwards or downwards.
fn seek(
    view: View<'_>,
    rows: &Rows<'_>,
    from: Option<&(Key, i64)>,
    up: bool,
    count: usize,
) -> Vec<(Key, i64)> {
    match rows {
        Rows::Index(index) => seek_index(index, from.map(plain), up, count),
        Rows::Events => {
            let events = &view.data.events;
            let key = |n: usize| (Key::Time(events[n].created), events[n].id);
            let from = from.map(plain);
            if up {
                let start =
                    from.map_or(0, |from| events.partition_point(|row| (row.created, row.id) <= from));
                (start..events.len()).take(count).map(key).collect()
            } else {
                let end = from
                    .map_or(events.len(), |from| events.partition_point(|row| (row.created, row.id) < from));
                (0..end).rev().take(count).map(key).collect()
            }
        }
        Rows::Some(rows) => {
            if up {
                let start = from.map_or(0, |from| rows.partition_point(|row| row <= from));
                rows[start..].iter().take(count).cloned().collect()
            } else {
                let end = from.map_or(rows.len(), |from| rows.partition_point(|row| row < from));
                rows[..end].iter().rev().take(count).cloned().collect()
            }
        }
    }
}

fn plain((key, id): &(Key, i64)) -> (Micros, i64) {
    match key {
        Key::Time(at) | Key::Int(at) => (*at, *id),
        Key::Text(_) => (0, *id),
    }
}

fn seek_index(index: &Index, from: Option<(Micros, i64)>, up: bool, count: usize) -> Vec<(Key, i64)> {
    let row = |(at, id): &(Micros, i64)| (Key::Time(*at), *id);
    let bound = from.map_or(Unbounded, Excluded);
    if up {
        index.range((bound, Unbounded)).take(count).map(row).collect()
    } else {
        index.range((Unbounded, bound)).rev().take(count).map(row).collect()
    }
}

fn envelope(view: View<'_>, spec: &Spec, query: &Query, page: &Page, fault: Option<&Fault>) -> Vec<u8> {
    let mut out = Out::with_capacity(page.rows.len() * 2048 + 256);
    let spoilt = match fault {
        Some(Fault::Unreadable(how)) => Some(*how),
        Some(Fault::EmptyWithoutMeta) => {
            out.raw("{\"data\":[]}");
            return out.into_bytes();
        }
        _ => None,
    };
    if fault == Some(&Fault::BareArray) {
        data(&mut out, view, spec, &page.rows, spoilt);
        return out.into_bytes();
    }
    let first = (spec.table == "views").then_some("limit");
    let uri = format!("/api/{}?{}", spec.table, query.echo(first));
    if spec.object_first {
        out.raw("{\"object\":\"list\",\"uri\":\"").raw(&uri).raw("\",\"data\":");
        data(&mut out, view, spec, &page.rows, spoilt);
    } else {
        out.raw("{\"data\":");
        data(&mut out, view, spec, &page.rows, spoilt);
        out.raw(",\"object\":\"list\",\"uri\":\"").raw(&uri).raw("\"");
    }
    if page.has_meta {
        let at = |row: &(Key, i64), forward| {
            let plain = Cursor { forward, key: row.0.clone(), id: row.1 }.encode();
            if view.options.cursors == Cursors::Opaque { Cursor::veil(&plain) } else { plain }
        };
        let next = match &page.next {
            Next::End => None,
            Next::Beyond(place) => Some(at(place, true)),
            Next::Text(text) => Some(text.clone()),
        };
        let prev = page.prev.as_ref().map(|row| at(row, false));
        let quote = |cursor: Option<String>| cursor.map_or("null".to_owned(), |text| format!("\"{text}\""));
        out.raw(",\"meta\":{\"prev_cursor\":").raw(&quote(prev)).raw(",\"next_cursor\":").raw(&quote(next));
        out.raw(if spec.object_first { ",\"total_resources\":null}" } else { "}" });
    }
    out.raw("}");
    out.into_bytes()
}

/// The rows; the one in the middle is `spoilt` for this answer.
fn data(out: &mut Out, view: View<'_>, spec: &Spec, rows: &[(Key, i64)], spoilt: Option<Unreadable>) {
    let always = &view.data.unreadable;
    out.raw("[");
    for (n, (_, id)) in rows.iter().enumerate() {
        if n > 0 {
            out.raw(",");
        }
        let start = out.len();
        row(out, view, spec.table, *id);
        let how = spoilt.filter(|_| n == rows.len() / 2).or_else(|| {
            if always.is_empty() { None } else { always.get(&(spec.table.to_owned(), *id)).copied() }
        });
        if let Some(how) = how {
            out.replace_from(start, |row| how.spoil(row));
        }
    }
    out.raw("]");
}

/// Renders one row as its list shows it; nothing for an id that is not there.
pub(crate) fn row(out: &mut Out, view: View<'_>, table: &str, id: i64) -> bool {
    let data = view.data;
    match table {
        "tickets" => data.tickets.get(&id).map(|row| render::ticket(out, view, row)),
        "customers" => data.customers.get(&id).map(|row| render::customer(out, view, row)),
        "messages" => data.messages.get(&id).map(|row| render::message(out, view, row, Form::List)),
        "satisfaction-surveys" => data.surveys.get(&id).map(|row| render::survey(out, view, row)),
        // Ids of events follow their order, so they can be bisected too.
        "events" => data
            .events
            .binary_search_by_key(&id, |row| row.id)
            .ok()
            .map(|n| render::event(out, view, &data.events[n])),
        table => small(view, table, id).map(|row| _ = out.raw(&row.json)),
    }
    .is_some()
}

pub(crate) fn small<'a>(view: View<'a>, table: &str, id: i64) -> Option<&'a Small> {
    view.data.small.get(table)?.iter().find(|row| row.id == id)
}

/// The key of a small row in a given order.
pub(crate) fn small_key(row: &Small, sort: Sort) -> Key {
    match sort {
        Sort::Created => Key::Time(row.created),
        Sort::Updated => Key::Time(row.updated),
        Sort::Name => Key::Text(row.name.clone()),
        Sort::Extra => Key::Text(row.extra.clone()),
        Sort::Kind => Key::Text(row.kind.clone()),
        Sort::Weight => Key::Int(row.weight),
        Sort::WeightName => Key::Text(format!("{:09} {}", row.weight, row.name)),
    }
}
