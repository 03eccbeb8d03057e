//! What a desk is set up with: the same three changes for each list, and the events that tell of them.

use crate::account::Account;
use crate::desk::voice::{CALLS, RECORDINGS};
use crate::desk::{self, Kind};
use crate::model::EventData;
use crate::small::Small;
use crate::time::Micros;

/// The events of a list: type of object, then what tells of a new, a changed and a deleted row. Some tell nothing.
fn events(list: &str) -> (&'static str, [&'static str; 3]) {
    match list {
        "users" => ("User", ["user-created", "user-updated", "user-deleted"]),
        "tags" => ("Tag", ["tag-created", "tag-renamed", "tag-deleted"]),
        "teams" => ("Team", ["team-created", "team-updated", "team-deleted"]),
        "views" => ("View", ["view-created", "view-updated", "view-deleted"]),
        "rules" => ("Rule", ["rule-created", "rule-updated", "rule-deleted"]),
        "macros" => ("Macro", ["macro-created", "macro-updated", "macro-deleted"]),
        "integrations" => {
            ("Integration", ["integration-created", "integration-updated", "integration-deleted"])
        }
        "widgets" => ("Widget", ["widget-created", "widget-updated", "widget-deleted"]),
        "custom-fields" => ("CustomField", ["custom-field-created", "custom-field-updated", ""]),
        "account" => ("Account", ["", "account-updated", ""]),
        "account/settings" => ("AccountSetting", ["account-setting-created", "account-setting-updated", ""]),
        _ => ("", ["", "", ""]),
    }
}

impl Account {
    fn tell(&mut self, list: &str, what: usize, id: i64, now: Micros) {
        let (object, kinds) = events(list);
        if !kinds[what].is_empty() {
            self.event((kinds[what], object), id, EventData::None, now);
        }
    }

    fn small_mut(&mut self, list: &str, id: i64) -> Option<&mut Small> {
        self.data.small.get_mut(list)?.iter_mut().find(|row| row.id == id)
    }

    pub(super) fn create_row(&mut self, list: &str, now: Micros) -> Option<i64> {
        match list {
            "tags" => return Some(self.create_tag(now)),
            "users" => return Some(self.create_user(now)),
            CALLS => return Some(self.data.add_call(now)),
            _ => {}
        }
        let kind = Kind::of(list)?;
        let made = self.data.last.desk.entry(kind.list).or_insert(kind.count);
        let row = kind.row(&self.options, *made, now);
        *made += 1;
        let id = row.id;
        self.data.small.entry(kind.list).or_default().push(row);
        self.tell(list, 0, id, now);
        Some(id)
    }

    pub(super) fn update_row(&mut self, list: &str, id: i64, now: Micros) -> Option<i64> {
        match list {
            "tags" => return self.rename_tag(id, now),
            "users" => return self.update_user(id, now),
            CALLS => return self.advance_call(id, now),
            RECORDINGS => return self.update_recording(id),
            "account" => self.data.account_rev = self.data.account_rev.wrapping_add(1),
            _ => {
                let kind = Kind::of(list)?;
                let options = self.options.clone();
                let row = self.small_mut(list, id)?;
                row.rev = row.rev.wrapping_add(1);
                if !(kind.revise)(row, &options, now) {
                    return None;
                }
            }
        }
        self.tell(list, 1, id, now);
        Some(id)
    }

    pub(super) fn delete_row(&mut self, list: &str, id: i64, now: Micros) -> Option<i64> {
        let list = match list {
            "jobs" => return desk::cancel(self.small_mut(list, id)?, now).then_some(id),
            RECORDINGS => return self.delete_recording(id, now),
            "custom-fields" => return None,
            "tags" => "tags",
            "users" => "users",
            _ => Kind::of(list)?.list,
        };
        let (object, [.., deleted]) = events(list);
        self.delete_small(list, id, (deleted, object), now)
    }

    pub(super) fn retire_row(&mut self, list: &str, id: i64, retired: bool, now: Micros) -> Option<i64> {
        self.small_mut(list, id)?.retire(list, retired, now).then_some(())?;
        match (list, retired) {
            ("macros", _) => {}
            ("rules", true) => self.event(("rule-deactivated", "Rule"), id, EventData::None, now),
            ("rules", false) => self.event(("rule-reactivated", "Rule"), id, EventData::None, now),
            ("integrations", true) => {
                self.event(("integration-deactivated", "Integration"), id, EventData::None, now);
            }
            ("integrations", false) => {
                self.event(("integration-reactivated", "Integration"), id, EventData::None, now);
            }
            _ => self.tell(list, 1, id, now),
        }
        Some(id)
    }

    pub(super) fn use_macro(&mut self, id: i64) -> Option<i64> {
        let row = self.small_mut("macros", id)?;
        row.weight += 1;
        row.set([("usage", row.weight.into())]);
        Some(id)
    }
}
