//! Numbers, times and durations as people read them.

use std::collections::VecDeque;
use std::time::Duration;

use super::event::{Progress, Scope, Start, Wait};
use crate::model::{Micros, Strategy};
use crate::plan::format_utc;
pub(super) use crate::words::{count, number, plural};

/// `2026-11-22 09:54:03 UTC`, with a fraction only if there is one.
pub(super) fn utc(instant: Micros) -> String {
    format!("{} UTC", format_utc(instant).replace('T', " ").trim_end_matches('Z'))
}

/// `2026-11-22 09:54:03`: for lines that come and go, where fractions and zones would only be noise.
pub(super) fn short_utc(instant: Micros) -> String {
    format_utc(Micros(instant.0.div_euclid(1_000_000).saturating_mul(1_000_000)))
        .replace('T', " ")
        .trim_end_matches('Z')
        .to_owned()
}

/// `0.4 s`, `12 s`, `1 min 32 s`, `2 h 03 min`.
pub(crate) fn duration(length: Duration) -> String {
    let tenths = (length.as_millis() + 50) / 100;
    if tenths < 100 {
        return format!("{}.{} s", tenths / 10, tenths % 10);
    }
    let seconds = (length.as_millis() + 500) / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} min", seconds / 3600, seconds % 3600 / 60),
    }
}

/// `40 s`, `3 min`, `2 h 10 min`: as exact as an estimate deserves.
pub(super) fn roughly(length: Duration) -> String {
    match length.as_secs() {
        seconds @ 0..10 => format!("{} s", seconds.max(1)),
        seconds @ 10..100 => format!("{} s", (seconds + 5) / 10 * 10),
        seconds @ 100..5_400 => format!("{} min", (seconds + 30) / 60),
        seconds => format!("{} h {:02} min", (seconds + 300) / 3600, (seconds + 300) % 3600 / 600 * 10),
    }
}

/// Whole seconds, rounded up, so that a wait never shows as `0 s`.
pub(super) fn seconds_up(length: Duration) -> String {
    let seconds = length.as_millis().div_ceil(1000).max(1);
    if seconds < 60 {
        format!("{seconds} s")
    } else {
        duration(Duration::from_secs(u64::try_from(seconds).unwrap_or(u64::MAX)))
    }
}

/// `4 s`; of a long wait also until when, and whether it is the rest of one: `9 min 00 s more, until 12:04:08 UTC`.
pub(super) fn length(wait: Duration, waited: Option<Duration>, until: Micros) -> String {
    let more = if waited.is_some() { " more" } else { "" };
    match until_when(wait, until) {
        Some(until) => format!("{}{more}, {until}", seconds_up(wait)),
        None => format!("{}{more}", seconds_up(wait)),
    }
}

/// `until 2026-11-28 12:04:08 UTC`, if the wait is long.
pub(super) fn until_when(wait: Duration, until: Micros) -> Option<String> {
    (wait >= LONG).then(|| format!("until {} UTC", short_utc(until.plus(Duration::from_micros(999_999)))))
}

/// `rate limit`, `HTTP 503, attempt 2`.
pub(super) fn wait(why: &Wait) -> String {
    match why {
        Wait::RateLimit => "rate limit".into(),
        Wait::Retry { what, attempt } => format!("{what}, attempt {attempt}"),
    }
}

/// `no answer (HTTP 503); it is asked again for up to 15 min 00 s`.
pub(super) fn lost(why: &str, patience: Duration) -> String {
    format!("no answer ({why}); it is asked again for up to {}", duration(patience))
}

/// `the duckdb file shop.duckdb is in use by python3 (process 4711); waiting for up to 10 min 00 s`.
pub(crate) fn held(by: &str, limit: Option<Duration>) -> String {
    match limit {
        Some(limit) => format!("{by}; waiting for up to {}", duration(limit)),
        None => format!("{by}; waiting as long as it takes"),
    }
}

/// `it answers again, after 4 min 10 s`.
pub(super) fn back(lasted: Duration) -> String {
    format!("it answers again, after {}", duration(lasted))
}

/// The line before a run.
pub(super) fn headline(start: &Start) -> String {
    let (table, source, place, destination) =
        (&start.table, &start.source, &start.dest_table, &start.destination);
    format!("{table}: {source} → {place} in {destination}; {}", intent(start))
}

