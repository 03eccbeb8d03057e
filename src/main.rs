//! Parse, run, print, exit: nothing else happens here.

#![expect(clippy::disallowed_methods, reason = "the one place that reads the clock and the environment")]

use std::env;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use ingestr::api::cli::{self, Command};
use ingestr::api::commands::{self, World};
use ingestr::api::model::Micros;

fn main() -> ExitCode {
    let stop = match cli::parse(env::args_os().collect(), &|name| env::var_os(name)) {
        Ok(Command::Init(args)) => return ExitCode::from(commands::init(&args, &world())),
        Ok(Command::Ingest(args)) => return ExitCode::from(commands::ingest(&args, &world())),
        Ok(Command::Plan(args)) => return ExitCode::from(commands::plan(&args, &world())),
        Ok(Command::Check(args)) => return ExitCode::from(commands::check(&args, &world())),
        Ok(other) => match commands::text(&other, &world()) {
            Ok(text) => return ExitCode::from(commands::print(&text, 0, &world())),
            Err(failure) => return print(format!("{failure}\n").as_bytes(), failure.kind.exit_code()),
        },
        Err(stop) => stop,
    };
    let terminal = if stop.stdout { io::stdout().is_terminal() } else { io::stderr().is_terminal() };
    let text = if terminal && redraws() && color() { &stop.ansi } else { &stop.text };
    if stop.stdout {
        return ExitCode::from(commands::print(text.as_bytes(), stop.exit_code, &world()));
    }
    print(text.as_bytes(), stop.exit_code)
}

fn print(text: &[u8], code: u8) -> ExitCode {
    drop(io::stderr().write_all(text));
    ExitCode::from(code)
}

/// A terminal of which nothing is known, or that says it can do nothing, gets plain lines.
fn redraws() -> bool {
    env::var_os("TERM").is_some_and(|term| !term.is_empty() && term != "dumb")
}

fn color() -> bool {
    env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

fn world() -> World {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    World {
        now: Micros(i64::try_from(now.as_micros()).unwrap_or(i64::MAX)),
        terminal: io::stderr().is_terminal() && redraws(),
        dialogue: io::stdin().is_terminal() && io::stderr().is_terminal(),
        width: ingestr::api::report::stderr_width(),
        color: color(),
        env: |name| env::var_os(name),
        out: || Box::new(io::stdout()),
        err: || Box::new(io::stderr()),
    }
}
