//! What a user may not do in a catalog on a server, and can be known before a run.

use duckdb::Connection;

use super::errors::failed;
use super::uri::{LakeUri, Server};
use crate::dest::duckdb::dialect::DuckDialect;
use crate::dest::sql::Dialect as _;
use crate::dest::{DestError, DestErrorKind};

/// Name under which the server is attached for this.
const LOOK: &str = "_ingestr_rights";

/// What must be granted, by what is not: a catalog is made in schema `public`, and every commit adds a snapshot to it.
const LACKING: &str = "SELECT CASE WHEN to_regclass('public.ducklake_snapshot') IS NULL \
     THEN (SELECT CASE WHEN NOT has_schema_privilege(oid, 'CREATE') THEN 'CREATE ON SCHEMA public' END \
     FROM pg_namespace WHERE nspname = 'public') \
     WHEN NOT has_table_privilege(to_regclass('public.ducklake_snapshot'), 'INSERT') \
     THEN 'SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public' END";

/// Whether the user may make the catalog, or write to the one that is there.
///
/// # Errors
/// What is to be granted, or that it cannot be found out.
pub(super) fn check(lake: &LakeUri, server: &Server, engine: &Connection) -> Result<(), DestError> {
    let d = &DuckDialect;
    let look = || -> duckdb::Result<Option<String>> {
        engine.execute_batch(&format!(
            "ATTACH IF NOT EXISTS {} AS {LOOK} (TYPE postgres)",
            d.text(&server.uri)
        ))?;
        let ask = format!("SELECT * FROM postgres_query('{LOOK}', {})", d.text(LACKING));
        let lacking = engine.query_row(&ask, [], |row| row.get(0));
        engine.execute_batch(&format!("DETACH {LOOK}"))?;
        lacking
    };
    let Some(lacking) = look().map_err(|error| failed(lake, "open", error))? else { return Ok(()) };
    let message = format!("no permission to write the ducklake catalog {}", server.place);
    Err(DestError::new(DestErrorKind::Permission, message)
        .hint(format!("let the owner of the database run: GRANT {lacking} TO <user>")))
}
