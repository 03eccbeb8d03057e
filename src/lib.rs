//! Copies a Gorgias help desk into an analytics database; later runs copy what changed.
//!
//! One flow, one direction: `Args` → `Plan` → `Source::pages` → `normalise` → `Load::stage` → `Load::commit`.
//! ARCHITECTURE.md has the map.

#[cfg(test)]
// Tests that are part of the library and of the tests of the whole tool name it in the same way.
extern crate self as ingestr;

pub mod cli;
pub mod commands;
pub mod dest;
pub mod docs;
pub mod error;
pub mod http;
pub mod model;
pub mod nearest;
pub mod normalise;
pub mod plan;
pub mod report;
pub mod run;
pub mod secret;
pub mod source;
mod uri;
mod words;
