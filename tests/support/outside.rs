//! A destination that really speaks to somebody, in a world whose time is paused.
//!
//! Under paused time every timeout of a socket would fire at once. So each call runs on a runtime of its own, in real
//! time, behind `spawn_blocking`: as long as that works, Tokio does not let the paused time run on. A call of a process that has
//! died goes on to its end, as a server goes on that has been told to; connections that are cut are [`Crash::Between`].

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use arrow_array::RecordBatch;
use futures_util::future::BoxFuture;
use ingestr::api::dest::{
    Capabilities, Commit, Counts, DestError, DestErrorKind, Destination, Idle, Inspection, Load, Stored,
    Target, Targets, Undone,
};
#[cfg(any(feature = "postgres", feature = "bigquery"))]
use ingestr::api::model::LogicalType;
use ingestr::api::model::lease::Claim;
use ingestr::api::model::{Answer, Described, Description, Lease, Micros, Question, Remembered, Tombstone};
use tokio::runtime::Runtime;
use tokio::sync::RwLock;

use super::documented;
use super::memory::{Cell, Crash, Row};
use super::plans::Plans;

#[cfg(feature = "bigquery")]
pub mod bigquery;
#[cfg(feature = "duckdb")]
mod ducklake;
#[cfg(all(feature = "duckdb", feature = "files"))]
mod files;
#[cfg(feature = "postgres")]
mod postgres;

/// Lives as long as the process: a runtime cannot be dropped inside of another.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime")
});

/// Somebody else who uses the same place. All of it blocks.
trait Admin: Send + Sync + std::fmt::Debug {
    /// The rows of a table that are not marked as gone, by id, with its documented columns.
    fn rows(&self, table: &str) -> BTreeMap<i64, Row>;

    /// What a statement with one column is answered, as texts.
    fn texts(&self, sql: &str) -> Vec<String> {
        panic!("nothing is asked here: {sql}")
    }

    /// Drops a table, if it is there.
    fn drop_table(&self, table: &str);

    /// Removes all there is.
    fn drop_all(&self);

    /// Nobody works there any more.
    fn forget_leases(&self) {
        self.drop_table("_ingestr_leases");
    }
}

/// What not every place can do.
#[derive(Debug, Clone, Copy)]
pub struct Abilities {
    /// Changes of several tables at once.
    pub several: bool,
    /// A connection can be cut in the middle of a commit.
    pub cuts: bool,
    /// Rows of child tables can be compared with those of their parents.
    pub children: bool,
    /// JSON is kept as its exact text.
    pub exact_json: bool,
}

/// A place outside of this process, or one that is used like that: a schema, a dataset or a lake of one life.
#[derive(Debug, Clone)]
pub struct Outside {
    inner: Arc<dyn Destination>,
    admin: Arc<dyn Admin>,
    schema: String,
    pub can: Abilities,
    plans: Arc<Mutex<Plans>>,
    /// Read by each call while it works: who writes is alone, with no call of a dead process left.
    busy: Arc<RwLock<()>>,
}

#[allow(clippy::disallowed_methods, reason = "where things are, is told by the environment")]
fn told(name: &str) -> String {
    std::env::var(name)
        .unwrap_or_else(|_| panic!("{name} is told by scripts/soak, or by the script that runs these tests"))
}

impl Outside {
    /// A dataset of the emulator that `BIGQUERY_EMULATOR_URI` names, its project being `testproj`.
    #[cfg(feature = "bigquery")]
    pub fn bigquery() -> Self {
        let (uri, name) = (told("BIGQUERY_EMULATOR_URI"), own_name());
        let inner = ingestr::api::dest::bigquery::BigQuery::from_uri(&uri).expect("a URI");
        let can = Abilities { several: false, cuts: false, children: false, exact_json: false };
        Self::with(inner, bigquery::Dataset::new(&uri, &name), name, can)
    }

    /// A schema on the server that `POSTGRES_URI` names.
    #[cfg(feature = "postgres")]
    pub fn postgres() -> Self {
        let (uri, name) = (told("POSTGRES_URI"), own_name());
        let inner = ingestr::api::dest::postgres::Postgres::from_uri(&uri).expect("a URI");
        let can = Abilities { several: true, cuts: true, children: true, exact_json: true };
        Self::with(inner, postgres::Schema::new(uri, name.clone()), name, can)
    }

    /// A lake in a folder of its own, whose catalog is a DuckDB file, with the extensions in `DUCKLAKE_EXTENSIONS`.
    #[cfg(feature = "duckdb")]
    pub fn ducklake() -> Self {
        let lake = ducklake::Lake::new(told("DUCKLAKE_EXTENSIONS"));
        let inner = ingestr::api::dest::ducklake::DuckLake::from_uri(&lake.uri()).expect("a URI");
        let can = Abilities { several: true, cuts: false, children: true, exact_json: true };
        Self::with(inner, lake, "main".into(), can)
    }

    /// A folder, whose tables are files.
    #[cfg(all(feature = "duckdb", feature = "files"))]
    pub fn files() -> Self {
        let folder = files::Folder::new();
        let inner = ingestr::api::dest::files::Files::from_uri(&folder.uri()).expect("a URI");
        let can = Abilities { several: true, cuts: false, children: true, exact_json: true };
        Self::with(inner, folder, "main".into(), can)
    }

