//! What can be typed: every command and flag under ingestr's names. The doc comments are the help text.
//!
//! Nothing is decided here: what makes sense and what is missing is the plan's business, and so are dates (`plan/dates.rs`),
//! numbers and durations such as `--lookback` (`plan/flags.rs`), which are text here. [`parse()`] adds the environment.

use clap::{Args, Parser, Subcommand};

use crate::model::{Contract, Deletes, FileFormat, Naming, ProgressStyle};
use crate::secret::SecretUri;

mod analytics;
mod examples;
mod foreign;
mod init;
mod parse;
mod state;
pub use analytics::{Dialect, ModelsArgs, Optional, ReportArgs};
pub use foreign::ForeignArgs;
pub use init::{InitArgs, KEY_VARIABLE};
pub use parse::{command, completions, env_names, man, parse, parts, switch, version_line};
pub use state::{MoveArgs, ResetArgs, ShowArgs, StateCommand};

/// Copies a Gorgias help desk into an analytics database; later runs copy what changed.
#[derive(Debug, Parser)]
#[command(name = "ingestr", version, max_term_width = 110, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Set up a first copy: ask for both ends, check them, write them to a file, and say what to type next.
    Init(InitArgs),
    /// Copy tables into a database; a second run copies only what changed.
    Ingest(Box<IngestArgs>),
    /// Say what `ingest` with the same flags would read and how long it would take; nothing is written.
    Plan(Box<PlanArgs>),
    /// Check that source and destination are there, and what may be done with them; nothing is written.
    Check(CheckArgs),
    /// List the tables that can be copied, with keys, columns and types.
    Tables(TablesArgs),
    /// Show, reset or move what a destination remembers of earlier runs.
    #[command(subcommand, disable_help_subcommand = true)]
    State(StateCommand),
    /// Print SQL that turns the copied tables into numbers a support team asks for, as views; nothing is run.
    Models(ModelsArgs),
    /// Make a page of HTML about the help desk from what was copied.
    Report(ReportArgs),
    /// Print a completion script for your shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page; read it with `ingestr man | man -l -`.
    Man,
    /// Print the version, the commit it was built from, and DuckDB's version; --version and -V do the same.
    Version,
    /// Print generated documentation as Markdown.
    #[command(hide = true)]
    Docs {
        /// Which page.
        page: DocsPage,
    },
}

/// Pages of generated documentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum DocsPage {
    /// The command line, docs/cli.md.
    Cli,
    /// The tables, docs/tables.md.
    Tables,
}

/// Arguments of `ingestr tables`.
#[derive(Debug, Args)]
pub struct TablesArgs {
    /// Tables to show, e.g. tickets, or the source whose tables are shown, e.g. gorgias://mycompany; all without it.
    ///
    /// Nothing is connected to.
    #[arg(value_name = "TABLES")]
    pub of: Option<SecretUri>,
    /// Print JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `ingestr plan`: those of `ingest`, and the form of the answer.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// What would be copied.
    #[command(flatten)]
    pub ingest: IngestArgs,
    /// Print JSON instead of text.
    #[arg(long, help_heading = RUN)]
    pub json: bool,
}

