//! Which columns fields have got that are not documented: what is said of them, and what they forbid.

use crate::dest::Inspection;
use crate::error::{Failure, Kind};
use crate::model::hash::fnv;
use crate::model::{EXTRA, FieldName};
use crate::normalise::Normaliser;
use crate::plan::Plan;
use crate::words::count;

/// The way of rows into a table as it was found.
pub(super) fn normaliser(plan: &Plan, found: &Inspection) -> Normaliser {
    let existing = found.columns.as_deref().unwrap_or_default();
    let normaliser = Normaliser::new(&plan.table.columns(), plan.table.key, existing, &plan.shaping);
    // What the source computes is no field, and has a value in every row.
    let computed = |name: &str| plan.table.computed.is_some_and(|(column, _)| column == name);
    let fields = plan.table.columns.iter().map(|(name, ..)| *name).filter(|name| !computed(name));
    let others = fields.filter(|name| !plan.table.key.contains(name));
    let keys =
        |name: &&str| normaliser.destination_name(name).is_some_and(|column| plan.key.contains(&column));
    let told_apart_by = others.filter(keys).map(str::to_owned).collect();
    normaliser
        .told_apart_by(told_apart_by)
        .remembering(found.names.as_deref().unwrap_or_default())
        .sparing(&found.theirs)
}

/// What is said of new names: of those that could not have their own, and that a table has enough of them.
pub(super) fn told(plan: &Plan, names: &[FieldName]) -> Vec<String> {
    let table = plan.table.name;
    let hashed = |name: &&FieldName| name.column.ends_with(&format!("_{:08x}", fnv(name.field.as_bytes())));
    let taken = |name: &FieldName| {
        format!(
            "the field `{}` of {table} has the column {}, as the name that it would have is another field's",
            name.field, name.column
        )
    };
    let full = names.iter().any(|name| name.column == EXTRA).then(|| {
        format!(
            "new fields of {table} go to the JSON column {EXTRA} from here on, as the table has all of the {} that \
             --max-new-columns allows; fields that are in {EXTRA} stay there, a higher number is for later ones",
            count(plan.shaping.new_columns as u64, "new column")
        )
    });
    names.iter().filter(hashed).map(taken).chain(full).collect()
}

/// Refuses what the names of columns forbid, once the table has been looked at.
pub(super) fn can_go_on(plan: &Plan, found: &Inspection) -> Result<(), Failure> {
    let names = found.names.as_deref().unwrap_or_default();
    not_apart(plan, names)?;
    let theirs =
        |name: &&FieldName| found.theirs.iter().any(|other| other.eq_ignore_ascii_case(&name.column));
    let Some(lost) = names.iter().find(theirs) else { return Ok(()) };
    let table = format!("{}.{}", plan.schema, plan.dest_table);
    Err(Failure::new(
        Kind::Destination,
        format!(
            "column {} of table {table} is for the field `{}`, and has got a type that cannot hold it",
            lost.column, lost.field
        ),
    )
    .hint(format!(
        "give the column back its type, or leave the field out with --sql-exclude-columns {}",
        lost.field
    )))
}

/// Refuses a column of its own for a field that lies with others: its values would be in two places.
fn not_apart(plan: &Plan, names: &[FieldName]) -> Result<(), Failure> {
    let wishes = plan.shaping.overrides.iter();
    let mut wished = wishes.map(|wish| wish.source_name()).filter(|field| {
        let documented = plan.table.columns.iter().any(|(name, ..)| name == field);
        !documented && names.iter().any(|name| name.field == **field && name.column == EXTRA)
    });
    let Some(field) = wished.next() else { return Ok(()) };
    let table = format!("{}.{}", plan.schema, plan.dest_table);
    Err(Failure::usage(format!(
        "--columns: the field `{field}` lies in the column {EXTRA} of {table}, and stays there"
    ))
    .hint(format!("take it from there in SQL, or drop {table}, whose next run is a first one then")))
}
