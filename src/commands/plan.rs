//! `ingestr plan`: what `ingest` with the same flags would read, and how long that would take. Nothing is written.

use std::sync::Arc;

use tokio::time::Instant;

use super::heard::Heard;
use super::{World, decide};
use crate::cli::PlanArgs;
use crate::dest::{Destination, Remembered};
use crate::error::{Failure, Kind};
use crate::http::Listener;
use crate::plan::{Environment, Plan, Plans};
use crate::report::forecast::{self, Forecasts, Pace, TableForecast};
use crate::report::{Ended, Scope};
use crate::run::{foresee, of_source, whole};
use crate::source::{Basis, Forecast, ReadRequest, Source, Subject};

/// Prints the forecast, and returns the exit code of a run that would fail in the same way.
#[must_use]
pub fn plan(args: &PlanArgs, world: &World) -> u8 {
    let environment = Environment { now: world.now, terminal: world.terminal };
    let found = decide(&args.ingest, &environment).and_then(|ends| {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::new(Kind::Internal, format!("no runtime: {error}")))?;
        Ok(runtime.block_on(look_ahead(&ends.plans, &*ends.source, &*ends.dest)))
    });
    // A reader that went away is no failure.
    let told = |failure: &Failure| {
        if args.json {
            let _ = (world.out)().write_all(forecast::no_plan(failure).as_bytes());
        } else {
            let _ = writeln!((world.err)(), "{failure}");
        }
        failure.kind.exit_code()
    };
    let forecasts = match found {
        Ok(forecasts) => forecasts,
        Err(failure) => return told(&failure),
    };
    let ends: Vec<Ended> = forecasts
        .tables
        .iter()
        .map(|table| Ended {
            table: table.table.to_owned(),
            receipt: None,
            failure: table.forecast.as_ref().err().cloned(),
        })
        .collect();
    let failure = match ends.as_slice() {
        [one] => one.failure.clone(),
        several => whole(several),
    };
    // Nothing can be said, for one reason.
    if let Some(failure) = failure.as_ref().filter(|_| !args.json && same(&ends)) {
        return told(failure);
    }
    let text = if args.json { forecast::json(&forecasts) } else { forecast::text(&forecasts) };
    let _ = (world.out)().write_all(text.as_bytes());
    failure.map_or(0, |failure| failure.kind.exit_code())
}

/// Whether all failed with the same words.
fn same(ends: &[Ended]) -> bool {
    let headline = |end: &Ended| end.failure.as_ref().map(|failure| failure.headline.clone());
    ends.iter().all(|end| end.failure.is_some() && headline(end) == headline(&ends[0]))
}

async fn look_ahead(plans: &Plans, source: &dyn Source, dest: &dyn Destination) -> Forecasts {
    let mut requests: Vec<ReadRequest> = Vec::new();
    // For each table its scope, or why there is none.
    let mut scopes: Vec<Result<Scope, Failure>> = Vec::new();
    for plan in &plans.tables {
        match foresee(plan, source, dest).await {
            Ok(intent) => {
                requests.push(intent.request);
                scopes.push(Ok(intent.scope));
            }
            Err(failure) => scopes.push(Err(failure)),
        }
    }
    let heard = Arc::new(Heard::default());
    let listener: Arc<dyn Listener> = Arc::<Heard>::clone(&heard);
    let began = Instant::now();
    let mut answers = source.forecast(requests, listener).await.into_iter();
    let elapsed = began.elapsed();
    // What earlier runs did helps where it can be read; it is no reason to fail.
    let remembered = dest.remembered().await.unwrap_or_default();
    // What ended the answers is why there are no more of them.
    let mut last_failure = Failure::new(Kind::Internal, "a table has no forecast");
    let mut tables = Vec::new();
    for (plan, scope) in plans.tables.iter().zip(scopes) {
        let last = last_runs(&remembered, plan, source.account());
        let forecast = scope.and_then(|scope| match answers.next() {
            Some(Ok(forecast)) => Ok((scope, corrected(forecast, &last))),
            Some(Err(error)) => {
                last_failure = of_source(source, Subject::Table(plan.table), &error);
                Err(last_failure.clone())
            }
            None => Err(last_failure.clone()),
        });
        tables.push(TableForecast {
            table: plan.table.name,
            dest_table: format!("{}.{}", plan.schema, plan.dest_table),
            forecast,
            last,
            notes: plan.notes.clone(),
        });
    }
    Forecasts {
        tables,
        notes: plans.notes.clone(),
        pace: Pace::of(heard.budget(), source.allowance(), heard.sent(), elapsed),
        sent: heard.sent(),
    }
}

/// The most runs that a destination tells of a table ([`Remembered::runs`]).
const TOLD: usize = 5;

/// Requests of the last successful runs, newest first. The very first one is none to go by: it read everything.
fn last_runs(remembered: &[Remembered], plan: &Plan, account: &str) -> Vec<u64> {
    let own = remembered.iter().find(|one| {
        !one.aside
            && one.account == account
            && one.source_table == plan.table.name
            && one.schema.eq_ignore_ascii_case(&plan.schema)
            && one.table.eq_ignore_ascii_case(&plan.dest_table)
    });
    let runs = own.map(|one| one.runs.as_slice()).unwrap_or_default();
    let later = if runs.len() < TOLD { &runs[..runs.len().saturating_sub(1)] } else { runs };
    let good = later.iter().filter(|run| run.outcome == "success");
    good.filter_map(|run| u64::try_from(run.requests).ok()).collect()
}

/// How fast a list changes varies with the hour, so what runs usually need is a better guess than the last page, within
/// what is possible.
fn corrected(mut forecast: Forecast, last: &[u64]) -> Forecast {
    let mut usual = last.to_vec();
    usual.sort_unstable();
    if let (Basis::Changes, Some(median)) = (forecast.basis, usual.get(usual.len() / 2)) {
        let most = forecast.requests.most.unwrap_or(u64::MAX);
        forecast.requests.about = (*median).clamp(forecast.requests.least, most);
    }
    forecast
}
