//! What may be done after a failed attempt, and how long to wait before it.
//!
//! All our requests are reads, so any of them may be repeated; the question is only whether it can help.

use std::time::Duration;

use super::{Response, TransportError, TransportErrorKind};

/// Attempts at one request before giving up, waits as told by the server not counted.
const ATTEMPTS: u32 = 8;
/// Attempts at a host that never answered in this run: most likely a typing error, so the user learns it soon.
const ATTEMPTS_UNSEEN: u32 = 3;
/// How often a server may tell us to wait, one request long. With waits of seconds that is many minutes.
const TOLD_TO_WAIT: u32 = 60;
/// The longest wait that a server can impose, in seconds: beyond it the clock of one of us is wrong.
const LONGEST_TOLD: u64 = 600;

/// How an attempt ended.
#[derive(Debug)]
pub enum Outcome {
    /// An answer worth reading.
    Good(Response),
    /// Trying again may help.
    Again(Again),
    /// Trying again cannot help.
    Final(Final),
}

/// A failure that may pass.
#[derive(Debug)]
pub struct Again {
    /// What was wrong.
    pub why: Why,
    /// How long the server asked us to wait.
    pub told: Option<Duration>,
}

/// What was wrong with an attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Too many requests, or the service is overloaded.
    #[error("HTTP {0}")]
    Status(u16),
    /// No complete answer.
    #[error("{0}")]
    Transport(String),
    /// No connection at all.
    #[error("{0}")]
    Connect(String),
    /// An answer that is not what was asked for.
    #[error("{0}")]
    Body(String),
}

/// A failure that stays.
#[derive(Debug)]
pub enum Final {
    /// The server's refusal.
    Status(Response),
    /// No trust.
    Tls(String),
}

/// Sorts an attempt.
#[must_use]
pub fn classify(attempt: Result<Response, TransportError>) -> Outcome {
    match attempt {
        Ok(response) => match response.status {
            200..=299 => Outcome::Good(response),
            429 | 503 => Outcome::Again(Again {
                why: Why::Status(response.status),
                told: response.retry_after.as_deref().and_then(told),
            }),
            408 | 425 | 500..=599 => Outcome::Again(Again { why: Why::Status(response.status), told: None }),
            _ => Outcome::Final(Final::Status(response)),
        },
        Err(error) => match error.kind {
            TransportErrorKind::Tls => Outcome::Final(Final::Tls(error.message)),
            TransportErrorKind::Connect => {
                Outcome::Again(Again { why: Why::Connect(error.message), told: None })
            }
            TransportErrorKind::Timeout | TransportErrorKind::Broken => {
                Outcome::Again(Again { why: Why::Transport(error.message), told: None })
            }
        },
    }
}

/// `Retry-After` in whole seconds. (The form with a date is not one Gorgias sends.)
fn told(header: &str) -> Option<Duration> {
    header.trim().parse::<u64>().ok().map(|seconds| Duration::from_secs(seconds.min(LONGEST_TOLD)))
}

/// Counts the attempts at one request.
#[derive(Debug, Default)]
pub struct Retries {
    failed: u32,
    waited: u32,
}

impl Retries {
    /// How long to wait before the next attempt; `None`: give up. `seen` tells whether the host has ever answered.
    pub fn next(&mut self, again: &Again, seen: bool, rng: &mut fastrand::Rng) -> Option<Duration> {
        if again.why == Why::Status(429) || again.told.is_some() {
            self.waited += 1;
            if self.waited >= TOLD_TO_WAIT {
                return None;
            }
            // A 429 that does not say how long, or says 0: a place is free again after half a second at the
            // slowest documented rate, so ask gently and more gently each time.
            let least = Duration::from_secs_f64((0.5 * f64::from(self.waited)).min(20.0));
            return Some(again.told.unwrap_or_default().max(least.min(Duration::from_secs(20))));
        }
        self.failed += 1;
        let most = if !seen && matches!(again.why, Why::Connect(_)) { ATTEMPTS_UNSEEN } else { ATTEMPTS };
        (self.failed < most).then(|| backoff(self.failed, rng))
    }

    /// Attempts made so far.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.failed + self.waited
    }
}

/// 0.5 s, doubling up to 30 s, of which a random half is left out so that many clients do not come back together.
fn backoff(failed: u32, rng: &mut fastrand::Rng) -> Duration {
    let full = (0.5 * f64::from(1u32 << (failed - 1).min(10))).min(30.0);
    Duration::from_secs_f64(full * (0.5 + 0.5 * rng.f64()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn again(status: u16, retry_after: Option<&str>) -> Again {
        let response =
            Response { status, retry_after: retry_after.map(str::to_owned), ..Response::default() };
        match classify(Ok(response)) {
            Outcome::Again(again) => again,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wait_that_was_told_is_kept_and_costs_no_attempt() {
        let (mut retries, mut rng) = (Retries::default(), fastrand::Rng::with_seed(1));
        for _ in 0..30 {
            assert_eq!(retries.next(&again(429, Some("25")), true, &mut rng), Some(Duration::from_secs(25)));
        }
        assert!(retries.next(&again(500, None), true, &mut rng).is_some());
    }

    #[test]
    fn a_429_without_or_with_a_useless_wait_still_waits() {
        for header in [None, Some("0"), Some("soon"), Some("-5")] {
            let (mut retries, mut rng) = (Retries::default(), fastrand::Rng::with_seed(1));
            assert!(retries.next(&again(429, header), true, &mut rng).unwrap() >= Duration::from_millis(500));
        }
        let (mut retries, mut rng) = (Retries::default(), fastrand::Rng::with_seed(1));
        let most = retries.next(&again(429, Some("99999999999")), true, &mut rng);
        assert_eq!(most, Some(Duration::from_secs(600)));
    }

    #[test]
    fn it_gives_up_at_last() {
        let (mut retries, mut rng) = (Retries::default(), fastrand::Rng::with_seed(1));
        let waits: Vec<_> = std::iter::from_fn(|| retries.next(&again(502, None), true, &mut rng)).collect();
        assert_eq!(waits.len(), 7);
        assert_eq!(retries.attempts(), 8);
        assert!(waits.iter().sum::<Duration>() > Duration::from_secs(25));
        let (mut retries, mut rng) = (Retries::default(), fastrand::Rng::with_seed(1));
        assert_eq!(std::iter::from_fn(|| retries.next(&again(429, None), true, &mut rng)).count(), 59);
    }

    #[test]
    fn an_unknown_host_is_given_up_soon_and_a_known_one_is_not() {
        let lost = || Again { why: Why::Connect("refused".into()), told: None };
        let mut rng = fastrand::Rng::with_seed(1);
        let mut count = |seen| {
            let mut retries = Retries::default();
            std::iter::from_fn(|| retries.next(&lost(), seen, &mut rng)).count()
        };
        assert_eq!((count(false), count(true)), (2, 7));
    }

    #[test]
    fn refusals_are_final() {
        for status in [301, 400, 401, 403, 404, 405, 409] {
            let outcome = classify(Ok(Response { status, ..Response::default() }));
            assert!(matches!(outcome, Outcome::Final(_)), "{status}");
        }
    }
}
