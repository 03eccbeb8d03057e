//! An account of people: who writes at which hour, who answers after how long, and what customers think of it.
//!
//! As many rows as the options say, as in any other account. A ticket is one conversation: a customer who waits or does not, and
//! what the desk does about it. Each is made by itself, newest first, so that what does not fit before the end of the account
//! goes to an older one.

use fastrand::Rng;

use crate::model::{Author, Data, Survey, Ticket};
use crate::options::Options;
use crate::seed::{FIRST_MESSAGE, FIRST_SURVEY, FIRST_TICKET, message};
use crate::text::CHANNELS;
use crate::time::{DAY, Maybe, Micros, SECOND};
use clock::{Clock, HOUR, MINUTE, is_sale, wait};

mod clock;

/// How the channels share the tickets, in percent, and how long agents take to answer there, while the desk is open.
const SHARES: [(&str, u8, Micros); 7] = [
    ("email", 55, 55 * MINUTE),
    ("chat", 22, 90 * SECOND),
    ("contact_form", 8, 75 * MINUTE),
    ("instagram-direct-message", 6, 25 * MINUTE),
    ("phone", 4, 40 * SECOND),
    ("whatsapp", 3, 12 * MINUTE),
    ("sms", 2, 15 * MINUTE),
];

/// Agents by their place in the list of users, how much each of them does, in percent, and how long each takes, in percent
/// of what is usual.
const AGENTS: [(u8, u8, i64); 7] =
    [(3, 24, 80), (2, 19, 100), (4, 18, 120), (5, 14, 90), (6, 11, 150), (7, 8, 110), (8, 6, 135)];

/// One ticket in so many is never closed.
const NEVER_CLOSED: u8 = 60;

/// A message to be.
#[derive(Debug, Clone, Copy)]
struct Line {
    at: Micros,
    /// `None`: the customer.
    author: Option<Author>,
    public: bool,
}

/// A ticket to be.
#[derive(Debug)]
struct Talk {
    row: Ticket,
    lines: Vec<Line>,
    handler: (u8, i64),
    pace: Micros,
    /// From the first message of the customer to the first answer.
    waited: Option<Micros>,
}

/// Fills tickets, messages and surveys.
pub(crate) fn build(data: &mut Data, options: &Options, rng: &mut Rng, customers: &[i64]) {
    let clock = Clock::new();
    let mut talks = talks(options, rng, &clock, customers);
    let mut left = 0;
    for (talk, wanted) in talks.iter_mut().zip(lengths(options, rng)).rev() {
        let given = wanted + usize::min(left, 2);
        left += wanted;
        left -= talk.hold(rng, &clock, given, options.end);
        talk.close(rng, &clock, options.end);
    }
    // An account that is too young for all that is to be said in it.
    if let Some(oldest) = talks.first_mut() {
        let begin = oldest.last();
        let mut times: Vec<Micros> = (0..left).map(|_| rng.i64(begin..=options.end.max(begin))).collect();
        times.sort_unstable();
        oldest.lines.extend(times.into_iter().map(|at| Line { at, author: None, public: true }));
    }
    put_messages(data, rng, &mut talks);
    surveys(data, options, rng, &talks);
    data.last.ticket = talks.last().map_or(FIRST_TICKET, |talk| talk.row.id);
    for talk in talks {
        data.put_ticket(talk.row);
    }
}

/// The tickets with their first lines to come, in the order of their ids and times.
fn talks(options: &Options, rng: &mut Rng, clock: &Clock, customers: &[i64]) -> Vec<Talk> {
    let mut begins: Vec<Micros> =
        (0..options.tickets).map(|_| clock.first_contact(rng, options.start, options.end)).collect();
    begins.sort_unstable();
    let mut id = FIRST_TICKET;
    let mut talks = Vec::with_capacity(begins.len());
    for begin in begins {
        id += rng.i64(1..60);
        let customer = customers[rng.usize(0..customers.len())];
        let (channel, _, pace) = SHARES[share(rng, SHARES.map(|(_, share, _)| share))];
        let (place, _, slow) = AGENTS[share(rng, AGENTS.map(|(_, share, _)| share))];
        let channel = CHANNELS.iter().position(|known| *known == channel).unwrap_or(0);
        let row = Ticket {
            channel: u8::try_from(channel).unwrap_or(0),
            from_agent: rng.u8(0..25) == 0 && clock.is_open(begin),
            spam: rng.u8(0..40) == 0,
            ..Ticket::new(id, customer, begin)
        };
        talks.push(Talk { row, lines: Vec::new(), handler: (place, slow), pace, waited: None });
    }
    talks
}

