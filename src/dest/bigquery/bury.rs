//! Rows that are gone from the source: marked, removed or closed, after the rows of the same commit.
//!
//! Tombstones come in a staging table of their own, each key once: `c0` the key, `c1` when, `c2` the survivor.

use super::dialect::BigQueryDialect;
use super::rows::{S, T};
use super::script::{DELETED, Script, UPDATED};
use super::shape::Shape;
use crate::dest::Target;
use crate::dest::sql::columns::{IS_CURRENT, VALID_TO};
use crate::dest::sql::{Dialect, TableName};
use crate::model::{DELETED_AT, Deletes, LOADED_AT, LogicalType, MERGED_INTO, Micros, Strategy};

/// Columns of the staging table.
pub(super) const COLUMNS: [LogicalType; 3] = [LogicalType::Int64, LogicalType::Timestamp, LogicalType::Int64];

/// Applies the tombstones in `graves` to the rows of a table, or of a shadow. With scd2 the current version is closed
/// at `at`, and marked unless [`Deletes::Hard`]: history is what the user asked for, so no version is removed.
pub(super) fn bury(script: &mut Script, shape: &Shape, target: &Target, graves: &TableName, at: Micros) {
    let deletes = target.deletes;
    let Some(key) = target.key.first().filter(|key| deletes != Deletes::Ignore && shape.find(key).is_some())
    else {
        return;
    };
    let d = &BigQueryDialect;
    let name = shape.name.sql(d);
    let there = format!("{T}.{}", shape.quoted(key));
    // A table taken over may keep its keys as text.
    let on = match shape.type_of(key) {
        Some(LogicalType::Int64 | LogicalType::Float64) => format!("{there} = {S}.c0"),
        _ => format!("CAST({there} AS STRING) = CAST({S}.c0 AS STRING)"),
    };
    let versions = target.strategy == Strategy::Scd2;
    let soft = deletes == Deletes::Soft;
    let (deleted, merged) = (shape.quoted(DELETED_AT), shape.quoted(MERGED_INTO));
    let (to, current) = (shape.quoted(VALID_TO), shape.quoted(IS_CURRENT));
    let alive = match (versions, soft) {
        (true, _) => format!("{T}.{current} IS TRUE"),
        (false, true) => format!("{T}.{deleted} IS NULL"),
        (false, false) => "TRUE".into(),
    };
    let news = format!("{T}.{deleted} IS NOT NULL AND {T}.{merged} IS NULL AND {S}.c2 IS NOT NULL");
    // Of several versions only the latest can be told anything new.
    let latest = format!(
        "NOT EXISTS (SELECT 1 FROM {name} AS _ingestr_v WHERE _ingestr_v.{key} = {T}.{key} \
         AND (_ingestr_v.{current} IS TRUE OR _ingestr_v.{to} > {T}.{to}))",
        key = shape.quoted(key)
    );
    let known = match (versions, soft) {
        (_, false) => None,
        (true, true) => Some(format!("{T}.{current} IS NOT TRUE AND {news} AND {latest}")),
        (false, true) => Some(news),
    };
    let from = format!("{name} AS {T} JOIN {} AS {S} ON {on}", graves.sql(d));
    // Keys, not rows: an old table, or a shadow, may hold a key more than once.
    let count = |condition: &str| format!("(SELECT COUNT(DISTINCT {S}.c0) FROM {from} WHERE {condition})");
    let closed = script.variable("closed");
    let told = script.variable("told");
    script.body([format!("SET {closed} = {}", count(&alive))]);
    if let Some(known) = &known {
        script.body([format!("SET {told} = {}", count(known))]);
    }
    script.body([
        format!("SET {DELETED} = {DELETED} + {closed}"),
        format!("SET {UPDATED} = {UPDATED} + {told}"),
    ]);
    if !soft && !versions {
        script.body([format!(
            "IF {closed} > 0 THEN DELETE FROM {name} AS {T} WHERE EXISTS (SELECT 1 FROM {} AS {S} WHERE {on}); END IF",
            graves.sql(d)
        )]);
        return;
    }
    let which = known.map_or(alive.clone(), |known| format!("(({alive}) OR ({known}))"));
    script.body([format!(
        "IF {closed} + {told} > 0 THEN UPDATE {name} AS {T} SET {} FROM {} AS {S} WHERE {on} AND {which}; END IF",
        marks(shape, target, at).join(", "),
        graves.sql(d)
    )]);
}

/// What is set in a row that is gone. What is known already stays, so that a row keeps its first date.
fn marks(shape: &Shape, target: &Target, at: Micros) -> Vec<String> {
    let d = &BigQueryDialect;
    let loaded = target.loaded_at.map(|at| format!("{} = {}", shape.quoted(LOADED_AT), d.instant(at)));
    let mut set: Vec<String> = loaded.into_iter().collect();
    if target.deletes == Deletes::Soft {
        for (mark, found) in [(DELETED_AT, "c1"), (MERGED_INTO, "c2")] {
            let mark = shape.quoted(mark);
            set.push(format!("{mark} = COALESCE({T}.{mark}, {S}.{found})"));
        }
    }
    if target.strategy == Strategy::Scd2 {
        let (to, current) = (shape.quoted(VALID_TO), shape.quoted(IS_CURRENT));
        set.push(format!("{to} = COALESCE({T}.{to}, {})", d.instant(at)));
        set.push(format!("{current} = FALSE"));
    }
    set
}
