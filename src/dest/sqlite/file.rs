//! Opening the file, and what SQLite's failures mean for the user.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags};

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
        Ok(connection)
    };
    open().map_err(|error| failed(path, "open", error))
}

/// A failure of SQLite.
pub(super) fn failed(path: &Path, action: &str, error: rusqlite::Error) -> DestError {
    let file = path.display();
    let code = error.sqlite_error_code();
    let (kind, message, hint) = match code {
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
    DestError { kind, message, hint: hint.map(Into::into), source: Some(Box::new(error)) }
}
