//! The shape of an existing table: whether it can be taken over, and what has to change before rows come.
//!
//! Tables come from three makers: this program, ingestr v1 (a PRIMARY KEY, our types) and ingestr 0.x (`_dlt_*`
//! columns, NOT NULL on many). All are taken over in place; only what stands in the way of new rows is changed. What is
//! to change is decided here, how it is said is the database's own.

use super::columns::{same, type_after};
use super::dialect::{Changes, Dialect, FoundColumn, Shape, TableName};
use super::identity::Identity;
use crate::dest::{DestError, DestErrorKind, Target};
use crate::model::{Column, LogicalType, Strategy};

/// What has the name of a table is a view.
pub(crate) fn is_a_view(name: &TableName) -> DestError {
    let message = format!("{}.{} is a view, not a table", name.schema, name.table);
    DestError::new(DestErrorKind::Shape, message).hint("load into another table, or drop the view")
}

/// What a load means to do with the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Needs<'a> {
    /// Columns the load brings or must find.
    pub(crate) columns: &'a [Column],
    /// Columns whose type is documented.
    pub(crate) documented: &'a [Column],
    /// Key columns: never NULL, so their NOT NULL may stay.
    pub(crate) key: &'a [String],
    /// Whether a key may stand in several rows (append, scd2).
    pub(crate) repeats: bool,
}

impl<'a> Needs<'a> {
    /// What a load into the target means to do with a table that has to have these columns.
    pub(crate) fn of(target: &'a Target, columns: &'a [Column]) -> Self {
        let repeats = matches!(target.strategy, Strategy::Append | Strategy::Scd2);
        Self { columns, documented: &target.columns, key: &target.key, repeats }
    }
}

impl Changes {
    /// Whether the table fits already.
    pub(crate) fn none(&self) -> bool {
        *self == Self::default()
    }
}

impl Shape {
    /// The shape of a table that is made with these columns.
    pub(crate) fn planned(d: &'static dyn Dialect, name: TableName, columns: &[Column]) -> Self {
        let columns = columns.iter().map(|column| FoundColumn::planned(d, column)).collect();
        Self { layout: Some(String::new()), ..Self::found(d, name, columns) }
    }

    /// A table that was found, with nothing but columns.
    pub(crate) fn found(d: &'static dyn Dialect, name: TableName, columns: Vec<FoundColumn>) -> Self {
        let (primary_key, indexes) = (Vec::new(), Vec::new());
        let (identity, comment) = (Identity::Untold, None);
        let (bound, layout) = (None, None);
        Self { d, name, columns, primary_key, unique: false, bound, indexes, identity, comment, layout }
    }

    /// The table's name in SQL.
    pub(crate) fn sql(&self) -> String {
        self.name.sql(self.d)
    }

    /// A column by its name in any case.
    pub(crate) fn find(&self, name: &str) -> Option<&FoundColumn> {
        self.columns.iter().find(|c| same(&c.name, name))
    }

    /// The type of a column; `None` if there is no such column, or its type is none of ours.
    pub(crate) fn type_of(&self, name: &str) -> Option<LogicalType> {
        self.find(name)?.logical
    }

    /// A column of ours under the table's spelling, quoted.
    pub(crate) fn quoted(&self, name: &str) -> String {
        self.d.quote(self.find(name).map_or(name, |found| &found.name))
    }

    /// All columns that hold something, quoted; without those whose values the database makes.
    pub(crate) fn written(&self) -> String {
        let written: Vec<&FoundColumn> = self.columns.iter().filter(|found| !found.generated).collect();
        super::list(&written, |found| self.d.quote(&found.name))
    }

    /// Columns whose type is ours.
    pub(crate) fn known(&self) -> Vec<Column> {
        self.columns.iter().filter_map(|c| Some(Column::new(&c.name, c.logical?))).collect()
    }

    /// Names of all other columns.
    pub(crate) fn theirs(&self) -> Vec<String> {
        self.columns.iter().filter(|c| c.logical.is_none()).map(|c| c.name.clone()).collect()
    }

