//! One schema of an open file, as the engine sees it.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, RecordBatch};
use rusqlite::types::{Value, ValueRef};
use rusqlite::{Connection, params_from_iter};

use super::dialect::{MAIN, MARK, ROWLESS, SqliteDialect, in_file};
use super::file;
use crate::dest::sql::cells::Cell;
use crate::dest::sql::dialect::{Changes, FoundColumn, Shape};
use crate::dest::sql::embedded::{Stage, rehearse};
use crate::dest::sql::engine::Engine;
use crate::dest::sql::identity::Identity;
use crate::dest::sql::ledger::STATE;
use crate::dest::sql::play::play;
use crate::dest::sql::script::Script;
use crate::dest::sql::shape::is_a_view;
use crate::dest::sql::staged::ORD;
use crate::dest::sql::trace;
use crate::dest::sql::{Dialect, TableName, list};
use crate::dest::{Counts, DestError};
use crate::model::{Column, LogicalType, Micros};

/// One schema of a file that is open.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    pub(super) connection: &'a Connection,
    pub(super) path: &'a Path,
    pub(super) schema: &'a str,
}

impl Session<'_> {
    fn failed(&self, action: &str, error: &rusqlite::Error) -> DestError {
        file::failed(self.path, action, error)
    }

    fn strings(&self, sql: &str) -> Result<Vec<String>, DestError> {
        let read = || -> rusqlite::Result<Vec<String>> {
            self.connection.prepare(sql)?.query_map([], |row| row.get(0))?.collect()
        };
        read().map_err(|error| self.failed("read", &error))
    }

    fn names(&self) -> Result<Vec<String>, DestError> {
        self.strings("SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite^_%' ESCAPE '^'")
    }

    /// All schemas that remember something.
    pub(super) fn schemas(&self) -> Result<Vec<String>, DestError> {
        let schema = |name: String| match name.split_once('.') {
            None => (name == STATE).then(|| MAIN.to_owned()),
            Some((schema, table)) => (table == STATE).then(|| schema.to_owned()),
        };
        Ok(self.names()?.into_iter().filter_map(schema).collect())
    }

    fn columns(&self, name: &str) -> rusqlite::Result<Vec<(FoundColumn, bool)>> {
        let mut statement = self.connection.prepare(
            "SELECT name, type, \"notnull\", dflt_value, pk, hidden FROM pragma_table_xinfo(?1, 'main')",
        )?;
        let column = |row: &rusqlite::Row<'_>| {
            let kind: String = row.get(1)?;
            let generated = row.get::<_, i64>(5)? > 1;
            let found = FoundColumn {
                name: row.get(0)?,
                logical: SqliteDialect.logical_of(&kind).filter(|_| !generated),
                kind,
                not_null: row.get(2)?,
                default: row.get(3)?,
                generated,
            };
            Ok((found, row.get::<_, i64>(4)? > 0))
        };
        statement.query_map([name], column)?.collect()
    }

    fn shape(&self, name: &TableName, real: &str) -> rusqlite::Result<Shape> {
        let (mut columns, mut primary_key) = (Vec::new(), Vec::new());
        for (found, key) in self.columns(real)? {
            if key {
                primary_key.push(found.name.clone());
            }
            columns.push(found);
        }
        let unique: bool = self.connection.query_row(
            "SELECT count(*) > 0 FROM pragma_index_list(?1, 'main') WHERE \"unique\" AND origin <> 'pk'",
            [real],
            |row| row.get(0),
        )?;
        let mut statement = self.connection.prepare(
            "SELECT name, sql FROM main.sqlite_schema WHERE type = 'index' AND tbl_name = ?1 AND sql IS NOT NULL",
        )?;
        let indexes = statement.query_map([real], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let indexes = indexes.collect::<rusqlite::Result<Vec<(String, String)>>>()?;
        let identity = mark_among(&indexes);
        let rowless: bool = self.connection.query_row(
            "SELECT count(*) > 0 FROM pragma_table_list WHERE schema = 'main' AND name = ?1 AND wr",
            [real],
            |row| row.get(0),
        )?;
        Ok(Shape {
            layout: rowless.then(|| ROWLESS.to_owned()),
            primary_key,
            unique,
            indexes,
            identity,
            ..Shape::found(&SqliteDialect, name.clone(), columns)
        })
    }
}

/// Which table it is, by the name of one of its indexes.
fn mark_among(indexes: &[(String, String)]) -> Identity {
    let id = indexes.iter().find_map(|(name, _)| name.strip_prefix(MARK));
    id.map_or(Identity::Unmarked, |id| Identity::Is(id.to_owned()))
}

