//! The shape of an existing table: deciding whether it can be taken over, and the statements that change it.
//!
//! Tables come from three makers: this program, ingestr v1, and ingestr 0.x (`_dlt_*` columns, `REQUIRED` on many).
//! All are taken over in place; only what stands in the way of new rows is changed. BigQuery changes no table inside
//! a transaction, so these statements run before the one that brings the rows: each is done at once or not at all, and
//! leaves a table that any run can go on with.

use super::allowed::Change;
use super::dialect::{BigQueryDialect, logical_of};
use super::wire::{Field, Kind, Mode, Partitioning, TableInfo};
use crate::dest::sql::columns::{needed, same, type_after, version_columns};
use crate::dest::sql::{Dialect, TableName, list};
use crate::dest::{DestError, DestErrorKind, Target};
use crate::model::{Column, LogicalType, Strategy};

/// A table as it was found, or will be once it is made.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) name: TableName,
    pub(super) columns: Vec<Field>,
    /// Partitions and clusters as a new table of this name would have to be made with; `None`: it cannot be said in SQL
    /// from what is known.
    layout: Option<String>,
}

/// Our type of a field; `None` if it is none of ours.
pub(super) fn logical(field: &Field) -> Option<LogicalType> {
    logical_of(&field.kind).filter(|_| field.mode != Mode::Repeated)
}

impl Shape {
    /// The shape of a table that is there.
    ///
    /// # Errors
    /// [`DestErrorKind::Shape`] for what is no table, or whose rows cannot be changed.
    pub(super) fn of(name: TableName, info: TableInfo) -> Result<Self, DestError> {
        let refuse = |message: String, hint: &str| {
            Err(DestError { kind: DestErrorKind::Shape, message, hint: Some(hint.into()), source: None })
        };
        let table = format!("{}.{}", name.schema, name.table);
        if let Kind::Other(kind) = info.kind {
            let what = kind.to_lowercase().replace('_', " ");
            let article = if what.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" };
            return refuse(
                format!("{table} is {article} {what}, not a table"),
                "load into another table, or drop it",
            );
        }
        if info.require_partition_filter {
            return refuse(
                format!(
                    "table {table} demands a partition filter of every query, and rows are merged by key"
                ),
                "turn it off (ALTER TABLE … SET OPTIONS (require_partition_filter = FALSE)), or load into another table",
            );
        }
        let layout = layout(&info);
        Ok(Self { name, columns: info.fields, layout })
    }

    /// The shape of a table that is about to be made.
    pub(super) fn planned(name: TableName, columns: &[Column]) -> Self {
        let columns = columns.iter().map(field).collect();
        Self { name, columns, layout: Some(String::new()) }
    }

    pub(super) fn find(&self, name: &str) -> Option<&Field> {
        self.columns.iter().find(|field| same(&field.name, name))
    }

    /// The type of a column; `None` if there is no such column, or its type is none of ours.
    pub(super) fn type_of(&self, name: &str) -> Option<LogicalType> {
        self.find(name).and_then(logical)
    }

    /// A column of ours under the table's spelling, quoted.
    pub(super) fn quoted(&self, name: &str) -> String {
        BigQueryDialect.quote(self.find(name).map_or(name, |found| &found.name))
    }

    /// Columns whose type is ours.
    pub(super) fn known(&self) -> Vec<Column> {
        let ours = |field: &Field| Some(Column::new(&field.name, logical(field)?));
        self.columns.iter().filter_map(ours).collect()
    }

    /// Whether the table can be taken over; the message names table and column if not.
    pub(super) fn check(&self, needed: &[Column]) -> Result<(), DestError> {
        for column in needed {
            let Some(found) = self.find(&column.name).filter(|found| logical(found).is_none()) else {
                continue;
            };
            let repeated = if found.mode == Mode::Repeated { "repeated " } else { "" };
            return Err(DestError {
                kind: DestErrorKind::Shape,
                message: format!(
                    "column {} of table {}.{} is {repeated}{}, which cannot hold {}",
                    found.name,
                    self.name.schema,
                    self.name.table,
                    found.kind,
                    column.logical.name()
                ),
                hint: Some("load into another table, or change or rename that column".into()),
                source: None,
            });
        }
        Ok(())
    }

