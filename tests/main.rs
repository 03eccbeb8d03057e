//! One test binary: the tool against the simulator, in-process under paused time and as the real program.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    missing_debug_implementations,
    missing_docs,
    reason = "a test fails by panicking, and says what it saw"
)]

mod absence;
mod append;
mod backfill;
mod changed_flags;
mod children;
mod cli;
mod convergence;
mod damaged;
mod ends;
mod forecast;
mod held;
mod kill;
mod lookups;
mod lost_columns;
#[cfg(any(feature = "duckdb", feature = "sqlite"))]
mod new_fields;
mod nothing_new;
mod oldest_first;
mod oversize;
mod reading;
mod rehearsal;
mod rescan;
mod several;
mod sleeping;
mod small_tables;
mod speed;
mod support;
mod tidy;
mod upgrade;
mod waiting;
mod windows;
