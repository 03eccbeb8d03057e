//! The warehouse: Google BigQuery over its REST API.
//!
//! Two halves. [`wire`] speaks HTTP and knows nothing of states or strategies; everything above it is SQL and order
//! of calls, and sees neither URLs nor tokens.

#[allow(dead_code, reason = "the half that uses it comes next")]
mod uri;
#[allow(dead_code, unused_imports, reason = "the half that uses it comes next")]
mod wire;
