//! What must still be as a run knows it for its commit to go through: progress and rows belong together.

use super::cells::{Cell, Line};
use super::dialect::TableName;
use super::engine::Engine;
use super::identity::{Apart, Identity, state_changed};
use super::ledger::{HAS_ROWS, TABLE_ID, Whose};
use super::script::{Breach, Breached, Script};
use super::{Dialect, leases};
use crate::dest::{DestError, Written};

/// One line of the state that a commit goes on from, and the table with its rows.
pub(crate) struct Held<'a> {
    pub(crate) whose: Whose<'a>,
    /// Where the rows are: empty for the table itself.
    pub(crate) rows_in: &'a str,
    /// Who is to have written the line; `None`: there must be none.
    pub(crate) written: Option<&'a Written>,
    /// The table with the rows, where it must still be the one of the line: its name, and which one it is now.
    pub(crate) table: Option<(TableName, Option<&'a Identity>)>,
}

/// A script fails unless the state is still the one that the run knows, and the table the one it is about.
/// `states`: the table of states, and the columns it has; `None`: there is none.
pub(crate) fn guard(
    script: &mut Script,
    d: &dyn Dialect,
    held: &Held<'_>,
    states: Option<(&TableName, &[String])>,
) {
    let Held { whose, rows_in, written, table } = held;
    let mut add = |condition: String, what: Breached| {
        let (schema, table) = (whose.schema.to_owned(), whose.table.to_owned());
        script.guards.push((condition, Breach { what, schema, table }));
    };
    let Some((states, columns)) = states else {
        if written.is_some() {
            add("1 = 1".into(), Breached::StateChanged);
        }
        return;
    };
    let line = |which: &str| {
        format!("EXISTS (SELECT 1 FROM {} WHERE {}{which})", states.sql(d), whose.state(d, rows_in))
    };
    let Some(written) = written else { return add(line(""), Breached::StateChanged) };
    let at = written.at.map_or("IS NULL".into(), |at| format!("= {}", d.instant(at)));
    let which = format!(" AND run_id = {} AND updated_at {at}", d.text(&written.run));
    add(format!("NOT {}", line(&which)), Breached::StateChanged);
    let Some((name, there)) = table else { return };
    let Some(there) = there else { return add("1 = 1".into(), Breached::Table(Apart::Missing)) };
    let has = |column: &str| columns.iter().any(|there| there == column);
    if let Some(differing) = differing(d, there).filter(|_| has(TABLE_ID)) {
        add(line(&format!(" AND {differing}")), Breached::Table(Apart::Another));
    }
    if has(HAS_ROWS) {
        let rows = format!("EXISTS (SELECT 1 FROM {})", name.sql(d));
        add(format!("{} AND NOT {rows}", line(&format!(" AND {HAS_ROWS}"))), Breached::Table(Apart::Emptied));
    }
}

/// The condition that a line of the state tells of another table.
fn differing(d: &dyn Dialect, there: &Identity) -> Option<String> {
    match there {
        Identity::Is(id) => Some(format!("{TABLE_ID} <> {}", d.text(id))),
        Identity::Unmarked => Some(format!("{TABLE_ID} IS NOT NULL")),
        Identity::Untold | Identity::Found(_) => None,
    }
}

/// What a line of the state remembers of which table it is.
pub(crate) fn cell(identity: &Identity) -> Cell {
    match identity {
        Identity::Is(id) => Cell::text(id),
        Identity::Found(expression) => Cell::Named(expression.clone()),
        Identity::Unmarked | Identity::Untold => Cell::Null,
    }
}

/// How a line of the state and the table that is there (`None`: there is none) have come apart, if they have.
///
/// # Errors
/// When the table cannot be read.
pub(crate) async fn apart<E: Engine>(
    engine: &E,
    line: &Line,
    name: &TableName,
    there: Option<&Identity>,
) -> Result<Option<Apart>, DestError> {
    let Some(there) = there else { return Ok(Some(Apart::Missing)) };
    if there.differs(line.maybe_text(TABLE_ID)) {
        return Ok(Some(Apart::Another));
    }
    let emptied = line.is_true(HAS_ROWS) && engine.is_empty(name).await?;
    Ok(emptied.then_some(Apart::Emptied))
}

/// Why a script came to an end that one of its guards has stopped.
pub(crate) async fn explain<E: Engine>(engine: &E, breach: &Breach) -> DestError {
    let Breach { what, schema, table } = breach;
    match what {
        Breached::LeaseLost => leases::lost(engine, schema, table).await,
        Breached::StateChanged => state_changed(schema, table),
        Breached::Table(apart) => apart.error(schema, table),
    }
}
