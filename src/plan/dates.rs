//! Times on the command line: every form ingestr v1 takes, and the instants they mean.
//!
//! Parsed by hand because the forms are looser than any one standard and the messages must say what was wrong.

use jiff::SignedDuration;
use jiff::civil::{DateTime, date};

use crate::cli::IngestArgs;
use crate::error::Failure;
use crate::model::Micros;
use crate::source::Window;

/// What error messages list.
const FORMS: &str = "write 2024-01-31, 2024-01-31T10:00:00 or 2024-01-31 10:00:00, with a fraction (.123456) and a \
                     zone (Z, +02, +0200 or +02:00) if you like; without a zone it is UTC; or today, yesterday, \
                     -7d or 7 days ago";

/// A time that was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Parsed {
    /// The instant, cut to microseconds.
    floor: Micros,
    /// Whether digits beyond microseconds were cut that were not zero.
    cut: bool,
    /// Whether it was a date without a time.
    bare: bool,
}

/// The window of `--interval-start` and `--interval-end`.
///
/// # Errors
/// When one is no time, or the start is not before the end.
pub(super) fn window(args: &IngestArgs, now: Micros, notes: &mut Vec<String>) -> Result<Window, Failure> {
    let read = |flag: &str, text: &Option<String>| {
        text.as_ref().map(|text| parse(text, now).map_err(|why| refuse(flag, text, why))).transpose()
    };
    let start = read("--interval-start", &args.interval_start)?;
    let end = read("--interval-end", &args.interval_end)?;
    // Rows carry microseconds, so the first one at or after a finer start is the next whole microsecond, and the
    // last one at or before a finer end is the one below.
    let window = Window {
        start: start.map(|start| Micros(start.floor.0 + i64::from(start.cut))),
        end: end.map(|end| end.floor),
    };
    if let (Some(from), Some(to)) = (window.start, window.end)
        && from >= to
    {
        let (from, to) = (format_utc(from), format_utc(to));
        let relation = if from == to { "is the same as" } else { "is after" };
        let failure = Failure::usage(format!("--interval-start ({from}) {relation} --interval-end ({to})"));
        return Err(match end {
            Some(end) if end.bare && from == to => failure.hint(format!(
                "a date alone means 00:00:00; for the whole day type --interval-end {}",
                end_of_day(end.floor)
            )),
            _ => failure.hint("the start must be before the end; both belong to the interval"),
        });
    }
    if let Some(start) = window.start.filter(|start| *start > now) {
        notes.push(format!(
            "--interval-start {} is in the future: nothing has changed since",
            format_utc(start)
        ));
    }
    if let Some(end) = end.filter(|end| end.bare) {
        notes.push(format!(
            "--interval-end {} leaves that day out, as a date alone means 00:00:00; for the whole day type \
             --interval-end {}",
            args.interval_end.as_deref().unwrap_or_default().trim(),
            end_of_day(end.floor)
        ));
    }
    Ok(window)
}

fn end_of_day(midnight: Micros) -> String {
    format_utc(midnight).replace("00:00:00Z", "23:59:59.999999Z")
}

fn refuse(flag: &str, text: &str, why: &str) -> Failure {
    Failure::usage(format!("{flag}: `{text}` is not a time: {why}")).hint(FORMS)
}

/// 1970. Civil times are used because jiff's instants end a day before the year 9999 does.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// `2024-01-31T10:00:00Z`, with a fraction only if there is one. Beyond the year 9999 it is a number.
#[must_use]
pub fn format_utc(instant: Micros) -> String {
    EPOCH
        .checked_add(SignedDuration::from_micros(instant.0))
        .map_or_else(|_| format!("{} µs", instant.0), |time| format!("{time}Z"))
}

/// A cursor over the characters of a time.
struct Reader<'a>(&'a str);

impl<'a> Reader<'a> {
    /// The next characters, as many as `wanted` allows and at most `most`.
    fn take(&mut self, most: usize, wanted: impl Fn(char) -> bool) -> &'a str {
        let length: usize = self.0.chars().take(most).take_while(|c| wanted(*c)).map(char::len_utf8).sum();
        let (taken, rest) = self.0.split_at(length);
        self.0 = rest;
        taken
    }

    /// Exactly that many digits.
    fn digits(&mut self, count: usize) -> Option<i16> {
        let digits = self.take(count, |c| c.is_ascii_digit());
        if digits.len() == count { digits.parse().ok() } else { None }
    }

    /// That character, if it is next.
    fn skip(&mut self, wanted: char) -> bool {
        self.take(1, |c| c == wanted).len() == wanted.len_utf8()
    }
}

const DAY: i64 = 86_400;

