//! `--metrics-file`: what a run did as Prometheus text, for the textfile collector of its node exporter.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::event::{Event, Reporter, Several};
use super::receipt::{Ended, Outcome, Receipt, Summary};
use crate::error::Failure;
use crate::model::Micros;

/// Takes a sentence about what went wrong.
type Complain = Box<dyn Fn(&str) + Send + Sync>;

/// Tells another reporter everything, and writes a file at the end.
pub struct Metrics {
    inner: Arc<dyn Reporter>,
    file: PathBuf,
    /// When the command began.
    began: Micros,
    /// Told what cannot be written.
    complain: Complain,
}

impl std::fmt::Debug for Metrics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metrics").field("file", &self.file).finish_non_exhaustive()
    }
}

/// A number of each table: its name, what it is, and where it is in a receipt.
type Number = (&'static str, &'static str, fn(&Receipt) -> f64);

#[expect(clippy::cast_precision_loss, reason = "Prometheus knows no other numbers")]
const NUMBERS: [Number; 10] = [
    ("rows_read", "Rows read by the last run.", |done| done.read as f64),
    ("rows_inserted", "Rows inserted by the last run.", |done| done.counts.inserted as f64),
    ("rows_updated", "Rows updated by the last run.", |done| done.counts.updated as f64),
    ("rows_deleted", "Rows that the last run found deleted.", |done| done.counts.deleted as f64),
    ("rows_rejected", "Values that the last run kept in _ingestr_rejects.", |done| done.rejected as f64),
    ("requests", "Requests sent by the last run.", |done| done.requests as f64),
    ("retries", "Requests of the last run that repeated a failed one.", |done| done.retries as f64),
    ("rate_limited_seconds", "Time the last run waited for the request budget.", |done| {
        done.waited.as_secs_f64()
    }),
    ("duration_seconds", "Time of the last run.", |done| done.elapsed.as_secs_f64()),
    ("warnings", "Warnings of the last run.", |done| done.warnings.len() as f64),
];

/// The time of the last success outlives runs that fail: it is carried over from the file that is replaced.
const LAST_SUCCESS: &str = "ingestr_last_success_timestamp_seconds";

impl Metrics {
    /// How each file begins: one that does so is ours.
    pub const BEGINNING: &'static str = "# HELP ingestr_exit_code ";

    /// Writes `file` at the end of what `inner` is told: that which it leads to, where it is a link.
    pub fn new(inner: Arc<dyn Reporter>, file: PathBuf, began: Micros, complain: Complain) -> Self {
        let file = std::fs::canonicalize(&file).unwrap_or(file);
        Self { inner, file, began, complain }
    }

    /// Whether there may be such a file: what is there already must be one, as it is replaced. A device would be gone then, and
    /// whoever opens a pipe waits for its other end.
    #[must_use]
    pub fn may_be(file: &Path) -> bool {
        std::fs::metadata(file).map_or(true, |there| there.is_file())
    }

    /// Replaces the file in one step: whoever reads it finds the old one or the new one.
    fn write(&self, text: &str) {
        let mut part = self.file.clone().into_os_string();
        part.push(format!(".{}.part", std::process::id()));
        let part = PathBuf::from(part);
        let written = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, &self.file));
        if let Err(error) = written {
            // Half of it may be there, where the disk is full.
            let _ = std::fs::remove_file(&part);
            (self.complain)(&format!("the metrics file {} cannot be written: {error}", self.file.display()));
        }
    }

    /// Times of the last success that the file has.
    fn earlier(&self) -> Vec<String> {
        // One that cannot be read is replaced, and this is all that is lost.
        let text = std::fs::read_to_string(&self.file).unwrap_or_default();
        text.lines().filter(|line| line.starts_with(LAST_SUCCESS)).map(str::to_owned).collect()
    }
}

impl Reporter for Metrics {
    fn event(&self, table: &str, event: &Event<'_>) {
        self.inner.event(table, event);
    }

    fn failed(&self, failure: &Failure) {
        self.inner.failed(failure);
        self.write(&text(&[], "", Some(failure), self.began, self.began, &self.earlier()));
    }

    fn begins(&self, several: &Several<'_>) {
        self.inner.begins(several);
    }

    fn ends(&self, summary: &Summary<'_>) {
        self.inner.ends(summary);
        let ended = self.began.plus(summary.elapsed);
        let text = text(summary.ends, summary.source, summary.failure, self.began, ended, &self.earlier());
        self.write(&text);
    }

