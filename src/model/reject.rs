//! Values that do not fit.

/// A value that did not fit its column, for `_ingestr_rejects`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reject {
    /// The row's key as text, if it had one.
    pub id: Option<String>,
    /// Column the value was for; `None` if the whole row was refused.
    pub column: Option<String>,
    /// The value as JSON text.
    pub value: String,
    /// Why it did not fit.
    pub reason: &'static str,
}