    /// What the first commit will have to do to the table, for the documented columns.
    ///
    /// # Errors
    /// [`DestErrorKind::Shape`] if it cannot be done.
    pub(super) fn change(&self, target: &Target) -> Result<Change, DestError> {
        // Published rows bring what the hidden table has, which is the same and more.
        let extra = if target.strategy == Strategy::Scd2 { version_columns() } else { Vec::new() };
        let needed = needed(target, &[], &extra);
        let (statements, _) = self.clone().changed(&needed, &target.columns, &target.key)?;
        Ok(if statements.is_empty() { Change::Fill } else { Change::Alter })
    }

    /// Statements that make the table fit `needed`, in order, and the shape it has then. `key`: columns that are never
    /// NULL, so that they may stay `REQUIRED`.
    ///
    /// # Errors
    /// [`DestErrorKind::Shape`] if a column's type has to change and the table would lose its partitions.
    pub(super) fn changed(
        mut self,
        needed: &[Column],
        documented: &[Column],
        key: &[String],
    ) -> Result<(Vec<String>, Self), DestError> {
        let d = &BigQueryDialect;
        let name = self.name.sql(d);
        let mut statements = Vec::new();
        let mut added = Vec::new();
        let mut rewritten = Vec::new();
        for column in needed {
            let after = type_after(self.type_of(&column.name), column, documented);
            let Some(found) = self.columns.iter_mut().find(|field| same(&field.name, &column.name)) else {
                let column = Column::new(&column.name, after);
                added.push(format!("ADD COLUMN {} {}", d.quote(&column.name), d.type_name(after)));
                self.columns.push(field(&column));
                continue;
            };
            let old = d.quote(&found.name);
            match logical(found).filter(|before| *before != after) {
                None => continue,
                Some(LogicalType::Int64) if after == LogicalType::Float64 => statements.push(format!(
                    "ALTER TABLE {name} ALTER COLUMN {old} SET DATA TYPE {}",
                    d.type_name(after)
                )),
                Some(before) => rewritten.push(format!("{} AS {old}", converted(&old, before, after))),
            }
            d.type_name(after).clone_into(&mut found.kind);
        }
        if !rewritten.is_empty() {
            statements.push(self.rewrite(&rewritten.join(", "))?);
        }
        if !added.is_empty() {
            statements.push(format!("ALTER TABLE {name} {}", added.join(", ")));
        }
        for found in &mut self.columns {
            let may_stay = key.iter().any(|k| same(k, &found.name)) || filled(found);
            if found.mode == Mode::Required && !may_stay {
                found.mode = Mode::Nullable;
                let column = d.quote(&found.name);
                statements.push(format!("ALTER TABLE {name} ALTER COLUMN {column} DROP NOT NULL"));
            }
        }
        Ok((statements, self))
    }

    /// The table written anew with other types, in one statement. BigQuery changes only few types in place
    /// (<https://cloud.google.com/bigquery/docs/reference/standard-sql/data-definition-language#alter_column_set_data_type_statement>).
    /// To add a column, fill it, drop the old one and rename would be four statements with a table that fits nobody
    /// between each two.
    fn rewrite(&mut self, replaced: &str) -> Result<String, DestError> {
        let name = self.name.sql(&BigQueryDialect);
        let Some(layout) = &self.layout else {
            return Err(DestError {
                kind: DestErrorKind::Shape,
                message: format!(
                    "a column of table {}.{} needs another type, and the table would lose its partitions",
                    self.name.schema, self.name.table
                ),
                hint: Some(
                    "change the type yourself, load into another table, or leave such values out with \
                     --schema-contract discard_value"
                        .into(),
                ),
                source: None,
            });
        };
        self.columns.iter_mut().filter(|f| f.mode == Mode::Required).for_each(|f| f.mode = Mode::Nullable);
        Ok(format!("CREATE OR REPLACE TABLE {name}{layout} AS SELECT * REPLACE ({replaced}) FROM {name}"))
    }
}

