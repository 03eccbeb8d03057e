//! A lake of one life, and how tests read it: through DuckDB's extension, with nothing of the program.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tempfile::TempDir;

use super::Admin;
use crate::support::duck::Duck;
use crate::support::memory::Row;

/// A lake in a folder, which goes with it.
#[derive(Debug)]
pub struct Lake {
    folder: TempDir,
    /// The folder with DuckDB's extensions.
    extensions: String,
}

impl Lake {
    pub fn new(extensions: String) -> Self {
        Self { folder: tempfile::tempdir().expect("a folder"), extensions }
    }

    pub fn uri(&self) -> String {
        let (catalog, data) = (self.catalog(), self.data());
        let (catalog, data) = (catalog.display(), data.display());
        format!("ducklake:///{catalog}?data_path={data}&extensions={}", self.extensions)
    }

    fn catalog(&self) -> PathBuf {
        self.folder.path().join("shop.ducklake")
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn open(&self) -> Duck {
        Duck::lake(&self.catalog(), &self.extensions)
    }
}

impl Admin for Lake {
    fn rows(&self, table: &str) -> BTreeMap<i64, Row> {
        self.open().rows(table, table)
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        self.open().texts(sql)
    }

    fn drop_table(&self, table: &str) {
        if self.catalog().exists() {
            self.open().run(&format!("DROP TABLE IF EXISTS main.\"{table}\""));
        }
    }

    fn drop_all(&self) {
        for end in ["", ".wal"] {
            let _ = std::fs::remove_file(format!("{}{end}", self.catalog().display()));
        }
        let _ = std::fs::remove_dir_all(self.data());
    }
}
