//! The commands: what lies between a parsed command line and an exit code.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::watch;

use crate::cli::{self, Command, DocsPage, IngestArgs, StateCommand, TablesArgs};
use crate::error::{Failure, Kind};
use crate::http::surroundings::Surroundings;
use crate::model::Micros;
use crate::plan::{Endpoints, Plans, uris};
use crate::report::{self, Manner, Metrics, Reporter, Several, Summary, Terminal};
use crate::run::{self, Job};
use crate::secret::SecretUri;
use crate::{dest, docs, source};

mod check;
mod copied;
mod html_report;
mod init;
mod long_waits;
mod look;
mod models;
mod outputs;
mod plan;
mod runtime;
mod signals;
mod state;
mod statements;
mod unwritten;
mod zone;

pub use check::check;
pub use init::init;
use look::Typed;
pub use plan::plan;
use runtime::runtime;
use unwritten::Unwritten;

/// What a command may know of the world, and where it may print.
#[derive(Debug, Clone, Copy)]
pub struct World {
    /// The time.
    pub now: Micros,
    /// Whether standard error is a terminal that can redraw lines.
    pub terminal: bool,
    /// Whether somebody can be asked: standard input and standard error are terminals.
    pub dialogue: bool,
    /// Columns of the terminal that standard error is; `None`: it is none.
    pub width: Option<usize>,
    /// Whether colours are wanted on a terminal.
    pub color: bool,
    /// A variable of the environment.
    pub env: fn(&str) -> Option<OsString>,
    /// Standard output.
    pub out: fn() -> Box<dyn Write + Send>,
    /// Standard error.
    pub err: fn() -> Box<dyn Write + Send>,
}

/// Prints what a command has to say, and returns its exit code. A reader that went away is no failure; a full disk is.
pub fn print(text: &[u8], code: u8, world: &World) -> u8 {
    let mut out = (world.out)();
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            let failure = Failure::new(Kind::Internal, format!("standard output cannot be written: {error}"))
                .hint("what was printed is not whole; see whether the place is full that it goes to");
            let _ = writeln!((world.err)(), "{failure}");
            if code == 0 { failure.kind.exit_code() } else { code }
        }
        _ => code,
    }
}

/// The output of a command that only prints.
///
/// # Errors
/// When it cannot be done as typed.
pub fn text(command: &Command, world: &World) -> Result<Vec<u8>, Failure> {
    let waits = || long_waits::waits(world.err);
    let internal = |error: &dyn std::fmt::Display| Failure::new(Kind::Internal, error.to_string());
    match command {
        Command::Tables(args) => tables(args),
        Command::State(StateCommand::Show(args)) => state::show(args, &waits(), world.now),
        Command::State(StateCommand::Reset(args)) => state::reset(args, &waits(), world.now),
        Command::State(StateCommand::Move(args)) => state::hand_over(args, &waits(), world.now),
        Command::Models(args) => models::models(args, &waits()),
        Command::Report(args) => html_report::report(args, &waits(), &mut (world.err)()),
        Command::Completions { shell } => {
            let tables: Vec<&str> = source::tables().iter().map(|table| table.name).collect();
            Ok(cli::completions(*shell, &tables))
        }
        Command::Version => Ok(cli::version_line().into_bytes()),
        Command::Man => cli::man().map_err(|error| internal(&error)),
        Command::Docs { page: DocsPage::Cli } => Ok(docs::cli_markdown().into_bytes()),
        Command::Docs { page: DocsPage::Tables } => Ok(docs::tables_markdown(&source::tables()).into_bytes()),
        Command::Init(_) | Command::Ingest(_) | Command::Plan(_) | Command::Check(_) => {
            Err(internal(&"this command does more than to print"))
        }
    }
}

fn tables(args: &TablesArgs) -> Result<Vec<u8>, Failure> {
    let tables = match args.of.as_ref().map(SecretUri::expose) {
        Some(uri) if uri.contains("://") || uri.is_empty() => source::entry(uri)?.tables.to_vec(),
        Some(names) => crate::plan::tables_named(names, &source::tables())?,
        None => source::tables(),
    };
    if args.json {
        let json =
            docs::tables_json(&tables).map_err(|error| Failure::new(Kind::Internal, error.to_string()))?;
        return Ok(format!("{}\n", json.trim_end()).into_bytes());
    }
    Ok(docs::tables_text(&tables).into_bytes())
}

/// `ingestr ingest`, to its exit code.
#[must_use]
pub fn ingest(args: &IngestArgs, world: &World) -> u8 {
    let unwritten = Unwritten::default();
    let reporter = reporter(args, world, &unwritten);
    if args.debug && !args.quiet {
        statements::show(&reporter);
    }
    let decided = decide(args, world).map_err(|failure| told(&reporter, failure));
    let result = decided.and_then(|prepared| {
        let runtime = runtime().map_err(|failure| told(&reporter, failure))?;
        let copied = runtime.block_on(copy(prepared, Arc::clone(&reporter)));
        // A file that blocks whoever opens it keeps nobody who was asked to stop.
        runtime.shutdown_background();
        copied
    });
    let failure = result.err().or_else(|| {
        let failure = unwritten.failure()?;
        // If this cannot be written either, the exit code says it.
        let _ = writeln!((world.err)(), "{failure}");
        Some(failure)
    });
    failure.map_or(0, |failure| failure.kind.exit_code())
}

