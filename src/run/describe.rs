//! Saying in the destination's catalogue what the tables of a run and their columns mean, for those who find them there.

use super::Run;
use crate::dest::Target;
use crate::model::{DELETED_AT, Description, EXTRA, LOADED_AT, MERGED_INTO};
use crate::normalise::Normaliser;
use crate::plan::Plan;

/// What columns of ours mean.
const OURS: [(&str, &str); 4] = [
    (LOADED_AT, "When the run began that wrote this row last."),
    (DELETED_AT, "When the row was found to be gone from the source; NULL as long as it is there."),
    (MERGED_INTO, "Which row it was merged into, if that is known."),
    (EXTRA, "Fields that are not documented and have no column of their own, as one JSON object."),
];

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

/// What is said of a table and of its columns, but those for fields without a documented one.
pub(super) fn texts(plan: &Plan, normaliser: &Normaliser, target: &Target) -> Vec<Description> {
    let of = |column: Option<String>, text: &str| Description { column, text: text.to_owned() };
    let documented = plan.table.columns.iter().filter_map(|(field, _, text)| {
        Some(of(Some(normaliser.destination_name(field)?), text)).filter(|_| !text.is_empty())
    });
    let there = |column: &str| match column {
        LOADED_AT => target.loaded_at.is_some(),
        EXTRA => normaliser.has_extra(),
        _ => target.columns.iter().any(|one| one.name == column),
    };
    let ours = OURS.iter().filter(|(column, _)| there(column));
    let ours = ours.map(|(column, text)| of(Some((*column).to_owned()), text));
    std::iter::once(of(None, plan.table.about)).chain(documented).chain(ours).collect()
}
