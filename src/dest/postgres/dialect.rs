//! How PostgreSQL spells names, types and values, and how it changes a table.
//!
//! JSON is `json`, which keeps its text to the last character, unless `jsonb` is asked for or is there already: that one
//! orders keys, drops those that repeat, and does not take everything that is JSON (see `values`).

use std::borrow::Cow;

use crate::dest::sql::dialect::{Changes, FoundColumn, Shape};
use crate::dest::sql::identity::Mark;
use crate::dest::sql::shadow::fnv;
use crate::dest::sql::{Dialect, TableName, add_column, list};
use crate::dest::{DestError, DestErrorKind, Target};
use crate::model::{Column, LOADED_AT, LogicalType, Micros, Strategy};

/// PostgreSQL's spelling.
#[derive(Debug)]
pub(super) struct PostgresDialect {
    json: &'static str,
}

/// With columns of JSON as `json`.
pub(super) static JSON: PostgresDialect = PostgresDialect { json: "json" };
/// With columns of JSON as `jsonb`.
pub(super) static JSONB: PostgresDialect = PostgresDialect { json: BINARY_JSON };

/// The type that does not hold all JSON.
pub(super) const BINARY_JSON: &str = "jsonb";

/// What the name of a constraint begins with that tells which table it is.
pub(super) const MARK: &str = "_ingestr_table__";

/// Longest name, in bytes: whatever is longer, PostgreSQL cuts without a word.
const LONGEST: usize = 63;

/// Columns that every table has, and nobody else may call theirs so.
const SYSTEM: [&str; 6] = ["ctid", "xmin", "xmax", "cmin", "cmax", "tableoid"];

/// What instants have years of four digits for.
const YEARS: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_207_200_000_000;

/// The name a column gets: its own, or as much of it as fits and a hash of the whole.
pub(super) fn column_name(name: &str) -> Cow<'_, str> {
    let taken = SYSTEM.contains(&name) || name.is_empty() || name.contains('\0');
    if name.len() <= LONGEST && !taken {
        return name.into();
    }
    let cut = name.floor_char_boundary(LONGEST - 9);
    format!("{}_{:08x}", name[..cut].replace('\0', "_"), fnv(name.as_bytes())).into()
}

/// Refuses names that would be cut, or are PostgreSQL's own.
///
/// # Errors
/// [`DestErrorKind::Shape`].
pub(super) fn check_names(target: &Target) -> Result<(), DestError> {
    let Target { schema, table, .. } = target;
    let what = if [schema, table].iter().any(|name| name.is_empty() || name.len() > LONGEST) {
        format!("the names of a PostgreSQL schema and table have 1 to {LONGEST} bytes")
    } else if schema.starts_with("pg_") || schema == "information_schema" {
        format!("PostgreSQL keeps the schema {schema} for itself")
    } else {
        return Ok(());
    };
    Err(DestError::new(DestErrorKind::Name, format!("{schema}.{table}: {what}")))
}

impl PostgresDialect {
    /// The type of a column in a staging table. All JSON comes as its text; what a column makes of it is its own.
    pub(super) fn staged_type(&self, logical: LogicalType) -> &'static str {
        if logical == LogicalType::Json { "json" } else { self.type_name(logical) }
    }
}

impl Dialect for PostgresDialect {
    fn text(&self, value: &str) -> String {
        format!("'{}'", value.replace('\'', "''").replace('\0', "\u{fffd}"))
    }

