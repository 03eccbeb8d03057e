//! What went wrong between us and BigQuery, and what it means to a user.
//!
//! Reasons are those of <https://cloud.google.com/bigquery/docs/error-messages>. Where one reason covers several
//! things (`invalidQuery` is a typing error, a transaction conflict or a locked row), the message decides.

use std::time::Duration;

use serde::Deserialize;

use super::hints;
use super::reason::Reason;
use crate::dest::{DestError, DestErrorKind};
use crate::http::retry::Why;

/// Characters of a message of the API that are shown.
const SHOWN: usize = 400;

/// A call that did not succeed. Holds no token and no row.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {message}{}", effort(*attempts, *elapsed))]
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
    /// From the first attempt to the last answer.
    pub(crate) elapsed: Duration,
}

fn effort(attempts: u32, elapsed: Duration) -> String {
    match attempts {
        0 | 1 => String::new(),
        _ => format!(" (gave up after {attempts} attempts in {:.0} s)", elapsed.as_secs_f64()),
    }
}

/// What is being done, for messages.
#[derive(Debug, Clone)]
pub(super) struct Doing {
    /// E.g. `create table p.d.t`.
    pub(super) text: String,
    /// The permission it needs, if the API does not name it.
    pub(super) permission: &'static str,
    /// Whether it is unknown if it was done when no answer came.
    pub(super) unsure: bool,
}

impl Doing {
    pub(super) fn new(text: String, permission: &'static str) -> Self {
        Self { text, permission, unsure: false }
    }

    pub(super) fn unsure(self) -> Self {
        Self { unsure: true, ..self }
    }
}

/// The API's own words, of an answer or of a job.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Said {
    #[serde(default)]
    pub(super) reason: String,
    #[serde(default)]
    pub(super) message: String,
}

#[derive(Deserialize)]
struct Body {
    error: BodyError,
}

#[derive(Deserialize)]
struct BodyError {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<Said>,
    #[serde(default)]
    status: String,
}

impl Said {
    /// Reads the body of a refusal; `None` if it is not the API's.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        let Body { error } = serde_json::from_slice(body).ok()?;
        let first = error.errors.into_iter().next().unwrap_or_default();
        let reason = if first.reason.is_empty() { error.status } else { first.reason };
        Some(Self { reason, message: if error.message.is_empty() { first.message } else { error.message } })
    }
}

/// Whether a refusal, of a call or of a job, may pass by itself within a minute or so.
pub(super) fn passes(said: &Said) -> bool {
    match said.reason.as_str() {
        "rateLimitExceeded"
        | "userRateLimitExceeded"
        | "jobRateLimitExceeded"
        | "backendError"
        | "internalError"
        | "jobBackendError"
        | "jobInternalError"
        | "tableUnavailable" => true,
        // Of quotas, those for seconds pass; those for a day do not while anybody waits.
        "quotaExceeded" => {
            let message = said.message.to_ascii_lowercase();
            ["per second", "per 10 seconds", "per minute", "per 100 seconds", "concurrent"]
                .iter()
                .any(|span| message.contains(span))
        }
        _ => false,
    }
}

impl ApiError {
    fn new(doing: &Doing, reason: Reason, message: String) -> Self {
        Self {
            reason,
            doing: doing.text.clone(),
            message,
            hint: None,
            status: 0,
            attempts: 1,
            elapsed: Duration::ZERO,
        }
    }

    /// There is no token.
    pub(super) fn credentials(doing: &Doing, message: String, hint: String) -> Self {
        Self { hint: Some(hint), ..Self::new(doing, Reason::Credentials, message) }
    }

    /// There is no trusted connection.
    pub(super) fn tls(doing: &Doing, message: String) -> Self {
        Self::new(doing, Reason::Tls, message)
    }

    /// Anything that is not the API's refusal.
    pub(super) fn other(doing: &Doing, message: impl Into<String>) -> Self {
        Self::new(doing, Reason::Other, message.into())
    }

    /// It may have happened.
    pub(super) fn unknown(doing: &Doing, message: impl Into<String>) -> Self {
        let hint = "run the command again; it goes on from what BigQuery says".into();
        Self { hint: Some(hint), ..Self::new(doing, Reason::Unknown, message.into()) }
    }

    /// A permission that is needed and not granted.
    pub(super) fn missing(doing: &Doing) -> Self {
        let message = format!("these credentials do not have {}", doing.permission);
        let hint = hints::hint(Reason::Permission, &message, doing.permission);
        Self { hint, ..Self::new(doing, Reason::Permission, message) }
    }

    /// The API's refusal.
    pub(super) fn refused(doing: &Doing, status: u16, said: Option<Said>) -> Self {
        let Some(said) = said else {
            let reason = if status == 401 { Reason::Credentials } else { Reason::Other };
            let hint = (status == 401).then(|| hints::CREDENTIALS.to_owned());
            return Self { status, hint, ..Self::new(doing, reason, format!("HTTP {status}")) };
        };
        let reason = reason(status, &said);
        let hint = hints::hint(reason, &said.message, doing.permission);
        let message = format!("{} ({})", short(&said.message), named(&said, status));
        Self { status, hint, ..Self::new(doing, reason, message) }
    }