/// How many messages each ticket has: nearly all have an answer, a few most of the talk.
fn lengths(options: &Options, rng: &mut Rng) -> Vec<usize> {
    let tickets = options.tickets;
    let mut lengths = vec![0; tickets];
    let mut last = 0;
    for n in 0..if tickets == 0 { 0 } else { options.messages } {
        let ticket = match n / tickets {
            0 => n,
            1 if rng.u8(0..100) < 93 => n % tickets,
            _ if rng.u8(0..100) < 45 => last,
            _ => rng.usize(0..tickets),
        };
        lengths[ticket] += 1;
        last = ticket;
    }
    lengths
}

/// Which of some shares, which add up to 100.
fn share<const N: usize>(rng: &mut Rng, shares: [u8; N]) -> usize {
    let mut draw = rng.u8(0..100);
    for (n, share) in shares.into_iter().enumerate() {
        match draw.checked_sub(share) {
            Some(rest) => draw = rest,
            None => return n,
        }
    }
    0
}

impl Talk {
    fn last(&self) -> Micros {
        self.lines.last().map_or(self.row.created, |line| line.at)
    }

    /// Whether the customer waits: the last that was said to all, but for what programs say, is theirs.
    fn waits(&self) -> bool {
        let said = |line: &&Line| line.public && !matches!(line.author, Some(Author::Rule | Author::Bot));
        self.lines.iter().rev().find(said).is_some_and(|line| line.author.is_none())
    }

    /// Adds so many lines, or as many as fit before the end; answers how many.
    fn hold(&mut self, rng: &mut Rng, clock: &Clock, wanted: usize, end: Micros) -> usize {
        for n in 0..wanted {
            let line = self.next(rng, clock, wanted - n == 1);
            if line.at > end {
                return n;
            }
            if self.waited.is_none()
                && self.waits()
                && matches!(line.author, Some(Author::Agent { .. }))
                && line.public
            {
                self.waited = Some(line.at - self.row.created);
            }
            self.lines.push(line);
        }
        wanted
    }

    fn next(&self, rng: &mut Rng, clock: &Clock, is_last: bool) -> Line {
        let (at, draw) = (self.last(), rng.u8(0..100));
        let line = |at, author, public| Line { at, author, public };
        let agent = Author::Agent { place: self.handler.0, outside: false };
        if self.lines.is_empty() {
            return line(at, self.row.from_agent.then_some(agent), true);
        }
        if !self.waits() {
            return match draw {
                0..62 => line(clock.awake(rng, at, self.reply_pace()), None, true),
                62..72 => line(clock.after_work(at, wait(rng, HOUR)), Some(agent), false),
                _ => line(clock.after_work(at, wait(rng, 3 * HOUR)), Some(agent), true),
            };
        }
        // Programs answer at once, and once.
        match (self.lines.len(), draw) {
            (1, 0..9) => return line(at + rng.i64(4 * SECOND..40 * SECOND), Some(Author::Rule), true),
            (1, 9..13) => return line(at + rng.i64(20 * SECOND..2 * MINUTE), Some(Author::Bot), true),
            (_, 80..86) if !is_last => {
                return line(clock.after_work(at, wait(rng, self.pace / 2)), Some(agent), false);
            }
            (_, 86..91) if !is_last => {
                return line(clock.awake(rng, at + 5 * MINUTE, 2 * HOUR), None, true);
            }
            _ => {}
        }
        // Whoever asks in a chat while nobody is there gets an answer like to a letter.
        let pace = if clock.is_open(at) { self.pace } else { self.pace.max(20 * MINUTE) };
        let pace = pace * self.handler.1 / 100 * if is_sale(at) { 170 } else { 100 } / 100;
        let outside = CHANNELS[usize::from(self.row.channel)] == "email" && draw.is_multiple_of(17);
        // Nobody types an answer in no time.
        let at = clock.after_work(at, 15 * SECOND + wait(rng, pace));
        line(at, Some(Author::Agent { place: self.handler.0, outside }), true)
    }

    /// How long customers take to write back.
    fn reply_pace(&self) -> Micros {
        if self.pace < 5 * MINUTE { 2 * MINUTE } else { 100 * MINUTE }
    }

