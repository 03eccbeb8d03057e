//! What stands in the way of a load and can be known before: a server that takes no writes, rights that the user does not
//! have, rows that it does not see, and tables of others that would lose rows with ours.

use super::engine::Session;
use super::errors::{PASS_BY, missing};
use crate::dest::sql::Dialect;
use crate::dest::sql::ledger::{LEASES, NAMES, REJECTS, RUNS, STATE};
use crate::dest::sql::list;
use crate::dest::{DestError, DestErrorKind, Target};
use crate::model::Strategy;

/// Marks a server that takes no writes.
const READ_ONLY: &str = "read-only";

/// Tables and their schemas, in the catalogue.
const TABLES: &str = "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace";

/// A query for tables that are in the way of rows being replaced, why they are, and what may be done about it.
type Refusal = (String, &'static str, &'static str);

/// Finds what the load of that target would fail with.
///
/// # Errors
/// That, by the name of the right and of the thing.
pub(super) async fn check(session: &Session, target: &Target) -> Result<(), DestError> {
    if let Some(what) = session.strings(&lacking(session, target)).await?.into_iter().next() {
        if what == READ_ONLY {
            let message = format!("the {} is read-only", session.place);
            let hint = "it may be a replica: name the primary server in --dest-uri, or both with \
                        target_session_attrs=read-write";
            return Err(DestError::new(DestErrorKind::Permission, message).hint(hint));
        }
        return Err(missing("write", &session.place, &what));
    }
    hidden_rows(session, target).await?;
    if !matches!(target.strategy, Strategy::Replace | Strategy::DeleteInsert) {
        return Ok(());
    }
    for (sql, why, way_out) in [inheriting(session, target), referring(session, target)] {
        let Some(by) = session.strings(&sql).await?.into_iter().next() else { continue };
        let whole = if target.strategy == Strategy::Replace { " as a whole" } else { "" };
        let message = format!(
            "rows of table {}.{} cannot be replaced{whole}: table {by} {why}",
            target.schema, target.table
        );
        let hint = format!("load with --incremental-strategy merge and without --full-refresh, or {way_out}");
        return Err(DestError::new(DestErrorKind::Shape, message).hint(hint));
    }
    Ok(())
}

/// Finds rows that are there and that the user does not see: they would be written once more.
async fn hidden_rows(session: &Session, target: &Target) -> Result<(), DestError> {
    let d = session.d;
    let names = list(&[&*target.table, STATE, RUNS, LEASES, REJECTS, NAMES], |name| d.text(name));
    let guarded = format!(
        "SELECT n.nspname || '.' || c.relname FROM {TABLES} WHERE n.nspname = {} AND c.relname IN ({names}) \
         AND c.relkind IN ('r', 'p') AND row_security_active(c.oid) ORDER BY 1",
        d.text(&target.schema)
    );
    match session.strings(&guarded).await?.into_iter().next() {
        None => Ok(()),
        Some(table) => {
            let message =
                format!("row-level security of table {table} may hide rows from the user of --dest-uri");
            Err(DestError::new(DestErrorKind::Permission, message).hint(PASS_BY))
        }
    }
}

/// Tables whose rows are those of the target's table as well, and would go with them; parts of one that is partitioned are
/// meant to.
fn inheriting(session: &Session, target: &Target) -> Refusal {
    let sql = format!(
        "SELECT i.inhrelid::regclass::text FROM pg_inherits i JOIN {TABLES} ON c.oid = i.inhparent \
         WHERE c.relkind = 'r' AND {} ORDER BY 1",
        named(session, target)
    );
    let why = "inherits from it, and would lose its rows";
    (sql, why, "end the inheritance (ALTER TABLE … NO INHERIT …)")
}

