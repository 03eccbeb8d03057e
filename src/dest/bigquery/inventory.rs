//! What the datasets of a project remember, for `ingestr state show`, `ingestr state reset` and `ingestr state move`.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;

use super::BigQuery;
use crate::dest::DestError;
use crate::dest::sql::{TableName, inventory};
use crate::model::Remembered;

/// How many datasets are looked at at a time.
const AT_ONCE: usize = 8;

impl BigQuery {
    /// All states in the datasets of the URI's project, ordered by dataset, table and account.
    pub(super) async fn all_remembered(&self) -> Result<Vec<Remembered>, DestError> {
        let project = self.api.project().to_owned();
        let of_project = |error| super::failed_at(&format!("project {project}"), "read", error);
        let datasets = self.api.datasets().await.map_err(of_project)?;
        let looks = datasets.into_iter().map(|dataset| {
            let place = TableName::new(project.clone(), dataset, "");
            async move { self.of_dataset(&place).await }
        });
        let mut all = Vec::new();
        let mut found = futures_util::stream::iter(looks).buffered(AT_ONCE);
        while let Some(states) = found.next().await {
            all.extend(states?);
        }
        all.sort_by_cached_key(Remembered::order);
        Ok(all)
    }

    /// The same; of a dataset in another project only, if `schema` names one.
    pub(super) async fn remembered_there(&self, schema: &str) -> Result<Vec<Remembered>, DestError> {
        let place = self.table_in(schema, "");
        if place.catalog == self.api.project() {
            return self.all_remembered().await;
        }
        let mut all = self.of_dataset(&place).await?;
        all.iter_mut().for_each(|one| schema.clone_into(&mut one.schema));
        all.sort_by_cached_key(Remembered::order);
        Ok(all)
    }

    async fn of_dataset(&self, place: &TableName) -> Result<Vec<Remembered>, DestError> {
        match self.dataset(place).await? {
            Some(dataset) => inventory::of_schema(&dataset).await,
            None => Ok(Vec::new()),
        }
    }

    /// Gives what is remembered of tables to another account, dataset by dataset.
    pub(super) async fn reassign_tables(
        &self,
        tables: &[Remembered],
        account: &str,
    ) -> Result<u64, DestError> {
        let schemas: BTreeSet<&str> = tables.iter().map(|one| one.schema.as_str()).collect();
        let mut changed = 0;
        for schema in schemas {
            let there: Vec<&Remembered> = tables.iter().filter(|one| one.schema == schema).collect();
            if let Some(dataset) = self.dataset(&self.table_in(schema, "")).await? {
                changed += inventory::reassign(&dataset, &there, account).await?;
            }
        }
        Ok(changed)
    }

    /// Forgets states, lease and rows kept aside of a table.
    pub(super) async fn forget_table(&self, schema: &str, table: &str) -> Result<u64, DestError> {
        match self.dataset(&self.table_in(schema, table)).await? {
            Some(dataset) => inventory::reset(&dataset, table).await,
            None => Ok(0),
        }
    }
}
