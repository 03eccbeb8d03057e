//! A destination that really speaks to somebody, in a world whose time is paused.
//!
//! Under paused time every timeout of a socket would fire at once. So each call runs on a runtime of its own, in real
//! time, behind `spawn_blocking`: as long as that works, Tokio does not let the paused time run on.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use arrow_array::RecordBatch;
use futures_util::future::BoxFuture;
use ingestr::dest::bigquery::BigQuery;
use ingestr::dest::{
    Capabilities, Commit, Counts, DestError, DestErrorKind, Destination, Idle, Inspection, Load, Stored,
    Target, Targets, Undone,
};
use ingestr::model::lease::Claim;
use ingestr::model::{Answer, Lease, LogicalType, Micros, Question, Remembered, Tombstone};
use ingestr::source::gorgias::TABLES;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::memory::{Cell, Crash, Row, count_down};

/// Lives as long as the process: a runtime cannot be dropped inside of another.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    runtime.expect("a runtime")
});

/// A dataset of an emulator of BigQuery.
#[derive(Debug, Clone)]
pub struct Outside {
    inner: Arc<BigQuery>,
    pub dataset: String,
    base: String,
    /// Commits until the crash, and its kind.
    pub crash: Arc<Mutex<Option<(u64, Crash)>>>,
}

impl Outside {
    /// The emulator that `BIGQUERY_EMULATOR_URI` names, its project being `testproj`.
    #[allow(clippy::disallowed_methods, reason = "where the emulator is, is told by the environment")]
    pub fn new() -> Self {
        let uri = std::env::var("BIGQUERY_EMULATOR_URI").expect("BIGQUERY_EMULATOR_URI says where it is");
        Self {
            inner: Arc::new(BigQuery::from_uri(&uri).expect("a URI")),
            dataset: format!("life_{:08x}", fastrand::u32(..)),
            base: base(&uri),
            crash: Arc::default(),
        }
    }

    /// Does it in real time.
    async fn really<T: Send + 'static>(&self, work: impl AsyncFnOnce(&BigQuery) -> T + Send + 'static) -> T {
        let inner = Arc::clone(&self.inner);
        let done = tokio::task::spawn_blocking(move || RUNTIME.block_on(work(&inner)));
        done.await.expect("no panic")
    }

    /// The rows of a table that are not marked as gone, by id, with its documented columns.
    pub async fn rows(&self, table: &str) -> BTreeMap<i64, Row> {
        let spec = TABLES.iter().find(|spec| spec.name == table).expect("a table");
        let mut columns: Vec<(&str, LogicalType)> =
            spec.columns.iter().map(|(name, logical, _)| (*name, *logical)).collect();
        let has = |key: &str| columns.iter().any(|(name, _)| *name == key);
        if let Some(key) = spec.incremental_key.filter(|key| !has(key)) {
            columns.push((key, LogicalType::Timestamp));
        }
        let gone = if spec.deletions() { " WHERE _ingestr_deleted_at IS NULL" } else { "" };
        let names: Vec<String> = columns.iter().map(|(name, _)| format!("`{name}`")).collect();
        let sql = format!("SELECT {} FROM `{}`.`{table}`{gone}", names.join(", "), self.dataset);
        let base = self.base.clone();
        let rows = self.really(async move |_| select(&base, &sql).await).await;
        let mut found = BTreeMap::new();
        for cells in rows {
            let row: Row = columns
                .iter()
                .zip(cells)
                .map(|((name, logical), value)| ((*name).to_owned(), cell(*logical, value.as_deref())))
                .collect();
            let Cell::Int(id) = row["id"] else { panic!("{table} has a row without an id") };
            assert!(found.insert(id, row).is_none(), "{table} has the id {id} twice");
        }
        found
    }
}

/// Where the REST API of an emulator is, its project being `testproj`.
pub fn base(uri: &str) -> String {
    let uri = url::Url::parse(uri).expect("a URI");
    let base = uri.query_pairs().find(|(name, _)| name == "base_url").expect("an emulator").1.into_owned();
    format!("{base}/bigquery/v2/projects/testproj")
}

/// All rows of a query, over REST.
pub async fn select(base: &str, sql: &str) -> Vec<Vec<Option<String>>> {
    let client = reqwest::Client::new();
    let id = format!("life_{:016x}", fastrand::u64(..));
    let send = async |request: reqwest::RequestBuilder| -> Value {
        let body = request.send().await.expect("an answer").text().await.expect("a text");
        serde_json::from_str(&body).expect("JSON")
    };
    let job = json!({"jobReference": {"projectId": "testproj", "jobId": id},
        "configuration": {"query": {"query": sql, "useLegacySql": false}}});
    let post = client.post(format!("{base}/jobs")).header("content-type", "application/json");
    send(post.body(job.to_string())).await;
    let mut rows = Vec::new();
    let mut page = String::new();
    loop {
        let url = format!("{base}/queries/{id}?formatOptions.useInt64Timestamp=true{page}");
        let answer = send(client.get(url)).await;
        for row in answer["rows"].as_array().into_iter().flatten() {
            let cells = row["f"].as_array().expect("cells").iter();
            rows.push(cells.map(|cell| cell["v"].as_str().map(str::to_owned)).collect());
        }
        match answer["pageToken"].as_str() {
            Some(token) => page = format!("&pageToken={token}"),
            None if answer["jobComplete"] == Value::Bool(true) => return rows,
            None => assert!(answer["error"].is_null(), "{answer}"),
        }
    }
}

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
            *text = serde_json::from_str::<Value>(text).expect("JSON").to_string();
        }
    }
}

impl Destination for Outside {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    fn default_schema(&self) -> Option<&str> {
        Some(&self.dataset)
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
        let crash = count_down(&mut self.crash.lock().expect("no panic"));
        let idle = idle.to_vec();
        Box::pin(async move {
            if crash == Some(Crash::Before) {
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
    DestError { kind: DestErrorKind::Unknown, message: "the process died".into(), hint: None, source: None }
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
        let crash = count_down(&mut self.outside.crash.lock().expect("no panic"));
        Box::pin(async move {
            let Self { outside, inner } = *self;
            let load = inner.expect("one call at a time");
            if crash == Some(Crash::Before) {
                return Err(lost().into());
            }
            let done = outside.really(async move |_| load.commit(commit).await).await;
            // Virtual time goes on a little, as it would have.
            tokio::time::sleep(Duration::from_millis(50)).await;
            if crash == Some(Crash::After) { done.and_then(|_| Err(lost().into())) } else { done }
        })
    }
}
