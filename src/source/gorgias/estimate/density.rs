//! How many rows a list has between two times, from pages of it read at a few places: what has been seen of it, where to
//! look next, and what that amounts to.

use std::collections::BTreeMap;

use crate::source::gorgias::list::stretch::{
    Doubt, End, FIRST, Key, LAST, NEAR, PagePlace, Stretch, real, suspect,
};
use crate::source::{Guess, Wide};

/// How many standard deviations a range reaches to either side: 19 of 20 hold then (calibrated on accounts with imports and
/// gaps, whose estimates vary more than chance alone makes them).
const SURE: f64 = 3.0;
/// More uncertainty than this, as the exponent of a factor, is not told apart.
const LEAST_SURE: f64 = 2.5;
/// The same of a list that can only be looked at from its ends.
const ENDS: f64 = 2.0;
/// A range that is this narrow is worth no more requests.
const NARROW: f64 = 0.4;

/// Both ends of a time, of which the second is not in.
pub(crate) type TimeSpan = (i64, i64);

/// All of time.
pub(crate) const EVER: TimeSpan = (i64::MIN, i64::MAX);

/// What is known of a list.
#[derive(Debug)]
pub(crate) struct Density {
    /// Rows that were seen, each with how many rows of another table it counts.
    seen: BTreeMap<Key, i64>,
    /// Where all rows were seen: from, which is in, to, which is not; ascending, apart from each other.
    covered: Vec<(Key, Key)>,
    /// What is asked for; nothing else is looked at.
    wanted: Vec<TimeSpan>,
    /// Pages that were read.
    looks: u32,
    /// Whether pages can be read at any place, or only from both ends.
    anywhere: bool,
}

/// How many rows there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Estimate {
    pub(crate) rows: Guess,
    /// How many rows of another table they count.
    pub(crate) counted: Guess,
    /// Why the range is wide, if it is.
    pub(crate) wide: Wide,
}

impl Density {
    pub(crate) fn new(wanted: Vec<TimeSpan>) -> Self {
        Self { seen: BTreeMap::new(), covered: Vec::new(), wanted, looks: 0, anywhere: true }
    }

    /// From now on, pages can only be read from both ends.
    pub(crate) fn only_ends(&mut self) {
        self.anywhere = false;
    }

    /// Takes a page that was read at a place, in the order of the list. `more`: it is not the last one that way.
    pub(crate) fn note(&mut self, place: PagePlace, rows: &[(Key, i64)], more: bool) {
        self.looks += 1;
        let last = rows.last().filter(|_| more).map(|(key, _)| *key);
        let down = last.unwrap_or(FIRST);
        let up = last.map_or(LAST, |(at, id)| (at, id.saturating_add(1)));
        self.covered.push(match place {
            PagePlace::Newest => (down, LAST),
            PagePlace::Below(from) => (down, from),
            PagePlace::Oldest => (FIRST, up),
            PagePlace::Above(from) => (from, up),
        });
        self.seen.extend(rows.iter().copied());
        self.covered.sort_unstable();
        let mut apart: Vec<(Key, Key)> = Vec::new();
        for (low, high) in std::mem::take(&mut self.covered) {
            match apart.last_mut().filter(|before| low <= before.1) {
                Some(before) => before.1 = before.1.max(high),
                None => apart.push((low, high)),
            }
        }
        self.covered = apart;
    }

    /// Where to look next, and how wide the range is by now, as the logarithm of a factor. `None`: it is narrow enough,
    /// or cannot be narrower.
    pub(crate) fn next(&self) -> Option<(PagePlace, f64)> {
        let unknown = |place| Some((place, f64::INFINITY));
        if self.covered.is_empty() {
            return unknown(PagePlace::Newest);
        }
        for bound in self.wanted.iter().flat_map(|(from, to)| [*from, *to]) {
            let key = (bound, i64::MIN);
            if !self.covered.iter().any(|(low, high)| *low <= key && key < *high) && bound != i64::MAX {
                let at = if bound == i64::MIN || !self.anywhere {
                    PagePlace::Oldest
                } else {
                    PagePlace::Below((bound, 0))
                };
                if at != PagePlace::Oldest || self.covered[0].0 != FIRST {
                    return unknown(at);
                }
            }
        }
        let width = self.width();
        if !self.anywhere || width < NARROW {
            return None;
        }
        let stretches = self.stretches();
        let worst = stretches.iter().max_by(|a, b| a.weight().total_cmp(&b.weight()))?;
        Some((worst.next, width))
    }

