//! Tickets as the list and the view items show them.

use super::{Of, Person, View, fields};
use crate::dice::Dice;
use crate::json::Out;
use crate::model::Ticket;
use crate::text::{CHANNELS, SENTENCES, SUBJECTS};
use crate::time::{DAY, Maybe, SECOND};

/// The parts of a ticket that follow from its id and revision, rolled in one fixed order.
pub(crate) struct Face {
    pub(crate) subject: Option<usize>,
    pub(crate) language: &'static str,
    pub(crate) priority: &'static str,
    pub(crate) via: &'static str,
    pub(crate) assignee: Option<usize>,
    pub(crate) team: Option<usize>,
    pub(crate) tags: [Option<usize>; 4],
    pub(crate) meta: usize,
    pub(crate) field: usize,
    pub(crate) excerpt: usize,
    pub(crate) unread: bool,
    pub(crate) opened: bool,
    pub(crate) snoozed: bool,
    pub(crate) ascii: bool,
    pub(crate) summary: bool,
    pub(crate) integration: usize,
    pub(crate) rest: Dice,
}

impl Face {
    pub(crate) fn of(view: View<'_>, row: &Ticket) -> Face {
        let mut fixed = view.dice(Of::Ticket, row.id, 0);
        let mut dice = view.dice(Of::Ticket, row.id, row.rev.saturating_add(1));
        let any = |dice: &mut Dice| dice.below(crate::text::TAGS.len());
        let tag = |dice: &mut Dice| match view.options.lifelike {
            false => (dice.below(2) == 0).then(|| any(dice)),
            // Few tags a ticket, and some of them far more often than others.
            true => (dice.below(3) == 0).then(|| any(dice).min(any(dice))),
        };
        Face {
            subject: (fixed.below(12) > 0)
                .then(|| (fixed.below(SUBJECTS.len()) + usize::from(row.rev) / 7) % SUBJECTS.len()),
            language: fixed.text(&["null", "\"en\"", "\"en\"", "\"fr\"", "\"de\"", "\"ja\"", "\"he\""]),
            via: fixed.text(&["email", "email", "api", "helpdesk", "gorgias_chat", "form"]),
            ascii: fixed.below(10) == 0,
            integration: fixed.below(4),
            meta: fixed.below(8),
            priority: dice.text(&["normal", "normal", "normal", "low", "high", "critical"]),
            assignee: match (dice.below(3) > 0).then(|| 2 + dice.below(8)) {
                any if !view.options.lifelike => any,
                _ => row.handler.map(usize::from),
            },
            team: (dice.below(3) == 0).then(|| dice.below(3)),
            tags: std::array::from_fn(|_| tag(&mut dice)),
            field: dice.below(6),
            excerpt: dice.below(12),
            unread: dice.below(3) == 0,
            opened: dice.below(3) > 0,
            snoozed: dice.below(20) == 0,
            summary: dice.below(5) == 0,
            rest: dice,
        }
    }
}

pub(crate) fn ticket(out: &mut Out, view: View<'_>, row: &Ticket) {
    let face = Face::of(view, row);
    out.ascii = face.ascii;
    head(out, view, row, &face);
    subject(out, &face);
    out.raw(",\"summary\":");
    summary(out, row, &face);
    middle(out, view, row, &face);
    out.raw(",\"custom_fields\":");
    fields::of_ticket(out, view, row, face.field);
    out.raw("}");
}

/// A ticket among the items of a view: the list form without `summary` and `custom_fields`.
pub(crate) fn ticket_item(out: &mut Out, view: View<'_>, row: &Ticket) {
    let face = Face::of(view, row);
    out.ascii = face.ascii;
    head(out, view, row, &face);
    subject(out, &face);
    middle(out, view, row, &face);
    out.raw("}");
}

fn head(out: &mut Out, view: View<'_>, row: &Ticket, face: &Face) {
    out.raw("{\"id\":").int(row.id).raw(",\"uri\":\"/api/tickets/").int(row.id).raw("/\",\"external_id\":");
    external_id(out, row);
    out.raw(",\"language\":").raw(face.language).raw(",\"status\":").raw(status(row));
    out.raw(",\"priority\":\"")
        .raw(face.priority)
        .raw("\",\"channel\":\"")
        .raw(CHANNELS[usize::from(row.channel)]);
    out.raw("\",\"via\":\"")
        .raw(face.via)
        .raw("\",\"from_agent\":")
        .bool(row.from_agent)
        .raw(",\"customer\":");
    Person::of(view, row.customer, view.shown_rev(row.customer, row.customer_rev)).embedded(out);
    out.raw(",\"assignee_user\":");
    user(out, view, face.assignee);
    out.raw(",\"assignee_team\":");
    team(out, face.team);
}

pub(crate) fn external_id(out: &mut Out, row: &Ticket) {
    match row.imported {
        true => out.raw("\"import-").int(row.id).raw("\""),
        false => out.raw("null"),
    };
}

pub(crate) fn status(row: &Ticket) -> &'static str {
    if row.closed == Maybe::NONE { "\"open\"" } else { "\"closed\"" }
}

pub(crate) fn subject(out: &mut Out, face: &Face) {
    out.raw(",\"subject\":");
    match face.subject {
        Some(n) => out.raw("\"").word(&SUBJECTS[n]).raw("\""),
        None => out.raw("null"),
    };
}

/// An assignee: one of the agents, by position.
pub(crate) fn user(out: &mut Out, view: View<'_>, who: Option<usize>) {
    let Some(user) = who.and_then(|n| view.data.small.get("users")?.get(n)) else {
        out.raw("null");
        return;
    };
    out.raw(&user.embedded);
}

