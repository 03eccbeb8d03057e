//! Answers to a source's questions about the rows a table holds.

use super::cells::Cell;
use super::columns::IS_CURRENT;
use super::dialect::Shape;
use super::engine::Engine;
use super::shadow::shadow;
use super::{list, publish};
use crate::dest::{DestError, Stored, Target};
use crate::model::{Answer, DELETED_AT, LogicalType, MERGED_INTO, Question, Strategy};

/// The rows a run would add to.
struct HeldTable {
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

/// Rows of the target's table: see [`crate::dest::Destination::rows`].
///
/// # Errors
/// When the database cannot be read.
pub(crate) async fn rows<E: Engine>(
    engine: &E,
    target: &Target,
    columns: &[String],
    after: Option<i64>,
    most: u64,
) -> Result<Option<Vec<Stored>>, DestError> {
    let Some(shape) = engine.describe(&engine.table(&target.table)).await? else {
        return Ok(Some(Vec::new()));
    };
    let Some(sql) = rows_after(&shape, target, columns, after, most) else { return Ok(None) };
    let mut types = vec![LogicalType::Int64, LogicalType::Timestamp, LogicalType::Int64];
    types.resize(3 + columns.len(), LogicalType::Text);
    let rows = engine.query(&sql, &types).await?;
    let stored = |row: Vec<Cell>| {
        let mut cells = row.into_iter();
        let key = cells.next()?.number()?;
        let deleted_at =
            cells.next().and_then(|cell| if let Cell::Instant(at) = cell { Some(at) } else { None });
        let merged_into = cells.next().and_then(|cell| cell.number());
        let values = cells.map(|cell| if let Cell::Text(text) = cell { Some(text) } else { None });
        Some(Stored { key, deleted_at, merged_into, values: values.collect() })
    };
    Ok(Some(rows.into_iter().filter_map(stored).collect()))
}

fn rows_after(
    shape: &Shape,
    target: &Target,
    columns: &[String],
    after: Option<i64>,
    most: u64,
) -> Option<String> {
    let d = shape.d;
    let [key] = target.key.as_slice() else { return None };
    let key = shape.find(key).filter(|found| found.logical == Some(LogicalType::Int64))?;
    let key = d.quote(&key.name);
    let mark = |name, logical| match shape.find(name) {
        Some(found) => d.quote(&found.name),
        None => format!("CAST(NULL AS {})", d.type_name(logical)),
    };
    let mut selected =
        vec![key.clone(), mark(DELETED_AT, LogicalType::Timestamp), mark(MERGED_INTO, LogicalType::Int64)];
    for column in columns {
        let found = shape.find(&d.column(column))?;
        let logical =
            found.logical.filter(|logical| matches!(logical, LogicalType::Json | LogicalType::Int64))?;
        selected.push(d.convert(&d.quote(&found.name), Some(logical), LogicalType::Text));
    }
    let after = after.map_or_else(String::new, |after| format!(" WHERE {key} > {after}"));
    Some(format!(
        "SELECT {} FROM {}{after} ORDER BY {key} LIMIT {most}",
        list(&selected, String::clone),
        shape.sql()
    ))
}

async fn held<E: Engine>(engine: &E, target: &Target) -> Result<Option<HeldTable>, DestError> {
    if target.strategy == Strategy::Replace {
        // Whatever is kept aside is about to be forgotten, and the old table's rows are not this replacement's.
        if target.fresh {
            return Ok(None);
        }
        if let Some(hidden) = shadow(target, target.strategy)
            && let Some(shape) = engine.describe(&engine.table(&hidden)).await?
        {
            let rows = format!("({}) AS _ingestr_rows", publish::waiting(&shape, target));
            return Ok(Some(HeldTable { shape, rows }));
        }
    }
    let Some(shape) = engine.describe(&engine.table(&target.table)).await? else { return Ok(None) };
    let rows = if target.strategy == Strategy::Append {
        format!("({}) AS _ingestr_rows", publish::latest(&shape, target))
    } else {
        shape.sql()
    };
    Ok(Some(HeldTable { shape, rows }))
}

/// The question in SQL; `None` if the columns it needs are not there or of another kind.
fn statement(held: &HeldTable, target: &Target, question: &Question) -> Option<String> {
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
        Question::Holding { column, ids } => {
            let found = shape.find(&d.column(column))?;
            let logical =
                found.logical.filter(|kind| matches!(kind, LogicalType::Json | LogicalType::Text))?;
            let text = d.convert(&d.quote(&found.name), Some(logical), LogicalType::Text);
            (holding(&text, ids), format!("{key}, 0"))
        }
        Question::Keys => ("TRUE".into(), format!("{key}, 0")),
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

/// Whether the text of a JSON value has an object with one of these ids: written as the API does, or with a space behind the
/// colon, as PostgreSQL keeps `jsonb`.
fn holding(text: &str, ids: &[i64]) -> String {
    let spelled = |id: &i64| {
        let spellings = [("", ','), ("", '}'), (" ", ','), (" ", '}')];
        spellings.map(|(space, end)| format!("{text} LIKE '%\"id\":{space}{id}{end}%'")).join(" OR ")
    };
    format!("({})", ids.iter().map(spelled).collect::<Vec<_>>().join(" OR "))
}
