//! `ingestr init`: from a domain, an e-mail, a key and a destination to a file with both URIs, and the lines to type next.
//!
//! Both ends are checked as `ingestr check` does it, before anything is written. The key goes to that file and nowhere else.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::check::{of_the_destination, of_the_source};
use super::{World, outputs, print};
use crate::cli::InitArgs;
use crate::dest::{self, Destination};
use crate::error::{Failure, Kind};
use crate::http::surroundings::Surroundings;
use crate::report::check::{self, Check};
use crate::secret::SecretUri;
use crate::source::{self, Login};

mod env_file;
mod prompt;
mod steps;

use prompt::Prompt;

/// What is suggested as a destination.
const USUAL: &str = "duckdb:///helpdesk.duckdb";

/// Asks, checks, writes, and says what to do next; returns the exit code.
#[must_use]
pub fn init(args: &InitArgs, world: &World) -> u8 {
    let prompt = Prompt { world };
    let runtime = match super::runtime() {
        Ok(runtime) => runtime,
        Err(failure) => return told(world, &failure),
    };
    let done = runtime.block_on(async {
        tokio::select! {
            biased;
            // When this wins, the dialogue is dropped, and with it what it had changed of the terminal.
            failure = prompt::signalled() => {
                prompt.say("\n");
                Err(failure)
            }
            done = dialogue(args, &prompt) => done,
        }
    });
    // Somebody may still be asked for a line.
    runtime.shutdown_background();
    match done {
        Ok(text) => print(text.as_bytes(), 0, world),
        Err(failure) => told(world, &failure),
    }
}

fn told(world: &World, failure: &Failure) -> u8 {
    let _ = writeln!((world.err)(), "{failure}");
    failure.kind.exit_code()
}

async fn dialogue(args: &InitArgs, prompt: &Prompt<'_>) -> Result<String, Failure> {
    let (file, replace) = place(args, prompt).await?;
    // Before anybody is asked for a key.
    if let Some(uri) = &args.dest_uri {
        opened(uri.expose().trim(), &file)?;
    }
    let (source_uri, account) = source_of(args, prompt).await?;
    let dest_uri = dest_of(args, prompt, &account, &file).await?;
    env_file::write(&file, replace, &source_uri, &dest_uri)?;
    let internal = |error: io::Error| {
        Failure::new(Kind::Internal, "the folder or this program cannot be named").caused_by(&error)
    };
    let folder = std::env::current_dir().map_err(internal)?;
    let program = std::env::current_exe().map_err(internal)?;
    let steps = steps::steps(&file, dest_uri.scheme(), dest_uri.expose(), &folder, &program);
    Ok(format!(
        "\nWrote {}, which only you can read; the key is stored nowhere else.\n\n{steps}",
        file.display()
    ))
}

/// Where to write, and whether a file that is there may be replaced.
async fn place(args: &InitArgs, prompt: &Prompt<'_>) -> Result<(PathBuf, bool), Failure> {
    let mut file = args.env_file.clone();
    loop {
        let shown = file.display();
        let problem = match fs::symlink_metadata(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => match file.parent() {
                Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
                    Failure::usage(format!("{shown} cannot be written: its folder does not exist"))
                }
                _ => return Ok((file, false)),
            },
            Err(error) => Failure::usage(format!("{shown} cannot be written")).caused_by(&error),
            Ok(about) if about.is_file() && prompt.world.dialogue => {
                if prompt.may(&format!("{shown} exists. Replace it?")).await? {
                    return Ok((file, true));
                }
                Failure::usage("it stays as it is")
            }
            Ok(_) => Failure::usage(format!("{shown} exists; nothing was written"))
                .hint("name another file with --env-file, or remove this one"),
        };
        prompt.refuse(problem)?;
        file = prompt.line("Write to which file instead?", None).await?.into();
    }
}

/// The URI of an account that answers, and the account's name.
async fn source_of(args: &InitArgs, prompt: &Prompt<'_>) -> Result<(SecretUri, String), Failure> {
    let (mut domain, mut email) = (args.domain.clone(), args.email.clone());
    let mut key: Option<String> = None;
    let mut first = true;
    loop {
        let account = domain_of(domain.take(), first, prompt).await?;
        let address = email_of(email.take(), first, prompt).await?;
        let secret = key_of(key.take(), prompt).await?;
        let login =
            Login { account: &account, email: &address, key: &secret, base_url: args.base_url.as_deref() };
        let uri = source::SOURCES[0].uri(&login);
        let opened =
            source::entry(uri.expose())?.open(uri.expose(), &Surroundings::read(&prompt.world.env))?;
        prompt.gap();
        let checks = of_the_source(&*opened, prompt.world).await;
        if passed(checks, prompt)? {
            prompt.gap();
            return Ok((uri, account));
        }
        prompt.say("\nPlease type it once more; Enter keeps what is in brackets.\n");
        (domain, email, key, first) = (Some(account), Some(address), Some(secret), false);
    }
}

