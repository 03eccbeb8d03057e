//! One dataset, as the engine sees it.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::{Arc, MutexGuard, PoisonError};

use tokio::time::Instant;

use super::dialect::BigQueryDialect;
use super::ledgers::{self, FRESH, LedgerQuery, Ledgers};
use super::shape::shape_of;
use super::wire::{Api, DatasetRef, JobId};
use super::{BigQuery, failed, failed_at, script, table_ref};
use crate::dest::sql::cells::{Cell, LedgerLine};
use crate::dest::sql::dialect::Shape;
use crate::dest::sql::engine::Engine;
use crate::dest::sql::ledger::{self, HAS_ROWS, LEASES, NAMES, RUNS, STATE, declared};
use crate::dest::sql::script::Script;
use crate::dest::sql::{Dialect, TableName, answers};
use crate::dest::{Counts, DestError, DestErrorKind, Query, Stored, Target, TextRow};
use crate::model::{Answer, LogicalType, Micros, Question};

/// A dataset that exists.
#[derive(Debug)]
pub(super) struct Dataset {
    /// With its jobs where the dataset is.
    pub(super) api: Api,
    /// Project and dataset.
    pub(super) place: TableName,
    /// Names of its tables, listed once; empty where nobody has asked for them.
    pub(super) names: Vec<String>,
    /// What stands beside its tables; `None`: it is asked for.
    pub(super) ledgers: Option<Arc<Ledgers>>,
}

impl Engine for Dataset {
    fn dialect(&self) -> &'static dyn Dialect {
        &BigQueryDialect
    }

    fn table(&self, table: &str) -> TableName {
        self.place.beside(table)
    }

    async fn tables(&self) -> Result<Vec<String>, DestError> {
        Ok(self.names.clone())
    }

    async fn describe(&self, name: &TableName) -> Result<Option<Shape>, DestError> {
        if !self.names.is_empty() && !self.names.contains(&name.table) {
            return Ok(None);
        }
        let info = self.api.table(&table_ref(name)).await.map_err(|error| failed(name, "read", error))?;
        info.map(|info| shape_of(name.clone(), info)).transpose()
    }

    async fn query(&self, sql: &str, types: &[LogicalType]) -> Result<Vec<Vec<Cell>>, DestError> {
        let found = self.api.query(&fresh_job("ask"), sql, &[]).await;
        Ok(cells(found.map_err(|error| failed(&self.place, "read", error))?, types))
    }

    async fn is_empty(&self, name: &TableName) -> Result<bool, DestError> {
        if self.ledgers.as_ref().is_some_and(|ledgers| ledgers.filled.contains(&name.table)) {
            return Ok(false);
        }
        let sql = format!("SELECT 1 FROM {} LIMIT 1", name.sql(self.dialect()));
        Ok(self.query(&sql, &[LogicalType::Int64]).await?.is_empty())
    }

    async fn lines_about(
        &self,
        ledger: &'static str,
        table: &TableName,
    ) -> Result<Vec<LedgerLine>, DestError> {
        match self.ledgers.as_ref().and_then(|ledgers| ledgers.of(ledger, table)) {
            Some(lines) => Ok(lines),
            None => self.lines(ledger, &ledger::of_table(self.dialect(), table)).await,
        }
    }

    async fn execute(&self, sql: &str) -> Result<u64, DestError> {
        let done = self.api.query(&fresh_job("run"), sql, &[]).await;
        done.map(|_| 0).map_err(|error| failed(&self.place, "written", error))
    }

    async fn run(&self, script: &Script) -> Result<Vec<Counts>, DestError> {
        let wrap = |error| failed(&self.place, "written", error);
        let done = self.api.query(&fresh_job("run"), &script::text(script), &[]).await.map_err(wrap)?;
        for table in &script.dead {
            self.api.delete_table(&table_ref(table)).await.map_err(wrap)?;
        }
        Ok(script::counts(&done))
    }

    /// The others are as every version made them; these two got columns later.
    async fn ledger_columns(&self, table: &str) -> Result<Option<Vec<String>>, DestError> {
        if !self.names.iter().any(|name| name == table) {
            return Ok(None);
        }
        if table == STATE || table == RUNS {
            let found = self.describe(&self.table(table)).await?;
            return Ok(found.map(|shape| shape.columns.into_iter().map(|column| column.name).collect()));
        }
        Ok(Some(declared(table).into_iter().map(|column| column.name).collect()))
    }
}