/// `today`, `yesterday`, `now`, `-7d` and `7 days ago`.
fn relative(text: &str, now: Micros) -> Option<Parsed> {
    let text = text.trim().to_lowercase();
    let before = |seconds: i64| now.0.checked_sub(seconds.checked_mul(1_000_000)?);
    let midnight = |at: i64| at - at.rem_euclid(DAY * 1_000_000);
    let (micros, bare) = match text.as_str() {
        "now" => (now.0, false),
        "today" => (midnight(now.0), true),
        "yesterday" => (midnight(before(DAY)?), true),
        _ => {
            let length = text.strip_suffix(" ago").or_else(|| text.strip_prefix('-'))?.trim();
            let digits = length.find(|c: char| !c.is_ascii_digit()).filter(|at| *at > 0)?;
            let seconds = match length[digits..].trim() {
                "m" | "min" | "minute" | "minutes" => 60,
                "h" | "hour" | "hours" => 3_600,
                "d" | "day" | "days" => DAY,
                "w" | "week" | "weeks" => 7 * DAY,
                _ => return None,
            };
            (before(length[..digits].parse::<i64>().ok()?.checked_mul(seconds)?)?, false)
        }
    };
    Some(Parsed { floor: Micros(micros), cut: false, bare })
}

fn parse(text: &str, now: Micros) -> Result<Parsed, &'static str> {
    if let Some(parsed) = relative(text, now) {
        return Ok(parsed);
    }
    absolute(text)
}

fn absolute(text: &str) -> Result<Parsed, &'static str> {
    const FORM: &str = "this form is not known";
    let mut reader = Reader(text.trim());
    let mut day = || {
        let year = reader.digits(4)?;
        let month = reader.skip('-').then(|| reader.digits(2)).flatten()?;
        let day = reader.skip('-').then(|| reader.digits(2)).flatten()?;
        Some((year, month, day))
    };
    let (year, month, day) = day().ok_or(FORM)?;
    if year == 0 {
        return Err("years go from 0001 to 9999");
    }
    let narrow = |value: i16| i8::try_from(value).unwrap_or(i8::MAX);
    let day = jiff::civil::Date::new(year, narrow(month), narrow(day)).map_err(|_| "there is no such day")?;
    if reader.0.is_empty() {
        return instant(day.at(0, 0, 0, 0), 0, false, true);
    }
    if reader.take(1, |c| matches!(c, 'T' | 't' | ' ')).is_empty() {
        return Err(FORM);
    }
    let hour = reader.digits(2).ok_or(FORM)?;
    let minute = reader.skip(':').then(|| reader.digits(2)).flatten().ok_or(FORM)?;
    let second = if reader.skip(':') { reader.digits(2).ok_or(FORM)? } else { 0 };
    let (micros, cut) = if reader.skip('.') { fraction(&mut reader)? } else { (0, false) };
    let civil = DateTime::from_parts(
        day,
        jiff::civil::Time::new(narrow(hour), narrow(minute), narrow(second), micros * 1000)
            .map_err(|_| "there is no such time of day")?,
    );
    let offset = zone(&mut reader).ok_or("this zone is not known")?;
    if !reader.0.is_empty() {
        return Err(FORM);
    }
    instant(civil, offset, cut, false)
}

