//! Commands that only print.

use insta::assert_snapshot;

use super::desk::{Desk, Run};

/// What a command that only prints puts on standard output.
fn printed(arguments: &[&str]) -> String {
    let done = Desk::new().ingestr(arguments.iter().copied()).finish().well();
    assert_eq!(done.stderr, "");
    done.stdout
}

#[test]
fn the_tables_are_listed_with_keys_columns_and_types() {
    let text = printed(&["tables"]);
    assert_eq!(text, printed(&["tables", "gorgias://acme"]));
    let heads: Vec<&str> =
        text.lines().filter(|line| !line.starts_with("    ") && !line.is_empty()).collect();
    let some = |head: &&str| !head.starts_with(' ');
    let (first, rest) =
        heads.split_at(heads.iter().position(|head| head.starts_with("users ")).expect("users"));
    assert!(rest.iter().filter(|head| some(head)).any(|head| head.starts_with("tags ")), "{rest:?}");
    let tags = rest.iter().position(|head| head.starts_with("ticket_tags ")).expect("ticket_tags");
    let shown = [first, &rest[tags..tags + 7]].concat();
    assert_snapshot!(shown.join("\n"), @r"
    customers  People who wrote to the help desk, or were created in it.
      key          id
      incremental  by updated_datetime: only what changed is read
      deletions    are found by events, and by a re-scan
      requests     1, when nothing is new
      right        customers:read
      by '*'       yes
    tickets  Conversations, without their messages.
      key          id
      incremental  by updated_datetime: only what changed is read
      deletions    are found by events, and by a re-scan
      requests     1, when nothing is new
      right        tickets:read
      by '*'       yes
    ticket_messages  Messages of all tickets: e-mails, chats, notes, calls.
      key          id
      incremental  by updated_datetime: what was created in the last 3 days is read again
      deletions    are found by events, and by a re-scan
      requests     1, and 1 more for 100 rows of 3 days, when nothing is new
      right        not documented
      by '*'       yes
    satisfaction_surveys  Surveys sent after a ticket, with their scores.
      key          id
      incremental  by updated_datetime: what was created in the last 30 days is read again
      deletions    are not seen
      requests     1, and 1 more for 100 rows of 30 days, when nothing is new
      right        not documented
      by '*'       yes
    ticket_tags  Tags of tickets.
      key          ticket_id, tag_id
      incremental  taken out of rows of tickets, without a request
      deletions    go with the rows they are in
      requests     none, when nothing is new
      right        tickets:read
      by '*'       yes
    ");
    let tickets = text.split("\n\n").find(|table| table.starts_with("tickets ")).expect("tickets");
    let columns: Vec<&str> = tickets.lines().filter(|line| line.starts_with("    ")).take(4).collect();
    assert_snapshot!(columns.join("\n"), @r"
    id                               bigint       Identifies the ticket within the account.
    uri                              text         Path of the ticket in the API.
    external_id                      text         The ticket's id in another system.
    language                         text         ISO 639-1 code.
    ");
}

#[test]
fn one_table_is_shown_by_its_name() {
    let tags = printed(&["tables", "Tags"]);
    assert!(tags.starts_with("tags  ") && !tags.contains("\ntickets  "), "{tags}");
    assert_eq!(
        printed(&["tables", "tickets,tags"]).lines().filter(|line| line.starts_with("  key")).count(),
        2
    );
    assert_snapshot!(Desk::new().ingestr(["tables", "tikets"]).finish().shown(), @r"
    error: there is no table `tikets`
      hint: did you mean `tickets`? `ingestr tables` without a name shows all of them
    exit code 2
    ");
}

#[test]
fn completions_know_tables_strategies_and_formats() {
    for shell in ["bash", "zsh", "fish"] {
        let script = printed(&["completions", shell]);
        for word in ["satisfaction_surveys", "delete+insert", "parquet"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn the_tables_as_json() {
    let tables: serde_json::Value = serde_json::from_str(&printed(&["tables", "--json"])).expect("JSON");
    let names: Vec<_> =
        tables.as_array().expect("a list").iter().filter_map(|table| table["name"].as_str()).collect();
    assert_eq!(names[..5], ["customers", "tickets", "ticket_messages", "satisfaction_surveys", "users"]);
    assert!(names.contains(&"ticket_tags"), "{names:?}");
    assert_eq!(
        tables[1]["columns"][0],
        serde_json::json!({"name": "id", "type": "bigint", "about": tables[1]["columns"][0]["about"]})
    );
}

#[test]
fn tables_of_another_source_are_refused() {
    assert_snapshot!(Desk::new().ingestr(["tables", "zendesk://acme"]).finish().shown(), @r"
    error: --source-uri: `zendesk` is not a scheme ingestr knows
      hint: use gorgias://<domain>?api_key=<api-key>&email=<email>
    exit code 2
    ");
}

#[test]
fn completions_and_the_manual_are_printed() {
    assert!(printed(&["completions", "bash"]).contains("--interval-start"));
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        assert!(printed(&["completions", shell]).contains("interval-start"), "{shell}");
    }
    let man = printed(&["man"]);
    assert!(man.contains(".TH ingestr") && man.contains("interval\\-start"), "{}", &man[..200]);
}

#[test]
fn the_version_and_the_help() {
    let version: String = duckdb::Connection::open_in_memory()
        .and_then(|database| database.query_row("SELECT version()", [], |row| row.get(0)))
        .expect("a version");
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let wanted = format!("DuckDB {}, {os} {arch})\n", version.trim_start_matches('v'));
    let shown = printed(&["--version"]);
    let rest =
        shown.strip_prefix(&format!("ingestr {} (", env!("CARGO_PKG_VERSION"))).expect("name and version");
    assert!(rest == format!("development build, {wanted}") || rest.starts_with("commit "), "{shown}");
    assert!(rest.ends_with(&wanted), "{shown}");
    let help = printed(&["--help"]);
    assert!(help.contains("Exit codes:") && help.contains("ingest "), "{help}");
    let help = printed(&["ingest", "--help"]);
    for words in ["--source-uri", "INGESTR_SOURCE_URI", "Exit codes:"] {
        assert!(help.contains(words), "{words}");
    }
    assert_eq!(printed(&["help", "ingest"]), help);
    assert_eq!(printed(&["version"]), shown);
    assert_eq!(printed(&["-V"]), shown);
    // Shown in full without an argument, but as a mistake.
    let nothing = Desk::new().ingestr([]).finish();
    assert_eq!((nothing.code(), nothing.stdout.as_str()), (Some(2), ""));
}

/// What was to be printed and is not whole is no success; a reader that went away is.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told() {
    let desk = Desk::new();
    let ends = format!("--source-uri '{}' --dest-uri duckdb:///shop.duckdb", desk.uri());
    for command in [
        "tables",
        "version",
        "models --dialect duckdb",
        &format!("check --json {ends}"),
        &format!("plan --json --source-table tickets {ends}"),
    ] {
        let done = Run::in_shell(&desk, &format!("ingestr {command} >/dev/full")).finish();
        assert_eq!(done.code(), Some(1), "{command}");
        assert!(done.stderr.starts_with("error: standard output cannot be written: "), "{}", done.stderr);
    }
    let done = Run::in_shell(&desk, "ingestr tables | true").finish();
    assert_eq!((done.code(), done.stderr.as_str()), (Some(0), ""));
}
