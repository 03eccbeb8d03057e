//! Lists that cannot be read, while all others can.

use super::{account, get, json, read};
use crate::{Account, Denial, DenyList, Options};

#[test]
fn one_list_is_refused_or_not_there() {
    let all: Vec<&str> = crate::tables().chain(["account", "account/settings"]).collect();
    for list in &all {
        for (how, status) in [(Denial::Forbidden, 403), (Denial::Missing, 404)] {
            let deny_lists = vec![DenyList::of(list, how).unwrap()];
            let mut account = Account::new(Options { unlimited: true, deny_lists, ..Options::default() });
            for other in &all {
                let query = if *other == "custom-fields" { "?object_type=Ticket" } else { "" };
                let wanted = if other == list { status } else { 200 };
                let answer = get(&mut account, &format!("/api/{other}{query}"));
                assert_eq!(answer.status, wanted, "{list} {status}: {other}");
                if let Some(id) =
                    account.ids(other).first().filter(|_| !matches!(*other, "messages" | "account/settings"))
                {
                    let one = get(&mut account, &format!("/api/{other}/{id}"));
                    assert_eq!(one.status, wanted, "{list} {status}: a row of {other}");
                }
            }
            account.deny_lists(Vec::new());
            assert_eq!(get(&mut account, "/api/users/0").status, 200);
        }
    }
}

#[test]
fn the_scope_that_is_missing_is_named() {
    let mut account = account();
    account.deny_lists(vec!["voice-calls=403".parse().unwrap(), "teams=403".parse().unwrap()]);
    for (path, scope) in [("/api/phone/voice-calls", "phone:read"), ("/api/teams/2101", "users:read")] {
        let says =
            format!("You do not have enough permissions to perform this action. Missing scope: {scope}.");
        assert_eq!(json(&get(&mut account, path)), serde_json::json!({"error": {"msg": says}}));
    }
    assert_eq!(read(&mut account, "/api/users?limit=1")["data"].as_array().unwrap().len(), 1);
}

#[test]
fn lists_to_deny_are_read_strictly() {
    let read = |text: &str| text.parse::<DenyList>();
    assert_eq!(read("phone/voice-calls=404"), read("voice-calls=404"));
    assert_eq!(read("account/settings=403").unwrap().list, "account/settings");
    for (text, says) in [
        ("voice-calls", "write it like voice-calls=403"),
        ("voice-calls=500", "`500` is not 403 or 404"),
        ("calls=403", "there is no list `calls`"),
    ] {
        assert_eq!(read(text), Err(says.into()));
    }
}
