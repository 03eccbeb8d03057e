//! Walking over a whole list again, a bounded part a run: what changes without moving anything a list sorts by is
//! found so in the end.
//!
//! Deleting a message lowers a ticket's count and moves nothing; merging customers may not move the survivor. A sweep
//! goes on whenever something has changed, and begins anew after a day even if nothing seems to have: a run that
//! finds nothing new costs no more than its first request.

use std::time::Duration;

use super::feed::Outlet;
use super::progress::{Direction, Sweep, Walk};
use super::reader::Reader;
use super::tables::SortField;
use super::walk::{self, Footprint, Stumble};
use crate::http::limit::Priority;
use crate::schema::Micros;
use crate::source::SourceError;

/// A new sweep begins after this long, even if nothing seems to have changed.
const RENEWAL: Duration = Duration::from_secs(24 * 3_600);
/// Requests a run may spend on looking for changes without a sign, at least...
pub(super) const SHARE_LEAST: u64 = 50;
/// ...or this part of those it has sent for other things.
pub(super) const SHARE: u64 = 4;

/// A run sweeps little.
pub(super) const SWEEPS: Priority = Priority::Later { had: 0 };

impl Reader {
    /// Requests this run may spend on what shows no sign.
    pub(super) fn share(&self) -> u64 {
        SHARE_LEAST.max(self.spent / SHARE)
    }

    /// Begins to keep track, after the first load: everything has just been read.
    pub(super) fn begin_sweeps(&mut self) {
        let swept = self.request.now;
        self.progress.sweep.get_or_insert(Sweep { swept, walk: None });
    }

    /// Whether this run should walk on.
    pub(super) fn sweep_is_due(&self, changed: bool) -> bool {
        let sweep = self.progress.sweep.as_ref().filter(|_| self.sweeps);
        sweep.is_some_and(|sweep| {
            changed || sweep.walk.is_some() || sweep.swept.plus(RENEWAL) <= self.request.now
        })
    }

    /// The walk to go on with, and when it began: newest first, as far back as the table is covered.
    pub(super) fn sweep_walk(&self) -> (Micros, Walk) {
        let unfinished = self.progress.sweep.as_ref().and_then(|sweep| sweep.walk.clone());
        let until = self.progress.covered_since;
        unfinished.unwrap_or_else(|| {
            (self.request.now, Walk::new(SortField::Created, Direction::NewestFirst, until))
        })
    }

    /// Notes how far a walk came. True if it is complete and began in an earlier run: rows it passed then may have
    /// changed since, so another one should follow.
    pub(super) fn note_sweep(&mut self, began: Micros, walk: &Walk) -> bool {
        let Some(sweep) = &mut self.progress.sweep else { return false };
        if walk.done {
            sweep.swept = sweep.swept.max(began);
        }
        sweep.walk = (!walk.done).then(|| (began, walk.clone()));
        walk.done && began < self.request.now
    }

    /// Walks on through the table's own list and hands its rows on.
    pub(super) async fn sweep_table(&mut self, out: &mut Outlet) -> Result<(), SourceError> {
        let mut share = self.share();
        loop {
            let (began, mut walk) = self.sweep_walk();
            let mut footprint = Footprint::of(&walk);
            let mut again = false;
            while !walk.done && share > 0 {
                share -= 1;
                match walk::step(
                    &self.client,
                    SWEEPS,
                    &self.endpoint,
                    &mut walk,
                    &mut footprint,
                    &*self.listener,
                )
                .await
                {
                    Ok(fetched) => {
                        again = self.note_sweep(began, &walk);
                        if let Some(warning) = &fetched.warning {
                            self.warn(warning);
                        }
                        let page = self.page_of(fetched.rows, Vec::new());
                        out.page(page).await;
                    }
                    Err(Stumble::Refused) => walk::restart(&mut walk, &mut footprint, &self.endpoint)?,
                    Err(Stumble::Error(error)) => return Err(error),
                }
            }
            if !again || share == 0 {
                return Ok(());
            }
        }
    }
}
