//! A load: rows stream into staging tables, then one script makes them the target's.
//!
//! A staging table belongs to one commit of one process. Its name and the ids of its jobs are decided when the load
//! begins, so that whatever has to be sent again is recognised. It is dropped after the commit; what a killed run
//! leaves is dropped by the next run of the same target, and expires by itself.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch};
use arrow_schema::Schema;
use futures_util::future::BoxFuture;

use super::dialect::{BigQueryDialect, spelled_column};
use super::ranges::ranges;
use super::wire::{ApiError, Format, JobId, LoadSpec, Upload, staged_type};
use super::{BigQuery, table_ref};
use crate::dest::sql::columns::{columns_of, same, shape as misfit, widen};
use crate::dest::sql::script::own;
use crate::dest::sql::staged::{
    ORD, Staged, StagedRows, StagingTable, key_rows, reject_rows, tombstone_rows,
};
use crate::dest::sql::{Dialect, TableName, children, deletions, ledger};
use crate::dest::{Commit, Counts, DestError, DestErrorKind, Load, Target, Targets, Undone};
use crate::model::{Column, FileFormat, LogicalType, Reject, Tombstone};

/// How long a staging table lives if nobody drops it; by BigQuery's clock, as ours may be wrong by more than that.
const LIFE: &str = "OPTIONS (expiration_timestamp = TIMESTAMP_ADD(CURRENT_TIMESTAMP(), INTERVAL 1 DAY))";

/// What a load is of.
#[derive(Debug)]
pub(super) struct LoadPlace {
    pub(super) dest: BigQuery,
    /// Under BigQuery's names.
    pub(super) target: Target,
    /// The target's own table.
    pub(super) table: TableName,
    /// Tells this load from all others, in names of staging tables and jobs.
    pub(super) nonce: String,
}

/// The rows of one commit into BigQuery.
#[derive(Debug)]
pub(super) struct BigQueryLoad {
    pub(super) place: LoadPlace,
    staging: Vec<Staging>,
    tombstones: Vec<Tombstone>,
}

/// What was staged so far for one of the targets.
#[derive(Debug)]
pub(super) struct Staging {
    /// Under BigQuery's names.
    pub(super) target: Target,
    pub(super) table: TableName,
    /// Which of the targets it is.
    at: usize,
    open: Vec<Open>,
    columns: Vec<Column>,
    null_keys: Vec<bool>,
    /// All keys, while they are single integers.
    keys: Option<Vec<i64>>,
    count: i64,
    /// Parents whose rows are all staged.
    complete: Vec<i64>,
}

/// A staging table that rows are on their way into.
#[derive(Debug)]
struct Open {
    table: TableName,
    columns: Vec<Column>,
    upload: Upload,
}

impl BigQueryLoad {
    pub(super) fn new(dest: BigQuery, targets: Targets<'_>) -> Self {
        let target = BigQueryDialect.spelled(targets.table);
        let table = dest.table_of(&target);
        let staging = targets.all().enumerate().map(|(at, target)| Staging::new(&dest, at, target)).collect();
        let place = LoadPlace { dest, table, nonce: format!("{:016x}", fastrand::u64(..)), target };
        Self { place, staging, tombstones: Vec::new() }
    }
}

impl LoadPlace {
    /// What the names of this target's staging tables begin with.
    pub(super) fn prefix(&self) -> String {
        super::staging_prefix(&self.table)
    }

    /// Where staging tables are made.
    pub(super) fn staging(&self) -> TableName {
        match &self.target.hints.staging_dataset {
            Some(dataset) => self.dest.table_in(dataset, ""),
            None => self.table.clone(),
        }
    }

    fn failed(&self, error: ApiError) -> DestError {
        super::failed(&self.table, "written", error)
    }

    /// An upload into a staging table that does not exist yet: it is made when the file is complete, so that a load
    /// that is dropped leaves nothing behind.
    async fn start(&self, what: &str, columns: Vec<Column>) -> Result<Open, DestError> {
        let api = self.dest.ready(&self.table).await?;
        let staging = self.staging();
        self.dest.ready(&staging).await?;
        let table = staging.beside(&format!("{}{}_{what}", self.prefix(), self.nonce));
        let spec = LoadSpec {
            job: self.job(&format!("load_{what}"))?,
            into: table_ref(&table),
            columns: staged_columns(&columns),
            format: match self.target.hints.file_format {
                Some(FileFormat::Jsonl) => Format::Jsonl,
                Some(FileFormat::Csv) => Format::Csv,
                _ => Format::Parquet,
            },
            staging_bucket: self.target.hints.staging_bucket.clone(),
        };
        let upload = api.load(spec).map_err(|error| self.failed(error))?;
        Ok(Open { table, columns, upload })
    }

