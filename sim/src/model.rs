//! The account's rows, compact, with the indexes its lists are read from.
//!
//! A row keeps only what changes and what orders it; everything else follows from its id and revision when rendered.

use std::collections::{BTreeMap, BTreeSet};

use crate::desk::voice::{Call, Recording};
use crate::small::Small;
use crate::time::{Maybe, Micros};
use crate::unreadable::Unreadable;

/// Order of a list: sort value, then id.
pub(crate) type Index = BTreeSet<(Micros, i64)>;

#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    pub(crate) id: i64,
    pub(crate) customer: i64,
    pub(crate) created: Micros,
    pub(crate) updated: Micros,
    pub(crate) closed: Maybe,
    pub(crate) trashed: Maybe,
    pub(crate) last_message: Maybe,
    pub(crate) last_received: Maybe,
    /// In the order of their arrival.
    pub(crate) messages: Vec<i64>,
    pub(crate) customer_rev: u16,
    pub(crate) rev: u16,
    pub(crate) channel: u8,
    /// Added to the true number of messages.
    pub(crate) lie: i8,
    pub(crate) from_agent: bool,
    pub(crate) spam: bool,
    pub(crate) imported: bool,
    /// The excerpt went with its message.
    pub(crate) no_excerpt: bool,
    /// How often values of custom fields were set by themselves.
    pub(crate) fields: u16,
    /// Who looks after it, by the place in the list of users; where that is not known, the row's dice say.
    pub(crate) handler: Option<u8>,
}

impl Ticket {
    /// An open one of which nothing else is known yet.
    pub(crate) fn new(id: i64, customer: i64, created: Micros) -> Ticket {
        Ticket {
            id,
            customer,
            created,
            updated: created,
            closed: Maybe::NONE,
            trashed: Maybe::NONE,
            last_message: Maybe::NONE,
            last_received: Maybe::NONE,
            messages: Vec::new(),
            customer_rev: 0,
            rev: 0,
            channel: 0,
            lie: 0,
            from_agent: false,
            spam: false,
            imported: false,
            no_excerpt: false,
            fields: 0,
            handler: None,
        }
    }

    /// A message came to it. Internal notes are not part of the conversation.
    pub(crate) fn hear(&mut self, created: Micros, from_agent: bool, public: bool) {
        if public {
            self.last_message = Maybe::some(created);
            if !from_agent {
                self.last_received = Maybe::some(created);
            }
        }
    }
}

/// Who writes for the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Author {
    /// An agent, by the place in the list of users.
    Agent {
        place: u8,
        /// From a mail program, past the help desk.
        outside: bool,
    },
    /// A rule of the account.
    Rule,
    /// A user that is a program.
    Bot,
}

impl Author {
    /// One of the agents, at the help desk.
    pub(crate) fn agent(id: i64) -> Author {
        Author::Agent { place: u8::try_from(2 + id % 6).unwrap_or(2), outside: false }
    }

    /// How the message came.
    pub(crate) fn via(self) -> &'static str {
        match self {
            Author::Agent { outside: true, .. } => "email",
            Author::Agent { outside: false, .. } => "helpdesk",
            Author::Rule => "rule",
            Author::Bot => "api",
        }
    }

    /// Whose name it bears, as the place in the list of users.
    pub(crate) fn place(self) -> usize {
        match self {
            Author::Agent { place, .. } => usize::from(place),
            // Rules write in the name of the help desk's own bot.
            Author::Rule => 0,
            Author::Bot => 1,
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) id: i64,
    /// The ticket it was written in: a merge moves messages, and leaves what they say.
    pub(crate) thread: i64,
    /// How many messages there were before it.
    pub(crate) place: u16,
    pub(crate) ticket: i64,
    pub(crate) customer: i64,
    pub(crate) created: Micros,
    pub(crate) sent: Maybe,
    pub(crate) opened: Maybe,
    pub(crate) failed: Maybe,
    pub(crate) customer_rev: u16,
    /// Revision of body and intents.
    pub(crate) rev: u16,
    pub(crate) channel: u8,
    pub(crate) from_agent: bool,
    pub(crate) public: bool,
    pub(crate) imported: bool,
    /// Who of the desk wrote it; where that is not known, the row's dice say.
    pub(crate) author: Option<Author>,
}

#[derive(Debug, Clone)]
pub(crate) struct Customer {
    pub(crate) id: i64,
    pub(crate) created: Micros,
    pub(crate) updated: Micros,
    pub(crate) rev: u16,
    /// How often values of custom fields were set by themselves.
    pub(crate) fields: u16,
}

#[derive(Debug, Clone)]
pub(crate) struct Survey {
    pub(crate) id: i64,
    pub(crate) ticket: i64,
    pub(crate) customer: i64,
    pub(crate) created: Micros,
    pub(crate) should_send: Maybe,
    pub(crate) sent: Maybe,
    pub(crate) scored: Maybe,
    /// 0 while not scored.
    pub(crate) score: u8,
}

