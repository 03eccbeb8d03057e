//! What errors mean to somebody with a Gorgias account, and what to do about them.

use crate::error::{Failure, Kind};
use crate::http::client::{HttpError, Problem};
use crate::http::retry::Why;
use crate::source::{SourceError, Subject};

/// The words for an error; `None`: those for every source do.
pub(crate) fn explain(who: &str, account: &str, subject: Subject, error: &SourceError) -> Option<Failure> {
    let what = subject.what();
    let failure = match error {
        SourceError::Http(HttpError { problem, .. }) => match problem {
            Problem::Refused { status: 401, .. } => {
                Failure::new(Kind::Authentication, format!("{who} refused the credentials")).hint(
                    "check api_key and email in --source-uri: the key is shown under Settings > Account > REST API, and the \
                     e-mail must be that of the user who owns it (an access_token may have expired)",
                )
            }
            Problem::Refused { status: 403, json: true, .. } => {
                Failure::new(Kind::Authentication, format!("these credentials may not read {what} of {who}"))
                    .hint("give the user who owns the key a role that may read it, or use an admin's key")
            }
            Problem::Refused { status: 404, json: false, .. } => {
                Failure::new(Kind::Source, format!("there is no Gorgias account named `{account}`")).hint(format!(
                    "check the domain in --source-uri: it is the part before .gorgias.com in the address of the help desk, \
                     https://{account}.gorgias.com"
                ))
            }
            Problem::Persistent(Why::Connect(_) | Why::NoSuchHost(_)) => {
                Failure::new(Kind::Source, format!("{who} cannot be reached"))
                    .hint("check the domain in --source-uri, and the network or proxy of this machine")
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(failure.caused_by(error))
}
