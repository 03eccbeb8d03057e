//! What is known of the account's bucket: how full it is, how big, how fast it drains, and who else fills it.
//!
//! Each request carries what the level should be once the API has counted it. The answer's `used` is compared with
//! that, so answers may come late and in any order: a correction moves the level and what is expected of the requests
//! still under way. `used` is a whole number; what its rounding hides is in `rounding`.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use super::drain::Drain;
use super::latency::Latency;
use super::neighbours::Neighbours;
use super::rounding::Rounding;
use super::share::{Allowance, RateHeader, Share};

/// The documented size for an API key, used until an answer says otherwise.
pub(super) const SAFE_CAPACITY: f64 = 40.0;
/// Below the brim, for what neither clock nor rounding can tell.
const MARGIN: f64 = 0.25;
/// Answers in a row without a usable header, until nothing learned counts any more.
const UNTOLD: u32 = 3;
/// If others seem to use this part of a fast drain, it may as well be a slow one and nobody else.
const DOUBT: f64 = 0.4;
/// Requests that are remembered, answered or not.
const FLIGHTS: usize = 128;
/// After a refusal, requests are spread evenly for this long; doubled with each one.
const EVEN: Duration = Duration::from_secs(60);
const LONGEST_EVEN: Duration = Duration::from_secs(16 * 60);
/// Round trips in the time of one request, up to which requests may follow one another.
const ONE_IS_ENOUGH: f64 = 0.25;
/// Requests that one more walk costs, at most: where it meets its neighbour, and as its first page may lie badly. It has
/// to save more time than these take.
const WALK_COSTS: f64 = 1.5;
/// Most requests of one reader under way.
const MOST_UNDER_WAY: u32 = 8;

/// A request that was sent.
#[derive(Debug, Clone, Copy)]
struct Flight {
    id: u64,
    sent: Instant,
    /// The level once the API has counted it.
    expected: f64,
    answered: Option<Instant>,
}

#[derive(Debug)]
pub(super) struct Bucket {
    capacity: f64,
    /// Calls that it holds, as one answer said; the next one has to confirm it.
    unconfirmed: Option<f64>,
    drain: Drain,
    level: f64,
    at: Instant,
    share: Share,
    /// What we ourselves put in, where we keep to a share.
    own: f64,
    /// Nothing is sent before this, because the API said so.
    closed_until: Option<Instant>,
    /// Until then, requests are spread evenly: a refusal showed that bursts are not what we think.
    even_until: Option<Instant>,
    even_for: Duration,
    last_sent: Option<Instant>,
    /// The level is not known: one request goes alone, and its answer tells.
    probing: bool,
    /// Whether any answer told the level.
    told: bool,
    rounding: Rounding,
    /// Answers in a row that did not tell the level.
    untold: u32,
    flights: VecDeque<Flight>,
    sent: u64,
    trips: Latency,
    others: Neighbours,
}

