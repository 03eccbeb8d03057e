//! How DuckDB spells names, types and values, and which of its types are ours.

use super::alter::alter;
use super::mark;
use super::position::POSITION;
use crate::dest::sql::dialect::{Changes, Shape};
use crate::dest::sql::identity::Mark;
use crate::dest::sql::ledger::create;
use crate::dest::sql::{Dialect, TableName};
use crate::dest::{DestError, Target};
use crate::model::{Column, LOADED_AT, LogicalType, Micros};

/// Name under which the file is attached.
pub(super) const CATALOG: &str = "_ingestr_file";

/// DuckDB's spelling.
#[derive(Debug, Clone, Copy)]
pub(in crate::dest) struct DuckDialect;

impl Dialect for DuckDialect {
    fn type_name(&self, logical: LogicalType) -> &'static str {
        match logical {
            LogicalType::Bool => "BOOLEAN",
            LogicalType::Int64 => "BIGINT",
            LogicalType::Float64 => "DOUBLE",
            LogicalType::Text => "VARCHAR",
            LogicalType::Timestamp => "TIMESTAMP WITH TIME ZONE",
            LogicalType::Json => "JSON",
        }
    }

    fn instant(&self, at: Micros) -> String {
        // A literal with its offset needs neither icu nor the session's time zone.
        at.civil().map_or_else(
            || "NULL".into(),
            |at| format!("TIMESTAMPTZ '{}+00'", at.strftime("%Y-%m-%d %H:%M:%S%.6f")),
        )
    }

    /// Narrower integers and FLOAT count as ours: they are widened when a load brings the column.
    fn logical_of(&self, kind: &str) -> Option<LogicalType> {
        match kind {
            "BOOLEAN" => Some(LogicalType::Bool),
            "TINYINT" | "SMALLINT" | "INTEGER" | "BIGINT" | "UTINYINT" | "USMALLINT" | "UINTEGER" => {
                Some(LogicalType::Int64)
            }
            "FLOAT" | "DOUBLE" => Some(LogicalType::Float64),
            "VARCHAR" => Some(LogicalType::Text),
            "TIMESTAMP WITH TIME ZONE" => Some(LogicalType::Timestamp),
            "JSON" => Some(LogicalType::Json),
            _ => None,
        }
    }

    fn convert(&self, value: &str, from: Option<LogicalType>, to: LogicalType) -> String {
        match (from, to) {
            (Some(LogicalType::Json), _) | (_, LogicalType::Text) => format!("CAST({value} AS VARCHAR)"),
            (_, LogicalType::Json) => format!("to_json({value})"),
            _ => format!("CAST({value} AS {})", self.type_name(to)),
        }
    }

    fn integer(&self, value: &str, logical: LogicalType) -> Option<String> {
        match logical {
            LogicalType::Int64 => Some(value.to_owned()),
            LogicalType::Float64 | LogicalType::Text | LogicalType::Json => {
                Some(format!("TRY_CAST({value} AS BIGINT)"))
            }
            LogicalType::Bool | LogicalType::Timestamp => None,
        }
    }

    fn unique(&self) -> &'static str {
        "'-' || uuid()"
    }

    fn create(&self, name: &TableName, columns: &[Column], _: &Target, _: bool) -> Vec<String> {
        vec![create(self, name, columns)]
    }

    fn alter(&self, shape: &Shape, changes: &Changes) -> Result<Vec<String>, DestError> {
        Ok(alter(shape, changes))
    }

    fn mark(&self, shape: &Shape, id: String, _: &str) -> Mark {
        Mark::Set(mark::write(shape, &id), id)
    }

    fn written_last(&self, shape: &Shape, key: &str) -> String {
        if !shape.hides_positions() {
            return POSITION.into();
        }
        shape.quoted(if shape.find(LOADED_AT).is_some() { LOADED_AT } else { key })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dest::sql::{add_column, create_schema, delete_window, newest_first};

    #[test]
    fn hostile_names_stay_names() {
        let name = TableName::new("gorgias", "gorgias", r#"se"lect.from"#);
        let columns = [
            Column::new("order", LogicalType::Int64),
            Column::new("größe; DROP", LogicalType::Json),
            Column::new("a\"b", LogicalType::Timestamp),
        ];
        let key = ["order".to_owned(), "a\"b".to_owned()];
        let all = [
            create_schema(&DuckDialect, &name),
            add_column(&DuckDialect, &name, &columns[1]),
            delete_window(
                &DuckDialect,
                &name,
                &DuckDialect.quote("a\"b"),
                &DuckDialect.instant(Micros(0)),
                "NULL",
            ),
            newest_first(&DuckDialect, &key, Some("größe; DROP"), "rowid"),
            DuckDialect.text("it's"),
        ]
        .join("\n");
        assert_eq!(
            DuckDialect.instant(Micros(253_402_300_799_999_999)),
            "TIMESTAMPTZ '9999-12-31 23:59:59.999999+00'"
        );
        insta::assert_snapshot!(all, @r#"
        CREATE SCHEMA IF NOT EXISTS "gorgias"."gorgias"
        ALTER TABLE "gorgias"."gorgias"."se""lect.from" ADD COLUMN "größe; DROP" JSON
        DELETE FROM "gorgias"."gorgias"."se""lect.from" WHERE "a""b" >= TIMESTAMPTZ '1970-01-01 00:00:00.000000+00' AND "a""b" <= NULL
        ROW_NUMBER() OVER (PARTITION BY "order", "a""b" ORDER BY "größe; DROP" DESC NULLS LAST, rowid DESC)
        'it''s'
        "#);
    }
}