    /// Ends it, if its end is before that of the account.
    fn close(&mut self, rng: &mut Rng, clock: &Clock, end: Micros) {
        let (last, draw) = (self.last(), rng.u8(0..100));
        let at = match self.waits() {
            _ if self.row.spam => self.row.created + rng.i64(SECOND..5 * SECOND),
            // Sent and closed with one key.
            false if draw < 68 => last + rng.i64(SECOND..9 * SECOND),
            false if draw < 85 => clock.after_work(last, wait(rng, 4 * HOUR)),
            // By a rule, as nobody has written back.
            false => last + 3 * DAY + rng.i64(0..20 * MINUTE),
            // Thanks, which need no answer.
            true if draw < 75 => clock.after_work(last, wait(rng, 2 * HOUR)),
            true => clock.after_work(last, wait(rng, 20 * HOUR)),
        };
        let at = at.max(last);
        let stays = rng.u8(0..NEVER_CLOSED) == 0;
        self.row.closed = (!stays && at <= end).then_some(at).into();
        if rng.u8(0..80) == 0 {
            self.row.trashed = (at + HOUR <= end).then_some(at + HOUR).into();
        }
        let answered = |line: &Line| matches!(line.author, Some(Author::Agent { .. }));
        self.row.handler = self.lines.iter().any(answered).then_some(self.handler.0);
        let times = [Some(last + 233_073), self.row.closed.get(), self.row.trashed.get()];
        self.row.updated = times.into_iter().flatten().max().unwrap_or(last).min(end.max(last));
    }
}

/// Ids follow time, over all tickets.
fn put_messages(data: &mut Data, rng: &mut Rng, talks: &mut [Talk]) {
    let mut order: Vec<(Micros, usize, usize)> = Vec::new();
    for (n, talk) in talks.iter().enumerate() {
        order.extend(talk.lines.iter().enumerate().map(|(place, line)| (line.at, n, place)));
    }
    order.sort_unstable();
    let mut id = FIRST_MESSAGE;
    for (at, n, place) in order {
        id += rng.i64(1..40);
        let Talk { row, lines, .. } = &mut talks[n];
        let line = lines[place];
        let from_agent = line.author.is_some();
        let mut message = message(rng, row, id, at, (from_agent, line.public));
        message.author = line.author;
        row.messages.push(id);
        row.hear(at, from_agent, line.public);
        data.put_message(message);
    }
    data.last.message = id;
}

/// Surveys are sent when a ticket is closed; of these, evenly over time. Whoever waited long is seldom content.
fn surveys(data: &mut Data, options: &Options, rng: &mut Rng, talks: &[Talk]) {
    let ended: Vec<(Micros, &Talk)> =
        talks.iter().filter_map(|talk| Some((talk.row.closed.get()?, talk))).collect();
    let open = talks.iter().filter(|talk| talk.row.closed.get().is_none()).map(|talk| (talk.last(), talk));
    let count = options.surveys.min(talks.len());
    let spread = count.min(ended.len());
    let mut chosen: Vec<(Micros, &Talk)> = (0..spread).map(|n| ended[n * ended.len() / spread]).collect();
    // Where all that is closed is not enough.
    chosen.extend(open.take(count - spread));
    chosen.sort_unstable_by_key(|(at, talk)| (*at, talk.row.id));
    let mut id = FIRST_SURVEY;
    for (closed, talk) in chosen {
        id += rng.i64(1..30);
        let sent = Some(closed + HOUR).filter(|at| rng.u8(0..20) > 0 && *at <= options.end);
        let answered = sent.map(|at| at + MINUTE + wait(rng, 5 * HOUR));
        let scored = answered.filter(|at| rng.u8(0..100) < 55 && *at <= options.end);
        // Shares of 1 to 5.
        let shares = match talk.waited {
            Some(waited) if waited < HOUR => [2, 2, 6, 25, 65],
            Some(waited) if waited < 6 * HOUR => [4, 5, 9, 29, 53],
            Some(waited) if waited < DAY => [10, 9, 14, 30, 37],
            Some(_) => [26, 16, 18, 22, 18],
            None => [8, 6, 12, 28, 46],
        };
        let score = if scored.is_some() { 1 + share(rng, shares) } else { 0 };
        data.put_survey(Survey {
            id,
            ticket: talk.row.id,
            customer: talk.row.customer,
            created: closed,
            should_send: Maybe::some(closed - closed.rem_euclid(SECOND) + HOUR),
            sent: sent.into(),
            scored: scored.into(),
            score: u8::try_from(score).unwrap_or(0),
        });
    }
    data.last.survey = id;
}
