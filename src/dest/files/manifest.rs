//! What is remembered of a table and of the child tables that are read with it: one small JSON file, `state.json`, which is
//! swapped as a whole. It says which files hold rows that count, so it is what makes rows, progress and lease one: a file that
//! it does not name is nothing.
//!
//! The manifest of a child says which table's manifest it is written in; what is of the child in both, that one has last.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::names::{TablePath, number_of};
use super::store::{Store, Version, Waiting};
use crate::dest::sql::ledger::newer;
use crate::dest::sql::whose::Whose;
use crate::dest::{Commit, DestError, DestErrorKind, Target, Written};
use crate::model::{
    Column, Described, Filled, Lease, LogicalType, Mappings, Micros, STATE_VERSION, SourceState, State,
};

/// The name of the file.
pub(super) const FILE: &str = "state.json";
/// How many runs are known by the number of their files; of older ones every file counts.
const RUNS: usize = 1_000;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Manifest {
    /// Who writes to the table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lease: Option<StoredLease>,
    /// In whose manifest a child's is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) written_with: Option<String>,
    /// The last run that made a commit, and how many it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) last: Option<Files>,
    /// Large files that were begun, and are nothing if their run did not come further.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) begun: Vec<Waiting>,
    /// Large files that count, and may have to be put in their place.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) complete: Vec<Waiting>,
    /// Files that do not count any more, and may not be removed yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) outdated: Vec<String>,
    /// The table and its children.
    pub(super) tables: BTreeMap<String, Table>,
}

/// The files of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Files {
    pub(super) run: String,
    /// How many; they are numbered from 1.
    pub(super) count: u64,
}

/// A table.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Table {
    /// The file that holds it since it was replaced, by its name in the schema's folder.
    pub(super) file: Option<String>,
    /// What was added since then, of the last runs.
    pub(super) appended: Vec<Files>,
    /// The run before which files count that are not among those.
    pub(super) older_than: Option<String>,
    pub(super) rows: u64,
    pub(super) columns: Columns,
    /// Which columns fields have got.
    pub(super) names: Option<BTreeMap<String, String>>,
    pub(super) states: Vec<Saved>,
}

/// A state, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Saved {
    pub(super) account: String,
    pub(super) source_table: String,
    pub(super) version: i64,
    #[serde(serialize_with = "write_maybe", deserialize_with = "read_maybe")]
    watermark: Option<Micros>,
    #[serde(serialize_with = "write_maybe", deserialize_with = "read_maybe")]
    covered_since: Option<Micros>,
    complete: bool,
    source: String,
    pub(super) run: String,
    #[serde(serialize_with = "write_instant", deserialize_with = "read_instant")]
    pub(super) updated_at: Micros,
    filled: Option<String>,
    described: Option<String>,
    mapping: Option<String>,
    /// Rows of an unfinished replacement, which this state is about; `None`: those of the table.
    pub(super) waiting: Option<Parts>,
}

/// Rows that wait.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Parts {
    /// Their files, by name and number of rows.
    pub(super) parts: Vec<(String, u64)>,
    pub(super) columns: Columns,
}

/// A lease, as it is stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredLease {
    run: String,
    process: String,
    #[serde(serialize_with = "write_instant", deserialize_with = "read_instant")]
    since: Micros,
    #[serde(serialize_with = "write_instant", deserialize_with = "read_instant")]
    until: Micros,
}

impl From<&Lease> for StoredLease {
    fn from(lease: &Lease) -> Self {
        let Lease { run, process, since, until } = lease.clone();
        Self { run, process, since, until }
    }
}

impl From<&StoredLease> for Lease {
    fn from(held: &StoredLease) -> Self {
        let StoredLease { run, process, since, until } = held.clone();
        Self { run, process, since, until }
    }
}

/// Columns, by name and type.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Columns(Vec<(String, String)>);

impl From<&[Column]> for Columns {
    fn from(columns: &[Column]) -> Self {
        Self(columns.iter().map(|column| (column.name.clone(), column.logical.name().to_owned())).collect())
    }
}

impl Columns {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn read(&self) -> Vec<Column> {
        let column = |(name, kind): &(String, String)| {
            let logical = LogicalType::ALL.into_iter().find(|logical| logical.name() == kind);
            Column::new(name, logical.unwrap_or(LogicalType::Text))
        };
        self.0.iter().map(column).collect()
    }
}

