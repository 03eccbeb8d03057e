//! What an account went through: days that differ, months without anybody, and imports, rows that came all at once.
//!
//! Accounts of tests have none of it, unless one asks: their rows are spread evenly over their time.

use fastrand::Rng;

use crate::time::{DAY, Micros, SECOND};

const HOUR: Micros = 3_600 * SECOND;

/// When rows came.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct History {
    /// Nights and weekends are quiet.
    pub weeks: bool,
    /// How many times as busy the end is as the start, growing in proportion; 0: as busy.
    pub growth: f64,
    /// The part that the quietest month of a year lacks to the busiest one, 0 to 1.
    pub season: f64,
    /// Times in which nothing came, each from and to.
    pub gaps: Vec<(Micros, Micros)>,
    /// What came at once, beside the account's own rows.
    pub imports: Vec<Import>,
    /// Numbers that other accounts take out of the sequences of ids in a day; 0: only a few between any two rows.
    pub others: f64,
}

/// Rows that came at once, as from another help desk.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Import {
    /// Tickets, with messages as all others have them.
    pub tickets: usize,
    /// Customers.
    pub customers: usize,
    /// When it began.
    pub at: Micros,
    /// How long it took.
    pub took: Micros,
    /// What its rows say of when they were created.
    pub dates: Dates,
}

/// What rows of an import say of when they were created.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Dates {
    /// When they came.
    Arrival,
    /// The moment the import began, all of them.
    Same,
    /// When they were created where they came from: over so much time before the import, growing to its end.
    Old(Micros),
}

impl History {
    /// How busy a time is, 0 to 1.
    fn busy(&self, at: Micros, start: Micros, end: Micros) -> f64 {
        if self.gaps.iter().any(|(from, to)| (*from..*to).contains(&at)) {
            return 0.0;
        }
        let mut busy = 1.0;
        if self.growth > 0.0 {
            let left = part(end - at, end - start);
            busy *= if self.growth >= 1.0 { self.growth.powf(-left) } else { self.growth.powf(1.0 - left) };
        }
        let year = part(at.rem_euclid(365 * DAY), 365 * DAY) * std::f64::consts::TAU;
        busy *= 1.0 - self.season * 0.5 * (1.0 + year.sin());
        if self.weeks {
            let (hour, day) = (at.rem_euclid(DAY) / HOUR, at.div_euclid(DAY).rem_euclid(7));
            busy *= if (8..20).contains(&hour) { 1.0 } else { 0.15 };
            // Day 0 was a Thursday.
            busy *= if day == 2 || day == 3 { 0.3 } else { 1.0 };
        }
        busy
    }

    /// A time, more likely a busy one.
    pub(crate) fn moment(&self, rng: &mut Rng, start: Micros, end: Micros) -> Micros {
        let end = end.max(start + 1);
        if self.weeks || self.growth > 0.0 || self.season > 0.0 || !self.gaps.is_empty() {
            for _ in 0..10_000 {
                let at = rng.i64(start..end);
                if rng.f64() < self.busy(at, start, end) {
                    return at;
                }
            }
        }
        rng.i64(start..end)
    }

    /// When the rows of a kind came, and when they say they were created if not then: in order, those of imports among
    /// the `own` ones.
    pub(crate) fn arrivals(
        &self,
        rng: &mut Rng,
        own: Vec<Micros>,
        count: impl Fn(&Import) -> usize,
    ) -> Vec<(Micros, Option<Micros>)> {
        let mut all: Vec<_> = own.into_iter().map(|at| (at, None)).collect();
        for import in &self.imports {
            let rows = count(import);
            let mut old: Vec<Micros> = (0..rows).map(|_| import.date(rng)).collect();
            old.sort_unstable();
            for (n, old) in old.into_iter().enumerate() {
                let n = i64::try_from(n).unwrap_or(i64::MAX);
                let arrival = import.at + import.took / i64::try_from(rows).unwrap_or(i64::MAX) * n;
                let created = if import.dates == Dates::Arrival { arrival } else { old };
                all.push((arrival, Some(created)));
            }
        }
        all.sort_unstable();
        all
    }

    /// The next number of a sequence of ids, so long after the last one was taken.
    pub(crate) fn next_id(&self, rng: &mut Rng, last: i64, step: i64, passed: Micros) -> i64 {
        if self.others == 0.0 {
            return last + rng.i64(1..step);
        }
        #[expect(clippy::cast_possible_truncation, reason = "some number of ids")]
        let taken = (self.others * part(passed.max(0), DAY) * (0.5 + rng.f64())) as i64;
        last + 1 + taken
    }
}

impl Import {
    fn date(&self, rng: &mut Rng) -> Micros {
        match self.dates {
            Dates::Arrival | Dates::Same => self.at,
            Dates::Old(time) => {
                let back = rng.f64().min(rng.f64());
                #[expect(clippy::cast_possible_truncation, reason = "some time before the import")]
                let back = (part(time, 1) * back) as Micros;
                self.at - back
            }
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a part of a span of time")]
fn part(of: Micros, all: Micros) -> f64 {
    of as f64 / all.max(1) as f64
}

/// Reads `weeks,growth=8,season=0.5,gap=300-240,others=1000,import=40000-5000@200` for the command line, in days before `end`; the
/// import is one of so many tickets and customers, which took an hour. `@200` says the dates of its arrival, `@200same`
/// one date, `@200old` older ones.
pub fn history(text: &str, end: Micros) -> Result<History, String> {
    let mut history = History::default();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let wrong = || format!("`{part}` is no part of a history");
        let number = |text: &str| text.parse::<f64>().ok().filter(|n| *n >= 0.0).ok_or_else(wrong);
        let days = |text: &str| text.parse::<i64>().map(|days| end - days * DAY).map_err(|_| wrong());
        match name {
            "weeks" => history.weeks = true,
            "growth" => history.growth = number(value)?,
            "season" => history.season = number(value)?.min(1.0),
            "others" => history.others = number(value)?,
            "gap" => {
                let (from, to) = value.split_once('-').ok_or_else(wrong)?;
                history.gaps.push((days(from)?, days(to)?));
            }
            "import" => {
                let (rows, when) = value.split_once('@').ok_or_else(wrong)?;
                let (tickets, customers) = rows.split_once('-').unwrap_or((rows, "0"));
                let digits = when.trim_end_matches(char::is_alphabetic);
                let dates = match &when[digits.len()..] {
                    "" => Dates::Arrival,
                    "same" => Dates::Same,
                    "old" => Dates::Old(700 * DAY),
                    _ => return Err(wrong()),
                };
                let rows = |text: &str| text.parse::<usize>().map_err(|_| wrong());
                history.imports.push(Import {
                    tickets: rows(tickets)?,
                    customers: rows(customers)?,
                    at: days(digits)?,
                    took: HOUR,
                    dates,
                });
            }
            _ => return Err(wrong()),
        }
    }
    Ok(history)
}
