//! A load job whose file is made and sent while rows arrive.
//!
//! JSON columns travel as text and must be `STRING` in the table that is loaded ([`staged_type`]); the merge turns
//! them into JSON with `PARSE_JSON(column, wide_number_mode => 'round')`. Loading a `JSON` column directly is documented
//! for CSV, Avro and JSON lines only, not for Parquet, and a number that no INT64, UINT64 or FLOAT64 holds would fail
//! the whole job; the text passes, and SQL decides.
//!
//! At most one chunk is kept, beside what the encoder holds. A file of one chunk, which is most of them, can be sent
//! again whatever happens to its session or job; of a longer one only the chunk on its way can.

use arrow_array::RecordBatch;
use arrow_schema::ArrowError;
use bytes::Bytes;
use serde_json::{Value as Json, json};

use super::api::{Api, query, segment};
use super::error::ApiError;
use super::error::{self, Doing};
use super::files::{CSV_NULL, Encoder, Format};
use super::jobs::JobBody;
use super::names::{JobId, TableRef};
use super::resumable::{Opening, Resumable, Sent};
use super::schema::type_name;
use super::storage::ObjectPlace;
use crate::model::{Column, LogicalType};
use crate::words::count;

/// Rows that are encoded before it is looked whether a chunk is full.
const ROWS: usize = 1_000;
/// Attempts at the job of a file that can be sent again.
const ATTEMPTS: u32 = 4;

/// A load job.
#[derive(Debug, Clone)]
pub(crate) struct LoadSpec {
    /// The same id means the same rows.
    pub(crate) job: JobId,
    /// The table, which must exist.
    pub(crate) into: TableRef,
    /// Columns of the file: exactly the table's ([`staged_type`]), in its order.
    pub(crate) columns: Vec<Column>,
    pub(crate) format: Format,
    /// `gs://bucket[/prefix]`: by way of Cloud Storage.
    pub(crate) staging_bucket: Option<String>,
}

/// Rows on their way into a table. Dropping it loads nothing.
#[derive(Debug)]
pub(crate) struct Upload {
    api: Api,
    doing: Doing,
    spec: LoadSpec,
    encoder: Encoder,
    rows: u64,
    pub(super) resumable: Resumable,
    /// Where the file goes first.
    place: Option<ObjectPlace>,
    /// Which attempt at the job this is, from 1.
    attempt: u32,
    /// The job, if it was there already: nothing needs to be sent.
    found: Option<JobBody>,
}

/// The type that a column of a load file has in its table: JSON is loaded as text.
pub(crate) fn staged_type(logical: LogicalType) -> LogicalType {
    if logical == LogicalType::Json { LogicalType::Text } else { logical }
}

impl Api {
    /// Starts a load. Sends nothing until a chunk of 8 MiB is full or [`Upload::finish`] is called.
    ///
    /// # Errors
    /// When the staging bucket is not the name of one, or the columns cannot be written in this format.
    pub(crate) fn load(&self, spec: LoadSpec) -> Result<Upload, ApiError> {
        let doing = Doing::new(format!("load table {}", spec.into), "bigquery.jobs.create").unsure();
        let compress = self.inner.compress;
        let encoder =
            Encoder::new(spec.format, spec.columns.clone(), compress).map_err(|e| unfit(&doing, &e))?;
        let place = match &spec.staging_bucket {
            Some(bucket) => Some(ObjectPlace::new(bucket, &spec.job, spec.format, compress)?),
            None => None,
        };
        let opening = match &place {
            Some(place) => place.opening(self),
            None => self.opening(&spec, 1),
        };
        let resumable = Resumable::new(opening);
        Ok(Upload {
            api: self.clone(),
            doing,
            spec,
            encoder,
            rows: 0,
            resumable,
            place,
            attempt: 1,
            found: None,
        })
    }

    fn opening(&self, spec: &LoadSpec, attempt: u32) -> Opening {
        let parameters = query(&[("uploadType", Some("resumable"))]);
        let project = segment(self.project());
        Opening {
            url: format!("{}/upload/bigquery/v2/projects/{project}/jobs{parameters}", self.inner.base),
            body: self.job_body(&spec.job.attempt(attempt), &spec.configuration(&[])),
        }
    }
}

