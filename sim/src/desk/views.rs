//! Views: system views and those that people made, one of them a list of customers. They have no date of their last change.

use serde_json::json;

use super::Seed;
use crate::options::Options;
use crate::small::Small;
use crate::time::Micros;

/// `kind` of a view of open tickets, and of one of customers.
pub(crate) const OPEN: &str = "open";
pub(crate) const CUSTOMERS: &str = "customers";

pub(super) fn make(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, .. } = seed;
    let (category, visibility) = match n {
        0..6 => ("system", "public"),
        n => ("user", ["shared", "private"][n % 2]),
    };
    let (kind, list, filters) = match n {
        10 => (CUSTOMERS, "customer-list", "isNotEmpty(customer.email)"),
        n if n % 2 == 0 => ("", "ticket-list", ""),
        _ => (OPEN, "ticket-list", "eq(ticket.status, 'open')"),
    };
    let order = ["updated_datetime", "last_message_datetime", "created_datetime", "snooze_datetime"][n % 4];
    let decoration = if *n == 7 { r#"{"emoji":"📥"}"# } else { "null" };
    let json = format!(
        r#"{{"id":{id},"category":"{category}","created_datetime":"{at}","deactivated_datetime":null,"decoration":{decoration},"fields":["details","tags","customer","updated"],"filters":"{filters}","filters_ast":{{"type":"Program","body":[],"sourceType":"script"}},"name":"View {n}","order_by":"{order}","order_dir":"{}","search":null,"shared_with_teams":[],"shared_with_users":[],"section_id":null,"slug":"view-{n}","type":"{list}","uri":"/api/views/{id}/","visibility":"{visibility}"}}"#,
        if n % 3 == 2 { "asc" } else { "desc" },
    );
    Small { name: format!("View {n}"), kind: kind.into(), json, ..Small::default() }
}

/// Another name, another order, shared with a team more.
pub(super) fn revise(row: &mut Small, _: &Options, _: Micros) -> bool {
    let rev = usize::from(row.rev);
    row.name = format!("View {} v{rev}", row.id);
    let teams: Vec<i64> = (2101..).take(rev % 3).collect();
    row.set([
        ("name", row.name.clone().into()),
        ("fields", json!(["details", "tags", "customer", "updated"][rev % 3..])),
        ("order_dir", ["desc", "asc"][rev % 2].into()),
        ("shared_with_teams", teams.into()),
    ]);
    true
}