/// Tables that refer to the target's, but for those by a key that is looked at when the commit is made, and finds the new
/// rows then: whoever lets rows go with ours would lose them.
fn referring(session: &Session, target: &Target) -> Refusal {
    let sql = format!(
        "SELECT k.conrelid::regclass::text FROM pg_constraint k JOIN {TABLES} ON c.oid = k.confrelid \
         OR k.confrelid IN (SELECT relid FROM pg_partition_tree(c.oid)) WHERE k.contype = 'f' AND {} \
         AND NOT (k.condeferrable AND k.confdeltype = 'a') ORDER BY 1",
        named(session, target)
    );
    let why = "refers to them by a foreign key";
    (sql, why, "make the foreign key DEFERRABLE and ON DELETE NO ACTION")
}

/// The condition that it is the target's table.
fn named(session: &Session, target: &Target) -> String {
    let d = session.d;
    format!("n.nspname = {} AND c.relname = {}", d.text(&target.schema), d.text(&target.table))
}

/// Schemas in which something is remembered, or that one of them, and what the user lacks to read it.
///
/// # Errors
/// When the catalogue cannot be read.
pub(super) async fn remembering(
    session: &Session,
    only: Option<&str>,
) -> Result<Vec<(String, Option<String>)>, DestError> {
    let d = session.d;
    let which = only.map_or(String::new(), |schema| format!(" AND n.nspname = {}", d.text(schema)));
    let read = list(&[STATE, RUNS, LEASES], |name| d.text(name));
    let sql = format!(
        "SELECT n.nspname, CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE') THEN 'USAGE on schema ' || n.nspname \
         ELSE (SELECT min(CASE WHEN has_table_privilege(l.oid, 'SELECT') THEN 'BYPASSRLS for table ' \
         ELSE 'SELECT on table ' END || n.nspname || '.' || l.relname) FROM pg_class l WHERE l.relnamespace = n.oid \
         AND l.relname IN ({read}) AND l.relkind IN ('r', 'p') \
         AND (NOT has_table_privilege(l.oid, 'SELECT') OR row_security_active(l.oid))) END \
         FROM {TABLES} WHERE c.relname = '{STATE}' AND c.relkind IN ('r', 'p'){which} ORDER BY 1"
    );
    let row = |row: Vec<Option<String>>| {
        let mut cells = row.into_iter();
        Some((cells.next()??, cells.next()?))
    };
    Ok(session.texts(&sql).await?.into_iter().filter_map(row).collect())
}

/// The query for what is lacking, the most telling first.
fn lacking(session: &Session, target: &Target) -> String {
    let d = session.d;
    let (schema, table) = (d.text(&target.schema), d.text(&target.table));
    let ours = list(&[STATE, RUNS, LEASES, REJECTS, NAMES], |name| d.text(name));
    let waits = matches!(target.strategy, Strategy::Replace | Strategy::DeleteInsert);
    let base = [STATE, RUNS, LEASES];
    format!(
        "SELECT '{READ_ONLY}' WHERE pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on' UNION ALL \
         SELECT 'TEMPORARY on database ' || current_database() \
         WHERE NOT has_database_privilege(current_database(), 'TEMPORARY') UNION ALL \
         SELECT 'CREATE on database ' || current_database() || ' for the schema ' || {schema} \
         WHERE NOT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = {schema}) \
         AND NOT has_database_privilege(current_database(), 'CREATE') UNION ALL \
         SELECT 'USAGE on schema ' || nspname FROM pg_namespace WHERE nspname = {schema} \
         AND NOT has_schema_privilege(oid, 'USAGE') UNION ALL \
         SELECT 'CREATE on schema ' || nspname FROM pg_namespace WHERE nspname = {schema} \
         AND NOT has_schema_privilege(oid, 'CREATE') AND ({waits} OR (SELECT count(*) FROM {TABLES} \
         WHERE n.nspname = {schema} AND c.relname IN ({table}, {})) < 4) UNION ALL \
         SELECT p || ' on table ' || n.nspname || '.' || c.relname FROM {TABLES} \
         CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS rights (p) WHERE n.nspname = {schema} \
         AND c.relkind IN ('r', 'p') AND c.relname IN ({table}, {ours}) AND NOT has_table_privilege(c.oid, p)",
        list(&base, |name| d.text(name))
    )
}
