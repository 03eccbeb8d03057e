//! Small tables, of which every run reads all: what changed without a sign is seen at once, and what vanished is marked only
//! once a second answer says so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use gorgias_sim::{Change, Fault, Options, fault_plan};
use ingestr::api::error::Kind;
use ingestr::api::report::Outcome;

use crate::support::children::assert_exact;
use crate::support::memory::{Cell, Row};
use crate::support::world::{Death, World};

const TAGS: &str = "tags";

/// An account with so many tags beside those it was born with.
fn with_tags(more: usize) -> World {
    let world =
        World::new(Options { tickets: 20, customers: 10, messages: 20, surveys: 5, ..Options::default() });
    let now = world.clock.now();
    for _ in 0..more {
        world.account().apply(Change::CreateTag, now).unwrap();
    }
    world
}

/// Deletes the first `count` tags.
fn delete(world: &World, count: usize) {
    let now = world.clock.now();
    let ids = world.account().ids(TAGS);
    for tag in ids.into_iter().take(count) {
        world.account().apply(Change::DeleteTag { tag }, now).unwrap();
    }
}

/// A list that hides its rows with these numbers from the first request for it on, so many times.
fn hide(world: &mut World, times: usize, hidden: usize) {
    let asked = AtomicUsize::new(0);
    world.garble = Some(Arc::new(move |url: &str, body: Bytes| {
        if !url.contains("/api/tags?") || asked.fetch_add(1, Ordering::Relaxed) >= times {
            return body;
        }
        let mut page: serde_json::Value = serde_json::from_slice(&body).unwrap();
        let rows = page["data"].as_array_mut().unwrap();
        rows.drain(..hidden.min(rows.len()));
        page.to_string().into()
    }));
}

#[tokio::test(start_paused = true)]
async fn changes_and_deletions_are_seen_by_the_next_run_in_every_strategy() {
    for flags in [
        &[][..],
        &["--deletes", "hard"],
        &["--incremental-strategy", "replace"],
        &["--incremental-strategy", "scd2"],
    ] {
        let world = with_tags(230);
        let receipt = world.ingest(TAGS, flags).await.unwrap();
        assert_eq!(
            (receipt.outcome.name(), receipt.next_start, receipt.unfinished),
            ("success", None, false)
        );
        world.assert_equal(TAGS, &format!("{flags:?}, first"));
        let now = world.clock.now();
        let last = *world.account().ids(TAGS).last().unwrap();
        world.account().apply(Change::RenameTag { tag: last }, now).unwrap();
        world.account().apply(Change::CreateTag, now).unwrap();
        delete(&world, 3);
        let receipt = world.ingest(TAGS, flags).await.unwrap();
        world.assert_equal(TAGS, &format!("{flags:?}, second"));
        if flags.contains(&"--incremental-strategy") {
            // Rows that were replaced, and versions that ended, are counted, too.
            continue;
        }
        assert_eq!(receipt.counts.deleted, 3, "{flags:?}");
        let receipt = world.ingest(TAGS, flags).await.unwrap();
        assert_eq!(receipt.counts.deleted, 0, "{flags:?}: gone already");
    }
}

#[tokio::test(start_paused = true)]
async fn the_newest_row_may_be_the_one_that_vanished() {
    let world = with_tags(3);
    world.ingest(TAGS, &[]).await.unwrap();
    let newest = *world.account().ids(TAGS).iter().max().unwrap();
    let now = world.clock.now();
    world.account().apply(Change::DeleteTag { tag: newest }, now).unwrap();
    let receipt = world.ingest(TAGS, &[]).await.unwrap();
    assert_eq!(receipt.counts.deleted, 1);
    world.assert_equal(TAGS, "the newest is gone");
}

#[tokio::test(start_paused = true)]
async fn rows_that_vanished_stay_where_deletions_are_ignored() {
    let world = with_tags(0);
    world.ingest(TAGS, &["--deletes", "ignore"]).await.unwrap();
    delete(&world, 3);
    let receipt = world.ingest(TAGS, &["--deletes", "ignore"]).await.unwrap();
    assert_eq!(receipt.counts.deleted, 0);
    assert_eq!(world.held(TAGS, None).await.0.len(), world.account().count(TAGS) + 3);
}