impl Dataset {
    /// The dataset of a table.
    pub(super) fn of(api: Api, table: &TableName, names: Vec<String>) -> Self {
        Self { api, place: table.beside(""), names, ledgers: None }
    }

    /// What stands beside its tables.
    async fn read_ledgers(&self) -> Result<Ledgers, DestError> {
        let mut parts: Vec<LedgerQuery> = Vec::new();
        let mut ledgers = Ledgers::default();
        for table in [STATE, LEASES, NAMES] {
            ledgers.lines.insert(table, Vec::new());
            if let Some(there) = self.ledger_columns(table).await? {
                let name = self.table(table);
                let of_dataset = self.dialect().named("dest_schema", &name.schema);
                let (sql, columns) = ledger::select(self.dialect(), &name, table, &there, &of_dataset);
                parts.push((table, columns, sql));
            }
        }
        if parts.is_empty() {
            return Ok(ledgers);
        }
        let found = self.api.query(&fresh_job("look"), &ledgers::query(&parts), &[]).await;
        for row in found.map_err(|error| failed(&self.place, "read", error))? {
            let mut row = row.into_iter();
            let part = row.next().flatten().and_then(|part| part.parse::<usize>().ok());
            let Some((table, columns, _)) = part.and_then(|part| parts.get(part)) else { continue };
            let cells = columns.iter().zip(row).map(|(column, text)| cell(text, column.logical)).collect();
            ledgers.lines.entry(table).or_default().push(LedgerLine::new(columns, cells));
        }
        ledgers.filled = self.filled(&ledgers).await;
        Ok(ledgers)
    }

    /// Which tables have a row, of those that had one when their state was written. One that cannot be read, as it is gone
    /// by now, is looked at by itself.
    async fn filled(&self, ledgers: &Ledgers) -> HashSet<String> {
        let rows_of = |line: &LedgerLine| match line.text("rows_in") {
            "" => line.text("dest_table").to_owned(),
            hidden => hidden.to_owned(),
        };
        let had = ledgers.lines.get(STATE).into_iter().flatten().filter(|line| line.is_true(HAS_ROWS));
        let tables: BTreeSet<String> = had.map(rows_of).filter(|table| self.names.contains(table)).collect();
        let exists = |table: &String| {
            let (d, name) = (self.dialect(), self.table(table));
            format!(
                "SELECT {} AS name FROM (SELECT 1) WHERE EXISTS (SELECT 1 FROM {})",
                d.text(table),
                name.sql(d)
            )
        };
        let sql: Vec<String> = tables.iter().map(exists).collect();
        if sql.is_empty() {
            return HashSet::new();
        }
        match self.query(&sql.join(" UNION ALL "), &[LogicalType::Text]).await {
            Ok(rows) => rows.into_iter().flatten().filter_map(Cell::into_text).collect(),
            Err(error) => {
                log::debug!("{}: {error}", self.place.schema);
                HashSet::new()
            }
        }
    }
}

/// A job that nobody will look for.
pub(super) fn fresh_job(what: &str) -> JobId {
    super::job_id(&format!("ingestr_{:032x}_{what}", fastrand::u128(..)))
}

/// The rows of an answer, whose columns have these types.
pub(super) fn cells(found: Vec<TextRow>, types: &[LogicalType]) -> Vec<Vec<Cell>> {
    let row = |row: TextRow| row.into_iter().zip(types).map(|(text, kind)| cell(text, *kind));
    found.into_iter().map(|cells| row(cells).collect()).collect()
}

fn cell(text: Option<String>, kind: LogicalType) -> Cell {
    let Some(text) = text else { return Cell::Null };
    match kind {
        LogicalType::Bool => Cell::Bool(text == "true"),
        LogicalType::Int64 => text.parse().map_or(Cell::Null, Cell::Int),
        LogicalType::Timestamp => text.parse().map_or(Cell::Null, |at| Cell::Instant(Micros(at))),
        LogicalType::Float64 | LogicalType::Text | LogicalType::Json => Cell::Text(text),
    }
}

impl BigQuery {
    /// What stands beside the tables of the dataset.
    pub(super) async fn ledgers(&self, dataset: &Dataset) -> Result<Arc<Ledgers>, DestError> {
        let place = table_ref(&dataset.place).dataset_ref();
        let mut read = self.turns.ledgers.lock().await;
        if let Some((at, ledgers)) = read.get(&place)
            && at.elapsed() < FRESH
        {
            return Ok(Arc::clone(ledgers));
        }
        let ledgers = Arc::new(dataset.read_ledgers().await?);
        read.insert(place, (Instant::now(), Arc::clone(&ledgers)));
        Ok(ledgers)
    }

