//! What tests share: the simulator as a transport, a destination in memory, and runs of both.

pub mod children;
#[cfg(any(feature = "duckdb", feature = "sqlite", feature = "postgres", feature = "bigquery"))]
pub mod documented;
#[cfg(feature = "duckdb")]
pub mod duck;
#[cfg(any(feature = "duckdb", feature = "sqlite"))]
pub mod file;
#[cfg(feature = "sqlite")]
pub mod lite;
pub mod memory;
#[cfg(any(feature = "duckdb", feature = "postgres", feature = "bigquery"))]
pub mod outside;
#[cfg(any(feature = "duckdb", feature = "sqlite", feature = "postgres", feature = "bigquery"))]
pub mod plans;
pub mod transport;
pub mod world;