#[tokio::test(start_paused = true)]
async fn nothing_is_gone_on_one_answer() {
    // A few are asked for by their own address, whatever the list says; for more, a second reading of it decides.
    // Nor does a list that shows nothing at all, as often as it is read.
    for (times, hidden) in [(usize::MAX, 7), (1, 30), (1, 100), (usize::MAX, 100)] {
        let mut world = with_tags(0);
        world.ingest(TAGS, &[]).await.unwrap();
        hide(&mut world, times, hidden);
        let receipt = world.ingest(TAGS, &[]).await.unwrap();
        assert_eq!(receipt.counts.deleted, 0, "{hidden} hidden {times} times");
        world.assert_equal(TAGS, &format!("{hidden} hidden {times} times"));
    }
}

#[tokio::test(start_paused = true)]
async fn what_two_readings_miss_is_gone_and_only_that() {
    let mut world = with_tags(0);
    world.ingest(TAGS, &[]).await.unwrap();
    delete(&world, 20);
    // The first reading misses five more.
    hide(&mut world, 1, 5);
    let receipt = world.ingest(TAGS, &[]).await.unwrap();
    assert_eq!(receipt.counts.deleted, 20);
    world.assert_equal(TAGS, "20 of them");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_fails_or_dies_marks_nothing_and_the_next_one_reads_all() {
    let world = with_tags(350);
    world.ingest(TAGS, &[]).await.unwrap();
    delete(&world, 3);
    world.account().faults().plan(1, fault_plan("p500=1.0").unwrap());
    world.ingest(TAGS, &[]).await.unwrap_err();
    world.account().faults().clear();
    for request in 0..4 {
        world.ingest_until(TAGS, &[], Some(Death::BeforeRequest(request))).await;
        assert_eq!(world.held(TAGS, None).await.0.len(), world.account().count(TAGS) + 3, "{request}");
    }
    let receipt = world.ingest(TAGS, &[]).await.unwrap();
    assert_eq!((receipt.counts.deleted, receipt.unfinished), (3, false));
    world.assert_equal(TAGS, "after faults and deaths");
}

#[tokio::test(start_paused = true)]
async fn many_are_not_believed_to_be_gone_until_that_is_confirmed() {
    let world = with_tags(350);
    world.ingest(TAGS, &[]).await.unwrap();
    delete(&world, 150);
    for _ in 0..2 {
        let failure = world.ingest(TAGS, &[]).await.unwrap_err();
        assert_eq!(failure.kind, Kind::Source);
        assert!(failure.headline.starts_with("150 of the "), "{failure}");
    }
    let receipt = world.ingest(TAGS, &["--confirm-deletions"]).await.unwrap();
    assert_eq!(receipt.counts.deleted, 150);
    world.assert_equal(TAGS, "confirmed");
}

#[tokio::test(start_paused = true)]
async fn what_makes_no_sense_for_them_is_refused_by_name() {
    let world = with_tags(0);
    for (flags, says) in [
        (&["--incremental-strategy", "append"][..], "append would add all rows of tags in every run"),
        (&["--interval-start", "2026-08-01"], "rows of tags do not say when they changed"),
        (
            &["--incremental-strategy", "delete+insert", "--interval-start", "2026-08-01"],
            "rows of tags do not say",
        ),
    ] {
        let failure = world.ingest(TAGS, flags).await.unwrap_err();
        assert!(failure.kind == Kind::Usage && failure.headline.contains(says), "{failure}");
    }
    assert_eq!(world.requests(), 0);
}

/// Many tickets, whose tags are those of the account.
fn tagged() -> Options {
    Options { tickets: 600, customers: 10, messages: 20, surveys: 5, live_embeds: true, ..Options::default() }
}

/// Tickets lose a tag that is deleted without a sign: those that have it are read again in the same command.
#[tokio::test(start_paused = true)]
async fn tickets_that_hold_a_tag_that_vanished_are_read_again() {
    // Without re-scans, which would find them later.
    let world = World { children: true, rescans: false, ..World::new(tagged()) };
    world.ingest_all("tickets,tags", &[], None).await.unwrap().unwrap();
    let now = world.clock.now();
    let ids = world.account().ids(TAGS);
    for tag in ids.into_iter().take(2) {
        world.account().apply(Change::DeleteTag { tag }, now).unwrap();
    }
    // Alone, the run of tickets does not know.
    world.ingest("tickets", &[]).await.unwrap();
    let held = world.held("tickets", None).await.0;
    let stale = world.expected("tickets").into_iter().filter(|(id, row)| held[id] != *row).count();
    assert!(stale > 50, "{stale} tickets");
    let before = world.requests();
    let ends = world.ingest_all("tickets,tags", &[], None).await.unwrap().unwrap();
    assert!(ends.iter().all(|end| end.failure.is_none()), "{ends:?}");
    // A page and the events of tickets, a page of tags, and the two tags by their own address.
    let spent = world.requests() - before;
    assert!(spent <= 6 + stale.div_ceil(100) as u64, "{spent} requests, {stale} tickets");
    world.assert_equal("tickets", "without the tags");
    assert_exact(&world, "without the tags").await;
}

/// A list that shows none of the rows it was asked for, twice, proves nothing where some of them are at their own address.
#[tokio::test(start_paused = true)]
async fn rows_that_are_there_prove_that_a_list_leaves_out_some() {
    let world = World::new(tagged());
    world.ingest_all("tickets,tags", &[], None).await.unwrap().unwrap();
    let (now, tag) = (world.clock.now(), world.account().ids(TAGS)[0]);
    world.account().apply(Change::DeleteTag { tag }, now).unwrap();
    for nth in 0..2 {
        world.account().faults().on("ticket_ids=", nth, Fault::EmptyLookup);
    }
    let ends = world.ingest_all("tickets,tags", &[], None).await.unwrap().unwrap();
    let tickets = ends.iter().find(|end| end.table == "tickets").unwrap().receipt.as_ref().unwrap();
    assert_eq!(tickets.counts.deleted, 0);
    assert_eq!(world.held("tickets", None).await.0.len(), world.account().count("tickets"));
    world.account().faults().clear();
    // The few that were found by their own address wait for the re-scan.
    world.pass(std::time::Duration::from_secs(100_000)).await;
    world.ingest_all("tickets,tags", &[], None).await.unwrap().unwrap();
    world.assert_equal("tickets", "once the list shows them");
}

/// Of many that are gone, a few are asked for by their own address, and that says nothing of one among them that a list leaves
/// out: the list is asked a second time.
#[tokio::test(start_paused = true)]
async fn a_row_that_a_list_leaves_out_once_is_not_gone_with_the_others() {
    let world = World::new(tagged());
    world.ingest_all("tickets,tags", &[], None).await.unwrap().unwrap();
    let (now, tag) = (world.clock.now(), world.account().ids(TAGS)[0]);
    let holds =
        |row: &Row| matches!(&row["tags"], Cell::Json(tags) if tags.contains(&format!("\"id\":{tag},")));
    let tickets = world.expected("tickets");
    let holders: Vec<i64> = tickets.iter().filter(|(_, row)| holds(row)).map(|(id, _)| *id).collect();
    assert!((20..100).contains(&holders.len()), "{} tickets", holders.len());
    world.account().apply(Change::DeleteTag { tag }, now).unwrap();
    world.account().set_events_missed(1.0);
    // Of the second and the third, which stay, the answer shows one.
    for (_, ticket) in holders.iter().enumerate().filter(|(at, _)| ![1, 2].contains(at)) {
        world.account().apply(Change::DeleteTicket { ticket: *ticket }, now).unwrap();
    }
    world.account().faults().on("ticket_ids=", 0, Fault::PartialLookup);
    let ends = world.ingest_all("tickets,tags", &[], None).await.unwrap().unwrap();
    let done = ends.iter().find(|end| end.table == "tickets").unwrap().receipt.as_ref().unwrap();
    assert_eq!(done.counts.deleted, holders.len() as u64 - 2);
    world.assert_equal("tickets", "one that was left out once");
}

/// Each of them, as the account lists it, with the rows that lie in others.
#[tokio::test(start_paused = true)]
async fn each_is_loaded_as_the_account_lists_it() {
    let world = with_tags(130);
    for (table, list) in [
        ("users", "users"),
        ("teams", "teams"),
        ("tags", "tags"),
        ("views", "views"),
        ("rules", "rules"),
        ("widgets", "widgets"),
        ("integrations", "integrations"),
        ("custom_fields", "custom-fields"),
        ("macros", "macros"),
        ("jobs", "jobs"),
        ("events", "events"),
        ("voice_calls", "phone/voice-calls"),
        ("voice_call_recordings", "phone/voice-call-recordings"),
        ("voice_call_events", "phone/voice-call-events"),
    ] {
        world.ingest(table, &[]).await.unwrap();
        let stored = world.memory.table(&format!("main.{table}")).rows;
        let wanted: std::collections::BTreeMap<i64, String> =
            world.account().expected(list).into_iter().collect();
        assert!(!wanted.is_empty());
        assert_eq!(stored.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>(), "{table}");
        for (id, json) in wanted {
            let wanted: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).unwrap();
            for (field, value) in wanted.iter().filter(|(_, value)| value.is_string()) {
                let found = stored[&id].get(field).unwrap_or(&Cell::Null);
                let instant = matches!(found, Cell::Instant(_));
                let wanted = match found {
                    Cell::Json(_) => value.to_string(),
                    _ => value.as_str().unwrap().to_owned(),
                };
                assert!(instant || found.text() == wanted, "{table} {id} {field}: {found:?}");
            }
        }
    }
    world.ingest("account", &[]).await.unwrap();
    let account = world.memory.table("main.account").all;
    assert_eq!(account.len(), 1);
    world.ingest_all("team_members", &[], None).await.unwrap().unwrap();
    let members = world.memory.table("main.team_members").all.len();
    assert_eq!(members, world.memory.table("main.teams").rows.len(), "one a team, in this account");
}

