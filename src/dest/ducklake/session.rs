//! The attached catalog, as the engine sees it: one schema of it.

use arrow_array::RecordBatch;
use duckdb::{Connection, params};

use super::dialect::{CATALOG, LakeDialect};
use super::errors::failed;
use super::uri::LakeUri;
use crate::dest::duckdb::append::stage;
use crate::dest::duckdb::engine::{rows, said};
use crate::dest::duckdb::mark;
use crate::dest::duckdb::shape::{columns, is_view};
use crate::dest::sql::batches::Batches;
use crate::dest::sql::cells::Cell;
use crate::dest::sql::dialect::Shape;
use crate::dest::sql::embedded::Stage;
use crate::dest::sql::engine::{Engine, Said};
use crate::dest::sql::play::play;
use crate::dest::sql::script::Script;
use crate::dest::sql::shape::is_a_view;
use crate::dest::sql::{Dialect, TableName, trace};
use crate::dest::{Counts, DestError};
use crate::model::{Column, LogicalType};

/// One schema of the catalog that is attached to a connection.
pub(crate) struct Session<'a> {
    pub(super) connection: &'a Connection,
    pub(super) lake: &'a LakeUri,
    pub(super) schema: &'a str,
}

impl Session<'_> {
    /// Texts of the first column.
    pub(super) fn strings(&self, sql: &str) -> Result<Vec<String>, DestError> {
        let read = || -> duckdb::Result<Vec<String>> {
            self.connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
        };
        trace::timed(sql, read).map_err(|error| failed(self.lake, "read", error))
    }

    /// The table of that name, as it is spelled, and what is said of it.
    fn find(&self, name: &TableName) -> duckdb::Result<Option<(TableName, Option<String>)>> {
        let mut statement = self.connection.prepare(
            "SELECT schema_name, table_name, comment FROM duckdb_tables() \
             WHERE database_name = ? AND lower(schema_name) = lower(?) AND lower(table_name) = lower(?)",
        )?;
        let mut rows = statement.query(params![CATALOG, name.schema, name.table])?;
        let Some(row) = rows.next()? else { return Ok(None) };
        let (schema, table): (String, String) = (row.get(0)?, row.get(1)?);
        Ok(Some((TableName::new(CATALOG, schema, table), row.get(2)?)))
    }
}

impl Engine for Session<'_> {
    fn dialect(&self) -> &'static dyn Dialect {
        &LakeDialect
    }

    fn table(&self, table: &str) -> TableName {
        TableName::new(CATALOG, self.schema, table)
    }

    async fn tables(&self) -> Result<Vec<String>, DestError> {
        let schema = LakeDialect.text(self.schema);
        self.strings(&format!(
            "SELECT table_name FROM duckdb_tables() WHERE database_name = '{CATALOG}' AND lower(schema_name) = lower({schema})"
        ))
    }

    async fn describe(&self, name: &TableName) -> Result<Option<Shape>, DestError> {
        let reading = |error| failed(self.lake, "read", error);
        let Some((name, comment)) = self.find(name).map_err(reading)? else {
            let view = is_view(self.connection, name).map_err(reading)?;
            return if view { Err(is_a_view(name)) } else { Ok(None) };
        };
        let columns = columns(self.connection, &LakeDialect, &name).map_err(reading)?;
        let mut shape = Shape::found(&LakeDialect, name, columns);
        shape.identity = mark::read(comment.as_deref());
        shape.comment = comment;
        Ok(Some(shape))
    }

    async fn query(&self, sql: &str, types: &[LogicalType]) -> Result<Vec<Vec<Cell>>, DestError> {
        rows(self.connection, sql, types.len()).map_err(|error| failed(self.lake, "read", error))
    }

    async fn execute(&self, sql: &str) -> Result<u64, DestError> {
        let done = trace::timed(sql, || self.connection.execute(sql, []));
        done.map(|rows| rows as u64).map_err(|error| failed(self.lake, "write", error))
    }

    async fn run(&self, script: &Script) -> Result<Vec<Counts>, DestError> {
        play(self, script).await
    }

    async fn descriptions(&self, name: &TableName) -> Result<Option<Said>, DestError> {
        let read = || -> duckdb::Result<Option<Said>> {
            let Some((name, comment)) = self.find(name)? else { return Ok(None) };
            said(self.connection, &name, comment.as_deref()).map(Some)
        };
        read().map_err(|error| failed(self.lake, "read", error))
    }

    async fn comment_on_table(&self, name: &TableName, text: &str) -> Result<String, DestError> {
        let found = self.find(name).map_err(|error| failed(self.lake, "read", error))?;
        let comment = found.and_then(|(_, comment)| comment);
        Ok(mark::describe(&LakeDialect, name, comment.as_deref(), text))
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
        stage(self.connection, &table, rows).map_err(|error| failed(self.lake, "write", error))
    }
}
