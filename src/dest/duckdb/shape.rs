//! The shape of a table of the file, as it is read.

use duckdb::params;

use super::dialect::{CATALOG, DuckDialect};
use super::engine::Session;
use super::mark;
use crate::dest::sql::dialect::{Found, Shape};
use crate::dest::sql::{Dialect, TableName};
use crate::dest::{DestError, DestErrorKind};

impl Session<'_> {
    /// Reads the shape; `None` if there is no such table.
    ///
    /// # Errors
    /// [`DestErrorKind::Shape`] for a view of that name.
    pub(super) fn shape(&self, name: &TableName) -> Result<Option<Shape>, DestError> {
        let session = self;
        let listed = session.list()?;
        let Some(listed) = listed.into_iter().find(|listed| listed.table.eq_ignore_ascii_case(&name.table))
        else {
            return if is_view(session, name).map_err(|error| session.reading(error))? {
                Err(DestError {
                    kind: DestErrorKind::Shape,
                    message: format!("{}.{} is a view, not a table", name.schema, name.table),
                    hint: Some("load into another table, or drop the view".into()),
                    source: None,
                })
            } else {
                Ok(None)
            };
        };
        let name = TableName::new(CATALOG, listed.schema, listed.table);
        let read = || -> duckdb::Result<Shape> {
            let mut shape = Shape::found(&DuckDialect, name.clone(), columns(session, &name)?);
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

fn is_view(session: &Session<'_>, name: &TableName) -> duckdb::Result<bool> {
    session.connection.query_row(
        "SELECT count(*) > 0 FROM duckdb_views() WHERE database_name = ? AND lower(schema_name) = lower(?) \
         AND lower(view_name) = lower(?)",
        params![CATALOG, name.schema, name.table],
        |row| row.get(0),
    )
}

fn columns(session: &Session<'_>, name: &TableName) -> duckdb::Result<Vec<Found>> {
    // Not pragma_table_info(): it cannot read a name with a quote in it.
    let mut statement = session.connection.prepare(&format!(
        "SELECT column_name, column_type, \"null\" = 'NO', \"default\" FROM (DESCRIBE {})",
        name.sql(&DuckDialect)
    ))?;
    let column = |row: &duckdb::Row<'_>| {
        let (kind, default): (String, Option<String>) = (row.get(1)?, row.get(3)?);
        Ok(Found {
            name: row.get(0)?,
            logical: DuckDialect.logical_of(&kind),
            kind,
            not_null: row.get(2)?,
            default: default.filter(|text| text != "NULL"),
        })
    };
    statement.query_map([], column)?.collect()
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
    let mut statement =
        connection.prepare(&format!("SELECT index_name, sql FROM duckdb_indexes() WHERE {here}"))?;
    let found = statement.query_map(at, |row| Ok((row.get(0)?, row.get(1)?)))?;
    shape.indexes = found.collect::<duckdb::Result<_>>()?;
    Ok(())
}
