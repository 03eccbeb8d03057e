//! The attached file, as the engine sees it: one schema of it.

use std::cell::RefCell;
use std::path::Path;

use arrow_array::RecordBatch;
use duckdb::types::{TimeUnit, Value};
use duckdb::{Connection, params};

use super::append::stage;
use super::dialect::{CATALOG, DuckDialect};
use super::{mark, open};
use crate::dest::sql::batches::Batches;
use crate::dest::sql::cells::Cell;
use crate::dest::sql::dialect::{Changes, Shape};
use crate::dest::sql::embedded::{Stage, rehearse};
use crate::dest::sql::engine::{Engine, Said};
use crate::dest::sql::identity::Identity;
use crate::dest::sql::play::play;
use crate::dest::sql::script::Script;
use crate::dest::sql::{Dialect, TableName, trace};
use crate::dest::{Counts, DestError};
use crate::model::{Column, LogicalType, Micros};

/// A table of the file.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    pub(super) schema: String,
    pub(super) table: String,
    /// Whether it has a primary key or an index, as tables on both sides of a foreign key have.
    pub(super) keyed: bool,
    /// Whether it may have columns that are generated.
    pub(super) generates: bool,
    /// What is said of it.
    pub(super) comment: Option<String>,
}

/// One schema of the file that is attached to a connection.
pub(crate) struct Session<'a> {
    pub(super) connection: &'a Connection,
    path: &'a Path,
    schema: &'a str,
    /// The tables of the schema, as long as none is made or dropped: asking for them takes as long as a small statement.
    listed: RefCell<Option<Vec<Listed>>>,
}

impl<'a> Session<'a> {
    pub(super) fn new(connection: &'a Connection, path: &'a Path, schema: &'a str) -> Self {
        Self { connection, path, schema, listed: RefCell::default() }
    }

    pub(super) fn reading(&self, error: duckdb::Error) -> DestError {
        open::failed(self.path, "read", error)
    }

    pub(super) fn writing(&self, error: duckdb::Error) -> DestError {
        open::failed(self.path, "write", error)
    }

    /// Tables were made or dropped.
    pub(super) fn changed(&self) {
        self.listed.replace(None);
    }

    pub(super) fn list(&self) -> Result<Vec<Listed>, DestError> {
        if let Some(listed) = &*self.listed.borrow() {
            return Ok(listed.clone());
        }
        // Not duckdb_columns(): it binds every view there is, DuckDB's own included, to list their columns.
        let read = || -> duckdb::Result<Vec<Listed>> {
            let mut statement = self.connection.prepare(
                "SELECT schema_name, table_name, has_primary_key OR index_count > 0, comment, \
                 contains(sql, 'GENERATED ALWAYS AS') FROM duckdb_tables() \
                 WHERE database_name = ? AND lower(schema_name) = lower(?)",
            )?;
            let row = |row: &duckdb::Row<'_>| {
                let (schema, table) = (row.get(0)?, row.get(1)?);
                Ok(Listed { schema, table, keyed: row.get(2)?, comment: row.get(3)?, generates: row.get(4)? })
            };
            statement.query_map(params![CATALOG, self.schema], row)?.collect()
        };
        let listed = read().map_err(|error| self.reading(error))?;
        self.listed.replace(Some(listed.clone()));
        Ok(listed)
    }

    pub(super) fn listed(&self, name: &TableName) -> Result<Option<Listed>, DestError> {
        Ok(self.list()?.into_iter().find(|listed| listed.table.eq_ignore_ascii_case(&name.table)))
    }

    /// Texts of the first column.
    pub(super) fn strings(connection: &Connection, sql: &str, at: &[&str]) -> duckdb::Result<Vec<String>> {
        let mut statement = connection.prepare(sql)?;
        let found = statement.query_map(duckdb::params_from_iter(at), |row| row.get(0))?;
        found.collect()
    }
}

/// The rows of a query of so many columns.
pub(in crate::dest) fn rows(
    connection: &Connection,
    sql: &str,
    columns: usize,
) -> duckdb::Result<Vec<Vec<Cell>>> {
    trace::timed(sql, || {
        let mut statement = connection.prepare(sql)?;
        let row = |row: &duckdb::Row<'_>| (0..columns).map(|i| row.get(i).map(cell)).collect();
        statement.query_map([], row)?.collect()
    })
}

/// What the catalogue says of a table, which has that comment, and of its columns. It binds every view there is to list them:
/// not for each commit.
pub(in crate::dest) fn said(
    connection: &Connection,
    name: &TableName,
    comment: Option<&str>,
) -> duckdb::Result<Said> {
    let mut statement = connection.prepare(
        "SELECT column_name, comment FROM duckdb_columns() WHERE database_name = ? AND schema_name = ? AND table_name = ?",
    )?;
    let at = params![name.catalog, name.schema, name.table];
    let columns = statement.query_map(at, |row| Ok((Some(row.get(0)?), row.get(1)?)))?;
    let own = comment.and_then(|comment| mark::parts(comment).0);
    std::iter::once(Ok((None, own.map(str::to_owned)))).chain(columns).collect()
}