/// `*` is the usual tables and those that the account offers: with nothing new, a request or two each.
#[tokio::test(start_paused = true)]
async fn a_star_means_all_usual_tables_and_costs_little() {
    let world = with_tags(0);
    let ends = world.ingest_all("*", &[], None).await.unwrap().unwrap();
    let failed: Vec<_> = ends.iter().filter_map(|end| Some((&end.table, end.failure.as_ref()?))).collect();
    assert!(failed.is_empty(), "{failed:?}");
    assert_eq!(ends.len(), 21);
    let before = world.requests();
    world.ingest_all("*", &[], None).await.unwrap().unwrap();
    let spent = world.requests() - before;
    assert!(spent <= 30, "{spent} requests");
}

/// With nothing new, small tables write no row, take no lease, and store what they know with one commit.
#[tokio::test(start_paused = true)]
async fn small_tables_that_are_as_they_were_commit_together() {
    let world = with_tags(130);
    // What tables and columns mean is written by the first two.
    for _ in 0..2 {
        world.ingest_all("*", &[], None).await.unwrap().unwrap();
    }
    let small = "users,teams,team_members,tags,views,rules,integrations,custom_fields,macros,account";
    let before = world.memory.store().commits;
    let ends = world.ingest_all(small, &[], None).await.unwrap().unwrap();
    assert!(ends.iter().all(|end| end.failure.is_none()), "{ends:?}");
    assert_eq!(world.memory.store().commits - before, 1);
    let tags = ends.iter().find(|end| end.table == TAGS).unwrap().receipt.as_ref().unwrap();
    let count = world.account().count(TAGS) as u64;
    assert_eq!((tags.read, tags.counts.unchanged, tags.read_again), (count, count, Some(0)));
    // One of them changes: that one commits its rows before it asks for those that vanished, then its end; the others with one.
    let now = world.clock.now();
    world.account().apply(Change::CreateTag, now).unwrap();
    let before = world.memory.store().commits;
    world.ingest_all(small, &[], None).await.unwrap().unwrap();
    assert_eq!(world.memory.store().commits - before, 3);
    world.assert_equal(TAGS, "with a new one");
}

