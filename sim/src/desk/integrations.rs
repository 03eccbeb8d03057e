//! Integrations: mail boxes, shops, telephones, and calls of other systems, with secrets of theirs.

use serde_json::{Value, json};

use super::Seed;
use crate::options::Options;
use crate::secrets;
use crate::small::{FIRST_PERSON, Small};
use crate::time::{Micros, iso};

pub(super) fn make(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, .. } = seed;
    let kind = ["email", "shopify", "http", "phone", "gorgias_chat", "gmail", "http"][n % 7];
    let http = match n % 7 {
        2 => http(),
        6 => json!({"url": "https://hooks.example/plain", "method": "GET", "form": null, "headers": null}),
        _ => Value::Null,
    };
    let json = format!(
        r#"{{"id":{id},"created_datetime":"{at}","deactivated_datetime":null,"decoration":null,"description":null,"http":{http},"locked_datetime":null,"meta":{},"name":"Integration {n}","type":"{kind}","updated_datetime":"{at}","user":{{"id":{}}},"uri":"/api/integrations/{id}/","application_id":null,"managed":false,"business_hours_id":null}}"#,
        meta(kind, *n),
        FIRST_PERSON + 2
    );
    Small { name: format!("Integration {n}"), kind: kind.into(), json, ..Small::default() }
}

fn http() -> Value {
    json!({
        "id": 11,
        "url": format!("https://hooks.example/x?shop=acme&key={}", secrets::HTTP_URL),
        "method": "POST",
        "request_content_type": "application/json",
        "response_content_type": "application/json",
        "headers": {"Authorization": format!("Bearer {}", secrets::HTTP_HEADER), "X-Shop": "acme"},
        "form": {"context": "{{context}}", "key": secrets::HTTP_FORM},
        "hmac_secret": secrets::HTTP_HMAC,
        "oauth2": {"client_id": "acme", "client_secret": secrets::HTTP_OAUTH2, "token_url": "https://hooks.example/token"},
        "triggers": {"ticket-created": true, "ticket-updated": false, "ticket-handed-over": false},
    })
}

fn meta(kind: &str, n: usize) -> Value {
    let address = format!("box{n}@inbox.example");
    match kind {
        "email" => json!({"address": address, "import_state": {"count": 9_007_199_254_740_993_i64}}),
        "shopify" => json!({
            "shop_name": "acme",
            "webhooks": [{"topic": "orders/create", "signing_secret": secrets::META_SECRET}],
            "oauth": {"status": "success", "access_token": secrets::META_OAUTH, "scope": "read_orders"},
        }),
        "gorgias_chat" => {
            json!({"app_id": "1001", "Api_Key": secrets::META_API_KEY, "preferences": {"color": "#fff"}})
        }
        "gmail" => json!({
            "address": address,
            "smtp": {"host": "smtp.example", "password": secrets::META_PASSWORD},
            "refresh_token": secrets::META_TOKEN,
            "token_expires": null,
        }),
        _ => json!({}),
    }
}

pub(super) fn revise(row: &mut Small, _: &Options, now: Micros) -> bool {
    row.name = format!("Integration {} v{}", row.id, row.rev);
    row.updated = now;
    row.set([
        ("description", format!("Revision {}", row.rev).into()),
        ("name", row.name.clone().into()),
        ("updated_datetime", iso(now).into()),
    ]);
    true
}
