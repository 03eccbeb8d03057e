//! Tickets and their messages.

use crate::account::Account;
use crate::model::{Author, EventData, Message, Ticket};
use crate::text::CHANNELS;
use crate::time::{Maybe, Micros};

const CREATED: (&str, &str) = ("ticket-created", "Ticket");
const UPDATED: (&str, &str) = ("ticket-updated", "Ticket");
const MESSAGE: (&str, &str) = ("ticket-message-created", "TicketMessage");

impl Account {
    fn new_ticket(
        &mut self,
        customer: Option<i64>,
        created: Micros,
        imported: bool,
        now: Micros,
    ) -> Option<i64> {
        let customer = match customer {
            Some(id) => self.data.customers.contains_key(&id).then_some(id)?,
            None => self.create_customer(now),
        };
        self.data.last.ticket += 1 + i64::try_from(self.context % 5).unwrap_or(0);
        let id = self.data.last.ticket;
        self.data.put_ticket(Ticket {
            updated: now,
            customer_rev: self.data.customer_rev(customer),
            channel: u8::try_from(id.unsigned_abs() % CHANNELS.len() as u64).unwrap_or(0),
            spam: id % 40 == 0,
            imported,
            ..Ticket::new(id, customer, created)
        });
        self.event(CREATED, id, EventData::None, now);
        Some(id)
    }

    pub(super) fn create_ticket(&mut self, customer: Option<i64>, now: Micros) -> Option<i64> {
        let id = self.new_ticket(customer, now, false, now)?;
        self.new_message(id, false, now, now)?;
        self.event(UPDATED, id, EventData::None, now);
        Some(id)
    }

    pub(super) fn import_ticket(&mut self, created: Micros, messages: usize, now: Micros) -> Option<i64> {
        let created = created.min(now);
        let id = self.new_ticket(None, created, true, now)?;
        for n in 0..messages {
            let at = (created + i64::try_from(n).unwrap_or(0) * 3_600_000_000).min(now);
            self.new_message(id, n % 2 == 1, at, now)?;
        }
        self.event(UPDATED, id, EventData::None, now);
        Some(id)
    }

    /// Adds a message created at `at`, as the account learns of it at `now`.
    fn new_message(&mut self, ticket: i64, from_agent: bool, at: Micros, now: Micros) -> Option<i64> {
        let mut row = self.data.take_ticket(ticket)?;
        self.data.last.message += 1 + i64::try_from(self.context % 11).unwrap_or(0);
        let id = self.data.last.message;
        let public = row.messages.is_empty() || id % 8 > 0;
        // Agents' messages are sent a little later; `DeliverMessage` tells of it.
        let sent = if public && !from_agent { Maybe::some(at) } else { Maybe::NONE };
        let message = Message {
            id,
            thread: ticket,
            place: u16::try_from(row.messages.len()).unwrap_or(u16::MAX),
            ticket,
            customer: row.customer,
            created: at,
            sent,
            opened: Maybe::NONE,
            failed: Maybe::NONE,
            customer_rev: self.data.customer_rev(row.customer),
            rev: 0,
            channel: row.channel,
            from_agent,
            public,
            imported: row.imported,
            author: if self.options.lifelike && from_agent { Some(Author::agent(id)) } else { None },
        };
        row.messages.push(id);
        row.updated = now;
        row.no_excerpt = false;
        row.hear(at, from_agent, public);
        self.data.put_ticket(row);
        self.data.put_message(message);
        self.event(MESSAGE, id, EventData::None, now);
        Some(id)
    }

    pub(super) fn add_message(&mut self, ticket: i64, from_agent: bool, now: Micros) -> Option<i64> {
        let id = self.new_message(ticket, from_agent, now, now)?;
        self.event(UPDATED, ticket, EventData::None, now);
        Some(id)
    }