    fn wants_news_only(&self) -> bool {
        self.inner.wants_news_only()
    }
}

/// The whole file.
fn text(
    ends: &[Ended],
    source: &str,
    failure: Option<&Failure>,
    began: Micros,
    ended: Micros,
    earlier: &[String],
) -> String {
    let mut text = String::new();
    let head = |text: &mut String, name: &str, help: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    };
    let labels = |end: &Ended| {
        let to = end.receipt.as_ref().map_or("", |done| &done.dest_table);
        let parts = [("source", source), ("table", &end.table), ("dest_table", to)];
        let parts = parts.map(|(name, value)| format!("{name}=\"{}\"", escaped(value)));
        format!("{{{}}}", parts.join(","))
    };
    let code = failure.map_or(0, |failure| failure.kind.exit_code());
    for (name, help, value) in [
        ("ingestr_exit_code", "Exit code of the last command.", code.to_string()),
        ("ingestr_start_timestamp_seconds", "When the last command began.", seconds(began)),
        ("ingestr_end_timestamp_seconds", "When the last command ended.", seconds(ended)),
    ] {
        head(&mut text, name, help);
        let _ = writeln!(text, "{name} {value}");
    }
    if !ends.is_empty() {
        head(&mut text, "ingestr_success", "Whether the table is complete.");
    }
    for end in ends {
        let _ = writeln!(text, "ingestr_success{} {}", labels(end), u8::from(end.failure.is_none()));
    }
    let receipts: Vec<(String, &Receipt)> =
        ends.iter().filter_map(|end| Some((labels(end), end.receipt.as_ref()?))).collect();
    for (name, help, of) in NUMBERS.iter().filter(|_| !receipts.is_empty()) {
        let name = format!("ingestr_{name}");
        head(&mut text, &name, help);
        for (labels, done) in &receipts {
            let _ = writeln!(text, "{name}{labels} {}", of(done));
        }
    }
    let good = receipts.iter().filter(|(_, done)| done.outcome == Outcome::Success);
    let now: Vec<(String, String)> = good
        .map(|(labels, done)| {
            (format!("{LAST_SUCCESS}{labels}"), seconds(done.started_at.plus(done.elapsed)))
        })
        .collect();
    let kept =
        earlier.iter().filter(|line| !now.iter().any(|(name, _)| line.starts_with(&format!("{name} "))));
    let lines: Vec<String> =
        kept.cloned().chain(now.iter().map(|(name, at)| format!("{name} {at}"))).collect();
    if !lines.is_empty() {
        head(&mut text, LAST_SUCCESS, "When the table was complete last.");
        let _ = writeln!(text, "{}", lines.join("\n"));
    }
    text
}

fn seconds(at: Micros) -> String {
    format!("{}.{:03}", at.0.div_euclid(1_000_000), at.0.rem_euclid(1_000_000) / 1_000)
}

/// A label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Kind;

    #[test]
    fn the_last_success_outlives_a_failure() {
        let failure = Failure::new(Kind::Source, "gone");
        let failed = Ended { table: "a\"b".into(), receipt: None, failure: Some(failure.clone()) };
        let earlier = [format!("{LAST_SUCCESS}{{table=\"tickets\"}} 12.000")];
        let began = Micros(1_763_812_443_000_000);
        let text = text(&[failed], "acme", Some(&failure), began, Micros(began.0 + 1_500_000), &earlier);
        assert!(text.starts_with(Metrics::BEGINNING));
        insta::assert_snapshot!(text, @r#"
        # HELP ingestr_exit_code Exit code of the last command.
        # TYPE ingestr_exit_code gauge
        ingestr_exit_code 4
        # HELP ingestr_start_timestamp_seconds When the last command began.
        # TYPE ingestr_start_timestamp_seconds gauge
        ingestr_start_timestamp_seconds 1763812443.000
        # HELP ingestr_end_timestamp_seconds When the last command ended.
        # TYPE ingestr_end_timestamp_seconds gauge
        ingestr_end_timestamp_seconds 1763812444.500
        # HELP ingestr_success Whether the table is complete.
        # TYPE ingestr_success gauge
        ingestr_success{source="acme",table="a\"b",dest_table=""} 0
        # HELP ingestr_last_success_timestamp_seconds When the table was complete last.
        # TYPE ingestr_last_success_timestamp_seconds gauge
        ingestr_last_success_timestamp_seconds{table="tickets"} 12.000
        "#);
    }
}
