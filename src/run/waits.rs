//! Waiting for others: a program that holds the file of the destination, and another run that writes to the table. What was
//! read stays where it is meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::failure;
use crate::dest::{Again, Commit, Counts, DestError, DestErrorKind, Load, Target, Undone};
use crate::error::Failure;
use crate::plan::Plan;
use crate::report::{Event, Reporter, duration};

/// A file is opened for a moment by all sorts of programs: only longer waits are told.
const NEWS: Duration = Duration::from_secs(1);
/// Between the first two attempts; then twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
/// Whoever was asked to stop may still get what was read into the file of a program that is just about to let go.
const LAST: Duration = Duration::from_secs(3);
/// How often it is looked whether another run has come to its end.
const LOOK: Duration = Duration::from_secs(2);

/// How somebody waits.
#[derive(Clone)]
pub(crate) struct Waits {
    /// How long for a program that holds the file; `None`: as long as it takes.
    limit: Option<Duration>,
    /// Ends the wait.
    stop: Option<watch::Receiver<bool>>,
    reporter: Arc<dyn Reporter>,
    table: String,
    start: Instant,
    /// Since when all waits count together; `None`: each by itself.
    since: Option<Instant>,
    /// Those of a command that have told of a wait for its file.
    telling: Arc<AtomicUsize>,
}

/// What somebody waited for in vain.
#[derive(Debug)]
pub(crate) struct WaitFailed {
    pub(crate) error: DestError,
    /// The wait was cut short.
    stopped: bool,
}

impl WaitFailed {
    /// As a user reads it.
    pub(super) fn explain(&self, target: &Target) -> Failure {
        let failure = failure::destination(target, &self.error);
        if self.stopped {
            return Failure { causes: vec![failure.headline], ..failure::interrupted(&target.source_table) };
        }
        match self.error.kind {
            DestErrorKind::Locked => {
                failure.hint("close the program that holds it, or wait longer for it with --wait")
            }
            _ => failure,
        }
    }
}

impl From<DestError> for WaitFailed {
    fn from(error: DestError) -> Self {
        Self { error, stopped: false }
    }
}

impl Waits {
    /// Of a command that is no run: nobody asks it to stop, and it waits so long from now on, for whatever.
    pub(crate) fn new(limit: Duration, reporter: Arc<dyn Reporter>) -> Self {
        let (table, start) = (String::new(), Instant::now());
        let since = Some(start);
        Self { limit: Some(limit), stop: None, reporter, table, start, since, telling: Arc::default() }
    }

    pub(super) fn of(
        plan: &Plan,
        reporter: &Arc<dyn Reporter>,
        stop: &watch::Receiver<bool>,
        start: Instant,
        telling: &Arc<AtomicUsize>,
    ) -> Self {
        Self {
            limit: plan.patience.program,
            stop: Some(stop.clone()),
            reporter: Arc::clone(reporter),
            table: plan.table.name.to_owned(),
            start,
            since: None,
            telling: Arc::clone(telling),
        }
    }

    /// Does what another program may be in the way of, until it is not any more.
    ///
    /// # Errors
    /// Those of the attempt, and that of the last one if the wait is over.
    pub(crate) async fn patiently<T>(
        &self,
        mut attempt: impl AsyncFnMut() -> Result<T, DestError>,
    ) -> Result<T, WaitFailed> {
        let mut wait = self.for_the_file();
        loop {
            match attempt().await {
                Err(error) if error.kind == DestErrorKind::Locked => wait.on(error).await?,
                done => return done.map_err(WaitFailed::from),
            }
        }
    }

    /// Makes a commit as soon as no other program is in the way; `before` brings it up to date before each attempt.
    ///
    /// # Errors
    /// As above.
    pub(super) async fn commit(
        &self,
        mut load: Box<dyn Load>,
        mut commit: Commit,
        mut before: impl FnMut(&mut Commit),
    ) -> Result<Vec<Counts>, WaitFailed> {
        let mut wait = self.for_the_file();
        loop {
            before(&mut commit);
            let error = match load.commit(commit).await {
                Ok(counts) => return Ok(counts),
                Err(Undone::Failed(error)) => return Err(error.into()),
                Err(Undone::Held { error, again }) => {
                    Again { load, commit } = *again;
                    error
                }
            };
            wait.on(error).await?;
        }
    }

    /// A wait for whoever holds the file.
    fn for_the_file(&self) -> Wait<'_> {
        Wait {
            of: self,
            limit: self.limit,
            since: self.since,
            pause: FIRST_PAUSE,
            told: false,
            counted: false,
        }
    }

    /// A wait for another run, for so long.
    pub(super) fn for_a_run(&self, limit: Option<Duration>) -> Wait<'_> {
        Wait { pause: LOOK, limit, ..self.for_the_file() }
    }

    fn tell(&self, by: &str, limit: Option<Duration>) {
        self.reporter.event(&self.table, &Event::Held { by, limit, elapsed: self.start.elapsed() });
    }

    /// Whether somebody asked to stop.
    fn stopped(&self) -> bool {
        self.stop.as_ref().is_some_and(|stop| *stop.borrow())
    }
}

/// One wait.
pub(super) struct Wait<'a> {
    of: &'a Waits,
    limit: Option<Duration>,
    since: Option<Instant>,
    pause: Duration,
    told: bool,
    /// Whether it is one of those that tell.
    counted: bool,
}

impl Wait<'_> {
    /// Waits a little, as the error says that the file is held.
    ///
    /// # Errors
    /// It, once there has been waiting enough.
    pub(super) async fn on(&mut self, error: DestError) -> Result<(), WaitFailed> {
        let waited = self.waited();
        // After a stop it is a short wait, whenever that came.
        let stopped = self.of.stopped();
        let limit = if stopped { Some(self.limit.map_or(LAST, |limit| limit.min(LAST))) } else { self.limit };
        if limit.is_some_and(|limit| waited >= limit) {
            return Err(WaitFailed { error: lasting(error, self.limit.filter(|_| !stopped)), stopped });
        }
        if !self.told && waited >= NEWS {
            self.told = true;
            self.counted = true;
            // All tables of a command wait for the same.
            if self.of.telling.fetch_add(1, Relaxed) == 0 {
                self.of.tell(&error.message, self.limit);
            }
        }
        tokio::time::sleep(self.pause.min(limit.map_or(self.pause, |limit| limit - waited))).await;
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        Ok(())
    }

    /// Waits a little for the run that `by` tells of. Returns whether it is worth looking again.
    pub(super) async fn for_run(&mut self, by: &str) -> bool {
        let waited = self.waited();
        if self.limit.is_some_and(|limit| waited >= limit) {
            return false;
        }
        if !std::mem::replace(&mut self.told, true) {
            self.of.tell(by, self.limit);
        }
        tokio::time::sleep(self.pause.min(self.limit.map_or(self.pause, |limit| limit - waited))).await;
        true
    }

    fn waited(&mut self) -> Duration {
        self.since.get_or_insert_with(Instant::now).elapsed()
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        if self.counted {
            self.of.telling.fetch_sub(1, Relaxed);
        }
    }
}

/// The error of somebody who has waited for so long.
fn lasting(mut error: DestError, waited: Option<Duration>) -> DestError {
    if let Some(waited) = waited.filter(|waited| !waited.is_zero()) {
        error.message.push_str(&format!(", still after {}", duration(waited)));
    }
    error
}
