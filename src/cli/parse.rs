//! From argv and environment to [`Command`], and what else comes from the declaration: completions and man page.
//!
//! clap knows one environment variable per flag and cannot tell an empty one from a set one; ingestr has two names
//! for most flags. So the variables are looked up here and put in front of what was typed, where the last wins, and
//! clap checks the values as if typed.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches};

use super::{
    CheckArgs, Cli, Command, ModelsArgs, MoveArgs, ReportArgs, ResetArgs, ShowArgs, StateCommand, examples,
};
use crate::error::Kind;
use crate::model::Strategy;
use crate::secret::SecretUri;

/// A reason not to go on: help that was asked for, or a command line that makes no sense.
#[derive(Debug)]
pub struct Stop {
    /// What to print, ending in a newline, free of secrets.
    pub text: String,
    /// The same with colours, for a terminal.
    pub ansi: String,
    /// Whether it was asked for and belongs on standard output; otherwise it belongs on standard error.
    pub stdout: bool,
    /// The process's exit code: 0 or 2.
    pub exit_code: u8,
}

/// The whole declaration, as help, docs, completions and man page show it.
#[must_use]
pub fn command() -> clap::Command {
    let mut exits = String::from("Exit codes:\n  0  success");
    for (kind, meaning) in Kind::ALL {
        // Writing to a String cannot fail.
        let _ = write!(exits, "\n  {}  {}: {meaning}", kind.exit_code(), kind.name());
    }
    let environment = "Environment: each flag also reads the variables --help names; what is typed wins, then \
                       INGESTR_NAME, then NAME. An empty variable counts as not set.";
    let ingest = |ingest: clap::Command| {
        let ingest = ingest.args_override_self(true);
        let ingest = with_end(ingest, Some(&format!("{environment}\n\n{exits}")));
        ingest.mut_args(with_variables)
    };
    let uris = |sub: clap::Command| {
        sub.mut_args(|arg| {
            if matches!(arg.get_id().as_str(), "source_uri" | "dest_uri") { with_variables(arg) } else { arg }
        })
    };
    // Not `mut_subcommand`, which would move it to the end of the list.
    Cli::command().version(version()).after_help(exits.clone()).mut_subcommands(|sub| match sub.get_name() {
        "ingest" | "plan" => ingest(sub),
        // Not `mut_arg`, for the same reason.
        "state" => sub.mut_subcommands(|part| with_end(uris(part), None)),
        "models" => with_end(uris(sub), None),
        "check" | "report" => with_end(uris(sub), Some(&exits)),
        _ => with_end(sub, None),
    })
}

/// Its examples, and what else its help ends with.
fn with_end(command: clap::Command, more: Option<&str>) -> clap::Command {
    let parts: Vec<&str> = examples::of(command.get_name()).into_iter().chain(more).collect();
    if parts.is_empty() { command } else { command.after_help(parts.join("\n\n")) }
}

/// The program's name and version, as `--version` prints them.
#[must_use]
pub fn version_line() -> String {
    command().render_version()
}

/// `0.1.0 (commit 1d2f6ec0a1b2, DuckDB 1.5.6, linux x86_64)`. The commit is told by whoever makes a package (`make`); other
/// builds are somebody's own.
fn version() -> String {
    let commit = option_env!("INGESTR_COMMIT")
        .filter(|commit| !commit.is_empty())
        .map_or_else(|| "development build".to_owned(), |commit| format!("commit {commit}"));
    let mut parts = vec![commit];
    #[cfg(feature = "duckdb")]
    parts.push(format!("DuckDB {}", crate::dest::duckdb::LIBRARY_VERSION));
    parts.push(format!("{} {}", std::env::consts::OS, std::env::consts::ARCH));
    format!("{} ({})", env!("CARGO_PKG_VERSION"), parts.join(", "))
}

/// The flag with its variables at the end of its long help.
fn with_variables(arg: Arg) -> Arg {
    let names = env_names(arg.get_long().unwrap_or_default());
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string);
    match help {
        Some(help) if !names.is_empty() => arg.long_help(format!("{help}\n\n[env: {}]", names.join(", "))),
        _ => arg,
    }
}

/// Environment variables of a flag of `ingest`, by its long name: first the one that wins. Empty for an unknown flag.
#[must_use]
pub fn env_names(long: &str) -> Vec<String> {
    let name = match long {
        "" | "help" | "version" | "json" => return Vec::new(),
        "dest-uri" => "DESTINATION_URI".into(),
        "dest-table" => "DESTINATION_TABLE".into(),
        "yes" => "SKIP_CONFIRMATION".into(),
        other => other.replace('-', "_").to_uppercase(),
    };
    // COLUMNS is the width of the terminal; the others are ingestr's own, prefixed only there, too.
    let prefixed_only = [
        "columns",
        "disable-prestaging",
        "stream",
        "flush-interval",
        "flush-records",
        "deletes",
        "lookback",
        "rescan",
        "confirm-deletions",
        "budget",
        "wait",
        "retry-for",
        "quiet",
        "metrics-file",
        "metrics-addr",
        "query-annotations",
    ];
    let prefixed = format!("INGESTR_{name}");
    if prefixed_only.contains(&long) { vec![prefixed] } else { vec![prefixed, name] }
}