pub(crate) fn team(out: &mut Out, which: Option<usize>) {
    match which {
        Some(0) => out.raw("{\"id\":2101,\"name\":\"First line\",\"decoration\":{\"emoji\":\"📞\"}}"),
        Some(1) => out.raw("{\"id\":2102,\"name\":\"Returns\",\"decoration\":null}"),
        Some(_) => out.raw("{\"id\":2103,\"name\":\"Équipe FR\",\"decoration\":{\"emoji\":{\"id\":\"flag-fr\",\"native\":\"🇫🇷\"}}}"),
        None => out.raw("null"),
    };
}

pub(crate) fn summary(out: &mut Out, row: &Ticket, face: &Face) {
    if !face.summary {
        out.raw("null");
        return;
    }
    let mut dice = face.rest;
    out.raw("{\"content\":\"");
    for _ in 0..5 {
        out.word(dice.pick(&SENTENCES));
    }
    out.raw("\",\"created_datetime\":").time(row.created + 60 * SECOND).raw(",\"triggered_by\":null}");
}

/// The keys from `excerpt` to `trashed_datetime`.
fn middle(out: &mut Out, view: View<'_>, row: &Ticket, face: &Face) {
    out.raw(",\"excerpt\":");
    excerpt(out, row, face);
    out.raw(",\"integrations\":");
    match face.integration {
        0 => out.raw("[]"),
        1 => out.raw("[{\"name\":\"Support\",\"address\":\"support@acme.example\",\"type\":\"gmail\"}]"),
        _ => out.raw("[{\"name\":\"Acme Help\",\"address\":\"k3x9@inbox.example\",\"type\":\"email\"},{\"name\":\"Acme Shop\",\"address\":\"acme.shop.example\",\"type\":\"shopify\"}]"),
    };
    out.raw(",\"meta\":");
    meta(out, row, face);
    out.raw(",\"tags\":");
    tags(out, view, face);
    let count = i64::try_from(row.messages.len()).unwrap_or(i64::MAX) + i64::from(row.lie);
    out.raw(",\"messages_count\":").int(count.max(0));
    out.raw(",\"is_unread\":").bool(face.unread).raw(",\"spam\":").bool(row.spam);
    out.raw(",\"created_datetime\":").time(row.created).raw(",\"opened_datetime\":").maybe(opened(row, face));
    out.raw(",\"last_received_message_datetime\":").maybe(row.last_received);
    out.raw(",\"last_message_datetime\":").maybe(row.last_message);
    out.raw(",\"last_sent_message_not_delivered\":").bool(face.excerpt == 3);
    out.raw(",\"updated_datetime\":").time(row.updated).raw(",\"closed_datetime\":").maybe(row.closed);
    out.raw(",\"snooze_datetime\":")
        .maybe(snooze(row, face))
        .raw(",\"trashed_datetime\":")
        .maybe(row.trashed);
}

fn excerpt(out: &mut Out, row: &Ticket, face: &Face) {
    if row.no_excerpt || row.messages.is_empty() {
        out.raw("null");
    } else if face.excerpt == 0 {
        out.raw("\"\"");
    } else {
        let mut dice = face.rest;
        out.raw("\"").word(dice.pick(&SENTENCES)).word(dice.pick(&SENTENCES)).raw("\"");
    }
}

/// Null, empty, an object with ids beyond 2^53, even a list: the API promises no shape.
pub(crate) fn meta(out: &mut Out, row: &Ticket, face: &Face) {
    match face.meta {
        0 | 1 => out.raw("{}"),
        2 => out
            .raw("{\"instagram\":{\"media_id\":179")
            .int(10_000_000_000_000 + row.id)
            .raw(",\"thread_id\":178414053094")
            .int(100_000 + row.id % 900_000)
            .raw("}}"),
        3 => out.raw("{\"facebook\":{\"page_id\":\"104\",\"psid\":9007199254740993},\"score\":0.1}"),
        4 => out.raw("[{\"origin\":\"legacy\"},17841405309412345]"),
        _ => out.raw("null"),
    };
}

/// A tag stands on a ticket once.
fn tag_numbers(face: &Face) -> impl Iterator<Item = usize> {
    let mut seen = 0u64;
    face.tags.iter().flatten().copied().filter(move |tag| {
        let before = seen;
        seen |= 1 << tag;
        seen != before
    })
}

/// Ids of the tags that a ticket has.
pub(crate) fn tag_ids(face: &Face) -> Vec<i64> {
    tag_numbers(face).map(crate::small::tag_id).collect()
}

pub(crate) fn tags(out: &mut Out, view: View<'_>, face: &Face) {
    out.raw("[");
    let mut first = true;
    for tag in tag_numbers(face) {
        let Some(text) = crate::small::tag_embedded(view, tag) else { continue };
        if !first {
            out.raw(",");
        }
        first = false;
        out.raw(&text);
    }
    out.raw("]");
}

pub(crate) fn opened(row: &Ticket, face: &Face) -> Maybe {
    if face.opened { Maybe::some(row.created) } else { Maybe::NONE }
}

/// Snoozes lie ahead of the last update, often ahead of now.
pub(crate) fn snooze(row: &Ticket, face: &Face) -> Maybe {
    if face.snoozed {
        Maybe::some(row.updated - row.updated.rem_euclid(SECOND) + 30 * DAY)
    } else {
        Maybe::NONE
    }
}
