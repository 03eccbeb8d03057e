//! The budget against a leaky bucket that knows the truth: other drains, other clients, slow and jittering networks.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::super::NoObserver;
use super::*;

#[test]
fn nonsense_is_no_reading() {
    let read = |header: &str| parse(header).map(|reading| (reading.used, reading.limit));
    assert_eq!(read("5/80"), Some((5, 80)));
    assert_eq!(read(" 10 / 40 "), Some((10, 40)));
    assert_eq!(read("3/1000000"), Some((3, 1_000_000)));
    for header in ["", "5", "a/b", "5/0", "-1/40", "5/99999999999", "900/40"] {
        assert_eq!(read(header), None, "{header}");
    }
}

#[test]
fn a_share_is_whole_percent() {
    for (text, percent) in [("70%", 70), ("70", 70), ("100%", 100), ("1%", 1), (" 5 % ", 5)] {
        assert_eq!(text.parse(), Ok(Share(percent)), "{text}");
    }
    for text in ["", "%", "0%", "101%", "-5%", "+5%", "0.7", "half", "70%%x"] {
        assert_eq!(text.parse::<Share>(), Err(NoShare), "{text}");
    }
}

/// How the API rounds `used`.
const LATER: Priority = Priority::Later { had: 0 };

#[derive(Debug, Clone, Copy)]
enum Rounding {
    Up,
    Down,
}

/// The API's side.
struct Api {
    capacity: f64,
    /// Seconds in which a full bucket drains.
    window: f64,
    rounding: Rounding,
    /// A client that sends so many requests at once, once in so many seconds.
    other: Option<(u32, f64)>,
    /// From so many seconds on.
    other_from: f64,
    level: f64,
    at: Instant,
    other_next: Option<Instant>,
    refused: u32,
    other_refused: u32,
    counted: u32,
}

impl Api {
    fn new(capacity: f64, window: f64) -> Self {
        Self {
            capacity,
            window,
            rounding: Rounding::Up,
            other: None,
            other_from: 0.0,
            level: 0.0,
            at: Instant::now(),
            other_next: None,
            refused: 0,
            other_refused: 0,
            counted: 0,
        }
    }

    fn drain_to(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level - elapsed * self.capacity / self.window).max(0.0);
        self.at = now;
    }

    fn fits(&mut self) -> bool {
        let fits = self.level + 1.0 <= self.capacity + 1e-6;
        self.level += f64::from(u8::from(fits));
        fits
    }

    /// A request of ours: the header, and whether it was let in.
    fn take(&mut self, now: Instant) -> (String, bool) {
        if let Some((burst, every)) = self.other {
            let start = self.at;
            let mut next = *self
                .other_next
                .get_or_insert(start + Duration::from_secs_f64(self.other_from + every / 3.0));
            while next <= now {
                self.drain_to(next);
                self.other_refused += (0..burst).filter(|_| !self.fits()).count() as u32;
                next += Duration::from_secs_f64(every);
            }
            self.other_next = Some(next);
        }
        self.drain_to(now);
        let fits = self.fits();
        *(if fits { &mut self.counted } else { &mut self.refused }) += 1;
        let used = match self.rounding {
            Rounding::Up => (self.level - 1e-6).ceil(),
            Rounding::Down => (self.level + 1e-6).floor(),
        };
        (format!("{used}/{}", self.capacity), fits)
    }
}

/// How the requests of a run are sent.
#[derive(Debug)]
struct Run {
    count: u32,
    /// Readers that have one request under way each.
    readers: usize,
    /// Seconds to an answer, from and to.
    latency: (f64, f64),
    /// How many of a thousand requests are late, and by how many seconds at most; each reader's first one always is, by a
    /// part of it, as it has to connect.
    late: (u32, f64),
    share: &'static str,
    seed: u64,
}

impl Default for Run {
    fn default() -> Self {
        Self { count: 200, readers: 1, latency: (0.0, 0.0), late: (0, 0.0), share: "100%", seed: 7 }
    }
}

