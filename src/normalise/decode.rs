//! From the JSON text of one value to a typed one, one small function a type.
//!
//! A lossless reading is taken (`"12"` for 12, `5.0` for 5, a number as text). What loses something but is still
//! worth having is [`Decoded::Lossy`]: it is stored and recorded as a reject as well. Anything else is rejected.

use crate::model::{LogicalType, Micros};

/// Lossy: no text has it.
pub(super) const HALF: &str = "half of a surrogate pair, replaced by U+FFFD";

/// What a value's text turned out to be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Decoded<T> {
    /// JSON `null`.
    Null,
    /// It fits.
    Value(T),
    /// It fits after losing something; the reason says what.
    Lossy(T, &'static str),
    /// It does not fit; the reason says why.
    Rejected(&'static str),
}

/// The text between the quotes of a JSON string without escapes.
fn plain(raw: &str) -> Option<&str> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    (!inner.contains('\\')).then_some(inner)
}

fn is_number(raw: &str) -> bool {
    raw.starts_with(|c: char| c == '-' || c.is_ascii_digit())
}

/// `true`, `false`, and the same as text; 1 and 0.
#[must_use]
pub fn bool(raw: &str) -> Decoded<bool> {
    match raw {
        "null" => Decoded::Null,
        "true" | "\"true\"" | "1" => Decoded::Value(true),
        "false" | "\"false\"" | "0" => Decoded::Value(false),
        _ => Decoded::Rejected("not a boolean"),
    }
}

/// Integers of 64 bits, also as text or with an empty fraction.
#[must_use]
pub fn int64(raw: &str) -> Decoded<i64> {
    if raw == "null" {
        return Decoded::Null;
    }
    let text = plain(raw).unwrap_or(raw);
    if let Ok(value) = text.parse() {
        return Decoded::Value(value);
    }
    if !is_number(text) {
        return Decoded::Rejected("not an integer");
    }
    match text.parse::<f64>() {
        // 2^53: below it every whole double is exactly one integer; text above it may have been rounded to it.
        Ok(value) if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
            Decoded::Value(value as i64)
        }
        Ok(value) if value.fract() != 0.0 => Decoded::Rejected("not a whole number"),
        Ok(_) => Decoded::Rejected("beyond 64 bits"),
        Err(_) => Decoded::Rejected("not an integer"),
    }
}

/// Doubles, also as text. An integer that a double cannot hold exactly is a misfit.
#[must_use]
pub fn float64(raw: &str) -> Decoded<f64> {
    if raw == "null" {
        return Decoded::Null;
    }
    let text = plain(raw).unwrap_or(raw);
    if !is_number(text) {
        return Decoded::Rejected("not a number");
    }
    let whole = text.bytes().all(|byte| byte == b'-' || byte.is_ascii_digit());
    match text.parse::<f64>() {
        Ok(value) if !value.is_finite() => Decoded::Rejected("beyond a double"),
        Ok(value) if whole && value.abs() >= 9_007_199_254_740_992.0 => {
            Decoded::Rejected("beyond the exact integers of a double")
        }
        Ok(value) => Decoded::Value(value),
        Err(_) => Decoded::Rejected("not a number"),
    }
}

/// What a JSON value is as text, appended to `out`: strings without quotes and escapes, anything else as it stands.
pub fn text(raw: &str, out: &mut String) -> Decoded<()> {
    if raw == "null" {
        return Decoded::Null;
    }
    let Some(inner) = raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        out.push_str(raw);
        return Decoded::Value(());
    };
    if unescape(inner, out) { Decoded::Value(()) } else { Decoded::Lossy((), HALF) }
}

