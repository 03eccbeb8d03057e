//! Text for people: the line before a run, log lines while it runs, the receipt after it.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::event::{Event, Progress, Reporter, Several, Start, Wait};
use super::format::{
    Speed, back, count, duration, headline, held, length, lost, number, plural, progress, roughly,
    short_headline, short_utc, utc, wait,
};
use super::left::Left;
use super::receipt::{Next, Outcome, Receipt, Summary};
use crate::dest::Counts;
use crate::error::Failure;
use crate::model::Micros;

/// Shorter waits for the budget are how it is kept to, not news: a line of progress tells their sum.
pub(super) const NEWS: Duration = Duration::from_secs(1);
/// Shorter waits are none to anybody who looks.
pub(super) const WORTH_A_WORD: Duration = Duration::from_millis(100);
/// Time between two log lines of progress.
pub(super) const EVERY: Duration = Duration::from_secs(3);

/// Writes the lines that both human styles share.
pub(super) struct Lines {
    err: Box<dyn Write + Send>,
    color: bool,
    pub(super) debug: bool,
    /// What is said about a table names it.
    pub(super) several: bool,
}

/// The few colours, as the second part of an escape sequence.
#[derive(Clone, Copy)]
pub(super) enum Color {
    Red,
    Green,
    Yellow,
    Dim,
}

impl Lines {
    pub(super) fn new(err: Box<dyn Write + Send>, color: bool, debug: bool) -> Self {
        Self { err, color, debug, several: false }
    }

    /// A line. A reader that went away is no reason to stop copying.
    pub(super) fn line(&mut self, text: &str) {
        let _ = writeln!(self.err, "{text}").and_then(|()| self.err.flush());
    }

    pub(super) fn paint(&self, color: Color, text: &str) -> String {
        let code = match color {
            Color::Red => "1;31",
            Color::Green => "1;32",
            Color::Yellow => "1;33",
            Color::Dim => "2",
        };
        if self.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }

    pub(super) fn start(&mut self, start: &Start) {
        self.line(&if self.several { short_headline(start) } else { headline(start) });
        for note in &start.notes {
            self.note(&start.table, note);
        }
    }

    /// Of several tables, how many there are and the notes that concern more than one of them. A single one is
    /// announced when it starts.
    pub(super) fn begin(&mut self, several: &Several<'_>) {
        if several.tables.len() < 2 {
            return;
        }
        let tables = count(several.tables.len() as u64, "table");
        self.line(&format!("{tables}: {} → {}", several.source, several.destination));
        for note in several.notes {
            self.note("", note);
        }
        self.several = true;
    }

    fn note(&mut self, table: &str, text: &str) {
        let text = format!("{} {}{text}", self.paint(Color::Dim, "note:"), self.whose(table));
        self.line(&text);
    }

    /// A line about a table.
    pub(super) fn about(&mut self, table: &str, text: &str) {
        self.line(&format!("{table}: {text}"));
    }

    pub(super) fn warning(&mut self, table: &str, text: &str) {
        let text = format!("{} {}{text}", self.paint(Color::Yellow, "warning:"), self.whose(table));
        self.line(&text);
    }

    pub(super) fn debug(&mut self, table: &str, text: &str) {
        if self.debug {
            let text = self.paint(Color::Dim, &format!("debug: {}{text}", self.whose(table)));
            self.line(&text);
        }
    }

    /// The table that a line is about, if there are others.
    fn whose(&self, table: &str) -> String {
        if self.several && !table.is_empty() { format!("{table}: ") } else { String::new() }
    }

    pub(super) fn failure(&mut self, failure: &Failure) {
        let text = failure.to_string();
        let text = match text.strip_prefix("error:") {
            Some(rest) => format!("{}{rest}", self.paint(Color::Red, "error:")),
            None => text,
        };
        self.line(&text);
    }

    /// After a first load, how to look at it.
    pub(super) fn look(&mut self, summary: &Summary<'_>) {
        for line in summary.look {
            self.line(line);
        }
    }

    /// The receipt, then the failure, so that the reason is the last thing on the screen.
    pub(super) fn finish(&mut self, receipt: &Receipt, failure: Option<&Failure>) {
        let (color, word) = match &receipt.outcome {
            Outcome::Success => (Color::Green, "done in"),
            Outcome::Limited => (Color::Yellow, "stopped at --sql-limit after"),
            Outcome::Interrupted => (Color::Yellow, "interrupted after"),
            Outcome::Failed => (Color::Red, "failed after"),
            Outcome::LeftOut(_) => (Color::Yellow, "left out after"),
        };
        let head = format!(
            "{}: {} → {} in {}",
            self.paint(color, &format!("{word} {}", duration(receipt.elapsed))),
            receipt.table,
            receipt.dest_table,
            receipt.destination
        );
        self.line(&head);
        for line in receipt_lines(receipt) {
            self.line(&line);
        }
        if let Some(failure) = failure {
            self.failure(failure);
        }
    }
}