/// An account by its name, however it is typed. What was there before is taken as it is, or only suggested.
async fn domain_of(before: Option<String>, taken: bool, prompt: &Prompt<'_>) -> Result<String, Failure> {
    let question = "Domain of the help desk, the part before .gorgias.com";
    let mut typed = match before {
        Some(before) if taken => before,
        before => prompt.line(question, before.as_deref()).await?,
    };
    loop {
        match source::account_named(&typed) {
            Ok(account) => return Ok(account),
            Err(form) => prompt.refuse(Failure::usage("this is no domain of a help desk").hint(form))?,
        }
        typed = prompt.line(question, None).await?;
    }
}

async fn email_of(before: Option<String>, taken: bool, prompt: &Prompt<'_>) -> Result<String, Failure> {
    let question = "E-mail of the user who owns the key";
    let mut typed = match before {
        Some(before) if taken => before,
        before => prompt.line(question, before.as_deref()).await?,
    };
    loop {
        let parts = typed.trim().split_once('@');
        let whole = parts.is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
        if whole && !typed.trim().contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Ok(typed.trim().to_owned());
        }
        prompt.refuse(Failure::usage("this is no e-mail address").hint("its form is me@shop.com"))?;
        typed = prompt.line(question, None).await?;
    }
}

async fn key_of(before: Option<String>, prompt: &Prompt<'_>) -> Result<String, Failure> {
    let keeps = if before.is_some() { "; Enter keeps it" } else { "" };
    let question = format!("API key, from Settings > Account > REST API (not shown{keeps})");
    loop {
        let typed = prompt.hidden(&question).await?;
        let problem = match (typed.as_str(), &before) {
            ("", Some(before)) => return Ok(before.clone()),
            ("", None) => "the key is empty",
            (key, _) if key.contains(|c: char| c.is_whitespace() || c.is_control()) => {
                "a key has no spaces and no control characters"
            }
            _ => return Ok(typed),
        };
        prompt.refuse(Failure::usage(problem).hint("copy the key once more, and nothing else"))?;
    }
}

/// The URI of a destination that can be written.
async fn dest_of(
    args: &InitArgs,
    prompt: &Prompt<'_>,
    account: &str,
    file: &Path,
) -> Result<SecretUri, Failure> {
    let typed = args.dest_uri.as_ref().map(|uri| uri.expose().trim().to_owned());
    let mut typed = match typed {
        Some(typed) => typed,
        None if prompt.world.dialogue => prompt.line("Destination", Some(USUAL)).await?,
        None => USUAL.to_owned(),
    };
    loop {
        match opened(&typed, file) {
            Ok(opened) => {
                let checks = of_the_destination(&*opened, Some(account), prompt.world).await;
                if passed(checks, prompt)? {
                    return Ok(SecretUri::new(typed));
                }
            }
            Err(failure) => prompt.refuse(failure)?,
        }
        typed = prompt.line("Destination", Some(USUAL)).await?;
    }
}

/// A destination that can stand in the file, and is not that file.
fn opened(uri: &str, file: &Path) -> Result<Box<dyn Destination>, Failure> {
    if let Some(failure) = env_file::unfit(uri) {
        return Err(failure);
    }
    let dest = dest::entry(uri)?.open(uri)?;
    outputs::not_of_the_copy("--env-file", file, &*dest)?;
    Ok(dest)
}

/// Shows what was found. What would stop a run is asked once more, or ends a script.
fn passed(checks: Vec<Check>, prompt: &Prompt<'_>) -> Result<bool, Failure> {
    let stops = checks.iter().position(|check| check.exit_code().is_some());
    if prompt.world.dialogue || stops.is_none() {
        prompt.say(&check::text(&checks));
    }
    match stops {
        None => Ok(true),
        Some(_) if prompt.world.dialogue => Ok(false),
        Some(at) => Err(checks
            .into_iter()
            .nth(at)
            .and_then(|check| check.failure)
            .unwrap_or_else(|| Failure::new(Kind::Internal, "a check failed without a reason"))),
    }
}