impl LoadSpec {
    fn configuration(&self, sources: &[String]) -> Json {
        let field = |column: &Column| {
            let kind = type_name(staged_type(column.logical));
            json!({"name": column.name, "type": kind, "mode": "NULLABLE"})
        };
        let fields: Vec<Json> = self.columns.iter().map(field).collect();
        let mut load = json!({
            "destinationTable": {
                "projectId": self.into.project, "datasetId": self.into.dataset, "tableId": self.into.table,
            },
            "schema": {"fields": fields},
            "createDisposition": "CREATE_NEVER",
            // A staging table is one commit's: rows in it would be another's.
            "writeDisposition": "WRITE_EMPTY",
            "sourceFormat": match self.format {
                Format::Jsonl => "NEWLINE_DELIMITED_JSON",
                Format::Parquet => "PARQUET",
                Format::Csv => "CSV",
            },
            "maxBadRecords": 0,
        });
        if self.format == Format::Csv {
            load["nullMarker"] = CSV_NULL.into();
            load["allowQuotedNewlines"] = true.into();
            // Without it, BigQuery refuses texts with such characters.
            load["preserveAsciiControlCharacters"] = true.into();
        }
        if self.format != Format::Parquet {
            load["encoding"] = "UTF-8".into();
        }
        if !sources.is_empty() {
            load["sourceUris"] = sources.into();
        }
        json!({"load": load, "labels": {"tool": "ingestr"}})
    }
}

fn unfit(doing: &Doing, error: &ArrowError) -> ApiError {
    ApiError::other(doing, format!("the rows cannot be written into a load file: {error}"))
}

impl Upload {
    /// Appends rows; sends a chunk if one is full. Columns of [`LoadSpec::columns`] that the batch lacks become NULL.
    ///
    /// # Errors
    /// When the batch does not fit, or the upload has failed for good.
    pub(crate) async fn write(&mut self, batch: &RecordBatch) -> Result<(), ApiError> {
        for from in (0..batch.num_rows()).step_by(ROWS) {
            let part = batch.slice(from, ROWS.min(batch.num_rows() - from));
            self.encoder.write(&part).map_err(|e| unfit(&self.doing, &e))?;
            self.rows += part.num_rows() as u64;
            let size = self.api.inner.chunk;
            while self.encoder.ready().len() > size {
                let ready = self.encoder.ready();
                // A copy, so that the encoder keeps its buffer and a chunk no more than its own bytes: cut in two, the
                // buffer of a row group would be there twice.
                let chunk = Bytes::copy_from_slice(&ready[..size]);
                ready.drain(..size);
                self.send(&chunk).await?;
            }
        }
        Ok(())
    }

    /// Sends a chunk that is not the last.
    async fn send(&mut self, chunk: &Bytes) -> Result<(), ApiError> {
        loop {
            if self.found.is_some() {
                return Ok(());
            }
            match self.resumable.send(&self.api, &self.doing, chunk, false).await? {
                Sent::More | Sent::Done(_) => return Ok(()),
                Sent::Gone => return Err(gone(&self.doing)),
                Sent::Exists => self.found().await?,
            }
        }
    }

    /// A job of this id is there. One that has failed is passed over.
    async fn found(&mut self) -> Result<(), ApiError> {
        let id = self.spec.job.attempt(self.attempt);
        let Some(job) = self.api.look(&self.doing, &id).await? else {
            return Err(ApiError::other(
                &self.doing,
                format!("BigQuery neither takes the job {id} nor shows it"),
            ));
        };
        let job = self.api.wait(&self.doing, job).await?;
        if matches!(job.end(), Some(Ok(()))) {
            self.found = Some(job);
        } else if self.resumable.sent() == 0 {
            self.next_attempt();
        } else {
            return Err(gone(&self.doing));
        }
        Ok(())
    }

    fn next_attempt(&mut self) {
        self.attempt += 1;
        self.resumable.restart(self.api.opening(&self.spec, self.attempt));
    }

