//! Args → [`Plan`]: everything a run needs to know, decided in one pure function before anything is read or written.
//!
//! What cannot be done is refused here, by flag name and with what to type instead; what has no effect becomes a
//! note. Nothing later asks for a default.

use std::time::Duration;

use crate::cli::IngestArgs;
use crate::dest::Hints;
use crate::error::Failure;
use crate::http::limit::Share;
use crate::model::{Deletes, Micros, Strategy};
use crate::secret::SecretUri;
use crate::source::{Changes, Late, Resource, Window};

mod columns;
mod dates;
mod endpoints;
mod flags;
mod layout;
mod names;
mod strategy;
mod tables;

pub use dates::format_utc;
pub use endpoints::Endpoints;
pub use flags::{Flush, Patience, missing};
pub use names::table_name;
pub use tables::{Plans, tables_named};

pub use crate::normalise::{ColumnOverride, Shaping};

/// Everything decided about the run of one table.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The table that is read.
    pub table: &'static Resource,
    /// What happens if its list may not be read, or the account has none.
    pub refused: Refused,
    /// Schema or dataset that is written to.
    pub schema: String,
    /// Table that is written to.
    pub dest_table: String,
    /// How rows meet rows. `--full-refresh` has already been translated.
    pub strategy: Strategy,
    /// Merge key, in the destination's names; never empty for merge and scd2.
    pub key: Vec<String>,
    /// The column that tells which of two rows is newer, in the destination's names.
    pub incremental_key: Option<String>,
    /// The part of the table that is read; both ends inclusive.
    pub window: Window,
    /// What becomes of rows that are gone from the source.
    pub deletes: Deletes,
    /// Whether rows that are stored can be asked for and corrected.
    pub corrects: bool,
    /// How long after its creation a row is read again, if not as the table declares.
    pub lookback: Option<Duration>,
    /// In which time the whole list is read again, for changes without a sign; `None`: never.
    pub rescan: Option<Duration>,
    /// For how long a table that is read whole stands as it was read; zero: until the next run.
    pub refresh_small: Duration,
    /// Whether flat columns of rows that are stored are filled.
    pub backfill: bool,
    /// Whether rows may be marked as gone however many only their absence says it of.
    pub confirmed: bool,
    /// The part of the account's request budget to keep to, if not as the source URI says.
    pub budget: Option<Share>,
    /// How long values are kept that did not fit; `None`: for ever.
    pub keep_rejects: Option<Duration>,
    /// For how long a source is asked that has stopped answering; zero: a few attempts.
    pub retry_for: Duration,
    /// How long others are waited for.
    pub patience: Patience,
    /// What happens to rows on the way.
    pub shaping: Shaping,
    /// Whether rows carry the time of the run.
    pub load_timestamp: bool,
    /// Rows to stop after, at least 1. A run with a limit must not move the watermark.
    pub limit: Option<u64>,
    /// When to commit.
    pub flush: Flush,
    /// Layout and loading, each set only where the destination has such a thing.
    pub hints: Hints,
    /// Things to say before the run, one sentence each.
    pub notes: Vec<String>,
    /// When the run started.
    pub started_at: Micros,
    /// Child tables whose rows are taken out of its rows: what is decided about each of them. They are read, committed and
    /// forgotten with this one.
    pub children: Vec<Plan>,
}

/// What happens if the list of a table may not be read, or the account has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The run fails: somebody wants this table.
    Fails,
    /// The table is left out: nobody named it.
    LeftOut,
}

