//! The shape of a table of the file, as it is read.

use duckdb::{Connection, params};

use super::dialect::{CATALOG, DuckDialect};
use super::engine::Session;
use super::mark;
use crate::dest::DestError;
use crate::dest::sql::dialect::{FoundColumn, Shape};
use crate::dest::sql::embedded::at_once;
use crate::dest::sql::engine::Engine as _;
use crate::dest::sql::identity::Identity;
use crate::dest::sql::shape::is_a_view;
use crate::dest::sql::{Dialect, TableName};

impl Session<'_> {
    /// Reads the shape; `None` if there is no such table.
    ///
    /// # Errors
    /// [`crate::dest::DestErrorKind::Shape`] for a view of that name.
    pub(super) fn shape(&self, name: &TableName) -> Result<Option<Shape>, DestError> {
        let session = self;
        let Some(listed) = session.listed(name)? else {
            let view = is_view(session.connection, name).map_err(|error| session.reading(error))?;
            return if view { Err(is_a_view(name)) } else { Ok(None) };
        };
        let name = TableName::new(CATALOG, listed.schema, listed.table);
        let read = || -> duckdb::Result<Shape> {
            let mut shape =
                Shape::found(&DuckDialect, name.clone(), columns(session.connection, &DuckDialect, &name)?);
            if listed.generates {
                mark_generated(session, &mut shape)?;
            }
            shape.identity = mark::read(listed.comment.as_deref());
            shape.comment = listed.comment;
            if listed.keyed {
                read_constraints(session, &mut shape)?;
            }
            Ok(shape)
        };
        read().map(Some).map_err(|error| session.reading(error))
    }
}

impl Session<'_> {
    /// Which table it is; one that has no mark yet gets one.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub(super) fn identify(&self, name: &TableName) -> Result<String, DestError> {
        if let Some(Identity::Is(id)) = at_once(self.identity(name))? {
            return Ok(id);
        }
        let id = Identity::new_id();
        if let Some(shape) = self.shape(name)? {
            at_once(self.execute(&mark::write(&shape, &id)))?;
        }
        Ok(id)
    }
}

/// Whether a view has that name.
pub(in crate::dest) fn is_view(connection: &Connection, name: &TableName) -> duckdb::Result<bool> {
    connection.query_row(
        "SELECT count(*) > 0 FROM duckdb_views() WHERE database_name = ? AND lower(schema_name) = lower(?) \
         AND lower(view_name) = lower(?)",
        params![name.catalog, name.schema, name.table],
        |row| row.get(0),
    )
}

/// The columns of a table.
pub(in crate::dest) fn columns(
    connection: &Connection,
    d: &dyn Dialect,
    name: &TableName,
) -> duckdb::Result<Vec<FoundColumn>> {
    // Not pragma_table_info(): it cannot read a name with a quote in it.
    let mut statement = connection.prepare(&format!(
        "SELECT column_name, column_type, \"null\" = 'NO', \"default\" FROM (DESCRIBE {})",
        name.sql(d)
    ))?;
    let column = |row: &duckdb::Row<'_>| {
        let (kind, default): (String, Option<String>) = (row.get(1)?, row.get(3)?);
        Ok(FoundColumn {
            name: row.get(0)?,
            logical: d.logical_of(&kind),
            kind,
            not_null: row.get(2)?,
            default: default.filter(|text| text != "NULL"),
            generated: false,
        })
    };
    statement.query_map([], column)?.collect()
}

/// Notes which columns are generated, and from what: what has an expression in the catalogue and no default where it is
/// described.
fn mark_generated(session: &Session<'_>, shape: &mut Shape) -> duckdb::Result<()> {
    let mut statement = session.connection.prepare(
        "SELECT column_name, column_default FROM duckdb_columns() WHERE database_name = ? AND schema_name = ? \
         AND table_name = ? AND column_default IS NOT NULL",
    )?;
    let mut rows = statement.query(params![CATALOG, shape.name.schema, shape.name.table])?;
    while let Some(row) = rows.next()? {
        let (name, expression): (String, String) = (row.get(0)?, row.get(1)?);
        let plain = |found: &&mut FoundColumn| found.name == name && found.default.is_none();
        if let Some(found) = shape.columns.iter_mut().find(plain).filter(|_| expression != "NULL") {
            (found.logical, found.default, found.generated) = (None, Some(expression), true);
        }
    }
    Ok(())
}

/// A foreign key of the table or of another one that names it. DuckDB looks at it with each statement: a row that is
/// named cannot be deleted, not even to be written anew in the same transaction.
fn foreign_key(session: &Session<'_>, name: &TableName) -> duckdb::Result<Option<String>> {
    let mut statement = session.connection.prepare(
        "SELECT table_name, constraint_text FROM duckdb_constraints() WHERE database_name = ? AND schema_name = ? \
         AND constraint_type = 'FOREIGN KEY' AND (table_name = ? OR lower(referenced_table) = lower(?))",
    )?;
    let mut rows = statement.query(params![CATALOG, name.schema, name.table, name.table])?;
    let Some(row) = rows.next()? else { return Ok(None) };
    let (table, text): (String, String) = (row.get(0)?, row.get(1)?);
    Ok(Some(if table == name.table {
        let text = if text.is_empty() { text } else { format!(", {text}") };
        format!("has a foreign key{text}, which rows break that come before those they belong to")
    } else {
        let schema = &name.schema;
        format!(
            "is named by a foreign key of {schema}.{table}, and DuckDB changes no row that such a key names"
        )
    }))
}

fn read_constraints(session: &Session<'_>, shape: &mut Shape) -> duckdb::Result<()> {
    let connection = session.connection;
    let at = params![CATALOG, shape.name.schema, shape.name.table];
    let here = "database_name = ? AND schema_name = ? AND table_name = ?";
    let mut statement = connection.prepare(&format!(
        "SELECT constraint_type, unnest(constraint_column_names) FROM duckdb_constraints() \
         WHERE {here} AND constraint_type IN ('PRIMARY KEY', 'UNIQUE')"
    ))?;
    let mut rows = statement.query(at)?;
    while let Some(row) = rows.next()? {
        if row.get::<_, String>(0)? == "UNIQUE" {
            shape.unique = true;
        } else {
            shape.primary_key.push(row.get(1)?);
        }
    }
    shape.bound = foreign_key(session, &shape.name)?;
    let mut statement =
        connection.prepare(&format!("SELECT index_name, sql FROM duckdb_indexes() WHERE {here}"))?;
    let found = statement.query_map(at, |row| Ok((row.get(0)?, row.get(1)?)))?;
    shape.indexes = found.collect::<duckdb::Result<_>>()?;
    Ok(())
}
