//! Several tables in each style, as text.

use super::*;

fn of(table: &str, outcome: Outcome, read: u64) -> Receipt {
    let failed = outcome == Outcome::Failed;
    Receipt {
        table: table.into(),
        dest_table: format!("gorgias.{table}"),
        read,
        pages: read / 100,
        counts: Counts { inserted: read, ..Counts::default() },
        read_again: Some(0),
        rejected: 0,
        requests: read / 100 + 1,
        elapsed: Duration::from_millis(read),
        next_start: (!failed).then_some(Micros(NOON - 123_456)),
        unfinished: failed,
        warnings: if failed { vec!["the list was out of order".into()] } else { vec![] },
        ..receipt(outcome)
    }
}

fn command(reporter: &dyn Reporter) {
    let tables = ["customers", "ticket_messages", "tickets"];
    let (source, destination) = ("Gorgias account acme", "duckdb file shop.duckdb");
    let notes = ["--page-size has no effect: Gorgias pages are always 100 rows".into()];
    reporter.begins(&Several { source, destination, tables: &tables, notes: &notes });
    for table in &tables[..2] {
        let start = Start {
            table: (*table).into(),
            dest_table: format!("gorgias.{table}"),
            notes: vec![],
            ..start()
        };
        reporter.event(table, &Event::Started(&start));
    }
    let locked =
        Failure::new(Kind::Destination, "table gorgias.tickets is being loaded by another run").hint("wait");
    reporter.event("tickets", &Event::Failed(&locked));
    for (table, rows, seconds) in [("customers", 700, 3), ("ticket_messages", 300, 4), ("customers", 900, 5)]
    {
        reporter.event(table, &page(rows, seconds));
    }
    let wait = Duration::from_secs(3);
    let elapsed = Duration::from_secs(5);
    reporter.event(
        "ticket_messages",
        &Event::Waiting {
            why: Wait::RateLimit,
            wait,
            waited: None,
            until: Micros(NOON).plus(elapsed + wait),
            elapsed,
        },
    );
    reporter.event("ticket_messages", &Event::Warning("the list was out of order"));
    let done = of("customers", Outcome::Success, 12_345);
    reporter.event("customers", &Event::Finished { receipt: &done, failure: None });
    let failure =
        Failure::new(Kind::Source, "ticket_messages could not be read to the end").hint("run it again");
    let failed = of("ticket_messages", Outcome::Failed, 300);
    reporter.event("ticket_messages", &Event::Finished { receipt: &failed, failure: Some(&failure) });
    let ends = [
        Ended { table: "customers".into(), receipt: Some(done), failure: None },
        Ended { table: "ticket_messages".into(), receipt: Some(failed), failure: Some(failure) },
        Ended { table: "tickets".into(), receipt: None, failure: Some(locked) },
    ];
    let failure = crate::run::outcome(&ends).unwrap();
    let elapsed = Duration::from_secs(83);
    reporter.ends(&Summary { ends: &ends, source, destination, elapsed, failure: Some(&failure), look: &[] });
}

