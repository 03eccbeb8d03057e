//! What goes wrong with files: each failure has its kind and words, and the old data survives it.

#![allow(
    clippy::disallowed_methods,
    reason = "children are told by environment, and other processes need real time"
)]

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;
use crate::dest::{DestError, Undone};

/// Set in a child of this test binary: the file it is to work on.
const CHILD: &str = "INGESTR_TEST_DUCKDB_CHILD";

/// The message with what differs from run to run replaced.
fn words(error: &DestError, file: &Path) -> String {
    let text = error.to_string().replace(&file.display().to_string(), "FILE");
    match text.split_once("in use by ") {
        Some((before, after)) => {
            let by = after.split_once(" (process ").map_or(after, |_| "PROGRAM (process n)");
            format!("{before}in use by {by}")
        }
        None => text,
    }
}

async fn inspect(file: &File) -> Result<Inspection, DestError> {
    file.duck().inspect(&items(Strategy::Merge)).await
}

async fn write(file: &File, name: &str) -> Result<Counts, DestError> {
    load(&file.duck(), &items(Strategy::Merge), vec![batch(&[(1, name, 10)])], commit("r", "p", true)).await
}

fn child(test: &str, file: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this binary"));
    command.args(["--exact", &format!("dest::duckdb::tests::trouble::{test}"), "--nocapture", "--ignored"]);
    command.env(CHILD, file).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[test]
#[ignore = "the other process of another test"]
fn holds_the_file() {
    let Ok(file) = std::env::var(CHILD) else { return };
    let _held = Connection::open(file).expect("opens");
    println!("held");
    // Until the parent closes our input.
    let _ = std::io::stdin().read_line(&mut String::new());
}

#[test]
#[ignore = "the other process of another test"]
fn reads_the_file() {
    let Ok(file) = std::env::var(CHILD) else { return };
    let config = duckdb::Config::default().access_mode(duckdb::AccessMode::ReadOnly).expect("is known");
    let _read = Connection::open_with_flags(file, config).expect("opens");
    println!("held");
    let _ = std::io::stdin().read_line(&mut String::new());
}

fn hold(file: &File) -> std::process::Child {
    started("holds_the_file", file)
}

fn started(test: &str, file: &File) -> std::process::Child {
    let mut child = child(test, &file.path()).spawn().expect("starts");
    let mut out = std::io::BufReader::new(child.stdout.take().expect("is piped"));
    let mut line = String::new();
    while !line.contains("held") {
        line.clear();
        assert_ne!(
            std::io::BufRead::read_line(&mut out, &mut line).expect("reads"),
            0,
            "the child holds the file"
        );
    }
    child
}

#[tokio::test]
async fn a_file_held_by_another_process_names_the_process() {
    let file = File::new();
    write(&file, "old").await.expect("first load");
    let mut holder = hold(&file);
    let error = inspect(&file).await.expect_err("is held");
    assert_eq!(error.kind, DestErrorKind::Locked);
    assert_eq!(words(&error, &file.path()), "the duckdb file FILE is in use by PROGRAM (process n)");
    assert!(error.to_string().contains(&holder.id().to_string()), "{error}");
    assert!(error.source.is_none(), "its advice is for readers");
    drop(holder.stdin.take());
    holder.wait().expect("ends");
    assert_eq!(file.rows("items", &["name"]).expect("exists"), [["old"]]);
}

#[tokio::test]
async fn a_commit_that_meets_another_process_comes_back_as_it_was() {
    let file = File::new();
    write(&file, "old").await.expect("first load");
    let mut holder = hold(&file);
    let mut load = file.duck().begin((&items(Strategy::Merge)).into());
    load.stage(0, batch(&[(1, "new", 10)])).await.expect("can be staged");
    let held = |made: Result<Vec<Counts>, Undone>| {
        let Err(Undone::Held { error, again }) = made else { panic!("it is held: {made:?}") };
        assert_eq!(error.kind, DestErrorKind::Locked);
        *again
    };
    let again = held(load.commit(commit("r", "p", true)).await);
    let again = held(again.load.commit(again.commit).await);
    drop(holder.stdin.take());
    holder.wait().expect("ends");
    assert_eq!(again.load.commit(again.commit).await.expect("goes through")[0].updated, 1);
    assert_eq!(file.rows("items", &["name"]).expect("exists"), [["new"]]);
}

#[tokio::test]
async fn questions_are_answered_while_another_process_reads() {
    let file = File::new();
    write(&file, "old").await.expect("first load");
    let mut reader = started("reads_the_file", &file);
    let question = Question::CountBy { column: "id".into(), values: vec![1] };
    let answer = file.duck().ask(&items(Strategy::Merge), question).await.expect("can be asked");
    assert_eq!(answer.expect("can tell").pairs, [(1, 1)]);
    assert_eq!(file.duck().remembered().await.expect("can be read").len(), 1);
    assert_eq!(inspect(&file).await.expect_err("wants to write").kind, DestErrorKind::Locked);
    drop(reader.stdin.take());
    reader.wait().expect("ends");
}

#[tokio::test]
async fn what_is_no_database_is_left_as_it_is() {
    let random: Vec<u8> = (0..50_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for bytes in [random, b"id,name\n1,a\n".to_vec(), Vec::new()] {
        let file = File::new();
        std::fs::write(file.path(), &bytes).expect("writes");
        for error in
            [inspect(&file).await.expect_err("damaged"), write(&file, "x").await.expect_err("damaged")]
        {
            assert_eq!(error.kind, DestErrorKind::Damaged);
            let what = match bytes.as_slice() {
                [] => "FILE is an empty file, and no duckdb database",
                _ => "FILE is not a duckdb database, or is damaged",
            };
            assert_eq!(words(&error, &file.path()), what);
        }
        assert_eq!(std::fs::read(file.path()).expect("reads"), bytes);
    }
}

/// What DuckDB says of a file that two processes wrote at once, as on a network drive without locks.
#[test]
fn a_database_whose_catalog_ends_too_soon_is_damaged() {
    let said = "IO Error: No more data remaining in MetadataReader";
    let error = duckdb::Error::DuckDBFailure(duckdb::ffi::Error::new(1), Some(said.into()));
    let error = crate::dest::duckdb::open::failed(Path::new("shop.duckdb"), "open", error);
    assert_eq!(error.kind, DestErrorKind::Damaged);
    assert_eq!(error.to_string(), "shop.duckdb is not a duckdb database, or is damaged");
}

#[tokio::test]
async fn a_truncated_database_is_damaged() {
    let file = File::new();
    write(&file, "old").await.expect("first load");
    let whole = std::fs::read(file.path()).expect("reads");
    std::fs::write(file.path(), &whole[..20_000]).expect("writes");
    let error = inspect(&file).await.expect_err("damaged");
    assert_eq!(
        (error.kind, words(&error, &file.path()).as_str()),
        (DestErrorKind::Damaged, "FILE is not a duckdb database, or is damaged")
    );
    assert_eq!(std::fs::read(file.path()).expect("reads"), &whole[..20_000]);
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_found_before_the_run() {
    let folder = tempfile::tempdir().expect("a folder");
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "x").expect("writes");
    let below = plain.join("deeper").join("x.duckdb");
    let target = items(Strategy::Merge);
    let error = DuckDb::at(&below).inspect(&target).await.expect_err("a file is no folder");
    assert_eq!(
        (error.kind, words(&error, &below).as_str()),
        (DestErrorKind::Permission, "cannot create the duckdb file FILE: its folder is a file")
    );
    let error = DuckDb::at(folder.path()).inspect(&target).await.expect_err("a folder is no file");
    assert_eq!(
        (error.kind, words(&error, folder.path()).as_str()),
        (DestErrorKind::Damaged, "FILE is a folder, not a database file")
    );
}

#[test]
fn refusals_of_the_system_have_their_kinds() {
    use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, StorageFull};
    let file = Path::new("/data/x.duckdb");
    for (kind, action, expected, message) in [
        (
            PermissionDenied,
            "create",
            DestErrorKind::Permission,
            "no permission to create the duckdb file FILE",
        ),
        (
            ReadOnlyFilesystem,
            "write",
            DestErrorKind::Permission,
            "no permission to write the duckdb file FILE",
        ),
        (StorageFull, "create", DestErrorKind::Full, "no space left for the duckdb file FILE"),
    ] {
        let error = crate::dest::local::from_io("duckdb", file, action, kind.into());
        assert_eq!((error.kind, words(&error, file).as_str()), (expected, message));
    }
    let said = |text: &str| duckdb::Error::DuckDBFailure(duckdb::ffi::Error::new(1), Some(text.into()));
    for (text, expected, message) in [
        (
            "IO Error: Cannot open file \"/data/x.duckdb\": Permission denied",
            DestErrorKind::Permission,
            "no permission to write the duckdb file FILE",
        ),
        (
            "IO Error: Could not write all bytes to file \"/data/x.duckdb\": No space left on device",
            DestErrorKind::Full,
            "no space left for the duckdb file FILE",
        ),
        (
            "IO Error: Trying to read a database file with version number 69, but we can only read versions between 64 and 68.",
            DestErrorKind::Damaged,
            "the duckdb file FILE has a format this program cannot read",
        ),
        (
            "Constraint Error: Duplicate key \"email: jane@example.com\" violates unique constraint.",
            DestErrorKind::Shape,
            "cannot write the duckdb file FILE: constraint error in the existing table",
        ),
    ] {
        let error = open::failed(file, "write", said(text));
        assert_eq!((error.kind, words(&error, file).as_str()), (expected, message));
        let causes = format!("{error:?}");
        assert!(!causes.contains("jane"), "row content in {causes}");
    }
}

#[tokio::test]
#[ignore = "the limited process of another test"]
async fn writes_more_than_it_may() {
    let Ok(path) = std::env::var(CHILD) else { return };
    let path = PathBuf::from(path);
    // Incompressible, or the file would not grow.
    let names: Vec<String> =
        (0..4_000).map(|_| (0..100).map(|_| format!("{:016x}", fastrand::u64(..))).collect()).collect();
    let rows: Vec<_> = names.iter().enumerate().map(|(i, name)| (i as i64 + 1, name.as_str(), 20)).collect();
    let duck = DuckDb::at(&path);
    let error = load(&duck, &items(Strategy::Merge), vec![batch(&rows)], commit("r2", "p2", true)).await;
    let error = error.expect_err("the limit is hit");
    println!("child says: {:?} {}", error.kind, words(&error, &path));
}

#[cfg(unix)]
#[tokio::test]
async fn a_full_disk_leaves_the_old_rows_and_says_so() {
    let file = File::new();
    write(&file, "old").await.expect("first load");
    let before = file.rows("_ingestr_state", &["source", "run_id"]);
    // A limit on file size stands for the full disk: it fails the same writes, with another errno.
    let inner = child("writes_more_than_it_may", &file.path());
    let mut shell = Command::new("bash");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 1000; exec \"$0\" \"$@\""]);
    shell.arg(inner.get_program()).args(inner.get_args()).env(CHILD, file.path());
    let out = shell.output().expect("bash is there");
    let out = String::from_utf8_lossy(&out.stdout);
    let said = out.lines().find_map(|line| line.split_once("child says: ")).map(|(_, said)| said);
    assert_eq!(said, Some("Full no space left for the duckdb file FILE"), "{out}");
    assert_eq!(file.rows("items", &["name"]).expect("exists"), [["old"]]);
    assert_eq!(file.rows("_ingestr_state", &["source", "run_id"]), before);
    // With room again, the same load goes through.
    assert_eq!(write(&file, "new").await.expect("goes through").updated, 1);
}

