//! Small tables as data: those that every run reads whole, as their rows change without a sign.

use crate::model::LogicalType::{Bool, Int64, Json, Text, Timestamp};
use crate::source::{Answers, Changes, Choice, List, Removals, Resource, Secret};

/// How most of these lists are asked for: what is created meanwhile comes at the end.
const OLDEST_FIRST: Answers = Answers::Pages(Some("created_datetime:asc"));

/// What most of them have in common.
const fn small(name: &'static str, path: &'static str, scope: &'static str) -> Resource {
    whole(name, List::Whole { path, answers: OLDEST_FIRST, parts: &[""] }, scope)
}

/// What all of them have in common.
const fn whole(name: &'static str, list: List, scope: &'static str) -> Resource {
    Resource {
        choice: Choice::Offered,
        scope: Some(scope),
        ..Resource::of(name, list, Changes::Full, Removals::Absence)
    }
}

pub(super) const USERS: Resource = Resource {
    about: "Agents and bots of the help desk.",
    columns: &[
        ("id", Int64, "Identifies the user within the account."),
        ("active", Bool, "Whether the user may log in."),
        ("bio", Text, "What the user says about themselves."),
        ("created_datetime", Timestamp, "When the user was created."),
        ("country", Text, "ISO 3166-1 code."),
        ("deactivated_datetime", Timestamp, "When the user was deactivated."),
        ("email", Text, "E-mail address; a bot's is none."),
        ("external_id", Text, "The user's id in another system."),
        ("firstname", Text, "First name."),
        ("has_password", Bool, "Whether the user has a password."),
        ("has_2fa_enabled", Bool, "Whether the user has a second factor."),
        ("lastname", Text, "Last name."),
        ("language", Text, "`en` or `fr`."),
        ("meta", Json, "Free-form data."),
        ("name", Text, "Full name."),
        ("role", Json, "The role: its name."),
        ("timezone", Text, "IANA name."),
        ("updated_datetime", Timestamp, "When the user was last changed; logging in does not move it."),
        ("client_id", Text, "Of bots: the application."),
        ("uri", Text, "Address of the user in the API."),
    ],
    ..small("users", "/api/users", "users:read")
};

pub(super) const TEAMS: Resource = Resource {
    about: "Teams of agents.",
    columns: &[
        ("id", Int64, "Identifies the team within the account."),
        ("uri", Text, "Path of the team in the API."),
        ("name", Text, "Name."),
        ("description", Text, "What it is for."),
        ("decoration", Json, "How it looks: emoji."),
        ("members", Json, "Its members: id, name, email, meta."),
        ("created_datetime", Timestamp, "When it was created."),
    ],
    ..small("teams", "/api/teams", "users:read")
};

pub(super) const TAGS: Resource = Resource {
    about: "Tags that tickets can have.",
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
    ..small("tags", "/api/tags", "tags:read")
};

pub(super) const VIEWS: Resource = Resource {
    about: "Views: saved filters of tickets or customers.",
    columns: &[
        ("id", Int64, "Identifies the view within the account."),
        ("category", Text, "`system` or `user`."),
        ("created_datetime", Timestamp, "When it was created."),
        ("deactivated_datetime", Timestamp, "When it was deactivated."),
        ("decoration", Json, "How it looks: emoji."),
        ("fields", Json, "Columns that it shows."),
        ("filters", Text, "The filter, as code."),
        ("filters_ast", Json, "The filter, parsed."),
        ("name", Text, "Name."),
        ("order_by", Text, "What it is sorted by."),
        ("order_dir", Text, "`asc` or `desc`."),
        ("search", Text, "Text that is searched for."),
        ("shared_with_teams", Json, "Teams that may see it."),
        ("shared_with_users", Json, "Users who may see it."),
        ("section_id", Int64, "The section it is in."),
        ("slug", Text, "Name in addresses."),
        ("type", Text, "`ticket-list` or `customer-list`."),
        ("uri", Text, "Path of the view in the API."),
        ("visibility", Text, "`public`, `shared` or `private`."),
    ],
    ..small("views", "/api/views", "tickets:read")
};

pub(super) const RULES: Resource = Resource {
    about: "Rules: what is done to tickets by itself.",
    columns: &[
        ("id", Int64, "Identifies the rule within the account."),
        ("code", Text, "The rule, as code."),
        ("code_ast", Json, "The rule, parsed."),
        ("created_datetime", Timestamp, "When it was created."),
        ("deactivated_datetime", Timestamp, "When it was deactivated."),
        ("description", Text, "What it is for."),
        ("event_types", Text, "Events that it runs at, separated by commas."),
        ("name", Text, "Name."),
        ("priority", Int64, "The order in which rules run."),
        ("settings", Json, "Settings of a rule that Gorgias provides."),
        ("type", Text, "`user`, or whose it is."),
        ("updated_datetime", Timestamp, "When it was last changed."),
        ("uri", Text, "Path of the rule in the API."),
    ],
    ..small("rules", "/api/rules", "rules:read")
};

pub(super) const WIDGETS: Resource = Resource {
    choice: Choice::Named,
    about: "Widgets: boxes beside a ticket that show data of other systems.",
    columns: &[
        ("id", Int64, "Identifies the widget within the account."),
        ("app_id", Text, "The application it is of."),
        ("context", Text, "`ticket`, `customer` or `user`."),
        ("created_datetime", Timestamp, "When it was created."),
        ("deactivated_datetime", Timestamp, "When it was deactivated."),
        ("integration_id", Int64, "The integration it is of."),
        ("order", Int64, "Its place among the others."),
        ("template", Json, "What it shows."),
        ("type", Text, "Its type, such as `shopify`."),
        ("updated_datetime", Timestamp, "When it was last changed."),
        ("uri", Text, "Path of the widget in the API."),
    ],
    ..small("widgets", "/api/widgets", "integrations:read")
};

