//! Rows that are gone from the source: marked, removed or closed, after the rows of the same commit.
//!
//! The tombstones go into a temporary table through the appender, one narrow join finds the rows they are for, and
//! one statement changes these by their row numbers: events bring tombstones by the ten thousand.

use std::sync::Arc;

use arrow_array::{ArrayRef, Int64Array, RecordBatch, TimestampMicrosecondArray};
use arrow_schema::Schema;

use super::append::append;
use super::apply::Work;
use super::dialect::DuckDialect;
use super::merge::temp;
use super::position::POSITION;
use super::rows::Rows;
use super::shape::{Found, Shape};
use crate::dest::sql::columns::{IS_CURRENT, VALID_TO};
use crate::dest::sql::{Dialect, list};
use crate::dest::{Counts, DestError, DestErrorKind};
use crate::model::{Column, DELETED_AT, Deletes, LOADED_AT, LogicalType, MERGED_INTO, Strategy, Tombstone};

const T: &str = "\"_ingestr_t\"";
const B: &str = "\"_ingestr_b\"";
const BURIED: &str = "_ingestr_buried";

impl Work<'_> {
    /// Applies the tombstones to the rows of a table, or of a shadow. With scd2 the current version is closed, and
    /// marked unless [`Deletes::Hard`]: history is what the user asked for, so no version is removed.
    pub(super) fn bury(&self, shape: &Shape) -> Result<Counts, DestError> {
        let deletes = self.target.deletes;
        let key = self.target.key.first().and_then(|key| shape.find(key));
        let Some(key) = key.filter(|_| deletes != Deletes::Ignore && !self.tombstones.is_empty()) else {
            return Ok(Counts::default());
        };
        let versions = self.target.strategy == Strategy::Scd2;
        self.stage_tombstones()?;
        self.run(&find(shape, key, deletes, versions))?;
        let counts = self.count_gone()?;
        if counts == Counts::default() {
            return Ok(counts);
        }
        if deletes == Deletes::Hard && !versions {
            self.run(&remove(shape, key))?;
        } else {
            self.run(&self.mark(shape, key))?;
        }
        Ok(counts)
    }

    fn stage_tombstones(&self) -> Result<(), DestError> {
        let columns = vec![
            Column::new("k", LogicalType::Int64),
            Column::new("gone_at", LogicalType::Timestamp),
            Column::new("merged_into", LogicalType::Int64),
        ];
        let declared = list(&columns, |c| format!("{} {}", c.name, DuckDialect.type_name(c.logical)));
        self.run(&format!("CREATE TEMP TABLE {BURIED} ({declared})"))?;
        let graves = Tombstone::once_each(self.tombstones);
        let arrays: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from_iter_values(graves.iter().map(|grave| grave.key))),
            Arc::new(
                TimestampMicrosecondArray::from_iter_values(graves.iter().map(|grave| grave.at.0))
                    .with_timezone("UTC"),
            ),
            Arc::new(Int64Array::from_iter(graves.iter().map(|grave| grave.merged_into))),
        ];
        let schema = Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>());
        let batch = RecordBatch::try_new(Arc::new(schema), arrays).map_err(|e| DestError {
            kind: DestErrorKind::Other,
            message: format!("tombstones for {} do not fit together: {e}", self.target.table),
            hint: None,
            source: None,
        })?;
        let names = ["k", "gone_at", "merged_into"];
        append(self.connection, &temp(BURIED), &names, Rows { columns, batches: vec![batch] }, &[])
            .map_err(self.wrap)
    }

    /// Keys, not rows: an old table, or a shadow, may hold a key more than once.
    fn count_gone(&self) -> Result<Counts, DestError> {
        let sql = "SELECT count(DISTINCT k) FILTER (NOT was_gone), count(DISTINCT k) FILTER (was_gone) \
                   FROM temp.main._ingestr_gone";
        let count = |row: &duckdb::Row<'_>| {
            Ok(Counts { deleted: row.get(0)?, updated: row.get(1)?, ..Counts::default() })
        };
        self.connection.query_row(sql, [], count).map_err(self.wrap)
    }

    /// What is known already stays, so that a row keeps its first date.
    fn mark(&self, shape: &Shape, key: &Found) -> String {
        let d = &DuckDialect;
        let mut set = Vec::new();
        if self.target.deletes == Deletes::Soft {
            for (column, found) in [(DELETED_AT, "gone_at"), (MERGED_INTO, "merged_into")] {
                let column = spelled(shape, column);
                set.push(format!("{column} = coalesce({T}.{column}, {B}.{found})"));
            }
        }
        if self.target.strategy == Strategy::Scd2 {
            let (to, current) = (spelled(shape, VALID_TO), spelled(shape, IS_CURRENT));
            let end = d.instant(self.commit.run.started_at);
            set.push(format!("{to} = coalesce({T}.{to}, {end})"));
            set.push(format!("{current} = FALSE"));
        }
        if let Some(at) = self.target.loaded_at {
            set.push(format!("{} = {}", spelled(shape, LOADED_AT), d.instant(at)));
        }
        let versions = self.target.strategy == Strategy::Scd2;
        let which = if shape.hides_positions() {
            // Whatever has its key and says the same of it was found as well.
            let mut alike = vec![is_for(&d.quote(&key.name), key)];
            let said = Said::of(shape, self.target.deletes, versions);
            alike
                .extend(said.named().map(|(name, said)| format!("({said}) IS NOT DISTINCT FROM {B}.{name}")));
            alike.join(" AND ")
        } else {
            format!("{T}.{POSITION} = {B}.rid")
        };
        format!(
            "UPDATE {} AS {T} SET {} FROM temp.main._ingestr_gone AS {B} WHERE {which}",
            shape.name.sql(d),
            set.join(", ")
        )
    }
}

