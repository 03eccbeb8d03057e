//! The account's request budget: a leaky bucket that follows what the API says about it.
//!
//! Gorgias allows 40 requests per 20 s to an API key (80 to an OAuth app; Enterprise in 10 s) and answers each
//! request with `X-Gorgias-Account-Api-Call-Limit: used/limit`, counted for everything that uses the account
//! (developers.gorgias.com/reference/limitations). So the bucket starts from 40 per 20 s, and each answer corrects
//! it: `limit` is its size, and `used` its level, which also shows what the merchant's other apps take. An account
//! that drains faster is noticed by `used` falling faster than expected, one that is shared by `used` being higher.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::{Listener, Signal};

/// The documented size for an API key, used until an answer says otherwise.
const SAFE_CAPACITY: f64 = 40.0;
/// The documented window of all but Enterprise accounts, in seconds: what the bucket drains in.
const SAFE_WINDOW: f64 = 20.0;

/// One bucket per account, shared by everything in the process that reads it.
#[derive(Debug)]
pub struct Limiter {
    bucket: Mutex<Bucket>,
    /// Waiters queue here, first come, first served.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct Bucket {
    capacity: f64,
    /// Requests per second that leak out.
    drain: f64,
    level: f64,
    at: Instant,
    /// Nothing is sent before this, because the API said so.
    closed_until: Option<Instant>,
    /// Requests whose answers are not here yet, so `used` may not count them.
    in_flight: u32,
}

impl Default for Limiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Limiter {
    /// An empty bucket of the safe size.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bucket: Mutex::new(Bucket {
                capacity: SAFE_CAPACITY,
                drain: SAFE_CAPACITY / SAFE_WINDOW,
                level: 0.0,
                at: Instant::now(),
                closed_until: None,
                in_flight: 0,
            }),
            turn: tokio::sync::Mutex::new(()),
        }
    }

    fn bucket(&self) -> std::sync::MutexGuard<'_, Bucket> {
        // A panic while holding it leaves numbers, and any numbers are corrected by the next answer.
        self.bucket.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Waits until one more request fits, and counts it.
    pub async fn acquire(&self, listener: &dyn Listener) {
        let _turn = self.turn.lock().await;
        loop {
            let wait = self.bucket().take(Instant::now());
            let Some(wait) = wait else { return };
            listener.hear(Signal::Budget(wait));
            tokio::time::sleep(wait).await;
        }
    }

    /// Learns from an answer's header; call it once for every request that was counted, `None` if no header came.
    pub fn answered(&self, header: Option<&str>, listener: &dyn Listener) {
        let reading = header.and_then(parse);
        self.bucket().answered(reading, Instant::now());
        if let Some((used, limit)) = reading {
            listener.hear(Signal::Used { used, limit });
        }
    }

    /// The API refused a request for want of budget: nothing is sent for this long.
    pub fn refused(&self, wait: Duration) {
        self.bucket().refused(Instant::now() + wait);
    }
}

impl Bucket {
    fn leak(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level - elapsed * self.drain).max(0.0);
        self.at = now;
    }

    /// Takes a place, or says how long to wait for one.
    fn take(&mut self, now: Instant) -> Option<Duration> {
        self.leak(now);
        if let Some(until) = self.closed_until {
            if now < until {
                return Some(until - now);
            }
            self.closed_until = None;
        }
        let over = self.level + 1.0 - self.capacity;
        if over > 0.0 {
            // A millisecond more, so that rounding never makes it wait twice.
            return Some(Duration::from_secs_f64(over / self.drain) + Duration::from_millis(1));
        }
        self.level += 1.0;
        self.in_flight += 1;
        None
    }

    fn answered(&mut self, reading: Option<(u32, u32)>, now: Instant) {
        self.leak(now);
        self.in_flight = self.in_flight.saturating_sub(1);
        let Some((used, limit)) = reading else { return };
        self.capacity = f64::from(limit);
        self.drain = self.capacity / SAFE_WINDOW;
        // `used` is a whole number, so the true level may be up to one higher; our own count is exact as long as
        // nobody else uses the account, so the lower of the two is safe when it is ours.
        let seen = f64::from(used) + 1.0 + f64::from(self.in_flight);
        self.level = if seen - 1.0 > self.level { seen } else { self.level.min(seen) };
    }

    fn refused(&mut self, until: Instant) {
        self.closed_until = Some(self.closed_until.map_or(until, |old| old.max(until)));
    }
}

/// `used/limit`. Nonsense is no reading: a limit of 0 would stop us for good, and more than twice as much in use as
/// there is cannot be.
fn parse(header: &str) -> Option<(u32, u32)> {
    let (used, limit) = header.split_once('/')?;
    let (used, limit): (u32, u32) = (used.trim().parse().ok()?, limit.trim().parse().ok()?);
    (limit > 0 && used <= limit.saturating_mul(2)).then_some((used, limit))
}

#[cfg(test)]
mod tests {
    use super::super::Deaf;
    use super::*;

    #[test]
    fn nonsense_is_no_reading() {
        assert_eq!(parse("5/80"), Some((5, 80)));
        assert_eq!(parse(" 10 / 40 "), Some((10, 40)));
        assert_eq!(parse("3/1000000"), Some((3, 1_000_000)));
        for header in ["", "5", "a/b", "5/0", "-1/40", "5/99999999999", "900/40"] {
            assert_eq!(parse(header), None, "{header}");
        }
    }

    /// Sends `count` requests to a server that drains `drain` a second; how long it took, and the fullest it got.
    async fn run(count: u32, capacity: f64, drain: f64, others: f64) -> (Duration, f64) {
        let limiter = Limiter::new();
        let start = Instant::now();
        let (mut level, mut at, mut fullest) = (0.0f64, start, 0.0f64);
        for _ in 0..count {
            limiter.acquire(&Deaf).await;
            level = (level - at.elapsed().as_secs_f64() * (drain - others)).max(0.0) + 1.0;
            at = Instant::now();
            fullest = fullest.max(level);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small count")]
            limiter.answered(Some(&format!("{}/{capacity}", level as u32)), &Deaf);
        }
        (start.elapsed(), fullest)
    }

    #[tokio::test(start_paused = true)]
    async fn the_whole_burst_is_used_and_the_rate_is_kept() {
        let (took, fullest) = run(200, 40.0, 2.0, 0.0).await;
        assert!(fullest <= 40.0 + 1e-9, "{fullest}");
        assert!((80.0..81.5).contains(&took.as_secs_f64()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_faster_account_is_used_faster() {
        let (took, fullest) = run(400, 80.0, 8.0, 0.0).await;
        assert!(fullest <= 80.0 + 1e-9, "{fullest}");
        assert!(took.as_secs_f64() < 48.0, "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_others_use_is_left_to_them() {
        let (took, fullest) = run(200, 40.0, 2.0, 1.0).await;
        assert!(fullest <= 41.0, "{fullest}");
        assert!((158.0..170.0).contains(&took.as_secs_f64()), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_closes_the_door_for_as_long_as_told() {
        let limiter = Limiter::new();
        limiter.refused(Duration::from_secs(7));
        let start = Instant::now();
        limiter.acquire(&Deaf).await;
        assert_eq!(start.elapsed(), Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_header_the_documented_rate_is_kept() {
        let limiter = Limiter::new();
        let start = Instant::now();
        for _ in 0..100 {
            limiter.acquire(&Deaf).await;
            limiter.answered(None, &Deaf);
        }
        assert!((30.0..30.5).contains(&start.elapsed().as_secs_f64()), "{:?}", start.elapsed());
    }
}