    fn with(
        inner: impl Destination + 'static,
        admin: impl Admin + 'static,
        schema: String,
        can: Abilities,
    ) -> Self {
        let (inner, admin) = (Arc::new(inner), Arc::new(admin));
        Self { inner, admin, schema, can, plans: Arc::default(), busy: Arc::default() }
    }

    /// Does it in real time.
    async fn really<T: Send + 'static>(
        &self,
        work: impl AsyncFnOnce(&dyn Destination) -> T + Send + 'static,
    ) -> T {
        let inner = Arc::clone(&self.inner);
        let busy = Arc::clone(&self.busy).read_owned().await;
        let done = tokio::task::spawn_blocking(move || {
            let _busy = busy;
            RUNTIME.block_on(work(&*inner))
        });
        done.await.expect("no panic")
    }

    /// Does it while nothing else is done there, not even by those who died.
    fn alone<T: Send>(&self, work: impl FnOnce(&dyn Admin) -> T + Send) -> T {
        let work = || {
            let _alone = self.busy.blocking_write();
            work(&*self.admin)
        };
        // On another thread, as this one runs what must not block.
        std::thread::scope(|scope| scope.spawn(work).join().expect("no panic"))
    }

    /// Loses the connection somewhere in a commit, if there is one to lose: nobody hears whether it was soon enough.
    async fn cut(&self, load: Box<dyn Load>, commit: Commit) {
        let after = Duration::from_micros(fastrand::u64(..40_000));
        if self.can.cuts {
            self.really(async move |_| _ = tokio::time::timeout(after, load.commit(commit)).await).await;
        }
    }

    /// The rows of a table that are not marked as gone, by id, with its documented columns.
    pub fn held(&self, table: &str) -> BTreeMap<i64, Row> {
        self.alone(|admin| admin.rows(table))
    }

    /// The values of several columns as text, `NULL` for nothing.
    pub fn texts(&self, table: &str, columns: &[&str]) -> Vec<Vec<String>> {
        let sql = documented::in_one(&self.schema, table, columns);
        documented::apart(&self.alone(|admin| admin.texts(&sql)))
    }

    pub fn crash(&self, crash: Option<(u64, Crash)>) {
        self.plans.lock().expect("no panic").crash = crash;
    }

    /// Which table is dropped, and before which commit.
    pub fn vanish_at(&self, vanishes: Option<(u64, String)>) {
        self.plans.lock().expect("no panic").vanishes = vanishes;
    }

    /// A table is dropped by somebody else, or all there is removed.
    pub fn vanish(&self, table: Option<&str>) {
        self.alone(|admin| match table {
            Some(table) => admin.drop_table(table),
            None => admin.drop_all(),
        });
    }

    /// The dead process' lease is seen to be dead, as it is on one machine: here it is that of a live process.
    pub fn forget_leases(&self) {
        self.alone(|admin| admin.forget_leases());
    }
}

#[cfg(any(feature = "postgres", feature = "bigquery"))]
fn own_name() -> String {
    format!("life_{:012x}", fastrand::u64(..1 << 48))
}

/// Rows whose cells were read as texts: truth as a word, times as microseconds.
#[cfg(any(feature = "postgres", feature = "bigquery"))]
fn of_texts(columns: &[(&str, LogicalType)], rows: Vec<Vec<Option<String>>>) -> impl Iterator<Item = Row> {
    rows.into_iter().map(|cells| {
        let cells = columns.iter().zip(cells);
        cells.map(|((name, logical), value)| ((*name).to_owned(), cell(*logical, value.as_deref()))).collect()
    })
}

#[cfg(any(feature = "postgres", feature = "bigquery"))]
fn cell(logical: LogicalType, value: Option<&str>) -> Cell {
    let Some(value) = value else { return Cell::Null };
    match logical {
        LogicalType::Bool => Cell::Bool(value == "true"),
        LogicalType::Int64 => Cell::Int(value.parse().expect("an integer")),
        LogicalType::Float64 => Cell::Float(value.parse::<f64>().expect("a double").to_bits()),
        LogicalType::Text => Cell::Text(value.to_owned()),
        LogicalType::Json => Cell::Json(value.to_owned()),
        LogicalType::Timestamp => Cell::Instant(value.parse().expect("microseconds")),
    }
}

/// JSON without its spelling: BigQuery keeps the value, not the text.
pub fn by_value(rows: &mut BTreeMap<i64, Row>) {
    for value in rows.values_mut().flat_map(|row| row.values_mut()) {
        if let Cell::Json(text) = value {
            *text = serde_json::from_str::<serde_json::Value>(text).expect("JSON").to_string();
        }
    }
}

impl Destination for Outside {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn default_schema(&self) -> Option<&str> {
        Some(&self.schema)
    }

    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn inspect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Inspection, DestError>> {
        let target = target.clone();
        Box::pin(self.really(async move |inner| inner.inspect(&target).await))
    }