/// The statement that removes what is noted in `_ingestr_gone`: every row of its keys.
fn remove(shape: &Shape, key: &Found) -> String {
    let d = &DuckDialect;
    let name = shape.name.sql(d);
    if shape.hides_positions() {
        let on = is_for(&d.quote(&key.name), key);
        format!("DELETE FROM {name} AS {T} USING temp.main.{BURIED} AS {B} WHERE {on}")
    } else {
        format!("DELETE FROM {name} WHERE {POSITION} IN (SELECT rid FROM temp.main._ingestr_gone)")
    }
}

/// Whether a tombstone is for a row, by the name of the key's column.
fn is_for(name: &str, key: &Found) -> String {
    // A table taken over may keep its keys as text.
    match key.logical() {
        Some(LogicalType::Int64 | LogicalType::Float64) => format!("{T}.{name} = {B}.k"),
        _ => format!("CAST({T}.{name} AS VARCHAR) = CAST({B}.k AS VARCHAR)"),
    }
}

/// What a row says of its being gone, each as an expression: that decides whether a tombstone changes it.
struct Said {
    was_gone: String,
    survivor_unknown: String,
    /// With scd2, whether its version is current, and until when it was.
    version: Option<(String, String)>,
}

impl Said {
    fn of(shape: &Shape, deletes: Deletes, versions: bool) -> Self {
        let (was_gone, survivor_unknown) = if deletes == Deletes::Soft {
            let (deleted, merged) = (spelled(shape, DELETED_AT), spelled(shape, MERGED_INTO));
            (format!("{T}.{deleted} IS NOT NULL"), format!("{T}.{merged} IS NULL"))
        } else {
            ("FALSE".into(), "FALSE".into())
        };
        let column = |name| format!("{T}.{}", spelled(shape, name));
        let version = versions.then(|| (column(IS_CURRENT), column(VALID_TO)));
        Self { was_gone, survivor_unknown, version }
    }

    /// Each under its name in `_ingestr_gone`.
    fn named(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let version = self.version.iter();
        [("was_gone", &*self.was_gone), ("survivor_unknown", &*self.survivor_unknown)]
            .into_iter()
            .chain(version.flat_map(|(current, to)| [("was_current", &**current), ("was_to", &**to)]))
    }
}

/// The statement that notes in `_ingestr_gone` which rows are to be changed.
fn find(shape: &Shape, key: &Found, deletes: Deletes, versions: bool) -> String {
    let d = &DuckDialect;
    let on = is_for(&d.quote(&shape.called(&key.name)), key);
    let said = Said::of(shape, deletes, versions);
    let (open, latest) = match &said.version {
        Some((current, to)) => {
            let by = format!("{current} DESC NULLS LAST, {to} DESC NULLS FIRST");
            // Only the latest version can be told anything new; a table that was taken over may have two.
            let latest = format!(" QUALIFY rank() OVER (PARTITION BY {B}.k ORDER BY {by}) = 1");
            (current.clone(), latest)
        }
        None => (format!("NOT ({})", said.was_gone), String::new()),
    };
    let said = said.named().map(|(name, said)| format!(", {said} AS {name}")).collect::<String>();
    format!(
        "CREATE TEMP TABLE _ingestr_gone AS SELECT * FROM (SELECT {T}.{POSITION} AS rid, {B}.k AS k, \
         {B}.gone_at AS gone_at, {B}.merged_into AS merged_into, {open} AS still_open{said} FROM {} \
         JOIN temp.main.{BURIED} AS {B} ON {on}{latest}) \
         WHERE still_open OR (was_gone AND survivor_unknown AND merged_into IS NOT NULL)",
        shape.read_as(T)
    )
}

/// A column of ours under the table's spelling.
fn spelled(shape: &Shape, name: &str) -> String {
    DuckDialect.quote(shape.find(name).map_or(name, |found| &found.name))
}
