//! The embedded destination: one DuckDB file.
//!
//! The file is open only while it is looked at and while a commit runs; every commit is one transaction.

use std::path::PathBuf;

use futures_util::future::BoxFuture;

use super::{Capabilities, DestError, DestErrorKind, Destination, Inspection, Load, Target};
use crate::state::STATE_VERSION;
use crate::strategy::Strategy;
use books::Stored;

mod append;
mod apply;
mod books;
mod dialect;
mod load;
mod merge;
mod open;
mod rows;
mod shape;
#[cfg(test)]
mod tests;
mod uri;

/// A DuckDB file as a destination.
#[derive(Debug, Clone)]
pub struct DuckDb {
    path: PathBuf,
    faults: Faults,
}

impl DuckDb {
    /// The file of a `duckdb:///relative` or `duckdb:////absolute` URI. Touches nothing.
    ///
    /// # Errors
    /// When the URI names no file.
    pub fn from_uri(uri: &str) -> Result<Self, DestError> {
        Ok(Self::at(uri::path_of(uri)?))
    }

    /// The file at `path`. Touches nothing.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), faults: Faults::default() }
    }

    fn look(&self, target: &Target) -> Result<Inspection, DestError> {
        if target.table.to_ascii_lowercase().starts_with("_ingestr_") {
            return Err(DestError {
                kind: DestErrorKind::Shape,
                message: format!(
                    "{}.{}: names beginning with _ingestr_ are taken",
                    target.schema, target.table
                ),
                hint: Some("choose another --dest-table".into()),
                source: None,
            });
        }
        if !open::exists_and_is_writable(&self.path)? {
            return Ok(Inspection::default());
        }
        let wrap = |e| open::failed(&self.path, "read", e);
        open::with_file(&self.path, open::INSPECT_PATIENCE, open::Grain::Bulk, |connection| {
            let name = apply::table_of(target);
            let read = |name: &_| {
                shape::Shape::read(connection, name).map_err(|e| apply::unreadable(e, name, &wrap))
            };
            let table = read(&name)?;
            if let Some(shape) = &table {
                shape.check(&target.columns)?;
            }
            let state = |rows_in: &str| {
                self.state(books::read_state(connection, target, rows_in).map_err(wrap)?, target)
            };
            let aside = match apply::shadow(target, target.strategy) {
                Some(hidden) if read(&name.beside(&hidden))?.is_some() => state(&hidden)?,
                _ => None,
            };
            let state = if table.is_some() { state("")? } else { None };
            Ok(Inspection { columns: table.map(|shape| shape.known()), state, aside })
        })
    }

    fn state(&self, stored: Stored, target: &Target) -> Result<Option<crate::state::State>, DestError> {
        match stored {
            Stored::Nothing => Ok(None),
            Stored::Found(state, _) => Ok(Some(state)),
            Stored::Newer(version) => Err(DestError {
                kind: DestErrorKind::NewerState,
                message: format!(
                    "the state of {}.{} in {} has version {version}; this program knows versions up to {STATE_VERSION}",
                    target.schema,
                    target.table,
                    self.path.display()
                ),
                hint: Some("use the newer ingestr that wrote it, or load into another table".into()),
                source: None,
            }),
        }
    }
}

impl Destination for DuckDb {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            strategies: &Strategy::ALL,
            partitioning: false,
            clustering: false,
            file_formats: &[],
            staging_bucket: false,
            staging_dataset: false,
        }
    }

    fn describe(&self) -> String {
        format!("duckdb file {}", self.path.display())
    }

    fn inspect<'a>(&'a self, target: &'a Target) -> BoxFuture<'a, Result<Inspection, DestError>> {
        let (own, target) = (self.clone(), target.clone());
        Box::pin(blocking(move || own.look(&target)))
    }

    fn begin(&self, target: &Target) -> Box<dyn Load> {
        Box::new(load::DuckLoad {
            path: self.path.clone(),
            target: target.clone(),
            faults: self.faults.clone(),
            batches: Vec::new(),
        })
    }
}

/// DuckDB blocks; the run's one thread must not.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, DestError> + Send + 'static,
) -> Result<T, DestError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => Err(DestError {
            kind: DestErrorKind::Unknown,
            message: "the thread that writes the duckdb file came to an unexpected end".into(),
            hint: None,
            source: Some(Box::new(error)),
        }),
    }
}

/// Where a test can make a commit fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(test), allow(dead_code, reason = "only tests break things"))]
pub(crate) enum Step {
    /// Rows are in, the state is not.
    AfterRows,
    /// Everything is in; COMMIT is next.
    BeforeCommit,
}

/// A fault waiting to happen; nothing outside tests.
#[derive(Debug, Clone, Default)]
struct Faults {
    #[cfg(test)]
    next: std::sync::Arc<std::sync::Mutex<Option<Step>>>,
}

impl Faults {
    #[cfg(not(test))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "the same call as under test")]
    fn hit(&self, _: Step) -> Result<(), DestError> {
        Ok(())
    }

    #[cfg(test)]
    fn hit(&self, step: Step) -> Result<(), DestError> {
        let mut next = self.next.lock().expect("no test panics while holding it");
        if *next != Some(step) {
            return Ok(());
        }
        *next = None;
        Err(DestError {
            kind: DestErrorKind::Other,
            message: format!("fault {step:?}"),
            hint: None,
            source: None,
        })
    }
}
