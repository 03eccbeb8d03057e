//! Messages: nearly all of an account's bytes, so this is the hot path.

use super::letter::Letter;
use super::{Of, Person, View};
use crate::dice::Dice;
use crate::json::Out;
use crate::model::{Author, Message};
use crate::text::{CHANNELS, INTENTS, SUBJECTS};
use crate::time::Maybe;

/// Where the message is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// In `/messages`.
    List,
    /// Inside a ticket: without headers, macros and `deleted_datetime`, and `imported` stands earlier.
    InTicket,
}

pub(crate) fn message(out: &mut Out, view: View<'_>, row: &Message, form: Form) {
    let mut fixed = view.dice(Of::Message, row.id, 0);
    let mut dice = view.dice(Of::Body, row.id, row.rev);
    out.ascii = fixed.below(10) == 0;
    let sender = Person::of(view, row.customer, view.shown_rev(row.customer, row.customer_rev));
    let any = 2 + fixed.below(6);
    let place = row.author.map_or(any, Author::place);
    let agent = view.data.small.get("users").and_then(|users| users.get(place));
    let agent = agent.map_or("null", |user| user.person.as_str());
    let email = CHANNELS[usize::from(row.channel)] == "email";
    out.raw("{\"id\":").int(row.id).raw(",\"uri\":\"/api/tickets/").int(row.ticket);
    out.raw("/messages/").int(row.id).raw("/\",\"message_id\":");
    match email {
        true => out.raw("\"<CAF").int(row.id).raw("=x@mail.example>\""),
        false => out.raw("null"),
    };
    out.raw(",\"ticket_id\":").int(row.ticket).raw(",\"external_id\":");
    match row.imported {
        true => out.raw("\"ext-").int(row.id).raw("\""),
        false => out.raw("null"),
    };
    out.raw(",\"public\":").bool(row.public).raw(",\"channel\":\"").raw(CHANNELS[usize::from(row.channel)]);
    let any = match (email, view.options.lifelike) {
        (true, _) => "email",
        (false, false) => fixed.text(&["api", "helpdesk", "rule"]),
        (false, true) => "api",
    };
    out.raw("\",\"via\":\"").raw(row.author.map_or(any, Author::via));
    out.raw("\",\"source\":");
    source(out, row, &sender, email);
    out.raw(",\"sender\":");
    who(out, &sender, agent, row.from_agent);
    out.raw(",\"auth_customer_identity\":null,\"integration_id\":").id_or_null(if email { 40021 } else { 0 });
    out.raw(",\"intents\":");
    intents(out, dice);
    let any = fixed.below(20) == 0 && !view.options.lifelike;
    let by_rule = row.author.map_or(any, |author| author == Author::Rule);
    out.raw(",\"rule_id\":").id_or_null(if by_rule { 9001 } else { 0 });
    out.raw(",\"from_agent\":").bool(row.from_agent).raw(",\"receiver\":");
    match row.public && email {
        true => who(out, &sender, agent, !row.from_agent),
        false => _ = out.raw("null"),
    }
    out.raw(",\"subject\":");
    match email {
        true => out.raw("\"").word(fixed.pick(&SUBJECTS)).raw("\""),
        false => out.raw("null"),
    };
    bodies(out, view, row, &mut dice, email);
    tail(out, row, &mut dice, form, email);
}

fn who(out: &mut Out, customer: &Person, agent: &str, is_agent: bool) {
    if is_agent {
        out.raw(agent);
    } else {
        customer.embedded(out);
    }
}

fn source(out: &mut Out, row: &Message, customer: &Person, email: bool) {
    if !row.public {
        out.raw("{\"type\":\"internal-note\"}");
    } else if email {
        let ours = "{\"name\":\"Acme Help\",\"address\":\"k3x9@inbox.example\"}";
        out.raw("{\"type\":\"email\",\"to\":[");
        party(out, customer, ours, row.from_agent);
        out.raw("],\"from\":");
        party(out, customer, ours, !row.from_agent);
        out.raw("}");
    } else {
        out.raw("{\"type\":\"").raw(CHANNELS[usize::from(row.channel)]).raw("\"}");
    }
}

fn party(out: &mut Out, customer: &Person, ours: &str, is_customer: bool) {
    if is_customer {
        out.raw("{\"name\":");
        customer.name(out);
        out.raw(",\"address\":");
        customer.email(out);
        out.raw("}");
    } else {
        out.raw(ours);
    }
}

fn intents(out: &mut Out, mut dice: Dice) {
    out.raw("[");
    for n in 0..dice.below(3) {
        if n > 0 {
            out.raw(",");
        }
        out.raw("{\"name\":\"").raw(dice.text(INTENTS)).raw("\",\"rejected\":");
        out.raw(dice.text(&["null", "false", "true"])).raw(",\"is_user_feedback\":false}");
    }
    out.raw("]");
}

