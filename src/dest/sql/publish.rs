//! Replacements: rows wait in a hidden table beside the target, over several commits and processes, and become the
//! target's with the last one. Until then everybody sees the old rows.
//!
//! They are published by emptying the target and filling it from the hidden table, in the transaction that stores the
//! state. The table keeps its indexes, views, partitions, descriptions, policies and permissions. BigQuery empties a
//! table without reading it; a copy job or `CREATE OR REPLACE TABLE` would not cost the second writing of the rows, but
//! neither can be part of a transaction, so a run killed in between would leave new rows with the state of the old ones,
//! or the other way round.

use super::columns::same;
use super::dialect::Shape;
use super::merge::{fills, inserting};
use super::script::{Counter, Script, ScriptStep, When};
use super::staged::{NTH, ORD, S, StagedRows, T};
use super::{delete_window, list, newest_first};
use crate::dest::{Asked, Target};
use crate::model::{Column, LogicalType, Strategy};

/// Column of a hidden table that tells which of two rows came later.
const SEQ: &str = "_ingestr_seq";

/// The column every hidden table has besides the target's.
pub(crate) fn sequence() -> Column {
    Column::new(SEQ, LogicalType::Int64)
}

/// Columns that the target has to have for the rows of its hidden table.
pub(crate) fn published(hidden: &Shape) -> Vec<Column> {
    hidden.known().into_iter().filter(|column| !same(&column.name, SEQ)).collect()
}

/// Removes rows of the hidden table that are not of this replacement; `ours` is the condition that they are.
pub(crate) fn begin(script: &mut Script, hidden: &Shape, ours: &str) {
    let name = hidden.sql();
    script
        .body([ScriptStep::Only(When::Not(ours.to_owned()), vec![format!("DELETE FROM {name} WHERE TRUE")])]);
}

/// Adds the rows of this commit to the hidden table.
pub(crate) fn collect(script: &mut Script, hidden: &Shape, target: &Target, rows: &StagedRows) {
    let name = hidden.sql();
    if rows.parts.is_empty() {
        return;
    }
    let newest = rows.newest(hidden, &target.key, target.incremental_key.as_deref());
    let seq = hidden.quoted(SEQ);
    let mut fills = fills(hidden, target, rows);
    fills.push((seq.clone(), format!("(SELECT COALESCE(MAX({seq}), -1) + 1 FROM {name}) + {S}.{ORD}")));
    let (names, values) = inserting(hidden, rows, &fills);
    script.body([ScriptStep::run(format!(
        "INSERT INTO {name} ({names}) SELECT {values} FROM ({newest}) AS {S}"
    ))]);
}

/// The rows of a hidden table, the newest of each key.
pub(crate) fn waiting(hidden: &Shape, target: &Target) -> String {
    let incremental = target.incremental_key.as_deref().filter(|column| hidden.find(column).is_some());
    // Where rows wait without a number, the database itself knows which were written last.
    let tie = match (hidden.find(SEQ), target.key.first()) {
        (None, Some(key)) => hidden.d.written_last(hidden, key),
        _ => hidden.quoted(SEQ),
    };
    newest(hidden, target, incremental, &tie)
}

/// Of rows that repeat a key only the newest says something: a query for these.
pub(crate) fn latest(shape: &Shape, target: &Target) -> String {
    let Some(first) = target.key.first() else { return newest(shape, target, None, "") };
    let incremental = target.incremental_key.as_deref().filter(|column| shape.find(column).is_some());
    newest(shape, target, incremental, &shape.d.written_last(shape, first))
}

fn newest(shape: &Shape, target: &Target, incremental: Option<&str>, tie: &str) -> String {
    let (columns, name) = (shape.written(), shape.sql());
    if target.key.is_empty() {
        return format!("SELECT {columns} FROM {name}");
    }
    let nth = newest_first(shape.d, &target.key, incremental, tie);
    format!("SELECT {columns} FROM (SELECT *, {nth} AS {NTH} FROM {name}) AS _ingestr_some WHERE {NTH} = 1")
}

