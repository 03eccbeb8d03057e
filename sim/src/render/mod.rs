//! Rows as JSON, key for key as recorded.

mod customer;
mod deep;
mod event;
mod fields;
mod letter;
mod message;
mod ticket;

pub(crate) use customer::customer;
pub(crate) use deep::{deep_customer, deep_ticket};
pub(crate) use event::{event, survey};
pub(crate) use fields::values;
pub(crate) use message::{Form, message};
pub(crate) use ticket::{ticket, ticket_item};

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::dice::Dice;
use crate::json::Out;
use crate::model::{Data, Ticket};
use crate::options::Options;
use crate::text::{FIRST, LAST, Word};

/// What rendering may look at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct View<'a> {
    pub(crate) options: &'a Options,
    pub(crate) data: &'a Data,
}

/// Which table a row's dice belong to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of {
    Person = 1,
    Ticket,
    Message,
    Body,
    Letter,
    Thread,
    Fields,
}

impl View<'_> {
    pub(crate) fn dice(&self, of: Of, id: i64, rev: u16) -> Dice {
        Dice::of([self.options.seed, of as u64, id.unsigned_abs(), u64::from(rev)])
    }

    /// The revision whose name an embedded customer shows.
    pub(crate) fn shown_rev(&self, customer: i64, written: u16) -> u16 {
        if self.options.live_embeds { self.data.customer_rev(customer) } else { written }
    }
}

/// Name, address and `meta` of a customer at one revision.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Person {
    pub(crate) id: i64,
    pub(crate) rev: u16,
    pub(crate) names: Option<(&'static Word, &'static Word)>,
    pub(crate) meta: &'static str,
    pub(crate) has_email: bool,
}

impl Person {
    pub(crate) fn of(view: View<'_>, id: i64, rev: u16) -> Person {
        let mut dice = view.dice(Of::Person, id, rev);
        // One in twelve has no name: `name` is then null while the parts are "".
        let names = (dice.below(12) > 0).then(|| (dice.pick(&FIRST), dice.pick(&LAST)));
        let meta = dice.text(&["null", "{}", r#"{"name_set_via":"agent"}"#, r#"{"name_set_via":"email"}"#]);
        Person { id, rev, names, meta, has_email: dice.below(15) > 0 }
    }

    pub(crate) fn email(&self, out: &mut Out) {
        if self.has_email {
            out.raw("\"customer").int(self.id);
            if self.rev > 0 {
                out.raw("+").int(i64::from(self.rev));
            }
            out.raw("@mail.example\"");
        } else {
            out.raw("null");
        }
    }

    pub(crate) fn name(&self, out: &mut Out) {
        match self.names {
            Some((first, last)) => out.raw("\"").word(first).raw(" ").word(last).raw("\""),
            None => out.raw("null"),
        };
    }

    /// `"email":…,"name":…,"firstname":…,"lastname":…`: the run of keys every form of a person shares.
    pub(crate) fn identity(&self, out: &mut Out) {
        out.raw("\"email\":");
        self.email(out);
        out.raw(",\"name\":");
        self.name(out);
        match self.names {
            Some((first, last)) => {
                out.raw(",\"firstname\":\"").word(first).raw("\",\"lastname\":\"").word(last).raw("\"")
            }
            None => out.raw(",\"firstname\":\"\",\"lastname\":\"\""),
        };
    }

    /// The embedded form.
    pub(crate) fn embedded(&self, out: &mut Out) {
        out.raw("{\"id\":").int(self.id).raw(",");
        self.identity(out);
        out.raw(",\"meta\":").raw(self.meta).raw("}");
    }
}

/// The tags of a ticket as an array of their own: whole rows, as far as the tags are still there.
pub(crate) fn tags_of(view: View<'_>, row: &Ticket) -> String {
    const KEYS: [&str; 8] =
        ["id", "created_datetime", "decoration", "deleted_datetime", "description", "name", "usage", "uri"];
    let ids = ticket::tag_ids(&ticket::Face::of(view, row));
    let rows = ids.into_iter().filter_map(|id| crate::list::small(view, "tags", id)).filter_map(|row| {
        let row: BTreeMap<&str, &RawValue> = serde_json::from_str(&row.json).ok()?;
        let parts = KEYS.iter().filter_map(|key| Some(format!("\"{key}\":{}", row.get(key)?.get())));
        Some(format!("{{{}}}", parts.collect::<Vec<_>>().join(",")))
    });
    format!("[{}]", rows.collect::<Vec<_>>().join(","))
}