/// Appends a JSON string's inner text without its escapes. False if it had half of a surrogate pair, which no
/// Unicode text can hold: U+FFFD stands in its place. (serde_json refuses such a string whole, and with it a
/// customer's entire message over one broken emoji.)
fn unescape(inner: &str, out: &mut String) -> bool {
    let mut rest = inner;
    let mut whole = true;
    while let Some(at) = memchr::memchr(b'\\', rest.as_bytes()) {
        out.push_str(&rest[..at]);
        let bytes = rest.as_bytes();
        let mut used = 2;
        match bytes.get(at + 1).copied().unwrap_or(b'\\') {
            b'n' => out.push('\n'),
            b't' => out.push('\t'),
            b'r' => out.push('\r'),
            b'b' => out.push('\u{8}'),
            b'f' => out.push('\u{c}'),
            b'u' => {
                used = 6;
                let high = hex4(bytes, at + 2);
                let pair = (0xd800..0xdc00).contains(&high) && bytes.get(at + 6..at + 8) == Some(b"\\u");
                let low = if pair { hex4(bytes, at + 8) } else { 0 };
                let code = if (0xdc00..0xe000).contains(&low) {
                    used = 12;
                    0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00)
                } else {
                    high
                };
                whole &= char::from_u32(code).is_some();
                out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            other => out.push(other as char),
        }
        rest = rest.get(at + used..).unwrap_or_default();
    }
    out.push_str(rest);
    whole
}

/// Four hexadecimal digits at `at`; they are there, since serde_json has checked the string.
fn hex4(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..at + 4)
        .unwrap_or_default()
        .iter()
        .fold(0, |code, digit| code << 4 | (*digit as char).to_digit(16).unwrap_or(0))
}

/// The years that every destination knows, in microseconds.
const YEARS: std::ops::Range<i64> = -62_135_596_800_000_000..253_402_300_800_000_000;

/// Instants: `2026-08-26T18:36:51.461517+00:00`, with or without fraction, zone and `T`; without a zone they are
/// UTC, as the API's documentation examples are.
#[must_use]
pub fn timestamp(raw: &str) -> Decoded<Micros> {
    if raw == "null" {
        return Decoded::Null;
    }
    let Some(text) = plain(raw) else { return Decoded::Rejected("not a datetime") };
    match instant(text.as_bytes()) {
        // With a zone, the first and the last hours of these years lie beyond them.
        Some((micros, _)) if !YEARS.contains(&micros.0) => {
            Decoded::Rejected("outside of the years 1 to 9999")
        }
        Some((micros, true)) => Decoded::Value(micros),
        Some((micros, false)) => Decoded::Lossy(micros, "finer than a microsecond, cut"),
        None => Decoded::Rejected("not a datetime"),
    }
}

