//! What was done, in numbers: of one table, or of several together.

use serde::Serialize;

use crate::report::Receipt;

#[derive(Serialize)]
pub(super) struct Amounts {
    read: u64,
    pages: u64,
    inserted: u64,
    updated: u64,
    unchanged: u64,
    read_again: u64,
    deleted: u64,
    rejected: u64,
    discarded: u64,
    requests: u64,
    retries: u64,
}

impl Amounts {
    /// The sums over these receipts.
    pub(super) fn of(receipts: &[&Receipt]) -> Self {
        let sum = |of: fn(&Receipt) -> u64| receipts.iter().copied().map(of).sum();
        Self {
            read: sum(|done| done.read),
            pages: sum(|done| done.pages),
            inserted: sum(|done| done.counts.inserted),
            updated: sum(|done| done.counts.updated),
            unchanged: sum(|done| done.counts.unchanged),
            read_again: sum(|done| done.read_again),
            deleted: sum(|done| done.counts.deleted),
            rejected: sum(|done| done.rejected),
            discarded: sum(|done| done.discarded),
            requests: sum(|done| done.requests),
            retries: sum(|done| done.retries),
        }
    }
}
