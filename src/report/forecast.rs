//! What `ingestr plan` says: for each table what would be read and how long that would take, as ranges.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::event::Scope;
use super::format::{count, intent_of, number, roughly};
use super::{json, rescan};
use crate::error::Failure;
use crate::http::limit::{Allowance, Share};
use crate::source::{Basis, Forecast, Guess, Rescan, Wide};

/// How fast requests can be sent.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Requests of the budget in use, and how many it has; `None`: the answers did not say.
    pub budget: Option<(u32, u32)>,
    /// What that allows us.
    pub allowed: Allowance,
    /// Time of one request.
    pub latency: Duration,
}

impl Pace {
    /// Of what was heard of the budget while `sent` requests took `elapsed`.
    #[must_use]
    pub fn of(budget: Option<(u32, u32)>, allowed: Allowance, sent: u64, elapsed: Duration) -> Self {
        let sent = u32::try_from(sent).unwrap_or(u32::MAX).max(1);
        Self { budget, allowed, latency: elapsed / sent }
    }

    /// Requests a second, to be shown.
    fn rate(&self) -> f64 {
        (self.allowed.rate * 100.0).round() / 100.0
    }

    /// Milliseconds that so many requests take: what is free of the budget at once, the rest as it drains; and no faster
    /// than the answers come, one after the other at worst.
    fn time(&self, requests: Guess) -> Guess {
        let time = |requests: u64, waits: f64| {
            let requests = real(requests);
            let budget = (requests - self.allowed.free).max(0.0) / self.allowed.rate;
            whole(budget.max(requests * self.latency.as_secs_f64() * waits) * 1000.0)
        };
        Guess {
            least: time(requests.least, 0.0),
            about: time(requests.about, 0.5),
            most: requests.most.map(|most| time(most, 1.0)),
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(crate) fn real(number: u64) -> f64 {
    number as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an estimate; it saturates")]
pub(crate) fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// The forecast of one table.
#[derive(Debug)]
pub struct TableForecast {
    /// Source table.
    pub table: &'static str,
    /// Destination table with its schema.
    pub dest_table: String,
    /// What would be read; or why a run would not begin.
    pub forecast: Result<(Scope, Forecast), Failure>,
    /// Requests of the last successful runs, newest first.
    pub last: Vec<u64>,
    /// How its list is re-scanned for changes without a sign, if that has begun, and the time between the last runs.
    pub rescan: Option<(Rescan, Option<Duration>)>,
    /// Notes of the plan.
    pub notes: Vec<String>,
}

/// The forecast of a command.
#[derive(Debug)]
pub struct Forecasts {
    /// Each table, in the order they were named.
    pub tables: Vec<TableForecast>,
    /// Notes of the plan that concern more than one table.
    pub notes: Vec<String>,
    /// How fast it can go.
    pub pace: Pace,
    /// Requests that were sent to find all this out.
    pub sent: u64,
}

impl Forecasts {
    /// Rows and requests of all tables that could be looked at.
    fn total(&self) -> (Guess, Guess) {
        let each = self.tables.iter().filter_map(|table| table.forecast.as_ref().ok());
        each.fold((Guess::exactly(0), Guess::exactly(0)), |(rows, requests), (_, one)| {
            (rows.plus(one.rows), requests.plus(one.requests))
        })
    }
}

/// `12`, `about 1,500 (1,200 to 1,900)` or `at least 100`. `more` is how that goes on: of what is counted `many`, of time `much`.
fn said(guess: Guess, more: &str, show: impl Fn(u64) -> String) -> String {
    let (least, about) = (show(guess.least), show(guess.about));
    match guess.most.map(&show) {
        None if about != least => format!("about {about}, at least {least}; nobody can say how {more} more"),
        None => format!("at least {least}; nobody can say how {more} more"),
        Some(most) if most == least => about,
        Some(most) if about == least => format!("{least} to {most}"),
        Some(most) => format!("about {about} ({least} to {most})"),
    }
}

/// Two digits of a large number: more would pretend to know them.
fn round(value: u64) -> String {
    let unit = 10_u64.pow(value.checked_ilog10().unwrap_or(0).saturating_sub(1));
    number(if value < 1_000 { value } else { (value + unit / 2) / unit * unit })
}

fn time(millis: u64) -> String {
    roughly(Duration::from_millis(millis))
}

/// A number of rows or requests.
fn amount(guess: Guess) -> String {
    said(guess, "many", if guess.is_exact() { number } else { round })
}

fn basis(forecast: &Forecast) -> &'static str {
    match forecast.basis {
        Basis::Seen if forecast.rows.most.is_none() => "its first page; its list does not tell where it ends",
        Basis::Seen => "a look at all of it",
        Basis::Dates => "pages read at some of its dates",
        Basis::Tickets => "the number of tickets, and how many messages those have",
        Basis::Changes => "pages read at some dates since then",
        Basis::Progress => "pages read at some dates of what is left",
        Basis::Small => "what small tables usually have: they are not looked at",
    }
}

/// Why a range is wide.
fn because(wide: Wide) -> &'static str {
    match wide {
        Wide::Ends => "its list can be looked at from its ends only",
        Wide::AtOnce => "many rows came at once, as in an import, and not all were seen",
        Wide::Uneven => "its rows are spread unevenly over time",
    }
}

/// For people.
#[must_use]
pub fn text(all: &Forecasts) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    for note in &all.notes {
        let _ = writeln!(text, "note: {note}");
    }
    if all.tables.len() > 1 {
        let (rows, requests) = all.total();
        let _ = writeln!(text, "{} together", count(all.tables.len() as u64, "table"));
        amounts(&mut text, &all.pace, rows, requests);
    }
    for TableForecast { table, dest_table, forecast, last, rescan, notes } in &all.tables {
        match forecast {
            Err(failure) => {
                let _ =
                    writeln!(text, "{table} → {dest_table}\n  {}", failure.to_string().replace('\n', "\n  "));
            }
            Ok((scope, forecast)) => {
                let _ = writeln!(text, "{table} → {dest_table}: {}", intent_of(*scope));
                for note in notes {
                    let _ = writeln!(text, "  note: {note}");
                }
                amounts(&mut text, &all.pace, forecast.rows, forecast.requests);
                let _ = writeln!(text, "  known by  {}", basis(forecast));
                if let Some(wide) = forecast.wide.filter(|_| forecast.rows.is_wide()) {
                    let _ = writeln!(text, "  because   {}", because(wide));
                }
                if let Some((rescan, between)) = rescan {
                    let _ = writeln!(text, "  re-scan   {}", rescan::sentence(rescan, *between));
                }
                if !last.is_empty() {
                    let last: Vec<String> = last.iter().map(|requests| number(*requests)).collect();
                    let _ = writeln!(text, "  before    the last runs took {}", last.join(", "));
                }
            }
        }
    }
    text + &ending(all)
}

/// Rows, requests and time.
fn amounts(text: &mut String, pace: &Pace, rows: Guess, requests: Guess) {
    let _ = writeln!(text, "  rows      {}", amount(rows));
    let _ = writeln!(text, "  requests  {}", amount(requests));
    let _ = writeln!(text, "  time      {}", said(pace.time(requests), "much", time));
}

/// How fast it can go, and what finding out took.
fn ending(all: &Forecasts) -> String {
    let rate = all.pace.rate();
    let share = match all.pace.allowed.share {
        Share::WHOLE => String::new(),
        share => format!("{share} of "),
    };
    let budget = match all.pace.budget {
        Some((used, size)) => format!("a budget of {}, {used} of them in use", count(size.into(), "request")),
        None => "the documented budget, as the answers do not tell theirs".into(),
    };
    let sent = count(all.sent, "request");
    let were = if all.sent == 1 { "was" } else { "were" };
    let noun = if rate == 1.0 { "request" } else { "requests" };
    let pace = format!("at {rate} {noun} a second: {share}{budget}");
    format!("{pace}\nnothing was written; {sent} {were} sent to find this out\n")
}

#[derive(Serialize)]
struct Bounds {
    least: u64,
    about: u64,
    most: Option<u64>,
}

fn bounds(guess: Guess) -> Bounds {
    Bounds { least: guess.least, about: guess.about, most: guess.most }
}

#[derive(Serialize)]
struct TableJson<'a> {
    table: &'a str,
    dest_table: &'a str,
    scope: Option<&'static str>,
    rows: Option<Bounds>,
    requests: Option<Bounds>,
    time_ms: Option<Bounds>,
    basis: Option<&'static str>,
    /// Why the range of rows is wider than a factor of four.
    wide_because: Option<&'static str>,
    requests_of_last_runs: &'a [u64],
    rescan: Option<rescan::Json>,
    notes: &'a [String],
    error: Option<json::Problem<'a>>,
}

