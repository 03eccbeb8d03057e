//! Jobs: submitted under an id of the caller's, found again, waited for; and query jobs among them.
//!
//! An id stands for a piece of work. The n-th attempt at it has the id with `-again` and `n` behind it. A failed job has done
//! nothing (queries that change something are single statements or transactions), so whoever finds one under the id
//! may try again; one that succeeded is never done twice.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::api::{Api, query, segment};
use super::client::Call;
use super::error::ApiError;
use super::error::{self, Doing, Said};
use super::names::JobId;
use super::transport::{Method, Reply};
use crate::dest::TextRow;
use crate::dest::sql::trace::{self, Quotes};

/// Attempts of this process at one piece of work.
const ATTEMPTS: u32 = 4;
/// Failed attempts of others that are passed over.
const FOUND: u32 = 50;
/// Between two looks at a job: from the first to the second.
const POLL: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// Before the next attempt at a job that failed for a reason that may pass; doubled each time.
pub(super) const PAUSE: Duration = Duration::from_secs(5);

/// A named parameter, a text: `@name` in the query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// A job as the API describes it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct JobBody {
    #[serde(default)]
    job_reference: JobReference,
    #[serde(default)]
    status: Status,
    #[serde(default)]
    statistics: Statistics,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobReference {
    #[serde(default)]
    job_id: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    #[serde(default)]
    state: String,
    error_result: Option<Said>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statistics {
    load: Option<LoadStatistics>,
    /// A number, as text.
    total_bytes_processed: Option<String>,
    query: Option<QueryStatistics>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryStatistics {
    /// What a number of bytes is worth: `PRECISE`, a bound, or `UNKNOWN`. Of dry runs only.
    total_bytes_processed_accuracy: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoadStatistics {
    output_rows: Option<String>,
}

impl JobBody {
    /// How it ended; `None`: it has not yet.
    pub(super) fn end(&self) -> Option<Result<(), &Said>> {
        (self.status.state == "DONE").then(|| self.status.error_result.as_ref().map_or(Ok(()), Err))
    }

    /// Rows that a load job has written.
    pub(super) fn loaded(&self) -> Option<u64> {
        self.statistics.load.as_ref()?.output_rows.as_deref()?.parse().ok()
    }

    /// Bytes that a query would read, of a dry run; `None`: that is not told. Emulators say 0 whatever it is.
    pub(super) fn bytes(&self) -> Option<u64> {
        let told = self.statistics.total_bytes_processed.as_deref()?.parse().ok()?;
        let query = self.statistics.query.as_ref();
        match query.and_then(|query| query.total_bytes_processed_accuracy.as_deref()) {
            Some("UNKNOWN") => None,
            None => Some(told).filter(|told| *told > 0),
            Some(_) => Some(told),
        }
    }
}

/// How a submission ended.
pub(super) enum Submitted {
    /// The job is there, made now or a moment ago: the answer to its first submission was lost.
    Ours(JobBody),
    /// A job of that id was there. It may be an older one.
    Found(JobBody),
}

impl Api {
    /// Runs a query or a script to its end and reads all rows, of a script those of its last statement: cells as text, `None`
    /// for NULL. Integers are decimal, booleans `true` and `false`, timestamps microseconds since 1970 (whatever form the
    /// server sent them in), arrays JSON. If a job of this id has succeeded already, its rows are what is returned and
    /// nothing is run; one that still runs is waited for. A job that failed for a reason that may pass is tried again.
    ///
    /// # Errors
    /// When it failed for good. After a transaction conflict ([`ApiError::is_conflict`]) the same call may be made
    /// again; what was read before the query has to be read again first.
    pub(crate) async fn query(
        &self,
        job: &JobId,
        sql: &str,
        params: &[Param],
    ) -> Result<Vec<TextRow>, ApiError> {
        let configuration = json!({
            "query": sql,
            "useLegacySql": false,
            "parameterMode": "NAMED",
            "queryParameters": params.iter().map(Param::body).collect::<Vec<_>>(),
        });
        self.run(job, sql, configuration).await
    }

    /// The same of a query without parameters, which BigQuery refuses if it would be paid for more than so many bytes.
    ///
    /// # Errors
    /// As those of [`Self::query`].
    pub(crate) async fn select(
        &self,
        job: &JobId,
        sql: &str,
        most_bytes: Option<u64>,
    ) -> Result<Vec<TextRow>, ApiError> {
        let mut configuration = json!({"query": sql, "useLegacySql": false});
        if let Some(most) = most_bytes {
            configuration["maximumBytesBilled"] = most.to_string().into();
        }
        self.run(job, sql, configuration).await
    }

    async fn run(&self, job: &JobId, sql: &str, query: Json) -> Result<Vec<TextRow>, ApiError> {
        let doing = Doing::new(format!("run query job {job}"), "bigquery.jobs.create").unsure();
        let configuration = json!({"query": query, "labels": {"tool": "ingestr"}});
        let began = trace::begin();
        let done = self.work(&doing, job, &configuration).await;
        trace::end(sql, Quotes::Escaped, began);
        let done = done?;
        self.results(&doing, &done.job_reference.job_id).await
    }

    /// How many bytes a query would read, without running it, which costs nothing; `None`: that is not told.
    ///
    /// # Errors
    /// When the credentials may not run it, or it is not right.
    pub(crate) async fn bytes(&self, job: &JobId, sql: &str) -> Result<Option<u64>, ApiError> {
        let doing = Doing::new("ask what the query would read".into(), "bigquery.jobs.create");
        let call = self.dry_run(job, sql);
        let looked_at: JobBody = self.inner.client.read(&doing, call).await?;
        match looked_at.end() {
            Some(Err(said)) => Err(ApiError::job(&doing, said)),
            _ => Ok(looked_at.bytes()),
        }
    }

    /// What has a statement looked at without being run.
    pub(super) fn dry_run(&self, job: &JobId, sql: &str) -> Call {
        let configuration = json!({"dryRun": true, "query": {"query": sql, "useLegacySql": false}});
        let body = self.job_body(&job.attempt(1), &configuration);
        Call::new(Method::Post, self.url(self.project(), "/jobs")).json(&body)
    }

    /// Does a piece of work that needs no upload, in as many attempts as make sense.
    pub(super) async fn work(
        &self,
        doing: &Doing,
        job: &JobId,
        configuration: &Json,
    ) -> Result<JobBody, ApiError> {
        let (mut number, mut own) = (0, 0);
        loop {
            number += 1;
            let id = job.attempt(number);
            let (submitted, ours) = match self.submit(doing, &id, configuration).await? {
                Submitted::Ours(submitted) => (submitted, true),
                Submitted::Found(found) => (found, false),
            };
            let done = self.wait(doing, submitted).await?;
            let said = match done.end() {
                Some(Err(said)) => said.clone(),
                _ => return Ok(done),
            };
            if !ours && number < FOUND {
                continue;
            }
            own += 1;
            if !error::passes(&said) || own >= ATTEMPTS {
                return Err(ApiError { attempts: own, ..ApiError::job(doing, &said) });
            }
            tokio::time::sleep(PAUSE * (1 << own.min(6))).await;
        }
    }

    async fn submit(&self, doing: &Doing, id: &str, configuration: &Json) -> Result<Submitted, ApiError> {
        let body = self.job_body(id, configuration);
        let call = Call::new(Method::Post, self.url(self.project(), "/jobs")).json(&body).fine(&[409]);
        let submitted: Result<JobBody, Reply> = self.inner.client.read_or(doing, call).await?;
        match submitted {
            Ok(job) => Ok(Submitted::Ours(job)),
            Err(reply) => match self.look(doing, id).await? {
                Some(job) => Ok(Submitted::Found(job)),
                None => Err(ApiError::refused(doing, reply.status, Said::of(&reply.body))),
            },
        }
    }

    pub(super) fn job_body(&self, id: &str, configuration: &Json) -> Json {
        let mut reference = json!({"projectId": self.project(), "jobId": id});
        if let Some(location) = self.location() {
            reference["location"] = location.into();
        }
        json!({"jobReference": reference, "configuration": configuration})
    }

    /// The job; `None` if there is none.
    pub(super) async fn look(&self, doing: &Doing, id: &str) -> Result<Option<JobBody>, ApiError> {
        let parameters = query(&[("location", self.location())]);
        let url = self.url(self.project(), &format!("/jobs/{}{parameters}", segment(id)));
        let found: Result<JobBody, Reply> =
            self.inner.client.read_or(doing, Call::new(Method::Get, url).fine(&[404])).await?;
        match found {
            Ok(job) => Ok(Some(job)),
            Err(reply) => match Said::of(&reply.body) {
                Some(said) if said.message.to_ascii_lowercase().contains("job") => Ok(None),
                said => Err(ApiError::refused(doing, reply.status, said)),
            },
        }
    }

    /// Waits until a job is done, however it ends.
    pub(super) async fn wait(&self, doing: &Doing, mut job: JobBody) -> Result<JobBody, ApiError> {
        let mut pause = POLL.0;
        while job.end().is_none() {
            tokio::time::sleep(pause).await;
            pause = (pause * 3 / 2).min(POLL.1);
            let id = job.job_reference.job_id.clone();
            job = match self.look(doing, &id).await? {
                Some(job) => job,
                None => {
                    return Err(ApiError::unknown(
                        doing,
                        format!("BigQuery does not know the job {id} any more"),
                    ));
                }
            };
        }
        Ok(job)
    }
}

impl Param {
    fn body(&self) -> Json {
        json!({"name": self.name, "parameterType": {"type": "STRING"}, "parameterValue": {"value": self.value}})
    }
}
