//! Gorgias' tables as data: where each is read, how its list can be sorted, and its documented columns.
//!
//! Columns are those of the recorded list answers of August 2026 in their order, then those the API's reference
//! documents beside them. `ingestr tables`, docs/tables.md and the destination's shape all come from here.

use crate::model::LogicalType::{Bool, Int64, Json, Text, Timestamp};
use crate::source::{Changes, Computed, Counted, EventKind, Flat, Holds, List, Order, Removals, Resource};

/// The time of the last change, of rows that have none of their own.
const NEWEST: Option<(&str, Computed)> = Some(("updated_datetime", Computed::NewestDatetime));

const fn deleted(name: &'static str) -> EventKind {
    EventKind { name, parent: false, merged: false }
}

const fn merged(name: &'static str) -> EventKind {
    EventKind { name, parent: false, merged: true }
}

const fn of_parent(event: EventKind) -> EventKind {
    EventKind { parent: true, ..event }
}

/// What all of them have in common.
const fn large(name: &'static str, path: &'static str, changes: Changes, removals: Removals) -> Resource {
    Resource {
        incremental_key: Some("updated_datetime"),
        ..Resource::of(name, List::Keyset { path, order: Order::Asked }, changes, removals)
    }
}

pub(super) const CUSTOMERS: Resource = Resource {
    about: "People who wrote to the help desk, or were created in it.",
    scope: Some("customers:read"),
    columns: &[
        ("id", Int64, "Identifies the customer within the account."),
        ("external_id", Text, "The customer's id in another system."),
        ("active", Bool, "Whether the customer is active."),
        ("email", Text, "Primary e-mail address."),
        ("name", Text, "Full name."),
        ("firstname", Text, "First name; empty rather than NULL when unknown."),
        ("lastname", Text, "Last name; empty rather than NULL when unknown."),
        ("language", Text, "ISO 639-1 code."),
        ("timezone", Text, "IANA name."),
        ("created_datetime", Timestamp, "When the customer was created."),
        ("updated_datetime", Timestamp, "When the customer was last changed. A merge may not move it."),
        ("meta", Json, "Free-form data."),
        ("data", Json, "Free-form data set through the API."),
        ("note", Text, "Note on the customer."),
        ("custom_fields", Json, "Values of customer fields, by field id."),
    ],
    ..large(
        "customers",
        "/api/customers",
        Changes::ByUpdate,
        Removals::Events(&[deleted("customer-deleted"), merged("customer-merged")]),
    )
};

pub(super) const TICKETS: Resource = Resource {
    about: "Conversations, without their messages.",
    by_ids: Some("ticket_ids"),
    flat: &[
        ("customer_id", Flat::Member("customer", "id")),
        ("assignee_user_id", Flat::Member("assignee_user", "id")),
        ("assignee_team_id", Flat::Member("assignee_team", "id")),
        ("tag_names", Flat::Members("tags", "name")),
    ],
    holds: Some(Holds { column: "tags", rows_of: "tags" }),
    scope: Some("tickets:read"),
    columns: &[
        ("id", Int64, "Identifies the ticket within the account."),
        ("uri", Text, "Path of the ticket in the API."),
        ("external_id", Text, "The ticket's id in another system."),
        ("language", Text, "ISO 639-1 code."),
        ("status", Text, "`open` or `closed`."),
        ("priority", Text, "`low`, `normal`, `high` or `critical`."),
        ("channel", Text, "Where the first message came from; custom slugs exist."),
        ("via", Text, "How the first message was received or sent."),
        ("from_agent", Bool, "Whether an agent wrote the first message."),
        ("customer", Json, "The customer: id, e-mail, names, meta."),
        ("assignee_user", Json, "The agent the ticket is assigned to."),
        ("assignee_team", Json, "The team the ticket is assigned to."),
        ("subject", Text, "Subject."),
        ("summary", Json, "Generated summary."),
        ("excerpt", Text, "Beginning of the last message."),
        ("integrations", Json, "Integrations the messages went through."),
        ("meta", Json, "Free-form data."),
        ("tags", Json, "Tags: id, name, decoration."),
        ("messages_count", Int64, "Number of messages."),
        ("is_unread", Bool, "Whether there is a message nobody has read."),
        ("spam", Bool, "Whether the ticket is marked as spam."),
        ("created_datetime", Timestamp, "When the ticket was created; in the past for imported tickets."),
        ("opened_datetime", Timestamp, "When the ticket was first opened by an agent."),
        ("last_received_message_datetime", Timestamp, "When the customer's last message came."),
        ("last_message_datetime", Timestamp, "When the last message came or went."),
        ("last_sent_message_not_delivered", Bool, "Whether the last answer could not be delivered."),
        (
            "updated_datetime",
            Timestamp,
            "When the ticket was last changed. Deleting a message does not move it.",
        ),
        ("closed_datetime", Timestamp, "When the ticket was closed."),
        ("snooze_datetime", Timestamp, "When a snoozed ticket opens again; in the future."),
        ("trashed_datetime", Timestamp, "When the ticket was put in the trash."),
        ("custom_fields", Json, "Values of ticket fields, by field id."),
        ("customer_id", Int64, "The customer: `id` of `customer`."),
        ("assignee_user_id", Int64, "The agent: `id` of `assignee_user`."),
        ("assignee_team_id", Int64, "The team: `id` of `assignee_team`."),
        ("tag_names", Json, "The names in `tags`, as a list."),
    ],
    ..large(
        "tickets",
        "/api/tickets",
        Changes::ByUpdate,
        Removals::Events(&[deleted("ticket-deleted"), merged("ticket-merged")]),
    )
};

