//! `ingestr models`: the dbt package of `dbt/` as plain SQL, compiled by `make models` and filled in here.

use std::fmt::Write as _;

use super::copied::{self, name};
use super::state::open;
use super::zone;
use crate::cli::{Dialect, ModelsArgs, Optional};
use crate::error::Failure;
use crate::run::Waits;

/// What begins a statement in the compiled files; a model is what follows the name.
const CREATE: &str = "create or replace view ";

/// Where the file is held: it may be by the program that is to get what is printed, which a shell starts first.
const PIPED: &str = "close the program that holds it; if the SQL is for that program, write it to a file and not into a pipe: \
                     ingestr models … > models.sql && duckdb helpdesk.duckdb < models.sql";

/// A dialect's models, for one schema, zone and set of tables.
pub(super) struct Package {
    dialect: Dialect,
    /// The schema that was copied to, as it is written in SQL.
    schema: String,
    zone: String,
    copied: Vec<Optional>,
}

/// The statements to run.
pub(super) fn models(args: &ModelsArgs, waits: &Waits) -> Result<Vec<u8>, Failure> {
    let zone = zone::named(&args.tz)?;
    let (dialect, copied) = match &args.dest_uri {
        None => (args.dialect, args.with.clone()),
        Some(_) => found(args, waits)?,
    };
    let dialect = dialect.ok_or_else(|| {
        Failure::usage("--dialect is missing").hint(
            "look at the copy with --dest-uri (or set INGESTR_DESTINATION_URI), or use --dialect duckdb, bigquery or postgres",
        )
    })?;
    let package = Package::new(dialect, &quoted(dialect, &args.schema, "--schema")?, &zone, copied);
    Ok(package.views(&quoted(dialect, &args.target_schema, "--target-schema")?).into_bytes())
}

/// The dialect of the destination, and which of the optional tables were copied to it.
fn found(args: &ModelsArgs, waits: &Waits) -> Result<(Option<Dialect>, Vec<Optional>), Failure> {
    let (entry, dest) = open(args.dest_uri.as_ref())?;
    let own = dialect_of(entry.scheme);
    if own.is_none() && args.dialect.is_none() {
        return Err(Failure::usage(format!("there are no models for {}", entry.name))
            .hint("name another dialect with --dialect"));
    }
    let remembered = copied::there(waits, &*dest, &args.schema, Some(PIPED))?;
    let optional = copied::optional(&remembered, dest.schema(&args.schema));
    if let Some(own) = own {
        let schema = dest.schema_in_sql(&quoted(own, &args.schema, "--schema")?);
        copied::without_versions(waits, &*dest, own, (&args.schema, &schema), &optional)?;
    }
    Ok((args.dialect.or(own), optional))
}

/// The dialect of a destination, by the scheme of its URI.
pub(super) fn dialect_of(scheme: &str) -> Option<Dialect> {
    match scheme {
        "duckdb" | "ducklake" => Some(Dialect::Duckdb),
        "bigquery" => Some(Dialect::Bigquery),
        "postgres" | "postgresql" => Some(Dialect::Postgres),
        _ => None,
    }
}

/// A schema as a name in SQL; for `BigQuery` with its project, if it has one.
pub(super) fn quoted(dialect: Dialect, schema: &str, flag: &str) -> Result<String, Failure> {
    let refused =
        schema.trim().is_empty() || schema.contains(|c: char| c.is_control() || c == '`' || c == '\\');
    if refused {
        return Err(Failure::usage(format!("{flag}: that is not the name of a schema")));
    }
    Ok(match dialect {
        Dialect::Bigquery => format!("`{}`", schema.replace('.', "`.`")),
        Dialect::Duckdb | Dialect::Postgres => format!("\"{}\"", schema.replace('"', "\"\"")),
    })
}

impl Package {
    /// `schema` and `zone` are written into SQL as they are.
    pub(super) fn new(dialect: Dialect, schema: &str, zone: &str, copied: Vec<Optional>) -> Self {
        Self { dialect, schema: schema.to_owned(), zone: zone.to_owned(), copied }
    }

    /// All of it as views of a schema.
    fn views(&self, target: &str) -> String {
        let mut head = format!(
            "-- The models of ingestr as views: {} → {target}, days of {}.\n",
            self.schema, self.zone
        );
        let used: Vec<String> = self.copied.iter().map(|table| name(*table)).collect();
        let _ = match used.as_slice() {
            [] => writeln!(
                head,
                "-- They use the four tables that everybody copies; --with or --dest-uri tells of more."
            ),
            used => writeln!(head, "-- They use these tables, too: {}.", used.join(", ")),
        };
        head + &self.filled(&self.chosen(compiled(self.dialect))).replace(&self.placeholder("target"), target)
    }

