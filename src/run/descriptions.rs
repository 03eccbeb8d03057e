//! What is said of a table and of its columns in the destination's catalogue.

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
