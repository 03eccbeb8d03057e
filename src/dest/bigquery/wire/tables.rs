//! Datasets and tables: what is there, and making and removing them.

use serde_json::{Value, json};

use super::api::{Api, query, segment};
use super::bodies::{DatasetBody, ListPage, TableBody};
use super::client::Call;
use super::error::ApiError;
use super::error::{Doing, Said};
use super::names::{DatasetRef, TableRef};
use super::schema::TableInfo;
use super::transport::{Method, Reply};

impl Api {
    /// Where the dataset is, as BigQuery spells it: `US`, `EU`, `europe-west3`; `None` if there is none.
    ///
    /// # Errors
    /// When it cannot be seen.
    pub(crate) async fn location_of(&self, dataset: &DatasetRef) -> Result<Option<String>, ApiError> {
        let doing = Doing::new(format!("look at dataset {dataset}"), "bigquery.datasets.get");
        let call = Call::new(Method::Get, self.dataset_url(dataset)).fine(&[404]);
        let found: Result<DatasetBody, Reply> = self.inner.client.read_or(&doing, call).await?;
        match found {
            Ok(body) => Ok(Some(body.location)),
            Err(reply) => absent(&doing, &reply).map(|()| None),
        }
    }

    /// Makes a dataset, in BigQuery's default location (US) without one. One that exists already is fine, wherever
    /// it is.
    ///
    /// # Errors
    /// When it is not there afterwards.
    pub(crate) async fn create_dataset(
        &self,
        dataset: &DatasetRef,
        location: Option<&str>,
    ) -> Result<(), ApiError> {
        let doing = Doing::new(format!("create dataset {dataset}"), "bigquery.datasets.create");
        let mut body = json!({
            "datasetReference": {"projectId": dataset.project, "datasetId": dataset.dataset},
        });
        if let Some(location) = location {
            body["location"] = location.into();
        }
        let call = Call::new(Method::Post, self.url(&dataset.project, "/datasets")).json(&body).fine(&[409]);
        self.inner.client.send(&doing, call).await.map(|_| ())
    }

    /// The table; `None` if there is none, or no such dataset.
    ///
    /// # Errors
    /// When it cannot be seen.
    pub(crate) async fn table(&self, table: &TableRef) -> Result<Option<TableInfo>, ApiError> {
        let doing = Doing::new(format!("look at table {table}"), "bigquery.tables.get");
        let call = Call::new(Method::Get, self.table_url(table)).fine(&[404]);
        let found: Result<TableBody, Reply> = self.inner.client.read_or(&doing, call).await?;
        match found {
            Ok(body) => Ok(Some(body.info())),
            Err(reply) => absent(&doing, &reply).map(|()| None),
        }
    }

    /// The description of a table and its fields as the API has it, to be given back changed; `None` if there is no such
    /// table.
    ///
    /// # Errors
    /// When it cannot be seen.
    pub(crate) async fn description(&self, table: &TableRef) -> Result<Option<Value>, ApiError> {
        let doing = Doing::new(format!("look at table {table}"), "bigquery.tables.get");
        let url = format!("{}?fields=description,schema", self.table_url(table));
        let found: Result<Value, Reply> =
            self.inner.client.read_or(&doing, Call::new(Method::Get, url).fine(&[404])).await?;
        match found {
            Ok(body) => Ok(Some(body)),
            Err(reply) => absent(&doing, &reply).map(|()| None),
        }
    }

    /// Gives a table this description and schema. BigQuery refuses a schema that lacks a column which the table has by then.
    ///
    /// # Errors
    /// When it is not changed.
    pub(crate) async fn describe(&self, table: &TableRef, description: &Value) -> Result<(), ApiError> {
        let doing = Doing::new(format!("describe table {table}"), "bigquery.tables.update");
        let call = Call::new(Method::Patch, self.table_url(table)).json(description);
        self.inner.client.send(&doing, call).await.map(|_| ())
    }

    /// Deletes a table; fine if there is none.
    ///
    /// # Errors
    /// When it cannot be deleted.
    pub(crate) async fn delete_table(&self, table: &TableRef) -> Result<(), ApiError> {
        let doing = Doing::new(format!("delete table {table}"), "bigquery.tables.delete");
        let call = Call::new(Method::Delete, self.table_url(table)).fine(&[404]);
        self.inner.client.send(&doing, call).await.map(|_| ())
    }

    /// Names of all tables and views of a dataset, in order; `None`: there is no such dataset.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(crate) async fn tables(&self, dataset: &DatasetRef) -> Result<Option<Vec<String>>, ApiError> {
        let doing = Doing::new(format!("list the tables of dataset {dataset}"), "bigquery.tables.list");
        self.names(&doing, &format!("{}/tables", self.dataset_url(dataset))).await
    }

    /// Names of all datasets of the project, in order.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(crate) async fn datasets(&self) -> Result<Vec<String>, ApiError> {
        let doing =
            Doing::new(format!("list the datasets of project {}", self.project()), "bigquery.datasets.get");
        Ok(self.names(&doing, &self.url(self.project(), "/datasets")).await?.unwrap_or_default())
    }

    /// `None`: what they are in is not there.
    async fn names(&self, doing: &Doing, url: &str) -> Result<Option<Vec<String>>, ApiError> {
        let mut names = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let parameters = query(&[("maxResults", Some("1000")), ("pageToken", token.as_deref())]);
            let call = Call::new(Method::Get, format!("{url}{parameters}")).fine(&[404]);
            let page: Result<ListPage, Reply> = self.inner.client.read_or(doing, call).await?;
            let page = match page {
                Ok(page) => page,
                Err(reply) => {
                    absent(doing, &reply)?;
                    return Ok(None);
                }
            };
            names.extend(page.tables.into_iter().filter_map(|table| table.reference.table_id));
            names.extend(page.datasets.into_iter().filter_map(|dataset| dataset.reference.dataset_id));
            token = page.next_page_token.filter(|next| !next.is_empty() && Some(next) != token.as_ref());
            if token.is_none() {
                break;
            }
        }
        names.sort();
        Ok(Some(names))
    }

    fn dataset_url(&self, dataset: &DatasetRef) -> String {
        self.url(&dataset.project, &format!("/datasets/{}", segment(&dataset.dataset)))
    }

    pub(super) fn table_url(&self, table: &TableRef) -> String {
        format!("{}/tables/{}", self.dataset_url(&table.dataset_ref()), segment(&table.table))
    }
}

/// A 404 that speaks of a dataset or table means that there is none. One that speaks of the project, or that is not
/// the API's (a wrong `base_url`), must not look like an empty warehouse.
fn absent(doing: &Doing, reply: &Reply) -> Result<(), ApiError> {
    match Said::of(&reply.body) {
        Some(said) if !said.message.contains("Project") => Ok(()),
        said => Err(ApiError::refused(doing, reply.status, said)),
    }
}
