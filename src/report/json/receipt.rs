//! What JSON says at the end: what was done, of one table or of several together, and what went wrong.

use std::time::Duration;

use serde::Serialize;

use crate::error::Failure;
use crate::model::Micros;
use crate::plan::format_utc;
use crate::report::Receipt;

/// Numbers, summed up if there are several tables.
#[derive(Serialize)]
pub(super) struct Amounts {
    read: u64,
    pages: u64,
    inserted: u64,
    updated: u64,
    unchanged: u64,
    read_again: Option<u64>,
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
            read_again: receipts.iter().map(|done| done.read_again).sum(),
            deleted: sum(|done| done.counts.deleted),
            rejected: sum(|done| done.rejected),
            discarded: sum(|done| done.discarded),
            requests: sum(|done| done.requests),
            retries: sum(|done| done.retries),
        }
    }
}

#[derive(Serialize)]
pub(super) struct Done<'a> {
    dest_table: &'a str,
    destination: &'a str,
    strategy: &'static str,
    #[serde(flatten)]
    amounts: Amounts,
    rate_limited_ms: u64,
    started_at: String,
    elapsed_ms: u64,
    covered_since: Option<String>,
    next_start: Option<String>,
    unfinished: bool,
    stopped_at: Option<String>,
    expected: Option<ExpectedJson>,
    warnings: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    left_out: Option<&'a str>,
}

/// What was expected after the first pages, to be compared with what came.
#[derive(Serialize)]
struct ExpectedJson {
    after_pages: u64,
    pages: u64,
    elapsed_ms: u64,
}

#[derive(Serialize)]
pub(in crate::report) struct Problem<'a> {
    kind: &'static str,
    exit_code: u8,
    message: &'a str,
    causes: &'a [String],
    hint: Option<&'a str>,
    /// Before this the same command would end in the same way.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_before: Option<String>,
}

pub(in crate::report) fn ms(length: Duration) -> u64 {
    u64::try_from(length.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn done(receipt: &Receipt) -> Done<'_> {
    let time = |instant: Option<Micros>| instant.map(format_utc);
    Done {
        dest_table: &receipt.dest_table,
        destination: &receipt.destination,
        strategy: receipt.strategy.name(),
        amounts: Amounts::of(&[receipt]),
        rate_limited_ms: ms(receipt.waited),
        started_at: format_utc(receipt.started_at),
        elapsed_ms: ms(receipt.elapsed),
        covered_since: time(receipt.covered_since),
        next_start: time(receipt.next_start),
        unfinished: receipt.unfinished,
        stopped_at: time(receipt.stopped_at),
        expected: receipt.expected.map(|expected| ExpectedJson {
            after_pages: expected.after,
            pages: expected.pages,
            elapsed_ms: ms(expected.elapsed),
        }),
        warnings: &receipt.warnings,
        left_out: receipt.left_out(),
    }
}

pub(in crate::report) fn problem(failure: &Failure) -> Problem<'_> {
    Problem {
        kind: failure.kind.name(),
        exit_code: failure.kind.exit_code(),
        message: &failure.headline,
        causes: &failure.causes,
        hint: failure.hint.as_deref(),
        not_before: failure.not_before.map(format_utc),
    }
}
