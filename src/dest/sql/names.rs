//! Which column a field of the source has for ever: two fields whose names differ by little would otherwise get theirs by
//! the order in which they come.
//!
//! They are of the table, whoever's rows it has: they outlive a reset of its state and a replacement of its rows, and die
//! with it.

use super::cells::{Cell, LedgerLine};
use super::engine::Engine;
use super::ledger::{self, NAMES, name_columns};
use super::script::Script;
use super::{Dialect, TableName, list};
use crate::dest::{DestError, Names};
use crate::model::FieldName;

/// What is remembered of a table, in the order of fields.
///
/// # Errors
/// When it cannot be read.
pub(crate) async fn read<E: Engine>(engine: &E, table: &TableName) -> Result<Vec<FieldName>, DestError> {
    let lines = engine.lines_about(NAMES, table).await?;
    let name = |line: &LedgerLine| FieldName {
        field: unescaped(line.text("field")),
        column: line.text("column_name").to_owned(),
    };
    let mut names: Vec<FieldName> = lines.iter().map(name).collect();
    names.sort();
    Ok(names)
}

/// A field as it is stored: there are databases whose texts have no NUL.
fn escaped(field: &str) -> String {
    field.replace('\\', "\\\\").replace('\0', "\\0")
}

fn unescaped(text: &str) -> String {
    let mut field = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => field.push(if chars.next() == Some('0') { '\0' } else { '\\' }),
            c => field.push(c),
        }
    }
    field
}

/// Adds names to those of a table. `there`: whether there were any of some table before the commit.
pub(crate) fn write(script: &mut Script, d: &dyn Dialect, table: &TableName, names: &Names, there: bool) {
    let name = table.beside(NAMES);
    let of_table = ledger::of_table(d, table);
    let Names { new: names, anew } = names;
    if *anew && there {
        script.then([ledger::delete(d, &name, &of_table)]);
    }
    if names.is_empty() {
        return;
    }
    let columns = name_columns();
    let lines = list(names, |one| {
        let cells = [&table.schema, &table.table, &escaped(&one.field), &one.column]
            .map(|text| Cell::text(text).sql(d));
        format!("({})", cells.join(", "))
    });
    script.then([
        ledger::delete(
            d,
            &name,
            &format!("{of_table} AND field IN ({})", list(names, |one| d.text(&escaped(&one.field)))),
        ),
        format!("INSERT INTO {} ({}) VALUES {lines}", name.sql(d), list(&columns, |c| d.quote(&c.name))),
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_comes_back() {
        for field in ["plan", "\0", "a\\0b", "a\0\\\0", "\\", "\u{fffd}"] {
            assert!(!escaped(field).contains('\0'));
            assert_eq!(unescaped(&escaped(field)), field);
        }
    }
}
