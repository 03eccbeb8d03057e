//! One child table of a run: what is known of it, and its rows on their way from pages to a commit.

use std::collections::{BTreeMap, HashMap};

use super::lost_columns::{self, ColumnsFound};
use super::names::{can_go_on, normaliser};
use super::waits::Waits;
use super::{failure, mapping, target};
use crate::dest::{Basis, Counts, Destination, Inspection, Names, Target};
use crate::error::Failure;
use crate::model::{Mapping, Reject, State};
use crate::normalise::Normaliser;
use crate::normalise::children::{Embedded, Taken};
use crate::normalise::rows::{Row, Rows};
use crate::plan::Plan;
use crate::source::{Page, Source};

/// A child table of a run.
pub(super) struct Child<'a> {
    pub(super) plan: &'a Plan,
    embedded: Embedded,
    /// What the source calls the key of the parent.
    pub(super) parent_key: &'static str,
    pub(super) normaliser: Normaliser,
    /// Whether names of columns that are stored are not this table's.
    pub(super) names_anew: bool,
    /// The columns that its table had when the run began.
    pub(super) found: ColumnsFound,
    /// What is to be stored of how its rows are written.
    pub(super) mapping: Mapping,
    /// What was found of it: see the room's head.
    pub(super) stored: Option<State>,
    /// The same of its part of an unfinished replacement.
    aside: Option<State>,
    /// What must be stored for it to be made anew.
    pub(super) basis: Basis,
    /// Parents whose rows are staged, and what their field said.
    pub(super) staged: BTreeMap<i64, u64>,
    pub(super) rejects: Vec<Reject>,
    pub(super) read: u64,
    pub(super) counts: Counts,
    pub(super) rejected: u64,
}

impl<'a> Child<'a> {
    /// Looks at the child's table. The other half is its target, which is handed to the destination with the parent's.
    pub(super) async fn prepare(
        (source, dest): (&dyn Source, &dyn Destination),
        plan: &'a Plan,
        parent: &Target,
        waits: &Waits,
    ) -> Result<Option<(Self, Target)>, Failure> {
        let Some((of, embedded)) = plan.table.embedded() else { return Ok(None) };
        let Some(parent_key) = of.single_key() else { return Ok(None) };
        let columns = normaliser(plan, &Inspection::default()).documented();
        let mut target = target::target(plan, source, columns);
        // What becomes of its parent's rows becomes of these.
        target.deletes = parent.deletes;
        let found = waits.patiently(async || dest.inspect(&target).await).await;
        let mut found = found.map_err(|failed| failed.explain(&target))?;
        failure::owned(&target, &found)?;
        can_go_on(plan, &found)?;
        // One that has lost columns is made anew from its parent's rows, as one without a state.
        let normaliser = normaliser(plan, &found);
        let mut mapping = mapping::follow(plan, source, &normaliser, &target, &mut found)?;
        let columns = lost_columns::forget(plan, &normaliser, &target, &mut found, &mut mapping)?;
        let child = Self {
            plan,
            embedded,
            parent_key,
            normaliser,
            names_anew: found.names.is_none(),
            mapping,
            found: columns,
            stored: found.state,
            aside: found.aside,
            basis: found.basis,
            staged: BTreeMap::new(),
            rejects: Vec::new(),
            read: 0,
            counts: Counts::default(),
            rejected: 0,
        };
        Ok(Some((child, target)))
    }

    /// Whether an unfinished replacement of the parent has collected its rows, too.
    pub(super) fn waits_with(&self, parent: &State) -> bool {
        self.aside.as_ref() == Some(parent)
    }

    /// Whether the page has a parent whose rows are staged with others than it has now: they have to be committed before.
    pub(super) fn meets_itself(&self, page: &Page) -> bool {
        let kept = page.rows.iter().zip(&page.keep).filter(|(_, keep)| **keep);
        kept.filter_map(|(row, _)| Some((row, self.staged.get(&self.parent(row)?)?)))
            .any(|(row, before)| self.embedded.says(row) != *before)
    }

    /// Which parent the row is.
    fn parent(&self, row: Row<'_>) -> Option<i64> {
        row.get(self.parent_key)?.parse().ok()
    }

    /// Takes its rows out of those of the parent; how many bytes they are. Of a parent that comes twice, those that it has
    /// last: both together would be rows that it never had.
    pub(super) fn take(&mut self, rows: &Rows, keep: &[bool]) -> Result<u64, Failure> {
        let mut last = HashMap::new();
        for (at, (row, _)) in rows.iter().zip(keep).enumerate().filter(|(_, (_, keep))| **keep) {
            if let Some(id) = self.parent(row).filter(|id| !self.staged.contains_key(id)) {
                last.insert(id, at);
            }
        }
        let mut keep = vec![false; rows.len()];
        last.into_values().for_each(|at| keep[at] = true);
        let out = self.embedded.take_out(self.parent_key, rows, &keep);
        let all = vec![true; out.rows.len()];
        self.normaliser
            .push(&out.rows, &all, None)
            .map_err(|frozen| failure::frozen(self.plan.table, &frozen))?;
        self.read += out.rows.len() as u64;
        self.staged.extend(out.parents);
        self.rejects.extend(out.rejects);
        self.rejects.append(&mut self.normaliser.take_rejects());
        Ok(out.rows.bytes() as u64)
    }

    /// Names that its fields got since the last commit.
    pub(super) fn named(&mut self) -> Names {
        Names { new: self.normaliser.take_named(), anew: self.names_anew }
    }

    /// Fields of the parent that its rows are made of, beside the key.
    pub(super) fn fields(&self) -> Vec<&'static str> {
        let parents = self.embedded.taken.iter().filter_map(|(_, taken)| match taken {
            Taken::Parent(field) if *field != self.parent_key => Some(*field),
            _ => None,
        });
        std::iter::once(self.embedded.field).chain(parents).collect()
    }
}
