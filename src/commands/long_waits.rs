//! Commands that are no runs show nothing while they wait, but for a line of a long wait.

use std::io::Write;
use std::sync::Arc;

use tokio::time::Instant;

use super::World;
use crate::error::Failure;
use crate::report::{Event, Reporter, Several, Summary, long_wait};
use crate::run::Meter;

/// Shows long waits, and nothing else.
struct LongWaits {
    err: fn() -> Box<dyn Write + Send>,
}

impl Reporter for LongWaits {
    fn event(&self, _table: &str, event: &Event<'_>) {
        if let Event::Waiting { why, wait, until, .. } = event
            && let Some(line) = long_wait(why, *wait, *until)
        {
            // A reader that went away is no failure.
            let _ = writeln!((self.err)(), "{line}");
        }
    }

    fn failed(&self, _failure: &Failure) {}

    fn begins(&self, _several: &Several<'_>) {}

    fn ends(&self, _summary: &Summary<'_>) {}
}

/// Counts requests from now on.
pub(super) fn meter(world: &World) -> Arc<Meter> {
    Arc::new(Meter::new("", Arc::new(LongWaits { err: world.err }), Instant::now(), world.now))
}
