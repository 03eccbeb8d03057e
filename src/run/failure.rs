//! What a user reads when one of the ends fails: typed errors become headline, hint and kind.

use std::time::Duration;

use crate::dest::{DestError, DestErrorKind, Inspection, Target};
use crate::error::{Failure, Kind};
use crate::http::client::{HttpError, Problem};
use crate::http::retry::Why;
use crate::model::{IS_CURRENT, Lease, Micros, Strategy, VALID_FROM};
use crate::normalise::Frozen;
use crate::plan::format_utc;
use crate::source::{Resource, Source, SourceError, Subject};

/// A failure of the source while it reads a table.
pub(super) fn source(source: &dyn Source, table: &'static Resource, error: &SourceError) -> Failure {
    of_source(source, Subject::Table(table), error)
}

/// A failure of the source, whatever it was asked about.
pub(crate) fn of_source(source: &dyn Source, subject: Subject, error: &SourceError) -> Failure {
    if let Some(failure) = source.explain(subject, error) {
        return failure;
    }
    let (who, name, what) = (source.describe(), subject.name(), subject.what());
    let failure = match error {
        SourceError::Http(http) => return refusal(&who, &what, http),
        SourceError::RepeatedCursor { .. } | SourceError::Endless { .. } => {
            Failure::new(Kind::Source, format!("table {name} of {who} cannot be read to the end"))
                .hint("this is a fault of the API; run the command again, it goes on from what is stored")
        }
        SourceError::RowTooLarge { .. } => {
            Failure::new(Kind::Source, format!("one row of table {name} of {who} is too large to be read"))
                .hint("what lies before it is stored, and what lies behind it where the list has another end; look at the row in Gorgias, and run the command again once it is smaller")
        }
        SourceError::RefusedCursor { .. } | SourceError::NoOrder { .. } | SourceError::Unsteady { .. } => {
            Failure::new(Kind::Source, format!("table {name} of {who} cannot be read on"))
                .hint("run the command again later; it goes on from what is stored")
        }
        SourceError::ManyGone { rows, held, .. } => Failure::new(
            Kind::Source,
            format!(
                "{rows} of the {}rows of table {name} would be marked as deleted, and none was",
                held.map(|held| format!("{held} ")).unwrap_or_default()
            ),
        )
        .hint(
            "see whether the user who owns the key may still see everything; if the rows were really deleted, run it once \
             with --confirm-deletions",
        ),
        SourceError::Broken { .. } => {
            Failure::new(Kind::Internal, format!("reading table {name} of {who} failed"))
                .hint("please report this; what was stored is intact")
        }
        SourceError::State { .. } => Failure::new(
            Kind::Destination,
            format!("table {name} cannot be continued from where the last run stood"),
        )
        .hint("update ingestr, or read the table anew with --full-refresh"),
    };
    failure.caused_by(error)
}

fn refusal(who: &str, what: &str, error: &HttpError) -> Failure {
    let failure = match &error.problem {
        Problem::Refused { status: 403, .. } | Problem::Persistent(Why::Page(_)) => {
            Failure::new(Kind::Source, format!("something in front of {who} refused a request for {what}")).hint(
                "the refusal is not the API's own, so it is none of the credentials: a bot check, a firewall or a proxy may \
                 stand in between; run the command again later, or from another network",
            )
        }
        Problem::TooLarge(_) => {
            Failure::new(Kind::Source, format!("{who} answered a request for {what} with more than an answer may have"))
                .hint("something between may have answered in its place; if this lasts, please report it")
        }
        Problem::ComeBack { wait, until, .. } => return come_back(who, what, *wait, *until).caused_by(error),
        Problem::Refused { status: 300..=399, .. } => {
            Failure::new(Kind::Source, format!("{who} sends a request for {what} somewhere else")).hint(
                "check the domain in --source-uri, in case the help desk was renamed; redirects are not followed, as the \
                 key would go along",
            )
        }
        Problem::Refused { status: 407, .. } => {
            Failure::new(Kind::Source, format!("a proxy in front of {who} wants to know who asks for {what}"))
                .hint("give it in HTTPS_PROXY, as http://user:password@host:port")
        }
        Problem::Refused { .. } => {
            Failure::new(Kind::Source, format!("{who} refused to show {what}"))
                .hint("if this lasts, please report it: the API may have changed")
        }
        Problem::Tls(_) => Failure::new(Kind::Source, format!("there is no secure connection to {who}"))
            .hint("check the clock of this machine and the certificates of a proxy in between"),
        Problem::Persistent(Why::Body(_)) => {
            Failure::new(Kind::Source, format!("{who} answered a request for {what} with something else"))
                .hint("a proxy or a maintenance page may stand in between; run the command again later")
        }
        Problem::Persistent(_) => {
            Failure::new(Kind::Source, format!("{who} could not be read on at {what}"))
                .hint("run the command again later; it goes on from what is stored")
        }
    };
    failure.caused_by(error)
}

/// The server asks for a longer wait than a run should last.
fn come_back(who: &str, what: &str, wait: Duration, until: Option<Micros>) -> Failure {
    let headline =
        format!("{who} asks for a longer wait before it goes on with {what} than a run should last");
    let failure = Failure::new(Kind::Source, headline);
    match until {
        Some(until) => not_before(failure, until),
        None => failure.hint(format!(
            "come back in {:.0} s and run the command again; it goes on from what is stored",
            wait.as_secs_f64().ceil()
        )),
    }
}

