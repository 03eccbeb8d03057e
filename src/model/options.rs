//! Choices that a user has and that more than one part of the program knows: flags, plan, `normalise`, destinations.

/// What happens to a field that is not documented.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Contract {
    /// It becomes a new column.
    #[default]
    Evolve,
    /// The run stops with an error.
    Freeze,
    /// The row is left out and counted.
    DiscardRow,
    /// The value is left out and counted.
    DiscardValue,
}

/// How names of columns are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Naming {
    /// As the existing table does, otherwise snake_case.
    #[default]
    #[value(alias = "default")]
    Auto,
    /// In snake_case.
    SnakeCase,
    /// As the source does.
    Direct,
}

/// Format of load files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum FileFormat {
    /// JSON lines.
    Jsonl,
    /// Parquet.
    Parquet,
    /// CSV.
    Csv,
    /// SQL statements.
    InsertValues,
}

impl FileFormat {
    /// The name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Parquet => "parquet",
            Self::Csv => "csv",
            Self::InsertValues => "insert_values",
        }
    }
}

/// How progress is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, clap::ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum ProgressStyle {
    /// One live line on a terminal.
    #[default]
    Interactive,
    /// A line every few seconds.
    Log,
    /// One JSON object a line.
    Json,
}
