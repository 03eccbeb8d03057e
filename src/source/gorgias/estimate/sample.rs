//! How many rows a list has, from its two ends: lists do not tell.
//!
//! Rows are spread over ids and over time. What lies between two samples is estimated from how densely they lie in
//! each; how much the two differ is how uncertain that is. Ids are better where they are the account's own, and no worse
//! where many accounts share them, since all accounts sleep at night. But that ids grow with time is promised nowhere:
//! where the rows of a page show that they do not, only dates count, and where both tell different stories, either may be
//! right.

use crate::normalise::rows::Rows;
use crate::source::gorgias::fields::{self, integer};
use crate::source::{Basis, Counted, Guess, SortField};

/// Densities that are no further apart than this factor are one density that changes.
const CLOSE: f64 = 4.0;

/// The part of neighbours by time that have their ids in that order, from which on ids grow with time. Some never do, as
/// rows are made side by side; of ids that have nothing to do with time it is half.
const GROWING: f64 = 0.8;
/// Dates alone are further off: how many rows a day has is not how many an hour of that day has.
const ALONE: f64 = 2.0;

/// A page from one end of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample {
    /// Ascending, each with the time of its row, if that has one.
    pub(crate) ids: Vec<(i64, Option<i64>)>,
    /// Values of the sort field in microseconds, ascending.
    pub(crate) times: Vec<i64>,
    /// Whether the page is the whole list.
    pub(crate) whole: bool,
    /// How many rows of another table each counts, on average.
    pub(crate) counted: Option<f64>,
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn real(number: i64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate; it saturates")]
pub(crate) fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
fn whole_to_real(number: u64) -> f64 {
    number as f64
}

pub(crate) fn times(guess: Guess, factor: f64) -> Guess {
    guess.map(|number| whole(whole_to_real(number) * factor))
}

impl Sample {
    pub(crate) fn of(rows: &Rows, whole: bool, sort: SortField, counted: Option<Counted>) -> Self {
        let time = |row| fields::datetime(row, sort.column()).map(|at| at.0);
        let mut ids: Vec<_> = rows.iter().filter_map(|row| Some((integer(row, "id")?, time(row)))).collect();
        ids.sort_unstable();
        let mut times: Vec<i64> = rows.iter().filter_map(time).collect();
        times.sort_unstable();
        let counts = rows.iter().filter_map(|row| integer(row, counted?.field));
        let counts: Vec<i64> = counts.collect();
        let count = i64::try_from(counts.len()).unwrap_or_default();
        Self { ids, times, whole, counted: (count > 0).then(|| real(counts.iter().sum()) / real(count)) }
    }
}

/// Rows a unit, of ascending values.
pub(crate) fn density(values: &[i64]) -> Option<f64> {
    per_time(i64::try_from(values.len()).ok()? - 1, values.last()? - values.first()?)
}

/// So many rows over so wide a span.
pub(crate) fn per_time(rows: i64, span: i64) -> Option<f64> {
    (rows > 0 && span > 0).then(|| real(rows) / real(span))
}

/// Rows over so wide a span between two ends of these densities, and how far these are apart, as a factor.
pub(crate) fn spread(span: i64, new: Option<f64>, old: Option<f64>) -> Option<(Guess, f64)> {
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

/// Whether ids grow with time: in the order of ids, how many neighbours are in the order of time, too.
fn grow(ids: &[(i64, Option<i64>)]) -> bool {
    let times: Vec<i64> = ids.iter().filter_map(|(_, at)| *at).collect();
    let pairs = times.windows(2).filter(|pair| pair[0] != pair[1]);
    let (up, all) =
        pairs.fold((0_i64, 0_i64), |(up, all), pair| (up + i64::from(pair[0] < pair[1]), all + 1));
    // Rows of one moment tell nothing against it.
    real(up) >= real(all) * GROWING
}

/// By ids. Imported rows may have old dates, but they have the ids of their time: they are among the oldest rows by
/// date, and the higher ones of their ids.
fn by_ids(newest: &[(i64, Option<i64>)], oldest: &[(i64, Option<i64>)]) -> Option<(Guess, f64)> {
    let (later, earlier) = (&newest[newest.len() / 10..], &oldest[..oldest.len().div_ceil(2)]);
    if !grow(later) || !grow(earlier) {
        return None;
    }
    let numbers = |ids: &[(i64, Option<i64>)]| -> Vec<i64> { ids.iter().map(|(id, _)| *id).collect() };
    let span = newest.last()?.0.checked_sub(oldest.first()?.0)?;
    spread(span, density(&numbers(later)), density(&numbers(earlier)))
}

/// By dates, for which the older half of the oldest rows may be imports.
fn by_dates(newest: &[i64], oldest: &[i64]) -> Option<(Guess, f64)> {
    let later = &oldest[oldest.len() / 2..];
    let (guess, ratio) = spread(newest.last()? - later.first()?, density(newest), density(later))?;
    Some((guess.map(|rows| rows + (oldest.len() / 2) as u64), ratio))
}

/// How many rows a list has, by the better of ids and dates. `None`: its ends tell nothing.
pub(crate) fn between(newest: &Sample, oldest: &Sample) -> Option<(Guess, Basis)> {
    let ids = by_ids(&newest.ids, &oldest.ids);
    let dates = by_dates(&newest.times, &oldest.times);
    match (ids, dates) {
        (Some((by_ids, ids)), Some((by_dates, dates))) => {
            let (ids_first, by_ids, by_dates) =
                (ids <= (dates * 1.5).max(CLOSE), (by_ids, Basis::Ids), (by_dates, Basis::Dates));
            Some(if ids_first { weighed(by_ids, by_dates) } else { weighed(by_dates, by_ids) })
        }
        (None, Some((guess, _))) => Some((wider(guess, ALONE), Basis::Dates)),
        (Some((guess, _)), None) => Some((guess, Basis::Ids)),
        (None, None) => None,
    }
}

/// The same guess, less certain by this factor.
fn wider(guess: Guess, factor: f64) -> Guess {
    Guess { least: times(guess, 1.0 / factor).least, most: times(guess, factor).most, ..guess }
}

/// The better of two guesses, if the other does not rule it out. Else either may be right: a range that holds both, and
/// its middle in proportion.
pub(crate) fn weighed(better: (Guess, Basis), other: (Guess, Basis)) -> (Guess, Basis) {
    let (one, two) = (better.0, other.0);
    if one.about >= two.least && two.most.is_none_or(|most| one.about <= most) {
        return better;
    }
    let about = (whole_to_real(one.about.max(1)) * whole_to_real(two.about.max(1))).sqrt();
    let most = one.most.zip(two.most).map(|(one, two)| one.max(two));
    (Guess { least: one.least.min(two.least), about: whole(about), most }, Basis::Disputed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(ids: impl Iterator<Item = i64>, at: impl Fn(i64) -> i64) -> Sample {
        let ids: Vec<i64> = ids.take(100).collect();
        let mut times: Vec<i64> = ids.iter().map(|id| at(*id)).collect();
        times.sort_unstable();
        let ids = ids.into_iter().map(|id| (id, Some(at(id)))).collect();
        Sample { ids, times, ..Sample::default() }
    }

    /// Both ends of a list of that many rows, by creation and as the API gives them, with these ids and dates.
    fn ends(rows: i64, id: impl Fn(i64) -> i64, second: impl Fn(i64) -> i64) -> (Sample, Sample) {
        let page = |numbers: &mut dyn Iterator<Item = i64>| {
            let rows: Vec<String> = numbers
                .take(100)
                .map(|number| {
                    let (day, rest) = (second(number) / 86_400, second(number) % 86_400);
                    let (month, day) = (1 + day / 28, 1 + day % 28);
                    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
                    format!(
                        r#"{{"id":{},"created_datetime":"2025-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}+00:00"}}"#,
                        id(number)
                    )
                })
                .collect();
            let body = format!(r#"{{"data":[{}],"meta":{{"next_cursor":"x"}}}}"#, rows.join(","));
            Sample::of(&Rows::parse(body.into()).unwrap().0, false, SortField::Created, None)
        };
        (page(&mut (0..rows).rev()), page(&mut (0..rows)))
    }

    #[test]
    fn ids_that_have_nothing_to_do_with_time_tell_nothing() {
        // Each number once, in no order.
        let shuffled = |number: i64| 1_000 + number * 7_919 % 1_501;
        let (newest, oldest) = ends(1_500, shuffled, |number| number * 3_600);
        let (guess, basis) = between(&newest, &oldest).unwrap();
        assert_eq!(basis, Basis::Dates);
        assert!((1_400..1_600).contains(&guess.about), "{guess:?}");
        // The same with ids that grow, and with ids that fall.
        let (newest, oldest) = ends(1_500, |number| 1_000 + number, |number| number * 3_600);
        assert_eq!(between(&newest, &oldest).unwrap().1, Basis::Ids);
        let (newest, oldest) = ends(1_500, |number| 9_000 - number, |number| number * 3_600);
        let (guess, basis) = between(&newest, &oldest).unwrap();
        assert_eq!(basis, Basis::Dates);
        assert!(guess.least < 1_500 && guess.most > Some(1_500), "{guess:?}");
    }

    #[test]
    fn rows_made_side_by_side_are_no_disorder() {
        let (newest, oldest) =
            ends(2_000, |number| if number % 20 < 2 { number ^ 1 } else { number }, |number| number * 600);
        assert_eq!(between(&newest, &oldest).unwrap().1, Basis::Ids);
        let (newest, oldest) = ends(2_000, |number| number, |number| number / 50 * 600);
        assert_eq!(between(&newest, &oldest).unwrap().1, Basis::Ids, "rows of one moment");
    }

    #[test]
    fn where_ids_and_dates_disagree_the_range_holds_both() {
        // In a page ids follow one another, but each page of ids begins far below where it should.
        let (newest, oldest) = ends(4_000, |number| number % 3_850, |number| number * 600);
        let (guess, basis) = between(&newest, &oldest).unwrap();
        assert_eq!(basis, Basis::Disputed);
        assert!(guess.least <= 150 && guess.most >= Some(4_000), "{guess:?}");
        assert!((500..1_500).contains(&guess.about), "{guess:?}");
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
        // The imports are among the others, by date.
        for (index, (_, at)) in oldest.ids.iter_mut().enumerate() {
            let index = i64::try_from(index).unwrap();
            *at = Some(if index < 60 { index * 5 / 3 } else { (index - 60) * 5 / 2 });
        }
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