    /// The report's question, as one statement over the copied tables: the models as common table expressions.
    pub(super) fn question(&self, days: u32, since: &str) -> String {
        let (open, close) = (format!("{CREATE}{}.", self.placeholder("target")), ";\n");
        let package = self.chosen(compiled(self.dialect));
        let models: Vec<String> = package
            .split(close)
            .filter_map(|statement| statement.split_once(&open).map(|(_, model)| model))
            .filter_map(|model| model.split_once(" as\n"))
            .map(|(name, select)| format!("{name} as (\n{select}\n)"))
            .collect();
        let report = report(self.dialect);
        let text = if self.dialect == Dialect::Bigquery { "string" } else { "varchar" };
        let numbers: String = (1..=9).map(|n| format!(", cast(n{n} as {text}) as n{n}")).collect();
        let models = models.join(",\n");
        let all =
            format!("with {models}\nselect part, row_key, row_name{numbers} from (\n{report}\n) as report");
        self.filled(&all)
            .replace(&format!("{}.", self.placeholder("target")), "")
            .replace("__days__", &days.to_string())
            .replace("__since__", since)
    }

    /// The text with the variants for the tables that were copied, and without the other ones.
    fn chosen(&self, text: &str) -> String {
        let (mut out, mut keep, mut has) = (String::with_capacity(text.len()), true, true);
        for line in text.lines() {
            match line.strip_prefix("-- ").map(|rest| rest.split_once(' ').unwrap_or((rest, ""))) {
                Some(("if", table)) => {
                    has = self.copied.iter().any(|one| name(*one) == table);
                    keep = has;
                }
                Some(("else", "")) => keep = !has,
                Some(("end", "")) => keep = true,
                _ if keep => out.extend([line, "\n"]),
                _ => {}
            }
        }
        out
    }

    fn filled(&self, text: &str) -> String {
        text.replace(&self.placeholder("schema"), &self.schema).replace("__time_zone__", &self.zone)
    }

    /// How a name that is to be filled in is written, with its quotes.
    fn placeholder(&self, name: &str) -> String {
        match self.dialect {
            Dialect::Bigquery => format!("`__{name}__`"),
            Dialect::Duckdb | Dialect::Postgres => format!("\"__{name}__\""),
        }
    }
}

fn compiled(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Duckdb => include_str!("../../dbt/plain/duckdb.sql"),
        Dialect::Bigquery => include_str!("../../dbt/plain/bigquery.sql"),
        Dialect::Postgres => include_str!("../../dbt/plain/postgres.sql"),
    }
}

fn report(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Duckdb => include_str!("../../dbt/plain/report/duckdb.sql"),
        Dialect::Bigquery => include_str!("../../dbt/plain/report/bigquery.sql"),
        Dialect::Postgres => include_str!("../../dbt/plain/report/postgres.sql"),
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum as _;

    use super::*;

    const DIALECTS: [Dialect; 3] = [Dialect::Duckdb, Dialect::Bigquery, Dialect::Postgres];

    fn package(dialect: Dialect, copied: Vec<Optional>) -> Package {
        let schema = quoted(dialect, "shop", "--schema").expect("a name");
        Package::new(dialect, &schema, "Europe/Paris", copied)
    }

    #[test]
    fn nothing_is_left_to_be_filled_in() {
        for dialect in DIALECTS {
            for copied in [Vec::new(), Optional::value_variants().to_vec()] {
                let package = package(dialect, copied);
                for text in [package.views("there"), package.question(90, "")] {
                    assert!(!text.contains("__schema__") && !text.contains("__target__"), "{dialect:?}");
                    assert!(!text.contains("__time_zone__") && !text.contains("__days__"), "{dialect:?}");
                    assert!(!text.lines().any(|line| line == "-- else" || line.starts_with("-- if ")));
                }
            }
        }
    }

    #[test]
    fn tables_are_used_that_were_copied_and_no_others() {
        for dialect in DIALECTS {
            let four = package(dialect, Vec::new()).views("there");
            let all = package(dialect, Optional::value_variants().to_vec()).views("there");
            for table in Optional::value_variants() {
                let source = quoted(dialect, "shop", "").expect("a name")
                    + "."
                    + &quoted(dialect, &name(*table), "").expect("a name");
                assert!(!four.contains(&source), "{source}");
                assert!(all.contains(&source), "{source}");
                assert!(package(dialect, vec![*table]).views("there").contains(&source), "{source}");
            }
            let count = |text: &str| text.matches(CREATE).count();
            assert_eq!(count(&four), count(&all));
        }
    }

    #[test]
    fn names_are_quoted() {
        let name = |dialect, schema| quoted(dialect, schema, "--schema").ok();
        assert_eq!(name(Dialect::Duckdb, "a\"b").as_deref(), Some("\"a\"\"b\""));
        assert_eq!(name(Dialect::Bigquery, "project-1.desk").as_deref(), Some("`project-1`.`desk`"));
        assert_eq!(name(Dialect::Bigquery, "a`b"), None);
        assert_eq!(name(Dialect::Postgres, " "), None);
    }
}
