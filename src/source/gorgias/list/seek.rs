//! Cursors of our own making, to begin in the middle of a list.
//!
//! The cursors of the API are base64 of `["next", "<sort value>", <id>]`: the place of a row and nothing else (read off
//! recorded answers of August 2026). So one can be made for any time between two rows. That is documented nowhere: a
//! cursor is made only in the form of one that the API has just handed out, what it leads to is checked, and when
//! anything is not as expected, everything is read without.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::model::Micros;
use crate::normalise::rows::{Meta, Rows};
use crate::source::SortField;
use crate::source::gorgias::api::refuses_cursor;
use crate::source::gorgias::fields::{self, integer};
use crate::source::gorgias::list::checkpoint::{Direction, Walk};
use crate::source::gorgias::list::pages::Answer;
use crate::source::gorgias::list::stretch;

/// Whether `cursor`, handed out with this page, is the place of the page's last row, in the form that we can make.
pub(crate) fn is_place(cursor: &str, rows: &Rows, sort: SortField) -> bool {
    let Some(last) = rows.len().checked_sub(1).map(|last| rows.row(last)) else { return false };
    let (Some(value), Some(id)) = (fields::datetime(last, sort.column()), integer(last, "id")) else {
        return false;
    };
    let decoded = STANDARD.decode(cursor).ok().and_then(|json| serde_json::from_slice(&json).ok());
    let Some(Value::Array(parts)) = decoded else { return false };
    let [Value::String(word), Value::String(at), Value::Number(number)] = parts.as_slice() else {
        return false;
    };
    word == "next" && number.as_i64() == Some(id) && naive(value) == *at
}

/// A cursor for the place of a row, or with an id of 0 for the one before all rows of a time.
pub(crate) fn cursor(at: Micros, id: i64) -> String {
    STANDARD.encode(format!("[\"next\", \"{}\", {id}]", naive(at)))
}

/// As the API writes times in cursors: UTC without saying so.
fn naive(at: Micros) -> String {
    at.to_string().trim_end_matches("+00:00").to_owned()
}

/// What came of a cursor that was made.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there are few, and each is taken apart at once")]
pub(crate) enum Landing {
    /// A place in the stretch that was aimed at: a walk that goes on from there, and its first page.
    Here(Walk, Rows),
    /// There is nothing left between the place and what has been read already.
    Beyond,
    /// The API does not do this.
    Nowhere(&'static str),
}

/// Checks the answer to a cursor made for `at`: whether it leads to where it should, and to something between `above`
/// and `below`, which have been read already.
pub(crate) fn landing(answer: Answer, at: Micros, above: Micros, below: Micros, sort: SortField) -> Landing {
    let (rows, Meta { next_cursor, .. }) = match answer {
        Ok(answer) => answer,
        Err(error) if refuses_cursor(&error) => return Landing::Nowhere("it was refused"),
        Err(_) => return Landing::Nowhere("its request failed"),
    };
    let values: Option<Vec<Micros>> = rows.iter().map(|row| fields::datetime(row, sort.column())).collect();
    let Some(values) = values else { return Landing::Nowhere("rows have no time") };
    let (Some(&first), Some(&last)) = (values.first(), values.last()) else {
        return Landing::Nowhere("there are no rows");
    };
    if values.iter().any(|value| *value > at) {
        return Landing::Nowhere("it led to another place");
    }
    if values.windows(2).any(|pair| pair[0] < pair[1]) {
        return Landing::Nowhere("the rows are not in order");
    }
    if first <= below || last >= above || next_cursor.is_none() {
        return Landing::Beyond;
    }
    let fits = next_cursor.as_ref().is_some_and(|cursor| is_place(cursor, &rows, sort));
    if !fits {
        return Landing::Nowhere("the next page has no place");
    }
    let walk = Walk {
        first: Some(first),
        cursor: next_cursor,
        last: Some(last),
        pages: 1,
        ..Walk::new(sort, Direction::NewestFirst, None)
    };
    Landing::Here(walk, rows)
}

/// The time at which the part `part` of the pages of a stretch lies behind, from its newer end `from` to its older end
/// `to`. Pages are taken to be as dense at each end as the page that was read there: `near` and `far` are their
/// lengths in microseconds.
pub(crate) fn split(from: Micros, to: Micros, near: i64, far: i64, part: f64) -> Micros {
    let length = from.0.abs_diff(to.0);
    let (near, far) = (density(near), density(far));
    // Pages from the newer end up to `x` of the length, if the density changes evenly: near·x + (far − near)·x²/2.
    let whole = f64::midpoint(near, far);
    let (mut low, mut high) = (0.0f64, 1.0f64);
    for _ in 0..40 {
        let x = f64::midpoint(low, high);
        let pages = near * x + (far - near) * x * x / 2.0;
        if pages < part * whole { low = x } else { high = x }
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a part of a span of time, to any precision"
    )]
    let offset = (length as f64 * low) as u64;
    Micros(from.0.saturating_sub_unsigned(offset))
}