/// The same where source and destination are known already.
pub(super) fn short_headline(start: &Start) -> String {
    format!("{} → {}; {}", start.table, start.dest_table, intent(start))
}

/// Which rows are read.
pub(super) fn intent_of(scope: Scope) -> String {
    match scope {
        Scope::Everything => "everything".into(),
        Scope::ChangedSince(since) => format!("what changed since {}", utc(since)),
        Scope::Remaining => "the rest of what an earlier run began".into(),
        Scope::Interval(window) => match (window.start, window.end) {
            (Some(start), Some(end)) => format!("changed from {} to {}", utc(start), utc(end)),
            (Some(start), None) => format!("changed from {} on", utc(start)),
            (None, Some(end)) => format!("changed up to {}", utc(end)),
            (None, None) => "everything".into(),
        },
    }
}

/// Which rows are read, and what becomes of them.
fn intent(start: &Start) -> String {
    let scope = intent_of(start.scope);
    let by = match start.strategy {
        Strategy::Merge | Strategy::Scd2 => format!(" by {}", start.key.join(", ")),
        Strategy::Replace | Strategy::Append | Strategy::DeleteInsert => String::new(),
    };
    format!("{scope}; {}{by}", start.strategy)
}

/// `123 pages`, `196 rows/s` and so on, for a line of progress.
pub(super) fn progress(progress: &Progress, rate: u64) -> Vec<String> {
    let mut parts = vec![count(progress.pages, "page"), format!("{} rows/s", number(rate))];
    if let Some(reached) = progress.reached {
        parts.push(format!("reached {}", short_utc(reached)));
    }
    if let Some(left) = progress.left {
        parts.push(format!("about {} left", roughly(left)));
    }
    if let Some((used, capacity)) = progress.budget {
        parts.push(format!("requests {used}/{capacity}"));
    }
    parts
}

/// Rows per second over the last seconds, so that it follows what happens now.
#[derive(Debug, Default)]
pub(super) struct Speed(VecDeque<(Duration, u64)>);

impl Speed {
    const WINDOW: Duration = Duration::from_secs(10);

    /// Takes the rows read by then; returns rows per second.
    pub(super) fn at(&mut self, elapsed: Duration, rows: u64) -> u64 {
        if self.0.is_empty() {
            self.0.push_back((Duration::ZERO, 0));
        }
        self.0.push_back((elapsed, rows));
        while self.0.get(1).is_some_and(|(then, _)| *then + Self::WINDOW <= elapsed) {
            self.0.pop_front();
        }
        let (then, before) = self.0.front().copied().unwrap_or_default();
        // Under a tenth of a second a rate would be noise.
        let millis = u64::try_from(elapsed.saturating_sub(then).as_millis()).unwrap_or(u64::MAX).max(100);
        rows.saturating_sub(before).saturating_mul(1000) / millis
    }
}

/// A longer wait is worth saying until when it goes on, and to say again now and then.
pub(crate) const LONG: Duration = Duration::from_secs(10);

/// A line that says of a long wait why and until when.
pub(crate) fn long_wait(why: &Wait, span: Duration, until: Micros) -> Option<String> {
    (span >= LONG).then(|| format!("{}: {}", wait(why), length(span, None, until)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (millis, wanted) in [
            (0, "0.0 s"),
            (449, "0.4 s"),
            (9_940, "9.9 s"),
            (9_950, "10 s"),
            (59_499, "59 s"),
            (59_500, "1 min 00 s"),
            (92_000, "1 min 32 s"),
            (7_380_000, "2 h 03 min"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), wanted);
        }
        assert_eq!(seconds_up(Duration::from_millis(3_001)), "4 s");
        assert_eq!(seconds_up(Duration::ZERO), "1 s");
        assert_eq!(seconds_up(Duration::from_secs(90)), "1 min 30 s");
    }

    #[test]
    fn speed_follows_the_last_ten_seconds() {
        let mut speed = Speed::default();
        assert_eq!(speed.at(Duration::from_secs(1), 200), 200);
        assert_eq!(speed.at(Duration::from_secs(10), 2000), 200);
        assert_eq!(speed.at(Duration::from_secs(20), 2000), 0);
        assert_eq!(speed.at(Duration::from_secs(20), 2100), 10);
        assert_eq!(Speed::default().at(Duration::ZERO, 5), 50);
    }
}
