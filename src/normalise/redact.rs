//! Secrets of other systems that lie in rows: hidden before anything else sees the row, be it a table, a reject or a log.
//!
//! Names and nulls stay, so that it shows what is set and what is not; everything around a hidden value keeps its exact text.
//! What cannot be read is hidden whole.

use serde_json::value::RawValue;

use super::children::{ordered, quoted};
use super::rows::Rows;

/// In the place of a value that is hidden.
const HIDDEN: &str = "\"[redacted]\"";
/// Parts of names that say that the value is a secret, in small letters.
const TELLING: [&str; 6] = ["token", "secret", "password", "api_key", "apikey", "oauth"];

/// A secret of a row: where it lies, from a field of the row down to a member; `*` is any member or element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// All values at or below that place.
    Below(&'static [&'static str]),
    /// All values below that place that are called like a secret (token, secret, password, api key, oauth), at any depth.
    Named(&'static [&'static str]),
    /// Who asks, and the query of the address at that place.
    Address(&'static [&'static str]),
    /// All of that field, as if it were empty.
    Field(&'static str),
}

impl Secret {
    /// The field of the row, and the way from there.
    fn place(self) -> (&'static str, &'static [&'static str]) {
        match self {
            Self::Field(field) => (field, &[]),
            Self::Below(path) | Self::Named(path) | Self::Address(path) => {
                path.split_first().map_or(("", &[]), |(field, rest)| (*field, rest))
            }
        }
    }

    /// The value of its field without it; `None`: nothing has to be hidden.
    fn hide(self, field: &str) -> Option<String> {
        if matches!(self, Self::Field(_)) {
            return (field != "null").then(|| "null".to_owned());
        }
        let mut found = Vec::new();
        self.find(field, self.place().1, &mut found);
        if found.is_empty() {
            return None;
        }
        let mut text = String::with_capacity(field.len());
        let mut done = 0;
        for part in found {
            // Each of them is a part of the field, behind the one before.
            let at = part.as_ptr() as usize - field.as_ptr() as usize;
            text.push_str(&field[done..at]);
            match self {
                Self::Address(_) => text.push_str(&bare(part)),
                _ => text.push_str(HIDDEN),
            }
            done = at + part.len();
        }
        text.push_str(&field[done..]);
        Some(text)
    }

    /// The values to hide, in their order.
    fn find<'a>(self, raw: &'a str, path: &[&str], found: &mut Vec<&'a str>) {
        let Some((step, rest)) = path.split_first() else {
            return match self {
                Self::Named(_) => telling(raw, found),
                _ => values(raw, found),
            };
        };
        match members(raw) {
            Members::Some(members) => members
                .into_iter()
                .filter(|(name, _)| *step == "*" || name == step)
                .for_each(|(_, value)| self.find(value, rest, found)),
            Members::None => {}
            Members::Unreadable => found.push(raw),
        }
    }
}

/// What a value holds.
enum Members<'a> {
    None,
    /// Elements have no name.
    Some(Vec<(String, &'a str)>),
    /// It is JSON, and nested too deep to be looked at.
    Unreadable,
}

fn members(raw: &str) -> Members<'_> {
    let found = match raw.as_bytes().first() {
        Some(b'{') => {
            ordered(raw).map(|fields| fields.into_iter().map(|(name, value)| (name, value.get())).collect())
        }
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(raw)
            .ok()
            .map(|elements| elements.into_iter().map(|value| (String::new(), value.get())).collect()),
        _ => return Members::None,
    };
    found.map_or(Members::Unreadable, Members::Some)
}

/// All values that hold no others; null hides nothing.
fn values<'a>(raw: &'a str, found: &mut Vec<&'a str>) {
    match members(raw) {
        Members::Some(members) => members.into_iter().for_each(|(_, value)| values(value, found)),
        Members::None if raw == "null" => {}
        Members::None | Members::Unreadable => found.push(raw),
    }
}

fn telling<'a>(raw: &'a str, found: &mut Vec<&'a str>) {
    match members(raw) {
        Members::Some(members) => {
            for (name, value) in members {
                let name = name.to_lowercase();
                match TELLING.iter().any(|part| name.contains(part)) {
                    true => values(value, found),
                    false => telling(value, found),
                }
            }
        }
        Members::None => {}
        Members::Unreadable => found.push(raw),
    }
}