    /// A job that failed. Its message may quote rows, so whatever is quoted is left out.
    pub(super) fn job(doing: &Doing, said: &Said) -> Self {
        let reason = reason(400, said);
        let hint = hints::hint(reason, &said.message, doing.permission);
        let message = format!("{} ({})", short(&unquoted(&said.message)), named(said, 0));
        Self { hint, ..Self::new(doing, reason, message) }
    }

    /// A failure that did not pass.
    pub(super) fn lasting(doing: &Doing, why: &Why, said: Option<Said>) -> Self {
        if let (Some(said), Why::Status(status)) = (said, why) {
            let error = Self::refused(doing, *status, Some(said));
            let reason = if error.reason == Reason::Other { Reason::Unavailable } else { error.reason };
            return Self { reason, ..error };
        }
        match why {
            Why::Transport(_) | Why::Body(_) if doing.unsure => {
                Self::unknown(doing, format!("{why}, so it is not known whether it was done"))
            }
            _ => Self::new(doing, Reason::Unavailable, why.to_string()),
        }
    }

    /// Another transaction has changed the same table: all of it can be done again.
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
            Reason::Conflict | Reason::StreamingBuffer => DestErrorKind::Conflict,
            Reason::Quota => DestErrorKind::Full,
            Reason::Unknown => DestErrorKind::Unknown,
            _ => DestErrorKind::Other,
        };
        let hint = self.hint.clone();
        DestError { hint, ..DestError::new(kind, what).caused_by(self) }
    }
}

fn reason(status: u16, said: &Said) -> Reason {
    let message = said.message.as_str();
    let has = |text: &str| message.contains(text);
    if has("concurrent update") || has("Transaction is aborted") {
        return Reason::Conflict;
    }
    if has("streaming buffer") {
        return Reason::StreamingBuffer;
    }
    if has("different locations") || has("across locations") || has("in the same location") {
        return Reason::Location;
    }
    if has("Billing has not been enabled") || has("billing account") || has("billing to be enabled") {
        return Reason::Billing;
    }
    match said.reason.as_str() {
        "accessDenied"
        | "forbidden"
        | "insufficientPermissions"
        | "accessNotConfigured"
        | "PERMISSION_DENIED" => Reason::Permission,
        "billingNotEnabled" | "billingDisabled" | "accountDisabled" => Reason::Billing,
        "quotaExceeded" | "rateLimitExceeded" | "userRateLimitExceeded" | "jobRateLimitExceeded" => {
            Reason::Quota
        }
        "authError" | "required" | "invalidUser" | "UNAUTHENTICATED" if status == 401 => Reason::Credentials,
        "notFound" | "NOT_FOUND" => Reason::NotFound,
        "duplicate" | "ALREADY_EXISTS" => Reason::Exists,
        "invalid" | "invalidQuery" | "badRequest" | "invalidParameter" | "parseError"
        | "INVALID_ARGUMENT" => Reason::Invalid,
        "backendError" | "internalError" | "jobBackendError" | "jobInternalError" | "tableUnavailable" => {
            Reason::Unavailable
        }
        _ => match status {
            401 => Reason::Credentials,
            403 => Reason::Permission,
            404 => Reason::NotFound,
            409 => Reason::Exists,
            _ => Reason::Other,
        },
    }
}

fn named(said: &Said, status: u16) -> String {
    match (status, said.reason.as_str()) {
        (0, reason) => reason.to_owned(),
        (status, "") => format!("HTTP {status}"),
        (status, reason) => format!("HTTP {status} {reason}"),
    }
}

/// One line, cut where it becomes too long.
fn short(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &line[..at]),
        None => line.trim_end_matches('.').to_owned(),
    }
}

/// The message without what it quotes, and without what follows `value:` up to the end of the sentence: both may be a
/// value of a row. Names that BigQuery quotes go as well; most it does not quote.
fn unquoted(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(at) = rest.find(['"', '\'', ':']) {
        let mark = rest[at..].chars().next().unwrap_or(':');
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        out.push_str(before);
        out.push(mark);
        rest = after;
        if mark == ':' {
            if before.to_ascii_lowercase().ends_with("value") {
                out.push_str(" …");
                rest = rest.find(';').map_or("", |end| &rest[end..]);
            }
        } else if !(mark == '\'' && before.ends_with(char::is_alphanumeric)) {
            // An apostrophe within a word quotes nothing.
            out.push('…');
            out.push(mark);
            // Up to the last such mark, or all of it: values may hold the mark themselves.
            rest = rest.rfind(mark).map_or("", |end| &rest[end + 1..]);
        }
    }
    out.push_str(rest);
    out
}
