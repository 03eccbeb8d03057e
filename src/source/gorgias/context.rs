//! What all parts of reading one table share.

use std::sync::Arc;
use std::time::Duration;

use crate::http::Observer;
use crate::http::client::Client;
use crate::http::limit::Reader;
use crate::model::{Micros, State, Tombstone};
use crate::normalise::rows::Rows;
use crate::source::gorgias::changes::cap::Cap;
use crate::source::gorgias::fields::{self, integer};
use crate::source::gorgias::list::channel::Sender;
use crate::source::gorgias::list::checkpoint::Checkpoint;
use crate::source::gorgias::shared::Vanished;
use crate::source::{Computed, Late, Overlap, Page, ReadRequest, Resource, SourceError};

/// How far behind the watermark a catch-up reads: a row can become visible later than the time it carries, and
/// clocks differ.
pub(crate) const OVERLAP: Duration = Duration::from_secs(5 * 60);

/// The account, what was asked for, and how far that has come.
pub(crate) struct Context {
    pub(crate) client: Arc<Client>,
    /// What small tables of the command have lost.
    pub(crate) vanished: Arc<Vanished>,
    /// This table's reader at the account's limiter.
    pub(crate) reader: Reader,
    pub(crate) observer: Arc<dyn Observer>,
    pub(crate) resource: &'static Resource,
    pub(crate) request: ReadRequest,
    pub(crate) progress: Checkpoint,
    /// Spent by this run.
    pub(crate) cap: Cap,
    /// When a first load began that goes on: what changed before that is no news, though its watermark may be older.
    pub(crate) loading_since: Option<Micros>,
    /// Whether events and counts are followed from this run on.
    pub(crate) tracking_begins: bool,
    /// What the receipt must still say.
    warnings: Vec<String>,
}

impl Context {
    pub(crate) fn new(
        client: Arc<Client>,
        vanished: Arc<Vanished>,
        observer: Arc<dyn Observer>,
        request: ReadRequest,
    ) -> Result<Self, SourceError> {
        let progress = Checkpoint::read(request.from.as_ref(), request.table.name)?;
        Ok(Self {
            reader: client.reader(),
            client,
            vanished,
            observer,
            resource: request.table,
            request,
            progress,
            cap: Cap::default(),
            loading_since: None,
            tracking_begins: false,
            warnings: Vec::new(),
        })
    }

    /// Whether rows that are gone are looked for.
    pub(crate) fn deletions(&self) -> bool {
        self.request.late == Late::ChangesAndDeletions && self.resource.deletions()
    }

    /// Since when what happens to the rows held may have gone unnoticed, if nothing has followed it yet: since the watermark, or
    /// since a first load began that is not complete. Where the API's clock is behind ours, the newest row from then tells.
    pub(crate) fn unfollowed_since(&self) -> Micros {
        let now = self.request.now;
        let progress = &self.progress;
        let loading = progress.unfinished.as_ref().filter(|_| progress.watermark.is_none());
        let began = loading.and(progress.rescan.as_ref()).map(|rescan| rescan.last_began);
        let top = loading.and_then(|pass| pass.top);
        [progress.watermark, began, top].into_iter().flatten().fold(now, Micros::min)
    }

    /// Whether a period of the re-scan is over that began then.
    pub(crate) fn is_due(&self, since: Micros) -> bool {
        self.request.rescan.is_some_and(|period| self.is_over(since, period))
    }

    /// Whether a period has passed since then, or then lies further ahead: it was noted by a clock that was.
    pub(crate) fn is_over(&self, since: Micros, period: Duration) -> bool {
        let now = self.request.now;
        since.plus(period) <= now || since > now.plus(period)
    }

    /// How far behind the watermark a run reads.
    pub(crate) fn behind(&self) -> Duration {
        match self.request.overlap {
            Overlap::Wide => OVERLAP.max(self.lookback()),
            Overlap::None => Duration::ZERO,
        }
    }

    /// How far behind a row's creation it may still change without a sign.
    pub(crate) fn lookback(&self) -> Duration {
        self.request.lookback.or_else(|| self.resource.changes.lookback()).unwrap_or_default()
    }

    /// A page whose rows are all wanted, with the state as it stands.
    pub(crate) fn page_of(&mut self, mut rows: Rows, gone: Vec<Tombstone>) -> Page {
        self.forget(&rows, &gone);
        rows.hide(self.resource.secrets, self.resource.columns);
        rows.flatten(self.resource.flat);
        let derived = self.resource.computed.map(|(column, Computed::NewestDatetime)| {
            (column, rows.iter().map(fields::newest_datetime).collect())
        });
        Page {
            keep: vec![true; rows.len()],
            derived,
            gone,
            same: 0,
            state: self.state(),
            reached: None,
            headway: None,
            warnings: std::mem::take(&mut self.warnings),
            rows,
        }
    }

    /// What is remembered of rows that are handed on, or are gone, is not what is stored of them any more.
    fn forget(&mut self, rows: &Rows, gone: &[Tombstone]) {
        if let (Some(recent), Some(key)) = (&mut self.progress.recent, self.resource.single_key()) {
            for id in rows.iter().filter_map(|row| integer(row, key)).chain(gone.iter().map(|gone| gone.key))
            {
                recent.rows.remove(&id);
            }
        }
    }

    /// Hands on rows that are all wanted, rows that are gone, and the state as it stands.
    pub(crate) async fn hand_on(&mut self, rows: Rows, gone: Vec<Tombstone>, out: &mut Sender) {
        let page = self.page_of(rows, gone);
        out.page(page).await;
    }

    /// Hands on the state as it stands.
    pub(crate) async fn hand_on_state(&mut self, out: &mut Sender) {
        self.hand_on(Rows::default(), Vec::new(), out).await;
    }

    /// Says of a page that its rows are as they were stored last.
    pub(crate) async fn hand_on_same(&mut self, rows: usize, out: &mut Sender) {
        let page = Page { same: rows as u64, ..self.page_of(Rows::default(), Vec::new()) };
        out.page(page).await;
    }

    /// What is to be stored now.
    pub(crate) fn state(&self) -> State {
        self.progress.state()
    }

    /// Something the receipt must say.
    pub(crate) fn warn(&mut self, warning: impl Into<String>) {
        self.warnings.push(warning.into());
    }

    /// The end of reading: what to store with the last page, which carries what the receipt must still say.
    pub(crate) async fn finish(mut self, mut out: Sender) -> State {
        if !self.warnings.is_empty() {
            self.hand_on_state(&mut out).await;
        }
        self.state()
    }
}
