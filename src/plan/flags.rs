//! Flags that stand alone: required ones, numbers and durations, those that belong to other sources or destinations.
//!
//! Two tables say what becomes of a flag that means nothing here: refused if leaving it out could change the rows,
//! noted otherwise, and noted only if it was typed: an environment is often shared by many commands.

use std::time::Duration;

use super::Shaping;
use super::endpoints::Endpoints;
use crate::cli::{IngestArgs, env_names, switch};
use crate::dest::FlushDefaults;
use crate::error::Failure;
use crate::http::limit::{NoShare, Share};
use crate::model::Strategy;
use crate::source::{Changes, Resource};

/// When a commit is made: whichever comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flush {
    /// Rows staged; at least 1.
    pub rows: u64,
    /// Bytes staged by all tables of the command; at least 1.
    pub bytes: u64,
    /// Time since the last commit; more than zero.
    pub interval: Duration,
    /// Time between two commits on average, at least, after the first [`crate::dest::FlushDefaults::AT_ONCE`]; more than
    /// zero. Bytes come first.
    pub pace: Option<Duration>,
}

/// How long a run waits for others, each time; `None`: as long as it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// For a program that holds the file of the destination.
    pub program: Option<Duration>,
    /// For another run that writes to the table.
    pub run: Option<Duration>,
}

/// The failure for flags that must be given: those that are `missing`, and those that are `empty`.
#[must_use]
pub fn missing(missing: &[&str], empty: &[&str]) -> Failure {
    let told = |flags: &[&str], what: &str| {
        let names: Vec<String> = flags.iter().map(|flag| format!("--{flag}")).collect();
        let verb = if names.len() == 1 { "is" } else { "are" };
        (!names.is_empty()).then(|| format!("{} {verb} {what}", names.join(", ")))
    };
    let headline: Vec<String> =
        [told(missing, "missing"), told(empty, "empty")].into_iter().flatten().collect();
    let way = |flag: &&str| {
        let example = match *flag {
            "source-uri" => "'gorgias://mycompany?api_key=<key>&email=<email>'",
            "source-table" => "tickets",
            _ => "duckdb:///gorgias.duckdb",
        };
        format!("--{flag} {example} (or set {})", env_names(flag).join(" or "))
    };
    let ways: Vec<String> = missing.iter().chain(empty).map(way).collect();
    let hint = format!("type {}", ways.join(", "));
    Failure::usage(headline.join(", ")).hint(match empty {
        [] => hint,
        [_] => format!("is the variable set? Otherwise {hint}"),
        _ => format!("are the variables set? Otherwise {hint}"),
    })
}

/// Refuses flags whose absence would change what is copied, and URIs in the wrong place: no later message may show
/// them.
pub(super) fn refuse(args: &IngestArgs) -> Result<(), Failure> {
    let foreign = &args.foreign;
    let uri = |text: &Option<String>| text.as_ref().is_some_and(|text| text.contains("://"));
    let source_table = args.source_table.iter().any(|tables| tables.contains("://"));
    for (flag, given) in [("source", source_table), ("dest", uri(&args.dest_table))] {
        if given {
            return Err(Failure::usage(format!("--{flag}-table takes the name of a table, not a URI"))
                .hint(format!("the URI belongs to --{flag}-uri")));
        }
    }
    let elsewhere = [
        ("interval-start", uri(&args.interval_start)),
        ("interval-end", uri(&args.interval_end)),
        ("incremental-strategy", uri(&args.incremental_strategy)),
        ("incremental-key", uri(&args.incremental_key)),
        ("primary-key", args.primary_key.iter().any(|name| name.contains("://"))),
        ("columns", args.columns.iter().any(|columns| columns.contains("://"))),
        ("sql-exclude-columns", args.sql_exclude_columns.iter().any(|name| name.contains("://"))),
        ("partition-by", uri(&args.partition_by)),
        ("cluster-by", args.cluster_by.iter().any(|name| name.contains("://"))),
        ("max-new-columns", uri(&args.max_new_columns)),
        ("flush-records", uri(&args.flush_records)),
        ("flush-interval", uri(&args.flush_interval)),
        ("loader-file-size", uri(&args.loader_file_size)),
        ("retry-for", uri(&args.retry_for)),
        ("wait", uri(&args.wait)),
        ("metrics-file", uri(&args.metrics_file)),
    ];
    if let Some((flag, _)) = elsewhere.into_iter().find(|(_, given)| *given) {
        return Err(Failure::usage(format!("--{flag} takes no URI"))
            .hint("URIs belong to --source-uri and --dest-uri"));
    }
    let refused = [
        (
            !foreign.mask.is_empty(),
            "--mask is not available yet: values inside JSON columns would stay as they are",
            "leave personal columns out with --sql-exclude-columns, or mask in SQL after the copy",
        ),
        (
            foreign.incremental_predicate.is_some(),
            "--incremental-predicate is not supported: rows outside the condition would be written twice",
            "leave it out; rows are merged by key alone",
        ),
        (
            foreign.yield_limit.is_some(),
            "--yield-limit is not supported",
            "type --sql-limit with a number of rows instead; a page has 100",
        ),
        (
            foreign.stream,
            "--stream is not supported: Gorgias sends no stream of changes",
            "run the command again and again, e.g. from cron; each run copies what changed",
        ),
        (
            foreign.no_inference && args.columns.iter().all(|columns| columns.trim().is_empty()),
            "--no-inference needs --columns",
            "leave it out: the columns of Gorgias tables are declared, see `ingestr tables`",
        ),
    ];
    match refused.into_iter().find(|(given, ..)| *given) {
        Some((_, headline, hint)) => Err(Failure::usage(headline).hint(hint)),
        None => Ok(()),
    }
}

