//! Small tables as data: those that every run reads whole, as their rows change without a sign.

use crate::model::LogicalType::{Bool, Int64, Json, Text, Timestamp};
use crate::source::{Changes, List, Removals, Resource};

/// What all of them have in common.
const fn small(name: &'static str, path: &'static str) -> Resource {
    Resource {
        name,
        aliases: &[],
        default: false,
        about: "",
        key: &["id"],
        incremental_key: None,
        list: List::Keyset { path },
        by_ids: None,
        changes: Changes::Full,
        removals: Removals::Absence,
        counted: None,
        computed: None,
        columns: &[],
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
    ..small("users", "/api/users")
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
    ..small("teams", "/api/teams")
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
    ..small("tags", "/api/tags")
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
    ..small("views", "/api/views")
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
    ..small("rules", "/api/rules")
};

pub(super) const WIDGETS: Resource = Resource {
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
    ..small("widgets", "/api/widgets")
};
