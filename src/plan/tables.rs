//! Which tables one command copies, and where to: `--source-table` names one, several or all, and `--dest-table` one,
//! the schema for all, or a pattern.
//!
//! Each table gets a plan of its own. What could only be meant for one of several is refused by name: a flag that
//! silently did nothing to the others would be worse than an error.

use super::{Endpoints, Plan, Refused, columns, names};
use crate::cli::IngestArgs;
use crate::error::Failure;
use crate::model::{Micros, Strategy};
use crate::nearest::nearest;
use crate::source::{Changes, Choice, Resource};
use crate::words::count;

/// Everything decided about a command.
#[derive(Debug, Clone)]
pub struct Plans {
    /// One plan for each table, in the order they were named; at least one.
    pub tables: Vec<Plan>,
    /// Things to say before the runs that concern more than one table; empty for one table.
    pub notes: Vec<String>,
}

impl Plans {
    /// Decides everything. Pure: the same input gives the same plans.
    ///
    /// # Errors
    /// A usage failure for whatever cannot be done as typed.
    pub fn from_args(args: &IngestArgs, now: Micros, ends: &Endpoints) -> Result<Self, Failure> {
        super::flags::refuse(args)?;
        super::uris(args)?;
        let mut notes = Vec::new();
        let typed = source_tables(&args.source_table.join(","), ends, &mut notes)?;
        let chosen = with_parents(&typed, &mut notes);
        let tables: Vec<&'static Resource> = chosen.iter().map(|(table, _)| *table).collect();
        if let [table] = chosen.as_slice() {
            let name = names::dest_table(args.dest_table.as_deref(), table.0, ends)?;
            let mut plan = Plan::of_table(args, now, ends, *table, name)?;
            plan.notes.splice(0..0, notes);
            return Ok(Self { tables: vec![plan], notes: Vec::new() });
        }
        let names = match typed.as_slice() {
            [(child, _)] => {
                beside(names::dest_table(args.dest_table.as_deref(), child, ends)?, child, &tables)?
            }
            _ => names::dest_tables(args.dest_table.as_deref(), &tables, ends)?,
        };
        let wanted = chosen.iter().filter(|(_, refused)| *refused == Refused::Fails);
        for_all(args, &wanted.map(|(table, _)| *table).collect::<Vec<_>>())?;
        let bare = without_columns(args);
        let of_table = |(table, name): (&Chosen, (String, String))| {
            let plan = Plan::of_table(args, now, ends, *table, name.clone());
            match table.1 {
                Refused::Fails => plan,
                // What is said of columns is for tables that have them.
                Refused::LeftOut => plan.or_else(|_| Plan::of_table(&bare, now, ends, *table, name)),
            }
        };
        let mut plans: Vec<Result<Plan, Failure>> = chosen.iter().zip(names).map(of_table).collect();
        fit_parents(&mut plans);
        let (plans, tables) = leave_out(plans, &chosen, &mut notes);
        let mut tables = agreed(plans, &tables)?;
        if let Some(limit) = tables[0].limit {
            notes.push(format!(
                "--sql-limit {limit} is for each of the {}",
                count(tables.len() as u64, "table")
            ));
        }
        let common: Vec<String> = tables[0]
            .notes
            .iter()
            .filter(|note| tables.iter().all(|plan| plan.notes.contains(note)))
            .cloned()
            .collect();
        tables.iter_mut().for_each(|plan| plan.notes.retain(|note| !common.contains(note)));
        notes.extend(common);
        notes.extend(without_interval(&tables));
        Ok(Self { tables: under_parents(tables), notes })
    }

    /// Source tables of all runs, children after their parents.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.tables
            .iter()
            .flat_map(|plan| std::iter::once(plan).chain(&plan.children))
            .map(|plan| plan.table.name)
    }
}