    /// The id of a job of this load.
    pub(super) fn job(&self, what: &str) -> Result<JobId, DestError> {
        JobId::new(format!("{}{}_{what}", super::job_prefix(&self.table), self.nonce)).map_err(|error| {
            let message = format!("{}.{} cannot be written: {error}", self.table.schema, self.table.table);
            DestError::new(DestErrorKind::Other, message)
        })
    }

    /// A staging table with one batch.
    async fn side(
        &self,
        what: &str,
        columns: Vec<Column>,
        mut arrays: Vec<ArrayRef>,
    ) -> Result<Open, DestError> {
        let mut open = self.start(what, columns.clone()).await?;
        let numbers = 0..i64::try_from(arrays[0].len()).unwrap_or(0);
        arrays.push(Arc::new(Int64Array::from_iter_values(numbers)));
        let batch = positional(&staged_columns(&columns), arrays, &self.target.table)?;
        open.upload.write(&batch).await.map_err(|error| self.failed(error))?;
        Ok(open)
    }

    /// Makes the staging tables, sends the rest of the files, and waits until the rows are in.
    async fn arrive(&self, all: Vec<Open>) -> Result<(), DestError> {
        if all.is_empty() {
            return Ok(());
        }
        let api = self.dest.ready(&self.table).await?;
        let made =
            all.iter().map(|open| create_staging(&open.table, &open.columns) + ";\n").collect::<String>();
        api.query(&self.job("stage")?, &made, &[]).await.map_err(|error| self.failed(error))?;
        for open in all {
            open.upload.finish().await.map_err(|error| self.failed(error))?;
        }
        Ok(())
    }
}

/// The statement that makes a staging table.
pub(super) fn create_staging(table: &TableName, columns: &[Column]) -> String {
    format!("{} {LIFE}", ledger::create(&BigQueryDialect, table, &staged_columns(columns)))
}

/// What these columns are in a staging table: `c0`, `c1`, …, and the number of the row.
fn staged_columns(columns: &[Column]) -> Vec<Column> {
    let staged =
        columns.iter().enumerate().map(|(i, c)| Column::new(format!("c{i}"), staged_type(c.logical)));
    staged.chain([Column::new(ORD, LogicalType::Int64)]).collect()
}

impl Staging {
    fn new(dest: &BigQuery, at: usize, target: &Target) -> Self {
        let target = BigQueryDialect.spelled(target);
        let single = target.key.len() == 1;
        Self {
            at,
            table: dest.table_of(&target),
            open: Vec::new(),
            columns: Vec::new(),
            null_keys: vec![false; target.key.len()],
            keys: single.then(Vec::new),
            count: 0,
            complete: Vec::new(),
            target,
        }
    }

    async fn take(&mut self, place: &LoadPlace, batch: RecordBatch) -> Result<(), DestError> {
        let columns: Vec<Column> =
            columns_of([&batch], &self.target.table)?.iter().map(spelled_column).collect();
        for column in &columns {
            widen(&mut self.columns, column);
        }
        if batch.num_rows() == 0 {
            return Ok(());
        }
        self.note_keys(&columns, &batch)?;
        let spot = |open: &Open, column: &Column| {
            open.columns.iter().position(|c| same(&c.name, &column.name) && c.logical == column.logical)
        };
        let fits = |open: &Open| columns.iter().all(|column| spot(open, column).is_some());
        let (at, parts) = (self.open.iter().position(fits), self.open.len());
        let at = match at {
            Some(at) => at,
            None => {
                let what =
                    if self.at == 0 { format!("rows{parts}") } else { format!("rows{}_{parts}", self.at) };
                self.open.push(place.start(&what, columns.clone()).await?);
                parts
            }
        };
        let open = &mut self.open[at];
        let staged = staged_columns(&open.columns);
        let spots = columns.iter().filter_map(|column| spot(open, column)).chain([open.columns.len()]);
        let staged: Vec<Column> = spots.map(|spot| staged[spot].clone()).collect();
        let end = self.count + i64::try_from(batch.num_rows()).unwrap_or(0);
        let mut arrays = batch.columns().to_vec();
        arrays.push(Arc::new(Int64Array::from_iter_values(self.count..end)));
        self.count = end;
        let batch = positional(&staged, arrays, &self.target.table)?;
        open.upload.write(&batch).await.map_err(|error| place.failed(error))
    }

