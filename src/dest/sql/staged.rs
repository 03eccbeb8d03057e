//! The rows of a commit in SQL: what was staged, under positional names, in the types of the table they are for.
//!
//! All our names begin with `_ingestr_` or are positional (`c0`): rows have columns called `source`, `target` or `t`,
//! and an alias of that name would quietly become the column.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};

use super::columns::same;
use super::dialect::Shape;
use crate::model::{Column, LogicalType, Reject, Tombstone};

/// Number of a row within its commit; in a staging table.
pub(crate) const ORD: &str = "ord";
/// Which of several rows with one key it is, counted from the newest.
pub(crate) const NTH: &str = "_ingestr_nth";

/// The target in a statement.
pub(crate) const T: &str = "_ingestr_t";
/// The rows in a statement.
pub(crate) const S: &str = "_ingestr_s";

/// A staging table with rows of the same columns, which are called `c0`, `c1`, … there.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct StagingTable {
    /// Its name in SQL.
    pub(crate) table: String,
    pub(crate) columns: Vec<Column>,
}

/// What was staged, ready for the script.
#[derive(Debug, Default)]
pub(crate) struct Staged {
    pub(crate) rows: StagedRows,
    /// Rows that are gone: see [`super::deletions`].
    pub(crate) tombstones: Option<String>,
    /// Parents whose rows are all among the staged ones: see [`super::children`].
    pub(crate) complete: Option<String>,
    /// Values that did not fit: `c0` the row, `c1` the column, `c2` the value, `c3` why.
    pub(crate) rejects: Option<String>,
}

/// The rows of one commit.
#[derive(Debug, Clone, Default)]
pub(crate) struct StagedRows {
    /// All columns of all parts, each once, with the type that holds all.
    pub(crate) columns: Vec<Column>,
    pub(crate) parts: Vec<StagingTable>,
    /// Key columns that are NULL in some row.
    pub(crate) null_keys: Vec<bool>,
    /// Closed ranges in which all keys lie, for a single integer key; empty if it is not.
    pub(crate) ranges: Vec<(i64, i64)>,
    /// Whether each key is there once.
    pub(crate) once: bool,
}

