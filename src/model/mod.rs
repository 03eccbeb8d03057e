//! The vocabulary that all parts share: what crosses from a source to a destination, and what both must call by one name.
//!
//! Nothing here reads or writes anything but for [`lease`], which sees whether a process is alive.

pub mod hash;
pub mod lease;

mod deleted;
mod description;
mod ledger;
mod mapping;
mod options;
mod question;
mod reject;
mod schema;
mod state;
mod strategy;
mod system_columns;

pub use deleted::{Deletes, Tombstone};
pub use description::{Described, Description};
pub use lease::Lease;
pub use ledger::{LEDGER_PREFIX, RUNS_TOLD, Remembered, RunLine, RunRecord, is_of_ledger};
pub use mapping::{Mapping, Mappings};
pub use options::{Contract, FileFormat, Naming, ProgressStyle};
pub use question::{Answer, Question};
pub use reject::Reject;
pub use schema::{Column, FieldName, LogicalType, Micros};
pub use state::{Filled, STATE_VERSION, SourceState, State};
pub use strategy::Strategy;
pub use system_columns::{DELETED_AT, EXTRA, IS_CURRENT, LOADED_AT, MERGED_INTO, VALID_FROM, VALID_TO};
