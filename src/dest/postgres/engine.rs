//! One schema within a transaction, as the engine sees it.

use std::pin::pin;
use std::sync::Arc;

use arrow_array::RecordBatch;
use bytes::Bytes;
use futures_util::SinkExt;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::copy;
use super::dialect::{MARK, PostgresDialect};
use super::errors::{failed, missing};
use crate::dest::sql::cells::Cell;
use crate::dest::sql::dialect::{Changes, FoundColumn, Shape};
use crate::dest::sql::embedded::Stage;
use crate::dest::sql::engine::{Engine, Said};
use crate::dest::sql::identity::Identity;
use crate::dest::sql::play::play;
use crate::dest::sql::script::Script;
use crate::dest::sql::staged::ORD;
use crate::dest::sql::trace::{self, Quotes};
use crate::dest::sql::{Dialect, TableName, list};
use crate::dest::{Counts, DestError, DestErrorKind};
use crate::model::{Column, LogicalType};

/// How much is collected before it is sent.
const CHUNK: usize = 256 * 1024;

/// One schema within a transaction.
pub(super) struct Session {
    pub(super) client: Arc<Client>,
    pub(super) d: &'static PostgresDialect,
    pub(super) schema: String,
    /// How messages name the database.
    pub(super) place: String,
}

/// What a table looks like: a line for each column, that of the table before it.
const DESCRIBE: &str = "SELECT c.relkind, pg_has_role(c.relowner, 'USAGE'), c.oid, \
    (SELECT conname FROM pg_constraint WHERE conrelid = c.oid AND contype = 'p'), \
    EXISTS (SELECT 1 FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique AND NOT i.indisprimary AND NOT EXISTS \
    (SELECT 1 FROM pg_attribute u WHERE u.attrelid = c.oid AND u.attnum = i.indkey[0] AND u.attname = '_dlt_id')), \
    (SELECT min(CAST(conname AS text)) FROM pg_constraint WHERE conrelid = c.oid AND contype = 'c' AND starts_with(conname, '{MARK}')), \
    obj_description(c.oid, 'pg_class'), \
    a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attgenerated <> '' OR a.attidentity = 'a', \
    CASE WHEN a.attidentity = 'd' THEN 'identity' ELSE pg_get_expr(f.adbin, f.adrelid) END, \
    EXISTS (SELECT 1 FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'p' AND a.attnum = ANY (k.conkey)) \
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
    LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
    LEFT JOIN pg_attrdef f ON f.adrelid = c.oid AND f.adnum = a.attnum \
    WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') AND n.nspname = ";

type Row = Vec<Option<String>>;

impl Session {
    /// Runs a statement, or several; what it says.
    async fn simple(&self, action: &str, sql: &str) -> Result<Vec<SimpleQueryMessage>, DestError> {
        let began = trace::begin();
        let done = self.client.simple_query(sql).await;
        trace::end(sql, Quotes::Doubled, began);
        done.map_err(|error| failed(&self.place, action, &error))
    }

    pub(super) async fn batch(&self, action: &str, sql: &str) -> Result<(), DestError> {
        self.simple(action, sql).await.map(|_| ())
    }

    /// The rows of a query as text.
    pub(super) async fn texts(&self, sql: &str) -> Result<Vec<Row>, DestError> {
        let said = self.simple("read", sql).await?;
        let row = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::Row(row) => {
                Some((0..row.len()).map(|i| row.get(i).map(str::to_owned)).collect())
            }
            _ => None,
        };
        Ok(said.iter().filter_map(row).collect())
    }

    /// The first column of a query, without NULL.
    pub(super) async fn strings(&self, sql: &str) -> Result<Vec<String>, DestError> {
        Ok(self.texts(sql).await?.into_iter().filter_map(|row| row.into_iter().next()?).collect())
    }

    fn shape(&self, name: &TableName, rows: &[Row]) -> Option<Shape> {
        let yes = |text: &Option<String>| text.as_deref() == Some("t");
        let first = rows.first()?;
        let identity = match (&first[5], yes(&first[1]), &first[2]) {
            (Some(mark), ..) => Identity::Is(mark.strip_prefix(MARK)?.to_owned()),
            (None, true, _) => Identity::Unmarked,
            // Only its owner may mark a table. PostgreSQL's number for it does not outlive a dump.
            (None, false, oid) => Identity::Is(format!("oid {}", oid.as_deref()?)),
        };
        let (comment, unique) = (first[6].clone(), yes(&first[4]));
        let drop = first[3].as_ref().map(|key| {
            (key.clone(), format!("ALTER TABLE {} DROP CONSTRAINT {}", name.sql(self.d), self.d.quote(key)))
        });
        let (mut columns, mut primary_key) = (Vec::new(), Vec::new());
        for row in rows {
            let (Some(column), Some(kind)) = (&row[7], &row[8]) else { continue };
            let generated = yes(&row[10]);
            if yes(&row[12]) {
                primary_key.push(column.clone());
            }
            columns.push(FoundColumn {
                name: column.clone(),
                logical: self.d.logical_of(kind).filter(|_| !generated),
                kind: kind.clone(),
                not_null: yes(&row[9]) && !generated,
                default: row[11].clone(),
                generated,
            });
        }
        // What drops the primary key, in the place of what makes indexes, which nobody asks for here.
        let indexes = drop.into_iter().collect();
        let found = Shape::found(self.d, name.clone(), columns);
        Some(Shape { primary_key, unique, indexes, identity, comment, ..found })
    }
}

