//! How DuckDB changes a table.

use super::mark;
use crate::dest::sql::dialect::{Changes, FoundColumn, Shape};
use crate::dest::sql::{add_column, list};
use crate::model::LogicalType;

/// Statements that change a table so, in order.
pub(super) fn alter(shape: &Shape, changes: &Changes) -> Vec<String> {
    let d = shape.d;
    let name = shape.sql();
    let is_key = |found: &FoundColumn| shape.primary_key.contains(&found.name);
    let added = changes.added.iter().map(|column| add_column(d, &shape.name, column));
    // Nor does a column change its type that another one is made of.
    let generates = shape.columns.iter().any(|found| found.generated);
    // An index that was dropped in the same transaction still stands in the way of a type.
    let stuck = |(at, _): &(usize, LogicalType)| {
        is_key(&shape.columns[*at]) || shape.unique || !shape.indexes.is_empty() || generates
    };
    if changes.unkeyed || changes.retyped.iter().any(stuck) {
        return rebuild(shape, changes).into_iter().chain(added).collect();
    }
    let mut changed = Vec::new();
    for (at, after) in &changes.retyped {
        let found = &shape.columns[*at];
        let column = d.quote(&found.name);
        let (to, using) = (d.type_name(*after), d.convert(&column, found.logical, *after));
        changed.push(format!("ALTER TABLE {name} ALTER COLUMN {column} TYPE {to} USING {using}"));
    }
    for at in &changes.loosened {
        let column = d.quote(&shape.columns[*at].name);
        changed.push(format!("ALTER TABLE {name} ALTER COLUMN {column} DROP NOT NULL"));
    }
    if changed.is_empty() {
        return added.collect();
    }
    // DuckDB alters no table that an index depends on.
    let create = shape.indexes.iter().map(|(_, sql)| sql.clone());
    drop_indexes(shape).chain(added).chain(changed).chain(create).collect()
}

fn drop_indexes(shape: &Shape) -> impl Iterator<Item = String> {
    let schema = shape.name.schema_sql(shape.d);
    shape.indexes.iter().map(move |(index, _)| format!("DROP INDEX {schema}.{}", shape.d.quote(index)))
}

/// The same table under other constraints: DuckDB can change neither the type of a key column nor drop a
/// primary key. Other constraints than keys and NOT NULL are not carried over.
pub(in crate::dest) fn rebuild(shape: &Shape, changes: &Changes) -> Vec<String> {
    let d = shape.d;
    let copy = shape.name.beside("_ingestr_copy");
    let after = |at: usize| changes.retyped.iter().find(|(other, _)| *other == at).map(|(_, to)| *to);
    let columns: Vec<(usize, &FoundColumn)> = shape.columns.iter().enumerate().collect();
    let declared = list(&columns, |(at, found)| {
        let type_name = after(*at).map_or(found.kind.as_str(), |to| d.type_name(to));
        let default = found.default.as_ref().map_or(String::new(), |text| match found.generated {
            true => format!(" GENERATED ALWAYS AS ({text})"),
            false => format!(" DEFAULT {text}"),
        });
        format!("{} {type_name}{default}", d.quote(&found.name))
    });
    let key = if shape.primary_key.is_empty() || changes.unkeyed {
        String::new()
    } else {
        format!(", PRIMARY KEY ({})", list(&shape.primary_key, |k| d.quote(k)))
    };
    let written: Vec<(usize, &FoundColumn)> =
        columns.iter().filter(|(_, found)| !found.generated).copied().collect();
    let values = list(&written, |(at, found)| {
        let name = d.quote(&found.name);
        after(*at).map_or(name.clone(), |to| d.convert(&name, found.logical, to))
    });
    let mut statements: Vec<String> = drop_indexes(shape).collect();
    statements.extend([
        format!("CREATE TABLE {} ({declared}{key})", copy.sql(d)),
        format!("INSERT INTO {} SELECT {values} FROM {}", copy.sql(d), shape.sql()),
        format!("DROP TABLE {}", shape.sql()),
        format!("ALTER TABLE {} RENAME TO {}", copy.sql(d), d.quote(&shape.name.table)),
    ]);
    statements.extend(shape.comment.as_deref().map(|text| mark::comment(d, &shape.name, Some(text), None)));
    statements.extend(shape.indexes.iter().map(|(_, sql)| sql.clone()));
    statements
}