#[test]
fn several_tables_as_log_lines() {
    let (out, err) = shown(ProgressStyle::Log, command);
    assert_eq!(out, "");
    insta::assert_snapshot!(err, @r"
    3 tables: Gorgias account acme → duckdb file shop.duckdb
    note: --page-size has no effect: Gorgias pages are always 100 rows
    customers → gorgias.customers; what changed since 2025-11-21 11:54:03 UTC; merge by id
    ticket_messages → gorgias.ticket_messages; what changed since 2025-11-21 11:54:03 UTC; merge by id
    2025-11-22T11:54:06Z customers: 700 rows, 7 pages, 233 rows/s, reached 2025-11-22 10:54:02, requests 12/40
    2025-11-22T11:54:07Z ticket_messages: 300 rows, 3 pages, 75 rows/s, reached 2025-11-22 10:54:02, requests 12/40
    2025-11-22T11:54:08Z ticket_messages: rate limit: 3 s
    warning: ticket_messages: the list was out of order
    2025-11-22T11:54:15Z customers: done in 12 s, 12,345 rows in 123 pages
    2025-11-22T11:54:03Z ticket_messages: failed after 0.3 s, 300 rows in 3 pages: ticket_messages could not be read to the end
    partly done after 1 min 23 s: 3 tables of Gorgias account acme → duckdb file shop.duckdb
      table              read  inserted  updated  unchanged  twice  deleted  rejected  requests        time  next start           outcome
      customers        12,345    12,345        0          0      0        0         0       124        12 s  2025-11-22 11:54:02  done
      ticket_messages     300       300        0          0      0        0         0         4       0.3 s  with what is left    failed, 1 warning
      tickets               –         –        –          –      –        –         –         –           –  as before            not begun
      total            12,645    12,645        0          0      0        0         0       128  1 min 23 s
    error: ticket_messages could not be read to the end
      hint: run it again
    error: table gorgias.tickets is being loaded by another run
      hint: wait
    error: 2 of 3 tables are not complete: ticket_messages, tickets
      hint: each table says above what to do; the same command goes on from what is stored
    ");
}

#[test]
fn several_tables_as_json() {
    let (out, err) = shown(ProgressStyle::Json, command);
    insta::assert_snapshot!(err, @r#"
    {"event":"begin","source":"Gorgias account acme","destination":"duckdb file shop.duckdb","tables":["customers","ticket_messages","tickets"],"notes":["--page-size has no effect: Gorgias pages are always 100 rows"],"version":1}
    {"event":"start","table":"customers","source":"Gorgias account acme","dest_table":"gorgias.customers","destination":"duckdb file shop.duckdb","strategy":"merge","key":["id"],"scope":"changed_since","since":"2025-11-21T11:54:03Z","until":null,"notes":[],"started_at":"2025-11-22T11:54:03Z","version":1}
    {"event":"start","table":"ticket_messages","source":"Gorgias account acme","dest_table":"gorgias.ticket_messages","destination":"duckdb file shop.duckdb","strategy":"merge","key":["id"],"scope":"changed_since","since":"2025-11-21T11:54:03Z","until":null,"notes":[],"started_at":"2025-11-22T11:54:03Z","version":1}
    {"event":"table_end","outcome":"failed","table":"tickets","error":{"kind":"destination","exit_code":5,"message":"table gorgias.tickets is being loaded by another run","causes":[],"hint":"wait"},"version":1}
    {"event":"progress","table":"customers","rows":700,"pages":7,"rows_per_second":233,"reached":"2025-11-22T10:54:02.999999Z","requests":7,"budget_used":12,"budget_capacity":40,"rate_limited_ms":0,"elapsed_ms":3000,"left_ms":null,"version":1}
    {"event":"progress","table":"ticket_messages","rows":300,"pages":3,"rows_per_second":75,"reached":"2025-11-22T10:54:02.999999Z","requests":3,"budget_used":12,"budget_capacity":40,"rate_limited_ms":0,"elapsed_ms":4000,"left_ms":null,"version":1}
    {"event":"waiting","table":"ticket_messages","why":"rate_limit","what":null,"attempt":null,"wait_ms":3000,"waited_ms":null,"until":"2025-11-22T11:54:11Z","elapsed_ms":5000,"version":1}
    {"event":"warning","table":"ticket_messages","message":"the list was out of order","version":1}
    {"event":"table_end","outcome":"success","table":"customers","dest_table":"gorgias.customers","destination":"duckdb file shop.duckdb","strategy":"merge","read":12345,"pages":123,"inserted":12345,"updated":0,"unchanged":0,"read_again":0,"deleted":0,"rejected":0,"discarded":0,"requests":124,"retries":3,"rate_limited_ms":52000,"started_at":"2025-11-22T11:54:03Z","elapsed_ms":12345,"covered_since":null,"next_start":"2025-11-22T11:54:02.876544Z","unfinished":false,"stopped_at":null,"expected":{"after_pages":12,"pages":187,"elapsed_ms":84000},"warnings":[],"error":null,"version":1}
    {"event":"table_end","outcome":"failed","table":"ticket_messages","dest_table":"gorgias.ticket_messages","destination":"duckdb file shop.duckdb","strategy":"merge","read":300,"pages":3,"inserted":300,"updated":0,"unchanged":0,"read_again":0,"deleted":0,"rejected":0,"discarded":0,"requests":4,"retries":3,"rate_limited_ms":52000,"started_at":"2025-11-22T11:54:03Z","elapsed_ms":300,"covered_since":null,"next_start":null,"unfinished":true,"stopped_at":null,"expected":{"after_pages":12,"pages":187,"elapsed_ms":84000},"warnings":["the list was out of order"],"error":{"kind":"source","exit_code":4,"message":"ticket_messages could not be read to the end","causes":[],"hint":"run it again"},"version":1}
    "#);
    let whole: serde_json::Value = serde_json::from_str(&out).unwrap();
    let tables = whole["tables"].as_array().unwrap();
    let ends: Vec<_> =
        tables.iter().map(|table| (table["table"].as_str(), table["outcome"].as_str())).collect();
    assert_eq!(
        ends,
        [
            (Some("customers"), Some("success")),
            (Some("ticket_messages"), Some("failed")),
            (Some("tickets"), Some("failed"))
        ]
    );
    assert_eq!((&whole["event"], &whole["outcome"]), (&"end".into(), &"partial".into()));
    assert_eq!(whole["totals"]["read"], 12_645);
    assert_eq!(whole["error"]["exit_code"], 7);
    assert_eq!(tables[1]["error"]["kind"], "source");
    assert_eq!(out.matches("\"table\":\"customers\"").count(), 1, "no name twice: {out}");
}

#[test]
fn several_tables_on_a_terminal_leave_the_receipt() {
    let err = Shared::default();
    let lines = human::Lines::new(Box::new(err.clone()), false, true);
    command(&live::Interactive::new(indicatif::ProgressDrawTarget::hidden(), lines));
    let text = err.text();
    assert!(text.contains("warning: ticket_messages: the list was out of order"), "{text}");
    assert!(text.ends_with("goes on from what is stored\n"), "{text}");
}

#[test]
fn a_narrow_terminal_gets_fewer_columns() {
    let ends = ["customers", "satisfaction_surveys"].map(|table| Ended {
        table: table.into(),
        receipt: Some(of(table, Outcome::Success, 1_200)),
        failure: None,
    });
    let summary = Summary {
        ends: &ends,
        source: "Gorgias account acme",
        destination: "duckdb file shop.duckdb",
        elapsed: Duration::from_secs(5),
        failure: None,
        look: &[],
    };
    let at = |width| {
        let err = Shared::default();
        human::Lines::new(Box::new(err.clone()), false, false).all(&summary, Some(width));
        err.text()
    };
    insta::assert_snapshot!(at(100), @r"
    done in 5.0 s: 2 tables of Gorgias account acme → duckdb file shop.duckdb
      table                  read  inserted  requests   time  next start           outcome
      customers             1,200     1,200        13  1.2 s  2025-11-22 11:54:02  done
      satisfaction_surveys  1,200     1,200        13  1.2 s  2025-11-22 11:54:02  done
      total                 2,400     2,400        26  5.0 s
    ");
    insta::assert_snapshot!(at(70), @r"
    done in 5.0 s: 2 tables of Gorgias account acme → duckdb file shop.duckdb
      table                  read  inserted  requests   time  outcome
      customers             1,200     1,200        13  1.2 s  done
      satisfaction_surveys  1,200     1,200        13  1.2 s  done
      total                 2,400     2,400        26  5.0 s
    ");
    insta::assert_snapshot!(at(50), @r"
    done in 5.0 s: 2 tables of Gorgias account acme → duckdb file shop.duckdb
      table                  read  inserted  outcome
      customers             1,200     1,200  done
      satisfaction_surveys  1,200     1,200  done
      total                 2,400     2,400
    ");
    assert_eq!(at(140).lines().nth(1).map(|line| line.split_whitespace().count()), Some(13));
}

/// Twenty-one tables, each in its way: the receipt holds what matters in 80 columns.
#[test]
fn the_receipt_of_all_tables_fits() {
    let names: Vec<&str> =
        crate::source::tables().iter().filter(|one| one.choice.by_star()).map(|one| one.name).collect();
    let end = |(at, table): (usize, &&str)| {
        let receipt = match at {
            3 => Receipt {
                changes: Changes::WithParent,
                next_start: None,
                ..of(table, Outcome::Success, 2_892)
            },
            5 => of(table, Outcome::Failed, 300),
            8 => {
                let why = "not allowed: the key lacks the scope users:read, which an admin can give";
                of(table, Outcome::LeftOut(why.into()), 0)
            }
            11 => Receipt { changes: Changes::Full, next_start: None, ..of(table, Outcome::Success, 20) },
            _ => of(table, Outcome::Success, 1_234_567),
        };
        let receipt =
            Receipt { counts: Counts { updated: 7, ..receipt.counts }, read_again: Some(100), ..receipt };
        Ended { table: (*table).to_owned(), receipt: Some(receipt), failure: None }
    };
    let ends: Vec<Ended> = names.iter().enumerate().map(end).collect();
    let summary = Summary {
        ends: &ends,
        source: "Gorgias account acme",
        destination: "duckdb file shop.duckdb",
        elapsed: Duration::from_secs(5_000),
        failure: None,
        look: &[],
    };
    let at = |width| {
        let err = Shared::default();
        human::Lines::new(Box::new(err.clone()), false, false).all(&summary, Some(width));
        err.text()
    };
    for width in [80, 120] {
        let text = at(width);
        assert!(
            text.lines()
                .filter(|line| !line.contains("is left out"))
                .all(|line| line.chars().count() <= width),
            "{text}"
        );
        assert_eq!(text.lines().filter(|line| line.ends_with("  done")).count(), names.len() - 2, "{text}");
        assert!(text.contains("failed, 1 warning") && text.contains("is left out: not allowed"), "{text}");
    }
    let head = |text: String| {
        text.lines().nth(1).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(head(at(80)), "table read inserted updated outcome");
    assert_eq!(head(at(120)), "table read inserted updated twice requests time outcome");
}

/// What a night leaves in the mail.
fn at_night(events: impl FnOnce(&dyn Reporter)) -> String {
    let err = Shared::default();
    let terminal = Terminal { stderr: true, color: true, width: None };
    let manner = Manner { style: ProgressStyle::Interactive, quiet: true, debug: true };
    events(&*reporter(manner, terminal, Box::new(Shared::default()), Box::new(err.clone())));
    err.text()
}

#[test]
fn a_good_night_says_nothing_but_a_new_warning() {
    let good = |known: &[&str]| {
        let known_warnings = known.iter().map(|warning| (*warning).to_owned()).collect();
        let receipt = Receipt { known_warnings, ..receipt(Outcome::Success) };
        at_night(|reporter| ends(reporter, receipt, None))
    };
    assert_eq!(good(&["the list was out of order"]), "");
    assert_eq!(good(&["something else"]), "warning: tickets: the list was out of order\n");
}

#[test]
fn a_bad_night_is_one_block() {
    insta::assert_snapshot!(at_night(command), @r"
    warning: ticket_messages: the list was out of order
    error: 2 of 3 tables are not complete: ticket_messages, tickets
      failed: ticket_messages → gorgias.ticket_messages, tickets; Gorgias account acme → duckdb file shop.duckdb
      error: ticket_messages could not be read to the end
        hint: run it again
      error: table gorgias.tickets is being loaded by another run
        hint: wait
      safe: ticket_messages: 300 rows of this run stay; the next run goes on with what is left
      safe: tickets: this run changed nothing
      safe: complete: customers
      hint: each table says above what to do; the same command goes on from what is stored
      exit code: 7
    ");
    let failure = Failure::usage("--source-uri is missing").hint("type it");
    insta::assert_snapshot!(at_night(|reporter| reporter.failed(&failure)), @r"
    error: --source-uri is missing
      hint: type it
      exit code: 2
    ");
}

/// What a replacement has read is nowhere to be seen before it is complete: that is not "inserted 0".
#[test]
fn rows_of_a_replacement_that_was_interrupted_are_staged() {
    let counts = Counts::default();
    let cut = Receipt {
        strategy: Strategy::Replace,
        counts,
        unfinished: true,
        next_start: None,
        ..of("tickets", Outcome::Interrupted, 300)
    };
    let stopped = Failure::new(Kind::Interrupted, "stopped before table tickets was complete");
    let (_, lines) = shown(ProgressStyle::Log, |reporter| {
        reporter.event("tickets", &Event::Finished { receipt: &cut, failure: Some(&stopped) });
    });
    assert!(lines.contains("  staged      what was read is kept; the old rows stay visible"), "{lines}");
    assert!(!lines.contains("inserted") && !lines.contains("deleted"), "{lines}");
    let night = at_night(|reporter| {
        let end =
            Ended { table: "tickets".into(), receipt: Some(cut.clone()), failure: Some(stopped.clone()) };
        let (source, destination, elapsed) = ("Gorgias", "duckdb", Duration::from_secs(3));
        reporter.ends(&Summary {
            ends: &[end],
            source,
            destination,
            elapsed,
            failure: Some(&stopped),
            look: &[],
        });
    });
    assert!(
        night.contains("  safe: tickets: what this run read is staged, the old rows stay visible; "),
        "{night}"
    );
    let done = Receipt { outcome: Outcome::Success, unfinished: false, ..cut };
    let (_, lines) = shown(ProgressStyle::Log, |reporter| {
        reporter.event("tickets", &Event::Finished { receipt: &done, failure: None });
    });
    assert!(lines.contains("  inserted") && !lines.contains("staged"), "{lines}");
}
