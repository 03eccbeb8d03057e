//! Replacements: rows wait in a hidden table beside the target (a shadow), over several commits and processes, and
//! become the target's with the last one. Until then everybody sees the old rows.
//!
//! They are published by emptying the target and filling it from the shadow, in the transaction that stores the state:
//! BigQuery empties a table without reading it, shows the old rows to everybody until the transaction is through, and
//! the table keeps its partitions, clusters, descriptions, policies and permissions. A copy job or `CREATE OR REPLACE
//! TABLE` would not cost the second writing of the rows, but neither can be part of a transaction, so a run killed in
//! between would leave new rows with the state of the old ones, or the other way round.

use super::dialect::BigQueryDialect;
use super::merge::fills;
use super::rows::{ORD, Rows, S, T};
use super::script::{DELETED, INSERTED, Script};
use super::shape::{Shape, converted, filled};
use crate::dest::Target;
use crate::dest::sql::columns::same;
use crate::dest::sql::{Dialect, delete_window, newest_first};
use crate::model::{Column, LogicalType, Strategy};

/// Column of a shadow that tells which of two rows came later.
const SEQ: &str = "_ingestr_seq";

/// The column every shadow has besides the target's.
pub(super) fn sequence() -> Column {
    Column::new(SEQ, LogicalType::Int64)
}

/// Columns that the target has to have for the rows of its shadow.
pub(super) fn published(shadow: &Shape) -> Vec<Column> {
    shadow.known().into_iter().filter(|column| !same(&column.name, SEQ)).collect()
}

/// Adds the rows of this commit to the shadow. `ours` is the condition that the rows in it belong to this replacement;
/// others are removed.
pub(super) fn collect(script: &mut Script, shadow: &Shape, target: &Target, rows: &Rows, ours: &str) {
    let name = shadow.name.sql(&BigQueryDialect);
    script.body([format!("IF NOT {ours} THEN DELETE FROM {name} WHERE TRUE; END IF")]);
    if rows.parts.is_empty() {
        return;
    }
    let seq = shadow.quoted(SEQ);
    let next = script.variable("next");
    let newest = rows.newest(shadow, &target.key, target.incremental_key.as_deref());
    let fills = fills(shadow, target, rows);
    let own = rows.columns.iter().map(|c| shadow.quoted(&c.name));
    let mut names: Vec<String> = own.chain(fills.iter().map(|(name, _)| name.clone())).collect();
    let own = (0..rows.columns.len()).map(|i| format!("{S}.c{i}"));
    let mut values: Vec<String> = own.chain(fills.iter().map(|(_, value)| value.clone())).collect();
    names.push(seq.clone());
    values.push(format!("{next} + {S}.{ORD}"));
    script.body([
        format!("SET {next} = (SELECT IFNULL(MAX({seq}), -1) + 1 FROM {name})"),
        format!(
            "INSERT INTO {name} ({}) SELECT {} FROM ({newest}) AS {S}",
            names.join(", "),
            values.join(", ")
        ),
    ]);
}

/// The rows of a shadow, the newest of each key.
pub(super) fn waiting(shadow: &Shape, target: &Target) -> String {
    let d = &BigQueryDialect;
    let name = shadow.name.sql(d);
    if target.key.is_empty() {
        return format!("SELECT * FROM {name}");
    }
    let incremental = target.incremental_key.as_deref().filter(|column| shadow.find(column).is_some());
    format!("SELECT * FROM {name} QUALIFY {} = 1", newest_first(d, &target.key, incremental, &d.quote(SEQ)))
}

/// Makes the shadow's rows the table's.
pub(super) fn publish(script: &mut Script, shape: &Shape, shadow: &Shape, target: &Target) {
    let d = &BigQueryDialect;
    let name = shape.name.sql(d);
    let rows = waiting(shadow, target);
    if target.strategy == Strategy::DeleteInsert {
        clear_window(script, shape, shadow, target);
    } else {
        script.body([
            format!("SET {DELETED} = {DELETED} + (SELECT COUNT(*) FROM {name})"),
            format!("DELETE FROM {name} WHERE TRUE"),
        ]);
    }
    let mut names = Vec::new();
    let mut values = Vec::new();
    for column in published(shadow) {
        let to = shape.type_of(&column.name).unwrap_or(column.logical);
        names.push(shape.quoted(&column.name));
        values.push(converted(&format!("{S}.{}", d.quote(&column.name)), column.logical, to));
    }
    for field in shape.columns.iter().filter(|field| filled(field) && shadow.find(&field.name).is_none()) {
        names.push(d.quote(&field.name));
        values.push(if same(&field.name, "_dlt_id") { "GENERATE_UUID()" } else { "'-'" }.into());
    }
    script.body([
        format!(
            "INSERT INTO {name} ({}) SELECT {} FROM ({rows}) AS {S}",
            names.join(", "),
            values.join(", ")
        ),
        format!("SET {INSERTED} = @@row_count"),
    ]);
}

/// Removes the rows of the window, and those whose key comes with the new rows.
fn clear_window(script: &mut Script, shape: &Shape, shadow: &Shape, target: &Target) {
    let d = &BigQueryDialect;
    let (name, from) = (shape.name.sql(d), shadow.name.sql(d));
    if let Some(column) = &target.incremental_key {
        let end = |bound: Option<_>, read: &str| match bound {
            Some(at) => d.instant(at),
            // NULL if nothing was read: then nothing is compared as true, and nothing deleted.
            None => format!("(SELECT {read}({}) FROM ({}))", shadow.quoted(column), waiting(shadow, target)),
        };
        let (low, high) = target.window;
        let column = &shape.find(column).map_or(column.clone(), |found| found.name.clone());
        script.body([
            delete_window(d, &shape.name, column, &end(low, "MIN"), &end(high, "MAX")),
            format!("SET {DELETED} = {DELETED} + @@row_count"),
        ]);
    }
    if !target.key.is_empty() {
        let on = target.key.iter().map(|key| {
            let (there, here) = (shape.quoted(key), shadow.quoted(key));
            format!("TO_JSON_STRING({T}.{there}) = TO_JSON_STRING({S}.{here})")
        });
        let on = on.collect::<Vec<_>>().join(" AND ");
        script.body([
            format!("DELETE FROM {name} AS {T} WHERE EXISTS (SELECT 1 FROM {from} AS {S} WHERE {on})"),
            format!("SET {DELETED} = {DELETED} + @@row_count"),
        ]);
    }
}
