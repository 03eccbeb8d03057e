//! Live changes and what each of them lets a reader see: which times move, which events are written, and which do not.

mod bulk;
mod customers;
mod desk;
mod fields;
mod random;
mod random_desk;
mod small;
mod surveys;
mod tickets;
mod voice;

use crate::account::Account;
use crate::dice::Dice;
use crate::model::{Event, EventData, Tombstone};
use crate::small::FIRST_PERSON;
use crate::time::Micros;

/// One thing that happens to the account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// A ticket with its first message; events.
    CreateTicket {
        /// Whose; a new customer when none.
        customer: Option<i64>,
    },
    /// A ticket that arrives now with times of long ago.
    ImportTicket {
        /// When it is said to have been created.
        created: Micros,
        /// Its messages, all as old.
        messages: usize,
    },
    /// Fields of a ticket; moves `updated_datetime`, event.
    UpdateTicket {
        /// Which.
        ticket: i64,
    },
    /// Closes an open ticket, opens a closed one.
    ToggleTicket {
        /// Which.
        ticket: i64,
    },
    /// A message more; moves the ticket, events.
    AddMessage {
        /// Of which ticket.
        ticket: i64,
        /// Written by an agent.
        from_agent: bool,
    },
    /// Delivery news, also of the past: no event, nothing moves.
    DeliverMessage {
        /// Which.
        message: i64,
        /// New `sent_datetime`.
        sent: Option<Micros>,
        /// New `opened_datetime`.
        opened: Option<Micros>,
        /// New `failed_datetime`.
        failed: Option<Micros>,
    },
    /// Other body and intents: no event, nothing moves.
    EditMessage {
        /// Which.
        message: i64,
    },
    /// Gone, the count drops, the excerpt too: no event, `updated_datetime` stays.
    DeleteMessage {
        /// Which.
        message: i64,
    },
    /// No event.
    CreateSurvey {
        /// Of which ticket.
        ticket: i64,
    },
    /// No event.
    SendSurvey {
        /// Which.
        survey: i64,
    },
    /// No event.
    ScoreSurvey {
        /// Which.
        survey: i64,
        /// 1 to 5.
        score: u8,
    },
    /// Still listed, with `trashed_datetime`; event.
    TrashTicket {
        /// Which.
        ticket: i64,
    },
    /// Back from the trash; event.
    UntrashTicket {
        /// Which.
        ticket: i64,
    },
    /// Gone with its messages, surveys stay; event.
    DeleteTicket {
        /// Which.
        ticket: i64,
    },
    /// The source leaves the list, its messages move; event.
    MergeTickets {
        /// Which goes.
        source: i64,
        /// Which stays.
        target: i64,
    },
    /// A new customer; event.
    CreateCustomer,
    /// Name and the like; moves `updated_datetime`, event.
    UpdateCustomer {
        /// Which.
        customer: i64,
    },
    /// Gone; event without data.
    DeleteCustomer {
        /// Which.
        customer: i64,
    },
    /// The source is gone and its tickets move; event on the survivor.
    MergeCustomers {
        /// Which goes.
        source: i64,
        /// Which stays.
        target: i64,
    },
    /// A new tag; event.
    CreateTag,
    /// Event.
    RenameTag {
        /// Which.
        tag: i64,
    },
    /// Event.
    DeleteTag {
        /// Which.
        tag: i64,
    },
    /// A new user; event.
    CreateUser,
    /// Moves `updated_datetime`; event.
    UpdateUser {
        /// Which.
        user: i64,
    },
    /// Event.
    DeleteUser {
        /// Which.
        user: i64,
    },
    /// The user itself stays as it was; event.
    LogIn {
        /// Who.
        user: i64,
    },
    /// A row more of a small list; event, but for jobs and calls.
    CreateRow {
        /// `teams`, `views`, `rules`, `macros`, `integrations`, `widgets`, `custom-fields`, `jobs`, `account/settings`,
        /// `phone/voice-calls`, or one of the lists that have changes of their own here.
        list: &'static str,
    },
    /// What a row of a small list says, and its date where it has one; a job or a call goes on to what it comes to next; a
    /// recording is transcribed, and moves later. Also `account`, whose id does not matter. Event, as above.
    UpdateRow {
        /// Which list, also `phone/voice-call-recordings`.
        list: &'static str,
        /// Which row.
        id: i64,
    },
    /// Gone; a job is asked to end, a recording stays with the date of its deletion. Event, as above. Neither custom fields
    /// nor calls can be deleted.
    DeleteRow {
        /// Which list.
        list: &'static str,
        /// Which row.
        id: i64,
    },
    /// Deactivates a row, or takes that back; event. A macro is archived instead: no event, and no other date moves.
    RetireRow {
        /// `users`, `views`, `rules`, `macros`, `integrations`, `widgets` or `custom-fields`.
        list: &'static str,
        /// Which row.
        id: i64,
        /// False: takes it back.
        retired: bool,
    },
    /// Counts a use of a macro: no event, nothing moves.
    UseMacro {
        /// Which.
        id: i64,
    },
    /// Values of custom fields as the API sets them: no event, nothing moves.
    SetTicketFields {
        /// Of which ticket.
        ticket: i64,
    },
    /// The same of a customer.
    SetCustomerFields {
        /// Which.
        customer: i64,
    },
}