/// Notes flags that were typed and change nothing.
pub(super) fn note_without_effect(args: &IngestArgs, ends: &Endpoints<'_>, notes: &mut Vec<String>) {
    let source = ends.source;
    let reasons = [
        ("page-size", format!("{source} pages are always 100 rows")),
        ("extract-parallelism", format!("reading is paced by the request budget of the {source} account")),
        ("pipelines-dir", "progress is kept in the destination, next to the data".to_owned()),
        ("extract-partition-by", "it is for SQL sources".to_owned()),
        ("extract-partition-interval", "it is for SQL sources".to_owned()),
        ("sql-backend", "it is for SQL sources".to_owned()),
        ("sql-reflection-level", "it is for SQL sources".to_owned()),
        (
            "no-inference",
            format!(
                "{source} tables have declared columns; to keep other fields out type --schema-contract discard_value"
            ),
        ),
        ("disable-prestaging", "rows are committed while they are read".to_owned()),
        ("metrics-addr", "there is no metrics server; use --metrics-file or --progress json".to_owned()),
        ("query-annotations", format!("statements for {} carry none", ends.destination)),
    ];
    for (flag, reason) in reasons {
        note(args, flag, &reason, notes);
    }
    if !ends.capabilities.corrections {
        for flag in ["deletes", "confirm-deletions"] {
            note(args, flag, &as_read(ends), notes);
        }
    }
}

/// Where nothing is corrected.
fn as_read(ends: &Endpoints<'_>) -> String {
    format!(
        "{} hold rows as they were read; what is gone since then is not in them once the table is replaced again",
        ends.destination
    )
}

pub(super) fn note(args: &IngestArgs, flag: &str, reason: &str, notes: &mut Vec<String>) {
    if args.typed.contains(flag) {
        notes.push(format!("--{flag} has no effect: {reason}"));
    }
}

/// `--sql-limit`; 0 is none, as in ingestr.
pub(super) fn limit(args: &IngestArgs) -> Result<Option<u64>, Failure> {
    let Some(typed) = args.sql_limit else { return Ok(None) };
    let limit = u64::try_from(typed).map_err(|_| {
        Failure::usage(format!("--sql-limit: {typed} is less than no rows"))
            .hint("type a number of rows, or leave --sql-limit out to copy all")
    })?;
    Ok((limit > 0).then_some(limit))
}

