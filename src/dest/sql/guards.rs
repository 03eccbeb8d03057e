//! What must still be as a run knows it for its commit to go through: progress and rows belong together.

use super::cells::{Cell, LedgerLine};
use super::dialect::TableName;
use super::engine::Engine;
use super::identity::{Apart, Identity, state_changed};
use super::ledger::{self, HAS_ROWS, LEASES, TABLE_ID, Whose};
use super::script::{Breach, Breached, Script};
use super::{Dialect, leases};
use crate::dest::{DestError, Target, Written};
use crate::model::{Lease, Micros};

/// Which tables these are.
#[derive(Debug, Default)]
pub(crate) struct Identities {
    pub(crate) own: Option<Identity>,
    pub(crate) hidden: Option<Identity>,
}

/// A script fails unless the lease is still there, and is no other run's, dead or alive: what this one means to write may
/// be outdated. One that is missing was taken and given up by a run that came in between, or went with all that was here.
/// `there`: whether there are leases.
pub(crate) fn guard_lease(
    script: &mut Script,
    d: &dyn Dialect,
    table: &TableName,
    target: &Target,
    lease: &Lease,
    there: bool,
) {
    let of = |which: &str| {
        format!(
            "EXISTS (SELECT 1 FROM {} WHERE {} AND run_id {which} {})",
            table.beside(LEASES).sql(d),
            ledger::of_table(d, table),
            d.text(&lease.run)
        )
    };
    let condition = if there { format!("NOT {} OR {}", of("="), of("<>")) } else { "1 = 1".to_owned() };
    let (schema, table) = (target.schema.clone(), target.table.clone());
    script.guards.push((condition, Breach { what: Breached::LeaseLost, schema, table }));
}

/// A script fails if a run other than `run` holds a lease that has not lapsed by `now`.
pub(crate) fn guard_free(
    script: &mut Script,
    d: &dyn Dialect,
    table: &TableName,
    target: &Target,
    run: &str,
    now: Micros,
) {
    let held = format!(
        "EXISTS (SELECT 1 FROM {} WHERE {} AND run_id <> {} AND until > {})",
        table.beside(LEASES).sql(d),
        ledger::of_table(d, table),
        d.text(run),
        d.instant(now)
    );
    let (schema, table) = (target.schema.clone(), target.table.clone());
    script.guards.push((held, Breach { what: Breached::LeaseLost, schema, table }));
}

/// One line of the state.
pub(crate) struct StateLine<'a> {
    pub(crate) d: &'a dyn Dialect,
    /// The table of states, and the columns it has; `None`: there is none.
    pub(crate) states: Option<(TableName, &'a [String])>,
    pub(crate) whose: Whose<'a>,
    /// Where the rows are: empty for the table itself.
    pub(crate) rows_in: &'a str,
}

impl StateLine<'_> {
    fn add(&self, script: &mut Script, condition: String, what: Breached) {
        let (schema, table) = (self.whose.schema.to_owned(), self.whose.table.to_owned());
        script.guards.push((condition, Breach { what, schema, table }));
    }

    /// The condition that there is such a line.
    fn exists(&self, states: &TableName, which: &str) -> String {
        let line = self.whose.state(self.d, self.rows_in);
        format!("EXISTS (SELECT 1 FROM {} WHERE {line}{which})", states.sql(self.d))
    }

    /// A script fails unless that run has written the line then; `None`: unless there is none.
    pub(crate) fn guard_state(&self, script: &mut Script, written: Option<&Written>) {
        let condition = match (&self.states, written) {
            (None, None) => return,
            (None, Some(_)) => "1 = 1".into(),
            (Some((states, _)), None) => self.exists(states, ""),
            (Some((states, _)), Some(written)) => {
                let at = written.at.map_or("IS NULL".into(), |at| format!("= {}", self.d.instant(at)));
                let which = format!(" AND run_id = {} AND updated_at {at}", self.d.text(&written.run));
                format!("NOT {}", self.exists(states, &which))
            }
        };
        self.add(script, condition, Breached::StateChanged);
    }

    /// A script fails if there is such a line, and the table of that name (`None`: there is none) is not the one that it
    /// tells of.
    pub(crate) fn guard_table(&self, script: &mut Script, name: &TableName, there: Option<&Identity>) {
        let Some((states, columns)) = &self.states else { return };
        let has = |column: &str| columns.iter().any(|there| there == column);
        let Some(there) = there else {
            return self.add(script, self.exists(states, ""), Breached::Table(Apart::Missing));
        };
        if let Some(differing) = differing(self.d, there).filter(|_| has(TABLE_ID)) {
            let other = self.exists(states, &format!(" AND {differing}"));
            self.add(script, other, Breached::Table(Apart::Another));
        }
        if has(HAS_ROWS) {
            let had = self.exists(states, &format!(" AND {HAS_ROWS}"));
            let emptied = format!("{had} AND NOT EXISTS (SELECT 1 FROM {})", name.sql(self.d));
            self.add(script, emptied, Breached::Table(Apart::Emptied));
        }
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
    line: &LedgerLine,
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
