//! How SQLite spells names, types and values, and how it changes a table.
//!
//! JSON is kept as its exact text, and times as ISO text in UTC with microseconds: of one width, so that they sort, and
//! as SQLite's own functions read them. A column's affinity must not touch either: both types are called something with
//! `TEXT`, or SQLite would make numbers of JSON that is one.

use crate::dest::sql::dialect::{Changes, FoundColumn, Shape};
use crate::dest::sql::identity::Mark;
use crate::dest::sql::ledger::create;
use crate::dest::sql::{Dialect, TableName, add_column, list};
use crate::dest::{DestError, DestErrorKind, Target};
use crate::model::{Column, LOADED_AT, LogicalType, Micros, Strategy};

/// SQLite's spelling.
#[derive(Debug, Clone, Copy)]
pub(super) struct SqliteDialect;

/// The schema whose tables have their own name.
pub(super) const MAIN: &str = "main";

/// What the name of an index begins with that tells which table it is.
pub(super) const MARK: &str = "_ingestr_table__";

/// The layout of a table whose rows have no position.
pub(super) const ROWLESS: &str = "WITHOUT ROWID";

/// What a table is called in the file.
pub(super) fn in_file(schema: &str, table: &str) -> String {
    if schema.eq_ignore_ascii_case(MAIN) { table.to_owned() } else { format!("{schema}.{table}") }
}

/// Refuses names that would be another table's.
///
/// # Errors
/// [`DestErrorKind::Shape`].
pub(super) fn check_names(target: &Target) -> Result<(), DestError> {
    let main = target.schema.eq_ignore_ascii_case(MAIN);
    let what = if target.schema.contains('.') || (main && target.table.contains('.')) {
        "SQLite has no schemas, so a dot in a name stands for one: a name can have only that one"
    } else if main && target.table.to_ascii_lowercase().starts_with("sqlite_") {
        "SQLite keeps names beginning with sqlite_ for itself"
    } else {
        return Ok(());
    };
    Err(DestError::new(DestErrorKind::Name, format!("{}.{}: {what}", target.schema, target.table)))
}

