//! The page: one file of HTML that loads nothing and runs nothing.

use std::fmt::Write as _;

use super::charts::{Chart, Series, Shape, Unit, heat_map, table};
use super::data::{Data, Day, Scores};
use super::words::{NOTHING, change, count, duration, escaped, percent};

/// From so many days on, charts are by week: there is less than a point of the screen for each day.
const MANY_DAYS: usize = 400;

/// How many rows the tables of agents and tags have at most.
const ROWS: usize = 50;

/// What the page says of the copy it is about.
pub(super) struct About {
    /// The account, if there is one.
    pub(super) account: String,
    pub(super) place: String,
    pub(super) zone: String,
    /// When tickets were last copied.
    pub(super) fresh: Option<String>,
    /// Whether it is known when tickets were closed and opened again.
    pub(super) events: bool,
}

/// How each page begins, up to its title: a file that does so is one of ours.
pub(super) const BEGINNING: &str = "\
    <!doctype html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n\
    <meta name=viewport content=\"width=device-width, initial-scale=1\">\n\
    <meta http-equiv=Content-Security-Policy content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
    <meta name=color-scheme content=\"light dark\">\n<title>Help desk ";

/// The whole page.
pub(super) fn page(data: &Data, about: &About) -> String {
    let period = match &data.period {
        Some((first, last)) => format!(
            "<p>{first} to {last}, compared with as many days before. Days are those of {}.</p>",
            escaped(&about.zone)
        ),
        None => "<p>Nothing has happened yet in this period: no tickets that count were found.</p>".into(),
    };
    let body =
        if data.period.is_some() { [charts(data, about), tables(data)].concat() } else { String::new() };
    format!(
        "{BEGINNING}{account}</title>\n<style>\n{css}</style>\n</head>\n<body>\n\
         <header><h1>Help desk {account}</h1>{period}</header>\n<main>\n{figures}{body}</main>\n{footer}</body>\n</html>\n",
        account = escaped(&about.account),
        css = include_str!("page.css"),
        figures = figures(data),
        footer = footer(data, about),
    )
}

/// The six numbers on top.
fn figures(data: &Data) -> String {
    let (now, before) = (&data.current, &data.before);
    let open = data.days.last().map(|day| day.open);
    let satisfaction = |scores: Scores| scores.satisfaction();
    let figures = [
        figure("created", "Tickets created", Some(now.created), Some(before.created), count),
        figure("closed", "Tickets closed", Some(now.closed), Some(before.closed), count),
        figure("open", "Open now", open, data.open_before, count),
        figure(
            "first_response",
            "First response, median",
            now.first_response,
            before.first_response,
            duration,
        ),
        figure("resolution", "Resolution, median", now.resolution, before.resolution, duration),
        figure("csat", "Satisfied (4 or 5)", satisfaction(now.scores), satisfaction(before.scores), percent),
    ];
    format!("<section aria-label=Figures><dl class=figures>\n{}</dl></section>\n", figures.concat())
}

fn figure(key: &str, label: &str, now: Option<f64>, before: Option<f64>, shown: fn(f64) -> String) -> String {
    let value = now.map_or_else(|| NOTHING.to_owned(), shown);
    let raw = now.map_or_else(String::new, |now| now.to_string());
    let then = match (now, before) {
        (Some(now), Some(before)) => {
            let change = if key == "csat" { points(now, before) } else { change(now, before) };
            let change = change.map_or_else(String::new, |change| format!("<b>{change}</b> "));
            format!("{change}from {}", shown(before))
        }
        _ => "none before".into(),
    };
    format!(
        "<div><dt>{label}</dt><dd data-figure={key} data-value=\"{raw}\">{value}</dd><dd class=change>{then}</dd></div>\n"
    )
}

/// A share changes by points, not by a share of itself.
fn points(now: f64, before: f64) -> Option<String> {
    let points = (now * 100.0).round() - (before * 100.0).round();
    Some(match points {
        0.0 => "unchanged".into(),
        points if points > 0.0 => format!("+{points} points"),
        points => format!("−{} points", -points),
    })
}

