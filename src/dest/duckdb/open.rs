//! Opening and closing the file, and what its failures mean for the user.
//!
//! The file is attached to a connection in memory under one fixed name, so that no file name can clash with a
//! schema, and is let go at the end of each look and each commit: between commits anybody may read it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use duckdb::{Config, Connection};

use super::compression;
use super::dialect::{CATALOG, DuckDialect};
use super::leftovers::{self, spill_of};
use crate::dest::holder;
use crate::dest::local::from_io;
use crate::dest::sql::Dialect;
use crate::dest::{DestError, DestErrorKind};

/// What messages call the file.
pub(super) const KIND: &str = "duckdb";

/// DuckDB's memory. It bounds the buffer pool, not all allocations. Measured with `benches/duckdb_load.rs`, 60,000
/// messages of 3.3 KB in commits of 12,300: 128 MB and 192 MB cost the same CPU (1.9 s; DuckDB's own plain append
/// costs 1.4 to 3.2 s, whatever else the machine does), a load that changes nothing peaks at 218 instead of 289 MiB.
const MEMORY: usize = 128;

/// Columns that this is enough for, and what each further one takes, in KB: DuckDB keeps two blocks of 256 KiB of each
/// column that it adds to, and of each that is added to a table with rows. Merging into a table of 40 columns that gets
/// 200 more needs 215 MB.
const FEW_COLUMNS: usize = 64;
const COLUMN: usize = 768;

/// The memory for a table of so many columns; `None` where the user has said how much there is.
fn memory_for(columns: usize) -> Option<String> {
    let more = columns.saturating_sub(FEW_COLUMNS) * COLUMN / 1_024;
    memory_from_environment().is_none().then(|| format!("SET GLOBAL memory_limit = '{}MB'", MEMORY + more))
}

/// Makes room for a table of so many columns, until the file is let go.
pub(super) fn make_room(connection: &Connection, columns: usize) -> duckdb::Result<()> {
    match memory_for(columns).filter(|_| columns > FEW_COLUMNS) {
        Some(statement) => connection.execute_batch(&statement),
        None => Ok(()),
    }
}

/// DuckDB locks files for processes, not inside one: two threads of ours must take turns, per file.
static TURNS: LazyLock<Mutex<HashMap<PathBuf, Turn>>> = LazyLock::new(Mutex::default);

/// Whose turn it is, and the engine that is waiting for the next.
type Turn = Arc<Mutex<Option<Connection>>>;

/// What a checkpoint does with the row groups (DuckDB's unit of storage) that are already there.
///
/// DuckDB likes to merge neighbouring groups up to 122,880 rows, and would so rewrite everything that a run of
/// several commits wrote before: 60,000 messages in commits of 10,000 cost 4.0 s with its defaults and 2.0 s so. A
/// commit of many rows is a good group as it is; small ones are merged, but only with each other.
///
/// Small groups compress worse: in commits of 5,000 messages the file is 1.3 times as large as a plain append's, in
/// commits of 12,300 1.07 to 1.18 times (DuckDB samples). So callers commit 12,000 rows or 40 MB, not less.
/// Groups are merged up to 4,096 rows, because DuckDB considers three times as many and would otherwise
/// rewrite large groups whenever a few of their rows were deleted, and let the file grow by half. Space of deleted
/// rows inside large groups is not reclaimed: that would mean to rewrite the table, and twice its size on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RowGroupPolicy {
    /// Leave the groups alone.
    Bulk,
    /// Merge small groups up to [`SMALL_GROUP`] rows.
    Small,
}

/// Rows up to which groups are merged.
const SMALL_GROUP: usize = 4_096;

impl RowGroupPolicy {
    /// What a commit of so many rows wants.
    pub(super) fn of(rows: usize) -> Self {
        if rows < SMALL_GROUP { Self::Small } else { Self::Bulk }
    }

    fn options(self) -> String {
        match self {
            Self::Bulk => "TYPE duckdb".into(),
            Self::Small => format!("TYPE duckdb, ROW_GROUP_SIZE {SMALL_GROUP}"),
        }
    }

    fn vacuum_tasks(self) -> &'static str {
        match self {
            Self::Bulk => "0",
            Self::Small => "100",
        }
    }
}

/// Runs `work` with the attached file; others of this process wait.
pub(super) fn with_file<T>(
    path: &Path,
    policy: RowGroupPolicy,
    work: impl FnOnce(&Connection) -> Result<T, DestError>,
) -> Result<T, DestError> {
    in_turn(path, Access::Write(policy), work)
}

/// Runs `work` with the file attached for reading only: other processes may read it meanwhile.
pub(super) fn reading<T>(
    path: &Path,
    work: impl FnOnce(&Connection) -> Result<T, DestError>,
) -> Result<T, DestError> {
    in_turn(path, Access::Read, work)
}

