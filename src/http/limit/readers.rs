//! Who reads the account at the moment. A reader between an answer and its next request has nothing under way, and yet
//! it is about to use the budget: whoever counts requests alone takes it for free.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

/// A reader that waits for its destination for this long does not count until it goes on: commits of the usual size are
/// quicker.
const HELD_UP: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
pub(super) struct Readers {
    number: u64,
    /// Since when each waits for its destination, if it does.
    readers: BTreeMap<u64, Option<Instant>>,
}

impl Readers {
    pub(super) fn join(&mut self) -> u64 {
        self.number += 1;
        self.readers.insert(self.number, None);
        self.number
    }

    pub(super) fn leave(&mut self, number: u64) {
        self.readers.remove(&number);
    }

    pub(super) fn wait(&mut self, number: u64, since: Option<Instant>) {
        if let Some(reader) = self.readers.get_mut(&number) {
            *reader = since;
        }
    }

    /// How many read, this one not counted.
    pub(super) fn beside(&self, number: u64, now: Instant) -> usize {
        let reads = |since: Option<Instant>| since.is_none_or(|since| since + HELD_UP > now);
        self.readers.iter().filter(|(other, since)| **other != number && reads(**since)).count()
    }
}
