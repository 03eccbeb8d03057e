//! What is between us and the API, and wrong: proxies, certificates, redirects. And `--debug`, which shows what happens.

use gorgias_sim::{Fault, Options, Response};
use insta::assert_snapshot;

use super::desk::{Desk, PLANTED, basic, options};

const FAR: &str =
    "gorgias://acme?api_key=planted-key-4f1c9a7e&email=agent@acme.example&base_url=https://far.example";

#[test]
fn a_proxy_that_is_not_there_is_named() {
    let desk = Desk::new();
    let run = desk.ingest("tickets", &["--source-uri", FAR, "--progress", "log"]);
    let shown = run.env("HTTPS_PROXY", "http://me:s3cret-word@127.0.0.1:9").finish().shown();
    assert!(!shown.contains("s3cret"), "{shown}");
    let cause = shown.lines().find(|line| line.starts_with("  cause: ")).unwrap_or_default();
    assert!(cause.contains("(through the proxy 127.0.0.1:9, which HTTPS_PROXY names)"), "{shown}");
    assert!(shown.ends_with("exit code 4"), "{shown}");
}

#[test]
fn settings_that_cannot_work_are_refused_by_name() {
    let desk = Desk::new();
    let run = |name: &str, value: &str| {
        desk.ingest("tickets", &["--source-uri", FAR]).env(name, value).finish().shown()
    };
    assert_snapshot!(run("https_proxy", "http://me:s3cret@word@proxy.example:3128"), @r"
    error: https_proxy: the password in it has an @, so that nobody can tell where the host begins
      hint: write %40 for an @ in the name or the password
    exit code 2
    ");
    assert_snapshot!(run("SSL_CERT_FILE", "no/such.pem"), @r"
    error: SSL_CERT_FILE names no/such.pem, which cannot be read: No such file or directory (os error 2)
      hint: let it name a bundle of certificates, such as /etc/ssl/certs/ca-certificates.crt, or unset it
    exit code 2
    ");
    assert_snapshot!(run("SSL_CERT_FILE", ""), @r"
    error: SSL_CERT_FILE is set, but names no file
      hint: let it name a bundle of certificates, such as /etc/ssl/certs/ca-certificates.crt, or unset it
    exit code 2
    ");
    // They are about others: nothing of this goes to the simulator.
    desk.ingest("customers", &[]).env("SSL_CERT_FILE", "").env("HTTPS_PROXY", "http://a@b@c").finish().well();
}

#[test]
fn a_redirect_shows_where_to() {
    let desk = Desk::new();
    let location = "https://login.example/somewhere?token=s3cret-word";
    let elsewhere =
        Response { status: 302, headers: vec![("location".into(), location.into())], body: "".into() };
    desk.account().faults().next(Fault::Answer(elsewhere));
    let shown = desk.ingest("tickets", &[]).finish().shown();
    let error = shown.find("error: ").map_or("no error", |at| &shown[at..]);
    assert_snapshot!(error, @r"
    error: Gorgias account acme sends a request for table tickets somewhere else
      cause: GET /api/tickets?limit=100&order_by=created_datetime%3Adesc: HTTP 302, redirected to https://login.example/somewhere
      hint: check the domain in --source-uri, in case the help desk was renamed; redirects are not followed, as the key would go along
    exit code 4
    ");
}

/// A proxy that repeats what it was sent, to a terminal. (That no run prints the key, every test here checks.)
#[test]
fn what_a_server_says_is_one_line_without_credentials() {
    for more in [&["--debug"][..], &["--progress", "json"], &["--quiet"]] {
        let desk = Desk::new();
        let body = format!(
            r#"{{"error":{{"msg":"no: Basic {} {PLANTED} \u001b[31m evil\n\nline{}"}}}}"#,
            basic(PLANTED),
            "!".repeat(5_000)
        );
        let headers = [("X-Gorgias-Account-Api-Call-Limit", PLANTED), ("location", PLANTED)];
        let headers = headers.map(|(name, value)| (name.into(), value.into())).to_vec();
        for _ in 0..20 {
            let refusal = Response { status: 403, headers: headers.clone(), body: body.clone().into() };
            desk.account().faults().next(Fault::Answer(refusal));
        }
        let done = desk.ingest("tickets", more).finish();
        let shown = done.shown();
        assert_eq!(done.code(), Some(3), "{shown}");
        assert!(shown.contains("no: Basic [redacted] [redacted] "), "{shown}");
        assert!(shown.contains("u{1b}[31m evil line!!!"), "{shown}");
        assert!(!shown.contains(&"!".repeat(201)), "{shown}");
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }
}

#[test]
fn a_wait_that_nobody_means_has_an_end() {
    let desk = Desk::new();
    let headers = vec![("retry-after".into(), "9".repeat(23))];
    desk.account().faults().next(Fault::Answer(Response { status: 503, headers, body: "".into() }));
    let shown = desk.ingest("tickets", &[]).finish().shown();
    assert!(shown.contains("HTTP 503, Retry-After a year or more\n"), "{shown}");
    assert!(shown.contains("hint: come back after 20"), "{shown}");
}

/// Each request and each statement, and nothing that is in a row.
#[test]
fn debug_shows_requests_and_statements_without_values() {
    for (file, scheme) in [("shop.duckdb", "duckdb"), ("shop.db", "sqlite")] {
        let desk = Desk::with(Options { unlimited: false, ..options() }, std::time::Duration::ZERO);
        let dest = format!("{scheme}:///{file}");
        let run = |more: &[&str]| {
            let usual = ["--dest-uri", dest.as_str(), "--debug"];
            desk.ingest("customers,tickets", &[&usual, more].concat()).finish().well().stderr
        };
        let first = run(&[]);
        let again = run(&["--full-refresh"]);
        let debug = |text: &str| -> Vec<String> {
            text.lines().filter(|line| line.starts_with("debug: ")).map(str::to_owned).collect()
        };
        let lines = [debug(&first), debug(&again)].concat();
        let has = |words: &[&str]| lines.iter().any(|line| words.iter().all(|word| line.contains(word)));
        assert!(has(&["GET /api/tickets?limit=100", ": 200, budget ", " ms"]), "{lines:#?}");
        assert!(has(&["INSERT INTO", "_ingestr_runs", "VALUES (?, …", " ms"]), "{lines:#?}");
        assert!(has(&["COMMIT: "]), "{lines:#?}");
        // The accounts' own words: subjects, names and addresses are in no line.
        let account = desk.account();
        let mut looked_for = 0;
        for list in ["customers", "tickets"] {
            for (id, row) in account.expected(list) {
                let row: serde_json::Value = serde_json::from_str(&row).expect("JSON");
                let words =
                    ["subject", "name", "email", "excerpt"].into_iter().filter_map(|name| row[name].as_str());
                for word in words.filter(|word| word.len() > 5) {
                    looked_for += 1;
                    let found = lines.iter().find(|line| line.contains(word));
                    assert!(found.is_none(), "{list} {id}: {word} is in {found:?}");
                }
            }
        }
        assert!(looked_for > 50, "{looked_for}");
        assert!(!lines.iter().any(|line| line.contains(PLANTED) || line.contains("'acme'")), "{lines:#?}");
    }
}
