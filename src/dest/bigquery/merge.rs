//! Rows meeting rows by key: merge, append and scd2, as statements inside the transaction of a commit.

use super::dialect::BigQueryDialect;
use super::rows::{ORD, Rows, S, T};
use super::script::{DELETED, INSERTED, Script, UNCHANGED, UPDATED, scratch};
use super::shape::{Shape, filled};
use crate::dest::Target;
use crate::dest::sql::columns::{IS_CURRENT, MARKS, VALID_FROM, VALID_TO, same};
use crate::dest::sql::{Dialect, list};
use crate::model::{LOADED_AT, Micros};

/// Values of the columns that rows do not bring: name as the table spells it, quoted, and expression.
pub(super) fn fills(shape: &Shape, target: &Target, rows: &Rows) -> Vec<(String, String)> {
    let mut fills = Vec::new();
    if let Some(at) = target.loaded_at {
        fills.push((shape.quoted(LOADED_AT), BigQueryDialect.instant(at)));
    }
    for field in shape.columns.iter().filter(|field| filled(field) && rows.position(&field.name).is_none()) {
        let value = if same(&field.name, "_dlt_id") { "GENERATE_UUID()" } else { "'-'" };
        fills.push((BigQueryDialect.quote(&field.name), value.into()));
    }
    fills
}

/// `(columns) <verb> values` of an INSERT; the rows are under the alias [`S`].
fn inserting(shape: &Shape, rows: &Rows, fills: &[(String, String)]) -> (String, String) {
    let own = rows.columns.iter().map(|c| shape.quoted(&c.name));
    let names: Vec<String> = own.chain(fills.iter().map(|(name, _)| name.clone())).collect();
    let own = (0..rows.columns.len()).map(|i| format!("{S}.c{i}"));
    let values: Vec<String> = own.chain(fills.iter().map(|(_, value)| value.clone())).collect();
    (names.join(", "), values.join(", "))
}

/// What makes a row that is there need to be written: a value differs, or it is marked as gone and was read again.
fn stale(shape: &Shape, rows: &Rows) -> String {
    let mut any = rows.differing(shape);
    for (mark, _) in MARKS {
        if shape.find(mark).is_some() && rows.position(mark).is_none() {
            any.push(format!("{T}.{} IS NOT NULL", shape.quoted(mark)));
        }
    }
    any.join(" OR ")
}

/// One row for each key: those that differ are updated, new ones inserted. What the load does not bring stays.
///
/// An UPDATE and an INSERT in one transaction, where a single MERGE would do the same: a MERGE tells only how many rows
/// it wrote in all, and finding out which were new would read the table once more. The UPDATE is billed like the
/// MERGE, and the INSERT reads nothing of the table but its keys, as does the look for keys that stand there twice.
pub(super) fn merge(script: &mut Script, shape: &Shape, target: &Target, rows: &Rows) {
    if rows.parts.is_empty() {
        return;
    }
    let name = shape.name.sql(&BigQueryDialect);
    let newest = rows.newest(shape, &target.key, target.incremental_key.as_deref());
    let matching = rows.matching(shape, &target.key);
    let (names, values) = inserting(shape, rows, &fills(shape, target, rows));
    let read = script.variable("read");
    script.body([format!("SET {read} = (SELECT COUNT(*) FROM ({newest}))")]);
    single_out(script, shape, target, rows);
    let set = updating(shape, target, rows);
    if !set.is_empty() {
        script.body([
            format!(
                "UPDATE {name} AS {T} SET {} FROM ({newest}) AS {S} WHERE {matching} AND ({})",
                set.join(", "),
                stale(shape, rows)
            ),
            format!("SET {UPDATED} = @@row_count"),
        ]);
    }
    script.body([
        format!(
            "INSERT INTO {name} ({names}) SELECT {values} FROM ({newest}) AS {S} \
             WHERE NOT EXISTS (SELECT 1 FROM {name} AS {T} WHERE {matching})"
        ),
        format!("SET {INSERTED} = @@row_count"),
        format!("SET {UNCHANGED} = GREATEST({read} - {INSERTED} - {UPDATED}, 0)"),
    ]);
}

