//! Events and satisfaction surveys.

use super::View;
use crate::dice::Dice;
use crate::json::Out;
use crate::model::{Event, EventData, Survey};
use crate::text::SENTENCES;

pub(crate) fn event(out: &mut Out, _view: View<'_>, row: &Event) {
    out.ascii = false;
    out.raw("{\"id\":").int(row.id).raw(",\"context\":");
    match row.id % 157 {
        // One of 158 recorded ones had none.
        0 => out.raw("null"),
        _ => out.raw("\"").raw(&uuid(row.context)).raw("\""),
    };
    out.raw(",\"created_datetime\":").time(row.created).raw(",\"data\":");
    match row.data {
        EventData::None => out.raw("null"),
        EventData::TagAdded(tag) => out.raw("{\"tags_added\":[").int(tag).raw("]}"),
        EventData::Subject => out.raw("{\"new_subject\":\"Größe passt nicht\",\"old_subject\":null}"),
        EventData::Assignee(user) => out.raw("{\"assignee_user_id\":").int(user).raw("}"),
        EventData::SourceCustomer(id) => out.raw("{\"source_customer_id\":").int(id).raw("}"),
        EventData::TargetTicket(id) => out.raw("{\"target_ticket_id\":").int(id).raw("}"),
        EventData::Login if row.id % 2 == 0 => out.raw("{\"remote_addr\":\"203.0.113.9\"}"),
        EventData::Login => out.raw("{\"login_type\":\"google\",\"remote_addr\":\"203.0.113.9\"}"),
    };
    out.raw(",\"object_id\":").int(row.object).raw(",\"object_type\":\"").raw(row.object_type);
    out.raw("\",\"type\":\"").raw(row.kind).raw("\",\"user_id\":").id_or_null(row.user);
    out.raw(",\"uri\":\"/api/events/").int(row.id).raw("/\"}");
}

/// A random UUID made of the write's number.
fn uuid(context: u64) -> String {
    let mut dice = Dice::of([context, 0, 0, 4]);
    let (a, b) = (dice.next(), dice.next());
    let (head, tail) = (a >> 32, b & 0xFFFF_FFFF_FFFF);
    format!("{head:08x}-{:04x}-4{:03x}-a{:03x}-{tail:012x}", (a >> 16) & 0xFFFF, a & 0xFFF, (b >> 52) & 0xFFF)
}

pub(crate) fn survey(out: &mut Out, view: View<'_>, row: &Survey) {
    let mut dice = Dice::of([view.options.seed, 77, row.id.unsigned_abs(), u64::from(row.score)]);
    out.ascii = dice.below(10) == 0;
    out.raw("{\"id\":").int(row.id).raw(",\"body_text\":");
    // Only who scores can comment.
    if row.score > 0 && dice.below(2) == 0 {
        out.raw("\"").word(dice.pick(&SENTENCES)).raw("\"");
    } else {
        out.raw("null");
    }
    out.raw(",\"created_datetime\":").time(row.created).raw(",\"customer_id\":").int(row.customer);
    out.raw(",\"meta\":").raw(if row.id % 3 == 0 { "{}" } else { "null" }).raw(",\"score\":");
    out.id_or_null(i64::from(row.score)).raw(",\"scored_datetime\":").maybe(row.scored);
    out.raw(",\"sent_datetime\":").maybe(row.sent).raw(",\"should_send_datetime\":").maybe(row.should_send);
    out.raw(",\"ticket_id\":")
        .int(row.ticket)
        .raw(",\"uri\":\"/api/satisfaction-surveys/")
        .int(row.id)
        .raw("/\"}");
}