/// How long a text is: mostly a paragraph, now and then a novel.
fn length(dice: &mut Dice, max: usize) -> usize {
    match dice.below(5000) {
        0 => max / 4 + dice.below(max - max / 4),
        1..=1100 => 40 + dice.below(260),
        1101..=3900 => 380 + dice.below(720),
        3901..=4900 => 900 + dice.below(1400),
        _ => 4000 + dice.below(6000),
    }
    .min(max)
}

fn bodies(out: &mut Out, view: View<'_>, row: &Message, dice: &mut Dice, email: bool) {
    let length = length(dice, view.options.max_body);
    let letter = Letter::of(view, row, length, email);
    // The few very long bodies are newsletters: HTML without a text part.
    let newsletter = length > 20_000;
    let part = |out: &mut Out, name: &str, there: bool, write: &dyn Fn(&mut Out)| {
        out.raw(name);
        if there {
            out.raw("\"");
            write(out);
            out.raw("\"");
        } else {
            out.raw("null");
        }
    };
    part(out, ",\"body_text\":", !newsletter, &|out| letter.text(out, true));
    let html = email || dice.below(2) == 0;
    part(out, ",\"body_html\":", html, &|out| letter.html(out, true));
    part(out, ",\"stripped_text\":", email && !newsletter, &|out| letter.text(out, false));
    part(out, ",\"stripped_html\":", email && !newsletter, &|out| letter.html(out, false));
    out.raw(",\"stripped_signature\":");
    out.raw(if dice.below(8) == 0 { "\"--\\nSent from my phone\"" } else { "null" });
}

fn tail(out: &mut Out, row: &Message, dice: &mut Dice, form: Form, email: bool) {
    if form == Form::List {
        out.raw(",\"headers\":");
        match email {
            true => out.raw("{\"To\":\"k3x9@inbox.example\",\"From\":\"customer").int(row.customer).raw("@mail.example\",\"Received\":[\"by 2002:a05:6520:1 with SMTP id ").int(row.id).raw("; Wed, 26 Aug 2026 05:46:06 -0700 (PDT)\",\"from mail.example ([203.0.113.7])\"],\"X-Priority\":\"3\"}"),
            false => out.raw("null"),
        };
    }
    out.raw(",\"attachments\":");
    match dice.below(12) {
        0 => out.raw("[{\"url\":\"https://uploads.example/a/").int(row.id).raw("/photo.jpg\",\"name\":\"photo.jpg\",\"size\":48213,\"content_type\":\"image/jpeg\",\"public\":true,\"extra\":null}]"),
        1 => out.raw("[]"),
        _ => out.raw("null"),
    };
    out.raw(",\"actions\":").raw(if dice.below(30) == 0 {
        "[{\"name\":\"addTags\",\"type\":\"system\",\"arguments\":{\"tags\":\"vip\"}}]"
    } else {
        "null"
    });
    match form {
        Form::List => out.raw(",\"macros\":").raw(if dice.below(20) == 0 { "[{\"id\":3301}]" } else { "[]" }),
        Form::InTicket => imported(out, row),
    };
    out.raw(",\"meta\":");
    match row.id % 9 {
        0 => out.raw("{}"),
        1 => out
            .raw("{\"current_page\":\"https://shop.example/?q=1\",\"ig_id\":179")
            .int(10_000_000_000_000 + row.ticket)
            .raw("}"),
        _ => out.raw("null"),
    };
    out.raw(",\"created_datetime\":")
        .time(row.created)
        .raw(",\"processed_datetime\":")
        .time(row.created + 7421);
    out.raw(",\"sent_datetime\":").maybe(row.sent).raw(",\"failed_datetime\":").maybe(row.failed);
    if form == Form::List {
        out.raw(",\"deleted_datetime\":null");
    }
    out.raw(",\"opened_datetime\":").maybe(row.opened).raw(",\"last_sending_error\":");
    match row.failed == Maybe::NONE {
        true => out.raw("null"),
        false => out.raw("{\"error\":\"<b>Message not delivered</b>: mailbox \\\"full\\\"\"}"),
    };
    out.raw(",\"is_retriable\":true");
    if form == Form::List {
        imported(out, row);
    }
    out.raw("}");
}

fn imported<'a>(out: &'a mut Out, row: &Message) -> &'a mut Out {
    out.raw(",\"imported\":").raw(match (row.imported, row.id % 40) {
        (true, _) => "true",
        (_, 0) => "null",
        _ => "false",
    })
}
