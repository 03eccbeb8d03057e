//! How many rows a stretch of a list has that was not read, from those that were, above it and below it.
//!
//! Rows are taken to be as dense in between as they are on average of both ends; how much these differ is how uncertain
//! that is. Rows that came all at once are no measure of it: where they reach an end of the stretch, they go on into it,
//! and nobody can say how far without having looked. Of rows of one time, ids are the places.
//!
//! Ids count nothing. But where they grow with time they show where rows may be hidden that came at once, as more of them
//! were given out there than rows explain; others may have taken them, too (gorgias-api.md 4.1: a sequence may be that of
//! many accounts), so they only tell where to look.

/// Where a row stands in its list: the time by which that is sorted, in microseconds, and its id.
pub(crate) type Key = (i64, i64);

/// Before and after all rows.
pub(crate) const FIRST: Key = (i64::MIN, i64::MIN);
pub(crate) const LAST: Key = (i64::MAX, i64::MAX);

/// Rows by which the density at an end is told.
pub(crate) const NEAR: usize = 100;
/// Rows that lie so many times as densely as those beside them came at once.
const AT_ONCE: f64 = 30.0;
/// As many as a page will hold, though there may be more of them than expected.
const FEW: f64 = 70.0;
/// So many at least.
const SOME: usize = 10;
/// Rows next to an end whose ids tell what ids are given out there.
const NEAREST: usize = 9;
/// Rows that came at once may be so many times as many as were seen of them; twice as many as that is expected.
const GO_ON: f64 = 100.0;
/// How far the density varies within hours and days, as a part of it.
const DAYS: f64 = 0.25;

const DAY: f64 = 86_400e6;
const WEEK: f64 = 7.0 * DAY;

/// A place to read a page at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PagePlace {
    /// The newest rows.
    Newest,
    /// The oldest rows, upwards.
    Oldest,
    /// Downwards from here.
    Below(Key),
    /// Upwards from here.
    Above(Key),
}

/// What makes a stretch uncertain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Doubt {
    /// Densities that differ.
    Uneven,
    /// Rows that came at once.
    AtOnce,
}

/// What was read next to a stretch.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct End {
    /// Rows a unit, without those that came at once.
    rate: f64,
    /// How many rows at the very end came at once, and how far they reach.
    burst: (f64, f64),
    /// Whether what came at once ended before the stretch begins.
    over: bool,
    /// The id there, and how many ids there are for a row.
    ids: Option<(f64, f64)>,
    /// Rows that this was told by, and how far they reach.
    rows: f64,
    reach: f64,
    /// How many rows of another table each counts.
    counted: f64,
}

/// A stretch that was not read, of which `low` is in and `high` is not.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stretch {
    pub(crate) low: Key,
    pub(crate) high: Key,
    /// Rows of it.
    pub(crate) about: f64,
    /// How far it may be off, as a standard deviation.
    pub(crate) off: f64,
    /// Rows that it may have beside that, as nobody knows how many came at once.
    pub(crate) more: f64,
    /// Where to look next.
    pub(crate) next: PagePlace,
    pub(crate) doubt: Doubt,
    /// Rows of another table that its rows count, each on average.
    pub(crate) counted: f64,
    /// Ids between its ends, and how many there are for a row.
    ids: Option<(f64, f64)>,
}

impl Stretch {
    /// How much is gained by looking.
    pub(crate) fn weight(&self) -> f64 {
        self.off + self.more / 8.0
    }

    /// Whether all its rows are of one time, so that their ids are their places.
    pub(crate) fn of_one_time(low: Key, high: Key) -> bool {
        low.0 == high.0 || (low.0 + 1 == high.0 && high.1 <= 0)
    }

