//! Filling flat columns of rows that are stored already, before the first page of a run.

use super::backfill::ROWS;
use super::staged::Ending;
use super::{Run, failure};
use crate::dest::Targets;
use crate::error::Failure;
use crate::model::Filled;
use crate::words::count;

impl Run<'_, '_> {
    /// Fills flat columns of rows that are stored already, from where an earlier run has come to.
    pub(super) async fn fill_stored_rows(&mut self) -> Result<(), Failure> {
        let Some(mut backfill) = self.backfill.take() else { return Ok(()) };
        let names: Vec<String> = backfill.fields.iter().map(|(_, name)| name.clone()).collect();
        let (mut after, mut filled) = (backfill.filled.up_to, 0);
        loop {
            let rows = async || self.job.dest.rows(&self.target, &names, after, ROWS).await;
            let found = self.waits.patiently(rows).await.map_err(|failed| failed.explain(&self.target))?;
            // Without the JSON there is nothing to fill from.
            let Some(stored) = found else { return Ok(()) };
            let last = (stored.len() as u64) < ROWS;
            after = stored.last().map(|row| row.key).or(after);
            self.state.filled = Filled { up_to: after.filter(|_| !last), ..backfill.filled.clone() };
            if let Some(batch) = backfill.batch(&stored)? {
                let targets = Targets { table: &self.target, children: &self.child_targets };
                let load = self.load.get_or_insert_with(|| self.job.dest.begin(targets));
                load.stage(0, batch).await.map_err(|error| failure::destination(&self.target, &error))?;
            }
            // What is rewritten here was not read by this run.
            let before = self.done.counts;
            self.commit(Ending::None).await?;
            filled += self.done.counts.updated - before.updated;
            self.done.counts = before;
            if last {
                break;
            }
        }
        if filled > 0 {
            let (table, columns) = (&self.target.table, backfill.named());
            self.warn(format!(
                "{columns} of {table} filled from the JSON of {} that an older version had stored",
                count(filled, "row")
            ));
        }
        Ok(())
    }
}