/// Somebody may have changed what is stored: from time to time rows that are the same are written all the same.
#[cfg(feature = "duckdb")]
#[tokio::test(start_paused = true)]
async fn rows_that_are_the_same_are_written_once_a_re_scan() {
    let world = World { file: crate::support::file::File::named("duckdb"), ..with_tags(0) };
    world.ingest(TAGS, &[]).await.unwrap();
    let file = world.file.as_ref().unwrap();
    file.run("DELETE FROM main.tags WHERE id = (SELECT min(id) FROM main.tags)");
    world.ingest(TAGS, &[]).await.unwrap();
    assert_eq!(world.held(TAGS, None).await.0.len() + 1, world.account().count(TAGS));
    world.pass(std::time::Duration::from_secs(86_400)).await;
    world.ingest(TAGS, &[]).await.unwrap();
    assert_eq!(world.held(TAGS, None).await.0.len(), world.account().count(TAGS), "a day later");
}

/// A list that is refused, of a table that nobody named, is left out; of one that somebody named, it is a failure.
#[tokio::test(start_paused = true)]
async fn a_table_that_nobody_named_may_be_refused() {
    let world = with_tags(0);
    for round in 0..2 {
        world.account().faults().on("/api/macros", 0, Fault::Forbidden);
        let ends = world.ingest_all("*", &[], None).await.unwrap().unwrap();
        let end = ends.iter().find(|end| end.table == "macros").unwrap();
        let receipt = end.receipt.as_ref().unwrap();
        assert!(end.failure.is_none(), "{:?}", end.failure);
        let Outcome::LeftOut(why) = &receipt.outcome else { panic!("{round}: {:?}", receipt.outcome) };
        assert!(why.starts_with("not allowed"), "{why}");
        assert!(ends.iter().all(|end| end.failure.is_none()), "{round}");
    }
    world.account().faults().on("/api/macros", 0, Fault::Forbidden);
    let failure = world.ingest("macros", &[]).await.unwrap_err();
    assert_eq!(failure.kind, Kind::Authentication);
}

