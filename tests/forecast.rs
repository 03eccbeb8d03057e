//! Whether what is forecast is what comes: accounts of many shapes, looked at first and read then.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use gorgias_sim::{Cursor, Cursors, DAY, Key, Options};
use ingestr::api::http::{NoObserver, Request, Response, Transport, TransportError};
use ingestr::api::model::{Micros, State};
use ingestr::api::source::gorgias::{Gorgias, TABLES};
use ingestr::api::source::{Forecast, Late, Outside, Overlap, ReadRequest, Source as _, Wide, Window};

use crate::support::transport::SimTransport;
use crate::support::world::{LISTS, URI, World};

fn account(seed: u64) -> Options {
    let mut rng = fastrand::Rng::with_seed(seed);
    let tickets = rng.usize(150..1_500);
    let end = Options::default().end;
    Options {
        seed,
        tickets,
        customers: rng.usize(50..1_000),
        messages: tickets * rng.usize(1..4),
        surveys: rng.usize(0..tickets / 2),
        start: end - rng.i64(20..700) * DAY,
        max_body: 500,
        unlimited: true,
        ..Options::default()
    }
}

/// What each table's read from `states` would take, and how many requests it took to find out.
async fn forecast(world: &World, window: Window, states: &[Option<State>]) -> Vec<Forecast> {
    forecast_over(world, Arc::new(world.transport()), window, states).await
}

async fn forecast_over(
    world: &World,
    transport: Arc<dyn Transport>,
    window: Window,
    states: &[Option<State>],
) -> Vec<Forecast> {
    let source = Gorgias::with_transport(URI, transport, 1).unwrap();
    let requests = TABLES.iter().zip(states).map(|(table, from)| ReadRequest {
        table,
        window,
        outside: Outside::Dropped,
        from: from.clone(),
        overlap: Overlap::Wide,
        lookback: None,
        rescan: Some(std::time::Duration::from_secs(86_400)),
        refresh_small: std::time::Duration::ZERO,
        confirmed: false,
        replaces: false,
        late: Late::ChangesAndDeletions,
        now: Micros(world.clock.now()),
    });
    let before = world.requests();
    let forecasts = source.forecast(requests.collect(), Arc::new(NoObserver)).await;
    let sent = world.requests() - before;
    assert!(sent <= 40, "{sent} requests");
    forecasts.into_iter().map(Result::unwrap).collect()
}

/// An account whose ids have nothing to do with the order of creation.
#[derive(Debug)]
struct Scattered(SimTransport);

impl Transport for Scattered {
    fn get(&self, request: Request) -> BoxFuture<'_, Result<Response, TransportError>> {
        Box::pin(async move {
            let mut response = self.0.get(request).await?;
            let mut list: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
            // Rows of one time stay in their order, which is part of that of the list.
            let elsewhere = |at: i64, id: i64| at % 7_919 * 100_000 + id % 100_000;
            for row in list["data"].as_array_mut().unwrap() {
                let at = gorgias_sim::parse(row["created_datetime"].as_str().unwrap()).unwrap();
                row["id"] = elsewhere(at, row["id"].as_i64().unwrap()).into();
            }
            let next =
                list["meta"]["next_cursor"].as_str().and_then(|text| Cursor::decode(text, &Key::Time(0)));
            if let Some(Cursor { key: Key::Time(at), id, forward }) = next {
                let cursor = Cursor { key: Key::Time(at), id: elsewhere(at, id), forward };
                list["meta"]["next_cursor"] = cursor.encode().into();
            }
            response.body = serde_json::to_vec(&list).unwrap().into();
            Ok(response)
        })
    }
}

/// How wrong a guess was, as a factor of at least 1.
fn off(guessed: u64, came: u64) -> f64 {
    let (a, b) = (guessed.max(1) as f64, came.max(1) as f64);
    (a / b).max(b / a)
}

