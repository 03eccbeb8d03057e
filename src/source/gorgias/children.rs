//! Child tables as data: rows that Gorgias lists only inside of others, each in the table of its parent's rows.
//!
//! An element that left its parent is no deletion, and goes; with the parent go all. What an element says beside the columns
//! here becomes columns as in any table. Names of others' objects in them are what the parent showed when it was read, and
//! may be outdated: join the table of these objects by id.

use super::activity::VOICE_CALLS;
use super::small::{MACROS, TEAMS};
use super::tables::{CUSTOMERS, TICKET_MESSAGES, TICKETS};
use crate::model::LogicalType::{Bool, Int64, Json, Text, Timestamp};
use crate::normalise::children::{Elements, Embedded, Taken};
use crate::source::{Changes, Choice, List, Removals, Resource};

const POSITION: (&str, crate::model::LogicalType, &str) =
    ("position", Int64, "Its place in the list, counted from 0.");

/// What all of them have in common.
const fn child(name: &'static str, parent: &'static Resource, embedded: Embedded) -> Resource {
    Resource {
        choice: Choice::Offered,
        key: &[],
        scope: parent.scope,
        ..Resource::of(name, List::In { parent, embedded }, Changes::WithParent, Removals::WithParent)
    }
}

const fn list(field: &'static str, taken: &'static [(&'static str, Taken)]) -> Embedded {
    Embedded { field, elements: Elements::List, taken }
}

pub(super) const TICKET_TAGS: Resource = Resource {
    about: "Tags of tickets.",
    key: &["ticket_id", "tag_id"],
    columns: &[
        ("ticket_id", Int64, "The ticket."),
        ("tag_id", Int64, "The tag."),
        ("name", Text, "The tag's name when the ticket was read."),
        ("decoration", Json, "How it looks: color."),
        POSITION,
    ],
    ..child(
        "ticket_tags",
        &TICKETS,
        list(
            "tags",
            &[
                ("ticket_id", Taken::Parent("id")),
                ("tag_id", Taken::Field("id")),
                ("position", Taken::Position),
            ],
        ),
    )
};

pub(super) const TEAM_MEMBERS: Resource = Resource {
    about: "Which agents are in which teams.",
    key: &["team_id", "user_id"],
    columns: &[
        ("team_id", Int64, "The team."),
        ("user_id", Int64, "The agent."),
        ("name", Text, "The agent's name when the team was read."),
        ("email", Text, "The agent's e-mail address when the team was read."),
        POSITION,
    ],
    ..child(
        "team_members",
        &TEAMS,
        list(
            "members",
            &[
                ("team_id", Taken::Parent("id")),
                ("user_id", Taken::Field("id")),
                ("position", Taken::Position),
            ],
        ),
    )
};

/// Columns of field values, of a ticket or a customer.
const fn field_values(
    name: &'static str,
    parent: &'static Resource,
    taken: &'static [(&'static str, Taken)],
) -> Resource {
    child(name, parent, Embedded { field: "custom_fields", elements: Elements::Values, taken })
}

const FIELD_ID: (&str, crate::model::LogicalType, &str) = ("field_id", Int64, "The custom field.");
const VALUE: (&str, crate::model::LogicalType, &str) =
    ("value", Text, "Its value: text as it is, anything else as JSON.");
const VALUE_TYPE: (&str, crate::model::LogicalType, &str) =
    ("value_type", Text, "`string`, `number`, `boolean`, `array`, `object` or `null`.");

pub(super) const TICKET_FIELD_VALUES: Resource = Resource {
    about: "Values of custom fields of tickets. One that is set through the API moves no date of its ticket: a re-scan finds it.",
    aliases: &["ticket_custom_field_values"],
    key: &["ticket_id", "field_id"],
    columns: &[("ticket_id", Int64, "The ticket."), FIELD_ID, VALUE, VALUE_TYPE],
    ..field_values(
        "ticket_field_values",
        &TICKETS,
        &[
            ("ticket_id", Taken::Parent("id")),
            ("field_id", Taken::Field("id")),
            ("value", Taken::Text("value")),
            ("value_type", Taken::Type("value")),
        ],
    )
};

pub(super) const CUSTOMER_FIELD_VALUES: Resource = Resource {
    about: "Values of custom fields of customers. One that is set through the API moves no date of its customer: a re-scan finds it.",
    aliases: &["customer_custom_field_values"],
    key: &["customer_id", "field_id"],
    columns: &[("customer_id", Int64, "The customer."), FIELD_ID, VALUE, VALUE_TYPE],
    ..field_values(
        "customer_field_values",
        &CUSTOMERS,
        &[
            ("customer_id", Taken::Parent("id")),
            ("field_id", Taken::Field("id")),
            ("value", Taken::Text("value")),
            ("value_type", Taken::Type("value")),
        ],
    )
};

