//! The findings of `ingestr check`: a line each for people, one object for programs.

use std::fmt::Write as _;

use serde::Serialize;

use crate::error::Failure;

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// As it should be.
    Ok,
    /// Runs will go, but something will be missing.
    Warn,
    /// Runs will fail.
    Fail,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// One finding.
#[derive(Debug)]
pub struct Check {
    /// What about.
    pub name: &'static str,
    /// How it is to be taken.
    pub status: Status,
    /// What was found, in one line.
    pub found: String,
    /// What is wrong.
    pub failure: Option<Failure>,
}

impl Check {
    /// As it should be.
    #[must_use]
    pub fn ok(name: &'static str, found: String) -> Self {
        Self { name, status: Status::Ok, found, failure: None }
    }

    /// Runs will go without.
    #[must_use]
    pub fn warned(name: &'static str, failure: Failure) -> Self {
        Self { name, status: Status::Warn, found: failure.headline.clone(), failure: Some(failure) }
    }

    /// Runs will fail.
    #[must_use]
    pub fn failed(name: &'static str, failure: Failure) -> Self {
        Self { name, status: Status::Fail, found: failure.headline.clone(), failure: Some(failure) }
    }

    /// The code a run would exit with for this; `None` if it would not.
    #[must_use]
    pub fn exit_code(&self) -> Option<u8> {
        let failure = self.failure.as_ref().filter(|_| self.status == Status::Fail);
        failure.map(|failure| failure.kind.exit_code())
    }
}

/// A line for each, with causes and hint below one that is not as it should be.
#[must_use]
pub fn text(checks: &[Check]) -> String {
    let width = checks.iter().map(|check| check.name.len()).max().unwrap_or_default();
    let mut text = String::new();
    for Check { name, status, found, failure } in checks {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{:<4}  {name:<width$}  {found}", status.name());
        let more = failure.iter().flat_map(|failure| {
            let causes = failure.causes.iter().map(|cause| format!("cause: {cause}"));
            causes.chain(failure.hint.iter().map(|hint| format!("hint: {hint}")))
        });
        for line in more {
            let _ = writeln!(text, "      {:<width$}  {line}", "");
        }
    }
    text
}

#[derive(Serialize)]
struct All<'a> {
    ok: bool,
    exit_code: u8,
    checks: Vec<One<'a>>,
}

#[derive(Serialize)]
struct One<'a> {
    name: &'a str,
    status: &'static str,
    found: &'a str,
    error: Option<super::json::Problem<'a>>,
}

/// One object and a newline.
#[must_use]
pub fn json(checks: &[Check]) -> String {
    let code = checks.iter().find_map(Check::exit_code);
    let all = All {
        ok: code.is_none(),
        exit_code: code.unwrap_or(0),
        checks: checks
            .iter()
            .map(|check| One {
                name: check.name,
                status: check.status.name(),
                found: &check.found,
                error: check.failure.as_ref().map(super::json::problem),
            })
            .collect(),
    };
    // Texts and numbers only: nothing in it can fail to serialise.
    serde_json::to_string(&all).unwrap_or_default() + "\n"
}
