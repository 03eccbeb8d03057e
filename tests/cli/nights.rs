//! `--quiet`: what a night leaves in the mail of whoever runs this from cron.

use std::time::Duration;

use gorgias_sim::{Fault, Options, Response, fault_plan};
use insta::assert_snapshot;

use super::desk::{Desk, options};

const TABLES: &str = "customers,tickets";

/// A run of the night.
fn night(desk: &Desk, more: &[&str]) -> String {
    desk.ingest(TABLES, &[&["--quiet"], more].concat()).finish().shown()
}

fn answer(status: u16) -> Fault {
    Fault::Answer(Response { status, headers: Vec::new(), body: String::new().into() })
}

/// A week: which mails there are, and what is in them.
#[test]
fn a_week_sends_the_mails_it_should() {
    let desk = Desk::with(Options { tickets: 500, messages: 500, ..options() }, Duration::ZERO);
    // Monday: the first load.
    assert_eq!(night(&desk, &[]), "exit code 0");
    // Tuesday: nothing new.
    assert_eq!(night(&desk, &[]), "exit code 0");
    // Wednesday: the API is out for some requests, and comes back.
    for _ in 0..4 {
        desk.account().faults().next(answer(503));
    }
    assert_eq!(night(&desk, &[]), "exit code 0");
    // The night after, it is out for longer than is waited.
    desk.account().faults().plan(1, fault_plan("p503=1.0").expect("a plan"));
    let out = night(&desk, &["--retry-for=1s"]);
    assert!(out.starts_with("error: "), "{out}");
    assert!(out.contains("  failed: customers → main.customers, tickets → main.tickets;"), "{out}");
    assert!(out.ends_with("  exit code: 4\nexit code 4"), "{out}");
    desk.account().faults().clear();
    // Thursday: somebody has made a new key, and the old one is refused.
    desk.account().set_api_key("another");
    assert_snapshot!(night(&desk, &[]), @r#"
    error: Gorgias account acme refused the credentials
      cause: GET /api/customers?limit=100&order_by=updated_datetime%3Adesc: HTTP 401 "Unauthorized."
      failed: customers → main.customers, tickets → main.tickets; Gorgias account acme → duckdb file shop.duckdb
      safe: customers, tickets: this run changed nothing
      hint: check api_key and email in --source-uri: the key is shown under Settings > Account > REST API, and the e-mail must be that of the user who owns it (an access_token may have expired)
      exit code: 3
    exit code 3
    "#);
    desk.account().set_api_key(super::desk::PLANTED);
    // Friday: a notebook holds the file, first for a moment and then for longer than is waited.
    let file = desk.folder().join("shop.duckdb");
    let holder = duckdb::Connection::open(&file).expect("a database");
    let short = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(2));
        drop(holder);
    });
    assert_eq!(night(&desk, &[]), "exit code 0");
    short.join().expect("no panic");
    let holder = duckdb::Connection::open(&file).expect("a database");
    let locked = night(&desk, &["--wait=1s"]);
    assert!(
        locked.starts_with("error: none of the 2 tables is complete\n  failed: customers, tickets;"),
        "{locked}"
    );
    let by = format!("(process {}), still after 1.0 s", std::process::id());
    assert!(locked.contains(&by), "{locked}");
    assert!(locked.ends_with("  exit code: 5\nexit code 5"), "{locked}");
    drop(holder);
    // Saturday: the process is killed while it waits; nobody can send a mail about that.
    let later =
        Response { status: 503, headers: vec![("retry-after".into(), "600".into())], body: "".into() };
    desk.account().faults().nth(2, Fault::Answer(later));
    let before = desk.account().served();
    let running = desk.ingest("tickets", &["--quiet", "--full-refresh"]).start();
    let served = || desk.account().served() - before;
    let began = std::time::Instant::now();
    while served() < 2 {
        assert!(began.elapsed() < Duration::from_secs(30), "{}", running.signal("KILL").finish().shown());
        std::thread::sleep(Duration::from_millis(10));
    }
    let killed = running.signal("KILL").finish();
    assert_eq!((killed.code(), killed.stderr.as_str()), (None, ""));
    desk.account().faults().clear();
    // Sunday: all is as it should be.
    assert_eq!(night(&desk, &[]), "exit code 0");
    assert_eq!(desk.ask("shop.duckdb", "SELECT count(DISTINCT id) FROM tickets"), "500");
    assert_eq!(desk.files(), ["shop.duckdb"], "leftovers");
}