    fn ask<'a>(
        &'a self,
        target: &'a Target,
        question: Question,
    ) -> BoxFuture<'a, Result<Option<Answer>, DestError>> {
        let target = target.clone();
        Box::pin(self.really(async move |inner| inner.ask(&target, question).await))
    }

    fn rows<'a>(
        &'a self,
        target: &'a Target,
        columns: &'a [String],
        after: Option<i64>,
        most: u64,
    ) -> BoxFuture<'a, Result<Option<Vec<Stored>>, DestError>> {
        let (target, columns) = (target.clone(), columns.to_vec());
        Box::pin(self.really(async move |inner| inner.rows(&target, &columns, after, most).await))
    }

    fn write_descriptions<'a>(
        &'a self,
        tables: &'a [(Target, Vec<Description>)],
        described: &'a Described,
    ) -> BoxFuture<'a, Result<bool, DestError>> {
        let (tables, described) = (tables.to_vec(), described.clone());
        Box::pin(self.really(async move |inner| inner.write_descriptions(&tables, &described).await))
    }

    fn lease<'a>(
        &'a self,
        target: &'a Target,
        lease: Lease,
        claim: Claim,
        live: fn(&Lease, Micros) -> bool,
    ) -> BoxFuture<'a, Result<(), DestError>> {
        let target = target.clone();
        Box::pin(self.really(async move |inner| inner.lease(&target, lease, claim, live).await))
    }

    fn release<'a>(&'a self, target: &'a Target, run: &'a str) -> BoxFuture<'a, Result<(), DestError>> {
        let (target, run) = (target.clone(), run.to_owned());
        Box::pin(self.really(async move |inner| inner.release(&target, &run).await))
    }

    fn commit_idle<'a>(&'a self, idle: &'a [Idle], now: Micros) -> BoxFuture<'a, Result<(), DestError>> {
        let crash = self.plans.lock().expect("no panic").crash_now();
        let idle = idle.to_vec();
        Box::pin(async move {
            if matches!(crash, Some(Crash::Before | Crash::Between)) {
                return Err(lost());
            }
            self.really(async move |inner| inner.commit_idle(&idle, now).await).await?;
            if crash == Some(Crash::After) { Err(lost()) } else { Ok(()) }
        })
    }

    fn remembered(&self) -> BoxFuture<'_, Result<Vec<Remembered>, DestError>> {
        Box::pin(self.really(async move |inner| inner.remembered().await))
    }

    fn forget<'a>(&'a self, schema: &'a str, table: &'a str) -> BoxFuture<'a, Result<u64, DestError>> {
        let (schema, table) = (schema.to_owned(), table.to_owned());
        Box::pin(self.really(async move |inner| inner.forget(&schema, &table).await))
    }

    fn reassign<'a>(
        &'a self,
        tables: &'a [Remembered],
        account: &'a str,
    ) -> BoxFuture<'a, Result<u64, DestError>> {
        let (tables, account) = (tables.to_vec(), account.to_owned());
        Box::pin(self.really(async move |inner| inner.reassign(&tables, &account).await))
    }

    fn begin(&self, targets: Targets<'_>) -> Box<dyn Load> {
        Box::new(OutsideLoad { outside: self.clone(), inner: Some(self.inner.begin(targets)) })
    }
}

fn lost() -> DestError {
    DestError::new(DestErrorKind::Unknown, "the process died")
}

struct OutsideLoad {
    outside: Outside,
    inner: Option<Box<dyn Load>>,
}

impl Load for OutsideLoad {
    fn stage<'a>(&'a mut self, at: usize, batch: RecordBatch) -> BoxFuture<'a, Result<(), DestError>> {
        Box::pin(async move {
            let mut load = self.inner.take().expect("one call at a time");
            let staged = self.outside.really(async move |_| (load.stage(at, batch).await, load));
            let (result, load) = staged.await;
            self.inner = Some(load);
            result
        })
    }

    fn complete(&mut self, at: usize, parents: Vec<i64>) {
        self.inner.as_mut().expect("one call at a time").complete(at, parents);
    }

    fn bury(&mut self, tombstones: Vec<Tombstone>) {
        self.inner.as_mut().expect("one call at a time").bury(tombstones);
    }

    fn commit(self: Box<Self>, commit: Commit) -> BoxFuture<'static, Result<Vec<Counts>, Undone>> {
        let Self { outside, inner } = *self;
        let load = inner.expect("one call at a time");
        let (crash, vanishes) = outside.plans.lock().expect("no panic").commit();
        if let Some(table) = vanishes {
            outside.vanish(Some(&table));
        }
        Box::pin(async move {
            match crash {
                Some(Crash::Before) => return Err(lost().into()),
                Some(Crash::Between) => {
                    outside.cut(load, commit).await;
                    return Err(lost().into());
                }
                Some(Crash::After) | None => {}
            }
            let done = outside.really(async move |_| load.commit(commit).await).await;
            // Virtual time goes on a little, as it would have.
            tokio::time::sleep(Duration::from_millis(50)).await;
            if crash == Some(Crash::After) { done.and_then(|_| Err(lost().into())) } else { done }
        })
    }
}