    /// Remembers which keys were staged.
    fn note_keys(&mut self, columns: &[Column], batch: &RecordBatch) -> Result<(), DestError> {
        for (nth, key) in self.target.key.iter().enumerate() {
            let Some(at) = columns.iter().position(|c| same(&c.name, key)) else {
                return Err(misfit(format!(
                    "the rows for {} have no column {key}, which is part of the merge key",
                    self.target.table
                )));
            };
            let array = batch.column(at);
            self.null_keys[nth] |= array.null_count() > 0;
            if let Some(keys) = &mut self.keys {
                match array.as_any().downcast_ref::<Int64Array>() {
                    Some(array) if array.null_count() == 0 => keys.extend(array.values()),
                    _ => self.keys = None,
                }
            }
        }
        Ok(())
    }

    /// Sends what there is beside the rows; the staging tables of all of it.
    async fn close(
        self,
        place: &LoadPlace,
        rejects: &[Reject],
        open: &mut Vec<Open>,
    ) -> Result<Staged, DestError> {
        let mut staged = Staged::default();
        if !self.complete.is_empty() {
            let columns = children::COLUMNS.map(|logical| Column::new("", logical)).to_vec();
            let what = own("complete", self.at);
            let side = place.side(&what, columns, key_rows(&self.complete)).await?;
            staged.complete = Some(side.table.sql(&BigQueryDialect));
            open.push(side);
        }
        if !rejects.is_empty() {
            let columns = vec![Column::new("", LogicalType::Text); 4];
            let side = place.side(&own("rejects", self.at), columns, reject_rows(rejects)).await?;
            staged.rejects = Some(side.table.sql(&BigQueryDialect));
            open.push(side);
        }
        let part = |open: &Open| StagingTable {
            table: open.table.sql(&BigQueryDialect),
            columns: open.columns.clone(),
        };
        staged.rows = StagedRows {
            columns: self.columns,
            parts: self.open.iter().map(part).collect(),
            null_keys: self.null_keys,
            ranges: ranges(self.keys.unwrap_or_default()),
            once: false,
        };
        open.extend(self.open);
        Ok(staged)
    }
}

/// Brings everything into its staging tables. Those of `made` exist afterwards, complete or not.
pub(super) async fn land(
    place: &LoadPlace,
    all: Vec<Staging>,
    tombstones: &[Tombstone],
    commit: &Commit,
    made: &mut Vec<TableName>,
) -> Result<Vec<Staged>, DestError> {
    let (mut open, mut done) = (Vec::new(), Vec::with_capacity(all.len()));
    let mut gone = None;
    if !tombstones.is_empty() {
        let columns = deletions::COLUMNS.map(|logical| Column::new("", logical)).to_vec();
        let side = place.side("gone", columns, tombstone_rows(&Tombstone::once_each(tombstones))).await?;
        gone = Some(side.table.sql(&BigQueryDialect));
        open.push(side);
    }
    for staging in all {
        let rejects = commit.rejects_of(staging.at);
        let staged = staging.close(place, rejects, &mut open).await?;
        done.push(Staged { tombstones: gone.clone(), ..staged });
    }
    made.extend(open.iter().map(|open| open.table.clone()));
    place.arrive(open).await?;
    Ok(done)
}

impl Load for BigQueryLoad {
    fn stage<'a>(&'a mut self, at: usize, batch: RecordBatch) -> BoxFuture<'a, Result<(), DestError>> {
        let Self { place, staging, .. } = self;
        Box::pin(staging[at].take(place, batch))
    }

    fn complete(&mut self, at: usize, parents: Vec<i64>) {
        self.staging[at].complete.extend(parents);
    }

    fn bury(&mut self, tombstones: Vec<Tombstone>) {
        self.tombstones.extend(tombstones);
    }

    fn commit(self: Box<Self>, commit: Commit) -> BoxFuture<'static, Result<Vec<Counts>, Undone>> {
        let Self { place, staging, tombstones } = *self;
        Box::pin(async move { Ok(place.run(staging, tombstones, commit).await?) })
    }
}

fn positional(columns: &[Column], arrays: Vec<ArrayRef>, table: &str) -> Result<RecordBatch, DestError> {
    let schema = Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>());
    RecordBatch::try_new(Arc::new(schema), arrays)
        .map_err(|error| misfit(format!("rows for {table} do not fit together: {error}")))
}
