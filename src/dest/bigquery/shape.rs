//! The shape of an existing table: deciding whether it can be taken over, and the statements that change it.
//!
//! Tables come from three makers: this program, ingestr v1, and ingestr 0.x (`_dlt_*` columns, `REQUIRED` on many).
//! All are taken over in place; only what stands in the way of new rows is changed. BigQuery changes no table inside
//! a transaction, so these statements run before the one that brings the rows: each is done at once or not at all, and
//! leaves a table that any run can go on with.

use super::dialect::BigQueryDialect;
use super::permissions::Change;
use super::wire::{Field, Kind, Mode, Partitioning, TableInfo};
use crate::dest::sql::columns::{needed, same, version_columns};
use crate::dest::sql::shape::{Changes, Found, Needs, Shape};
use crate::dest::sql::{Dialect, TableName, list};
use crate::dest::{DestError, DestErrorKind, Target};
use crate::model::{LogicalType, Strategy};

/// Our type of a field; `None` if it is none of ours.
fn logical(field: &Field) -> Option<LogicalType> {
    BigQueryDialect.logical_of(&field.kind).filter(|_| field.mode != Mode::Repeated)
}

/// The shape of a table that is there.
///
/// # Errors
/// [`DestErrorKind::Shape`] for what is no table, or whose rows cannot be changed.
pub(super) fn shape_of(name: TableName, info: TableInfo) -> Result<Shape, DestError> {
    let refuse = |message: String, hint: &str| {
        Err(DestError { kind: DestErrorKind::Shape, message, hint: Some(hint.into()), source: None })
    };
    let table = format!("{}.{}", name.schema, name.table);
    if let Kind::Other(kind) = info.kind {
        let what = kind.to_lowercase().replace('_', " ");
        let article = if what.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
        return refuse(
            format!("{table} is {article} {what}, not a table"),
            "load into another table, or drop it",
        );
    }
    if info.require_partition_filter {
        return refuse(
            format!("table {table} demands a partition filter of every query, and rows are merged by key"),
            "turn it off (ALTER TABLE … SET OPTIONS (require_partition_filter = FALSE)), or load into another table",
        );
    }
    let layout = layout(&info);
    let column = |field: Field| {
        let logical = logical(&field);
        let repeated = if field.mode == Mode::Repeated { "repeated " } else { "" };
        Found {
            kind: format!("{repeated}{}", field.kind),
            logical,
            not_null: field.mode == Mode::Required,
            default: None,
            name: field.name,
        }
    };
    let columns = info.fields.into_iter().map(column).collect();
    Ok(Shape { layout, ..Shape::found(&BigQueryDialect, name, columns) })
}

/// What the first commit will have to do to the table, for the documented columns.
///
/// # Errors
/// [`DestErrorKind::Shape`] if it cannot be done.
pub(super) fn change(shape: &Shape, target: &Target) -> Result<Change, DestError> {
    // Published rows bring what the hidden table has, which is the same and more.
    let extra = if target.strategy == Strategy::Scd2 { version_columns() } else { Vec::new() };
    let needed = needed(target, &[], &extra);
    let (changes, _) = shape.clone().changed(&Needs::of(target, &needed));
    Ok(if alter(shape, &changes)?.is_empty() { Change::Fill } else { Change::Alter })
}

/// Statements that change a table so, in order.
///
/// # Errors
/// [`DestErrorKind::Shape`] if a column's type has to change and the table would lose its partitions.
pub(super) fn alter(shape: &Shape, changes: &Changes) -> Result<Vec<String>, DestError> {
    let d = &BigQueryDialect;
    let name = shape.sql();
    let mut statements = Vec::new();
    let mut rewritten = Vec::new();
    for (at, after) in &changes.retyped {
        let found = &shape.columns[*at];
        let old = d.quote(&found.name);
        if (found.logical, *after) == (Some(LogicalType::Int64), LogicalType::Float64) {
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

/// The table written anew with other types, in one statement. BigQuery changes only few types in place
/// (<https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language#alter_column_set_data_type_statement>).
/// To add a column, fill it, drop the old one and rename would be four statements with a table that fits nobody
/// between each two.
fn rewrite(shape: &Shape, replaced: &str) -> Result<String, DestError> {
    let name = shape.sql();
    let Some(layout) = &shape.layout else {
        return Err(DestError {
            kind: DestErrorKind::Shape,
            message: format!(
                "a column of table {}.{} needs another type, and the table would lose its partitions",
                shape.name.schema, shape.name.table
            ),
            hint: Some(
                "change the type yourself, load into another table, or leave such values out with \
                 --schema-contract discard_value"
                    .into(),
            ),
            source: None,
        });
    };
    Ok(format!("CREATE OR REPLACE TABLE {name}{layout} AS SELECT * REPLACE ({replaced}) FROM {name}"))
}

/// What is not as one would expect of an existing table: another layout than was asked for, rows that cannot be changed.
pub(super) fn remarks(target: &Target, info: &TableInfo) -> Vec<String> {
    let mut notes = Vec::new();
    let table = format!("table {}.{}", target.schema, target.table);
    if info.streaming_buffer {
        notes.push(format!(
            "another program streams rows into {table}: a commit that would change one of them fails until BigQuery \
             has written it down, which takes up to 90 minutes"
        ));
    }
    if let Some(wanted) = &target.hints.partition_by {
        let is = match &info.partitioning {
            Some(Partitioning::Time { column: Some(column), .. } | Partitioning::Range { column }) => {
                (!column.eq_ignore_ascii_case(wanted)).then(|| format!("by {column}"))
            }
            Some(Partitioning::Time { column: None, .. }) => Some("by time of ingestion".into()),
            None => Some("not at all".into()),
        };
        if let Some(is) = is {
            notes.push(format!("{table} is partitioned {is}; --partition-by {wanted} is for new tables"));
        }
    }
    let wanted = &target.hints.cluster_by;
    let same = wanted.len() == info.clustering.len()
        && wanted.iter().zip(&info.clustering).all(|(a, b)| a.eq_ignore_ascii_case(b));
    if !wanted.is_empty() && !same {
        let is = if info.clustering.is_empty() {
            "not clustered".to_owned()
        } else {
            format!("clustered by {}", info.clustering.join(", "))
        };
        notes.push(format!("{table} is {is}; --cluster-by {} is for new tables", wanted.join(",")));
    }
    notes
}

/// How a table is laid out, as SQL says it.
fn layout(info: &TableInfo) -> Option<String> {
    let d = &BigQueryDialect;
    let kind = |name: &str| info.fields.iter().find(|f| same(&f.name, name)).map(|f| f.kind.as_str());
    let mut layout = match &info.partitioning {
        None => String::new(),
        Some(Partitioning::Time { unit, column: Some(column) }) => {
            let trunc = match kind(column)? {
                "TIMESTAMP" => "TIMESTAMP_TRUNC",
                "DATETIME" => "DATETIME_TRUNC",
                "DATE" => "DATE_TRUNC",
                _ => return None,
            };
            match (trunc, unit.as_str()) {
                ("DATE_TRUNC", "DAY") => format!(" PARTITION BY {}", d.quote(column)),
                (trunc, unit) => format!(" PARTITION BY {trunc}({}, {unit})", d.quote(column)),
            }
        }
        Some(Partitioning::Time { column: None, .. } | Partitioning::Range { .. }) => return None,
    };
    if !info.clustering.is_empty() {
        layout.push_str(&format!(" CLUSTER BY {}", list(&info.clustering, |name| d.quote(name))));
    }
    Some(layout)
}