#[test]
fn a_file_of_metrics_is_replaced_and_keeps_the_last_success() {
    let desk = Desk::new();
    let night = |more: &[&str]| night(&desk, &[&["--metrics-file", "x.prom"], more].concat());
    let metrics = || std::fs::read_to_string(desk.folder().join("x.prom")).expect("a file");
    let line = |text: &str, of: &str| {
        text.lines()
            .find(|line| line.starts_with(of))
            .unwrap_or_else(|| panic!("no {of} in\n{text}"))
            .to_owned()
    };
    assert_eq!(night(&[]), "exit code 0");
    let good = metrics();
    let labels =
        |table| format!("{{source=\"Gorgias account acme\",table=\"{table}\",dest_table=\"main.{table}\"}}");
    assert_eq!(line(&good, "ingestr_exit_code"), "ingestr_exit_code 0");
    assert_eq!(line(&good, "ingestr_rows_read"), format!("ingestr_rows_read{} 30", labels("customers")));
    let success = line(&good, &format!("ingestr_last_success_timestamp_seconds{}", labels("tickets")));
    desk.account().set_api_key("another");
    assert!(night(&[]).ends_with("exit code 3"));
    let bad = metrics();
    assert_eq!(line(&bad, "ingestr_exit_code"), "ingestr_exit_code 3");
    assert_eq!(line(&bad, "ingestr_success"), format!("ingestr_success{} 0", labels("customers")));
    assert!(bad.contains(&success), "{success} is not in\n{bad}");
    assert!(night(&["--sql-limit", "x"]).ends_with("exit code 2"));
    assert!(night(&["--sql-limit", "-1"]).ends_with("exit code 2"));
    assert_eq!(line(&metrics(), "ingestr_exit_code"), "ingestr_exit_code 2");
    assert!(metrics().contains(&success));
    desk.account().set_api_key(super::desk::PLANTED);
    let nowhere = night(&["--metrics-file", "no/such/folder/x.prom"]);
    assert!(
        nowhere.starts_with("warning: the metrics file no/such/folder/x.prom cannot be written: "),
        "{nowhere}"
    );
    assert!(nowhere.ends_with("\nexit code 0"), "{nowhere}");
    assert_eq!(desk.files(), ["shop.duckdb", "x.prom"], "leftovers");
}

/// What is there and is no file is neither replaced nor waited for; a link leads to the file that is.
#[cfg(unix)]
#[test]
fn a_place_for_metrics_that_is_no_file_is_refused() {
    let desk = Desk::new();
    let made = std::process::Command::new("mkfifo").arg(desk.folder().join("pipe")).status().expect("mkfifo");
    assert!(made.success());
    for place in ["pipe", "."] {
        let before = desk.account().served();
        let said = night(&desk, &["--metrics-file", place]);
        assert!(said.contains(&format!("--metrics-file: {place} is not a file")), "{said}");
        assert!(said.ends_with("exit code 2"), "{said}");
        assert_eq!(desk.account().served(), before);
    }
    let (file, link) = (desk.folder().join("x.prom"), desk.folder().join("link.prom"));
    std::fs::write(&file, "").expect("a file");
    std::os::unix::fs::symlink(&file, &link).expect("a link");
    assert_eq!(night(&desk, &["--metrics-file", "link.prom"]), "exit code 0");
    assert!(link.is_symlink() && std::fs::read_to_string(&file).expect("a file").contains("ingestr_success"));
}

/// A warning that each night has is told in the first one.
#[test]
fn a_warning_is_told_once() {
    let desk = Desk::with(Options { role_can_read_events: false, ..options() }, Duration::ZERO);
    let first = night(&desk, &[]);
    assert!(first.starts_with("warning: "), "{first}");
    assert_eq!(night(&desk, &[]), "exit code 0");
    assert_eq!(night(&desk, &[]), "exit code 0");
    // Whoever looks sees it all the same.
    assert!(desk.ingest(TABLES, &[]).finish().well().stderr.contains("warning: "));
}
