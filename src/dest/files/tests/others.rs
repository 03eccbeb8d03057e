//! Others who write at the same time, and stores that take every write for good.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use bytes::Bytes;
use serde_json::json;

use super::Folder;
use crate::dest::conformance::{batch, commit, items, load};
use crate::dest::files::format::Format;
use crate::dest::files::manifest::{Manifest, Opened};
use crate::dest::files::names::TablePath;
use crate::dest::files::store::{Store, Upload, Version, Waiting};
use crate::dest::files::{Disk, Files, take};
use crate::dest::{Commit, DestError, DestErrorKind, Destination as _, Keep, Target, Targets};
use crate::model::lease::{self, Claim, TERM, this_process};
use crate::model::{Lease, Micros, Reject, Strategy};

const NOW: Micros = Micros(1_795_340_425_250_000);

fn lease(run: &str) -> Lease {
    Lease { run: run.into(), process: this_process(), since: NOW, until: NOW.plus(TERM) }
}

#[test]
fn of_many_that_ask_at_once_one_gets_the_lease() {
    let folder = Folder::new();
    let disk = Disk::new(folder.at.path().to_owned());
    let target = items(Strategy::Replace);
    let got = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for nth in 0..8 {
            let (disk, target, got) = (&disk, &target, &got);
            scope.spawn(move || {
                match take(disk, target, &lease(&format!("r{nth}")), Claim::Take, lease::live) {
                    Ok(()) => _ = got.fetch_add(1, SeqCst),
                    Err(error) => assert!(
                        matches!(error.kind, DestErrorKind::Leased | DestErrorKind::Conflict),
                        "{error}"
                    ),
                }
            });
        }
    });
    assert_eq!(got.load(SeqCst), 1);
}

/// A store that others use, too.
#[derive(Debug)]
struct Shared {
    inner: Arc<dyn Store>,
    others: Others,
}

#[derive(Debug)]
enum Others {
    /// Another run writes this manifest right after us, and the store ignores conditions, as some do.
    Write(Bytes),
    /// Somebody removes large files before they have their place.
    Remove,
}

impl Store for Shared {
    fn name(&self) -> String {
        self.inner.name()
    }

    fn check(&self, folders: &[String]) -> Result<(), DestError> {
        self.inner.check(folders)
    }

    fn check_place(&self, path: &str) -> Result<(), DestError> {
        self.inner.check_place(path)
    }

    fn read(&self, path: &str) -> Result<Option<(Bytes, Version)>, DestError> {
        self.inner.read(path)
    }

    fn write(&self, path: &str, bytes: Bytes) -> Result<(), DestError> {
        self.inner.write(path, bytes)
    }

    fn swap(&self, path: &str, before: Option<&Version>, bytes: Bytes) -> Result<bool, DestError> {
        let Others::Write(theirs) = &self.others else { return self.inner.swap(path, before, bytes) };
        self.inner.write(path, bytes)?;
        self.inner.write(path, theirs.clone())?;
        Ok(true)
    }

    fn files(&self, folder: &str) -> Result<Vec<String>, DestError> {
        self.inner.files(folder)
    }

    fn leftovers(&self, folder: &str, ours: &dyn Fn(&str) -> bool) -> Result<Vec<String>, DestError> {
        self.inner.leftovers(folder, ours)
    }

    fn folders(&self, folder: &str) -> Result<Vec<String>, DestError> {
        self.inner.folders(folder)
    }

    fn remove(&self, path: &str) -> Result<(), DestError> {
        self.inner.remove(path)
    }

    fn size(&self, path: &str) -> Result<Option<u64>, DestError> {
        self.inner.size(path)
    }

    fn begin(&self, path: &str) -> Result<Box<dyn Upload>, DestError> {
        self.inner.begin(path)
    }

    fn place(&self, waiting: &Waiting) -> Result<bool, DestError> {
        if matches!(self.others, Others::Remove) {
            self.inner.abandon(waiting)?;
        }
        self.inner.place(waiting)
    }

    fn abandon(&self, waiting: &Waiting) -> Result<(), DestError> {
        self.inner.abandon(waiting)
    }
}