pub(super) const CUSTOM_FIELDS: Resource = Resource {
    about: "Custom fields that tickets and customers can have.",
    columns: &[
        ("id", Int64, "Identifies the field within the account."),
        ("external_id", Text, "The field's id in another system."),
        ("object_type", Text, "`Ticket` or `Customer`: what has it."),
        ("label", Text, "Name."),
        ("description", Text, "What it is for."),
        ("priority", Int64, "Its place among the others."),
        ("required", Bool, "Whether it has to be filled in."),
        ("requirement_type", Text, "When it is shown, such as `visible` or `conditional`."),
        ("managed_type", Text, "Of fields that Gorgias fills in: what with, such as `contact_reason`."),
        ("definition", Json, "Type of its values, and how they are entered."),
        ("created_datetime", Timestamp, "When it was created."),
        ("updated_datetime", Timestamp, "When it was last changed."),
        (
            "deactivated_datetime",
            Timestamp,
            "When it was deactivated; tickets and customers keep its values.",
        ),
    ],
    ..whole(
        "custom_fields",
        List::Whole {
            path: "/api/custom-fields",
            answers: Answers::Pages(Some("priority:asc")),
            parts: &["object_type=Ticket", "object_type=Customer"],
        },
        "custom_fields:read",
    )
};

pub(super) const MACROS: Resource = Resource {
    about: "Macros: prepared answers and actions, archived ones too.",
    columns: &[
        ("id", Int64, "Identifies the macro within the account."),
        ("external_id", Text, "The macro's id in another system."),
        ("name", Text, "Name."),
        ("intent", Text, "The intent it answers, such as `order/status`."),
        ("language", Text, "ISO 639-1 code."),
        ("usage", Int64, "How often it was used, as of the last time Gorgias counted."),
        ("actions", Json, "What it does: name, title, arguments."),
        ("created_datetime", Timestamp, "When it was created."),
        ("updated_datetime", Timestamp, "When it was last changed; NULL until then."),
        ("archived_datetime", Timestamp, "When it was archived."),
        ("uri", Text, "Path of the macro in the API."),
    ],
    ..whole(
        "macros",
        List::Whole {
            path: "/api/macros",
            answers: OLDEST_FIRST,
            parts: &["archived=false", "archived=true"],
        },
        "macros:read",
    )
};

pub(super) const INTEGRATIONS: Resource = Resource {
    about: "Integrations: the shops, mailboxes and applications that are connected. Credentials in them are not copied.",
    secrets: &[
        Secret::Below(&["http", "headers"]),
        Secret::Below(&["http", "oauth2"]),
        Secret::Below(&["http", "form"]),
        Secret::Below(&["http", "hmac_secret"]),
        Secret::Address(&["http", "url"]),
        Secret::Anywhere(&["http", "meta"]),
    ],
    columns: &[
        ("id", Int64, "Identifies the integration within the account."),
        ("created_datetime", Timestamp, "When it was created."),
        ("deactivated_datetime", Timestamp, "When it was deactivated."),
        ("decoration", Json, "How it looks."),
        ("description", Text, "What it is for."),
        ("http", Json, "Of HTTP integrations: what is called, and when."),
        ("locked_datetime", Timestamp, "When it was locked."),
        ("meta", Json, "Settings and progress, by type."),
        ("name", Text, "Name."),
        ("type", Text, "Its type, such as `email` or `shopify`."),
        ("updated_datetime", Timestamp, "When it was last changed."),
        ("user", Json, "Who created it: id."),
        ("uri", Text, "Path of the integration in the API."),
        ("application_id", Text, "The application it is of."),
        ("managed", Bool, "Whether Gorgias manages it."),
        ("business_hours_id", Int64, "The business hours it keeps to: an account setting."),
    ],
    ..small("integrations", "/api/integrations", "integrations:read")
};

pub(super) const ACCOUNT: Resource = Resource {
    about: "The account itself: one row. Its settings are in account_settings.",
    key: &["domain"],
    removals: Removals::Never,
    secrets: &[Secret::Field("settings"), Secret::Anywhere(&["meta"])],
    columns: &[
        ("domain", Text, "The account's name in addresses."),
        ("created_datetime", Timestamp, "When it was created."),
        ("deactivated_datetime", Timestamp, "When it was deactivated."),
        ("current_subscription", Json, "Plan, status, trial."),
        ("meta", Json, "Free-form data."),
        ("status", Json, "The status: its name."),
    ],
    ..whole(
        "account",
        List::Whole { path: "/api/account", answers: Answers::Object, parts: &[""] },
        "account:read",
    )
};

pub(super) const ACCOUNT_SETTINGS: Resource = Resource {
    about: "Settings of the account, one a row: business hours, ticket assignment, surveys. Credentials in them are not copied.",
    choice: Choice::Named,
    secrets: &[
        Secret::Below(&["data", "custom_sso_providers", "*", "client_secret"]),
        Secret::Anywhere(&["data"]),
    ],
    columns: &[
        ("id", Int64, "Identifies the setting within the account."),
        ("type", Text, "Which it is, such as `business-hours`."),
        ("data", Json, "What is set."),
    ],
    ..whole(
        "account_settings",
        List::Whole { path: "/api/account/settings", answers: Answers::Once, parts: &[""] },
        "account:read",
    )
};
