//! What each incremental strategy means, in one place, so that plan, destinations and docs say the same.

/// How rows that were read meet rows that are already there. Names are ingestr's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Strategy {
    /// Per merge key the row read last wins; rows that were not read stay. The default for Gorgias.
    Merge,
    /// The table ends up with exactly the rows that were read; the old ones stay visible until then.
    Replace,
    /// Every row read is added; nothing is compared.
    Append,
    /// Rows of the window of the incremental key are deleted and replaced by those read, at the end, at once.
    DeleteInsert,
    /// A changed row closes its old version (`_scd_valid_to`, `_scd_is_current`) and adds a new one.
    Scd2,
}

impl Strategy {
    /// All of them, in the order help and docs list them.
    pub const ALL: [Self; 5] = [Self::Merge, Self::Replace, Self::Append, Self::DeleteInsert, Self::Scd2];

    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Merge => "merge",
            Self::Replace => "replace",
            Self::Append => "append",
            Self::DeleteInsert => "delete+insert",
            Self::Scd2 => "scd2",
        }
    }

    /// The strategy of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|strategy| strategy.name() == name)
    }
}

impl std::fmt::Display for Strategy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}