#[test]
fn a_store_that_ignores_conditions_gives_the_lease_to_whoever_wrote_last() {
    let folder = Folder::new();
    let inner = Arc::new(Disk::new(folder.at.path().to_owned()));
    let theirs = Manifest { lease: Some((&lease("theirs")).into()), ..Manifest::default() };
    let others = Others::Write(serde_json::to_vec(&theirs).expect("JSON").into());
    let target = items(Strategy::Append);
    let error = take(&Shared { inner, others }, &target, &lease("ours"), Claim::Take, lease::live);
    assert_eq!(error.expect_err("is theirs").kind, DestErrorKind::Leased);
}

/// A table that somebody else has written is told of before it is replaced, and is no table to add to.
#[tokio::test]
async fn a_file_of_others_is_told_of() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("shop")).expect("a folder");
    std::fs::write(folder.path("shop/items.csv"), "mine\n").expect("a file");
    std::fs::create_dir(folder.path("shop/items")).expect("a folder");
    std::fs::write(folder.path("shop/items/mine.csv"), "mine\n").expect("a file");
    let files = folder.files(Format::Csv);
    let target = items(Strategy::Replace);
    let found = files.inspect(&target).await.expect("a look");
    assert_eq!(found.columns, None);
    assert_eq!(found.notes, ["shop/items.csv is there already, and no run has written it: it is replaced"]);
    load(&files, &target, vec![batch(&[(1, "a", 10)])], commit("r1", "p", true)).await.expect("goes through");
    assert_eq!(files.inspect(&target).await.expect("a look").notes, Vec::<String>::new());
    assert!(std::fs::read_to_string(folder.path("shop/items.csv")).expect("a file").starts_with("id,name"));
    assert!(folder.path("shop/items/mine.csv").exists());
}

/// A file that cannot be written leaves nothing behind.
#[test]
fn a_file_that_is_not_written_is_removed() {
    let folder = Folder::new();
    let disk = Disk::new(folder.at.path().to_owned());
    std::fs::create_dir_all(folder.path("shop/items/a.csv")).expect("a folder");
    disk.write("shop/items/a.csv", Bytes::from_static(b"rows")).expect_err("is a folder");
    assert_eq!(folder.all(), Vec::<String>::new());
}

