//! `ingestr plan`: what `ingest` with the same flags would read, and how long that would take. Nothing is written.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::long_waits::{meter, waits};
use super::{Prepared, World, decide, print};
use crate::cli::PlanArgs;
use crate::error::{Failure, Kind};
use crate::http::Observer;
use crate::model::{RUNS_TOLD, Remembered, RunLine};
use crate::plan::{Plan, Refused};
use crate::report::forecast::{self, Forecasts, Pace, TableForecast};
use crate::report::rescan::between;
use crate::report::{Ended, Scope};
use crate::run::{Meter, of_source, outcome, preview};
use crate::source::{self, Basis, Forecast, Guess, ReadRequest, Rescan, Subject};

/// Prints the forecast, and returns the exit code of a run that would fail in the same way.
#[must_use]
pub fn plan(args: &PlanArgs, world: &World) -> u8 {
    let found = decide(&args.ingest, world).and_then(|ends| {
        let runtime = super::runtime()?;
        Ok(runtime.block_on(look_ahead(&ends, world)))
    });
    let told = |failure: &Failure| {
        let code = failure.kind.exit_code();
        if args.json {
            return print(forecast::no_plan(failure).as_bytes(), code, world);
        }
        let _ = writeln!((world.err)(), "{failure}");
        code
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
        several => outcome(several),
    };
    // Nothing can be said, for one reason.
    if let Some(failure) = failure.as_ref().filter(|_| !args.json && same(&ends)) {
        return told(failure);
    }
    let text = if args.json { forecast::json(&forecasts) } else { forecast::text(&forecasts) };
    print(text.as_bytes(), failure.map_or(0, |failure| failure.kind.exit_code()), world)
}

/// Whether all failed with the same words.
fn same(ends: &[Ended]) -> bool {
    let headline = |end: &Ended| end.failure.as_ref().map(|failure| failure.headline.clone());
    ends.iter().all(|end| end.failure.is_some() && headline(end) == headline(&ends[0]))
}

async fn look_ahead(ends: &Prepared, world: &World) -> Forecasts {
    let (plans, source, dest) = (&ends.plans, &*ends.source, &*ends.dest);
    let mut requests: Vec<ReadRequest> = Vec::new();
    // For each table its scope, or why there is none.
    let mut scopes: Vec<Result<Scope, Failure>> = Vec::new();
    let mut warnings: Vec<Vec<String>> = Vec::new();
    // What is said of the destination as a whole is said once.
    let mut said = std::collections::HashSet::new();
    let waits = waits(world.err);
    for plan in &plans.tables {
        match preview(plan, source, dest, &waits).await {
            Ok(intent) => {
                requests.push(intent.request);
                scopes.push(Ok(intent.scope));
                warnings.push(intent.notes.into_iter().filter(|note| said.insert(note.clone())).collect());
            }
            Err(failure) => {
                scopes.push(Err(failure));
                warnings.push(Vec::new());
            }
        }
    }
    let meter = meter(world.err, world.now);
    let observer: Arc<dyn Observer> = Arc::<Meter>::clone(&meter);
    let began = Instant::now();
    let mut answers = source.forecast(requests, observer).await.into_iter();
    let elapsed = began.elapsed();
    // What earlier runs did helps where it can be read; it is no reason to fail.
    let remembered = dest.remembered().await.unwrap_or_default();
    // What ended the answers is why there are no more of them.
    let mut last_failure = Failure::new(Kind::Internal, "a table has no forecast");
    let mut tables = Vec::new();
    let mut notes = plans.notes.clone();
    for ((plan, scope), warnings) in plans.tables.iter().zip(scopes).zip(warnings) {
        let last = last_runs(&remembered, plan, source.account());
        let answer = scope.is_ok().then(|| answers.next()).flatten();
        if let (Some(Err(error)), Refused::LeftOut) = (&answer, plan.refused)
            && let Some(why) = error.refusal()
        {
            notes.push(format!("{} is left out: {why}", plan.table.name));
            continue;
        }
        let forecast = scope.and_then(|scope| match answer {
            Some(Ok(forecast)) => {
                let first = first_load(&remembered, plan, source.account());
                Ok((scope, at_least(corrected(forecast, &last), scope, first)))
            }
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
            rescan: rescan(&remembered, plan, source.account()),
            notes: plan.notes.iter().cloned().chain(warnings).collect(),
        });
    }
    Forecasts {
        tables,
        notes,
        pace: Pace::of(meter.budget(), source.allowance(), meter.requests(), elapsed),
        sent: meter.requests(),
    }
}

/// Requests of a first load that may have met rows which others met.
const READ_TWICE: u64 = 4;

/// The runs of a table, newest first; all of them if there are fewer than [`RUNS_TOLD`].
fn runs<'a>(remembered: &'a [Remembered], plan: &Plan, account: &str) -> &'a [RunLine] {
    own(remembered, plan, account).map(|one| one.runs.as_slice()).unwrap_or_default()
}

/// What is remembered of a table.
fn own<'a>(remembered: &'a [Remembered], plan: &Plan, account: &str) -> Option<&'a Remembered> {
    let own =
        |one: &&Remembered| one.is_of(account, plan.table.name) && one.is_in(&plan.schema, &plan.dest_table);
    remembered.iter().find(own)
}

