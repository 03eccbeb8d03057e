//! Flags that rows depend on, and that differ from those of the runs before: another key, columns that were left out or had
//! another name. Rows that are stored were written by the flags of then.

use std::collections::BTreeSet;

use super::lost_columns::{ColumnsFound, read_again};
use super::names::normaliser;
use super::target;
use crate::dest::{Inspection, Target};
use crate::error::Failure;
use crate::model::{Mapping, Mappings, Strategy};
use crate::normalise::Normaliser;
use crate::plan::{Plan, Shaping};
use crate::source::Source;

/// How rows of the table are written by this run, into these columns.
fn of(plan: &Plan, source: &dyn Source) -> Mapping {
    let normaliser = normaliser(plan, &Inspection::default());
    let target = target::target(plan, source, normaliser.documented());
    let written = target.columns.into_iter().map(|column| column.name).collect();
    let columns = plan.table.columns.iter().map(|(field, ..)| (*field, normaliser.destination_name(field)));
    let columns = columns.filter(|(field, column)| column.as_deref() != Some(field));
    let columns = columns.map(|(field, column)| (field.to_owned(), column));
    let excluded = plan.shaping.exclude.iter().map(|field| (field.clone(), None));
    let key = if plan.strategy == Strategy::Append { Vec::new() } else { plan.key.clone() };
    Mapping { key, columns: columns.chain(excluded).collect(), written, flags: flags(&plan.shaping) }
}

/// What else of the flags rows depend on, where it is not as usual.
fn flags(shaping: &Shaping) -> Vec<String> {
    let usual = Shaping::default();
    let types = shaping.overrides.iter().filter_map(|wish| {
        let logical = wish.logical?;
        Some(format!("--columns {}:{}", wish.name, logical.name()))
    });
    let trim = shaping.trim_whitespace.then(|| "--trim-whitespace".to_owned());
    let contract =
        (shaping.contract != usual.contract).then(|| format!("--schema-contract {:?}", shaping.contract));
    let naming = (shaping.naming != usual.naming).then(|| format!("--schema-naming {:?}", shaping.naming));
    types.chain(trim).chain(contract).chain(naming).collect()
}

/// The same of the table and its child tables.
pub(super) fn all(plan: &Plan, source: &dyn Source) -> Mappings {
    std::iter::once(plan).chain(&plan.children).map(|plan| (plan.table.name, of(plan, source))).collect()
}

/// Compares with what the runs before have stored; what this one has to store. Rows that lack the values of a column are read
/// again, if all are.
///
/// # Errors
/// When rows would be told apart by another key than those that are there.
pub(super) fn follow(
    plan: &Plan,
    source: &dyn Source,
    normaliser: &Normaliser,
    target: &Target,
    found: &mut Inspection,
) -> Result<Mapping, Failure> {
    let mut now = of(plan, source);
    let stored = found.state.as_ref().and_then(|state| state.mappings.0.get(plan.table.name));
    let Some(before) = stored.filter(|_| target.strategy != Strategy::Replace).cloned() else {
        return Ok(now);
    };
    let fields: BTreeSet<&String> = before.columns.keys().chain(now.columns.keys()).collect();
    let differ = fields.into_iter().filter(|field| before.column(field) != now.column(field));
    let differ: Vec<String> = differ.cloned().collect();
    let gained: Vec<String> =
        differ.iter().filter_map(|field| now.column(field)).map(str::to_owned).collect();
    if now.other_key(&before) || gained.iter().any(|column| target.key.contains(column)) {
        return Err(other_key(target, &before));
    }
    let there = ColumnsFound::of(found, target);
    let written = |column: &&str| target.columns.iter().any(|one| one.name.eq_ignore_ascii_case(column));
    let left = differ.iter().filter_map(|field| before.column(field));
    let left: Vec<&str> = left.filter(|column| !written(column) && there.has_column(column)).collect();
    let table = format!("{}.{}", target.schema, target.table);
    if !left.is_empty() {
        found.notes.push(format!(
            "columns of table {table} are not written any more ({}): they keep what earlier runs have put there; drop \
             them, or load the table anew with --full-refresh",
            left.join(", ")
        ));
    }
    let about = format!("earlier runs of table {table} have not filled columns that this one does");
    if !gained.is_empty() && !read_again(plan, normaliser, target, found, &gained, &about) {
        // The next run that reads everything has still to do so.
        let merged = target.strategy != Strategy::Append;
        for field in differ.into_iter().filter(|_| merged) {
            let column = before.column(&field).map(str::to_owned);
            if now.column(&field).is_some() {
                now.columns.insert(field, column);
            }
        }
    }
    Ok(now)
}

fn other_key(target: &Target, before: &Mapping) -> Failure {
    let (key, table) = (before.key.join(","), format!("{}.{}", target.schema, target.table));
    Failure::usage(format!(
        "the rows of table {table} were told apart by {key} when they were loaded, and cannot be by {} now: rows would be \
         lost, or stand twice",
        target.key.join(",")
    ))
    .hint(format!("type --primary-key {key}, as for the runs before, or load the table anew with --full-refresh"))
}
