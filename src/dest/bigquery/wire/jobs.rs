//! Jobs: submitted under an id of the caller's, found again, waited for; and query jobs among them.
//!
//! An id stands for a piece of work. The n-th attempt at it has the id with `-again` and `n` behind it. A failed job has done
//! nothing (queries that change something are single statements or transactions), so whoever finds one under the id
//! may try again; one that succeeded is never done twice.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value as Json, json};

use super::client::Call;
use super::error::{self, Doing, Said};
use super::transport::{Method, Reply};
use super::{Api, ApiError, JobId, query, segment};
use crate::schema::Micros;

/// Attempts of this process at one piece of work.
const ATTEMPTS: u32 = 4;
/// Failed attempts of others that are passed over.
const FOUND: u32 = 50;
/// Between two looks at a job: from the first to the second.
const POLL: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));
/// Before the next attempt at a job that failed for a reason that may pass; doubled each time.
pub(super) const PAUSE: Duration = Duration::from_secs(5);

/// A value of a named parameter.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Bool(Option<bool>),
    Int64(Option<i64>),
    Float64(Option<f64>),
    Text(Option<String>),
    Timestamp(Option<Micros>),
    /// `ARRAY<INT64>`.
    Int64s(Vec<i64>),
    /// `ARRAY<STRING>`; it can hold no NULL.
    Texts(Vec<String>),
}

/// A named parameter: `@name` in the query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) value: Value,
}

/// Rows that a statement wrote.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Affected {
    pub(crate) inserted: u64,
    pub(crate) updated: u64,
    pub(crate) deleted: u64,
}

/// A statement of a script, as its own job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Child {
    /// `SELECT`, `MERGE`, `INSERT`, `BEGIN_TRANSACTION`, …; an emulator may not tell.
    pub(crate) statement: String,
    pub(crate) affected: Affected,
}

/// What a query, or the last statement of a script, gave: a script should end with the SELECT whose rows are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct QueryOutcome {
    /// Names of the columns.
    pub(crate) columns: Vec<String>,
    /// The rows: cells as text, `None` for NULL. Integers are decimal, booleans `true` and `false`, timestamps
    /// microseconds since 1970 (whatever form the server sent them in), arrays JSON.
    pub(crate) rows: Vec<Vec<Option<String>>>,
    /// Rows written, of a single DML statement.
    pub(crate) affected: Affected,
    /// Bytes that are billed, if the server tells.
    pub(crate) bytes_billed: Option<u64>,
}