impl StagedRows {
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|c| same(&c.name, name))
    }

    /// `c0, c1, …`, each after `prefix`.
    pub(crate) fn positions(&self, prefix: &str) -> Vec<String> {
        (0..self.columns.len()).map(|i| format!("{prefix}c{i}")).collect()
    }

    /// All staged rows, in the types of `shape`; to be put in parentheses.
    pub(crate) fn all(&self, shape: &Shape) -> String {
        let d = shape.d;
        let select = |part: &StagingTable| {
            let mut values: Vec<String> = Vec::with_capacity(self.columns.len());
            for (i, column) in self.columns.iter().enumerate() {
                let to = shape.type_of(&column.name).unwrap_or(column.logical);
                let value = match part.columns.iter().position(|c| same(&c.name, &column.name)) {
                    Some(at) => d.staged(&format!("c{at}"), part.columns[at].logical, to),
                    None => format!("CAST(NULL AS {})", d.type_name(to)),
                };
                values.push(format!("{value} AS c{i}"));
            }
            format!("SELECT {}, {ORD} FROM {}", values.join(", "), part.table)
        };
        self.parts.iter().map(select).collect::<Vec<_>>().join(" UNION ALL ")
    }

    /// The newest row of each key: by incremental key (NULL is oldest), the later one on a tie.
    pub(crate) fn newest(&self, shape: &Shape, key: &[String], incremental: Option<&str>) -> String {
        if key.is_empty() || self.once {
            return self.all(shape);
        }
        let by: Vec<String> =
            key.iter().filter_map(|name| self.position(name)).map(|i| format!("c{i}")).collect();
        let newest = incremental
            .and_then(|name| self.position(name))
            .map_or(String::new(), |i| format!("c{i} DESC NULLS LAST, "));
        format!(
            "SELECT {}, {ORD} FROM (SELECT *, ROW_NUMBER() OVER (PARTITION BY {} ORDER BY {newest}{ORD} DESC) \
             AS {NTH} FROM ({}) AS _ingestr_all) AS _ingestr_some WHERE {NTH} = 1",
            self.positions("").join(", "),
            by.join(", "),
            self.all(shape)
        )
    }

    /// The condition that a row of the target has the key of a staged one. Ranges of keys say nothing new, but let a
    /// database skip blocks of a table that is clustered by its key.
    pub(crate) fn matching(&self, shape: &Shape, key: &[String]) -> String {
        self.meeting(shape, key, |_, i| format!("{S}.c{i}"))
    }

    /// The same for rows of the table itself, under [`S`].
    pub(crate) fn matching_own(&self, shape: &Shape, key: &[String]) -> String {
        self.meeting(shape, key, |name, _| format!("{S}.{}", shape.quoted(name)))
    }

    fn meeting(&self, shape: &Shape, key: &[String], here: impl Fn(&str, usize) -> String) -> String {
        let mut on: Vec<String> = Vec::new();
        for (nth, name) in key.iter().enumerate() {
            let Some(i) = self.position(name) else { continue };
            let (there, here) = (format!("{T}.{}", shape.quoted(name)), here(name, i));
            on.push(if self.null_keys.get(nth).copied().unwrap_or(true) {
                shape.d.same(&there, &here)
            } else {
                format!("{there} = {here}")
            });
        }
        if let [name] = key
            && shape.d.skips_ranges()
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
    pub(crate) fn differing(&self, shape: &Shape) -> Vec<String> {
        let differs = |(i, column): (usize, &Column)| {
            let there = format!("{T}.{}", shape.quoted(&column.name));
            shape.d.differs(&there, &format!("{S}.c{i}"), shape.find(&column.name))
        };
        self.columns.iter().enumerate().map(differs).collect()
    }

    /// Staged JSON that the database cannot hold as it is: row, column, text and why, for the rejects. `None` if there is
    /// no JSON, or the database takes all of it.
    pub(crate) fn refused(&self, shape: &Shape, key: &[String]) -> Option<String> {
        let d = shape.d;
        let text = d.type_name(LogicalType::Text);
        let mut selects = Vec::new();
        for part in &self.parts {
            let id = key
                .first()
                .and_then(|name| part.columns.iter().position(|c| same(&c.name, name)))
                .map_or(format!("CAST(NULL AS {text})"), |i| format!("CAST(c{i} AS {text})"));
            for (i, column) in part.columns.iter().enumerate() {
                let to = shape.type_of(&column.name);
                if (column.logical, to) != (LogicalType::Json, Some(LogicalType::Json)) {
                    continue;
                }
                let Some((condition, why)) = d.refuses(&format!("c{i}")) else { continue };
                selects.push(format!(
                    "SELECT {id} AS row_id, {} AS column_name, c{i} AS value, {why} AS reason FROM {} \
                     WHERE {condition}",
                    d.text(&column.name),
                    part.table
                ));
            }
        }
        (!selects.is_empty()).then(|| selects.join(" UNION ALL "))
    }
}

/// Tombstones as the columns of their staging table.
pub(crate) fn tombstone_rows(tombstones: &[Tombstone]) -> Vec<ArrayRef> {
    let at = TimestampMicrosecondArray::from_iter_values(tombstones.iter().map(|one| one.at.0));
    vec![
        Arc::new(Int64Array::from_iter_values(tombstones.iter().map(|one| one.key))),
        Arc::new(at.with_timezone("UTC")),
        Arc::new(Int64Array::from_iter(tombstones.iter().map(|one| one.merged_into))),
    ]
}

/// Keys as the column of their staging table.
pub(crate) fn key_rows(keys: &[i64]) -> Vec<ArrayRef> {
    vec![Arc::new(Int64Array::from_iter_values(keys.iter().copied()))]
}

/// Rejects as the columns of their staging table.
pub(crate) fn reject_rows(rejects: &[Reject]) -> Vec<ArrayRef> {
    vec![
        Arc::new(StringArray::from_iter(rejects.iter().map(|reject| reject.id.as_deref()))),
        Arc::new(StringArray::from_iter(rejects.iter().map(|reject| reject.column.as_deref()))),
        Arc::new(StringArray::from_iter_values(rejects.iter().map(|reject| &reject.value))),
        Arc::new(StringArray::from_iter_values(rejects.iter().map(|reject| reject.reason))),
    ]
}
