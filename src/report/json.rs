//! One JSON object a line, for schedulers: progress on standard error, the final object on standard output. One table is
//! told as several are.
//!
//! docs/progress.schema.json says what there is: fields are added, and [`VERSION`] goes up when one changes its meaning or
//! its name. Times are RFC 3339 in UTC, lengths milliseconds.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;

pub(super) use self::receipt::{Problem, ms, problem};
use self::several::{TableEnd, Whole, no_run, table_end, whole};
use super::event::{Event, Progress, Reporter, Scope, Several, Start, Wait};
use super::format;
use super::human::{EVERY, NEWS};
use super::receipt::Summary;
use crate::error::Failure;
use crate::plan::format_utc;

mod receipt;
mod several;

/// Of what these lines mean.
const VERSION: u32 = 1;

/// JSON lines.
pub(super) struct Json(Mutex<JsonState>);

struct JsonState {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    debug: bool,
    paces: BTreeMap<String, LastLine>,
}

/// What is remembered of a table between two lines.
#[derive(Default)]
struct LastLine {
    speed: format::Speed,
    shown: Option<Duration>,
    waited: Duration,
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum EventLine<'a> {
    Begin {
        source: &'a str,
        destination: &'a str,
        tables: &'a [&'a str],
        notes: &'a [String],
    },
    Start {
        table: &'a str,
        source: &'a str,
        dest_table: &'a str,
        destination: &'a str,
        strategy: &'static str,
        key: &'a [String],
        scope: &'static str,
        since: Option<String>,
        until: Option<String>,
        notes: &'a [String],
        started_at: String,
    },
    Progress {
        table: &'a str,
        rows: u64,
        pages: u64,
        rows_per_second: u64,
        reached: Option<String>,
        requests: u64,
        budget_used: Option<u32>,
        budget_capacity: Option<u32>,
        rate_limited_ms: u64,
        elapsed_ms: u64,
        left_ms: Option<u64>,
    },
    Waiting {
        table: &'a str,
        why: &'static str,
        what: Option<&'a str>,
        attempt: Option<u32>,
        wait_ms: u64,
        /// Of a long wait that was told before and goes on: how long it has lasted.
        waited_ms: Option<u64>,
        until: String,
        elapsed_ms: u64,
    },
    Committed {
        table: &'a str,
        rows: u64,
        inserted: u64,
        updated: u64,
        unchanged: u64,
        deleted: u64,
        elapsed_ms: u64,
    },
    Warning {
        table: &'a str,
        message: &'a str,
    },
    Debug {
        table: &'a str,
        message: &'a str,
    },
    Outage {
        table: &'a str,
        why: &'a str,
        retry_for_ms: u64,
        elapsed_ms: u64,
    },
    Held {
        table: &'a str,
        by: &'a str,
        /// As long as it takes, if there is none.
        limit_ms: Option<u64>,
        elapsed_ms: u64,
    },
    OutageOver {
        table: &'a str,
        lasted_ms: u64,
        elapsed_ms: u64,
    },
    TableEnd(TableEnd<'a>),
    End(Whole<'a>),
}

/// A line with the version of what it means.
#[derive(Serialize)]
struct Versioned<'a> {
    #[serde(flatten)]
    line: &'a EventLine<'a>,
    version: u32,
}

fn start(start: &Start) -> EventLine<'_> {
    let (since, until) = match start.scope {
        Scope::Everything | Scope::Remaining => (None, None),
        Scope::ChangedSince(since) => (Some(since), None),
        Scope::Interval(window) => (window.start, window.end),
    };
    EventLine::Start {
        table: &start.table,
        source: &start.source,
        dest_table: &start.dest_table,
        destination: &start.destination,
        strategy: start.strategy.name(),
        key: &start.key,
        scope: start.scope.name(),
        since: since.map(format_utc),
        until: until.map(format_utc),
        notes: &start.notes,
        started_at: format_utc(start.at),
    }
}