/// The instant, and whether it is exact to the microsecond.
fn instant(text: &[u8]) -> Option<(Micros, bool)> {
    let digits = |from: usize, count: usize| -> Option<i64> {
        text.get(from..from + count)?
            .iter()
            .try_fold(0i64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
    };
    let is = |at: usize, wanted: &[u8]| text.get(at).is_some_and(|byte| wanted.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (digits(0, 4)?, digits(5, 2)?, digits(8, 2)?);
    let (hour, minute, second) = (digits(11, 2)?, digits(14, 2)?, digits(17, 2)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let month_days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => return None,
    };
    if year < 1 || !(1..=month_days).contains(&day) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut at = 19;
    let (mut micros, mut exact) = (0, true);
    if is(at, b".,") {
        let fraction = text[at + 1..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        if fraction == 0 || fraction > 12 {
            return None;
        }
        for place in 0..6 {
            micros = micros * 10 + if place < fraction { i64::from(text[at + 1 + place] - b'0') } else { 0 };
        }
        exact = text[at + 1..at + 1 + fraction].iter().skip(6).all(|digit| *digit == b'0');
        at += 1 + fraction;
    }
    let offset = zone(&text[at..])?;
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - offset;
    Some((Micros(seconds * 1_000_000 + micros), exact))
}

/// Seconds east of UTC of what follows the time: nothing, `Z`, `+00`, `+0000` or `+00:00`.
fn zone(text: &[u8]) -> Option<i64> {
    let number =
        |bytes: &[u8]| -> Option<i64> { std::str::from_utf8(bytes).ok()?.parse::<u8>().ok().map(i64::from) };
    let (sign, rest) = match text {
        [] | [b'Z' | b'z'] => return Some(0),
        [b'+', rest @ ..] => (1, rest),
        [b'-', rest @ ..] => (-1, rest),
        _ => return None,
    };
    let (hours, minutes) = match rest {
        [_, _] => (number(rest)?, 0),
        [_, _, _, _] => (number(&rest[..2])?, number(&rest[2..])?),
        [_, _, b':', _, _] => (number(&rest[..2])?, number(&rest[3..])?),
        _ => return None,
    };
    (hours <= 18 && minutes <= 59).then_some(sign * (hours * 3_600 + minutes * 60))
}

/// Days since 1970-01-01 of a date of the proleptic Gregorian calendar, counted from 1 March so that the leap day
/// is a year's last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The type a value suggests for a column that nobody declared; `None` for `null`, which suggests nothing.
#[must_use]
pub fn infer(name: &str, raw: &str) -> Option<LogicalType> {
    match raw.as_bytes().first()? {
        b'n' => None,
        b't' | b'f' => Some(LogicalType::Bool),
        b'{' | b'[' => Some(LogicalType::Json),
        b'"' if name.ends_with("_datetime") && matches!(timestamp(raw), Decoded::Value(_)) => {
            Some(LogicalType::Timestamp)
        }
        b'"' => Some(LogicalType::Text),
        _ if raw.parse::<i64>().is_ok() => Some(LogicalType::Int64),
        _ if matches!(float64(raw), Decoded::Value(_)) => Some(LogicalType::Float64),
        _ => Some(LogicalType::Text),
    }
}

#[cfg(test)]
mod tests {
    use super::Decoded::{Lossy, Null, Rejected, Value};
    use super::*;

    #[test]
    fn integers_take_lossless_readings_only() {
        for (raw, wanted) in [
            ("12", Value(12)),
            ("-9223372036854775808", Value(i64::MIN)),
            ("\"12\"", Value(12)),
            ("5.0", Value(5)),
            ("1e3", Value(1000)),
            ("null", Null),
            ("5.5", Rejected("not a whole number")),
            ("9223372036854775808", Rejected("beyond 64 bits")),
            ("\"seven\"", Rejected("not an integer")),
            ("\"\"", Rejected("not an integer")),
            ("true", Rejected("not an integer")),
            ("{}", Rejected("not an integer")),
        ] {
            assert_eq!(int64(raw), wanted, "{raw}");
        }
    }

    #[test]
    fn doubles_never_round_an_integer() {
        for (raw, wanted) in [
            ("1.5", Value(1.5)),
            ("3", Value(3.0)),
            ("\"4.25\"", Value(4.25)),
            ("9007199254740993", Rejected("beyond the exact integers of a double")),
            ("1e999", Rejected("beyond a double")),
            ("\"NaN\"", Rejected("not a number")),
            ("[]", Rejected("not a number")),
        ] {
            assert_eq!(float64(raw), wanted, "{raw}");
        }
    }

    #[test]
    fn booleans() {
        for (raw, wanted) in [
            ("true", Value(true)),
            ("\"false\"", Value(false)),
            ("null", Null),
            ("1", Value(true)),
            ("0", Value(false)),
            ("2", Rejected("not a boolean")),
            ("1.0", Rejected("not a boolean")),
            ("\"1\"", Rejected("not a boolean")),
        ] {
            assert_eq!(bool(raw), wanted, "{raw}");
        }
    }

    #[test]
    fn text_is_unescaped_and_other_values_keep_their_text() {
        for (raw, wanted, decoded) in [
            (r#""plain""#, "plain", Value(())),
            (r#""""#, "", Value(())),
            (r#""a\"b\\c\/d\b\f\n\r\te""#, "a\"b\\c/d\u{8}\u{c}\n\r\te", Value(())),
            (r#""\u00e9\u2028\ud83d\ude00!""#, "é\u{2028}😀!", Value(())),
            (r#""x\ud83dy""#, "x\u{fffd}y", Lossy((), "half of a surrogate pair, replaced by U+FFFD")),
            (r#""\ud83d\u0041""#, "\u{fffd}A", Lossy((), "half of a surrogate pair, replaced by U+FFFD")),
            (r#""日本語 😀""#, "日本語 😀", Value(())),
            ("12.50", "12.50", Value(())),
            ("true", "true", Value(())),
            (r#"{"a": 1}"#, r#"{"a": 1}"#, Value(())),
        ] {
            let mut out = String::new();
            assert_eq!(text(raw, &mut out), decoded, "{raw}");
            assert_eq!(out, wanted, "{raw}");
        }
    }

    /// Every string serde_json can write is read back as it was.
    #[test]
    fn text_agrees_with_serde_json() {
        let mut rng = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let original: String = (0..rng.usize(0..20))
                .map(|_| if rng.bool() { rng.char(..) } else { rng.char('\0'..'\u{80}') })
                .collect();
            let mut out = String::new();
            assert_eq!(text(&serde_json::to_string(&original).unwrap(), &mut out), Value(()));
            assert_eq!(out, original);
        }
    }

    #[test]
    fn every_shape_of_datetime_is_read_as_utc() {
        let wanted = Value(Micros(1_787_769_411_461_517));
        for text in [
            "2026-08-26T18:36:51.461517+00:00",
            "2026-08-26T18:36:51.461517Z",
            "2026-08-26T18:36:51.461517",
            "2026-08-26 18:36:51.461517+0000",
            "2026-08-26 18:36:51.461517+00",
            "2026-08-26T20:36:51.461517+02:00",
            "2026-08-26T18:36:51.461517000Z",
        ] {
            assert_eq!(timestamp(&format!("\"{text}\"")), wanted, "{text}");
        }
        assert_eq!(timestamp("\"2026-08-26T12:30:00+00:00\""), Value(Micros(1_787_747_400_000_000)));
        assert_eq!(timestamp("\"2026-08-26T12:30:00.5\""), Value(Micros(1_787_747_400_500_000)));
        assert_eq!(timestamp("\"1969-12-31T23:59:59.999999Z\""), Value(Micros(-1)));
        assert_eq!(timestamp("\"2000-02-29T00:00:00Z\""), Value(Micros(951_782_400_000_000)));
        assert_eq!(
            timestamp("\"2026-08-26T18:36:51.4615179Z\""),
            Lossy(Micros(1_787_769_411_461_517), "finer than a microsecond, cut")
        );
    }

    #[test]
    fn what_every_destination_knows_are_the_years_1_to_9999() {
        assert_eq!(timestamp("\"9999-12-31T23:59:59.999999Z\""), Value(Micros(253_402_300_799_999_999)));
        assert_eq!(timestamp("\"0001-01-01T00:00:00Z\""), Value(Micros(-62_135_596_800_000_000)));
        for raw in ["\"9999-12-31T23:59:59-00:01\"", "\"0001-01-01T00:00:00+00:01\""] {
            assert_eq!(timestamp(raw), Rejected("outside of the years 1 to 9999"), "{raw}");
        }
    }

    #[test]
    fn what_is_no_datetime_is_a_misfit() {
        for raw in [
            "\"\"",
            "12",
            "{}",
            "\"yesterday\"",
            "\"2026-08-26\"",
            "\"2026-02-30T00:00:00\"",
            "\"2026-13-01T00:00:00\"",
            "\"2026-08-26T24:00:00\"",
            "\"2026-08-26T12:30:00.\"",
            "\"2026-08-26T12:30:00 UTC\"",
            "\"0000-01-01T00:00:00\"",
            "\"2026-08-26T12:30\"",
            "\"2026-08-26T12:30:00+99:00\"",
        ] {
            assert_eq!(timestamp(raw), Rejected("not a datetime"), "{raw}");
        }
    }

    #[test]
    fn types_are_inferred_from_values() {
        for (name, raw, wanted) in [
            ("a", "null", None),
            ("a", "true", Some(LogicalType::Bool)),
            ("a", "1", Some(LogicalType::Int64)),
            ("a", "1.5", Some(LogicalType::Float64)),
            ("a", "123456789012345678901", Some(LogicalType::Text)),
            ("a", "\"x\"", Some(LogicalType::Text)),
            ("a", "[]", Some(LogicalType::Json)),
            ("a_datetime", "\"2026-08-26T12:30:00\"", Some(LogicalType::Timestamp)),
            ("a_datetime", "\"soon\"", Some(LogicalType::Text)),
            ("a", "\"2026-08-26T12:30:00\"", Some(LogicalType::Text)),
        ] {
            assert_eq!(infer(name, raw), wanted, "{name} {raw}");
        }
    }
}
