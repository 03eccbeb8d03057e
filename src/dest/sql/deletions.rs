//! Rows that are gone from the source: marked, removed or closed, after the rows of the same commit.
//!
//! Tombstones come in a staging table of their own, each key once: `c0` the key, `c1` when, `c2` the survivor.

use super::columns::{IS_CURRENT, VALID_TO};
use super::dialect::Shape;
use super::script::{Counter, Script, ScriptStep, When};
use super::staged::{S, T};
use crate::dest::Target;
use crate::model::{DELETED_AT, Deletes, LOADED_AT, LogicalType, MERGED_INTO, Micros, Strategy};

/// Columns of the staging table.
pub(crate) const COLUMNS: [LogicalType; 3] = [LogicalType::Int64, LogicalType::Timestamp, LogicalType::Int64];

/// Applies the tombstones in a staging table to the rows of a table, or of a hidden one. With scd2 the current version is
/// closed at `at`, and marked unless [`Deletes::Hard`]: history is what the user asked for, so no version is removed.
pub(crate) fn apply(script: &mut Script, shape: &Shape, target: &Target, tombstones: &str, at: Micros) {
    let deletes = target.deletes;
    let Some(key) = target.key.first().filter(|key| deletes != Deletes::Ignore && shape.find(key).is_some())
    else {
        return;
    };
    let name = shape.sql();
    let quoted = shape.quoted(key);
    let as_key = |value: &str| as_key(shape, key, value);
    let on = format!("{} = {}", as_key(&format!("{T}.{quoted}")), as_key(&format!("{S}.c0")));
    let versions = target.strategy == Strategy::Scd2;
    let soft = deletes == Deletes::Soft;
    let (deleted, merged) = (shape.quoted(DELETED_AT), shape.quoted(MERGED_INTO));
    let (to, current) = (shape.quoted(VALID_TO), shape.quoted(IS_CURRENT));
    let alive = match (versions, soft) {
        (true, _) => format!("{T}.{current} IS TRUE"),
        (false, true) => format!("{T}.{deleted} IS NULL"),
        (false, false) => "TRUE".into(),
    };
    // Rows of a child table are merged into no other.
    let news = if shape.find(MERGED_INTO).is_some() {
        format!("{T}.{deleted} IS NOT NULL AND {T}.{merged} IS NULL AND {S}.c2 IS NOT NULL")
    } else {
        "FALSE".into()
    };
    // Of several versions only the latest can be told anything new.
    let latest = format!(
        "NOT EXISTS (SELECT 1 FROM {name} AS _ingestr_v WHERE _ingestr_v.{quoted} = {T}.{quoted} \
         AND (_ingestr_v.{current} IS TRUE OR _ingestr_v.{to} > {T}.{to}))"
    );
    let known = match (versions, soft) {
        (_, false) => None,
        (true, true) => Some(format!("{T}.{current} IS NOT TRUE AND {news} AND {latest}")),
        (false, true) => Some(news),
    };
    // Keys, not rows: an old table, or a hidden one, may hold a key more than once. In a child table it is the key of the
    // parent, which has many.
    let counted = if target.key.len() == 1 { format!("DISTINCT {S}.c0") } else { "*".into() };
    let count = |condition: &str| {
        format!(
            "SELECT COUNT({counted}) FROM {name} AS {T} JOIN {tombstones} AS {S} ON {on} WHERE {condition}"
        )
    };
    script.body([ScriptStep::Find("_ingestr_gone", count(&alive), Some(Counter::Deleted))]);
    if let Some(known) = &known {
        script.body([ScriptStep::Find("_ingestr_told", count(known), Some(Counter::Told))]);
    }
    let statement = if !soft && !versions {
        format!(
            "DELETE FROM {name} AS {T} WHERE {} IN (SELECT {} FROM {tombstones} AS {S})",
            as_key(&format!("{T}.{quoted}")),
            as_key(&format!("{S}.c0"))
        )
    } else {
        let which = known.map_or(alive.clone(), |known| format!("(({alive}) OR ({known}))"));
        let set = marks(shape, target, at).join(", ");
        format!("UPDATE {name} AS {T} SET {set} FROM {tombstones} AS {S} WHERE {on} AND {which}")
    };
    script.body([ScriptStep::Only(When::Any(vec!["_ingestr_gone", "_ingestr_told"]), vec![statement])]);
}

/// A key in a comparison with one that was read: a table taken over may keep its keys as text.
pub(crate) fn as_key(shape: &Shape, key: &str, value: &str) -> String {
    match shape.type_of(key) {
        Some(LogicalType::Int64 | LogicalType::Float64) => value.to_owned(),
        _ => format!("CAST({value} AS {})", shape.d.type_name(LogicalType::Text)),
    }
}

/// What is set in a row that is gone. What is known already stays, so that a row keeps its first date.
fn marks(shape: &Shape, target: &Target, at: Micros) -> Vec<String> {
    let at = shape.d.instant(at);
    let loaded = target.loaded_at.map(|at| format!("{} = {}", shape.quoted(LOADED_AT), shape.d.instant(at)));
    let mut set: Vec<String> = loaded.into_iter().collect();
    if target.deletes == Deletes::Soft {
        for (mark, found) in [(DELETED_AT, "c1"), (MERGED_INTO, "c2")] {
            if shape.find(mark).is_none() {
                continue;
            }
            let mark = shape.quoted(mark);
            set.push(format!("{mark} = COALESCE({T}.{mark}, {S}.{found})"));
        }
    }
    if target.strategy == Strategy::Scd2 {
        let (to, current) = (shape.quoted(VALID_TO), shape.quoted(IS_CURRENT));
        set.push(format!("{to} = COALESCE({T}.{to}, {at})"));
        set.push(format!("{current} = FALSE"));
    }
    set
}