/// Arguments of `ingestr check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Check this source: gorgias://DOMAIN?api_key=KEY&email=EMAIL. Without it, only the destination is checked.
    #[arg(long, value_name = "URI")]
    pub source_uri: Option<SecretUri>,
    /// Check this destination: duckdb:///file.duckdb. Without it, only the source is checked.
    #[arg(long, value_name = "URI")]
    pub dest_uri: Option<SecretUri>,
    /// Print JSON instead of text.
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `ingestr ingest`, as typed or found in the environment.
#[derive(Debug, Clone, Default, Args)]
pub struct IngestArgs {
    /// Read from this source: gorgias://DOMAIN?api_key=KEY&email=EMAIL.
    ///
    /// Put it in single quotes, as it contains an `&`. Better: set SOURCE_URI in the environment, where other users
    /// of the machine do not see it.
    #[arg(long, value_name = "URI", help_heading = READ)]
    pub source_uri: Option<SecretUri>,
    /// Copy this table, these tables (tickets,customers), the usual ones ('*') or all; `ingestr tables` lists them.
    ///
    /// Several tables are copied at once and share the account's request budget. One that fails does not stop the
    /// others. The flag may be repeated, too.
    #[arg(long, value_name = "TABLES", help_heading = READ)]
    pub source_table: Vec<String>,
    /// Copy only rows changed at or after this time.
    ///
    /// A date (2024-01-31) or a time (2024-01-31T10:00:00, with a fraction and a zone if you like; without a zone it
    /// is UTC), or yesterday, -7d, 7 days ago. Without it, a first run copies everything and later runs what changed since.
    #[arg(long, value_name = "TIME", help_heading = READ, allow_hyphen_values = true)]
    pub interval_start: Option<String>,
    /// Copy only rows changed at or before this time.
    ///
    /// Forms as for --interval-start. A date alone means 00:00:00 of that day, so the day itself is left out.
    #[arg(long, value_name = "TIME", help_heading = READ, allow_hyphen_values = true)]
    pub interval_end: Option<String>,
    /// Stop after this many rows, to try things out; 0 is no limit.
    ///
    /// A run with a limit does not move the place where the next run starts.
    #[arg(long, value_name = "ROWS", help_heading = READ, allow_negative_numbers = true)]
    pub sql_limit: Option<i64>,

    /// Write to this destination: duckdb:///file.duckdb, or duckdb:////absolute/file.duckdb.
    #[arg(long, value_name = "URI", help_heading = WRITE)]
    pub dest_uri: Option<SecretUri>,
    /// Write to this table: schema.table.
    ///
    /// The schema is created if it is missing. Put a part with a dot in double quotes: 'main."my.table"'. Without this
    /// flag, the source table's name is used. For several tables, type the schema of all of them (gorgias), or a pattern
    /// (raw.gorgias_{table}).
    #[arg(long, value_name = "TABLE", help_heading = WRITE)]
    pub dest_table: Option<String>,
    /// Decide how rows that were read meet rows that are there.
    ///
    /// merge (default): per key the newest row wins, all others stay. replace: the table ends up with exactly the rows
    /// that were read. append: every row is added. delete+insert: the rows of the interval are replaced. scd2: changed
    /// rows are kept with the time they were valid. none: the source's own, merge.
    #[arg(long, value_name = "STRATEGY", help_heading = WRITE)]
    pub incremental_strategy: Option<String>,
    /// Name the column that tells what changed; Gorgias tables have their own.
    #[arg(long, value_name = "COLUMN", help_heading = WRITE)]
    pub incremental_key: Option<String>,
    /// Identify rows by this column instead of the table's own key; repeat it or use commas for several.
    #[arg(long, value_name = "COLUMN", help_heading = WRITE, value_delimiter = ',')]
    pub primary_key: Vec<String>,
    /// Read everything again and replace the table, or, with an interval, the rows of that interval.
    ///
    /// The old rows stay visible until the new ones are complete.
    #[arg(long, help_heading = WRITE)]
    pub full_refresh: bool,