    fn width(&self) -> f64 {
        let Guess { least, most, .. } = self.estimate().rows;
        most.map_or(f64::INFINITY, |most| (real(most.max(1)) / real(least.max(1))).ln())
    }

    /// What is known by now.
    pub(crate) fn estimate(&self) -> Estimate {
        self.within(&self.wanted)
    }

    /// The same of a part of what was asked for.
    pub(crate) fn within(&self, wanted: &[TimeSpan]) -> Estimate {
        let inside = |at: i64| wanted.iter().any(|(from, to)| (*from..*to).contains(&at));
        let seen = self.seen.iter().filter(|((at, _), _)| inside(*at));
        let (rows, counts) = seen.fold((0.0, 0.0), |(rows, counts), (_, n)| (rows + 1.0, counts + real(*n)));
        let (mut open, mut off, mut more, mut counted, mut more_counted) = (0.0, 0.0_f64, 0.0, 0.0, 0.0);
        let (mut worst, mut doubt) = (0.0, Doubt::Uneven);
        for one in self.stretches() {
            let part = overlap((one.low.0, one.high.0), wanted);
            open += one.about * part;
            off = off.hypot(one.off * part);
            more += one.more * part;
            counted += one.about * one.counted * part;
            more_counted += one.more * one.counted * part;
            if one.weight() * part > worst {
                (worst, doubt) = (one.weight() * part, one.doubt);
            }
        }
        // How far the list goes beyond what was seen is not known.
        let ends = self.covered.first().zip(self.covered.last()).is_some_and(|(oldest, newest)| {
            wanted.iter().all(|(from, to)| oldest.0.0 <= *from && *to <= newest.1.0)
        });
        let exponent = match self.anywhere {
            true => (SURE * off / open.max(1.0)).min(LEAST_SURE),
            false => ENDS,
        };
        let guess = |seen: f64, open: f64, more: f64| Guess {
            least: whole(seen + open / exponent.exp()),
            about: whole(seen + open),
            most: ends.then(|| whole(seen + open * exponent.exp() + more)),
        };
        let wide = match doubt {
            _ if !self.anywhere => Wide::Ends,
            Doubt::AtOnce => Wide::AtOnce,
            Doubt::Uneven => Wide::Uneven,
        };
        let more = if self.anywhere { more } else { 0.0 };
        Estimate { rows: guess(rows, open, more), counted: guess(counts, counted, more_counted), wide }
    }

    /// What was not seen of what is asked for.
    fn stretches(&self) -> Vec<Stretch> {
        let gaps = self.covered.windows(2).enumerate();
        let asked = gaps.filter(|(_, gap)| overlap((gap[0].1.0, gap[1].0.0), &self.wanted) > 0.0);
        let mut all: Vec<Stretch> = asked.map(|(n, _)| self.stretch(n)).collect();
        suspect(&mut all);
        all
    }

    /// The stretch above the `n`-th that was read.
    fn stretch(&self, n: usize) -> Stretch {
        let (low, high) = (self.covered[n].1, self.covered[n + 1].0);
        let by_id = Stretch::of_one_time(low, high);
        if by_id && (low.1 <= 0 || high.1 <= 0) {
            return self.of_unknown_end(low, high);
        }
        let span = self.seen.keys().next().zip(self.seen.keys().next_back());
        let span = span.map_or(0.0, |(first, last)| real(last.0 - first.0));
        let usual = real(self.seen.len()) / span.max(1.0);
        let end = |top| self.end_with_more(n, top, by_id, usual);
        let ends = (end(true), end(false));
        Stretch::between((low, high), by_id, ends, usual, self.looks)
    }

