//! What may be done after a failed attempt, and how long to wait before it.
//!
//! All our requests are reads, so any of them may be repeated; the question is only whether it can help.

use std::time::Duration;

use super::{Response, TransportError, TransportErrorKind, when};
use crate::model::Micros;

/// Attempts at one request before giving up, waits as told by the server not counted.
const ATTEMPTS: u32 = 8;
/// Attempts at a host that never answered in this run: most likely a typing error, so the user learns it soon.
const ATTEMPTS_UNSEEN: u32 = 3;
/// How often a server may tell us to wait, one request long.
const TOLD_TO_WAIT: u32 = 60;
/// How long a server may keep one request waiting, all in all. Beyond it a run had better end, and come back later: what
/// it has read is stored, and whoever started it learns when.
pub(super) const LONGEST_TOLD: Duration = Duration::from_secs(15 * 60);

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
    /// A refusal that came with that wait: what is told if it does not pass.
    pub refusal: Option<Response>,
}

impl Again {
    /// A failure without a word about when to come back.
    #[must_use]
    pub fn soon(why: Why) -> Self {
        Self { why, told: None, refusal: None }
    }
}

/// What was wrong with an attempt.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Too many requests, or the service is overloaded.
    #[error("HTTP {0}")]
    Status(u16),
    /// A refusal that is a page of some website, while the API answers otherwise.
    #[error("HTTP {0} with a web page in the place of the API's answer")]
    Page(u16),
    /// No complete answer.
    #[error("{0}")]
    Transport(String),
    /// No connection at all.
    #[error("{0}")]
    Connect(String),
    /// No host of that name.
    #[error("{0}")]
    NoSuchHost(String),
    /// No answer began in time.
    #[error("{0}")]
    Timeout(String),
    /// An answer that is not what was asked for.
    #[error("{0}")]
    Body(String),
}

impl Why {
    /// Whether it is what an outage looks like, of the network or of what stands before the API.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Timeout(_) | Self::Status(502..=504))
    }

    /// Whether nothing was heard of the host at all.
    #[must_use]
    pub fn is_silence(&self) -> bool {
        matches!(self, Self::Transport(_) | Self::NoSuchHost(_))
    }
}

/// A failure that stays.
#[derive(Debug)]
pub enum Final {
    /// The server's refusal.
    Status(Response),
    /// No trust.
    Tls(String),
    /// More than any answer should have.
    TooLarge(String),
}

/// What sorting an attempt takes beside it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    /// The time.
    pub now: Option<Micros>,
    /// Whether the host has answered with JSON before: then it is the API, and the credentials are fine.
    pub speaks: bool,
}

/// Sorts an attempt.
#[must_use]
pub fn classify(attempt: Result<Response, TransportError>, known: Known) -> Outcome {
    match attempt {
        Ok(response) => answered(response, known),
        Err(error) => match error.kind {
            TransportErrorKind::Tls => Outcome::Final(Final::Tls(error.message)),
            TransportErrorKind::TooLarge => Outcome::Final(Final::TooLarge(error.message)),
            TransportErrorKind::Connect => Outcome::Again(Again::soon(Why::Connect(error.message))),
            TransportErrorKind::NoSuchHost => Outcome::Again(Again::soon(Why::NoSuchHost(error.message))),
            TransportErrorKind::Timeout => Outcome::Again(Again::soon(Why::Timeout(error.message))),
            TransportErrorKind::Broken => Outcome::Again(Again::soon(Why::Transport(error.message))),
        },
    }
}

/// Only 200 is the answer to a GET. 203 was changed on its way, 206 is a part of it, and the others have none.
fn answered(response: Response, known: Known) -> Outcome {
    let status = response.status;
    let told = when::told(&response, known.now);
    match status {
        200 => Outcome::Good(response),
        201..=299 | 408 | 425 | 429 | 500..=599 => {
            Outcome::Again(Again { why: Why::Status(status), told, refusal: None })
        }
        // Whoever says when to come back does not refuse for good.
        400..=499 if told.is_some_and(|told| !told.is_zero()) => {
            Outcome::Again(Again { why: Why::Status(status), told, refusal: Some(response) })
        }
        400..=499 if known.speaks && response.is_page() => Outcome::Again(Again::soon(Why::Page(status))),
        _ => Outcome::Final(Final::Status(response)),
    }
}

/// Counts the attempts at one request.
#[derive(Debug, Default)]
pub struct Retries {
    failed: u32,
    waited: u32,
    /// Attempts during an outage that is ridden out.
    ridden: u32,
    /// The sum of the waits that the server asked for.
    kept: Duration,
}

