//! The shape of an existing table: deciding whether it can be taken over, and the statements that change it.
//!
//! Tables come from three makers: this program, ingestr v1, and ingestr 0.x (`_dlt_*` columns, `REQUIRED` on many).
//! All are taken over in place; only what stands in the way of new rows is changed. BigQuery changes no table inside
//! a transaction, so these statements run before the one that brings the rows: each is done at once or not at all, and
//! leaves a table that any run can go on with.

use super::alter::alter;
use super::dialect::{BigQueryDialect, MADE};
use super::wire::{Field, Mode, Partitioning, TableInfo, TableKind};
use crate::dest::sql::columns::{needed, same, version_columns};
use crate::dest::sql::dialect::{FoundColumn, Shape};
use crate::dest::sql::identity::Identity;
use crate::dest::sql::shape::Needs;
use crate::dest::sql::{Dialect, TableName, list};
use crate::dest::{DestError, DestErrorKind, Target};
use crate::model::{LogicalType, Strategy};

/// What a run will do to the target's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// It is made.
    Make,
    /// It gets rows.
    Fill,
    /// It gets columns or types, and rows.
    Alter,
}

/// Our type of a field; `None` if it is none of ours.
fn logical(field: &Field) -> Option<LogicalType> {
    BigQueryDialect.logical_of(&field.kind).filter(|_| field.mode != Mode::Repeated)
}

/// The shape of a table that is there.
///
/// # Errors
/// [`DestErrorKind::Shape`] for what is no table, or whose rows cannot be changed.
pub(super) fn shape_of(name: TableName, info: TableInfo) -> Result<Shape, DestError> {
    let refuse = |message: String, hint: &str| Err(DestError::new(DestErrorKind::Shape, message).hint(hint));
    let table = format!("{}.{}", name.schema, name.table);
    if let TableKind::Other(kind) = info.kind {
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
        FoundColumn {
            kind: format!("{repeated}{}", field.kind),
            logical,
            not_null: field.mode == Mode::Required,
            default: None,
            generated: false,
            name: field.name,
        }
    };
    let columns = info.fields.into_iter().map(column).collect();
    let identity = info.made.map_or(Identity::Untold, |made| Identity::Is(format!("{MADE}{made}")));
    Ok(Shape { layout, identity, ..Shape::found(&BigQueryDialect, name, columns) })
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
