//! Answers to a source's questions about the rows a table holds.

use super::columns::IS_CURRENT;
use super::dialect::Shape;
use super::engine::Engine;
use super::shadow::shadow;
use super::{list, publish};
use crate::dest::{DestError, Target};
use crate::model::{Answer, DELETED_AT, LogicalType, Question, Strategy};

/// The rows a run would add to.
struct Held {
    shape: Shape,
    /// The rows, as a query or a name; the newest of each key where a key may stand in several.
    rows: String,
}

/// The answer; `None` if the table does not have what the question is about, and so cannot tell.
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn answer<E: Engine>(
    engine: &E,
    target: &Target,
    question: &Question,
) -> Result<Option<Answer>, DestError> {
    if question.asks_for_nothing() {
        return Ok(Some(Answer::default()));
    }
    // Without a table, or with one whose rows are about to be forgotten, there is no row.
    let Some(held) = held(engine, target).await? else { return Ok(Some(Answer::default())) };
    let Some(sql) = statement(&held, target, question) else { return Ok(None) };
    let rows = engine.query(&sql, &[LogicalType::Int64; 2]).await?;
    let pairs = rows.iter().filter_map(|row| Some((row.first()?.number()?, row.get(1)?.number()?)));
    Ok(Some(Answer { pairs: pairs.collect() }))
}

async fn held<E: Engine>(engine: &E, target: &Target) -> Result<Option<Held>, DestError> {
    if target.strategy == Strategy::Replace {
        // Whatever is kept aside is about to be forgotten, and the old table's rows are not this replacement's.
        if target.fresh {
            return Ok(None);
        }
        if let Some(hidden) = shadow(target, target.strategy)
            && let Some(shape) = engine.describe(&engine.table(&hidden)).await?
        {
            let rows = format!("({}) AS _ingestr_rows", publish::waiting(&shape, target));
            return Ok(Some(Held { shape, rows }));
        }
    }
    let Some(shape) = engine.describe(&engine.table(&target.table)).await? else { return Ok(None) };
    let rows = if target.strategy == Strategy::Append {
        format!("({}) AS _ingestr_rows", publish::latest(&shape, target))
    } else {
        shape.sql()
    };
    Ok(Some(Held { shape, rows }))
}

/// The question in SQL; `None` if the columns it needs are not there or of another kind.
fn statement(held: &Held, target: &Target, question: &Question) -> Option<String> {
    let shape = &held.shape;
    let d = shape.d;
    // Text that is an integer counts, as tables of others may keep ids so.
    let integer = |column: &str| {
        let column = d.column(column);
        let found = shape.find(&column)?;
        d.integer(&d.quote(&found.name), found.logical?)
    };
    let key = integer(target.key.first()?)?;
    let among = |value: &str, values: &[i64]| format!("{value} IN ({})", list(values, i64::to_string));
    let (wanted, selected) = match question {
        Question::CountBy { column, values } => {
            let value = integer(column)?;
            (among(&value, values), format!("{value}, COUNT(*)"))
        }
        Question::KeysBy { column, values } | Question::Stored { column, values } => {
            let value = integer(column)?;
            (among(&value, values), format!("{value}, {key}"))
        }
        Question::KeysBetween { column, from, to, with } => {
            let with = match with {
                Some(with) => format!("COALESCE({}, 0)", integer(with)?),
                None => "0".into(),
            };
            let column = d.column(column);
            let found = shape.find(&column).filter(|c| c.logical == Some(LogicalType::Timestamp))?;
            let (column, from, to) = (d.quote(&found.name), d.instant(*from), d.instant(*to));
            (format!("{column} >= {from} AND {column} <= {to}"), format!("{key}, {with}"))
        }
        Question::ValuesOf { column, keys } => {
            let value = integer(column)?;
            (format!("{} AND {value} IS NOT NULL", among(&key, keys)), format!("{key}, {value}"))
        }
        Question::Count => ("TRUE".into(), "0, COUNT(*)".into()),
    };
    let mut alive = format!("{key} IS NOT NULL");
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
