//! Where rows are only added, each is added once: wherever runs die, and whatever is refused on the way.

use std::time::Duration;

use gorgias_sim::{Change, Fault, Options};

use crate::support::transport::Death;
use crate::support::world::World;

const APPEND: [&str; 2] = ["--incremental-strategy", "append"];
const HOUR: Duration = Duration::from_secs(3_600);

fn account() -> World {
    let options = Options {
        tickets: 250,
        calls: 160,
        messages: 300,
        customers: 150,
        events: 800,
        ..Options::default()
    };
    World { flush_rows: 100, ..World::new(options) }
}

/// What happens in an hour: rows more in each list, and no other change.
async fn an_hour(world: &World, calls: usize) {
    for _ in 0..calls {
        let now = world.clock.now();
        world.account().apply(Change::CreateRow { list: "phone/voice-calls" }, now);
        world.account().apply(Change::CreateTicket { customer: None }, now);
        world.pass(Duration::from_secs(1)).await;
    }
    world.pass(HOUR).await;
}

/// Runs to the end; a run may fail where something is refused.
async fn copied(world: &World, table: &str, context: &str) {
    for _ in 0..3 {
        if world.ingest(table, &APPEND).await.is_ok() {
            return;
        }
    }
    panic!("{context}: three runs failed");
}

fn each_once(world: &World, table: &str, list: &str, context: &str) {
    let stored = world.memory.table(&format!("main.{table}")).all.len();
    assert_eq!(stored, world.account().count(list), "{context}");
}

#[tokio::test(start_paused = true)]
async fn each_row_is_added_once_wherever_a_run_dies() {
    const LISTS: [(&str, &str); 3] = [
        ("events", "events"),
        ("voice_call_events", "phone/voice-call-events"),
        ("voice_calls", "phone/voice-calls"),
    ];
    for (table, list) in LISTS {
        let path = format!("/api/{list}?");
        for (turned, fault) in [
            (false, None),
            (true, None),
            (false, Some(Fault::ExpiredCursor)),
            (false, Some(Fault::Status(500))),
        ] {
            for death in 1..12 {
                let context = format!("{table}, turned: {turned}, {fault:?}, death {death}");
                let world = account();
                world.account().set_calls_turned(turned);
                world.ingest_until(table, &APPEND, Some(Death::BeforeRequest(death))).await;
                if let Some(fault) = &fault {
                    world.account().faults().on(&path, 0, fault.clone());
                }
                copied(&world, table, &context).await;
                each_once(&world, table, list, &format!("{context}, first load"));
                an_hour(&world, 400).await;
                world.ingest_until(table, &APPEND, Some(Death::AfterRequest(death))).await;
                if let Some(fault) = &fault {
                    world.account().faults().on(&path, 0, fault.clone());
                }
                copied(&world, table, &context).await;
                each_once(&world, table, list, &format!("{context}, what came later"));
            }
        }
    }
}

/// Which way a list goes that is shorter than that can be told of a page, or is in no order.
#[tokio::test(start_paused = true)]
async fn each_row_of_a_short_list_or_one_in_no_order_is_added_once() {
    for (table, list) in [("voice_calls", "phone/voice-calls"), ("events", "events")] {
        for calls in [3, 40] {
            for turned in [false, true] {
                let options = Options {
                    tickets: 30,
                    messages: 40,
                    calls,
                    customers: 20,
                    events: 300,
                    ..Options::default()
                };
                let world = World::new(options);
                world.account().set_calls_turned(turned);
                if turned {
                    world.account().faults().from_on("/api/events?", 0, Fault::WrongOrder);
                }
                for more in [0, 0, 2, 5, 0] {
                    an_hour(&world, more).await;
                    copied(&world, table, "nothing is refused").await;
                    each_once(
                        &world,
                        table,
                        list,
                        &format!("{table}, {calls} calls, turned: {turned}, {more} more"),
                    );
                }
            }
        }
    }
}
