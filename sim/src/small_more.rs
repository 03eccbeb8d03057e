//! The remaining small tables, shaped as documented; their content hardly matters, their keys do.

use std::collections::BTreeMap;

use crate::options::Options;
use crate::small::{FIRST_PERSON, Small, int, tags, users};
use crate::time::{DAY, Micros, SECOND, iso};

/// Every small table by endpoint name.
pub(crate) fn all(options: &Options) -> BTreeMap<&'static str, Vec<Small>> {
    let calls = options.tickets.min(40);
    BTreeMap::from([
        ("users", users(options)),
        ("tags", tags(options)),
        ("teams", rows(options, 3, 2101, team)),
        ("views", rows(options, 8, 5501, view)),
        ("rules", rows(options, 5, 9001, rule)),
        ("macros", rows(options, 12, 3301, macro_)),
        ("integrations", rows(options, 4, 40_021, integration)),
        ("jobs", rows(options, 6, 7701, job)),
        ("widgets", rows(options, 3, 6601, widget)),
        ("custom-fields", rows(options, 6, 319_825, custom_field)),
        ("phone/voice-calls", rows(options, calls, 880_001, call)),
        ("phone/voice-call-events", rows(options, calls * 3, 990_001, call_event)),
        ("phone/voice-call-recordings", rows(options, calls / 2, 770_001, recording)),
    ])
}

/// One row to be: number, id and creation time.
struct Seed<'a> {
    n: usize,
    id: i64,
    created: Micros,
    at: String,
    options: &'a Options,
}

fn rows(options: &Options, count: usize, first: i64, make: fn(&Seed<'_>) -> Small) -> Vec<Small> {
    let step = (options.end - options.start) / (int(count) + 1);
    (0..count)
        .map(|n| {
            let mut created = options.start + int(n) * step + int(n % 3) * 104_729;
            // Some are made by hand at a whole second.
            if n % 4 == 1 {
                created -= created.rem_euclid(SECOND);
            }
            let seed = Seed { n, id: first + int(n), created, at: iso(created), options };
            Small { id: seed.id, created, ..make(&seed) }
        })
        .collect()
}

fn team(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, options, .. } = seed;
    let (name, decoration) = [
        ("First line", r#"{"emoji":"📞"}"#),
        ("Returns", "null"),
        ("Équipe FR", r#"{"emoji":{"id":"flag-fr","native":"🇫🇷"}}"#),
    ][n % 3];
    let member = FIRST_PERSON + 2 + int(*n);
    let json = format!(
        r#"{{"id":{id},"name":"{name}","description":null,"decoration":{decoration},"members":[{{"id":{member},"name":"Agent {n}","email":"a{n}@{}.example","meta":{{}}}}],"created_datetime":"{at}","uri":"/api/teams/{id}/"}}"#,
        options.domain
    );
    Small { name: name.into(), json, ..Small::default() }
}

fn view(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, .. } = seed;
    let (category, visibility) = [("system", "public"), ("user", "shared"), ("null", "private")][n % 3];
    let category = if category == "null" { category.to_owned() } else { format!("\"{category}\"") };
    let (status, filters) = if n % 2 == 0 { ("", "") } else { ("open", "eq(ticket.status, 'open')") };
    let json = format!(
        r#"{{"id":{id},"category":{category},"created_datetime":"{at}","deactivated_datetime":null,"decoration":{{"emoji":"📥"}},"fields":["details","tags","customer","updated"],"filters":"{filters}","filters_ast":{{"type":"Program","body":[],"sourceType":"script"}},"name":"View {n}","order_by":"updated_datetime","order_dir":"desc","search":null,"shared_with_teams":[],"shared_with_users":[],"section_id":null,"slug":"view-{n}","type":"ticket-list","uri":"/api/views/{id}/","visibility":"{visibility}"}}"#
    );
    Small { name: format!("View {n}"), kind: status.into(), json, ..Small::default() }
}

fn rule(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, .. } = seed;
    let body: Vec<String> = (0..200 * (n % 2) + 1)
        .map(|i| format!(r#"{{"type":"ExpressionStatement","start":{i},"expression":{{"callee":{{"name":"Action"}}}}}}"#))
        .collect();
    let events = if *n == 3 { "null" } else { "\"ticket-created,ticket-message-created\"" };
    let json = format!(
        r#"{{"id":{id},"name":"Rule {n}","description":null,"code":"if (eq(message.from_agent, false)) {{ Action('addTags', {{\"tags\":\"vip\"}}) }}","code_ast":{{"type":"Program","body":[{}]}},"event_types":{events},"priority":{n},"settings":null,"type":"user","created_datetime":"{at}","updated_datetime":"{at}","deactivated_datetime":null,"uri":"/api/rules/{id}/"}}"#,
        body.join(",")
    );
    Small { name: format!("Rule {n}"), json, ..Small::default() }
}

fn macro_(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, created, .. } = seed;
    let archived = *n == 4;
    let language = ["null", "\"en\"", "\"fr\""][n % 3];
    let updated = if n % 2 == 0 { "null".to_owned() } else { format!("\"{}\"", iso(created + DAY)) };
    let json = format!(
        r#"{{"id":{id},"external_id":null,"name":"Macro {n} – réponse","intent":null,"language":{language},"usage":{},"actions":[{{"arguments":{{"body_text":"Hi {{{{ticket.customer.firstname}}}}","body_html":"<p>Hi</p>"}},"name":"setResponseText","title":"Add response text","type":"user"}}],"created_datetime":"{at}","updated_datetime":{updated},"archived_datetime":{},"uri":"/api/macros/{id}/"}}"#,
        n * 3,
        if archived { format!("\"{at}\"") } else { "null".into() }
    );
    Small {
        name: format!("Macro {n}"),
        extra: language.trim_matches('"').into(),
        updated: created + int(n % 2) * DAY,
        weight: int(n * 3),
        archived,
        json,
        ..Small::default()
    }
}

fn integration(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, .. } = seed;
    let kind = ["email", "shopify", "http", "gorgias_chat"][n % 4];
    let http = match kind {
        "http" => {
            r#"{"id":11,"url":"https://hooks.example/x","method":"POST","request_content_type":"application/json","response_content_type":"application/json","headers":null,"form":"{{context}}","triggers":{"ticket-created":true}}"#
        }
        _ => "null",
    };
    let json = format!(
        r#"{{"id":{id},"created_datetime":"{at}","deactivated_datetime":null,"decoration":null,"description":null,"http":{http},"locked_datetime":null,"meta":{{"address":"box{n}@inbox.example","import_state":{{"count":9007199254740993}}}},"name":"Integration {n}","type":"{kind}","updated_datetime":"{at}","user":{{"id":{}}},"uri":"/api/integrations/{id}/","application_id":null,"managed":false,"business_hours_id":null}}"#,
        FIRST_PERSON + 2
    );
    Small { name: format!("Integration {n}"), kind: kind.into(), json, ..Small::default() }
}