/// A line of progress every few seconds.
fn progress<'a>(table: &'a str, page: &Progress, pace: &mut LastLine) -> Option<EventLine<'a>> {
    let rate = pace.speed.at(page.elapsed, page.rows);
    if pace.shown.is_some_and(|shown| page.elapsed < shown + EVERY) {
        return None;
    }
    pace.shown = Some(page.elapsed);
    Some(EventLine::Progress {
        table,
        rows: page.rows,
        pages: page.pages,
        rows_per_second: rate,
        reached: page.reached.map(format_utc),
        requests: page.requests,
        budget_used: page.budget.map(|(used, _)| used),
        budget_capacity: page.budget.map(|(_, capacity)| capacity),
        rate_limited_ms: ms(pace.waited),
        elapsed_ms: ms(page.elapsed),
        left_ms: page.left.map(ms),
    })
}

fn waiting<'a>(table: &'a str, event: &'a Event<'_>) -> Option<EventLine<'a>> {
    let Event::Waiting { why, wait, waited, until, elapsed } = event else { return None };
    let (why, what, attempt) = match why {
        Wait::RateLimit => ("rate_limit", None, None),
        Wait::Retry { what, attempt } => ("retry", Some(what.as_str()), Some(*attempt)),
    };
    let (wait_ms, waited_ms, elapsed_ms) = (ms(*wait), waited.map(ms), ms(*elapsed));
    Some(EventLine::Waiting {
        table,
        why,
        what,
        attempt,
        wait_ms,
        waited_ms,
        until: format_utc(*until),
        elapsed_ms,
    })
}

/// One object and a newline in one write. A reader that went away is no reason to stop copying.
fn write(to: &mut dyn Write, line: &EventLine<'_>) {
    if let Ok(mut bytes) = serde_json::to_vec(&Versioned { line, version: VERSION }) {
        bytes.push(b'\n');
        let _ = to.write_all(&bytes).and_then(|()| to.flush());
    }
}

impl Json {
    pub(super) fn new(out: Box<dyn Write + Send>, err: Box<dyn Write + Send>, debug: bool) -> Self {
        Self(Mutex::new(JsonState { out, err, debug, paces: BTreeMap::new() }))
    }
}

impl Reporter for Json {
    fn event(&self, table: &str, event: &Event<'_>) {
        let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let line = match event {
            Event::Started(begin) => start(begin),
            Event::Page(page) => {
                let pace = state.paces.entry(table.to_owned()).or_default();
                let Some(line) = progress(table, page, pace) else { return };
                line
            }
            Event::Waiting { why, wait, waited, .. } => {
                if *why == Wait::RateLimit && waited.is_none() {
                    state.paces.entry(table.to_owned()).or_default().waited += *wait;
                    if *wait < NEWS {
                        return;
                    }
                }
                let Some(line) = waiting(table, event) else { return };
                line
            }
            Event::Committing { .. } => return,
            Event::Committed { rows, counts, elapsed } => EventLine::Committed {
                table,
                rows: *rows,
                inserted: counts.inserted,
                updated: counts.updated,
                unchanged: counts.unchanged,
                deleted: counts.deleted,
                elapsed_ms: ms(*elapsed),
            },
            Event::Warning(message) => EventLine::Warning { table, message },
            Event::Debug(message) if state.debug => EventLine::Debug { table, message },
            Event::Debug(_) => return,
            Event::Lost { why, patience, elapsed } => {
                EventLine::Outage { table, why, retry_for_ms: ms(*patience), elapsed_ms: ms(*elapsed) }
            }
            Event::Held { by, limit, elapsed } => {
                EventLine::Held { table, by, limit_ms: limit.map(ms), elapsed_ms: ms(*elapsed) }
            }
            Event::Back { lasted, elapsed } => {
                EventLine::OutageOver { table, lasted_ms: ms(*lasted), elapsed_ms: ms(*elapsed) }
            }
            Event::Finished { receipt, failure } => {
                EventLine::TableEnd(table_end(table, Some(receipt), *failure))
            }
            Event::Failed(failure) => EventLine::TableEnd(table_end(table, None, Some(failure))),
        };
        write(&mut state.err, &line);
    }

    fn failed(&self, failure: &Failure) {
        let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut state.out, &EventLine::End(no_run(failure)));
    }

    fn begins(&self, several: &Several<'_>) {
        let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        write(
            &mut state.err,
            &EventLine::Begin {
                source: several.source,
                destination: several.destination,
                tables: several.tables,
                notes: several.notes,
            },
        );
    }

    fn ends(&self, summary: &Summary<'_>) {
        let state = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        write(&mut state.out, &EventLine::End(whole(summary)));
    }
}
