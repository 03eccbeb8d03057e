//! What accounts went through, as their lists show it.

use super::*;
use crate::{DAY, Dates, History, Import};

const ROWS: usize = 4_000;

fn import(dates: Dates) -> History {
    let end = Options::default().end;
    let import = Import { tickets: ROWS, customers: 500, at: end - 100 * DAY, took: 3_600_000_000, dates };
    History { imports: vec![import], ..History::default() }
}

fn account(history: History) -> Account {
    let size = Options { tickets: 1_000, messages: 12_000, customers: 50, events: 0, ..Options::default() };
    Account::new(Options { unlimited: true, max_body: 100, history, ..size })
}

/// Tickets created within this time before the end, in days.
fn created(account: &Account, from: i64, to: i64) -> usize {
    let end = account.options().end;
    let inside = |row: &&crate::model::Ticket| (end - from * DAY..end - to * DAY).contains(&row.created);
    account.data.tickets.values().filter(inside).count()
}

#[test]
fn an_import_is_dense_or_old_as_it_says() {
    let dense = account(import(Dates::Arrival));
    assert_eq!((dense.count("tickets"), dense.count("customers")), (1_000 + ROWS, 550));
    assert!((ROWS..ROWS + 10).contains(&created(&dense, 100, 99)));
    let end = dense.options().end;
    let of_the_hour = |row: &&crate::model::Message| (row.created - (end - 100 * DAY)).abs() < DAY;
    assert!(dense.data.messages.values().filter(of_the_hour).count() > ROWS);

    let same = account(import(Dates::Same));
    let at = same.data.tickets.values().filter(|row| row.created == end - 100 * DAY).count();
    assert!(at >= ROWS, "{at}");

    let old = account(import(Dates::Old(700 * DAY)));
    assert!(created(&old, 100, 99) < 20);
    assert!(created(&old, 800, 401) > ROWS / 5);
    // They came after rows that are newer.
    let oldest = old.data.tickets_created.first().unwrap().1;
    let newer = old.data.tickets.values().filter(|row| row.id < oldest);
    assert!(newer.count() > 100);
}

#[test]
fn nights_gaps_and_growth_are_in_the_dates() {
    let end = Options::default().end;
    let gaps = vec![(end - 200 * DAY, end - 100 * DAY)];
    let history = History { weeks: true, growth: 8.0, season: 0.3, gaps, ..History::default() };
    let account = account(history);
    // But for imports of single tickets, which have old dates.
    assert!(created(&account, 200, 100) < 15);
    assert!(created(&account, 100, 0) > 4 * created(&account, 400, 300));
    let night = |row: &&crate::model::Ticket| row.created.rem_euclid(DAY) < DAY / 3;
    assert!(account.data.tickets.values().filter(night).count() < 200);
}

#[test]
fn ids_of_a_shared_sequence_go_on_while_nothing_comes() {
    let account = account(History { others: 5_000.0, ..import(Dates::Arrival) });
    let ids: Vec<i64> = account.data.tickets.keys().copied().collect();
    let span = ids.last().unwrap() - ids.first().unwrap();
    assert!((1_500_000..2_500_000).contains(&span), "{span}");
}

#[test]
fn histories_are_read_or_refused() {
    let end = 1_000 * DAY;
    let read = |text| crate::history(text, end);
    assert_eq!(read(""), Ok(History::default()));
    let all = read("weeks,growth=8,season=0.5,gap=300-240,others=10,import=400-50@200old").unwrap();
    assert_eq!(all.gaps, [(700 * DAY, 760 * DAY)]);
    let Import { tickets, customers, at, .. } = all.imports[0];
    assert_eq!((tickets, customers, at), (400, 50, 800 * DAY));
    for bad in ["moon", "gap=3", "growth=-1", "import=4", "import=4@2young", "import=x@2"] {
        assert!(read(bad).is_err(), "{bad}");
    }
}