impl Saved {
    /// What a commit stores of a target.
    pub(super) fn by(target: &Target, commit: &Commit, waiting: Option<Parts>) -> Self {
        let state = &commit.state;
        Self {
            account: target.account.clone(),
            source_table: target.source_table.clone(),
            version: STATE_VERSION,
            watermark: state.watermark,
            covered_since: state.covered_since,
            complete: state.complete,
            source: state.source.0.clone(),
            run: commit.run.id.clone(),
            updated_at: commit.run.ended_at,
            filled: state.filled.text(),
            described: state.described.text(),
            mapping: state.mappings.text(),
            waiting,
        }
    }

    /// The state; `None` if a newer version wrote it.
    pub(super) fn state(&self) -> Option<State> {
        (self.version <= STATE_VERSION).then(|| State {
            watermark: self.watermark,
            covered_since: self.covered_since,
            complete: self.complete,
            source: SourceState(self.source.clone()),
            filled: self.filled.as_deref().map(Filled::from_text).unwrap_or_default(),
            described: self.described.as_deref().map(Described::from_text).unwrap_or_default(),
            mappings: self.mapping.as_deref().map(Mappings::from_text).unwrap_or_default(),
        })
    }

    /// # Errors
    /// [`DestErrorKind::NewerState`].
    pub(super) fn readable(&self, target: &Target, place: &str) -> Result<State, DestError> {
        self.state().ok_or_else(|| newer(Whose::from(target), place, self.version))
    }

    pub(super) fn written(&self) -> Written {
        Written { run: self.run.clone(), at: Some(self.updated_at) }
    }

    pub(super) fn is_of(&self, target: &Target) -> bool {
        self.account == target.account && self.source_table == target.source_table
    }
}

impl Table {
    /// The target's state of the table, or of rows that wait.
    pub(super) fn state(&self, target: &Target, waiting: bool) -> Option<&Saved> {
        self.states.iter().find(|saved| saved.is_of(target) && saved.waiting.is_some() == waiting)
    }

    /// It has no rows and no columns any more.
    pub(super) fn empty(&mut self) {
        (self.file, self.older_than, self.rows) = (None, None, 0);
        self.columns = Columns::default();
        self.appended.clear();
    }

    /// Notes the files that a commit has added.
    pub(super) fn append(&mut self, run: &str, nth: u64) {
        match self.appended.last_mut().filter(|files| files.run == run) {
            Some(files) => files.count = nth,
            None => self.appended.push(Files { run: run.to_owned(), count: nth }),
        }
        if self.appended.len() > RUNS {
            let oldest = self.appended.remove(0);
            self.older_than = Some(self.appended.first().map_or(oldest.run, |next| next.run.clone()));
        }
    }

    /// Whether it names files of that run.
    pub(super) fn knows(&self, run: &str) -> bool {
        self.appended.iter().any(|files| files.run == run)
    }

    /// Whether a file that was appended counts, by its path; `None`: no run has given it its name.
    pub(super) fn counts_file(&self, path: &str) -> Option<bool> {
        number_of(path).map(|(run, nth)| self.counts(run, nth))
    }

    /// Whether a file of that run and number counts.
    pub(super) fn counts(&self, run: &str, nth: u64) -> bool {
        let known = self.appended.iter().find(|files| files.run == run);
        match known {
            Some(files) => nth <= files.count,
            None => self.older_than.as_deref().is_some_and(|oldest| run < oldest),
        }
    }
}

impl Manifest {
    /// The number of the commit that a run is about to make.
    pub(super) fn next(&self, run: &str) -> u64 {
        self.last.as_ref().filter(|last| last.run == run).map_or(1, |last| last.count + 1)
    }

    /// What is remembered of a table.
    pub(super) fn table(&mut self, name: &str) -> &mut Table {
        self.tables.entry(name.to_owned()).or_default()
    }

    /// Gives the lease up, if it is that run's.
    pub(super) fn release(&mut self, run: &str) {
        self.lease = self.lease.take().filter(|held| held.run != run);
    }
}

/// A manifest as it was read, to be swapped.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) manifest: Manifest,
    pub(super) path: String,
    version: Option<Version>,
}

