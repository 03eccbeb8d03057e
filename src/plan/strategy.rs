//! How rows meet rows: strategy, merge key and incremental key, with `--full-refresh` translated.

use super::columns::Columns;
use super::endpoints::Endpoints;
use crate::cli::IngestArgs;
use crate::error::Failure;
use crate::model::Strategy;
use crate::nearest::nearest;
use crate::source::{Changes, Resource, Window};

/// The strategy that is carried out.
///
/// # Errors
/// Unknown strategies, those the destination lacks, and combinations that would lose rows.
pub(super) fn strategy(
    args: &IngestArgs,
    ends: &Endpoints<'_>,
    window: &Window,
    limit: Option<u64>,
    notes: &mut Vec<String>,
) -> Result<Strategy, Failure> {
    let asked = args.incremental_strategy.as_deref().map(str::trim).unwrap_or("none");
    let chosen =
        if asked.eq_ignore_ascii_case("none") { ends.capabilities.usual() } else { named(asked, ends)? };
    let strategy = if args.full_refresh { full_refresh(chosen, window, notes)? } else { chosen };
    let can = ends.capabilities.strategies;
    if !can.contains(&strategy) {
        let list: Vec<&str> = can.iter().map(|strategy| strategy.name()).collect();
        let flag = if strategy == chosen { "--incremental-strategy" } else { "--full-refresh" };
        return Err(Failure::usage(format!("{flag}: {} cannot do {strategy}", ends.destination))
            .hint(format!("it can do {}{}", list.join(", "), instead(ends))));
    }
    if let Some(limit) = limit {
        limited(strategy, limit, notes)?;
    }
    if strategy == Strategy::Replace && !window.is_open() {
        let only = "; to replace only those rows type --incremental-strategy delete+insert";
        let only = if can.contains(&Strategy::DeleteInsert) { only } else { "" };
        notes.push(format!(
            "--incremental-strategy replace with an interval: the table will hold the rows of the interval and no others{only}"
        ));
    }
    Ok(strategy)
}

/// What to use for other strategies.
fn instead(ends: &Endpoints<'_>) -> String {
    ends.capabilities.instead.map(|instead| format!("; {instead}")).unwrap_or_default()
}

fn named(asked: &str, ends: &Endpoints<'_>) -> Result<Strategy, Failure> {
    let lower = asked.to_lowercase();
    if let Some(strategy) = Strategy::parse(&lower) {
        return Ok(strategy);
    }
    if lower == "truncate+insert" {
        return Err(Failure::usage("--incremental-strategy: `truncate+insert` does not exist here").hint(
            "type --incremental-strategy replace, which shows the old rows until the new ones are complete",
        ));
    }
    let names = Strategy::ALL.map(Strategy::name);
    let meant = nearest(asked, names).map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    let can: Vec<&str> = ends.capabilities.strategies.iter().map(|strategy| strategy.name()).collect();
    Err(Failure::usage(format!("--incremental-strategy: there is no strategy `{asked}`")).hint(format!(
        "{meant}{} can do {} and none ({})",
        ends.destination,
        can.join(", "),
        match ends.capabilities.usual() {
            Strategy::Merge => "the source's own, merge".to_owned(),
            usual => usual.to_string(),
        }
    )))
}

/// What `--full-refresh` means for a table that is otherwise kept with `chosen`.
fn full_refresh(chosen: Strategy, window: &Window, notes: &mut Vec<String>) -> Result<Strategy, Failure> {
    if chosen == Strategy::Scd2 {
        return Err(Failure::usage("--full-refresh would erase the history that scd2 keeps").hint(
            "leave --full-refresh out; if the history may go, drop the table first, then run without it",
        ));
    }
    let (strategy, what) = if window.is_open() {
        (Strategy::Replace, "the whole table")
    } else {
        (Strategy::DeleteInsert, "only the rows of the interval")
    };
    if chosen == Strategy::Append || (chosen == Strategy::DeleteInsert && strategy == Strategy::Replace) {
        notes.push(format!("--full-refresh replaces {what}; {chosen} is for runs without it"));
    } else if !window.is_open() {
        notes.push(format!("--full-refresh with an interval replaces {what}; all others stay"));
    }
    Ok(strategy)
}

