//! Gorgias' tables as data: where each is read, how its list can be sorted, and its documented columns.
//!
//! Columns are those of the recorded list answers of August 2026 in their order, then those the API's reference
//! documents beside them. `ingestr tables`, docs/tables.md and the destination's shape all come from here.

use crate::model::LogicalType::{Bool, Int64, Json, Text, Timestamp};
use crate::source::{Changes, Computed, Counted, EventKind, List, Removals, Resource};

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

/// What the rows of a list count, if they count rows of another table.
pub(crate) fn counted_by(list: &Resource) -> Option<Counted> {
    TABLES.iter().filter_map(|table| table.counted).find(|counted| counted.by.name == list.name)
}

/// All tables, in the order help lists them.
pub static TABLES: [Resource; 5] = [CUSTOMERS, TICKETS, TICKET_MESSAGES, SATISFACTION_SURVEYS, TAGS];

const CUSTOMERS: Resource = Resource {
    name: "customers",
    default: true,
    about: "People who wrote to the help desk, or were created in it.",
    key: &["id"],
    incremental_key: Some("updated_datetime"),
    list: List::Keyset { path: "/api/customers" },
    by_ids: None,
    changes: Changes::ByUpdate,
    removals: Removals::Events(&[deleted("customer-deleted"), merged("customer-merged")]),
    counted: None,
    computed: None,
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
};

const TICKETS: Resource = Resource {
    name: "tickets",
    default: true,
    about: "Conversations, without their messages.",
    key: &["id"],
    incremental_key: Some("updated_datetime"),
    list: List::Keyset { path: "/api/tickets" },
    by_ids: Some("ticket_ids"),
    changes: Changes::ByUpdate,
    removals: Removals::Events(&[deleted("ticket-deleted"), merged("ticket-merged")]),
    counted: None,
    computed: None,
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
        ("assignee_user_id", Int64, "Documented; not in recorded lists."),
        ("assignee_team_id", Int64, "Documented; not in recorded lists."),
        ("satisfaction_survey", Json, "Documented; not in recorded lists."),
        ("reply_options", Json, "Documented; not in recorded lists."),
    ],
};

const TICKET_MESSAGES: Resource = Resource {
    name: "ticket_messages",
    default: true,
    about: "Messages of all tickets: e-mails, chats, notes, calls.",
    key: &["id"],
    incremental_key: Some("updated_datetime"),
    list: List::Keyset { path: "/api/messages" },
    by_ids: None,
    changes: Changes::Recent { days: 3 },
    removals: Removals::Events(&[
        of_parent(deleted("ticket-deleted")),
        of_parent(merged("ticket-merged")),
        deleted("ticket-message-deleted"),
    ]),
    counted: Some(Counted { by: &TICKETS, field: "messages_count", column: "ticket_id" }),
    computed: NEWEST,
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
        ("replied_by", Json, "Documented; not in recorded lists."),
        ("replied_to", Json, "Documented; not in recorded lists."),
        ("updated_datetime", Timestamp, "The newest `*_datetime` of the row; the API has none of this name."),
    ],
};

const SATISFACTION_SURVEYS: Resource = Resource {
    name: "satisfaction_surveys",
    default: true,
    about: "Surveys sent after a ticket, with their scores.",
    key: &["id"],
    incremental_key: Some("updated_datetime"),
    list: List::Keyset { path: "/api/satisfaction-surveys" },
    by_ids: None,
    changes: Changes::Recent { days: 30 },
    // A survey outlives its ticket and its customer, and the API cannot delete one.
    removals: Removals::Never,
    counted: None,
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
};

const TAGS: Resource = Resource {
    name: "tags",
    default: false,
    about: "Tags that tickets can have.",
    key: &["id"],
    incremental_key: None,
    list: List::Keyset { path: "/api/tags" },
    by_ids: None,
    changes: Changes::Full,
    removals: Removals::Absence,
    counted: None,
    computed: None,
    columns: &[
        ("id", Int64, "Identifies the tag within the account."),
        ("decoration", Json, "How it looks: color."),
        ("description", Text, "What it is for."),
        ("name", Text, "Name."),
        ("usage", Int64, "On how many tickets it is, as of the last time Gorgias counted."),
        ("uri", Text, "Path of the tag in the API."),
        ("created_datetime", Timestamp, "When it was created."),
        ("deleted_datetime", Timestamp, "When it was deleted; lists show no such tags."),
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    /// Field names of the rows that were recorded from the API in August 2026, in their order.
    const RECORDED: [(&str, &str); 5] = [
        (
            "customers",
            "id external_id active email name firstname lastname language timezone created_datetime updated_datetime meta data note custom_fields",
        ),
        (
            "tickets",
            "id uri external_id language status priority channel via from_agent customer assignee_user assignee_team subject summary excerpt integrations meta tags messages_count is_unread spam created_datetime opened_datetime last_received_message_datetime last_message_datetime last_sent_message_not_delivered updated_datetime closed_datetime snooze_datetime trashed_datetime custom_fields",
        ),
        (
            "ticket_messages",
            "id uri message_id ticket_id external_id public channel via source sender auth_customer_identity integration_id intents rule_id from_agent receiver subject body_text body_html stripped_text stripped_html stripped_signature headers attachments actions macros meta created_datetime processed_datetime sent_datetime failed_datetime deleted_datetime opened_datetime last_sending_error is_retriable imported",
        ),
        (
            "satisfaction_surveys",
            "id body_text created_datetime customer_id meta score scored_datetime sent_datetime should_send_datetime ticket_id uri",
        ),
        ("tags", "id decoration description name usage uri created_datetime deleted_datetime"),
    ];

    #[test]
    fn every_recorded_field_is_a_documented_column() {
        for (table, fields) in RECORDED {
            let spec = TABLES.iter().find(|spec| spec.name == table).unwrap();
            for field in fields.split(' ') {
                assert!(spec.columns.iter().any(|(name, ..)| *name == field), "{table}.{field}");
            }
        }
    }

    #[test]
    fn every_table_has_its_keys_and_each_column_once() {
        for spec in &TABLES {
            for key in spec.key.iter().copied().chain(spec.incremental_key) {
                assert_eq!(
                    spec.columns.iter().filter(|(name, ..)| *name == key).count(),
                    1,
                    "{}.{key}",
                    spec.name
                );
            }
            let mut names: Vec<_> = spec.columns.iter().map(|(name, ..)| name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), spec.columns.len(), "{}", spec.name);
            assert!(
                spec.columns
                    .iter()
                    .all(|(name, logical, _)| name.ends_with("_datetime") == (*logical == Timestamp))
            );
        }
    }
}