    /// Columns of ingestr 0.x, which may be NOT NULL and mean nothing any more, and the values that new rows get for
    /// them, as expressions; without those that `brought` says rows have.
    pub(crate) fn meaningless(&self, brought: impl Fn(&str) -> bool) -> Vec<(String, String)> {
        let ours = self.columns.iter().filter(|found| found.meaningless() && !brought(&found.name));
        let value = |found: &FoundColumn| if same(&found.name, "_dlt_id") { self.d.unique() } else { "'-'" };
        ours.map(|found| (self.d.quote(&found.name), value(found).to_owned())).collect()
    }

    /// Whether the table can be taken over; the message names table and column if not.
    pub(crate) fn check(&self, needed: &[Column]) -> Result<(), DestError> {
        if let Some(bound) = &self.bound {
            let message = format!("table {}.{} {bound}", self.name.schema, self.name.table);
            return Err(DestError::new(DestErrorKind::Shape, message)
                .hint("load into another table, or make one of the two anew without the foreign key"));
        }
        for column in needed {
            let Some(found) = self.find(&column.name).filter(|found| found.logical.is_none()) else {
                continue;
            };
            let message = format!(
                "column {} of table {}.{} is {}{}, which cannot hold {}",
                found.name,
                self.name.schema,
                self.name.table,
                if found.generated { "generated " } else { "" },
                found.kind,
                column.logical.name()
            );
            return Err(DestError::new(DestErrorKind::Shape, message)
                .hint("load into another table, or change or rename that column"));
        }
        Ok(())
    }

    /// Whether its primary key lets no two rows share this key.
    pub(crate) fn has_once_each(&self, key: &[String]) -> bool {
        let part = |column: &String| key.iter().any(|name| same(name, column));
        !self.primary_key.is_empty() && self.primary_key.iter().all(part)
    }

    /// What makes the table fit, and the shape that it has then.
    pub(crate) fn changed(mut self, needs: &Needs<'_>) -> (Changes, Self) {
        let d = self.d;
        let mut changes = Changes {
            unkeyed: needs.repeats && (!self.primary_key.is_empty() || self.unique),
            ..Changes::default()
        };
        for column in needs.columns {
            let after = type_after(self.type_of(&column.name), column, needs.documented);
            match self.columns.iter().position(|found| same(&found.name, &column.name)) {
                None => {
                    let column = Column::new(&column.name, after);
                    self.columns.push(FoundColumn::planned(d, &column));
                    changes.added.push(column);
                }
                Some(at) if !d.holds(&self.columns[at].kind, after) => changes.retyped.push((at, after)),
                Some(_) => {}
            }
        }
        let is_key = |name: &str| {
            self.primary_key.iter().any(|key| same(key, name)) || needs.key.iter().any(|key| same(key, name))
        };
        for (at, found) in self.columns.iter().enumerate() {
            let may_stay = is_key(&found.name) || found.default.is_some() || found.meaningless();
            if found.not_null && !may_stay {
                changes.loosened.push(at);
            }
        }
        for (at, after) in &changes.retyped {
            d.type_name(*after).clone_into(&mut self.columns[*at].kind);
            self.columns[*at].logical = Some(*after);
        }
        for at in &changes.loosened {
            self.columns[*at].not_null = false;
        }
        if changes.unkeyed {
            self.primary_key.clear();
            self.unique = false;
        }
        (changes, self)
    }
}

impl FoundColumn {
    /// A column as it is made.
    fn planned(d: &dyn Dialect, column: &Column) -> Self {
        Self {
            name: column.name.clone(),
            kind: d.type_name(column.logical).to_owned(),
            logical: Some(column.logical),
            not_null: false,
            default: None,
            generated: false,
        }
    }

    /// Whether new rows get a value for it that means nothing: a column of ingestr 0.x.
    fn meaningless(&self) -> bool {
        let name = self.name.to_ascii_lowercase();
        matches!(name.as_str(), "_dlt_id" | "_dlt_load_id") && self.logical == Some(LogicalType::Text)
    }
}
