//! Output that could not be written: a receipt that nobody gets is no success, though the rows are in.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::error::{Failure, Kind};

/// Whether something could not be written. A reader that went away is no failure.
#[derive(Debug, Clone, Default)]
pub(super) struct Unwritten(Arc<AtomicBool>);

impl Unwritten {
    /// The same writer, watched.
    pub(super) fn watch(&self, to: Box<dyn Write + Send>) -> Box<dyn Write + Send> {
        Box::new(Watched { to, unwritten: self.clone() })
    }

    /// What a command that went well ends with.
    pub(super) fn failure(&self) -> Option<Failure> {
        self.0.load(Relaxed).then(|| {
            Failure::new(Kind::Internal, "receipt not written; the rows are committed")
                .hint("see whether the place is full that the output goes to")
        })
    }

    fn note<T>(&self, done: io::Result<T>) -> io::Result<T> {
        if done.as_ref().is_err_and(|error| {
            !matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::Interrupted)
        }) {
            self.0.store(true, Relaxed);
        }
        done
    }
}

struct Watched {
    to: Box<dyn Write + Send>,
    unwritten: Unwritten,
}

impl Write for Watched {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let done = self.to.write(bytes);
        self.unwritten.note(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        let done = self.to.flush();
        self.unwritten.note(done)
    }
}
