//! What the API's documentation and recorded answers say of it: pages, order and cursors of lists, and what its refusals mean.

use crate::http::client::{HttpError, Problem};
use crate::source::SourceError;
use crate::source::gorgias::list::checkpoint::Direction;

/// The API's largest page (developers.gorgias.com/reference/pagination: default 30, at most 100).
pub(crate) const PAGE_ROWS: usize = 100;
/// The header that says how much of the account's budget is used.
pub(crate) const CALL_LIMIT: &str = "x-gorgias-account-api-call-limit";

/// The direction in words of the API.
pub(crate) fn order(direction: Direction) -> &'static str {
    match direction {
        Direction::NewestFirst => "desc",
        Direction::OldestFirst => "asc",
    }
}

/// A cursor as part of a query.
pub(crate) fn encode(cursor: &str) -> String {
    percent_encoding::utf8_percent_encode(cursor, percent_encoding::NON_ALPHANUMERIC).to_string()
}

/// Whether the error may mean that the cursor has expired. What Gorgias answers then is not documented, so any
/// refusal of a request that is fine without its cursor counts.
pub(crate) fn refuses_cursor(error: &HttpError) -> bool {
    matches!(&error.problem, Problem::Refused { status: 400 | 404 | 409 | 410 | 422, .. })
}

/// The API's own refusal; a page with that status is one of something in between, which may let us pass next time.
pub(crate) fn is_forbidden(error: &HttpError) -> bool {
    matches!(&error.problem, Problem::Refused { status: 403, json: true, .. })
}

/// The API's own word that there is no such thing.
pub(crate) fn is_missing(error: &HttpError) -> bool {
    matches!(&error.problem, Problem::Refused { status: 404, json: true, .. })
}

pub(crate) fn is_refused(error: &HttpError) -> bool {
    matches!(&error.problem, Problem::Refused { status: 400 | 404 | 422, .. })
}

/// Whether no other request can succeed either.
pub(crate) fn is_useless(error: &SourceError) -> bool {
    let SourceError::Http(HttpError { problem, .. }) = error else { return false };
    match problem {
        Problem::Refused { status, json, .. } => *status == 401 || (matches!(status, 403 | 404) && !json),
        Problem::TooLarge(_) => false,
        Problem::Tls(_) | Problem::Persistent(_) | Problem::ComeBack { .. } => true,
    }
}
