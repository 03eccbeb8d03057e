//! How a lake differs from a DuckDB file: tables have no keys, a column's type only grows, and temporary tables are DuckDB's own.

use std::borrow::Cow;

use crate::dest::duckdb::dialect::DuckDialect;
use crate::dest::duckdb::{alter, mark};
use crate::dest::sql::dialect::{Changes, Shape};
use crate::dest::sql::identity::Mark;
use crate::dest::sql::ledger::create;
use crate::dest::sql::{Dialect, TableName, add_column};
use crate::dest::{DestError, Target};
use crate::model::{Column, LogicalType, Micros};

/// Name under which the catalog is attached.
pub(super) const CATALOG: &str = "_ingestr_lake";

/// Names of columns that DuckLake has taken for itself; ours get an underscore behind.
const TAKEN: [&str; 3] = ["row_id", "begin_snapshot", "end_snapshot"];

/// DuckLake's spelling.
#[derive(Debug, Clone, Copy)]
pub(super) struct LakeDialect;

impl Dialect for LakeDialect {
    fn type_name(&self, logical: LogicalType) -> &'static str {
        DuckDialect.type_name(logical)
    }

    fn logical_of(&self, kind: &str) -> Option<LogicalType> {
        DuckDialect.logical_of(kind)
    }

    fn instant(&self, at: Micros) -> String {
        DuckDialect.instant(at)
    }

    fn convert(&self, value: &str, from: Option<LogicalType>, to: LogicalType) -> String {
        if from == Some(to) { value.to_owned() } else { DuckDialect.convert(value, from, to) }
    }

    fn integer(&self, value: &str, logical: LogicalType) -> Option<String> {
        DuckDialect.integer(value, logical)
    }

    fn unique(&self) -> &'static str {
        DuckDialect.unique()
    }

    fn column<'a>(&self, name: &'a str) -> Cow<'a, str> {
        let taken = TAKEN.iter().any(|taken| name.eq_ignore_ascii_case(taken))
            || name.to_ascii_lowercase().starts_with("_ducklake_internal_");
        if taken { format!("{name}_").into() } else { name.into() }
    }

    fn temporary(&self, name: &str) -> String {
        format!("temp.main.{name}")
    }

    fn create(&self, name: &TableName, columns: &[Column], _: &Target, _: bool) -> Vec<String> {
        vec![create(self, name, columns)]
    }

    /// Whole numbers and fractions grow where they are; for everything else the table is made anew.
    fn alter(&self, shape: &Shape, changes: &Changes) -> Result<Vec<String>, DestError> {
        let name = shape.sql();
        let added = changes.added.iter().map(|column| add_column(self, &shape.name, column));
        let grows = |(at, to): &(usize, LogicalType)| {
            matches!(to, LogicalType::Int64 | LogicalType::Float64) && shape.columns[*at].logical == Some(*to)
        };
        if !changes.retyped.iter().all(grows) {
            return Ok(alter::rebuild(shape, changes).into_iter().chain(added).collect());
        }
        let column = |at: usize| self.quote(&shape.columns[at].name);
        let retyped = changes.retyped.iter().map(|(at, to)| {
            format!("ALTER TABLE {name} ALTER COLUMN {} SET DATA TYPE {}", column(*at), self.type_name(*to))
        });
        let loosened = changes.loosened.iter();
        let loosened =
            loosened.map(|at| format!("ALTER TABLE {name} ALTER COLUMN {} DROP NOT NULL", column(*at)));
        Ok(added.chain(retyped).chain(loosened).collect())
    }

    fn mark(&self, shape: &Shape, id: String, _: &str) -> Mark {
        Mark::Set(mark::write(shape, &id), id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_are_taken_are_told_apart_and_others_stay() {
        let spelled = ["row_id", "Begin_Snapshot", "_ducklake_internal_x", "rowid", "row_id_", "id"];
        let spelled = spelled.map(|name| LakeDialect.column(name).into_owned());
        assert_eq!(
            spelled,
            ["row_id_", "Begin_Snapshot_", "_ducklake_internal_x_", "rowid", "row_id_", "id"]
        );
    }

    #[test]
    fn types_grow_in_place_or_the_table_is_made_anew() {
        let column = |name: &str, kind: &str| crate::dest::sql::dialect::FoundColumn {
            name: name.into(),
            kind: kind.into(),
            logical: LakeDialect.logical_of(kind),
            not_null: true,
            default: None,
            generated: false,
        };
        let columns = vec![column("id", "INTEGER"), column("a\"b", "VARCHAR")];
        let mut shape = Shape::found(&LakeDialect, TableName::new(CATALOG, "s", "t"), columns);
        shape.comment = Some("ours".into());
        let grows = Changes {
            added: vec![Column::new("new", LogicalType::Json)],
            retyped: vec![(0, LogicalType::Int64)],
            loosened: vec![1],
            unkeyed: false,
        };
        let anew = Changes { retyped: vec![(1, LogicalType::Json)], ..Changes::default() };
        let all =
            [grows, anew].map(|changes| LakeDialect.alter(&shape, &changes).expect("can be done").join("\n"));
        insta::assert_snapshot!(all.join("\n"), @r#"
        ALTER TABLE "_ingestr_lake"."s"."t" ADD COLUMN "new" JSON
        ALTER TABLE "_ingestr_lake"."s"."t" ALTER COLUMN "id" SET DATA TYPE BIGINT
        ALTER TABLE "_ingestr_lake"."s"."t" ALTER COLUMN "a""b" DROP NOT NULL
        CREATE TABLE "_ingestr_lake"."s"."_ingestr_copy" ("id" INTEGER, "a""b" JSON)
        INSERT INTO "_ingestr_lake"."s"."_ingestr_copy" SELECT "id", to_json("a""b") FROM "_ingestr_lake"."s"."t"
        DROP TABLE "_ingestr_lake"."s"."t"
        ALTER TABLE "_ingestr_lake"."s"."_ingestr_copy" RENAME TO "t"
        COMMENT ON TABLE "_ingestr_lake"."s"."t" IS 'ours'
        "#);
    }
}
