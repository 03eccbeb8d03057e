//! A Gorgias account that exists only in memory.
//!
//! [`Account`] is a pure state machine: [`Account::handle`] takes a request and a time and gives a reply, so tests drive
//! it under paused clocks. [`Server`] is the same account behind a loopback socket. The data follows from a seed; rows
//! are rendered when asked for, so a large account needs little memory. [`Faults`] spoil answers, [`Change`]s change the
//! account while it is read.

#![cfg_attr(
    test,
    allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")
)]

mod account;
mod bucket;
mod change;
mod cursor;
mod desk;
mod dice;
mod faults;
mod filter;
mod history;
mod items;
mod json;
mod lifelike;
mod list;
mod model;
mod options;
mod presets;
mod prose;
mod query;
mod render;
mod routes;
pub mod secrets;
mod seed;
mod seed_events;
mod server;
mod small;
mod specs;
mod spoil;
#[cfg(test)]
mod tests;
mod text;
mod time;
mod unreadable;
mod wire;

pub use account::Account;
pub use bucket::Others;
pub use change::Change;
pub use cursor::{Cursor, Key};
pub use faults::{Fault, Faults, RetryAfter};
pub use history::{Dates, History, Import, history};
pub use model::Tombstone;
pub use options::{Bucket, Cursors, Denial, DenyList, Options};
pub use presets::fault_plan;
pub use server::Server;
pub use time::{DAY, Micros, SECOND, iso, naive, parse};
pub use unreadable::Unreadable;
pub use wire::{Logged, Reply, Request, Response};

/// The names of all list endpoints.
pub fn tables() -> impl Iterator<Item = &'static str> {
    specs::SPECS.iter().map(|spec| spec.table)
}
