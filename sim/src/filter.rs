//! Which rows a list's parameters leave.

use crate::cursor::Key;
use crate::desk::{CUSTOMERS, OPEN};
use crate::list::{Rows, small_key};
use crate::model::{Event, Ticket};
use crate::query::{Query, Refusal, refusal};
use crate::render::View;
use crate::small::Small;
use crate::specs::{Sort, Spec};
use crate::time::{self, Maybe, Micros};

/// The kind of sort value an order has; cursors are read with it.
pub(crate) fn like(sort: Sort) -> Key {
    match sort {
        Sort::Created | Sort::Updated => Key::Time(0),
        Sort::Weight => Key::Int(0),
        Sort::Name | Sort::Extra | Sort::Kind | Sort::WeightName => Key::Text(String::new()),
    }
}

pub(crate) fn rows<'a>(view: View<'a>, spec: &Spec, query: &Query, sort: Sort) -> Result<Rows<'a>, Refusal> {
    match spec.table {
        "tickets" => tickets(view, query, sort),
        "customers" => customers(view, query, sort),
        "messages" => messages(view, query),
        "satisfaction-surveys" => surveys(view, query),
        "events" => events(view, query),
        table => small(view, table, query, sort),
    }
}

fn sorted<'a>(mut rows: Vec<(Key, i64)>) -> Rows<'a> {
    rows.sort_unstable();
    Rows::Some(rows)
}

fn tickets<'a>(view: View<'a>, query: &Query, sort: Sort) -> Result<Rows<'a>, Refusal> {
    let (customer, rule, shown) = (query.int("customer_id")?, query.int("rule_id")?, query.int("view_id")?);
    let (external, trashed) = (query.one("external_id"), query.bool("trashed")?.unwrap_or(true));
    let ids = query.ints("ticket_ids")?;
    if ids.len() > 100 {
        return Err(refusal("ticket_ids", "Length must be between 1 and 100."));
    }
    if customer.or(rule).or(shown).is_none() && external.is_none() && trashed && ids.is_empty() {
        return Ok(Rows::Index(if sort == Sort::Updated {
            &view.data.tickets_updated
        } else {
            &view.data.tickets_created
        }));
    }
    let shows = shown.map(|id| crate::list::small(view, "views", id).map(|row| row.kind.as_str()));
    let keep = |row: &&Ticket| {
        customer.is_none_or(|id| row.customer == id)
            && (trashed || row.trashed == Maybe::NONE)
            && shows.is_none_or(|shows| in_view(row, shows))
            // No rule of ours marks tickets.
            && rule.is_none()
            && external.is_none_or(|text| row.imported && text == format!("import-{}", row.id))
    };
    let key =
        |row: &Ticket| (Key::Time(if sort == Sort::Updated { row.updated } else { row.created }), row.id);
    if ids.is_empty() {
        return Ok(sorted(view.data.tickets.values().filter(keep).map(key).collect()));
    }
    let mut found: Vec<_> =
        ids.iter().filter_map(|id| view.data.tickets.get(id)).filter(keep).map(key).collect();
    found.sort_unstable();
    found.dedup();
    Ok(Rows::Some(found))
}

/// Whether a view shows a ticket; `shows` is none of a view that there is not.
pub(crate) fn in_view(row: &Ticket, shows: Option<&str>) -> bool {
    let of_tickets = shows.is_some_and(|shows| shows != CUSTOMERS);
    of_tickets && row.trashed == Maybe::NONE && (shows != Some(OPEN) || row.closed == Maybe::NONE)
}

fn customers<'a>(view: View<'a>, query: &Query, sort: Sort) -> Result<Rows<'a>, Refusal> {
    let data = view.data;
    if query.one("language").or(query.one("timezone")).is_some()
        && ["cursor", "limit", "order_by"].iter().any(|p| query.one(p).is_some())
    {
        return Err(refusal("language", "Cannot be combined with pagination."));
    }
    let filters: Vec<(&str, &str)> = query
        .0
        .iter()
        .filter(|(name, _)| !matches!(name.as_str(), "cursor" | "limit" | "order_by" | "view_id"))
        .map(|(name, value)| {
            (if name == "channel_address" { "email" } else { name.as_str() }, value.as_str())
        })
        .collect();
    if filters.is_empty() {
        return Ok(Rows::Index(if sort == Sort::Updated {
            &data.customers_updated
        } else {
            &data.customers_created
        }));
    }
    let keep = |id: i64| {
        let mut out = crate::json::Out::default();
        crate::list::row(&mut out, view, "customers", id);
        let Ok(row) = serde_json::from_str::<serde_json::Value>(&out.into_string()) else { return false };
        filters.iter().all(|(name, value)| *name == "channel_type" || row[*name].as_str() == Some(value))
    };
    let rows = data.customers.values().filter(|row| keep(row.id));
    Ok(sorted(
        rows.map(|row| (Key::Time(if sort == Sort::Updated { row.updated } else { row.created }), row.id))
            .collect(),
    ))
}

fn messages<'a>(view: View<'a>, query: &Query) -> Result<Rows<'a>, Refusal> {
    let Some(ticket) = query.int("ticket_id")? else { return Ok(Rows::Index(&view.data.messages_created)) };
    let ids = view.data.tickets.get(&ticket).map_or(&[] as &[i64], |row| &row.messages);
    let rows = ids.iter().filter_map(|id| view.data.messages.get(id));
    Ok(sorted(rows.map(|row| (Key::Time(row.created), row.id)).collect()))
}

