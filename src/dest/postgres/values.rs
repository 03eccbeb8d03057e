//! What PostgreSQL does not take: NUL in texts, which a column of `json` takes and then gives no field of; and in columns of
//! `jsonb` some numbers. The first becomes U+FFFD, the second NULL, and both are among the rejects as they came.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};

use crate::dest::Target;
use crate::dest::sql::embedded::key_of;
use crate::model::{LogicalType, Reject};
use crate::normalise::escapes::without;

const NUL: &str = "PostgreSQL's texts have no NUL; it was replaced by U+FFFD";
const NOT_BINARY: &str = "PostgreSQL's jsonb does not take this JSON; the column is NULL";

/// The batch as PostgreSQL takes it. `binary`: whether a column of that name is one of `jsonb`.
pub(super) fn taken(
    batch: RecordBatch,
    target: &Target,
    binary: &dyn Fn(&str) -> bool,
    rejects: &mut Vec<Reject>,
) -> RecordBatch {
    let schema = batch.schema();
    let mut arrays = batch.columns().to_vec();
    let mut changed = false;
    for (at, field) in schema.fields().iter().enumerate() {
        let logical = LogicalType::of(field);
        let json = logical == Some(LogicalType::Json);
        let Some(texts) = batch.column(at).as_string_opt::<i32>() else { continue };
        // Most often nothing is to be done: one look at all of them.
        let taken: fn(&str) -> Option<Instead> = match logical {
            Some(LogicalType::Text) if memchr::memchr(0, texts.value_data()).is_some() => of_text,
            Some(LogicalType::Json) if binary(field.name()) => of_binary,
            Some(LogicalType::Json) if memchr::memmem::find(texts.value_data(), b"\\u0000").is_some() => {
                of_json
            }
            _ => continue,
        };
        if texts.iter().flatten().all(|text| taken(text).is_none()) {
            continue;
        }
        changed = true;
        let new: StringArray = (0..texts.len())
            .map(|row| {
                let text = texts.is_valid(row).then(|| texts.value(row))?;
                let Some((instead, reason)) = taken(text) else { return Some(text.to_owned()) };
                rejects.push(Reject {
                    id: key_of(&batch, target, row),
                    column: Some(field.name().clone()),
                    value: if json { text.to_owned() } else { serde_json::Value::from(text).to_string() },
                    reason,
                });
                instead
            })
            .collect();
        arrays[at] = Arc::new(new) as ArrayRef;
    }
    if !changed {
        return batch;
    }
    // Of the same schema and length.
    RecordBatch::try_new(schema, arrays).unwrap_or(batch)
}

/// What is stored instead of a value, and why.
type Instead = (Option<String>, &'static str);

fn of_text(text: &str) -> Option<Instead> {
    text.contains('\0').then(|| (Some(text.replace('\0', "\u{fffd}")), NUL))
}

fn of_json(json: &str) -> Option<Instead> {
    without(json, |unit| unit == 0).map(|new| (Some(new), NUL))
}

fn of_binary(json: &str) -> Option<Instead> {
    let instead = of_json(json);
    let stored = instead.as_ref().and_then(|(new, _)| new.as_deref()).unwrap_or(json);
    if fits_binary(stored) { instead } else { Some((None, NOT_BINARY)) }
}

/// Whether `jsonb` takes a JSON text: no escaped NUL, no half of a surrogate pair, no number beyond what `numeric` holds.
fn fits_binary(json: &str) -> bool {
    let bytes = json.as_bytes();
    let mut at = 0;
    let mut text = false;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => text = !text,
            b'\\' if text => {
                if bytes.get(at + 1) == Some(&b'u') {
                    let Some(after) = escape(bytes, at) else { return false };
                    at = after;
                    continue;
                }
                at += 1;
            }
            b'0'..=b'9' if !text => {
                let rest = &json[at..];
                let end =
                    rest.find(|c: char| !c.is_ascii_digit() && !".eE+-".contains(c)).unwrap_or(rest.len());
                if !fits_numeric(&rest[..end]) {
                    return false;
                }
                at += end;
                continue;
            }
            _ => {}
        }
        at += 1;
    }
    true
}

/// Where an escape `\uXXXX`, or a pair of them, ends; `None`: PostgreSQL does not take it.
fn escape(bytes: &[u8], at: usize) -> Option<usize> {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
        u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    match unit(at)? {
        0 | 0xdc00..=0xdfff => None,
        0xd800..=0xdbff => unit(at + 6).filter(|low| (0xdc00..=0xdfff).contains(low)).map(|_| at + 12),
        _ => Some(at + 6),
    }
}

/// Whether `numeric` holds it: 131072 digits before the decimal point and 16383 after it.
/// <https://www.postgresql.org/docs/current/datatype-numeric.html>
fn fits_numeric(number: &str) -> bool {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let Ok(exponent) = exponent.parse::<i32>() else { return false };
    let digits = |text: &str| i32::try_from(text.len()).unwrap_or(i32::MAX);
    digits(whole).saturating_add(exponent) <= 131_072 && digits(fraction).saturating_sub(exponent) <= 16_383
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_jsonb_does_not_take() {
        for fits in [
            r#"{"a": [1, -2.5e3, null, true], "b\u00e4": "\"x\" \\u0000 \ud83d\ude00"}"#,
            "1e131071",
            "1e-16383",
            r#""1e999999""#,
            r#""\\""#,
        ] {
            assert!(fits_binary(fits), "{fits}");
        }
        for not in [
            r#"{"a": "\u0000"}"#,
            r#""\\\u0000""#,
            r#""\ud800""#,
            r#""\ud800x\udc00""#,
            r#"["\udc00"]"#,
            "1e999999",
            "[1e-20000]",
        ] {
            assert!(!fits_binary(not), "{not}");
        }
    }

    #[test]
    fn what_is_stored_instead() {
        let new = |json: &str| of_binary(json).map(|(new, _)| new.unwrap_or_else(|| "NULL".into()));
        assert_eq!(new(r#"["\u0000", 1]"#).as_deref(), Some(r#"["\ufffd", 1]"#));
        assert_eq!(new(r#"["\u0000", 1e999999]"#).as_deref(), Some("NULL"));
        assert_eq!((new("[1]"), of_json("[1e999999]")), (None, None));
    }
}
