//! Child tables of a run: their rows are taken out of the pages that are read, and committed with them.
//!
//! A child's state is a copy of its parent's, written in the same commits. Where the two differ, the child was added later or
//! left out of a command: it is made anew from the parent's rows as they are stored, without a request.

use super::child::Child;
use super::names::told;
use super::staged::Ending;
use super::stored::as_rows;
use super::waits::WaitFailed;
use super::{Run, failure};
use crate::dest::{Basis, Commit, Counts, DestErrorKind, Keep, Load, Stored, Target, Targets};
use crate::error::Failure;
use crate::model::{Reject, RunRecord, State, Strategy, Tombstone};
use crate::report::{Ended, Receipt};
use crate::source::Page;

/// Parents that are read back at a time.
const PARENTS: u64 = 10_000;

impl Run<'_, '_> {
    /// Takes the children's rows out of a page, which may need a commit of what was staged before it.
    pub(super) async fn take_children(&mut self, page: &Page) -> Result<(), Failure> {
        if self.children.iter().any(|child| child.meets_itself(page)) {
            self.commit(Ending::None).await?;
        }
        for child in &mut self.children {
            self.staged.bytes += child.take(&page.rows, &page.keep)?;
        }
        Ok(())
    }

    /// What a commit did to the children.
    pub(super) fn note_children(&mut self, counts: &[Counts]) {
        for (child, counts) in self.children.iter_mut().zip(counts) {
            child.counts.add(*counts);
            child.rejected += counts.rejected;
        }
        self.child_targets.iter_mut().for_each(|target| target.fresh = false);
    }

