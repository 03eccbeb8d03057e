//! Opening a lake and letting it go, its one transaction, and waiting for others who write.
//!
//! DuckDB runs without a file of its own; the catalog is attached for each look and each commit, so that in between others may
//! use it. A DuckDB file as a catalog is open in one process at a time, and SQLite lets one write. On PostgreSQL, DuckLake
//! notices by itself whom a commit collides with, but not always (duckdb/ducklake#1341): so whoever writes holds an advisory
//! lock there, which goes with the connection if the process dies.

use std::cell::Cell;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use duckdb::{Config, Connection};

use super::dialect::CATALOG;
use super::errors::{failed, is_about_catalog};
use super::uri::{Catalog, LakeUri};
use super::{extensions, layout, rights};
use crate::dest::duckdb::dialect::DuckDialect;
use crate::dest::duckdb::leftovers::sweep_spill;
use crate::dest::duckdb::open::memory_from_environment;
use crate::dest::local::{create_parents, exists, exists_and_is_writable};
use crate::dest::sql::{Dialect as _, trace};
use crate::dest::{DestError, DestErrorKind};

/// What messages call it.
pub(super) const KIND: &str = "ducklake";

/// DuckDB's memory. It bounds the buffer pool, not all allocations. 128 MB are enough for tables of ours, whose groups of rows
/// are small; 256 MB for those of others.
const MEMORY: &str = "256MB";

/// How long those are waited for who only write a moment; whoever asks knows how long to wait for those that stay.
const MOMENT: Duration = Duration::from_secs(1);

/// A DuckDB file with nothing in it is as long as this: three headers. One that a process has left that was killed while it
/// made the catalog is none yet, unless there is more in its log.
const EMPTY_FILE: u64 = 12_288;

/// Name under which the catalog's server is attached once more, for the lock.
const LOCK: &str = "_ingestr_lock";

/// Runs of this process take turns, catalog by catalog: DuckDB locks files for processes, not inside one.
static TURNS: LazyLock<Mutex<HashMap<String, Arc<Mutex<()>>>>> = LazyLock::new(Mutex::default);

/// Engines that wait for their next lake, by what they have loaded: starting one takes longer than a small commit.
static IDLE: LazyLock<Mutex<HashMap<String, Vec<Connection>>>> = LazyLock::new(Mutex::default);

/// What the catalog is attached for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum For {
    /// Reading.
    Reading,
    /// Finding out that it can be written.
    Looking,
    /// Writing, in a catalog that is made if there is none.
    Writing,
    /// The same, with all rows in files: DuckLake keeps few rows in the catalog, which may not take them.
    WritingFiles,
}

impl For {
    fn writes(self) -> bool {
        matches!(self, Self::Writing | Self::WritingFiles)
    }
}

/// Whether there is a catalog.
pub(super) fn is_there(lake: &LakeUri) -> Result<bool, DestError> {
    match lake.catalog.file() {
        Some(path) => {
            let length = |path: &Path| path.metadata().map_or(0, |found| found.len());
            let log = PathBuf::from(format!("{}.wal", path.display()));
            let empty = [0, EMPTY_FILE].contains(&length(path)) && length(&log) == 0;
            Ok(exists(KIND, path)? && !empty)
        }
        None => match attached(lake, For::Reading, &|_| Ok(())) {
            Err(error) if error.kind == DestErrorKind::Damaged => Ok(false),
            done => done.map(|()| true),
        },
    }
}

/// Runs `work` with the catalog attached; others of this process wait.
pub(super) fn attached<T>(
    lake: &LakeUri,
    what: For,
    work: &dyn Fn(&Connection) -> Result<T, DestError>,
) -> Result<T, DestError> {
    let turn = turn_of(lake);
    let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
    let running = engine(lake)?;
    let connection = running.try_clone().map_err(|error| failed(lake, "open", error))?;
    if let Err(error) = attach(lake, &connection, what) {
        drop(connection);
        put_back(lake, running);
        return Err(error);
    }
    let ready = check_data(lake, &connection);
    let ready = ready.and_then(|()| if what.writes() { layout::set_up(lake, &connection) } else { Ok(()) });
    let done = ready.and_then(|()| work(&connection));
    // What the connection kept to itself, such as temporary tables, goes with it.
    drop(connection);
    if running.execute_batch(&format!("DETACH {CATALOG}")).is_ok() {
        put_back(lake, running);
    }
    done
}

/// Whose turn it is with a catalog.
fn turn_of(lake: &LakeUri) -> Arc<Mutex<()>> {
    let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(turns.entry(lake.catalog.place()).or_default())
}

