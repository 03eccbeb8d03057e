//! The rows of a commit in SQL: what was staged, under positional names, in the types of the table they are for.
//!
//! All our names begin with `_ingestr_` or are positional (`c0`): rows have columns called `source`, `target` or `t`,
//! and an alias of that name would quietly become the column.

use super::dialect::BigQueryDialect;
use super::shape::{Shape, converted};
use crate::dest::sql::columns::same;
use crate::dest::sql::{Dialect, TableName};
use crate::model::{Column, LogicalType};

/// Number of a row within its commit; in a staging table.
pub(super) const ORD: &str = "ord";

/// The target in a statement.
pub(super) const T: &str = "_ingestr_t";
/// The rows in a statement.
pub(super) const S: &str = "_ingestr_s";

/// A staging table with rows of the same columns, which are called `c0`, `c1`, … there.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Part {
    pub(super) table: TableName,
    pub(super) columns: Vec<Column>,
}

/// The rows of one commit.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    /// All columns of all parts, each once, with the type that holds all.
    pub(super) columns: Vec<Column>,
    pub(super) parts: Vec<Part>,
    /// Key columns that are NULL in some row.
    pub(super) null_keys: Vec<bool>,
    /// Closed ranges in which all keys lie, for a single integer key; empty if it is not.
    pub(super) ranges: Vec<(i64, i64)>,
}

/// What makes JSON of a text: `exact` where every number survives, else rounded to what fits, which is noted among the
/// rejects; NULL for a text that BigQuery does not take, which is, too.
fn parsed(text: &str) -> String {
    let parse = |mode: &str| format!("SAFE.PARSE_JSON({text}, wide_number_mode => '{mode}')");
    format!("COALESCE({}, {})", parse("exact"), parse("round"))
}

/// The type a column has in a staging table: JSON is loaded as text, so that SQL and not the load job decides what
/// becomes of a value that BigQuery does not take.
pub(super) fn staged_type(logical: LogicalType) -> LogicalType {
    if logical == LogicalType::Json { LogicalType::Text } else { logical }
}

/// A staged value as one of type `to`.
fn read(value: &str, from: LogicalType, to: LogicalType) -> String {
    match (from, to) {
        (LogicalType::Json, LogicalType::Json) => parsed(value),
        (LogicalType::Json, _) => value.to_owned(),
        (from, to) => converted(value, from, to),
    }
}