impl Engine for Session {
    fn dialect(&self) -> &'static dyn Dialect {
        self.d
    }

    fn table(&self, table: &str) -> TableName {
        TableName::new("", &self.schema, table)
    }

    async fn tables(&self) -> Result<Vec<String>, DestError> {
        self.strings(&format!(
            "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE c.relkind IN ('r', 'p', 'f') AND n.nspname = {}",
            self.d.text(&self.schema)
        ))
        .await
    }

    async fn describe(&self, name: &TableName) -> Result<Option<Shape>, DestError> {
        let (schema, table) = (self.d.text(&name.schema), self.d.text(&name.table));
        let sql =
            format!("{}{schema} AND c.relname = {table} ORDER BY a.attnum", DESCRIBE.replace("{MARK}", MARK));
        let rows = self.texts(&sql).await?;
        let kind = rows.first().and_then(|row| row[0].as_deref());
        let what = match kind {
            Some("v") => "view",
            Some("m") => "materialized view",
            Some("f") => "foreign table",
            _ => return Ok(self.shape(name, &rows)),
        };
        let message = format!("{}.{} is a {what}, not a table", name.schema, name.table);
        Err(DestError::new(DestErrorKind::Shape, message).hint("load into another table, or drop it"))
    }

    async fn query(&self, sql: &str, types: &[LogicalType]) -> Result<Vec<Vec<Cell>>, DestError> {
        let row = |row: Row| row.into_iter().zip(types).map(|(text, kind)| cell(text, *kind)).collect();
        Ok(self.texts(sql).await?.into_iter().map(row).collect())
    }

    async fn execute(&self, sql: &str) -> Result<u64, DestError> {
        let changed = |message: &SimpleQueryMessage| match message {
            SimpleQueryMessage::CommandComplete(rows) => *rows,
            _ => 0,
        };
        Ok(self.simple("write", sql).await?.iter().map(changed).sum())
    }

    async fn run(&self, script: &Script) -> Result<Vec<Counts>, DestError> {
        play(self, script).await
    }

    /// Only the owner of a table may describe it: to others there is nothing that could be described.
    async fn descriptions(&self, name: &TableName) -> Result<Option<Said>, DestError> {
        let rows = self
            .texts(&format!(
                "SELECT a.attname, CASE WHEN a.attname IS NULL THEN obj_description(c.oid, 'pg_class') \
                 ELSE col_description(c.oid, a.attnum) END, pg_has_role(c.relowner, 'USAGE') \
                 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace CROSS JOIN LATERAL \
                 (SELECT NULL AS attname, 0 AS attnum UNION ALL SELECT CAST(attname AS text), attnum FROM pg_attribute \
                 WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS a \
                 WHERE c.relkind IN ('r', 'p') AND n.nspname = {} AND c.relname = {}",
                self.d.text(&name.schema),
                self.d.text(&name.table)
            ))
            .await?;
        let owned = |row: &Row| row[2].as_deref() == Some("t");
        let there = !rows.is_empty();
        let said = rows.into_iter().filter(owned).map(|row| (row[0].clone(), row[1].clone())).collect();
        Ok(there.then_some(said))
    }

    /// The catalogue knows what depends on a column or a key: trying it would write a large table once more.
    async fn rehearse(&self, shape: &Shape, changes: &Changes, _: &[String]) -> Result<(), DestError> {
        let name = &shape.name;
        let of_table = format!(
            "(SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = {} AND c.relname = {})",
            self.d.text(&name.schema),
            self.d.text(&name.table)
        );
        if !changes.none() {
            let owner =
                format!("SELECT 1 FROM pg_class WHERE oid = {of_table} AND pg_has_role(relowner, 'USAGE')");
            if self.strings(&owner).await?.is_empty() {
                return Err(missing(
                    "write",
                    &self.place,
                    &format!("ownership of table {}.{}", name.schema, name.table),
                ));
            }
        }
        let mut asked = Vec::new();
        if !changes.retyped.is_empty() {
            let columns = list(&changes.retyped, |(at, _)| self.d.text(&shape.columns[*at].name));
            asked.push(format!(
                "SELECT DISTINCT pg_describe_object(d.classid, d.objid, d.objsubid) FROM pg_depend d \
                 JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid \
                 WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = {of_table} AND a.attname IN ({columns}) \
                 AND (d.classid IN ('pg_rewrite'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass) \
                 OR (d.classid = 'pg_class'::regclass AND d.objid = d.refobjid) \
                 OR (d.classid = 'pg_attrdef'::regclass AND EXISTS (SELECT 1 FROM pg_attrdef f JOIN pg_attribute g \
                 ON g.attrelid = f.adrelid AND g.attnum = f.adnum WHERE f.oid = d.objid AND g.attgenerated <> '')))"
            ));
        }
        if changes.unkeyed {
            asked.push(format!(
                "SELECT pg_describe_object('pg_constraint'::regclass, oid, 0) FROM pg_constraint \
                 WHERE contype = 'f' AND confrelid = {of_table}"
            ));
        }
        for sql in asked {
            if let Some(by) = self.strings(&sql).await?.first() {
                let message = format!("what has to be changed of it is used by {by}");
                return Err(DestError::new(DestErrorKind::Shape, message));
            }
        }
        Ok(())
    }
}

