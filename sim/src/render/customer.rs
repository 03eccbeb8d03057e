//! Customers as the list shows them.

use super::{Of, Person, View, fields};
use crate::json::Out;
use crate::model::Customer;

pub(crate) fn customer(out: &mut Out, view: View<'_>, row: &Customer) {
    with(out, view, row, |_, _| {});
}

/// The row, with whatever is written behind the names.
pub(super) fn with(out: &mut Out, view: View<'_>, row: &Customer, more: impl FnOnce(&mut Out, &Person)) {
    let mut dice = view.dice(Of::Body, row.id, row.rev);
    out.ascii = dice.below(10) == 0;
    let person = Person::of(view, row.id, row.rev);
    out.raw("{\"id\":").int(row.id).raw(",\"external_id\":");
    match dice.below(4) {
        // Ids of shops arrive as text; some have leading zeros.
        0 => out.raw("\"00").int(row.id).raw("\""),
        _ => out.raw("null"),
    };
    out.raw(",\"active\":").bool(dice.below(50) > 0).raw(",");
    person.identity(out);
    more(out, &person);
    out.raw(",\"language\":").raw(dice.text(&["null", "\"en\"", "\"fr\"", "\"ja\""]));
    out.raw(",\"timezone\":").raw(dice.text(&["null", "\"UTC\"", "\"Europe/Paris\"", "\"Africa/Nairobi\""]));
    out.raw(",\"created_datetime\":").time(row.created).raw(",\"updated_datetime\":").time(row.updated);
    out.raw(",\"meta\":").raw(person.meta).raw(",\"data\":");
    data(out, dice.below(8), row.id);
    out.raw(",\"note\":");
    match dice.below(6) {
        0 => out.raw("\"").word(dice.pick(&crate::text::SENTENCES)).raw("\""),
        1 => out.raw("\"\""),
        _ => out.raw("null"),
    };
    out.raw(",\"custom_fields\":");
    fields::of_customer(out, view, row, dice.below(5));
    out.raw("}");
}

/// `data` is whatever a client once put there: any JSON at all.
fn data(out: &mut Out, kind: usize, id: i64) {
    match kind {
        0 => out.raw("{\"shop\":{\"orders\":[").int(id).raw(",9007199254740993],\"ltv\":1234.50}}"),
        1 => out.raw("[1,\"two\",null,{\"three\":3}]"),
        2 => out.raw("\"plain text\""),
        3 => out.raw("{}"),
        _ => out.raw("null"),
    };
}