#[tokio::test(start_paused = true)]
async fn they_are_not_read_more_often_than_is_asked_for() {
    let world = with_tags(0);
    let hourly = &["--refresh-small", "1h"];
    world.ingest(TAGS, hourly).await.unwrap();
    let now = world.clock.now();
    world.account().apply(Change::CreateTag, now).unwrap();
    let before = world.requests();
    world.pass(std::time::Duration::from_secs(1_800)).await;
    world.ingest(TAGS, hourly).await.unwrap();
    assert_eq!(world.requests(), before);
    world.pass(std::time::Duration::from_secs(1_800)).await;
    world.ingest(TAGS, hourly).await.unwrap();
    world.assert_equal(TAGS, "an hour later");
    let now = world.clock.now();
    world.account().apply(Change::CreateTag, now).unwrap();
    world.ingest(TAGS, &["--refresh-small", "0"]).await.unwrap();
    world.assert_equal(TAGS, "in every run");
}

/// Credentials of other systems that lie in rows come nowhere: neither into a table nor among the rejects, damaged or not.
#[tokio::test(start_paused = true)]
async fn planted_secrets_are_in_no_table() {
    let mut world = with_tags(0);
    let damaged = |url: &str, body: Bytes| {
        let text = String::from_utf8(body.to_vec()).unwrap();
        match url.contains("/api/integrations") {
            // A value that is no JSON, next to a secret.
            true => text.replace("\"http\":{", "\"http\":{\"damaged\":NaN,").into(),
            false => text.into(),
        }
    };
    for garble in [false, true] {
        world.garble = garble.then(|| Arc::new(damaged) as _);
        let ends = world.ingest_all("**", &["--full-refresh"], None).await.unwrap().unwrap();
        assert!(ends.iter().all(|end| end.failure.is_none()));
        let store = format!("{:?}", world.memory.store());
        assert!(store.contains("[redacted]"), "there are some");
        for secret in gorgias_sim::secrets::ALL {
            assert!(!store.contains(secret), "{secret}, {garble}");
        }
    }
}
