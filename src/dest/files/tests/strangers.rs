//! Files of other people in the folders of a table: they stay, whatever they are called.

use super::Folder;
use super::bench::Anywhere;
use crate::dest::conformance::{batch, commit, items, load};
use crate::dest::files::Files;
use crate::dest::files::format::Format;
use crate::dest::{Destination as _, Keep};
use crate::model::Strategy;
use crate::model::{Micros, Reject};

/// The id of a run that began on that day.
fn id(day: u32) -> String {
    format!("202611{day:02}T094025.123456Z-4f2a90c1")
}

/// Names like those of ours, in each folder that runs clear up.
fn of_others() -> Vec<String> {
    let own = id(1);
    let mut all = Vec::new();
    for format in ["parquet", "csv", "jsonl"] {
        for name in
            ["backup-20261130", "x-20261130", "items-000001", "20261130-000001", &format!("old-{own}-000001")]
        {
            all.push(format!("shop/items/{name}.{format}"));
            all.push(format!("shop/{name}.{format}"));
        }
        all.push(format!("shop/items/{own}-000001.{format}.bak"));
        all.push(format!("shop/items/.mine.{format}.0123456789abcdef.unfinished"));
        all.push(format!("shop/.items.{format}.unfinished"));
        all.push(format!("shop/.items.{format}.report.2026-11-30_long.unfinished"));
    }
    all.extend(["shop/.report.unfinished", "shop/.report.0123456789abcdef.unfinished"].map(str::to_owned));
    for (folder, ending) in [("waiting", "rows"), ("rejects", "jsonl"), ("runs", "json")] {
        for name in ["mine", "mine-000001", ".mine", "99999999-999999"] {
            all.push(format!("shop/_ingestr/items/{folder}/{name}.{ending}"));
        }
        all.push(format!("shop/_ingestr/items/{folder}/.mine.{ending}.0123456789abcdef.unfinished"));
    }
    all
}

/// Two commits, the last of which is the last of its run.
async fn run(files: &Files, strategy: Strategy, id: &str) {
    let target = items(strategy);
    for last in [false, true] {
        let mut next = commit(id, "p", last);
        let value = "1".to_owned();
        next.rejects = vec![vec![Reject { id: None, column: None, value, reason: "not text" }]];
        next.keep = Keep { runs: Some(1), rejects: Some(Micros(1_794_528_000_000_000)) };
        next.release = last;
        load(files, &target, vec![batch(&[(1, "a", 10)])], next).await.expect("goes through");
    }
}

#[tokio::test]
async fn files_of_others_are_never_removed() {
    let [append, replace] = [Strategy::Append, Strategy::Replace];
    for make in [Anywhere::disk, Anywhere::memory] {
        for format in Format::ALL {
            let place = make();
            let files = Files { format, ..place.files() };
            let mut theirs = of_others();
            let others = ["parquet", "csv", "jsonl"].into_iter().filter(|other| *other != format.name());
            theirs.extend(others.map(|other| format!("shop/items.{other}")));
            theirs.iter().for_each(|path| place.write(path, path));
            for (day, strategy) in [(10, append), (11, replace), (12, replace), (13, append), (14, replace)] {
                run(&files, strategy, &id(day)).await;
                let there = place.all();
                for path in &theirs {
                    assert!(there.contains(path), "{strategy} {format:?} has removed {path}");
                    assert_eq!(place.read(path), path.as_bytes(), "{path}");
                }
            }
        }
    }
}

/// What runs of ours have left that were killed, goes: it has their ids in its name.
#[tokio::test]
async fn files_of_dead_runs_are_removed() {
    let folder = Folder::new();
    let (files, dead) = (folder.files(Format::Parquet), id(20));
    run(&files, Strategy::Append, &id(10)).await;
    let before = folder.all();
    let unfinished = |folder: &str, name: &str| format!("{folder}/.{name}.0123456789abcdef.unfinished");
    let part = format!("{dead}-000001");
    let metadata = "shop/_ingestr/items";
    let left = [
        format!("shop/items/{part}.parquet"),
        format!("shop/items/{part}.csv"),
        unfinished("shop/items", &format!("{part}.parquet")),
        unfinished("shop", "items.parquet"),
        unfinished("shop", "items.jsonl"),
        unfinished(metadata, "state.json"),
        format!("{metadata}/waiting/{part}.rows"),
        unfinished(&format!("{metadata}/waiting"), &format!("{part}.keys")),
        format!("{metadata}/rejects/{part}.jsonl"),
        unfinished(&format!("{metadata}/rejects"), &format!("{part}.jsonl")),
        unfinished(&format!("{metadata}/runs"), &format!("{dead}.json")),
    ];
    for path in &left {
        let path = folder.path(path);
        std::fs::create_dir_all(path.parent().expect("in a folder")).expect("a folder");
        std::fs::write(path, "dead").expect("a file");
    }
    run(&files, Strategy::Append, &id(21)).await;
    let there = folder.all();
    for path in &left {
        assert!(!there.contains(path), "{path} is still there");
    }
    let counts = |path: &&String| path.starts_with("shop/items/");
    let wanted: Vec<_> = before.iter().filter(counts).collect();
    assert!(wanted.into_iter().all(|path| there.contains(path)), "{there:?}");
    assert!(files.inspect(&items(Strategy::Append)).await.expect("a look").state.is_some());
}
