//! The real program: its arguments and environment in, its output, exit code and files out.
//!
//! Every run has a cleared environment and an empty folder to stand in, and talks to the simulator over loopback.
//! Snapshots hold standard output, standard error and exit code together, as a user meets them.

#![cfg(feature = "duckdb")]
#![allow(clippy::disallowed_methods, reason = "real programs live in real time")]

#[cfg(feature = "bigquery")]
mod bigquery;
mod check;
mod columns;
mod copies;
#[cfg(target_os = "linux")]
mod denied;
mod desk;
#[cfg(feature = "duckdb")]
mod ducklake;
#[cfg(all(feature = "sqlite", feature = "postgres", feature = "bigquery", feature = "files"))]
mod everywhere;
#[cfg(feature = "files")]
mod files;
mod held;
#[cfg(target_os = "linux")]
mod hostile;
mod http2;
mod init;
mod models;
mod network;
mod nights;
mod outputs;
mod plan;
#[cfg(feature = "postgres")]
mod postgres;
mod printed;
mod recipes;
mod refused;
mod report;
mod schema;
mod secrets;
mod several;
#[cfg(feature = "sqlite")]
mod sqlite;
mod state;
mod stopped;
mod tls;
