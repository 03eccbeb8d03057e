//! What DuckDB's failures mean for whoever copies into a lake. There are no codes, so its words decide.

use super::uri::LakeUri;
use crate::dest::duckdb::open::holder_in;
use crate::dest::{DestError, DestErrorKind, holder};

/// What others are in the way of says one of these; nothing was done then, and the same may be tried again.
const OTHERS: [&str; 9] = [
    "Could not set lock",
    "database is locked",
    "Transaction conflict",
    "could not serialize",
    "deadlock detected",
    "lock timeout",
    "duplicate key value",
    "PRIMARY KEY or UNIQUE constraint",
    // Two make the catalog at once.
    "\"ducklake_metadata\" already exists",
];

/// What DuckLake says of a commit that its catalog did not take.
const FLUSH: &str = "Failed to flush changes into DuckLake";

/// A failure of DuckDB, as the lake's.
pub(super) fn failed(lake: &LakeUri, action: &str, error: duckdb::Error) -> DestError {
    let text = match error {
        duckdb::Error::DuckDBFailure(_, Some(text)) => text,
        other => other.to_string(),
    };
    let text = lake.without_secrets(&text);
    let place = lake.catalog.place();
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if has(&["Constraint Error", "Conversion Error", "Cast Error"]) && !has(&OTHERS) {
        // These quote the offending values, which belong neither in a message nor in its causes.
        let what = text.split(':').next().unwrap_or_default().to_lowercase();
        let message = format!("cannot {action} the ducklake catalog {place}: {what} in the existing table");
        return DestError::new(DestErrorKind::Shape, message);
    }
    let (kind, message, hint) = if has(&OTHERS) {
        return in_the_way(&place, &text);
    } else {
        known(&place, action, &text)
    };
    DestError { hint: hint.map(Into::into), ..DestError::new(kind, message).caused_by(without_rows(&text)) }
}

/// A text without the statement that it is about: DuckLake keeps few rows in its catalog, and their values are in there. What
/// PostgreSQL says is told, to the end of its line.
fn without_rows(text: &str) -> String {
    let Some(at) = text.find(FLUSH) else { return text.to_owned() };
    let why = text.rsplit_once("ERROR:").and_then(|(_, rest)| rest.lines().next());
    format!("{}{}", &text[..at + FLUSH.len()], why.map_or(String::new(), |why| format!(": {}", why.trim())))
}

/// Whether the catalog itself has not taken what a commit wrote to it. That may be rows that it was to keep: JSON that DuckDB
/// cannot read, or a column that PostgreSQL has a word of its own for.
pub(super) fn is_about_catalog(error: &DestError) -> bool {
    let text = error.source.as_ref().map(ToString::to_string).unwrap_or_default();
    error.kind != DestErrorKind::Locked && text.contains(FLUSH) && !text.contains("connection")
}

/// Others are in the way.
fn in_the_way(place: &str, text: &str) -> DestError {
    let message = if text.contains("Could not set lock") {
        let (program, pid) = holder_in(text);
        format!("the ducklake catalog {place} is in use by {}", holder::named(pid, program))
    } else {
        format!("the ducklake catalog {place} is being written by others")
    };
    DestError::new(DestErrorKind::Locked, message)
}

/// What can be wrong with the data, beside the catalog.
fn of_data(place: &str, action: &str, text: &str) -> Option<(DestErrorKind, String, Option<&'static str>)> {
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if has(&["No such file or directory", "404 (Not Found)"]) && text.contains(".parquet") {
        let hint = "restore the data from a copy; where there is none, drop the table that the file is of, with DuckDB, or name another \
                    catalog and data_path: the next run reads everything anew";
        return Some((
            DestErrorKind::Damaged,
            format!("a file of the data of the ducklake catalog {place} is gone"),
            Some(hint),
        ));
    }
    if has(&[
        "HTTP Error",
        "HTTP 4",
        "HTTP code",
        "AccessDenied",
        "NoSuchBucket",
        "Could not establish connection",
        "Could not connect to server",
        "error for HTTP",
    ]) {
        let hint = "check the bucket of data_path, its region and endpoint_url, and the access key: in --dest-uri or in \
                    AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
        return Some((
            DestErrorKind::Permission,
            format!("cannot {action} the data of the ducklake catalog {place}"),
            Some(hint),
        ));
    }
    None
}

