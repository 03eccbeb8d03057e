//! Paths to answers.

use crate::desk;
use crate::faults::Fault;
use crate::items;
use crate::json::Out;
use crate::list::{self, list};
use crate::options::Denial;
use crate::query::{Query, Refusal, refusal, refusal_body};
use crate::render::{self, Form, View};
use crate::small::FIRST_PERSON;
use crate::specs::{Spec, scope};
use crate::wire::Request;

/// What a path leads to.
pub(crate) enum Answer {
    Json(Vec<u8>),
    Refused(String),
    Missing,
    /// With the scope that is missing, if that is said.
    Forbidden(Option<&'static str>),
    /// To the surviving row.
    Moved(String),
}

pub(crate) fn route(view: View<'_>, request: &Request, fault: Option<&Fault>) -> Answer {
    let query = Query::parse(request.query());
    let Some(path) = request.path().strip_prefix("/api/") else { return Answer::Missing };
    let path = path.trim_end_matches('/');
    match view.options.denied(path) {
        Some((_, Denial::Missing)) => return Answer::Missing,
        Some((list, Denial::Forbidden)) => return Answer::Forbidden(Some(scope(list))),
        None => {}
    }
    if let Some(spec) = Spec::of(path) {
        if spec.table == "events" && !view.options.role_can_read_events {
            return Answer::Forbidden(None);
        }
        return answer(path, list(view, spec, &query, fault));
    }
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["account"] => Answer::Json(desk::account(view).into()),
        ["account", "settings"] => answer(path, settings(view, &query)),
        ["users", "0"] => found(list::small(view, "users", FIRST_PERSON + 2).map(|row| row.json.clone())),
        ["views", id, "items"] => match number(id).filter(|id| list::small(view, "views", *id).is_some()) {
            Some(id) => answer(path, items::items(view, id, &query)),
            None => Answer::Missing,
        },
        ["tickets", id, rest @ ..] => number(id).map_or(Answer::Missing, |id| ticket(view, id, rest, &query)),
        ["customers", id, rest @ ..] => number(id).map_or(Answer::Missing, |id| customer(view, id, rest)),
        ["events", _] if !view.options.role_can_read_events => Answer::Forbidden(None),
        // A message has its address below its ticket only.
        ["messages", _] => Answer::Missing,
        ["phone", kind, id] => {
            number(id).map_or(Answer::Missing, |id| get(view, &format!("phone/{kind}"), id))
        }
        [table, id] => number(id).map_or(Answer::Missing, |id| get(view, table, id)),
        _ => Answer::Missing,
    }
}

fn number(text: &str) -> Option<i64> {
    text.parse().ok()
}

fn found(body: Option<String>) -> Answer {
    body.map_or(Answer::Missing, |body| Answer::Json(body.into()))
}

fn answer(path: &str, result: Result<impl Into<Vec<u8>>, Refusal>) -> Answer {
    match result {
        Ok(body) => Answer::Json(body.into()),
        Err(refused) => Answer::Refused(refusal_body(&format!("Failed to retrieve {path}"), &refused)),
    }
}

fn get(view: View<'_>, table: &str, id: i64) -> Answer {
    let mut out = Out::default();
    found(list::row(&mut out, view, table, id).then(|| out.into_string()))
}

fn ticket(view: View<'_>, id: i64, rest: &[&str], query: &Query) -> Answer {
    let Some(row) = view.data.tickets.get(&id) else {
        let Some(survivor) = view.data.survivor("tickets", id) else { return Answer::Missing };
        let tail: String = rest.iter().map(|part| format!("/{part}")).collect();
        return Answer::Moved(format!("/api/tickets/{survivor}{tail}"));
    };
    let mut out = Out::default();
    match rest {
        [] => {
            render::deep_ticket(&mut out, view, row);
            let body = out.into_string();
            // The key is there only where a value is set.
            let mut list = Out::default();
            render::ticket(&mut list, view, row);
            let list = list.into_string();
            let fields = list.rsplit_once(",\"custom_fields\":").map_or("{}}", |(_, fields)| fields);
            let Some(open) = body.strip_suffix('}').filter(|_| fields != "{}}") else {
                return Answer::Json(body.into());
            };
            Answer::Json(format!("{open},\"custom_fields\":{fields}").into())
        }
        ["messages"] => answer("messages", messages(view, id, &row.messages, query)),
        ["messages", message] => {
            let message = number(message).filter(|message| row.messages.contains(message));
            message.map_or(Answer::Missing, |message| get(view, "messages", message))
        }
        ["tags"] => {
            let tags = render::tags_of(view, row);
            Answer::Json(format!("{{\"data\":{tags}}}").into())
        }
        ["custom-fields"] => found(render::values(view, "tickets", id)),
        _ => Answer::Missing,
    }
}

/// The deprecated child list: page-numbered, 30 to a page.
fn messages(view: View<'_>, ticket: i64, ids: &[i64], query: &Query) -> Result<String, Refusal> {
    let page = query.int("page")?.unwrap_or(1);
    let per_page = query.int("per_page")?.or(query.int("limit")?).unwrap_or(30);
    if page < 1 || !(1..=100).contains(&per_page) {
        return Err(refusal("page", "Must be at least 1."));
    }
    let count = ids.len();
    let size = usize::try_from(per_page).unwrap_or(30);
    let start = usize::try_from(page - 1).unwrap_or(0).saturating_mul(size);
    let mut out = Out::default();
    out.raw("{\"data\":[");
    let rows = ids.iter().skip(start).take(size).filter_map(|id| view.data.messages.get(id));
    for (n, row) in rows.enumerate() {
        if n > 0 {
            out.raw(",");
        }
        render::message(&mut out, view, row, Form::List);
    }
    let pages = count.div_ceil(size).max(1);
    let uri = format!("/api/tickets/{ticket}/messages/");
    out.raw(&format!(
        "],\"object\":\"list\",\"uri\":\"{uri}\",\"meta\":{{\"page\":{page},\"per_page\":{per_page},"
    ));
    out.raw(&format!(
        "\"current_page\":\"{uri}?page={page}\",\"item_count\":{count},\"nb_pages\":{pages}}}}}"
    ));
    Ok(out.into_string())
}

fn customer(view: View<'_>, id: i64, rest: &[&str]) -> Answer {
    let Some(row) = view.data.customers.get(&id) else {
        // Whether merged customers lead on, as merged tickets do, no source settles.
        let survivor = view.data.survivor("customers", id).filter(|_| view.options.merged_customer_moves);
        let Some(survivor) = survivor else { return Answer::Missing };
        let tail: String = rest.iter().map(|part| format!("/{part}")).collect();
        return Answer::Moved(format!("/api/customers/{survivor}{tail}"));
    };
    let mut out = Out::default();
    match rest {
        [] => {
            render::deep_customer(&mut out, view, row);
            Answer::Json(out.into_bytes())
        }
        ["custom-fields"] => found(render::values(view, "customers", id)),
        _ => Answer::Missing,
    }
}

/// The settings of the account, all of them or those of one type. They come in one piece.
fn settings(view: View<'_>, query: &Query) -> Result<String, Refusal> {
    if let Some((name, _)) = query.0.iter().find(|(name, _)| name != "type") {
        return Err(refusal(name, "Unknown field."));
    }
    let kind = query.one("type");
    let rows = view.data.small.get("account/settings").into_iter().flatten();
    let rows = rows.filter(|row| kind.is_none_or(|kind| row.kind == kind)).map(|row| row.json.as_str());
    Ok(format!("{{\"data\":[{}]}}", rows.collect::<Vec<_>>().join(",")))
}
