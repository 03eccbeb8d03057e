//! What a command waits on: in a file of its own, as the commands and what they share need it.

use crate::error::{Failure, Kind};

/// A runtime for one command.
///
/// # Errors
/// When the system gives none.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| Failure::new(Kind::Internal, format!("no runtime: {error}")))
}
