//! `--debug`: statements, which the databases below tell to `log`, go to the reporter.

use std::sync::Arc;

use crate::dest::sql::trace::TARGET;
use crate::report::{Event, Reporter};

struct Statements(Arc<dyn Reporter>);

impl log::Log for Statements {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == TARGET
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            self.0.event("", &Event::Debug(&record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

/// Shows them from here on. A process has one such place; whoever comes second shows none.
pub(super) fn show(reporter: &Arc<dyn Reporter>) {
    if log::set_boxed_logger(Box::new(Statements(Arc::clone(reporter)))).is_ok() {
        log::set_max_level(log::LevelFilter::Debug);
    }
}
