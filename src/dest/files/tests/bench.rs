//! The suite that every destination passes, over a folder, over a bucket in memory, and over those of real stores.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use object_store::memory::InMemory;
use serde_json::Value;

use super::dying::Dying;
use super::{parquet_rows, text_of};
use crate::dest::Destination;
use crate::dest::conformance::Bench;
use crate::dest::files::bucket::Bucket;
use crate::dest::files::format::Format;
use crate::dest::files::manifest::Manifest;
use crate::dest::files::store::Store;
use crate::dest::files::{Disk, Files, names};
use crate::model::Strategy;
use crate::model::hash::fnv;

/// Drives the network for whoever looks at a bucket from outside of a run.
static OUTSIDE: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("a runtime")
});

/// A place for files, and a second way to it.
pub(super) struct Anywhere {
    own: Arc<dyn Store>,
    other: Arc<dyn Store>,
    _folder: Option<tempfile::TempDir>,
}

impl Anywhere {
    pub(super) fn disk() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let disk: Arc<dyn Store> = Arc::new(Disk::new(folder.path().to_owned()));
        Self { own: Arc::clone(&disk), other: disk, _folder: Some(folder) }
    }

    pub(super) fn memory() -> Self {
        let client = Arc::new(InMemory::new());
        let bucket: Arc<dyn Store> = Arc::new(Bucket {
            client,
            prefix: "a/b".into(),
            name: "bucket in memory".into(),
            secrets: Vec::new(),
        });
        Self { own: Arc::clone(&bucket), other: bucket, _folder: None }
    }

    /// A folder of its own in the container or bucket of scripts/with-stores.
    fn real(scheme: &str) -> Self {
        let uri = format!("{scheme}://shop/{:016x}", fastrand::u64(..));
        let open = || Files::from_uri(&uri).expect("scripts/test-files says where it is").store;
        Self { own: open(), other: open(), _folder: None }
    }

    pub(super) fn files(&self) -> Files {
        Files { store: Arc::clone(&self.own), format: Format::Parquet }
    }

    /// The same, which dies after so many changes.
    pub(super) fn dying(&self, step: i64) -> (Files, Arc<Dying>) {
        let store = Arc::new(Dying::after(Arc::clone(&self.own), step));
        (Files { store: Arc::<Dying>::clone(&store), format: Format::Parquet }, store)
    }

    /// Looks at it from another thread.
    fn look<T: Send>(&self, work: impl FnOnce(&dyn Store) -> T + Send) -> T {
        let store = &*self.other;
        std::thread::scope(|scope| {
            let looking = scope.spawn(|| {
                let _entered = OUTSIDE.enter();
                work(store)
            });
            looking.join().expect("can be looked at")
        })
    }

    /// All files, but for locks.
    pub(super) fn all(&self) -> Vec<String> {
        fn walk(store: &dyn Store, folder: &str, found: &mut Vec<String>) {
            let beside =
                |name: &String| if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") };
            found.extend(store.files(folder).expect("can be listed").iter().map(beside));
            for folder in store.folders(folder).expect("can be listed").iter().map(beside) {
                walk(store, &folder, found);
            }
        }
        let mut found = Vec::new();
        self.look(|store| walk(store, "", &mut found));
        found.retain(|path| !path.ends_with(".lock"));
        found.sort();
        found
    }

    pub(super) fn read(&self, path: &str) -> Bytes {
        self.look(|store| store.read(path).expect("can be read").expect("is there").0)
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let bytes = Bytes::copy_from_slice(text.as_bytes());
        self.look(|store| store.write(path, bytes)).expect("can be written");
    }

    fn remove(&self, wanted: impl Fn(&str) -> bool) {
        for path in self.all().into_iter().filter(|path| wanted(path)) {
            self.look(|store| store.remove(&path)).expect("can be removed");
        }
    }

    /// Lines of the manifests, in folders of that name.
    fn lines(&self, folder: &str) -> Vec<BTreeMap<String, String>> {
        let files = self.all().into_iter().filter(|path| {
            path.starts_with("shop/_ingestr/") && path.split('/').rev().nth(1) == Some(folder)
        });
        let mut lines = Vec::new();
        for path in files {
            for line in String::from_utf8(self.read(&path).to_vec()).expect("text").lines() {
                let fields: BTreeMap<String, Value> = serde_json::from_str(line).expect("an object");
                let shown = |value: Value| match value {
                    Value::Null => "NULL".to_owned(),
                    Value::String(text) => text,
                    other => other.to_string(),
                };
                lines.push(fields.into_iter().map(|(name, value)| (name, shown(value))).collect());
            }
        }
        lines
    }

    fn change_manifests(&self, change: impl Fn(&mut Manifest)) {
        for path in self.all().into_iter().filter(|path| path.ends_with("/state.json")) {
            let mut manifest: Manifest = serde_json::from_slice(&self.read(&path)).expect("a manifest");
            change(&mut manifest);
            let text = serde_json::to_vec(&manifest).expect("JSON");
            self.look(|store| store.write(&path, text.into())).expect("can be written");
        }
    }
}

/// The table that a file holds rows of.
fn table_of(path: &str) -> Option<String> {
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["shop", "_ingestr", ..] => None,
        ["shop", table, _] => Some(names::unescaped(table)),
        ["shop", file] => Some(names::unescaped(file.trim_end_matches(".parquet"))),
        other => panic!("what is {other:?}"),
    }
}

