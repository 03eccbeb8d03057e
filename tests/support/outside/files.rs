//! Files of one life, and how tests read them: as Parquet, by DuckDB, with nothing of the program.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tempfile::TempDir;

use super::Admin;
use crate::support::duck::Duck;
use crate::support::memory::Row;

/// A folder of tables, which goes with it.
#[derive(Debug)]
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub fn uri(&self) -> String {
        format!("parquet:///{}", self.0.path().display())
    }

    fn schema(&self) -> PathBuf {
        self.0.path().join("main")
    }

    /// Its files as tables: nothing in them is marked as gone.
    fn open(&self) -> Duck {
        let duck = Duck::empty();
        for entry in std::fs::read_dir(self.schema()).into_iter().flatten() {
            let path = entry.expect("a folder that can be read").path();
            let Some(table) = path.file_stem().and_then(|name| name.to_str()) else { continue };
            if path.extension().is_some_and(|end| end == "parquet") && !table.starts_with('.') {
                let path = path.display();
                duck.run(&format!(
                    "CREATE VIEW main.\"{table}\" AS SELECT NULL AS _ingestr_deleted_at, * FROM read_parquet('{path}')"
                ));
            }
        }
        duck
    }
}

impl Admin for Folder {
    fn rows(&self, table: &str) -> BTreeMap<i64, Row> {
        self.open().rows(table, table)
    }

    fn texts(&self, sql: &str) -> Vec<String> {
        self.open().texts(sql)
    }

    fn drop_table(&self, table: &str) {
        let _ = std::fs::remove_file(self.schema().join(format!("{table}.parquet")));
    }

    fn drop_all(&self) {
        let _ = std::fs::remove_dir_all(self.schema());
    }

    /// They are lines of what is remembered beside the files.
    fn forget_leases(&self) {
        for entry in std::fs::read_dir(self.schema().join("_ingestr")).into_iter().flatten() {
            let path = entry.expect("a folder that can be read").path().join("state.json");
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let mut state: serde_json::Value = serde_json::from_str(&text).expect("JSON");
            if state.as_object_mut().expect("an object").remove("lease").is_some() {
                std::fs::write(&path, state.to_string()).expect("a file that can be written");
            }
        }
    }
}