    pub(super) fn update_ticket(&mut self, ticket: i64, now: Micros) -> Option<i64> {
        let mut row = self.data.take_ticket(ticket)?;
        row.rev = row.rev.wrapping_add(1);
        row.updated = now;
        self.data.put_ticket(row);
        self.event(UPDATED, ticket, EventData::None, now);
        Some(ticket)
    }

    pub(super) fn toggle_ticket(&mut self, ticket: i64, now: Micros) -> Option<i64> {
        let mut row = self.data.take_ticket(ticket)?;
        let closes = row.closed == Maybe::NONE;
        row.closed = if closes { Maybe::some(now) } else { Maybe::NONE };
        row.updated = now;
        self.data.put_ticket(row);
        self.event(
            (if closes { "ticket-closed" } else { "ticket-reopened" }, "Ticket"),
            ticket,
            EventData::None,
            now,
        );
        Some(ticket)
    }

    pub(super) fn trash_ticket(&mut self, ticket: i64, trash: bool, now: Micros) -> Option<i64> {
        let is = self.data.tickets.get(&ticket)?.trashed != Maybe::NONE;
        if is == trash {
            return None;
        }
        let mut row = self.data.take_ticket(ticket)?;
        row.trashed = if trash { Maybe::some(now) } else { Maybe::NONE };
        row.updated = now;
        self.data.put_ticket(row);
        self.event(
            (if trash { "ticket-trashed" } else { "ticket-untrashed" }, "Ticket"),
            ticket,
            EventData::None,
            now,
        );
        Some(ticket)
    }

    pub(super) fn delete_ticket(&mut self, ticket: i64, now: Micros) -> Option<i64> {
        let row = self.data.take_ticket(ticket)?;
        for message in row.messages {
            self.data.take_message(message);
            self.bury("messages", message, None, now);
        }
        self.bury("tickets", ticket, None, now);
        self.event(("ticket-deleted", "Ticket"), ticket, EventData::None, now);
        Some(ticket)
    }

    pub(super) fn merge_tickets(&mut self, source: i64, target: i64, now: Micros) -> Option<i64> {
        if source == target || !self.data.tickets.contains_key(&target) {
            return None;
        }
        let gone = self.data.take_ticket(source)?;
        let mut row = self.data.take_ticket(target)?;
        for id in &gone.messages {
            if let Some(message) = self.data.messages.get_mut(id) {
                message.ticket = target;
            }
        }
        row.messages.extend(gone.messages);
        row.messages.sort_unstable();
        row.last_message = row.last_message.get().max(gone.last_message.get()).into();
        row.last_received = row.last_received.get().max(gone.last_received.get()).into();
        row.updated = now;
        self.data.put_ticket(row);
        self.bury("tickets", source, Some(target), now);
        let names = self.options.merge_event_names_target;
        let data = if names { EventData::TargetTicket(target) } else { EventData::None };
        self.event(("ticket-merged", "Ticket"), source, data, now);
        self.event(UPDATED, target, EventData::None, now);
        Some(target)
    }

    pub(super) fn deliver_message(&mut self, message: i64, news: [Option<Micros>; 3]) -> Option<i64> {
        let row = self.data.messages.get_mut(&message)?;
        for (slot, at) in [&mut row.sent, &mut row.opened, &mut row.failed].into_iter().zip(news) {
            if let Some(at) = at {
                *slot = Maybe::some(at);
            }
        }
        Some(message)
    }

    pub(super) fn edit_message(&mut self, message: i64) -> Option<i64> {
        let row = self.data.messages.get_mut(&message)?;
        row.rev = row.rev.wrapping_add(1);
        Some(message)
    }

    pub(super) fn delete_message(&mut self, message: i64, now: Micros) -> Option<i64> {
        let row = self.data.take_message(message)?;
        if let Some(ticket) = self.data.tickets.get_mut(&row.ticket) {
            ticket.messages.retain(|id| *id != message);
            ticket.no_excerpt = true;
        }
        self.bury("messages", message, None, now);
        Some(message)
    }
}