    fn of_unknown_end(&self, low: Key, high: Key) -> Stretch {
        let below = self.seen.range(..low).rev();
        let same: Vec<i64> = if high.1 <= 0 {
            below.take_while(|(key, _)| key.0 == low.0).map(|(_, counted)| *counted).collect()
        } else {
            self.seen.range(high..).take_while(|(key, _)| key.0 == high.0).map(|(_, n)| *n).collect()
        };
        // Where ids grow, those of rows that came before are lower.
        let before = self.seen.range(..low).rev().take(NEAR / 10).map(|(key, _)| key.1);
        let before = before.filter(|id| *id < high.1).max().filter(|_| high.1 > 0);
        let counted = real(same.iter().sum::<i64>()) / real(same.len().max(1));
        Stretch::of_unknown_end((low, high), real(same.len()), before.map(|id| real(high.1 - id)), counted)
    }

    /// An end of the stretch above the `n`-th that was read, with what lies beyond and is as dense, if all that was read there is.
    fn end_with_more(&self, n: usize, top: bool, by_id: bool, usual: f64) -> End {
        let (mut end, mut whole) = self.end(if top { n } else { n + 1 }, top, by_id);
        let mut beyond = n;
        while whole && (by_id || end.rate() > usual) {
            let next = if top { beyond.checked_sub(1) } else { Some(beyond + 1) };
            let Some(next) = next.filter(|next| next + 1 < self.covered.len()) else { break };
            let (low, whole_low) = self.end(next, true, by_id);
            let (high, whole_high) = self.end(next + 1, false, by_id);
            if !end.goes_on([low, high]) {
                break;
            }
            let (from, to) = (self.covered[next].1, self.covered[next + 1].0);
            let width = if by_id { real(to.1 - from.1) } else { real(to.0 - from.0) };
            let (rows, reach) = if top { low.size() } else { high.size() };
            end = end.with(rows + width * f64::midpoint(low.rate(), high.rate()), reach + width);
            whole = if top { whole_low } else { whole_high };
            beyond = next;
        }
        end
    }

    /// What was read at the `n`-th place, from its top or its bottom, and whether that is all of it.
    fn end(&self, n: usize, top: bool, by_id: bool) -> (End, bool) {
        let (low, high) = self.covered[n];
        let inside = self.seen.range(low..high).map(|(key, counted)| (*key, *counted));
        let mut rows: Vec<(Key, i64)> =
            if top { inside.rev().take(NEAR + 1).collect() } else { inside.take(NEAR + 1).collect() };
        let whole = rows.len() <= NEAR && !by_id;
        rows.truncate(NEAR);
        let Some(((at, id), _)) = rows.first().copied() else { return (End::default(), whole) };
        if by_id {
            rows.retain(|(key, _)| key.0 == at);
        }
        // Down from a date there is nothing up to the first row.
        let edge = if by_id {
            id
        } else if top {
            high.0
        } else {
            at
        };
        let limit = Some(if top { low.0 } else { high.0 });
        let limit = limit.filter(|limit| whole && ![i64::MIN, i64::MAX].contains(limit));
        (End::of(&rows, top, by_id, edge, limit), whole)
    }
}

