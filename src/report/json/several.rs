//! What JSON says at the end: of each table, and of all of them in the last object.

use serde::Serialize;

use super::receipt::{Amounts, Done, Problem, done, ms, problem};
use crate::error::Failure;
use crate::report::{Outcome, Receipt, Summary};

/// The end of a table.
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
    #[serde(flatten)]
    amounts: Amounts,
    elapsed_ms: u64,
}

/// The last object.
#[derive(Serialize)]
pub(super) struct Whole<'a> {
    outcome: &'static str,
    /// Of a command that made no sense, neither is known.
    source: Option<&'a str>,
    destination: Option<&'a str>,
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
        outcome: receipt.map_or(&Outcome::Failed, |receipt| &receipt.outcome).name(),
        table,
        receipt: receipt.map(|receipt| done(receipt)),
        error: failure.map(problem),
    }
}

pub(super) fn whole<'a>(summary: &Summary<'a>) -> Whole<'a> {
    let ends = summary.ends.iter();
    let receipts: Vec<_> = summary.ends.iter().filter_map(|end| end.receipt.as_ref()).collect();
    Whole {
        outcome: summary.outcome(),
        source: Some(summary.source),
        destination: Some(summary.destination),
        tables: ends.map(|end| table_end(&end.table, end.receipt.as_ref(), end.failure.as_ref())).collect(),
        totals: Totals { amounts: Amounts::of(&receipts), elapsed_ms: ms(summary.elapsed) },
        error: summary.failure.map(problem),
    }
}

/// The last object where no table was begun.
pub(super) fn no_run(failure: &Failure) -> Whole<'_> {
    Whole {
        outcome: Outcome::Failed.name(),
        source: None,
        destination: None,
        tables: Vec::new(),
        totals: Totals { amounts: Amounts::of(&[]), elapsed_ms: 0 },
        error: Some(problem(failure)),
    }
}