#[tokio::test(start_paused = true)]
async fn first_loads_take_about_what_was_forecast() {
    let (mut outside, mut factors) = (0, Vec::new());
    let seeds = 0..12;
    for seed in seeds {
        let world = World::new(account(seed));
        let forecasts = forecast(&world, Window::default(), &vec![None; 4]).await;
        for ((table, list), forecast) in LISTS.into_iter().zip(forecasts) {
            let receipt = world.ingest(table, &[]).await.unwrap();
            let rows = world.account().count(list) as u64;
            if forecast.rows.is_exact() {
                assert_eq!(forecast.rows.about, rows, "seed {seed}: {table}");
            }
            let wanted = forecast.requests;
            factors.push(off(wanted.about, receipt.requests));
            if receipt.requests < wanted.least || wanted.most.is_some_and(|most| receipt.requests > most) {
                eprintln!(
                    "seed {seed}: {table}: {wanted:?} forecast, {} came, by {:?}",
                    receipt.requests, forecast.basis
                );
                outside += 1;
            }
        }
    }
    factors.sort_by(f64::total_cmp);
    let (half, worst) = (factors[factors.len() / 2], factors[factors.len() * 95 / 100]);
    assert!(outside <= factors.len() / 20, "{outside} of {} outside of their range", factors.len());
    assert!(half < 1.2 && worst < 2.0, "half of them within {half}, 95 % within {worst}");
}

#[tokio::test(start_paused = true)]
async fn ids_that_do_not_grow_do_no_harm() {
    let (mut outside, mut factors) = (0, Vec::new());
    for seed in 0..12 {
        let world = World::new(account(seed));
        let scattered = Arc::new(Scattered(world.transport()));
        let forecasts = forecast_over(&world, scattered, Window::default(), &vec![None; 4]).await;
        for ((table, list), forecast) in LISTS.into_iter().zip(forecasts) {
            let (rows, guess) = (world.account().count(list) as u64, forecast.rows);
            if guess.is_exact() {
                continue;
            }
            if rows < guess.least || guess.most.is_some_and(|most| rows > most) {
                eprintln!(
                    "seed {seed}: {table}: {guess:?} forecast, {rows} are there, by {:?}",
                    forecast.basis
                );
                outside += 1;
            }
            factors.push(off(guess.about, rows));
        }
    }
    factors.sort_by(f64::total_cmp);
    let (all, half, worst) = (factors.len(), factors[factors.len() / 2], factors[factors.len() * 90 / 100]);
    assert!(all > 20 && outside <= all / 20, "{outside} of {all} outside of their range");
    assert!(half < 1.2 && worst < 1.5, "half of them within {half}, 90 % within {worst}: {factors:?}");
}