/// How many pages may lie in a stretch.
pub(crate) fn pages(from: Micros, to: Micros, near: i64, far: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let length = from.0.abs_diff(to.0) as f64;
    stretch::evenly(length, [density(near), density(far)])
}

/// Pages per microsecond.
pub(crate) fn density(length: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "an estimate")]
    let length = length.max(1) as f64;
    1.0 / length
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    const RECORDED: &str = "WyJuZXh0IiwgIjIwMjYtMDgtMjZUMTg6MzU6NTYuMjk1OTIxIiwgMjE5MDkzMTQ3M10=";
    const AT: i64 = 1_787_769_356_295_921;

    fn page(rows: &[(i64, i64)], next: Option<&str>) -> Answer {
        let rows: Vec<String> = rows
            .iter()
            .map(|(at, id)| format!(r#"{{"id":{id},"created_datetime":"{}"}}"#, Micros(*at)))
            .collect();
        let next = next.map_or("null".into(), |next| format!("\"{next}\""));
        let body = format!(r#"{{"data":[{}],"meta":{{"next_cursor":{next}}}}}"#, rows.join(","));
        Ok(Rows::parse(Bytes::from(body)).unwrap())
    }

    #[test]
    fn a_recorded_cursor_is_the_place_of_its_row() {
        let (rows, _) = page(&[(AT, 2_190_931_473)], None).unwrap();
        assert!(is_place(RECORDED, &rows, SortField::Created));
        let (other, _) = page(&[(AT, 7)], None).unwrap();
        for (cursor, rows) in [(RECORDED, &other), ("b3BhcXVl", &rows), ("?", &rows), ("", &rows)] {
            assert!(!is_place(cursor, rows, SortField::Created), "{cursor}");
        }
    }

    #[test]
    fn what_is_made_looks_like_what_was_recorded() {
        let decoded = STANDARD.decode(cursor(Micros(AT), 0)).unwrap();
        assert_eq!(String::from_utf8(decoded).unwrap(), r#"["next", "2026-08-26T18:35:56.295921", 0]"#);
    }

    #[test]
    fn a_landing_is_checked() {
        let look = |rows: &[(i64, i64)], next: Option<&str>| match landing(
            page(rows, next),
            Micros(AT + 5),
            Micros(AT + 9),
            Micros(AT - 100),
            SortField::Created,
        ) {
            Landing::Here(walk, _) => format!("{:?}", walk.first.map(|first| first.0 - AT)),
            Landing::Beyond => "beyond".into(),
            Landing::Nowhere(why) => why.into(),
        };
        let id = 2_190_931_473;
        assert_eq!(look(&[(AT + 5, 9), (AT, id)], Some(RECORDED)), "Some(5)");
        assert_eq!(look(&[(AT + 6, 9), (AT, id)], Some(RECORDED)), "it led to another place");
        assert_eq!(look(&[(AT, 9), (AT + 1, 8), (AT, id)], Some(RECORDED)), "the rows are not in order");
        assert_eq!(look(&[(AT - 100, 9)], Some(RECORDED)), "beyond");
        assert_eq!(look(&[], None), "there are no rows");
        assert_eq!(look(&[(AT, id)], None), "beyond");
        assert_eq!(look(&[(AT, id)], Some("b3BhcXVl")), "the next page has no place");
    }

    #[test]
    fn a_stretch_is_split_by_how_dense_its_ends_are() {
        let at = |near, far, part| split(Micros(1_000_000), Micros(0), near, far, part).0;
        assert!((499_999..=500_001).contains(&at(10, 10, 0.5)), "{}", at(10, 10, 0.5));
        // Nine times as dense at the newer end.
        assert!((660_000..690_000).contains(&at(10, 90, 0.5)), "{}", at(10, 90, 0.5));
        assert!((310_000..340_000).contains(&at(90, 10, 0.5)), "{}", at(90, 10, 0.5));
        assert!((pages(Micros(1_000), Micros(0), 10, 10) - 100.0).abs() < 1e-9);
    }
}