/// One to nine digits, as microseconds, and whether anything but zeros was cut off.
fn fraction(reader: &mut Reader<'_>) -> Result<(i32, bool), &'static str> {
    let digits = reader.take(usize::MAX, |c| c.is_ascii_digit());
    if !(1..=9).contains(&digits.len()) {
        return Err("a fraction has one to nine digits");
    }
    let nanos: i32 = format!("{digits:0<9}").parse().map_err(|_| "a fraction has one to nine digits")?;
    Ok((nanos / 1000, nanos % 1000 != 0))
}

/// The zone at the end, in seconds east of UTC; 0 if there is none, `None` if it is no zone.
fn zone(reader: &mut Reader<'_>) -> Option<i64> {
    reader.skip(' ');
    let sign = match reader.take(1, |_| true) {
        "" | "Z" | "z" => return Some(0),
        "+" => 1,
        "-" => -1,
        _ => return None,
    };
    let hours = i64::from(reader.digits(2)?);
    let colon = reader.skip(':');
    let minutes = if colon || !reader.0.is_empty() { i64::from(reader.digits(2)?) } else { 0 };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn instant(civil: DateTime, offset: i64, cut: bool, bare: bool) -> Result<Parsed, &'static str> {
    const RANGE: &str = "years go from 0001 to 9999";
    let utc = civil.checked_sub(SignedDuration::from_secs(offset)).map_err(|_| RANGE)?;
    if utc < date(1, 1, 1).at(0, 0, 0, 0) {
        return Err(RANGE);
    }
    let micros = utc.duration_since(EPOCH).as_micros();
    Ok(Parsed { floor: Micros(i64::try_from(micros).map_err(|_| RANGE)?), cut, bare })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        // 2024-03-10T15:30:00Z.
        match parse(text, Micros(1_710_084_600_000_000)) {
            Ok(parsed) => {
                let marks = [(parsed.cut, " cut"), (parsed.bare, " bare")];
                let marks: String = marks.iter().filter_map(|(set, mark)| set.then_some(*mark)).collect();
                format_utc(parsed.floor) + &marks
            }
            Err(why) => why.into(),
        }
    }

    #[test]
    fn every_form_of_v1_and_some_more() {
        for (text, wanted) in [
            ("2024-01-01", "2024-01-01T00:00:00Z bare"),
            (" 2024-01-01 ", "2024-01-01T00:00:00Z bare"),
            ("2024-01-01T10:00:00", "2024-01-01T10:00:00Z"),
            ("2024-01-01 10:00:00", "2024-01-01T10:00:00Z"),
            ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"),
            ("2024-01-01t10:00:00z", "2024-01-01T10:00:00Z"),
            ("2024-01-01T10:00", "2024-01-01T10:00:00Z"),
            ("2024-01-01T10:00:00+02:00", "2024-01-01T08:00:00Z"),
            ("2024-01-01T10:00:00+0200", "2024-01-01T08:00:00Z"),
            ("2024-01-01T10:00:00+02", "2024-01-01T08:00:00Z"),
            ("2024-01-01 10:00:00 -05:30", "2024-01-01T15:30:00Z"),
            ("2024-01-01T10:00:00.000-0700", "2024-01-01T17:00:00Z"),
            ("2024-01-01T10:00:00.5", "2024-01-01T10:00:00.5Z"),
            ("2024-01-01T10:00:00.123456", "2024-01-01T10:00:00.123456Z"),
            ("2024-01-01T10:00:00.123456Z", "2024-01-01T10:00:00.123456Z"),
            ("2024-01-01 10:00:00.123456+00:00", "2024-01-01T10:00:00.123456Z"),
            ("2024-01-01T10:00:00.123456000", "2024-01-01T10:00:00.123456Z"),
            ("2024-01-01T10:00:00.123456789", "2024-01-01T10:00:00.123456Z cut"),
            ("2024-02-29", "2024-02-29T00:00:00Z bare"),
            ("0001-01-01", "0001-01-01T00:00:00Z bare"),
            ("9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"),
            ("1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999Z"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    #[test]
    fn times_as_people_say_them() {
        for (text, wanted) in [
            ("now", "2024-03-10T15:30:00Z"),
            ("today", "2024-03-10T00:00:00Z bare"),
            ("Yesterday", "2024-03-09T00:00:00Z bare"),
            ("-7d", "2024-03-03T15:30:00Z"),
            ("7 days ago", "2024-03-03T15:30:00Z"),
            ("1 week ago", "2024-03-03T15:30:00Z"),
            ("36h ago", "2024-03-09T03:30:00Z"),
            ("-90m", "2024-03-10T14:00:00Z"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_a_reason() {
        for (text, wanted) in [
            ("", "this form is not known"),
            ("last tuesday", "this form is not known"),
            ("-7", "this form is not known"),
            ("-d", "this form is not known"),
            ("7 moons ago", "this form is not known"),
            ("-99999999999999999d", "this form is not known"),
            ("2024-1-1", "this form is not known"),
            ("2024/01/01", "this form is not known"),
            ("20240101", "this form is not known"),
            ("1704067200", "this form is not known"),
            ("12024-01-01", "this form is not known"),
            ("2024-01-01X10:00:00", "this form is not known"),
            ("2024-01-01T10", "this form is not known"),
            ("2024-01-01T", "this form is not known"),
            ("2024-01-01T10:00:00Zz", "this form is not known"),
            ("٢٠٢٤-01-01", "this form is not known"),
            ("2024-02-30", "there is no such day"),
            ("2023-02-29", "there is no such day"),
            ("2024-13-01", "there is no such day"),
            ("2024-00-01", "there is no such day"),
            ("0000-01-01", "years go from 0001 to 9999"),
            ("0001-01-01T00:00:00+02", "years go from 0001 to 9999"),
            ("9999-12-31T23:59:59-02", "years go from 0001 to 9999"),
            ("2024-01-01T24:00:00", "there is no such time of day"),
            ("2024-01-01T10:60:00", "there is no such time of day"),
            ("2024-01-01T10:00:60", "there is no such time of day"),
            ("2024-01-01T10:00:00.", "a fraction has one to nine digits"),
            ("2024-01-01T10:00:00.1234567890", "a fraction has one to nine digits"),
            ("2024-01-01T10:00:00 CET", "this zone is not known"),
            ("2024-01-01T10:00:00+2", "this zone is not known"),
            ("2024-01-01T10:00:00+24:00", "this zone is not known"),
            ("2024-01-01T10:00:00+02:0", "this zone is not known"),
        ] {
            assert_eq!(shown(text), wanted, "{text}");
        }
    }
}