/// Where pages cannot be read at a date, both ends are all there is.
#[tokio::test(start_paused = true)]
async fn without_cursors_of_our_own_the_range_is_wide_and_says_why() {
    let (mut outside, mut all) = (0, 0);
    for (seed, cursors) in
        (0..12).zip([Cursors::Opaque, Cursors::Strict, Cursors::Forgetful].into_iter().cycle())
    {
        let world = World::new(Options { cursors, ..account(seed) });
        let forecasts = forecast(&world, Window::default(), &vec![None; 4]).await;
        for ((table, list), forecast) in LISTS.into_iter().zip(forecasts) {
            let (rows, guess) = (world.account().count(list) as u64, forecast.rows);
            if guess.is_exact() {
                continue;
            }
            let why = guess.is_wide().then_some(Wide::Ends);
            assert_eq!(forecast.wide, why, "seed {seed}: {table}: {guess:?}");
            all += 1;
            if rows < guess.least || guess.most.is_some_and(|most| rows > most) {
                eprintln!("seed {seed}: {table}: {guess:?} forecast, {rows} are there");
                outside += 1;
            }
        }
    }
    assert!(all > 20 && outside <= all / 10, "{outside} of {all} outside of their range");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_finds_nothing_new_is_forecast_exactly_but_for_what_shows_no_sign() {
    let world = World::new(account(3));
    for (table, _) in LISTS {
        world.ingest(table, &[]).await.unwrap();
    }
    let states: Vec<_> =
        LISTS.iter().map(|(table, _)| world.memory.table(&format!("main.{table}")).state).collect();
    let forecasts = forecast(&world, Window::default(), &states).await;
    for ((table, _), forecast) in LISTS.into_iter().zip(forecasts) {
        let receipt = world.ingest(table, &[]).await.unwrap();
        let requests = forecast.requests;
        assert!(
            (requests.least..=requests.most.unwrap()).contains(&receipt.requests),
            "{table}: {requests:?} forecast, {} came",
            receipt.requests
        );
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_left_of_a_killed_first_load_is_told_from_what_was_read() {
    let mut world = World::new(Options { tickets: 3_000, messages: 3_000, ..account(5) });
    world.flush_rows = 200;
    let death = Some(crate::support::world::Death::BeforeRequest(14));
    assert!(world.ingest_until("tickets", &[], death).await.is_none());
    let state = world.memory.table("main.tickets").state;
    let states = [None, state, None, None];
    let forecast = forecast(&world, Window::default(), &states).await.remove(1);
    let receipt = world.ingest("tickets", &[]).await.unwrap();
    let requests = forecast.requests;
    assert!(
        (requests.least..=requests.most.unwrap()).contains(&receipt.requests),
        "{requests:?} forecast, {} came",
        receipt.requests
    );
}

#[tokio::test(start_paused = true)]
async fn the_receipt_compares_what_was_expected_early_with_what_came() {
    let mut world = World::new(Options { tickets: 4_000, messages: 4_000, unlimited: false, ..account(7) });
    world.latency = Duration::from_millis(300);
    let receipt = world.ingest("tickets", &[]).await.unwrap();
    let expected = receipt.expected.expect("a long run");
    assert!(expected.after * 3 <= receipt.pages, "{expected:?}");
    assert!(off(expected.pages, receipt.pages) < 1.5, "{expected:?}, {} came", receipt.pages);
    let (guessed, came) = (expected.elapsed.as_secs(), receipt.elapsed.as_secs());
    assert!(off(guessed, came) < 1.6, "{expected:?}, {came} s came");
    let short = world.ingest("satisfaction_surveys", &[]).await.unwrap();
    assert!(short.expected.is_none() || short.pages > 10, "{short:?}");
}

/// Of first loads of all tables, imports at the oldest end included.
#[tokio::test(start_paused = true)]
async fn what_is_expected_after_the_first_pages_is_about_what_comes() {
    let (mut pages, mut times) = (Vec::new(), Vec::new());
    for seed in 0..8 {
        let options = account(seed);
        let options = Options {
            tickets: options.tickets * 4,
            messages: options.messages * 4,
            unlimited: false,
            ..options
        };
        let world = World { latency: Duration::from_millis(500), ..World::new(options) };
        for table in ["tickets", "ticket_messages"] {
            let receipt = world.ingest(table, &[]).await.unwrap();
            let Some(expected) = receipt.expected else { continue };
            let (guessed, came) = (expected.elapsed.as_secs(), receipt.elapsed.as_secs());
            eprintln!("seed {seed}: {table}: {expected:?}, {} pages and {came} s came", receipt.pages);
            pages.push(off(expected.pages, receipt.pages));
            times.push(off(guessed, came));
        }
    }
    // Short runs end within the burst, and vary more.
    for (mut factors, half) in [(pages, 1.2), (times, 1.3)] {
        factors.sort_by(f64::total_cmp);
        assert!(factors.len() >= 10, "{factors:?}");
        assert!(factors[factors.len() / 2] < half && factors[factors.len() * 85 / 100] < 2.0, "{factors:?}");
    }
}

/// Tables that share the rate need one walk each, which does not show where its list ends.
#[tokio::test(start_paused = true)]
async fn a_long_load_of_several_tables_looks_where_it_ends() {
    let rows = 34_000;
    let options = Options {
        customers: rows,
        tickets: rows,
        messages: 100,
        surveys: 100,
        max_body: 100,
        ..Options::default()
    };
    let world = World { latency: Duration::from_millis(500), flush_rows: 100_000, ..World::new(options) };
    let ends = world.ingest_all("customers,tickets", &[], None).await.expect("nobody died").unwrap();
    for (end, (table, list)) in ends.iter().zip(LISTS) {
        world.assert_equal(table, "first load");
        let receipt = end.receipt.as_ref().expect("it ran");
        let account = world.account();
        let sent = account.requests().iter().filter(|request| request.path.ends_with(list));
        let from_the_end = sent.filter(|request| request.query.ends_with("Aasc")).count();
        assert_eq!(from_the_end, 1, "{table}");
        // 340 pages, a catch-up, the events, and where the walks meet.
        assert!(receipt.requests <= 346, "{table}: {} requests", receipt.requests);
    }
}