/// The part of a time that is in one of others.
fn overlap((from, to): TimeSpan, others: &[TimeSpan]) -> f64 {
    let whole = real(to - from).max(1.0);
    let part = |(low, high): &TimeSpan| {
        if from == to {
            f64::from(u8::from((*low..*high).contains(&from)))
        } else {
            real((*high).min(to).saturating_sub((*low).max(from)).max(0)) / whole
        }
    };
    others.iter().map(part).sum::<f64>().min(1.0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate; it saturates")]
fn whole(number: f64) -> u64 {
    number.round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400_000_000;
    const PAGE: usize = 100;

    fn page(list: &[Key], place: PagePlace) -> (Vec<(Key, i64)>, bool) {
        let down = |end: usize| (end.saturating_sub(PAGE)..end).rev().collect::<Vec<usize>>();
        let up = |start: usize| (start..(start + PAGE).min(list.len())).collect();
        let rows: Vec<usize> = match place {
            PagePlace::Newest => down(list.len()),
            PagePlace::Below(key) => down(list.partition_point(|row| *row < key)),
            PagePlace::Oldest => up(0),
            PagePlace::Above(key) => up(list.partition_point(|row| *row <= key)),
        };
        let last = if matches!(place, PagePlace::Newest | PagePlace::Below(_)) { 0 } else { list.len() - 1 };
        let more = rows.last().is_some_and(|row| *row != last);
        (rows.into_iter().map(|row| (list[row], 3)).collect(), more)
    }

    /// What is known of a list after as many looks as that is worth, and how many those were.
    fn look(mut list: Vec<Key>, wanted: TimeSpan, most: u32) -> (Density, u32) {
        list.sort_unstable();
        let mut density = Density::new(vec![wanted]);
        let mut looks = 0;
        while looks < most
            && let Some((place, _)) = density.next()
        {
            let (rows, more) = page(&list, place);
            density.note(place, &rows, more);
            looks += 1;
        }
        (density, looks)
    }

    /// So many rows in a time, with ids that follow it.
    fn rows(count: i64, from: i64, to: i64, id: i64) -> impl Iterator<Item = Key> {
        (0..count).map(move |n| (from + (to - from) / count * n, id + n * 5))
    }

    fn holds(density: &Density, rows: u64) -> bool {
        let Guess { least, about, most } = density.estimate().rows;
        let near = about * 3 / 2 >= rows && about <= rows * 3 / 2;
        near && least <= rows && most.is_some_and(|most| rows <= most)
    }

    #[test]
    fn a_list_of_a_page_or_two_is_known() {
        for count in [0, 1, 99, 100, 101, 180] {
            let (density, looks) = look(rows(count, 0, 90 * DAY, 1).collect(), EVER, 40);
            let count = u64::try_from(count).unwrap();
            assert_eq!(density.estimate().rows, Guess::exactly(count));
            assert_eq!(density.estimate().counted, Guess::exactly(count * 3));
            assert!(looks <= 2, "{looks}");
        }
    }

    #[test]
    fn an_even_list_takes_few_looks_and_its_middle_is_counted_too() {
        let (density, looks) = look(rows(50_000, 0, 700 * DAY, 1).collect(), EVER, 40);
        assert!(holds(&density, 50_000) && looks < 20, "{:?} {looks}", density.estimate());
        let half = density.within(&[(350 * DAY, i64::MAX)]).rows;
        assert!((20_000..30_000).contains(&half.about), "{half:?}");
        let (density, looks) = look(rows(50_000, 0, 700 * DAY, 1).collect(), (630 * DAY, i64::MAX), 40);
        assert!(holds(&density, 5_000) && looks < 20, "{:?} {looks}", density.estimate());
    }

    #[test]
    fn an_import_within_an_hour_is_found_by_its_ids_and_counted() {
        let import = rows(20_000, 250 * DAY, 250 * DAY + DAY / 24, 50_000);
        let after = rows(5_000, 251 * DAY, 700 * DAY, 150_000);
        let (density, _) = look(rows(5_000, 0, 250 * DAY, 1).chain(import).chain(after).collect(), EVER, 40);
        assert!(holds(&density, 30_000), "{:?}", density.estimate());
    }

    #[test]
    fn rows_of_one_time_are_counted_by_their_ids() {
        let same = (0..20_000).map(|n| (250 * DAY, 50_000 + n * 5));
        let after = rows(5_000, 251 * DAY, 700 * DAY, 150_000);
        let (density, _) = look(rows(5_000, 0, 250 * DAY, 1).chain(same).chain(after).collect(), EVER, 40);
        assert!(holds(&density, 30_000), "{:?}", density.estimate());
        let all = (0..8_000).map(|n| (DAY, 1 + n * 3));
        let (density, _) = look(all.collect(), EVER, 40);
        assert!(holds(&density, 8_000), "{:?}", density.estimate());
    }

    #[test]
    fn what_was_not_looked_at_is_told() {
        let import = rows(20_000, 250 * DAY, 250 * DAY + DAY / 24, 50_000);
        let after = rows(5_000, 251 * DAY, 700 * DAY, 150_000);
        let (density, _) = look(rows(5_000, 0, 250 * DAY, 1).chain(import).chain(after).collect(), EVER, 7);
        let told = density.estimate();
        assert!(told.rows.is_wide() && told.wide == Wide::AtOnce, "{told:?}");
        let mut density = look(rows(5_000, 0, 250 * DAY, 1).collect(), EVER, 1).0;
        density.only_ends();
        assert_eq!((density.estimate().rows.most, density.estimate().wide), (None, Wide::Ends));
    }
}
