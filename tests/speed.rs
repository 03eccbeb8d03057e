//! At the rate that the account allows, on a paused clock: how long runs take, how many requests they make, and that
//! none of them is refused.

use std::time::Duration;

use gorgias_sim::{Bucket, Cursors, Options};
use tokio::time::Instant;

use crate::support::world::{Death, FOUR, LISTS, World};

/// An account with this many rows in one table, and little else.
fn rows(table: &str, count: usize) -> Options {
    let few = Options {
        tickets: 30,
        customers: 30,
        messages: 90,
        surveys: 10,
        max_body: 500,
        ..Options::default()
    };
    match table {
        "tickets" => Options { tickets: count, ..few },
        "customers" => Options { customers: count, ..few },
        "ticket_messages" => Options { messages: count, ..few },
        _ => Options { surveys: count, tickets: count, ..few },
    }
}

/// Loads a table for the first time: seconds, and requests.
async fn load(options: Options, latency: f64, table: &str) -> (f64, f64) {
    load_with(options, latency, table, &[]).await
}

async fn load_with(options: Options, latency: f64, table: &str, flags: &[&str]) -> (f64, f64) {
    let latency = Duration::from_secs_f64(latency);
    let world = World { latency, flush_rows: 100_000, ..World::new(options) };
    let start = Instant::now();
    let receipt = world.ingest(table, flags).await.unwrap();
    let took = start.elapsed().as_secs_f64();
    world.assert_equal(table, "first load");
    assert_eq!(refused(&world), 0, "{table}: no 429 in a clean run");
    assert_eq!(world.account().other_client().refused, 0, "{table}: nor for another client, as by itself");
    eprintln!("{table}, {latency:?} an answer: {took:.1} s, {} requests", receipt.requests);
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    (took, receipt.requests as f64)
}

fn refused(world: &World) -> usize {
    world.account().requests().iter().filter(|request| request.status == 429).count()
}

