//! The event feed of the account's past: twelve months of it, as the API keeps.

use fastrand::Rng;

use crate::model::{Data, Event, EventData};
use crate::options::Options;
use crate::small::FIRST_PERSON;
use crate::time::{DAY, Micros, SECOND};

/// An event to be, before ids are given out in order of time.
struct Draft {
    at: Micros,
    object: i64,
    kind: &'static str,
    object_type: &'static str,
    user: i64,
    data: EventData,
    /// Writes that belong together share it.
    context: u64,
}

/// Fills `data.events`.
pub(crate) fn build(data: &mut Data, options: &Options, rng: &mut Rng) {
    if options.events == 0 {
        return;
    }
    let horizon = options.end - 365 * DAY;
    let mut drafts = Vec::new();
    let mut context = 1;
    for customer in data.customers.values().filter(|customer| customer.created >= horizon) {
        context += 1;
        drafts.push(draft(customer.created, customer.id, ("customer-created", "Customer"), context));
    }
    for message in data.messages.values() {
        let Some(ticket) = data.tickets.get(&message.ticket) else { continue };
        let first = ticket.messages.first() == Some(&message.id);
        // Imports write their events when they arrive, not when their rows say they were created.
        let at = if ticket.imported { ticket.updated - SECOND } else { message.created };
        if at < horizon {
            continue;
        }
        context += 1;
        if first {
            drafts.push(draft(at, ticket.id, ("ticket-created", "Ticket"), context));
        }
        drafts.push(draft(at, message.id, ("ticket-message-created", "TicketMessage"), context));
        drafts.push(draft(at, ticket.id, ("ticket-updated", "Ticket"), context));
        if rng.u8(0..6) == 0 {
            drafts.push(extra(rng, at + SECOND, ticket.id, context));
        }
    }
    for ticket in data.tickets.values() {
        let Some(closed) = ticket.closed.get() else { continue };
        // Elsewhere a bulk action may have moved the ticket once more.
        let at = if options.lifelike { closed } else { ticket.updated };
        if at >= horizon {
            context += 1;
            drafts.push(draft(at, ticket.id, ("ticket-closed", "Ticket"), context));
        }
    }
    drafts.retain(|draft| draft.at <= options.end);
    drafts.sort_by_key(|draft| draft.at);
    let skip = drafts.len().saturating_sub(options.events);
    data.events.reserve_exact(drafts.len() - skip);
    for draft in drafts.drain(skip..) {
        data.last.event += rng.i64(1..12);
        data.events.push(Event {
            id: data.last.event,
            context: options.seed.wrapping_mul(1_000_003).wrapping_add(draft.context),
            created: draft.at,
            object: draft.object,
            kind: draft.kind,
            object_type: draft.object_type,
            user: draft.user,
            data: draft.data,
        });
    }
}

fn draft(at: Micros, object: i64, (kind, object_type): (&'static str, &'static str), context: u64) -> Draft {
    let user = if context.is_multiple_of(2) { FIRST_PERSON + 2 } else { 0 };
    Draft { at, object, kind, object_type, user, data: EventData::None, context }
}

fn extra(rng: &mut Rng, at: Micros, ticket: i64, context: u64) -> Draft {
    let (kind, data) = match rng.u8(0..4) {
        0 => ("ticket-tags-added", EventData::TagAdded(1_812_970 + rng.i64(0..20))),
        1 => ("ticket-subject-updated", EventData::Subject),
        2 => ("ticket-assigned", EventData::Assignee(FIRST_PERSON + rng.i64(2..9))),
        _ => {
            let mut login = draft(at, FIRST_PERSON + 2, ("user-logged-in", "User"), context + (1 << 40));
            login.data = EventData::Login;
            return login;
        }
    };
    Draft { data, ..draft(at, ticket, (kind, "Ticket"), context + (1 << 40)) }
}
