//! What PostgreSQL's failures mean for the user.
//!
//! Its messages are shown where they name things, and not where they quote values of rows: details never, and of the classes
//! of errors about values only what they are called.

use crate::dest::{DestError, DestErrorKind};
use tokio_postgres::Error;
use tokio_postgres::error::{DbError, SqlState};

/// What lets a user see all rows of a table.
pub(super) const PASS_BY: &str =
    "make that user the owner of the table, or let it see all rows: ALTER ROLE … BYPASSRLS";

/// A failure while `action` was to be done with the database that messages call `place`.
pub(super) fn failed(place: &str, action: &str, error: &Error) -> DestError {
    let Some(db) = error.as_db_error() else { return lost(place, action, error) };
    let said = said(db);
    if let Some((message, hint)) = barred(place, action, db, &said) {
        return DestError::new(DestErrorKind::Permission, message).hint(hint);
    }
    let (kind, message, hint) = match db.code() {
        code if *code == SqlState::INVALID_CATALOG_NAME => (
            DestErrorKind::Other,
            format!("{place} is not there: {said}"),
            "create the database, or name another one in --dest-uri",
        ),
        code if *code == SqlState::DISK_FULL => (
            DestErrorKind::Full,
            format!("no space left on the server of the {place}"),
            "free some space there, and run the command again",
        ),
        code if *code == SqlState::LOCK_NOT_AVAILABLE => (
            DestErrorKind::Locked,
            format!("the {place} is in use by another program, which holds a lock"),
            "",
        ),
        code if *code == SqlState::T_R_DEADLOCK_DETECTED || *code == SqlState::T_R_SERIALIZATION_FAILURE => (
            DestErrorKind::Locked,
            format!("the {place} is in use by another program, which changes the same rows"),
            "",
        ),
        code if *code == SqlState::TOO_MANY_CONNECTIONS => {
            (DestErrorKind::Locked, format!("the {place} has no connection left for this program"), "")
        }
        code if *code == SqlState::QUERY_CANCELED => (
            DestErrorKind::Other,
            format!("cannot {action} the {place}: {said}"),
            "raise statement_timeout for this user (ALTER ROLE … SET statement_timeout), or make commits smaller with --flush-records",
        ),
        code if code.code().starts_with("P0") => (
            DestErrorKind::Shape,
            format!("cannot {action} the {place}: {} refused it (SQLSTATE {})", function(db), code.code()),
            "look at the triggers of the table (\\d+ <table> in psql), or load into another table",
        ),
        code if code.code().starts_with("23") => (
            DestErrorKind::Shape,
            format!("cannot {action} the {place}: {}", constraint(db)),
            "load into another table, or drop the constraint",
        ),
        code if code.code().starts_with("57P") => (
            DestErrorKind::Other,
            format!("the server of the {place} ended the connection: {said}"),
            "run the command again; it goes on from what is stored",
        ),
        _ => (DestErrorKind::Other, format!("cannot {action} the {place}: {said}"), ""),
    };
    DestError { hint: (!hint.is_empty()).then(|| hint.into()), ..DestError::new(kind, message) }
}

/// Whom the server does not let in, or not do that, and what helps.
fn barred(place: &str, action: &str, db: &DbError, said: &str) -> Option<(String, &'static str)> {
    let code = db.code();
    Some(if *code == SqlState::INVALID_PASSWORD || code.code().starts_with("28") {
        (
            format!("{place} lets nobody in like that: {said}"),
            "check user and password: they come from --dest-uri, PGPASSWORD or ~/.pgpass; in a URI, write %40 for an @ in them",
        )
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE && db.routine() == Some("check_enable_rls") {
        (format!("cannot {action} the {place} without losing sight of rows: {said}"), PASS_BY)
    } else if *code == SqlState::INSUFFICIENT_PRIVILEGE {
        (
            format!("no permission to {action} the {place}: {said}"),
            "GRANT the user of --dest-uri what is missing, or make it the owner of the table",
        )
    } else if *code == SqlState::READ_ONLY_SQL_TRANSACTION {
        (
            format!("the {place} is read-only: {said}"),
            "it may be a replica: name the primary server in --dest-uri, or both with target_session_attrs=read-write",
        )
    } else {
        return None;
    })
}

/// What the server says, if it names no values.
fn said(db: &DbError) -> String {
    let code = db.code().code();
    // Data, and what functions of the user outside of SQL say.
    if ["22", "23", "38", "39"].iter().any(|class| code.starts_with(class)) {
        return format!("a value is not taken (SQLSTATE {code})");
    }
    db.message().to_owned()
}

/// Which function of the user has raised an error. What it says may quote values.
fn function(db: &DbError) -> String {
    let named = db.where_().and_then(|text| text.strip_prefix("PL/pgSQL function ")?.split_once(" line "));
    let name = named.map_or(String::new(), |(name, _)| format!(" {name}"));
    format!("a trigger or function{name} of the database")
}

/// Which constraint of which table rows do not meet.
fn constraint(db: &DbError) -> String {
    let table = match (db.schema(), db.table()) {
        (Some(schema), Some(table)) => format!("table {schema}.{table}"),
        _ => "a table".into(),
    };
    let what = match (db.constraint(), db.column()) {
        (Some(name), _) => format!("constraint {name}"),
        (None, Some(column)) => format!("the constraint of column {column}"),
        (None, None) => "a constraint".into(),
    };
    format!("rows do not meet {what} of {table}")
}

/// A right that the user does not have.
pub(super) fn missing(action: &str, place: &str, right: &str) -> DestError {
    let message = format!("no permission to {action} the {place}: its user lacks {right}");
    DestError::new(DestErrorKind::Permission, message).hint("GRANT it, or name another user in --dest-uri")
}

/// The server did not say anything.
fn lost(place: &str, action: &str, error: &Error) -> DestError {
    let mut why = error.to_string();
    let mut below = std::error::Error::source(error);
    while let Some(next) = below {
        let text = next.to_string();
        if !why.contains(&text) {
            why = format!("{why}: {text}");
        }
        below = next.source();
    }
    let hint = if why.contains("password missing") {
        "it comes from --dest-uri, PGPASSWORD or ~/.pgpass, which nobody else may be able to read"
    } else if why.contains("channel binding") {
        "channel_binding=require in --dest-uri wants TLS, and a password that the server asks for by SCRAM-SHA-256"
    } else if why.contains("certificate") || why.contains("TLS") {
        "sslmode in --dest-uri says what is verified, sslrootcert who is trusted"
    } else if action == "reach" {
        "check host and port in --dest-uri, and that the server lets this machine connect"
    } else {
        "run the command again; it goes on from what is stored"
    };
    let message = format!("cannot {action} the {place}: {why}");
    DestError::new(DestErrorKind::Other, message).hint(hint)
}