fn known(place: &str, action: &str, text: &str) -> (DestErrorKind, String, Option<&'static str>) {
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    if has(&[
        "creating a new DuckLake is explicitly disabled",
        "not a valid DuckDB",
        "file is not a database",
    ]) {
        let hint = "name a catalog that DuckLake has made, or a file that is not there yet";
        return (DestErrorKind::Damaged, format!("{place} is no catalog of DuckLake"), Some(hint));
    }
    if has(&["catalog version", "version number", "AUTOMATIC_MIGRATION"]) {
        let hint = "DuckLake says in its cause what it can do: an older catalog is migrated with DuckDB itself, ATTACH … \
                    (AUTOMATIC_MIGRATION true); a newer one needs a newer ingestr";
        return (
            DestErrorKind::Damaged,
            format!("the ducklake catalog {place} is of a version that this program does not write"),
            Some(hint),
        );
    }
    if has(&["Unable to connect to Postgres", "connection to server", "could not translate host"]) {
        let hint = "check host, port, database and user in --dest-uri; a password may also be in PGPASSWORD or ~/.pgpass";
        return (DestErrorKind::Permission, format!("cannot reach the {place}"), Some(hint));
    }
    if let Some(found) = of_data(place, action, text) {
        return found;
    }
    if has(&["No space left", "Disk quota", "File too large", "max_temp_directory_size"]) {
        return (
            DestErrorKind::Full,
            format!("no space left for the ducklake catalog {place} or its data"),
            None,
        );
    }
    if has(&[
        "Permission denied",
        "permission denied",
        "Read-only file system",
        "readonly database",
        "Operation not permitted",
    ]) {
        let message = format!("no permission to {action} the ducklake catalog {place} or its data");
        return (DestErrorKind::Permission, message, None);
    }
    if has(&["Out of Memory"]) {
        let hint = "set INGESTR_DUCKDB_MEMORY_LIMIT to more, e.g. 512MB; tables of others may have large groups of rows";
        let message = format!("DuckDB needs more memory than it may use for the ducklake catalog {place}");
        return (DestErrorKind::Other, message, Some(hint));
    }
    let first = text.lines().next().unwrap_or_default().trim_end_matches('.');
    (DestErrorKind::Other, format!("cannot {action} the ducklake catalog {place}: {first}"), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_message_has_rows_or_secrets() {
        let uri = "ducklake:postgres://me:SECRET@db/shop?data_path=/d";
        let lake = LakeUri::parse(uri, &|_| None).expect("a URI");
        let say = |text: &str| {
            let error = failed(
                &lake,
                "write",
                duckdb::Error::DuckDBFailure(duckdb::ffi::Error::new(1), Some(text.into())),
            );
            let source = error.source.as_ref().map(ToString::to_string).unwrap_or_default();
            format!(
                "{:?} {} {}: {error} ({source})",
                error.kind,
                is_about_catalog(&error),
                error.hint.is_some()
            )
        };
        let all = [
            "TransactionContext Error: Failed to commit: Failed to commit DuckLake transaction.\nExceeded the maximum retry count\n\
             Failed to flush changes into DuckLake: Failed to execute query \"INSERT INTO x VALUES ('SECRET')\": ERROR:  column name \
             \"ctid\" conflicts with a system column name\nDETAIL: SECRET",
            "TransactionContext Error: Failed to commit: Failed to commit DuckLake transaction.\nFailed to flush changes into \
             DuckLake: Malformed JSON at byte 14 of input. Input: \"SECRET\"",
            "TransactionContext Error: Failed to commit: Failed to commit DuckLake transaction.\nTransaction conflict - SECRET",
            "Conversion Error: Could not convert string 'SECRET' to INT64",
            "IO Error: Unable to connect to Postgres at \"postgresql://me:SECRET@db/shop\": SECRET is wrong",
            "HTTP Error: HTTP GET error on 'http://127.0.0.1/lakes' (HTTP 403)",
            "IO Error: Could not connect to server error for HTTP GET to 'http://127.0.0.1:9/lakes/?prefix=x'",
            "IO Error: Cannot open file \"/data/gorgias/tickets/ducklake-01a2.parquet\": No such file or directory",
        ]
        .map(say)
        .join("\n");
        assert!(!all.contains("SECRET"), "{all}");
        insta::assert_snapshot!(all, @r#"
        Other true false: cannot write the ducklake catalog PostgreSQL database shop on db: TransactionContext Error: Failed to commit: Failed to commit DuckLake transaction (TransactionContext Error: Failed to commit: Failed to commit DuckLake transaction.
        Exceeded the maximum retry count
        Failed to flush changes into DuckLake: column name "ctid" conflicts with a system column name)
        Other true false: cannot write the ducklake catalog PostgreSQL database shop on db: TransactionContext Error: Failed to commit: Failed to commit DuckLake transaction (TransactionContext Error: Failed to commit: Failed to commit DuckLake transaction.
        Failed to flush changes into DuckLake)
        Locked false false: the ducklake catalog PostgreSQL database shop on db is being written by others ()
        Shape false false: cannot write the ducklake catalog PostgreSQL database shop on db: conversion error in the existing table ()
        Permission false true: cannot reach the PostgreSQL database shop on db (IO Error: Unable to connect to Postgres at "…": … is wrong)
        Permission false true: cannot write the data of the ducklake catalog PostgreSQL database shop on db (HTTP Error: HTTP GET error on 'http://127.0.0.1/lakes' (HTTP 403))
        Permission false true: cannot write the data of the ducklake catalog PostgreSQL database shop on db (IO Error: Could not connect to server error for HTTP GET to 'http://127.0.0.1:9/lakes/?prefix=x')
        Damaged false true: a file of the data of the ducklake catalog PostgreSQL database shop on db is gone (IO Error: Cannot open file "/data/gorgias/tickets/ducklake-01a2.parquet": No such file or directory)
        "#);
    }
}
