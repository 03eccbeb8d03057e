//! The receipt of several tables: a row for each, a total, and why what is missing is missing.

use super::alike;
use super::format::{count, duration, number, short_utc};
use super::human::{Color, Lines};
use super::receipt::{Ended, Next, Outcome, Receipt, Summary};
use crate::error::{Failure, Kind};

/// A column of numbers: its name, and its number in a receipt. "twice" are the rows that the run had read before, if that is known.
type Numbers = (&'static str, fn(&Receipt) -> Option<u64>);

const NUMBERS: [Numbers; 8] = [
    ("read", |done| Some(done.read)),
    ("inserted", |done| Some(done.counts.inserted)),
    ("updated", |done| Some(done.counts.updated)),
    ("unchanged", |done| Some(done.counts.unchanged)),
    ("twice", |done| done.read_again),
    ("deleted", |done| Some(done.counts.deleted)),
    ("rejected", |done| Some(done.rejected)),
    ("requests", |done| Some(done.requests)),
];

impl Lines {
    /// The table, then what went wrong, so that the reason is the last thing on the screen. `width` is that of the
    /// terminal: where the table is wider, columns that say nothing but 0 are left out, then the least important ones.
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
        // Why runs were interrupted is known to whoever did it.
        let news =
            |failure: &&Failure| failure.kind != Kind::Interrupted && Some(failure.headline.as_str()) != last;
        let own = summary.ends.iter().filter_map(|end| end.failure.as_ref()).filter(news);
        for failure in alike::each_once(own) {
            self.failure(&failure);
        }
        if let Some(failure) = summary.failure {
            self.failure(failure);
        }
    }
}

/// Columns in the order in which they are left out where there is no room. What was read and how that ended always stays.
const LEAST_FIRST: [&str; 9] =
    ["next start", "twice", "unchanged", "requests", "time", "rejected", "deleted", "updated", "inserted"];

/// What of the table is left out.
#[derive(Clone, Copy)]
struct Form {
    /// Columns of nothing but 0, and the reasons in the last one, which stand below the table then.
    narrow: bool,
    /// So many of [`LEAST_FIRST`].
    without: usize,
}

impl Form {
    fn shows(self, column: &str) -> bool {
        !LEAST_FIRST[..self.without].contains(&column)
    }
}

/// The table in the widest form that fits.
fn fitting(summary: &Summary<'_>, width: Option<usize>) -> Vec<String> {
    let narrow = (0..=LEAST_FIRST.len()).map(|without| Form { narrow: true, without });
    let mut lines = Vec::new();
    for form in std::iter::once(Form { narrow: false, without: 0 }).chain(narrow) {
        lines = table(summary, form);
        let longest = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
        if width.is_none_or(|width| longest <= width) {
            if form.narrow {
                lines.extend(summary.ends.iter().filter_map(reason));
            }
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
    let says = |name: &str, of| {
        !form.narrow || matches!(name, "read" | "inserted" | "requests") || sum(of) != Some(0)
    };
    let numbers = NUMBERS.into_iter().filter(|(name, of)| form.shows(name) && says(name, *of));
    let mut columns = vec![column("table", summary, |end| end.table.clone(), "total".into(), Side::Left)];
    for (name, of) in numbers {
        let cell = |end: &Ended| match &end.receipt {
            // Nothing has been done to the table yet.
            Some(done) if done.staged() && !matches!(name, "read" | "rejected" | "requests") => "–".into(),
            Some(done) => shown(of(done)),
            None => "–".into(),
        };
        columns.push(column(name, summary, cell, shown(sum(of)), Side::Right));
    }
    if form.shows("time") {
        let cell = |end: &Ended| end.receipt.as_ref().map_or("–".into(), |done| duration(done.elapsed));
        columns.push(column("time", summary, cell, duration(summary.elapsed), Side::Right));
    }
    if form.shows("next start") {
        columns.push(column("next start", summary, next_start, String::new(), Side::Left));
    }
    let outcome = |end: &Ended| outcome(end, form.narrow);
    columns.push(column("outcome", summary, outcome, String::new(), Side::Left));
    (0..summary.ends.len() + 2)
        .map(|row| {
            let line: Vec<&str> = columns.iter().map(|column| column[row].as_str()).collect();
            format!("  {}", line.join("  ")).trim_end().to_owned()
        })
        .collect()
}

/// Where a cell that is narrower than its column stands.
#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

/// A heading, a cell for each table and one for their total, all as wide as the widest.
fn column(
    name: &str,
    summary: &Summary<'_>,
    cell: impl Fn(&Ended) -> String,
    total: String,
    side: Side,
) -> Vec<String> {
    let cells = std::iter::once(name.to_owned()).chain(summary.ends.iter().map(cell)).chain([total]);
    let cells: Vec<String> = cells.collect();
    let width = cells.iter().map(|cell| cell.chars().count()).max().unwrap_or_default();
    let padded = |cell: &String| match side {
        Side::Left => format!("{cell:<width$}"),
        Side::Right => format!("{cell:>width$}"),
    };
    cells.iter().map(padded).collect()
}

fn next_start(end: &Ended) -> String {
    let Some(done) = end.receipt.as_ref().filter(|done| done.left_out().is_none()) else {
        return "as before".into();
    };
    match done.next() {
        Next::Since(next) => short_utc(next),
        Next::Rest => "with what is left".into(),
        Next::All => "all rows".into(),
        Next::WithParent => "with its table".into(),
        Next::Everything => "from the beginning".into(),
    }
}

/// Why a table was left out.
fn reason(end: &Ended) -> Option<String> {
    let why = end.receipt.as_ref()?.left_out()?;
    Some(format!("  {} is left out: {why}", end.table))
}

fn outcome(end: &Ended, brief: bool) -> String {
    let warnings = end.receipt.as_ref().map_or(0, |done| done.warnings.len() as u64);
    let word = match end.receipt.as_ref().map(|done| &done.outcome) {
        Some(Outcome::Success) => "done",
        Some(Outcome::Limited) => "stopped at --sql-limit",
        Some(Outcome::Interrupted) => "interrupted",
        Some(Outcome::Failed) => "failed",
        Some(Outcome::LeftOut(_)) if brief => return "left out".into(),
        Some(Outcome::LeftOut(why)) => return format!("left out: {why}"),
        None => "not begun",
    };
    let staged =
        end.receipt.as_ref().filter(|done| done.staged()).map(|_| ", rows staged").unwrap_or_default();
    match warnings {
        0 => format!("{word}{staged}"),
        some => format!("{word}{staged}, {}", count(some, "warning")),
    }
}
