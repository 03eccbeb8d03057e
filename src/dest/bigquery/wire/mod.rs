//! BigQuery's REST API, as far as a load needs it: datasets, tables, query jobs and load jobs.
//!
//! Thin on purpose: requests and answers, retries of what may pass, and typed errors. No SQL is made here, and nothing
//! is decided about tables. All queries go through `jobs.insert` and `jobs.get`: a job has an id that the caller
//! chooses, so a submission whose answer was lost is found again instead of being done twice. (`jobs.query` would save
//! a round trip, and has no such id.)
//!
//! | room | what |
//! | --- | --- |
//! | `names` | datasets, tables, job ids |
//! | `tables`, `bodies` | datasets and tables: look, make, remove |
//! | `jobs`, `results` | query jobs, waiting for any job, and reading rows |
//! | `upload` | batches → load file → load job |
//! | `files` | the load file: JSON lines, Parquet or CSV |
//! | `resumable` | a file in chunks, gone on with after what breaks |
//! | `storage` | files by way of a Cloud Storage bucket |
//! | `permissions` | what may be done, asked beforehand |
//! | `client`, `transport` | one call: token, retries, the network |
//! | `auth` | bearer tokens |
//! | `error`, `hints` | what went wrong, and what it means to a user |

mod api;
mod auth;
mod bodies;
mod client;
mod error;
mod files;
mod hints;
mod jobs;
mod names;
mod permissions;
mod reason;
mod results;
mod resumable;
mod schema;
mod storage;
mod tables;
#[cfg(test)]
pub(super) mod tests;
mod transport;
mod upload;

pub(crate) use api::Api;
pub(crate) use error::ApiError;
pub(crate) use files::Format;
pub(crate) use jobs::Param;
pub(crate) use names::{DatasetRef, JobId, TableRef};
pub(crate) use reason::Reason;
pub(crate) use schema::{Field, Mode, Partitioning, TableInfo, TableKind, type_name};
pub(crate) use upload::{LoadSpec, Upload, staged_type};
