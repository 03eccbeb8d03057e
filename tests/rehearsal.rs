//! Rehearsals of `ingestr plan`: twenty accounts that went through imports, moves, gaps, growth and quiet weekends are forecast, and
//! what they really hold is known. What they are made of has nothing to do with what the estimate was calibrated on.

use std::sync::Arc;
use std::time::Duration;

use gorgias_sim::{DAY, Dates, History, Import, Micros as Time, Options, SECOND};
use ingestr::api::http::NoObserver;
use ingestr::api::model::Micros;
use ingestr::api::source::gorgias::{Gorgias, TABLES};
use ingestr::api::source::{
    Changes, Forecast, Guess, Late, List, Outside, Overlap, ReadRequest, Resource, Source as _, Window,
};

use crate::support::world::{URI, World};

/// So many requests are sent for a forecast at most.
const MOST: u64 = 40;
const ACCOUNTS: u64 = 20;

/// One of twenty accounts, from some hundred rows to some hundred thousand.
fn account(number: u64) -> Options {
    let mut rng = fastrand::Rng::with_seed(number ^ 0x5EED);
    let end = Options::default().end;
    let days = rng.i64(90..1_400);
    let size = 60.0 * 500_f64.powf(number as f64 / (ACCOUNTS - 1) as f64);
    let some = |rng: &mut fastrand::Rng, most: f64| (size * (0.2 + rng.f64() * most)) as usize;
    let (tickets, customers) = (some(&mut rng, 1.5), some(&mut rng, 1.0));
    let gap = |rng: &mut fastrand::Rng| {
        let from = end - rng.i64(30..days.max(31)) * DAY;
        (from, from + rng.i64(20..150) * DAY)
    };
    let imports = (0..rng.usize(0..3)).map(|_| import(&mut rng, size, days, end)).collect();
    let history = History {
        weeks: !number.is_multiple_of(3),
        growth: if number.is_multiple_of(2) { 0.4 + rng.f64() * 12.0 } else { 0.0 },
        season: if number % 4 == 1 { 0.7 } else { 0.0 },
        gaps: (0..number % 3).map(|_| gap(&mut rng)).collect(),
        imports,
        others: if number % 2 == 1 { size / days as f64 * 10.0 } else { 0.0 },
    };
    Options {
        seed: number + 500,
        tickets,
        customers,
        messages: tickets * rng.usize(1..4),
        surveys: tickets / 10,
        calls: rng.usize(0..900),
        events: 0,
        start: end - days * DAY,
        history,
        max_body: 100,
        unlimited: true,
        ..Options::default()
    }
}

fn import(rng: &mut fastrand::Rng, size: f64, days: i64, end: Time) -> Import {
    let dates = [Dates::Arrival, Dates::Same, Dates::Old(rng.i64(200..1_500) * DAY)];
    let rows = |rng: &mut fastrand::Rng| ((size * rng.f64() * 2.0) as usize).clamp(50, 40_000);
    Import {
        tickets: rows(rng),
        customers: rows(rng),
        at: end - rng.i64(3..days) * DAY + rng.i64(0..DAY),
        took: rng.i64(600..72 * 3_600) * SECOND,
        dates: dates[rng.usize(0..3)],
    }
}

/// The tables that `*` means and that have a list of their own.
fn tables() -> impl Iterator<Item = &'static Resource> {
    TABLES.iter().filter(|table| table.choice.by_star() && table.embedded().is_none())
}

/// What a first load of these tables would take, and the requests that were sent to find out.
async fn forecast(world: &World, tables: &[&'static Resource], window: Window) -> (Vec<Forecast>, u64) {
    let transport = world.transport();
    let source = Gorgias::with_transport(URI, Arc::new(transport), 1).unwrap();
    let request = |table: &&'static Resource| ReadRequest {
        table,
        window: if table.changes == Changes::Full { Window::default() } else { window },
        outside: Outside::Dropped,
        from: None,
        overlap: Overlap::Wide,
        lookback: None,
        rescan: Some(Duration::from_secs(86_400)),
        refresh_small: Duration::ZERO,
        confirmed: false,
        replaces: false,
        late: Late::ChangesAndDeletions,
        now: Micros(world.clock.now()),
    };
    let before = world.requests();
    let told = source.forecast(tables.iter().map(request).collect(), Arc::new(NoObserver)).await;
    (told.into_iter().map(Result::unwrap).collect(), world.requests() - before)
}

