//! Rows of a finished query: pages of cells, brought to one form of text.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value as Json;
use tokio::time::Instant;

use super::api::{Api, query, segment};
use super::client::Call;
use super::error::{ApiError, Doing};
use super::transport::Method;
use crate::dest::TextRow;

/// Rows a page; BigQuery sends fewer where they are large (10 MB a page).
const PAGE: &str = "10000";

/// How long a page of a result is waited for.
const LAG: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ResultPage {
    #[serde(default)]
    job_complete: bool,
    #[serde(default)]
    schema: Schema,
    #[serde(default)]
    rows: Vec<Row>,
    page_token: Option<String>,
    total_rows: Option<String>,
}

#[derive(Deserialize, Default)]
struct Schema {
    #[serde(default)]
    fields: Vec<Column>,
}

#[derive(Deserialize)]
struct Column {
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Deserialize)]
struct Row {
    f: Vec<Cell>,
}

#[derive(Deserialize)]
struct Cell {
    v: Json,
}

impl Api {
    /// All rows of a job that is done.
    pub(super) async fn results(&self, doing: &Doing, job: &str) -> Result<Vec<TextRow>, ApiError> {
        let (mut has_columns, mut rows) = (false, Vec::new());
        let mut token: Option<String> = None;
        let mut since = Instant::now();
        loop {
            let parameters = query(&[
                ("location", self.location()),
                ("maxResults", Some(PAGE)),
                ("formatOptions.useInt64Timestamp", Some("true")),
                ("pageToken", token.as_deref()),
            ]);
            let url = self.url(self.project(), &format!("/queries/{}{parameters}", segment(job)));
            let page: ResultPage = self.inner.client.read(doing, Call::new(Method::Get, url)).await?;
            if !page.job_complete {
                // The job is done; results may lag behind by a moment.
                if since.elapsed() > LAG {
                    let message = "the job is done, and BigQuery did not give its result within a minute";
                    return Err(ApiError::unknown(doing, message));
                }
                tokio::time::sleep(Duration::from_millis(500)).await;
                continue;
            }
            since = Instant::now();
            has_columns |= !page.schema.fields.is_empty();
            for row in page.rows {
                let cells = row
                    .f
                    .into_iter()
                    .zip(&page.schema.fields)
                    .map(|(cell, column)| text(cell.v, &column.kind));
                rows.push(cells.collect());
            }
            match page.page_token.filter(|next| !next.is_empty()) {
                Some(next) if Some(&next) == token.as_ref() => {
                    return Err(ApiError::other(doing, "BigQuery sent the same page of the result twice"));
                }
                Some(next) => token = Some(next),
                None => {
                    let told = page.total_rows.and_then(|rows| rows.parse::<usize>().ok());
                    if has_columns && told.is_some_and(|told| told != rows.len()) {
                        return Err(ApiError::other(doing, "BigQuery sent only a part of the result"));
                    }
                    return Ok(rows);
                }
            }
        }
    }
}

/// One cell as text; arrays and structs as JSON.
fn text(value: Json, kind: &str) -> Option<String> {
    match value {
        Json::Null => None,
        Json::String(text) if kind == "TIMESTAMP" => {
            Some(micros(&text).map_or(text, |micros| micros.to_string()))
        }
        Json::String(text) => Some(text),
        Json::Array(items) => Some(Json::Array(items.into_iter().map(inner).collect()).to_string()),
        other => Some(other.to_string()),
    }
}

/// Elements are wrapped like cells.
fn inner(value: Json) -> Json {
    match value {
        Json::Object(mut object) if object.len() == 1 => {
            object.remove("v").map_or(Json::Object(object), inner)
        }
        other => other,
    }
}

/// Microseconds, from what `useInt64Timestamp` asks for or from seconds with a fraction, which some servers send all
/// the same.
fn micros(text: &str) -> Option<i64> {
    if let Ok(micros) = text.parse::<i64>() {
        return Some(micros);
    }
    if let Some((whole, fraction)) = text.split_once('.')
        && fraction.len() <= 6
        && !fraction.is_empty()
        && fraction.bytes().all(|byte| byte.is_ascii_digit())
    {
        let seconds: i64 = whole.parse().ok()?;
        let part: i64 = format!("{fraction:0<6}").parse().ok()?;
        let micros = seconds.checked_mul(1_000_000)?;
        return if whole.starts_with('-') { micros.checked_sub(part) } else { micros.checked_add(part) };
    }
    // With an exponent: 2^53 microseconds are the year 2255, so a double is exact until then.
    let micros = (text.parse::<f64>().ok()? * 1e6).round();
    #[expect(clippy::cast_possible_truncation, reason = "checked to be within")]
    (micros.abs() < 9e18).then_some(micros as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_are_microseconds_whatever_form_they_come_in() {
        for (text, expected) in [
            ("1718798400123456", Some(1_718_798_400_123_456)),
            ("1718798400.123456", Some(1_718_798_400_123_456)),
            ("1718798400.0", Some(1_718_798_400_000_000)),
            ("1.718798400123456E9", Some(1_718_798_400_123_456)),
            ("-1.5", Some(-1_500_000)),
            ("-0.5", Some(-500_000)),
            ("yesterday", None),
        ] {
            assert_eq!(micros(text), expected, "{text}");
        }
    }

    #[test]
    fn cells_become_text() {
        let cell = |json: &str, kind: &str| text(serde_json::from_str(json).unwrap(), kind);
        assert_eq!(cell("null", "STRING"), None);
        assert_eq!(cell(r#""""#, "STRING").as_deref(), Some(""));
        assert_eq!(cell(r#""5.0""#, "STRING").as_deref(), Some("5.0"));
        assert_eq!(cell(r#"[{"v":"5"},{"v":"7"}]"#, "INTEGER").as_deref(), Some(r#"["5","7"]"#));
    }
}
