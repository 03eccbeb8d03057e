//! Columns that somebody took away from a table since it was loaded: they come back with the next rows, and the rows that were
//! there would have NULL in them for good. So everything is read again, as where the whole table is gone.
//!
//! That a column was there the state says, which knows what the last run wrote; that of an older version knows what was described.
//! A column of a newer version is no loss: nothing is read again for it.

use super::descriptions::texts;
use crate::dest::{Inspection, Target};
use crate::error::{Failure, Kind};
use crate::model::{Description, Filled, LOADED_AT, Mapping, Strategy};
use crate::normalise::Normaliser;
use crate::plan::Plan;

/// The columns that a table had when the run began.
pub(super) struct ColumnsFound(Option<Vec<String>>);

impl ColumnsFound {
    /// Of a table that was looked at. It may call columns of the target otherwise.
    pub(super) fn of(found: &Inspection, target: &Target) -> Self {
        let Some(columns) = &found.columns else { return Self(None) };
        let ours = target.columns.iter().enumerate().filter(|(at, _)| !found.lacking.contains(at));
        let names = columns.iter().chain(ours.map(|(_, column)| column)).map(|column| &column.name);
        Self(Some(names.chain(&found.theirs).cloned().collect()))
    }

    /// Whether there is something to be described: a table that is made by the run gets all of its columns.
    pub(super) fn has(&self, description: &Description) -> bool {
        description.column.as_ref().is_none_or(|column| self.has_column(column))
    }

    /// Whether there is such a column.
    pub(super) fn has_column(&self, column: &str) -> bool {
        self.0.as_ref().is_none_or(|names| names.iter().any(|name| name.eq_ignore_ascii_case(column)))
    }
}

/// The columns that were found. Forgets what the loss of others makes untrue of the rest, and says so to the user. `mapping`: what
/// the run is to store, which names those that are still to be filled.
///
/// # Errors
/// When the key is lost: no row can be told from another.
pub(super) fn forget(
    plan: &Plan,
    normaliser: &Normaliser,
    target: &Target,
    found: &mut Inspection,
    mapping: &mut Mapping,
) -> Result<ColumnsFound, Failure> {
    let columns = ColumnsFound::of(found, target);
    let Some(state) = found.state.as_ref().filter(|_| target.strategy != Strategy::Replace) else {
        return Ok(columns);
    };
    let described = || {
        let texts = texts(plan, normaliser, target).into_iter();
        texts.filter(|text| state.described.knows(text)).filter_map(|text| text.column).collect()
    };
    let before = state.mappings.0.get(plan.table.name);
    let written = before.map_or_else(described, |before| before.written.clone()).into_iter();
    let lost: Vec<String> = written
        .filter(|column| !columns.has_column(column) && column != LOADED_AT)
        .filter(|column| target.columns.iter().any(|one| one.name == *column))
        .collect();
    if lost.is_empty() {
        return Ok(columns);
    }
    let table = format!("{}.{}", target.schema, target.table);
    if let Some(key) = lost.iter().find(|column| target.key.contains(*column)) {
        return Err(Failure::new(
            Kind::Destination,
            format!("column {key} of table {table} is gone, and without it no row can be told from another"),
        )
        .hint("load it anew with --full-refresh"));
    }
    let about = format!("table {table} has lost columns since the last run");
    if !read_again(plan, normaliser, target, found, &lost, &about) && target.strategy != Strategy::Append {
        let fields = plan.table.columns.iter().map(|(field, ..)| *field);
        let fields = fields
            .filter(|field| normaliser.destination_name(field).is_some_and(|column| lost.contains(&column)));
        mapping.columns.extend(fields.map(|field| (field.to_owned(), None)));
    }
    Ok(columns)
}

/// Whether rows that are stored get the values of columns which they lack: everything is read again then, or, for flat columns,
/// looked at again. `about`: how the user is told of it, and of it being otherwise.
pub(super) fn read_again(
    plan: &Plan,
    normaliser: &Normaliser,
    target: &Target,
    found: &mut Inspection,
    columns: &[String],
    about: &str,
) -> bool {
    // Flat columns are filled from the JSON they lie in.
    let flat = |column: &String| {
        plan.table.flat.iter().any(|(field, flat)| {
            normaliser.destination_name(field).as_ref() == Some(column)
                && normaliser.destination_name(flat.field()).is_some_and(|json| !columns.contains(&json))
        })
    };
    if plan.backfill && columns.iter().all(flat) {
        found.state.iter_mut().for_each(|state| state.filled = Filled::default());
        return true;
    }
    let whole = plan.window.is_open() && plan.limit.is_none();
    let again = whole && target.strategy == Strategy::Merge;
    let names = columns.join(", ");
    found.notes.push(if again {
        found.state = None;
        format!(
            "{about} ({names}): everything is read again, as in a first load; --sql-exclude-columns leaves a column out \
             for good"
        )
    } else {
        format!("{about} ({names}): rows that are not read again lack these values until --full-refresh")
    });
    again
}
