//! `Retry-After`: for how long a server asks to be left alone.

use std::time::Duration;

use jiff::civil::DateTime;

use super::Response;
use crate::model::Micros;

/// The forms of a date in HTTP, without the day of the week (RFC 9110, 5.6.7): the one of today, and two that are
/// obsolete but have to be understood.
const DATES: [&str; 3] = ["%d %b %Y %H:%M:%S GMT", "%d-%b-%y %H:%M:%S GMT", "%b %e %H:%M:%S %Y"];

/// The longest wait that is told. Nobody means a longer one, and the time it ends at would be none that can be written.
pub(super) const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// The wait that an answer asks for: as seconds, with a fraction or without, or as a date. `None`: it asks for none, or
/// nobody can tell for how long.
///
/// A date is reckoned from the answer's own `Date`, since the server's clock may not be ours; where that is missing,
/// from `now`.
#[must_use]
pub fn told(response: &Response, now: Option<Micros>) -> Option<Duration> {
    read(response.retry_after.as_deref()?, response.date.as_deref(), now)
}

/// The same from the two headers as they were sent.
#[must_use]
pub fn read(retry_after: &str, date: Option<&str>, now: Option<Micros>) -> Option<Duration> {
    let text = retry_after.trim();
    if let Some(seconds) = seconds(text) {
        return Some(seconds.min(LONGEST));
    }
    let until = instant(text)?;
    let since = date.and_then(|date| instant(date.trim())).or(now)?;
    let wait = Duration::from_micros(u64::try_from(until.0.saturating_sub(since.0)).unwrap_or(0));
    Some(wait.min(LONGEST))
}

/// A number without a sign. What no clock can hold is the longest wait there is.
fn seconds(text: &str) -> Option<Duration> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let seconds: f64 = text.parse().ok()?;
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

fn instant(text: &str) -> Option<Micros> {
    let (_, rest) = text.split_once(", ").or_else(|| text.split_once(' '))?;
    let time = DATES.iter().find_map(|form| DateTime::strptime(form, rest.trim()).ok())?;
    Some(Micros::of_civil(time))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sat, 28 Nov 2026 13:00:00 GMT";

    #[test]
    fn seconds_fractions_and_dates_are_understood() {
        let cases = [
            ("25", 25_000),
            (" 0 ", 0),
            ("1.5", 1_500),
            ("2.", 2_000),
            ("Sat, 28 Nov 2026 13:10:00 GMT", 600_000),
            ("Saturday, 28-Nov-26 13:10:00 GMT", 600_000),
            ("Sat Nov 28 13:10:00 2026", 600_000),
            // A day of the week that is wrong changes nothing.
            ("Mon, 28 Nov 2026 13:10:00 GMT", 600_000),
            ("Sat, 28 Nov 2026 12:00:00 GMT", 0),
        ];
        for (text, millis) in cases {
            assert_eq!(read(text, Some(DATE), None), Some(Duration::from_millis(millis)), "{text}");
        }
        for far in ["99999999999", &"9".repeat(22), &"9".repeat(400), "Fri, 31 Dec 9999 20:00:00 GMT"] {
            assert_eq!(read(far, Some(DATE), None), Some(LONGEST), "{far}");
        }
    }

    #[test]
    fn nonsense_asks_for_nothing() {
        for text in
            ["", "soon", "-5", "+5", ".5", "1e3", "inf", "NaN", "1.5.2", "5 s", "2026-11-28T13:00:00Z"]
        {
            assert_eq!(read(text, Some(DATE), None), None, "{text}");
        }
    }

    #[test]
    fn a_date_is_reckoned_on_the_clock_of_the_answer_and_else_on_ours() {
        let until = "Sat, 28 Nov 2026 13:10:00 GMT";
        let ours = instant("Sat, 28 Nov 2026 13:08:00 GMT");
        assert_eq!(read(until, Some(DATE), ours), Some(Duration::from_secs(600)));
        assert_eq!(read(until, Some("nonsense"), ours), Some(Duration::from_secs(120)));
        assert_eq!(read(until, None, ours), Some(Duration::from_secs(120)));
        assert_eq!(read(until, None, None), None, "nobody knows the time");
    }
}
