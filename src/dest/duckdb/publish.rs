//! How the rows that a replacement has collected in a hidden table become the table's.

use super::apply::{Work, table_of};
use super::dialect::DuckDialect;
use super::merge;
use super::position::POSITION;
use crate::dest::sql::descriptions;
use crate::dest::sql::dialect::Shape;
use crate::dest::sql::embedded::at_once;
use crate::dest::sql::engine::{Engine as _, Said};
use crate::dest::sql::publish::{asked_for, meeting, moments};
use crate::dest::sql::{Dialect, TableName, delete_window, ledger, list};
use crate::dest::{Counts, DestError};
use crate::model::{Column, Description, Strategy};

const T: &str = "\"_ingestr_t\"";
const S: &str = "\"_ingestr_s\"";

impl Work<'_> {
    /// Makes the shadow's rows the table's.
    pub(super) fn publish(&self, shadow: &str) -> Result<Counts, DestError> {
        let hidden = table_of(self.target).beside(shadow);
        self.drop_older(&hidden)?;
        match self.target.strategy {
            Strategy::DeleteInsert => self.replace_window(&hidden),
            _ => self.replace(&hidden),
        }
    }

    /// Rows of one key that came in different commits: the newest stays.
    fn drop_older(&self, hidden: &TableName) -> Result<(), DestError> {
        let d = &DuckDialect;
        if self.target.key.is_empty() {
            return Ok(());
        }
        let Some(shape) = self.read(hidden)? else { return Ok(()) };
        let name = hidden.sql(d);
        let (read, newest) = (shape.read_as(T), shape.newest_first(self.target, T));
        if !shape.hides_positions() {
            self.run(&format!(
                "DELETE FROM {name} WHERE {POSITION} IN (SELECT rid FROM \
                 (SELECT {T}.{POSITION} AS rid, {newest} AS nth FROM {read}) WHERE nth > 1)"
            ))?;
            return Ok(());
        }
        let key = &self.target.key;
        let by = list(key, |k| d.quote(&shape.called(k)));
        self.run(&format!(
            "CREATE TEMP TABLE _ingestr_newest AS SELECT * FROM {read} \
             QUALIFY {newest} = 1 AND count(*) OVER (PARTITION BY {by}) > 1"
        ))?;
        let on = key
            .iter()
            .map(|k| format!("{T}.{} IS NOT DISTINCT FROM {S}.{}", d.quote(k), d.quote(&shape.called(k))));
        let on = on.collect::<Vec<_>>().join(" AND ");
        self.run(&format!("DELETE FROM {name} AS {T} USING temp.main._ingestr_newest AS {S} WHERE {on}"))?;
        self.run(&format!("INSERT INTO {name} SELECT * FROM temp.main._ingestr_newest"))?;
        self.run("DROP TABLE temp.main._ingestr_newest")?;
        Ok(())
    }

    /// The hidden table takes the place of the table, unless that has columns that would go with it: those that are
    /// generated, which no hidden table has.
    fn replace(&self, hidden: &TableName) -> Result<Counts, DestError> {
        let d = &DuckDialect;
        let table = table_of(self.target);
        let said = self.said_of(&table)?;
        let deleted = match self.read(&table)? {
            Some(old) if old.columns.iter().any(|found| found.generated) => {
                // A table that rows were removed from is not altered in the same transaction.
                let (shape, source) = self.shape_with(hidden)?;
                let deleted = self.run(&format!("DELETE FROM {}", shape.sql()))?;
                return self.move_rows(hidden, &shape, &source).map(|inserted| Counts {
                    inserted,
                    deleted,
                    ..Counts::default()
                });
            }
            Some(old) => {
                let deleted = self.count(&table)?;
                self.run(&format!("DROP TABLE {}", old.sql()))?;
                deleted
            }
            None => {
                self.run(&ledger::forget_others(d, &table, self.target))?;
                0
            }
        };
        let inserted = self.count(hidden)?;
        self.run(&format!("ALTER TABLE {} RENAME TO {}", hidden.sql(d), d.quote(&table.table)))?;
        self.say(&table, said)?;
        Ok(Counts { inserted, deleted, ..Counts::default() })
    }

    /// What the catalogue says of a table and its columns; nothing if there is no such table.
    pub(super) fn said_of(&self, name: &TableName) -> Result<Said, DestError> {
        Ok(at_once(self.session.descriptions(name))?.unwrap_or_default())
    }

    /// Says of a table what was said of the one before it, as far as it has the columns.
    pub(super) fn say(&self, name: &TableName, said: Said) -> Result<(), DestError> {
        if said.iter().all(|(_, text)| text.is_none()) {
            return Ok(());
        }
        let now = self.said_of(name)?;
        let columns = |column: &Option<String>| now.iter().any(|(other, _)| other == column);
        let kept = said.into_iter().filter(|(column, _)| columns(column));
        let kept = kept.filter_map(|(column, text)| Some(Description { column, text: text? }));
        at_once(descriptions::put(self.session, name, kept.collect()))
    }

    fn replace_window(&self, hidden: &TableName) -> Result<Counts, DestError> {
        let d = &DuckDialect;
        let (shape, source) = self.shape_with(hidden)?;
        let name = shape.sql();
        let from = hidden.sql(d);
        let mut deleted = 0;
        if let (Some(column), Some(asked)) = (&self.target.incremental_key, asked_for(&shape, self.target)) {
            let (there, here) = moments(&shape, &source, self.target, column);
            let end = |bound: Option<_>, read: &str| match bound {
                Some(at) => d.instant(at),
                // NULL if nothing was read: then nothing is compared as true, and nothing deleted.
                None => format!("(SELECT {read}({here}) FROM {from})"),
            };
            let (low, high) = self.target.window;
            deleted += self.run(
                &(delete_window(d, &shape.name, &there, &end(low, "min"), &end(high, "max")) + &asked),
            )?;
        }
        if !self.target.key.is_empty() {
            let on = self.target.key.iter().map(|key| {
                let name = d.quote(key);
                meeting(&shape, &source, key, (&*format!("{T}.{name}"), &*format!("{S}.{name}")))
            });
            let on = on.collect::<Vec<_>>().join(" AND ");
            // Of each key there is one row by now, so none is counted twice.
            deleted += self.run(&format!("DELETE FROM {name} AS {T} USING {from} AS {S} WHERE {on}"))?;
        }
        let inserted = self.move_rows(hidden, &shape, &source)?;
        Ok(Counts { inserted, deleted, ..Counts::default() })
    }

    /// The table as it is once it has all columns of the hidden one, and these.
    fn shape_with(&self, hidden: &TableName) -> Result<(Shape, Vec<Column>), DestError> {
        let source = self.read(hidden)?.map(|shape| shape.known()).unwrap_or_default();
        Ok((self.shape_for(&table_of(self.target), &source, &[])?, source))
    }

    /// The rows of the hidden table go to the table, and it goes.
    fn move_rows(&self, hidden: &TableName, shape: &Shape, source: &[Column]) -> Result<u64, DestError> {
        let d = &DuckDialect;
        let (name, from) = (shape.sql(), hidden.sql(d));
        let fills = merge::foreign_fills(shape, source);
        let names = source.iter().map(|c| d.quote(&c.name));
        let into = names.chain(fills.iter().map(|(name, _)| d.quote(name))).collect::<Vec<_>>();
        let values = source.iter().map(|c| d.quote(&c.name)).chain(fills.iter().map(|(_, fill)| fill.sql()));
        let values = values.collect::<Vec<_>>();
        let inserted = self.run(&format!(
            "INSERT INTO {name} ({}) SELECT {} FROM {from}",
            list(&into, String::clone),
            list(&values, String::clone)
        ))?;
        self.run(&format!("DROP TABLE {from}"))?;
        Ok(inserted)
    }
}