/// What became of rows that nobody sees yet.
const STAGED: &str = "what was read is kept; the old rows stay visible until all new ones are there";

/// The aligned lines of a receipt: numbers under numbers, what has none behind them.
fn receipt_lines(receipt: &Receipt) -> Vec<String> {
    let counts = receipt.counts;
    let pages = format!("{} in {}", plural(receipt.read, "row"), count(receipt.pages, "page"));
    let mut rows: Vec<(&str, Option<u64>, String)> = vec![("read", Some(receipt.read), pages)];
    let rejected = match receipt.rejected {
        0 => String::new(),
        values => format!("{}, kept in _ingestr_rejects", plural(values, "value")),
    };
    // A run that found nothing new has nothing to say about what it did with it.
    if receipt.staged() {
        rows.push(("rejected", Some(receipt.rejected), rejected));
    } else if receipt.read > 0 || counts != Counts::default() {
        rows.push(("inserted", Some(counts.inserted), String::new()));
        rows.push(("updated", Some(counts.updated), String::new()));
        rows.push(("unchanged", Some(counts.unchanged), String::new()));
        match receipt.read_again {
            Some(0) => {}
            Some(_) => {
                rows.push(("read twice", receipt.read_again, "rows that this run had read before".into()));
            }
            None => {
                let why = "not known: rows that an earlier run read are counted above";
                rows.push(("read twice", None, why.into()));
            }
        }
        if receipt.deletions || counts.deleted > 0 {
            rows.push(("deleted", Some(counts.deleted), String::new()));
        }
        rows.push(("rejected", Some(receipt.rejected), rejected));
        if receipt.discarded > 0 {
            rows.push(("discarded", Some(receipt.discarded), "by --schema-contract".into()));
        }
        if receipt.extra_fields > 0 {
            let more = format!(
                "{} in the column _ingestr_extra (--max-new-columns)",
                plural(receipt.extra_fields, "new field")
            );
            rows.push(("extra", Some(receipt.extra_fields), more));
        }
    }
    let mut requests = match receipt.retries {
        0 => "none repeated".into(),
        retries => format!("{} of them repeated", number(retries)),
    };
    if receipt.waited >= NEWS {
        requests.push_str(&format!(", {} waited for the rate limit", duration(receipt.waited)));
    }
    rows.push(("requests", Some(receipt.requests), requests));
    if !receipt.warnings.is_empty() {
        rows.push(("warnings", Some(receipt.warnings.len() as u64), "see above".into()));
    }
    let staged = receipt.staged().then(|| ("staged", STAGED.to_owned()));
    let expected = expected(receipt).map(|text| ("expected", text));
    let shown = |value: Option<u64>| value.map_or_else(|| "?".into(), number);
    let width = rows.iter().map(|(_, value, _)| shown(*value).len()).max().unwrap_or_default();
    let mut lines: Vec<String> = rows
        .into_iter()
        .map(|(label, value, more)| {
            format!("  {label:<10}  {:>width$}  {more}", shown(value)).trim_end().to_owned()
        })
        .collect();
    let places = staged.into_iter().chain(expected).chain(places(receipt));
    lines.extend(places.map(|(label, text)| format!("  {label:<10}  {text}")));
    lines
}

/// Pages and time as they were expected: `42 pages in 20 s after the first 12`.
fn expected(receipt: &Receipt) -> Option<String> {
    receipt.expected.map(|expected| {
        format!(
            "{} in {} after the first {}",
            count(expected.pages, "page"),
            roughly(expected.elapsed),
            expected.after
        )
    })
}

/// Where the run stopped, what it covers and where the next one starts.
fn places(receipt: &Receipt) -> Vec<(&'static str, String)> {
    let mut places = Vec::new();
    if let Some(stopped_at) = receipt.stopped_at {
        places.push(("stopped at", utc(stopped_at)));
    }
    if let Some(since) = receipt.covered_since {
        places.push(("covers", format!("changes since {}", utc(since))));
    }
    let next = match receipt.next() {
        Next::Since(next) => utc(next),
        Next::Rest => "with what is left; what was committed stays".into(),
        Next::All => "all rows".into(),
        Next::WithParent => "with the table that its rows come from".into(),
        Next::Everything => "from the beginning".into(),
    };
    places.push(("next start", next));
    places
}

/// What became of one of several tables, in a few words.
pub(super) fn in_short(receipt: &Receipt, failure: Option<&Failure>) -> String {
    let mut did = count(receipt.read, "row");
    // Rows of child tables come in no pages of their own.
    if receipt.pages > 0 || receipt.read == 0 {
        did = format!("{did} in {}", count(receipt.pages, "page"));
    }
    let time = duration(receipt.elapsed);
    match (&receipt.outcome, failure) {
        (Outcome::Success, _) => format!("done in {time}, {did}"),
        (Outcome::Limited, _) => format!("stopped at --sql-limit after {time}, {did}"),
        (Outcome::Interrupted, _) => format!("interrupted after {time}, {did}"),
        (Outcome::LeftOut(why), _) => format!("left out: {why}"),
        (Outcome::Failed, failure) => {
            // What is not about this table is wrong with all of them, and told once, at the end.
            let own = failure.filter(|failure| failure.headline.contains(&receipt.table));
            let why = own.map(|failure| format!(": {}", failure.headline)).unwrap_or_default();
            format!("failed after {time}, {did}{why}")
        }
    }
}

