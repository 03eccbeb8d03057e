//! The one place where errors become what a user sees: a headline, numbered causes, a hint and an exit code.
//!
//! Modules below return typed errors and decide nothing about looks; conversions into [`Failure`] live next to those
//! types' users, here.

use std::error::Error;
use std::fmt;

use crate::model::Micros;
use crate::words::printable;

mod scheme;

pub use scheme::kind_of;

/// What kind of failure it is; the exit code follows from it. Documented in the README and in `ingestr --help`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A defect of ours.
    Internal,
    /// The command cannot be done as typed. Nothing was read or written.
    Usage,
    /// The source refused the key, or the key may not read the table.
    Authentication,
    /// The source could not be read to the end.
    Source,
    /// The destination could not be read or written.
    Destination,
    /// Stopped before the end, by a signal. What was committed stays.
    Interrupted,
    /// Some of several tables are complete and others are not.
    Partial,
}

impl Kind {
    /// All of them with what docs say, in order of their codes.
    pub const ALL: [(Self, &'static str); 7] = [
        (Self::Internal, "a defect of ingestr (please report it), or output that could not be written"),
        (Self::Usage, "the command cannot be done as typed; nothing was read or written"),
        (Self::Authentication, "the source refused the credentials, or they may not read this table"),
        (Self::Source, "the source could not be read to the end; what was committed stays"),
        (Self::Destination, "the destination could not be read or written; its old data is intact"),
        (Self::Interrupted, "stopped before the end; what was committed stays"),
        (
            Self::Partial,
            "some of several tables failed, or each for another reason; what was committed stays",
        ),
    ];

    /// The process's exit code.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 2,
            Self::Authentication => 3,
            Self::Source => 4,
            Self::Destination => 5,
            Self::Interrupted => 6,
            Self::Partial => 7,
        }
    }

    /// Its name in machine-readable output.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Internal => "internal",
            Self::Usage => "usage",
            Self::Authentication => "authentication",
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Interrupted => "interrupted",
            Self::Partial => "partial",
        }
    }
}

/// Characters of a headline or a cause: they may be a server's.
const MOST: usize = 4_000;

/// A failure as the user sees it.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Decides the exit code.
    pub kind: Kind,
    /// What happened, to which table, in one sentence.
    pub headline: String,
    /// What to do next.
    pub hint: Option<String>,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// Before this the same command would end in the same way.
    pub not_before: Option<Micros>,
}

impl Failure {
    /// A failure without causes or hint. What was typed is shown as it was, and what others say is not.
    pub fn new(kind: Kind, headline: impl Into<String>) -> Self {
        let headline = headline.into();
        let headline = if kind == Kind::Usage { headline } else { printable(&headline, MOST) };
        Self { kind, headline, hint: None, causes: Vec::new(), not_before: None }
    }

    /// The command cannot be done as typed.
    pub fn usage(headline: impl Into<String>) -> Self {
        Self::new(Kind::Usage, headline)
    }

    /// Adds what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the chain of sources of `error` as causes, leaving out what the headline already says.
    #[must_use]
    pub fn caused_by(mut self, error: &(dyn Error + 'static)) -> Self {
        let mut next = Some(error);
        while let Some(cause) = next {
            let text = printable(&cause.to_string(), MOST);
            if !self.headline.contains(&text) && self.causes.last().is_none_or(|last| !last.contains(&text)) {
                self.causes.push(text);
            }
            next = cause.source();
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.headline)?;
        match self.causes.as_slice() {
            [] => {}
            [cause] => write!(f, "\n  cause: {cause}")?,
            causes => {
                for (number, cause) in causes.iter().enumerate() {
                    write!(f, "\n  cause {}: {cause}", number + 1)?;
                }
            }
        }
        if let Some(hint) = &self.hint {
            write!(f, "\n  hint: {hint}")?;
        }
        Ok(())
    }
}

impl Error for Failure {}