/// The `data` of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EventData {
    None,
    TagAdded(i64),
    Subject,
    Assignee(i64),
    SourceCustomer(i64),
    TargetTicket(i64),
    Login,
}

#[derive(Debug, Clone)]
pub(crate) struct Event {
    pub(crate) id: i64,
    pub(crate) context: u64,
    pub(crate) created: Micros,
    pub(crate) object: i64,
    pub(crate) kind: &'static str,
    pub(crate) object_type: &'static str,
    /// 0 when automatic.
    pub(crate) user: i64,
    pub(crate) data: EventData,
}

/// An object that is no longer listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tombstone {
    /// Endpoint name, e.g. `tickets`.
    pub table: &'static str,
    /// The id that is gone.
    pub id: i64,
    /// The row it was merged into, if it was.
    pub survivor: Option<i64>,
    /// When.
    pub at: Micros,
}

/// Everything the account holds.
#[derive(Debug, Default)]
pub(crate) struct Data {
    pub(crate) tickets: BTreeMap<i64, Ticket>,
    pub(crate) tickets_created: Index,
    pub(crate) tickets_updated: Index,
    pub(crate) customers: BTreeMap<i64, Customer>,
    pub(crate) customers_created: Index,
    pub(crate) customers_updated: Index,
    pub(crate) messages: BTreeMap<i64, Message>,
    pub(crate) messages_created: Index,
    pub(crate) surveys: BTreeMap<i64, Survey>,
    pub(crate) surveys_created: Index,
    pub(crate) survey_of: BTreeMap<i64, i64>,
    /// Append-only and written in order, so a vector is the index.
    pub(crate) events: Vec<Event>,
    pub(crate) small: BTreeMap<&'static str, Vec<Small>>,
    /// What the rows of these two lists are made of.
    pub(crate) calls: BTreeMap<i64, Call>,
    pub(crate) recordings: BTreeMap<i64, Recording>,
    /// Changes of the account itself.
    pub(crate) account_rev: u16,
    pub(crate) gone: Vec<Tombstone>,
    /// Rows that no list shows as they are, by table and id.
    pub(crate) unreadable: BTreeMap<(String, i64), Unreadable>,
    /// Last id given out per sequence.
    pub(crate) last: Last,
}

#[derive(Debug, Default)]
pub(crate) struct Last {
    pub(crate) ticket: i64,
    pub(crate) message: i64,
    /// Shared by customers and users.
    pub(crate) person: i64,
    pub(crate) survey: i64,
    pub(crate) event: i64,
    pub(crate) tag: i64,
    pub(crate) call: i64,
    /// How many rows each list of a desk ever had.
    pub(crate) desk: BTreeMap<&'static str, usize>,
}

impl Data {
    pub(crate) fn put_ticket(&mut self, ticket: Ticket) {
        self.take_ticket(ticket.id);
        self.tickets_created.insert((ticket.created, ticket.id));
        self.tickets_updated.insert((ticket.updated, ticket.id));
        self.tickets.insert(ticket.id, ticket);
    }

    pub(crate) fn take_ticket(&mut self, id: i64) -> Option<Ticket> {
        let ticket = self.tickets.remove(&id)?;
        self.tickets_created.remove(&(ticket.created, id));
        self.tickets_updated.remove(&(ticket.updated, id));
        Some(ticket)
    }

    pub(crate) fn put_customer(&mut self, customer: Customer) {
        self.take_customer(customer.id);
        self.customers_created.insert((customer.created, customer.id));
        self.customers_updated.insert((customer.updated, customer.id));
        self.customers.insert(customer.id, customer);
    }

    pub(crate) fn take_customer(&mut self, id: i64) -> Option<Customer> {
        let customer = self.customers.remove(&id)?;
        self.customers_created.remove(&(customer.created, id));
        self.customers_updated.remove(&(customer.updated, id));
        Some(customer)
    }

    pub(crate) fn put_message(&mut self, message: Message) {
        self.messages_created.insert((message.created, message.id));
        self.messages.insert(message.id, message);
    }

    pub(crate) fn take_message(&mut self, id: i64) -> Option<Message> {
        let message = self.messages.remove(&id)?;
        self.messages_created.remove(&(message.created, id));
        Some(message)
    }

    pub(crate) fn put_survey(&mut self, survey: Survey) {
        self.surveys_created.insert((survey.created, survey.id));
        self.survey_of.insert(survey.ticket, survey.id);
        self.surveys.insert(survey.id, survey);
    }

    pub(crate) fn customer_rev(&self, id: i64) -> u16 {
        self.customers.get(&id).map_or(0, |customer| customer.rev)
    }

    pub(crate) fn survivor(&self, table: &str, id: i64) -> Option<i64> {
        self.gone.iter().find(|t| t.table == table && t.id == id)?.survivor
    }
}
