//! The deep forms that only get-one calls answer.

use super::ticket::{Face, external_id, meta, opened, snooze, status, subject, summary, tags, team, user};
use super::{Form, Person, View, customer, message, survey};
use crate::json::Out;
use crate::model::{Customer, Ticket};
use crate::text::CHANNELS;
use crate::time::Micros;

/// A customer as `/customers/{id}` shows it: the list form and everything behind it.
pub(crate) fn deep_customer(out: &mut Out, view: View<'_>, row: &Customer) {
    let mut list = Out::default();
    customer::with(&mut list, view, row, |out, person| {
        out.raw(",\"channels\":");
        channels(out, person, row.created);
    });
    let list = list.into_string();
    out.raw(list.strip_suffix('}').unwrap_or(&list))
        .raw(",\"customer\":null,\"integrations\":{},\"external_data\":{},\"ecommerce_data\":{}}");
}

fn channels(out: &mut Out, person: &Person, created: Micros) {
    if !person.has_email {
        out.raw("[]");
        return;
    }
    out.raw("[{\"id\":").int(person.id + 134_000_000).raw(",\"type\":\"email\",\"address\":");
    person.email(out);
    out.raw(",\"preferred\":true,\"created_datetime\":")
        .time(created)
        .raw(",\"updated_datetime\":")
        .time(created);
    out.raw(",\"deleted_datetime\":null");
    for key in [",\"user\":{\"id\":", ",\"customer\":{\"id\":"] {
        out.raw(key).int(person.id).raw(",\"name\":");
        person.name(out);
        out.raw("}");
    }
    out.raw("}]");
}

fn embedded_deep(out: &mut Out, person: &Person, created: Micros) {
    out.raw("{\"id\":").int(person.id).raw(",");
    person.identity(out);
    out.raw(",\"meta\":").raw(person.meta).raw(",\"channels\":");
    channels(out, person, created);
    out.raw(",\"data\":null,\"customer\":null,\"integrations\":{},\"external_id\":null,\"note\":null,");
    out.raw("\"external_data\":{},\"ecommerce_data\":{}}");
}

/// A ticket as `/tickets/{id}` shows it: with messages, without excerpt and `messages_count`.
pub(crate) fn deep_ticket(out: &mut Out, view: View<'_>, row: &Ticket) {
    let face = Face::of(view, row);
    let person = Person::of(view, row.customer, view.shown_rev(row.customer, row.customer_rev));
    let users = view.data.small.get("users");
    let assignee = face.assignee.and_then(|n| users?.get(n)).map_or(0, |user| user.id);
    out.ascii = face.ascii;
    out.raw("{\"id\":").int(row.id).raw(",\"uri\":\"/api/tickets/").int(row.id).raw("/\",\"external_id\":");
    external_id(out, row);
    out.raw(",\"events\":[],\"status\":").raw(status(row)).raw(",\"priority\":\"").raw(face.priority);
    out.raw("\",\"channel\":\"").raw(CHANNELS[usize::from(row.channel)]).raw("\",\"via\":\"").raw(face.via);
    out.raw("\",\"from_agent\":").bool(row.from_agent).raw(",\"spam\":").bool(row.spam);
    out.raw(",\"imported\":").raw(if row.imported { "true" } else { "null" }).raw(",\"customer\":");
    embedded_deep(out, &person, row.created);
    out.raw(",\"assignee_user\":");
    user(out, view, face.assignee);
    out.raw(",\"assignee_user_id\":").id_or_null(assignee).raw(",\"assignee_team\":");
    team(out, face.team);
    let team_id = face.team.map_or(0, |n| 2101 + i64::try_from(n).unwrap_or(0));
    out.raw(",\"assignee_team_id\":").id_or_null(team_id).raw(",\"language\":").raw(face.language);
    subject(out, &face);
    out.raw(",\"summary\":");
    summary(out, row, &face);
    out.raw(",\"meta\":");
    meta(out, row, &face);
    out.raw(",\"tags\":");
    tags(out, view, &face);
    messages(out, view, row);
    out.ascii = face.ascii;
    times(out, row, &face);
    out.raw(",\"satisfaction_survey\":");
    match view.data.survey_of.get(&row.id).and_then(|id| view.data.surveys.get(id)) {
        Some(row) => survey(out, view, row),
        None => _ = out.raw("null"),
    }
    out.raw(",\"reply_options\":{\"email\":{\"answerable\":true},\"internal-note\":{\"answerable\":true}},\"requester\":");
    embedded_deep(out, &person, row.created);
    out.raw(",\"is_unread\":").bool(face.unread).raw("}");
}

fn messages(out: &mut Out, view: View<'_>, row: &Ticket) {
    out.raw(",\"messages\":[");
    for (n, row) in row.messages.iter().filter_map(|id| view.data.messages.get(id)).enumerate() {
        if n > 0 {
            out.raw(",");
        }
        message(out, view, row, Form::InTicket);
    }
    out.raw("]");
}

fn times(out: &mut Out, row: &Ticket, face: &Face) {
    out.raw(",\"created_datetime\":")
        .time(row.created)
        .raw(",\"processed_datetime\":")
        .time(row.created + 69_752);
    out.raw(",\"opened_datetime\":").maybe(opened(row, face));
    out.raw(",\"last_received_message_datetime\":").maybe(row.last_received);
    out.raw(",\"last_message_datetime\":")
        .maybe(row.last_message)
        .raw(",\"updated_datetime\":")
        .time(row.updated);
    out.raw(",\"closed_datetime\":").maybe(row.closed).raw(",\"trashed_datetime\":").maybe(row.trashed);
    out.raw(",\"snooze_datetime\":").maybe(snooze(row, face));
}
