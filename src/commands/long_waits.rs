//! Commands that are no runs show nothing while they wait, but for a line of a long wait, and one of a file that is held.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::error::Failure;
use crate::model::Micros;
use crate::report::{Event, Reporter, Several, Summary, held, long_wait};
use crate::run::{Meter, Waits};

/// Shows long waits, and nothing else.
struct LongWaits {
    err: fn() -> Box<dyn Write + Send>,
}

impl Reporter for LongWaits {
    fn event(&self, _table: &str, event: &Event<'_>) {
        let line = match event {
            Event::Waiting { why, wait, until, .. } => long_wait(why, *wait, *until),
            Event::Held { by, limit, .. } => Some(held(by, *limit)),
            _ => None,
        };
        if let Some(line) = line {
            // A reader that went away is no failure.
            let _ = writeln!((self.err)(), "{line}");
        }
    }

    fn failed(&self, _failure: &Failure) {}

    fn begins(&self, _several: &Several<'_>) {}

    fn ends(&self, _summary: &Summary<'_>) {}
}

/// Where to print.
type Err = fn() -> Box<dyn Write + Send>;

/// Counts requests from now on.
pub(super) fn meter(err: Err, now: Micros) -> Arc<Meter> {
    Arc::new(Meter::new("", Arc::new(LongWaits { err }), Instant::now(), now))
}

/// How long a program is waited for that holds the file: somebody is watching.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits for the destination.
pub(super) fn waits(err: Err) -> Waits {
    Waits::new(PATIENCE, Arc::new(LongWaits { err }))
}
