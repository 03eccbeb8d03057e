//! How often a list is re-scanned, in words: as was asked for, or in as many runs as it takes.

use std::time::Duration;

use serde::Serialize;

use super::format::count;
use crate::model::RunLine;
use crate::source::Rescan;

/// `1d`, `36h`, `90m` or `45s`, as it is typed.
fn typed(period: Duration) -> String {
    let seconds = period.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let (unit, name) = units.into_iter().find(|(unit, _)| seconds.is_multiple_of(*unit)).unwrap_or((1, "s"));
    format!("{}{name}", seconds / unit)
}

/// `40 min`, `7 hours` or `12 days`: as exact as the time between runs is regular.
fn about(length: Duration) -> String {
    match length.as_secs() {
        seconds @ 0..5_400 => format!("{} min", seconds.div_ceil(60).max(1)),
        seconds @ 5_400..172_800 => count((seconds + 1_800) / 3_600, "hour"),
        seconds => count((seconds + 43_200) / 86_400, "day"),
    }
}

/// The time between the last runs on average; `None`: there were fewer than two.
pub(crate) fn between(runs: &[RunLine]) -> Option<Duration> {
    let mut starts = runs.iter().filter_map(|run| run.started_at);
    let (newest, oldest) = (starts.next()?, starts.next_back()?);
    let passed = u64::try_from(newest.0.checked_sub(oldest.0)?).ok()?;
    let gaps = u32::try_from(runs.len().checked_sub(1)?).ok()?;
    Duration::from_micros(passed).checked_div(gaps)
}

/// One sentence without its end.
pub(super) fn sentence(rescan: &Rescan, between: Option<Duration>) -> String {
    let Some(period) = rescan.period else { return "never, as told by --rescan 0".into() };
    let Some((cap, runs)) = rescan.cap.map(|cap| (cap, rescan.runs())) else {
        return format!("the whole list every {} (--rescan)", typed(period));
    };
    let pace = between.and_then(|between| between.checked_mul(u32::try_from(runs).ok()?));
    let pace = pace.map(|time| format!(", which is {} at the pace of the last ones", about(time)));
    format!(
        "the whole list, about {}, every {}{}: a run reads {cap} of them at most; more runs a day shorten \
         that, not --rescan {}",
        count(rescan.pages, "page"),
        count(runs, "run"),
        pace.unwrap_or_default(),
        typed(period)
    )
}

/// For programs.
#[derive(Debug, Serialize)]
pub(super) struct Json {
    /// 0 is never.
    period_s: u64,
    pages: u64,
    /// Runs that the whole list takes, if that is longer than the period.
    runs: Option<u64>,
}

impl From<&Rescan> for Json {
    fn from(rescan: &Rescan) -> Self {
        Self {
            period_s: rescan.period.map_or(0, |period| period.as_secs()),
            pages: rescan.pages,
            runs: rescan.cap.map(|_| rescan.runs()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Micros;

    #[test]
    fn a_period_is_said_as_it_is_kept() {
        let period = |hours: u64| Some(Duration::from_secs(hours * 3_600));
        let said = |rescan: Rescan, between| sentence(&rescan, between);
        let kept = Rescan { period: period(24), pages: 3_000, cap: None };
        assert_eq!(said(kept, None), "the whole list every 1d (--rescan)");
        assert_eq!(said(Rescan { period: period(36), ..kept }, None), "the whole list every 36h (--rescan)");
        assert_eq!(said(Rescan { period: None, ..kept }, None), "never, as told by --rescan 0");
        let cut = Rescan { cap: Some(50), ..kept };
        assert_eq!(
            said(cut, period(1)),
            "the whole list, about 3,000 pages, every 60 runs, which is 3 days at the pace of the last ones: a run reads 50 \
             of them at most; more runs a day shorten that, not --rescan 1d"
        );
        assert_eq!(
            said(cut, None),
            "the whole list, about 3,000 pages, every 60 runs: a run reads 50 of them at most; more runs a day shorten that, \
             not --rescan 1d"
        );
    }

    #[test]
    fn the_time_between_runs_is_that_of_those_which_are_remembered() {
        let run = |hour: i64| RunLine {
            id: "a".into(),
            started_at: Some(Micros(hour * 3_600_000_000)),
            ended_at: None,
            outcome: "success".into(),
            rows_read: 0,
            requests: 0,
            error: None,
            warnings: Vec::new(),
        };
        assert_eq!(between(&[run(9), run(5), run(3)]), Some(Duration::from_secs(3 * 3_600)));
        assert_eq!((between(&[run(9)]), between(&[])), (None, None));
        assert_eq!(
            [60, 5_400, 90_000, 200_000].map(|s| about(Duration::from_secs(s))),
            ["1 min", "2 hours", "25 hours", "2 days"]
        );
    }
}
