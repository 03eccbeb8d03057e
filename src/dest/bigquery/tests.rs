//! Tests of the BigQuery destination: the shared suite and tables made by others, against an emulator (or a real
//! project); statements as snapshots.
//!
//! `BIGQUERY_EMULATOR_URI` says where. Every test has datasets of its own, so that they run side by side, and removes
//! them at the end.

use futures_util::future::BoxFuture;

use super::dialect::{BigQueryDialect, column_name};
use super::engine::fresh_job;
use super::*;
use crate::dest::conformance::Bench;
use crate::dest::sql::Dialect;
use crate::dest::{Commit, Counts, Undone};
use crate::model::Tombstone;
use crate::model::lease::Claim;

mod conflicts;
mod emulator;
mod permissions;
mod statements;

/// Datasets of one test. The suite calls them `shop` and `attic`.
struct Project {
    uri: String,
    unique: String,
}

impl Project {
    #[allow(clippy::disallowed_methods, reason = "where the emulator is, is told by the environment")]
    fn new() -> Self {
        let uri =
            std::env::var("BIGQUERY_EMULATOR_URI").expect("BIGQUERY_EMULATOR_URI says where the emulator is");
        Self { uri, unique: format!("{:012x}", fastrand::u64(..1 << 48)) }
    }

    fn bigquery(&self) -> BigQuery {
        BigQuery::from_uri(&self.uri).expect("a URI")
    }

    fn dataset(&self, schema: &str) -> String {
        format!("ingestr_test_{schema}_{}", self.unique)
    }

    fn elsewhere(&self, inner: BigQuery) -> Box<dyn Destination> {
        Box::new(Elsewhere { inner, unique: self.unique.clone() })
    }

    /// Waits for `work` on a thread of its own: the suite's own calls are not asynchronous.
    fn wait<T: Send>(&self, work: impl AsyncFnOnce(BigQuery) -> T + Send) -> T {
        let wait = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime").block_on(work(self.bigquery()))
        };
        std::thread::scope(|scope| scope.spawn(wait).join().expect("no panic"))
    }

    fn query(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let shop = self.dataset("shop");
        self.wait(async |bigquery| {
            let api = bigquery.existing(&bigquery.table_in(&shop, "")).await.expect("can be asked");
            let api = api.unwrap_or(bigquery.api);
            api.query(&fresh_job("test"), sql, &[]).await.unwrap_or_else(|e| panic!("{sql}: {e}"))
        })
    }

    /// Statements on the table `shop.items`, which is `{}`.
    fn sql(&self, sql: &str) {
        let shop = self.dataset("shop");
        self.wait(async |bigquery| {
            bigquery.ready(&bigquery.table_in(&shop, "")).await.expect("a dataset");
        });
        self.query(&sql.replace("{}", &self.quoted("items")));
    }

    fn quoted(&self, table: &str) -> String {
        format!("`{}`.`{}`", self.dataset("shop"), tame(table))
    }
}

impl Drop for Project {
    fn drop(&mut self) {
        for schema in ["shop", "attic"] {
            let dataset = self.dataset(schema);
            let drop = format!("DROP SCHEMA IF EXISTS `{dataset}` CASCADE");
            self.wait(async |bigquery| {
                if let Ok(Some(api)) = bigquery.existing(&bigquery.table_in(&dataset, "")).await {
                    let _ = api.query(&fresh_job("test"), &drop, &[]).await;
                }
            });
        }
    }
}

/// The suite's table names without what BigQuery does not take.
fn tame(table: &str) -> String {
    table.chars().map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' }).collect()
}

/// A line of the suite's SQL, which is DuckDB's, in BigQuery's.
fn translated(sql: &str) -> String {
    let mut out = String::new();
    for (nth, part) in sql.replace("\"\"", "\u{1}").split('"').enumerate() {
        if nth % 2 == 1 {
            out.push_str(&BigQueryDialect.quote(&column_name(&part.replace('\u{1}', "\""))));
        } else {
            out.push_str(part);
        }
    }
    for (ours, theirs) in [
        ("TIMESTAMPTZ", "TIMESTAMP"),
        ("VARCHAR", "STRING"),
        ("BIGINT", "INT64"),
        ("epoch_us(", "UNIX_MICROS("),
        ("year(", "EXTRACT(YEAR FROM "),
        ("ADD COLUMN ", "ADD COLUMN IF NOT EXISTS "),
    ] {
        out = out.replace(ours, theirs);
    }
    if out.starts_with("UPDATE") && !out.contains(" WHERE ") {
        out.push_str(" WHERE TRUE");
    }
    out
}

impl Bench for Project {
    fn is_slow(&self) -> bool {
        true
    }

    fn destination(&self) -> Box<dyn Destination> {
        self.elsewhere(self.bigquery())
    }

    fn rows(&self, table: &str, columns: &[&str]) -> Option<Vec<Vec<String>>> {
        if !self.tables().contains(&table.to_owned()) {
            return None;
        }
        let columns: Vec<String> = columns.iter().map(|column| translated(column)).collect();
        let rows = self.query(&format!("SELECT {} FROM {}", columns.join(", "), self.quoted(table)));
        let text = |cell: Option<String>| cell.unwrap_or_else(|| "NULL".into());
        let mut rows: Vec<Vec<String>> =
            rows.into_iter().map(|row| row.into_iter().map(text).collect()).collect();
        rows.sort();
        Some(rows)
    }

    fn execute(&self, sql: &str, table: &str) {
        self.query(&translated(sql).replace("{}", &self.quoted(table)));
    }

    fn tables(&self) -> Vec<String> {
        let dataset = self.dataset("shop");
        let names = self.wait(async |bigquery| {
            let place = table_ref(&bigquery.table_in(&dataset, "")).dataset_ref();
            bigquery.api.tables(&place).await.expect("can be listed").unwrap_or_default()
        });
        names.into_iter().map(|name| wild(&name)).collect()
    }