/// An engine with what the lake needs.
fn engine(lake: &LakeUri) -> Result<Connection, DestError> {
    let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
    let waiting = idle.get_mut(&extensions::key(lake)).and_then(Vec::pop);
    drop(idle);
    let mut own =
        format!("SET GLOBAL temp_directory = {}", DuckDialect.text(&spill_of(lake).to_string_lossy()));
    if let Some(bucket) = &lake.bucket {
        own = format!("{own}; {}", bucket.statement());
    }
    // One that has spilled for another lake cannot do so elsewhere.
    if let Some(running) = waiting.filter(|running| running.execute_batch(&own).is_ok()) {
        return Ok(running);
    }
    let running = start(lake)?;
    running.execute_batch(&own).map_err(|error| failed(lake, "open", error))?;
    Ok(running)
}

/// Keeps an engine for the next, unless it has files of what did not fit into memory: customer data must not stay.
fn put_back(lake: &LakeUri, running: Connection) {
    if !spill_of(lake).exists() {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        idle.entry(extensions::key(lake)).or_default().push(running);
    }
}

/// Runs `work` in a transaction of its own, and again where the catalog does not take rows that it was to keep. `committing` is set
/// while it is not known whether it went through. Whom others are in the way of tries again by himself.
pub(super) fn changing<T>(
    lake: &LakeUri,
    work: &dyn Fn(&Connection) -> Result<T, DestError>,
    committing: &mut bool,
) -> Result<T, DestError> {
    let committing = Cell::from_mut(committing);
    let change = |what| {
        attached(lake, what, &|connection| {
            let _lock = Lock::take(lake, connection)?;
            transact(lake, connection, work, committing)
        })
    };
    match change(For::Writing) {
        Err(error) if is_about_catalog(&error) => change(For::WritingFiles),
        done => done,
    }
}

/// Runs `work` while nobody else of ours writes.
pub(super) fn locked<T>(
    lake: &LakeUri,
    connection: &Connection,
    work: &dyn Fn() -> Result<T, DestError>,
) -> Result<T, DestError> {
    let _lock = Lock::take(lake, connection)?;
    work()
}

fn transact<T>(
    lake: &LakeUri,
    connection: &Connection,
    work: &dyn Fn(&Connection) -> Result<T, DestError>,
    committing: &Cell<bool>,
) -> Result<T, DestError> {
    let run = |sql: &str| {
        trace::timed(sql, || connection.execute_batch(sql)).map_err(|error| failed(lake, "write", error))
    };
    run("BEGIN TRANSACTION")?;
    let done = work(connection).and_then(|done| {
        committing.set(true);
        let through = run("COMMIT");
        // Whom it collides with is found out before anything is written.
        let known = |error: &DestError| error.kind == DestErrorKind::Locked || is_about_catalog(error);
        committing.set(through.as_ref().is_err_and(|error| !known(error)));
        through.map(|()| done)
    });
    if done.is_err() {
        // If this fails too, closing the connection does the same; the first error is the one to tell.
        let _ = run("ROLLBACK");
    }
    done
}

/// The lock of whoever writes to a catalog on a server: of a transaction, so that a pooler may be in between.
struct Lock(Option<Connection>);

impl Lock {
    fn take(lake: &LakeUri, connection: &Connection) -> Result<Self, DestError> {
        let Catalog::Postgres(server) = &lake.catalog else { return Ok(Self(None)) };
        let wait = MOMENT.as_secs();
        let take = || -> duckdb::Result<Connection> {
            let own = connection.try_clone()?;
            own.execute_batch(&format!(
                "ATTACH IF NOT EXISTS {} AS {LOCK} (TYPE postgres); BEGIN; \
                 CALL postgres_execute('{LOCK}', 'SET LOCAL lock_timeout = ''{wait}s'''); \
                 FROM postgres_query('{LOCK}', \
                 'SELECT pg_advisory_xact_lock(hashtextextended(''ingestr ducklake'', 0))::text')",
                DuckDialect.text(&server.uri)
            ))?;
            Ok(own)
        };
        take().map(Some).map(Self).map_err(|error| failed(lake, "lock", error))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(own) = &self.0 {
            // If it fails, the connection ends, and the lock with it.
            let _ = own.execute_batch(&format!("COMMIT; DETACH {LOCK}"));
        }
    }
}

/// Attaches the catalog; makes it where it is not there and is to be written.
fn attach(lake: &LakeUri, connection: &Connection, what: For) -> Result<(), DestError> {
    let attach = |make: bool| {
        let statement = attaching(lake, what, make)?;
        connection.execute_batch(&statement).map_err(|error| failed(lake, "open", error))
    };
    match lake.catalog.file() {
        Some(_) => attach(what.writes() && !is_there(lake)?),
        // Whether a server has one is found out by the attempt.
        None => match attach(false) {
            Err(error) if error.kind == DestErrorKind::Damaged && what.writes() => attach(true),
            done => done,
        },
    }
}

