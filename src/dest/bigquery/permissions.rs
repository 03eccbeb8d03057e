//! What the credentials lack, found before anything is read, as far as BigQuery tells without writing.
//!
//! Whether rows can be merged into the ledgers is found a little later, when the lease is taken with the source's first
//! answer: that is a MERGE into a table of the dataset. What is left is what a run would only meet at its first commit.

use super::dialect::BigQueryDialect;
use super::engine::fresh_job;
use super::load::create_staging;
use super::shape::Change;
use super::wire::{Api, ApiError};
use super::{BigQuery, failed, table_ref};
use crate::dest::sql::{Dialect as _, TableName};
use crate::dest::{DestError, Target};
use crate::model::Strategy;

impl BigQuery {
    /// Asks for the permissions that the first commit needs. `api`: `None` if the dataset is missing.
    pub(super) async fn check_permissions(
        &self,
        api: Option<&Api>,
        target: &Target,
        name: &TableName,
        change: Change,
    ) -> Result<(), DestError> {
        let wrap = |error: ApiError| failed(name, "written", error);
        let wanted: &[&str] = match (change, target.strategy) {
            (Change::Make, _) => &[],
            (Change::Fill, Strategy::Append) => &["bigquery.tables.updateData"],
            (Change::Fill, _) => &["bigquery.tables.updateData", "bigquery.tables.getData"],
            (Change::Alter, _) => {
                &["bigquery.tables.updateData", "bigquery.tables.getData", "bigquery.tables.update"]
            }
        };
        if let (Some(api), false) = (api, wanted.is_empty()) {
            api.allows(&table_ref(name), wanted).await.map_err(wrap)?;
        }
        if let Some(bucket) = &target.hints.staging_bucket {
            self.api.bucket_allows(bucket).await.map_err(wrap)?;
        }
        if api.is_none() {
            self.would_make(name).await.map_err(wrap)?;
        }
        let staging = match &target.hints.staging_dataset {
            Some(dataset) => self.table_in(dataset, ""),
            None => name.clone(),
        };
        match self.existing(&staging).await? {
            Some(there) => {
                let table = staging.beside(&format!("{}probe", super::staging_prefix(name)));
                let sql = create_staging(&table, &[]);
                there.would_run(&fresh_job("try"), &sql).await.map_err(wrap)
            }
            // The table's own was asked for already.
            None if target.hints.staging_dataset.is_none() => Ok(()),
            None => self.would_make(&staging).await.map_err(wrap),
        }
    }

    async fn would_make(&self, name: &TableName) -> Result<(), ApiError> {
        let d = &BigQueryDialect;
        let sql = format!("CREATE SCHEMA IF NOT EXISTS {}.{}", d.quote(&name.catalog), d.quote(&name.schema));
        self.api.would_run(&fresh_job("try"), &sql).await
    }
}
