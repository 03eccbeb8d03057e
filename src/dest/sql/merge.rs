//! Rows meeting rows by key: merge, append and scd2, as steps of a commit's transaction.

use super::columns::{IS_CURRENT, MARKS, VALID_FROM, VALID_TO, same};
use super::dialect::Shape;
use super::script::{Counter, Script, ScriptStep, When};
use super::staged::{NTH, ORD, S, StagedRows, T};
use crate::dest::Target;
use crate::model::{LOADED_AT, Micros};

/// Values of the columns that rows do not bring: name as the table spells it, quoted, and expression.
pub(crate) fn fills(shape: &Shape, target: &Target, rows: &StagedRows) -> Vec<(String, String)> {
    let loaded = target.loaded_at.map(|at| (shape.quoted(LOADED_AT), shape.d.instant(at)));
    loaded.into_iter().chain(shape.meaningless(|name| rows.position(name).is_some())).collect()
}

/// Columns and values of an INSERT; the rows are under the alias [`S`].
pub(crate) fn inserting(shape: &Shape, rows: &StagedRows, fills: &[(String, String)]) -> (String, String) {
    let own = rows.columns.iter().map(|c| shape.quoted(&c.name));
    let names: Vec<String> = own.chain(fills.iter().map(|(name, _)| name.clone())).collect();
    let own = rows.positions(&format!("{S}.")).into_iter();
    let values: Vec<String> = own.chain(fills.iter().map(|(_, value)| value.clone())).collect();
    (names.join(", "), values.join(", "))
}

/// What makes a row that is there need to be written: a value differs, or it is marked as gone and was read again.
fn stale(shape: &Shape, rows: &StagedRows) -> String {
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
/// it wrote in all, and finding out which were new would read the table once more. In BigQuery the UPDATE is billed like
/// the MERGE, and the INSERT reads nothing of the table but its keys, as does the look for keys that stand there twice.
pub(crate) fn merge(script: &mut Script, shape: &Shape, target: &Target, rows: &StagedRows) {
    if rows.parts.is_empty() {
        return;
    }
    let name = shape.sql();
    let newest = rows.newest(shape, &target.key, target.incremental_key.as_deref());
    let matching = rows.matching(shape, &target.key);
    let (names, values) = inserting(shape, rows, &fills(shape, target, rows));
    script.body([read(&newest)]);
    single_out(script, shape, target, rows);
    let set = updating(shape, target, rows);
    if !set.is_empty() {
        script.body([ScriptStep::count(
            Counter::Updated,
            format!(
                "UPDATE {name} AS {T} SET {} FROM ({newest}) AS {S} WHERE {matching} AND ({})",
                set.join(", "),
                stale(shape, rows)
            ),
        )]);
    }
    script.body([ScriptStep::count(
        Counter::Inserted,
        format!(
            "INSERT INTO {name} ({names}) SELECT {values} FROM ({newest}) AS {S} \
             WHERE NOT EXISTS (SELECT 1 FROM {name} AS {T} WHERE {matching})"
        ),
    )]);
}

/// Counts rows that come once each key.
fn read(newest: &str) -> ScriptStep {
    let all = format!("SELECT COUNT(*) FROM ({newest}) AS _ingestr_read");
    ScriptStep::Find("_ingestr_rows", all, Some(Counter::Read))
}

/// Of rows of the table that share a key which was read, one is kept: the newest. Tables of others hold such, and a row
/// that was read is one row. Its columns that are not read survive, so it is not simply made anew.
///
/// Looking for them reads the keys alone; the rows are read only if there are any. Where a primary key leaves no room for
/// them, nobody looks; SQLite's leaves room for NULL.
fn single_out(script: &mut Script, shape: &Shape, target: &Target, rows: &StagedRows) {
    let null = rows.null_keys.contains(&true);
    if target.key.is_empty() || (shape.has_once_each(&target.key) && !null) {
        return;
    }
    let name = shape.sql();
    let newest = rows.newest(shape, &target.key, target.incremental_key.as_deref());
    let met = format!("{name} AS {T} JOIN ({newest}) AS {S} ON {}", rows.matching(shape, &target.key));
    let by = [target.incremental_key.as_deref(), Some(LOADED_AT)];
    let by = by.into_iter().flatten().filter(|column| shape.find(column).is_some());
    let by: Vec<String> = by.map(|name| format!("{T}.{} DESC NULLS LAST", shape.quoted(name))).collect();
    let by = if by.is_empty() { String::new() } else { format!(" ORDER BY {}", by.join(", ")) };
    let (columns, single) = (shape.written(), shape.d.temporary("_ingestr_scratch_single"));
    let twice = format!(
        "SELECT COUNT(*) FROM (SELECT {S}.{ORD} FROM {met} GROUP BY {S}.{ORD} HAVING COUNT(*) > 1) AS _ingestr_twice"
    );
    script.body([
        ScriptStep::Find("_ingestr_twice", twice, None),
        ScriptStep::Only(
            When::Any(vec!["_ingestr_twice"]),
            vec![
                format!(
                    "CREATE TEMP TABLE {single} AS SELECT {columns} FROM (SELECT {T}.*, \
                     COUNT(*) OVER (PARTITION BY {S}.{ORD}) AS _ingestr_alike, \
                     ROW_NUMBER() OVER (PARTITION BY {S}.{ORD}{by}) AS {NTH} FROM {met}) AS _ingestr_some \
                     WHERE _ingestr_alike > 1 AND {NTH} = 1"
                ),
                format!(
                    "DELETE FROM {name} AS {T} WHERE EXISTS (SELECT 1 FROM {single} AS {S} WHERE {})",
                    rows.matching_own(shape, &target.key)
                ),
                format!("INSERT INTO {name} ({columns}) SELECT {columns} FROM {single}"),
                format!("DROP TABLE {single}"),
            ],
        ),
    ]);
}

/// What an update sets: values that were read, marks of a row that is there again, and when it was loaded.
fn updating(shape: &Shape, target: &Target, rows: &StagedRows) -> Vec<String> {
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
        set.push(format!("{} = {}", shape.quoted(LOADED_AT), shape.d.instant(at)));
    }
    set
}

