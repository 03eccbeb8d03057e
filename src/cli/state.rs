//! Arguments of the commands for what a destination remembers.

use clap::{Args, Subcommand};

use crate::secret::SecretUri;

/// What can be done with what is remembered.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// Show how far each table has been read, what is unfinished, who writes to it, and the last runs.
    Show(ShowArgs),
    /// Forget how far a table has been read: its next run reads everything again. The rows stay.
    Reset(ResetArgs),
    /// Give what is remembered to another account, once the help desk was renamed: its runs go on where those under the old
    /// name stood.
    Move(MoveArgs),
}

/// Arguments of `ingestr state show`.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Look into this destination: duckdb:///file.duckdb, or duckdb:////absolute/file.duckdb.
    #[arg(long, value_name = "URI")]
    pub dest_uri: Option<SecretUri>,
    /// Show only this table: schema.table.
    #[arg(long, value_name = "TABLE")]
    pub dest_table: Option<String>,
    /// Print JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `ingestr state reset`.
#[derive(Debug, Args)]
pub struct ResetArgs {
    /// Change this destination: duckdb:///file.duckdb, or duckdb:////absolute/file.duckdb.
    #[arg(long, value_name = "URI")]
    pub dest_uri: Option<SecretUri>,
    /// Forget this table: schema.table. It has to be typed, and nothing is asked.
    #[arg(long, value_name = "TABLE")]
    pub dest_table: Option<String>,
}

/// Arguments of `ingestr state move`.
#[derive(Debug, Args)]
pub struct MoveArgs {
    /// Change this destination: duckdb:///file.duckdb, or duckdb:////absolute/file.duckdb.
    #[arg(long, value_name = "URI")]
    pub dest_uri: Option<SecretUri>,
    /// The account that has the tables now, by its old name. It has to be typed, and nothing is asked.
    #[arg(long, value_name = "ACCOUNT")]
    pub from: Option<String>,
    /// The account that shall have them: the part before .gorgias.com in the new address of the help desk.
    #[arg(long, value_name = "ACCOUNT")]
    pub to: Option<String>,
    /// Move only this table: schema.table. Without it, all tables of the account.
    #[arg(long, value_name = "TABLE")]
    pub dest_table: Option<String>,
}