/// Refuses what makes no sense for a table that every run reads whole.
pub(super) fn read_in_full(
    table: &Resource,
    window: &Window,
    strategy: Strategy,
    ends: &Endpoints<'_>,
) -> Result<(), Failure> {
    if table.changes != Changes::Full {
        return Ok(());
    }
    let name = table.name;
    if !window.is_open() {
        return Err(Failure::usage(format!(
            "--interval-start and --interval-end: rows of {name} do not say when they changed, so every run reads all of them"
        ))
        .hint("leave the interval out"));
    }
    match strategy {
        Strategy::Append | Strategy::DeleteInsert => Err(Failure::usage(format!(
            "--incremental-strategy: {strategy} would add all rows of {name} in every run"
        ))
        .hint(if ends.capabilities.corrections {
            "type merge, replace or scd2"
        } else {
            "type replace"
        })),
        Strategy::Merge | Strategy::Replace | Strategy::Scd2 => Ok(()),
    }
}

/// What a limit does to the strategy.
fn limited(strategy: Strategy, limit: u64, notes: &mut Vec<String>) -> Result<(), Failure> {
    match strategy {
        Strategy::DeleteInsert => {
            return Err(Failure::usage(
                "--sql-limit would leave the interval with fewer rows than it had, as delete+insert replaces them",
            )
            .hint("leave --sql-limit out, or type --incremental-strategy merge without --full-refresh"));
        }
        Strategy::Replace => {
            notes.push(format!("--sql-limit {limit}: the table will hold no more than that"));
        }
        Strategy::Merge | Strategy::Append | Strategy::Scd2 => {}
    }
    notes.push(format!("--sql-limit {limit}: the next run does not start where this one ends"));
    Ok(())
}

/// The merge key, in the destination's names.
///
/// # Errors
/// When a column of the key does not exist or is left out.
pub(super) fn key(
    args: &IngestArgs,
    table: &Resource,
    columns: &Columns,
    notes: &mut Vec<String>,
) -> Result<Vec<String>, Failure> {
    let mut key: Vec<&str> = Vec::new();
    for name in args.primary_key.iter().map(|name| name.trim()).filter(|name| !name.is_empty()) {
        let source = columns.source_of(name);
        if !key.contains(&source) {
            key.push(source);
        }
    }
    if key.is_empty() {
        key.extend(table.key);
    }
    if key != table.key {
        notes.push(format!(
            "--primary-key {}: rows of {} are told apart by {} otherwise; rows that share the new key become one",
            key.join(","),
            table.name,
            table.key.join(",")
        ));
    }
    for name in &key {
        if columns.excluded(name) {
            return Err(Failure::usage(format!(
                "--sql-exclude-columns: `{name}` identifies the rows of {}",
                table.name
            ))
            .hint(format!("take `{name}` off the list")));
        }
        columns.check_exists("primary-key", columns.renamed(name))?;
    }
    Ok(key.into_iter().map(|name| columns.renamed(name).to_owned()).collect())
}

/// The incremental key, in the destination's names: always the table's own, as lists sort by nothing else. `None`: the table has none.
///
/// # Errors
/// When it is left out, or another was typed that does not exist.
pub(super) fn incremental_key(
    args: &IngestArgs,
    table: &Resource,
    columns: &Columns,
    notes: &mut Vec<String>,
) -> Result<Option<String>, Failure> {
    let own = table.incremental_key;
    if let Some(typed) = args.incremental_key.as_deref().map(str::trim).filter(|typed| !typed.is_empty())
        && own.is_none_or(|own| columns.source_of(typed) != own)
    {
        // An environment is often shared by many commands.
        if args.typed.contains("incremental-key") {
            columns.check_exists("incremental-key", typed)?;
        }
        let how = own.map_or_else(|| "reading all of it".to_owned(), str::to_owned);
        notes.push(format!(
            "--incremental-key {typed} has no effect: changes of {} are found by {how}",
            table.name
        ));
    }
    let Some(own) = own else { return Ok(None) };
    if columns.excluded(own) {
        return Err(Failure::usage(format!(
            "--sql-exclude-columns: `{own}` tells which of two versions of a row of {} is newer",
            table.name
        ))
        .hint(format!("take `{own}` off the list")));
    }
    Ok(Some(columns.renamed(own).to_owned()))
}
