//! Why a destination failed.

/// Why a destination failed, by what the user can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestErrorKind {
    /// Another process holds it.
    Locked,
    /// It is not what it should be: damaged, or no database at all.
    Damaged,
    /// No permission to write (or read) it.
    Permission,
    /// No space left.
    Full,
    /// The existing table cannot be taken over.
    Shape,
    /// Its state was written by a newer version.
    NewerState,
    /// Another run is writing to it.
    Leased,
    /// What is stored is not what the run left there.
    Changed,
    /// It may or may not have committed.
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
