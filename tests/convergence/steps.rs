//! What a life can meet besides what it always meets, by name: each step can be left out as long as the program does not
//! stand it, and every other one is part of each life.
//!
//! `INGESTR_STEPS=sleepers,windows` takes these alone, `INGESTR_STEPS=all` all of them, `INGESTR_STEPS=none` none.

use std::time::Duration;

use super::{Death, World};

/// Steps that lives do without for now, and why.
const NOT_YET: [(&str, &str); 0] = [];

/// Faults of answers that one step is made of, as plans of which a run meets one.
const ANSWERS: [(&str, &[&str]); 5] = [
    ("ends", &["emptyend=0.15", "p206=0.15", "p203=0.15", "p204=0.15", "emptycursor=0.15"]),
    ("no-meta", &["emptynometa=0.15", "shortnometa=0.15"]),
    ("lookups", &["emptylookup=0.3", "partiallookup=0.3", "lost=0.3"]),
    ("endless", &["endlessempty=0.05", "endlesssame=0.05"]),
    ("passing", &["retryfraction=0.05,retrydate=0.05,bom=0.1", "botcheck=0.05", "retrylong=0.02"]),
];

/// Whether lives have this step.
pub fn on(step: &str) -> bool {
    match std::env::var("INGESTR_STEPS") {
        Ok(named) => named.split(',').any(|name| name == step || name == "all"),
        Err(_) => NOT_YET.iter().all(|(name, _)| *name != step),
    }
}

/// The faults of a run, now and then.
pub fn plan(rng: &mut fastrand::Rng) -> Option<&'static str> {
    let (step, plans) = ANSWERS[rng.usize(0..ANSWERS.len())];
    let plan = plans[rng.usize(0..plans.len())];
    (rng.u8(0..3) == 0 && on(step)).then_some(plan)
}

/// The flags of a run, now and then: windows that are written anew.
pub fn flags(rng: &mut fastrand::Rng) -> Option<&'static [&'static str]> {
    const WINDOWS: [&[&str]; 5] = [
        &["--full-refresh", "--interval-start", "2026-08-01", "--interval-end", "2026-08-26T12:00:00"],
        &["--full-refresh", "--interval-start", "2026-08-20"],
        &[
            "--incremental-strategy",
            "delete+insert",
            "--interval-start",
            "2026-07-20",
            "--interval-end",
            "2026-08-26T18:30:00",
        ],
        &["--incremental-strategy", "delete+insert", "--interval-start", "2026-08-24"],
        &["--incremental-strategy", "delete+insert"],
    ];
    let window = WINDOWS[rng.usize(0..WINDOWS.len())];
    (rng.u8(0..12) == 0 && on("windows")).then_some(window)
}

/// What events do not tell, in accounts whose lists are walked over for it.
pub fn untold(world: &World, rng: &mut fastrand::Rng) {
    let (missed, nameless) = (rng.u8(0..4) == 0, rng.u8(0..4) == 0);
    let part = rng.f64();
    if !world.rescans {
        return;
    }
    if missed && on("missed-events") {
        world.account().set_events_missed(part);
    }
    if nameless && on("nameless-merges") {
        world.account().set_merge_event_names_source(false);
    }
}

/// A table goes, or all there is, between two runs or, by and by, between two commits of one.
pub fn vanish(world: &World, rng: &mut fastrand::Rng, table: &str) {
    let (between_runs, between_commits) = (rng.u8(0..30) == 0, rng.u8(0..30) == 0);
    let (all, commits) = (rng.u8(0..3) == 0, rng.u64(0..4));
    if between_runs && on("vanished") {
        world.vanish((!all).then_some(table));
    }
    if between_commits && on("vanished-between-commits") {
        world.vanish_at(Some((commits, table)));
    }
}

/// A process that is stopped for longer than its lease lasts, while another one runs.
pub fn sleeps(rng: &mut fastrand::Rng) -> Option<Death> {
    let (now, request) = (rng.u8(0..20) == 0, rng.u64(0..12));
    let time = Duration::from_secs(rng.u64(310..2_000));
    (now && on("sleepers")).then_some(Death::Sleep { request, time })
}
