//! Random changes, weighted roughly like a help desk's day.

use std::collections::BTreeMap;

use fastrand::Rng;

use super::Change;
use crate::account::Account;
use crate::time::{DAY, Maybe, Micros, SECOND};

/// Some key of a map: random, though not evenly so.
pub(super) fn key<T>(rng: &mut Rng, map: &BTreeMap<i64, T>) -> Option<i64> {
    let (first, last) = (*map.first_key_value()?.0, *map.last_key_value()?.0);
    map.range(rng.i64(first..=last)..).next().map(|(id, _)| *id)
}

impl Account {
    /// Picks a change that can happen and lets it happen.
    pub fn random_change(&mut self, rng: &mut Rng, now: Micros) -> Change {
        loop {
            let change = self.pick(rng, now).unwrap_or(Change::CreateTicket { customer: None });
            let silent = match change {
                Change::DeleteMessage { .. } => true,
                Change::MergeCustomers { .. } => !self.options.merge_bumps_customer,
                _ => false,
            };
            if silent && !self.options.silent_changes {
                continue;
            }
            if self.apply(change.clone(), now).is_some() {
                self.happen_besides(now);
                return change;
            }
        }
    }

    fn pick(&self, rng: &mut Rng, now: Micros) -> Option<Change> {
        let data = &self.data;
        let ticket = key(rng, &data.tickets)?;
        let other = key(rng, &data.tickets)?;
        let message = key(rng, &data.messages);
        let customer = key(rng, &data.customers);
        let survey = key(rng, &data.surveys);
        Some(match rng.u8(0..100) {
            0..12 => Change::CreateTicket { customer: customer.filter(|_| rng.bool()) },
            12..15 => {
                Change::ImportTicket { created: now - rng.i64(DAY..3000 * DAY), messages: rng.usize(1..6) }
            }
            15..27 => Change::UpdateTicket { ticket },
            27..33 => Change::ToggleTicket { ticket },
            33..51 => Change::AddMessage { ticket, from_agent: rng.bool() },
            51..58 => delivery(rng, message?, now),
            58..62 => Change::EditMessage { message: message? },
            62..66 => Change::DeleteMessage { message: message? },
            66..69 => Change::CreateSurvey { ticket },
            69..71 => Change::SendSurvey { survey: survey? },
            71..74 => Change::ScoreSurvey { survey: survey?, score: rng.u8(1..=5) },
            74..77 if data.tickets.get(&ticket)?.trashed == Maybe::NONE => Change::TrashTicket { ticket },
            74..77 => Change::UntrashTicket { ticket },
            77..81 => Change::DeleteTicket { ticket },
            81..84 => Change::MergeTickets { source: ticket, target: other },
            84..87 => Change::CreateCustomer,
            87..91 => Change::UpdateCustomer { customer: customer? },
            91..93 => Change::DeleteCustomer { customer: customer? },
            93..95 => Change::MergeCustomers { source: customer?, target: key(rng, &data.customers)? },
            95 => Change::CreateTag,
            96 => Change::RenameTag { tag: self.some(rng, "tags")? },
            97 => Change::DeleteTag { tag: self.some(rng, "tags")? },
            98 => Change::CreateUser,
            _ if rng.bool() => Change::UpdateUser { user: self.some(rng, "users")? },
            _ => Change::DeleteUser { user: self.some(rng, "users")? },
        })
    }

    pub(super) fn some(&self, rng: &mut Rng, table: &str) -> Option<i64> {
        let rows = self.data.small.get(table).filter(|rows| !rows.is_empty())?;
        Some(rows[rng.usize(0..rows.len())].id)
    }
}

/// Sent news come late and speak of the past.
fn delivery(rng: &mut Rng, message: i64, now: Micros) -> Change {
    let (sent, opened, failed) = match rng.u8(0..4) {
        0 | 1 => (Some(now - rng.i64(SECOND..DAY)), None, None),
        2 => (None, Some(now), None),
        _ => (None, None, Some(now)),
    };
    Change::DeliverMessage { message, sent, opened, failed }
}