/// Who is told what `ingest` does.
fn reporter(args: &IngestArgs, world: &World, unwritten: &Unwritten) -> Arc<dyn Reporter> {
    let color = world.terminal && world.color;
    let terminal = Terminal { stderr: world.terminal, color, width: world.width };
    let manner = Manner { style: args.progress, quiet: args.quiet, debug: args.debug };
    let (out, err) = (unwritten.watch((world.out)()), unwritten.watch((world.err)()));
    let reporter = report::reporter(manner, terminal, out, err);
    // Why there is none is told by the failure of the command.
    match metrics_file(args).ok().flatten() {
        None => reporter,
        Some(file) => {
            let err = world.err;
            // A reader that went away is no failure.
            let complain = move |text: &str| drop(writeln!(err(), "warning: {text}"));
            Arc::new(Metrics::new(reporter, file.to_owned(), world.now, Box::new(complain)))
        }
    }
}

/// The file that is replaced at the end, if there is to be one.
///
/// # Errors
/// When it is something else: no file, the destination's own, or one that somebody else has written.
fn metrics_file(args: &IngestArgs) -> Result<Option<&Path>, Failure> {
    let typed = args.metrics_file.as_deref().filter(|file| !file.trim().is_empty() && !file.contains("://"));
    let Some(file) = typed.map(Path::new) else { return Ok(None) };
    if !Metrics::may_be(file) {
        return Err(Failure::usage(format!("--metrics-file: {} is not a file", file.display()))
            .hint("name a file, which is replaced at the end of each run, or leave the flag out"));
    }
    // What is wrong with a URI is told by whoever opens it.
    let dest = args.dest_uri.as_ref().map(SecretUri::expose);
    let dest = dest.and_then(|uri| dest::entry(uri).ok()?.open(uri).ok());
    if let Some(dest) = &dest {
        outputs::not_of_the_copy("--metrics-file", file, &**dest)?;
    }
    outputs::ours("--metrics-file", file, Metrics::BEGINNING)?;
    Ok(Some(file))
}

struct Prepared {
    plans: Plans,
    source: Box<dyn source::Source>,
    dest: Box<dyn dest::Destination>,
    typed: Typed,
}

/// Everything that can be known without connecting anywhere.
fn decide(args: &IngestArgs, world: &World) -> Result<Prepared, Failure> {
    let now = world.now;
    let (source_uri, dest_uri) = uris(args)?;
    metrics_file(args)?;
    let from = source::entry(source_uri.expose())?;
    let to = dest::entry(dest_uri.expose())?;
    let dest = to.open(dest_uri.expose())?;
    let ends = Endpoints {
        source: from.name,
        tables: from.tables,
        destination: to.name,
        default_schema: dest.default_schema(),
        capabilities: dest.capabilities(),
    };
    let plans = Plans::from_args(args, now, &ends)?;
    let source = from.open(source_uri.expose(), &Surroundings::read(&world.env))?;
    if let Some(share) = plans.tables.first().and_then(|plan| plan.budget) {
        source.keep_to(share);
    }
    if let Some(plan) = plans.tables.first() {
        source.ride_out(plan.retry_for);
    }
    let typed = Typed::new(to.scheme, dest_uri.expose(), args);
    Ok(Prepared { source, dest, plans, typed })
}

fn told(reporter: &Arc<dyn Reporter>, failure: Failure) -> Failure {
    reporter.failed(&failure);
    failure
}

async fn copy(prepared: Prepared, reporter: Arc<dyn Reporter>) -> Result<(), Failure> {
    let (sender, stop) = watch::channel(false);
    let watcher = tokio::spawn(signals::watch(sender, Arc::clone(&reporter)));
    let Prepared { plans, source, dest, typed } = &prepared;
    let job = |plan| Job {
        plan,
        source: &**source,
        dest: &**dest,
        reporter: Arc::clone(&reporter),
        stop: stop.clone(),
    };
    let jobs: Vec<Job<'_>> = plans.tables.iter().map(job).collect();
    let result = copy_all(&jobs, plans, typed).await;
    watcher.abort();
    result
}

/// Copies all tables, and tells what they amount to.
async fn copy_all(jobs: &[Job<'_>], plans: &Plans, typed: &Typed) -> Result<(), Failure> {
    let Some(first) = jobs.first() else { return Ok(()) };
    let start = tokio::time::Instant::now();
    let tables: Vec<&str> = plans.names().collect();
    let notes = plans.notes.as_slice();
    let (source, destination) = (first.source.describe(), first.dest.describe());
    let (source, destination) = (source.as_str(), destination.as_str());
    first.reporter.begins(&Several { source, destination, tables: &tables, notes });
    let ends = run::all(jobs).await;
    let failure = run::outcome(&ends);
    let look = match &failure {
        None => look::after(&ends, plans, typed),
        Some(_) => Vec::new(),
    };
    first.reporter.ends(&Summary {
        look: &look,
        ends: &ends,
        source,
        destination,
        elapsed: start.elapsed(),
        failure: failure.as_ref(),
    });
    failure.map_or(Ok(()), Err)
}