impl Account {
    /// Lets one thing happen. Answers the id of the row it made or touched; none if it could not happen, because the
    /// row is not there or already so.
    #[expect(clippy::needless_pass_by_value, reason = "a change is used up by happening")]
    pub fn apply(&mut self, change: Change, now: Micros) -> Option<i64> {
        self.context += 1;
        match change {
            Change::CreateTicket { customer } => self.create_ticket(customer, now),
            Change::ImportTicket { created, messages } => self.import_ticket(created, messages, now),
            Change::UpdateTicket { ticket } => self.update_ticket(ticket, now),
            Change::ToggleTicket { ticket } => self.toggle_ticket(ticket, now),
            Change::AddMessage { ticket, from_agent } => self.add_message(ticket, from_agent, now),
            Change::DeliverMessage { message, sent, opened, failed } => {
                self.deliver_message(message, [sent, opened, failed])
            }
            Change::EditMessage { message } => self.edit_message(message),
            Change::DeleteMessage { message } => self.delete_message(message, now),
            Change::CreateSurvey { ticket } => self.create_survey(ticket, now),
            Change::SendSurvey { survey } => self.send_survey(survey, now),
            Change::ScoreSurvey { survey, score } => self.score_survey(survey, score, now),
            Change::TrashTicket { ticket } => self.trash_ticket(ticket, true, now),
            Change::UntrashTicket { ticket } => self.trash_ticket(ticket, false, now),
            Change::DeleteTicket { ticket } => self.delete_ticket(ticket, now),
            Change::MergeTickets { source, target } => self.merge_tickets(source, target, now),
            Change::CreateCustomer => Some(self.create_customer(now)),
            Change::UpdateCustomer { customer } => self.update_customer(customer, now),
            Change::DeleteCustomer { customer } => self.delete_customer(customer, now),
            Change::MergeCustomers { source, target } => self.merge_customers(source, target, now),
            Change::CreateTag => Some(self.create_tag(now)),
            Change::RenameTag { tag } => self.rename_tag(tag, now),
            Change::DeleteTag { tag } => self.delete_small("tags", tag, ("tag-deleted", "Tag"), now),
            Change::CreateUser => Some(self.create_user(now)),
            Change::UpdateUser { user } => self.update_user(user, now),
            Change::DeleteUser { user } => self.delete_small("users", user, ("user-deleted", "User"), now),
            Change::LogIn { user } => self.log_in(user, now),
            Change::CreateRow { list } => self.create_row(list, now),
            Change::UpdateRow { list, id } => self.update_row(list, id, now),
            Change::DeleteRow { list, id } => self.delete_row(list, id, now),
            Change::RetireRow { list, id, retired } => self.retire_row(list, id, retired, now),
            Change::UseMacro { id } => self.use_macro(id),
            Change::SetTicketFields { ticket } => self.set_ticket_fields(ticket),
            Change::SetCustomerFields { customer } => self.set_customer_fields(customer),
        }
    }

    /// Whether the write under way is a deletion or a merge that no event tells of.
    fn is_missed(&self, kind: &str) -> bool {
        let part = self.options.events_missed;
        let dice = |of: u64| Dice::of([self.options.seed, self.context, of, of]).below(1 << 20);
        part > 0.0
            && (kind.ends_with("-deleted") || kind.ends_with("-merged"))
            && dice(7) < (part * f64::from(1 << 20)) as usize
    }

    /// The event of a deletion that nothing else shows yet.
    pub fn announce_deletion(&mut self, kind: &'static str, object: i64, now: Micros) {
        self.event((kind, ""), object, EventData::None, now);
    }

    /// Appends an event of the write under way.
    fn event(
        &mut self,
        (kind, object_type): (&'static str, &'static str),
        object: i64,
        data: EventData,
        now: Micros,
    ) {
        if self.is_missed(kind) {
            return;
        }
        // The feed is ordered; a caller whose clock steps back does not undo that.
        let created = self.data.events.last().map_or(now, |last| last.created.max(now));
        self.data.last.event += 1 + i64::try_from(self.context % 7).unwrap_or(0);
        self.data.events.push(Event {
            id: self.data.last.event,
            context: self.context,
            created,
            object,
            kind,
            object_type,
            user: if self.context.is_multiple_of(2) { FIRST_PERSON + 2 } else { 0 },
            data,
        });
    }

    fn bury(&mut self, table: &'static str, id: i64, survivor: Option<i64>, at: Micros) {
        self.data.gone.push(Tombstone { table, id, survivor, at });
    }
}