impl Engine for Session<'_> {
    fn dialect(&self) -> &'static dyn Dialect {
        &DuckDialect
    }

    fn table(&self, table: &str) -> TableName {
        TableName::new(CATALOG, self.schema, table)
    }

    async fn tables(&self) -> Result<Vec<String>, DestError> {
        Ok(self.list()?.into_iter().map(|listed| listed.table).collect())
    }

    async fn describe(&self, name: &TableName) -> Result<Option<Shape>, DestError> {
        self.shape(name)
    }

    /// From the list that is there.
    async fn identity(&self, name: &TableName) -> Result<Option<Identity>, DestError> {
        Ok(self.listed(name)?.map(|listed| mark::read(listed.comment.as_deref())))
    }

    async fn query(&self, sql: &str, types: &[LogicalType]) -> Result<Vec<Vec<Cell>>, DestError> {
        rows(self.connection, sql, types.len()).map_err(|error| self.reading(error))
    }

    async fn execute(&self, sql: &str) -> Result<u64, DestError> {
        if ["CREATE", "DROP", "ALTER", "COMMENT"].iter().any(|word| sql.starts_with(word)) {
            self.changed();
        }
        let done = trace::timed(sql, || self.connection.execute(sql, []));
        done.map(|rows| rows as u64).map_err(|error| self.writing(error))
    }

    async fn run(&self, script: &Script) -> Result<Vec<Counts>, DestError> {
        play(self, script).await
    }

    async fn descriptions(&self, name: &TableName) -> Result<Option<Said>, DestError> {
        let Some(listed) = self.listed(name)? else { return Ok(None) };
        let name = TableName::new(CATALOG, listed.schema, listed.table);
        let read = || said(self.connection, &name, listed.comment.as_deref());
        read().map(Some).map_err(|error| self.reading(error))
    }

    async fn comment_on_table(&self, name: &TableName, text: &str) -> Result<String, DestError> {
        let comment = self.listed(name)?.and_then(|listed| listed.comment);
        Ok(mark::describe(&DuckDialect, name, comment.as_deref(), text))
    }

    /// The table may have to be made anew, and what its generated columns are made of may have another type then.
    async fn rehearse(
        &self,
        shape: &Shape,
        changes: &Changes,
        statements: &[String],
    ) -> Result<(), DestError> {
        let generates = shape.columns.iter().any(|found| found.generated);
        let added = Changes { added: changes.added.clone(), ..Changes::default() };
        if !generates || *changes == added {
            return Ok(());
        }
        rehearse(self, "BEGIN TRANSACTION", statements).await
    }

    /// Preparing a statement asks the catalogue for that one table (0.1 ms). It is not planned for what it might give.
    async fn ledger_columns(&self, table: &str) -> Result<Option<Vec<String>>, DestError> {
        if !self.list()?.iter().any(|listed| listed.table.eq_ignore_ascii_case(table)) {
            return Ok(None);
        }
        let read = || -> duckdb::Result<Vec<String>> {
            let sql = format!("SELECT * FROM {} LIMIT 0", self.table(table).sql(&DuckDialect));
            let mut statement = self.connection.prepare(&sql)?;
            let rows = statement.query([])?;
            Ok(rows.as_ref().map(duckdb::Statement::column_names).unwrap_or_default())
        };
        read().map(Some).map_err(|error| self.reading(error))
    }
}

impl Stage for Session<'_> {
    async fn stage(
        &self,
        what: &str,
        columns: &[Column],
        batches: Vec<RecordBatch>,
    ) -> Result<String, DestError> {
        let rows = Batches { columns: columns.to_vec(), batches }.numbered(0..)?;
        let table = format!("_ingestr_staged_{what}");
        stage(self.connection, &table, rows).map_err(|error| self.writing(error))
    }
}

fn cell(value: Value) -> Cell {
    match value {
        Value::Boolean(yes) => Cell::Bool(yes),
        Value::TinyInt(number) => Cell::Int(number.into()),
        Value::SmallInt(number) => Cell::Int(number.into()),
        Value::Int(number) => Cell::Int(number.into()),
        Value::BigInt(number) => Cell::Int(number),
        Value::UTinyInt(number) => Cell::Int(number.into()),
        Value::USmallInt(number) => Cell::Int(number.into()),
        Value::UInt(number) => Cell::Int(number.into()),
        Value::Timestamp(TimeUnit::Microsecond, micros) => Cell::Instant(Micros(micros)),
        Value::Text(text) => Cell::Text(text),
        _ => Cell::Null,
    }
}
