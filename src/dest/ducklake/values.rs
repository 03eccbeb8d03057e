//! What DuckDB does not read in Parquet: JSON with half of a character (`\ud800` alone) makes the whole column unreadable. U+FFFD
//! takes its place, and it is among the rejects as it came.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, RecordBatch, StringArray};

use crate::dest::sql::embedded::{Waiting, key_of};
use crate::dest::{Commit, Target};
use crate::model::{LogicalType, Reject};

const HALF: &str = "DuckDB does not read JSON with half of a character; it was replaced by U+FFFD";

/// The rows as DuckDB reads them, the commit with what it does not, and how much of that there was for each target.
pub(super) fn readable(rows: &Waiting, commit: &Commit) -> (Waiting, Commit, Vec<u64>) {
    rows.rewritten(commit, |_, batch, target, rejects| whole_batch(batch, target, rejects))
}

fn whole_batch(batch: RecordBatch, target: &Target, rejects: &mut Vec<Reject>) -> RecordBatch {
    let schema = batch.schema();
    let mut arrays = batch.columns().to_vec();
    for (at, field) in schema.fields().iter().enumerate() {
        let json = LogicalType::of(field) == Some(LogicalType::Json);
        let Some(texts) = batch.column(at).as_string_opt::<i32>().filter(|_| json) else { continue };
        if texts.iter().flatten().all(|text| whole(text).is_none()) {
            continue;
        }
        let new: StringArray = (0..texts.len())
            .map(|row| {
                let text = texts.is_valid(row).then(|| texts.value(row))?;
                let Some(new) = whole(text) else { return Some(text.to_owned()) };
                rejects.push(Reject {
                    id: key_of(&batch, target, row),
                    column: Some(field.name().clone()),
                    value: text.to_owned(),
                    reason: HALF,
                });
                Some(new)
            })
            .collect();
        arrays[at] = Arc::new(new) as ArrayRef;
    }
    // Of the same schema and length.
    RecordBatch::try_new(schema, arrays).unwrap_or(batch)
}

/// JSON with U+FFFD for each half of a character; `None`: it has none.
fn whole(text: &str) -> Option<String> {
    if !text.contains("\\ud") && !text.contains("\\uD") {
        return None;
    }
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (mut new, mut at, mut copied) = (String::with_capacity(text.len()), 0, 0);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        at += found;
        match (unit(at), unit(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
            (Some(0xd800..=0xdfff), _) => {
                new.push_str(&text[copied..at]);
                new.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            // What is escaped is one byte, of which nothing follows that is.
            _ => at += 2,
        }
    }
    new.push_str(&text[copied..]);
    (copied > 0).then_some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_characters_are_replaced_and_all_else_stays() {
        for (text, new) in [
            (r#""\ud83d\ude00 ö \\ud800 \u0000""#, None),
            (r#""\ud800""#, Some(r#""\ufffd""#)),
            (r#"["\uDC00ö","\ud83d\ud83d\ude00"]"#, Some(r#"["\ufffdö","\ufffd\ud83d\ude00"]"#)),
            (r#""\ud800\n""#, Some(r#""\ufffd\n""#)),
            ("{}", None),
        ] {
            assert_eq!(whole(text).as_deref(), new, "{text}");
        }
    }
}
