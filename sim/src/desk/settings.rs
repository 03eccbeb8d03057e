//! The account and its settings; one of these holds a secret.

use serde_json::{Value, json};

use super::Seed;
use crate::options::Options;
use crate::render::View;
use crate::secrets;
use crate::small::Small;
use crate::time::{Micros, SECOND, iso};

/// Those that were recorded, then those that are documented.
const TYPES: [&str; 16] = [
    "business-hours",
    "satisfaction-surveys",
    "ticket-assignment",
    "views-ordering",
    "access",
    "views-visibility",
    "auto-merge",
    "auto-split",
    "default-integration",
    "agents-table-config",
    "channels-table-config",
    "product-insights-table-config",
    "in-ticket-suggestion",
    "agent-costs",
    "limits",
    "other",
];

pub(super) fn make(seed: &Seed<'_>) -> Small {
    let kind = TYPES[seed.n.min(TYPES.len() - 1)];
    let data = match kind {
        "business-hours" => json!({"timezone": "Europe/Paris", "business_hours": []}),
        "satisfaction-surveys" => json!({"send_survey_for_chat": true}),
        "access" => json!({
            "signup_mode": "invite",
            "allowed_domains": [],
            "google_sso_enabled": true,
            "two_fa_enforced_datetime": null,
            "custom_sso_providers": {"okta": {
                "name": "Okta",
                "client_id": "0oa1acme",
                "client_secret": secrets::SSO_CLIENT_SECRET,
                "server_metadata_url": "https://sso.example/.well-known/openid-configuration",
            }},
        }),
        _ => json!({"enabled": seed.n.is_multiple_of(2)}),
    };
    let json = format!(r#"{{"id":{},"type":"{kind}","data":{data}}}"#, seed.id);
    Small { name: kind.into(), kind: kind.into(), json, ..Small::default() }
}

/// Something in `data`; what else is in there stays.
pub(super) fn revise(row: &mut Small, _: &Options, _: Micros) -> bool {
    let Ok(Value::Object(mut all)) = serde_json::from_str(&row.json) else { return false };
    let mut data = all.remove("data").unwrap_or_default();
    data["revision"] = row.rev.into();
    row.set([("data", data)]);
    true
}

/// The account itself: one object, which has no id, with all settings once more.
pub(crate) fn account(view: View<'_>) -> String {
    let created = view.options.start;
    let created = iso(created - created.rem_euclid(SECOND));
    let settings = view.data.small.get("account/settings").map_or(&[] as &[Small], Vec::as_slice);
    let settings: Vec<&str> = settings.iter().map(|row| row.json.as_str()).collect();
    format!(
        r#"{{"created_datetime":"{created}","current_subscription":{{"plan":"{}","start_datetime":"{created}","status":"active","trial_end_datetime":null,"trial_start_datetime":null}},"deactivated_datetime":null,"domain":"{}","meta":{{"currency":"usd"}},"settings":[{}],"status":{{"status":"active"}}}}"#,
        ["pro", "advanced"][usize::from(view.data.account_rev) % 2],
        view.options.domain,
        settings.join(",")
    )
}
