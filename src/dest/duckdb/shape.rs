//! The shape of a table of the file: reading it, and the statements that change it.

use duckdb::params;

use super::dialect::DuckDialect;
use super::engine::Session;
use super::open::CATALOG;
use crate::dest::sql::shape::{Changes, Found, Shape};
use crate::dest::sql::{Dialect, TableName, add_column, list};
use crate::dest::{DestError, DestErrorKind};
use crate::model::LogicalType;

/// Reads the shape; `None` if there is no such table.
///
/// # Errors
/// [`DestErrorKind::Shape`] for a view of that name.
pub(super) fn read(session: &Session<'_>, name: &TableName) -> Result<Option<Shape>, DestError> {
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
        if listed.keyed {
            read_constraints(session, &mut shape)?;
        }
        Ok(shape)
    };
    read().map(Some).map_err(|error| session.reading(error))
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

/// Statements that change a table so, in order.
pub(super) fn alter(shape: &Shape, changes: &Changes) -> Vec<String> {
    let d = &DuckDialect;
    let name = shape.sql();
    let is_key = |found: &Found| shape.primary_key.contains(&found.name);
    let added = changes.added.iter().map(|column| add_column(d, &shape.name, column));
    // An index that was dropped in the same transaction still stands in the way of a type.
    let stuck = |(at, _): &(usize, LogicalType)| {
        is_key(&shape.columns[*at]) || shape.unique || !shape.indexes.is_empty()
    };
    if changes.unkeyed || changes.retyped.iter().any(stuck) {
        return rebuild(shape, changes).into_iter().chain(added).collect();
    }
    let mut changed = Vec::new();
    for (at, after) in &changes.retyped {
        let found = &shape.columns[*at];
        let column = d.quote(&found.name);
        let (to, using) = (d.type_name(*after), d.convert(&column, found.logical, *after));
        changed.push(format!("ALTER TABLE {name} ALTER COLUMN {column} TYPE {to} USING {using}"));
    }
    for at in &changes.loosened {
        let column = d.quote(&shape.columns[*at].name);
        changed.push(format!("ALTER TABLE {name} ALTER COLUMN {column} DROP NOT NULL"));
    }
    if changed.is_empty() {
        return added.collect();
    }
    // DuckDB alters no table that an index depends on.
    let create = shape.indexes.iter().map(|(_, sql)| sql.clone());
    drop_indexes(shape).chain(added).chain(changed).chain(create).collect()
}

fn drop_indexes(shape: &Shape) -> impl Iterator<Item = String> {
    let schema = shape.name.schema_sql(&DuckDialect);
    shape.indexes.iter().map(move |(index, _)| format!("DROP INDEX {schema}.{}", DuckDialect.quote(index)))
}

/// The same table under other constraints: DuckDB can change neither the type of a key column nor drop a
/// primary key. Other constraints than keys and NOT NULL are not carried over.
fn rebuild(shape: &Shape, changes: &Changes) -> Vec<String> {
    let d = &DuckDialect;
    let copy = shape.name.beside("_ingestr_copy");
    let after = |at: usize| changes.retyped.iter().find(|(other, _)| *other == at).map(|(_, to)| *to);
    let columns: Vec<(usize, &Found)> = shape.columns.iter().enumerate().collect();
    let declared = list(&columns, |(at, found)| {
        let type_name = after(*at).map_or(found.kind.as_str(), |to| d.type_name(to));
        let default = found.default.as_ref().map_or(String::new(), |text| format!(" DEFAULT {text}"));
        format!("{} {type_name}{default}", d.quote(&found.name))
    });
    let key = if shape.primary_key.is_empty() || changes.unkeyed {
        String::new()
    } else {
        format!(", PRIMARY KEY ({})", list(&shape.primary_key, |k| d.quote(k)))
    };
    let values = list(&columns, |(at, found)| {
        let name = d.quote(&found.name);
        after(*at).map_or(name.clone(), |to| d.convert(&name, found.logical, to))
    });
    let mut statements: Vec<String> = drop_indexes(shape).collect();
    statements.extend([
        format!("CREATE TABLE {} ({declared}{key})", copy.sql(d)),
        format!("INSERT INTO {} SELECT {values} FROM {}", copy.sql(d), shape.sql()),
        format!("DROP TABLE {}", shape.sql()),
        format!("ALTER TABLE {} RENAME TO {}", copy.sql(d), d.quote(&shape.name.table)),
    ]);
    statements.extend(shape.indexes.iter().map(|(_, sql)| sql.clone()));
    statements
}