/// What the file is attached for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write(RowGroupPolicy),
}

fn in_turn<T>(
    path: &Path,
    access: Access,
    work: impl FnOnce(&Connection) -> Result<T, DestError>,
) -> Result<T, DestError> {
    let path = std::path::absolute(path).map_err(|e| from_io(KIND, path, "find", e))?;
    let turn =
        Arc::clone(TURNS.lock().unwrap_or_else(PoisonError::into_inner).entry(path.clone()).or_default());
    let mut engine = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let connection = attach(&mut engine, &path, access)?;
    let result = work(&connection);
    let failed = result.is_err();
    // What the connection kept to itself, such as temporary tables, goes with it.
    drop(connection);
    // Letting go of the file closes it and, as long as nothing failed, leaves no WAL behind.
    let detach = format!("DETACH {}; {}", DuckDialect.quote(CATALOG), memory_for(0).unwrap_or_default());
    let let_go = engine.as_ref().is_some_and(|engine| engine.execute_batch(&detach).is_ok());
    // An engine that spilled keeps its files as long as it lives, and customer data must not stay.
    if !let_go || failed || spill_of(&path).exists() {
        *engine = None;
    }
    if failed && leftovers::has_empty_log(&path) {
        tidy(&mut engine, &path);
    }
    result
}

/// Removes the log of a transaction that failed before a byte of it was written. Only what DuckDB's lock allows: if the
/// file is somebody else's by now, so is the log. Whatever fails here, the next commit removes it.
fn tidy(engine: &mut Option<Connection>, path: &Path) {
    if let Ok(connection) = attach(engine, path, Access::Write(RowGroupPolicy::Bulk)) {
        leftovers::remove_empty_log(path);
        drop(connection);
    }
    // Lets go of the file.
    *engine = None;
}

fn attach(engine: &mut Option<Connection>, path: &Path, access: Access) -> Result<Connection, DestError> {
    let spill = spill_of(path);
    // An engine that spilled was let go, so what lies there is a dead process's, and is swept once the file is ours.
    let (running, fresh) = match engine.take().filter(|_| !spill.exists()) {
        Some(running) => (running, false),
        None => (start(&spill, path)?, true),
    };
    let (options, vacuum_tasks) = match access {
        Access::Write(policy) => (policy.options() + compression::options(path), policy.vacuum_tasks()),
        Access::Read => ("TYPE duckdb, READ_ONLY".into(), "0"),
    };
    let open = || -> duckdb::Result<Connection> {
        let connection = running.try_clone()?;
        let file = DuckDialect.text(&path.to_string_lossy());
        let catalog = DuckDialect.quote(CATALOG);
        connection.execute_batch(&format!(
            "SET GLOBAL max_vacuum_tasks = {vacuum_tasks}; {}; ATTACH {file} AS {catalog} ({options}); USE {catalog};",
            compression::QUICK
        ))?;
        Ok(connection)
    };
    let connection = open().map_err(|e| failed(path, "open", e))?;
    *engine = Some(running);
    // Not later: what lies there then is this engine's own.
    if fresh && access != Access::Read {
        leftovers::sweep_spill(&spill);
    }
    Ok(connection)
}

/// Starts DuckDB without a file. It stays for the rest of the process, and files come and go: starting it takes
/// longer than a small commit.
fn start(spill: &Path, path: &Path) -> Result<Connection, DestError> {
    let memory = memory_from_environment();
    let memory = memory.unwrap_or_else(|| format!("{MEMORY}MB"));
    let open = || -> duckdb::Result<Connection> {
        let config = Config::default()
            .max_memory(&memory)?
            // A commit is one row group, which only one thread can write; a second one only costs memory.
            .threads(1)?
            // Used only by commits: what readers ask needs no spilling.
            .with("temp_directory", spill.to_string_lossy())?
            // A commit goes straight into the file by a checkpoint, which is as atomic as the write-ahead log and
            // writes the rows once, not twice.
            .with("wal_autocheckpoint", "1KB")?
            .with("auto_checkpoint_skip_wal_threshold", "0")?
            // Rows are found by their numbers. Of more than 50, DuckDB by itself reads all that lies between them.
            .with("dynamic_or_filter_threshold", "1000000")?
            // Nothing is to be fetched from anywhere.
            .enable_autoload_extension(false)?;
        Connection::open_in_memory_with_flags(config)
    };
    open().map_err(|e| match e {
        duckdb::Error::DuckDBFailure(_, Some(text))
            if text.contains("memory_limit") || text.contains("max_memory") =>
        {
            let message = format!("INGESTR_DUCKDB_MEMORY_LIMIT is not a size: {memory}");
            DestError::new(DestErrorKind::Other, message).hint("write it like 256MB or 1GB").caused_by(text)
        }
        e => failed(path, "open", e),
    })
}