fn job(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, .. } = seed;
    let status = ["done", "running", "errored", "scheduled"][n % 4];
    let json = format!(
        r#"{{"id":{id},"cancel_requested_datetime":null,"cancelled_datetime":null,"created_datetime":"{at}","ended_datetime":null,"failed_datetime":null,"info":{{"progress_count":{n}}},"locked_datetime":null,"meta":null,"params":{{"ticket_ids":[82000001,82000002]}},"scheduled_datetime":null,"started_datetime":"{at}","status":"{status}","type":"updateTicket","user_id":{},"uri":"/api/jobs/{id}/"}}"#,
        FIRST_PERSON + 2
    );
    Small { kind: status.into(), json, ..Small::default() }
}

fn widget(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, .. } = seed;
    let json = format!(
        r#"{{"id":{id},"app_id":null,"context":"ticket","created_datetime":"{at}","deactivated_datetime":null,"integration_id":40022,"order":{n},"source_path":["ticket","customer"],"template":{{"type":"wrapper","widgets":[]}},"type":"shopify","updated_datetime":"{at}","uri":"/api/widgets/{id}/"}}"#
    );
    Small { weight: int(*n), json, ..Small::default() }
}

fn custom_field(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, .. } = seed;
    let object = if *n < 4 { "Ticket" } else { "Customer" };
    let json = format!(
        r#"{{"id":{id},"external_id":null,"object_type":"{object}","label":"Field {n}","description":null,"priority":{n},"required":false,"requirement_type":"visible","managed_type":null,"definition":{{"data_type":"text","input_settings":{{"input_type":"dropdown","choices":["gold","silver","été"]}}}},"created_datetime":"{at}","updated_datetime":"{at}","deactivated_datetime":{},"uri":"/api/custom-fields/{id}/"}}"#,
        if *n == 3 { "\"2026-08-26T12:30:00+00:00\"" } else { "null" }
    );
    Small {
        name: format!("Field {n}"),
        kind: object.into(),
        weight: int(*n),
        archived: *n == 3,
        json,
        ..Small::default()
    }
}

fn call(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, .. } = seed;
    let json = format!(
        r#"{{"id":{id},"integration_id":40024,"ticket_id":null,"phone_number_id":12,"external_id":"CA{id:032x}","provider":"twilio","status":"completed","direction":"{}","phone_number_source":"+15550100{n:02}","phone_number_destination":"+15550199","country_source":"US","country_destination":"US","duration":{},"started_datetime":"{at}","created_datetime":"{at}","updated_datetime":"{at}","initiated_by_agent_id":null,"last_answered_by_agent_id":{},"customer_id":null,"has_voicemail":false,"has_call_recording":true}}"#,
        if n % 2 == 0 { "inbound" } else { "outbound" },
        n * 17,
        FIRST_PERSON + 3
    );
    Small { json, ..Small::default() }
}

fn call_event(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, .. } = seed;
    let call = 880_001 + int(n / 3);
    let kind = ["incoming-phone-call", "phone-call-answered", "completed-phone-call"][n % 3];
    let json = format!(
        r#"{{"id":{id},"type":"{kind}","account_id":4242,"call_id":{call},"user_id":null,"customer_id":null,"created_datetime":"{at}","meta":{{}}}}"#
    );
    Small { weight: call, json, ..Small::default() }
}

fn recording(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, .. } = seed;
    let call = 880_001 + int(*n) * 2;
    let json = format!(
        r#"{{"id":{id},"call_id":{call},"external_id":"RE{id:032x}","url":"https://uploads.example/r/{id}.mp3","duration":{},"type":"recording","created_datetime":"{at}","deleted_datetime":null,"deleted_by_user_id":null,"error_code":null}}"#,
        n * 11
    );
    Small { weight: call, json, ..Small::default() }
}