    /// Set types and names of columns: name:type, name:type:source or name::source, with commas.
    ///
    /// Types: bigint, double, boolean, text, timestamptz, json and their usual other names. With a source, the column
    /// of that name is called `name` in the destination.
    #[arg(long, value_name = "COLUMNS", help_heading = SHAPE)]
    pub columns: Vec<String>,
    /// Leave these columns out, with commas between them.
    #[arg(long, value_name = "COLUMNS", help_heading = SHAPE, value_delimiter = ',')]
    pub sql_exclude_columns: Vec<String>,
    /// Remove white space around every text.
    #[arg(long, help_heading = SHAPE)]
    pub trim_whitespace: bool,
    /// Leave out the column _ingestr_loaded_at.
    #[arg(long, help_heading = SHAPE)]
    pub no_load_timestamp: bool,
    /// Decide what happens to fields that are not documented.
    #[arg(long, value_name = "CONTRACT", help_heading = SHAPE, value_enum, ignore_case = true, default_value = "evolve")]
    pub schema_contract: Contract,
    /// Give so many fields that are not documented a column of their own, in each table; later ones share one.
    ///
    /// 200 unless given, counted over all runs of a table. Further fields go to the column _ingestr_extra, as one JSON
    /// object a row. A field that is there stays there, whatever number is typed later.
    #[arg(long, value_name = "COLUMNS", help_heading = SHAPE, allow_negative_numbers = true)]
    pub max_new_columns: Option<String>,
    /// Decide how names of columns are written.
    #[arg(long, value_name = "NAMING", help_heading = SHAPE, value_enum, ignore_case = true, default_value = "auto")]
    pub schema_naming: Naming,
    /// Partition the table by this column, where the destination has partitions.
    #[arg(long, value_name = "COLUMN", help_heading = SHAPE)]
    pub partition_by: Option<String>,
    /// Cluster the table by these columns, with commas, where the destination has clusters.
    #[arg(long, value_name = "COLUMNS", help_heading = SHAPE, value_delimiter = ',')]
    pub cluster_by: Vec<String>,

    /// Decide what becomes of rows that are deleted at the source, or merged into others.
    #[arg(long, value_name = "HOW", help_heading = WRITE, value_enum, ignore_case = true, default_value = "soft")]
    pub deletes: Deletes,
    /// Read rows again for this long after their creation, as they change without a sign, e.g. 7d or 36h.
    ///
    /// Only for tables whose list cannot be sorted by changes: 3 days for ticket_messages and 30 days for
    /// satisfaction_surveys unless given.
    #[arg(long, value_name = "DURATION", help_heading = READ)]
    pub lookback: Option<String>,
    /// Re-scan a whole list once in this time, for changes without a sign, e.g. 7d or 12h; 0 is never.
    ///
    /// 1d unless given. Each run reads the part that has become due since the last one, 50 requests at most, or a quarter
    /// of its other requests; of a very long list, that may take longer.
    #[arg(long, value_name = "DURATION", help_heading = READ)]
    pub rescan: Option<String>,
    /// Read small tables, which are read whole, once in this time instead of in every run, e.g. 1h; 0 is every run.
    #[arg(long, value_name = "DURATION", help_heading = READ)]
    pub refresh_small: Option<String>,
    /// Leave new columns that are taken out of JSON empty in rows that are stored already.
    ///
    /// Otherwise the first run that knows of such a column fills it from the JSON beside it, with no request. In BigQuery that
    /// reads the JSON columns once and rewrites the rows: `ingestr plan` says how many bytes that may cost.
    #[arg(long, help_heading = WRITE)]
    pub no_backfill: bool,
    /// Keep values that did not fit for this long in _ingestr_rejects, e.g. 30d; 0 is for ever.
    ///
    /// 90d unless given. Older ones are removed by the last commit of a run.
    #[arg(long, value_name = "DURATION", help_heading = WRITE)]
    pub keep_rejects: Option<String>,
    /// Mark rows as deleted, however many are missing: a run that finds too many stops and asks for this.
    ///
    /// More than 100 rows and more than 5 % of a table that a re-scan did not meet, without an event that says they were
    /// deleted, may mean that the key sees less than before. Then none is marked, with exit code 4.
    #[arg(long, help_heading = READ)]
    pub confirm_deletions: bool,
    /// Use this part of the account's request budget and leave the rest to other programs, e.g. 70%.
    ///
    /// Of the burst and of the rate. The same as budget=70% in --source-uri, which it overrides. Without either, what
    /// others leave is used.
    #[arg(long, value_name = "PERCENT", help_heading = READ)]
    pub budget: Option<String>,
    /// Ask again for this long when the source stops answering, e.g. 15m or 2h; 0 for a few attempts only.
    ///
    /// 15m unless given. This is about connections that fail, answers that do not begin in time, and HTTP 502, 503 and 504,
    /// of an account that has answered before, in this run or in an earlier one. Whatever else fails is tried a few times.
    #[arg(long, value_name = "DURATION", help_heading = READ)]
    pub retry_for: Option<String>,
    /// Wait for others this long, e.g. --wait=30m; without a duration, as long as it takes.
    ///
    /// For another run that writes to the table, and for a program that holds the file of the destination. Unless given, a run
    /// is not waited for, and such a program 10 minutes. What was read is kept meanwhile.
    #[arg(long, value_name = "TIME", help_heading = RUN, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    pub wait: Option<String>,