/// When to commit: as suits the destination, unless told otherwise.
pub(super) fn flush(
    args: &IngestArgs,
    ends: &Endpoints<'_>,
    notes: &mut Vec<String>,
) -> Result<Flush, Failure> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let defaults = ends.capabilities.flush;
    let rows = match given(&args.flush_records) {
        None => defaults.rows,
        Some(typed) => positive("--flush-records", typed.trim())?,
    };
    let interval = match given(&args.flush_interval) {
        None => defaults.interval,
        Some(typed) => {
            let typed = typed.trim();
            duration(typed).filter(|interval| !interval.is_zero()).ok_or_else(|| {
                Failure::usage(format!("--flush-interval: `{typed}` is not a duration"))
                    .hint("write a number and a unit (ms, s, m, h), e.g. 30s, 2m or 1m30s")
            })?
        }
    };
    if let Some(shortest) = defaults.shortest.filter(|shortest| interval < *shortest) {
        notes.push(format!(
            "--flush-interval {}: after {} commits, a run makes one every {} s at most, as {} limits how often a table \
             changes in a day",
            given(&args.flush_interval).unwrap_or_default().trim(),
            FlushDefaults::AT_ONCE,
            shortest.as_secs(),
            ends.destination
        ));
    }
    Ok(Flush { rows, bytes: defaults.bytes, interval, pace: defaults.shortest })
}

/// `--budget`.
pub(super) fn budget(args: &IngestArgs) -> Result<Option<Share>, Failure> {
    let typed = args.budget.as_deref().map(str::trim).filter(|typed| !typed.is_empty());
    typed.map(str::parse).transpose().map_err(|error: NoShare| Failure::usage(format!("--budget: {error}")))
}

/// A duration, or 0. `zero` says what that means, after examples.
fn duration_or_zero(flag: &str, typed: Option<&str>, zero: &str) -> Result<Option<Duration>, Failure> {
    let Some(typed) = typed.map(str::trim).filter(|typed| !typed.is_empty()) else { return Ok(None) };
    if typed == "0" {
        return Ok(Some(Duration::ZERO));
    }
    let failure = || {
        Failure::usage(format!("--{flag}: `{typed}` is not a duration"))
            .hint(format!("write a number and a unit (s, m, h, d), e.g. {zero}"))
    };
    duration(typed).map(Some).ok_or_else(failure)
}

/// For how long a source is asked that has stopped answering, unless told otherwise.
const RETRY_FOR: Duration = Duration::from_secs(15 * 60);

/// `--retry-for`; zero is not to wait for it.
pub(super) fn retry_for(args: &IngestArgs) -> Result<Duration, Failure> {
    let zero = "15m or 2h, or 0 for a few attempts only";
    Ok(duration_or_zero("retry-for", args.retry_for.as_deref(), zero)?.unwrap_or(RETRY_FOR))
}

/// `--refresh-small`; zero, as without it, is in every run.
pub(super) fn refresh_small(args: &IngestArgs) -> Result<Duration, Failure> {
    let zero = "1h or 1d, at most 366d, or 0 for every run";
    Ok(duration_or_zero("refresh-small", args.refresh_small.as_deref(), zero)?.unwrap_or_default())
}

/// How long a program is waited for that holds the file, unless told otherwise.
const PROGRAM: Duration = Duration::from_secs(10 * 60);

/// `--wait`: without a duration as long as it takes, and as a truth value as other switches.
pub(super) fn patience(args: &IngestArgs) -> Result<Patience, Failure> {
    let both = |time| Ok(Patience { program: time, run: time });
    let Some(typed) = args.wait.as_deref().map(str::trim).filter(|typed| !typed.is_empty()) else {
        return Ok(Patience { program: Some(PROGRAM), run: Some(Duration::ZERO) });
    };
    match switch(typed.as_ref()) {
        Some(true) => both(None),
        Some(false) => Ok(Patience { program: Some(PROGRAM), run: Some(Duration::ZERO) }),
        None => both(Some(duration(typed).ok_or_else(|| {
            Failure::usage(format!("--wait: `{typed}` is not a duration"))
                .hint("write a number and a unit (s, m, h, d), e.g. --wait=30m, or --wait alone to wait as long as it takes")
        })?)),
    }
}

/// `--lookback`; zero means not to look back.
pub(super) fn lookback(
    args: &IngestArgs,
    table: &Resource,
    notes: &mut Vec<String>,
) -> Result<Option<Duration>, Failure> {
    let zero = "7d or 36h, at most 366d, or 0 for not to look back";
    let Some(lookback) = duration_or_zero("lookback", args.lookback.as_deref(), zero)? else {
        return Ok(None);
    };
    let why = match table.changes {
        Changes::Recent { .. } => return Ok(Some(lookback)),
        Changes::ByUpdate => format!("the list of {} shows every change", table.name),
        Changes::Full => format!("every run reads all of {}", table.name),
        Changes::WithParent => format!("{} is read with the rows it is in", table.name),
    };
    notes.push(format!("--lookback has no effect: {why}"));
    Ok(None)
}

