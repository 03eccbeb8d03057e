//! Answers to a source's questions about the rows the file holds.

use duckdb::Connection;

use super::apply::{table_of, unreadable};
use super::dialect::DuckDialect;
use super::shape::{Found, Shape};
use crate::dest::sql::columns::IS_CURRENT;
use crate::dest::sql::shadow::shadow;
use crate::dest::sql::{Dialect, list};
use crate::dest::{DestError, Target};
use crate::model::{Answer, DELETED_AT, LogicalType, Question, Strategy};

const T: &str = "\"_ingestr_t\"";

/// The answer; without pairs if there is nothing to look at.
pub(super) fn answer(
    connection: &Connection,
    target: &Target,
    question: &Question,
    wrap: &dyn Fn(duckdb::Error) -> DestError,
) -> Result<Answer, DestError> {
    let Some(held) = held(connection, target, wrap)? else { return Ok(Answer::default()) };
    let Some(sql) = statement(&held, target, question) else { return Ok(Answer::default()) };
    let read = || -> duckdb::Result<Vec<(i64, i64)>> {
        let mut statement = connection.prepare(&sql)?;
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
    };
    read().map(|pairs| Answer { pairs }).map_err(wrap)
}

/// The rows a run would add to.
struct Held {
    shape: Shape,
    /// Whether a key may stand in several rows of which only the newest counts.
    repeats: bool,
}

fn held(
    connection: &Connection,
    target: &Target,
    wrap: &dyn Fn(duckdb::Error) -> DestError,
) -> Result<Option<Held>, DestError> {
    let read = |name: &_| Shape::read(connection, name).map_err(|e| unreadable(e, name, wrap));
    let table = table_of(target);
    if target.strategy == Strategy::Replace {
        // Whatever is kept aside is about to be forgotten, and the old table's rows are not this replacement's.
        if target.fresh {
            return Ok(None);
        }
        if let Some(hidden) = shadow(target, target.strategy)
            && let Some(shape) = read(&table.beside(&hidden))?
        {
            return Ok(Some(Held { shape, repeats: true }));
        }
    }
    let repeats = target.strategy == Strategy::Append;
    Ok(read(&table)?.map(|shape| Held { shape, repeats }))
}

/// The question in SQL; `None` if the columns it needs are not there or of another kind.
fn statement(held: &Held, target: &Target, question: &Question) -> Option<String> {
    let d = &DuckDialect;
    let shape = &held.shape;
    let key = shape.find(target.key.first()?)?;
    let integer = |found: &Found| integer(found, d.quote(&shape.called(&found.name)));
    let key_value = integer(key)?;
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
            let value = integer(shape.find(column)?)?;
            (format!("{value} IN ({})", list(values, i64::to_string)), format!("{value}, count(*)"))
        }
        Question::KeysBy { column, values } | Question::Stored { column, values } => {
            let value = integer(shape.find(column)?)?;
            (format!("{value} IN ({})", list(values, i64::to_string)), format!("{value}, {key_value}"))
        }
        Question::KeysBetween { column, from, to, with } => {
            let with = match with {
                Some(with) => format!("coalesce({}, 0)", integer(shape.find(with)?)?),
                None => "0::BIGINT".into(),
            };
            let found = shape.find(column).filter(|c| c.logical() == Some(LogicalType::Timestamp))?;
            let (column, from, to) = (d.quote(&shape.called(&found.name)), d.instant(*from), d.instant(*to));
            (format!("{column} >= {from} AND {column} <= {to}"), format!("{key_value}, {with}"))
        }
        Question::ValuesOf { column, keys } => {
            let value = integer(shape.find(column)?)?;
            let wanted = format!("{key_value} IN ({}) AND {value} IS NOT NULL", list(keys, i64::to_string));
            (wanted, format!("{key_value}, {value}"))
        }
        Question::Count => ("TRUE".into(), "0::BIGINT, count(*)".into()),
    };
    let mut alive = format!("{key_value} IS NOT NULL");
    let all = matches!(question, Question::Stored { .. });
    if let Some(deleted) = shape.find(DELETED_AT).filter(|_| !all) {
        alive.push_str(&format!(" AND {} IS NULL", d.quote(&deleted.name)));
    }
    if let Some(current) = shape.find(IS_CURRENT).filter(|_| !all && target.strategy == Strategy::Scd2) {
        alive.push_str(&format!(" AND {} IS DISTINCT FROM FALSE", d.quote(&current.name)));
    }
    let table = shape.read_as(T);
    let rows = if held.repeats {
        // Of a row that came twice the older one says nothing, even if only it has a wanted value.
        let key = d.quote(&shape.called(&key.name));
        let newest = shape.newest_first(target, T);
        format!(
            "(SELECT * FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {wanted}) \
             QUALIFY {newest} = 1)"
        )
    } else {
        table
    };
    let grouped = if matches!(question, Question::CountBy { .. }) { " GROUP BY 1" } else { "" };
    Some(format!("SELECT {selected} FROM {rows} WHERE {wanted} AND {alive}{grouped}"))
}

/// A column's value as an integer; text that is one counts, as tables of others may keep ids so.
fn integer(found: &Found, name: String) -> Option<String> {
    match found.logical()? {
        LogicalType::Int64 if found.type_name == "BIGINT" => Some(name),
        LogicalType::Int64 | LogicalType::Float64 | LogicalType::Text | LogicalType::Json => {
            Some(format!("TRY_CAST({name} AS BIGINT)"))
        }
        LogicalType::Bool | LogicalType::Timestamp => None,
    }
}