/// Every row is added.
pub(crate) fn append(script: &mut Script, shape: &Shape, target: &Target, rows: &StagedRows) {
    if rows.parts.is_empty() {
        return;
    }
    let fills = fills(shape, target, rows);
    let (names, values) = inserting(shape, rows, &fills);
    script.body([ScriptStep::count(
        Counter::Inserted,
        format!("INSERT INTO {} ({names}) SELECT {values} FROM ({}) AS {S}", shape.sql(), rows.all(shape)),
    )]);
}

/// Rows of a table that had no versions become current ones, valid since they were loaded.
pub(crate) fn adopt(script: &mut Script, shape: &Shape, at: Micros) {
    let (name, from, current) = (shape.sql(), shape.quoted(VALID_FROM), shape.quoted(IS_CURRENT));
    let at = shape.d.instant(at);
    let since = match shape.find(LOADED_AT) {
        Some(found) => format!("COALESCE({}, {at})", shape.d.quote(&found.name)),
        None => at,
    };
    script.body([ScriptStep::Only(
        When::Holds(format!("EXISTS (SELECT 1 FROM {name} WHERE {current} IS NULL)")),
        vec![format!("UPDATE {name} SET {current} = TRUE, {from} = {since} WHERE {current} IS NULL")],
    )]);
}

/// A changed row closes its version and opens another.
pub(crate) fn versions(script: &mut Script, shape: &Shape, target: &Target, rows: &StagedRows, at: Micros) {
    adopt(script, shape, at);
    if rows.parts.is_empty() {
        return;
    }
    let d = shape.d;
    let name = shape.sql();
    let (from, to, current) = (shape.quoted(VALID_FROM), shape.quoted(VALID_TO), shape.quoted(IS_CURRENT));
    let at = d.instant(at);
    let newest = rows.newest(shape, &target.key, target.incremental_key.as_deref());
    let changes = script.scratch(d, "changes");
    let mut fills = fills(shape, target, rows);
    fills.extend([
        (from, at.clone()),
        (to.clone(), format!("CAST(NULL AS {})", d.type_name(crate::model::LogicalType::Timestamp))),
        (current.clone(), "TRUE".into()),
    ]);
    let (names, values) = inserting(shape, rows, &fills);
    let matching = rows.matching(shape, &target.key);
    let there = format!("{T}.{current}");
    let known = format!("SELECT COUNT(*) FROM {changes} WHERE known");
    script.body([
        read(&newest),
        ScriptStep::run(format!(
            "CREATE TEMP TABLE {changes} AS SELECT {}, {ORD}, known FROM (SELECT {S}.*, {there} IS NOT NULL AS known, \
             ROW_NUMBER() OVER (PARTITION BY {S}.{ORD}) AS {NTH} FROM ({newest}) AS {S} \
             LEFT JOIN {name} AS {T} ON {matching} AND {there} WHERE {there} IS NULL OR {}) AS _ingestr_some \
             WHERE {NTH} = 1",
            rows.positions("").join(", "),
            stale(shape, rows)
        )),
        // A version that is closed is no row that is gone.
        ScriptStep::Find("_ingestr_changed", known, Some(Counter::Updated)),
        ScriptStep::run(format!(
            "UPDATE {name} AS {T} SET {to} = {at}, {current} = FALSE FROM {changes} AS {S} \
             WHERE {there} AND {S}.known AND {matching}"
        )),
        ScriptStep::Find(
            "_ingestr_new",
            format!("SELECT COUNT(*) FROM {changes} WHERE NOT known"),
            Some(Counter::Inserted),
        ),
        ScriptStep::run(format!("INSERT INTO {name} ({names}) SELECT {values} FROM {changes} AS {S}")),
    ]);
}