/// Of rows of the table that share a key which was read, one is kept: the newest. Tables of others hold such, and a row
/// that was read is one row. Its columns that are not read survive, so it is not simply made anew.
///
/// Looking for them reads the keys alone; the rows are read only if there are any.
fn single_out(script: &mut Script, shape: &Shape, target: &Target, rows: &Rows) {
    if target.key.is_empty() {
        return;
    }
    let name = shape.name.sql(&BigQueryDialect);
    let newest = rows.newest(shape, &target.key, target.incremental_key.as_deref());
    let met = format!("{name} AS {T} JOIN ({newest}) AS {S} ON {}", rows.matching(shape, &target.key));
    let by = [target.incremental_key.as_deref(), Some(LOADED_AT)];
    let by = by.into_iter().flatten().filter(|column| shape.find(column).is_some());
    let by: Vec<String> = by.map(|name| format!("{T}.{} DESC NULLS LAST", shape.quoted(name))).collect();
    let by = if by.is_empty() { String::new() } else { format!(" ORDER BY {}", by.join(", ")) };
    let columns = list(&shape.columns, |field| BigQueryDialect.quote(&field.name));
    let (single, twice) = (scratch("single"), script.variable("twice"));
    script.body([
        format!(
            "SET {twice} = (SELECT COUNT(*) FROM (SELECT {S}.{ORD} FROM {met} GROUP BY {S}.{ORD} HAVING COUNT(*) > 1))"
        ),
        format!(
            "IF {twice} > 0 THEN CREATE TEMP TABLE {single} AS SELECT {T}.* FROM {met} \
             QUALIFY COUNT(*) OVER (PARTITION BY {S}.{ORD}) > 1 \
             AND ROW_NUMBER() OVER (PARTITION BY {S}.{ORD}{by}) = 1; \
             DELETE FROM {name} AS {T} WHERE EXISTS (SELECT 1 FROM {single} AS {S} WHERE {}); \
             INSERT INTO {name} ({columns}) SELECT {columns} FROM {single}; DROP TABLE {single}; END IF",
            rows.matching_own(shape, &target.key)
        ),
    ]);
}

/// What an update sets: values that were read, marks of a row that is there again, and when it was loaded.
fn updating(shape: &Shape, target: &Target, rows: &Rows) -> Vec<String> {
    let mut set: Vec<String> = Vec::new();
    for (i, column) in rows.columns.iter().enumerate() {
        if !target.key.iter().any(|key| same(key, &column.name)) {
            set.push(format!("{} = {S}.c{i}", shape.quoted(&column.name)));
        }
    }
    for (mark, _) in MARKS {
        if shape.find(mark).is_some() && rows.position(mark).is_none() {
            set.push(format!("{} = NULL", shape.quoted(mark)));
        }
    }
    if let Some(at) = target.loaded_at {
        set.push(format!("{} = {}", shape.quoted(LOADED_AT), BigQueryDialect.instant(at)));
    }
    set
}

/// Every row is added.
pub(super) fn append(script: &mut Script, shape: &Shape, target: &Target, rows: &Rows) {
    if rows.parts.is_empty() {
        return;
    }
    let fills = fills(shape, target, rows);
    let (names, values) = inserting(shape, rows, &fills);
    script.body([
        format!(
            "INSERT INTO {} ({names}) SELECT {values} FROM ({}) AS {S}",
            shape.name.sql(&BigQueryDialect),
            rows.all(shape)
        ),
        format!("SET {INSERTED} = @@row_count"),
    ]);
}

/// A changed row closes its version and opens another. Rows of a table that had no versions become current ones, valid
/// since they were loaded.
pub(super) fn versions(script: &mut Script, shape: &Shape, target: &Target, rows: &Rows, at: Micros) {
    let d = &BigQueryDialect;
    let name = shape.name.sql(d);
    let (from, to, current) = (shape.quoted(VALID_FROM), shape.quoted(VALID_TO), shape.quoted(IS_CURRENT));
    let at = d.instant(at);
    let since = match shape.find(LOADED_AT) {
        Some(found) => format!("COALESCE({}, {at})", d.quote(&found.name)),
        None => at.clone(),
    };
    script.body([format!(
        "IF EXISTS (SELECT 1 FROM {name} WHERE {current} IS NULL) THEN \
         UPDATE {name} SET {current} = TRUE, {from} = {since} WHERE {current} IS NULL; END IF"
    )]);
    if rows.parts.is_empty() {
        return;
    }
    let newest = rows.newest(shape, &target.key, target.incremental_key.as_deref());
    let changes = scratch("changes");
    let read = script.variable("read");
    let mut fills = fills(shape, target, rows);
    fills.extend([
        (from, at.clone()),
        (to.clone(), "CAST(NULL AS TIMESTAMP)".into()),
        (current.clone(), "TRUE".into()),
    ]);
    let (names, values) = inserting(shape, rows, &fills);
    let matching = rows.matching(shape, &target.key);
    let there = format!("{T}.{current}");
    script.scratch(&changes);
    script.body([
        format!("SET {read} = (SELECT COUNT(*) FROM ({newest}))"),
        format!(
            "CREATE TEMP TABLE {changes} AS SELECT {S}.*, {there} IS NOT NULL AS known FROM ({newest}) AS {S} \
             LEFT JOIN {name} AS {T} ON {matching} AND {there} WHERE {there} IS NULL OR {} \
             QUALIFY ROW_NUMBER() OVER (PARTITION BY {S}.{ORD}) = 1",
            stale(shape, rows)
        ),
        format!("SET {UPDATED} = (SELECT COUNTIF(known) FROM {changes})"),
        format!("SET {INSERTED} = (SELECT COUNTIF(NOT known) FROM {changes})"),
        format!("SET {UNCHANGED} = {read} - {INSERTED} - {UPDATED}"),
        format!("SET {DELETED} = {UPDATED}"),
        format!(
            "UPDATE {name} AS {T} SET {to} = {at}, {current} = FALSE FROM {changes} AS {S} \
             WHERE {there} AND {S}.known AND {matching}"
        ),
        format!("INSERT INTO {name} ({names}) SELECT {values} FROM {changes} AS {S}"),
    ]);
}