/// How often a list is re-scanned unless told otherwise.
const RESCAN: Duration = Duration::from_secs(86_400);

/// `--rescan`; zero is never.
pub(super) fn rescan(
    args: &IngestArgs,
    table: &Resource,
    (strategy, ends): (Strategy, &Endpoints<'_>),
    notes: &mut Vec<String>,
) -> Result<Option<Duration>, Failure> {
    let zero = "7d or 12h, at most 366d, or 0 for never";
    let period = duration_or_zero("rescan", args.rescan.as_deref(), zero)?.unwrap_or(RESCAN);
    // It is stored in seconds.
    if !period.is_zero() && period < Duration::from_secs(1) {
        return Err(Failure::usage("--rescan: a re-scan more often than once a second is not possible")
            .hint(format!("write a number and a unit (s, m, h, d), e.g. {zero}")));
    }
    let period = Some(period).filter(|period| !period.is_zero());
    let why = match strategy {
        Strategy::Append | Strategy::DeleteInsert => {
            Some(format!("with {} nothing is looked for beside the list", strategy.name()))
        }
        _ if !ends.capabilities.corrections => Some(as_read(ends)),
        _ => None,
    };
    if let Some(why) = why {
        note(args, "rescan", &why, notes);
        return Ok(None);
    }
    if table.changes != Changes::Full && table.sortable() && table.rescanned().is_none() {
        // Rows that every run reads again are compared with the stored ones once in that time, as those of small tables are.
        note(args, "rescan", &format!("the list of {} is never re-scanned", table.name), notes);
    }
    Ok(period)
}

/// How long values are kept that did not fit, unless told otherwise.
const KEEP_REJECTS: Duration = Duration::from_secs(90 * 86_400);

/// `--keep-rejects`; zero is for ever.
pub(super) fn keep_rejects(args: &IngestArgs) -> Result<Option<Duration>, Failure> {
    let zero = "30d, at most 366d, or 0 for ever";
    let time = duration_or_zero("keep-rejects", args.keep_rejects.as_deref(), zero)?.unwrap_or(KEEP_REJECTS);
    Ok(Some(time).filter(|time| !time.is_zero()))
}

/// `--max-new-columns`.
pub(super) fn new_columns(args: &IngestArgs) -> Result<usize, Failure> {
    match args.max_new_columns.as_deref().map(str::trim).filter(|typed| !typed.is_empty()) {
        None => Ok(Shaping::NEW_COLUMNS),
        Some(typed) => typed.parse().map_err(|_| {
            Failure::usage(format!("--max-new-columns: `{typed}` is not a number of columns")).hint(
                "type a whole number, or 0 for none: new fields all go to the column _ingestr_extra then",
            )
        }),
    }
}

pub(super) fn positive(flag: &str, typed: &str) -> Result<u64, Failure> {
    typed.parse().ok().filter(|number| *number > 0).ok_or_else(|| {
        Failure::usage(format!("{flag}: `{typed}` is not a number of rows"))
            .hint("type a whole number from 1 up")
    })
}

/// A duration as Go writes them, with days beside: numbers, with a fraction if you like, each with a unit; at most a
/// year.
fn duration(typed: &str) -> Option<Duration> {
    let mut total = 0.0_f64;
    let mut rest = typed;
    while !rest.is_empty() {
        let number = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let unit =
            rest[number..].find(|c: char| c.is_ascii_digit()).map_or(rest.len(), |length| number + length);
        let seconds = match &rest[number..unit] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return None,
        };
        total += rest[..number].parse::<f64>().ok()? * seconds;
        rest = &rest[unit..];
    }
    if total > 366.0 * 86_400.0 { None } else { Duration::try_from_secs_f64(total).ok() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_go_writes_them() {
        for (typed, millis) in [
            ("30s", Some(30_000)),
            ("1m30s", Some(90_000)),
            ("1.5h", Some(5_400_000)),
            ("500ms", Some(500)),
            ("30", None),
            ("s", None),
            ("-30s", None),
            ("30 s", None),
            ("1..5s", None),
            ("1d", Some(86_400_000)),
            ("7d12h", Some(648_000_000)),
            ("1w", None),
            ("367d", None),
            ("99999999999999999h", None),
        ] {
            assert_eq!(duration(typed), millis.map(Duration::from_millis), "{typed}");
        }
    }
}
