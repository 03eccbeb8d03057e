//! Copies a Gorgias help desk into an analytics database; later runs copy what changed.
//!
//! One flow, one direction: `Args` → `Plan` → `Source::pages` → `normalise` → `Load::stage` → `Load::commit`.
//! ARCHITECTURE.md has the map.

#[cfg(test)]
// Tests that are part of the library and of the tests of the whole tool name it in the same way.
extern crate self as ingestr;

mod cli;
mod commands;
mod dest;
mod docs;
mod error;
mod http;
mod model;
mod nearest;
mod normalise;
mod plan;
mod report;
mod run;
mod secret;
mod source;
mod uri;
mod words;

/// What the binary, the tests and the benchmarks use, and all that is public: of everything else the compiler sees whether it
/// is used.
#[allow(missing_docs, reason = "each is documented where it is")]
pub mod api {
    pub mod cli {
        pub use crate::cli::{Command, parse};
    }
    pub mod commands {
        pub use crate::commands::{World, check, ingest, init, plan, print, text};
    }
    pub mod dest {
        pub use crate::dest::{
            Again, Asked, Basis, Capabilities, Commit, Counts, DestError, DestErrorKind, Destination,
            FlushDefaults, Hints, Idle, Inspection, Keep, Load, Names, Owner, Stored, Target, Targets,
            Undone, Written,
        };
        #[cfg(feature = "bigquery")]
        pub mod bigquery {
            pub use crate::dest::bigquery::BigQuery;
        }
        #[cfg(feature = "duckdb")]
        pub mod duckdb {
            pub use crate::dest::duckdb::DuckDb;
        }
        #[cfg(feature = "duckdb")]
        pub mod ducklake {
            pub use crate::dest::ducklake::DuckLake;
        }
        #[cfg(feature = "files")]
        pub mod files {
            pub use crate::dest::files::Files;
        }
        #[cfg(feature = "postgres")]
        pub mod postgres {
            pub use crate::dest::postgres::Postgres;
        }
        pub mod sql {
            pub mod columns {
                pub use crate::dest::sql::columns::{
                    IS_CURRENT, MARKS, VALID_FROM, VALID_TO, columns_of, needed, type_after, version_columns,
                };
            }
            pub mod identity {
                pub use crate::dest::sql::identity::{Apart, state_changed};
            }
            pub mod leases {
                pub use crate::dest::sql::leases::{gone, judge};
            }
            pub mod ledger {
                pub use crate::dest::sql::ledger::newer;
            }
        }
        #[cfg(feature = "sqlite")]
        pub mod sqlite {
            pub use crate::dest::sqlite::Sqlite;
        }
    }
    pub mod docs {
        pub use crate::docs::{cli_markdown, tables_markdown};
    }
    pub mod error {
        pub use crate::error::{Failure, Kind};
    }
    pub mod http {
        pub use crate::http::{NoObserver, Request, Response, Transport, TransportError, TransportErrorKind};
        pub mod room {
            pub use crate::http::room::MOST;
        }
        pub mod surroundings {
            pub use crate::http::surroundings::Surroundings;
        }
    }
    pub mod model {
        pub use crate::model::{
            Answer, Column, DELETED_AT, Deletes, Described, Description, EXTRA, FieldName, Filled, LOADED_AT,
            Lease, LogicalType, MERGED_INTO, Mappings, Micros, Question, Reject, Remembered, RunLine,
            RunRecord, STATE_VERSION, SourceState, State, Strategy, Tombstone,
        };
        pub mod lease {
            pub use crate::model::lease::Claim;
        }
    }
    pub mod normalise {
        pub use crate::normalise::{Normaliser, Shaping};
    }
    pub mod plan {
        pub use crate::plan::{Endpoints, Plans};
    }
    pub mod report {
        pub use crate::report::{
            Ended, Event, Outcome, Receipt, Reporter, Several, Summary, Wait, stderr_width,
        };
    }
    pub mod run {
        pub use crate::run::{Job, all, outcome};
    }
    pub mod source {
        pub use crate::source::{
            Changes, Choice, Forecast, Guess, Late, List, Outside, Overlap, ReadRequest, Resource, Source,
            Step, Wide, Window, entry,
        };
        pub mod gorgias {
            pub use crate::source::gorgias::{Gorgias, TABLES};
        }
    }
}
