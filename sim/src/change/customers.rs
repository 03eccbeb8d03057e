//! Customers.

use crate::account::Account;
use crate::model::{Customer, EventData};
use crate::time::Micros;

impl Account {
    pub(super) fn create_customer(&mut self, now: Micros) -> i64 {
        self.data.last.person += 1 + i64::try_from(self.context % 9).unwrap_or(0);
        let id = self.data.last.person;
        self.data.put_customer(Customer { id, created: now, updated: now + 9, rev: 0, fields: 0 });
        self.event(("customer-created", "Customer"), id, EventData::None, now);
        id
    }

    pub(super) fn update_customer(&mut self, customer: i64, now: Micros) -> Option<i64> {
        let mut row = self.data.take_customer(customer)?;
        row.rev = row.rev.wrapping_add(1);
        row.updated = now;
        self.data.put_customer(row);
        self.event(("customer-updated", "Customer"), customer, EventData::None, now);
        Some(customer)
    }

    pub(super) fn delete_customer(&mut self, customer: i64, now: Micros) -> Option<i64> {
        self.data.take_customer(customer)?;
        self.bury("customers", customer, None, now);
        self.event(("customer-deleted", "Customer"), customer, EventData::None, now);
        Some(customer)
    }

    pub(super) fn merge_customers(&mut self, source: i64, target: i64, now: Micros) -> Option<i64> {
        if source == target || !self.data.customers.contains_key(&target) {
            return None;
        }
        self.data.take_customer(source)?;
        self.bury("customers", source, Some(target), now);
        let names = self.options.merge_event_names_source;
        let data = if names { EventData::SourceCustomer(source) } else { EventData::None };
        self.event(("customer-merged", "Customer"), target, data, now);
        if self.options.merge_bumps_customer
            && let Some(mut row) = self.data.take_customer(target)
        {
            row.updated = now;
            self.data.put_customer(row);
        }
        let rev = self.data.customer_rev(target);
        let moved: Vec<i64> =
            self.data.tickets.values().filter(|row| row.customer == source).map(|row| row.id).collect();
        for ticket in moved {
            let Some(mut row) = self.data.take_ticket(ticket) else { continue };
            row.customer = target;
            row.customer_rev = rev;
            row.updated = now;
            self.data.put_ticket(row);
            self.event(("ticket-customer-updated", "Ticket"), ticket, EventData::None, now);
        }
        Some(target)
    }
}
