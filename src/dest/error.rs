//! Why a destination failed.

use super::{Commit, Load};

/// Why a destination failed, by what the user can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestErrorKind {
    /// Another program holds it: nothing was done, and the same may be tried again.
    Locked,
    /// Others kept changing it at the same time.
    Conflict,
    /// It is not what it should be: damaged, or no database at all.
    Damaged,
    /// No permission to write (or read) it.
    Permission,
    /// No space left.
    Full,
    /// A name that was asked for cannot be one there.
    Name,
    /// The existing table cannot be taken over.
    Shape,
    /// Its state was written by a newer version.
    NewerState,
    /// Another run is writing to it.
    Leased,
    /// What is stored is not what the run left there.
    Changed,
    /// It may or may not have committed, or has and left something to do.
    Unknown,
    /// Anything else.
    Other,
}

/// A destination's failure: what happened, to what, and what to do next.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct DestError {
    /// What may be done.
    pub kind: DestErrorKind,
    /// One sentence, naming file or table, without row content.
    pub message: String,
    /// What to do next, if the kind's general hint does not say it.
    pub hint: Option<String>,
    /// The underlying error.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl DestError {
    /// A failure whose kind says what to do next, and with nothing below it.
    pub fn new(kind: DestErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: None, source: None }
    }

    /// With what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// With the underlying error.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The same, where nobody knows whether the commit went through.
    #[must_use]
    pub fn while_committing(self, hint: &str) -> Self {
        let message = format!("{}, while committing: it may or may not have been written", self.message);
        Self { source: self.source, ..Self::new(DestErrorKind::Unknown, message).hint(hint) }
    }
}

/// A commit that did not go through.
#[derive(Debug)]
pub enum Undone {
    /// Another program holds the place ([`DestErrorKind::Locked`]): nothing of it was done, and the same may be tried again.
    Held {
        /// Who holds it.
        error: DestError,
        /// What is to be tried again.
        again: Box<Again>,
    },
    /// For good.
    Failed(DestError),
}

/// A commit as it was before it was tried.
pub struct Again {
    /// With all its rows.
    pub load: Box<dyn Load>,
    /// What becomes visible with them.
    pub commit: Commit,
}

impl std::fmt::Debug for Again {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Again").field("commit", &self.commit).finish_non_exhaustive()
    }
}

impl From<DestError> for Undone {
    fn from(error: DestError) -> Self {
        Self::Failed(error)
    }
}

impl From<Undone> for DestError {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Held { error, .. } | Undone::Failed(error) => error,
        }
    }
}