    /// The stretch from `low` to `high`. `by_id`: [`Self::of_one_time`]. `usual`: rows a unit in all that was seen.
    pub(crate) fn between(
        (low, high): (Key, Key),
        by_id: bool,
        ends: (End, End),
        usual: f64,
        looks: u32,
    ) -> Self {
        let at = |key: Key| real(if by_id { key.1 } else { key.0 });
        let width = (at(high) - at(low)).max(1.0);
        let mut rates = without_bursts([ends.0.rate, ends.1.rate], usual);
        let (mut at_once, mut more, mut next) = (0.0, 0.0, None);
        for (n, end) in [ends.0, ends.1].into_iter().enumerate() {
            let all = end.burst.0 == 0.0 && rates[n] < end.rate;
            rates[n] = if all { rates[n] } else { end.rate };
            let (rows, reach) = if all { (end.rows, end.reach) } else { end.burst };
            if rows < real(SOME) || end.over {
                continue;
            }
            // As far as it may go on, lengths of ever other sizes are equally likely.
            let one_time = reach < 1.0 && !by_id;
            let step = (reach.max(1.0) * (reach.max(1.0) + width)).sqrt() - reach;
            let density = rows / reach.max(1.0);
            let within = |most: f64, length: f64| if one_time { most } else { most.min(density * length) };
            let most = within(GO_ON * rows, width);
            if most > more {
                let step = step.min(width / 2.0).max(1.0);
                next = Some(match (one_time, n) {
                    (true, 0) => PagePlace::Above((low.0 + 1, 0)),
                    (true, _) => PagePlace::Below((high.0, 0)),
                    (false, 0) => below(high, by_id, at(low) + step),
                    (false, _) => below(high, by_id, at(high) - step),
                });
            }
            at_once += within(3.0 * rows, step);
            more += most;
        }
        let even = evenly(width, rates);
        let off = ((rates[0] - rates[1]) * width / 2.0_f64.sqrt()).hypot(DAYS * even);
        let next = next.filter(|_| more > off);
        // Some may be there that nothing shows.
        let more = more.max(real(SOME));
        let doubt = if next.is_some() { Doubt::AtOnce } else { Doubt::Uneven };
        // A page may hold all of it.
        let middle = || match even + at_once {
            few if few < FEW => PagePlace::Below(high),
            _ => below(high, by_id, by_week(at(low) + width / 2.0, width, by_id, looks)),
        };
        Self {
            low,
            high,
            about: even + at_once,
            off: off.hypot(at_once),
            more,
            next: next.unwrap_or_else(middle),
            doubt,
            counted: weighed([ends.0.counted, ends.1.counted], rates),
            ids: between_ids(ends, by_id),
        }
    }

    /// Rows of one time, of which `rows` were seen at one end, and the other end is not known. `ids`: as many as there are
    /// between those and the other end, if that is known.
    pub(crate) fn of_unknown_end((low, high): (Key, Key), rows: f64, ids: Option<f64>, counted: f64) -> Self {
        let next = if high.1 <= 0 { PagePlace::Below(high) } else { PagePlace::Above((low.0, 0)) };
        let more = ids.unwrap_or(f64::INFINITY).min(GO_ON * rows);
        let about = more.min(3.0 * rows);
        Self { low, high, about, off: about, more, next, doubt: Doubt::AtOnce, counted, ids: None }
    }

    fn width(&self) -> f64 {
        real(self.high.0 - self.low.0).max(1.0)
    }
}

/// Looks where more ids were given out than the rows of a stretch explain, or the time that passed.
pub(crate) fn suspect(stretches: &mut [Stretch]) {
    let pace = |one: &Stretch| one.ids.filter(|_| one.width() > DAY).map(|(ids, _)| ids / one.width());
    let paces: Vec<Option<f64>> = stretches.iter().map(pace).collect();
    for (n, one) in stretches.iter_mut().enumerate() {
        let Some((ids, step)) = one.ids else { continue };
        let (width, about) = (one.width(), one.about);
        // By how fast ids are given out before and after it, and by how many a row takes.
        let beside = [paces[..n].iter().rev().flatten().next(), paces[n + 1..].iter().flatten().next()];
        let pace = beside.into_iter().flatten().copied().fold(0.0, f64::max);
        let usual = (1.1 + WEEK / 2.0 / width) * pace * width;
        let by_pace = if pace > 0.0 && width > 2.0 * DAY {
            (ids - usual.max(1.2 * about * step)) / step.min(2.0)
        } else {
            0.0
        };
        let by_step = ids / step - 2.0 * about - 100.0;
        let hidden = by_pace.max(by_step);
        if hidden < (about / 2.0).max(20.0) {
            continue;
        }
        let expected = by_step.max(hidden / step.sqrt()) / 2.0;
        if one.more <= real(SOME) && about >= FEW {
            one.next = below(one.high, false, real(one.low.0) + width / 2.0);
        }
        one.doubt = Doubt::AtOnce;
        one.more = one.more.max(2.0 * hidden);
        one.about += expected;
        one.off = one.off.hypot(expected);
    }
}