/// How the table is re-scanned, and the time between its last runs. Whether a run can read all that becomes due is known
/// of the period that was kept to so far.
fn rescan(remembered: &[Remembered], plan: &Plan, account: &str) -> Option<(Rescan, Option<Duration>)> {
    let own = own(remembered, plan, account)?;
    let known = source::rescan(&own.source_table, own.state.as_ref()?)?;
    let cap = known.cap.filter(|_| known.period == plan.rescan);
    Some((Rescan { period: plan.rescan, cap, ..known }, between(&own.runs)))
}

/// Rows that the very first run found, if it is remembered and came to its end; it may have been asked for a part of them.
fn first_load(remembered: &[Remembered], plan: &Plan, account: &str) -> Option<u64> {
    let runs = runs(remembered, plan, account);
    found_first(runs.last().filter(|first| runs.len() < RUNS_TOLD && first.outcome == "success")?)
}

/// Rows without those that may have been read twice: where it began, where its walks met, and what changed meanwhile.
fn found_first(run: &RunLine) -> Option<u64> {
    let (rows, requests) = (u64::try_from(run.rows_read).ok()?, u64::try_from(run.requests).ok()?);
    Some(rows.saturating_sub(READ_TWICE * rows.checked_div(requests)?))
}

/// What a first load has found is still there, but for what was deleted since: few rows, as a rule. So there are no less,
/// and as many more requests as there are more rows.
fn at_least(mut forecast: Forecast, scope: Scope, first: Option<u64>) -> Forecast {
    let guessed = matches!(forecast.basis, Basis::Dates | Basis::Tickets);
    let Some(first) = first.filter(|_| guessed && scope == Scope::Everything) else { return forecast };
    let (rows, requests) = (forecast.rows, forecast.requests);
    let least = rows.least.max(first.saturating_mul(4) / 5);
    let about = rows.about.max(first);
    let more = Guess { least, about, most: rows.most.map(|most| most.max(about.saturating_mul(5) / 4)) };
    let grown = |requests: u64, rows: u64, more: u64| requests.saturating_mul(more) / rows.max(1);
    forecast.requests = Guess {
        least: grown(requests.least, rows.least, more.least),
        about: grown(requests.about, rows.about, more.about),
        most: requests.most.zip(rows.most.zip(more.most)).map(|(all, (rows, more))| grown(all, rows, more)),
    };
    forecast.rows = more;
    forecast
}

/// Requests of the last successful runs, newest first. The very first one is none to go by: it read everything.
fn last_runs(remembered: &[Remembered], plan: &Plan, account: &str) -> Vec<u64> {
    let runs = runs(remembered, plan, account);
    let later = if runs.len() < RUNS_TOLD { &runs[..runs.len().saturating_sub(1)] } else { runs };
    let good = later.iter().filter(|run| run.outcome == "success");
    good.filter_map(|run| u64::try_from(run.requests).ok()).collect()
}

/// How fast a list changes varies with the hour, so what runs usually need is a better guess than the last page, within
/// what is possible.
fn corrected(mut forecast: Forecast, last: &[u64]) -> Forecast {
    let mut usual = last.to_vec();
    usual.sort_unstable();
    // A small list is as long as it was, give or take a page.
    if let (Basis::Small, Some(least), Some(most)) = (forecast.basis, usual.first(), usual.last()) {
        forecast.requests = Guess { least: *least, about: usual[usual.len() / 2], most: Some(*most) };
    }
    if let (Basis::Changes, Some(median)) = (forecast.basis, usual.get(usual.len() / 2)) {
        let most = forecast.requests.most.unwrap_or(u64::MAX);
        forecast.requests.about = (*median).clamp(forecast.requests.least, most);
    }
    forecast
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_first_load_is_the_least_that_is_there() {
        let guess = |least, about, most| Guess { least, about, most: Some(most) };
        let forecast =
            |basis| Forecast { rows: guess(85, 107, 142), requests: guess(3, 4, 6), basis, wide: None };
        let dates = at_least(forecast(Basis::Dates), Scope::Everything, Some(1_500));
        assert_eq!((dates.rows, dates.requests), (guess(1_200, 1_500, 1_875), guess(42, 56, 79)));
        for (basis, scope, first) in [
            (Basis::Seen, Scope::Everything, Some(1_500)),
            (Basis::Changes, Scope::ChangedSince(crate::model::Micros(0)), Some(1_500)),
            (Basis::Dates, Scope::Everything, Some(60)),
            (Basis::Dates, Scope::Everything, None),
        ] {
            let same = at_least(forecast(basis), scope, first);
            assert_eq!(same, forecast(basis));
        }
    }

    #[test]
    fn a_small_table_takes_what_its_last_runs_took() {
        let guess = |least, about, most| Guess { least, about, most: Some(most) };
        let (rows, requests) = (guess(0, 50, 1_000), guess(1, 1, 10));
        let forecast = Forecast { rows, requests, basis: Basis::Small, wide: None };
        assert_eq!(corrected(forecast, &[2, 2, 2]).requests, guess(2, 2, 2));
        assert_eq!(corrected(forecast, &[3, 1, 2]).requests, guess(1, 2, 3));
        assert_eq!(corrected(forecast, &[]).requests, guess(1, 1, 10));
    }

    #[test]
    fn rows_that_were_read_twice_are_no_rows() {
        let run = |rows_read, requests| RunLine {
            id: "a".into(),
            started_at: None,
            ended_at: None,
            outcome: "success".into(),
            rows_read,
            requests,
            error: None,
            warnings: Vec::new(),
        };
        assert_eq!(found_first(&run(2_000, 20)), Some(1_600));
        assert_eq!(found_first(&run(50, 2)), Some(0), "too small to tell");
        assert_eq!(found_first(&run(0, 0)), None);
    }
}
