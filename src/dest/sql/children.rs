//! Child tables: the rows that belong to a parent's row are replaced as a whole.
//!
//! A commit brings all rows of some parents, and names these parents in a staging table, each once: `c0`. What is stored of
//! them and was not brought is removed; what was brought is merged by key as everywhere, so that rows that are the same are
//! not written again.

use super::deletions::as_key;
use super::dialect::Shape;
use super::script::{Counter, Script, ScriptStep};
use super::staged::{S, Staged, T};
use crate::dest::Target;
use crate::model::LogicalType;

/// The column of the staging table.
pub(crate) const COLUMNS: [LogicalType; 1] = [LogicalType::Int64];

/// Removes rows of the parents that were not brought.
pub(crate) fn complete(script: &mut Script, shape: &Shape, target: &Target, staged: &Staged) {
    let (Some(parents), Some(parent)) = (&staged.complete, target.key.first()) else { return };
    let key = |value: &str| as_key(shape, parent, value);
    let own = key(&format!("{T}.{}", shape.quoted(parent)));
    let of_parents = format!("{own} IN (SELECT {} FROM {parents})", key("c0"));
    let missing = if staged.rows.parts.is_empty() {
        String::new()
    } else {
        let matching = staged.rows.matching(shape, &target.key);
        format!(" AND NOT EXISTS (SELECT 1 FROM ({}) AS {S} WHERE {matching})", staged.rows.all(shape))
    };
    script.body([ScriptStep::count(
        Counter::Deleted,
        format!("DELETE FROM {} AS {T} WHERE {of_parents}{missing}", shape.sql()),
    )]);
}
