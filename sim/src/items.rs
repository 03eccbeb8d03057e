//! `/views/{id}/items`: tickets of a view, or customers, with a paginator of its own.
//!
//! Its cursor is only a sort value; the row it came from must be named in `ignored_item`, or the same page comes again.

use crate::desk::CUSTOMERS;
use crate::filter::in_view;
use crate::json::Out;
use crate::list;
use crate::query::{Query, Refusal, refusal};
use crate::render::{self, View};
use crate::time::{self, Micros};

/// What was asked, read and checked.
struct Ask {
    limit: usize,
    back: bool,
    by_created: bool,
    ascending: bool,
    ignored: Option<i64>,
    from: Option<Micros>,
}

impl Ask {
    fn read(query: &Query) -> Result<Ask, Refusal> {
        for (name, _) in &query.0 {
            if !matches!(name.as_str(), "cursor" | "limit" | "direction" | "ignored_item" | "order_by") {
                return Err(refusal(name, "Unknown field."));
            }
        }
        let (by_created, ascending) = match query.one("order_by") {
            None | Some("updated_datetime:desc") => (false, false),
            Some("updated_datetime:asc") => (false, true),
            Some("created_datetime:desc") => (true, false),
            Some("created_datetime:asc") => (true, true),
            Some(_) => return Err(refusal("order_by", "Not a valid choice.")),
        };
        let back = match query.one("direction") {
            None | Some("next") => false,
            Some("prev") => true,
            Some(_) => return Err(refusal("direction", "Not a valid choice.")),
        };
        let from = query
            .one("cursor")
            .map(|text| time::parse(text).ok_or_else(|| refusal("cursor", "Invalid cursor.")));
        Ok(Ask {
            limit: query.limit()?,
            back,
            by_created,
            ascending,
            ignored: query.int("ignored_item")?,
            from: from.transpose()?,
        })
    }

    /// The page's rows, as sort value and id, and whether more lie beyond it.
    fn page(&self, view: View<'_>, shows: Option<&str>) -> (Vec<(Micros, i64)>, bool) {
        let at = |created, updated| if self.by_created { created } else { updated };
        let data = view.data;
        let mut rows: Vec<(Micros, i64)> = match shows {
            Some(CUSTOMERS) => {
                data.customers.values().map(|row| (at(row.created, row.updated), row.id)).collect()
            }
            _ => {
                let rows = data.tickets.values().filter(|row| in_view(row, shows));
                rows.map(|row| (at(row.created, row.updated), row.id)).collect()
            }
        };
        // Reading backwards is reading the other order, then turning the page over.
        let up = self.ascending != self.back;
        rows.sort_unstable();
        if !up {
            rows.reverse();
        }
        if let Some(from) = self.from {
            let from = (from, self.ignored.unwrap_or(if up { i64::MIN } else { i64::MAX }));
            rows.retain(|row| if up { *row > from } else { *row < from });
        }
        let more = rows.len() > self.limit;
        rows.truncate(self.limit);
        if self.back {
            rows.reverse();
        }
        (rows, more)
    }
}

pub(crate) fn items(view: View<'_>, id: i64, query: &Query) -> Result<String, Refusal> {
    let ask = Ask::read(query)?;
    let shows = list::small(view, "views", id).map(|row| row.kind.as_str());
    let (page, more) = ask.page(view, shows);
    let link = |row: Option<&(Micros, i64)>, direction: &str| {
        let Some((at, item)) = row else { return "null".to_owned() };
        let cursor = time::naive(*at).replace(':', "%3A");
        let order = query.one("order_by").map(|order| format!("&order_by={}", order.replace(':', "%3A")));
        format!(
            "\"/api/views/{id}/items?limit={}&direction={direction}&ignored_item={item}&cursor={cursor}{}\"",
            ask.limit,
            order.unwrap_or_default()
        )
    };
    let (has_next, has_prev) = if ask.back { (ask.from.is_some(), more) } else { (more, ask.from.is_some()) };
    let next = link(page.last().filter(|_| has_next), "next");
    let prev = link(page.first().filter(|_| has_prev), "prev");
    let current = query.one("cursor").map(|text| format!("\"{}\"", crate::json::escape(text, false)));
    let current = current.unwrap_or_else(|| "null".into());
    let mut out = Out::default();
    out.raw("{\"data\":[");
    for (n, (_, item)) in page.iter().enumerate() {
        if n > 0 {
            out.raw(",");
        }
        match view.data.tickets.get(item).filter(|_| shows != Some(CUSTOMERS)) {
            Some(row) => render::ticket_item(&mut out, view, row),
            None => _ = list::row(&mut out, view, "customers", *item),
        }
    }
    out.raw("],\"meta\":{\"next_items\":").raw(&next).raw(",\"prev_items\":").raw(&prev);
    out.raw(",\"current_cursor\":").raw(&current).raw("}}");
    Ok(out.into_string())
}
