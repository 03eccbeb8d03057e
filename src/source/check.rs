//! What a source finds out about itself and its credentials.

use super::error::SourceError;
use super::table::Resource;

/// What was asked about.
#[derive(Debug, Clone, Copy)]
pub enum Subject {
    /// The account: whether it is there and takes the credentials.
    Account,
    /// Who the credentials belong to.
    User,
    /// Whether a table may be read.
    Table(&'static Resource),
    /// Whether the account's events may be read, which show deletions and merges.
    Events,
}

impl Subject {
    /// The name in a list of findings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::User => "user",
            Self::Table(spec) => spec.name,
            Self::Events => "events",
        }
    }

    /// What is read, in a sentence.
    #[must_use]
    pub fn what(self) -> String {
        match self {
            Self::Account => "the account's settings".to_owned(),
            Self::User => "who they belong to".to_owned(),
            Self::Table(table) => format!("table {}", table.name),
            Self::Events => "the events".to_owned(),
        }
    }

    /// Whether tables can be copied though this may not be read.
    #[must_use]
    pub fn can_be_missing(self) -> bool {
        !matches!(self, Self::Table(_))
    }
}

/// One thing that was found out.
#[derive(Debug)]
pub struct Finding {
    /// What about.
    pub subject: Subject,
    /// What is said of it: no values of rows, and no secrets.
    pub result: Result<String, SourceError>,
}

impl Finding {
    pub(crate) fn new(subject: Subject, result: Result<String, SourceError>) -> Self {
        Self { subject, result }
    }
}