/// What is not as one would expect of an existing table: another layout than was asked for, rows that cannot be changed.
pub(super) fn remarks(target: &Target, info: &TableInfo) -> Vec<String> {
    let mut notes = Vec::new();
    let table = format!("table {}.{}", target.schema, target.table);
    if info.streaming_buffer {
        notes.push(format!(
            "another program streams rows into {table}: a commit that would change one of them fails until BigQuery \
             has written it down, which takes up to 90 minutes"
        ));
    }
    if let Some(wanted) = &target.hints.partition_by {
        let is = match &info.partitioning {
            Some(Partitioning::Time { column: Some(column), .. } | Partitioning::Range { column }) => {
                (!column.eq_ignore_ascii_case(wanted)).then(|| format!("by {column}"))
            }
            Some(Partitioning::Time { column: None, .. }) => Some("by time of ingestion".into()),
            None => Some("not at all".into()),
        };
        if let Some(is) = is {
            notes.push(format!("{table} is partitioned {is}; --partition-by {wanted} is for new tables"));
        }
    }
    let wanted = &target.hints.cluster_by;
    let same = wanted.len() == info.clustering.len()
        && wanted.iter().zip(&info.clustering).all(|(a, b)| a.eq_ignore_ascii_case(b));
    if !wanted.is_empty() && !same {
        let is = if info.clustering.is_empty() {
            "not clustered".to_owned()
        } else {
            format!("clustered by {}", info.clustering.join(", "))
        };
        notes.push(format!("{table} is {is}; --cluster-by {} is for new tables", wanted.join(",")));
    }
    notes
}

/// How a table is laid out, as SQL says it.
fn layout(info: &TableInfo) -> Option<String> {
    let d = &BigQueryDialect;
    let kind = |name: &str| info.fields.iter().find(|f| same(&f.name, name)).map(|f| f.kind.as_str());
    let mut layout = match &info.partitioning {
        None => String::new(),
        Some(Partitioning::Time { unit, column: Some(column) }) => {
            let trunc = match kind(column)? {
                "TIMESTAMP" => "TIMESTAMP_TRUNC",
                "DATETIME" => "DATETIME_TRUNC",
                "DATE" => "DATE_TRUNC",
                _ => return None,
            };
            match (trunc, unit.as_str()) {
                ("DATE_TRUNC", "DAY") => format!(" PARTITION BY {}", d.quote(column)),
                (trunc, unit) => format!(" PARTITION BY {trunc}({}, {unit})", d.quote(column)),
            }
        }
        Some(Partitioning::Time { column: None, .. } | Partitioning::Range { .. }) => return None,
    };
    if !info.clustering.is_empty() {
        layout.push_str(&format!(" CLUSTER BY {}", list(&info.clustering, |name| d.quote(name))));
    }
    Some(layout)
}

/// The field of a column in a new table.
pub(super) fn field(column: &Column) -> Field {
    Field {
        name: column.name.clone(),
        kind: BigQueryDialect.type_name(column.logical).to_owned(),
        mode: Mode::Nullable,
    }
}

/// Whether new rows get a value for it that means nothing: a column of ingestr 0.x.
pub(super) fn filled(field: &Field) -> bool {
    matches!(field.name.to_ascii_lowercase().as_str(), "_dlt_id" | "_dlt_load_id") && field.kind == "STRING"
}

/// A value of type `from` as one of type `to`.
pub(super) fn converted(value: &str, from: LogicalType, to: LogicalType) -> String {
    use LogicalType::{Float64, Json, Text, Timestamp};
    let time = || format!("FORMAT_TIMESTAMP('%Y-%m-%dT%H:%M:%E6SZ', {value}, 'UTC')");
    match (from, to) {
        (from, to) if from == to => value.to_owned(),
        (Json, _) => format!("TO_JSON_STRING({value})"),
        (Timestamp, Text) => time(),
        (Timestamp, Json) => format!("TO_JSON({})", time()),
        (_, Json) => format!("TO_JSON({value})"),
        (_, Text) => format!("CAST({value} AS STRING)"),
        (_, Float64) => format!("CAST({value} AS FLOAT64)"),
        (_, to) => format!("SAFE_CAST({value} AS {})", BigQueryDialect.type_name(to)),
    }
}