#[tokio::test]
async fn folders_are_made_at_the_first_commit_and_nothing_is_left_beside_the_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a").join("b c").join("it's.duckdb");
    let duck = DuckDb::at(&path);
    let target = items(Strategy::Merge);
    duck.inspect(&target).await.expect("can be inspected");
    assert!(!folder.path().join("a").exists());
    // A killed run's spilled rows are swept.
    load(&duck, &target, vec![batch(&[(1, "a", 10)])], commit("r", "p", false)).await.expect("goes through");
    let spill = path.with_file_name("it's.duckdb.tmp");
    std::fs::create_dir(&spill).expect("creates");
    let mut left = std::fs::File::create(spill.join("duckdb_temp_storage_DEFAULT-0.tmp")).expect("creates");
    left.write_all(b"a customer").expect("writes");
    load(&duck, &target, vec![batch(&[(2, "b", 10)])], commit("r", "p", true)).await.expect("goes through");
    let files = std::fs::read_dir(path.parent().expect("has one")).expect("lists");
    let files: Vec<_> = files.map(|f| f.expect("is a file").file_name()).collect();
    assert_eq!(files, ["it's.duckdb"]);
}

/// What does not fit into DuckDB's memory is put beside the file, and is gone after each commit.
#[tokio::test]
async fn commits_larger_than_the_memory_leave_nothing_beside_the_file() {
    let file = File::new();
    let long = "words that come again and again ".repeat(500);
    for round in 0..3 {
        let rows: Vec<_> = (0..10_000).map(|id| (round * 10_000 + id, long.as_str(), 10)).collect();
        let counts =
            load(&file.duck(), &items(Strategy::Merge), vec![batch(&rows)], commit("r", "p", true)).await;
        assert_eq!(counts.expect("loads").inserted, 10_000);
        let beside: Vec<_> = std::fs::read_dir(file.path().parent().expect("a folder"))
            .expect("can be listed")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        assert_eq!(beside.len(), 1, "{beside:?}");
    }
}
