//! The live lines of a terminal: a spinner, what is going on, and a wait that counts down.
//!
//! indicatif redraws them ten times a second from threads of its own; this only tells it what to say.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use console::Term;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::event::{Event, Progress, Reporter, Several, Wait};
use super::format::{
    Speed, back, count, duration, held, lost, number, roughly, seconds_up, short_utc, until_when, wait,
};
use super::human::{Lines, NEWS, WORTH_A_WORD, in_short};
use super::left::Left;
use super::receipt::{Outcome, Summary};
use super::screen::room;
use crate::error::Failure;
use crate::model::Micros;

/// The spinner and the space behind it.
const MARK: usize = 2;
/// Redraw interval.
const TICK: Duration = Duration::from_millis(100);

/// What the line says first, so that a narrow terminal cuts off the rest.
#[derive(Debug, Default)]
struct Head {
    text: String,
    /// What follows, the most important first.
    rest: Vec<String>,
    waiting: Option<Waiting>,
}

#[derive(Debug)]
struct Waiting {
    /// What for.
    why: String,
    /// Until when, on the bar's clock.
    until: Duration,
    /// So short that its tenths are shown.
    short: bool,
    /// Of a long one, when that is.
    clock: Option<String>,
    /// Whether it goes on while others of the table read on.
    apart: bool,
}

impl Head {
    /// As much of it as fits, in whole parts.
    fn show(&self, now: Duration, room: usize) -> String {
        let mut line = self.begin(now);
        let mut used = line.chars().count();
        for part in &self.rest {
            used += 3 + part.chars().count();
            if used > room {
                break;
            }
            let _ = write!(line, " · {part}");
        }
        line
    }

    fn begin(&self, now: Duration) -> String {
        match &self.waiting {
            Some(Waiting { why, until, short, clock, .. }) if *until > now => {
                let left = *until - now;
                let left = if *short { duration(left.max(TICK)) } else { seconds_up(left) };
                let clock = clock.as_ref().map(|clock| format!(", {clock}")).unwrap_or_default();
                format!("{} · {why}: {left}{clock}", self.text)
            }
            _ => self.text.clone(),
        }
    }
}

/// A line that redraws itself: what it says first, and the rest.
struct Row {
    bar: ProgressBar,
    head: Arc<Mutex<Head>>,
    speed: Speed,
    /// What it said before a commit, and says again after it.
    before: Option<(String, Vec<String>)>,
}

impl Row {
    fn new(bar: ProgressBar) -> Self {
        let head = Arc::new(Mutex::new(Head::default()));
        bar.set_style(style("{spinner} {head}{wide_msg}", &head));
        Self { bar, head, speed: Speed::default(), before: None }
    }

    fn run(&self) {
        self.bar.reset_elapsed();
        self.bar.enable_steady_tick(TICK);
    }

    fn head(&self) -> MutexGuard<'_, Head> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, text: String, rest: Vec<String>) {
        let mut head = self.head();
        let waiting = head.waiting.take().filter(|waiting| waiting.apart);
        *head = Head { text, rest, waiting };
    }

    fn wait(&self, why: &Wait, length: Duration, until: Micros) {
        let clock = until_when(length, until);
        let apart = clock.is_some() && matches!(why, Wait::Retry { .. });
        let (until, short) = (self.bar.elapsed() + length, length < NEWS);
        self.head().waiting = Some(Waiting { why: wait(why), until, short, clock, apart });
    }

    /// A commit begins. It may be one in the middle of a wait, after which nothing else is said for long.
    fn commit(&mut self, text: String) {
        let mut head = self.head();
        let before = (std::mem::replace(&mut head.text, text), std::mem::take(&mut head.rest));
        drop(head);
        self.before = Some(before);
    }

    /// It is done.
    fn committed(&mut self) {
        if let Some((text, rest)) = self.before.take() {
            let mut head = self.head();
            (head.text, head.rest) = (text, rest);
        }
    }

    /// Stays as it is, with another mark in the place of the spinner.
    fn end(&self, mark: &str, text: String) {
        self.bar.set_style(style(&format!("{mark} {{head}}{{wide_msg}}"), &self.head));
        self.head().waiting = None;
        self.say(text, Vec::new());
        self.bar.finish();
    }
}

fn style(template: &str, head: &Arc<Mutex<Head>>) -> ProgressStyle {
    let shown = Arc::clone(head);
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner()).with_key(
        "head",
        move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
            let head = shown.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = out.write_str(&head.show(state.elapsed(), room().saturating_sub(MARK)));
        },
    )
}

/// Live lines on a terminal: one for each table, and for several tables one below them for what they share, the
/// account's budget.
pub(super) struct Interactive {
    screen: MultiProgress,
    state: Mutex<LiveState>,
}

struct LiveState {
    lines: Lines,
    rows: BTreeMap<String, Row>,
    /// The line of what they share.
    foot: Option<Row>,
    left: Left,
    /// Of the longest name of a table, so that what follows is aligned.
    width: usize,
}

