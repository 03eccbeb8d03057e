//! A row's position as its identity, in tables whose columns take the word for it.
//!
//! DuckDB calls a row's position `rowid`, and a column of that name, in any case, hides it: whoever asks for it gets the
//! column's values, which may be the same in every row. There is no second word. But where a table is read, its columns
//! can be given other names for that one statement, and then the word means the position again. Where rows are deleted or
//! changed they cannot: there such a table is asked by key, which costs a second look at the key's column, and tables
//! without such a column by position.

use crate::dest::Target;
use crate::dest::sql::columns::same;
use crate::dest::sql::dialect::Shape;
use crate::dest::sql::{list, newest_first};

/// DuckDB's word for a row's position. Only to be used with what [`Shape::read_as`] makes, or where
/// [`Shape::hides_positions`] is false.
pub(super) const POSITION: &str = "rowid";

impl Shape {
    /// Whether a column of the table takes the word for a row's position.
    pub(super) fn hides_positions(&self) -> bool {
        self.find(POSITION).is_some()
    }

    /// The table as something to read, under an alias: `alias.rowid` is the position there, and columns are called as
    /// [`Self::called`] says.
    pub(super) fn read_as(&self, alias: &str) -> String {
        let d = self.d;
        let name = self.name.sql(d);
        match self.columns.iter().position(|c| same(&c.name, POSITION)) {
            None => format!("{name} AS {alias}"),
            // Those after it keep their names.
            Some(last) => {
                let names = list(&self.columns[..=last], |c| d.quote(&self.called(&c.name)));
                format!("{name} AS {alias} ({names})")
            }
        }
    }

    /// What a column is called in what [`Self::read_as`] makes.
    pub(super) fn called(&self, column: &str) -> String {
        if !same(column, POSITION) {
            return column.to_owned();
        }
        let mut free = format!("_ingestr_{POSITION}");
        while self.find(&free).is_some() {
            free.push('_');
        }
        free
    }

    /// A window function that is 1 for the newest row of each key, to be used on what [`Self::read_as`] makes: by
    /// incremental key where the table has it (NULL is oldest), of equal ones the one that was written last.
    pub(super) fn newest_first(&self, target: &Target, alias: &str) -> String {
        let key: Vec<String> = target.key.iter().map(|name| self.called(name)).collect();
        let incremental = target.incremental_key.as_deref().filter(|name| self.find(name).is_some());
        let incremental = incremental.map(|name| self.called(name));
        newest_first(self.d, &key, incremental.as_deref(), &format!("{alias}.{POSITION}"))
    }
}
