//! What a desk is set up with: the keys of rows as recorded or documented, what lists are asked for, and secrets.

use std::collections::BTreeSet;

use serde_json::Value;

use super::fields::keys;
use super::{account, get, ids, read, walk};
use crate::{Account, secrets};

/// Keys in their order: of the recordings, or of the documentation of June 2026 where there are none.
const KEYS: [(&str, &str); 14] = [
    (
        "users",
        "id active bio created_datetime country deactivated_datetime email external_id firstname has_password has_2fa_enabled lastname language meta name role timezone updated_datetime client_id uri",
    ),
    ("teams", "id uri name description decoration members created_datetime"),
    ("tags", "id decoration description name usage uri created_datetime deleted_datetime"),
    (
        "custom-fields",
        "id external_id object_type label description priority required requirement_type managed_type definition created_datetime updated_datetime deactivated_datetime",
    ),
    (
        "macros",
        "id external_id name intent language usage actions created_datetime updated_datetime archived_datetime uri",
    ),
    (
        "views",
        "id category created_datetime deactivated_datetime decoration fields filters filters_ast name order_by order_dir search shared_with_teams shared_with_users section_id slug type uri visibility",
    ),
    (
        "rules",
        "id code code_ast created_datetime deactivated_datetime description event_types settings name priority type updated_datetime uri",
    ),
    (
        "integrations",
        "id created_datetime deactivated_datetime decoration description http locked_datetime meta name type updated_datetime user uri application_id managed business_hours_id",
    ),
    (
        "widgets",
        "id app_id context created_datetime deactivated_datetime integration_id order template type updated_datetime uri",
    ),
    (
        "jobs",
        "id cancel_requested_datetime cancelled_datetime created_datetime ended_datetime failed_datetime info locked_datetime meta params scheduled_datetime started_datetime status type user_id uri",
    ),
    ("account/settings", "id type data"),
    (
        "phone/voice-calls",
        "id integration_id ticket_id phone_number_id external_id provider status direction phone_number_source country_source phone_number_destination country_destination duration started_datetime created_datetime updated_datetime initiated_by_agent_id last_answered_by_agent_id customer_id last_rang_agent_id has_voicemail has_call_recording summaries termination_status queue_id status_in_queue answered_by_external_number answered_by_external_customer_id monitoring_status last_monitoring_agent_id",
    ),
    ("phone/voice-call-events", "id type account_id call_id user_id customer_id created_datetime meta"),
    (
        "phone/voice-call-recordings",
        "id call_id external_id url duration type created_datetime deleted_datetime deleted_by_user_id error_code transcription_status",
    ),
];

fn rows(account: &Account, list: &str) -> Vec<Value> {
    account.expected(list).iter().map(|(_, text)| serde_json::from_str(text).unwrap()).collect()
}

#[test]
fn rows_have_the_keys_that_are_known() {
    let mut account = account();
    account.set_churn(3.0);
    for _ in 0..300 {
        get(&mut account, "/api/account");
    }
    for (list, wanted) in KEYS {
        for row in rows(&account, list) {
            // The last keys of calls are newer than some of them.
            let is_old = list == "phone/voice-calls" && row["id"].as_i64().unwrap() % 11 == 3;
            let wanted = if is_old { wanted.split_once(" termination_status").unwrap().0 } else { wanted };
            assert_eq!(keys(&row), wanted, "{list}");
        }
    }
}

#[test]
fn rows_differ_as_those_of_real_desks_do() {
    let account = account();
    let values = |list: &str, key: &str| -> BTreeSet<String> {
        rows(&account, list).iter().map(|row| row[key].to_string()).collect()
    };
    let count = |list: &str, key: &str| rows(&account, list).iter().filter(|row| !row[key].is_null()).count();
    assert_eq!(count("users", "deactivated_datetime"), 1);
    assert!(rows(&account, "users").iter().all(|row| row["active"] == row["deactivated_datetime"].is_null()));
    assert_eq!(rows(&account, "views").len(), 11);
    assert_eq!(values("views", "category"), BTreeSet::from(["\"system\"".into(), "\"user\"".into()]));
    assert_eq!(values("views", "type").len(), 2);
    assert!(values("views", "order_by").len() > 2 && values("views", "decoration").contains("null"));
    assert!(count("macros", "archived_datetime") == 1 && count("macros", "updated_datetime") > 2);
    assert!(
        count("rules", "deactivated_datetime") == 1 && count("custom-fields", "deactivated_datetime") == 2
    );
    assert!(values("jobs", "status").len() > 2 && values("jobs", "type").len() > 4);
}

#[test]
fn lists_have_their_filters() {
    let mut account = account();
    let mut found = |path: &str| ids(&walk(&mut account, path)).len();
    assert_eq!(found("/api/macros?archived=true"), 1);
    assert_eq!(found("/api/macros?archived=false"), 11);
    let (vip, refund) = (found("/api/macros?tags=vip"), found("/api/macros?tags[]=refund"));
    assert!(vip > 0 && refund > 0 && vip + refund == found("/api/macros?tags=vip&tags=refund"));
    assert!((1..11).contains(&found("/api/macros?languages=en")));
    assert!((1..9).contains(&found("/api/jobs?type=exportTicket")));
    assert!((1..3).contains(&found("/api/widgets?integration_id=40022")));
    assert_eq!(found("/api/integrations?type=http"), 2);
    let (ticket, customer) =
        (found("/api/custom-fields?object_type=Ticket"), found("/api/custom-fields?object_type=Customer"));
    assert!(ticket > 3 && customer > 2 && ticket + customer == 12);
    let (all, open) = (found("/api/tickets?view_id=5501"), found("/api/tickets?view_id=5502"));
    assert!(open < all && all == found("/api/tickets?trashed=false"));
    assert_eq!((found("/api/tickets?view_id=5511"), found("/api/tickets?view_id=7")), (0, 0));
    let all = read(&mut account, "/api/account/settings");
    assert_eq!(all["data"].as_array().unwrap().len(), 9);
    let one = read(&mut account, "/api/account/settings?type=access");
    assert_eq!(one["data"].as_array().unwrap().len(), 1);
    assert_eq!(get(&mut account, "/api/account/settings?limit=1").status, 400);
    assert_eq!(read(&mut account, "/api/account")["settings"], all["data"]);
}

#[test]
fn a_view_of_customers_shows_customers() {
    let mut account = account();
    let page = read(&mut account, "/api/views/5511/items?limit=20");
    let shown = ids(page["data"].as_array().unwrap());
    assert!(shown.len() == 20 && shown.iter().all(|id| account.row("customers", *id).is_some()));
    assert!(page["meta"]["next_items"].is_string());
}

#[test]
fn every_secret_is_where_secrets_are() {
    let mut account = account();
    let texts = |account: &Account, list: &str| -> String {
        account.expected(list).into_iter().map(|(_, text)| text).collect()
    };
    let found = |text: &str| secrets::ALL.into_iter().filter(|secret| text.contains(secret)).count();
    let counts = ["account/settings", "integrations", "jobs"].map(|list| found(&texts(&account, list)));
    assert_eq!(counts, [1, 10, 2], "of {}", secrets::ALL.len());
    let whole = String::from_utf8(get(&mut account, "/api/account").body.to_vec()).unwrap();
    assert_eq!(found(&whole), 1, "in its settings");
    for list in crate::tables().filter(|list| !matches!(*list, "integrations" | "jobs")) {
        assert_eq!(found(&texts(&account, list)), 0, "{list}");
    }
}
