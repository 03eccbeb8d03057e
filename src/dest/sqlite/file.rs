//! Opening the file, and what SQLite's failures mean for the user.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::dest::sql::trace;
use crate::dest::{DestError, DestErrorKind};

/// What messages call the file.
pub(super) const KIND: &str = "sqlite";

/// How long a commit waits for others to let go.
pub(super) const COMMIT_PATIENCE: Duration = Duration::from_secs(30);
/// How long the look before the run waits: somebody is watching.
pub(super) const INSPECT_PATIENCE: Duration = Duration::from_secs(3);

/// Opens the file. Not for reading only, whatever is to be done: what a process that was killed has left in its journal
/// is undone by the next one that opens the file, and that has to write.
pub(super) fn open(path: &Path, create: bool, patience: Duration) -> Result<Connection, DestError> {
    let mut flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if create {
        flags |= OpenFlags::SQLITE_OPEN_CREATE;
    }
    let open = || -> rusqlite::Result<Connection> {
        let connection = Connection::open_with_flags(path, flags)?;
        connection.busy_timeout(patience)?;
        // 16 MiB instead of 2: a merge looks up keys all over the table.
        connection.execute_batch("PRAGMA cache_size = -16384")?;
        // As SQLite itself has it, which enforces a foreign key only for those who ask for that: rows may come before those
        // that they belong to, and tables that belong to ours are not to lose theirs while these are replaced.
        connection.execute_batch("PRAGMA foreign_keys = OFF")?;
        Ok(connection)
    };
    open().map_err(|error| failed(path, "open", &error))
}

/// Runs `work` in a transaction that nobody else writes in. `committing` is set while it is not known whether it went
/// through: not where it only met others, as nothing has happened then.
pub(super) fn transact<T>(
    connection: &Connection,
    path: &Path,
    work: impl FnOnce() -> Result<T, DestError>,
    committing: &mut bool,
) -> Result<T, DestError> {
    let run = |sql: &str| {
        trace::timed(sql, || connection.execute_batch(sql)).map_err(|error| failed(path, "write", &error))
    };
    run("BEGIN IMMEDIATE")?;
    let done = work().and_then(|done| {
        let through = run("COMMIT");
        *committing = through.as_ref().is_err_and(|error| error.kind != DestErrorKind::Locked);
        through.map(|()| done)
    });
    if done.is_err() {
        // If this fails too, closing the connection does the same; the first error is the one to tell.
        let _ = run("ROLLBACK");
    }
    done
}

/// A failure of SQLite.
pub(super) fn failed(path: &Path, action: &str, error: &rusqlite::Error) -> DestError {
    let file = path.display();
    let (kind, message, hint) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            DestErrorKind::Locked,
            format!("the sqlite file {file} is in use by another process"),
            Some("close what holds it open, or run again later"),
        ),
        Some(ErrorCode::DiskFull) => {
            (DestErrorKind::Full, format!("no space left for the sqlite file {file}"), None)
        }
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen) => {
            (DestErrorKind::Permission, format!("no permission to {action} the sqlite file {file}"), None)
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            (DestErrorKind::Damaged, format!("{file} is not a sqlite database, or is damaged"), None)
        }
        // SQLite names table and column here, and no value.
        Some(ErrorCode::ConstraintViolation) => (
            DestErrorKind::Shape,
            format!("cannot {action} the sqlite file {file}: {error}"),
            Some("load into another table, or drop the constraint"),
        ),
        _ => (DestErrorKind::Other, format!("cannot {action} the sqlite file {file}: {error}"), None),
    };
    // Its text once: what lies below it is a number.
    let text = error.to_string();
    let source = (!message.contains(&text)).then(|| text.into());
    DestError { kind, message, hint: hint.map(Into::into), source }
}
