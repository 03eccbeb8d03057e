//! The destination in memory, which whole runs are tested with, passes the suite, too: what it gets wrong, those tests
//! would not see.
//!
//! Its files lie with the tests of the whole tool and are part of both. The suite speaks SQL to what it looks at; the
//! little that it says is understood here.

use super::Bench;
use crate::dest::Destination;
use crate::dest::sql::shadow::{SHADOWS, fnv};
use crate::model::{Column, LogicalType};

#[path = "../../../tests/support/memory/mod.rs"]
#[allow(dead_code, unreachable_pub, reason = "the rest of it is for the tests of the whole tool")]
mod support;

use support::{Cell, Crash, Memory, Place, Row, Rows, Whose};

/// What a real destination would call the table in which rows wait.
fn hidden((whose, kind): &(Whose, &str)) -> String {
    let prefix =
        SHADOWS.iter().find(|(strategy, _)| strategy.to_string() == *kind).expect("one that waits").1;
    let who = [whose.account.as_bytes(), &[0], whose.source_table.as_bytes()].concat();
    format!("{prefix}{}__{:08x}", whose.place.1, fnv(&who))
}

fn place(table: &str) -> Place {
    ("shop".into(), table.into())
}

fn name(text: &str) -> String {
    let text = text.trim();
    text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text).replace("\"\"", "\"")
}

/// A column, or one of the three things the suite asks of one.
fn value(row: &Row, expression: &str) -> String {
    let cell = |column: &str| row.get(&name(column)).unwrap_or(&Cell::Null);
    if let Some(column) = expression.strip_suffix(" IS NULL") {
        return (*cell(column) == Cell::Null).to_string();
    }
    let inner = |function: &str| expression.strip_prefix(function)?.strip_prefix('(')?.strip_suffix(')');
    if let Some(column) = inner("epoch_us") {
        return if let Cell::Instant(at) = cell(column) { at.to_string() } else { "NULL".into() };
    }
    if let Some(column) = inner("year") {
        return cell(column).text()[..4].to_owned();
    }
    cell(expression).text()
}

fn literal(row: &Row, text: &str) -> Cell {
    let inner = |text: &str| text.strip_prefix('\'')?.strip_suffix('\'').map(str::to_owned);
    if let Some(instant) = text.strip_prefix("TIMESTAMPTZ ") {
        let instant = inner(instant).expect("an instant").replace(' ', "T");
        let at: jiff::Timestamp = instant.parse().expect("an instant");
        return Cell::Instant(at.as_microsecond());
    }
    match (inner(text), text.parse()) {
        (Some(text), _) => Cell::Text(text),
        (None, Ok(number)) => Cell::Int(number),
        (None, Err(_)) => row.get(&name(text)).expect("a column").clone(),
    }
}

impl Memory {
    fn update(&self, table: &str, rest: &str) {
        let (set, only) = rest.split_once(" WHERE ").map_or((rest, None), |(set, only)| (set, Some(only)));
        let equation = |text: &str| {
            let (column, value) = text.split_once(" = ").expect("an equation");
            (name(column), value.to_owned())
        };
        let set: Vec<_> = set.split(", ").map(equation).collect();
        let only = only.map(equation);
        let mut store = self.store();
        if table == "_ingestr_state" {
            let Some((_, account)) = only else { panic!("of which account") };
            let version = set[0].1.parse().expect("a version");
            let mine = |whose: &support::Whose| format!("'{}'", whose.account) == account;
            let own = store.states.iter_mut().filter(|(whose, _)| mine(whose));
            own.for_each(|(_, saved)| saved.version = version);
            let aside = store.shadows.iter_mut().filter(|((whose, _), _)| mine(whose));
            aside.for_each(|(_, shadow)| shadow.saved.version = version);
            return;
        }
        store.tables.get_mut(&place(table)).expect("a table").change_all(|row| {
            let is = |(column, value): &(String, String)| row.get(column) == Some(&literal(row, value));
            if only.as_ref().is_none_or(is) {
                let new: Vec<_> =
                    set.iter().map(|(column, value)| (column.clone(), literal(row, value))).collect();
                row.extend(new);
            }
        });
    }
}

impl Bench for Memory {
    fn destination(&self) -> Box<dyn Destination> {
        Box::new(self.clone())
    }

