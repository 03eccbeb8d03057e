//! The shape of an existing table: reading it, deciding whether it can be taken over, and changing it.
//!
//! Tables come from three makers: this program, ingestr v1 (a PRIMARY KEY, our types) and ingestr 0.x (`_dlt_*`
//! columns, NOT NULL on many). All are taken over in place; only what stands in the way of new rows is changed.

use duckdb::{Connection, params};

use super::dialect::{DuckDialect, logical_of};
use super::open::CATALOG;
use crate::dest::sql::columns::{same, type_after};
use crate::dest::sql::{Dialect, TableName, add_column, list};
use crate::dest::{DestError, DestErrorKind};
use crate::model::{Column, LogicalType};

/// A column as it was found.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) type_name: String,
    pub(super) not_null: bool,
    pub(super) default: Option<String>,
}

impl Found {
    pub(super) fn logical(&self) -> Option<LogicalType> {
        logical_of(&self.type_name)
    }
}

/// A table as it was found.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) name: TableName,
    pub(super) columns: Vec<Found>,
    /// Columns of the primary key.
    pub(super) primary_key: Vec<String>,
    /// Whether a UNIQUE constraint exists besides.
    pub(super) unique: bool,
    /// Indexes made by the user, as statements.
    indexes: Vec<(String, String)>,
}

/// What a load means to do with the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Needs<'a> {
    /// Columns the load brings or must find.
    pub(super) columns: &'a [Column],
    /// Columns among them whose type is documented, lower case.
    pub(super) documented: &'a [Column],
    /// Key columns: never NULL, so their NOT NULL may stay.
    pub(super) key: &'a [String],
    /// Whether a key may stand in several rows (append, scd2).
    pub(super) repeats: bool,
}