impl End {
    /// Of rows from the end inwards, each with how many rows of another table it counts. `top`: they lie below the
    /// stretch. `edge` is where the stretch begins, `limit` up to where there are no others, if that was found.
    pub(crate) fn of(rows: &[(Key, i64)], top: bool, by_id: bool, edge: i64, limit: Option<i64>) -> Self {
        let place = |key: Key| if by_id { key.1 } else { key.0 };
        let distance = |at: i64| real(at.abs_diff(edge).try_into().unwrap_or(i64::MAX));
        let far: Vec<f64> = rows.iter().map(|(key, _)| distance(place(*key))).collect();
        let count = far.len();
        let Some(last) = far.last() else { return Self::default() };
        let reach = limit.map_or(*last, distance).max(*last);
        let contrast = |k: usize| {
            let here = real(k) / far[k - 1].max(1.0);
            here * (reach - far[k - 1]).max(1.0) / real(count - k)
        };
        let ends =
            (SOME..(count + 1).saturating_sub(SOME / 2)).max_by(|a, b| contrast(*a).total_cmp(&contrast(*b)));
        let ends = ends.filter(|k| contrast(*k) > AT_ONCE);
        let burst = ends.map_or((0.0, 0.0), |k| (real(k), far[k - 1]));
        let dense = ends.unwrap_or(count);
        let over = far[0] > 3.0 * (far[dense - 1] - far[0]) / real(dense);
        let ids = if by_id { None } else { ids(rows, top) };
        let counted = rows.iter().map(|(_, counted)| real(*counted)).sum::<f64>() / real(count);
        let rate = (real(count) - burst.0) / (reach - burst.1).max(1.0);
        Self {
            rate,
            burst: if over { (0.0, 0.0) } else { burst },
            over,
            ids,
            rows: real(count),
            reach,
            counted,
        }
    }

    /// The same, with what lies beyond it and is as dense: rows, and how far they reach.
    pub(crate) fn with(mut self, rows: f64, reach: f64) -> Self {
        self.rows += rows;
        self.reach += reach;
        self
    }

    /// Rows and reach, if what is beyond is as dense as here.
    pub(crate) fn goes_on(&self, beyond: [Self; 2]) -> bool {
        beyond.iter().all(|end| (self.rate / 10.0..self.rate * 10.0).contains(&end.rate))
    }

    pub(crate) fn rate(&self) -> f64 {
        self.rate
    }

    pub(crate) fn size(&self) -> (f64, f64) {
        (self.rows, self.reach)
    }
}

/// The id at the end, and how many ids there are for a row, where ids grow with time. Rows with old dates came later than those
/// beside them and have higher ones, so the lowest count.
fn ids(rows: &[(Key, i64)], top: bool) -> Option<(f64, f64)> {
    let mut newest_first: Vec<i64> = rows.iter().map(|((_, id), _)| *id).collect();
    let near = newest_first.iter().take(NEAREST).min().copied()?;
    if !top {
        newest_first.reverse();
    }
    let mut least = i64::MAX;
    newest_first.retain(|id| {
        let lower = *id < least;
        least = least.min(*id);
        lower
    });
    if rows.len() < 4 * NEAREST || newest_first.len() * 10 < rows.len() * 3 {
        return None;
    }
    // Of steps from one to the next that vary as they do by chance, three of four are below 1.4 times the usual one; those
    // past rows that came at once are not.
    let mut steps: Vec<i64> = newest_first.windows(2).map(|pair| pair[0] - pair[1]).collect();
    steps.sort_unstable();
    let step = real(*steps.get(steps.len() * 3 / 4)?) / 1.4;
    Some((real(near), (step * real(newest_first.len()) / real(rows.len())).max(1.0)))
}

fn between_ids((low, high): (End, End), by_id: bool) -> Option<(f64, f64)> {
    let ((older, a), (newer, b)) = low.ids.zip(high.ids).filter(|_| !by_id)?;
    (newer > older).then(|| (newer - older, a.max(b)))
}

#[expect(clippy::cast_possible_truncation, reason = "a place between two, to any precision")]
fn below(high: Key, by_id: bool, at: f64) -> PagePlace {
    PagePlace::Below(if by_id { (high.0, at as i64) } else { (at as i64, 0) })
}

/// A time of the same week at another hour and day with each look: where all are at noon, nights are forgotten.
fn by_week(at: f64, width: f64, by_id: bool, looks: u32) -> f64 {
    if by_id || width < 3.0 * WEEK {
        return at;
    }
    ((at / WEEK).floor() + (f64::from(looks) * 0.618_034).fract()) * WEEK
}

/// Rows of so wide a stretch, as dense as on average of both its ends.
pub(crate) fn evenly(width: f64, rates: [f64; 2]) -> f64 {
    width * f64::midpoint(rates[0], rates[1])
}

/// How dense both ends of a stretch are, if one of them is not where many rows came at once: that tells nothing of what comes after
/// them. `usual`: how dense all is that was seen.
pub(crate) fn without_bursts(rates: [f64; 2], usual: f64) -> [f64; 2] {
    let base = rates[0].min(rates[1]).max(usual / 100.0);
    rates.map(|rate| if rate > AT_ONCE * base { base } else { rate })
}

/// The mean of two values, each as often as rows have it.
fn weighed(values: [f64; 2], rates: [f64; 2]) -> f64 {
    let sum = rates[0] + rates[1];
    if sum > 0.0 {
        (values[0] * rates[0] + values[1] * rates[1]) / sum
    } else {
        f64::midpoint(values[0], values[1])
    }
}

/// A number to calculate with.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(crate) fn real<N: TryInto<i64>>(number: N) -> f64 {
    number.try_into().unwrap_or(i64::MAX) as f64
}
