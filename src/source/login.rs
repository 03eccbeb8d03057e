//! What a person knows of an account, before it is a URI.

/// What a person knows of an account.
#[derive(Clone, Copy)]
pub struct Login<'a> {
    /// Its name, as [`account_named`](super::account_named) gives it.
    pub account: &'a str,
    /// The e-mail of the user who owns the key.
    pub email: &'a str,
    /// The key.
    pub key: &'a str,
    /// Where requests go instead.
    pub base_url: Option<&'a str>,
}

impl std::fmt::Debug for Login<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login").field("account", &self.account).finish_non_exhaustive()
    }
}
