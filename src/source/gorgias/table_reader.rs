//! Reading one table from beginning to end: the passes over its list, then whatever a list does not show.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::http::Listener;
use crate::http::client::Client;
use crate::http::limit::Seat;
use crate::model::{Micros, State, Tombstone};
use crate::normalise::rows::Rows;
use crate::source::gorgias::changes::deletions::Ahead;
use crate::source::gorgias::changes::message_counts::Changed;
use crate::source::gorgias::changes::rescan::Cap;
use crate::source::gorgias::list::channel::Outlet;
use crate::source::gorgias::list::checkpoint::{Kind, Mark, Progress};
use crate::source::gorgias::list::pages::Answer;
use crate::source::gorgias::list::pass::Active;
use crate::source::gorgias::list::walk;
use crate::source::gorgias::list::window::Aside;
use crate::source::{Changes, Computed, Counted, Late, Overlap, Page, ReadRequest, Resource, SourceError};

/// How far behind the watermark a catch-up reads: a row can become visible later than the time it carries, and
/// clocks differ.
pub(crate) const OVERLAP: Duration = Duration::from_secs(5 * 60);

/// Reads one table.
pub(crate) struct Reader {
    pub(crate) client: Arc<Client>,
    /// Among all that read the account.
    pub(crate) seat: Seat,
    pub(crate) listener: Arc<dyn Listener>,
    pub(crate) resource: &'static Resource,
    pub(crate) request: ReadRequest,
    pub(crate) progress: Progress,
    /// Pages of passes read so far.
    pub(crate) spent: u64,
    /// Spent beside the passes.
    pub(crate) cap: Cap,
    /// When a first load began that goes on: what changed before that is no news, though its watermark may be older.
    pub(crate) loading_since: Option<Micros>,
    /// Whether events and counts are followed from this run on.
    pub(crate) tracking_begins: bool,
    pub(crate) warnings: Vec<String>,
    /// Pages of a window that wait to be handed on.
    pub(crate) aside: Aside,
    /// Rows held that a pass over their time did not meet.
    pub(crate) unmet: Vec<i64>,
    /// The events, if they are being read already.
    pub(crate) ahead: Ahead,
    /// The newest ticket, if it is being looked at: how it stood when the table's first page was requested.
    pub(crate) newest: JoinSet<Answer>,
}

impl Reader {
    pub(crate) fn new(
        client: Arc<Client>,
        listener: Arc<dyn Listener>,
        request: ReadRequest,
    ) -> Result<Self, SourceError> {
        let progress = Progress::read(request.from.as_ref(), request.table.name)?;
        Ok(Self {
            seat: client.seat(),
            client,
            listener,
            resource: request.table,
            request,
            progress,
            spent: 0,
            cap: Cap::default(),
            loading_since: None,
            tracking_begins: false,
            warnings: Vec::new(),
            aside: Aside::default(),
            unmet: Vec::new(),
            ahead: Ahead::new(),
            newest: JoinSet::new(),
        })
    }

    /// Reads all that was asked for, to the state to store at the end.
    pub(crate) async fn run(mut self, mut out: Outlet) -> Result<State, SourceError> {
        if self.resource.changes == Changes::Full {
            return self.read_in_full(out).await;
        }
        let tracks = self.request.late != Late::Nothing && self.request.overlap == Overlap::Wide;
        if tracks {
            self.begin_tracking();
        }
        let mut active = self.begin();
        let follows = tracks && active.moves;
        // A first load of one run has read everything just now; one of several runs has not.
        let fresh = self.progress.watermark.is_none() && !active.resumed;
        if active.resumed {
            if self.progress.watermark.is_none() {
                self.loading_since = self.progress.sweep.as_ref().map(|sweep| sweep.swept);
            }
            self.pass(&mut active, &mut out).await?;
            // What the earlier run read of it may have changed since.
            if let Some(watermark) = self.progress.watermark {
                active = self.catch_up(watermark.minus(self.behind()), 0, true);
            }
        }
        if !active.resumed {
            if follows
                && self.deletions()
                && active.pass.kind == Kind::CatchUp
                && self.resource.counted.is_some()
            {
                active.seen = Some(HashSet::new());
            }
            self.pass(&mut active, &mut out).await?;
        }
        if let (Some(counted), true) = (self.resource.counted, follows && self.progress.counts.is_some()) {
            self.settle_messages(counted, active, fresh, &mut out).await?;
        } else {
            if follows && self.round_after(&active).is_some() {
                self.search_ahead();
            }
            self.rounds(active, &mut out).await?;
            if follows {
                self.follow_events(&mut out).await?;
                self.rescan(&mut out).await?;
            }
        }
        self.hand_on_warnings(&mut out).await;
        Ok(self.progress.state())
    }

    /// What the receipt must still say.
    pub(crate) async fn hand_on_warnings(&mut self, out: &mut Outlet) {
        if !self.warnings.is_empty() {
            let page = self.page_of(Rows::default(), Vec::new());
            out.page(page).await;
        }
    }

    /// From the first run on: whatever happens after it began will be noticed, be it in this run or in a later one.
    fn begin_tracking(&mut self) {
        let now = self.request.now;
        self.tracking_begins = self.progress.sweep.is_none();
        if self.deletions() {
            self.progress.events.get_or_insert_with(|| Mark {
                since: now,
                done: Vec::new(),
                pending: Vec::new(),
            });
        }
        if let (Some(counted), None) = (self.resource.counted, &self.progress.counts) {
            self.begin_counts(counted.by);
        }
        self.begin_sweeps();
    }

    /// What comes after the pass over messages.
    async fn settle_messages(
        &mut self,
        counted: Counted,
        active: Active,
        fresh: bool,
        out: &mut Outlet,
    ) -> Result<(), SourceError> {
        let changed = if fresh { Changed::default() } else { self.changed_tickets(counted).await? };
        // A message that came while the pass was walked has moved its ticket: without any such ticket there is none,
        // and the round from the top would find nothing.
        if fresh || changed.any {
            if self.round_after(&active).is_some() {
                self.search_ahead();
            }
            self.rounds(active, out).await?;
        }
        self.follow_events(out).await?;
        self.check_counts(counted, changed, out).await
    }

    pub(crate) fn deletions(&self) -> bool {
        self.request.late == Late::ChangesAndDeletions && self.resource.deletions()
    }

    async fn follow_events(&mut self, out: &mut Outlet) -> Result<(), SourceError> {
        if self.deletions() { self.read_events(out).await } else { Ok(()) }
    }

    /// A page whose rows are all wanted, with the state as it stands.
    pub(crate) fn page_of(&mut self, rows: Rows, gone: Vec<Tombstone>) -> Page {
        let derived = self.resource.computed.map(|(column, Computed::NewestDatetime)| {
            (column, rows.iter().map(walk::newest_datetime).collect())
        });
        Page {
            keep: vec![true; rows.len()],
            derived,
            gone,
            state: self.progress.state(),
            reached: None,
            headway: None,
            warnings: std::mem::take(&mut self.warnings),
            rows,
        }
    }

    /// Something the receipt must say.
    pub(crate) fn warn(&mut self, warning: &str) {
        self.warnings.push(warning.to_owned());
    }
}
