//! Saying in the destination's catalogue what the tables of a run and their columns mean, for those who find them there.

use super::Run;
use super::descriptions::texts;
use crate::dest::Target;
use crate::model::Description;

impl Run<'_, '_> {
    /// What is to be said of each table.
    fn wanted(&self) -> Vec<(&Target, Vec<Description>)> {
        let own = (self.job.plan, &self.normaliser, &self.target, &self.found);
        let children = self.children.iter().zip(&self.child_targets);
        let children = children.map(|(child, target)| (child.plan, &child.normaliser, target, &child.found));
        std::iter::once(own)
            .chain(children)
            .map(|(plan, normaliser, target, found)| {
                let texts = texts(plan, normaliser, target).into_iter();
                (target, texts.filter(|text| found.has(text)).collect())
            })
            .collect()
    }

    fn knows(&self, wanted: &[(&Target, Vec<Description>)]) -> bool {
        wanted.iter().flat_map(|(_, texts)| texts).all(|text| self.state.described.knows(text))
    }

    /// Whether the tables were described.
    pub(super) fn is_described(&self) -> bool {
        self.knows(&self.wanted())
    }

    /// Describes the tables, unless that was done. One that is not there yet is described once its rows are stored. What a
    /// database does not take costs nobody the rows.
    pub(super) async fn describe_tables(&mut self) {
        let all = self.wanted();
        if self.knows(&all) {
            return;
        }
        let tables: Vec<(Target, Vec<Description>)> =
            all.into_iter().map(|(target, texts)| (target.clone(), texts)).collect();
        match self.job.dest.write_descriptions(&tables, &self.state.described).await {
            Ok(true) => {
                tables.iter().flat_map(|(_, texts)| texts).for_each(|text| self.state.described.note(text));
            }
            Ok(false) => {}
            Err(error) => log::debug!("{}: not described: {error}", self.target.table),
        }
    }
}
