//! Small tables: rows kept as finished JSON, because there are few and hardly any of them ever changes. Users and tags are here.

use serde_json::{Map, Value};

use crate::json::escape;
use crate::options::Options;
use crate::render::View;
use crate::text::{AGENTS, TAGS};
use crate::time::{DAY, Micros, SECOND, iso};

/// A row of a small table: its text and what its lists filter and sort by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Small {
    pub(crate) id: i64,
    pub(crate) created: Micros,
    pub(crate) updated: Micros,
    pub(crate) name: String,
    /// Email of a user; language of a macro; type of a job; integration of a widget.
    pub(crate) extra: String,
    /// Role of a user, object type of a custom field, type of an integration, status of a job or call, tag that a macro
    /// gives, what a view shows.
    pub(crate) kind: String,
    /// Usage, priority or order; ticket of a call; call of a recording or of an event.
    pub(crate) weight: i64,
    /// Archived or deactivated.
    pub(crate) archived: bool,
    pub(crate) rev: u16,
    pub(crate) json: String,
    /// The form inside tickets.
    pub(crate) embedded: String,
    /// The form as a sender of messages.
    pub(crate) person: String,
}

impl Small {
    /// Gives fields of the row other values; the others keep theirs, and their order.
    pub(crate) fn set<const N: usize>(&mut self, fields: [(&str, Value); N]) {
        let Ok(mut row) = serde_json::from_str::<Map<String, Value>>(&self.json) else { return };
        row.extend(fields.map(|(name, value)| (name.to_owned(), value)));
        self.json = Value::Object(row).to_string();
    }

    /// Deactivates the row, archives it if it is a macro, or takes that back. False: its list has no such thing, or it is so
    /// already.
    pub(crate) fn retire(&mut self, list: &str, retired: bool, now: Micros) -> bool {
        const DATED: [&str; 5] = ["users", "rules", "integrations", "widgets", "custom-fields"];
        let has_it = DATED.contains(&list) || matches!(list, "views" | "macros");
        if !has_it || self.archived == retired {
            return false;
        }
        self.archived = retired;
        let date = if retired { Value::from(iso(now)) } else { Value::Null };
        self.set([(if list == "macros" { "archived_datetime" } else { "deactivated_datetime" }, date)]);
        if list == "users" {
            self.set([("active", (!retired).into())]);
        }
        // That of a macro stays, as far as is known.
        if DATED.contains(&list) {
            self.updated = now;
            self.set([("updated_datetime", iso(now).into())]);
        }
        true
    }
}

/// Shared by users and customers; users come first in an account's life.
pub(crate) const FIRST_PERSON: i64 = 519_543_243;
const FIRST_TAG: i64 = 1_812_970;

pub(crate) fn users(options: &Options) -> Vec<Small> {
    let mut users: Vec<Small> =
        (0..AGENTS.len()).map(|n| user(options, FIRST_PERSON + int(n), n, 0)).collect();
    // One has left: the list shows them, and so do tickets.
    if let Some(left) = users.last_mut() {
        left.retire("users", true, left.created + (options.end - left.created) / 2);
    }
    users
}

/// One agent or bot, at one revision.
pub(crate) fn user(options: &Options, id: i64, n: usize, rev: u16) -> Small {
    let (first, last) = AGENTS[n % AGENTS.len()];
    let role = match n {
        0 | 1 => "bot",
        2 => "admin",
        n => ["agent", "basic-agent", "lite-agent", "observer-agent"][n % 4],
    };
    let email = match n {
        // A bot's address is none.
        1 => "bot@00aa11bb22cc33dd44ee55ff".to_owned(),
        2 => options.email.clone(),
        n => format!("{}{n}@{}.example", first.to_lowercase().replace('é', "e"), options.domain),
    };
    let created = options.start + int(n) * 3600 * SECOND + 166_167;
    let updated = created + 4809 + i64::from(rev) * DAY;
    let client = if n == 1 { "\"00aa11bb22cc33dd44ee55ff\"" } else { "null" };
    let meta = match n % 3 {
        0 => "{}",
        1 => r#"{"sso":null,"profile_picture_url":null}"#,
        _ => r#"{"sso":"google","name_set_via":"agent"}"#,
    };
    let timezone = if n < 2 { "null" } else { "\"Europe/Paris\"" };
    let bio = if rev > 0 { format!("\"Revision {rev}\"") } else { "null".to_owned() };
    let name = format!("{first} {last}");
    let json = format!(
        r#"{{"id":{id},"active":true,"bio":{bio},"created_datetime":"{}","country":null,"deactivated_datetime":null,"email":"{email}","external_id":null,"firstname":"{first}","has_password":{},"has_2fa_enabled":false,"lastname":"{last}","language":null,"meta":{meta},"name":"{name}","role":{{"name":"{role}"}},"timezone":{timezone},"updated_datetime":"{}","client_id":{client},"uri":"https://{}.gorgias.com/api/users/{id}/"}}"#,
        iso(created),
        n == 2,
        iso(updated),
        options.domain,
    );
    let person = format!(
        r#"{{"id":{id},"email":"{email}","name":"{name}","firstname":"{first}","lastname":"{last}","meta":{meta}}}"#
    );
    let embedded = format!("{},\"bio\":null}}", person.strip_suffix('}').unwrap_or(&person));
    Small {
        id,
        created,
        updated,
        name,
        extra: email,
        kind: role.into(),
        rev,
        json,
        embedded,
        person,
        ..Small::default()
    }
}

pub(crate) fn tags(options: &Options) -> Vec<Small> {
    (0..TAGS.len()).map(|n| tag(options, FIRST_TAG + int(n), TAGS[n], 0)).collect()
}

/// One tag; its name carries the revision once it was renamed.
pub(crate) fn tag(options: &Options, id: i64, base: &str, rev: u16) -> Small {
    let name = if rev == 0 { base.to_owned() } else { format!("{base} v{rev}") };
    // The tags an account is born with were created within a microsecond of each other.
    let created = options.start + 46 * SECOND + (id - FIRST_TAG) / 4;
    let decoration =
        if id % 3 == 0 { "{}".to_owned() } else { format!("{{\"color\":\"#{:06x}\"}}", id % 0xFF_FFFF) };
    let text = escape(&name, false);
    let weight = (id * 7919) % 50;
    let json = format!(
        r#"{{"id":{id},"decoration":{decoration},"description":{},"name":"{text}","usage":{weight},"uri":"/api/tags/{id}/","created_datetime":"{}","deleted_datetime":null}}"#,
        if id % 4 == 0 { "\"Says what \\\"it\\\" is for\"" } else { "null" },
        iso(created),
    );
    let embedded = format!(r#"{{"id":{id},"name":"{text}","decoration":{decoration}}}"#);
    Small { id, created, name, weight, rev, json, embedded, ..Small::default() }
}

/// The n-th of the account's first tags.
pub(crate) fn tag_id(n: usize) -> i64 {
    FIRST_TAG + int(n)
}

/// The n-th of the account's first tags as a ticket shows it; none when tickets show the present and it is deleted.
pub(crate) fn tag_embedded<'a>(view: View<'a>, n: usize) -> Option<std::borrow::Cow<'a, str>> {
    let id = tag_id(n);
    let rows = view.data.small.get("tags")?;
    match rows.binary_search_by_key(&id, |row| row.id) {
        Ok(at) if view.options.live_embeds || rows[at].rev == 0 => Some(rows[at].embedded.as_str().into()),
        _ if view.options.live_embeds => None,
        _ => Some(tag(view.options, id, TAGS[n], 0).embedded.into()),
    }
}

pub(crate) fn int(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}
