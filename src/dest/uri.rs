//! What destinations do alike whose URI is read together with the environment.

use super::{DestError, DestErrorKind};

/// What `parse` makes of the URI, to which it is given the environment without its empty variables. `form`: how the URI is
/// written.
///
/// # Errors
/// What is wrong with it.
pub(super) fn read<T>(
    form: &str,
    parse: impl FnOnce(&dyn Fn(&str) -> Option<String>) -> Result<T, String>,
) -> Result<T, DestError> {
    parse(&env).map_err(|problem| {
        DestError::new(DestErrorKind::Other, format!("--dest-uri: {problem}"))
            .hint(format!("the form is {form}"))
    })
}

#[allow(
    clippy::disallowed_methods,
    reason = "where a key or a password is, every client of a cloud or a server is told so"
)]
fn env(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|text| !text.is_empty())
}