    fn break_between(&self, _: &dyn Destination) -> Box<dyn Destination> {
        let fault = Some("RAISE USING MESSAGE = 'fault'".into());
        self.elsewhere(BigQuery { fault, ..self.bigquery() })
    }
}

/// The suite's name of a table: what [`tame`] made of it.
fn wild(table: &str) -> String {
    let all = Strategy::ALL
        .map(|strategy| [format!("items {strategy}"), format!("se\"lect; DROP.größe '{strategy}'")]);
    all.concat().into_iter().find(|name| tame(name) == table).unwrap_or_else(|| table.to_owned())
}

/// The destination with the suite's schemas under the names they have here.
#[derive(Debug)]
struct Elsewhere {
    inner: BigQuery,
    unique: String,
}

impl Elsewhere {
    fn there(&self, schema: &str) -> String {
        format!("ingestr_test_{schema}_{}", self.unique)
    }

    fn target(&self, target: &Target) -> Target {
        let mut target = target.clone();
        target.schema = self.there(&target.schema);
        target.table = tame(&target.table);
        target
    }

    fn back(&self, text: &str) -> String {
        text.replace("ingestr_test_", "").replace(&format!("_{}", self.unique), "")
    }

    fn words<T>(&self, result: Result<T, DestError>) -> Result<T, DestError> {
        result.map_err(|mut error| {
            error.message = self.back(&error.message);
            error
        })
    }
}

impl Destination for Elsewhere {
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
        Box::pin(async move { self.words(self.inner.inspect(&self.target(target)).await) })
    }

    fn ask<'a>(
        &'a self,
        target: &'a Target,
        question: Question,
    ) -> BoxFuture<'a, Result<Option<Answer>, DestError>> {
        Box::pin(async move { self.words(self.inner.ask(&self.target(target), question).await) })
    }

    fn rows<'a>(
        &'a self,
        target: &'a Target,
        columns: &'a [String],
        after: Option<i64>,
        most: u64,
    ) -> BoxFuture<'a, Result<Option<Vec<Stored>>, DestError>> {
        Box::pin(async move { self.words(self.inner.rows(&self.target(target), columns, after, most).await) })
    }

    fn lease<'a>(
        &'a self,
        target: &'a Target,
        lease: Lease,
        claim: Claim,
        live: fn(&Lease, Micros) -> bool,
    ) -> BoxFuture<'a, Result<(), DestError>> {
        Box::pin(async move { self.words(self.inner.lease(&self.target(target), lease, claim, live).await) })
    }

    fn release<'a>(&'a self, target: &'a Target, run: &'a str) -> BoxFuture<'a, Result<(), DestError>> {
        Box::pin(async move { self.words(self.inner.release(&self.target(target), run).await) })
    }

    fn commit_idle<'a>(&'a self, idle: &'a [Idle], now: Micros) -> BoxFuture<'a, Result<(), DestError>> {
        Box::pin(async move {
            let there = |one: &Idle| Idle {
                targets: one.targets.iter().map(|target| self.target(target)).collect(),
                commit: one.commit.clone(),
            };
            let idle: Vec<Idle> = idle.iter().map(there).collect();
            self.words(self.inner.commit_idle(&idle, now).await)
        })
    }

    fn remembered(&self) -> BoxFuture<'_, Result<Vec<Remembered>, DestError>> {
        Box::pin(async move {
            let mut all = self.words(self.inner.remembered().await)?;
            all.retain(|one| one.schema.ends_with(&self.unique));
            all.iter_mut().for_each(|one| one.schema = self.back(&one.schema));
            Ok(all)
        })
    }

    fn forget<'a>(&'a self, schema: &'a str, table: &'a str) -> BoxFuture<'a, Result<u64, DestError>> {
        Box::pin(async move { self.words(self.inner.forget(&self.there(schema), table).await) })
    }

    fn reassign<'a>(
        &'a self,
        tables: &'a [Remembered],
        account: &'a str,
    ) -> BoxFuture<'a, Result<u64, DestError>> {
        let there = |one: &Remembered| Remembered { schema: self.there(&one.schema), ..one.clone() };
        let tables: Vec<Remembered> = tables.iter().map(there).collect();
        Box::pin(async move { self.words(self.inner.reassign(&tables, account).await) })
    }

    fn begin(&self, targets: Targets<'_>) -> Box<dyn Load> {
        let children: Vec<Target> = targets.children.iter().map(|target| self.target(target)).collect();
        let there = Targets { table: &self.target(targets.table), children: &children };
        Box::new(ThereLoad { inner: self.inner.begin(there), unique: self.unique.clone() })
    }
}

struct ThereLoad {
    inner: Box<dyn Load>,
    unique: String,
}

impl Load for ThereLoad {
    fn stage<'a>(
        &'a mut self,
        at: usize,
        batch: arrow_array::RecordBatch,
    ) -> BoxFuture<'a, Result<(), DestError>> {
        self.inner.stage(at, batch)
    }

    fn complete(&mut self, at: usize, parents: Vec<i64>) {
        self.inner.complete(at, parents);
    }

    fn bury(&mut self, tombstones: Vec<Tombstone>) {
        self.inner.bury(tombstones);
    }

    fn commit(self: Box<Self>, commit: Commit) -> BoxFuture<'static, Result<Vec<Counts>, Undone>> {
        let Self { inner, unique } = *self;
        Box::pin(async move {
            inner.commit(commit).await.map_err(|undone| {
                let mut error = DestError::from(undone);
                error.message = error.message.replace("ingestr_test_", "").replace(&format!("_{unique}"), "");
                error.into()
            })
        })
    }
}