/// Reads a command line (program name first) and, for `ingest` and the URI of `state`, the environment through `env`.
///
/// # Errors
/// [`Stop`] when help or version was asked for, and when the command line makes no sense to clap.
pub fn parse(argv: Vec<OsString>, env: &dyn Fn(&str) -> Option<OsString>) -> Result<Command, Stop> {
    let command = command();
    let copies = argv.get(1).is_some_and(|name| name == "ingest" || name == "plan");
    let (argv, mut typed) = if copies { plain_switches(&command, argv) } else { (argv, BTreeSet::new()) };
    let matches = matches(&command, &argv, &[])?;
    let Some(("ingest" | "plan", typed_matches)) = matches.subcommand() else {
        let cli = Cli::from_arg_matches(&matches).map_err(|error| stop(&error, &argv, &[]))?;
        return Ok(with_uris(cli.command, env));
    };
    typed.extend(typed_names(&command, typed_matches));
    let found = from_environment(&command, &typed, env)?;
    let mut all = argv;
    all.splice(2..2, found.iter().map(|found| found.argument.clone()));
    let matches = self::matches(&command, &all, &found)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(|error| stop(&error, &all, &found))?;
    match &mut cli.command {
        Command::Ingest(args) => args.typed = typed,
        Command::Plan(args) => args.ingest.typed = typed,
        _ => {}
    }
    Ok(cli.command)
}

/// The command with the URIs of the environment, if none were typed. Which table is meant has to be typed: a
/// variable that is there for other commands must not narrow what is shown or moved, or choose what is forgotten. A
/// variable that is there and empty gives an empty URI, which is refused: it was meant to say something.
fn with_uris(mut command: Command, env: &dyn Fn(&str) -> Option<OsString>) -> Command {
    let fill = |long: &str, uri: &mut Option<SecretUri>| {
        if uri.is_none() {
            let found: Vec<String> =
                env_names(long).into_iter().filter_map(|name| env(&name)?.into_string().ok()).collect();
            *uri =
                found.iter().find(|uri| !uri.is_empty()).or(found.first()).map(|uri| SecretUri::new(&**uri));
        }
    };
    match &mut command {
        Command::State(
            StateCommand::Show(ShowArgs { dest_uri, .. })
            | StateCommand::Reset(ResetArgs { dest_uri, .. })
            | StateCommand::Move(MoveArgs { dest_uri, .. }),
        ) => fill("dest-uri", dest_uri),
        Command::Report(ReportArgs { dest_uri, .. }) => fill("dest-uri", dest_uri),
        // Whoever says what to write means no destination.
        Command::Models(ModelsArgs { dest_uri, dialect: None, with, .. }) if with.is_empty() => {
            fill("dest-uri", dest_uri);
        }
        Command::Check(CheckArgs { source_uri, dest_uri, .. }) => {
            fill("source-uri", source_uri);
            fill("dest-uri", dest_uri);
        }
        _ => {}
    }
    command
}

/// A value from the environment, as the argument that says the same.
struct EnvironmentValue {
    long: String,
    variable: String,
    argument: OsString,
}

/// Values of all flags that were not typed.
fn from_environment(
    command: &clap::Command,
    typed: &BTreeSet<String>,
    env: &dyn Fn(&str) -> Option<OsString>,
) -> Result<Vec<EnvironmentValue>, Stop> {
    let mut found = Vec::new();
    for arg in flags(command) {
        let long = arg.get_long().unwrap_or_default();
        if typed.contains(long) {
            continue;
        }
        let set = |name: String| env(&name).filter(|value| !value.is_empty()).map(|value| (name, value));
        let Some((variable, value)) = env_names(long).into_iter().find_map(set) else { continue };
        let mut argument = OsString::from(format!("--{long}"));
        if is_switch(arg) {
            match switch(&value) {
                Some(true) => {}
                Some(false) => continue,
                // So common a name, for things of other programs, that it must not stop a run.
                None if variable == "DEBUG" => continue,
                None => return Err(not_a_switch(&variable, &value)),
            }
        } else {
            argument.push("=");
            argument.push(value);
        }
        found.push(EnvironmentValue { long: long.into(), variable, argument });
    }
    Ok(found)
}

/// The flags of `ingest`.
fn flags(command: &clap::Command) -> impl Iterator<Item = &Arg> {
    command.find_subcommand("ingest").into_iter().flat_map(clap::Command::get_arguments)
}

fn is_switch(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::SetTrue)
}

/// What is typed as a truth value.
#[must_use]
pub fn switch(value: &OsStr) -> Option<bool> {
    match value.to_str()?.trim().to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "yes" | "y" | "on" => Some(true),
        "false" | "f" | "0" | "no" | "n" | "off" => Some(false),
        _ => None,
    }
}

