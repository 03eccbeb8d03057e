//! Flags of ingestr that are known in order to be answered by name.

use clap::Args;

/// Flags of ingestr that only other sources have; the plan refuses each or says that it has no effect.
#[derive(Debug, Clone, Default, Args)]
pub struct ForeignArgs {
    /// Masking is not available yet.
    #[arg(long, hide = true, value_name = "COLUMN:ALGORITHM")]
    pub mask: Vec<String>,
    /// Condition of a merge.
    #[arg(long, hide = true, value_name = "SQL", allow_hyphen_values = true)]
    pub incremental_predicate: Option<String>,
    /// Column to split an extract by.
    #[arg(long, hide = true, value_name = "COLUMN")]
    pub extract_partition_by: Option<String>,
    /// Length of a part of an extract.
    #[arg(long, hide = true, value_name = "INTERVAL")]
    pub extract_partition_interval: Option<String>,
    /// Engine of SQL sources.
    #[arg(long, hide = true, value_name = "BACKEND")]
    pub sql_backend: Option<String>,
    /// Depth of reflection of SQL sources.
    #[arg(long, hide = true, value_name = "LEVEL")]
    pub sql_reflection_level: Option<String>,
    /// Number of pages to stop after.
    #[arg(long, hide = true, value_name = "PAGES")]
    pub yield_limit: Option<String>,
    /// Take --columns as the whole schema.
    #[arg(long, hide = true)]
    pub no_inference: bool,
    /// Loading while extracting, or not.
    #[arg(long, hide = true)]
    pub disable_prestaging: bool,
    /// Run for ever.
    #[arg(long, hide = true)]
    pub stream: bool,
    /// Address of a metrics server.
    #[arg(long, hide = true, value_name = "ADDRESS")]
    pub metrics_addr: Option<String>,
    /// Annotations of statements.
    #[arg(long, hide = true, value_name = "JSON")]
    pub query_annotations: Option<String>,
}
