//! Answers to a source's questions about the rows a table holds.

use super::BigQuery;
use super::dialect::{BigQueryDialect, column_name, spelled};
use super::leases::fresh_job;
use super::publish::waiting;
use super::shape::Shape;
use super::{failed, table_ref};
use crate::dest::sql::columns::IS_CURRENT;
use crate::dest::sql::shadow::shadow;
use crate::dest::sql::{Dialect, list, newest_first};
use crate::dest::{DestError, Target};
use crate::model::{Answer, DELETED_AT, LOADED_AT, LogicalType, Question, Strategy};

/// The rows a run would add to.
struct Held {
    shape: Shape,
    /// The rows, as a query or a name; the newest of each key where a key may stand in several.
    rows: String,
}

impl BigQuery {
    /// The answer; without pairs if there is nothing to look at.
    pub(super) async fn answer(&self, target: &Target, question: &Question) -> Result<Answer, DestError> {
        let target = &spelled(target);
        let table = self.table_of(target);
        let Some(held) = self.held(target).await? else { return Ok(Answer::default()) };
        let Some(sql) = statement(&held, target, question) else { return Ok(Answer::default()) };
        let Some(api) = self.existing(&table).await? else { return Ok(Answer::default()) };
        let found = api.query(&fresh_job("ask"), &sql, &[]).await;
        let found = found.map_err(|error| failed(&table, "read", error))?;
        let pair =
            |row: &Vec<Option<String>>| Some((super::books::number(row, 0)?, super::books::number(row, 1)?));
        Ok(Answer { pairs: found.rows.iter().filter_map(pair).collect() })
    }

    async fn held(&self, target: &Target) -> Result<Option<Held>, DestError> {
        let table = self.table_of(target);
        if target.strategy == Strategy::Replace {
            // Whatever is kept aside is about to be forgotten, and the old table's rows are not this replacement's.
            if target.fresh {
                return Ok(None);
            }
            if let Some(hidden) = shadow(target, target.strategy)
                && let Some(shape) = self.shape(&table.beside(&hidden)).await?
            {
                let rows = format!("({})", waiting(&shape, target));
                return Ok(Some(Held { shape, rows }));
            }
        }
        let Some(shape) = self.shape(&table).await? else { return Ok(None) };
        let name = shape.name.sql(&BigQueryDialect);
        let rows = if target.strategy == Strategy::Append {
            format!("({})", latest(&shape, target, &name))
        } else {
            name
        };
        Ok(Some(Held { shape, rows }))
    }

    async fn shape(&self, name: &crate::dest::sql::TableName) -> Result<Option<Shape>, DestError> {
        let Some(api) = self.existing(name).await? else { return Ok(None) };
        let info = api.table(&table_ref(name)).await.map_err(|error| failed(name, "read", error))?;
        info.map(|info| Shape::of(name.clone(), info)).transpose()
    }
}

/// Of a row that was appended twice only the newer says something; BigQuery keeps no order, the run's time has to do.
fn latest(shape: &Shape, target: &Target, name: &str) -> String {
    let d = &BigQueryDialect;
    let Some(first) = target.key.first() else { return format!("SELECT * FROM {name}") };
    let incremental = target.incremental_key.as_deref().filter(|column| shape.find(column).is_some());
    let tie = if shape.find(LOADED_AT).is_some() { LOADED_AT } else { first };
    let tie = shape.quoted(tie);
    format!("SELECT * FROM {name} QUALIFY {} = 1", newest_first(d, &target.key, incremental, &tie))
}

/// The question in SQL; `None` if the columns it needs are not there or of another kind.
fn statement(held: &Held, target: &Target, question: &Question) -> Option<String> {
    let d = &BigQueryDialect;
    let shape = &held.shape;
    let key_value = integer(shape, target.key.first()?)?;
    let (wanted, selected) = match question {
        Question::CountBy { values, .. }
        | Question::KeysBy { values, .. }
        | Question::Stored { values, .. }
        | Question::ValuesOf { keys: values, .. }
            if values.is_empty() =>
        {
            return None;
        }
        Question::CountBy { column, values } => {
            let value = integer(shape, column)?;
            (format!("{value} IN ({})", list(values, i64::to_string)), format!("{value}, COUNT(*)"))
        }
        Question::KeysBy { column, values } | Question::Stored { column, values } => {
            let value = integer(shape, column)?;
            (format!("{value} IN ({})", list(values, i64::to_string)), format!("{value}, {key_value}"))
        }
        Question::KeysBetween { column, from, to, with } => {
            let with = match with {
                Some(with) => format!("COALESCE({}, 0)", integer(shape, with)?),
                None => "0".into(),
            };
            let column = column_name(column);
            let found =
                shape.find(&column).filter(|_| shape.type_of(&column) == Some(LogicalType::Timestamp))?;
            let (column, from, to) = (d.quote(&found.name), d.instant(*from), d.instant(*to));
            (format!("{column} >= {from} AND {column} <= {to}"), format!("{key_value}, {with}"))
        }
        Question::ValuesOf { column, keys } => {
            let value = integer(shape, column)?;
            let wanted = format!("{key_value} IN ({}) AND {value} IS NOT NULL", list(keys, i64::to_string));
            (wanted, format!("{key_value}, {value}"))
        }
        Question::Count => ("TRUE".into(), "0, COUNT(*)".into()),
    };
    let mut alive = format!("{key_value} IS NOT NULL");
    let all = matches!(question, Question::Stored { .. });
    if !all && shape.find(DELETED_AT).is_some() {
        alive.push_str(&format!(" AND {} IS NULL", shape.quoted(DELETED_AT)));
    }
    if !all && target.strategy == Strategy::Scd2 && shape.find(IS_CURRENT).is_some() {
        alive.push_str(&format!(" AND {} IS DISTINCT FROM FALSE", shape.quoted(IS_CURRENT)));
    }
    let grouped = if matches!(question, Question::CountBy { .. }) { " GROUP BY 1" } else { "" };
    Some(format!("SELECT {selected} FROM {} WHERE {wanted} AND {alive}{grouped}", held.rows))
}

/// A column's value as an integer; text that is one counts, as tables of others may keep ids so.
fn integer(shape: &Shape, column: &str) -> Option<String> {
    let column = column_name(column);
    let name = shape.find(&column).map(|found| BigQueryDialect.quote(&found.name))?;
    match shape.type_of(&column)? {
        LogicalType::Int64 => Some(name),
        LogicalType::Float64 | LogicalType::Text => Some(format!("SAFE_CAST({name} AS INT64)")),
        LogicalType::Json => Some(format!("SAFE_CAST(TO_JSON_STRING({name}) AS INT64)")),
        LogicalType::Bool | LogicalType::Timestamp => None,
    }
}
