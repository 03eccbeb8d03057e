//! Time as microseconds since the epoch, and the three ways the API writes it.
//!
//! Rows carry `2026-08-26T18:36:51.461517+00:00`, cursors the same without zone; both drop a zero fraction, as
//! Python's `isoformat` does. Formatting is by hand because every message row holds several of them.

/// Microseconds since the epoch, UTC.
pub type Micros = i64;

/// One second.
pub const SECOND: Micros = 1_000_000;
/// One day.
pub const DAY: Micros = 86_400 * SECOND;

/// An optional time in eight bytes; accounts hold millions of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Maybe(i64);

impl Maybe {
    pub(crate) const NONE: Maybe = Maybe(i64::MIN);

    pub(crate) fn some(at: Micros) -> Maybe {
        Maybe(at)
    }

    pub(crate) fn get(self) -> Option<Micros> {
        (self.0 != i64::MIN).then_some(self.0)
    }
}

impl From<Option<Micros>> for Maybe {
    fn from(value: Option<Micros>) -> Maybe {
        value.map_or(Maybe::NONE, Maybe)
    }
}

/// Appends the naive form.
pub(crate) fn push_naive(out: &mut Vec<u8>, at: Micros) {
    let days = at.div_euclid(DAY);
    let rest = at.rem_euclid(DAY);
    let (year, month, day) = civil(days);
    let seconds = rest / SECOND;
    let mut text = *b"0000-00-00T00:00:00.000000";
    digits(&mut text[0..4], year);
    digits(&mut text[5..7], month);
    digits(&mut text[8..10], day);
    digits(&mut text[11..13], seconds / 3600);
    digits(&mut text[14..16], seconds / 60 % 60);
    digits(&mut text[17..19], seconds % 60);
    let fraction = rest % SECOND;
    if fraction == 0 {
        out.extend_from_slice(&text[..19]);
    } else {
        digits(&mut text[20..26], fraction);
        out.extend_from_slice(&text);
    }
}

/// The naive form, as cursors carry it.
pub fn naive(at: Micros) -> String {
    let mut out = Vec::with_capacity(26);
    push_naive(&mut out, at);
    String::from_utf8(out).unwrap_or_default()
}

/// The form of rows, with its zone.
pub fn iso(at: Micros) -> String {
    naive(at) + "+00:00"
}

/// The form of HTTP headers, e.g. `Wed, 26 Aug 2026 18:00:00 GMT`; a fraction of a second counts as a whole one.
pub(crate) fn http_date(at: Micros) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = (at + SECOND - 1).div_euclid(SECOND);
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let name = |names: &[&'static str], n: i64| names[usize::try_from(n).unwrap_or(0)];
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        name(&DAYS, days.rem_euclid(7)),
        name(&MONTHS, month - 1),
        rest / 3600,
        rest / 60 % 60,
        rest % 60
    )
}

/// Reads any of the forms the API documents; a missing zone means UTC.
pub fn parse(text: &str) -> Option<Micros> {
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Some(at.as_microsecond());
    }
    let civil: jiff::civil::DateTime = text.parse().ok()?;
    let zoned = civil.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(zoned.timestamp().as_microsecond())
}

fn digits(slot: &mut [u8], mut value: i64) {
    for digit in slot.iter_mut().rev() {
        *digit = b'0' + u8::try_from(value % 10).unwrap_or(0);
        value /= 10;
    }
}

/// Days since the epoch to year, month, day (Hinnant's algorithm; exact for every day we can name).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_and_parses_the_same_instant() {
        for text in [
            "2026-08-26T18:36:51.461517+00:00",
            "2026-08-26T12:30:00+00:00",
            "1969-12-31T23:59:59.000001+00:00",
        ] {
            let at = parse(text).unwrap();
            assert_eq!(iso(at), text);
            assert_eq!(parse(&naive(at)), Some(at));
        }
        assert_eq!(parse("2026-08-26"), parse("2026-08-26T00:00:00Z"));
        assert_eq!(parse("yesterday"), None);
        // From RFC 9110.
        assert_eq!(http_date(parse("1994-11-06T08:49:36.5Z").unwrap()), "Sun, 06 Nov 1994 08:49:37 GMT");
    }
}