impl Interactive {
    pub(super) fn new(target: ProgressDrawTarget, lines: Lines) -> Self {
        let screen = MultiProgress::with_draw_target(target);
        let state = LiveState { lines, rows: BTreeMap::new(), foot: None, left: Left::default(), width: 0 };
        Self { screen, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, LiveState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A line that does not move, above those that do.
    fn above(&self, say: impl FnOnce()) {
        self.screen.suspend(say);
    }

    fn add(&self) -> Row {
        Row::new(self.screen.add(ProgressBar::new_spinner()))
    }

    fn started(&self, state: &mut LiveState, table: &str, start: &super::event::Start) {
        let lines = &mut state.lines;
        self.above(|| lines.start(start));
        let text = state.named(table, "waiting for the first page");
        let row = state.rows.entry(table.to_owned()).or_insert_with(|| self.add());
        row.say(text, Vec::new());
        row.run();
    }

    /// Takes the lines off the screen, and stops what redraws them.
    fn over(&self, state: &LiveState) {
        for row in state.rows.values().chain(&state.foot) {
            row.bar.finish_and_clear();
        }
        // Nothing to be done about a terminal that went away.
        let _ = self.screen.clear();
    }
}

impl LiveState {
    /// `tickets · what`; of several tables, below one another.
    fn named(&self, table: &str, what: &str) -> String {
        if self.foot.is_some() {
            format!("{table:<width$}  {what}", width = self.width)
        } else {
            format!("{table} · {what}")
        }
    }

    fn page(&mut self, table: &str, page: &Progress) {
        let rows = count(page.rows, "row");
        let text = match self.foot {
            Some(_) => self.named(table, &format!("{rows:>14}")),
            None => format!("{table} {rows}"),
        };
        let Some(row) = self.rows.get_mut(table) else { return };
        let rate = row.speed.at(page.elapsed, page.rows);
        // The budget is that of all tables.
        let own = Progress { budget: page.budget.filter(|_| self.foot.is_none()), ..*page };
        row.say(text, by_importance(&own, rate));
        self.left.page(table, rate, page.left);
        let budget = page.budget.map(|(used, capacity)| format!("requests {used}/{capacity}"));
        let mut parts = self.left.total().into_iter().chain(budget);
        if let (Some(foot), Some(first)) = (&self.foot, parts.next()) {
            let mut head = foot.head();
            head.text = format!("{:<width$}  {first}", "all tables", width = self.width);
            head.rest = parts.collect();
        }
    }

    fn end(&mut self, table: &str, mark: &str, text: &str) {
        self.left.ended(table);
        if let Some(row) = self.rows.get(table) {
            row.end(mark, self.named(table, text));
        }
    }
}

/// What a line of progress says, the most important first.
fn by_importance(page: &Progress, rate: u64) -> Vec<String> {
    let left = page.left.map(|left| format!("about {} left", roughly(left)));
    let budget = page.budget.map(|(used, capacity)| format!("requests {used}/{capacity}"));
    let reached = page.reached.map(|reached| format!("reached {}", short_utc(reached)));
    let speed = Some(format!("{} rows/s", number(rate)));
    let pages = Some(count(page.pages, "page"));
    [left, speed, budget, reached, pages].into_iter().flatten().collect()
}

impl Reporter for Interactive {
    fn event(&self, table: &str, event: &Event<'_>) {
        let state = &mut *self.state();
        let lines = &mut state.lines;
        match event {
            Event::Started(start) => self.started(state, table, start),
            Event::Page(page) => state.page(table, page),
            Event::Waiting { why: Wait::RateLimit, wait: length, .. } if *length < WORTH_A_WORD => {}
            Event::Waiting { why, wait: length, until, .. } => {
                let shared = state.foot.as_ref().filter(|_| *why == Wait::RateLimit);
                if let Some(row) = shared.or_else(|| state.rows.get(table)) {
                    row.wait(why, *length, *until);
                }
            }
            Event::Lost { why, patience, .. } => {
                let text = lost(why, *patience);
                self.above(|| lines.about(table, &text));
            }
            Event::Held { by, limit, .. } => {
                let text = held(by, *limit);
                self.above(|| lines.about(table, &text));
            }
            Event::Back { lasted, .. } => {
                let text = back(*lasted);
                self.above(|| lines.about(table, &text));
            }
            Event::Committing { rows, .. } => {
                let text = state.named(table, &format!("committing {}", count(*rows, "row")));
                if let Some(row) = state.rows.get_mut(table) {
                    row.commit(text);
                }
            }
            Event::Committed { .. } => {
                if let Some(row) = state.rows.get_mut(table) {
                    row.committed();
                }
            }
            Event::Warning(text) => self.above(|| lines.warning(table, text)),
            Event::Debug(text) if lines.debug => self.above(|| lines.debug(table, text)),
            Event::Debug(_) => {}
            Event::Finished { receipt, failure } if lines.several => {
                let mark = match &receipt.outcome {
                    Outcome::Success => "✔",
                    Outcome::LeftOut(_) => "–",
                    Outcome::Limited | Outcome::Interrupted | Outcome::Failed => "✘",
                };
                state.end(table, mark, &in_short(receipt, *failure));
            }
            Event::Failed(failure) if lines.several => state.end(table, "✘", &failure.headline),
            Event::Finished { receipt, failure } => {
                self.over(state);
                state.lines.finish(receipt, *failure);
            }
            Event::Failed(failure) => {
                self.over(state);
                state.lines.failure(failure);
            }
        }
    }

    fn failed(&self, failure: &Failure) {
        self.state().lines.failure(failure);
    }

    fn begins(&self, several: &Several<'_>) {
        let state = &mut *self.state();
        state.lines.begin(several);
        if several.tables.len() < 2 {
            return;
        }
        state.width = several.tables.iter().map(|table| table.chars().count()).max().unwrap_or_default();
        for table in several.tables {
            let row = self.add();
            // Nothing else is said of a child until the run of its parent is over.
            let what = crate::source::parent_of(table).map_or_else(
                || "looking at the destination".to_owned(),
                |parent| format!("its rows come with {parent}"),
            );
            row.say(format!("{table:<width$}  {what}", width = state.width), Vec::new());
            row.run();
            state.rows.insert((*table).to_owned(), row);
        }
        let foot = self.add();
        foot.bar.set_style(style("  {head}{wide_msg}", &foot.head));
        foot.run();
        state.foot = Some(foot);
    }

    fn ends(&self, summary: &Summary<'_>) {
        let state = &mut *self.state();
        if state.lines.several {
            self.over(state);
            state.lines.all(summary, Some(usize::from(Term::stderr().size().1)));
        }
        state.lines.look(summary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waiting(until: Duration, short: bool, clock: Option<String>) -> Waiting {
        Waiting { why: "rate limit".into(), until, short, clock, apart: false }
    }

    #[test]
    fn a_wait_counts_down_and_goes_away() {
        let head = Head {
            text: "tickets 300 rows".into(),
            rest: Vec::new(),
            waiting: Some(waiting(Duration::from_secs(10), false, None)),
        };
        let at = |seconds| head.show(Duration::from_secs_f64(seconds), 80);
        assert_eq!(at(6.5), "tickets 300 rows · rate limit: 4 s");
        assert_eq!(at(9.5), "tickets 300 rows · rate limit: 1 s");
        assert_eq!(at(10.0), "tickets 300 rows");
    }

    #[test]
    fn a_long_wait_says_until_when_and_outlasts_a_commit() {
        let mut row = Row::new(ProgressBar::hidden());
        row.say("tickets 300 rows".into(), vec!["3 pages".into()]);
        let why = Wait::Retry { what: "HTTP 429".into(), attempt: 2 };
        row.wait(&why, Duration::from_secs(600), Micros(1_763_812_443_000_001));
        let shown = |row: &Row| row.head().show(row.bar.elapsed(), 200);
        let rest = "HTTP 429, attempt 2: 10 min 00 s, until 2025-11-22 11:54:04 UTC";
        assert_eq!(shown(&row), format!("tickets 300 rows · {rest} · 3 pages"));
        row.commit("tickets · committing 300 rows".into());
        assert_eq!(shown(&row), format!("tickets · committing 300 rows · {rest}"));
        row.committed();
        assert_eq!(shown(&row), format!("tickets 300 rows · {rest} · 3 pages"));
        row.say("tickets 400 rows".into(), Vec::new());
        assert_eq!(shown(&row), format!("tickets 400 rows · {rest}"), "others of the table read on");
        row.end("✔", "tickets · done".into());
        assert_eq!(shown(&row), "tickets · done");
    }

    #[test]
    fn what_does_not_fit_is_left_out_in_whole_parts() {
        let page = Progress {
            pages: 123,
            reached: Some(Micros(1_763_812_443_000_001)),
            budget: Some((39, 40)),
            left: Some(Duration::from_secs(90)),
            ..Progress::default()
        };
        let head =
            Head { text: "tickets 12,300 rows".into(), rest: by_importance(&page, 196), waiting: None };
        let at = |room| head.show(Duration::ZERO, room);
        assert_eq!(at(74), "tickets 12,300 rows · about 90 s left · 196 rows/s · requests 39/40");
        assert_eq!(at(40), "tickets 12,300 rows · about 90 s left");
        assert_eq!(at(10), "tickets 12,300 rows");
        assert!(at(120).ends_with("requests 39/40 · reached 2025-11-22 11:54:03 · 123 pages"), "{}", at(120));
    }

    #[test]
    fn a_short_wait_shows_its_tenths() {
        let until = Duration::from_millis(10_500);
        let waiting = Some(waiting(until, true, None));
        let head = Head { text: "tickets 300 rows".into(), rest: Vec::new(), waiting };
        let at = |seconds| head.show(Duration::from_secs_f64(seconds), 80);
        assert_eq!(at(10.0), "tickets 300 rows · rate limit: 0.5 s");
        assert_eq!(at(10.49), "tickets 300 rows · rate limit: 0.1 s");
        assert_eq!(at(10.5), "tickets 300 rows");
    }
}