/// The two URIs, needed before there can be a plan; complains about everything that must be given, at once.
///
/// # Errors
/// A usage failure that names each missing flag and its variables.
pub fn uris(args: &IngestArgs) -> Result<(SecretUri, SecretUri), Failure> {
    let given = |uri: &Option<SecretUri>| uri.as_ref().map(|uri| !uri.expose().trim().is_empty());
    let table = Some(&args.source_table).filter(|tables| !tables.is_empty());
    let needed = [
        ("source-uri", given(&args.source_uri)),
        ("source-table", table.map(|tables| tables.iter().any(|table| !table.trim().is_empty()))),
        ("dest-uri", given(&args.dest_uri)),
    ];
    let those = |which: Option<bool>| needed.into_iter().filter(move |(_, given)| *given == which);
    let (missing, empty): (Vec<&str>, Vec<&str>) =
        (those(None).map(|(flag, _)| flag).collect(), those(Some(false)).map(|(flag, _)| flag).collect());
    match (&args.source_uri, &args.dest_uri) {
        (Some(source), Some(dest)) if missing.is_empty() && empty.is_empty() => {
            Ok((source.clone(), dest.clone()))
        }
        _ => Err(flags::missing(&missing, &empty)),
    }
}

impl Plan {
    /// Decides everything about one table of a command.
    fn of_table(
        args: &IngestArgs,
        now: Micros,
        ends: &Endpoints<'_>,
        (table, refused): (&'static Resource, Refused),
        (schema, dest_table): (String, String),
    ) -> Result<Self, Failure> {
        let mut notes = Vec::new();
        let mut window = dates::window(args, now, &mut notes)?;
        if table.changes == Changes::Full && refused == Refused::LeftOut {
            window = Window::default();
        }
        let limit = flags::limit(args)?;
        let strategy = strategy::strategy(args, ends, &window, limit, &mut notes)?;
        strategy::read_in_full(table, &window, strategy, ends)?;
        let columns = columns::Columns::from_args(args, table, &mut notes)?;
        let key = strategy::key(args, table, &columns, &mut notes)?;
        let incremental_key = strategy::incremental_key(args, table, &columns, &mut notes)?;
        let flush = flags::flush(args, ends, &mut notes)?;
        let lookback = flags::lookback(args, table, &mut notes)?;
        let rescan = flags::rescan(args, table, (strategy, ends), &mut notes)?;
        let budget = flags::budget(args)?;
        let retry_for = flags::retry_for(args)?;
        let hints = layout::hints(args, ends, &columns, &mut notes)?;
        flags::note_without_effect(args, ends, &mut notes);
        Ok(Self {
            table,
            refused,
            schema,
            dest_table,
            strategy,
            key,
            incremental_key,
            window,
            deletes: args.deletes,
            corrects: ends.capabilities.corrections,
            lookback,
            rescan,
            refresh_small: flags::refresh_small(args)?,
            backfill: !args.no_backfill,
            confirmed: args.confirm_deletions,
            budget,
            keep_rejects: flags::keep_rejects(args)?,
            retry_for,
            patience: flags::patience(args)?,
            shaping: Shaping {
                overrides: columns.overrides,
                exclude: columns.exclude,
                trim_whitespace: args.trim_whitespace,
                contract: args.schema_contract,
                naming: args.schema_naming,
                new_columns: flags::new_columns(args)?,
            },
            load_timestamp: !args.no_load_timestamp,
            limit,
            flush,
            hints,
            notes,
            started_at: now,
            children: Vec::new(),
        })
    }

    /// How long before a window rows may have been created that have changed in it, of a table whose list is sorted by
    /// creation.
    #[must_use]
    pub fn looks_back(&self) -> Option<Duration> {
        let usual = self.table.changes.lookback()?;
        Some(self.lookback.unwrap_or(usual))
    }

    /// What makes sense to look for: rows that are only added cannot be corrected, and a window is replaced as it is.
    /// Tombstones go by the table's own key.
    #[must_use]
    pub fn late(&self) -> Late {
        let own_key = self.table.single_key().is_some_and(|key| {
            self.key == [key] && self.shaping.overrides.iter().all(|wish| wish.source_name() != key)
        });
        match (self.strategy, self.deletes) {
            _ if !self.corrects => Late::Nothing,
            (Strategy::Append | Strategy::DeleteInsert, _) => Late::Nothing,
            (_, Deletes::Ignore) => Late::Changes,
            _ if own_key => Late::ChangesAndDeletions,
            _ => Late::Changes,
        }
    }
}

#[cfg(test)]
mod tests;