fn name(column: &str) -> String {
    let inner = column.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    inner.unwrap_or(column).replace("\"\"", "\"")
}

impl Bench for Anywhere {
    fn destination(&self) -> Box<dyn Destination> {
        Box::new(self.files())
    }

    fn rows(&self, table: &str, columns: &[&str]) -> Option<Vec<Vec<String>>> {
        let rows: Vec<BTreeMap<String, String>> = match table {
            "_ingestr_runs" => self.lines("runs"),
            "_ingestr_rejects" => self.lines("rejects"),
            _ => {
                let own =
                    |path: &String| path.starts_with("shop/") && table_of(path).as_deref() == Some(table);
                let files: Vec<String> = self.all().into_iter().filter(own).collect();
                if files.is_empty() {
                    return None;
                }
                files.iter().flat_map(|path| parquet_rows(self.read(path))).collect()
            }
        };
        let null = text_of(None, 0);
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
            return match hidden {
                Some((table, _)) => {
                    let folder = names::TablePath::new("shop", table).metadata("waiting/");
                    self.remove(|path| path.starts_with(&folder));
                }
                None => self.remove(|path| table_of(path).as_deref() == Some(table)),
            };
        }
        let (what, account) = sql.rsplit_once(" WHERE account = '").expect("an account");
        let account = account.trim_end_matches('\'');
        match (what, table) {
            ("DELETE FROM {}", "_ingestr_runs") => {
                let theirs = format!("\"account\":\"{account}\"");
                self.remove(|path| {
                    path.contains("/runs/") && String::from_utf8_lossy(&self.read(path)).contains(&theirs)
                });
            }
            ("DELETE FROM {}", _) => self.change_manifests(|manifest| {
                let tables = manifest.tables.values_mut();
                tables.for_each(|table| table.states.retain(|saved| saved.account != account));
            }),
            ("UPDATE {} SET version = 2", _) => self.change_manifests(|manifest| {
                let states = manifest.tables.values_mut().flat_map(|table| &mut table.states);
                states.filter(|saved| saved.account == account).for_each(|saved| saved.version = 2);
            }),
            (other, _) => panic!("what does {other} mean"),
        }
    }

    fn tables(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for path in self.all().into_iter().filter(|path| path.starts_with("shop/")) {
            match path.split('/').collect::<Vec<_>>().as_slice() {
                ["shop", "_ingestr", _, "runs", _] => all.push("_ingestr_runs".into()),
                ["shop", "_ingestr", _, "rejects", _] => all.push("_ingestr_rejects".into()),
                ["shop", "_ingestr", _, "state.json"] => {
                    let manifest: Manifest = serde_json::from_slice(&self.read(&path)).expect("a manifest");
                    all.extend(manifest.lease.map(|_| "_ingestr_leases".into()));
                    for (table, saved) in manifest
                        .tables
                        .iter()
                        .flat_map(|(name, table)| table.states.iter().map(move |s| (name, s)))
                    {
                        all.push("_ingestr_state".into());
                        let who = [saved.account.as_bytes(), &[0], saved.source_table.as_bytes()].concat();
                        let waits = saved.waiting.as_ref();
                        all.extend(waits.map(|_| format!("_ingestr_new__{table}__{:08x}", fnv(&who))));
                    }
                }
                _ => all.extend(table_of(&path)),
            }
        }
        all.sort();
        all.dedup();
        all
    }

    fn strategies(&self) -> &'static [Strategy] {
        &[Strategy::Append, Strategy::Replace]
    }

    fn break_between(&self, _: &dyn Destination) -> Box<dyn Destination> {
        let store = Dying::at_the_swap(Arc::clone(&self.own));
        Box::new(Files { store: Arc::new(store), format: Format::Parquet })
    }
}

/// What of the suite is about strategies that there are.
macro_rules! suite {
    ($metas:tt $bench:expr) => {
        crate::dest::conformance::suite!(@ $metas $bench;
            inspecting_nothing_finds_nothing, first_load_creates_all_columns, new_columns_are_added,
            dropped_load_leaves_no_trace, rows_and_state_are_one, replace_shows_old_rows_until_the_end,
            dead_replacements_are_swept, empty_last_commit_makes_an_empty_table, append_adds_all_rows,
            hostile_names_work, state_dies_with_the_table, accounts_have_states_of_their_own,
            rejects_and_runs_are_written, one_run_holds_a_table, dead_leases_are_replaced,
            a_lost_lease_is_not_renewed, commits_carry_the_lease, who_lost_the_lease_writes_nothing,
            who_finds_no_lease_writes_nothing, what_is_remembered_is_listed, forgetting_leaves_the_rows,
            a_table_is_of_whom_its_state_tells, rows_kept_aside_have_an_owner, a_table_made_anew_is_its_makers,
            tables_are_given_to_another_account, commits_go_on_from_their_own_progress,
            names_of_columns_are_the_tables, names_of_columns_are_each_tables_own
        );
    };
}

mod disk {
    suite!([] super::Anywhere::disk());
}

mod memory {
    suite!([] super::Anywhere::memory());
}

mod bucket_of_s3 {
    suite!([#[ignore = "needs a bucket, see scripts/test-files"]] super::Anywhere::real("s3"));
}

mod bucket_of_azure {
    suite!([#[ignore = "needs a container, see scripts/test-files"]] super::Anywhere::real("az"));
}
