//! The receipt of several tables: a row for each, a total, and why what is missing is missing.

use super::format::{count, duration, number, short_utc};
use super::human::{Color, Lines};
use super::receipt::{Ended, Outcome, Receipt, Summary};

/// A column of numbers: its name, and its number in a receipt. "again" are the rows that the run had read before, if that is known.
type Numbers = (&'static str, fn(&Receipt) -> Option<u64>);

const NUMBERS: [Numbers; 8] = [
    ("read", |done| Some(done.read)),
    ("inserted", |done| Some(done.counts.inserted)),
    ("updated", |done| Some(done.counts.updated)),
    ("unchanged", |done| Some(done.counts.unchanged)),
    ("again", |done| done.read_again),
    ("deleted", |done| Some(done.counts.deleted)),
    ("rejected", |done| Some(done.rejected)),
    ("requests", |done| Some(done.requests)),
];

impl Lines {
    /// The table, then what went wrong, so that the reason is the last thing on the screen. `width` is that of the
    /// terminal: where the table is wider, columns that say nothing but 0 are left out, then the time of the next
    /// start, and at last all but the most important.
    pub(super) fn all(&mut self, summary: &Summary<'_>, width: Option<usize>) {
        let (color, word) = match summary.outcome() {
            "success" => (Color::Green, "done in"),
            "limited" => (Color::Yellow, "stopped at --sql-limit after"),
            "interrupted" => (Color::Yellow, "interrupted after"),
            "partial" => (Color::Yellow, "partly done after"),
            _ => (Color::Red, "failed after"),
        };
        let head = format!(
            "{}: {} of {} → {}",
            self.paint(color, &format!("{word} {}", duration(summary.elapsed))),
            count(summary.ends.len() as u64, "table"),
            summary.source,
            summary.destination
        );
        self.line(&head);
        for line in fitting(summary, width) {
            self.line(&line);
        }
        let last = summary.failure.map(|failure| failure.headline.as_str());
        let mut told: Vec<&str> = last.into_iter().collect();
        for failure in summary.ends.iter().filter_map(|end| end.failure.as_ref()) {
            // Why runs were interrupted is known to whoever did it.
            let known = failure.kind == crate::error::Kind::Interrupted;
            if !known && !told.contains(&failure.headline.as_str()) {
                told.push(&failure.headline);
                self.failure(failure);
            }
        }
        if let Some(failure) = summary.failure {
            self.failure(failure);
        }
    }
}

/// How much of the table is shown.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Whole,
    /// Without columns of nothing but 0.
    WithoutZeros,
    /// Nor the time of the next start.
    WithoutTimes,
    /// What was read, and how that ended.
    Brief,
}

/// The table in a form that fits.
fn fitting(summary: &Summary<'_>, width: Option<usize>) -> Vec<String> {
    let mut lines = Vec::new();
    let forms = [Form::Whole, Form::WithoutZeros, Form::WithoutTimes, Form::Brief];
    for form in forms {
        lines = table(summary, form);
        let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
        if width.is_none_or(|width| longest <= width) {
            break;
        }
    }
    lines
}

/// Headings, a row for each table, and a total.
fn table(summary: &Summary<'_>, form: Form) -> Vec<String> {
    let receipts = || summary.ends.iter().filter_map(|end| end.receipt.as_ref());
    let sum = |of: fn(&Receipt) -> Option<u64>| receipts().map(of).sum::<Option<u64>>();
    let shown = |value: Option<u64>| value.map_or_else(|| "?".into(), number);
    let columns: Vec<Numbers> = NUMBERS
        .into_iter()
        .filter(|(name, of)| match (form, *name) {
            (Form::Whole, _) | (_, "read" | "requests") => true,
            (Form::Brief, _) => false,
            _ => sum(*of) != Some(0),
        })
        .collect();
    let mut head = vec!["table".to_owned()];
    head.extend(columns.iter().map(|(name, _)| (*name).to_owned()));
    head.push("time".into());
    let mut rows = vec![head];
    for end in summary.ends {
        let mut row = vec![end.table.clone()];
        row.extend(
            columns.iter().map(|(_, of)| end.receipt.as_ref().map_or("–".into(), |done| shown(of(done)))),
        );
        row.push(end.receipt.as_ref().map_or("–".into(), |done| duration(done.elapsed)));
        rows.push(row);
    }
    let mut total = vec!["total".to_owned()];
    total.extend(columns.iter().map(|(_, of)| shown(sum(*of))));
    total.push(duration(summary.elapsed));
    rows.push(total);
    let mut texts = vec!["next start".to_owned()];
    texts.extend(summary.ends.iter().map(next_start));
    texts.push(String::new());
    let mut ends = vec!["outcome".to_owned()];
    ends.extend(summary.ends.iter().map(outcome));
    ends.push(String::new());
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default())
        .collect();
    let after = texts.iter().map(|text| text.chars().count()).max().unwrap_or_default();
    rows.iter()
        .enumerate()
        .map(|(n, row)| {
            let mut line = format!("  {:<width$}", row[0], width = widths[0]);
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                line.push_str(&format!("  {cell:>width$}"));
            }
            if matches!(form, Form::Whole | Form::WithoutZeros) {
                line.push_str(&format!("  {:<after$}", texts[n]));
            }
            line.push_str(&format!("  {}", ends[n]));
            line.trim_end().to_owned()
        })
        .collect()
}

fn next_start(end: &Ended) -> String {
    match &end.receipt {
        None | Some(Receipt { outcome: Outcome::LeftOut, .. }) => "as before".into(),
        Some(Receipt { next_start: Some(next), .. }) => short_utc(*next),
        Some(Receipt { unfinished: true, .. }) => "with what is left".into(),
        Some(_) => "from the beginning".into(),
    }
}

fn outcome(end: &Ended) -> String {
    let warnings = end.receipt.as_ref().map_or(0, |done| done.warnings.len() as u64);
    let word = match end.receipt.as_ref().map(|done| done.outcome) {
        Some(Outcome::Success) => "done",
        Some(Outcome::Limited) => "stopped at --sql-limit",
        Some(Outcome::Interrupted) => "interrupted",
        Some(Outcome::Failed) => "failed",
        Some(Outcome::LeftOut) => {
            let why = end.receipt.as_ref().and_then(|done| done.left_out.as_deref());
            return why.map_or("left out".into(), |why| format!("left out: {why}"));
        }
        None => "not begun",
    };
    match warnings {
        0 => word.into(),
        some => format!("{word}, {}", count(some, "warning")),
    }
}
