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
    /// Describes the tables, unless that was done. One that is not there yet is described once its rows are stored. What a
    /// database does not take costs nobody the rows.
    pub(super) async fn describe_tables(&mut self) {
        let own = std::iter::once((self.job.plan, &self.normaliser));
        let children = self.children.iter().map(|child| (child.plan, &child.normaliser));
        let texts: Vec<_> = own.chain(children).map(|(plan, normaliser)| texts(plan, normaliser)).collect();
        if texts.iter().flatten().all(|text| self.state.described.knows(text)) {
            return;
        }
        let targets = std::iter::once(&self.target).chain(&self.child_targets).cloned();
        let tables: Vec<(Target, Vec<Description>)> = targets.zip(texts).collect();
        match self.job.dest.write_descriptions(&tables, &self.state.described).await {
            Ok(true) => {
                tables.iter().flat_map(|(_, texts)| texts).for_each(|text| self.state.described.note(text));
            }
            Ok(false) => {}
            Err(error) => log::debug!("{}: not described: {error}", self.target.table),
        }
    }
}

/// What is said of a table and its columns.
fn texts(plan: &Plan, normaliser: &Normaliser) -> Vec<Description> {
    let of = |column: Option<String>, text: &str| Description { column, text: text.to_owned() };
    let documented = plan.table.columns.iter().filter_map(|(field, _, text)| {
        Some(of(Some(normaliser.destination_name(field)?), text)).filter(|_| !text.is_empty())
    });
    let ours = OURS.iter().map(|(column, text)| of(Some((*column).to_owned()), text));
    std::iter::once(of(None, plan.table.about)).chain(documented).chain(ours).collect()
}
