//! Teams. They have no date of their last change.

use serde_json::{Value, json};

use super::Seed;
use crate::options::Options;
use crate::small::{FIRST_PERSON, Small, int, user};
use crate::time::Micros;

pub(super) fn make(seed: &Seed<'_>) -> Small {
    let Seed { n, id, at, options, .. } = seed;
    let (name, decoration) = [
        ("First line", r#"{"emoji":"📞"}"#),
        ("Returns", "null"),
        ("Équipe FR", r#"{"emoji":{"id":"flag-fr","native":"🇫🇷"}}"#),
    ][n % 3];
    let name = if *n < 3 { name.to_owned() } else { format!("{name} {id}") };
    // Two agents, one, and a team without any.
    let members: Vec<Value> = (n % 3..2).map(|agent| member(options, 2 + agent)).collect();
    let json = format!(
        r#"{{"id":{id},"uri":"/api/teams/{id}/","name":"{name}","description":null,"decoration":{decoration},"members":{},"created_datetime":"{at}"}}"#,
        Value::from(members),
    );
    Small { name, json, ..Small::default() }
}

/// An agent, by position.
fn member(options: &Options, n: usize) -> Value {
    let user = user(options, FIRST_PERSON + int(n), n, 0);
    json!({"id": user.id, "name": user.name, "email": user.extra, "meta": {}})
}

/// Another name, and other members.
pub(super) fn revise(row: &mut Small, options: &Options, _: Micros) -> bool {
    let rev = usize::from(row.rev);
    row.name = format!("Team {} v{rev}", row.id);
    let members: Vec<Value> = (0..rev % 4).map(|n| member(options, 2 + (rev + n) % 8)).collect();
    row.set([("name", row.name.clone().into()), ("members", members.into())]);
    true
}
