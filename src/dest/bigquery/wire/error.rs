//! What went wrong between us and BigQuery, and what it means to a user.

use crate::dest::{DestError, DestErrorKind};

/// Why, as far as anything can be done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    /// No credentials, wrong ones, or expired ones.
    Credentials,
    /// The credentials may not do this.
    Permission,
    /// The project has no billing.
    Billing,
    /// A quota is used up.
    Quota,
    /// No such project, dataset, table, job or bucket.
    NotFound,
    /// It is there already.
    Exists,
    /// Dataset, job and bucket are not in one place.
    Location,
    /// Another transaction has changed the same table.
    Conflict,
    /// Rows that were streamed in cannot be changed yet.
    StreamingBuffer,
    /// A query that is not right, or a name, or a row of a load file.
    Invalid,
    /// No answer, or none that tells whether it was done.
    Unknown,
    /// The service is not well, and has not been for all attempts.
    Unavailable,
    /// No trusted connection.
    Tls,
    /// Anything else.
    Other,
}

/// A call that did not succeed. Holds no token and no row.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {message}")]
pub(crate) struct ApiError {
    /// What may be done.
    pub(crate) reason: Reason,
    /// What was being done, e.g. `create table p.d.t`.
    pub(crate) doing: String,
    /// What the API said, shortened.
    pub(crate) message: String,
    /// What to do next.
    pub(crate) hint: Option<String>,
    /// Status of the last answer; 0 if there was none.
    pub(crate) status: u16,
    /// How often it was tried.
    pub(crate) attempts: u32,
}

impl ApiError {
    pub(super) fn unfinished() -> Self {
        Self {
            reason: Reason::Other,
            doing: "call BigQuery".into(),
            message: "unfinished".into(),
            hint: None,
            status: 0,
            attempts: 0,
        }
    }

    /// Another transaction has changed the same table: all of it can be done again, under another job id.
    pub(crate) fn is_conflict(&self) -> bool {
        self.reason == Reason::Conflict
    }

    /// It may or may not have happened.
    pub(crate) fn is_unknown(&self) -> bool {
        self.reason == Reason::Unknown
    }

    /// As a failure of the destination, with `what` (e.g. `gorgias.tickets cannot be written`) as its headline.
    pub(crate) fn into_dest(self, what: &str) -> DestError {
        let kind = match self.reason {
            Reason::Credentials | Reason::Permission | Reason::Billing => DestErrorKind::Permission,
            Reason::Conflict | Reason::StreamingBuffer => DestErrorKind::Locked,
            Reason::Unknown => DestErrorKind::Unknown,
            _ => DestErrorKind::Other,
        };
        let hint = self.hint.clone();
        DestError { kind, message: what.to_owned(), hint, source: Some(Box::new(self)) }
    }
}
