//! One engine for all SQL databases: what is written, and in which order, is decided here once.
//!
//! A database implements [`engine::Engine`] (describe, query, stage, run a script) and a [`Dialect`]. Statements are
//! text made from values by pure functions, so that hostile names (quotes, dots, reserved words) are tested once, by
//! snapshot, and not once per destination. A statement only one database understands lives in that one's folder.
//!
//! | room | what |
//! | --- | --- |
//! | `engine`, `script`, `embedded` | what a database must be able to do; a commit as data; what those in this process share |
//! | `commit` | one commit: look, make the script, run it |
//! | `shape`, `columns` | what a table looks like, whether it can be taken over, and what has to change |
//! | `batches`, `staged` | the rows of a commit, in Arrow and in SQL |
//! | `merge`, `deletions`, `publish`, `shadow` | how rows meet rows, by strategy |
//! | `ledger`, `leases`, `cells` | the four tables beside the data, and their values |
//! | `inspect`, `answers`, `inventory` | what is there before a run; questions of the source; `ingestr state` |

use crate::dest::{DestError, Target};
use crate::model::{Column, LogicalType, Micros};

pub(crate) mod answers;
pub(crate) mod batches;
pub(crate) mod cells;
pub mod columns;
pub(crate) mod commit;
pub(crate) mod deletions;
#[cfg(any(feature = "duckdb", feature = "sqlite"))]
pub(crate) mod embedded;
pub(crate) mod engine;
pub(crate) mod inspect;
pub(crate) mod inventory;
pub(crate) mod leases;
pub mod ledger;
pub(crate) mod merge;
pub(crate) mod publish;
pub(crate) mod script;
pub mod shadow;
pub mod shape;
pub(crate) mod staged;

/// How one database spells names, types and values.
pub trait Dialect: std::fmt::Debug + Sync {
    /// A name as an identifier, whatever it contains.
    fn quote(&self, name: &str) -> String;
    /// A text as a literal.
    fn text(&self, value: &str) -> String;
    /// A column type.
    fn type_name(&self, logical: LogicalType) -> &'static str;
    /// Our type for one of the database's; `None`: not ours, the column is left alone.
    fn logical_of(&self, kind: &str) -> Option<LogicalType>;
    /// An instant as a literal, with its zone spelled out so that no session setting matters.
    fn instant(&self, at: Micros) -> String;
    /// A value of type `from` (`None`: none of ours) as one of type `to`.
    fn convert(&self, value: &str, from: Option<LogicalType>, to: LogicalType) -> String;
    /// A value as an integer, NULL where it is none; `None`: values of that type never are.
    fn integer(&self, value: &str, logical: LogicalType) -> Option<String>;
    /// A text that differs from row to row.
    fn unique(&self) -> &'static str;

    /// A table's name without its schema, where a statement wants it so.
    fn bare(&self, name: &TableName) -> String {
        self.quote(&name.table)
    }

    /// A table's name.
    fn table(&self, name: &TableName) -> String {
        let schema = format!("{}.{}", self.quote(&name.catalog), self.quote(&name.schema));
        format!("{schema}.{}", self.quote(&name.table))
    }

    /// A temporary table's name.
    fn temporary(&self, name: &str) -> String {
        name.to_owned()
    }

    /// Whether two names are one table's. Most databases do not care for case.
    fn alike(&self, one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }

    /// The condition that a column of the ledger names that schema or table: [`Self::alike`] in SQL.
    fn named(&self, column: &str, name: &str) -> String {
        format!("lower({column}) = lower({})", self.text(name))
    }

    /// Whether a column declared as `kind` holds values of that type as it is.
    fn holds(&self, kind: &str, logical: LogicalType) -> bool {
        kind == self.type_name(logical)
    }

    /// The condition that two values are the same, NULL included.
    fn same(&self, one: &str, other: &str) -> String {
        format!("{one} IS NOT DISTINCT FROM {other}")
    }

    /// The condition that two values of a type differ.
    fn differs(&self, one: &str, other: &str, _logical: Option<LogicalType>) -> String {
        format!("{one} IS DISTINCT FROM {other}")
    }

    /// A staged value of type `from` in a column of type `to`.
    fn staged(&self, value: &str, from: LogicalType, to: LogicalType) -> String {
        self.convert(value, Some(from), to)
    }

    /// The condition that a staged JSON text is not stored as it is, and why, as expressions; `None`: there is none.
    fn refuses(&self, _value: &str) -> Option<(String, String)> {
        None
    }

