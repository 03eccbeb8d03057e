//! `ingestr state show`, `ingestr state reset` and `ingestr state move`: what a destination remembers of earlier runs.

use crate::cli::{MoveArgs, ResetArgs, ShowArgs};
use crate::dest::{self, DestEntry, DestError, DestErrorKind, Destination, Target};
use crate::error::{Failure, Kind};
use crate::model::lease::{self, Claim};
use crate::model::{Lease, Micros, Remembered, STATE_VERSION};
use crate::nearest::nearest;
use crate::plan::{self, table_name};
use crate::report::remembered;
use crate::run::{Waits, in_use, of_destination};
use crate::secret::SecretUri;
use crate::source;

/// What is remembered, of one table or of all.
pub(super) fn show(args: &ShowArgs, waits: &Waits, now: Micros) -> Result<Vec<u8>, Failure> {
    let (entry, dest) = open(args.dest_uri.as_ref())?;
    let all = match args.dest_table.as_deref() {
        None => done(waits, async || dest.remembered().await)?,
        Some(typed) => {
            let table = name(typed, entry, &*dest)?;
            of_table(done(waits, async || dest.remembered_in(&table.0).await)?, &table, &*dest)?
        }
    };
    if args.json {
        let json = remembered::json(&all, now);
        return json.map_err(|error| Failure::new(Kind::Internal, error.to_string()));
    }
    Ok(remembered::text(&all, &dest.describe(), now).into_bytes())
}

/// Forgets what is remembered of a table, unless a run is about to remember more.
pub(super) fn reset(args: &ResetArgs, waits: &Waits, now: Micros) -> Result<Vec<u8>, Failure> {
    let (entry, dest) = open(args.dest_uri.as_ref())?;
    let Some(typed) = args.dest_table.as_deref().filter(|typed| !typed.trim().is_empty()) else {
        return Err(Failure::usage("--dest-table is missing").hint(
            "type the table to forget, --dest-table <schema>.<table>; `ingestr state show` lists them",
        ));
    };
    let table = name(typed, entry, &*dest)?;
    let found = of_table(done(waits, async || dest.remembered_in(&table.0).await)?, &table, &*dest)?;
    for one in &found {
        if let Some(held) = one.lease.as_ref().filter(|held| lease::live(held, now)) {
            return Err(in_use(&dotted(one), held).hint("wait until it is done, or stop it first"));
        }
    }
    done(waits, async || dest.forget(&table.0, &table.1).await)?;
    Ok(remembered::forgotten(&found, &dest.describe()).into_bytes())
}

/// Gives the tables of an account, or one of them, to another account: a help desk that was renamed.
pub(super) fn hand_over(args: &MoveArgs, waits: &Waits, now: Micros) -> Result<Vec<u8>, Failure> {
    let (entry, dest) = open(args.dest_uri.as_ref())?;
    let given = |typed: &Option<String>| {
        typed.as_deref().map(str::trim).filter(|typed| !typed.is_empty()).map(str::to_owned)
    };
    let (Some(from), Some(to)) = (given(&args.from), given(&args.to)) else {
        return Err(Failure::usage("--from and --to are needed: the old and the new name of the account")
            .hint(
                "the name is the part before .gorgias.com; `ingestr state show` lists those that are there",
            ));
    };
    let to = source::account_named(&to)
        .map_err(|hint| Failure::usage(format!("--to: `{to}` is not the name of an account")).hint(hint))?;
    let named = args.dest_table.as_deref().filter(|typed| !typed.trim().is_empty());
    let table = named.map(|typed| name(typed, entry, &*dest)).transpose()?;
    let all = match &table {
        None => done(waits, async || dest.remembered().await)?,
        Some(table) => of_table(done(waits, async || dest.remembered_in(&table.0).await)?, table, &*dest)?,
    };
    let moved = of_account(&all, &from, &to, &dest.describe())?;
    may_move(&all, &moved, &to, now)?;
    done(waits, async || {
        let mut held = Vec::new();
        let outcome = async {
            for one in &moved {
                let target = Target::named(&one.account, &one.source_table, &one.schema, &one.table);
                let lease = moving(one, now);
                dest.lease(&target, lease.clone(), Claim::Take, lease::live).await?;
                held.push((target, lease));
            }
            dest.reassign(&moved, &to).await
        };
        let outcome = outcome.await;
        for (target, lease) in &held {
            // Left behind, it counts for nothing as soon as this process is gone.
            let _ = dest.release(target, &lease.run).await;
        }
        outcome
    })?;
    Ok(remembered::moved(&moved, &dest.describe(), &to).into_bytes())
}

