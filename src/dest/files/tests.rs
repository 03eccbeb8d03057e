//! Files on this machine, as the suite sees them and as whoever is killed leaves them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray as _;
use arrow_array::types::{Float64Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array as _, ArrayRef};
use arrow_schema::DataType;
use bytes::Bytes;

use super::*;
use crate::dest::conformance::Bench;
use crate::model::hash::fnv;

mod contents;
mod dying;

use dying::Dying;

/// A folder that goes with the test.
struct Folder {
    at: tempfile::TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { at: tempfile::tempdir().expect("a folder") }
    }

    fn files(&self, format: Format) -> Files {
        Files { store: Arc::new(Disk::new(self.at.path().to_owned())), format }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.at.path().join(path)
    }

    /// All files, but for locks.
    fn all(&self) -> Vec<String> {
        fn walk(root: &Path, at: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(at).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    walk(root, &path, found);
                } else if path.extension().is_none_or(|ending| ending != "lock") {
                    found.push(path.strip_prefix(root).expect("inside").display().to_string());
                }
            }
        }
        let mut found = Vec::new();
        walk(self.at.path(), self.at.path(), &mut found);
        found.sort();
        found
    }

    /// Files of a table, as somebody reads it who knows nothing of the book.
    fn of_table(&self, table: &str) -> Vec<PathBuf> {
        let place = Place::new("shop", table);
        let file = self.path(&place.beside(&place.file(Format::Parquet)));
        let mut all: Vec<PathBuf> = Some(file).into_iter().filter(|file| file.exists()).collect();
        let appended = fs::read_dir(self.path(&place.appended()));
        all.extend(appended.into_iter().flatten().map(|entry| entry.expect("an entry").path()));
        all.sort();
        all
    }
}

/// A value as the suite writes it.
fn text(array: &ArrayRef, row: usize) -> String {
    if array.is_null(row) {
        return "NULL".into();
    }
    match array.data_type() {
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Int64 => array.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::Float64 => format!("{:?}", array.as_primitive::<Float64Type>().value(row)),
        DataType::Timestamp(..) => array.as_primitive::<TimestampMicrosecondType>().value(row).to_string(),
        _ => array.as_string::<i32>().value(row).to_owned(),
    }
}

/// The rows of a file, by column.
fn parquet_rows(path: &Path) -> Vec<BTreeMap<String, String>> {
    let bytes = Bytes::from(fs::read(path).expect("a file"));
    let mut rows = Vec::new();
    for batch in parquet::rows(bytes).expect("a file of rows") {
        let batch = batch.expect("rows");
        for row in 0..batch.num_rows() {
            let schema = batch.schema();
            let cells = schema.fields().iter().zip(batch.columns());
            rows.push(cells.map(|(field, array)| (field.name().clone(), text(array, row))).collect());
        }
    }
    rows
}

fn name(column: &str) -> String {
    let inner = column.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(column).replace("\"\"", "\"")
}

impl Bench for Folder {
    fn destination(&self) -> Box<dyn Destination> {
        Box::new(self.files(Format::Parquet))
    }

    fn rows(&self, table: &str, columns: &[&str]) -> Option<Vec<Vec<String>>> {
        let lines = |folder: &str| {
            let books = fs::read_dir(self.path("shop/_ingestr")).expect("books");
            let mut lines = Vec::new();
            for book in books {
                let files = fs::read_dir(book.expect("a book").path().join(folder));
                for file in files.into_iter().flatten() {
                    let text = fs::read_to_string(file.expect("a file").path()).expect("lines");
                    for line in text.lines() {
                        let fields: BTreeMap<String, serde_json::Value> =
                            serde_json::from_str(line).expect("an object");
                        let shown = |value: serde_json::Value| match value {
                            serde_json::Value::Null => "NULL".to_owned(),
                            serde_json::Value::String(text) => text,
                            other => other.to_string(),
                        };
                        lines.push(fields.into_iter().map(|(name, value)| (name, shown(value))).collect());
                    }
                }
            }
            lines
        };
        let rows: Vec<BTreeMap<String, String>> = match table {
            "_ingestr_runs" => lines("runs"),
            "_ingestr_rejects" => lines("rejects"),
            _ => {
                let files = self.of_table(table);
                if files.is_empty() {
                    return None;
                }
                files.iter().flat_map(|path| parquet_rows(path)).collect()
            }
        };
        let null = "NULL".to_owned();
        let of = |row: &BTreeMap<String, String>| {
            columns.iter().map(|column| row.get(&name(column)).unwrap_or(&null).clone()).collect()
        };
        let mut rows: Vec<Vec<String>> = rows.iter().map(of).collect();
        rows.sort();
        Some(rows)
    }

