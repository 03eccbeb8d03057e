//! The live line of a terminal: a spinner, what is going on, and a wait that counts down.
//!
//! indicatif redraws it ten times a second from its own thread; this only tells it what to say.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle, TermLike};

use super::format::{Speed, count, duration, progress, seconds_up, wait};
use super::human::{Lines, NEWS, WORTH_A_WORD};
use super::{Event, Reporter, Wait};
use crate::error::Failure;

/// Redraw interval.
const TICK: Duration = Duration::from_millis(100);

/// Columns kept free at the right: indicatif leaves the cursor at the end of the line, and a terminal that echoes
/// `^C` there would break the line, so that half of the last frame stayed on the screen.
const MARGIN: u16 = 4;

/// Standard error, a little narrower than it is.
pub(super) fn screen() -> ProgressDrawTarget {
    ProgressDrawTarget::term_like_with_hz(Box::new(Screen(Term::buffered_stderr())), 20)
}

/// What is left of a line; all of it where there is hardly any.
fn narrower(width: u16) -> u16 {
    if width > 4 * MARGIN { width - MARGIN } else { width }
}

#[derive(Debug)]
struct Screen(Term);

impl TermLike for Screen {
    fn width(&self) -> u16 {
        narrower(self.0.size().1)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What the line says first, so that a narrow terminal cuts off the rest.
#[derive(Debug, Default)]
struct Head {
    text: String,
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
}

impl Head {
    fn show(&self, now: Duration) -> String {
        match &self.waiting {
            Some(Waiting { why, until, short }) if *until > now => {
                let left = *until - now;
                let left = if *short { duration(left.max(TICK)) } else { seconds_up(left) };
                format!("{} · {why}: {left}", self.text)
            }
            _ => self.text.clone(),
        }
    }
}

/// A live line on a terminal.
pub(super) struct Interactive {
    bar: ProgressBar,
    head: Arc<Mutex<Head>>,
    state: Mutex<State>,
}

struct State {
    lines: Lines,
    table: String,
    speed: Speed,
}

impl Interactive {
    pub(super) fn new(target: ProgressDrawTarget, lines: Lines) -> Self {
        let bar = ProgressBar::with_draw_target(None, target);
        let head = Arc::new(Mutex::new(Head::default()));
        let shown = Arc::clone(&head);
        let style = ProgressStyle::with_template("{spinner} {head}{wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner())
            .with_key("head", move |state: &ProgressState, out: &mut dyn std::fmt::Write| {
                let head = shown.lock().unwrap_or_else(PoisonError::into_inner);
                let _ = out.write_str(&head.show(state.elapsed()));
            });
        bar.set_style(style);
        Self { bar, head, state: Mutex::new(State { lines, table: String::new(), speed: Speed::default() }) }
    }

    fn say(&self, change: impl FnOnce(&mut Head)) {
        change(&mut self.head.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn page(&self, state: &mut State, page: &super::Progress) {
        let rate = state.speed.at(page.elapsed, page.rows);
        let text = format!("{} {}", state.table, count(page.rows, "row"));
        self.say(|head| *head = Head { text, waiting: None });
        let mut rest = String::new();
        for part in progress(page, rate) {
            let _ = write!(rest, " · {part}");
        }
        self.bar.set_message(rest);
    }
}

impl Reporter for Interactive {
    fn event(&self, _: &str, event: &Event<'_>) {
        let state = &mut *self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Started(start) => {
                state.table.clone_from(&start.table);
                state.lines.start(start);
                self.say(|head| head.text = format!("{} · waiting for the first page", start.table));
                self.bar.reset_elapsed();
                self.bar.enable_steady_tick(TICK);
            }
            Event::Page(page) => self.page(state, page),
            Event::Waiting { why: Wait::RateLimit, wait: length, .. } if *length < WORTH_A_WORD => {}
            Event::Waiting { why, wait: length, .. } => {
                let (until, short) = (self.bar.elapsed() + *length, *length < NEWS);
                self.say(|head| head.waiting = Some(Waiting { why: wait(why), until, short }));
            }
            Event::Committing { rows, .. } => {
                let text = format!("{} · committing {}", state.table, count(*rows, "row"));
                self.say(|head| *head = Head { text, waiting: None });
                self.bar.set_message("");
            }
            Event::Committed { .. } => {}
            Event::Warning(text) => self.bar.suspend(|| state.lines.warning(text)),
            Event::Debug(text) if state.lines.debug => self.bar.suspend(|| state.lines.debug(text)),
            Event::Debug(_) => {}
            Event::Finished { receipt, failure } => {
                self.bar.finish_and_clear();
                state.lines.finish(receipt, *failure);
            }
            Event::Failed(failure) => {
                self.bar.finish_and_clear();
                state.lines.failure(failure);
            }
        }
    }

    fn failed(&self, failure: &Failure) {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).lines.failure(failure);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_counts_down_and_goes_away() {
        let head = Head {
            text: "tickets 300 rows".into(),
            waiting: Some(Waiting { why: "rate limit".into(), until: Duration::from_secs(10), short: false }),
        };
        let at = |seconds| head.show(Duration::from_secs_f64(seconds));
        assert_eq!(at(6.5), "tickets 300 rows · rate limit: 4 s");
        assert_eq!(at(9.5), "tickets 300 rows · rate limit: 1 s");
        assert_eq!(at(10.0), "tickets 300 rows");
    }

    #[test]
    fn an_echo_of_ctrl_c_has_room() {
        for width in [17, 40, 80, 250] {
            assert!(usize::from(narrower(width)) + "^C^C".len() <= usize::from(width));
        }
        assert_eq!(narrower(10), 10);
    }

    #[test]
    fn a_short_wait_shows_its_tenths() {
        let until = Duration::from_millis(10_500);
        let waiting = Some(Waiting { why: "rate limit".into(), until, short: true });
        let head = Head { text: "tickets 300 rows".into(), waiting };
        let at = |seconds| head.show(Duration::from_secs_f64(seconds));
        assert_eq!(at(10.0), "tickets 300 rows · rate limit: 0.5 s");
        assert_eq!(at(10.49), "tickets 300 rows · rate limit: 0.1 s");
        assert_eq!(at(10.5), "tickets 300 rows");
    }
}
