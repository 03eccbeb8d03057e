//! Standard error as a screen for live lines: a little narrower than it is.

use std::io;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;

use console::Term;
use indicatif::{ProgressDrawTarget, TermLike};

/// Columns kept free at the right: indicatif leaves the cursor at the end of the line, and a terminal that echoes
/// `^C` there would break the line, so that half of the last frame stayed on the screen.
const MARGIN: u16 = 4;

/// Standard error, a little narrower than it is.
pub(super) fn screen() -> ProgressDrawTarget {
    let screen = Screen { term: Term::buffered_stderr(), column: AtomicUsize::new(0) };
    ProgressDrawTarget::term_like_with_hz(Box::new(screen), 20)
}

/// Columns of the terminal that standard error is; `None`: it is none.
#[must_use]
pub fn stderr_width() -> Option<usize> {
    Term::stderr().size_checked().map(|(_, columns)| usize::from(columns))
}

/// Columns for a live line.
pub(super) fn room() -> usize {
    usize::from(narrower(Term::stderr().size().1))
}

/// What is left of a line; all of it where there is hardly any.
fn narrower(width: u16) -> u16 {
    if width > 4 * MARGIN { width - MARGIN } else { width }
}

#[derive(Debug)]
struct Screen {
    term: Term,
    /// Where the cursor is.
    column: AtomicUsize,
}

/// The text with a line break wherever a terminal of that width would begin a new line, and the column after it.
/// indicatif fills each line up and leaves the break to the terminal, which is wider than we say it is.
fn wrapped(text: &str, width: usize, mut column: usize) -> (String, usize) {
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\r' | '\n' => column = 0,
            _ => {
                // As indicatif counts: a column for each character.
                if column >= width {
                    out.push('\n');
                    column = 0;
                }
                column += 1;
            }
        }
        out.push(c);
    }
    (out, column)
}

impl TermLike for Screen {
    fn width(&self) -> u16 {
        narrower(self.term.size().1)
    }

    fn height(&self) -> u16 {
        self.term.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.term.move_cursor_up(lines)
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.term.move_cursor_down(lines)
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.term.move_cursor_right(columns)
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.term.move_cursor_left(columns)
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.column.store(0, Relaxed);
        self.term.write_line(text)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        let (text, column) = wrapped(text, usize::from(self.width()), self.column.load(Relaxed));
        self.column.store(column, Relaxed);
        self.term.write_str(&text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.column.store(0, Relaxed);
        self.term.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.term.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_echo_of_ctrl_c_has_room() {
        for width in [17, 40, 80, 250] {
            assert!(usize::from(narrower(width)) + "^C^C".len() <= usize::from(width));
        }
        assert_eq!(narrower(10), 10);
    }

    #[test]
    fn full_lines_end_where_we_say_the_screen_ends() {
        // As indicatif draws: each line and then spaces up to the end.
        assert_eq!(wrapped("\ra✔c  ", 5, 3), ("\ra✔c  ".into(), 5));
        assert_eq!(wrapped("def  ", 5, 5), ("\ndef  ".into(), 5));
        assert_eq!(wrapped("", 5, 5), (String::new(), 5));
    }
}