/// A table, and what happens if its list may not be read.
type Chosen = (&'static Resource, Refused);

/// The tables, and before each child the parent that it is taken out of. Who names a child wants its parent.
fn with_parents(typed: &[Chosen], notes: &mut Vec<String>) -> Vec<Chosen> {
    let mut tables: Vec<Chosen> = Vec::new();
    for (table, refused) in typed {
        let parent = table.embedded().map(|(parent, _)| parent);
        if let Some(parent) = parent
            && !typed.iter().chain(&tables).any(|(there, _)| there.name == parent.name)
        {
            notes.push(format!(
                "rows of {} are taken out of those of {}, which is copied, too",
                table.name, parent.name
            ));
            tables.push((parent, *refused));
        }
        let wanted = |(child, refused): &Chosen| {
            *refused == Refused::Fails
                && child.embedded().is_some_and(|(parent, _)| parent.name == table.name)
        };
        let refused = if typed.iter().any(wanted) { Refused::Fails } else { *refused };
        tables.push((table, refused));
    }
    tables
}

/// The same without what is said of columns that some tables have.
fn without_columns(args: &IngestArgs) -> IngestArgs {
    IngestArgs {
        primary_key: Vec::new(),
        incremental_key: None,
        columns: Vec::new(),
        partition_by: None,
        cluster_by: Vec::new(),
        ..args.clone()
    }
}

/// Finds out which children do not fit their parents.
fn fit_parents(plans: &mut [Result<Plan, Failure>]) {
    for at in 0..plans.len() {
        let Ok(child) = &plans[at] else { continue };
        let Some((parent, _)) = child.table.embedded() else { continue };
        let parent = plans.iter().flatten().find(|plan| plan.table.name == parent.name);
        if let Some(Err(failure)) = parent.map(|parent| fits_parent(child, parent)) {
            plans[at] = Err(failure);
        }
    }
}

/// Without the tables that nobody named and that cannot be copied as typed.
fn leave_out(
    plans: Vec<Result<Plan, Failure>>,
    chosen: &[Chosen],
    notes: &mut Vec<String>,
) -> (Vec<Result<Plan, Failure>>, Vec<&'static Resource>) {
    let mut out: Vec<&str> = Vec::new();
    let mut kept = (Vec::new(), Vec::new());
    for (plan, (table, refused)) in plans.into_iter().zip(chosen) {
        let without_parent = table.embedded().is_some_and(|(parent, _)| out.contains(&parent.name));
        if *refused == Refused::LeftOut && (plan.is_err() || without_parent) {
            out.push(table.name);
        } else {
            kept.0.push(plan);
            kept.1.push(*table);
        }
    }
    if !out.is_empty() {
        notes.push(format!(
            "left out, as they cannot be copied with these flags: {}; a command for one of them says why",
            out.join(", ")
        ));
    }
    kept
}

/// What an interval is not for.
fn without_interval(tables: &[Plan]) -> Option<String> {
    let open = |plan: &&Plan| plan.window.is_open() && plan.table.changes == Changes::Full;
    let small: Vec<&str> = tables.iter().filter(open).map(|plan| plan.table.name).collect();
    let some = tables.iter().any(|plan| !plan.window.is_open()) && !small.is_empty();
    some.then(|| format!("the interval is not for {}: every run reads all of their rows", small.join(", ")))
}

/// Names of a child that was named alone, and of its parent: that one lies beside it, under its own name.
fn beside(
    (schema, table): (String, String),
    child: &Resource,
    tables: &[&'static Resource],
) -> Result<Vec<(String, String)>, Failure> {
    let names = tables.iter().map(|one| {
        let name = if one.name == child.name { &table } else { one.name };
        (schema.clone(), name.to_owned())
    });
    let names: Vec<(String, String)> = names.collect();
    match names.iter().filter(|(_, name)| *name == table).count() {
        1 => Ok(names),
        _ => Err(Failure::usage(format!(
            "--dest-table: `{table}` is where the rows of {table} go, which {} is taken out of",
            child.name
        ))
        .hint(format!("type --dest-table {schema}.{}", child.name))),
    }
}

/// Puts the plans of children under those of their parents.
fn under_parents(plans: Vec<Plan>) -> Vec<Plan> {
    let (children, mut tables): (Vec<Plan>, Vec<Plan>) =
        plans.into_iter().partition(|plan| plan.table.embedded().is_some());
    for child in children {
        let Some((parent, _)) = child.table.embedded() else { continue };
        let Some(under) = tables.iter_mut().find(|plan| plan.table.name == parent.name) else { continue };
        under.children.push(child);
    }
    tables
}

/// Refuses what makes no sense for a table whose rows are taken out of those of another one.
fn fits_parent(child: &Plan, parent: &Plan) -> Result<(), Failure> {
    let (name, of) = (child.table.name, parent.table.name);
    match child.strategy {
        Strategy::Merge | Strategy::Replace => {}
        Strategy::Append | Strategy::Scd2 | Strategy::DeleteInsert => {
            return Err(Failure::usage(format!(
                "--incremental-strategy: rows of {name} are replaced together with those of {of} that they are in, \
                 which {} cannot do",
                child.strategy
            ))
            .hint(format!("leave {name} out, or type merge or replace")));
        }
    }
    if parent.key == parent.table.key && child.key == child.table.key {
        return Ok(());
    }
    Err(Failure::usage(format!("--primary-key: rows of {name} belong to those of {of} by their own keys"))
        .hint(format!("leave --primary-key out, or leave {name} out")))
}

/// All plans, or the failure: one that only some of the tables have says which.
fn agreed(plans: Vec<Result<Plan, Failure>>, tables: &[&Resource]) -> Result<Vec<Plan>, Failure> {
    let all = plans.iter().all(Result::is_err);
    let mut good = Vec::new();
    for (plan, table) in plans.into_iter().zip(tables) {
        match plan {
            Ok(plan) => good.push(plan),
            Err(failure) if all => return Err(failure),
            Err(mut failure) => {
                if !failure.headline.contains(table.name) {
                    failure.headline = format!("table {}: {}", table.name, failure.headline);
                }
                let apart = format!("or copy {} with a command of its own", table.name);
                let hint = failure.hint.take();
                return Err(
                    failure.hint(hint.map_or_else(|| apart.clone(), |hint| format!("{hint}, {apart}")))
                );
            }
        }
    }
    Ok(good)
}

/// Refuses columns that are named for all tables and that only some of them have.
fn for_all(args: &IngestArgs, tables: &[&Resource]) -> Result<(), Failure> {
    let overrides = columns::overrides(args)?;
    let columns = overrides.iter().map(|wish| ("columns", wish.source_name()));
    let renamed = |name: &str| overrides.iter().find(|wish| wish.name == name);
    let keys = args.primary_key.iter().map(|name| ("primary-key", name));
    let own = args.incremental_key.iter().filter(|_| args.typed.contains("incremental-key"));
    let keys = keys.chain(own.map(|name| ("incremental-key", name)));
    let keys = keys.map(|(flag, name)| (flag, name.trim())).filter(|(_, name)| !name.is_empty());
    let keys = keys.map(|(flag, name)| (flag, renamed(name).map_or(name, |wish| wish.source_name())));
    for (flag, column) in columns.chain(keys) {
        let has = |table: &&Resource| {
            table.incremental_key == Some(column) || table.columns.iter().any(|(name, ..)| *name == column)
        };
        let (with, without): (Vec<&Resource>, Vec<&Resource>) = tables.iter().copied().partition(has);
        if let (Some(_), Some(lacks)) = (with.first(), without.first()) {
            let with: Vec<&str> = with.iter().map(|table| table.name).collect();
            return Err(Failure::usage(format!(
                "--{flag}: {} has no column `{column}`, which {} {}",
                lacks.name,
                with.join(", "),
                if with.len() == 1 { "has" } else { "have" }
            ))
            .hint(format!(
                "copy {} with a command of {} own",
                with.join(", "),
                if with.len() == 1 { "its" } else { "their" }
            )));
        }
    }
    Ok(())
}

/// The tables of those names, each once.
fn source_tables(typed: &str, ends: &Endpoints, notes: &mut Vec<String>) -> Result<Vec<Chosen>, Failure> {
    let typed = typed.trim();
    if typed.starts_with("query:") {
        return Err(Failure::usage(format!("--source-table: {} cannot be asked in SQL", ends.source))
            .hint(format!("tables are {}; query the copy in the destination", list(ends))));
    }
    let mut tables: Vec<Chosen> = Vec::new();
    let names: Vec<&str> = typed.split(',').map(str::trim).collect();
    for name in &names {
        if name.is_empty() {
            return Err(Failure::usage(format!("--source-table: `{typed}` has an empty name"))
                .hint(format!("put one comma between two tables; they are {}", list(ends))));
        }
        let offered = |table: &'static Resource| match table.choice {
            Choice::Usual => (table, Refused::Fails),
            Choice::Offered | Choice::Named => (table, Refused::LeftOut),
        };
        let named: Vec<Chosen> = match name.to_lowercase().as_str() {
            "*" => ends.tables.iter().filter(|table| table.choice.by_star()).map(offered).collect(),
            "**" | "all" => ends.tables.iter().map(offered).collect(),
            _ => vec![(source_table(name, ends)?, Refused::Fails)],
        };
        for (table, refused) in named {
            match tables.iter_mut().find(|(there, _)| there.name == table.name) {
                Some((_, either)) if refused == Refused::Fails => *either = refused,
                Some(_) => {}
                None => tables.push((table, refused)),
            }
        }
    }
    for (table, _) in &tables {
        let times = names.iter().filter(|name| **name == table.name).count();
        if times > 1 {
            notes.push(format!("--source-table names {} {times} times; it is copied once", table.name));
        }
    }
    Ok(tables)
}

/// The table of that name, in any spelling that leaves no doubt.
fn find<'a>(typed: &str, tables: &'a [Resource]) -> Option<&'a Resource> {
    let spelled = typed.trim().to_lowercase().replace(['-', ' '], "_");
    tables.iter().find(|table| table.name == spelled || table.aliases.contains(&spelled.as_str()))
}

