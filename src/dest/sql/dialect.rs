//! How one database spells names, types and values, and what a table of it looks like.

use super::identity::{Identity, Mark};
use crate::dest::{DestError, Target};
use crate::model::{Column, LOADED_AT, LogicalType, Micros};

/// How one database spells names, types and values.
pub trait Dialect: std::fmt::Debug + Sync {
    /// A name as an identifier, whatever it contains; as the SQL standard has it, unless the database differs.
    fn quote(&self, name: &str) -> String {
        format!("\"{}\"", name.replace('"', "\"\""))
    }

    /// A text as a literal; the same.
    fn text(&self, value: &str) -> String {
        format!("'{}'", value.replace('\'', "''"))
    }

    /// A statement that adds a column, so that it does nothing where another run has added it meanwhile. Where a commit
    /// looks and writes in one transaction, no other run can.
    fn harmless(&self, add_column: String) -> String {
        add_column
    }

    /// A column type.
    fn type_name(&self, logical: LogicalType) -> &'static str;
    /// Our type for one of the database's; `None`: not ours, the column is left alone.
    fn logical_of(&self, kind: &str) -> Option<LogicalType>;
    /// An instant as a literal, with its zone spelled out so that no session setting matters.
    fn instant(&self, at: Micros) -> String;
    /// A value of type `from` (`None`: none of ours) as one of type `to`.
    fn convert(&self, value: &str, from: Option<LogicalType>, to: LogicalType) -> String;
    /// A text as what can be compared with an instant.
    fn moment(&self, value: &str) -> String {
        self.convert(value, Some(LogicalType::Text), LogicalType::Timestamp)
    }

    /// Whether two values of JSON can be told to be the same or not: if not, they are no key.
    fn compares_json(&self) -> bool {
        true
    }

    /// A value as an integer, NULL where it is none; `None`: values of that type never are.
    fn integer(&self, value: &str, logical: LogicalType) -> Option<String>;
    /// A text that differs from row to row.
    fn unique(&self) -> &'static str;

    /// A table's name without its schema, where a statement wants it so.
    fn bare(&self, name: &TableName) -> String {
        self.quote(&name.table)
    }

    /// A table's name.
    fn table(&self, name: &TableName) -> String {
        let schema = format!("{}.{}", self.quote(&name.catalog), self.quote(&name.schema));
        format!("{schema}.{}", self.quote(&name.table))
    }

    /// A temporary table's name.
    fn temporary(&self, name: &str) -> String {
        name.to_owned()
    }

    /// Whether two names are one table's. Most databases do not care for case.
    fn alike(&self, one: &str, other: &str) -> bool {
        one.eq_ignore_ascii_case(other)
    }

    /// The condition that a column of the ledger names that schema or table: [`Self::alike`] in SQL.
    fn named(&self, column: &str, name: &str) -> String {
        format!("lower({column}) = lower({})", self.text(name))
    }

    /// Whether a column declared as `kind` holds values of that type as it is.
    fn holds(&self, kind: &str, logical: LogicalType) -> bool {
        kind == self.type_name(logical)
    }

    /// The condition that two values are the same, NULL included.
    fn same(&self, one: &str, other: &str) -> String {
        format!("{one} IS NOT DISTINCT FROM {other}")
    }

    /// The condition that a value of a column and a staged one differ.
    fn differs(&self, one: &str, other: &str, _column: Option<&FoundColumn>) -> String {
        format!("{one} IS DISTINCT FROM {other}")
    }

    /// A staged value of type `from` in a column of type `to`.
    fn staged(&self, value: &str, from: LogicalType, to: LogicalType) -> String {
        self.convert(value, Some(from), to)
    }

    /// The condition that a staged JSON text is not stored as it is, and why, as expressions; `None`: there is none.
    fn refuses(&self, _value: &str) -> Option<(String, String)> {
        None
    }