/// Makes the hidden table's rows the table's.
pub(crate) fn publish(script: &mut Script, shape: &Shape, hidden: &Shape, target: &Target) {
    let (d, name) = (shape.d, shape.sql());
    if target.strategy == Strategy::DeleteInsert {
        clear_window(script, shape, hidden, target);
    } else {
        script.body([ScriptStep::count(Counter::Deleted, format!("DELETE FROM {name} WHERE TRUE"))]);
    }
    let brought = published(hidden);
    let mut cells: Vec<(String, String)> = Vec::new();
    for column in &brought {
        let to = shape.type_of(&column.name).unwrap_or(column.logical);
        let value = format!("{S}.{}", d.quote(&column.name));
        cells.push((shape.quoted(&column.name), d.convert(&value, Some(column.logical), to)));
    }
    cells.extend(shape.meaningless(|name| hidden.find(name).is_some()));
    script.body([ScriptStep::count(
        Counter::Inserted,
        format!(
            "INSERT INTO {name} ({}) SELECT {} FROM ({}) AS {S}",
            list(&cells, |(name, _)| name.clone()),
            list(&cells, |(_, value)| value.clone()),
            waiting(hidden, target)
        ),
    )]);
}

/// What is added to the condition that a row lies in the window, so that it holds for those alone that were asked for;
/// `None` if nobody knows.
pub(crate) fn asked_for(shape: &Shape, target: &Target) -> Option<String> {
    match &target.asked {
        Asked::All => Some(String::new()),
        Asked::Since(column, at) => {
            let column = &shape.find(column).filter(|c| c.logical == Some(LogicalType::Timestamp))?.name;
            Some(format!(" AND {} >= {}", shape.d.quote(column), shape.d.instant(*at)))
        }
        Asked::Untold => None,
    }
}

/// The condition that a row of the table (its key is `there`) has the key of one that waits (`here`): a table of others may keep
/// its keys as text. `waiting`: the columns of those that wait.
pub(crate) fn meeting(shape: &Shape, waiting: &[Column], key: &str, (there, here): (&str, &str)) -> String {
    let from = waiting.iter().find(|column| same(&column.name, key)).map(|column| column.logical);
    match (from, shape.type_of(key)) {
        (Some(from), Some(to)) if from != to => shape.d.same(there, &shape.d.convert(here, Some(from), to)),
        _ => shape.d.same(there, here),
    }
}

/// The column that says when a row was of the window, in the table and in the rows that wait, as what can be compared: a table
/// of others may keep instants as text. `waiting`: the columns of those that wait.
pub(crate) fn moments(shape: &Shape, waiting: &[Column], target: &Target, column: &str) -> (String, String) {
    let here = waiting.iter().find(|waits| same(&waits.name, column));
    let (there, from) = (shape.type_of(column), here.map(|column| column.logical));
    let text = Some(LogicalType::Text);
    let as_they_are = there == text && from == text && target.window == (None, None);
    let moment = |quoted: String, logical| {
        if logical == text && !as_they_are { shape.d.moment(&quoted) } else { quoted }
    };
    let name = here.map_or(column, |column| &column.name);
    (moment(shape.quoted(column), there), moment(shape.d.quote(name), from))
}

/// Removes the rows of the window, and those whose key comes with the new rows.
fn clear_window(script: &mut Script, shape: &Shape, hidden: &Shape, target: &Target) {
    let (d, name, from) = (shape.d, shape.sql(), hidden.sql());
    let waits = hidden.known();
    if let (Some(column), Some(asked)) = (&target.incremental_key, asked_for(shape, target)) {
        let (there, here) = moments(shape, &waits, target, column);
        let end = |bound: Option<_>, read: &str| match bound {
            Some(at) => d.instant(at),
            // NULL if nothing was read: then nothing is compared as true, and nothing deleted.
            None => {
                let rows = waiting(hidden, target);
                format!("(SELECT {read}({here}) FROM ({rows}) AS _ingestr_rows)")
            }
        };
        let (low, high) = target.window;
        script.body([ScriptStep::count(
            Counter::Deleted,
            delete_window(d, &shape.name, &there, &end(low, "MIN"), &end(high, "MAX")) + &asked,
        )]);
    }
    if !target.key.is_empty() {
        let on = target.key.iter().map(|key| {
            let sides = (&*format!("{T}.{}", shape.quoted(key)), &*format!("{S}.{}", hidden.quoted(key)));
            meeting(shape, &waits, key, sides)
        });
        let on = on.collect::<Vec<_>>().join(" AND ");
        script.body([ScriptStep::count(
            Counter::Deleted,
            format!("DELETE FROM {name} AS {T} WHERE EXISTS (SELECT 1 FROM {from} AS {S} WHERE {on})"),
        )]);
    }
}