fn surveys<'a>(view: View<'a>, query: &Query) -> Result<Rows<'a>, Refusal> {
    let Some(ticket) = query.int("ticket_id")? else { return Ok(Rows::Index(&view.data.surveys_created)) };
    let rows = view.data.surveys.values().filter(|row| row.ticket == ticket);
    Ok(sorted(rows.map(|row| (Key::Time(row.created), row.id)).collect()))
}

const OBJECT_TYPES: &[&str] = &[
    "Account",
    "Macro",
    "Tag",
    "Customer",
    "Team",
    "View",
    "Widget",
    "User",
    "TicketMessage",
    "Ticket",
    "Rule",
    "Integration",
    "SatisfactionSurvey",
];

fn events<'a>(view: View<'a>, query: &Query) -> Result<Rows<'a>, Refusal> {
    let bound = |name: &str| -> Result<Option<Micros>, Refusal> {
        let Some(text) = query.one(name) else { return Ok(None) };
        time::parse(text).map(Some).ok_or_else(|| refusal(name, "Not a valid datetime."))
    };
    let (gt, gte) = (bound("created_datetime[gt]")?, bound("created_datetime[gte]")?);
    let (lt, lte) = (bound("created_datetime[lt]")?, bound("created_datetime[lte]")?);
    let (object_type, object) = (query.one("object_type"), query.int("object_id")?);
    if object_type.is_some_and(|text| !OBJECT_TYPES.contains(&text)) {
        return Err(refusal("object_type", "Not a valid choice."));
    }
    if object_type.is_some() && object.is_none() {
        return Err(refusal("object_id", "Missing data for required field."));
    }
    let users = query.ints("user_ids")?;
    if users.len() > 1 {
        return Err(refusal("user_ids", "Longer than maximum length 1."));
    }
    let types = query.all("types");
    let rows = &view.data.events;
    let none = users.is_empty() && types.is_empty() && object.is_none();
    if none && gt.or(gte).or(lt).or(lte).is_none() {
        return Ok(Rows::Events);
    }
    let start = gte.map_or(0, |at| rows.partition_point(|row| row.created < at));
    let start = start.max(gt.map_or(0, |at| rows.partition_point(|row| row.created <= at)));
    let end = lt.map_or(rows.len(), |at| rows.partition_point(|row| row.created < at));
    let end = end.min(lte.map_or(rows.len(), |at| rows.partition_point(|row| row.created <= at)));
    let keep = |row: &&Event| {
        object.is_none_or(|id| row.object == id)
            && object_type.is_none_or(|text| row.object_type == text)
            && users.iter().all(|id| row.user == *id)
            && (types.is_empty() || types.contains(&row.kind))
    };
    // Already in order.
    let found = rows.get(start..end).unwrap_or_default().iter().filter(keep);
    Ok(Rows::Some(found.map(|row| (Key::Time(row.created), row.id)).collect()))
}

fn small<'a>(view: View<'a>, table: &str, query: &Query, sort: Sort) -> Result<Rows<'a>, Refusal> {
    let object = query.one("object_type");
    if table == "custom-fields" {
        match object {
            None => return Err(refusal("object_type", "Missing data for required field.")),
            Some("Ticket" | "Customer") => {}
            Some(_) => return Err(refusal("object_type", "Not a valid choice.")),
        }
    }
    if table == "integrations" && query.one("type").is_some_and(|text| text != "http") {
        return Err(refusal("type", "Not a valid choice."));
    }
    let archived = query.bool("archived")?;
    // Calls weigh what their ticket is, recordings and events what their call is.
    let of_call = query.int("call_id")?;
    let of = of_call.or(query.int("ticket_id")?.filter(|_| table == "phone/voice-calls"));
    let (tags, languages) = (query.all("tags"), query.all("languages"));
    let roles = query.all("roles");
    let search = query.one("search").map(str::to_lowercase);
    let keep = |row: &&Small| {
        object.is_none_or(|text| row.kind == text)
            && (table != "macros" || row.archived == archived.unwrap_or(false))
            && (table != "custom-fields" || archived.is_none_or(|wanted| row.archived == wanted))
            && of.is_none_or(|id| row.weight == id)
            && (tags.is_empty() || tags.contains(&row.kind.as_str()))
            && (languages.is_empty() || languages.contains(&row.extra.as_str()))
            && (roles.is_empty() || roles.contains(&row.kind.as_str()))
            && search.as_ref().is_none_or(|text| row.name.to_lowercase().contains(text.as_str()))
            && query.one("email").is_none_or(|text| row.extra == text)
            && query.one("status").is_none_or(|text| row.kind == text)
            && query.one("type").is_none_or(|text| text == if table == "jobs" { &row.extra } else { &row.kind })
            && query.one("integration_id").is_none_or(|text| row.extra == text)
            // No widget of ours is one of an application.
            && query.one("app_id").is_none()
    };
    let rows = view.data.small.get(table).map_or(&[] as &[Small], Vec::as_slice);
    Ok(sorted(rows.iter().filter(keep).map(|row| (small_key(row, sort), row.id)).collect()))
}
