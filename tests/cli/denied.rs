//! Destinations that the system does not let us write: read-only folders, files and mounts, and a disk that is full.
//!
//! Bits of permission bind nobody who runs as root, and no test may fill the machine's disk. So where we are root, the
//! program is started without the right to pass over permissions (`setpriv`), and disks are small ones in memory that
//! only the program sees (`unshare`). `make test-denied` runs these.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use gorgias_sim::Options;
use insta::assert_snapshot;

use super::desk::{Desk, Run, options};

/// A desk with customers in `shop.duckdb`.
fn desk() -> Desk {
    let more = Options { tickets: 2_000, messages: 6_000, max_body: 100_000, ..options() };
    let desk = Desk::with(more, Duration::ZERO);
    desk.ingest("customers", &[]).finish().well();
    desk
}

/// A line for the shell in which `ingest` is a run of the program that permissions bind.
fn ingest(desk: &Desk, line: &str) -> Run {
    let root = std::fs::metadata("/proc/self").expect("Linux").uid() == 0;
    let bound = if root { "setpriv --bounding-set=-dac_override --inh-caps=-dac_override" } else { "" };
    let program = env!("CARGO_BIN_EXE_ingestr");
    let line = format!("ingest() {{ {bound} '{program}' ingest \"$@\"; }}; {line}");
    Run::in_shell(desk, &line).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("SOURCE_URI", desk.uri())
}

/// The same with a disk of `size` mounted on the folder `small`, which holds a copy of `shop.duckdb`; what is left of it
/// is copied back as `after.duckdb`, and the names of its files as `left`.
fn on_small_disk(desk: &Desk, size: &str, line: &str) -> Run {
    std::fs::create_dir(desk.folder().join("small")).expect("a folder");
    let program = env!("CARGO_BIN_EXE_ingestr");
    let inside = format!(
        "ingest() {{ '{program}' ingest \"$@\"; }}; mount -t tmpfs -o size={size} none small && \
         cp shop.duckdb small/ && {line}; code=$?; cp small/shop.duckdb after.duckdb; \
         ls -A small > left; exit $code"
    );
    Run::in_shell(desk, "unshare --map-root-user --mount sh -c \"$INSIDE\"")
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("INSIDE", inside)
        .env("SOURCE_URI", desk.uri())
}

fn permit(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("ours");
}

fn customers(desk: &Desk, file: &str) -> String {
    desk.ask(file, "SELECT count(*) FROM customers")
}

