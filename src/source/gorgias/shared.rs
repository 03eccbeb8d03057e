//! What the tables of one command tell each other: which rows of small tables have vanished.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::sync::watch;

/// How long the run of a small table is waited for. It began before, and takes a request or a few.
const PATIENCE: Duration = Duration::from_secs(30);

/// What the small tables of one command have found to have vanished: an entry for each that is read, `None` until it is known.
#[derive(Debug, Default)]
pub(crate) struct Vanished(watch::Sender<BTreeMap<&'static str, Option<BTreeSet<i64>>>>);

/// A small table that is being read.
pub(crate) struct TableReading<'a> {
    vanished: &'a Vanished,
    table: &'static str,
    ids: BTreeSet<i64>,
}

impl Vanished {
    /// A table begins to be read. It is known what has vanished from it once this is dropped.
    pub(crate) fn begins(&self, table: &'static str) -> TableReading<'_> {
        self.0.send_modify(|tables| _ = tables.insert(table, None));
        TableReading { vanished: self, table, ids: BTreeSet::new() }
    }

    /// What has vanished from a table: nothing where it is not read, or takes too long.
    pub(crate) async fn from(&self, table: &str) -> BTreeSet<i64> {
        let mut tables = self.0.subscribe();
        let known = tables.wait_for(|tables| tables.get(table).is_none_or(Option::is_some));
        match tokio::time::timeout(PATIENCE, known).await {
            Ok(Ok(tables)) => tables.get(table).cloned().flatten().unwrap_or_default(),
            _ => BTreeSet::new(),
        }
    }
}

impl TableReading<'_> {
    /// These rows have vanished.
    pub(crate) fn note(&mut self, ids: impl Iterator<Item = i64>) {
        self.ids.extend(ids);
    }
}

impl Drop for TableReading<'_> {
    fn drop(&mut self) {
        let ids = std::mem::take(&mut self.ids);
        self.vanished.0.send_modify(|tables| _ = tables.insert(self.table, Some(ids)));
    }
}