    fn type_name(&self, logical: LogicalType) -> &'static str {
        match logical {
            LogicalType::Bool => "boolean",
            LogicalType::Int64 => "bigint",
            LogicalType::Float64 => "double precision",
            LogicalType::Text => "text",
            LogicalType::Timestamp => "timestamp with time zone",
            LogicalType::Json => self.json,
        }
    }

    /// Narrower ones count as ours: they are widened when a load brings the column. A time without a zone is one in UTC.
    fn logical_of(&self, kind: &str) -> Option<LogicalType> {
        let name = kind.split('(').next().unwrap_or(kind);
        match name {
            "boolean" => Some(LogicalType::Bool),
            "smallint" | "integer" | "bigint" => Some(LogicalType::Int64),
            "real" | "double precision" => Some(LogicalType::Float64),
            "text" | "character varying" => Some(LogicalType::Text),
            "timestamp" if kind.ends_with(" without time zone") => Some(LogicalType::Timestamp),
            "timestamp" if kind.ends_with(" with time zone") => Some(LogicalType::Timestamp),
            "timestamp with time zone" | "timestamp without time zone" => Some(LogicalType::Timestamp),
            "json" | BINARY_JSON => Some(LogicalType::Json),
            _ => None,
        }
    }

    fn holds(&self, kind: &str, logical: LogicalType) -> bool {
        match logical {
            LogicalType::Json => ["json", BINARY_JSON].contains(&kind),
            LogicalType::Text => ["text", "character varying"].contains(&kind),
            logical => kind == self.type_name(logical),
        }
    }

    fn instant(&self, at: Micros) -> String {
        match jiff::Timestamp::from_microsecond(at.0) {
            Ok(time) if YEARS.contains(&at.0) => {
                format!("TIMESTAMPTZ '{}+00'", time.strftime("%Y-%m-%d %H:%M:%S%.6f"))
            }
            _ => "CAST(NULL AS timestamptz)".into(),
        }
    }

    fn convert(&self, value: &str, from: Option<LogicalType>, to: LogicalType) -> String {
        use LogicalType::{Json, Text, Timestamp};
        let time = || format!("to_char({value} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
        match (from, to) {
            (Some(from), to) if from == to => value.to_owned(),
            (Some(Timestamp), Text) => time(),
            (Some(Timestamp), Json) => format!("to_json({})", time()),
            (Some(_), Json) => format!("to_json({value})"),
            (None, Json) => format!("to_json(CAST({value} AS text))"),
            (_, to) => format!("CAST({value} AS {})", self.type_name(to)),
        }
    }

    /// JSON has no equality, so its text is compared; `jsonb` has one, and its text is not the one that was read.
    fn differs(&self, one: &str, other: &str, column: Option<&FoundColumn>) -> String {
        match column {
            Some(found) if found.kind == BINARY_JSON => {
                format!("{one} IS DISTINCT FROM CAST({other} AS jsonb)")
            }
            Some(found) if found.logical == Some(LogicalType::Json) => {
                format!("CAST({one} AS text) IS DISTINCT FROM CAST({other} AS text)")
            }
            _ => format!("{one} IS DISTINCT FROM {other}"),
        }
    }

    fn compares_json(&self) -> bool {
        false
    }

    fn integer(&self, value: &str, logical: LogicalType) -> Option<String> {
        match logical {
            LogicalType::Int64 => Some(value.to_owned()),
            LogicalType::Float64 => Some(format!(
                "CASE WHEN {value} = trunc({value}) AND abs({value}) < 9e18 THEN CAST({value} AS bigint) END"
            )),
            LogicalType::Text | LogicalType::Json => {
                let text = format!("CAST({value} AS text)");
                Some(format!("CASE WHEN {text} ~ '^-?[0-9]{{1,18}}$' THEN CAST({text} AS bigint) END"))
            }
            LogicalType::Bool | LogicalType::Timestamp => None,
        }
    }

    fn unique(&self) -> &'static str {
        "CAST(gen_random_uuid() AS text)"
    }

    fn table(&self, name: &TableName) -> String {
        format!("{}.{}", self.quote(&name.schema), self.quote(&name.table))
    }

    fn temporary(&self, name: &str) -> String {
        format!("pg_temp.{name}")
    }

    fn alike(&self, one: &str, other: &str) -> bool {
        one == other
    }

    fn named(&self, column: &str, name: &str) -> String {
        format!("{column} = {}", self.text(name))
    }

    fn column<'a>(&self, name: &'a str) -> Cow<'a, str> {
        column_name(name)
    }

    /// With a primary key where a key stands in one row, which finds the rows of a commit without reading the table.
    fn create(&self, name: &TableName, columns: &[Column], target: &Target, own: bool) -> Vec<String> {
        let mut parts: Vec<String> = Vec::with_capacity(columns.len() + 1);
        parts
            .extend(columns.iter().map(|c| format!("{} {}", self.quote(&c.name), self.type_name(c.logical))));
        let repeats = matches!(target.strategy, Strategy::Append | Strategy::Scd2);
        let has_order = |key: &String| {
            columns.iter().any(|column| column.name == *key && column.logical != LogicalType::Json)
        };
        if own && !repeats && !target.key.is_empty() && target.key.iter().all(has_order) {
            parts.push(format!("PRIMARY KEY ({})", list(&target.key, |key| self.quote(key))));
        }
        vec![format!("CREATE TABLE IF NOT EXISTS {} ({})", name.sql(self), parts.join(", "))]
    }

    fn alter(&self, shape: &Shape, changes: &Changes) -> Result<Vec<String>, DestError> {
        let name = shape.sql();
        if changes.unkeyed && shape.unique {
            let message = format!(
                "table {}.{} has a unique index, and this strategy writes several rows with one key",
                shape.name.schema, shape.name.table
            );
            return Err(DestError::new(DestErrorKind::Shape, message)
                .hint("load into another table, or drop the index"));
        }
        let mut statements = Vec::new();
        if changes.unkeyed {
            statements.extend(shape.indexes.iter().map(|(_, drop)| drop.clone()));
        }
        for at in &changes.loosened {
            let column = self.quote(&shape.columns[*at].name);
            statements.push(format!("ALTER TABLE {name} ALTER COLUMN {column} DROP NOT NULL"));
        }
        for (at, after) in &changes.retyped {
            let found = &shape.columns[*at];
            let column = self.quote(&found.name);
            // A time without a zone is one in UTC, whatever the session's is; a converted type of the same kind is cast.
            let using = match (found.logical, after) {
                (Some(LogicalType::Timestamp), LogicalType::Timestamp) => {
                    format!("{column} AT TIME ZONE 'UTC'")
                }
                (Some(from), after) if from == *after => {
                    format!("CAST({column} AS {})", self.type_name(*after))
                }
                (from, after) => self.convert(&column, from, *after),
            };
            let to = self.type_name(*after);
            statements.push(format!("ALTER TABLE {name} ALTER COLUMN {column} TYPE {to} USING {using}"));
        }
        statements.extend(changes.added.iter().map(|column| add_column(self, &shape.name, column)));
        Ok(statements)
    }

    /// A constraint that always holds: it goes with the table, outlives a dump, and leaves the comment to its owner.
    fn mark(&self, shape: &Shape, id: String, _: &str) -> Mark {
        let constraint = self.quote(&format!("{MARK}{id}"));
        let add = format!("ALTER TABLE {} ADD CONSTRAINT {constraint} CHECK (TRUE) NOT VALID", shape.sql());
        Mark::Set(add, id)
    }

    /// Among rows that were loaded at once, where they lie: no column of anybody's is called so.
    fn written_last(&self, shape: &Shape, _: &str) -> String {
        match shape.find(LOADED_AT) {
            Some(found) => format!("({}, ctid)", self.quote(&found.name)),
            None => "ctid".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dest::conformance::items;
    use crate::dest::sql::{delete_window, newest_first};

    #[test]
    fn hostile_names_stay_names() {
        let name = TableName::new("", "gorgias", r#"se"lect.from"#);
        let columns = [
            Column::new("order", LogicalType::Int64),
            Column::new("größe; DROP", LogicalType::Json),
            Column::new("a\"b", LogicalType::Timestamp),
        ];
        let d = &JSONB;
        let mut target = items(Strategy::Merge);
        target.key = vec!["order".into(), "a\"b".into()];
        let all = [
            JSON.create(&name, &columns, &target, true).join("\n"),
            d.create(&name, &columns, &target, false).join("\n"),
            add_column(d, &name, &columns[1]),
            delete_window(d, &name, &d.quote("a\"b"), &d.instant(Micros(0)), &d.instant(Micros(i64::MAX))),
            newest_first(d, &target.key, Some("größe; DROP"), "ctid"),
            d.text("it's \\ a\0b"),
        ]
        .join("\n");
        insta::assert_snapshot!(all, @r#"
        CREATE TABLE IF NOT EXISTS "gorgias"."se""lect.from" ("order" bigint, "größe; DROP" json, "a""b" timestamp with time zone, PRIMARY KEY ("order", "a""b"))
        CREATE TABLE IF NOT EXISTS "gorgias"."se""lect.from" ("order" bigint, "größe; DROP" jsonb, "a""b" timestamp with time zone)
        ALTER TABLE "gorgias"."se""lect.from" ADD COLUMN "größe; DROP" jsonb
        DELETE FROM "gorgias"."se""lect.from" WHERE "a""b" >= TIMESTAMPTZ '1970-01-01 00:00:00.000000+00' AND "a""b" <= CAST(NULL AS timestamptz)
        ROW_NUMBER() OVER (PARTITION BY "order", "a""b" ORDER BY "größe; DROP" DESC NULLS LAST, ctid DESC)
        'it''s \ a�b'
        "#);
    }

    #[test]
    fn columns_get_names_that_postgresql_takes() {
        for name in ["id", "order", "brand new", "größe", "it's", "XMIN", "oid", "_ingestr_loaded_at"] {
            assert_eq!(column_name(name), name);
        }
        let long = "ü".repeat(40);
        let names = ["ctid", "xmin", "", "a\0b", &long].map(|name| column_name(name).into_owned());
        assert!(names.iter().all(|name| name.len() <= LONGEST));
        insta::assert_snapshot!(names.join("\n"), @r"
        ctid_0059f0df
        xmin_b90b4d21
        _811c9dc5
        a_b_10f3abd2
        üüüüüüüüüüüüüüüüüüüüüüüüüüü_5b02d705
        ");
        assert_ne!(column_name(&format!("{long}a")), column_name(&format!("{long}b")));
    }
}
