//! Secrets of other systems that lie in rows: hidden before anything else sees the row, be it a table, a reject or a log.
//!
//! Names and nulls stay, so that it shows what is set and what is not; everything around a hidden value keeps its exact text.
//! What cannot be read is hidden whole. Where nobody knows what a field holds, names and texts tell (`names`, `texts`): rather
//! too much is hidden there than too little.

mod free;
mod names;
mod texts;

use serde_json::value::RawValue;

use self::names::Tells;
use self::texts::{HIDDEN, QUERY};
use super::children::{ordered, quoted};
use super::rows::Rows;
use crate::model::LogicalType;

/// A column of a table: its name, its type, and what it means.
pub type Documented = (&'static str, LogicalType, &'static str);

/// A secret of a row: where it lies, from a field of the row down to a member; `*` is any member or element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    /// All values at or below that place, but those that are null, true, false or an empty text.
    Below(&'static [&'static str]),
    /// In all fields of the row but what is documented as something else than JSON, and is that: values that are called like a
    /// secret, credentials and addresses in texts, and undocumented fields that are called like a secret. In these fields an
    /// object is expected, and a text is hidden whole.
    Anywhere(&'static [&'static str]),
    /// Who asks, and the query of the address at that place.
    Address(&'static [&'static str]),
    /// All of that field, as if it were empty.
    Field(&'static str),
}

impl Secret {
    /// The value of a field without it; `None`: nothing has to be hidden.
    fn hide(self, name: &str, field: &str, columns: &[Documented]) -> Option<String> {
        let path = match self {
            Self::Anywhere(objects) => return anywhere(name, field, columns, objects),
            Self::Field(of) => return (of == name && field != "null").then(|| "null".to_owned()),
            Self::Below(path) | Self::Address(path) => path,
        };
        let (_, path) = path.split_first().filter(|(of, _)| **of == name)?;
        let mut found = Vec::new();
        find(field, path, &mut found);
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
                _ => text.push_str(&free::hide_all(part).unwrap_or_else(|| part.to_owned())),
            }
            done = at + part.len();
        }
        text.push_str(&field[done..]);
        Some(text)
    }
}

/// The same where nobody knows where it lies.
fn anywhere(name: &str, field: &str, columns: &[Documented], objects: &[&str]) -> Option<String> {
    match columns.iter().find(|(column, ..)| *column == name) {
        Some((_, logical, _)) if *logical != LogicalType::Json && !field.starts_with(['{', '[']) => None,
        None if names::tells(name) != Tells::Nothing => free::hide_all(field),
        _ if objects.contains(&name) && field.starts_with('"') => free::hide_text(field),
        _ => free::hide(field),
    }
}

/// The values to hide, in their order.
fn find<'a>(raw: &'a str, path: &[&str], found: &mut Vec<&'a str>) {
    let Some((step, rest)) = path.split_first() else {
        found.extend((raw != "null").then_some(raw));
        return;
    };
    match members(raw) {
        Members::Some(members) => members
            .into_iter()
            .filter(|(name, _)| *step == "*" || name == step)
            .for_each(|(_, value)| find(value, rest, found)),
        Members::None => {}
        Members::Unreadable => found.push(raw),
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
    quoted(&format!("{scheme}{}{}", &rest[who..], if asks { QUERY } else { "" }))
}

impl Rows {
    /// Hides what is a secret in rows of a table with these columns.
    pub fn hide(&mut self, secrets: &[Secret], columns: &[Documented]) {
        for secret in secrets {
            self.change(|name, value| secret.hide(name, value, columns));
        }
    }
}

#[cfg(test)]
mod tests;
