//! SQLite files, as people and `kill -9` meet them.

use std::time::Duration;

use gorgias_sim::Options;
use insta::assert_snapshot;
use rusqlite::{Connection, OpenFlags};

use super::desk::{Desk, options};

fn number(desk: &Desk, question: &str) -> i64 {
    let file = desk.folder().join("shop.db");
    let connection =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE).expect("a database");
    connection.query_row(question, [], |row| row.get(0)).expect("an answer")
}

#[test]
fn everything_is_copied_into_one_file_and_nothing_lies_beside_it() {
    let desk = Desk::new();
    let usual =
        ["ingest", "--source-table", "*", "--dest-uri", "sqlite:///shop.db", "--dest-table", "gorgias"];
    let copy = || desk.ingestr(usual).env("SOURCE_URI", desk.uri()).finish().well();
    copy();
    for (table, list) in [("tickets", "tickets"), ("customers", "customers"), ("ticket_messages", "messages")]
    {
        let there = number(&desk, &format!("SELECT count(*) FROM \"gorgias.{table}\""));
        assert_eq!(there, i64::try_from(desk.account().count(list)).expect("few"), "{table}");
    }
    copy();
    assert_eq!(desk.files(), ["shop.db"]);
    let shown = desk.ingestr(["state", "show", "--dest-uri", "sqlite:///shop.db"]).finish().well();
    assert!(shown.shown().contains("gorgias.tickets"), "{}", shown.shown());
    let state = ["state", "reset", "--dest-uri", "sqlite:///shop.db", "--dest-table", "gorgias.tickets"];
    desk.ingestr(state).finish().well();
    assert_eq!(number(&desk, "SELECT count(*) FROM \"gorgias._ingestr_state\""), 20, "all but that one");
}

#[test]
fn a_file_that_others_hold_is_named() {
    let desk = Desk::new();
    let one = ["ingest", "--source-table", "customers", "--dest-uri", "sqlite:///shop.db"];
    desk.ingestr(one).env("SOURCE_URI", desk.uri()).finish().well();
    let other = Connection::open(desk.folder().join("shop.db")).expect("a database");
    other.execute_batch("PRAGMA locking_mode = exclusive; BEGIN EXCLUSIVE").expect("is ours");
    let done = desk.ingestr(one.into_iter().chain(["--wait=1s"])).env("SOURCE_URI", desk.uri()).finish();
    assert!(done.stderr.contains(&format!("(process {})", std::process::id())), "{}", done.shown());
    assert_snapshot!(done.shown(), @r"
    error: table main.customers: the sqlite file shop.db is in use by PROGRAM, still after 1.0 s
      hint: close the program that holds it, or wait longer for it with --wait
    exit code 5
    ");
    // Who reads for long is waited for as well: at its commit a run has to write.
    other.execute_batch("ROLLBACK; PRAGMA locking_mode = normal").expect("lets go");
    other.query_row("SELECT count(*) FROM customers", [], |_| Ok(())).expect("lets go");
    other.execute_batch("BEGIN; SELECT count(*) FROM customers").expect("reads");
    let running =
        desk.ingestr(one).env("SOURCE_URI", desk.uri()).start().until("; waiting for up to 10 min 00 s");
    other.execute_batch("COMMIT").expect("lets go");
    running.finish().well();
}

#[test]
fn whenever_it_is_killed_the_file_is_whole_and_the_next_run_goes_on() {
    let size = Options { tickets: 800, messages: 1_600, ..options() };
    let desk = Desk::with(size, Duration::from_millis(4));
    let table = |table: &str| {
        let arguments =
            ["ingest", "--dest-uri", "sqlite:///shop.db", "--flush-records", "150", "--source-table"];
        desk.ingestr(arguments.into_iter().chain([table])).env("SOURCE_URI", desk.uri())
    };
    let mut rng = fastrand::Rng::with_seed(5);
    for (name, list) in [("tickets", "tickets"), ("ticket_messages", "messages")] {
        let mut before = 0;
        for _ in 0..25 {
            let running = table(name).start();
            std::thread::sleep(Duration::from_millis(rng.u64(5..400)));
            let over = running.signal("KILL").finish();
            assert!(over.code().is_none_or(|code| code == 0), "{}", over.shown());
            let exists = format!("SELECT count(*) FROM sqlite_schema WHERE name = '{name}'");
            if !desk.folder().join("shop.db").exists() || number(&desk, &exists) == 0 {
                assert_eq!(before, 0, "{name} is gone");
                continue;
            }
            let rows = number(&desk, &format!("SELECT count(*) FROM {name}"));
            assert_eq!(rows, number(&desk, &format!("SELECT count(DISTINCT id) FROM {name}")), "{name}");
            assert!(rows >= before, "{name} had {before} rows, now {rows}");
            let state = format!("SELECT count(*) FROM _ingestr_state WHERE dest_table = '{name}'");
            assert_eq!(number(&desk, &state), 1, "{name}: rows without a state");
            before = rows;
        }
        table(name).finish().well();
        let wanted = i64::try_from(desk.account().count(list)).expect("few");
        assert_eq!(number(&desk, &format!("SELECT count(*) FROM {name}")), wanted, "{name}");
    }
    assert_eq!(
        number(&desk, "SELECT count(*) FROM pragma_integrity_check() WHERE integrity_check <> 'ok'"),
        0
    );
    assert_eq!(desk.files(), ["shop.db"]);
}