    fn rows(&self, table: &str, columns: &[&str]) -> Option<Vec<Vec<String>>> {
        let store = self.store();
        let text = |text: &str| Cell::Text(text.to_owned());
        let maybe = |text: &Option<String>| text.clone().map_or(Cell::Null, Cell::Text);
        let row = |cells: &[(&str, Cell)]| cells.iter().map(|(n, c)| ((*n).to_owned(), c.clone())).collect();
        let number = |n: u64| Cell::Int(i64::try_from(n).expect("a small number"));
        let rows: Vec<Row> = match table {
            "_ingestr_rejects" => {
                let lines = store.rejects.iter().map(|(whose, run, reject)| {
                    row(&[
                        ("run_id", text(run)),
                        ("account", text(&whose.account)),
                        ("dest_table", text(&whose.place.1)),
                        ("row_id", maybe(&reject.id)),
                        ("column_name", maybe(&reject.column)),
                        ("value", text(&reject.value)),
                        ("reason", text(reject.reason)),
                    ])
                });
                lines.collect()
            }
            "_ingestr_runs" => {
                let lines = store.runs.iter().map(|line| {
                    row(&[
                        ("run_id", text(&line.record.id)),
                        ("account", text(&line.whose.account)),
                        ("source_table", text(&line.whose.source_table)),
                        ("outcome", text(line.record.outcome)),
                        ("rows_read", number(line.record.rows_read)),
                        ("retries", number(line.record.retries)),
                    ])
                });
                lines.collect()
            }
            table => store.tables.get(&place(table))?.iter().cloned().collect(),
        };
        let texts = |row: &Row| columns.iter().map(|column| value(row, column)).collect();
        let mut rows: Vec<Vec<String>> = rows.iter().map(texts).collect();
        rows.sort();
        Some(rows)
    }

    fn execute(&self, sql: &str, table: &str) {
        if let Some(rest) = sql.strip_prefix("UPDATE {} SET ") {
            return self.update(table, rest);
        }
        let mut store = self.store();
        if sql.starts_with("DROP TABLE") {
            store.tables.remove(&place(table));
            store.shadows.retain(|id, _| hidden(id) != table);
            return;
        }
        if let Some(account) = sql.strip_prefix("DELETE FROM {} WHERE account = ") {
            let others = |whose: &Whose| format!("'{}'", whose.account) != account;
            if table == "_ingestr_runs" {
                store.runs.retain(|line| others(&line.whose));
            } else {
                store.states.retain(|whose, _| others(whose));
                store.shadows.retain(|(whose, _), _| others(whose));
            }
            return;
        }
        if sql.starts_with("CREATE TABLE") {
            let columns = [("id", LogicalType::Int64), ("name", LogicalType::Text)];
            let columns = columns.map(|(name, logical)| Column::new(name, logical)).to_vec();
            store.tables.insert(place(table), Rows::with_columns(columns));
            return;
        }
        if let Some(only) = sql.strip_prefix("DELETE FROM {} WHERE ") {
            let only = only.split_once(" = ");
            let stays = |row: &Row| only.is_some_and(|(column, value)| row[column] != literal(row, value));
            let waiting = store.shadows.iter_mut().find(|(id, _)| hidden(id) == table);
            let held = match waiting {
                Some((_, shadow)) => &mut shadow.rows,
                None => store.tables.get_mut(&place(table)).expect("a table"),
            };
            held.retain(stays);
            return;
        }
        if table == "_ingestr_state" {
            // What older versions did not store.
            store.states.values_mut().for_each(|saved| (saved.table, saved.filled) = (None, false));
            return;
        }
        let held: &mut Rows = store.tables.get_mut(&place(table)).expect("a table");
        if let Some(rest) = sql.strip_prefix("ALTER TABLE {} ADD COLUMN ") {
            let (column, kind) = rest.rsplit_once(' ').expect("a column and its type");
            let logical = match kind {
                "TIMESTAMPTZ" => LogicalType::Timestamp,
                "BIGINT" => LogicalType::Int64,
                _ => LogicalType::Text,
            };
            held.columns.push(Column::new(name(column), logical));
        } else if let Some(column) = sql.strip_prefix("ALTER TABLE {} DROP COLUMN ") {
            let column = name(column);
            held.columns.retain(|held| held.name != column);
            held.change_all(|row| _ = row.remove(&column));
        } else {
            panic!("what does {sql} mean");
        }
    }

    fn tables(&self) -> Vec<String> {
        let store = self.store();
        let data = store.tables.keys().filter(|(schema, _)| schema == "shop").map(|(_, table)| table.clone());
        let ledgers =
            store.ledgers.iter().filter(|(schema, _)| schema == "shop").map(|(_, ledger)| (*ledger).into());
        let shadows = store.shadows.keys().map(hidden);
        let mut all: Vec<String> = data.chain(ledgers).chain(shadows).collect();
        all.sort();
        all
    }

    fn break_between(&self, _: &dyn Destination) -> Box<dyn Destination> {
        self.store().crash = Some((0, Crash::Between));
        Box::new(self.clone())
    }
}

mod suite {
    use super::Memory;
    crate::dest::conformance::suite!(Memory::default());
}
