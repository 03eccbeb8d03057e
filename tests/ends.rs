//! Where lists end: only where an answer says so, and nowhere at all in a list without an end.

use gorgias_sim::{Fault, Options};
use ingestr::api::error::Kind;

use crate::support::world::{LISTS, World};

fn small() -> Options {
    Options { tickets: 450, customers: 450, messages: 900, surveys: 260, max_body: 300, ..Options::default() }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_end_is_not_taken_for_one() {
    for fault in [
        Fault::EmptyWithoutMeta,
        Fault::ShortWithoutMeta,
        Fault::EmptyEnd,
        Fault::Partial206,
        Fault::Status203,
        Fault::NoContent,
        Fault::EmptyCursor,
        Fault::BareArray,
    ] {
        for (table, list) in LISTS {
            for at in [1, 3] {
                let world = World::new(small());
                world.account().faults().on(&format!("/api/{list}?limit=100&order_by"), at, fault.clone());
                world
                    .ingest(table, &[])
                    .await
                    .unwrap_or_else(|failure| panic!("{fault:?}, {table}: {failure}"));
                world.assert_equal(table, &format!("{fault:?} at page {at}"));
            }
        }
    }
}

/// A full page that does not say whether there are more is no page, however often it comes: only a short first one may be all there is.
#[tokio::test(start_paused = true)]
async fn a_full_page_that_tells_of_no_next_one_twice_is_no_end() {
    for (table, list) in LISTS {
        for at in [0, 1, 3] {
            let world = World::new(small());
            for nth in at..at + 2 {
                let path = format!("/api/{list}?limit=100&order_by");
                world.account().faults().on(&path, nth, Fault::MissingMeta);
            }
            world.ingest(table, &[]).await.unwrap_or_else(|failure| panic!("{table}: {failure}"));
            world.assert_equal(table, &format!("no meta at page {at}, twice"));
        }
    }
}

/// A cursor that is refused each time it comes is the end of the run, whatever comes before it.
#[tokio::test(start_paused = true)]
async fn a_cursor_that_is_always_refused_ends_the_run() {
    for (table, list) in LISTS {
        let path = format!("/api/{list}?limit=100&order_by");
        let world = World::new(Options { surveys: 450, ..small() });
        for nth in 0..300 {
            let fault = [None, Some(Fault::EmptyPageWithNext), Some(Fault::ExpiredCursor)][nth % 3].clone();
            fault.into_iter().for_each(|fault| world.account().faults().on(&path, nth, fault));
        }
        let failure = world.ingest(table, &["--interval-start", "2020-01-01"]).await.unwrap_err();
        assert!(failure.to_string().contains("refused its own cursor"), "{table}: {failure}");
        assert!(world.requests() < 40, "{table}: {} requests", world.requests());
        // The same, in a list that is not in the order asked for.
        let world = World::new(Options { surveys: 450, ..small() });
        world.account().faults().on(&path, 0, Fault::WrongOrder);
        (2..300).for_each(|nth| world.account().faults().on(&path, nth, Fault::ExpiredCursor));
        let failure = world.ingest(table, &["--interval-start", "2020-01-01"]).await.unwrap_err();
        assert!(failure.to_string().contains("refused its own cursor"), "{table}: {failure}");
        assert!(world.requests() < 40, "{table}: {} requests", world.requests());
    }
}

/// An empty list would replace all that is there.
#[tokio::test(start_paused = true)]
async fn a_list_that_is_empty_once_replaces_nothing() {
    for (table, list) in LISTS {
        for flags in [&["--full-refresh"] as &[&str], &["--interval-start", "2026-01-01"]] {
            let world = World::new(small());
            world.ingest(table, &[]).await.unwrap();
            world.account().faults().on(&format!("/api/{list}?"), 0, Fault::EmptyEnd);
            world.ingest(table, flags).await.unwrap();
            assert_eq!(world.account().faults().pending(), 0);
            world.assert_equal(table, &format!("{flags:?}"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_without_an_end_is_a_named_error_and_what_was_read_stays() {
    for fault in [Fault::EndlessEmpty, Fault::EndlessSame] {
        for (table, list) in LISTS {
            for from in [0, 2] {
                let world = World { flush_rows: 100, ..World::new(small()) };
                world.account().faults().from_on(&format!("/api/{list}?"), from, fault.clone());
                let failure = world.ingest(table, &[]).await.unwrap_err();
                assert_eq!(failure.kind, Kind::Source, "{fault:?}, {table}: {failure}");
                assert!(world.requests() <= 1_000, "{fault:?}, {table}: {} requests", world.requests());
                world.account().faults().clear();
                world.ingest(table, &[]).await.unwrap();
                world.assert_equal(table, &format!("{fault:?} from page {from}"));
            }
        }
    }
}
