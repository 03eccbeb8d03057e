//! What the user sees of a run: events in, text out. With `main`, the only place that prints.
//!
//! Four styles share one trait: a live line on a terminal, log lines, JSON lines, and next to nothing. Time comes in with the events and
//! writers are given, so that whole runs can be compared with a snapshot. Human styles write to standard error only;
//! JSON writes its final object to standard output. A reader that went away never stops a run.

use std::io::Write;
use std::sync::Arc;

use crate::model::ProgressStyle;

mod alike;
pub mod check;
mod event;
pub mod forecast;
mod format;
mod human;
mod json;
mod left;
mod live;
mod metrics;
mod quiet;
mod receipt;
pub mod remembered;
pub(crate) mod rescan;
mod screen;
mod summary;

pub use event::{Event, Progress, Reporter, Scope, Several, Start, Wait};
pub(crate) use format::{LONG, duration, held, long_wait};
pub use metrics::Metrics;
pub use receipt::{Ended, Expected, Outcome, Receipt, Summary};
pub use screen::stderr_width;

/// What the reporter may know of the terminal.
#[derive(Debug, Clone, Copy)]
pub struct Terminal {
    /// Whether standard error is one that can redraw lines.
    pub stderr: bool,
    /// Whether colours are wanted: a terminal, and `NO_COLOR` is empty or not set.
    pub color: bool,
    /// Its columns; `None`: it is no terminal.
    pub width: Option<usize>,
}

/// How much is told, and in which form.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// The form.
    pub style: ProgressStyle,
    /// Nothing but what went wrong; as JSON, nothing but the final object.
    pub quiet: bool,
    /// [`Event::Debug`], too.
    pub debug: bool,
}

/// The reporter of that manner, writing to `out` (standard output) and `err` (standard error). The live line is
/// drawn on the process's standard error.
#[must_use]
pub fn reporter(
    Manner { style, quiet, debug }: Manner,
    terminal: Terminal,
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
) -> Arc<dyn Reporter> {
    match style {
        ProgressStyle::Json if quiet => Arc::new(json::Json::new(out, Box::new(std::io::sink()), false)),
        _ if quiet => Arc::new(quiet::Quiet::new(err)),
        ProgressStyle::Json => Arc::new(json::Json::new(out, err, debug)),
        ProgressStyle::Interactive if terminal.stderr => {
            Arc::new(live::Interactive::new(screen::screen(), human::Lines::new(err, terminal.color, debug)))
        }
        ProgressStyle::Interactive | ProgressStyle::Log => {
            Arc::new(human::Log::new(human::Lines::new(err, terminal.color, debug), terminal.width))
        }
    }
}

#[cfg(test)]
mod tests;
