//! What the plan may know beside the arguments.

use crate::dest::Capabilities;
use crate::source::Resource;

/// What the plan must know of source and destination: they are opened first, which connects to nothing.
#[derive(Debug, Clone, Copy)]
pub struct Endpoints<'a> {
    /// The source's name in messages, e.g. `Gorgias`.
    pub source: &'static str,
    /// Its tables.
    pub tables: &'static [Resource],
    /// The destination's name in messages, e.g. `DuckDB`.
    pub destination: &'static str,
    /// Schema of a table that was named without one; `None` if the destination needs one.
    pub default_schema: Option<&'a str>,
    /// What the destination can do.
    pub capabilities: Capabilities,
}
