//! `ingestr check`: whether both ends are there, and what may be done with them. Nothing is written.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::long_waits::{meter, waits};
use super::{World, print};
use crate::cli::CheckArgs;
use crate::dest::{self, Destination, Target};
use crate::error::Failure;
use crate::http::Observer;
use crate::http::surroundings::Surroundings;
use crate::model::{Column, LogicalType, Remembered, Strategy};
use crate::report::check::{self, Check, Status};
use crate::run::{Meter, of_destination, of_source};
use crate::source::{self, Source, Subject};
use crate::words::count;

/// Checks what is given, prints what was found, and returns the exit code: that of `ingest` for the first thing that
/// would stop it.
#[must_use]
pub fn check(args: &CheckArgs, world: &World) -> u8 {
    let checks =
        match open(args, world).and_then(|(source, dest)| run(source.as_deref(), dest.as_deref(), world)) {
            Ok(checks) => checks,
            Err(failure) if args.json => vec![Check::failed("command", failure)],
            Err(failure) => {
                let _ = writeln!((world.err)(), "{failure}");
                return failure.kind.exit_code();
            }
        };
    let text = if args.json { check::json(&checks) } else { check::text(&checks) };
    print(text.as_bytes(), checks.iter().find_map(Check::exit_code).unwrap_or(0), world)
}

type Endpoints = (Option<Box<dyn Source>>, Option<Box<dyn Destination>>);

fn open(args: &CheckArgs, world: &World) -> Result<Endpoints, Failure> {
    let (from, to) = (&args.source_uri, &args.dest_uri);
    if from.is_none() && to.is_none() {
        return Err(Failure::usage("there is nothing to check: --source-uri and --dest-uri are missing")
            .hint(
                "type one of them or both, or set INGESTR_SOURCE_URI and INGESTR_DESTINATION_URI in the environment",
            ));
    }
    let around = Surroundings::read(&world.env);
    let source =
        from.as_ref().map(|uri| source::entry(uri.expose())?.open(uri.expose(), &around)).transpose()?;
    let dest = to.as_ref().map(|uri| dest::entry(uri.expose())?.open(uri.expose())).transpose()?;
    Ok((source, dest))
}

fn run(
    source: Option<&dyn Source>,
    dest: Option<&dyn Destination>,
    world: &World,
) -> Result<Vec<Check>, Failure> {
    let runtime = super::runtime()?;
    Ok(runtime.block_on(async {
        let mut checks = Vec::new();
        if let Some(source) = source {
            checks.extend(of_the_source(source, world).await);
        }
        if let Some(dest) = dest {
            checks.extend(of_the_destination(dest, source.map(Source::account), world).await);
        }
        checks
    }))
}

pub(super) async fn of_the_source(source: &dyn Source, world: &World) -> Vec<Check> {
    let meter = meter(world.err, world.now);
    let observer: Arc<dyn Observer> = Arc::<Meter>::clone(&meter);
    let mut checks = Vec::new();
    let mut reached = false;
    let findings = source.probe(observer).await;
    let cut_short = findings.len() == 1;
    for finding in findings {
        let name = finding.subject.name();
        reached |= finding.result.is_ok();
        checks.push(match finding.result {
            Ok(found) => Check::ok(name, found),
            Err(error) => {
                let mut failure = of_source(source, finding.subject, &error);
                if matches!(finding.subject, Subject::Events) {
                    failure.headline.push_str(": deletions and merges will not be seen");
                }
                if finding.subject.can_be_missing() && !cut_short {
                    Check::warned(name, failure)
                } else {
                    Check::failed(name, failure)
                }
            }
        });
    }
    if reached {
        checks.push(match meter.budget() {
            Some((used, capacity)) => Check::ok(
                "budget",
                format!("{}, {used} of them in use after this check", count(capacity.into(), "request")),
            ),
            None => Check {
                name: "budget",
                status: Status::Warn,
                found: "the answers do not say what is left of it: 40 requests in 20 s are kept to".into(),
                failure: None,
            },
        });
    }
    checks
}

/// Looks at a table that is not there: whether its place can be written is what a run finds out first, too. And says whose
/// the tables are, where it matters: a run refuses those of others.
pub(super) async fn of_the_destination(
    dest: &dyn Destination,
    account: Option<&str>,
    world: &World,
) -> Vec<Check> {
    let schema = dest.default_schema().unwrap_or("ingestr_check");
    let target = Target {
        key: vec!["id".into()],
        columns: vec![Column::new("id", LogicalType::Int64)],
        strategy: Strategy::Merge,
        fresh: true,
        ..Target::named("check", "check", schema, "ingestr_check")
    };
    let look = async || {
        dest.inspect(&target).await?;
        dest.check().await?;
        dest.remembered().await
    };
    match waits(world.err).patiently(look).await {
        Ok(remembered) => {
            let tables = remembered.iter().filter(|one| !one.aside).count();
            let kept = match tables {
                0 => "nothing was copied to it yet".to_owned(),
                tables => format!("{} copied to it", count(tables as u64, "table")),
            };
            let whose = whose(&remembered, account);
            let found = format!("{} can be written; {kept}{whose}", dest.describe());
            let mut checks = vec![Check::ok("destination", found)];
            checks.extend(account.and_then(|account| none_of(&remembered, account)));
            let schemas: BTreeSet<&str> = remembered.iter().map(|one| one.schema.as_str()).collect();
            let remarks = schemas.into_iter().filter_map(|schema| dest.remark(schema));
            checks.extend(remarks.map(|remark| Check::warned("schema", Failure::usage(remark))));
            checks
        }
        Err(unmet) => vec![Check::failed("destination", of_destination(&unmet.error))],
    }
}

/// How many tables are whose, unless all of them are the account's, or those of one account if none is known.
fn whose(remembered: &[Remembered], account: Option<&str>) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for one in remembered.iter().filter(|one| !one.aside) {
        *counts.entry(&one.account).or_default() += 1;
    }
    match account {
        Some(account) if counts.keys().all(|other| *other == account) => return String::new(),
        None if counts.len() < 2 => return String::new(),
        _ => {}
    }
    let parts: Vec<String> =
        counts.iter().map(|(name, tables)| format!("{tables} of account {name}")).collect();
    format!(" ({})", parts.join(", "))
}

/// A hint that the tables may be the account's, under the name it had.
fn none_of(remembered: &[Remembered], account: &str) -> Option<Check> {
    let other = &remembered.first()?.account;
    if remembered.iter().any(|one| one.account == account) {
        return None;
    }
    let headline = format!("no table there is of account {account}; runs refuse those of others");
    Some(Check::warned(
        "tables",
        Failure::usage(headline).hint(format!(
            "copy account {account} into tables of its own, with --dest-table; or, if {other} was renamed to {account}: \
             ingestr state move --from {other} --to {account}"
        )),
    ))
}