    /// Something was written to one: what was read of them does not hold any more.
    pub(super) async fn forget_ledgers(&self) {
        self.turns.ledgers.lock().await.clear();
    }

    fn known(&self) -> MutexGuard<'_, HashMap<DatasetRef, String>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The API with its jobs where the dataset of that table is; `None` if there is no such dataset.
    pub(super) async fn existing(&self, table: &TableName) -> Result<Option<Api>, DestError> {
        let dataset = table_ref(table).dataset_ref();
        let location = self.known().get(&dataset).cloned();
        if let Some(location) = location {
            return Ok(Some(self.api.located(&location)));
        }
        let found = self.api.location_of(&dataset).await;
        let found = found.map_err(|error| failed_at(&format!("dataset {dataset}"), "read", error))?;
        let Some(location) = found else { return Ok(None) };
        let api = self.api.located(&location);
        self.known().insert(dataset, location);
        Ok(Some(api))
    }

    /// The same, with the dataset made if it is missing.
    pub(super) async fn ready(&self, table: &TableName) -> Result<Api, DestError> {
        if let Some(api) = self.existing(table).await? {
            return Ok(api);
        }
        let dataset = table_ref(table).dataset_ref();
        let wrap = |error| failed_at(&format!("dataset {dataset}"), "created", error);
        self.api.create_dataset(&dataset, self.uri.location.as_deref()).await.map_err(wrap)?;
        self.existing(table).await?.ok_or_else(|| {
            let message = format!("dataset {dataset} is not there after it was created");
            DestError::new(DestErrorKind::Other, message)
        })
    }

    /// The dataset of that table, if it is there.
    pub(super) async fn dataset(&self, table: &TableName) -> Result<Option<Dataset>, DestError> {
        let Some(api) = self.existing(table).await? else { return Ok(None) };
        let place = table_ref(table).dataset_ref();
        let names = api.tables(&place).await.map_err(|error| failed(table, "read", error))?;
        let Some(names) = names else {
            // It was there before, and somebody has removed it.
            self.known().remove(&place);
            return Ok(None);
        };
        Ok(Some(Dataset::of(api, table, names)))
    }

    /// Rows of the table: see [`crate::dest::Destination::rows`].
    pub(super) async fn stored(
        &self,
        target: &Target,
        columns: &[String],
        after: Option<i64>,
        most: u64,
    ) -> Result<Option<Vec<Stored>>, DestError> {
        let target = &BigQueryDialect.spelled(target);
        let table = self.table_of(target);
        let Some(api) = self.existing(&table).await? else { return Ok(Some(Vec::new())) };
        let dataset = Dataset::of(api, &table, Vec::new());
        answers::rows(&dataset, target, columns, after, most).await
    }

    /// The rows of a query over a dataset, whose columns are text.
    pub(super) async fn selected(&self, query: &Query<'_>) -> Result<Vec<TextRow>, DestError> {
        let (api, place) = self.of_query(query).await?;
        let found = api.select(&fresh_job("ask"), query.sql, query.most_bytes).await;
        found.map_err(|error| failed_at(&place, "read", error))
    }

    /// How many bytes a query would read.
    pub(super) async fn bytes_of(&self, query: &Query<'_>) -> Result<Option<u64>, DestError> {
        let (api, place) = self.of_query(query).await?;
        let told = api.bytes(&fresh_job("try"), query.sql).await;
        told.map_err(|error| failed_at(&place, "read", error))
    }

    /// Who is asked a query, and how messages name the dataset.
    async fn of_query(&self, query: &Query<'_>) -> Result<(Api, String), DestError> {
        let table = self.table_in(query.schema, "");
        let place = format!("dataset {}.{}", table.catalog, table.schema);
        match self.existing(&table).await? {
            Some(api) => Ok((api, place)),
            None => Err(DestError::new(DestErrorKind::Other, format!("{place} is not there"))),
        }
    }

    /// The answer to a source's question.
    pub(super) async fn answer(
        &self,
        target: &Target,
        question: &Question,
    ) -> Result<Option<Answer>, DestError> {
        let target = &BigQueryDialect.spelled(target);
        let table = self.table_of(target);
        let Some(api) = self.existing(&table).await? else { return Ok(Some(Answer::default())) };
        // Nothing is listed for it.
        let dataset = Dataset::of(api, &table, Vec::new());
        answers::answer(&dataset, target, question).await
    }
}
