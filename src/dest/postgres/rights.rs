//! What stands in the way of a load and can be known before: a server that takes no writes, rights that the user does not
//! have, and foreign keys of others that rows cannot be replaced under.

use super::engine::Session;
use super::errors::missing;
use crate::dest::sql::Dialect;
use crate::dest::sql::ledger::{LEASES, NAMES, REJECTS, RUNS, STATE};
use crate::dest::sql::list;
use crate::dest::{DestError, DestErrorKind, Target};
use crate::model::Strategy;

/// Marks a server that takes no writes.
const READ_ONLY: &str = "read-only";

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
        return Err(missing(&session.place, &what));
    }
    if target.strategy != Strategy::Replace {
        return Ok(());
    }
    // A key that is looked at when the commit is made finds the new rows; whoever lets rows go with ours would lose them.
    let d = session.d;
    let referring = format!(
        "SELECT k.conrelid::regclass::text FROM pg_constraint k JOIN pg_class c ON c.oid = k.confrelid \
         JOIN pg_namespace n ON n.oid = c.relnamespace WHERE k.contype = 'f' AND n.nspname = {} AND c.relname = {} \
         AND NOT (k.condeferrable AND k.confdeltype = 'a') ORDER BY 1",
        d.text(&target.schema),
        d.text(&target.table)
    );
    let Some(by) = session.strings(&referring).await?.into_iter().next() else { return Ok(()) };
    let message = format!(
        "rows of table {}.{} cannot be replaced as a whole: table {by} refers to them by a foreign key",
        target.schema, target.table
    );
    let hint =
        "load with --incremental-strategy merge, or make the foreign key DEFERRABLE and ON DELETE NO ACTION";
    Err(DestError::new(DestErrorKind::Shape, message).hint(hint))
}

/// The query for what is lacking, the most telling first.
fn lacking(session: &Session, target: &Target) -> String {
    let d = session.d;
    let (schema, table) = (d.text(&target.schema), d.text(&target.table));
    let ours = list(&[STATE, RUNS, LEASES, REJECTS, NAMES], |name| d.text(name));
    let tables = "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace";
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
         AND NOT has_schema_privilege(oid, 'CREATE') AND ({waits} OR (SELECT count(*) FROM {tables} \
         WHERE n.nspname = {schema} AND c.relname IN ({table}, {})) < 4) UNION ALL \
         SELECT p || ' on table ' || n.nspname || '.' || c.relname FROM {tables} \
         CROSS JOIN (VALUES ('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE')) AS rights (p) WHERE n.nspname = {schema} \
         AND c.relkind IN ('r', 'p') AND c.relname IN ({table}, {ours}) AND NOT has_table_privilege(c.oid, p)",
        list(&base, |name| d.text(name))
    )
}