    /// Commit after this many rows: what is committed is never read again after a failure.
    ///
    /// 50000 unless given; 500000 for BigQuery. 32 MiB of rows are committed in any case, or 512 MiB for BigQuery, of all
    /// tables together.
    #[arg(long, value_name = "ROWS", help_heading = LOAD)]
    pub flush_records: Option<String>,
    /// Commit after this time, e.g. 30s, 2m or 1m30s.
    ///
    /// 30s unless given; 2m for BigQuery, which takes a limited number of commits a day, and for DuckLake and files, where each makes one.
    #[arg(long, value_name = "DURATION", help_heading = LOAD)]
    pub flush_interval: Option<String>,
    /// Load through files of this format, where the destination is loaded through files.
    #[arg(long, value_name = "FORMAT", help_heading = LOAD, value_enum, ignore_case = true)]
    pub loader_file_format: Option<FileFormat>,
    /// Put this many rows into a load file, where the destination is loaded through files.
    #[arg(long, value_name = "ROWS", help_heading = LOAD)]
    pub loader_file_size: Option<String>,
    /// Keep load files in this bucket meanwhile, where the destination needs one.
    #[arg(long, value_name = "BUCKET", help_heading = LOAD)]
    pub staging_bucket: Option<String>,
    /// Keep staging tables in this dataset, where the destination needs them.
    #[arg(long, value_name = "DATASET", help_heading = LOAD)]
    pub staging_dataset: Option<String>,

    /// Show progress as a live line, as log lines, or as one JSON object a line.
    ///
    /// It goes to standard error; with json, the final object goes to standard output. Without a terminal, interactive
    /// is log.
    #[arg(long, value_name = "STYLE", help_heading = RUN, value_enum, ignore_case = true, default_value = "interactive")]
    pub progress: ProgressStyle,
    /// Say nothing when all goes well, and what went wrong in one block.
    ///
    /// A warning that the run before did not have is one line. With --progress json, only the final object is written.
    #[arg(long, help_heading = RUN)]
    pub quiet: bool,
    /// Write what the run did to this file, as Prometheus text; the file is replaced in one step.
    ///
    /// Of files that are there, only an empty one or that of an earlier run.
    #[arg(long, value_name = "FILE", help_heading = RUN)]
    pub metrics_file: Option<String>,
    /// Do not ask for confirmation. ingestr never asks; scripts that have this flag go on working.
    #[arg(long, help_heading = RUN)]
    pub yes: bool,
    /// Report requests and statements as they happen, without values of rows.
    #[arg(long, help_heading = RUN)]
    pub debug: bool,

    /// No effect: pages of Gorgias are always 100 rows.
    #[arg(long, value_name = "ROWS", help_heading = COMPAT)]
    pub page_size: Option<String>,
    /// No effect: reading is paced by the account's request budget.
    #[arg(long, value_name = "N", help_heading = COMPAT)]
    pub extract_parallelism: Option<String>,
    /// No effect: progress is kept in the destination, next to the data.
    #[arg(long, value_name = "DIR", help_heading = COMPAT)]
    pub pipelines_dir: Option<String>,

    /// Flags of ingestr that are known in order to be answered by name.
    #[command(flatten)]
    pub foreign: ForeignArgs,
    /// Long names of the flags that were typed, as opposed to found in the environment.
    #[arg(skip)]
    pub typed: std::collections::BTreeSet<String>,
}

const READ: &str = "What to read";
const WRITE: &str = "Where to, and how";
const SHAPE: &str = "Shape of the table";
const LOAD: &str = "Loading";
const RUN: &str = "While it runs";
const COMPAT: &str = "Accepted, without effect on Gorgias";

#[cfg(test)]
mod tests;