impl Stage for Session {
    async fn stage(
        &self,
        what: &str,
        columns: &[Column],
        batches: Vec<RecordBatch>,
    ) -> Result<String, DestError> {
        let table = self.d.temporary(&format!("_ingestr_staged_{what}"));
        let declared = list(columns, |c| format!("{} {}", c.name, self.d.staged_type(c.logical)));
        self.batch("write", &format!("CREATE TEMP TABLE {table} ({declared}, {ORD} bigint) ON COMMIT DROP"))
            .await?;
        let copy = format!("COPY {table} FROM STDIN WITH (FORMAT binary)");
        let began = trace::begin();
        let wrap = |error: tokio_postgres::Error| failed(&self.place, "write", &error);
        let mut sink = pin!(self.client.copy_in::<_, Bytes>(&copy).await.map_err(wrap)?);
        let mut chunk = copy::HEADER.to_vec();
        let mut ord = 0;
        for batch in batches {
            for row in 0..batch.num_rows() {
                copy::row(&mut chunk, columns, &batch, row, ord);
                ord += 1;
                if chunk.len() >= CHUNK {
                    let full = std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK + CHUNK / 4));
                    sink.send(full.into()).await.map_err(wrap)?;
                }
            }
        }
        chunk.extend(copy::TRAILER);
        sink.send(chunk.into()).await.map_err(wrap)?;
        sink.finish().await.map_err(wrap)?;
        trace::end(&copy, Quotes::Doubled, began);
        // Without it, PostgreSQL takes the table for a small one, and reads the other once for each of its rows.
        self.batch("write", &format!("ANALYZE {table}")).await?;
        Ok(table)
    }
}

/// A value that was read, in a column of that type.
fn cell(text: Option<String>, kind: LogicalType) -> Cell {
    let Some(text) = text else { return Cell::Null };
    match kind {
        LogicalType::Bool => Cell::Bool(text == "t"),
        LogicalType::Int64 => text.parse().map_or(Cell::Null, Cell::Int),
        LogicalType::Timestamp => text.parse().map_or(Cell::Null, Cell::Instant),
        LogicalType::Float64 | LogicalType::Text | LogicalType::Json => Cell::Text(text),
    }
}
