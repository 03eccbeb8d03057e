//! Batches meeting rows by key: merge and scd2.
//!
//! Most commits bring keys the table does not have. They are found with a narrow join on the key columns alone, and
//! only rows whose key is there are staged in full. A row whose incremental key differs is changed without further
//! look; only the others are compared column by column.
//!
//! All our names begin with `_ingestr_` or are positional (`c0`, `k0`): rows have columns called `source`, `target`
//! or `t`, and an alias of that name would quietly become the column.

use duckdb::Connection;

use super::append::{Fill, append, stage};
use super::dialect::DuckDialect;
use super::position::POSITION;
use crate::dest::sql::batches::Batches;
use crate::dest::sql::columns::{IS_CURRENT, MARKS, VALID_TO, same};
use crate::dest::sql::dialect::Shape;
use crate::dest::sql::{Dialect, trace};
use crate::dest::{Counts, DestError};
use crate::model::{Column, LOADED_AT, LogicalType, Micros};

const T: &str = "\"_ingestr_t\"";
const S: &str = "\"_ingestr_s\"";
const M: &str = "\"_ingestr_m\"";

/// A merge of rows (one for each key) into a table that has all their columns.
pub(super) struct Merge<'a> {
    pub(super) connection: &'a Connection,
    pub(super) shape: &'a Shape,
    pub(super) key: &'a [String],
    pub(super) incremental: Option<&'a str>,
    /// With scd2, when the versions change.
    pub(super) versions: Option<Micros>,
    /// Columns every written row gets.
    pub(super) fills: Vec<(String, Fill)>,
    pub(super) wrap: &'a dyn Fn(duckdb::Error) -> DestError,
}

