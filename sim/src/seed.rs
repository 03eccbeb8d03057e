//! The account as it stands before anybody changes it: rows, ids and times from one seed.
//!
//! Ids follow arrival, creation times mostly do too; the exceptions are what readers trip over: imports that arrive with
//! old times, whole runs of rows with one timestamp, and times without a fraction. What else an account may have gone
//! through is in `history`.

use fastrand::Rng;

use crate::model::{Customer, Data, Message, Survey, Ticket};
use crate::options::Options;
use crate::small::FIRST_PERSON;
use crate::text::CHANNELS;
use crate::time::{DAY, Maybe, Micros, SECOND};

const MINUTE: Micros = 60 * SECOND;
/// One ticket in so many is a back-dated import.
const IMPORT: usize = 90;

/// What comes before the first ids.
pub(crate) const FIRST_TICKET: i64 = 82_000_000;
pub(crate) const FIRST_MESSAGE: i64 = 218_000_000;
pub(crate) const FIRST_SURVEY: i64 = 6_900_000;

/// Builds the account.
pub(crate) fn build(options: &Options) -> Data {
    let mut rng = Rng::with_seed(options.seed);
    let mut data = Data { small: crate::desk::all(options), ..Data::default() };
    data.last.tag = data.small.get("tags").and_then(|tags| tags.last()).map_or(0, |tag| tag.id);
    customers(&mut data, options, &mut rng);
    let ids: Vec<i64> = data.customers.keys().copied().collect();
    if options.lifelike {
        crate::lifelike::build(&mut data, options, &mut rng, &ids);
    } else {
        any(&mut data, options, &mut rng, &ids);
    }
    data.last.event = 2_189_392_455;
    crate::seed_events::build(&mut data, options, &mut rng);
    crate::desk::voice::build(&mut data, options);
    data
}

/// Tickets whose rows are as odd as rows can be, written by nobody in particular.
fn any(data: &mut Data, options: &Options, rng: &mut Rng, customers: &[i64]) {
    let mut plans = plan_tickets(options, rng, customers);
    let times = plan_messages(options, rng, &plans);
    messages(data, options, rng, &mut plans, times);
    touch(options, rng, &mut plans);
    surveys(data, options, rng, &plans);
    data.last.ticket = plans.last().map_or(FIRST_TICKET, |ticket| ticket.row.id);
    for plan in plans {
        data.put_ticket(plan.row);
    }
}

/// Sorted times with runs of equal ones, 2 to 150 long, and one in ten at a whole second.
fn timeline(rng: &mut Rng, count: usize, options: &Options) -> Vec<Micros> {
    let mut times: Vec<Micros> = (0..count)
        .map(|_| {
            let at = options.history.moment(rng, options.start, options.end);
            if rng.u8(0..10) == 0 { at - at.rem_euclid(SECOND) } else { at }
        })
        .collect();
    times.sort_unstable();
    equal_runs(rng, &mut times);
    times
}

fn equal_runs(rng: &mut Rng, times: &mut [Micros]) {
    for _ in 0..times.len() / 400 + 2 {
        let Some(longest) = (times.len() / 2).checked_sub(1).filter(|n| *n >= 2) else { return };
        let length = rng.usize(2..=longest.min(150));
        let from = rng.usize(0..times.len() - length);
        let at = times[from];
        times[from..from + length].fill(at);
    }
}

fn customers(data: &mut Data, options: &Options, rng: &mut Rng) {
    let (history, mut id, mut before) = (&options.history, FIRST_PERSON + 300, options.start);
    let own = timeline(rng, options.customers.max(1), options);
    for (arrival, old) in history.arrivals(rng, own, |import| import.customers) {
        id = history.next_id(rng, id, 40, arrival - before);
        before = arrival;
        let created = old.unwrap_or(arrival);
        let updated = if rng.u8(0..10) < 6 { created + 9 } else { rng.i64(created..=options.end) };
        data.put_customer(Customer { id, created, updated, rev: 0, fields: 0 });
    }
    data.last.person = id;
}

struct Plan {
    row: Ticket,
    /// When the account learnt of it.
    arrival: Micros,
    /// Whether it came with many others.
    bulk: bool,
}

