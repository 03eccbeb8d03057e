//! What a database must be able to do, for one schema of it that is open.

use super::cells::{Cell, LedgerLine};
use super::dialect::{Changes, Shape};
use super::identity::Identity;
use super::ledger;
use super::script::Script;
use super::{Dialect, TableName};
use crate::dest::{Counts, DestError};
use crate::model::LogicalType;

/// What the catalogue says of a table (`None`) and of its columns.
pub(crate) type Said = Vec<(Option<String>, Option<String>)>;

/// One schema of a database, opened. Where a file is locked or a transaction is open, it is for as long as this lives.
///
/// A database that lives in this process answers at once: see `embedded`.
pub(crate) trait Engine {
    /// How it spells SQL.
    fn dialect(&self) -> &'static dyn Dialect;

    /// A table of the schema.
    fn table(&self, table: &str) -> TableName;

    /// Names of all tables in the schema; none if there is no such schema.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn tables(&self) -> Result<Vec<String>, DestError>;

    /// What a table looks like; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read, and for what has that name and is no table.
    async fn describe(&self, name: &TableName) -> Result<Option<Shape>, DestError>;

    /// Which table it is that has a name; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn identity(&self, name: &TableName) -> Result<Option<Identity>, DestError> {
        Ok(self.describe(name).await?.map(|shape| shape.identity))
    }

    /// Whether a table has no rows; found without reading them.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn is_empty(&self, name: &TableName) -> Result<bool, DestError> {
        let sql = format!("SELECT 1 FROM {} LIMIT 1", name.sql(self.dialect()));
        Ok(self.query(&sql, &[LogicalType::Int64]).await?.is_empty())
    }

    /// The rows of a query, whose columns have these types.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn query(&self, sql: &str, types: &[LogicalType]) -> Result<Vec<Vec<Cell>>, DestError>;

    /// Runs a statement; how many rows it changed.
    ///
    /// # Errors
    /// When it fails.
    async fn execute(&self, sql: &str) -> Result<u64, DestError>;

    /// Runs a script: all of it or nothing. What it did to each target.
    ///
    /// # Errors
    /// [`crate::dest::DestErrorKind::Leased`] if its guard does not hold; otherwise when a statement fails.
    async fn run(&self, script: &Script) -> Result<Vec<Counts>, DestError>;

    /// Finds out whether a table can be changed so: what depends on it may forbid that. Nothing is written.
    ///
    /// # Errors
    /// [`crate::dest::DestErrorKind::Shape`] if it cannot.
    async fn rehearse(&self, _: &Shape, _: &Changes, _: &[String]) -> Result<(), DestError> {
        Ok(())
    }

    /// What the catalogue says of a table and its columns; `None` if there is no such table. Of a database that has no
    /// place for that: nothing of no column.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn descriptions(&self, _: &TableName) -> Result<Option<Said>, DestError> {
        Ok(Some(Said::new()))
    }

    /// The statement that describes a table.
    ///
    /// # Errors
    /// When what else has to be in it cannot be read.
    async fn comment_on_table(&self, name: &TableName, text: &str) -> Result<String, DestError> {
        let d = self.dialect();
        Ok(format!("COMMENT ON TABLE {} IS {}", name.sql(d), d.text(text)))
    }

    /// Which columns a table of the ledger has; `None` if there is no such table.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn ledger_columns(&self, table: &str) -> Result<Option<Vec<String>>, DestError> {
        let shape = self.describe(&self.table(table)).await?;
        Ok(shape.map(|shape| shape.columns.into_iter().map(|column| column.name).collect()))
    }

    /// The lines of a table of the ledger that `which` holds for; none if there is no such table.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn lines(&self, table: &'static str, which: &str) -> Result<Vec<LedgerLine>, DestError> {
        let Some(there) = self.ledger_columns(table).await? else { return Ok(Vec::new()) };
        let (sql, columns) = ledger::select(self.dialect(), &self.table(table), table, &there, which);
        let types: Vec<LogicalType> = columns.iter().map(|column| column.logical).collect();
        let rows = self.query(&sql, &types).await?;
        Ok(rows.into_iter().map(|row| LedgerLine::new(&columns, row)).collect())
    }

    /// Those about a table of the schema.
    ///
    /// # Errors
    /// When it cannot be read.
    async fn lines_about(
        &self,
        ledger: &'static str,
        table: &TableName,
    ) -> Result<Vec<LedgerLine>, DestError> {
        self.lines(ledger, &ledger::of_table(self.dialect(), table)).await
    }
}
