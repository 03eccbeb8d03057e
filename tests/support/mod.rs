//! What tests share: the simulator as a transport, a destination in memory, and runs of both.

pub mod children;
#[cfg(feature = "duckdb")]
pub mod duck;
#[cfg(any(feature = "duckdb", feature = "sqlite"))]
pub mod file;
#[cfg(feature = "sqlite")]
pub mod lite;
pub mod memory;
#[cfg(feature = "bigquery")]
pub mod outside;
pub mod transport;
pub mod world;
