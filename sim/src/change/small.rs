//! Tags and users, whose rows are rendered anew when they change, and deletions of all small tables.

use crate::account::Account;
use crate::model::EventData;
use crate::small::{tag, user};
use crate::text::TAGS;
use crate::time::{Micros, iso};

impl Account {
    pub(super) fn create_tag(&mut self, now: Micros) -> i64 {
        self.data.last.tag += 1;
        let id = self.data.last.tag;
        let mut row = tag(&self.options, id, &format!("tag {id}"), 0);
        row.json = row.json.replace(&iso(row.created), &iso(now));
        row.created = now;
        self.data.small.entry("tags").or_default().push(row);
        self.event(("tag-created", "Tag"), id, EventData::None, now);
        id
    }

    pub(super) fn rename_tag(&mut self, id: i64, now: Micros) -> Option<i64> {
        let rows = self.data.small.get_mut("tags")?;
        let at = rows.iter().position(|row| row.id == id)?;
        let old = rows[at].clone();
        let first = self.data.small.get("tags")?.first()?.id;
        // Tags made later have names of their own.
        let base = usize::try_from(id - first)
            .ok()
            .and_then(|n| TAGS.get(n))
            .map_or(format!("tag {id}"), |name| (*name).into());
        let mut row = tag(&self.options, id, &base, old.rev.wrapping_add(1));
        row.json = row.json.replace(&iso(row.created), &iso(old.created));
        row.created = old.created;
        self.data.small.get_mut("tags")?[at] = row;
        self.event(("tag-renamed", "Tag"), id, EventData::None, now);
        Some(id)
    }

    pub(super) fn create_user(&mut self, now: Micros) -> i64 {
        self.data.last.person += 1;
        let id = self.data.last.person;
        let n = self.data.small.get("users").map_or(0, Vec::len).max(3);
        let mut row = user(&self.options, id, n, 0);
        row.json = row.json.replace(&iso(row.created), &iso(now)).replace(&iso(row.updated), &iso(now + 4));
        (row.created, row.updated) = (now, now + 4);
        self.data.small.entry("users").or_default().push(row);
        self.event(("user-created", "User"), id, EventData::None, now);
        id
    }

    pub(super) fn update_user(&mut self, id: i64, now: Micros) -> Option<i64> {
        let at = self.data.small.get("users")?.iter().position(|row| row.id == id)?;
        let row = &mut self.data.small.get_mut("users")?[at];
        let old = if row.rev == 0 {
            "\"bio\":null".to_owned()
        } else {
            format!("\"bio\":\"Revision {}\"", row.rev)
        };
        row.rev = row.rev.wrapping_add(1);
        let (from, to) = (
            format!("\"updated_datetime\":\"{}\"", iso(row.updated)),
            format!("\"updated_datetime\":\"{}\"", iso(now)),
        );
        row.json = row.json.replace(&old, &format!("\"bio\":\"Revision {}\"", row.rev)).replace(&from, &to);
        row.updated = now;
        self.event(("user-updated", "User"), id, EventData::None, now);
        Some(id)
    }

    pub(super) fn delete_small(
        &mut self,
        table: &'static str,
        id: i64,
        kind: (&'static str, &'static str),
        now: Micros,
    ) -> Option<i64> {
        let rows = self.data.small.get_mut(table)?;
        let at = rows.iter().position(|row| row.id == id)?;
        // Tickets and messages name the agents of the beginning by position.
        if table == "users" && at < crate::text::AGENTS.len() {
            return None;
        }
        rows.remove(at);
        self.bury(table, id, None, now);
        if !kind.0.is_empty() {
            self.event(kind, id, EventData::None, now);
        }
        Some(id)
    }

    pub(super) fn log_in(&mut self, user: i64, now: Micros) -> Option<i64> {
        self.data.small.get("users")?.iter().find(|row| row.id == user)?;
        self.event(("user-logged-in", "User"), user, EventData::Login, now);
        Some(user)
    }
}