/// Room for a query over all rows, which commits do not need: 500,000 tickets with 1.7 million messages take 1.2 GiB.
const QUERY_MEMORY_LIMIT: &str = "2GB";

/// Gives a connection what a large query needs. The engine is put away with it.
pub(super) fn for_queries(path: &Path, connection: &Connection) -> Result<(), DestError> {
    connection.execute_batch(&room_for_queries()).map_err(|error| failed(path, "read", error))
}

/// The statements that do so.
pub(in crate::dest) fn room_for_queries() -> String {
    let memory = if memory_from_environment().is_some() {
        String::new()
    } else {
        format!("SET memory_limit = '{QUERY_MEMORY_LIMIT}'; ")
    };
    format!("{memory}RESET threads")
}

#[allow(
    clippy::disallowed_methods,
    reason = "a knob of the engine, as in ingestr v1: no plan or receipt depends on it"
)]
pub(in crate::dest) fn memory_from_environment() -> Option<String> {
    std::env::var("INGESTR_DUCKDB_MEMORY_LIMIT").ok().filter(|value| !value.is_empty())
}

/// A failure of DuckDB. DuckDB has no codes for these, so its words decide; what they do not settle is `Other` and
/// keeps them.
pub(super) fn failed(path: &Path, action: &str, error: duckdb::Error) -> DestError {
    // The text only: what lies below it is `Error code 1: Unknown error code` for whatever it was.
    let text = match error {
        duckdb::Error::DuckDBFailure(_, Some(text)) => text,
        other => other.to_string(),
    };
    let has = |parts: &[&str]| parts.iter().any(|part| text.contains(part));
    let (file, path) = (path, path.display());
    let (kind, message, hint) = if has(&["Could not set lock"]) {
        let (program, pid) = holder_in(&text);
        let message = format!("the duckdb file {path} is in use by {}", holder::named(pid, program));
        // Its advice is for readers.
        return DestError::new(DestErrorKind::Locked, message);
    } else if has(&["version number"]) {
        let hint = "a newer DuckDB has made it. With that one, make a copy that both can open, and load into the copy: ATTACH \
                    'copy.duckdb' AS copy (STORAGE_VERSION 'v1.5.0'); COPY FROM DATABASE <name of the file> TO copy";
        (
            DestErrorKind::Damaged,
            format!("the duckdb file {path} has a format this program cannot read"),
            Some(hint),
        )
    } else if has(&["No space left", "Disk quota", "File too large", "max_temp_directory_size"]) {
        (DestErrorKind::Full, format!("no space left for the duckdb file {path}"), None)
    } else if has(&[
        "Permission denied",
        "Read-only file system",
        "read-only mode",
        "Operation not permitted",
    ]) {
        (DestErrorKind::Permission, format!("no permission to {action} the duckdb file {path}"), None)
    } else if has(&["not a valid DuckDB"]) && std::fs::metadata(file).is_ok_and(|found| found.len() == 0) {
        let hint = "remove it, as nothing is in it, and run the command again: it makes the file";
        (DestErrorKind::Damaged, format!("{path} is an empty file, and no duckdb database"), Some(hint))
    } else if has(&[
        "not a valid DuckDB",
        "orrupt",
        "checksum",
        "Serialization Error",
        "INTERNAL Error",
        "read all",
        "Could not read",
        "MetadataReader",
    ]) {
        (DestErrorKind::Damaged, format!("{path} is not a duckdb database, or is damaged"), None)
    } else if has(&["Out of Memory"]) {
        let hint = "set INGESTR_DUCKDB_MEMORY_LIMIT to more, e.g. 512MB";
        (DestErrorKind::Other, format!("DuckDB needs more memory than it may use for {path}"), Some(hint))
    } else if has(&["Constraint Error", "Conversion Error", "Cast Error", "Malformed JSON"]) {
        // These quote the offending values, which belong neither in a message nor in its causes.
        let what = text.split(':').next().unwrap_or_default().to_lowercase();
        let message = format!("cannot {action} the duckdb file {path}: {what} in the existing table");
        return DestError::new(DestErrorKind::Shape, message);
    } else {
        let first = text.lines().next().unwrap_or_default();
        (DestErrorKind::Other, format!("cannot {action} the duckdb file {path}: {first}"), None)
    };
    DestError { hint: hint.map(Into::into), ..DestError::new(kind, message).caused_by(text) }
}

/// The program and the process that DuckDB says holds a file: `…held in /usr/bin/python3.13 (PID 4711) by user…`.
pub(in crate::dest) fn holder_in(text: &str) -> (Option<&str>, Option<u32>) {
    let Some((program, rest)) = text.split("held in ").nth(1).and_then(|rest| rest.split_once(" (PID "))
    else {
        return (None, None);
    };
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    (program.rsplit('/').next(), digits.parse().ok())
}