impl Engine for Session<'_> {
    fn dialect(&self) -> &'static dyn Dialect {
        &SqliteDialect
    }

    fn table(&self, table: &str) -> TableName {
        TableName::new(MAIN, self.schema, table)
    }

    async fn tables(&self) -> Result<Vec<String>, DestError> {
        let own = |name: String| {
            if self.schema.eq_ignore_ascii_case(MAIN) {
                return (!name.contains('.')).then_some(name);
            }
            let (schema, table) = name.split_once('.')?;
            schema.eq_ignore_ascii_case(self.schema).then(|| table.to_owned())
        };
        Ok(self.names()?.into_iter().filter_map(own).collect())
    }

    async fn describe(&self, name: &TableName) -> Result<Option<Shape>, DestError> {
        let real = in_file(&name.schema, &name.table);
        let find = "SELECT name, type FROM main.sqlite_schema WHERE lower(name) = lower(?1) AND type IN ('table', 'view')";
        let found = self
            .connection
            .query_row(find, [&real], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)));
        match found {
            Err(rusqlite::Error::QueryReturnedNoRows) => Ok(None),
            Ok((_, kind)) if kind == "view" => Err(is_a_view(name)),
            found => {
                let shape = found.and_then(|(real, _)| self.shape(name, &real));
                shape.map(Some).map_err(|error| self.failed("read", &error))
            }
        }
    }

    async fn query(&self, sql: &str, types: &[LogicalType]) -> Result<Vec<Vec<Cell>>, DestError> {
        let read = || -> rusqlite::Result<Vec<Vec<Cell>>> {
            let mut statement = self.connection.prepare(sql)?;
            let row = |row: &rusqlite::Row<'_>| {
                types.iter().enumerate().map(|(i, kind)| Ok(cell(row.get_ref(i)?, *kind))).collect()
            };
            statement.query_map([], row)?.collect()
        };
        trace::timed(sql, read).map_err(|error| self.failed("read", &error))
    }

    async fn execute(&self, sql: &str) -> Result<u64, DestError> {
        let done = trace::timed(sql, || self.connection.execute(sql, []));
        done.map(|rows| rows as u64).map_err(|error| self.failed("write", &error))
    }

    async fn run(&self, script: &Script) -> Result<Vec<Counts>, DestError> {
        play(self, script).await
    }

    /// A type is changed by a new column in the old one's place, which whatever depends on that may forbid: views, triggers,
    /// generated columns and checks of the user. A table that is STRICT takes none of our types.
    async fn rehearse(&self, _: &Shape, changes: &Changes, statements: &[String]) -> Result<(), DestError> {
        if changes.none() { Ok(()) } else { rehearse(self, "BEGIN IMMEDIATE", statements).await }
    }
}

impl Stage for Session<'_> {
    async fn stage(
        &self,
        what: &str,
        columns: &[Column],
        batches: Vec<RecordBatch>,
    ) -> Result<String, DestError> {
        let table = SqliteDialect.temporary(&format!("_ingestr_staged_{what}"));
        let mut columns = columns.to_vec();
        columns.push(Column::new(ORD, LogicalType::Int64));
        let declared = list(&columns, |c| format!("{} {}", c.name, SqliteDialect.type_name(c.logical)));
        let write = || -> rusqlite::Result<()> {
            self.connection.execute_batch(&format!("CREATE TABLE {table} ({declared})"))?;
            let mut statement = self
                .connection
                .prepare(&format!("INSERT INTO {table} VALUES ({})", list(&columns, |_| "?".into())))?;
            let mut ord = 0;
            for batch in batches {
                for row in 0..batch.num_rows() {
                    let cells = columns[..columns.len() - 1].iter().enumerate();
                    let cells = cells.map(|(i, c)| value(batch.column(i).as_ref(), row, c.logical));
                    statement.execute(params_from_iter(cells.chain([Value::Integer(ord)])))?;
                    ord += 1;
                }
            }
            Ok(())
        };
        write().map_err(|error| self.failed("write", &error))?;
        Ok(table)
    }
}

/// A value that was read, in a column of that type.
fn cell(value: ValueRef<'_>, kind: LogicalType) -> Cell {
    match (value, kind) {
        (ValueRef::Integer(number), LogicalType::Bool) => Cell::Bool(number != 0),
        (ValueRef::Integer(number), _) => Cell::Int(number),
        (ValueRef::Text(text), LogicalType::Timestamp) => std::str::from_utf8(text)
            .ok()
            .and_then(|text| text.parse().ok())
            .map_or(Cell::Null, Cell::Instant),
        (ValueRef::Text(text), _) => Cell::Text(String::from_utf8_lossy(text).into_owned()),
        _ => Cell::Null,
    }
}

/// A value to be written.
fn value(array: &dyn Array, row: usize, kind: LogicalType) -> Value {
    if array.is_null(row) {
        return Value::Null;
    }
    match kind {
        LogicalType::Bool => Value::Integer(array.as_boolean().value(row).into()),
        LogicalType::Int64 => Value::Integer(array.as_primitive::<Int64Type>().value(row)),
        LogicalType::Float64 => Value::Real(array.as_primitive::<Float64Type>().value(row)),
        LogicalType::Timestamp => {
            let at = Micros(array.as_primitive::<TimestampMicrosecondType>().value(row));
            // Years of more digits do not come: normalisation puts them among the rejects.
            at.iso().map_or(Value::Null, Value::Text)
        }
        LogicalType::Text | LogicalType::Json => Value::Text(array.as_string::<i32>().value(row).to_owned()),
    }
}
