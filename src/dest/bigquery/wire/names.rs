//! Names of things in BigQuery, each checked once.

use std::fmt;

/// A dataset.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct DatasetRef {
    pub(crate) project: String,
    pub(crate) dataset: String,
}

impl fmt::Display for DatasetRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.project, self.dataset)
    }
}

/// A table or view.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct TableRef {
    pub(crate) project: String,
    pub(crate) dataset: String,
    pub(crate) table: String,
}

impl TableRef {
    pub(crate) fn dataset_ref(&self) -> DatasetRef {
        DatasetRef { project: self.project.clone(), dataset: self.dataset.clone() }
    }
}

impl fmt::Display for TableRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.project, self.dataset, self.table)
    }
}

/// The id of a job, chosen by the caller so that the same work has the same id: at most [`JobId::LONGEST`] letters,
/// digits, `_` and `-`, and without [`AGAIN`] in it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct JobId(String);

/// What comes before the number of a later attempt. No id of another piece of work may look like that.
const AGAIN: &str = "-again";

/// Why a text is no job id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job id has 1 to {} letters, digits, `_` and `-`, and not `{AGAIN}`", JobId::LONGEST)]
pub(crate) struct JobIdError;

impl JobId {
    /// BigQuery takes 1,024; some are kept for the suffix of a later attempt.
    pub(crate) const LONGEST: usize = 1000;

    /// # Errors
    /// When BigQuery would not take it.
    pub(crate) fn new(text: impl Into<String>) -> Result<Self, JobIdError> {
        let text = text.into();
        let fits = (1..=Self::LONGEST).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-')
            && !text.contains(AGAIN);
        if fits { Ok(Self(text)) } else { Err(JobIdError) }
    }

    /// The id of the n-th attempt at the same work, from 1; the first one is the id itself.
    pub(super) fn attempt(&self, number: u32) -> String {
        if number <= 1 { self.0.clone() } else { format!("{}{AGAIN}{number}", self.0) }
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_id_is_what_bigquery_takes() {
        for text in ["a", "ingestr_2024-06-19_Z9", &"x".repeat(1000)] {
            assert!(JobId::new(text).is_ok(), "{text}");
        }
        for text in ["", "a.b", "a b", "größe", "a/b", "a:b", "a-again2", &"x".repeat(1001)] {
            assert_eq!(JobId::new(text), Err(JobIdError), "{text}");
        }
    }

    #[test]
    fn later_attempts_have_ids_of_their_own() {
        let id = JobId::new("load-1").unwrap();
        assert_eq!(
            [id.attempt(1), id.attempt(2), id.attempt(10)],
            ["load-1", "load-1-again2", "load-1-again10"]
        );
    }
}
