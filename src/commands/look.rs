//! What to do with a first copy: a page about it, and a question in SQL, as commands that can be typed as they stand.

use crate::cli::IngestArgs;
use crate::plan::{Plan, Plans};
use crate::report::{Ended, Outcome};

/// Tables without which there is no page.
pub(super) const REPORTED: [&str; 4] = ["tickets", "ticket_messages", "satisfaction_surveys", "customers"];

/// What of the command line shows in the commands. Credentials do not: only the names of files are kept.
#[derive(Debug)]
pub(super) struct Typed {
    scheme: &'static str,
    /// The file that is written to.
    file: Option<String>,
    /// Whether the destination has to be typed, as the environment does not name it.
    named: bool,
}

impl Typed {
    pub(super) fn new(scheme: &'static str, uri: &str, args: &IngestArgs) -> Self {
        let path = uri.split_once(":///").map(|(_, path)| path.split('?').next().unwrap_or_default());
        let plain =
            |path: &&str| !path.is_empty() && path.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
        let file = matches!(scheme, "duckdb" | "sqlite").then_some(path).flatten().filter(plain);
        Self { scheme, file: file.map(ToOwned::to_owned), named: args.typed.contains("dest-uri") }
    }

    /// The name of the file, without its folder and its end.
    fn stem(&self) -> Option<&str> {
        std::path::Path::new(self.file.as_deref()?).file_stem()?.to_str()
    }
}

/// Lines for the end of the receipt, if this was the first load of a table; none where the commands would not run as they stand.
pub(super) fn after(ends: &[Ended], plans: &Plans, typed: &Typed) -> Vec<String> {
    let copied = |plan: &&Plan| {
        let receipt =
            ends.iter().find(|end| end.table == plan.table.name).and_then(|end| end.receipt.as_ref());
        receipt.is_some_and(|done| done.first && done.outcome == Outcome::Success && done.read > 0)
    };
    let first: Vec<&Plan> = plans.tables.iter().filter(copied).collect();
    let Some(shown) = first.iter().find(|plan| plan.table.name == "tickets").or(first.first()) else {
        return Vec::new();
    };
    let has = |table: &str| {
        plans
            .tables
            .iter()
            .any(|plan| plan.dest_table == table && plan.table.name == table && plan.schema == shown.schema)
    };
    let plain = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    let mut lines = Vec::new();
    if !plain(&shown.schema) || !plain(&shown.dest_table) {
        return lines;
    }
    if typed.scheme == "duckdb"
        && REPORTED.iter().all(|table| has(table))
        && let Some(file) = &typed.file
    {
        let uri = if typed.named { format!(" --dest-uri duckdb:///{file}") } else { String::new() };
        let schema =
            if shown.schema == "gorgias" { String::new() } else { format!(" --schema {}", shown.schema) };
        lines.push(format!("look at it:  ingestr report{uri}{schema} --output report.html"));
    }
    let from = match (typed.scheme, shown.schema.as_str()) {
        ("sqlite", "main") => shown.dest_table.clone(),
        // It has no schemas.
        ("sqlite", schema) => format!("\"{schema}.{}\"", shown.dest_table),
        // A schema with the name of the file is taken for the file.
        ("duckdb", schema) if typed.stem() == Some(schema) => {
            format!("{schema}.{schema}.{}", shown.dest_table)
        }
        (_, schema) => format!("{schema}.{}", shown.dest_table),
    };
    let sql = match shown.table.name {
        "tickets" => format!("SELECT channel, count(*) FROM {from} GROUP BY channel"),
        _ => format!("SELECT count(*) FROM {from}"),
    };
    lines.extend(ask(typed.scheme, typed.file.as_deref(), &sql).map(|line| format!("ask it:      {line}")));
    lines
}

/// The command that asks a destination in SQL, which has no quotation mark in it; a file is a word of a shell.
pub(super) fn ask(scheme: &str, file: Option<&str>, sql: &str) -> Option<String> {
    match (scheme, file) {
        ("duckdb", Some(file)) => Some(format!("duckdb {file} '{sql}'")),
        ("sqlite", Some(file)) => Some(format!("sqlite3 {file} '{sql}'")),
        ("bigquery", _) => Some(format!("bq query --use_legacy_sql=false '{sql}'")),
        _ => None,
    }
}