#[derive(Serialize)]
struct AllJson<'a> {
    tables: Vec<TableJson<'a>>,
    rows: Bounds,
    requests: Bounds,
    time_ms: Bounds,
    requests_per_second: f64,
    budget_used: Option<u32>,
    budget_capacity: Option<u32>,
    requests_sent: u64,
    notes: &'a [String],
    error: Option<json::Problem<'a>>,
}

fn table_json<'a>(one: &'a TableForecast, pace: &Pace) -> TableJson<'a> {
    let known = one.forecast.as_ref().ok();
    TableJson {
        table: one.table,
        dest_table: &one.dest_table,
        scope: known.map(|(scope, _)| scope.name()),
        rows: known.map(|(_, forecast)| bounds(forecast.rows)),
        requests: known.map(|(_, forecast)| bounds(forecast.requests)),
        time_ms: known.map(|(_, forecast)| bounds(pace.time(forecast.requests))),
        basis: known.map(|(_, forecast)| forecast.basis.name()),
        wide_because: known.and_then(|(_, one)| one.wide.filter(|_| one.rows.is_wide())).map(Wide::name),
        requests_of_last_runs: &one.last,
        rescan: one.rescan.as_ref().map(|(rescan, _)| rescan.into()),
        notes: &one.notes,
        error: one.forecast.as_ref().err().map(json::problem),
    }
}