impl Opened {
    /// The manifest of a table; an empty one if there is none.
    ///
    /// # Errors
    /// When it cannot be read, or is none.
    pub(super) fn of(store: &dyn Store, place: &TablePath) -> Result<Self, DestError> {
        Self::at(store, place.metadata(FILE))
    }

    /// The manifest at a path.
    ///
    /// # Errors
    /// As above.
    pub(super) fn at(store: &dyn Store, path: String) -> Result<Self, DestError> {
        let Some((bytes, version)) = store.read(&path)? else {
            return Ok(Self { manifest: Manifest::default(), path, version: None });
        };
        let manifest = serde_json::from_slice(&bytes).map_err(|error| {
            let message = format!("{path} in the {} is not what ingestr wrote there", store.name());
            DestError::new(DestErrorKind::Damaged, message)
                .hint("restore it from a copy, or remove it: the next run is a first one then")
                .caused_by(error)
        })?;
        Ok(Self { manifest, path, version: Some(version) })
    }

    /// Writes it, unless somebody else has done so since it was read; whether it was written.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn swap(self, store: &dyn Store) -> Result<bool, DestError> {
        Ok(store.swap(&self.path, self.version.as_ref(), text(&self.manifest)?)?
            // A store may have heard a request twice, and have done it the first time.
            || Self::at(store, self.path)?.manifest == self.manifest)
    }

    /// Writes it and reads it again, for who goes on with it; `None` if somebody else has done so since it was read.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn swapped(self, store: &dyn Store) -> Result<Option<Self>, DestError> {
        let (path, wanted) = (self.path.clone(), self.manifest.clone());
        if !self.swap(store)? {
            return Ok(None);
        }
        // Stores that take every write for good tell here whose was the last.
        Ok(Some(Self::at(store, path)?).filter(|found| found.manifest == wanted))
    }
}

fn text(manifest: &Manifest) -> Result<Bytes, DestError> {
    let text = serde_json::to_vec_pretty(manifest).map_err(|error| {
        DestError::new(DestErrorKind::Other, "the state cannot be written as JSON").caused_by(error)
    })?;
    Ok(Bytes::from(text))
}

/// What is remembered of a table.
#[derive(Debug, Default)]
pub(super) struct TableMetadata {
    pub(super) lease: Option<Lease>,
    pub(super) table: Table,
    /// Large files that may have to be put in their place.
    pub(super) complete: Vec<Waiting>,
    /// Paths of the manifests that say something of it; the one that counts is the last.
    pub(super) manifests: Vec<String>,
}

/// What is remembered of a table: of a child in the manifest that it is written in.
///
/// # Errors
/// When it cannot be read.
pub(super) fn look(store: &dyn Store, schema: &str, table: &str) -> Result<TableMetadata, DestError> {
    let own = Opened::of(store, &TablePath::new(schema, table))?;
    let mut manifests = vec![own.path.clone()];
    let lease = own.manifest.lease.as_ref().map(Into::into);
    let (mut found, mut complete) = (own.manifest.tables.get(table).cloned(), own.manifest.complete);
    if let Some(parent) = &own.manifest.written_with {
        let with = Opened::of(store, &TablePath::new(schema, parent))?;
        complete.extend(with.manifest.complete);
        if let Some(theirs) = with.manifest.tables.get(table) {
            manifests.push(with.path);
            found = Some(theirs.clone());
        }
    }
    Ok(TableMetadata { lease, table: found.unwrap_or_default(), complete, manifests })
}

fn write_instant<S: Serializer>(at: &Micros, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(at)
}

#[expect(clippy::ref_option, reason = "serde wants it so")]
fn write_maybe<S: Serializer>(at: &Option<Micros>, to: S) -> Result<S::Ok, S::Error> {
    at.map(|at| at.to_string()).serialize(to)
}

fn read_instant<'de, D: Deserializer<'de>>(from: D) -> Result<Micros, D::Error> {
    String::deserialize(from)?.parse().map_err(|_| D::Error::custom("no instant"))
}

fn read_maybe<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Micros>, D::Error> {
    let text = Option::<String>::deserialize(from)?;
    text.map(|text| text.parse().map_err(|_| D::Error::custom("no instant"))).transpose()
}
