//! Rows that are stored, read back as if they had just been read.

use bytes::Bytes;

use crate::dest::Stored;
use crate::error::{Failure, Kind};
use crate::normalise::rows::Rows;

/// Stored rows as if they had been read: their key and these fields. A value that is no JSON any more becomes a text, which is not what it should be.
pub(super) fn as_rows(key: &str, fields: &[&str], parents: &[Stored]) -> Result<Rows, Failure> {
    let row = |parent: &Stored| {
        let value = |(field, value): (&&str, &Option<String>)| {
            let value = value.as_deref().unwrap_or("null");
            let is_json = serde_json::from_str::<&serde_json::value::RawValue>(value).is_ok();
            let value = if is_json { value.to_owned() } else { serde_json::Value::from(value).to_string() };
            format!(",\"{field}\":{value}")
        };
        let values: String = fields.iter().zip(&parent.values).map(value).collect();
        format!("{{\"{key}\":{}{values}}}", parent.key)
    };
    let body = format!("[{}]", parents.iter().map(row).collect::<Vec<_>>().join(","));
    let rows = Rows::parse(Bytes::from(body)).map(|(rows, _)| rows);
    rows.map_err(|error| Failure::new(Kind::Internal, format!("stored rows cannot be read again: {error}")))
}
