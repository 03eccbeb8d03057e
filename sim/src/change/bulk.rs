//! Bulk changes: a rule or a macro over many tickets, an import of customers. All rows show one same time.

use fastrand::Rng;

use super::Change;
use crate::account::Account;
use crate::time::Micros;

impl Account {
    /// Lets something happen to so many rows of a list at once, or to as many as there are. Answers to how many: to none of
    /// a list that has no bulk changes.
    pub fn bulk_change(&mut self, table: &str, rows: usize, now: Micros) -> usize {
        let tickets = || self.data.tickets.keys().copied();
        let changes: Vec<Change> = match table {
            "tickets" => tickets().map(|ticket| Change::UpdateTicket { ticket }).collect(),
            "customers" => self
                .data
                .customers
                .keys()
                .map(|customer| Change::UpdateCustomer { customer: *customer })
                .collect(),
            "messages" => tickets().map(|ticket| Change::AddMessage { ticket, from_agent: true }).collect(),
            "satisfaction-surveys" => tickets().map(|ticket| Change::CreateSurvey { ticket }).collect(),
            _ => Vec::new(),
        };
        changes.into_iter().filter_map(|change| self.apply(change, now)).take(rows).count()
    }

    /// The same for some list and 100 to 300 rows.
    pub fn random_bulk_change(&mut self, rng: &mut Rng, now: Micros) {
        let tables = ["tickets", "customers", "messages", "satisfaction-surveys"];
        self.bulk_change(tables[rng.usize(0..tables.len())], rng.usize(100..=300), now);
    }
}
