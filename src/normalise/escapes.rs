//! Escapes in JSON that stand for what many databases do not have in texts: half of a surrogate pair, of which no text can be made,
//! and NUL. One of them in a column makes DuckDB refuse to read any of it, and PostgreSQL any field of that value. U+FFFD
//! takes their place.

/// JSON with U+FFFD for each half of a surrogate pair; `None`: it has none.
#[must_use]
pub fn without_halves(json: &str) -> Option<String> {
    without(json, |unit| (0xd800..=0xdfff).contains(&unit))
}

/// JSON with U+FFFD for each escaped UTF-16 unit that is `gone` and no part of a pair; `None`: it has none.
#[must_use]
pub fn without(json: &str, gone: fn(u16) -> bool) -> Option<String> {
    // Most JSON has no escape at all.
    let mut at = memchr::memchr(b'\\', json.as_bytes())?;
    let unit = |at: usize| {
        let digits = json.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let (mut new, mut copied) = (String::new(), 0);
    loop {
        match (unit(at), unit(at + 6)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => at += 12,
            (Some(one), _) if gone(one) => {
                new.push_str(&json[copied..at]);
                new.push_str("\\ufffd");
                at += 6;
                copied = at;
            }
            // What is escaped is one byte, of which nothing follows that is.
            _ => at += 2,
        }
        let rest = json.as_bytes().get(at..).unwrap_or_default();
        let Some(next) = memchr::memchr(b'\\', rest) else { break };
        at += next;
    }
    new.push_str(&json[copied..]);
    (copied > 0).then_some(new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_of_pairs_are_replaced_and_all_else_stays() {
        for (json, new) in [
            (r#""\ud83d\ude00 ö \\ud800 \u0000""#, None),
            (r#""\ud800""#, Some(r#""\ufffd""#)),
            (r#"["\uDC00ö","\ud83d\ud83d\ude00"]"#, Some(r#"["\ufffdö","\ufffd\ud83d\ude00"]"#)),
            (r#""\ud800\n""#, Some(r#""\ufffd\n""#)),
            (r#"{"a\ud800":1}"#, Some(r#"{"a\ufffd":1}"#)),
            ("{}", None),
        ] {
            assert_eq!(without_halves(json).as_deref(), new, "{json}");
        }
    }

    #[test]
    fn nul_is_replaced_and_all_else_stays() {
        for (json, new) in [
            (r#""\u0000""#, Some(r#""\ufffd""#)),
            (r#""\\u0000 \u0001 \ud83d\ude00 \u0041""#, None),
            (r#"["\\\u0000ö\u0000"]"#, Some(r#"["\\\ufffdö\ufffd"]"#)),
        ] {
            assert_eq!(without(json, |unit| unit == 0).as_deref(), new, "{json}");
        }
    }
}
