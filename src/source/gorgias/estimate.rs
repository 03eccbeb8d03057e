//! How many rows a list has, from its two ends: lists do not tell.
//!
//! Rows are spread over ids and over time. What lies between two samples is estimated from how densely they lie in
//! each; how much the two differ is how uncertain that is. Ids are better where they are the account's own, and no worse
//! where many accounts share them, since all accounts sleep at night.

use super::events::integer;
use super::tables::SortField;
use super::walk;
use crate::normalise::rows::Rows;
use crate::source::{Basis, Guess};

/// Densities that are no further apart than this factor are one density that changes.
const CLOSE: f64 = 4.0;

/// A page from one end of a list.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    /// Ascending.
    pub(super) ids: Vec<i64>,
    /// Values of the sort field in microseconds, ascending.
    pub(super) times: Vec<i64>,
    /// Whether the page is the whole list.
    pub(super) whole: bool,
    /// Mean of `messages_count`, of a page of tickets.
    pub(super) messages: Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn real(number: i64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate; it saturates")]
pub(super) fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(super) fn times(guess: Guess, factor: f64) -> Guess {
    guess.map(|number| whole(number as f64 * factor))
}

impl Sample {
    pub(super) fn of(rows: &Rows, whole: bool, sort: SortField) -> Self {
        let sorted = |mut values: Vec<i64>| {
            values.sort_unstable();
            values
        };
        let times = rows.iter().filter_map(|row| walk::datetime(row, sort.column())).map(|at| at.0);
        let counts: Vec<i64> = rows.iter().filter_map(|row| integer(row, "messages_count")).collect();
        let count = i64::try_from(counts.len()).unwrap_or_default();
        Self {
            ids: sorted(rows.iter().filter_map(|row| integer(row, "id")).collect()),
            times: sorted(times.collect()),
            whole,
            messages: (count > 0).then(|| real(counts.iter().sum()) / real(count)),
        }
    }
}

/// Rows a unit, of ascending values.
pub(super) fn density(values: &[i64]) -> Option<f64> {
    per_time(i64::try_from(values.len()).ok()? - 1, values.last()? - values.first()?)
}

/// So many rows over so wide a span.
pub(super) fn per_time(rows: i64, span: i64) -> Option<f64> {
    (rows > 0 && span > 0).then(|| real(rows) / real(span))
}

/// Rows over so wide a span between two ends of these densities, and how far these are apart, as a factor.
pub(super) fn spread(span: i64, new: Option<f64>, old: Option<f64>) -> Option<(Guess, f64)> {
    let (new, old) = (new?, old?);
    let (low, high) = (new.min(old), new.max(old));
    let ratio = high / low;
    // The mean of a density that grows evenly in proportion, as accounts do.
    let mean = if ratio < 1.01 { low } else { (high - low) / ratio.ln() };
    // A page is a small sample even where both agree.
    let rows = |density: f64, margin: f64| whole(real(span) * density * margin) + 1;
    (span > 0).then(|| {
        (Guess { least: rows(low, 0.8), about: rows(mean, 1.0), most: Some(rows(high, 1.25)) }, ratio)
    })
}

/// By ids. Imported rows may have old dates, but they have the ids of their time: they are among the oldest rows by
/// date, and the higher ones of their ids.
fn by_ids(newest: &[i64], oldest: &[i64]) -> Option<(Guess, f64)> {
    let span = newest.last()? - oldest.first()?;
    spread(span, density(&newest[newest.len() / 10..]), density(&oldest[..oldest.len().div_ceil(2)]))
}

/// By dates, for which the older half of the oldest rows may be imports.
fn by_dates(newest: &[i64], oldest: &[i64]) -> Option<(Guess, f64)> {
    let later = &oldest[oldest.len() / 2..];
    let (guess, ratio) = spread(newest.last()? - later.first()?, density(newest), density(later))?;
    Some((guess.map(|rows| rows + (oldest.len() / 2) as u64), ratio))
}

/// How many rows a list has, by the better of ids and dates. `None`: its ends tell nothing.
pub(super) fn between(newest: &Sample, oldest: &Sample) -> Option<(Guess, Basis)> {
    let ids = by_ids(&newest.ids, &oldest.ids);
    let dates = by_dates(&newest.times, &oldest.times);
    match (ids, dates) {
        (Some((guess, ids)), Some((_, dates))) if ids <= (dates * 1.5).max(CLOSE) => {
            Some((guess, Basis::Ids))
        }
        (_, Some((guess, _))) => Some((guess, Basis::Dates)),
        (Some((guess, _)), None) => Some((guess, Basis::Ids)),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ids: impl Iterator<Item = i64>, at: impl Fn(i64) -> i64) -> Sample {
        let ids: Vec<i64> = ids.take(100).collect();
        let mut times: Vec<i64> = ids.iter().map(|id| at(*id)).collect();
        times.sort_unstable();
        Sample { ids, times, ..Sample::default() }
    }

    #[test]
    fn ids_of_the_account_alone_tell_nearly_exactly() {
        // The account grew: the first half took ten times as long.
        let at = |id: i64| if id < 10_000 { id * 10 } else { 90_000 + id };
        let (guess, basis) = between(&sample(19_900.., at), &sample(0.., at)).unwrap();
        assert_eq!((guess.about, basis), (20_000, Basis::Ids));
        assert!(guess.least < 20_000 && guess.most > Some(20_000), "{guess:?}");
    }

    #[test]
    fn ids_that_others_use_too_give_a_range() {
        // One in five numbers at first, one in two later, evenly in time.
        let newest = sample((100_000..).step_by(2), |id| id);
        let oldest = sample((0..).step_by(5), |id| id);
        let (guess, _) = between(&newest, &oldest).unwrap();
        assert!(guess.least < 20_000 && (20_000..50_000).contains(&guess.about), "{guess:?}");
        assert!(guess.most > Some(50_000), "{guess:?}");
    }

    #[test]
    fn imports_with_old_dates_do_not_spoil_it() {
        let mut oldest = sample((0..60).chain((500_000..).step_by(7_000)), |id| id * 1_000);
        oldest.times = (0..100).collect();
        let newest = sample(9_900.., |id| id * 1_000);
        let (guess, _) = between(&newest, &oldest).unwrap();
        assert!((9_500..10_500).contains(&guess.about), "{guess:?}");
    }

    #[test]
    fn ends_that_tell_nothing() {
        assert_eq!(between(&Sample::default(), &Sample::default()), None);
        let one = sample(5..6, |id| id);
        assert_eq!(between(&one, &one), None);
        assert_eq!(density(&[7; 50]), None);
    }
}
