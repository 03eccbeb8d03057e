//! Small tables, of which every run reads all: what is held and was not read is gone, once a second answer says so.
//!
//! A list that was cut, or an answer without rows, must not empty a table. So a few rows are asked for by their own address,
//! and if there are more, the whole list is read a second time: what both readings missed is gone.

use std::collections::{BTreeSet, HashSet};

use crate::model::{Micros, Question, State};
use crate::source::gorgias::changes::absence::{ENDS, Gone};
use crate::source::gorgias::list::channel::Outlet;
use crate::source::gorgias::list::checkpoint::Sweep;
use crate::source::gorgias::table_reader::Reader;
use crate::source::{SortField, SourceError};

/// So many rows are asked for by their own address.
const ONE_BY_ONE: usize = 10;

/// What a reading of the whole list met.
struct Met {
    ids: HashSet<i64>,
    /// Creation of the newest row when it began. Rows that were created later may have been missed.
    newest: Option<Micros>,
}

impl Reader {
    /// Reads all of the table, and looks for rows that are not there any more.
    pub(crate) async fn read_in_full(mut self, mut out: Outlet) -> Result<State, SourceError> {
        // 0: it was never read whole.
        self.progress.sweep.get_or_insert_with(|| Sweep::new(Micros(0))).gone = 0;
        let met = self.read_whole(&mut out).await?;
        if self.deletions() && self.request.from.is_some() {
            self.conclude_vanished(&met, &mut out).await?;
        }
        self.progress.sweep = Some(Sweep::new(self.request.now));
        self.hand_on_warnings(&mut out).await;
        Ok(self.progress.state())
    }

    async fn read_whole(&mut self, out: &mut Outlet) -> Result<Met, SourceError> {
        let mut active = self.begin();
        self.pass(&mut active, out).await?;
        let met = Met { ids: active.seen.take().unwrap_or_default(), newest: active.pass.top };
        self.rounds(active, out).await?;
        Ok(met)
    }

    async fn conclude_vanished(&mut self, met: &Met, out: &mut Outlet) -> Result<(), SourceError> {
        let column = SortField::Created.column().into();
        let to = met.newest.unwrap_or(ENDS.1);
        let Some(held) = out.ask(Question::KeysBetween { column, from: ENDS.0, to, with: None }).await else {
            return Ok(());
        };
        let keys = held.pairs.into_iter().map(|(key, _)| key);
        let absent: BTreeSet<i64> = keys.filter(|key| !met.ids.contains(key)).collect();
        let gone: Gone = if absent.len() <= ONE_BY_ONE {
            // What these credentials may not know, the next run finds again.
            self.fates(self.resource.path(), &absent).await?.gone.into_iter().collect()
        } else {
            let again = self.read_whole(out).await?;
            absent.into_iter().filter(|key| !again.ids.contains(key)).map(|key| (key, None)).collect()
        };
        self.believe(gone.len(), out).await?;
        if !gone.is_empty() {
            self.mark(gone, out).await;
        }
        Ok(())
    }
}