    fn execute(&self, sql: &str, table: &str) {
        if sql.starts_with("DROP TABLE") {
            let hidden = table.strip_prefix("_ingestr_new__").and_then(|rest| rest.rsplit_once("__"));
            match hidden {
                Some((table, _)) => {
                    fs::remove_dir_all(self.path(&Place::new("shop", table).book("waiting"))).expect("rows");
                }
                None => {
                    self.of_table(table).iter().for_each(|path| fs::remove_file(path).expect("a file"));
                }
            }
            return;
        }
        let (what, account) = sql.rsplit_once(" WHERE account = '").expect("an account");
        let account = account.trim_end_matches('\'');
        let newer = match what {
            "UPDATE {} SET version = 2" => true,
            "DELETE FROM {}" => false,
            other => panic!("what does {other} mean"),
        };
        for book in fs::read_dir(self.path("shop/_ingestr")).expect("books") {
            let book = book.expect("a book").path();
            if table == "_ingestr_runs" {
                for run in fs::read_dir(book.join("runs")).into_iter().flatten() {
                    let run = run.expect("a run").path();
                    if fs::read_to_string(&run)
                        .expect("a run")
                        .contains(&format!("\"account\":\"{account}\""))
                    {
                        fs::remove_file(run).expect("can be removed");
                    }
                }
                continue;
            }
            let path = book.join("state.json");
            let mut read: book::Book =
                serde_json::from_slice(&fs::read(&path).expect("a book")).expect("a book");
            for states in read.tables.values_mut().map(|table| &mut table.states) {
                if newer {
                    states
                        .iter_mut()
                        .filter(|saved| saved.account == account)
                        .for_each(|saved| saved.version = 2);
                } else {
                    states.retain(|saved| saved.account != account);
                }
            }
            fs::write(&path, serde_json::to_vec(&read).expect("JSON")).expect("can be written");
        }
    }

    fn tables(&self) -> Vec<String> {
        let mut all = Vec::new();
        let mut add = |name: String| {
            if !all.contains(&name) {
                all.push(name);
            }
        };
        for path in self.all() {
            let parts: Vec<&str> = path.split('/').collect();
            match parts.as_slice() {
                ["shop", "_ingestr", _, "runs", _] => add("_ingestr_runs".into()),
                ["shop", "_ingestr", _, "rejects", _] => add("_ingestr_rejects".into()),
                ["shop", "_ingestr", _, "state.json"] => {
                    let bytes = fs::read(self.path(&path)).expect("a book");
                    let read: book::Book = serde_json::from_slice(&bytes).expect("a book");
                    if read.lease.is_some() {
                        add("_ingestr_leases".into());
                    }
                    for (table, remembered) in read.tables {
                        for saved in &remembered.states {
                            add("_ingestr_state".into());
                            if saved.waiting.is_some() {
                                let who =
                                    [saved.account.as_bytes(), &[0], saved.source_table.as_bytes()].concat();
                                add(format!("_ingestr_new__{table}__{:08x}", fnv(&who)));
                            }
                        }
                    }
                }
                ["shop", "_ingestr", ..] => {}
                ["shop", table, _] => add(names::unescaped(table)),
                ["shop", file] => add(names::unescaped(file.trim_end_matches(".parquet"))),
                other => panic!("what is {other:?}"),
            }
        }
        all.sort();
        all
    }

    fn strategies(&self) -> &'static [Strategy] {
        &[Strategy::Append, Strategy::Replace]
    }

    fn break_between(&self, _: &dyn Destination) -> Box<dyn Destination> {
        let store = Dying::at_the_swap(Arc::new(Disk::new(self.at.path().to_owned())));
        Box::new(Files { store: Arc::new(store), format: Format::Parquet })
    }
}

mod suite {
    use super::Folder;

    crate::dest::conformance::suite!(@ [] Folder::new();
        inspecting_nothing_finds_nothing, first_load_creates_all_columns, new_columns_are_added,
        dropped_load_leaves_no_trace, rows_and_state_are_one, replace_shows_old_rows_until_the_end,
        dead_replacements_are_swept, empty_last_commit_makes_an_empty_table, append_adds_all_rows, hostile_names_work,
        state_dies_with_the_table, accounts_have_states_of_their_own, rejects_and_runs_are_written, one_run_holds_a_table,
        dead_leases_are_replaced, a_lost_lease_is_not_renewed, commits_carry_the_lease,
        who_lost_the_lease_writes_nothing, who_finds_no_lease_writes_nothing, what_is_remembered_is_listed,
        forgetting_leaves_the_rows, a_table_is_of_whom_its_state_tells, rows_kept_aside_have_an_owner,
        a_table_made_anew_is_its_makers, tables_are_given_to_another_account, commits_go_on_from_their_own_progress,
        names_of_columns_are_the_tables, names_of_columns_are_each_tables_own
    );
}