/// The statement that attaches the catalog.
fn attaching(lake: &LakeUri, what: For, make: bool) -> Result<String, DestError> {
    let d = &DuckDialect;
    let mut options = vec![format!("CREATE_IF_NOT_EXISTS {make}")];
    match what {
        For::Reading => options.push("READ_ONLY".into()),
        For::WritingFiles => options.push("DATA_INLINING_ROW_LIMIT 0".into()),
        For::Looking | For::Writing => {}
    }
    if make && let Some(data) = &lake.data {
        options.push(format!("DATA_PATH {}", d.text(data)));
    }
    let path = lake.catalog.file().map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
    if make && let Some(path) = &path {
        create_parents(KIND, path)?;
        if lake.data.is_none() {
            // As DuckLake has it for a catalog that is a DuckDB file.
            options.push(format!("DATA_PATH {}", d.text(&format!("{}.files/", path.display()))));
        }
    }
    let catalog = d.text(&lake.catalog.attached(&path.unwrap_or_default()));
    Ok(format!("ATTACH {catalog} AS {CATALOG} ({})", options.join(", ")))
}

/// The catalog knows where its data is: who says that it is elsewhere is mistaken.
fn check_data(lake: &LakeUri, connection: &Connection) -> Result<(), DestError> {
    let Some(wanted) = &lake.data else { return Ok(()) };
    let sql = format!("SELECT value FROM ducklake_options('{CATALOG}') WHERE option_name = 'data_path'");
    let found: String =
        connection.query_row(&sql, [], |row| row.get(0)).map_err(|error| failed(lake, "read", error))?;
    let plain = |path: &str| -> PathBuf {
        let path = path.trim_end_matches('/');
        if path.contains("://") {
            path.into()
        } else {
            std::path::absolute(path).unwrap_or_else(|_| path.into())
        }
    };
    if plain(&found) == plain(wanted) {
        return Ok(());
    }
    let message =
        format!("the data of the ducklake catalog {} is in {found}, not in {wanted}", lake.catalog.place());
    Err(DestError::new(DestErrorKind::Other, message)
        .hint("leave data_path out of --dest-uri, or name another catalog"))
}

/// Starts DuckDB without a file, with what the lake needs.
fn start(lake: &LakeUri) -> Result<Connection, DestError> {
    let memory = memory_from_environment().unwrap_or_else(|| MEMORY.to_owned());
    sweep(lake);
    let open = || -> duckdb::Result<Connection> {
        let config = Config::default()
            .max_memory(&memory)?
            .threads(1)?
            // What it needs is loaded by name, so that it is known what is missing.
            .enable_autoload_extension(false)?;
        Connection::open_in_memory_with_flags(config)
    };
    let connection = open().map_err(|error| failed(lake, "open", error))?;
    extensions::load(&connection, lake)?;
    // Each waits half as long again as the one before: five take two seconds, a hundred would take years.
    let retries = "SET GLOBAL ducklake_max_retry_count = 5";
    connection.execute_batch(retries).map_err(|error| failed(lake, "open", error))?;
    Ok(connection)
}

/// Where DuckDB puts what does not fit into its memory: beside the catalog, if that is a file.
#[allow(
    clippy::disallowed_methods,
    reason = "where the system puts such files; no plan or receipt depends on it"
)]
fn spill_of(lake: &LakeUri) -> PathBuf {
    let id = std::process::id();
    match lake.catalog.file() {
        Some(path) => PathBuf::from(format!("{}.{id}.tmp", path.display())),
        None => std::env::temp_dir().join(format!("ingestr-ducklake.{id}.tmp")),
    }
}

/// Removes what killed processes of ours have left of that.
fn sweep(lake: &LakeUri) {
    let own = spill_of(lake);
    let Some((folder, name)) = own.parent().zip(own.file_name()) else { return };
    let name = name.to_string_lossy();
    let Some(stem) = name.strip_suffix(&format!("{}.tmp", std::process::id())) else { return };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let id = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(".tmp")?.parse::<u32>().ok());
        // Where the system does not tell who is alive, it stays.
        if id
            .is_some_and(|id| Path::new("/proc/self").exists() && !Path::new(&format!("/proc/{id}")).exists())
        {
            sweep_spill(&entry.path());
        }
    }
}

/// Finds out before a run whether DuckDB has what it needs, and whether the data can be reached: a folder as far as that can be
/// known without writing, a bucket by looking into it; and whether the user of a server may write to the catalog.
pub(super) fn reach(lake: &LakeUri) -> Result<(), DestError> {
    let running = engine(lake)?;
    let reached = match (&lake.data, &lake.bucket) {
        (_, Some(bucket)) => {
            let look = format!("FROM glob({})", DuckDialect.text(&format!("{}_ingestr_*", bucket.url)));
            running.execute_batch(&look).map_err(|error| failed(lake, "read", error))
        }
        (Some(folder), None) => exists_and_is_writable(KIND, &Path::new(folder).join("_ingestr"))
            .map(|_| ())
            .map_err(|error| error.hint("name a folder in data_path that can be made and written")),
        (None, None) => Ok(()),
    };
    let reached = reached.and_then(|()| match &lake.catalog {
        Catalog::Postgres(server) => rights::check(lake, server, &running),
        Catalog::DuckDb(_) | Catalog::Sqlite(_) => Ok(()),
    });
    put_back(lake, running);
    reached
}