pub(super) const TICKET_MESSAGES: Resource = Resource {
    aliases: &["messages"],
    about: "Messages of all tickets: e-mails, chats, notes, calls.",
    counted: Some(Counted { by: &TICKETS, field: "messages_count", column: "ticket_id" }),
    computed: NEWEST,
    flat: &[
        ("sender_id", Flat::Member("sender", "id")),
        ("receiver_id", Flat::Member("receiver", "id")),
        ("source_type", Flat::Member("source", "type")),
    ],
    columns: &[
        ("id", Int64, "Identifies the message within the account."),
        ("uri", Text, "Path of the message in the API."),
        ("message_id", Text, "Id the message has outside, such as an e-mail's Message-ID."),
        ("ticket_id", Int64, "The ticket it belongs to."),
        ("external_id", Text, "The message's id in another system."),
        ("public", Bool, "False for internal notes."),
        ("channel", Text, "Where it came from or went to."),
        ("via", Text, "How it was received or sent."),
        ("source", Json, "Addresses: type, from, to, cc, bcc."),
        ("sender", Json, "Who wrote it."),
        ("auth_customer_identity", Json, "The identity a customer had proved."),
        ("integration_id", Int64, "The integration it went through."),
        ("intents", Json, "Intents that were recognised."),
        ("rule_id", Int64, "The rule that sent it."),
        ("from_agent", Bool, "Whether an agent wrote it."),
        ("receiver", Json, "Who received it."),
        ("subject", Text, "Subject."),
        ("body_text", Text, "Body as text."),
        ("body_html", Text, "Body as HTML."),
        ("stripped_text", Text, "Text without quoted messages and signature."),
        ("stripped_html", Text, "HTML without quoted messages and signature."),
        ("stripped_signature", Text, "Signature."),
        ("headers", Json, "E-mail headers."),
        ("attachments", Json, "Attachments: url, name, size, content type."),
        ("actions", Json, "Actions that were run with it."),
        ("macros", Json, "Macros that were used."),
        ("meta", Json, "Free-form data."),
        ("created_datetime", Timestamp, "When it was created; in the past for imported messages."),
        ("processed_datetime", Timestamp, "When it was processed."),
        ("sent_datetime", Timestamp, "When it was sent; can be filled in later."),
        ("failed_datetime", Timestamp, "When sending failed."),
        ("deleted_datetime", Timestamp, "When it was deleted on its channel."),
        ("opened_datetime", Timestamp, "When the receiver opened it."),
        ("last_sending_error", Json, "Why sending failed."),
        ("is_retriable", Bool, "Whether sending can be tried again."),
        ("imported", Bool, "Whether it was imported."),
        ("sender_id", Int64, "Who wrote it: `id` of `sender`."),
        ("receiver_id", Int64, "Who received it: `id` of `receiver`."),
        ("source_type", Text, "What it is, such as `email` or `internal-note`: `type` of `source`."),
        ("updated_datetime", Timestamp, "The newest `*_datetime` of the row; the API has none of this name."),
    ],
    ..large(
        "ticket_messages",
        "/api/messages",
        Changes::Recent { days: 3 },
        Removals::Events(&[
            of_parent(deleted("ticket-deleted")),
            of_parent(merged("ticket-merged")),
            deleted("ticket-message-deleted"),
        ]),
    )
};

pub(super) const SATISFACTION_SURVEYS: Resource = Resource {
    aliases: &["surveys"],
    about: "Surveys sent after a ticket, with their scores.",
    computed: NEWEST,
    columns: &[
        ("id", Int64, "Identifies the survey within the account."),
        ("body_text", Text, "The customer's comment."),
        ("created_datetime", Timestamp, "When the survey was created."),
        ("customer_id", Int64, "The customer who was asked."),
        ("meta", Json, "Free-form data."),
        ("score", Int64, "1 to 5; NULL until the customer answers."),
        ("scored_datetime", Timestamp, "When the customer answered."),
        ("sent_datetime", Timestamp, "When the survey was sent."),
        ("should_send_datetime", Timestamp, "When the survey is to be sent; can be in the future."),
        ("ticket_id", Int64, "The ticket it is about."),
        ("uri", Text, "Path of the survey in the API."),
        ("updated_datetime", Timestamp, "The newest `*_datetime` of the row; the API has none of this name."),
    ],
    // A survey outlives its ticket and its customer, and the API cannot delete one.
    ..large(
        "satisfaction_surveys",
        "/api/satisfaction-surveys",
        Changes::Recent { days: 30 },
        Removals::Never,
    )
};
