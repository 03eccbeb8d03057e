//! What JSON says of several tables: the end of each, and the last object about all of them.

use serde::Serialize;

use super::{Done, Problem, done, ms, problem};
use crate::error::Failure;
use crate::report::{Outcome, Receipt, Summary};

/// One of several tables.
#[derive(Serialize)]
pub(super) struct TableEnd<'a> {
    outcome: &'static str,
    table: &'a str,
    #[serde(flatten)]
    receipt: Option<Done<'a>>,
    error: Option<Problem<'a>>,
}

/// Sums over several tables; the time is that of the command.
#[derive(Serialize)]
struct Totals {
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
    elapsed_ms: u64,
}

/// The last object.
#[derive(Serialize)]
pub(super) struct Whole<'a> {
    outcome: &'static str,
    source: &'a str,
    destination: &'a str,
    tables: Vec<TableEnd<'a>>,
    totals: Totals,
    error: Option<Problem<'a>>,
}

pub(super) fn table_end<'a>(
    table: &'a str,
    receipt: Option<&'a Receipt>,
    failure: Option<&'a Failure>,
) -> TableEnd<'a> {
    TableEnd {
        outcome: receipt.map_or(Outcome::Failed, |receipt| receipt.outcome).name(),
        table,
        receipt: receipt.map(|receipt| done(receipt, true)),
        error: failure.map(problem),
    }
}

pub(super) fn whole<'a>(summary: &Summary<'a>) -> Whole<'a> {
    let sum =
        |of: fn(&Receipt) -> u64| summary.ends.iter().filter_map(|end| end.receipt.as_ref()).map(of).sum();
    let ends = summary.ends.iter();
    Whole {
        outcome: summary.outcome(),
        source: summary.source,
        destination: summary.destination,
        tables: ends.map(|end| table_end(&end.table, end.receipt.as_ref(), end.failure.as_ref())).collect(),
        totals: Totals {
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
            elapsed_ms: ms(summary.elapsed),
        },
        error: summary.failure.map(problem),
    }
}