/// An address without who asks and without what is asked.
fn bare(raw: &str) -> String {
    let Ok(address) = serde_json::from_str::<String>(raw) else { return HIDDEN.to_owned() };
    let (place, asks) = match address.split_once(['?', '#']) {
        Some((place, _)) => (place, true),
        None => (address.as_str(), false),
    };
    let (scheme, rest) = place.split_once("://").map_or((None, place), |(scheme, rest)| (Some(scheme), rest));
    let host = rest.split('/').next().unwrap_or_default();
    let who = host.rfind('@').map_or(0, |at| at + 1);
    let scheme = scheme.map(|scheme| format!("{scheme}://")).unwrap_or_default();
    quoted(&format!("{scheme}{}{}", &rest[who..], if asks { "?[redacted]" } else { "" }))
}

impl Rows {
    /// Hides what is a secret.
    pub fn hide(&mut self, secrets: &[Secret]) {
        for secret in secrets {
            self.change(secret.place().0, |value| secret.hide(value));
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn hidden(secrets: &[Secret], row: &str) -> Vec<(String, String)> {
        let (mut rows, _) = Rows::parse(Bytes::from(format!("[{row}]"))).unwrap();
        rows.hide(secrets);
        let row = rows.row(0);
        row.fields().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn one(secret: Secret, value: &str) -> String {
        hidden(&[secret], &format!(r#"{{"id":1,"data":{value}}}"#)).remove(1).1
    }

    #[test]
    fn what_is_hidden_is_the_value_and_nothing_around_it() {
        let below = Secret::Below(&["data", "providers", "*", "client_secret"]);
        assert_eq!(
            one(
                below,
                r#"{ "providers": {"a":{"client_secret":"x\"y", "n":1.50}, "b":{"client_secret":null}},"z":9007199254740993}"#
            ),
            r#"{ "providers": {"a":{"client_secret":"[redacted]", "n":1.50}, "b":{"client_secret":null}},"z":9007199254740993}"#
        );
        assert_eq!(one(below, r#"{"providers":[]}"#), r#"{"providers":[]}"#);
        assert_eq!(
            one(Secret::Below(&["data", "headers"]), r#"{"headers":{"A":"x","B":["y",{"c":2}]},"url":"u"}"#),
            r#"{"headers":{"A":"[redacted]","B":["[redacted]",{"c":"[redacted]"}]},"url":"u"}"#
        );
        assert_eq!(
            one(
                Secret::Named(&["data"]),
                r#"[{"Access_Token":"x","deep":{"my_secret_key":{"k":1}},"name":"n"}]"#
            ),
            r#"[{"Access_Token":"[redacted]","deep":{"my_secret_key":{"k":"[redacted]"}},"name":"n"}]"#
        );
        assert_eq!(one(Secret::Field("data"), r#"{"a":1}"#), "null");
        assert_eq!(one(Secret::Field("other"), r#"{"a":1}"#), r#"{"a":1}"#);
    }

    #[test]
    fn an_address_keeps_where_it_leads() {
        let secret = Secret::Address(&["data", "url"]);
        for (from, to) in [
            ("https://a.example/x?key=1", "https://a.example/x?[redacted]"),
            ("https://u:p@a.example/x#t", "https://a.example/x?[redacted]"),
            ("https://a.example/x@y", "https://a.example/x@y"),
            ("a.example", "a.example"),
        ] {
            assert_eq!(one(secret, &format!(r#"{{"url":"{from}"}}"#)), format!(r#"{{"url":"{to}"}}"#));
        }
        assert_eq!(one(secret, r#"{"url":7}"#), r#"{"url":"[redacted]"}"#);
    }

    #[test]
    fn what_cannot_be_read_is_hidden_whole() {
        let deep = format!("{}1{}", "[".repeat(200), "]".repeat(200));
        assert!(!one(Secret::Named(&["data"]), &format!(r#"{{"token":{deep}}}"#)).contains('1'));
        // A value that is no JSON, and the row around it, would show in a reject.
        let body = "[{\"id\":1,\"data\":{\"token\":\"se\tcret\"}},{\"id\":NaN}]";
        let (mut rows, _) = Rows::parse(Bytes::from(body)).unwrap();
        rows.hide(&[Secret::Named(&["data"])]);
        for row in rows.iter() {
            assert!(row.is_object());
            assert!(
                row.fields().all(|(_, value)| !value.contains("cret\"")),
                "{:?}",
                row.fields().collect::<Vec<_>>()
            );
            assert!(row.damages().all(|damage| damage.text == "[redacted]"));
            assert_eq!(row.received().as_deref(), Some("[redacted]"));
        }
    }
}