fn charts(data: &Data, about: &About) -> String {
    let by_week = data.days.len() >= MANY_DAYS;
    let spans: Vec<Day> = data.days.chunks(if by_week { 7 } else { 1 }).filter_map(Day::together).collect();
    let (place, each) = if by_week { ("Week from", "Each week.") } else { ("Day", "Each day.") };
    let days: Vec<&str> = spans.iter().map(|span| span.day.as_str()).collect();
    let series = |name, shape, values| Series { name, shape, values };
    let work = Chart {
        title: "Tickets created and closed",
        about: each,
        place,
        places: days.clone(),
        unit: Unit::Count,
        series: vec![
            series("created", Shape::Bars, spans.iter().map(|span| span.created).collect()),
            series("closed", Shape::Line, spans.iter().map(|span| span.closed).collect()),
        ],
    };
    let backlog = Chart {
        title: "Open tickets",
        about: if about.events {
            "At the end of each day, with closes and reopenings as far back as events were copied."
        } else {
            "At the end of each day. The last day is exact; before it a ticket counts as open until its last close, the only one \
             it tells of."
        },
        place,
        places: days,
        unit: Unit::Count,
        series: vec![series("open", Shape::Area, spans.iter().map(|span| span.open).collect())],
    };
    let first_response = Chart {
        title: "First response",
        about: "By week: half of the customers waited less than the bars show, nine of ten less than the line.",
        place: "Week from",
        places: data.weeks.iter().map(|week| week.monday.as_str()).collect(),
        unit: Unit::Seconds,
        series: vec![
            series("median", Shape::Bars, data.weeks.iter().map(|week| week.median).collect()),
            series("nine of ten", Shape::Line, data.weeks.iter().map(|week| week.p90).collect()),
        ],
    };
    let hours = heat_map(
        "When customers write",
        "Their messages by hour and day of the week: the stronger the colour, the more.",
        &data.hours,
    );
    format!(
        "<section class=charts aria-label=Charts>\n{}{}{}{hours}</section>\n",
        work.html(),
        backlog.html(),
        first_response.html()
    )
}

fn tables(data: &Data) -> String {
    let maybe = |seconds: Option<f64>| seconds.map_or_else(|| NOTHING.to_owned(), duration);
    let rated = |scores: Scores| {
        scores.satisfaction().map_or_else(
            || NOTHING.to_owned(),
            |share| format!("{} of {}", percent(share), count(scores.scored)),
        )
    };
    let agents = data.agents.iter().take(ROWS).map(|agent| {
        let counts = [agent.replies, agent.tickets, agent.closed].map(count);
        let rest = [maybe(agent.first_response), maybe(agent.response), rated(agent.scores)];
        [&[agent.name.clone()][..], &counts, &rest].concat()
    });
    let tags = data.tags.iter().take(ROWS).map(|tag| {
        let counts = [tag.created, tag.closed].map(count);
        let rest = [maybe(tag.first_response), maybe(tag.resolution), rated(tag.scores)];
        [&[tag.name.clone()][..], &counts, &rest].concat()
    });
    let channels = data.channels.iter().take(ROWS).map(|channel| {
        let counts = [channel.created, channel.closed, channel.received, channel.sent].map(count);
        let rest = [maybe(channel.first_response), rated(channel.scores)];
        [&[channel.name.clone()][..], &counts, &rest].concat()
    });
    let agent_columns =
        ["Replies", "Tickets replied", "Tickets closed", "First response", "Response", "Satisfied"];
    let tag_columns = ["Tickets created", "Of those closed", "First response", "Resolution", "Satisfied"];
    let channel_columns =
        ["Tickets created", "Tickets closed", "Received", "Sent", "First response", "Satisfied"];
    let mut out = String::from("<section class=tables aria-label=Tables>\n");
    let all = [
        ("Agents", table("Agents", "Agent", &agent_columns, agents), data.agents.len()),
        ("Tags", table("Tags", "Tag", &tag_columns, tags), data.tags.len()),
        ("Channels", table("Channels", "Channel", &channel_columns, channels), data.channels.len()),
    ];
    for (title, table, rows) in all {
        let body = match rows {
            0 => "<p>None in this period.</p>".to_owned(),
            rows if rows > ROWS => {
                format!("{table}<p>The first {ROWS} of {}.</p>", count(rows as f64))
            }
            _ => table,
        };
        let _ = writeln!(out, "<article><h2>{title}</h2>{body}</article>");
    }
    out + "</section>\n"
}

fn footer(data: &Data, about: &About) -> String {
    let counted = data.tickets - data.deleted - data.spam - data.trashed;
    let fresh = about.fresh.as_deref().map_or_else(
        || "It is not known when tickets were last copied.".to_owned(),
        |at| format!("Tickets were last copied completely on {at}."),
    );
    format!(
        "<footer><p>{} of {} copied tickets count. Left out: {} spam, {} in the trash, {} deleted. Notes, rules and bots are no \
         replies, nor are e-mails sent past the help desk. Durations are those of the clock, not of business hours. {}</p>\
         <p>{}, by ingestr {}. What each number means: docs/models.md.</p></footer>\n",
        count(counted),
        count(data.tickets),
        count(data.spam),
        count(data.trashed),
        count(data.deleted),
        fresh,
        escaped(&about.place),
        env!("CARGO_PKG_VERSION"),
    )
}