fn plan_tickets(options: &Options, rng: &mut Rng, customers: &[i64]) -> Vec<Plan> {
    let (history, mut id, mut before) = (&options.history, FIRST_TICKET, options.start);
    let lies = options.count_lies.min(options.tickets);
    let own = timeline(rng, options.tickets, options);
    let arrivals = history.arrivals(rng, own, |import| import.tickets);
    let mut plans: Vec<Plan> = Vec::with_capacity(arrivals.len());
    for (n, (arrival, old)) in arrivals.into_iter().enumerate() {
        id = history.next_id(rng, id, 60, arrival - before);
        before = arrival;
        let imported = old.is_some() || n % IMPORT == IMPORT / 2;
        let created = match old {
            Some(created) => created,
            None if imported => arrival - rng.i64(200 * DAY..2000 * DAY),
            None => arrival,
        };
        let customer = customers[rng.usize(0..customers.len())];
        let row = Ticket {
            channel: u8::try_from(rng.usize(0..CHANNELS.len())).unwrap_or(0),
            // Spread over the account, alternating between too few and too many.
            lie: if lies > 0
                && n % (options.tickets / lies).max(1) == 0
                && n / (options.tickets / lies).max(1) < lies
            {
                if n % 2 == 0 { 1 } else { -1 }
            } else {
                0
            },
            from_agent: rng.u8(0..10) == 0,
            spam: rng.u8(0..40) == 0,
            imported,
            ..Ticket::new(id, customer, created)
        };
        plans.push(Plan { row, arrival, bulk: old.is_some() });
    }
    plans
}

/// (arrival, created, ticket's place in the plan), in order of arrival.
fn plan_messages(options: &Options, rng: &mut Rng, plans: &[Plan]) -> Vec<(Micros, Micros, usize)> {
    if plans.is_empty() {
        return Vec::new();
    }
    let mut counts = vec![0usize; plans.len()];
    for n in 0..options.messages {
        // Every ticket gets its first message, then one in ten gets most of the talk.
        let ticket = if n < plans.len() { n } else { rng.usize(0..plans.len()) };
        counts[if n >= plans.len() && rng.bool() { ticket / 10 * 10 } else { ticket }] += 1;
    }
    let mut times = Vec::with_capacity(options.messages);
    for (n, plan) in plans.iter().enumerate() {
        let mut at = plan.row.created;
        for k in 0..counts[n] {
            if k > 0 {
                // What comes at once says so of its messages, too.
                at += if plan.bulk && at >= plan.arrival { SECOND } else { rng.i64(MINUTE..DAY) };
            }
            if at >= options.end {
                at = rng.i64(plan.row.created..=options.end);
            }
            times.push((if plan.row.imported { plan.arrival } else { at }, at, n));
        }
    }
    times.sort_unstable();
    for _ in 0..times.len() / 500 + 1 {
        let Some(longest) = (times.len() / 3).checked_sub(1).filter(|n| *n >= 2) else { break };
        let length = rng.usize(2..=longest.min(150));
        let from = rng.usize(0..times.len() - length);
        let at = times[from + length].0;
        // A burst of a bulk send: later messages of live tickets, never moved before their ticket.
        for time in &mut times[from..from + length] {
            if !plans[time.2].row.imported && time.1 != plans[time.2].row.created {
                (time.0, time.1) = (at, at);
            }
        }
    }
    times.sort_unstable();
    times
}

fn messages(
    data: &mut Data,
    options: &Options,
    rng: &mut Rng,
    plans: &mut [Plan],
    times: Vec<(Micros, Micros, usize)>,
) {
    let (mut id, mut before) = (FIRST_MESSAGE, options.start);
    for (arrival, created, n) in times {
        let ticket = &mut plans[n].row;
        id = options.history.next_id(rng, id, 40, arrival - before);
        before = arrival;
        let first = ticket.messages.is_empty();
        let from_agent = if first { ticket.from_agent } else { rng.bool() };
        let public = first || rng.u8(0..8) > 0;
        data.put_message(message(rng, ticket, id, created, (from_agent, public)));
        ticket.messages.push(id);
        ticket.hear(created, from_agent, public);
        ticket.updated = ticket.updated.max(created.max(arrival) + 233_073);
    }
    data.last.message = id;
}