    /// Sends the rest, and waits until the rows are in the table, all of them. Without any rows nothing is sent.
    ///
    /// # Errors
    /// When the rows are not in the table. If it is not known whether they are, [`ApiError::is_unknown`].
    pub(crate) async fn finish(mut self) -> Result<(), ApiError> {
        if self.rows == 0 {
            return Ok(());
        }
        let empty = Encoder::new(Format::Jsonl, Vec::new(), false).map_err(|e| unfit(&self.doing, &e))?;
        let encoder = std::mem::replace(&mut self.encoder, empty);
        let mut last = Bytes::from(encoder.finish().map_err(|e| unfit(&self.doing, &e))?);
        while last.len() > self.api.inner.chunk {
            let chunk = last.split_to(self.api.inner.chunk);
            self.send(&chunk).await?;
        }
        let job = match self.place.take() {
            Some(place) => self.by_storage(&place, &last).await?,
            None => self.by_upload(&last).await?,
        };
        match job.loaded() {
            Some(rows) if rows != self.rows => {
                let (wrote, sent) = (count(rows, "row"), self.rows);
                let message = format!("the load job says that it wrote {wrote}, and {sent} were sent");
                Err(ApiError::other(&self.doing, message))
            }
            _ => Ok(()),
        }
    }

    async fn by_upload(&mut self, last: &Bytes) -> Result<JobBody, ApiError> {
        let mut own = 0;
        loop {
            let job = match self.landed(last).await? {
                Some(job) => self.api.wait(&self.doing, job).await?,
                None => continue,
            };
            let said = match job.end() {
                Some(Err(said)) => said.clone(),
                _ => return Ok(job),
            };
            own += 1;
            if !error::passes(&said) || self.resumable.sent() > 0 || own >= ATTEMPTS {
                return Err(ApiError { attempts: own, ..ApiError::job(&self.doing, &said) });
            }
            tokio::time::sleep(super::jobs::PAUSE * (1 << own.min(6))).await;
            self.next_attempt();
        }
    }

    /// Sends the last chunk and finds the job, whatever became of the answer. `None`: it has to be sent again.
    async fn landed(&mut self, last: &Bytes) -> Result<Option<JobBody>, ApiError> {
        if let Some(job) = self.found.take() {
            return Ok(Some(job));
        }
        let id = self.spec.job.attempt(self.attempt);
        match self.resumable.send(&self.api, &self.doing, last, true).await {
            Ok(Sent::Done(reply)) => match serde_json::from_slice(&reply.body) {
                Ok(job) => Ok(Some(job)),
                Err(_) => self.looked_up(&id, None).await,
            },
            Ok(Sent::Exists) => {
                self.found().await?;
                Ok(self.found.take())
            }
            Ok(Sent::Gone | Sent::More) => self.looked_up(&id, None).await,
            Err(error) if error.is_unknown() || error.status >= 500 => self.looked_up(&id, Some(error)).await,
            Err(error) => Err(error),
        }
    }

    /// The job whose answer was lost, with its session or without. `None`: the file has to be sent again.
    async fn looked_up(&mut self, id: &str, error: Option<ApiError>) -> Result<Option<JobBody>, ApiError> {
        match self.api.look(&self.doing, id).await? {
            Some(job) => Ok(Some(job)),
            None => match error {
                Some(error) => Err(error),
                None if self.resumable.sent() == 0 && self.attempt < ATTEMPTS => {
                    self.next_attempt();
                    Ok(None)
                }
                None => Err(gone(&self.doing)),
            },
        }
    }

    async fn by_storage(&mut self, place: &ObjectPlace, last: &Bytes) -> Result<JobBody, ApiError> {
        let job = self.store_and_load(place, last).await;
        // After a failure, too. If it cannot be deleted now, the next run's sweep finds it.
        let _ = self.api.delete_object(place).await;
        job
    }

    async fn store_and_load(&mut self, place: &ObjectPlace, last: &Bytes) -> Result<JobBody, ApiError> {
        loop {
            match self.resumable.send(&self.api, &place.doing, last, true).await? {
                Sent::Done(_) => break,
                Sent::Gone if self.resumable.sent() == 0 && self.attempt < ATTEMPTS => {
                    self.attempt += 1;
                    self.resumable.restart(place.opening(&self.api));
                }
                Sent::Gone | Sent::More | Sent::Exists => return Err(gone(&place.doing)),
            }
        }
        let configuration = self.spec.configuration(&[place.uri()]);
        self.api.work(&self.doing, &self.spec.job, &configuration).await
    }
}

fn gone(doing: &Doing) -> ApiError {
    let message = "the upload was lost on the way, and what was sent is not kept here";
    let hint = "run the command again; it goes on from the last commit".into();
    ApiError { hint: Some(hint), ..ApiError::other(doing, message) }
}