impl Shape {
    /// Reads the shape; `None` if there is no such table.
    ///
    /// # Errors
    /// [`DestErrorKind::Shape`] for a view of that name.
    pub(super) fn read(connection: &Connection, name: &TableName) -> Result<Option<Self>, ReadError> {
        let at = params![CATALOG, name.schema, name.table];
        let here = "database_name = ? AND lower(schema_name) = lower(?) AND lower";
        // Not duckdb_columns(): it binds every view there is, DuckDB's own included, to list their columns.
        let mut statement = connection.prepare(&format!(
            "SELECT schema_name, table_name, has_primary_key OR index_count > 0 FROM duckdb_tables() \
             WHERE {here}(table_name) = lower(?)"
        ))?;
        let mut rows = statement.query(at)?;
        let Some(row) = rows.next()? else {
            let views: i64 = connection.query_row(
                &format!("SELECT count(*) FROM duckdb_views() WHERE {here}(view_name) = lower(?)"),
                at,
                |row| row.get(0),
            )?;
            return if views > 0 { Err(ReadError::View) } else { Ok(None) };
        };
        let (schema, table): (String, String) = (row.get(0)?, row.get(1)?);
        let keyed: bool = row.get(2)?;
        let mut shape = Self {
            name: TableName::new(CATALOG, schema, table),
            columns: Vec::new(),
            primary_key: Vec::new(),
            unique: false,
            indexes: Vec::new(),
        };
        let whole = shape.name.sql(&DuckDialect);
        // Not pragma_table_info(): it cannot read a name with a quote in it.
        let mut statement = connection.prepare(&format!(
            "SELECT column_name, column_type, \"null\" = 'NO', \"default\" FROM (DESCRIBE {whole})"
        ))?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let default: Option<String> = row.get(3)?;
            shape.columns.push(Found {
                name: row.get(0)?,
                type_name: row.get(1)?,
                not_null: row.get(2)?,
                default: default.filter(|text| text != "NULL"),
            });
        }
        if keyed {
            shape.read_constraints(connection)?;
        }
        Ok(Some(shape))
    }

    fn read_constraints(&mut self, connection: &Connection) -> duckdb::Result<()> {
        let at = params![CATALOG, self.name.schema, self.name.table];
        let here = "database_name = ? AND schema_name = ? AND table_name = ?";
        let mut statement = connection.prepare(&format!(
            "SELECT constraint_type, unnest(constraint_column_names) FROM duckdb_constraints() \
             WHERE {here} AND constraint_type IN ('PRIMARY KEY', 'UNIQUE')"
        ))?;
        let mut rows = statement.query(at)?;
        while let Some(row) = rows.next()? {
            if row.get::<_, String>(0)? == "UNIQUE" {
                self.unique = true;
            } else {
                self.primary_key.push(row.get(1)?);
            }
        }
        let mut statement =
            connection.prepare(&format!("SELECT index_name, sql FROM duckdb_indexes() WHERE {here}"))?;
        let found = statement.query_map(at, |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.indexes = found.collect::<duckdb::Result<_>>()?;
        Ok(())
    }

    pub(super) fn find(&self, name: &str) -> Option<&Found> {
        self.columns.iter().find(|c| same(&c.name, name))
    }

    /// Columns whose type is ours.
    pub(super) fn known(&self) -> Vec<Column> {
        self.columns.iter().filter_map(|c| Some(Column::new(&c.name, c.logical()?))).collect()
    }

    /// Whether the table can be taken over; the message names table and column if not.
    pub(super) fn check(&self, needed: &[Column]) -> Result<(), DestError> {
        for column in needed {
            let Some(found) = self.find(&column.name).filter(|found| found.logical().is_none()) else {
                continue;
            };
            return Err(DestError {
                kind: DestErrorKind::Shape,
                message: format!(
                    "column {} of table {}.{} is {}, which cannot hold {}",
                    found.name,
                    self.name.schema,
                    self.name.table,
                    found.type_name,
                    column.logical.name()
                ),
                hint: Some("load into another table, or change or rename that column".into()),
                source: None,
            });
        }
        Ok(())
    }

    /// Statements that make the table fit, in order. Empty for a table that fits already.
    pub(super) fn changes(&self, needs: &Needs<'_>) -> Vec<String> {
        let d = &DuckDialect;
        let name = self.name.sql(d);
        let is_key = |c: &Found| self.primary_key.iter().any(|k| same(k, &c.name));
        let mut added = Vec::new();
        let mut changed = Vec::new();
        let mut rebuilt = needs.repeats && (!self.primary_key.is_empty() || self.unique);
        let mut types = Vec::new();
        for column in needs.columns {
            let after =
                type_after(self.find(&column.name).and_then(Found::logical), column, needs.documented);
            let Some(found) = self.find(&column.name) else {
                added.push(add_column(d, &self.name, &Column::new(&column.name, after)));
                continue;
            };
            if found.type_name != d.type_name(after) {
                // An index that was dropped in the same transaction still stands in the way of a type.
                rebuilt |= is_key(found) || self.unique || !self.indexes.is_empty();
                let using = convert(&d.quote(&found.name), after, found.logical());
                let to = d.type_name(after);
                changed.push(format!(
                    "ALTER TABLE {name} ALTER COLUMN {} TYPE {to} USING {using}",
                    d.quote(&found.name)
                ));
                types.push((found.name.clone(), after));
            }
        }
        for found in &self.columns {
            let may_stay = is_key(found)
                || found.default.is_some()
                || needs.key.iter().any(|k| same(k, &found.name))
                || (found.name.starts_with("_dlt_") && found.type_name == "VARCHAR");
            if found.not_null && !may_stay {
                changed
                    .push(format!("ALTER TABLE {name} ALTER COLUMN {} DROP NOT NULL", d.quote(&found.name)));
            }
        }
        if rebuilt {
            let mut statements = self.rebuild(&types, needs);
            statements.extend(added);
            return statements;
        }
        // DuckDB alters no table that an index depends on.
        let drop = self
            .indexes
            .iter()
            .map(|(index, _)| format!("DROP INDEX {}.{}", self.name.schema_sql(d), d.quote(index)));
        let create = self.indexes.iter().map(|(_, sql)| sql.clone());
        if changed.is_empty() {
            return added;
        }
        drop.chain(added).chain(changed).chain(create).collect()
    }

    /// The same table under other constraints: DuckDB can change neither the type of a key column nor drop a
    /// primary key. Other constraints than keys and NOT NULL are not carried over.
    fn rebuild(&self, types: &[(String, LogicalType)], needs: &Needs<'_>) -> Vec<String> {
        let d = &DuckDialect;
        let copy = self.name.beside("_ingestr_copy");
        let after = |found: &Found| types.iter().find(|(name, _)| *name == found.name).map(|(_, t)| *t);
        let declared = list(&self.columns, |found| {
            let type_name = after(found).map_or(found.type_name.as_str(), |t| d.type_name(t));
            let default = found.default.as_ref().map_or(String::new(), |text| format!(" DEFAULT {text}"));
            format!("{} {type_name}{default}", d.quote(&found.name))
        });
        let key = if self.primary_key.is_empty() || needs.repeats {
            String::new()
        } else {
            format!(", PRIMARY KEY ({})", list(&self.primary_key, |k| d.quote(k)))
        };
        let values = list(&self.columns, |found| {
            let name = d.quote(&found.name);
            after(found).map_or(name.clone(), |to| convert(&name, to, found.logical()))
        });
        let drop = self
            .indexes
            .iter()
            .map(|(index, _)| format!("DROP INDEX {}.{}", self.name.schema_sql(d), d.quote(index)));
        let mut statements: Vec<String> = drop.collect();
        statements.extend([
            format!("CREATE TABLE {} ({declared}{key})", copy.sql(d)),
            format!("INSERT INTO {} SELECT {values} FROM {}", copy.sql(d), self.name.sql(d)),
            format!("DROP TABLE {}", self.name.sql(d)),
            format!("ALTER TABLE {} RENAME TO {}", copy.sql(d), d.quote(&self.name.table)),
        ]);
        statements.extend(self.indexes.iter().map(|(_, sql)| sql.clone()));
        statements
    }
}

/// The expression that turns a column of type `from` into `to`.
fn convert(column: &str, to: LogicalType, from: Option<LogicalType>) -> String {
    match (from, to) {
        (Some(LogicalType::Json), _) | (_, LogicalType::Text) => format!("CAST({column} AS VARCHAR)"),
        (_, LogicalType::Json) => format!("to_json({column})"),
        _ => format!("CAST({column} AS {})", DuckDialect.type_name(to)),
    }
}

/// Why a shape could not be read.
#[derive(Debug)]
pub(super) enum ReadError {
    /// There is a view of that name.
    View,
    /// DuckDB failed.
    Duck(duckdb::Error),
}

impl From<duckdb::Error> for ReadError {
    fn from(error: duckdb::Error) -> Self {
        Self::Duck(error)
    }
}
