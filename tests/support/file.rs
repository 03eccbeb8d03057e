//! A DuckDB or SQLite file as the destination of runs in paused time.
//!
//! Its calls block, behind `spawn_blocking`: as long as they do, Tokio does not let the paused time run on. Here its
//! commits can crash, and its tables vanish.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use futures_util::future::BoxFuture;
use ingestr::api::dest::{
    Capabilities, Commit, Counts, DestError, DestErrorKind, Destination, Idle, Inspection, Load, Stored,
    Target, Targets, Undone,
};
use ingestr::api::model::lease::Claim;
use ingestr::api::model::{Answer, Described, Description, Lease, Micros, Question, Remembered, Tombstone};
use tempfile::TempDir;

use super::documented;
use super::memory::{Crash, Row};
use super::plans::Plans;

/// What a file is.
#[derive(Debug, Clone, Copy)]
enum Kind {
    #[cfg(feature = "duckdb")]
    Duck,
    #[cfg(feature = "sqlite")]
    Lite,
}

/// A file in a folder of its own, which goes with it.
#[derive(Debug, Clone)]
pub struct File {
    inner: Arc<dyn Destination>,
    kind: Kind,
    folder: Arc<TempDir>,
    plans: Arc<Mutex<Plans>>,
}

impl File {
    #[cfg(feature = "duckdb")]
    pub fn duckdb() -> Self {
        Self::with(Kind::Duck, |path| Arc::new(ingestr::api::dest::duckdb::DuckDb::at(path)))
    }

    #[cfg(feature = "sqlite")]
    pub fn sqlite() -> Self {
        Self::with(Kind::Lite, |path| Arc::new(ingestr::api::dest::sqlite::Sqlite::at(path)))
    }

    /// A file of a kind, by the name of the destination; `None` for the one in memory.
    pub fn named(dest: &str) -> Option<Self> {
        match dest {
            #[cfg(feature = "duckdb")]
            "duckdb" => Some(Self::duckdb()),
            #[cfg(feature = "sqlite")]
            "sqlite" => Some(Self::sqlite()),
            "memory" => None,
            other => panic!("lives cannot be copied to {other}"),
        }
    }

    fn with(kind: Kind, open: impl FnOnce(std::path::PathBuf) -> Arc<dyn Destination>) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let inner = open(folder.path().join("shop.db"));
        Self { inner, kind, folder: Arc::new(folder), plans: Arc::default() }
    }

    pub fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("shop.db")
    }

    pub fn crash(&self, crash: Option<(u64, Crash)>) {
        self.plans.lock().expect("no panic").crash = crash;
    }

    /// Which table of `main` is dropped, and before which commit.
    pub fn vanish_at(&self, vanishes: Option<(u64, String)>) {
        self.plans.lock().expect("no panic").vanishes = vanishes;
    }

    /// The rows of a table that are not marked as gone, by id.
    pub fn rows(&self, table: &str) -> BTreeMap<i64, Row> {
        match self.kind {
            #[cfg(feature = "duckdb")]
            Kind::Duck => super::duck::Duck::open(&self.path()).rows(table, table),
            #[cfg(feature = "sqlite")]
            Kind::Lite => super::lite::rows(&self.path(), table),
        }
    }

    /// All columns of a table.
    pub fn columns(&self, table: &str) -> Vec<String> {
        match self.kind {
            #[cfg(feature = "duckdb")]
            Kind::Duck => self.texts_of(&format!(
                "SELECT column_name FROM information_schema.columns WHERE table_schema = 'main' AND table_name = '{table}'"
            )),
            #[cfg(feature = "sqlite")]
            Kind::Lite => self.texts_of(&format!("SELECT name FROM pragma_table_info('{table}')")),
        }
    }

    /// The values of a column as text, `NULL` for none.
    pub fn texts(&self, table: &str, column: &str) -> Vec<String> {
        self.texts_of(&format!(
            "SELECT coalesce(CAST(\"{column}\" AS VARCHAR), 'NULL') FROM main.\"{table}\""
        ))
    }

    /// The values of several columns as text, `NULL` for none.
    pub fn texts_of_columns(&self, table: &str, columns: &[&str]) -> Vec<Vec<String>> {
        documented::apart(&self.texts_of(&documented::in_one("main", table, columns)))
    }

    /// What a question with one column is answered, as text.
    pub fn texts_of(&self, question: &str) -> Vec<String> {
        match self.kind {
            #[cfg(feature = "duckdb")]
            Kind::Duck => {
                let file = duckdb::Connection::open(self.path()).expect("a database");
                let mut statement = file.prepare(question).expect("a question");
                let rows = statement.query_map([], |row| row.get(0)).expect("an answer");
                rows.collect::<Result<_, _>>().expect("texts")
            }
            #[cfg(feature = "sqlite")]
            Kind::Lite => {
                let file = rusqlite::Connection::open(self.path()).expect("a database");
                let mut statement = file.prepare(question).expect("a question");
                let rows = statement.query_map([], |row| row.get(0)).expect("an answer");
                rows.collect::<Result<_, _>>().expect("texts")
            }
        }
    }

    /// Somebody else's statement, if there is a file.
    pub fn run(&self, sql: &str) {
        let (kind, path, statement) = (self.kind, self.path(), sql.to_owned());
        let done = in_turn(move || match kind {
            _ if !path.exists() => Ok(()),
            #[cfg(feature = "duckdb")]
            Kind::Duck => duckdb::Connection::open(path)
                .and_then(|file| file.execute_batch(&statement))
                .map_err(|error| error.to_string()),
            #[cfg(feature = "sqlite")]
            Kind::Lite => rusqlite::Connection::open(path)
                .and_then(|file| file.execute_batch(&statement))
                .map_err(|error| error.to_string()),
        });
        done.unwrap_or_else(|error| panic!("{sql}: {error}"));
    }

    /// The dead process' lease is seen to be dead, as it is on one machine: here it is that of a live process.
    pub fn forget_leases(&self) {
        self.run("DROP TABLE IF EXISTS main._ingestr_leases");
    }

    /// The file is not there any more.
    pub fn remove(&self) {
        let path = self.path();
        in_turn(move || {
            for end in ["", ".wal", "-journal"] {
                let _ = std::fs::remove_file(format!("{}{end}", path.display()));
            }
        });
    }
}