    /// The name that a column of the source gets.
    fn column<'a>(&self, name: &'a str) -> std::borrow::Cow<'a, str> {
        name.into()
    }

    /// How a statement names a parameter; `None`: values are part of statements.
    fn parameter(&self, _name: &str) -> Option<String> {
        None
    }

    /// Whether closed ranges around keys help the database to skip what a statement cannot meet.
    fn skips_ranges(&self) -> bool {
        false
    }

    /// Statements that make a table with these columns unless it is there, in the layout that the target asks for. `own`:
    /// whether it is the target's own, and not one in which rows wait.
    fn create(&self, name: &TableName, columns: &[Column], target: &Target, own: bool) -> Vec<String>;

    /// Statements that change a table so.
    ///
    /// # Errors
    /// [`crate::dest::DestErrorKind::Shape`] if the database cannot do that.
    fn alter(&self, shape: &shape::Shape, changes: &shape::Changes) -> Result<Vec<String>, DestError>;

    /// Of rows with the same key and date, what the one that was written last has most of: an expression over the
    /// columns of a table.
    fn written_last(&self, shape: &shape::Shape, key: &str) -> String {
        shape.quoted(if shape.find(crate::model::LOADED_AT).is_some() {
            crate::model::LOADED_AT
        } else {
            key
        })
    }
}

/// A table by all three parts of its name. Two parts are not enough: in a file `gorgias.duckdb` with a schema
/// `gorgias`, `gorgias.tickets` is ambiguous.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// Database, catalog or project.
    pub catalog: String,
    /// Schema or dataset.
    pub schema: String,
    /// Table.
    pub table: String,
}

impl TableName {
    /// A table of that catalog and schema.
    pub fn new(catalog: impl Into<String>, schema: impl Into<String>, table: impl Into<String>) -> Self {
        Self { catalog: catalog.into(), schema: schema.into(), table: table.into() }
    }

    /// Another table in the same schema.
    #[must_use]
    pub fn beside(&self, table: &str) -> Self {
        Self::new(&self.catalog, &self.schema, table)
    }

    /// The name in SQL.
    #[must_use]
    pub fn sql(&self, dialect: &dyn Dialect) -> String {
        dialect.table(self)
    }

    /// The name of its schema in SQL.
    #[must_use]
    pub fn schema_sql(&self, dialect: &dyn Dialect) -> String {
        format!("{}.{}", dialect.quote(&self.catalog), dialect.quote(&self.schema))
    }
}

/// `a, b, c`, each made by `each`.
pub fn list<T>(items: &[T], each: impl Fn(&T) -> String) -> String {
    items.iter().map(each).collect::<Vec<_>>().join(", ")
}

/// Creates the schema unless it is there.
#[must_use]
pub fn create_schema(dialect: &dyn Dialect, name: &TableName) -> String {
    format!("CREATE SCHEMA IF NOT EXISTS {}", name.schema_sql(dialect))
}

/// Creates a table. No constraints: they would turn one odd row into a failed night, and a primary key costs more
/// than it gives. DuckDB, 10 million rows of 4 columns, 10,000 of them deleted by key and inserted again: 0.14 to
/// 0.29 s CPU without a key, 0.30 to 0.48 s with one; filling 0.6 s against 3.5 s; file 22 MB against 184 MB.
#[must_use]
pub fn create_table(dialect: &dyn Dialect, name: &TableName, columns: &[Column]) -> String {
    let columns = list(columns, |c| format!("{} {}", dialect.quote(&c.name), dialect.type_name(c.logical)));
    format!("CREATE TABLE {} ({columns})", name.sql(dialect))
}

/// Adds a column.
#[must_use]
pub fn add_column(dialect: &dyn Dialect, name: &TableName, column: &Column) -> String {
    format!(
        "ALTER TABLE {} ADD COLUMN {} {}",
        name.sql(dialect),
        dialect.quote(&column.name),
        dialect.type_name(column.logical)
    )
}

/// Deletes the rows whose incremental key lies in the closed window.
#[must_use]
pub fn delete_window(dialect: &dyn Dialect, name: &TableName, column: &str, low: &str, high: &str) -> String {
    let column = dialect.quote(column);
    format!("DELETE FROM {} WHERE {column} >= {low} AND {column} <= {high}", name.sql(dialect))
}

/// `ROW_NUMBER()` that is 1 for the newest row of each key: by incremental key (NULL is oldest), then by `tie`.
#[must_use]
pub fn newest_first(dialect: &dyn Dialect, key: &[String], incremental: Option<&str>, tie: &str) -> String {
    let by = list(key, |name| dialect.quote(name));
    let newest = incremental.map_or(String::new(), |c| format!("{} DESC NULLS LAST, ", dialect.quote(c)));
    format!("ROW_NUMBER() OVER (PARTITION BY {by} ORDER BY {newest}{tie} DESC)")
}
