//! Reading an account: what arrives, which requests are made for it, and what happens when they go wrong.

use std::time::Duration;

use gorgias_sim::{Change, Fault, Options, SECOND};
use ingestr::api::error::Kind;
use ingestr::api::report::Outcome;

use crate::support::world::{Death, LISTS, World};

fn small() -> Options {
    Options { tickets: 700, customers: 450, messages: 1_500, surveys: 260, ..Options::default() }
}

#[tokio::test(start_paused = true)]
async fn a_first_run_copies_every_row_and_every_field() {
    let world = World::new(small());
    for (table, _) in LISTS {
        let receipt = world.ingest(table, &[]).await.unwrap();
        assert_eq!(receipt.outcome, Outcome::Success);
        world.assert_equal(table, "first run");
        assert_eq!(receipt.rejected, 0);
        assert_eq!(receipt.retries, 0, "no 429 in a clean run");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_finds_nothing_new_asks_as_little_as_can_be() {
    let world = World::new(small());
    for (table, most) in
        [("tickets", 2), ("customers", 2), ("ticket_messages", 3), ("satisfaction_surveys", 1)]
    {
        world.ingest(table, &[]).await.unwrap();
        world.pass(Duration::from_secs(600)).await;
        let before = world.requests();
        let receipt = world.ingest(table, &[]).await.unwrap();
        let asked = world.requests() - before;
        assert!(asked <= most, "{table}: {asked} requests");
        assert_eq!((receipt.counts.inserted, receipt.counts.updated), (0, 0), "{table}");
        world.assert_equal(table, "second run");
    }
}

#[tokio::test(start_paused = true)]
async fn a_small_table_takes_one_request_and_what_follows_it_one_each() {
    let world =
        World::new(Options { tickets: 80, messages: 90, surveys: 20, customers: 60, ..Options::default() });
    for (table, _) in LISTS {
        let before = world.requests();
        world.ingest(table, &[]).await.unwrap();
        // Messages are compared with their tickets from then on, so the newest ticket is looked at first.
        let more = match table {
            "satisfaction_surveys" => 0,
            "ticket_messages" => 2,
            _ => 1,
        };
        assert_eq!(world.requests() - before, 1 + more, "{table}");
        world.assert_equal(table, "small");
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_change_while_they_are_read_are_read_in_the_same_run() {
    let world = World::new(small());
    world.account().set_churn(2.0);
    world.ingest("tickets", &[]).await.unwrap();
    world.account().set_churn(0.0);
    world.pass(Duration::from_secs(60)).await;
    world.ingest("tickets", &[]).await.unwrap();
    let wanted = world.expected("tickets");
    let stored = world.memory.table("main.tickets").rows;
    let late: Vec<_> =
        wanted.iter().filter(|(id, row)| stored.get(id) != Some(row)).map(|(id, _)| id).collect();
    // Deleting a message changes a ticket without moving it; only such rows may differ.
    assert!(late.len() < 20, "{} rows differ", late.len());
}

#[tokio::test(start_paused = true)]
async fn an_open_window_begins_a_table_and_plain_runs_go_on_from_it() {
    let options = small();
    let start = options.end - 100 * gorgias_sim::DAY;
    let world = World::new(options);
    let text = gorgias_sim::iso(start);
    let receipt = world.ingest("tickets", &["--interval-start", &text]).await.unwrap();
    assert_eq!(receipt.covered_since.map(|since| since.0), Some(start));
    let whole = world.expected("tickets");
    let inside = |world: &World| world.memory.table("main.tickets").rows.len();
    let first = inside(&world);
    assert!(first > 50 && first < whole.len(), "{first} of {}", whole.len());
    let before = world.requests();
    let receipt = world.ingest("tickets", &[]).await.unwrap();
    assert_eq!(
        world.requests() - before,
        2,
        "a plain run after it does not start from the beginning of time"
    );
    assert_eq!(receipt.covered_since.map(|since| since.0), Some(start));
    assert_eq!(inside(&world), first);
}

#[tokio::test(start_paused = true)]
async fn both_ends_of_a_window_are_inclusive_to_the_microsecond() {
    let world = World::new(small());
    let rows = world.expected("tickets");
    let mut times: Vec<i64> = rows
        .values()
        .map(|row| match row["updated_datetime"] {
            crate::support::memory::Cell::Instant(at) => at,
            _ => panic!("a ticket without updated_datetime"),
        })
        .collect();
    times.sort_unstable();
    let (start, end) = (times[200], times[260]);
    let wanted = times.iter().filter(|at| (start..=end).contains(*at)).count();
    let flags = ["--interval-start", &gorgias_sim::iso(start), "--interval-end", &gorgias_sim::iso(end)];
    let receipt = world.ingest("tickets", &flags).await.unwrap();
    assert_eq!(world.memory.table("main.tickets").rows.len(), wanted);
    assert_eq!(receipt.next_start, None, "a closed window moves no watermark");
    let again = world.ingest("tickets", &[]).await.unwrap();
    assert_eq!(again.outcome, Outcome::Success);
    world.assert_equal("tickets", "a plain run after a closed window reads everything");
}

#[tokio::test(start_paused = true)]
async fn every_passing_fault_costs_time_and_nothing_else() {
    for fault in [
        Fault::Status429 { retry_after: Some(3) },
        Fault::Status429 { retry_after: None },
        Fault::Status429 { retry_after: Some(0) },
        Fault::Status(500),
        Fault::Status(502),
        Fault::Status(503),
        Fault::Reset,
        Fault::CutBody,
        Fault::Hang,
        Fault::Html200,
        Fault::ExpiredCursor,
        Fault::MissingMeta,
        Fault::EmptyPageWithNext,
        Fault::WrongOrder,
        Fault::HeaderMissing,
        Fault::HeaderNonsense,
        Fault::BareArray,
    ] {
        for at in [0, 3, 7] {
            let world = World::new(small());
            world.account().faults().nth(at, fault.clone());
            for table in ["tickets", "ticket_messages"] {
                let result = world.ingest(table, &[]).await;
                let receipt = result.unwrap_or_else(|failure| panic!("{fault:?} at {at}: {failure}"));
                assert_eq!(receipt.outcome, Outcome::Success);
                world.assert_equal(table, &format!("{fault:?} at {at}"));
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_in_the_wrong_order_is_read_to_its_end_and_the_receipt_says_so() {
    let world = World::new(small());
    world.ingest("tickets", &[]).await.unwrap();
    world.account().apply(Change::CreateTicket { customer: None }, world.clock.now());
    world.pass(Duration::from_secs(3_600)).await;
    world.account().faults().plan(1, vec![(Fault::WrongOrder, 1.0)]);
    let receipt = world.ingest("tickets", &[]).await.unwrap();
    world.assert_equal("tickets", "wrong order");
    assert!(
        receipt.warnings.iter().any(|warning| warning.contains("not in the order asked for")),
        "{receipt:?}"
    );
}

/// The API ignores the order while a first load begins and heeds it when that goes on, or the other way round on the way.
#[tokio::test(start_paused = true)]
async fn a_list_that_turns_around_is_begun_again() {
    for death in [6, 9] {
        let world = World { flush_rows: 100, ..World::new(small()) };
        world.account().faults().plan(1, vec![(Fault::WrongOrder, 1.0)]);
        assert!(world.ingest_until("tickets", &[], Some(Death::BeforeRequest(death))).await.is_none());
        world.account().faults().clear();
        world.account().faults().nth(2, Fault::WrongOrder);
        world.ingest("tickets", &[]).await.unwrap();
        world.assert_equal("tickets", &format!("turned around after {death} requests"));
    }
}

/// Among rows that share one time the times do not show that a page goes the other way.
#[tokio::test(start_paused = true)]
async fn a_list_that_turns_around_within_one_time_is_begun_again() {
    for (table, list) in LISTS {
        for at in 0..8 {
            let (world, _) = after_a_bulk_change(table, list).await;
            world.account().faults().on(&format!("/api/{list}?"), at, Fault::WrongOrder);
            world.ingest(table, &[]).await.unwrap();
            world.assert_equal(table, &format!("answer {at} goes the other way"));
        }
    }
}

/// Nothing tells which way a list goes as long as all rows read share one time.
#[tokio::test(start_paused = true)]
async fn a_list_that_ignores_the_order_is_read_whole_though_its_oldest_rows_share_a_time() {
    for (table, list) in [("tickets", "tickets"), ("customers", "customers")] {
        let world = World::new(small());
        let change = async |rows: usize| {
            assert!(world.account().bulk_change(list, rows, world.clock.now()) >= 1);
            world.pass(Duration::from_secs(3_600)).await;
        };
        let all = world.account().count(list);
        change(all).await;
        change(1).await;
        world.ingest(table, &[]).await.unwrap();
        change(1).await;
        world.account().faults().from_on(&format!("/api/{list}?"), 0, Fault::WrongOrder);
        world.ingest(table, &[]).await.unwrap();
        world.assert_equal(table, "oldest rows first, all of one time");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repeated_cursor_is_a_named_error_and_what_was_read_stays() {
    let world = World::new(small());
    world.account().faults().nth(1, Fault::RepeatedCursor);
    let failure = world.ingest("tickets", &[]).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Source);
    assert!(failure.to_string().contains("this list has no end"), "{failure}");
    assert!(!world.memory.table("main.tickets").rows.is_empty());
    world.ingest("tickets", &[]).await.unwrap();
    world.assert_equal("tickets", "after a repeated cursor");
}

/// A run whose cursor is refused looks for its place again from the list's beginning. It may end on the way there.
#[tokio::test(start_paused = true)]
async fn a_place_that_a_run_did_not_find_again_is_looked_for_by_the_next() {
    for strategy in ["merge", "append"] {
        let world = World::new(Options { calls: 300, ..small() });
        world.account().set_calls_turned(true);
        let flags = ["--incremental-strategy", strategy];
        for refused in [3, 5, 7, 9] {
            world.account().faults().on("/api/phone/voice-call-events?", refused, Fault::ExpiredCursor);
        }
        let failure = world.ingest("voice_call_events", &flags).await.unwrap_err();
        assert!(failure.to_string().contains("refused its own cursor 4 times"), "{failure}");
        let (before, rows) = (world.requests(), world.account().count("phone/voice-call-events"));
        let receipt = world.ingest("voice_call_events", &flags).await.unwrap();
        assert_eq!(receipt.warnings, [] as [&str; 0], "{strategy}");
        let pages = u64::try_from(rows).unwrap().div_ceil(100);
        assert!(world.requests() - before <= pages + 1, "{strategy}: {} requests", world.requests() - before);
        assert_eq!(world.memory.table("main.voice_call_events").all.len(), rows, "{strategy}");
        world.assert_equal("voice_call_events", strategy);
    }
}

#[tokio::test(start_paused = true)]
async fn refusals_are_told_apart_and_leave_no_trace() {
    let world = World::new(small());
    world.account().set_api_key("another");
    let failure = world.ingest("tickets", &[]).await.unwrap_err();
    insta::assert_snapshot!(failure, @r#"
    error: Gorgias account acme refused the credentials
      cause: GET /api/tickets?limit=100&order_by=created_datetime%3Adesc: HTTP 401 "Unauthorized."
      hint: check api_key and email in --source-uri: the key is shown under Settings > Account > REST API, and the e-mail must be that of the user who owns it (an access_token may have expired)
    "#);
    assert_eq!((failure.kind.exit_code(), world.requests()), (3, 1));
    let world = World::new(Options { unknown_tenant: true, ..small() });
    let failure = world.ingest("tickets", &[]).await.unwrap_err();
    insta::assert_snapshot!(failure, @r#"
    error: there is no Gorgias account named `acme`
      cause: GET /api/tickets?limit=100&order_by=created_datetime%3Adesc: HTTP 404
      hint: check the domain in --source-uri: it is the part before .gorgias.com in the address of the help desk, https://acme.gorgias.com
    "#);
    assert_eq!((failure.kind.exit_code(), world.requests()), (4, 1));
    let world = World::new(small());
    world.account().faults().next(Fault::Forbidden);
    let failure = world.ingest("satisfaction_surveys", &[]).await.unwrap_err();
    insta::assert_snapshot!(failure, @r#"
    error: these credentials may not read table satisfaction_surveys of Gorgias account acme
      cause: GET /api/satisfaction-surveys?limit=100&order_by=created_datetime%3Adesc: HTTP 403 "You do not have enough permissions to perform this action."
      hint: give the user who owns the key a role that may read it, or use an admin's key
    "#);
    assert_eq!((failure.kind.exit_code(), world.requests()), (3, 1));
    assert!(world.memory.0.lock().unwrap().tables.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stays_broken_ends_the_run_with_what_was_tried() {
    let world = World::new(small());
    world.account().faults().plan(1, vec![(Fault::Status(502), 1.0)]);
    let failure = world.ingest("tickets", &[]).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Source);
    let text = failure.to_string();
    assert!(text.contains("GET /api/tickets?limit=100"), "{text}");
    assert!(text.contains("HTTP 502 (gave up after 8 attempts in "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_limit_is_exact_and_moves_nothing() {
    let world = World::new(small());
    let receipt = world.ingest("tickets", &["--sql-limit", "250"]).await.unwrap();
    assert_eq!((receipt.read, receipt.outcome, receipt.next_start), (250, Outcome::Limited, None));
    world.ingest("tickets", &[]).await.unwrap();
    world.assert_equal("tickets", "after a limited run");
}

#[tokio::test(start_paused = true)]
async fn append_adds_each_version_once() {
    let world = World::new(small());
    let flags = ["--incremental-strategy", "append"];
    world.ingest("ticket_messages", &flags).await.unwrap();
    world.pass(Duration::from_secs(60)).await;
    world.ingest("ticket_messages", &flags).await.unwrap();
    let rows = world.memory.table("main.ticket_messages").all.len();
    assert_eq!(rows, world.expected("ticket_messages").len());
}

/// A count that is not the length of the list is looked into by two runs, and not again until it changes.
#[tokio::test(start_paused = true)]
async fn a_ticket_whose_count_lies_is_read_again_by_two_runs_and_no_more() {
    let world = World::new(Options { count_lies: 3, ..small() });
    world.ingest("ticket_messages", &[]).await.unwrap();
    let asked = |world: &World| {
        let account = world.account();
        account.requests().iter().filter(|request| request.query.contains("ticket_id=")).count()
    };
    // A list that is shorter than the count is read twice.
    for _ in 0..3 {
        world.pass(Duration::from_secs(90_000)).await;
        world.ingest("ticket_messages", &[]).await.unwrap();
        assert!((3..=12).contains(&asked(&world)), "{}", asked(&world));
    }
    let read = asked(&world);
    world.pass(Duration::from_secs(90_000)).await;
    world.ingest("ticket_messages", &[]).await.unwrap();
    assert_eq!(asked(&world), read);
    world.assert_equal("ticket_messages", "counts that lie");
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_or_merged_is_marked_and_what_comes_back_is_not() {
    let world = World::new(Options { merge_event_names_target: true, ..small() });
    for table in ["tickets", "ticket_messages", "customers"] {
        world.ingest(table, &[]).await.unwrap();
    }
    let tickets: Vec<i64> = world.expected("tickets").keys().copied().take(4).collect();
    let customers: Vec<i64> = world.expected("customers").keys().copied().take(2).collect();
    let now = world.clock.now();
    world.account().apply(Change::DeleteTicket { ticket: tickets[0] }, now);
    world.account().apply(Change::MergeTickets { source: tickets[1], target: tickets[2] }, now);
    world.account().apply(Change::MergeCustomers { source: customers[0], target: customers[1] }, now);
    world.pass(Duration::from_secs(60)).await;
    for table in ["tickets", "ticket_messages", "customers"] {
        world.ingest(table, &[]).await.unwrap();
        world.assert_equal(table, "after deletions");
    }
    let gone = world.memory.table("main.tickets").gone;
    assert_eq!(gone, [(tickets[0], None), (tickets[1], Some(tickets[2]))].into());
    assert_eq!(world.memory.table("main.customers").gone, [(customers[0], Some(customers[1]))].into());
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_read_events_the_receipt_says_so() {
    for forbidden in [true, false] {
        let world = World::new(Options { role_can_read_events: !forbidden, ..small() });
        if !forbidden {
            world.account().faults().from_on("/api/events", 0, Fault::Status(404));
        }
        let receipt = world.ingest("tickets", &[]).await.unwrap();
        assert_eq!(receipt.outcome, Outcome::Success);
        let told =
            receipt.warnings.iter().any(|warning| warning.contains("deletions and merges are not seen"));
        assert!(told, "{receipt:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_killed_backfill_goes_on_where_it_was() {
    for table in ["tickets", "ticket_messages"] {
        let whole = World::new(Options { tickets: 3_000, messages: 6_000, ..small() });
        whole.ingest(table, &[]).await.unwrap();
        let world =
            World { flush_rows: 100, ..World::new(Options { tickets: 3_000, messages: 6_000, ..small() }) };
        let death = Death::BeforeRequest(whole.requests() * 9 / 10);
        assert!(world.ingest_until(table, &[], Some(death)).await.is_none());
        let before = world.requests();
        world.ingest(table, &[]).await.unwrap();
        world.assert_equal(table, "after a kill");
        let asked = world.requests() - before;
        assert!(asked * 100 <= whole.requests() * 20, "{table}: {asked} of {} requests", whole.requests());
    }
}

#[tokio::test(start_paused = true)]
async fn commits_keep_to_what_the_destination_takes_in_a_day() {
    let options = || Options { tickets: 15_000, messages: 15_000, ..small() };
    for (pace, warned) in [(None, false), (Some(Duration::from_secs(60)), true)] {
        let world = World { flush_rows: 100, latency: Duration::from_secs(2), ..World::new(options()) };
        world.memory.0.lock().unwrap().shortest = pace;
        let start = tokio::time::Instant::now();
        let receipt = world.ingest("tickets", &[]).await.unwrap();
        world.assert_equal("tickets", "paced");
        let commits = world.memory.0.lock().unwrap().commits;
        let allowed = 50 + start.elapsed().as_secs() / 60 + 1;
        // As many as were asked for, or no more than 50 and one a minute; and the last one.
        if warned {
            assert!(commits <= allowed, "{commits} of {allowed}");
        } else {
            assert!(commits >= 150, "{commits}");
        }
        let said = "commits are 60 s apart from here on";
        assert_eq!(receipt.warnings.iter().any(|warning| warning.starts_with(said)), warned, "{receipt:?}");
    }
}

/// 250 rows that changed at one time, by a rule or a macro, and nothing since.
async fn after_a_bulk_change(table: &str, list: &str) -> (World, u64) {
    let world = World::new(Options { customers: 700, surveys: 100, ..small() });
    let changed = world.account().bulk_change(list, 250, world.clock.now());
    assert_eq!(changed, 250, "{table}");
    world.pass(Duration::from_secs(60)).await;
    let pages = world.account().count(list).div_ceil(100) as u64;
    (world, pages)
}

/// Runs once more; how many requests that took.
async fn requests_of(world: &World, table: &str, flags: &[&str]) -> u64 {
    let before = world.requests();
    world.ingest(table, flags).await.unwrap();
    world.requests() - before
}

const TIE: u64 = 3;

#[tokio::test(start_paused = true)]
async fn a_bulk_change_costs_its_pages_and_not_ten_times_as_many() {
    for (table, list) in LISTS {
        let (world, pages) = after_a_bulk_change(table, list).await;
        let first = requests_of(&world, table, &[]).await;
        assert!(first <= pages + 6, "{table}: first load of {pages} pages in {first} requests");
        world.assert_equal(table, "first load");
        for seconds in [1, 3_600] {
            world.pass(Duration::from_secs(seconds)).await;
            // Of messages and surveys some days are read again in any case.
            let again = match table {
                "ticket_messages" => 3,
                "satisfaction_surveys" => 30,
                _ => 0,
            };
            let again = created_within(&world, list, again);
            // And the tickets that changed lately are compared with them: the same bulk change.
            let tickets = if table == "ticket_messages" { TIE } else { 0 };
            let nothing_new = requests_of(&world, table, &[]).await;
            assert!(
                nothing_new <= TIE.max(again) + tickets + 3,
                "{table}: {nothing_new} requests, {again} pages in any case"
            );
        }
        world.assert_equal(table, "nothing new");
    }
}

/// Pages of rows that are no older than so many days.
fn created_within(world: &World, list: &str, days: i64) -> u64 {
    let since = gorgias_sim::iso(world.clock.now() - days * gorgias_sim::DAY);
    let created = |json: &str| {
        let row: serde_json::Value = serde_json::from_str(json).unwrap();
        row["created_datetime"].as_str().unwrap() >= since.as_str()
    };
    let rows = world.account().expected(list).into_iter().filter(|(_, json)| created(json)).count();
    rows.div_ceil(100) as u64
}

#[tokio::test(start_paused = true)]
async fn a_bulk_change_is_no_more_dear_from_a_start_on_or_for_rows_that_are_only_added() {
    for flags in [&["--interval-start", "2026-06-01"] as &[&str], &["--incremental-strategy", "append"]] {
        for (table, list) in [LISTS[0], LISTS[1]] {
            let (world, pages) = after_a_bulk_change(table, list).await;
            let first = requests_of(&world, table, flags).await;
            assert!(first <= pages + 6, "{table} {flags:?}: first load of {pages} pages in {first} requests");
            world.pass(Duration::from_secs(60)).await;
            let plain: &[&str] = if flags[0] == "--interval-start" { &[] } else { flags };
            let nothing_new = requests_of(&world, table, plain).await;
            assert!(nothing_new <= TIE + 3, "{table} {plain:?}: {nothing_new} requests");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_bulk_change_is_no_more_dear_after_a_death() {
    for (table, list) in [LISTS[0], LISTS[1]] {
        for death in [3, 5, 8, 10] {
            let (world, pages) = after_a_bulk_change(table, list).await;
            let world = World { flush_rows: 100, ..world };
            let died = world.ingest_until(table, &[], Some(Death::BeforeRequest(death))).await.is_none();
            let rest = requests_of(&world, table, &[]).await;
            let most = if died { pages + 6 } else { TIE + 3 };
            assert!(rest <= most, "{table} after {death}: {rest} requests of {pages} pages");
            world.assert_equal(table, "the rest");
        }
    }
}

/// What comes while the rows of a bulk change are read is in the same run.
#[tokio::test(start_paused = true)]
async fn what_changes_while_a_bulk_change_is_read_is_read_in_the_same_run() {
    for (table, list) in [LISTS[0], LISTS[1]] {
        for requests in 1..=3 {
            let options = Options { silent_changes: false, merge_bumps_customer: true, ..small() };
            let world = World { rescans: false, ..World::new(options) };
            world.ingest(table, &[]).await.unwrap();
            world.pass(Duration::from_secs(60)).await;
            world.account().bulk_change(list, 250, world.clock.now());
            world.account().set_churn_for(requests, 20.0);
            world.ingest(table, &[]).await.unwrap();
            world.assert_equal(table, &format!("changes during {requests} requests"));
        }
    }
}

/// Where rows are only added, one that carries a date later than the clock lies behind the watermark until that has passed. It is
/// added once all the same: by the rounds that follow it, and by the runs after it. And it costs as little as in other tables.
#[tokio::test(start_paused = true)]
async fn rows_ahead_of_the_clock_are_added_once() {
    for changed in [30, 150] {
        for flags in [&["--incremental-strategy", "append"] as &[&str], &[]] {
            let world =
                World::new(Options { tickets: 250, messages: 250, customers: 20, ..Options::default() });
            world.ingest("tickets", flags).await.unwrap();
            let ids = world.account().ids("tickets");
            let ahead = world.clock.now() + 100 * SECOND;
            for ticket in ids.into_iter().take(changed) {
                world.account().apply(Change::ToggleTicket { ticket }, ahead).unwrap();
            }
            for run in 0..4 {
                let before = world.requests();
                world.ingest("tickets", flags).await.unwrap();
                let spent = world.requests() - before;
                assert!(spent <= 6, "{changed} {flags:?}, run {run}: {spent} requests");
                let rows = world.memory.table("main.tickets").all.len();
                let wanted = 250 + if flags.is_empty() { 0 } else { changed };
                assert_eq!(rows, wanted, "{changed} {flags:?}, run {run}");
                // Before, at and after the time they carry.
                world.pass(Duration::from_secs(40)).await;
            }
        }
    }
}

/// A list that takes no order, and begins with the oldest: each run reads it once.
#[tokio::test(start_paused = true)]
async fn a_list_without_an_order_is_read_once_a_run() {
    let world =
        World::new(Options { tickets: 40, calls: 400, messages: 40, customers: 20, ..Options::default() });
    let rows = world.account().count("phone/voice-call-events");
    assert!(rows > 400, "{rows}");
    for run in 0..3 {
        let before = world.requests();
        world.ingest("voice_call_events", &[]).await.unwrap();
        let spent = world.requests() - before;
        assert!(spent <= rows.div_ceil(100) as u64 + 1, "run {run}: {spent} requests for {rows} rows");
        assert_eq!(world.memory.table("main.voice_call_events").all.len(), rows);
    }
}

/// A rule has given hundreds of tickets a date in the future, and a run is refused while it looks at them once more. The next one
/// does not go on from there: a row that became visible meanwhile, with a date a little before the watermark, lies behind.
#[tokio::test(start_paused = true)]
async fn a_second_look_at_rows_in_the_future_is_not_gone_on_with() {
    let world = World {
        rescans: false,
        flush_rows: 100,
        ..World::new(Options { tickets: 300, messages: 300, ..small() })
    };
    world.ingest("tickets", &[]).await.unwrap();
    let (now, ids) = (world.clock.now(), world.account().ids("tickets"));
    for ticket in ids.iter().copied().skip(10).take(150) {
        world.account().apply(Change::UpdateTicket { ticket }, now + 7_200 * SECOND);
    }
    world.account().apply(Change::UpdateTicket { ticket: ids[0] }, now);
    // The look at the front that follows the pass is refused on its second page.
    world.account().faults().on("/api/tickets?", 4, Fault::Forbidden);
    world.ingest("tickets", &[]).await.expect_err("a page is refused");
    assert_eq!(world.account().faults().pending(), 0);
    world.account().apply(Change::UpdateTicket { ticket: ids[1] }, now - 180 * SECOND);
    world.pass(Duration::from_secs(1_200)).await;
    let later = world.clock.now();
    world.account().apply(Change::UpdateTicket { ticket: ids[2] }, later);
    world.ingest("tickets", &[]).await.unwrap();
    world.assert_equal("tickets", "with what became visible in between");
}
