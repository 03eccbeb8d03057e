//! Signals: the first asks the run to store what it has and to stop, the second ends it at once.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::error::{Failure, Kind};
use crate::report::Reporter;

/// What comes so soon after the first signal is that one once more: `timeout` sends it to the program, and to its group.
const ECHO: Duration = Duration::from_millis(150);

/// Watches for Ctrl-C, a request to end, and the end of the session. A user who presses Ctrl-C twice does not want to
/// wait; what was committed stays either way.
#[allow(clippy::disallowed_methods, reason = "people and their tools send signals in real time")]
pub(super) async fn watch(stop: watch::Sender<bool>, reporter: Arc<dyn Reporter>) {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return;
    };
    // Who is told that a file may not become larger (`ulimit -f`) can say so; by default the signal ends the program.
    let _ = signal(SignalKind::from_raw(FILE_TOO_LARGE));
    // Whoever started the program under nohup wants it to outlive the session.
    let mut hangup = if is_ignored(HANGUP) { None } else { signal(SignalKind::hangup()).ok() };
    let mut asked: Option<Instant> = None;
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            () = next(hangup.as_mut()) => {}
        }
        if asked.is_some_and(|asked| asked.elapsed() < ECHO) {
            continue;
        }
        if asked.is_some() {
            reporter.failed(&Failure::new(
                Kind::Interrupted,
                "stopped at once: what was read since the last commit is read again by the next run",
            ));
            #[expect(
                clippy::disallowed_methods,
                reason = "a user who presses Ctrl-C twice does not want to wait"
            )]
            std::process::exit(i32::from(Kind::Interrupted.exit_code()));
        }
        stop.send_replace(true);
        asked = Some(Instant::now());
    }
}

async fn next(signal: Option<&mut Signal>) {
    match signal {
        Some(signal) => _ = signal.recv().await,
        None => std::future::pending().await,
    }
}

/// The number of SIGXFSZ, on Linux and on macOS.
const FILE_TOO_LARGE: i32 = 25;
/// The number of SIGHUP, which is the same everywhere.
const HANGUP: u32 = 1;

/// Whether this process was started with that signal ignored; where nobody tells, it was not.
fn is_ignored(signal: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.is_some_and(|mask| has(mask.trim(), signal))
}

/// Whether a signal is in a set as the kernel prints it.
fn has(mask: &str, signal: u32) -> bool {
    u64::from_str_radix(mask, 16).is_ok_and(|mask| mask >> (signal - 1) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_of_signals_is_read() {
        assert!(has("0000000000001001", HANGUP));
        assert!(!has("0000000000001000", HANGUP));
        assert!(!has("none", HANGUP));
    }
}