    /// What the load is told of the children with a commit: the parents whose rows are all there, and the rejects.
    pub(super) fn close_children(&mut self) -> (Vec<Vec<i64>>, Vec<Vec<Reject>>) {
        let close = |child: &mut Child<'_>| {
            let rejects = std::mem::take(&mut child.rejects);
            child.rejected += rejects.len() as u64;
            (std::mem::take(&mut child.staged).into_keys().collect(), rejects)
        };
        self.children.iter_mut().map(close).unzip()
    }

    /// Makes those children anew that are not as far as their parent, from its rows as they are stored.
    pub(super) async fn build_children(&mut self) -> Result<(), Failure> {
        if self.target.strategy != Strategy::Merge {
            return Ok(());
        }
        // Where the parent is read from zero, what the children have may be of rows that are not there any more.
        let state = self.stored.clone().unwrap_or_else(|| self.job.source.nothing_known());
        for at in 0..self.children.len() {
            if self.children[at].stored != self.stored {
                self.build(at, &state).await?;
            }
        }
        Ok(())
    }

    async fn build(&mut self, at: usize, state: &State) -> Result<(), Failure> {
        let fields = self.children[at].fields();
        let names: Option<Vec<String>> =
            fields.iter().map(|field| self.normaliser.destination_name(field)).collect();
        let mut target =
            Target { strategy: Strategy::Replace, fresh: true, ..self.child_targets[at].clone() };
        // Rows that an earlier run has begun to collect are there as well, and go.
        let inspect = async || self.job.dest.inspect(&target).await;
        let found = self.waits.patiently(inspect).await;
        let found = found.map_err(|failed| not_made_anew(&failed, &target, &self.target))?;
        let mut basis = Basis { aside: found.basis.aside, ..self.children[at].basis.clone() };
        let (mut after, mut read) = (None, 0);
        loop {
            let found = match &names {
                Some(names) => {
                    let rows = async || self.job.dest.rows(&self.target, names, after, PARENTS).await;
                    self.waits.patiently(rows).await.map_err(|failed| failed.explain(&self.target))?
                }
                None => None,
            };
            let Some(parents) = found else {
                self.warn(format!(
                    "{} begins with the rows of {} that are read from now on: column {} of {} is not there to make it from; \
                     --full-refresh reads all of them",
                    target.source_table, self.target.source_table, fields[0], self.target.table
                ));
                return Ok(());
            };
            let last = (parents.len() as u64) < PARENTS;
            after = parents.last().map(|parent| parent.key).or(after);
            read += parents.len() as u64;
            let (load, rejects) = self.stage_from(at, &target, &fields, &parents).await?;
            let child = &mut self.children[at];
            let (plan, names) = (child.plan, vec![child.named()]);
            told(plan, &names[0].new).into_iter().for_each(|warning| self.warn(warning));
            let run = RunRecord {
                rows_read: read,
                requests: 0,
                retries: 0,
                ..self.record(if last { Ending::Success } else { Ending::None })
            };
            let commit = Commit {
                basis: Some(basis.clone()),
                keep: Keep::default(),
                names,
                state: state.clone(),
                rejects: vec![rejects],
                run,
                lease: None,
                release: false,
                last,
            };
            let before = basis.clone();
            let made = self.waits.commit(load, commit, |commit| {
                commit.run.ended_at = self.now();
                basis = before.after(target.strategy, commit);
            });
            let counts = made.await.map_err(|failed| failed.explain(&target))?;
            self.children[at].counts.add(counts.first().copied().unwrap_or_default());
            self.children[at].names_anew = false;
            target.fresh = false;
            if last {
                self.children[at].stored = Some(state.clone());
                return Ok(());
            }
        }
    }

    /// Stages what a child has of these parents, and what did not fit.
    async fn stage_from(
        &mut self,
        at: usize,
        target: &Target,
        fields: &[&str],
        parents: &[Stored],
    ) -> Result<(Box<dyn Load>, Vec<Reject>), Failure> {
        let gone = parents.iter().filter_map(|parent| {
            let at = parent.deleted_at?;
            Some(Tombstone { key: parent.key, at, merged_into: None })
        });
        let child = &mut self.children[at];
        let rows = as_rows(child.parent_key, fields, parents)?;
        child.take(&rows, &vec![true; rows.len()])?;
        child.staged.clear();
        let mut load = self.job.dest.begin(Targets::from(target));
        while let Some(batch) = child.normaliser.take(true) {
            load.stage(0, batch).await.map_err(|error| failure::destination(target, &error))?;
        }
        load.bury(gone.collect());
        let rejects = std::mem::take(&mut child.rejects);
        child.rejected += rejects.len() as u64;
        Ok((load, rejects))
    }

    /// How the children's part of the run ended: as the run did.
    pub(super) fn ends_of_children(&self, receipt: &Receipt, failed: Option<&Failure>) -> Vec<Ended> {
        let end = |(child, target): (&Child<'_>, &Target)| {
            let receipt = Receipt {
                table: target.source_table.clone(),
                dest_table: format!("{}.{}", target.schema, target.table),
                strategy: target.strategy,
                read: child.read,
                pages: 0,
                counts: child.counts,
                // Of how many rows of a parent's it is the same ones is not counted.
                read_again: receipt.read_again.and(Some(0)),
                rejected: child.rejected,
                discarded: child.normaliser.discarded(),
                extra_fields: child.normaliser.extra_fields(),
                requests: 0,
                retries: 0,
                waited: std::time::Duration::ZERO,
                expected: None,
                warnings: Vec::new(),
                ..receipt.clone()
            };
            Ended { table: target.source_table.clone(), receipt: Some(receipt), failure: failed.cloned() }
        };
        self.children.iter().zip(&self.child_targets).map(end).collect()
    }
}

/// A child cannot be made anew. That its table can be taken over was found out before: only its rows cannot go, and the user
/// has typed no strategy that replaces them.
fn not_made_anew(failed: &WaitFailed, child: &Target, parent: &Target) -> Failure {
    let failure = failed.explain(child);
    if failed.error.kind != DestErrorKind::Shape {
        return failure;
    }
    let (schema, child, parent) = (&child.schema, &child.table, &parent.table);
    failure.hint(format!(
        "{child} is made anew, as it is not as far as {parent}: drop what refers to its rows, or make the foreign key DEFERRABLE \
         and ON DELETE NO ACTION; or let both be read again and merged: ingestr state reset --dest-table {schema}.{child}, \
         and the same with {schema}.{parent}"
    ))
}
