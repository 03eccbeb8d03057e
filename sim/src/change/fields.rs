//! Values of custom fields that are set through the API, which no date and no event tells of.

use crate::account::Account;

impl Account {
    pub(super) fn set_ticket_fields(&mut self, ticket: i64) -> Option<i64> {
        let row = self.data.tickets.get_mut(&ticket)?;
        row.fields = row.fields.wrapping_add(1).max(1);
        Some(ticket)
    }

    pub(super) fn set_customer_fields(&mut self, customer: i64) -> Option<i64> {
        let row = self.data.customers.get_mut(&customer)?;
        row.fields = row.fields.wrapping_add(1).max(1);
        Some(customer)
    }
}