/// A forecast and what came.
struct Told {
    what: String,
    guess: Guess,
    came: u64,
}

impl Told {
    fn holds(&self) -> bool {
        self.guess.least <= self.came && self.guess.most.is_none_or(|most| self.came <= most)
    }

    fn off(&self) -> f64 {
        let (told, came) = (self.guess.about.max(1) as f64, self.came.max(1) as f64);
        (told / came).max(came / told)
    }
}

/// Ranges hold the truth in 19 of 20, and their middle is within 1.5 times of it in 18 of 20.
fn assert_told(kind: &str, all: &[Told]) {
    let line = |one: &Told| {
        let Guess { least, about, most } = one.guess;
        let most = most.map_or("?".into(), |most| most.to_string());
        let mark = if one.holds() { "" } else { ", OUTSIDE" };
        format!(
            "{}: about {about} ({least} to {most}), {} came, off by {:.2}{mark}",
            one.what,
            one.came,
            one.off()
        )
    };
    let lines: Vec<String> = all.iter().map(line).collect();
    let holds = all.iter().filter(|one| one.holds()).count();
    let near = all.iter().filter(|one| one.off() < 1.5).count();
    let widths: f64 = all
        .iter()
        .filter_map(|one| Some((one.guess.most? as f64 / one.guess.least.max(1) as f64).ln()))
        .sum();
    let width = (widths / all.len() as f64).exp();
    let summary = format!("{kind}: {holds} of {} hold, {near} are near, {width:.2} wide", all.len());
    eprintln!("{summary}\n{}", lines.join("\n"));
    assert!(holds * 20 >= all.len() * 19 && near * 20 >= all.len() * 18, "{summary}\n{}", lines.join("\n"));
}

fn count(world: &World, table: &Resource) -> u64 {
    world.account().count(table.path().trim_start_matches("/api/")) as u64
}

#[tokio::test(start_paused = true)]
async fn twenty_accounts_are_forecast_before_their_first_load() {
    let (mut totals, mut each, mut alone) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..ACCOUNTS {
        let world = World::new(account(number));
        let names: Vec<&'static Resource> = tables().collect();
        let (told, sent) = forecast(&world, &names, Window::default()).await;
        assert!(sent <= MOST, "account {number}: {sent} requests");
        let mut total = Told { what: format!("account {number}"), guess: Guess::exactly(0), came: 0 };
        for (table, forecast) in names.iter().zip(&told) {
            if matches!(table.list, List::Whole { .. }) {
                continue;
            }
            let (guess, came) = (forecast.rows, count(&world, table));
            assert_eq!(forecast.wide.is_some(), guess.is_wide(), "account {number}: {}", table.name);
            total.guess = total.guess.plus(guess);
            total.came += came;
            each.push(Told { what: format!("account {number}, {}", table.name), guess, came });
        }
        totals.push(total);
        for table in names.into_iter().filter(|table| ["tickets", "customers"].contains(&table.name)) {
            let (told, sent) = forecast(&world, &[table], Window::default()).await;
            assert!(sent <= MOST, "account {number}: {sent} requests for {}", table.name);
            let what = format!("account {number}, {} alone in {sent} requests", table.name);
            alone.push(Told { what, guess: told[0].rows, came: count(&world, table) });
        }
        let account = world.account();
        let asked = account.requests().iter().map(|request| request.path.as_str());
        let small = tables().filter(|table| matches!(table.list, List::Whole { .. })).map(Resource::path);
        let small: Vec<&str> = small.collect();
        assert_eq!(asked.filter(|path| small.contains(path)).count(), 0, "small tables are not asked");
    }
    assert_told("all tables together", &totals);
    assert_told("tables alone", &alone);
    assert_told("each of all tables", &each);
}
