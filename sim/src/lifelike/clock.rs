//! When people write: customers in the evening and on Sundays, too, agents while the desk is open, and both with waits that are
//! mostly short and sometimes long.

use fastrand::Rng;
use jiff::civil::Weekday;
use jiff::tz::TimeZone;

use crate::time::{DAY, Micros, SECOND};

pub(crate) const MINUTE: Micros = 60 * SECOND;
pub(crate) const HOUR: Micros = 60 * MINUTE;

/// The zone of the account's settings, Europe/Paris, as a rule instead of a name: names need a database of zones.
const ZONE: &str = "CET-1CEST,M3.5.0,M10.5.0/3";

/// How much customers write from each full hour on, in percent of the busiest.
const HOURS: [u8; 24] =
    [14, 8, 5, 4, 4, 7, 16, 34, 58, 84, 98, 100, 92, 86, 90, 92, 88, 82, 78, 82, 84, 74, 52, 28];

/// How much they write on each day of the week, from Monday on, in percent of the busiest.
const WEEKDAYS: [u8; 7] = [100, 88, 80, 78, 74, 56, 52];

/// A sale of so many days comes every so often: half as many tickets again, and more than half as long waits.
const SALES: (i64, i64) = (56, 8);

/// A clock on the wall of the desk.
#[derive(Debug)]
pub(super) struct Clock {
    zone: TimeZone,
}

impl Clock {
    pub(super) fn new() -> Clock {
        // The rule above is one.
        Clock { zone: TimeZone::posix(ZONE).unwrap_or(TimeZone::UTC) }
    }

    /// Day of the week from 0, Monday, and how far the day is.
    fn read(&self, at: Micros) -> (Weekday, Micros) {
        let Ok(instant) = jiff::Timestamp::from_microsecond(at) else { return (Weekday::Monday, 0) };
        let local = self.zone.to_datetime(instant);
        let seconds =
            i64::from(local.hour()) * 3_600 + i64::from(local.minute()) * 60 + i64::from(local.second());
        (local.weekday(), seconds * SECOND + i64::from(local.subsec_nanosecond()) / 1_000)
    }

    /// A moment at which a customer writes for the first time.
    pub(super) fn first_contact(&self, rng: &mut Rng, start: Micros, end: Micros) -> Micros {
        loop {
            let at = rng.i64(start..end.max(start + 1));
            let (weekday, time) = self.read(at);
            let hour = usize::try_from(time / HOUR).unwrap_or(0);
            let weekday = usize::try_from(weekday.to_monday_zero_offset()).unwrap_or(0);
            let growth = 70 + 30 * (at - start) / (end - start).max(1);
            let season = if is_sale(at) { 150 } else { 100 };
            let weight = i64::from(HOURS[hour % 24]) * i64::from(WEEKDAYS[weekday % 7]) * growth * season;
            if rng.i64(0..100 * 100 * 100 * 150) < weight {
                return at;
            }
        }
    }

    /// When a customer writes back, mostly after so long: whoever sleeps writes in the morning.
    pub(super) fn awake(&self, rng: &mut Rng, from: Micros, middle: Micros) -> Micros {
        let at = from + wait(rng, middle);
        let (_, time) = self.read(at);
        if time < 7 * HOUR { at - time + 7 * HOUR + rng.i64(0..3 * HOUR) } else { at }
    }

    /// What the desk does after so much of its own time: Monday to Friday 8 to 20, Saturday 9 to 17.
    pub(super) fn after_work(&self, from: Micros, mut work: Micros) -> Micros {
        let mut at = from;
        // Weeks of waiting are none.
        for _ in 0..40 {
            let (weekday, time) = self.read(at);
            let (opens, closes) = match weekday {
                Weekday::Sunday => (DAY, DAY),
                Weekday::Saturday => (9 * HOUR, 17 * HOUR),
                _ => (8 * HOUR, 20 * HOUR),
            };
            let begins = time.max(opens);
            if begins + work < closes {
                return at - time + begins + work;
            }
            work -= (closes - begins).max(0);
            // Midnight, or an hour beside it when the clocks change.
            at += DAY - time;
        }
        at
    }

    /// Whether the desk is open.
    pub(super) fn is_open(&self, at: Micros) -> bool {
        self.after_work(at, 0) == at
    }
}

/// Whether there is a sale.
pub(super) fn is_sale(at: Micros) -> bool {
    at.div_euclid(DAY).rem_euclid(SALES.0) < SALES.1
}

/// A wait that is often near its middle, and now and then many times as long: a logarithmic normal distribution.
pub(super) fn wait(rng: &mut Rng, middle: Micros) -> Micros {
    // The sum of twelve is nearly normal, with a deviation of 1.
    let normal: f64 = (0..12).map(|_| rng.f64()).sum::<f64>() - 6.0;
    (middle as f64 * normal.exp()) as Micros
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::parse;

    fn at(text: &str) -> Micros {
        parse(text).expect("a time")
    }

    #[test]
    fn the_desk_works_at_its_hours() {
        let clock = Clock::new();
        for (from, work, done) in [
            // A Wednesday in summer: two hours ahead of UTC.
            ("2026-08-26T08:00:00Z", HOUR, "2026-08-26T09:00:00Z"),
            ("2026-08-26T03:00:00Z", HOUR, "2026-08-26T07:00:00Z"),
            ("2026-08-26T17:30:00Z", HOUR, "2026-08-27T06:30:00Z"),
            // Over a Sunday, and from Friday to Monday.
            ("2026-08-29T14:30:00Z", HOUR, "2026-08-31T06:30:00Z"),
            ("2026-08-28T17:00:00Z", 10 * HOUR, "2026-08-31T07:00:00Z"),
            // Over the night in which the clocks are put back.
            ("2026-10-24T14:30:00Z", HOUR, "2026-10-26T07:30:00Z"),
        ] {
            assert_eq!(clock.after_work(at(from), work), at(done), "{from}");
        }
        assert!(clock.is_open(at("2026-08-26T08:00:00Z")) && !clock.is_open(at("2026-08-30T08:00:00Z")));
    }

    #[test]
    fn waits_have_their_middle() {
        let mut rng = Rng::with_seed(1);
        let mut waits: Vec<Micros> = (0..1_001).map(|_| wait(&mut rng, HOUR)).collect();
        waits.sort_unstable();
        assert!((50 * MINUTE..70 * MINUTE).contains(&waits[500]), "{}", waits[500]);
        assert!(waits[900] > 3 * HOUR && waits[0] > 0);
    }
}
