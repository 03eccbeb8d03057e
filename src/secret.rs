//! URIs that carry credentials, in a wrapper that cannot be printed by accident.
//!
//! A type of its own, so that every struct that holds one can derive `Debug` and stay safe.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};

/// A source or destination URI as typed. `Debug` shows `[secret]`; there is no `Display`.
#[derive(Clone)]
pub struct SecretUri(SecretString);

impl SecretUri {
    /// Wraps a URI.
    pub fn new(uri: impl Into<String>) -> Self {
        Self(SecretString::from(uri.into()))
    }

    /// The URI itself. Only the `open` functions of sources and destinations have a reason to call this.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// The part before `://` or the first `:`, which is never secret; empty if there is none.
    #[must_use]
    pub fn scheme(&self) -> &str {
        self.expose().split_once(':').map_or("", |(scheme, _)| scheme)
    }
}

impl FromStr for SecretUri {
    type Err = Infallible;

    fn from_str(uri: &str) -> Result<Self, Infallible> {
        Ok(Self::new(uri))
    }
}

impl fmt::Debug for SecretUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let uri = SecretUri::new("gorgias://acme?api_key=KEY");
        assert_eq!(format!("{uri:?} {:?}", Some(&uri)), "[secret] Some([secret])");
        assert_eq!(uri.scheme(), "gorgias");
        assert_eq!(SecretUri::new("nothing").scheme(), "");
    }
}
