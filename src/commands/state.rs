//! `ingestr state show` and `ingestr state reset`: what a destination remembers of earlier runs.

use std::future::Future;

use crate::cli::{ResetArgs, ShowArgs};
use crate::dest::{self, DestError, Destination, Entry, Remembered};
use crate::error::{Failure, Kind};
use crate::lease;
use crate::nearest::nearest;
use crate::plan::{self, table_name};
use crate::report::remembered;
use crate::run::{in_use, of_destination};
use crate::schema::Micros;
use crate::secret::SecretUri;

/// What is remembered, of one table or of all.
pub(super) fn show(args: &ShowArgs, now: Micros) -> Result<Vec<u8>, Failure> {
    let (entry, dest) = open(args.dest_uri.as_ref())?;
    let all = match args.dest_table.as_deref() {
        None => done(dest.remembered())?,
        Some(typed) => {
            let table = name(typed, entry, &*dest)?;
            of_table(done(dest.remembered_in(&table.0))?, &table, &*dest)?
        }
    };
    if args.json {
        let json = remembered::json(&all, now);
        return json.map_err(|error| Failure::new(Kind::Internal, error.to_string()));
    }
    Ok(remembered::text(&all, &dest.describe(), now).into_bytes())
}

/// Forgets what is remembered of a table, unless a run is about to remember more.
pub(super) fn reset(args: &ResetArgs, now: Micros) -> Result<Vec<u8>, Failure> {
    let (entry, dest) = open(args.dest_uri.as_ref())?;
    let Some(typed) = args.dest_table.as_deref().filter(|typed| !typed.trim().is_empty()) else {
        return Err(Failure::usage("--dest-table is missing").hint(
            "type the table to forget, --dest-table <schema>.<table>; `ingestr state show` lists them",
        ));
    };
    let table = name(typed, entry, &*dest)?;
    let found = of_table(done(dest.remembered_in(&table.0))?, &table, &*dest)?;
    for one in &found {
        if let Some(held) = one.lease.as_ref().filter(|held| lease::live(held, now)) {
            return Err(in_use(&dotted(one), held).hint("wait until it is done, or stop it first"));
        }
    }
    done(dest.forget(&table.0, &table.1))?;
    Ok(remembered::forgotten(&found, &dest.describe()).into_bytes())
}

fn open(uri: Option<&SecretUri>) -> Result<(&'static Entry, Box<dyn Destination>), Failure> {
    let uri =
        uri.filter(|uri| !uri.expose().trim().is_empty()).ok_or_else(|| plan::missing(&["dest-uri"]))?;
    let entry = dest::entry(uri.expose())?;
    Ok((entry, entry.open(uri.expose())?))
}

fn name(typed: &str, entry: &Entry, dest: &dyn Destination) -> Result<(String, String), Failure> {
    let example = "type --dest-table <schema>.<table>";
    let projects = dest.capabilities().projects;
    let (schema, table) = table_name(typed, example, entry.name, dest.default_schema(), projects)?;
    Ok((dest.schema(&schema).to_owned(), table))
}

/// Waits for the destination.
fn done<T>(answer: impl Future<Output = Result<T, DestError>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Kind::Internal, format!("no runtime: {error}")))?;
    runtime.block_on(answer).map_err(|error| of_destination(&error))
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
