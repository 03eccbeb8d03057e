//! Kinds of refusals.

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