impl Dialect for SqliteDialect {
    fn type_name(&self, logical: LogicalType) -> &'static str {
        match logical {
            LogicalType::Bool => "BOOLEAN",
            LogicalType::Int64 => "INTEGER",
            LogicalType::Float64 => "REAL",
            LogicalType::Text => "TEXT",
            LogicalType::Timestamp => "DATETIME TEXT",
            LogicalType::Json => "JSON TEXT",
        }
    }

    /// Ours by name, those of others by SQLite's own rules of affinity.
    fn logical_of(&self, kind: &str) -> Option<LogicalType> {
        let kind = kind.to_ascii_uppercase();
        let has = |parts: &[&str]| parts.iter().any(|part| kind.contains(part));
        match kind.as_str() {
            "DATETIME TEXT" => Some(LogicalType::Timestamp),
            "JSON TEXT" => Some(LogicalType::Json),
            "BOOLEAN" | "BOOL" => Some(LogicalType::Bool),
            _ if has(&["INT"]) => Some(LogicalType::Int64),
            _ if has(&["CHAR", "CLOB", "TEXT"]) => Some(LogicalType::Text),
            _ if has(&["REAL", "FLOA", "DOUB"]) => Some(LogicalType::Float64),
            _ => None,
        }
    }

    fn holds(&self, kind: &str, logical: LogicalType) -> bool {
        self.logical_of(kind) == Some(logical)
    }

    fn instant(&self, at: Micros) -> String {
        at.iso().map_or_else(|| "NULL".into(), |text| self.text(&text))
    }

    fn convert(&self, value: &str, from: Option<LogicalType>, to: LogicalType) -> String {
        use LogicalType::{Bool, Float64, Json, Text, Timestamp};
        match (from, to) {
            (Some(from), to) if from == to => value.to_owned(),
            (Some(Bool), Text | Json) => format!("CASE {value} WHEN 0 THEN 'false' WHEN 1 THEN 'true' END"),
            // CAST would keep 15 digits of 17.
            (Some(Float64), Text | Json) => {
                format!("CASE WHEN {value} IS NOT NULL THEN printf('%!.17g', {value}) END")
            }
            (Some(Text | Timestamp) | None, Json) => {
                format!("CASE WHEN {value} IS NOT NULL THEN json_quote(CAST({value} AS TEXT)) END")
            }
            (_, Text | Json) => format!("CAST({value} AS TEXT)"),
            (_, to) => format!("CAST({value} AS {})", self.type_name(to)),
        }
    }

    /// Instants are texts.
    fn moment(&self, value: &str) -> String {
        value.to_owned()
    }

    fn integer(&self, value: &str, logical: LogicalType) -> Option<String> {
        let whole = format!("CAST({value} AS INTEGER)");
        match logical {
            LogicalType::Int64 => Some(value.to_owned()),
            LogicalType::Float64 => Some(format!("CASE WHEN {whole} = {value} THEN {whole} END")),
            LogicalType::Text | LogicalType::Json => {
                Some(format!("CASE WHEN CAST({whole} AS TEXT) = {value} THEN {whole} END"))
            }
            LogicalType::Bool | LogicalType::Timestamp => None,
        }
    }

    fn unique(&self) -> &'static str {
        "'-' || lower(hex(randomblob(16)))"
    }

    fn bare(&self, name: &TableName) -> String {
        self.quote(&in_file(&name.schema, &name.table))
    }

    fn table(&self, name: &TableName) -> String {
        format!("main.{}", self.bare(name))
    }

    fn temporary(&self, name: &str) -> String {
        format!("temp.{name}")
    }

    /// With an index of the key, which is no constraint: without one, every row of a merge would read the whole table.
    fn create(&self, name: &TableName, columns: &[Column], target: &Target, _: bool) -> Vec<String> {
        let mut statements = vec![create(self, name, columns)];
        if !target.key.is_empty() && target.strategy != Strategy::Append {
            let table = in_file(&name.schema, &name.table);
            statements.push(format!(
                "CREATE INDEX IF NOT EXISTS main.{} ON {} ({})",
                self.quote(&format!("_ingestr_key__{table}")),
                self.quote(&table),
                list(&target.key, |key| self.quote(key))
            ));
        }
        statements
    }

    /// An index that never has a row: it goes with the table, and costs nothing.
    fn mark(&self, shape: &Shape, id: String, _: &str) -> Mark {
        let index = self.quote(&format!("{MARK}{id}"));
        let table = self.bare(&shape.name);
        let column = shape.columns.first().map_or("rowid".into(), |first| self.quote(&first.name));
        Mark::Set(format!("CREATE INDEX main.{index} ON {table} ({column}) WHERE 0"), id)
    }

    /// SQLite changes no type and no constraint of a column. A type is changed by a new column in the old one's place;
    /// what constrains the user's table stays as it is, and is refused where rows would break it.
    fn alter(&self, shape: &Shape, changes: &Changes) -> Result<Vec<String>, DestError> {
        let refuse = |what: String| {
            let message = format!("table {}.{} {what}", shape.name.schema, shape.name.table);
            Err(DestError::new(DestErrorKind::Shape, message)
                .hint("SQLite cannot change that: load into another table, or make this one anew"))
        };
        if changes.unkeyed {
            return refuse("demands that a key stands in one row, and this strategy writes several".into());
        }
        if let Some(at) = changes.loosened.first() {
            return refuse(format!("demands a value for column {} of every row", shape.columns[*at].name));
        }
        let keyed = |found: &&FoundColumn| shape.primary_key.contains(&found.name);
        if let Some(found) = changes.retyped.iter().map(|(at, _)| &shape.columns[*at]).find(keyed) {
            return refuse(format!(
                "has a primary key of {} {}, which is too narrow",
                found.kind, found.name
            ));
        }
        let name = shape.sql();
        let mut statements = Vec::new();
        if !changes.retyped.is_empty() {
            let drop = |(index, _): &(String, String)| format!("DROP INDEX main.{}", self.quote(index));
            statements.extend(shape.indexes.iter().map(drop));
        }
        for (at, after) in &changes.retyped {
            let found = &shape.columns[*at];
            let (old, new) = (self.quote(&found.name), "_ingestr_wider");
            statements.extend([
                add_column(self, &shape.name, &Column::new(new, *after)),
                format!("UPDATE {name} SET {new} = {}", self.convert(&old, found.logical, *after)),
                format!("ALTER TABLE {name} DROP COLUMN {old}"),
                format!("ALTER TABLE {name} RENAME COLUMN {new} TO {old}"),
            ]);
        }
        statements.extend(changes.added.iter().map(|column| add_column(self, &shape.name, column)));
        if !changes.retyped.is_empty() {
            statements.extend(shape.indexes.iter().map(|(_, sql)| sql.clone()));
        }
        Ok(statements)
    }

    /// SQLite's words for a row's position, of which a column may take one or two.
    fn written_last(&self, shape: &Shape, key: &str) -> String {
        let words =
            ["rowid", "_rowid_", "oid"].into_iter().filter(|_| shape.layout.as_deref() != Some(ROWLESS));
        let free = words.into_iter().find(|word| shape.find(word).is_none());
        let loaded = if shape.find(LOADED_AT).is_some() { LOADED_AT } else { key };
        free.map_or_else(|| shape.quoted(loaded), Into::into)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dest::sql::{add_column, delete_window, newest_first};

    #[test]
    fn hostile_names_stay_names() {
        let name = TableName::new("main", "gorgias", r#"se"lect.from"#);
        let columns = [
            Column::new("order", LogicalType::Int64),
            Column::new("größe; DROP", LogicalType::Json),
            Column::new("a\"b", LogicalType::Timestamp),
        ];
        let d = &SqliteDialect;
        let key = ["order".to_owned(), "a\"b".to_owned()];
        let all = [
            add_column(d, &name, &columns[1]),
            delete_window(d, &name, &d.quote("a\"b"), &d.instant(Micros(0)), &d.instant(Micros(i64::MAX))),
            newest_first(d, &key, Some("größe; DROP"), "rowid"),
            d.text("it's"),
            TableName::new("main", "MAIN", "t").sql(d),
        ]
        .join("\n");
        insta::assert_snapshot!(all, @r#"
    ALTER TABLE main."gorgias.se""lect.from" ADD COLUMN "größe; DROP" JSON TEXT
    DELETE FROM main."gorgias.se""lect.from" WHERE "a""b" >= '1970-01-01T00:00:00.000000Z' AND "a""b" <= NULL
    ROW_NUMBER() OVER (PARTITION BY "order", "a""b" ORDER BY "größe; DROP" DESC NULLS LAST, rowid DESC)
    'it''s'
    main."t"
    "#);
    }

    #[test]
    fn times_sort_as_they_come() {
        let times = [
            -62_135_596_800_000_000,
            -1,
            0,
            1,
            1_795_340_425_250_000,
            253_402_207_200_000_000,
            253_402_300_799_999_999,
        ];
        let texts = times.map(|at| Micros(at).iso().expect("a time"));
        assert!(texts.is_sorted() && texts.iter().all(|text| text.len() == 27), "{texts:?}");
        assert_eq!(texts[4], "2026-11-22T09:40:25.250000Z");
        assert_eq!(texts[6], "9999-12-31T23:59:59.999999Z");
        assert_eq!(texts.map(|text| text.parse().ok()), times.map(|at| Some(Micros(at))));
    }
}
