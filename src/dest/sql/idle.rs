//! Commits of runs that have no row to write, of several tables: one transaction for all of them.
//!
//! Most runs of small tables are such. One by one they would cost as much as those that write, which a warehouse bills and
//! queues.

use super::commit::{Plan, Seen, Tables, script};
use super::engine::Engine;
use super::guards::guard_free;
use super::ledger::LEASES;
use super::script::{Script, ScriptStep};
use super::staged::Staged;
use crate::dest::{DestError, Idle};
use crate::model::Micros;

/// The commit of one of them, for what was seen.
///
/// # Errors
/// When its tables cannot be read.
pub(crate) async fn script_of<E: Engine>(
    engine: &E,
    seen: &Seen,
    idle: &Idle,
    now: Micros,
) -> Result<Script, DestError> {
    let d = engine.dialect();
    let targets: Vec<_> = idle.targets.iter().map(|target| d.spelled(target)).collect();
    let tables: Vec<_> = targets.iter().map(|target| engine.table(&target.table)).collect();
    let staged = Staged::default();
    let mut all: Vec<(Plan<'_>, Tables, &Staged)> = Vec::with_capacity(targets.len());
    for (target, table) in targets.iter().zip(&tables) {
        let plan = Plan { d, table, target, commit: &idle.commit };
        all.push((plan, seen.of(engine, target).await?, &staged));
    }
    let mut script = script(all, seen, None)?;
    if let (Some(target), Some(table), true) = (targets.first(), tables.first(), seen.has(d, LEASES)) {
        guard_free(&mut script, d, table, target, &idle.commit.run.id, now);
    }
    Ok(script)
}

/// Makes the commits, inside a transaction that is open.
///
/// # Errors
/// When one of them fails; the transaction has to be rolled back then.
#[cfg(any(feature = "duckdb", feature = "sqlite", feature = "postgres"))]
pub(crate) async fn commit<E: Engine>(engine: &E, idle: &[Idle], now: Micros) -> Result<(), DestError> {
    let seen = Seen::look(engine).await?;
    for one in idle {
        engine.run(&script_of(engine, &seen, one, now).await?).await?;
    }
    Ok(())
}

/// Several scripts as one; `None` where one of them makes, changes or drops tables: that is not a thing to be done for many
/// at once.
pub(crate) fn joined(scripts: Vec<Script>) -> Option<Script> {
    let mut all = Script::default();
    for script in scripts {
        let still = script.before.iter().all(|step| matches!(step, ScriptStep::Of(_)));
        let touched = [script.scratch.len(), script.made.len(), script.dead.len()];
        if !still || touched != [0; 3] {
            return None;
        }
        all.at = all.at.max(script.at);
        all.guards.extend(script.guards);
        all.body.extend(script.body);
    }
    Some(all)
}
