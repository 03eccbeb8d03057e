//! One engine for all SQL databases: what is written, and in which order, is decided here once.
//!
//! A database implements `engine::Engine` (describe, query, stage, run a script) and a [`Dialect`]. Statements are
//! text made from values by pure functions, so that hostile names (quotes, dots, reserved words) are tested once, by
//! snapshot, and not once per destination. A statement only one database understands lives in that one's folder.
//!
//! | room | what |
//! | --- | --- |
//! | `engine`, `dialect`, `script`, `play`, `embedded` | what a database must be able to do; a commit as data; what those in this process share |
//! | `commit`, `idle` | one commit: look, make the script, run it; those that write no row, several at once |
//! | `shape`, `columns` | what a table looks like, whether it can be taken over, and what has to change |
//! | `batches`, `staged` | the rows of a commit, in Arrow and in SQL |
//! | `merge`, `deletions`, `publish`, `shadow`, `children` | how rows meet rows, by strategy |
//! | `identity`, `guards` | whether table and state still belong together |
//! | `descriptions` | what tables and columns mean, in the catalogue |
//! | `ledger`, `leases`, `names`, `prune`, `cells` | the tables beside the data, and their values |
//! | `inspect`, `answers`, `inventory` | what is there before a run; questions of the source; `ingestr state` |

pub use dialect::{Dialect, TableName};

use crate::model::Column;

pub(crate) mod answers;
pub(crate) mod batches;
pub(crate) mod cells;
pub(crate) mod children;
pub mod columns;
pub(crate) mod commit;
pub(crate) mod deletions;
pub(crate) mod descriptions;
pub mod dialect;
#[cfg(any(feature = "duckdb", feature = "sqlite", feature = "postgres"))]
pub(crate) mod embedded;
pub(crate) mod engine;
pub(crate) mod guards;
pub mod identity;
pub(crate) mod idle;
pub(crate) mod inspect;
pub(crate) mod inventory;
pub mod leases;
pub mod ledger;
pub(crate) mod merge;
pub mod names;
#[cfg(any(feature = "duckdb", feature = "sqlite", feature = "postgres"))]
pub(crate) mod play;
pub(crate) mod prune;
pub(crate) mod publish;
pub(crate) mod script;
pub mod shadow;
pub mod shape;
pub(crate) mod staged;
pub mod trace;
pub mod whose;

/// `a, b, c`, each made by `each`.
pub fn list<T>(items: &[T], each: impl Fn(&T) -> String) -> String {
    items.iter().map(each).collect::<Vec<_>>().join(", ")
}

/// Creates the schema unless it is there.
#[must_use]
pub fn create_schema(dialect: &dyn Dialect, name: &TableName) -> String {
    format!("CREATE SCHEMA IF NOT EXISTS {}", name.schema_sql(dialect))
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

/// Deletes the rows whose incremental key, an expression, lies in the closed window.
#[must_use]
pub fn delete_window(dialect: &dyn Dialect, name: &TableName, column: &str, low: &str, high: &str) -> String {
    format!("DELETE FROM {} WHERE {column} >= {low} AND {column} <= {high}", name.sql(dialect))
}

/// `ROW_NUMBER()` that is 1 for the newest row of each key: by incremental key (NULL is oldest), then by `tie`.
#[must_use]
pub fn newest_first(dialect: &dyn Dialect, key: &[String], incremental: Option<&str>, tie: &str) -> String {
    let by = list(key, |name| dialect.quote(name));
    let newest = incremental.map_or(String::new(), |c| format!("{} DESC NULLS LAST, ", dialect.quote(c)));
    format!("ROW_NUMBER() OVER (PARTITION BY {by} ORDER BY {newest}{tie} DESC)")
}