/// A temporary table.
impl Merge<'_> {
    fn run(&self, sql: &str) -> Result<u64, DestError> {
        trace::timed(sql, || self.connection.execute(sql, [])).map(|n| n as u64).map_err(self.wrap)
    }

    fn ordinals(&self, sql: &str) -> Result<Vec<i64>, DestError> {
        let read = || -> duckdb::Result<Vec<i64>> {
            let mut statement = self.connection.prepare(sql)?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        trace::timed(sql, read).map_err(self.wrap)
    }

    /// The tables would go with the connection. Going now, they are not part of the commit, which would make room of
    /// 256 KiB for each of their columns: 2 ms.
    fn drop(&self, tables: &[&str]) -> Result<(), DestError> {
        let drops: Vec<String> = tables.iter().map(|table| format!("DROP TABLE temp.main.{table}")).collect();
        self.connection.execute_batch(&drops.join("; ")).map_err(self.wrap)
    }

    fn name(&self) -> String {
        self.shape.name.sql(&DuckDialect)
    }

    /// A column of the table where it is read by its positions.
    fn read(&self, column: &str) -> String {
        format!("{T}.{}", DuckDialect.quote(&self.shape.called(column)))
    }

    /// Brings the rows in.
    pub(super) fn apply(&self, rows: Batches) -> Result<Counts, DestError> {
        if rows.count() == 0 {
            return Ok(Counts::default());
        }
        if self.is_empty()? {
            return self.insert_new(rows);
        }
        let matched = self.find(&rows)?;
        if matched.is_empty() {
            self.drop(&["_ingestr_keys", "_ingestr_match"])?;
            return self.insert_new(rows);
        }
        let (known, new) = rows.split(&matched)?;
        let total = known.count() as u64;
        let changed = self.write_changed(known, &matched)?;
        self.drop(&["_ingestr_keys", "_ingestr_match", "_ingestr_stage", "_ingestr_same"])?;
        self.run("DROP TABLE IF EXISTS temp.main._ingestr_kept")?;
        let counts = self.insert_new(new)?;
        Ok(Counts { updated: changed, unchanged: total - changed, ..counts })
    }

    fn is_empty(&self) -> Result<bool, DestError> {
        let sql = format!("SELECT 1::BIGINT FROM {} LIMIT 1", self.name());
        Ok(self.ordinals(&sql)?.is_empty())
    }

    fn insert_new(&self, rows: Batches) -> Result<Counts, DestError> {
        let inserted = rows.count() as u64;
        let columns = rows.columns.clone();
        let names: Vec<&str> = columns.iter().map(|c| c.name.as_str()).collect();
        let mut fills = spelled(self.shape, self.fills.clone());
        fills.extend(foreign_fills(self.shape, &columns));
        append(self.connection, &self.shape.name, &names, rows, &fills).map_err(self.wrap)?;
        Ok(Counts { inserted, ..Counts::default() })
    }

    /// Notes in `_ingestr_match` which rows are there already, where, and whether they may say nothing new; returns
    /// their numbers, ascending.
    fn find(&self, rows: &Batches) -> Result<Vec<i64>, DestError> {
        let d = &DuckDialect;
        let mut names: Vec<&str> = self.key.iter().map(String::as_str).collect();
        let compared = self.incremental.filter(|name| {
            self.shape.find(name).is_some() && rows.columns.iter().any(|c| same(&c.name, name))
        });
        names.extend(compared);
        let keys = rows.project(&names)?;
        let null_key = |i: usize| keys.batches.iter().any(|b| b.column(i).null_count() > 0);
        self.stage("_ingestr_keys", &keys, "k", 0..)?;
        let on = (0..self.key.len())
            .map(|i| {
                // Plain equality where it says the same: only then DuckDB skips what cannot match.
                let equals = if null_key(i) { "IS NOT DISTINCT FROM" } else { "=" };
                format!("{} {equals} {S}.k{i}", self.read(&self.key[i]))
            })
            .collect::<Vec<_>>()
            .join(" AND ");
        let maybe_same = compared.map_or("TRUE".into(), |name| {
            format!("{} IS NOT DISTINCT FROM {S}.k{}", self.read(name), self.key.len())
        });
        let current = if self.versions.is_some() {
            format!(" WHERE {T}.{}", d.quote(IS_CURRENT))
        } else {
            String::new()
        };
        self.run(&format!(
            "CREATE TEMP TABLE _ingestr_match AS SELECT {S}.ord AS ord, {T}.{POSITION} AS rid, \
             {maybe_same} AS maybe_same \
             FROM {} JOIN temp.main._ingestr_keys AS {S} ON {on}{current}",
            self.shape.read_as(T)
        ))?;
        // Sorted here: DuckDB sets up a table of groups and a sort for that, whatever the number of rows.
        let mut matched = self.ordinals("SELECT ord FROM temp.main._ingestr_match")?;
        let all = matched.len();
        matched.sort_unstable();
        matched.dedup();
        if matched.len() < all {
            // Of a key that is there more than once only the new row is to stay.
            self.run(
                "UPDATE temp.main._ingestr_match SET maybe_same = FALSE WHERE ord IN \
                 (SELECT ord FROM temp.main._ingestr_match GROUP BY ord HAVING count(*) > 1)",
            )?;
        }
        Ok(matched)
    }

    /// A temporary table with the rows under positional names, and their numbers in `ord`.
    fn stage(
        &self,
        table: &str,
        rows: &Batches,
        prefix: &str,
        numbers: impl Iterator<Item = i64>,
    ) -> Result<(), DestError> {
        let mut numbered = rows.numbered(numbers)?;
        for (i, column) in numbered.columns.iter_mut().take(rows.columns.len()).enumerate() {
            column.name = format!("{prefix}{i}");
        }
        stage(self.connection, table, numbered).map(|_| ()).map_err(self.wrap)
    }

    /// Stages the rows whose key is there, drops those that say nothing new, writes the others; returns how many.
    fn write_changed(&self, rows: Batches, matched: &[i64]) -> Result<u64, DestError> {
        let columns = rows.columns.clone();
        self.stage("_ingestr_stage", &rows, "c", matched.iter().copied())?;
        drop(rows);
        self.run(&self.compare(&columns))?;
        let unchanged = self.run(
            "DELETE FROM temp.main._ingestr_match WHERE ord IN (SELECT ord FROM temp.main._ingestr_same WHERE same)",
        )?;
        let changed = matched.len() as u64 - unchanged;
        if changed > 0 {
            self.run(
                "DELETE FROM temp.main._ingestr_stage WHERE ord NOT IN (SELECT ord FROM temp.main._ingestr_match)",
            )?;
            self.replace_matches(&columns)?;
        }
        Ok(changed)
    }

    /// Notes in `_ingestr_same` which rows say nothing new.
    ///
    /// The comparison is a value that is written down, not a condition. As a condition it becomes part of the join, and
    /// DuckDB then reads and hashes every column of the whole table; so the join is by row number alone, and DuckDB reads
    /// only where the row numbers are (`open` lets it): 6 instead of 263 ms for the 600 newest of 60,000 messages, 146
    /// instead of 197 ms for 600 that are spread over all of them.
    fn compare(&self, columns: &[Column]) -> String {
        let mut equal: Vec<String> = columns
            .iter()
            .enumerate()
            .map(|(i, c)| format!("{} IS NOT DISTINCT FROM {S}.c{i}", self.read(&c.name)))
            .collect();
        for (mark, _) in MARKS {
            if let Some(found) = self.shape.find(mark)
                && !columns.iter().any(|c| same(&c.name, mark))
            {
                equal.push(format!("{} IS NULL", self.read(&found.name)));
            }
        }
        format!(
            "CREATE TEMP TABLE _ingestr_same AS SELECT {M}.ord AS ord, ({}) AS same \
             FROM temp.main._ingestr_match AS {M} JOIN temp.main._ingestr_stage AS {S} ON {S}.ord = {M}.ord \
             JOIN {} ON {T}.{POSITION} = {M}.rid WHERE {M}.maybe_same",
            equal.join(" AND "),
            self.shape.read_as(T)
        )
    }

    /// The rows in `_ingestr_match` go (or are closed), those in `_ingestr_stage` come. Columns the load does not
    /// bring keep their values.
    fn replace_matches(&self, columns: &[Column]) -> Result<(), DestError> {
        let d = &DuckDialect;
        let brought = |name: &str| {
            columns.iter().any(|c| same(&c.name, name)) || self.fills.iter().any(|(fill, _)| same(fill, name))
        };
        let mut fills = self.fills.clone();
        for (mark, logical) in MARKS {
            if self.shape.find(mark).is_some() && !brought(mark) {
                fills.push((mark.into(), Fill::Null(logical)));
            }
        }
        let kept: Vec<&str> = self
            .shape
            .columns
            .iter()
            .filter(|found| !found.generated)
            .map(|c| c.name.as_str())
            .filter(|name| !brought(name) && !MARKS.iter().any(|(mark, _)| same(name, mark)))
            .collect();
        if !kept.is_empty() {
            let values: Vec<String> =
                kept.iter().enumerate().map(|(i, name)| format!("{} AS o{i}", self.read(name))).collect();
            let values = values.join(", ");
            self.run(&format!(
                "CREATE TEMP TABLE _ingestr_kept AS SELECT DISTINCT ON ({M}.ord) {M}.ord AS ord, {values} \
                 FROM temp.main._ingestr_match AS {M} JOIN {} ON {T}.{POSITION} = {M}.rid",
                self.shape.read_as(T)
            ))?;
        }
        self.run(&self.take_away())?;
        let names = columns.iter().map(|c| d.quote(&c.name));
        let names =
            names.chain(fills.iter().map(|(name, _)| d.quote(name))).chain(kept.iter().map(|n| d.quote(n)));
        let values = (0..columns.len()).map(|i| format!("{S}.c{i}"));
        let values = values.chain(fills.iter().map(|(_, fill)| fill.sql()));
        let values = values.chain((0..kept.len()).map(|i| format!("{M}.o{i}")));
        let from_kept = if kept.is_empty() {
            String::new()
        } else {
            format!(" JOIN temp.main._ingestr_kept AS {M} ON {M}.ord = {S}.ord")
        };
        self.run(&format!(
            "INSERT INTO {} ({}) SELECT {} FROM temp.main._ingestr_stage AS {S}{from_kept}",
            self.name(),
            names.collect::<Vec<_>>().join(", "),
            values.collect::<Vec<_>>().join(", ")
        ))?;
        Ok(())
    }

    /// The statement with which the rows in `_ingestr_match` go, or are closed.
    fn take_away(&self) -> String {
        let d = &DuckDialect;
        let name = self.name();
        let close = self.versions.map(|at| {
            format!("SET {} = {}, {} = FALSE", d.quote(VALID_TO), d.instant(at), d.quote(IS_CURRENT))
        });
        if !self.shape.hides_positions() {
            let matches = format!("{POSITION} IN (SELECT rid FROM temp.main._ingestr_match)");
            return match close {
                None => format!("DELETE FROM {name} WHERE {matches}"),
                Some(close) => format!("UPDATE {name} {close} WHERE {matches}"),
            };
        }
        // Whatever has the key of a row that was found was found as well.
        let on = (0..self.key.len())
            .map(|i| format!(" AND {T}.{} IS NOT DISTINCT FROM {S}.k{i}", d.quote(&self.key[i])));
        let matches = format!(
            "temp.main._ingestr_keys AS {S} WHERE {S}.ord IN (SELECT ord FROM temp.main._ingestr_match){}",
            on.collect::<String>()
        );
        match close {
            None => format!("DELETE FROM {name} AS {T} USING {matches}"),
            Some(close) => {
                format!("UPDATE {name} AS {T} {close} FROM {matches} AND {T}.{}", d.quote(IS_CURRENT))
            }
        }
    }
}

/// Values for columns of ingestr 0.x, which may be NOT NULL and mean nothing any more.
pub(super) fn foreign_fills(shape: &Shape, brought: &[Column]) -> Vec<(String, Fill)> {
    [("_dlt_load_id", Fill::Text("-")), ("_dlt_id", Fill::Unique)]
        .into_iter()
        .filter(|(name, _)| !brought.iter().any(|c| same(&c.name, name)))
        .filter_map(|(name, fill)| {
            let found = shape.find(name).filter(|c| c.logical == Some(LogicalType::Text))?;
            Some((found.name.clone(), fill))
        })
        .collect()
}

/// The fills under the table's spelling of their names.
pub(super) fn spelled(shape: &Shape, fills: Vec<(String, Fill)>) -> Vec<(String, Fill)> {
    let spell =
        |(name, fill): (String, Fill)| (shape.find(&name).map_or(name, |found| found.name.clone()), fill);
    fills.into_iter().map(spell).collect()
}

/// The fills every strategy has: when the row was loaded.
pub(super) fn loaded_at(at: Option<Micros>) -> Vec<(String, Fill)> {
    at.map(|at| (LOADED_AT.to_owned(), Fill::At(at))).into_iter().collect()
}