/// Its place is taken while it is read: the run that ends says so, and the next one puts its file there.
#[tokio::test]
async fn a_file_that_does_not_get_its_place_is_told_of() {
    let folder = Folder::new();
    let (files, target) = (folder.files(Format::Parquet), items(Strategy::Replace));
    let place = folder.path("shop/items.parquet");
    std::fs::create_dir_all(place.join("part-0")).expect("a folder");
    let said = |error: DestError| {
        let told = format!("{error} | {}", error.hint.as_deref().unwrap_or_default());
        told.replace(&folder.at.path().display().to_string(), "FOLDER")
    };
    let last = Commit { release: true, ..commit("r1", "p", true) };
    let error = load(&files, &target, vec![batch(&[(1, "a", 10)])], last).await.expect_err("has no place");
    assert_eq!(error.kind, DestErrorKind::Unknown);
    insta::assert_snapshot!(said(error), @"what was read for table shop.items is kept, but is not in its place: FOLDER/shop/items.parquet is a folder, and the file of the table has its place there | move that folder away; then run the command again: what was read is kept, and gets its place first");
    let run = std::fs::read_to_string(folder.path("shop/_ingestr/items/runs/r1.json")).expect("its line");
    assert!(run.contains(r#""outcome":"failed""#) && run.contains("is not in its place"), "{run}");
    // Before the next run reads anything.
    insta::assert_snapshot!(said(files.inspect(&target).await.expect_err("is a folder")), @"FOLDER/shop/items.parquet is a folder, and the file of the table has its place there | move that folder away, or name another table in --dest-table");
    insta::assert_snapshot!(said(files.check().await.expect_err("is a folder")), @"FOLDER/shop/items.parquet is a folder, and the file of the table has its place there | move that folder away");
    std::fs::remove_dir_all(&place).expect("a folder");
    take(&*files.store, &target, &lease("r2"), Claim::Take, lease::live).expect("puts it there");
    let bytes = std::fs::read(&place).expect("a file").into();
    assert_eq!(super::parquet_rows(bytes).len(), 1);
    assert!(!folder.all().iter().any(|path| path.contains("unfinished")), "{:?}", folder.all());
}

/// What waits for its place is removed: that is no success.
#[tokio::test]
async fn a_file_that_is_lost_before_it_gets_its_place_is_told_of() {
    let folder = Folder::new();
    let target = items(Strategy::Replace);
    let inner = Arc::new(Disk::new(folder.at.path().to_owned()));
    let store = Shared { inner, others: Others::Remove };
    let files = Files { store: Arc::new(store), format: Format::Parquet };
    let error = load(&files, &target, vec![batch(&[(1, "a", 10)])], commit("r1", "p", true)).await;
    let error = error.expect_err("is gone");
    assert_eq!(error.message, "the new file of table shop.items was removed before it was in its place");
    assert_eq!(folder.files(Format::Parquet).inspect(&target).await.expect("a look").state, None);
}

/// A store that does not answer: where it is looked for, is what can be wrong.
#[tokio::test]
async fn a_bucket_that_cannot_be_reached_is_told_of_with_a_hint() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let keys = "access_key_id=id&secret_access_key=planted-secret&region=us-east-1";
    let uri = format!("s3://shop/a?{keys}&endpoint_url=http://{}", free.expect("an address"));
    let error = Files::from_uri(&uri).expect("a URI").inspect(&items(Strategy::Append)).await;
    let error = error.expect_err("nobody is there");
    assert_eq!(error.message, "cannot reach bucket s3://shop/a");
    assert!(error.hint.is_some_and(|hint| hint.starts_with("check the network, and the endpoint")));
}

/// What is remembered cannot be read: that is no first run.
#[tokio::test]
async fn a_damaged_manifest_is_told_of() {
    let folder = Folder::new();
    let files = folder.files(Format::Parquet);
    let target = items(Strategy::Append);
    load(&files, &target, vec![batch(&[(1, "a", 10)])], commit("r1", "p", true)).await.expect("goes through");
    std::fs::write(folder.path("shop/_ingestr/items/state.json"), "{").expect("a file");
    let error = files.inspect(&target).await.expect_err("is damaged");
    assert_eq!(error.kind, DestErrorKind::Damaged);
    assert!(error.message.starts_with("shop/_ingestr/items/state.json in the folder "), "{error}");
}

/// Rows that wait, lost: the next run begins anew; the one that is under way ends.
#[tokio::test]
async fn rows_that_wait_and_are_gone_end_a_run() {
    let folder = Folder::new();
    let files = folder.files(Format::Parquet);
    let mut target = Target { fresh: true, ..items(Strategy::Replace) };
    let found = files.inspect(&target).await.expect("a look");
    let first = Commit { basis: Some(found.basis.clone()), ..commit("r1", "p1", false) };
    let basis = found.basis.after(target.strategy, &first);
    load(&files, &target, vec![batch(&[(1, "a", 10)])], first).await.expect("goes through");
    target.fresh = false;
    std::fs::remove_file(folder.path("shop/_ingestr/items/waiting/r1-000001.rows")).expect("a part");
    let next = Commit { basis: Some(basis), ..commit("r1", "p2", true) };
    let error = load(&files, &target, vec![batch(&[(2, "b", 10)])], next).await.expect_err("lost its rows");
    assert_eq!(error.kind, DestErrorKind::Changed);
    assert_eq!(files.inspect(&target).await.expect("a look").aside, None);
}

/// Old runs and old values that did not fit go with a run's last commit; those of another account and files of others stay.
#[tokio::test]
async fn the_ledger_is_kept_for_a_while() {
    let folder = Folder::new();
    let files = folder.files(Format::Parquet);
    let target = items(Strategy::Append);
    let place = TablePath::of(&target);
    let disk = Disk::new(folder.at.path().to_owned());
    for day in 10..15 {
        let value = "1".to_owned();
        let mut next = commit(&format!("202611{day}T094025.123456Z-4f2a90c1"), "p", true);
        next.rejects = vec![vec![Reject { id: None, column: None, value, reason: "not text" }]];
        next.keep = Keep { runs: Some(2), rejects: Some(Micros(1_794_528_000_000_000)) };
        next.release = day == 14;
        if next.release {
            let theirs = Bytes::from(format!("{}\n", json!({"account": "other", "source_table": "items"})));
            for name in [
                "runs/20261101T1-a.json",
                "runs/20261201T1-a.json",
                "rejects/20261101T120000.1Z-a-000001.jsonl",
            ] {
                disk.write(&place.metadata(name), theirs.clone()).expect("is written");
            }
            disk.write(&place.metadata("runs/.mine"), Bytes::new()).expect("is written");
        }
        next.rejects.push(next.rejects[0].clone());
        let children =
            [Target { source_table: "item_tags".into(), table: "item_tags".into(), ..target.clone() }];
        let mut load = files.begin(Targets { table: &target, children: &children });
        load.stage(0, batch(&[(1, "a", 10)])).await.expect("can be staged");
        load.commit(next).await.expect("goes through");
    }
    let left_of = |place: &TablePath, kind: &str| {
        let names = disk.files(&place.metadata(kind)).expect("can be listed").into_iter();
        names.map(|name| name.split('T').next().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let left = |kind: &str| left_of(&place, kind);
    assert_eq!(left("runs"), [".mine", "20261101", "20261113", "20261114", "20261201"]);
    assert_eq!(left("rejects"), ["20261101", "20261113", "20261114"]);
    let child = Target { table: "item_tags".into(), ..target.clone() };
    assert_eq!(left_of(&TablePath::of(&child), "rejects"), ["20261113", "20261114"]);
}

/// Of more runs than are remembered, the files of the older ones count.
#[test]
fn files_of_forgotten_runs_count() {
    let mut table = crate::dest::files::manifest::Table::default();
    for run in 0..1_005 {
        table.append(&format!("r{run:04}"), 2);
    }
    assert_eq!(table.appended.len(), 1_000);
    for (run, nth, counts) in
        [("r0000", 9, true), ("r0004", 1, true), ("r0005", 2, true), ("r0005", 3, false), ("r9999", 1, false)]
    {
        assert_eq!(table.counts(run, nth), counts, "{run} {nth}");
    }
}

/// The manifest is there to be read, too.
#[tokio::test]
async fn the_manifest_is_a_text() {
    let folder = Folder::new();
    let files = folder.files(Format::Parquet);
    let target = items(Strategy::Append);
    load(&files, &target, vec![batch(&[(1, "a", 10)])], commit("r1", "p", true)).await.expect("goes through");
    let disk = Disk::new(folder.at.path().to_owned());
    let read = Opened::of(&disk, &TablePath::of(&target)).expect("a manifest").manifest;
    assert_eq!(read.last.as_ref().map(|last| last.count), Some(1));
    let text = std::fs::read_to_string(folder.path("shop/_ingestr/items/state.json")).expect("a text");
    insta::assert_snapshot!(text, @r#"
    {
      "last": {
        "run": "r1",
        "count": 1
      },
      "tables": {
        "items": {
          "file": null,
          "appended": [
            {
              "run": "r1",
              "count": 1
            }
          ],
          "older_than": null,
          "rows": 1,
          "columns": [
            [
              "id",
              "bigint"
            ],
            [
              "name",
              "text"
            ],
            [
              "changed_at",
              "timestamptz"
            ],
            [
              "extra",
              "json"
            ],
            [
              "_ingestr_loaded_at",
              "timestamptz"
            ]
          ],
          "names": null,
          "states": [
            {
              "account": "acme",
              "source_table": "items",
              "version": 1,
              "watermark": "2020-09-13T12:26:40.123456+00:00",
              "covered_since": null,
              "complete": true,
              "source": "p",
              "run": "r1",
              "updated_at": "2023-11-14T22:13:21+00:00",
              "filled": null,
              "described": null,
              "mapping": null,
              "waiting": null
            }
          ]
        }
      }
    }
    "#);
}
