//! Answers to a source's questions.

use ingestr::api::dest::{Stored, Target};
use ingestr::api::model::{DELETED_AT, LogicalType, MERGED_INTO, Micros, Question, Strategy};
use std::collections::BTreeMap;

use super::apply::{IS_CURRENT, newest_first, waits};
use super::rows::{Cell, Row, Rows, find, get};
use super::{Store, Whose, place};

/// The answer; `None` if the table does not have what the question is about.
pub(super) fn answer(store: &Store, target: &Target, question: &Question) -> Option<Vec<(i64, i64)>> {
    if question.asks_for_nothing() {
        return Some(Vec::new());
    }
    let Some((held, repeats)) = held(store, target) else { return Some(Vec::new()) };
    let columns = &held.columns;
    let key = &find(columns, target.key.first()?)?.name;
    let instant = |name: &str| find(columns, name).filter(|c| c.logical == LogicalType::Timestamp);
    let integer = |name: &str| {
        find(columns, name).filter(|c| !matches!(c.logical, LogicalType::Timestamp | LogicalType::Bool))
    };
    let all = matches!(question, Question::Stored { .. });
    let alive = |row: &&Row| {
        let closed = target.strategy == Strategy::Scd2 && *get(row, IS_CURRENT) == Cell::Bool(false);
        all || (*get(row, DELETED_AT) == Cell::Null && !closed)
    };
    let rows = rows(held, target, repeats).into_iter().filter(alive);
    let rows = rows.filter_map(|row| Some((get(row, key).integer()?, row)));
    Some(match question {
        Question::CountBy { column, values } => {
            let column = &integer(column)?.name;
            let mut counts = BTreeMap::new();
            let found = rows.filter_map(|(_, row)| get(row, column).integer());
            found
                .filter(|value| values.contains(value))
                .for_each(|value| *counts.entry(value).or_insert(0) += 1);
            counts.into_iter().collect()
        }
        Question::KeysBy { column, values } | Question::Stored { column, values } => {
            let column = &integer(column)?.name;
            let found = rows.filter_map(|(id, row)| Some((get(row, column).integer()?, id)));
            found.filter(|(value, _)| values.contains(value)).collect()
        }
        Question::KeysBetween { column, from, to, with } => {
            let column = &instant(column)?.name;
            let with = match with {
                Some(with) => Some(&integer(with)?.name),
                None => None,
            };
            let within =
                |row: &Row| matches!(get(row, column), Cell::Instant(at) if (from.0..=to.0).contains(at));
            let value = |row: &Row| with.and_then(|with| get(row, with).integer()).unwrap_or(0);
            rows.filter(|(_, row)| within(row)).map(|(id, row)| (id, value(row))).collect()
        }
        Question::ValuesOf { column, keys } => {
            let column = &integer(column)?.name;
            let wanted = rows.filter(|(id, _)| keys.contains(id));
            wanted.filter_map(|(id, row)| Some((id, get(row, column).integer()?))).collect()
        }
        Question::Holding { column, ids } => {
            let column = &find(columns, column).filter(|c| c.logical == LogicalType::Json)?.name;
            let holds = |row: &Row| {
                let value: serde_json::Value = serde_json::from_str(&get(row, column).text()).ok()?;
                let has = |one: &serde_json::Value| one["id"].as_i64().is_some_and(|id| ids.contains(&id));
                value.as_array()?.iter().any(has).then_some(())
            };
            rows.filter(|(_, row)| holds(row).is_some()).map(|(id, _)| (id, 0)).collect()
        }
        Question::Keys => rows.map(|(id, _)| (id, 0)).collect(),
        Question::Count => vec![(0, i64::try_from(rows.count()).unwrap())],
    })
}

/// The rows a run would add to, and whether a key may stand in several of which only the newest counts.
fn held<'a>(store: &'a Store, target: &Target) -> Option<(&'a Rows, bool)> {
    if target.strategy == Strategy::Replace {
        if target.fresh {
            return None;
        }
        let shadow = waits(target.strategy).and_then(|name| store.shadows.get(&(Whose::of(target), name)));
        if let Some(shadow) = shadow {
            return Some((&shadow.rows, true));
        }
    }
    Some((store.tables.get(&place(target))?, target.strategy == Strategy::Append))
}

fn rows<'a>(held: &'a Rows, target: &Target, repeats: bool) -> Vec<&'a Row> {
    if !repeats {
        return held.iter().collect();
    }
    let mut newest: BTreeMap<Vec<Cell>, &Row> = BTreeMap::new();
    for row in held.iter() {
        let key = Rows::key_of(row, &target.key);
        let old = newest.get(&key);
        if old.is_none_or(|old| !newest_first(target, old, row)) {
            newest.insert(key, row);
        }
    }
    newest.into_values().collect()
}

/// Rows of the table in the order of its key.
pub(super) fn stored(
    store: &Store,
    target: &Target,
    columns: &[String],
    after: Option<i64>,
    most: u64,
) -> Option<Vec<Stored>> {
    let Some(table) = store.tables.get(&place(target)) else { return Some(Vec::new()) };
    let key = target.key.first()?;
    let names: Option<Vec<&str>> =
        columns.iter().map(|name| find(&table.columns, name).map(|column| column.name.as_str())).collect();
    let names = names?;
    let stored = |row: &Row| {
        let deleted_at = if let Cell::Instant(at) = get(row, DELETED_AT) { Some(Micros(*at)) } else { None };
        let text = |name: &&str| match get(row, name) {
            Cell::Null => None,
            cell => Some(cell.text()),
        };
        Some(Stored {
            key: get(row, key).integer()?,
            deleted_at,
            merged_into: get(row, MERGED_INTO).integer(),
            values: names.iter().map(text).collect(),
        })
    };
    let mut rows: Vec<Stored> = table.iter().filter_map(stored).collect();
    rows.retain(|row| after.is_none_or(|after| row.key > after));
    rows.sort_by_key(|row| row.key);
    rows.truncate(usize::try_from(most).unwrap());
    Some(rows)
}