pub(super) const TICKET_INTEGRATIONS: Resource = Resource {
    choice: Choice::Named,
    about: "Integrations that messages of tickets went through.",
    key: &["ticket_id", "position"],
    columns: &[
        ("ticket_id", Int64, "The ticket."),
        POSITION,
        ("name", Text, "Name of the integration."),
        ("address", Text, "Its address."),
        ("type", Text, "Its type, such as `email`."),
    ],
    ..child(
        "ticket_integrations",
        &TICKETS,
        list("integrations", &[("ticket_id", Taken::Parent("id")), ("position", Taken::Position)]),
    )
};

pub(super) const MESSAGE_ATTACHMENTS: Resource = Resource {
    about: "Files attached to messages.",
    key: &["message_id", "position"],
    columns: &[
        ("message_id", Int64, "The message."),
        ("ticket_id", Int64, "The ticket of the message."),
        POSITION,
        ("url", Text, "Where the file is."),
        ("name", Text, "Its name."),
        ("size", Int64, "Its size in bytes, where known."),
        ("content_type", Text, "Its type, such as `image/png`."),
        ("public", Bool, "Whether anybody may read it."),
        ("extra", Json, "Free-form data."),
    ],
    ..child(
        "message_attachments",
        &TICKET_MESSAGES,
        list(
            "attachments",
            &[
                ("message_id", Taken::Parent("id")),
                ("ticket_id", Taken::Parent("ticket_id")),
                ("position", Taken::Position),
            ],
        ),
    )
};

pub(super) const MESSAGE_INTENTS: Resource = Resource {
    choice: Choice::Named,
    about: "What Gorgias takes messages to want.",
    key: &["message_id", "position"],
    columns: &[
        ("message_id", Int64, "The message."),
        POSITION,
        ("name", Text, "The intent, such as `order/status`."),
        ("rejected", Bool, "Whether an agent rejected it."),
        ("is_user_feedback", Bool, "Whether an agent gave it."),
    ],
    ..child(
        "message_intents",
        &TICKET_MESSAGES,
        list("intents", &[("message_id", Taken::Parent("id")), ("position", Taken::Position)]),
    )
};

pub(super) const MESSAGE_MACROS: Resource = Resource {
    choice: Choice::Named,
    about: "Macros that were used in messages.",
    key: &["message_id", "macro_id"],
    columns: &[("message_id", Int64, "The message."), ("macro_id", Int64, "The macro.")],
    ..child(
        "message_macros",
        &TICKET_MESSAGES,
        list("macros", &[("message_id", Taken::Parent("id")), ("macro_id", Taken::Field("id"))]),
    )
};

pub(super) const MESSAGE_RECIPIENTS: Resource = Resource {
    choice: Choice::Named,
    about: "Who messages are from, and who they went to.",
    key: &["message_id", "kind", "position"],
    columns: &[
        ("message_id", Int64, "The message."),
        ("kind", Text, "`from`, `to`, `cc` or `bcc`."),
        POSITION,
        ("name", Text, "Name."),
        ("address", Text, "Address, such as an e-mail address or a number."),
    ],
    ..child(
        "message_recipients",
        &TICKET_MESSAGES,
        Embedded {
            field: "source",
            elements: Elements::Named(&["from", "to", "cc", "bcc"]),
            taken: &[
                ("message_id", Taken::Parent("id")),
                ("kind", Taken::Name),
                ("position", Taken::Position),
            ],
        },
    )
};

pub(super) const MACRO_ACTIONS: Resource = Resource {
    choice: Choice::Named,
    about: "What macros do, step by step.",
    key: &["macro_id", "position"],
    columns: &[
        ("macro_id", Int64, "The macro."),
        POSITION,
        ("name", Text, "The action, such as `setResponseText`."),
        ("title", Text, "Its name for people."),
        ("type", Text, "`user` or `system`, where told."),
        ("description", Text, "What it does."),
        ("arguments", Json, "What it does it with."),
    ],
    ..child(
        "macro_actions",
        &MACROS,
        list("actions", &[("macro_id", Taken::Parent("id")), ("position", Taken::Position)]),
    )
};

pub(super) const VOICE_CALL_SUMMARIES: Resource = Resource {
    about: "Generated summaries of phone calls.",
    key: &["id"],
    columns: &[
        ("id", Int64, "Identifies the summary within the account."),
        ("call_id", Int64, "The call."),
        ("recording_id", Int64, "The recording it was made from."),
        ("summary", Text, "What was said, in short."),
        ("created_datetime", Timestamp, "When it was made."),
    ],
    ..child("voice_call_summaries", &VOICE_CALLS, list("summaries", &[("call_id", Taken::Parent("id"))]))
};