/// The tables of those names, of all that there are.
///
/// # Errors
/// When there is no such table.
pub fn tables_named(typed: &str, all: &[Resource]) -> Result<Vec<Resource>, Failure> {
    let named = typed.split(',').map(|name| {
        find(name, all).copied().ok_or_else(|| {
            let name = name.trim();
            let meant = nearest(name, all.iter().map(|table| table.name));
            let meant = meant.map(|meant| format!("did you mean `{meant}`? ")).unwrap_or_default();
            Failure::usage(format!("there is no table `{name}`"))
                .hint(format!("{meant}`ingestr tables` without a name shows all of them"))
        })
    });
    named.collect()
}

/// The table of that name.
fn source_table(typed: &str, ends: &Endpoints) -> Result<&'static Resource, Failure> {
    if let Some(table) = find(typed, ends.tables) {
        return Ok(table);
    }
    let names = ends.tables.iter().flat_map(|table| table.aliases.iter().copied().chain([table.name]));
    let meant = nearest(typed, names).map(|name| format!("did you mean `{name}`? ")).unwrap_or_default();
    Err(Failure::usage(format!("{} has no table `{typed}`", ends.source)).hint(format!(
        "{meant}{} are {}",
        if meant.is_empty() { "tables" } else { "Tables" },
        list(ends)
    )))
}

fn list(ends: &Endpoints) -> String {
    let (usual, others): (Vec<&Resource>, Vec<&Resource>) =
        ends.tables.iter().partition(|table| table.choice == Choice::Usual);
    let usual: Vec<&str> = usual.iter().map(|table| table.name).collect();
    match others.len() {
        0 => usual.join(", "),
        more => format!("{}, and {more} more (`ingestr tables` lists all)", usual.join(", ")),
    }
}
