//! Reading one table from beginning to end: the passes over its list, then whatever a list does not show.

use std::collections::HashSet;
use std::sync::Arc;

use crate::http::Observer;
use crate::http::client::Client;
use crate::model::State;
use crate::source::gorgias::changes::deletions::Deletions;
use crate::source::gorgias::changes::message_counts::{self, Changed, MessageCounts};
use crate::source::gorgias::changes::{reread, rescan, vanished};
use crate::source::gorgias::context::Context;
use crate::source::gorgias::list::active::Active;
use crate::source::gorgias::list::channel::Sender;
use crate::source::gorgias::list::checkpoint::{Mark, PassKind};
use crate::source::gorgias::list::{pass, recent};
use crate::source::gorgias::shared::Vanished;
use crate::source::{Changes, Counted, Late, Overlap, ReadRequest, SourceError};

/// Reads one table.
pub(crate) struct TableReader {
    ctx: Context,
    deletions: Deletions,
    counts: MessageCounts,
}

impl TableReader {
    pub(crate) fn new(
        client: Arc<Client>,
        vanished: Arc<Vanished>,
        observer: Arc<dyn Observer>,
        request: ReadRequest,
    ) -> Result<Self, SourceError> {
        Ok(Self {
            ctx: Context::new(client, vanished, observer, request)?,
            deletions: Deletions::default(),
            counts: MessageCounts::default(),
        })
    }

    /// Reads all that was asked for, to the state to store at the end.
    pub(crate) async fn run(mut self, mut out: Sender) -> Result<State, SourceError> {
        if self.ctx.resource.changes == Changes::Full {
            let vanished = Arc::clone(&self.ctx.vanished);
            let mut reading = vanished.begins(self.ctx.resource.name);
            vanished::read_in_full(&mut self.ctx, &mut reading, &mut out).await?;
        } else {
            self.read(&mut out).await?;
        }
        Ok(self.ctx.finish(out).await)
    }

    async fn read(&mut self, out: &mut Sender) -> Result<(), SourceError> {
        recent::begin(&mut self.ctx);
        let request = &self.ctx.request;
        let tracks = request.late != Late::Nothing && request.overlap == Overlap::Wide;
        if tracks {
            self.begin_tracking();
        } else if request.overlap == Overlap::Wide {
            // A later run looks for what has changed or is gone of the rows that this one brings.
            if self.ctx.resource.deletions() {
                self.begin_events();
            }
            rescan::begin(&mut self.ctx);
        }
        let (ctx, counts) = (&mut self.ctx, &mut self.counts);
        ctx.progress.windows += u64::from(!ctx.request.window.is_open());
        let mut active = pass::begin(ctx);
        recent::remember_from(ctx, &mut active);
        let follows = tracks && active.moves;
        // A first load of one run has read everything just now; one of several runs has not.
        let fresh = ctx.progress.watermark.is_none() && !active.resumed;
        if active.resumed {
            if ctx.progress.watermark.is_none() {
                ctx.loading_since = ctx.progress.rescan.as_ref().map(|rescan| rescan.last_began);
            }
            pass::pass(ctx, counts, &mut active, out).await?;
            // What the earlier run read of it may have changed since.
            if let Some(watermark) = ctx.progress.watermark {
                active = pass::follow_up(ctx, watermark);
            }
        }
        if !active.resumed {
            let counted = ctx.resource.counted.is_some();
            if follows && ctx.deletions() && active.pass.kind == PassKind::CatchUp && counted {
                active.seen = Some(HashSet::new());
            }
            pass::pass(ctx, counts, &mut active, out).await?;
        }
        match ctx.resource.counted {
            Some(counted) if follows && ctx.progress.counts.is_some() => {
                self.settle_counts(counted, active, fresh, out).await
            }
            _ => {
                self.rounds(active, follows, out).await?;
                if follows {
                    self.deletions.follow(&mut self.ctx, out).await?;
                    rescan::rescan(&mut self.ctx, out).await?;
                }
                Ok(())
            }
        }
    }

    /// From the first run on: whatever happens after it began will be noticed, be it in this run or in a later one.
    fn begin_tracking(&mut self) {
        let ctx = &mut self.ctx;
        ctx.tracking_begins = ctx.progress.rescan.is_none();
        if ctx.deletions() {
            self.begin_events();
        }
        let ctx = &mut self.ctx;
        if let (Some(counted), None) = (ctx.resource.counted, &ctx.progress.counts) {
            self.counts.begin(ctx, counted.by);
        }
        rescan::begin(ctx);
    }

    fn begin_events(&mut self) {
        let since = self.ctx.unfollowed_since();
        let begun = || Mark { since, done: Vec::new(), pending: Vec::new() };
        self.ctx.progress.events.get_or_insert_with(begun);
    }

    /// Looks at the front of the list again; the events are read meanwhile, if they are to be.
    async fn rounds(&mut self, active: Active, follows: bool, out: &mut Sender) -> Result<(), SourceError> {
        if follows && pass::round_after(&self.ctx, &active).is_some() {
            self.deletions.search_ahead(&self.ctx);
        }
        pass::rounds(&mut self.ctx, &mut self.counts, active, out).await
    }

    /// What comes after the pass over rows that another table counts.
    async fn settle_counts(
        &mut self,
        counted: Counted,
        active: Active,
        fresh: bool,
        out: &mut Sender,
    ) -> Result<(), SourceError> {
        let changed = match fresh {
            true => Changed::default(),
            false => message_counts::changed_tickets(&mut self.ctx, counted).await?,
        };
        // A message that came while the pass was walked has moved its ticket: without any such ticket there is none,
        // and the round from the top would find nothing.
        if fresh || changed.any {
            self.rounds(active, true, out).await?;
        }
        self.deletions.follow(&mut self.ctx, out).await?;
        self.check_counts(counted, changed, out).await
    }

    /// Compares the tickets that changed, then those that the re-scan brings, and reads again what does not match.
    async fn check_counts(
        &mut self,
        counted: Counted,
        changed: Changed,
        out: &mut Sender,
    ) -> Result<(), SourceError> {
        let ctx = &mut self.ctx;
        if !message_counts::compare_changed(ctx, counted, changed, out).await {
            return Ok(());
        }
        reread::reread(ctx, counted, out).await?;
        rescan::rescan(ctx, out).await?;
        let unmet = std::mem::take(&mut self.counts.unmet);
        message_counts::suspect_parents(ctx, counted, unmet, out).await;
        reread::reread(ctx, counted, out).await?;
        message_counts::conclude(ctx, out).await;
        Ok(())
    }
}