/// Sends the requests; how many seconds it took.
async fn send(api: Api, run: Run) -> (f64, Api) {
    let limiter = Limiter::new();
    limiter.keep_to(run.share.parse().unwrap());
    let start = Instant::now();
    let api = Rc::new(RefCell::new(api));
    let left = RefCell::new(run.count);
    let rng = RefCell::new(fastrand::Rng::with_seed(run.seed));
    let half = || {
        let ((from, to), (often, late)) = (run.latency, run.late);
        let mut rng = rng.borrow_mut();
        let late = if rng.u32(0..2000) < often { late * rng.f64() } else { 0.0 };
        Duration::from_secs_f64((from + (to - from) * rng.f64()) / 2.0 + late)
    };
    let reader = || async {
        let mut connecting = Duration::from_secs_f64(run.late.1 / 4.0);
        loop {
            if *left.borrow() == 0 {
                return;
            }
            *left.borrow_mut() -= 1;
            loop {
                let ticket = limiter.acquire(LATER, &NoObserver).await;
                tokio::time::sleep(std::mem::take(&mut connecting) + half()).await;
                let (header, fits) = api.borrow_mut().take(Instant::now());
                tokio::time::sleep(half()).await;
                ticket.answered(Some(&header), &NoObserver);
                if fits {
                    break;
                }
                limiter.refused(Duration::from_secs(1));
            }
        }
    };
    futures_util::future::join_all((0..run.readers).map(|_| reader())).await;
    let Ok(api) = Rc::try_unwrap(api) else { panic!("all readers are done") };
    (start.elapsed().as_secs_f64(), api.into_inner())
}

#[tokio::test(start_paused = true)]
async fn the_whole_burst_is_used_and_the_rate_is_kept() {
    for rounding in [Rounding::Up, Rounding::Down] {
        let (took, api) = send(Api { rounding, ..Api::new(40.0, 20.0) }, Run::default()).await;
        assert_eq!(api.refused, 0);
        assert!((80.0..80.7).contains(&took), "{rounding:?}: {took}");
    }
}