/// Adds when the command may be run again, to the second.
pub(super) fn not_before(failure: Failure, until: Micros) -> Failure {
    let second = Micros(until.0.saturating_add(999_999).div_euclid(1_000_000).saturating_mul(1_000_000));
    let time = format_utc(second).replace('T', " ");
    let hint = format!(
        "come back after {} UTC and run the same command again; it goes on from what is stored",
        time.trim_end_matches('Z')
    );
    Failure { not_before: Some(second), ..failure.hint(hint) }
}

/// A failure of the destination.
pub(super) fn destination(target: &Target, error: &DestError) -> Failure {
    let mut failure = of_destination(error);
    if !failure.headline.contains(&target.table) {
        failure.headline = format!("table {}.{}: {}", target.schema, target.table, failure.headline);
    }
    failure
}

/// A failure of the destination, whatever the table.
pub(crate) fn of_destination(error: &DestError) -> Failure {
    let kind = if error.kind == DestErrorKind::Name { Kind::Usage } else { Kind::Destination };
    let mut failure = Failure::new(kind, error.message.clone()).caused_by(error);
    failure.hint = error.hint.clone().or_else(|| {
        let hint = match error.kind {
            DestErrorKind::Locked => "close the program that holds it, or run the command again later",
            DestErrorKind::Conflict => "run the command again later; it goes on from what is stored",
            DestErrorKind::Damaged => "restore it from a backup, or name another file in --dest-uri",
            DestErrorKind::Permission => {
                "give this user the right to write there, or name another place in --dest-uri"
            }
            DestErrorKind::Full => {
                "free some space and run the command again; it goes on from what is stored"
            }
            DestErrorKind::NewerState => "update ingestr",
            DestErrorKind::Leased => "run the command again later, or wait for the other run with --wait",
            DestErrorKind::Name => "choose another --dest-table",
            DestErrorKind::Shape => "name another table in --dest-table, or rename the existing one",
            DestErrorKind::Changed => "run the same command again; it goes on from what is there",
            DestErrorKind::Unknown => "run the command again; it finds out by itself what was stored",
            DestErrorKind::Other => return None,
        };
        Some(hint.to_owned())
    });
    failure
}

/// Another run writes to the target; still, if it was waited for.
pub(super) fn leased(target: &Target, lease: &Lease, waited: Option<Duration>) -> Failure {
    let failure = in_use(&format!("{}.{}", target.schema, target.table), lease);
    match waited {
        Some(Duration::ZERO) => {
            failure.hint("run the command again later, or wait for the other run with --wait")
        }
        _ => failure.hint("run the command again later, or wait longer for the other run with --wait"),
    }
}

/// The same of any table, without what to do.
pub(crate) fn in_use(table: &str, lease: &Lease) -> Failure {
    let told = crate::model::lease::told(lease);
    Failure::new(Kind::Destination, format!("table {table} is being loaded by another run ({told})"))
}

/// The table keeps versions of its rows, and the strategy would overwrite or remove those that hold no more. Nobody could read
/// them again.
pub(super) fn versioned(target: &Target, found: &Inspection) -> Result<(), Failure> {
    let has =
        |name: &str| found.columns.iter().flatten().any(|column| column.name.eq_ignore_ascii_case(name));
    if target.strategy == Strategy::Scd2 || !has(IS_CURRENT) || !has(VALID_FROM) {
        return Ok(());
    }
    let table = format!("{}.{}", target.schema, target.table);
    let headline = format!(
        "table {table} keeps versions of its rows (scd2), and {} would not keep them",
        target.strategy
    );
    Err(Failure::usage(headline).hint(
        "type --incremental-strategy scd2, as for the runs before; or another --dest-table; or drop the table, if its \
         history is not needed",
    ))
}

/// The table is somebody else's: their state says so.
pub(super) fn owned(target: &Target, found: &Inspection) -> Result<(), Failure> {
    let Some(owner) = found.owner() else { return Ok(()) };
    let place = format!("{}.{}", target.schema, target.table);
    let own = format!("{} of account {}", target.source_table, target.account);
    let theirs = format!("{} of account {}", owner.source_table, owner.account);
    let headline = if owner.aside {
        format!("table {place} is being replaced by {theirs}, and is not for {own}")
    } else if found.state.is_some() {
        format!("table {place} holds {own} and {theirs}, and nothing tells them apart")
    } else {
        format!("table {place} holds {theirs}, and is not for {own}")
    };
    let hint = if found.state.is_some() {
        format!(
            "copy one of them into another table, with --dest-table. To leave this one to the other: ingestr state reset \
             --dest-table {place}, then a run with --full-refresh"
        )
    } else if owner.account == target.account {
        format!("copy {} into another table, with --dest-table", target.source_table)
    } else {
        format!(
            "copy account {new} into another table, with --dest-table; or, if {old} was renamed to {new}: ingestr state \
             move --from {old} --to {new}",
            old = owner.account,
            new = target.account
        )
    };
    Err(Failure::usage(headline).hint(hint))
}

/// A new field under `--schema-contract freeze`.
pub(super) fn frozen(table: &Resource, frozen: &Frozen) -> Failure {
    Failure::new(
        Kind::Source,
        format!("table {} has a new field `{}`, and --schema-contract is freeze", table.name, frozen.field),
    )
    .hint(format!(
        "leave the flag out to add a column, or leave the field out with --sql-exclude-columns {}",
        frozen.field
    ))
}

/// Stopped by a signal.
pub(super) fn interrupted(table: &str) -> Failure {
    Failure::new(Kind::Interrupted, format!("stopped before table {table} was complete"))
        .hint("run the same command again; it goes on from what is stored")
}
