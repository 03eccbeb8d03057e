//! What may be decided about rows on their way, as the plan hands it over.

use crate::model::{Contract, LogicalType, Naming};

/// What happens to rows between source and destination.
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// How many fields that are not documented may have a column of their own, counted over all runs of a table.
    pub new_columns: usize,
}

impl Shaping {
    /// New columns unless told otherwise: more than any help desk is known to need, and few enough for every destination.
    pub const NEW_COLUMNS: usize = 200;
}

impl Default for Shaping {
    fn default() -> Self {
        Self {
            overrides: Vec::new(),
            exclude: Vec::new(),
            trim_whitespace: false,
            contract: Contract::default(),
            naming: Naming::default(),
            new_columns: Self::NEW_COLUMNS,
        }
    }
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