/// ingestr takes `--yes=true` and `--yes=false`; clap's switches take no value. Returns the arguments without such
/// values, and the names of the switches that were turned off, which count as typed.
fn plain_switches(command: &clap::Command, argv: Vec<OsString>) -> (Vec<OsString>, BTreeSet<String>) {
    let mut off = BTreeSet::new();
    let mut plain = Vec::new();
    for argument in argv {
        let value =
            argument.to_str().and_then(|text| text.strip_prefix("--")).and_then(|text| text.split_once('='));
        let known = |long: &str| flags(command).any(|arg| arg.get_long() == Some(long) && is_switch(arg));
        match value.and_then(|(long, value)| known(long).then_some((long, switch(value.as_ref())?))) {
            Some((long, true)) => plain.push(format!("--{long}").into()),
            Some((long, false)) => {
                off.insert(long.to_owned());
            }
            None => plain.push(argument),
        }
    }
    (plain, off)
}

/// Long names of the flags on the command line.
fn typed_names(command: &clap::Command, matches: &ArgMatches) -> Vec<String> {
    let typed = |arg: &&Arg| matches.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    flags(command).filter(typed).filter_map(|arg| arg.get_long().map(ToOwned::to_owned)).collect()
}

fn matches(
    command: &clap::Command,
    argv: &[OsString],
    found: &[EnvironmentValue],
) -> Result<ArgMatches, Stop> {
    command.clone().try_get_matches_from(argv).map_err(|error| stop(&error, argv, found))
}

/// clap's message, without secrets, and with the name of the variable a bad value came from.
fn stop(error: &clap::Error, argv: &[OsString], found: &[EnvironmentValue]) -> Stop {
    let rendered = error.render();
    let (mut text, mut ansi) = (rendered.to_string(), rendered.ansi().to_string());
    for argument in argv {
        let argument = argument.to_string_lossy();
        if let Some(secret) = secret_part(&argument) {
            text = text.replace(secret, "[not shown]");
            ansi = ansi.replace(secret, "[not shown]");
        }
    }
    if let Some(ContextValue::String(shown)) = error.get(ContextKind::InvalidArg) {
        let long = shown.trim_start_matches('-').split([' ', '=']).next().unwrap_or_default();
        if let Some(found) = found.iter().find(|found| found.long == long) {
            let origin = format!("\nThe value comes from the environment variable {}.\n", found.variable);
            text.push_str(&origin);
            ansi.push_str(&origin);
        }
    }
    Stop { text, ansi, stdout: !error.use_stderr(), exit_code: u8::from(error.exit_code() != 0) * 2 }
}

/// The part of an argument that may hold a credential: a URI anywhere in it, or a bare `api_key=…`.
fn secret_part(argument: &str) -> Option<&str> {
    let value = match argument.strip_prefix("--") {
        Some(flag) => flag.split_once('=')?.1,
        None => argument,
    };
    let secret =
        value.contains("://") || ["api_key=", "access_token="].iter().any(|name| value.contains(name));
    secret.then_some(value)
}

fn not_a_switch(variable: &str, value: &OsStr) -> Stop {
    let text = format!(
        "error: {variable} is `{}`, which is neither true nor false\n  hint: set it to true or false, or unset it\n",
        value.to_string_lossy()
    );
    Stop { ansi: text.clone(), text, stdout: false, exit_code: Kind::Usage.exit_code() }
}

/// The completion script of a shell, which completes these tables. What can be typed is more than that: several tables with
/// commas between them, in any spelling. So only the script knows them, not the declaration.
#[must_use]
pub fn completions(shell: clap_complete::Shell, tables: &[&'static str]) -> Vec<u8> {
    let mut script = Vec::new();
    let known = |arg: Arg| {
        let values: Vec<&'static str> = match arg.get_id().as_str() {
            "source_table" => std::iter::once("all").chain(tables.iter().copied()).collect(),
            "of" => tables.to_vec(),
            "incremental_strategy" => Strategy::ALL.map(Strategy::name).into_iter().chain(["none"]).collect(),
            _ => return arg,
        };
        arg.value_parser(clap::builder::PossibleValuesParser::new(values))
    };
    let mut command = command().mut_subcommands(|sub| match sub.get_name() {
        "ingest" | "plan" | "tables" => sub.mut_args(known),
        _ => sub,
    });
    clap_complete::generate(shell, &mut command, "ingestr", &mut script);
    script
}

/// The manual in roff: the program's page, and one for each command after it.
///
/// # Errors
/// None in practice: it is written to memory.
pub fn man() -> std::io::Result<Vec<u8>> {
    let mut command = command();
    command.build();
    let mut roff = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut roff)?;
    for part in parts(&command) {
        clap_mangen::Man::new(part.clone()).render(&mut roff)?;
    }
    Ok(roff)
}

/// The commands that are shown, in order: of a command with commands of its own, those.
pub fn parts(command: &clap::Command) -> Vec<&clap::Command> {
    let shown = command.get_subcommands().filter(|part| !part.is_hide_set() && part.get_name() != "help");
    shown.flat_map(|part| if part.has_subcommands() { parts(part) } else { vec![part] }).collect()
}