/// A job as the API describes it.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Job {
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
    creation_time: Option<String>,
    query: Option<QueryStatistics>,
    load: Option<LoadStatistics>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct QueryStatistics {
    statement_type: Option<String>,
    dml_stats: Option<Dml>,
    total_bytes_billed: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Dml {
    inserted_row_count: Option<String>,
    updated_row_count: Option<String>,
    deleted_row_count: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LoadStatistics {
    output_rows: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JobList {
    #[serde(default)]
    jobs: Vec<Job>,
    next_page_token: Option<String>,
}

impl Job {
    /// How it ended; `None`: it has not yet.
    pub(super) fn end(&self) -> Option<Result<(), &Said>> {
        (self.status.state == "DONE").then(|| self.status.error_result.as_ref().map_or(Ok(()), Err))
    }

    /// Rows that a load job has written.
    pub(super) fn loaded(&self) -> Option<u64> {
        number(self.statistics.load.as_ref()?.output_rows.as_deref())
    }

    fn affected(&self) -> Affected {
        let dml =
            self.statistics.query.as_ref().and_then(|query| query.dml_stats.clone()).unwrap_or_default();
        let count = |text: Option<String>| number(text.as_deref()).unwrap_or_default();
        Affected {
            inserted: count(dml.inserted_row_count),
            updated: count(dml.updated_row_count),
            deleted: count(dml.deleted_row_count),
        }
    }
}

fn number(text: Option<&str>) -> Option<u64> {
    text?.parse().ok()
}

/// How a submission ended.
pub(super) enum Submitted {
    /// The job is there, made now or a moment ago: the answer to its first submission was lost.
    Ours(Job),
    /// A job of that id was there. It may be an older one.
    Found(Job),
}

impl Api {
    /// Runs a query or a script to its end and reads all rows. If a job of this id has succeeded already, its
    /// outcome is what is returned and nothing is run; one that still runs is waited for. A job that failed for a
    /// reason that may pass is tried again.
    ///
    /// # Errors
    /// When it failed for good. After a transaction conflict ([`ApiError::is_conflict`]) the same call may be made
    /// again; what was read before the query has to be read again first.
    pub(crate) async fn query(
        &self,
        job: &JobId,
        sql: &str,
        params: &[Param],
    ) -> Result<QueryOutcome, ApiError> {
        let doing = Doing::new(format!("run query job {job}"), "bigquery.jobs.create").unsure();
        let configuration = json!({
            "query": {
                "query": sql,
                "useLegacySql": false,
                "parameterMode": "NAMED",
                "queryParameters": params.iter().map(Param::body).collect::<Vec<_>>(),
            },
            "labels": {"tool": "ingestr"},
        });
        let done = self.work(&doing, job, &configuration).await?;
        let (columns, rows) = self.results(&doing, &done.job_reference.job_id).await?;
        let billed =
            done.statistics.query.as_ref().and_then(|query| number(query.total_bytes_billed.as_deref()));
        Ok(QueryOutcome { columns, rows, affected: done.affected(), bytes_billed: billed })
    }

    /// The statements of a script that has run, in their order.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub(crate) async fn children(&self, job: &JobId) -> Result<Vec<Child>, ApiError> {
        let doing = Doing::new(format!("list the statements of job {job}"), "bigquery.jobs.list");
        let Some(parent) = self.success(&doing, job).await? else { return Ok(Vec::new()) };
        let mut jobs: Vec<Job> = Vec::new();
        let mut token: Option<String> = None;
        loop {
            let parameters = query(&[
                ("parentJobId", Some(&parent.job_reference.job_id)),
                ("projection", Some("full")),
                ("maxResults", Some("1000")),
                ("pageToken", token.as_deref()),
            ]);
            let url = self.url(self.project(), &format!("/jobs{parameters}"));
            let page: JobList = self.inner.client.read(&doing, Call::new(Method::Get, url)).await?;
            jobs.extend(page.jobs);
            token = page.next_page_token.filter(|next| !next.is_empty() && Some(next) != token.as_ref());
            if token.is_none() {
                break;
            }
        }
        // Newest first, as all jobs are listed.
        jobs.reverse();
        jobs.sort_by_key(|job| number(job.statistics.creation_time.as_deref()));
        let statement =
            |job: &Job| job.statistics.query.as_ref().and_then(|query| query.statement_type.clone());
        Ok(jobs
            .iter()
            .map(|job| Child { statement: statement(job).unwrap_or_default(), affected: job.affected() })
            .collect())
    }

    /// Whether a job of this id (any attempt at it) has succeeded; `None`: there is none. Waits for one that still
    /// runs. For a commit of which nobody heard: `Some(true)` means that it happened.
    ///
    /// # Errors
    /// When nobody can tell.
    pub(crate) async fn outcome(&self, job: &JobId) -> Result<Option<bool>, ApiError> {
        let doing = Doing::new(format!("look at job {job}"), "bigquery.jobs.get");
        if self.look(&doing, &job.attempt(1)).await?.is_none() {
            return Ok(None);
        }
        Ok(Some(self.success(&doing, job).await?.is_some()))
    }

    /// The attempt that has succeeded, if one has.
    async fn success(&self, doing: &Doing, job: &JobId) -> Result<Option<Job>, ApiError> {
        for number in 1..=FOUND {
            let Some(found) = self.look(doing, &job.attempt(number)).await? else { return Ok(None) };
            let done = self.wait(doing, found).await?;
            if matches!(done.end(), Some(Ok(()))) {
                return Ok(Some(done));
            }
        }
        Ok(None)
    }

    /// Does a piece of work that needs no upload, in as many attempts as make sense.
    pub(super) async fn work(
        &self,
        doing: &Doing,
        job: &JobId,
        configuration: &Json,
    ) -> Result<Job, ApiError> {
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
        let submitted: Result<Job, Reply> = self.inner.client.read_or(doing, call).await?;
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
    pub(super) async fn look(&self, doing: &Doing, id: &str) -> Result<Option<Job>, ApiError> {
        let parameters = query(&[("location", self.location())]);
        let url = self.url(self.project(), &format!("/jobs/{}{parameters}", segment(id)));
        let found: Result<Job, Reply> =
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
    pub(super) async fn wait(&self, doing: &Doing, mut job: Job) -> Result<Job, ApiError> {
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
        let scalar = |kind: &str, value: Option<String>| json!({"name": self.name, "parameterType": {"type": kind}, "parameterValue": {"value": value}});
        let array = |kind: &str, values: Vec<Json>| {
            let kind = json!({"type": "ARRAY", "arrayType": {"type": kind}});
            json!({"name": self.name, "parameterType": kind, "parameterValue": {"arrayValues": values}})
        };
        match &self.value {
            Value::Bool(value) => scalar("BOOL", value.map(|value| value.to_string())),
            Value::Int64(value) => scalar("INT64", value.map(|value| value.to_string())),
            Value::Float64(value) => scalar("FLOAT64", value.map(|value| value.to_string())),
            Value::Text(value) => scalar("STRING", value.clone()),
            Value::Timestamp(value) => scalar("TIMESTAMP", value.map(|value| value.to_string())),
            Value::Int64s(values) => {
                array("INT64", values.iter().map(|value| json!({"value": value.to_string()})).collect())
            }
            Value::Texts(values) => {
                array("STRING", values.iter().map(|value| json!({"value": value})).collect())
            }
        }
    }
}
