//! How BigQuery changes a table.

use crate::dest::sql::dialect::{Changes, FoundColumn, Shape};
use crate::dest::sql::list;
use crate::dest::{DestError, DestErrorKind};
use crate::model::LogicalType;

/// Statements that change a table so, in order.
///
/// # Errors
/// [`DestErrorKind::Shape`] if a column's type has to change and the table would lose its partitions.
pub(super) fn alter(shape: &Shape, changes: &Changes) -> Result<Vec<String>, DestError> {
    let d = shape.d;
    let name = shape.sql();
    let mut statements = Vec::new();
    let mut rewritten = Vec::new();
    for (at, after) in &changes.retyped {
        let found = &shape.columns[*at];
        let old = d.quote(&found.name);
        if in_place(found, *after) {
            let to = d.type_name(*after);
            statements.push(format!("ALTER TABLE {name} ALTER COLUMN {old} SET DATA TYPE {to}"));
        } else {
            rewritten.push(format!("{} AS {old}", d.convert(&old, found.logical, *after)));
        }
    }
    if !rewritten.is_empty() {
        statements.push(rewrite(shape, &rewritten.join(", "))?);
    }
    if !changes.added.is_empty() {
        let added = list(&changes.added, |column| {
            format!("ADD COLUMN {} {}", d.quote(&column.name), d.type_name(column.logical))
        });
        statements.push(format!("ALTER TABLE {name} {added}"));
    }
    // A table that was written anew refuses no NULL.
    for at in changes.loosened.iter().filter(|_| rewritten.is_empty()) {
        let column = d.quote(&shape.columns[*at].name);
        statements.push(format!("ALTER TABLE {name} ALTER COLUMN {column} DROP NOT NULL"));
    }
    Ok(statements)
}

/// Whether a column gets that type where it is.
fn in_place(found: &FoundColumn, after: LogicalType) -> bool {
    (found.logical, after) == (Some(LogicalType::Int64), LogicalType::Float64)
}

/// Whether these changes write the table anew: to BigQuery it is another one then.
pub(super) fn rewrites(shape: &Shape, changes: &Changes) -> bool {
    changes.retyped.iter().any(|(at, after)| !in_place(&shape.columns[*at], *after))
}

/// The table written anew with other types, in one statement. BigQuery changes only few types in place
/// (<https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language#alter_column_set_data_type_statement>).
/// To add a column, fill it, drop the old one and rename would be four statements with a table that fits nobody
/// between each two.
fn rewrite(shape: &Shape, replaced: &str) -> Result<String, DestError> {
    let name = shape.sql();
    let Some(layout) = &shape.layout else {
        let message = format!(
            "a column of table {}.{} needs another type, and the table would lose its partitions",
            shape.name.schema, shape.name.table
        );
        let hint = "change the type yourself, load into another table, or leave such values out with \
                    --schema-contract discard_value";
        return Err(DestError::new(DestErrorKind::Shape, message).hint(hint));
    };
    Ok(format!("CREATE OR REPLACE TABLE {name}{layout} AS SELECT * REPLACE ({replaced}) FROM {name}"))
}
