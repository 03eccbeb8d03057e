//! Files that commands write beside the copy: they are never the copy, nor what somebody else has written.

use std::fs;

use super::desk::Desk;

const TABLES: &str = "tickets,ticket_messages,satisfaction_surveys,customers";

fn refused(desk: &Desk, arguments: &[&str], words: &str) {
    let before = (desk.files(), desk.account().served());
    let done = desk.ingestr(arguments.iter().copied()).env("SOURCE_URI", desk.uri()).finish();
    assert_eq!(done.code(), Some(2), "{}", done.shown());
    assert!(done.stderr.starts_with(&format!("error: {words}\n")), "{words}:\n{}", done.stderr);
    assert_eq!((desk.files(), desk.account().served()), before);
}

#[test]
fn the_page_never_takes_the_place_of_the_copy() {
    let desk = Desk::new();
    desk.ingest(TABLES, &["--dest-table", "gorgias"]).finish().well();
    let copy = desk.folder().join("shop.duckdb");
    let before = fs::read(&copy).expect("the copy");
    fs::hard_link(&copy, desk.folder().join("other")).expect("a link");
    let report = |file| ["report", "--dest-uri", "duckdb:///shop.duckdb", "--output", file];
    for file in ["shop.duckdb", "./shop.duckdb", "other", "shop.duckdb.wal"] {
        let words = format!("--output: {file} belongs to the copy, duckdb file shop.duckdb");
        refused(&desk, &report(file), &words);
    }
    assert_eq!(fs::read(&copy).expect("the copy"), before);
    let page = desk.folder().join("page.html");
    fs::write(&page, "<html>mine</html>").expect("a file");
    refused(&desk, &report("page.html"), "--output: page.html is there, and ingestr has not written it");
    assert_eq!(fs::read_to_string(&page).expect("the file"), "<html>mine</html>");
    // One's own page is replaced every night, and so is an empty file.
    fs::write(&page, "").expect("a file");
    for _ in 0..2 {
        desk.ingestr(report("page.html")).finish().well();
        assert!(fs::read_to_string(&page).expect("the page").contains("<h1>Help desk acme</h1>"));
    }
}

#[test]
fn metrics_never_take_the_place_of_the_copy() {
    let desk = Desk::new();
    let kinds = [
        "duckdb",
        #[cfg(feature = "sqlite")]
        "sqlite",
    ];
    for kind in kinds {
        let uri = format!("{kind}:///x.db");
        let night = |file: &str| {
            ["ingest", "--source-table", "tickets", "--quiet", "--dest-uri", &uri, "--metrics-file", file]
                .map(str::to_owned)
        };
        let refused = |file: &str| {
            let arguments = night(file);
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let words = format!("--metrics-file: {file} belongs to the copy, {kind} file x.db");
            refused(&desk, &arguments, &words);
        };
        // Before there is a copy, and when there is one.
        refused("./x.db");
        let arguments = night("x.prom");
        desk.ingestr(arguments.iter().map(String::as_str)).env("SOURCE_URI", desk.uri()).finish().well();
        refused("./x.db");
        refused("x.db-wal");
        fs::remove_file(desk.folder().join("x.db")).expect("the copy");
    }
    fs::write(desk.folder().join("notes.txt"), "mine").expect("a file");
    let usual = ["ingest", "--source-table", "tickets", "--dest-uri", "duckdb:///x.db"];
    let arguments = [&usual[..], &["--metrics-file", "notes.txt"]].concat();
    let words = "--metrics-file: notes.txt is there, and ingestr has not written it";
    refused(&desk, &arguments, words);
    assert_eq!(fs::read_to_string(desk.folder().join("notes.txt")).expect("the file"), "mine");
}

#[test]
fn the_file_with_the_key_is_not_the_copy() {
    let desk = Desk::new();
    let base_url = desk.base_url();
    let usual = ["init", "--domain", "acme", "--email", "agent@acme.example", "--base-url", &base_url];
    let more = ["--env-file", "x.duckdb", "--dest-uri", "duckdb:///x.duckdb"];
    let done =
        desk.ingestr([&usual[..], &more].concat()).env("INGESTR_API_KEY", super::desk::PLANTED).finish();
    assert_eq!(done.code(), Some(2), "{}", done.shown());
    let words = "error: --env-file: x.duckdb belongs to the copy, duckdb file x.duckdb\n";
    assert!(done.stderr.contains(words), "{}", done.stderr);
    assert!(desk.files().is_empty());
}
