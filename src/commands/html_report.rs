//! `ingestr report`: one page of HTML about what was copied, from the models' SQL. Nothing is written to the destination.

use std::fs;
use std::io::Write;

use super::models::{Package, dialect_of, quoted};
use super::state::{done, open};
use super::{copied, outputs, zone};
use crate::cli::ReportArgs;
use crate::dest::Query;
use crate::error::{Failure, Kind};
use crate::run::Waits;
use price::Limit;

mod charts;
mod data;
mod page;
mod price;
mod words;

/// Columns of the question's answer: its part, two texts, nine numbers.
const COLUMNS: usize = 12;
/// The longest period, in days.
const LONGEST: u32 = 36_525;

/// Makes the page, and prints it or where it went; to `err` what is to be known before.
pub(super) fn report(args: &ReportArgs, waits: &Waits, err: &mut dyn Write) -> Result<Vec<u8>, Failure> {
    let (days, since) = period(&args.since)?;
    let limit = Limit::read(args.max_bytes.as_deref())?;
    let zone = zone::named(&args.tz)?;
    if let Some(file) = &args.output {
        outputs::can_be_there("--output", file)?;
    }
    let (entry, dest) = open(args.dest_uri.as_ref())?;
    let dialect = dialect_of(entry.scheme).ok_or_else(|| {
        Failure::usage(format!("there is no report of {}", entry.name))
            .hint("copy to DuckDB, DuckLake, PostgreSQL or BigQuery as well, e.g. with --dest-uri duckdb:///gorgias.duckdb")
    })?;
    if let Some(file) = &args.output {
        outputs::not_of_the_copy("--output", file, &*dest)?;
        outputs::ours("--output", file, page::BEGINNING)?;
    }
    let schema = dest.schema_in_sql(&quoted(dialect, &args.schema, "--schema")?);
    let remembered = copied::there(waits, &*dest, &args.schema, None)?;
    let optional = copied::optional(&remembered, dest.schema(&args.schema));
    copied::without_versions(waits, &*dest, dialect, (&args.schema, &schema), &optional)?;
    let events = optional.contains(&crate::cli::Optional::Events);
    let question = Package::new(dialect, &schema, &zone, optional).question(days, &since);
    let mut query = Query { schema: &args.schema, sql: &question, columns: COLUMNS, most_bytes: None };
    // Of what is said beside the page: a reader that went away is no failure.
    if dest.capabilities().paid_by_byte {
        let told = done(waits, async || dest.bytes(&query).await)?;
        let _ = writeln!(err, "{}", limit.check(told, &dest.describe())?);
        query.most_bytes = Some(limit.0);
    } else if args.max_bytes.is_some() {
        let _ = writeln!(err, "note: --max-bytes has no effect: {} is not paid by the byte", entry.name);
    }
    let rows = done(waits, async || dest.select(&query).await)?;
    let copied = remembered.iter().find(|one| one.is_in(dest.schema(&args.schema), "tickets"));
    let fresh = copied.and_then(|one| one.runs.iter().find(|run| run.outcome == "success")?.ended_at);
    let about = page::About {
        account: copied.map(|one| one.account.clone()).unwrap_or_default(),
        place: format!("{}, schema {}", dest.describe(), args.schema),
        zone,
        fresh: fresh
            .and_then(|at| jiff::Timestamp::from_microsecond(at.0).ok())
            .map(|at| at.strftime("%Y-%m-%d %H:%M UTC").to_string()),
        events,
    };
    let page = page::page(&data::Data::from_rows(&rows, args.anonymous), &about);
    let Some(path) = &args.output else { return Ok(page.into_bytes()) };
    fs::write(path, &page).map_err(|error| {
        Failure::new(Kind::Internal, format!("the page cannot be written to {}", path.display()))
            .caused_by(&error)
            .hint("see whether the place is full that it goes to, and who may write there")
    })?;
    Ok(format!("wrote {}: {} bytes\n", path.display(), page.len()).into_bytes())
}

/// How many days the period has, or else its first day.
fn period(typed: &str) -> Result<(u32, String), Failure> {
    let wrong = || {
        Failure::usage(format!("--since: `{typed}` is no period"))
            .hint("type 90d, 12w, or a day such as 2026-01-31")
    };
    let typed = typed.trim();
    if typed.parse::<jiff::civil::Date>().is_ok() && typed.len() == 10 {
        return Ok((1, typed.to_owned()));
    }
    let (number, scale) = match typed.strip_suffix('d') {
        Some(number) => (number, 1),
        None => (typed.strip_suffix('w').ok_or_else(wrong)?, 7),
    };
    let days = number.parse::<u32>().ok().and_then(|number| number.checked_mul(scale)).ok_or_else(wrong)?;
    if (1..=LONGEST).contains(&days) { Ok((days, String::new())) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_are_days_weeks_or_a_first_day() {
        let read = |typed| period(typed).map_err(|failure| failure.headline);
        assert_eq!(read("90d"), Ok((90, String::new())));
        assert_eq!(read("12w"), Ok((84, String::new())));
        assert_eq!(read("2026-01-31"), Ok((1, "2026-01-31".into())));
        for wrong in ["", "0d", "d", "-1d", "90", "99999999w", "2026-02-31", "2026-1-1", "90d'; --"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