/// Log lines: one every few seconds, and one for each notable event, each with its time in UTC.
pub(super) struct Log(Mutex<LogState>);

struct LogState {
    lines: Lines,
    /// Of the terminal, if there is one.
    width: Option<usize>,
    left: Left,
    paces: BTreeMap<String, LastLine>,
}

/// What is remembered of a table between two lines.
#[derive(Default)]
struct LastLine {
    /// When its run began.
    at: Option<Micros>,
    speed: Speed,
    shown: Duration,
    /// Short waits since the last line of progress.
    waited: Duration,
}

impl LogState {
    fn log(&mut self, table: &str, elapsed: Duration, text: &str) {
        let at = self.paces.get(table).and_then(|pace| pace.at);
        let time = at.map_or(String::new(), |at| {
            let since = i64::try_from(elapsed.as_micros()).unwrap_or(i64::MAX);
            let time = short_utc(Micros(at.0.saturating_add(since))).replace(' ', "T");
            format!("{time}Z ")
        });
        self.lines.line(&format!("{time}{table}: {text}"));
    }

    fn page(&mut self, table: &str, page: &Progress) {
        let pace = self.paces.entry(table.to_owned()).or_default();
        let rate = pace.speed.at(page.elapsed, page.rows);
        self.left.page(table, rate, page.left);
        if page.elapsed < pace.shown + EVERY {
            return;
        }
        pace.shown = page.elapsed;
        let mut text = format!("{}, {}", count(page.rows, "row"), progress(page, rate).join(", "));
        let waited = std::mem::take(&mut pace.waited);
        if waited >= WORTH_A_WORD {
            text.push_str(&format!(", waited {} for the rate limit", duration(waited)));
        }
        if let Some(left) = self.left.total().filter(|_| self.lines.several) {
            text.push_str(&format!("; all tables: {left}"));
        }
        self.log(table, page.elapsed, &text);
    }
}

impl Log {
    pub(super) fn new(lines: Lines, width: Option<usize>) -> Self {
        Self(Mutex::new(LogState { lines, width, left: Left::default(), paces: BTreeMap::new() }))
    }

    fn state(&self) -> MutexGuard<'_, LogState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reporter for Log {
    fn event(&self, table: &str, event: &Event<'_>) {
        let state = &mut *self.state();
        match event {
            Event::Started(start) => {
                state.paces.entry(table.to_owned()).or_default().at = Some(start.at);
                state.lines.start(start);
            }
            Event::Page(page) => state.page(table, page),
            Event::Waiting { why: Wait::RateLimit, wait: length, .. } if *length < NEWS => {
                state.paces.entry(table.to_owned()).or_default().waited += *length;
            }
            Event::Waiting { why, wait: left, waited, until, elapsed } => {
                let text = format!("{}: {}", wait(why), length(*left, *waited, *until));
                state.log(table, *elapsed, &text);
            }
            Event::Lost { why, patience, elapsed } => state.log(table, *elapsed, &lost(why, *patience)),
            Event::Held { by, limit, elapsed } => state.log(table, *elapsed, &held(by, *limit)),
            Event::Back { lasted, elapsed } => state.log(table, *elapsed, &back(*lasted)),
            Event::Committing { .. } => {}
            Event::Committed { rows, elapsed, .. } => {
                state.log(table, *elapsed, &format!("committed {}", count(*rows, "row")));
            }
            Event::Warning(text) => state.lines.warning(table, text),
            Event::Debug(text) => state.lines.debug(table, text),
            Event::Finished { receipt, failure } if state.lines.several => {
                state.left.ended(table);
                // A child's run is not told when it begins.
                state.paces.entry(table.to_owned()).or_default().at.get_or_insert(receipt.started_at);
                state.log(table, receipt.elapsed, &in_short(receipt, *failure));
            }
            Event::Finished { receipt, failure } => state.lines.finish(receipt, *failure),
            // Told at the end.
            Event::Failed(_) if state.lines.several => {}
            Event::Failed(failure) => state.lines.failure(failure),
        }
    }

    fn failed(&self, failure: &Failure) {
        self.state().lines.failure(failure);
    }

    fn begins(&self, several: &Several<'_>) {
        self.state().lines.begin(several);
    }

    fn ends(&self, summary: &Summary<'_>) {
        let state = &mut *self.state();
        let width = state.width;
        if state.lines.several {
            state.lines.all(summary, width);
        }
        state.lines.look(summary);
    }
}