impl Retries {
    /// How long to wait before the next attempt; `None`: give up. `seen` tells whether the host has ever answered.
    pub fn next(&mut self, again: &Again, seen: bool, rng: &mut fastrand::Rng) -> Option<Duration> {
        if again.why == Why::Status(429) || again.told.is_some() {
            self.waited += 1;
            // A 429 that does not say how long, or says 0: a place is free again after half a second at the
            // slowest documented rate, so ask gently and more gently each time.
            let least = Duration::from_secs_f64((0.5 * f64::from(self.waited)).min(20.0));
            let wait = again.told.unwrap_or_default().max(least);
            self.kept = self.kept.saturating_add(wait);
            return (self.waited < TOLD_TO_WAIT && self.kept <= LONGEST_TOLD).then_some(wait);
        }
        self.failed += 1;
        let most = if !seen && matches!(again.why, Why::Connect(_) | Why::NoSuchHost(_)) {
            ATTEMPTS_UNSEEN
        } else {
            ATTEMPTS
        };
        (self.failed < most).then(|| backoff(self.failed, rng))
    }

    /// The same in an outage, of which this is left.
    pub(super) fn ride(&mut self, left: Duration, rng: &mut fastrand::Rng) -> Option<Duration> {
        self.ridden += 1;
        (!left.is_zero()).then(|| backoff(self.ridden, rng).min(left))
    }

    /// Attempts made so far.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.failed + self.waited + self.ridden
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

    fn outcome(status: u16, retry_after: Option<&str>, body: &'static str, speaks: bool) -> Outcome {
        let response = Response {
            status,
            retry_after: retry_after.map(str::to_owned),
            body: body.into(),
            ..Response::default()
        };
        classify(Ok(response), Known { now: None, speaks })
    }

    fn again(status: u16, retry_after: Option<&str>) -> Again {
        match outcome(status, retry_after, "", true) {
            Outcome::Again(again) => again,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_wait_that_was_told_is_kept_and_costs_no_attempt() {
        for (status, header, wait) in [
            (429, "25", 25_000),
            (503, "1.5", 1_500),
            (500, "7", 7_000),
            (403, "9", 9_000),
            (202, "3", 3_000),
        ] {
            let (mut retries, mut rng) = (Retries::default(), fastrand::Rng::with_seed(1));
            for _ in 0..3 {
                let next = retries.next(&again(status, Some(header)), true, &mut rng);
                assert_eq!(next, Some(Duration::from_millis(wait)), "{status}");
            }
            assert!(retries.next(&again(500, None), true, &mut rng).is_some());
        }
    }

    #[test]
    fn a_429_without_or_with_a_useless_wait_still_waits() {
        for header in [None, Some("0"), Some("soon"), Some("-5")] {
            let (mut retries, mut rng) = (Retries::default(), fastrand::Rng::with_seed(1));
            assert!(retries.next(&again(429, header), true, &mut rng).unwrap() >= Duration::from_millis(500));
        }
    }

    #[test]
    fn nobody_waits_for_more_than_a_quarter_of_an_hour() {
        let waits = |header: &str| {
            let (mut retries, mut rng) = (Retries::default(), fastrand::Rng::with_seed(1));
            std::iter::from_fn(|| retries.next(&again(503, Some(header)), true, &mut rng)).count()
        };
        for (header, count) in
            [("25", 36), ("600", 1), ("900", 1), ("901", 0), ("900.1", 0), ("99999999999", 0), ("450", 2)]
        {
            assert_eq!(waits(header), count, "{header}");
        }
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
        let lost = || Again::soon(Why::Connect("refused".into()));
        let mut rng = fastrand::Rng::with_seed(1);
        let mut count = |seen| {
            let mut retries = Retries::default();
            std::iter::from_fn(|| retries.next(&lost(), seen, &mut rng)).count()
        };
        assert_eq!((count(false), count(true)), (2, 7));
    }

    #[test]
    fn only_200_is_an_answer() {
        for status in [201, 202, 203, 204, 206, 226] {
            assert!(matches!(outcome(status, None, "{}", true), Outcome::Again(_)), "{status}");
        }
        assert!(matches!(outcome(200, Some("5"), "{}", true), Outcome::Good(_)));
    }

    #[test]
    fn refusals_are_final() {
        for status in [301, 304, 400, 401, 403, 404, 405, 409] {
            for retry_after in [None, Some("0")] {
                let outcome = outcome(status, retry_after, r#"{"error":{"msg":"no"}}"#, true);
                assert!(matches!(outcome, Outcome::Final(_)), "{status}");
            }
        }
    }

    /// A bot check or the error page of a proxy, in the middle of a run that goes well.
    #[test]
    fn a_page_is_no_refusal_of_an_api_that_has_answered() {
        for status in [400, 401, 403, 404] {
            for (body, speaks, passes) in [
                ("\n <!DOCTYPE html><title>Just a moment...</title>", true, true),
                ("<html>", false, false),
                (r#"{"error":{"msg":"no"}}"#, true, false),
                ("", true, false),
            ] {
                let again = matches!(outcome(status, None, body, speaks), Outcome::Again(_));
                assert_eq!(again, passes, "{status} {body}");
            }
        }
    }
}
