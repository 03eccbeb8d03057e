//! Questions on the terminal. Where there is none, each is a usage failure that says what to type instead.

use std::io::{self, Write as _};

use rustix::termios::{LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr};
use tokio::signal::unix::{SignalKind, signal};

use super::super::World;
use crate::cli::KEY_VARIABLE;
use crate::error::{Failure, Kind};

/// Whom to ask.
#[derive(Clone, Copy)]
pub(super) struct Prompt<'a> {
    pub(super) world: &'a World,
}

impl Prompt<'_> {
    /// A line; Enter alone takes what is suggested.
    pub(super) async fn line(&self, question: &str, suggested: Option<&str>) -> Result<String, Failure> {
        self.somebody()?;
        let shown = suggested.map(|text| format!(" [{text}]")).unwrap_or_default();
        loop {
            self.say(&format!("{question}{shown}: "));
            let line = next_line().await?;
            match (line.trim(), suggested) {
                ("", Some(suggested)) => return Ok(suggested.to_owned()),
                ("", None) => {}
                (typed, _) => return Ok(typed.to_owned()),
            }
        }
    }

    /// A line that is not shown. Without a terminal: the variable, or the first line of standard input.
    pub(super) async fn hidden(&self, question: &str) -> Result<String, Failure> {
        if !self.world.dialogue {
            let variable = (self.world.env)(KEY_VARIABLE).and_then(|key| key.into_string().ok());
            let key = match variable.filter(|key| !key.trim().is_empty()) {
                Some(key) => key,
                None => next_line().await.map_err(|_| nobody())?,
            };
            return Ok(key.trim().to_owned());
        }
        // Before the question: whoever answers at once must not be shown either.
        let hidden = Hidden::begin();
        self.say(&format!("{question}: "));
        let line = next_line().await;
        drop(hidden);
        self.say("\n");
        Ok(line?.trim().to_owned())
    }

    /// Whether it may be done; Enter alone is no.
    pub(super) async fn may(&self, question: &str) -> Result<bool, Failure> {
        let answer = self.line(&format!("{question} (yes or no)"), Some("no")).await?;
        Ok(matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes"))
    }

    /// Says why something is asked once more; nobody can be asked in a script, which ends with it.
    pub(super) fn refuse(&self, failure: Failure) -> Result<(), Failure> {
        self.somebody().map_err(|_| failure.clone())?;
        let hint = failure.hint.map(|hint| format!("\n  hint: {hint}")).unwrap_or_default();
        let causes: String = failure.causes.iter().map(|cause| format!("\n  cause: {cause}")).collect();
        self.say(&format!("  {}{causes}{hint}\n", failure.headline));
        Ok(())
    }

    pub(super) fn say(&self, text: &str) {
        let mut err = (self.world.err)();
        // A terminal that went away ends the next question.
        let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
    }

    /// An empty line, for whoever reads along.
    pub(super) fn gap(&self) {
        if self.world.dialogue {
            self.say("\n");
        }
    }

    fn somebody(&self) -> Result<(), Failure> {
        if self.world.dialogue { Ok(()) } else { Err(nobody()) }
    }
}

/// What to do where nobody can be asked.
fn nobody() -> Failure {
    Failure::usage("ingestr init asks on a terminal, and there is none").hint(format!(
        "type --domain and --email, and give the key in {KEY_VARIABLE} or on standard input: \
         ingestr init --domain mycompany --email me@shop.com < key.txt"
    ))
}

/// What a dialogue ends with that is broken off.
fn stopped() -> Failure {
    Failure::new(Kind::Interrupted, "stopped; nothing was written")
}

/// The next line of standard input, read beside this task, which must hear signals meanwhile.
async fn next_line() -> Result<String, Failure> {
    let read = || {
        let mut line = String::new();
        io::stdin().read_line(&mut line).map(|read| (read > 0).then_some(line))
    };
    match tokio::task::spawn_blocking(read).await {
        Ok(Ok(Some(line))) => Ok(line),
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
            Err(Failure::usage("what was typed is not UTF-8"))
        }
        _ => Err(stopped()),
    }
}

/// Ends when somebody asks the program to stop.
pub(super) async fn signalled() -> Failure {
    let kinds = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let [Ok(mut interrupt), Ok(mut terminate), Ok(mut hangup)] = kinds.map(signal) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
        _ = hangup.recv() => {}
    }
    stopped()
}

/// A terminal that does not show what is typed, until this is dropped, on whatever way.
struct Hidden(Option<Termios>);

impl Hidden {
    fn begin() -> Self {
        let Ok(before) = tcgetattr(io::stdin()) else { return Self(None) };
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
        // Whoever comes back from Ctrl-Z finds a terminal that shows everything.
        quiet.special_codes[SpecialCodeIndex::VSUSP] = if cfg!(target_os = "linux") { 0 } else { 0xff };
        let done = tcsetattr(io::stdin(), OptionalActions::Drain, &quiet);
        Self(done.is_ok().then_some(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        if let Some(before) = &self.0 {
            // There is nobody to tell, and nothing else to try.
            let _ = tcsetattr(io::stdin(), OptionalActions::Drain, before);
        }
    }
}
