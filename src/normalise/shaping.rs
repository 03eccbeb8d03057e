//! What may be decided about rows on their way, as the plan hands it over.

use crate::model::{Contract, LogicalType, Naming};

/// What happens to rows between source and destination.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shaping {
    /// Types and names that differ from the table's declaration.
    pub overrides: Vec<ColumnOverride>,
    /// Columns that are left out, by source or destination name.
    pub exclude: Vec<String>,
    /// Remove white space around texts.
    pub trim_whitespace: bool,
    /// What happens to fields that are not documented.
    pub contract: Contract,
    /// How names are written.
    pub naming: Naming,
}

/// One entry of `--columns`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnOverride {
    /// Name in the destination.
    pub name: String,
    /// Type; `None` keeps the declared or inferred one.
    pub logical: Option<LogicalType>,
    /// Name in the source, if it is another.
    pub source: Option<String>,
}

impl ColumnOverride {
    /// The column's name in the source.
    #[must_use]
    pub fn source_name(&self) -> &str {
        self.source.as_deref().unwrap_or(&self.name)
    }
}
