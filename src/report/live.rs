//! The live line of a terminal: a spinner, what is going on, and a wait that counts down.
//!
//! indicatif redraws it ten times a second from its own thread; this only tells it what to say.

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::format::{Speed, count, progress, seconds_up, wait};
use super::human::{Lines, NEWS};
use super::{Event, Reporter, Wait};

/// Redraw interval.
const TICK: Duration = Duration::from_millis(100);

/// What the line says first, so that a narrow terminal cuts off the rest.
#[derive(Debug, Default)]
struct Head {
    text: String,
    /// What is waited for, and until when on the bar's clock.
    waiting: Option<(String, Duration)>,
}

impl Head {
    fn show(&self, now: Duration) -> String {
        match &self.waiting {
            Some((why, until)) if *until > now => {
                format!("{} · {why}: {}", self.text, seconds_up(*until - now))
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
    fn event(&self, event: &Event<'_>) {
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
            Event::Waiting { why: Wait::RateLimit, wait: length, .. } if *length < NEWS => {}
            Event::Waiting { why, wait: length, .. } => {
                let until = self.bar.elapsed() + *length;
                self.say(|head| head.waiting = Some((wait(why), until)));
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_counts_down_and_goes_away() {
        let head = Head {
            text: "tickets 300 rows".into(),
            waiting: Some(("rate limit".into(), Duration::from_secs(10))),
        };
        let at = |seconds| head.show(Duration::from_secs_f64(seconds));
        assert_eq!(at(6.5), "tickets 300 rows · rate limit: 4 s");
        assert_eq!(at(9.5), "tickets 300 rows · rate limit: 1 s");
        assert_eq!(at(10.0), "tickets 300 rows");
    }
}
