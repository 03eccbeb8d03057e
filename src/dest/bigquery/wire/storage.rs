//! `--staging-bucket`: the load file goes to Cloud Storage first, and the load job reads it there.
//!
//! The object's name is the job's id, so nobody else writes it, and what a killed run has left is found by the names
//! of its jobs ([`Api::sweep_bucket`]).

use serde::Deserialize;

use super::api::{Api, query, segment};
use super::client::Call;
use super::error::{ApiError, Doing};
use super::files::Format;
use super::names::JobId;
use super::reason::Reason;
use super::resumable::Opening;
use super::transport::{Method, Reply};

/// Folder below the user's prefix.
const FOLDER: &str = "ingestr/";

/// A bucket and what comes before the name of each object in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bucket {
    pub(super) name: String,
    /// Empty, or with a slash at its end.
    prefix: String,
}

/// An object to be.
#[derive(Debug)]
pub(super) struct ObjectPlace {
    bucket: String,
    object: String,
    pub(super) doing: Doing,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listing {
    #[serde(default)]
    items: Vec<Item>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    name: String,
}

impl Bucket {
    pub(super) fn parse(text: &str) -> Result<Self, ApiError> {
        let place = text.trim();
        let place = place.strip_prefix("gs://").or_else(|| place.strip_prefix("gcs://"));
        let (name, prefix) = place.map_or(("", ""), |place| place.split_once('/').unwrap_or((place, "")));
        let fits = (3..=222).contains(&name.len())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte));
        if !fits || prefix.chars().any(char::is_control) || prefix.len() > 500 {
            let doing = Doing::new("--staging-bucket".into(), "storage.objects.create");
            return Err(ApiError {
                reason: Reason::Invalid,
                hint: Some("write gs://<bucket> or gs://<bucket>/<prefix>".into()),
                ..ApiError::other(&doing, "it does not name a bucket of Cloud Storage")
            });
        }
        let prefix = prefix.trim_end_matches('/');
        let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
        Ok(Self { name: name.to_owned(), prefix })
    }

    fn url(&self, api: &Api) -> String {
        format!("{}/storage/v1/b/{}/o", api.inner.storage, segment(&self.name))
    }
}

impl ObjectPlace {
    pub(super) fn new(bucket: &str, job: &JobId, format: Format, compress: bool) -> Result<Self, ApiError> {
        let Bucket { name, prefix } = Bucket::parse(bucket)?;
        let end = match (format, compress) {
            (Format::Jsonl, true) => "jsonl.gz",
            (Format::Jsonl, false) => "jsonl",
            (Format::Csv, true) => "csv.gz",
            (Format::Csv, false) => "csv",
            (Format::Parquet, _) => "parquet",
        };
        let object = format!("{prefix}{FOLDER}{job}.{end}");
        let doing = Doing::new(format!("write gs://{name}/{object}"), "storage.objects.create");
        Ok(Self { bucket: name, object, doing })
    }

    pub(super) fn uri(&self) -> String {
        format!("gs://{}/{}", self.bucket, self.object)
    }

    pub(super) fn opening(&self, api: &Api) -> Opening {
        let parameters = query(&[("uploadType", Some("resumable")), ("name", Some(&self.object))]);
        Opening {
            url: format!("{}/upload/storage/v1/b/{}/o{parameters}", api.inner.storage, segment(&self.bucket)),
            body: serde_json::json!({"name": self.object, "contentType": "application/octet-stream"}),
        }
    }
}

impl Api {
    /// Deletes what a load has staged; fine if there is nothing.
    pub(super) async fn delete_object(&self, place: &ObjectPlace) -> Result<(), ApiError> {
        let bucket = Bucket { name: place.bucket.clone(), prefix: String::new() };
        self.delete(&bucket, &place.object).await
    }

    async fn delete(&self, bucket: &Bucket, object: &str) -> Result<(), ApiError> {
        let doing = Doing::new(format!("delete gs://{}/{object}", bucket.name), "storage.objects.delete");
        let call =
            Call::new(Method::Delete, format!("{}/{}", bucket.url(self), segment(object))).fine(&[404]);
        self.inner.client.send(&doing, call).await.map(|_| ())
    }

    /// Deletes what loads whose job ids begin with `jobs` have left in the bucket: those of a run that was killed.
    /// Returns how many objects there were.
    ///
    /// # Errors
    /// When they cannot be listed or deleted.
    pub(crate) async fn sweep_bucket(&self, bucket: &str, jobs: &str) -> Result<u64, ApiError> {
        let bucket = Bucket::parse(bucket)?;
        let doing = Doing::new(format!("list gs://{}", bucket.name), "storage.objects.list");
        let prefix = format!("{}{FOLDER}{jobs}", bucket.prefix);
        let mut swept = 0;
        let mut token: Option<String> = None;
        loop {
            let parameters = query(&[
                ("prefix", Some(&prefix)),
                ("fields", Some("items(name),nextPageToken")),
                ("pageToken", token.as_deref()),
            ]);
            let call = Call::new(Method::Get, format!("{}{parameters}", bucket.url(self)));
            let page: Result<Listing, Reply> = self.inner.client.read_or(&doing, call).await?;
            let Ok(page) = page else { return Ok(swept) };
            for item in page.items.iter().filter(|item| item.name.starts_with(&prefix)) {
                self.delete(&bucket, &item.name).await?;
                swept += 1;
            }
            token = page.next_page_token.filter(|next| !next.is_empty() && Some(next) != token.as_ref());
            if token.is_none() {
                return Ok(swept);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_with_and_without_a_prefix() {
        for (text, object) in [
            ("gs://shop-staging", "gs://shop-staging/ingestr/job-1.parquet"),
            ("gs://shop-staging/", "gs://shop-staging/ingestr/job-1.parquet"),
            ("gs://shop-staging/a/b/", "gs://shop-staging/a/b/ingestr/job-1.parquet"),
        ] {
            let job = JobId::new("job-1").unwrap();
            assert_eq!(ObjectPlace::new(text, &job, Format::Parquet, true).unwrap().uri(), object);
        }
        for text in ["", "shop-staging", "s3://shop-staging", "gs://", "gs://UPPER", "gs://a b"] {
            let error = Bucket::parse(text).unwrap_err();
            assert_eq!(
                error.to_string(),
                "--staging-bucket: it does not name a bucket of Cloud Storage",
                "{text}"
            );
        }
    }
}
