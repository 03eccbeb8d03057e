//! The list endpoints as data: parameters, orders, default order, form of the envelope.

/// What a list can be sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    Created,
    Updated,
    Name,
    Extra,
    Kind,
    Weight,
    /// By weight, then name: the compound order of tags.
    WeightName,
}

/// One list endpoint.
#[derive(Debug)]
pub(crate) struct Spec {
    /// Path behind `/api/`, and the table's name.
    pub(crate) table: &'static str,
    pub(crate) params: &'static [&'static str],
    /// `order_by` values without direction; compound ones are written out.
    pub(crate) orders: &'static [(&'static str, Sort)],
    /// Order without `order_by`; true is ascending.
    pub(crate) default: (Sort, bool),
    /// The envelope begins with `object` and has `total_resources`.
    pub(crate) object_first: bool,
}

const CREATED: (&str, Sort) = ("created_datetime", Sort::Created);
const UPDATED: (&str, Sort) = ("updated_datetime", Sort::Updated);
const NAME: (&str, Sort) = ("name", Sort::Name);
const NEWEST: (Sort, bool) = (Sort::Created, false);

const fn spec(
    table: &'static str,
    params: &'static [&'static str],
    orders: &'static [(&'static str, Sort)],
    default: (Sort, bool),
    object_first: bool,
) -> Spec {
    Spec { table, params, orders, default, object_first }
}

/// Every list, in the order of the documentation.
pub(crate) const SPECS: &[Spec] = &[
    spec(
        "tickets",
        &["customer_id", "external_id", "view_id", "rule_id", "ticket_ids", "trashed"],
        &[CREATED, UPDATED],
        NEWEST,
        true,
    ),
    spec(
        "customers",
        &[
            "email",
            "external_id",
            "name",
            "language",
            "timezone",
            "view_id",
            "channel_type",
            "channel_address",
        ],
        &[CREATED, UPDATED],
        NEWEST,
        false,
    ),
    spec("messages", &["ticket_id"], &[CREATED], NEWEST, false),
    spec("satisfaction-surveys", &["ticket_id"], &[CREATED], NEWEST, false),
    spec(
        "events",
        &[
            "object_type",
            "object_id",
            "user_ids",
            "types",
            "created_datetime[gt]",
            "created_datetime[gte]",
            "created_datetime[lt]",
            "created_datetime[lte]",
        ],
        &[CREATED],
        NEWEST,
        false,
    ),
    spec(
        "users",
        &["email", "external_id", "roles", "search", "available_first"],
        &[CREATED, NAME, ("email", Sort::Extra), ("role.name", Sort::Kind)],
        (Sort::Name, true),
        true,
    ),
    spec("teams", &[], &[CREATED, NAME], NEWEST, false),
    spec(
        "tags",
        &["search"],
        &[CREATED, NAME, ("usage:asc,name", Sort::WeightName), ("usage:desc,name", Sort::WeightName)],
        NEWEST,
        true,
    ),
    spec("views", &[], &[CREATED], NEWEST, true),
    spec("rules", &[], &[CREATED], NEWEST, false),
    spec(
        "macros",
        &["search", "tags", "languages", "ticket_id", "message_id", "number_predictions", "archived"],
        &[CREATED, UPDATED, NAME, ("usage", Sort::Weight), ("language", Sort::Extra)],
        NEWEST,
        false,
    ),
    spec("integrations", &["type"], &[CREATED], NEWEST, true),
    spec("widgets", &["integration_id", "app_id"], &[CREATED, ("order", Sort::Weight)], NEWEST, false),
    spec("jobs", &["status", "type"], &[CREATED], NEWEST, false),
    spec(
        "custom-fields",
        &["object_type", "search", "archived"],
        &[("priority", Sort::Weight)],
        (Sort::Weight, false),
        true,
    ),
    spec("phone/voice-calls", &["ticket_id"], &[], NEWEST, false),
    spec("phone/voice-call-events", &["call_id"], &[], (Sort::Created, true), false),
    spec("phone/voice-call-recordings", &["call_id"], &[], NEWEST, false),
];

/// The OAuth scope that a list needs, or the account. That of calls is made up: nobody has published it.
pub(crate) fn scope(list: &str) -> &'static str {
    match list {
        "customers" => "customers:read",
        "users" | "teams" => "users:read",
        "tags" => "tags:read",
        "rules" => "rules:read",
        "macros" => "macros:read",
        "integrations" | "widgets" => "integrations:read",
        "jobs" => "jobs:read",
        "custom-fields" => "custom_fields:read",
        "satisfaction-surveys" => "satisfaction_survey:read",
        "events" => "events:read",
        "account" | "account/settings" => "account:read",
        list if list.starts_with("phone/") => "phone:read",
        _ => "tickets:read",
    }
}

impl Spec {
    pub(crate) fn of(table: &str) -> Option<&'static Spec> {
        SPECS.iter().find(|spec| spec.table == table)
    }

    pub(crate) fn knows(&self, param: &str) -> bool {
        let plain = param.strip_suffix("[]").unwrap_or(param);
        matches!(param, "cursor" | "limit")
            || (param == "order_by" && !self.orders.is_empty())
            || self.params.contains(&param)
            || (matches!(plain, "types" | "roles" | "tags" | "languages") && self.params.contains(&plain))
    }

    /// Sort and direction of an `order_by` value.
    pub(crate) fn order(&self, text: &str) -> Option<(Sort, bool)> {
        let (field, direction) = text.rsplit_once(':')?;
        let ascending = match direction {
            "asc" => true,
            "desc" => false,
            _ => return None,
        };
        // The compound forms exist in two spellings only: both parts point the same way.
        if field.contains(',') && !field.contains(&format!(":{direction},")) {
            return None;
        }
        self.orders.iter().find(|(name, _)| *name == field).map(|(_, sort)| (*sort, ascending))
    }
}