    /// The name that a column of the source gets.
    fn column<'a>(&self, name: &'a str) -> std::borrow::Cow<'a, str> {
        name.into()
    }

    /// The target under the database's names of its columns.
    fn spelled(&self, target: &Target) -> Target {
        let mut target = target.clone();
        let spell = |name: &mut String| {
            if let std::borrow::Cow::Owned(other) = self.column(name) {
                *name = other;
            }
        };
        target.key.iter_mut().for_each(spell);
        target.incremental_key.iter_mut().for_each(spell);
        target.columns.iter_mut().for_each(|column| spell(&mut column.name));
        target.hints.partition_by.iter_mut().for_each(spell);
        target.hints.cluster_by.iter_mut().for_each(spell);
        target
    }

    /// How a statement names a parameter; `None`: values are part of statements.
    fn parameter(&self, _name: &str) -> Option<String> {
        None
    }

    /// Whether closed ranges around keys help the database to skip what a statement cannot meet.
    fn skips_ranges(&self) -> bool {
        false
    }

    /// Statements that make a table with these columns unless it is there, in the layout that the target asks for. `own`:
    /// whether it is the target's own, and not one in which rows wait.
    fn create(&self, name: &TableName, columns: &[Column], target: &Target, own: bool) -> Vec<String>;

    /// Statements that change a table so.
    ///
    /// # Errors
    /// [`crate::dest::DestErrorKind::Shape`] if the database cannot do that.
    fn alter(&self, shape: &Shape, changes: &Changes) -> Result<Vec<String>, DestError>;

    /// How a table gets what tells it from another one that gets its name later: `id`, or what is found for `variable`.
    fn mark(&self, shape: &Shape, id: String, variable: &str) -> Mark;

    /// Whether the table is another one once it was changed so.
    fn remakes(&self, _shape: &Shape, _changes: &Changes) -> bool {
        false
    }

    /// Of rows with the same key and date, what the one that was written last has most of: an expression over the
    /// columns of a table.
    fn written_last(&self, shape: &Shape, key: &str) -> String {
        shape.quoted(if shape.find(LOADED_AT).is_some() { LOADED_AT } else { key })
    }
}

/// A table by all three parts of its name. Two parts are not enough: in a file `gorgias.duckdb` with a schema
/// `gorgias`, `gorgias.tickets` is ambiguous.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// Database, catalog or project.
    pub catalog: String,
    /// Schema or dataset.
    pub schema: String,
    /// Table.
    pub table: String,
}

impl TableName {
    /// A table of that catalog and schema.
    pub fn new(catalog: impl Into<String>, schema: impl Into<String>, table: impl Into<String>) -> Self {
        Self { catalog: catalog.into(), schema: schema.into(), table: table.into() }
    }

    /// Another table in the same schema.
    #[must_use]
    pub fn beside(&self, table: &str) -> Self {
        Self::new(&self.catalog, &self.schema, table)
    }

    /// The name in SQL.
    #[must_use]
    pub fn sql(&self, dialect: &dyn Dialect) -> String {
        dialect.table(self)
    }

    /// The name of its schema in SQL.
    #[must_use]
    pub fn schema_sql(&self, dialect: &dyn Dialect) -> String {
        format!("{}.{}", dialect.quote(&self.catalog), dialect.quote(&self.schema))
    }
}

/// A column as it was found.
#[derive(Debug, Clone)]
pub struct FoundColumn {
    /// Its name, as the table spells it.
    pub name: String,
    /// Its type, as the database spells it.
    pub kind: String,
    /// The type, if it is one of ours.
    pub logical: Option<LogicalType>,
    /// Whether it refuses NULL.
    pub not_null: bool,
    /// What it has in rows that say nothing of it, as an expression.
    pub default: Option<String>,
    /// Whether the database makes its values itself, so that nobody can write it. Its type is none of ours then.
    pub generated: bool,
}

/// A table as it was found, or will be once it is made.
#[derive(Debug, Clone)]
pub struct Shape {
    /// How its database spells SQL.
    pub(crate) d: &'static dyn Dialect,
    /// Its name.
    pub(crate) name: TableName,
    /// Its columns, in order.
    pub(crate) columns: Vec<FoundColumn>,
    /// Columns of the primary key.
    pub(crate) primary_key: Vec<String>,
    /// Whether something else says that rows are not alike.
    pub(crate) unique: bool,
    /// Why rows cannot come, whatever they are: a foreign key that the database enforces.
    pub(crate) bound: Option<String>,
    /// Indexes made by the user: name, and the statement that makes it.
    pub(crate) indexes: Vec<(String, String)>,
    /// Which table it is.
    pub(crate) identity: Identity,
    /// What its owner says of it.
    pub(crate) comment: Option<String>,
    /// What a new table has to be made with to be laid out alike; `None`: it cannot be said in SQL from what is known.
    pub(crate) layout: Option<String>,
}

/// What has to change before rows come.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Columns that are added.
    pub added: Vec<Column>,
    /// Columns that get another type: which, and which.
    pub retyped: Vec<(usize, LogicalType)>,
    /// Columns that must take NULL.
    pub loosened: Vec<usize>,
    /// Whether keys that the table demands to be there once may repeat.
    pub unkeyed: bool,
}
