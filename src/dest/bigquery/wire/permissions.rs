//! What these credentials may do, asked before anything is read or written.
//!
//! No answer is a promise: of `testIamPermissions` the documentation says that it may "fail open", and of dry runs not
//! what they look at. So only a clear no counts; whatever else comes back is left to the first real call.
//! <https://cloud.google.com/bigquery/docs/reference/rest/v2/tables/testIamPermissions>,
//! <https://cloud.google.com/storage/docs/json_api/v1/buckets/testIamPermissions>

use serde::Deserialize;
use serde_json::json;

use super::api::{Api, segment};
use super::client::Call;
use super::error::{ApiError, Doing};
use super::names::{JobId, TableRef};
use super::reason::Reason;
use super::storage::Bucket;
use super::transport::Method;

/// What a table that was just looked at certainly allows: an answer without it says nothing.
const SEEN: &str = "bigquery.tables.get";
/// What a load by way of a bucket needs.
const OBJECTS: [&str; 3] = ["storage.objects.create", "storage.objects.get", "storage.objects.delete"];

#[derive(Deserialize)]
struct Granted {
    #[serde(default)]
    permissions: Vec<String>,
}

impl Granted {
    fn check(&self, doing: &str, wanted: &[&'static str]) -> Result<(), ApiError> {
        let lacking = |permission: &&&'static str| !self.permissions.iter().any(|have| have == **permission);
        match wanted.iter().find(lacking) {
            Some(permission) => Err(ApiError::missing(&Doing::new(doing.to_owned(), permission))),
            None => Ok(()),
        }
    }
}

impl Api {
    /// Whether a table that was just looked at allows all of `wanted`, with what its dataset and project grant.
    ///
    /// # Errors
    /// [`Reason::Permission`] that names the first one it does not.
    pub(crate) async fn allows(&self, table: &TableRef, wanted: &[&'static str]) -> Result<(), ApiError> {
        let text = format!("write to table {table}");
        let doing = Doing::new(text.clone(), SEEN);
        let asked: Vec<&str> = wanted.iter().copied().chain([SEEN]).collect();
        let call = Call::new(Method::Post, format!("{}:testIamPermissions", self.table_url(table)))
            .json(&json!({"permissions": asked}));
        match self.inner.client.read::<Granted>(&doing, call).await {
            Ok(granted) if granted.permissions.iter().any(|have| have == SEEN) => {
                granted.check(&text, wanted)
            }
            _ => Ok(()),
        }
    }

    /// Whether load files can be put into the bucket of a `--staging-bucket`, loaded and removed.
    ///
    /// # Errors
    /// When there is no such bucket, or a permission is missing.
    pub(crate) async fn bucket_allows(&self, bucket: &str) -> Result<(), ApiError> {
        let Bucket { name, .. } = Bucket::parse(bucket)?;
        let text = format!("write to gs://{name}");
        let doing = Doing::new(text.clone(), OBJECTS[0]);
        let asked = OBJECTS.map(|permission| format!("permissions={permission}")).join("&");
        let url =
            format!("{}/storage/v1/b/{}/iam/testPermissions?{asked}", self.inner.storage, segment(&name));
        match self.inner.client.read::<Granted>(&doing, Call::new(Method::Get, url)).await {
            Ok(granted) => granted.check(&text, &OBJECTS),
            Err(error) if error.reason == Reason::NotFound => {
                let hint =
                    "check the name in --staging-bucket, or make the bucket: it is not made here".into();
                Err(ApiError { hint: Some(hint), ..error })
            }
            Err(_) => Ok(()),
        }
    }

    /// Has a statement looked at by BigQuery without running it, which costs nothing.
    ///
    /// # Errors
    /// When the credentials may not run it, or the project has no billing.
    pub(crate) async fn would_run(&self, job: &JobId, sql: &str) -> Result<(), ApiError> {
        let doing = Doing::new("see whether staging tables can be made".into(), "bigquery.jobs.create");
        match self.inner.client.send(&doing, self.dry_run(job, sql)).await {
            Err(error) if matches!(error.reason, Reason::Permission | Reason::Billing) => Err(error),
            _ => Ok(()),
        }
    }
}