/// Does something after all that was begun in this life, also by runs that died since: here a death ends no thread,
/// and a thread of theirs may have the file open. DuckDB's lock keeps other processes out, not others in this one: two
/// that write at once ruin the file. So lives over files have one thread for what blocks, which takes turns.
fn in_turn<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, wait) = std::sync::mpsc::channel();
    tokio::task::spawn_blocking(move || done.send(work()));
    wait.recv().expect("the thread ends with an answer")
}

impl Destination for File {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn default_schema(&self) -> Option<&str> {
        self.inner.default_schema()
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn inspect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Inspection, DestError>> {
        self.inner.inspect(target)
    }

    fn ask<'a>(
        &'a self,
        target: &'a Target,
        question: Question,
    ) -> BoxFuture<'a, Result<Option<Answer>, DestError>> {
        self.inner.ask(target, question)
    }

    fn rows<'a>(
        &'a self,
        target: &'a Target,
        columns: &'a [String],
        after: Option<i64>,
        most: u64,
    ) -> BoxFuture<'a, Result<Option<Vec<Stored>>, DestError>> {
        self.inner.rows(target, columns, after, most)
    }

    fn write_descriptions<'a>(
        &'a self,
        tables: &'a [(Target, Vec<Description>)],
        described: &'a Described,
    ) -> BoxFuture<'a, Result<bool, DestError>> {
        self.inner.write_descriptions(tables, described)
    }

    fn lease<'a>(
        &'a self,
        target: &'a Target,
        lease: Lease,
        claim: Claim,
        live: fn(&Lease, Micros) -> bool,
    ) -> BoxFuture<'a, Result<(), DestError>> {
        self.inner.lease(target, lease, claim, live)
    }

    fn release<'a>(&'a self, target: &'a Target, run: &'a str) -> BoxFuture<'a, Result<(), DestError>> {
        self.inner.release(target, run)
    }

    fn commit_idle<'a>(&'a self, idle: &'a [Idle], now: Micros) -> BoxFuture<'a, Result<(), DestError>> {
        let crash = self.plans.lock().expect("no panic").crash_now();
        Box::pin(async move {
            if matches!(crash, Some(Crash::Before | Crash::Between)) {
                return Err(lost());
            }
            self.inner.commit_idle(idle, now).await?;
            if crash == Some(Crash::After) { Err(lost()) } else { Ok(()) }
        })
    }

    fn remembered(&self) -> BoxFuture<'_, Result<Vec<Remembered>, DestError>> {
        self.inner.remembered()
    }

    fn reassign<'a>(
        &'a self,
        tables: &'a [Remembered],
        account: &'a str,
    ) -> BoxFuture<'a, Result<u64, DestError>> {
        self.inner.reassign(tables, account)
    }

    fn forget<'a>(&'a self, schema: &'a str, table: &'a str) -> BoxFuture<'a, Result<u64, DestError>> {
        self.inner.forget(schema, table)
    }

    fn begin(&self, targets: Targets<'_>) -> Box<dyn Load> {
        Box::new(FileLoad { file: self.clone(), inner: self.inner.begin(targets) })
    }
}

fn lost() -> DestError {
    DestError::new(DestErrorKind::Unknown, "the process died")
}

struct FileLoad {
    file: File,
    inner: Box<dyn Load>,
}

impl Load for FileLoad {
    fn stage<'a>(&'a mut self, at: usize, batch: RecordBatch) -> BoxFuture<'a, Result<(), DestError>> {
        self.inner.stage(at, batch)
    }

    fn complete(&mut self, at: usize, parents: Vec<i64>) {
        self.inner.complete(at, parents);
    }

    fn bury(&mut self, tombstones: Vec<Tombstone>) {
        self.inner.bury(tombstones);
    }

    fn commit(self: Box<Self>, commit: Commit) -> BoxFuture<'static, Result<Vec<Counts>, Undone>> {
        let Self { file, inner } = *self;
        let (crash, vanishes) = file.plans.lock().expect("no panic").commit();
        if let Some(table) = vanishes {
            file.run(&format!("DROP TABLE IF EXISTS main.\"{table}\""));
        }
        Box::pin(async move {
            if matches!(crash, Some(Crash::Before | Crash::Between)) {
                return Err(lost().into());
            }
            let done = inner.commit(commit).await;
            // Virtual time goes on a little, as it would have.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            if crash == Some(Crash::After) { done.and_then(|_| Err(lost().into())) } else { done }
        })
    }
}