/// 200 pages; a last catch-up and the events come on top, for messages a look at tickets, half a page where two walks meet,
/// and a look at the other end of the list, without which nobody could say how long it will take.
#[tokio::test(start_paused = true)]
async fn two_hundred_pages_take_what_the_rate_allows_however_slow_the_answers() {
    for (table, _) in LISTS {
        let slow = match table {
            "ticket_messages" => (1.0, 84.0, 205.0),
            "satisfaction_surveys" => (1.0, 84.0, 204.0),
            _ => (1.0, 84.5, 205.0),
        };
        for (latency, most, requests) in [(0.0, 82.5, 204.0), slow] {
            let (took, sent) = load(rows(table, 20_000), latency, table).await;
            assert!(sent <= requests, "{table}, {latency} s an answer: {sent} requests");
            assert!(took <= most, "{table}, {latency} s an answer: {took} s");
            // What was sent, at the rate; then the last answers.
            let limit = (sent - 40.0) / 2.0;
            assert!(took <= limit + 1.0 + 1.5 * latency, "{table}, {latency} s an answer: {took} s, {limit}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_short_table_is_read_within_the_burst_even_if_answers_are_slow() {
    let (took, sent) = load(rows("customers", 3_000), 1.0, "customers").await;
    // One walk after another would take 33 s, two take 17.
    assert!(took <= 14.0 && sent <= 37.0, "{took} s, {sent} requests");
}

#[tokio::test(start_paused = true)]
async fn an_enterprise_account_is_read_at_its_own_rate() {
    let bucket = Bucket { capacity: 80, window: Duration::from_secs(10) };
    let (took, sent) = load(Options { bucket, ..rows("customers", 40_000) }, 0.3, "customers").await;
    let limit = (sent - 80.0) / 8.0;
    assert!(took <= limit * 1.03 + 1.5, "{took} s, {limit}");
}

#[tokio::test(start_paused = true)]
async fn a_share_of_the_budget_is_kept() {
    for (flag, capacity, rate) in [("50%", 20.0, 1.0), ("70", 28.0, 1.4)] {
        let flags = ["--budget", flag];
        let (took, sent) = load_with(rows("customers", 12_000), 0.1, "customers", &flags).await;
        let limit = (sent - capacity) / rate;
        assert!((limit - 1.0..limit * 1.03).contains(&took), "{flag}: {took} s, {limit}");
    }
}

/// It is left room at any time, which weighs most in short runs.
#[tokio::test(start_paused = true)]
async fn what_another_client_leaves_is_used() {
    for (count, latency) in [(12_000, 0.3), (16_000, 0.5)] {
        let options = Options { other_client_rate: 1.0, ..rows("customers", count) };
        let (took, sent) = load(options, latency, "customers").await;
        let limit = sent - 40.0;
        assert!(took <= limit * 1.05, "{took} s, {limit}");
    }
}

/// Four tables of 240 pages each in one command: seconds, and requests.
async fn load_four(bucket: Bucket, latency: f64) -> (f64, f64) {
    let rows = 24_000;
    let options = Options {
        customers: rows,
        tickets: rows,
        messages: rows,
        surveys: rows,
        max_body: 500,
        bucket,
        ..Options::default()
    };
    let latency = Duration::from_secs_f64(latency);
    let world = World { latency, flush_rows: 100_000, ..World::new(options) };
    let start = Instant::now();
    let ends = world.ingest_all(FOUR, &[], None).await.expect("nobody died").unwrap();
    let took = start.elapsed().as_secs_f64();
    for (end, (table, _)) in ends.iter().zip(LISTS) {
        assert!(end.failure.is_none(), "{table}: {:?}", end.failure);
        world.assert_equal(table, "all at once");
    }
    assert_eq!(refused(&world), 0, "no 429 in a clean run");
    #[expect(clippy::cast_precision_loss, reason = "a thousand")]
    let sent = world.requests() as f64;
    eprintln!("four tables, {bucket:?}, {latency:?} an answer: {took:.1} s, {sent} requests");
    (took, sent)
}

#[tokio::test(start_paused = true)]
async fn four_tables_share_the_rate_and_begin_no_walk_that_is_not_needed() {
    let (took, sent) = load_four(Bucket::default(), 0.7).await;
    assert!(sent <= 972.0 && took <= 467.0, "{took} s, {sent} requests");
}

#[tokio::test(start_paused = true)]
async fn four_tables_share_a_higher_rate() {
    let bucket = Bucket { capacity: 80, window: Duration::from_secs(10) };
    let (took, sent) = load_four(bucket, 0.7).await;
    assert!(sent <= 976.0 && took <= (sent - 80.0) / 8.0 * 1.03, "{took} s, {sent} requests");
}

/// What the newest rows show of changes may be old, and much may have changed since. It is not read twice.
#[tokio::test(start_paused = true)]
async fn an_account_that_nobody_uses_any_more_costs_no_more() {
    let world = World { flush_rows: 100_000, ..World::new(rows("customers", 6_000)) };
    world.pass(Duration::from_secs(90 * 86_400)).await;
    let receipt = world.ingest("customers", &[]).await.unwrap();
    world.assert_equal("customers", "first load");
    assert!(receipt.requests <= 63, "{} requests", receipt.requests);
}

/// Cursors that cannot be made cost a request or none, and the two walks that are documented do it all.
#[tokio::test(start_paused = true)]
async fn without_cursors_of_our_own_the_two_walks_do_it_all() {
    for (cursors, tries) in [(Cursors::Opaque, 0.0), (Cursors::Strict, 1.0), (Cursors::Forgetful, 1.0)] {
        let (took, sent) = load(Options { cursors, ..rows("customers", 6_000) }, 1.0, "customers").await;
        assert!(sent <= 64.0 + tries, "{cursors:?}: {sent} requests");
        assert!(took <= 36.0, "{cursors:?}: {took} s");
    }
}

/// Walks from the middle are stored as all others are.
#[tokio::test(start_paused = true)]
async fn a_killed_load_of_many_walks_goes_on_where_it_was() {
    let options = || rows("customers", 20_000);
    let world = World { latency: Duration::from_secs(1), flush_rows: 100, ..World::new(options()) };
    let death = Death::BeforeRequest(184);
    assert!(world.ingest_until("customers", &[], Some(death)).await.is_none());
    let walks = world.memory.table("main.customers").state.unwrap().source.0.matches("\"first\":").count();
    assert!(walks >= 1, "no walk began in the middle");
    let before = world.requests();
    world.ingest("customers", &[]).await.unwrap();
    world.assert_equal("customers", "after a kill");
    let asked = world.requests() - before;
    assert!(asked * 100 <= 204 * 12, "{asked} requests");
}