/// The next message of a ticket; whether it is from an agent, and public, is known.
pub(crate) fn message(
    rng: &mut Rng,
    ticket: &Ticket,
    id: i64,
    created: Micros,
    (from_agent, public): (bool, bool),
) -> Message {
    Message {
        id,
        thread: ticket.id,
        place: u16::try_from(ticket.messages.len()).unwrap_or(u16::MAX),
        ticket: ticket.id,
        customer: ticket.customer,
        created,
        sent: if public && rng.u8(0..12) > 0 { Maybe::some(created) } else { Maybe::NONE },
        opened: if from_agent && rng.u8(0..3) == 0 {
            Maybe::some(created + rng.i64(MINUTE..DAY))
        } else {
            Maybe::NONE
        },
        failed: if from_agent && rng.u8(0..60) == 0 {
            Maybe::some(created + 3 * SECOND)
        } else {
            Maybe::NONE
        },
        customer_rev: 0,
        rev: 0,
        channel: ticket.channel,
        from_agent,
        public,
        imported: ticket.imported,
        author: None,
    }
}

/// Later changes: closed, trashed, updated by bulk actions that give many tickets one timestamp.
fn touch(options: &Options, rng: &mut Rng, plans: &mut [Plan]) {
    for plan in plans.iter_mut() {
        let floor = plan.row.updated.max(plan.arrival).min(options.end);
        let updated = if rng.u8(0..3) == 0 { rng.i64(floor..=options.end) } else { floor };
        // Not `%` of a whole run: most writes keep their microseconds.
        plan.row.updated = updated;
        if rng.u8(0..10) < 6 {
            plan.row.closed = Maybe::some(updated);
        }
        if rng.u8(0..40) == 0 {
            plan.row.trashed = Maybe::some(updated);
        }
    }
    for _ in 0..plans.len() / 300 + 1 {
        let Some(longest) = (plans.len() / 4).checked_sub(1).filter(|n| *n >= 2) else { return };
        let length = rng.usize(2..=longest.min(150));
        let from = rng.usize(0..plans.len() - length);
        let run = &mut plans[from..from + length];
        let latest = run.iter().map(|plan| plan.row.updated).max().unwrap_or(options.end);
        for plan in run {
            plan.row.updated = latest;
        }
    }
}

fn surveys(data: &mut Data, options: &Options, rng: &mut Rng, plans: &[Plan]) {
    // Nobody is asked about what came from elsewhere.
    let plans: Vec<&Plan> = plans.iter().filter(|plan| !plan.bulk).collect();
    let count = options.surveys.min(plans.len());
    let mut rows: Vec<(Micros, &Ticket)> = Vec::with_capacity(count);
    for n in 0..count {
        // Spread evenly, and never two on one ticket.
        let plan = plans[n * plans.len() / count];
        rows.push((
            rng.i64(plan.arrival.min(options.end)..=(plan.arrival + 3 * DAY).min(options.end)),
            &plan.row,
        ));
    }
    rows.sort_unstable_by_key(|(created, ticket)| (*created, ticket.id));
    let mut id = FIRST_SURVEY;
    for (created, ticket) in rows {
        id += rng.i64(1..30);
        let sent = (rng.u8(0..10) < 8).then(|| created + 3600 * SECOND).filter(|at| *at <= options.end);
        // A few answers are older than the row that records them.
        let answered = sent
            .filter(|_| rng.bool())
            .map(|at| if rng.u8(0..12) == 0 { created - DAY } else { at + rng.i64(MINUTE..9 * DAY) });
        let scored = answered.filter(|at| *at <= options.end);
        data.put_survey(Survey {
            id,
            ticket: ticket.id,
            customer: ticket.customer,
            created,
            // A whole second, and for fresh surveys in the future.
            should_send: (rng.u8(0..3) > 0).then(|| created - created.rem_euclid(SECOND) + DAY).into(),
            sent: sent.into(),
            scored: scored.into(),
            score: if scored.is_some() { rng.u8(1..=5) } else { 0 },
        });
    }
    data.last.survey = id;
}