/// Whichever of them is counted first. The answers are not all alike, as on a real machine; else all
/// levels would be whole numbers.
#[tokio::test(start_paused = true)]
async fn requests_that_are_sent_together_use_the_burst_to_the_brim() {
    for readers in [3, 4, 6] {
        let run = Run { readers, latency: (1.003, 1.015), ..Run::default() };
        let (took, api) = send(Api::new(40.0, 20.0), run).await;
        assert!(took <= (200.0 - 40.0) / 2.0 + 1.015 + 0.2, "{readers}: {took} s");
        assert_eq!(api.refused, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_allowed_more_is_used_to_its_limit() {
    for (capacity, window, latency, readers) in
        [(80.0, 20.0, 0.0, 1), (80.0, 10.0, 0.0, 2), (80.0, 10.0, 0.7, 12), (40.0, 10.0, 0.5, 8)]
    {
        let run = Run { count: 800, readers, latency: (latency, latency), ..Run::default() };
        let (took, api) = send(Api::new(capacity, window), run).await;
        let limit = (800.0 - capacity) * window / capacity;
        assert_eq!(api.refused, 0, "{capacity}/{window}");
        assert!(took <= limit * 1.03, "{capacity}/{window}, latency {latency}: {took}, limit {limit}");
    }
}

#[tokio::test(start_paused = true)]
async fn slow_and_uneven_answers_cost_neither_refusals_nor_the_rate() {
    for (latency, readers) in
        [((1.0, 1.0), 3), ((0.2, 0.9), 4), ((0.5, 3.0), 8), ((0.0, 0.05), 2), ((2.0, 6.0), 16)]
    {
        for rounding in [Rounding::Up, Rounding::Down] {
            let api = Api { rounding, ..Api::new(40.0, 20.0) };
            let (took, api) = send(api, Run { latency, readers, ..Run::default() }).await;
            assert_eq!(api.refused, 0, "{latency:?} {rounding:?}");
            // The limit, the last answer, and a jitter's worth of room.
            let most = 80.0 + latency.1 + 1.5 + (latency.1 - latency.0) * 1.5;
            assert!(took <= most, "{latency:?} {rounding:?}: {took}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn others_keep_their_room_and_we_use_what_they_leave() {
    for (other, latency, readers) in
        [((1, 1.0), 0.0, 1), ((1, 1.0), 0.7, 4), ((2, 2.0), 0.3, 2), ((1, 7.0), 0.1, 2)]
    {
        for rounding in [Rounding::Up, Rounding::Down] {
            let api = Api { other: Some(other), rounding, ..Api::new(40.0, 20.0) };
            let run = Run { count: 300, readers, latency: (latency, latency), ..Run::default() };
            let (took, api) = send(api, run).await;
            let left = 2.0 - f64::from(other.0) / other.1;
            let limit = (300.0 - 40.0) / left;
            let context = format!("{other:?} {latency} {rounding:?}");
            assert_eq!((api.refused, api.other_refused), (0, 0), "{context}");
            assert!(took <= limit * 1.05 + latency, "{context}: {took}, limit {limit}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn others_are_not_taken_for_a_slow_drain_nor_a_fast_drain_for_nobody() {
    let api = Api { other: Some((4, 1.0)), ..Api::new(80.0, 10.0) };
    let (took, api) = send(api, Run { count: 600, readers: 6, latency: (0.3, 0.3), ..Run::default() }).await;
    assert_eq!((api.refused, api.other_refused), (0, 0));
    let limit = (600.0 - 80.0) / 4.0;
    assert!(took <= limit * 1.05, "{took}, limit {limit}");
}

#[tokio::test(start_paused = true)]
async fn a_share_is_kept_of_burst_and_rate() {
    for (share, capacity, window, limit) in [
        ("50%", 40.0, 20.0, 180.0),
        ("25%", 40.0, 20.0, 380.0),
        ("70%", 80.0, 20.0, (200.0 - 56.0) / 2.8),
        ("50%", 80.0, 10.0, (200.0 - 40.0) / 4.0),
    ] {
        let (took, api) = send(Api::new(capacity, window), Run { share, readers: 2, ..Run::default() }).await;
        assert_eq!(api.refused, 0);
        assert!(
            (limit - 0.5..limit * 1.03 + 0.5).contains(&took),
            "{share} of {capacity}/{window}: {took}, {limit}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_drains_slower_than_documented_is_found_out_without_refusals() {
    let (took, api) = send(Api::new(40.0, 40.0), Run::default()).await;
    assert_eq!(api.refused, 0);
    assert!(took <= 168.0, "{took}");
}

#[tokio::test(start_paused = true)]
async fn bursts_of_others_are_refused_at_first_only() {
    for rounding in [Rounding::Up, Rounding::Down] {
        let api = || Api { other: Some((10, 10.0)), rounding, ..Api::new(40.0, 20.0) };
        let run = |count| Run { count, readers: 2, latency: (0.1, 0.1), ..Run::default() };
        let (_, short) = send(api(), run(200)).await;
        let (took, long) = send(api(), run(600)).await;
        assert!(short.other_refused <= 60, "{rounding:?}: {}", short.other_refused);
        assert_eq!(long.other_refused, short.other_refused, "{rounding:?}: in {took} s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_shrinks_is_obeyed_at_once_and_one_that_grows_when_it_is_confirmed() {
    let now = Instant::now();
    let places = |limits: &[u32]| {
        let mut bucket = Bucket::new(now);
        for (used, limit) in (1..).zip(limits) {
            let id = bucket.take(now).unwrap();
            bucket.answered(id, Some(RateHeader { used, limit: *limit }), now);
        }
        std::iter::from_fn(|| bucket.take(now).ok()).count() + limits.len()
    };
    // Two less: one for a request of somebody else, one that may hide in the rounding, and the margin.
    assert_eq!(places(&[40]), 37);
    assert_eq!(places(&[80]), 37);
    assert_eq!(places(&[80, 80]), 77);
    assert_eq!(places(&[80, 80, 40]), 37);
    assert_eq!(places(&[80, 80, 20]), 17);
    assert_eq!(places(&[80, 40, 80]), 37);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_closes_the_door_for_as_long_as_told_and_one_goes_first() {
    let limiter = Limiter::new();
    limiter.acquire(Priority::Soon, &NoObserver).await.answered(Some("1/40"), &NoObserver);
    limiter.refused(Duration::from_secs(7));
    let start = Instant::now();
    let first = limiter.acquire(Priority::Soon, &NoObserver).await;
    assert_eq!(start.elapsed(), Duration::from_secs(7));
    let second = limiter.acquire(Priority::Soon, &NoObserver);
    assert!(tokio::time::timeout(Duration::from_secs(5), second).await.is_err());
    first.answered(Some("40/40"), &NoObserver);
    let _second = limiter.acquire(Priority::Soon, &NoObserver).await;
    assert!(start.elapsed() >= Duration::from_secs(12));
}

#[tokio::test(start_paused = true)]
async fn without_a_header_the_documented_rate_is_kept() {
    let limiter = Limiter::new();
    let start = Instant::now();
    for _ in 0..100 {
        limiter.acquire(LATER, &NoObserver).await.answered(None, &NoObserver);
    }
    assert!((30.0..31.6).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn small_reads_go_first_and_long_ones_are_not_starved() {
    let limiter = Limiter::new();
    limiter.acquire(LATER, &NoObserver).await.answered(Some("40/40"), &NoObserver);
    let order = RefCell::new(String::new());
    let reader = |priority: Priority, name: char| {
        let (limiter, order) = (&limiter, &order);
        async move {
            for _ in 0..12 {
                limiter.acquire(priority, &NoObserver).await.answered(Some("40/40"), &NoObserver);
                order.borrow_mut().push(name);
            }
        }
    };
    tokio::join!(
        reader(LATER, 'l'),
        reader(LATER, 'l'),
        reader(Priority::Soon, 's'),
        reader(Priority::Soon, 's')
    );
    let order = order.into_inner();
    let (first, _) = order.split_at(20);
    assert_eq!(first.matches('s').count(), 16, "{order}");
}

#[tokio::test(start_paused = true)]
async fn of_long_ones_who_has_had_fewest_goes_first() {
    let limiter = Limiter::new();
    limiter.acquire(Priority::Soon, &NoObserver).await.answered(Some("40/40"), &NoObserver);
    let order = RefCell::new(String::new());
    let wait = |had, name| {
        let (limiter, order) = (&limiter, &order);
        async move {
            let ticket = limiter.acquire(Priority::Later { had }, &NoObserver).await;
            order.borrow_mut().push(name);
            ticket.answered(Some("40/40"), &NoObserver);
        }
    };
    tokio::join!(wait(7, 'a'), wait(5, 'b'), wait(7, 'c'), wait(6, 'd'));
    assert_eq!(order.into_inner(), "bdac");
}

#[tokio::test(start_paused = true)]
async fn what_may_be_sent_is_told_for_forecasts() {
    let limiter = Limiter::new();
    let send = async |header: &str| {
        limiter.acquire(Priority::Soon, &NoObserver).await.answered(Some(header), &NoObserver);
    };
    let allowed = || {
        let Allowance { rate, free, .. } = limiter.allowance();
        (rate, free)
    };
    assert!(matches!(allowed(), (2.0, 35.0..=40.0)), "the documented budget: {:?}", allowed());
    send("1/80").await;
    assert!(matches!(allowed(), (4.0, 70.0..=79.0)), "a size named once: {:?}", allowed());
    limiter.keep_to("50%".parse().unwrap());
    assert!(matches!(allowed(), (2.0, 38.0..=39.0)), "half of it: {:?}", allowed());
    limiter.keep_to(Share::WHOLE);
    for used in 2..=40 {
        send(&format!("{used}/80")).await;
    }
    assert!(matches!(allowed(), (4.0, 30.0..=40.0)), "what is in use: {:?}", allowed());
    tokio::time::sleep(Duration::from_secs(4)).await;
    // 32 have drained.
    send("9/80").await;
    assert!(matches!(allowed(), (8.0, 60.0..=71.0)), "a faster drain: {:?}", allowed());
}

#[tokio::test(start_paused = true)]
async fn a_reader_between_two_requests_counts_and_one_that_waits_for_its_destination_does_not() {
    let limiter = Arc::new(Limiter::new());
    let ticket = limiter.acquire(LATER, &NoObserver).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    ticket.answered(Some("1/40"), &NoObserver);
    let join = || Reader::join(Arc::clone(&limiter));
    // Two a second, each takes a second, and a little more.
    let (first, second, third) = (join(), join(), join());
    assert_eq!(first.concurrency(0, None), 1);
    drop(third);
    assert_eq!(first.concurrency(0, None), 2);
    let loading = second.held_up(tokio::time::sleep(Duration::from_secs(60)));
    let look = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(first.concurrency(0, None), 2);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert_eq!(first.concurrency(0, None), 3);
    };
    tokio::join!(loading, look);
    assert_eq!(first.concurrency(0, None), 2);
}

/// Others who come at the same time as we do, before anything of them can be known, may be refused once.
#[tokio::test(start_paused = true)]
async fn whatever_network_and_others_are_like_nobody_is_refused() {
    let seeds = 0..300;
    let (mut lost, mut alone, mut crowded) = (Vec::new(), Vec::new(), Vec::new());
    for seed in seeds {
        let mut rng = fastrand::Rng::with_seed(seed);
        let (capacity, window) = [(40.0, 20.0), (80.0, 20.0), (40.0, 10.0), (80.0, 10.0)][rng.usize(0..4)];
        let drain = capacity / window;
        let other = rng.bool().then(|| (1, 1.0 / (drain * (0.05 + 0.6 * rng.f64()))));
        let rounding = if rng.bool() { Rounding::Up } else { Rounding::Down };
        let level = if rng.bool() { 0.0 } else { 20.0 * rng.f64() };
        let api = Api { rounding, other, level, ..Api::new(capacity, window) };
        let from = if rng.bool() { 0.0 } else { rng.f64() };
        let run = Run {
            count: rng.u32(150..600),
            readers: rng.usize(1..9),
            latency: (from, from + if rng.bool() { 0.05 } else { rng.f64() }),
            late: if rng.bool() { (0, 0.0) } else { (rng.u32(1..60), 3.0 * rng.f64()) },
            seed,
            ..Run::default()
        };
        let context =
            format!("seed {seed}: {capacity}/{window} {rounding:?}, {level:.1} in it, {other:?}, {run:?}");
        let mean = f64::midpoint(run.latency.0, run.latency.1) + f64::from(run.late.0) / 2_000.0 * run.late.1;
        let (count, readers) = (f64::from(run.count), f64::from(u8::try_from(run.readers).unwrap()));
        let (took, api) = send(api, run).await;
        let left = drain - other.map_or(0.0, |(_, every)| 1.0 / every);
        let limit = ((count + level - capacity) / left).max(count * mean / readers);
        lost.push((took - limit) * left);
        if api.refused + api.other_refused > 0 {
            let refused = format!("{context}: {} of ours, {} of others", api.refused, api.other_refused);
            (if other.is_some() { &mut crowded } else { &mut alone }).push(refused);
        }
    }
    lost.sort_by(f64::total_cmp);
    eprintln!("places lost: median {:.1}; refused beside others: {crowded:#?}", lost[lost.len() / 2]);
    assert!(alone.is_empty(), "{alone:#?}");
    assert!(crowded.len() * 30 <= lost.len(), "{} of {}: {crowded:#?}", crowded.len(), lost.len());
    assert!(lost[lost.len() / 2] < 4.5, "{lost:?}");
}
