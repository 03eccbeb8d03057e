//! Arguments of the commands for whoever asks the copied tables questions: `models` and `report`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::secret::SecretUri;

/// A dialect of SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Dialect {
    /// DuckDB.
    Duckdb,
    /// `BigQuery`.
    Bigquery,
    /// `PostgreSQL`.
    Postgres,
}

/// A table that not everybody copies, and that the models use where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Optional {
    /// Agents by name and role.
    Users,
    /// Teams by name.
    Teams,
    /// Tags by name.
    Tags,
    /// Tags of tickets.
    TicketTags,
    /// Ticket fields by label.
    CustomFields,
    /// Values of ticket fields.
    TicketFieldValues,
    /// Closes and reopenings.
    Events,
    /// Business hours.
    AccountSettings,
}

/// What a model is filled in with.
#[derive(Debug, Args)]
pub struct ModelsArgs {
    /// The SQL to write; that of the destination, if one is given.
    #[arg(long, value_enum)]
    pub dialect: Option<Dialect>,
    /// Schema or dataset that was copied to; for BigQuery also project.dataset.
    #[arg(long, value_name = "SCHEMA", default_value = "gorgias")]
    pub schema: String,
    /// Schema or dataset to make the views in.
    #[arg(long, value_name = "SCHEMA", default_value = "analytics")]
    pub target_schema: String,
    /// Time zone of days and hours, an IANA name such as Europe/Paris.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub tz: String,
    /// Tables that were copied beside tickets, messages, surveys and customers; the views use them.
    #[arg(long, value_name = "TABLES", value_enum, value_delimiter = ',', conflicts_with = "dest_uri")]
    pub with: Vec<Optional>,
    /// Look here which tables were copied; nothing is written. The environment names it only where neither --dialect nor --with
    /// is typed.
    #[arg(long, value_name = "URI")]
    pub dest_uri: Option<SecretUri>,
}

/// Arguments of `ingestr report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Read this destination: DuckDB, DuckLake, PostgreSQL or BigQuery. Nothing is written to it.
    #[arg(long, value_name = "URI")]
    pub dest_uri: Option<SecretUri>,
    /// Schema or dataset that was copied to; for BigQuery also project.dataset.
    #[arg(long, value_name = "SCHEMA", default_value = "gorgias")]
    pub schema: String,
    /// How far back: 90d, 12w, or a day such as 2026-01-31. The period before it, of the same length, is compared with.
    #[arg(long, value_name = "PERIOD", default_value = "90d")]
    pub since: String,
    /// Time zone of days and hours, an IANA name such as Europe/Paris.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub tz: String,
    /// Do not read more than this where reading is paid by the byte (BigQuery): 500MB, 2TiB; 10GB unless told otherwise. What
    /// would be read is told before; 0 only tells it.
    #[arg(long, value_name = "BYTES")]
    pub max_bytes: Option<String>,
    /// Leave out the names of agents.
    #[arg(long)]
    pub anonymous: bool,
    /// Write the page to this file instead of standard output.
    ///
    /// Of files that are there, only an empty one or an earlier page is replaced.
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}