impl Rows {
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| same(&c.name, name))
    }

    /// All staged rows, in the types of `shape`; to be put in parentheses.
    pub(super) fn all(&self, shape: &Shape) -> String {
        let d = &BigQueryDialect;
        let select = |part: &Part| {
            let mut values: Vec<String> = Vec::with_capacity(self.columns.len());
            for (i, column) in self.columns.iter().enumerate() {
                let to = shape.type_of(&column.name).unwrap_or(column.logical);
                let value = match part.columns.iter().position(|c| same(&c.name, &column.name)) {
                    Some(at) => read(&format!("c{at}"), part.columns[at].logical, to),
                    None => format!("CAST(NULL AS {})", d.type_name(to)),
                };
                values.push(format!("{value} AS c{i}"));
            }
            format!("SELECT {}, {ORD} FROM {}", values.join(", "), part.table.sql(d))
        };
        self.parts.iter().map(select).collect::<Vec<_>>().join(" UNION ALL ")
    }

    /// The newest row of each key: by incremental key (NULL is oldest), the later one on a tie.
    pub(super) fn newest(&self, shape: &Shape, key: &[String], incremental: Option<&str>) -> String {
        if key.is_empty() {
            return self.all(shape);
        }
        let by: Vec<String> =
            key.iter().filter_map(|name| self.position(name)).map(|i| format!("c{i}")).collect();
        let newest = incremental
            .and_then(|name| self.position(name))
            .map_or(String::new(), |i| format!("c{i} DESC NULLS LAST, "));
        format!(
            "SELECT * FROM ({}) QUALIFY ROW_NUMBER() OVER (PARTITION BY {} ORDER BY {newest}{ORD} DESC) = 1",
            self.all(shape),
            by.join(", ")
        )
    }

    /// The condition that a row of the target has the key of a staged one. Ranges of keys say nothing new, but let
    /// BigQuery skip the blocks of a table that is clustered by its key.
    pub(super) fn matching(&self, shape: &Shape, key: &[String]) -> String {
        self.meeting(shape, key, |_, i| format!("{S}.c{i}"))
    }

    /// The same for rows of the table itself, under [`S`].
    pub(super) fn matching_own(&self, shape: &Shape, key: &[String]) -> String {
        self.meeting(shape, key, |name, _| format!("{S}.{}", shape.quoted(name)))
    }

    fn meeting(&self, shape: &Shape, key: &[String], here: impl Fn(&str, usize) -> String) -> String {
        let mut on: Vec<String> = Vec::new();
        for (nth, name) in key.iter().enumerate() {
            let Some(i) = self.position(name) else { continue };
            let (there, here) = (format!("{T}.{}", shape.quoted(name)), here(name, i));
            // Without an equality of both sides BigQuery does no outer join, and a merge is one. A NULL has a text, too.
            on.push(if self.null_keys.get(nth).copied().unwrap_or(true) {
                format!("TO_JSON_STRING({there}) = TO_JSON_STRING({here})")
            } else {
                format!("{there} = {here}")
            });
        }
        if let [name] = key
            && shape.type_of(name) == Some(LogicalType::Int64)
            && !self.ranges.is_empty()
        {
            let there = format!("{T}.{}", shape.quoted(name));
            let ranges: Vec<String> =
                self.ranges.iter().map(|(low, high)| format!("{there} BETWEEN {low} AND {high}")).collect();
            on.push(format!("({})", ranges.join(" OR ")));
        }
        on.join(" AND ")
    }

    /// What makes a row differ from the one that is there.
    pub(super) fn differing(&self, shape: &Shape) -> Vec<String> {
        let differs = |(i, column): (usize, &Column)| {
            let (there, here) = (format!("{T}.{}", shape.quoted(&column.name)), format!("{S}.c{i}"));
            if shape.type_of(&column.name) == Some(LogicalType::Json) {
                // JSON has no equality; its text is normalised.
                let text = |value: &str| format!("IF({value} IS NULL, NULL, TO_JSON_STRING({value}))");
                return format!("{} IS DISTINCT FROM {}", text(&there), text(&here));
            }
            format!("{there} IS DISTINCT FROM {here}")
        };
        self.columns.iter().enumerate().map(differs).collect()
    }

    /// Staged JSON that BigQuery's JSON cannot hold as it is: row, column, text and why, for the rejects. `None` if
    /// there is no JSON.
    pub(super) fn refused(&self, shape: &Shape, key: &[String]) -> Option<String> {
        let d = &BigQueryDialect;
        let mut selects = Vec::new();
        for part in &self.parts {
            let id = key
                .first()
                .and_then(|name| part.columns.iter().position(|c| same(&c.name, name)))
                .map_or("CAST(NULL AS STRING)".into(), |i| format!("CAST(c{i} AS STRING)"));
            for (i, column) in part.columns.iter().enumerate() {
                let to = shape.type_of(&column.name);
                if (column.logical, to) != (LogicalType::Json, Some(LogicalType::Json)) {
                    continue;
                }
                selects.push(format!(
                    "SELECT {id} AS row_id, {} AS column_name, c{i} AS value, \
                     IF(SAFE.PARSE_JSON(c{i}, wide_number_mode => 'round') IS NULL, {}, {}) AS reason FROM {} \
                     WHERE c{i} IS NOT NULL AND SAFE.PARSE_JSON(c{i}, wide_number_mode => 'exact') IS NULL",
                    d.text(&column.name),
                    d.text("BigQuery does not take this JSON; the column is NULL"),
                    d.text("a number has more digits than BigQuery's JSON holds; it was rounded"),
                    part.table.sql(d)
                ));
            }
        }
        (!selects.is_empty()).then(|| selects.join(" UNION ALL "))
    }
}