/// What is remembered of an account, typed as it is remembered or as its address; if nothing, a failure that names the
/// accounts there are.
fn of_account(all: &[Remembered], typed: &str, to: &str, place: &str) -> Result<Vec<Remembered>, Failure> {
    let from = match source::account_named(typed) {
        Ok(name) if all.iter().all(|one| one.account != typed) => name,
        _ => typed.to_owned(),
    };
    if from == to {
        return Err(Failure::usage(format!("--from and --to are the same account, {to}")));
    }
    let found: Vec<Remembered> = all.iter().filter(|one| one.account == from).cloned().collect();
    if !found.is_empty() {
        return Ok(found);
    }
    let failure = Failure::usage(format!("nothing is remembered of account {from} in {place}"));
    let mut accounts: Vec<&str> = all.iter().map(|one| one.account.as_str()).collect();
    accounts.sort_unstable();
    accounts.dedup();
    Err(match accounts.as_slice() {
        [] => failure.hint("nor of any other account: check --dest-uri"),
        _ => failure.hint(format!("there are tables of {}", accounts.join(", "))),
    })
}

/// Whether nothing is in the way of giving these tables to the account.
fn may_move(all: &[Remembered], moved: &[Remembered], to: &str, now: Micros) -> Result<(), Failure> {
    for one in moved {
        let table = dotted(one);
        let same =
            |other: &&Remembered| other.account == to && dotted(other).to_lowercase() == table.to_lowercase();
        if let Some(theirs) = all.iter().find(same) {
            let headline = format!("account {to} has {} in table {table} already", theirs.source_table);
            return Err(Failure::usage(headline).hint(format!(
                "forget what is remembered of that table with `ingestr state reset --dest-table {table}`, or move the \
                 others one by one, with --dest-table"
            )));
        }
        if one.version > STATE_VERSION {
            let headline = format!("what is remembered of table {table} was written by a newer ingestr");
            return Err(Failure::new(Kind::Destination, headline).hint("update ingestr"));
        }
        if let Some(held) = one.lease.as_ref().filter(|held| lease::live(held, now)) {
            return Err(in_use(&table, held).hint("wait until it is done, or stop it first"));
        }
    }
    Ok(())
}

/// The right to move a table: no run may begin meanwhile.
fn moving(one: &Remembered, now: Micros) -> Lease {
    Lease {
        run: format!("move of {} {}", one.account, now.0),
        process: lease::this_process(),
        since: now,
        until: now.plus(lease::TERM),
    }
}

pub(super) fn open(uri: Option<&SecretUri>) -> Result<(&'static DestEntry, Box<dyn Destination>), Failure> {
    let uri = uri.ok_or_else(|| plan::missing(&["dest-uri"], &[]))?;
    let entry = dest::entry(uri.expose())?;
    Ok((entry, entry.open(uri.expose())?))
}

fn name(typed: &str, entry: &DestEntry, dest: &dyn Destination) -> Result<(String, String), Failure> {
    let example = "type --dest-table <schema>.<table>";
    let projects = dest.capabilities().projects;
    let (schema, table) = table_name(typed, example, entry.name, dest.default_schema(), projects)?;
    Ok((dest.schema(&schema).to_owned(), table))
}

/// Waits for the destination.
pub(super) fn done<T>(
    waits: &Waits,
    attempt: impl AsyncFnMut() -> Result<T, DestError>,
) -> Result<T, Failure> {
    done_or(waits, attempt, None)
}

/// Waits for the destination; `held` is what to do about a program that holds its file, if that is not the usual.
pub(super) fn done_or<T>(
    waits: &Waits,
    attempt: impl AsyncFnMut() -> Result<T, DestError>,
    held: Option<&str>,
) -> Result<T, Failure> {
    let runtime = super::runtime()?;
    let done = runtime.block_on(async { waits.patiently(attempt).await });
    done.map_err(|failed| {
        let failure = of_destination(&failed.error);
        match held.filter(|_| failed.error.kind == DestErrorKind::Locked) {
            Some(hint) => failure.hint(hint),
            None => failure,
        }
    })
}

fn dotted(one: &Remembered) -> String {
    format!("{}.{}", one.schema, one.table)
}

/// What is remembered of a table, by its name in any case; if nothing, a failure that names the tables there are, the
/// nearest first.
fn of_table(
    all: Vec<Remembered>,
    (schema, table): &(String, String),
    dest: &dyn Destination,
) -> Result<Vec<Remembered>, Failure> {
    let wanted = format!("{schema}.{table}");
    let same = |one: &Remembered| {
        one.schema.to_lowercase() == schema.to_lowercase() && one.table.to_lowercase() == table.to_lowercase()
    };
    if all.iter().any(same) {
        return Ok(all.into_iter().filter(same).collect());
    }
    let failure = Failure::usage(format!("nothing is remembered of table {wanted} in {}", dest.describe()));
    let mut tables: Vec<String> = all.iter().map(dotted).collect();
    tables.dedup();
    if tables.is_empty() {
        return Err(failure.hint("nor of any other table: check --dest-uri"));
    }
    // The right table in another schema is nearer than a table of a similar name.
    let elsewhere = || {
        let meant = nearest(table, all.iter().map(|one| one.table.as_str()))?;
        all.iter().find(|one| one.table == meant).map(dotted)
    };
    let near = elsewhere().or_else(|| nearest(&wanted, tables.iter().map(String::as_str)).map(str::to_owned));
    if let Some(place) = near.and_then(|near| tables.iter().position(|name| *name == near)) {
        tables[..=place].rotate_right(1);
    }
    Err(failure.hint(format!("there are {}", tables.join(", "))))
}