impl Bucket {
    /// An empty bucket of the safe size.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            capacity: SAFE_CAPACITY,
            unconfirmed: None,
            drain: Drain::default(),
            level: 0.0,
            at: now,
            share: Share::WHOLE,
            own: 0.0,
            closed_until: None,
            even_until: None,
            even_for: EVEN,
            last_sent: None,
            probing: true,
            told: false,
            rounding: Rounding::new(now),
            untold: 0,
            flights: VecDeque::new(),
            sent: 0,
            trips: Latency::default(),
            others: Neighbours::new(now),
        }
    }

    pub(super) fn set_share(&mut self, share: Share) {
        self.share = share;
    }

    /// Requests per second that we may send in the long run, if nobody else sends any.
    pub(super) fn rate(&self) -> f64 {
        self.drain.per_second(self.capacity) * self.share.part()
    }

    /// How many requests of one reader should be under way so that the budget is used, given how long answers take and
    /// how many it still has to send, if that is known: the fewer, the more the burst counts.
    pub(super) fn concurrency(&self, left: Option<f64>) -> usize {
        let (rate, trip) = (self.rate(), self.trips.mean().as_secs_f64());
        let free = (self.capacity * self.share.part() - self.room() - self.level).max(0.0);
        let wanted = match left {
            Some(left) => {
                let least = (left - free).max(0.0) / rate;
                let takes = |walks: u32| (left * trip / f64::from(walks)).max(least);
                let enough = |walks: &u32| takes(*walks) - takes(walks + 1) <= WALK_COSTS / rate;
                return (1..MOST_UNDER_WAY).find(enough).unwrap_or(MOST_UNDER_WAY) as usize;
            }
            // One after another is enough if each takes a small part of the time that it costs.
            None if rate * trip <= ONE_IS_ENOUGH => 1.0,
            // At the brim there is no burst to use.
            None if free < 2.0 => rate * trip,
            None => rate * trip + 0.9,
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 8")]
        let wanted = wanted.ceil().clamp(1.0, f64::from(MOST_UNDER_WAY)) as usize;
        wanted
    }

    /// What may be sent, as far as is known. A larger size that was named once counts here: the next answer will confirm
    /// it, and a forecast harms nobody.
    pub(super) fn allowance(&mut self, now: Instant) -> Allowance {
        self.leak(now);
        let (part, room) = (self.share.part(), self.room());
        let capacity = self.unconfirmed.unwrap_or(self.capacity);
        let rate = if self.unconfirmed.is_some() {
            Drain::default().per_second(capacity) * part
        } else {
            self.rate()
        };
        let own = (capacity * part).max(1.0) - self.own;
        let free =
            (capacity - room - self.level).min(if self.share == Share::WHOLE { f64::INFINITY } else { own });
        Allowance { rate, free: free.max(0.0), share: self.share }
    }

    fn leak(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.at).as_secs_f64();
        let drain = self.drain.per_second(self.capacity);
        self.level = (self.level - elapsed * drain).max(0.0);
        self.own = (self.own - elapsed * drain * self.share.part()).max(0.0);
        self.at = now;
    }

    /// What is left free: for the network's jitter, and for others who use the account.
    fn room(&self) -> f64 {
        let jitter = self.trips.jitter().as_secs_f64();
        let moving = (self.drain.per_second(self.capacity) * jitter).min(self.capacity / 8.0);
        // Which of our requests an answer counts is not certain by so many, and behind them others may hide.
        let unseen = self.rate() * self.trips.late(self.trips.mean()).as_secs_f64();
        let others = self.others.room(self.trips.mean(), unseen).min(self.capacity / 2.0);
        (MARGIN + moving + self.rounding.above() + others).min(self.capacity - 1.0).max(0.0)
    }

    /// Takes a place and returns the request's number, or how long to wait for one; `None`: until an answer comes.
    pub(super) fn take(&mut self, now: Instant) -> Result<u64, Option<Duration>> {
        self.leak(now);
        if let Some(until) = self.closed_until {
            if now < until {
                return Err(Some(until - now));
            }
            self.closed_until = None;
        }
        // After a refusal one goes alone; at the very beginning two are no risk.
        if self.probing && self.under_way() >= if self.told { 1 } else { 2 } {
            return Err(None);
        }
        let drain = self.drain.per_second(self.capacity);
        if self.even_until.is_some_and(|until| now < until)
            && let Some(last) = self.last_sent
        {
            let next = last + Duration::from_secs_f64(1.0 / (drain * self.share.part()));
            if now < next {
                return Err(Some(next - now));
            }
        }
        let over = (self.level + 1.0 + self.room() - self.capacity) / drain;
        let part = self.share.part();
        let own = match self.share {
            Share::WHOLE => 0.0,
            _ => (self.own + 1.0 - (self.capacity * part).max(1.0)) / (drain * part),
        };
        let wait = over.max(own);
        if wait > 0.0 {
            // A little more, so that rounding never makes it wait twice.
            return Err(Some(Duration::from_secs_f64(wait) + Duration::from_micros(100)));
        }
        self.level += 1.0;
        self.own += 1.0;
        self.sent += 1;
        self.last_sent = Some(now);
        while self.flights.len() >= FLIGHTS {
            self.flights.pop_front();
        }
        let flight = Flight { id: self.sent, sent: now, expected: self.level, answered: None };
        self.flights.push_back(flight);
        Ok(self.sent)
    }

    /// Requests that have no answer yet.
    pub(super) fn under_way(&self) -> usize {
        self.flights.iter().filter(|flight| flight.answered.is_none()).count()
    }

    fn land(&mut self, id: u64, now: Instant) -> Option<Flight> {
        let flight = self.flights.iter_mut().find(|flight| flight.id == id)?;
        flight.answered = Some(now);
        Some(*flight)
    }

    /// A request ended without an answer. It stays in the bucket, as it may have been counted; but as it may not, the
    /// next falls of `used` prove nothing.
    pub(super) fn lost(&mut self, id: u64, now: Instant) {
        self.leak(now);
        if self.flights.iter().any(|flight| flight.id == id && flight.answered.is_none()) {
            self.land(id, now);
            self.drain.unsure();
            self.probing = false;
        }
    }

    /// Learns from an answer.
    pub(super) fn answered(&mut self, id: u64, reading: Option<RateHeader>, now: Instant) {
        self.leak(now);
        if !self.flights.iter().any(|flight| flight.id == id) {
            return;
        }
        self.probing = false;
        self.reframe(id, now);
        let Some(flight) = self.land(id, now) else { return };
        let Some(reading) = reading else {
            self.untold += 1;
            self.drain.unsure();
            if self.untold >= UNTOLD {
                self.resize(self.capacity.min(SAFE_CAPACITY));
                self.drain.fall_back(now);
            }
            return;
        };
        self.untold = 0;
        self.limit(reading);
        let used = f64::from(reading.used);
        if !std::mem::replace(&mut self.told, true) {
            // What was in it before us is nobody's burst. How it was rounded is not known yet.
            #[expect(clippy::cast_precision_loss, reason = "one or two")]
            let ours = self.sent as f64;
            self.shift(if used > ours { used + 1.0 - flight.expected } else { 0.0 });
            self.others.begin(now);
            return;
        }
        let late = self.late(&flight);
        let (before, after) = self.any_order(&flight, late);
        let counted = (flight.id - before, flight.id + after);
        self.drain.read(flight.sent, used, counted, self.capacity, self.trips.jitter() + late);
        #[expect(clippy::cast_precision_loss, reason = "at most a hundred")]
        let (before, after) = (before as f64, after as f64);
        // What may have drained before it was counted.
        let drained = self.drain.per_second(self.capacity) * late.as_secs_f64();
        self.correct(used, flight.expected, before + drained, after, now);
        if drained <= Rounding::EXACT {
            self.rounding.compare(counted, used - flight.expected);
        }
        self.others.full(used + 1.0 >= self.capacity);
        self.others.tick(now);
        if self.others.rate() > DOUBT * self.drain.per_second(self.capacity) {
            self.drain.doubt(now);
        }
    }

    /// Compares `used` with what was expected; `before` may not be in it, and of our requests `after` in it too soon.
    fn correct(&mut self, used: f64, expected: f64, before: f64, after: f64, now: Instant) {
        // What drains while the network is early.
        let slack = self.drain.per_second(self.capacity) * self.trips.jitter().as_secs_f64();
        // The least and the most by which `used` may be more than what we think the level was.
        let (more, most) = (used - after - expected, used + before - expected);
        let by = self.rounding.correct(more, most, slack, now);
        self.shift(by);
    }

    /// How many requests before and after this one the API may have counted the other way round.
    fn any_order(&self, flight: &Flight, late: Duration) -> (u64, u64) {
        let jitter = self.trips.jitter();
        self.flights.iter().fold((0, 0), |(before, after), other| {
            if other.id < flight.id {
                let overtaken = match other.answered {
                    None => true,
                    Some(_) => flight.sent - other.sent <= self.late(other) + jitter,
                };
                (before + u64::from(overtaken), after)
            } else {
                let overtakes = other.id > flight.id && other.sent - flight.sent <= late + jitter;
                (before, after + u64::from(overtakes))
            }
        })
    }

    /// How much later than in the frame a request may have been counted that was answered.
    fn late(&self, flight: &Flight) -> Duration {
        flight
            .answered
            .map_or(Duration::ZERO, |at| self.trips.late(at.saturating_duration_since(flight.sent)))
    }

    /// Learns from how long an answer took.
    fn reframe(&mut self, id: u64, now: Instant) {
        let Some(flight) = self.flights.iter().find(|flight| flight.id == id) else { return };
        let earlier = self.trips.note(now.saturating_duration_since(flight.sent));
        let by = earlier * self.drain.per_second(self.capacity);
        self.level = (self.level + by).max(0.0);
        self.expect(by);
    }

    /// Moves what is expected of the requests under way.
    fn expect(&mut self, by: f64) {
        for flight in self.flights.iter_mut().filter(|flight| flight.answered.is_none()) {
            flight.expected += by;
        }
    }

    /// Moves the level, and what is expected of the requests under way: somebody else filled the bucket.
    fn shift(&mut self, by: f64) {
        self.level = (self.level + by).max(0.0);
        self.expect(by);
        self.others.shift(by);
    }

    /// Takes over the size that an answer names: a smaller one at once, a larger one when it is named again.
    fn limit(&mut self, reading: RateHeader) {
        let limit = f64::from(reading.limit);
        if limit < self.capacity || self.unconfirmed == Some(limit) {
            self.resize(limit);
            self.unconfirmed = None;
        } else if limit > self.capacity {
            self.unconfirmed = Some(limit);
        } else {
            self.unconfirmed = None;
        }
    }

    fn resize(&mut self, capacity: f64) {
        #[expect(clippy::float_cmp, reason = "whole numbers")]
        if capacity != self.capacity {
            self.capacity = capacity;
            self.drain.forget();
        }
    }

    /// The API refused a request for want of budget: nothing is sent for `wait`, then one request goes first.
    pub(super) fn closed_until(&self) -> Option<Instant> {
        self.closed_until
    }

    pub(super) fn refused(&mut self, wait: Duration, now: Instant) {
        self.leak(now);
        let until = now + wait;
        self.closed_until = Some(self.closed_until.map_or(until, |old| old.max(until)));
        self.probing = true;
        // Several requests under way are refused together: that is one refusal.
        if self.even_until.is_none_or(|even| even < until + self.even_for / 2) {
            self.even_until = Some(until + self.even_for);
            self.even_for = (self.even_for * 2).min(LONGEST_EVEN);
        }
        self.level = self.level.max(self.capacity);
        self.rounding = Rounding::new(now);
        self.drain.fall_back(now);
    }
}