/// For programs: one object and a newline.
#[must_use]
pub fn json(all: &Forecasts) -> String {
    let (rows, requests) = all.total();
    let object = AllJson {
        tables: all.tables.iter().map(|one| table_json(one, &all.pace)).collect(),
        rows: bounds(rows),
        requests: bounds(requests),
        time_ms: bounds(all.pace.time(requests)),
        requests_per_second: all.pace.rate(),
        budget_used: all.pace.budget.map(|(used, _)| used),
        budget_capacity: all.pace.budget.map(|(_, size)| size),
        requests_sent: all.sent,
        notes: &all.notes,
        error: None,
    };
    // Texts and numbers only: nothing in it can fail to serialise.
    serde_json::to_string(&object).unwrap_or_default() + "\n"
}

/// For programs, when there is nothing to forecast.
#[must_use]
pub fn no_plan(failure: &Failure) -> String {
    #[derive(Serialize)]
    struct Nothing<'a> {
        error: json::Problem<'a>,
    }
    serde_json::to_string(&Nothing { error: json::problem(failure) }).unwrap_or_default() + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guess_is_said_as_exactly_as_it_is_known() {
        let guess = |least, about, most| amount(Guess { least, about, most });
        assert_eq!(guess(7, 7, Some(7)), "7");
        assert_eq!(guess(3, 3, Some(54)), "3 to 54");
        assert_eq!(guess(1_198, 1_449, Some(12_500)), "about 1,400 (1,200 to 13,000)");
        assert_eq!(guess(12_345, 12_345, Some(12_345)), "12,345");
        assert_eq!(guess(100, 100, None), "at least 100; nobody can say how many more");
        assert_eq!(guess(100, 200, None), "about 200, at least 100; nobody can say how many more");
        let long = Guess { least: 40_000, about: 40_100, most: None };
        assert_eq!(said(long, "much", time), "at least 40 s; nobody can say how much more");
    }

    #[test]
    fn a_wide_range_says_why_and_fits_80_columns() {
        let rows = Guess { least: 1_000, about: 4_000, most: Some(90_000) };
        let wide = |wide| Forecast { rows, requests: rows, basis: Basis::Tickets, wide: Some(wide) };
        let table = |forecast| TableForecast {
            table: "tickets",
            dest_table: "main.tickets".into(),
            forecast: Ok((Scope::Everything, forecast)),
            last: Vec::new(),
            rescan: None,
            notes: Vec::new(),
        };
        let allowed = Allowance { free: 40.0, rate: 2.0, share: Share::WHOLE };
        let all = Forecasts {
            tables: [Wide::Ends, Wide::AtOnce, Wide::Uneven].map(|why| table(wide(why))).into(),
            notes: Vec::new(),
            pace: Pace { budget: Some((1, 40)), allowed, latency: Duration::ZERO },
            sent: 40,
        };
        let text = text(&all);
        assert!(
            text.starts_with("3 tables together\n  rows      about 12,000 (3,000 to 270,000)\n"),
            "{text}"
        );
        assert_eq!(text.matches("  because   ").count(), 3, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }

    #[test]
    fn time_is_the_budgets_or_that_of_the_answers() {
        let pace = |free, rate, millis| Pace {
            budget: None,
            allowed: Allowance { free, rate, share: Share::WHOLE },
            latency: Duration::from_millis(millis),
        };
        let time = |pace: Pace| pace.time(Guess { least: 100, about: 200, most: Some(300) });
        let guess = |least, about, most| Guess { least, about, most: Some(most) };
        // The documented case: 200 pages in 80 s.
        assert_eq!(time(pace(40.0, 2.0, 0)), guess(30_000, 80_000, 130_000));
        assert_eq!(time(pace(40.0, 4.0, 0)), guess(15_000, 40_000, 65_000));
        // Half of the budget, which is in use.
        assert_eq!(time(pace(0.0, 1.0, 0)), guess(100_000, 200_000, 300_000));
        assert_eq!(time(pace(40.0, 2.0, 1_000)), guess(30_000, 100_000, 300_000));
    }
}
