//! Whose rows a line of the ledger is about, in SQL.

use super::{Dialect, TableName};
use crate::dest::Target;

/// Whose rows a line of the ledger is about.
#[derive(Debug, Clone, Copy)]
pub struct Whose<'a> {
    /// The source account.
    pub account: &'a str,
    /// The source's table.
    pub source_table: &'a str,
    /// Schema or dataset.
    pub schema: &'a str,
    /// The destination's table.
    pub table: &'a str,
}

impl<'a> From<&'a Target> for Whose<'a> {
    fn from(target: &'a Target) -> Self {
        Self {
            account: &target.account,
            source_table: &target.source_table,
            schema: &target.schema,
            table: &target.table,
        }
    }
}

impl<'a> Whose<'a> {
    /// The target under the name that its schema has in the database: a copied dataset keeps its ledger.
    pub(crate) fn of(target: &'a Target, table: &'a TableName) -> Self {
        Self { schema: &table.schema, ..Self::from(target) }
    }

    /// The condition that a line of any of the tables but the leases is of that account, source table and table.
    pub(crate) fn lines(self, d: &dyn Dialect) -> String {
        format!(
            "account = {} AND source_table = {} AND {}",
            d.text(self.account),
            d.text(self.source_table),
            d.named("dest_table", self.table)
        )
    }

    /// The condition that a line of the states is about the rows in `rows_in` (empty: the table itself).
    pub(crate) fn state(self, d: &dyn Dialect, rows_in: &str) -> String {
        let schema = d.named("dest_schema", self.schema);
        format!("{} AND {schema} AND rows_in = {}", self.lines(d), d.text(rows_in))
    }
}
