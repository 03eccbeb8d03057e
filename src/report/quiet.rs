//! For the night: nothing of a run that went well, one block of one that did not, and of warnings those that are new.

use std::io::Write;
use std::sync::{Mutex, PoisonError};

use super::alike;
use super::event::{Event, Reporter, Several};
use super::format::{count, utc};
use super::receipt::{Ended, Next, Receipt, Summary};
use crate::error::Failure;

/// Says as little as can be.
pub(super) struct Quiet(Mutex<Box<dyn Write + Send>>);

impl Quiet {
    pub(super) fn new(err: Box<dyn Write + Send>) -> Self {
        Self(Mutex::new(err))
    }

    /// In one write, so that nothing else gets in between. A reader that went away is no failure.
    fn say(&self, text: &str) {
        let mut err = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }
}

impl Reporter for Quiet {
    fn event(&self, _: &str, _: &Event<'_>) {}

    fn failed(&self, failure: &Failure) {
        self.say(&block(failure, Vec::new()));
    }

    fn begins(&self, _: &Several<'_>) {}

    fn ends(&self, summary: &Summary<'_>) {
        let mut text = String::new();
        for end in summary.ends {
            for warning in end.receipt.iter().flat_map(Receipt::new_warnings) {
                text.push_str(&format!("warning: {}: {}\n", end.table, warning.replace('\n', " ")));
            }
        }
        if let Some(failure) = summary.failure {
            text.push_str(&block(failure, details(summary, failure)));
        }
        if !text.is_empty() {
            self.say(&text);
        }
    }

    fn wants_news_only(&self) -> bool {
        true
    }
}

/// What happened, what is known of the tables, what to do, and the exit code.
fn block(failure: &Failure, details: Vec<String>) -> String {
    let told = failure.to_string();
    let (what, hint) = told.split_once("\n  hint: ").unwrap_or((&told, ""));
    let mut lines = vec![what.to_owned()];
    lines.extend(details);
    if !hint.is_empty() {
        lines.push(format!("  hint: {hint}"));
    }
    lines.push(format!("  exit code: {}\n", failure.kind.exit_code()));
    lines.join("\n")
}

/// Which tables are concerned, why if each has a reason of its own, and what is safe.
fn details(summary: &Summary<'_>, failure: &Failure) -> Vec<String> {
    let mut lines = Vec::new();
    let failed = || summary.ends.iter().filter(|end| end.failure.is_some());
    let place = |end: &Ended| match &end.receipt {
        Some(done) => format!("{} → {}", end.table, done.dest_table),
        None => end.table.clone(),
    };
    let tables: Vec<String> = failed().map(place).collect();
    lines.push(format!("  failed: {}; {} → {}", tables.join(", "), summary.source, summary.destination));
    let own = failed().filter_map(|end| end.failure.as_ref()).filter(|own| own.headline != failure.headline);
    for own in alike::each_once(own) {
        lines.extend(own.to_string().lines().map(|line| format!("  {line}")));
    }
    lines.extend(each_once(failed().map(|end| (end.table.as_str(), safe(end.receipt.as_ref())))));
    let complete: Vec<&str> =
        summary.ends.iter().filter(|end| end.failure.is_none()).map(|end| end.table.as_str()).collect();
    if !complete.is_empty() {
        lines.push(format!("  safe: complete: {}", complete.join(", ")));
    }
    lines
}

/// A line for all tables of which the same is to be said, which most of them share if nothing was read at all.
fn each_once<'a>(said: impl Iterator<Item = (&'a str, String)>) -> Vec<String> {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for (table, what) in said {
        match lines.iter_mut().find(|(other, _)| *other == what) {
            Some((_, tables)) => tables.push(table),
            None => lines.push((what, vec![table])),
        }
    }
    let line = |(what, tables): (String, Vec<&str>)| format!("  safe: {}: {what}", tables.join(", "));
    lines.into_iter().map(line).collect()
}

/// What is stored of a table that is not complete, and where the next run starts.
fn safe(receipt: Option<&Receipt>) -> String {
    let Some(done) = receipt else { return "this run changed nothing".into() };
    if done.staged() {
        return "what this run read is staged, the old rows stay visible; the next run goes on with what is left".into();
    }
    let counts = done.counts;
    let rows = counts.inserted + counts.updated + counts.unchanged + done.read_again.unwrap_or(0);
    let stored = match rows {
        0 => "this run changed nothing".into(),
        rows => format!("{} of this run stay", count(rows, "row")),
    };
    match done.next() {
        // Where it started, too, unless something was stored.
        _ if rows == 0 => stored,
        Next::Since(next) => format!("{stored}; the next run starts at {}", utc(next)),
        Next::Rest => format!("{stored}; the next run goes on with what is left"),
        Next::All | Next::WithParent | Next::Everything => stored,
    }
}