#[test]
#[ignore = "needs setpriv"]
fn a_read_only_folder_is_named_before_anything_is_read() {
    let desk = desk();
    let folder = desk.folder().join("closed");
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::copy(desk.folder().join("shop.duckdb"), folder.join("shop.duckdb")).expect("a copy");
    permit(&folder, 0o555);
    let served = desk.account().served();
    for file in ["shop", "new"] {
        let line = format!("ingest --source-table tickets --dest-uri duckdb:///closed/{file}.duckdb");
        let done = ingest(&desk, &line).finish();
        insta::allow_duplicates! { assert_snapshot!(done.shown().replace(file, "FILE"), @r"
        error: table main.tickets: no permission to create the duckdb file closed/FILE.duckdb
          cause: Permission denied (os error 13)
          hint: give this user the right to write there, or name another place in --dest-uri
        exit code 5
        "); }
    }
    permit(&folder, 0o755);
    assert_eq!(desk.account().served(), served, "a request was sent");
    assert_eq!(customers(&desk, "closed/shop.duckdb"), "30");
    assert_eq!(desk.files(), ["closed", "closed/shop.duckdb", "shop.duckdb"]);
}

#[test]
#[ignore = "needs setpriv"]
fn a_read_only_file_is_named_before_anything_is_read() {
    let desk = desk();
    permit(&desk.folder().join("shop.duckdb"), 0o444);
    let done = ingest(&desk, "ingest --source-table tickets --dest-uri duckdb:///shop.duckdb").finish();
    assert_snapshot!(done.shown(), @r"
    error: table main.tickets: no permission to write the duckdb file shop.duckdb
      cause: Permission denied (os error 13)
      hint: give this user the right to write there, or name another place in --dest-uri
    exit code 5
    ");
    assert_eq!(customers(&desk, "shop.duckdb"), "30");
}

#[test]
#[ignore = "needs unshare"]
fn a_read_only_mount_is_named_before_anything_is_read() {
    let desk = desk();
    let line = "mount -o remount,ro none small && \
                ingest --source-table tickets --dest-uri duckdb:///small/shop.duckdb";
    assert_snapshot!(on_small_disk(&desk, "16m", line).finish().shown(), @r"
    error: table main.tickets: no permission to write the duckdb file small/shop.duckdb
      cause: Read-only file system (os error 30)
      hint: give this user the right to write there, or name another place in --dest-uri
    exit code 5
    ");
    assert_eq!(customers(&desk, "after.duckdb"), "30");
}

#[test]
#[ignore = "needs unshare"]
fn a_full_disk_leaves_the_old_rows_and_says_so() {
    let desk = desk();
    let line = "ingest --source-table ticket_messages --dest-uri duckdb:///small/shop.duckdb --progress log";
    let done = on_small_disk(&desk, "2m", line).finish();
    assert_eq!(done.code(), Some(5), "{}", done.shown());
    let error = done.stderr.find("error: ").map_or("no error", |at| &done.stderr[at..]);
    assert_snapshot!(error, @r#"
    error: table main.ticket_messages: no space left for the duckdb file small/shop.duckdb
      cause: TransactionContext Error: Failed to commit: Checkpoint failed for database "_ingestr_file". The database has been invalidated. Original error: Could not write file "FOLDER/small/shop.duckdb": No space left on device
      hint: free some space and run the command again; it goes on from what is stored
    "#);
    assert_eq!(std::fs::read_to_string(desk.folder().join("left")).expect("a list"), "shop.duckdb\n");
    assert_eq!(customers(&desk, "after.duckdb"), "30");
    let tables = "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'ticket_messages'";
    assert_eq!(desk.ask("after.duckdb", tables), "0");
}

#[test]
#[ignore = "needs unshare"]
fn a_full_disk_at_night_is_one_block() {
    let desk = desk();
    let line = "ingest --source-table ticket_messages --dest-uri duckdb:///small/shop.duckdb --quiet";
    let done = on_small_disk(&desk, "2m", line).finish();
    let cause = done.stderr.lines().nth(1).unwrap_or_default();
    assert!(cause.starts_with("  cause: ") && cause.ends_with("No space left on device"), "{}", done.shown());
    let lines: Vec<&str> = done.stderr.lines().collect();
    assert!(
        lines[0].starts_with("error: ") && lines.iter().any(|line| line.starts_with("  hint: ")),
        "{}",
        done.shown()
    );
    assert_eq!(done.code(), Some(5), "{}", done.shown());
}

#[test]
#[cfg(feature = "files")]
#[ignore = "needs setpriv"]
fn a_folder_for_files_that_is_read_only_is_named_before_anything_is_read() {
    let desk = desk();
    let folder = desk.folder().join("closed");
    std::fs::create_dir(&folder).expect("a folder");
    permit(&folder, 0o555);
    let served = desk.account().served();
    let done = ingest(&desk, "ingest --source-table tickets --dest-uri csv:///closed").finish();
    permit(&folder, 0o755);
    assert_snapshot!(done.shown(), @r"
    error: table main.tickets: no permission to create the output file closed/main
      cause: Permission denied (os error 13)
      hint: give this user the right to write there, or name another place in --dest-uri
    exit code 5
    ");
    assert_eq!(desk.account().served(), served, "a request was sent");
    assert_eq!(desk.files(), ["closed", "shop.duckdb"]);
}

#[test]
#[cfg(feature = "files")]
#[ignore = "needs unshare"]
fn a_full_disk_leaves_the_old_file_and_nothing_else() {
    let desk = desk();
    let line = "copy() { ingest --source-table tickets --dest-uri jsonl:///small/out --progress log; }; \
                copy && cp small/out/main/tickets.jsonl before && \
                { dd if=/dev/zero of=small/fill bs=4k 2>/dev/null; truncate -s -64K small/fill; copy; code=$?; rm small/fill; \
                cmp before small/out/main/tickets.jsonl && find small/out/main -maxdepth 1 | sort > there; (exit $code); }";
    let done = on_small_disk(&desk, "24m", line).finish();
    assert_eq!(done.code(), Some(5), "{}", done.shown());
    let error = done.stderr.find("error: ").map_or("no error", |at| &done.stderr[at..]);
    assert!(error.contains("no space left for the output file small/out/main/"), "{error}");
    assert!(!error.contains("unfinished"), "{error}");
    let there = std::fs::read_to_string(desk.folder().join("there")).expect("the old file is as it was");
    assert_snapshot!(there, @r"
    small/out/main
    small/out/main/_ingestr
    small/out/main/tickets.jsonl
    ");
}

#[test]
#[cfg(feature = "files")]
#[ignore = "needs setpriv, and root"]
fn a_file_of_others_that_may_not_be_replaced_is_named_before_anything_is_read() {
    let desk = desk();
    let (folder, file) = (desk.folder().join("out/main"), desk.folder().join("out/main/tickets.csv"));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(&file, "theirs\n").expect("a file");
    permit(&folder, 0o1777);
    std::os::unix::fs::chown(&file, Some(1_001), None).expect("is root's to give");
    std::os::unix::fs::chown(&folder, Some(1_002), None).expect("is root's to give");
    let program = env!("CARGO_BIN_EXE_ingestr");
    let bound = "setpriv --bounding-set=-dac_override,-fowner --inh-caps=-dac_override,-fowner";
    let line = format!("{bound} '{program}' ingest --source-table tickets --dest-uri csv:///out");
    let served = desk.account().served();
    let done = Run::in_shell(&desk, &line).env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    assert_snapshot!(done.env("SOURCE_URI", desk.uri()).finish().shown(), @r"
    error: out/main/tickets.csv belongs to another user, and nobody else may replace it
      hint: let its owner remove it, or name another table in --dest-table
    exit code 5
    ");
    assert_eq!(desk.account().served(), served, "a request was sent");
    assert_eq!(std::fs::read_to_string(&file).expect("a file"), "theirs\n");
}

/// Nor does what was half written keep the disk full.
#[test]
#[cfg(feature = "files")]
#[ignore = "needs unshare"]
fn a_full_disk_leaves_nothing_of_what_was_to_be_appended() {
    let desk = desk();
    let line = "copy() { ingest --source-table ticket_messages --incremental-strategy append --flush-records 500 \
                --dest-uri jsonl:///small/out --progress log; }; \
                copy; code=$?; find small/out -type f | grep -v state.json | sort > there; (exit $code)";
    let done = on_small_disk(&desk, "8m", line).finish();
    assert_eq!(done.code(), Some(5), "{}", done.shown());
    let error = done.stderr.find("error: ").map_or("no error", |at| &done.stderr[at..]);
    assert!(error.contains("no space left for the output file small/out/main/"), "{error}");
    let there = std::fs::read_to_string(desk.folder().join("there")).expect("a list");
    assert!(there.contains("-000001.jsonl") && !there.contains("unfinished"), "{there}");
}
