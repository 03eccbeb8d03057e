//! A script on a database that changes tables inside a transaction: step by step.

use std::collections::HashMap;

use super::engine::Engine;
use super::guards;
use super::script::{Counter, Script, ScriptStep, Tally, When};
use crate::dest::{Counts, DestError};
use crate::model::LogicalType;

/// Runs a script step by step inside a transaction that is open, on a database that changes tables in one; what it did to
/// each target.
///
/// # Errors
/// When a statement fails or a guard does not hold. The transaction has to be rolled back then.
pub(crate) async fn play<E: Engine>(engine: &E, script: &Script) -> Result<Vec<Counts>, DestError> {
    if !script.guards.is_empty() {
        let mut nth = 0..;
        let each = |(condition, _): &(String, _)| {
            format!("WHEN {condition} THEN {}", nth.next().unwrap_or_default())
        };
        let cases: Vec<String> = script.guards.iter().map(each).collect();
        // All in one question: each takes as long as a small statement.
        let first = format!("SELECT CASE {} ELSE {} END", cases.join(" "), script.guards.len());
        let first = usize::try_from(number(engine, &first).await?).ok();
        if let Some((_, breach)) = first.and_then(|first| script.guards.get(first)) {
            return Err(guards::explain(engine, breach).await);
        }
    }
    let tallies = vec![Tally::default(); script.at + 1];
    let mut player = Player { engine, at: 0, tallies, found: HashMap::new() };
    player.steps(&script.before).await?;
    player.steps(&script.body).await?;
    let tallies = player.tallies;
    for name in &script.scratch {
        engine.execute(&format!("DROP TABLE {name}")).await?;
    }
    for name in &script.dead {
        engine.execute(&format!("DROP TABLE IF EXISTS {}", name.sql(engine.dialect()))).await?;
    }
    Ok(tallies.into_iter().map(Counts::from).collect())
}

async fn number<E: Engine>(engine: &E, query: &str) -> Result<i64, DestError> {
    let rows = engine.query(query, &[LogicalType::Int64]).await?;
    Ok(rows.first().and_then(|row| row.first()?.number()).unwrap_or(0))
}

async fn holds<E: Engine>(engine: &E, condition: &str) -> Result<bool, DestError> {
    Ok(number(engine, &format!("SELECT CASE WHEN {condition} THEN 1 ELSE 0 END")).await? != 0)
}

/// A script on its way.
struct Player<'a, E> {
    engine: &'a E,
    /// The target that is counted for.
    at: usize,
    tallies: Vec<Tally>,
    /// What was found, for which target.
    found: HashMap<(usize, &'static str), i64>,
}

impl<E: Engine> Player<'_, E> {
    fn add(&mut self, counter: Option<Counter>, rows: u64) {
        if let Some(counter) = counter {
            *counter.of(&mut self.tallies[self.at]) += rows;
        }
    }

    async fn applies(&self, when: &When) -> Result<bool, DestError> {
        match when {
            When::Any(names) => {
                Ok(names.iter().any(|name| self.found.get(&(self.at, *name)).is_some_and(|n| *n > 0)))
            }
            When::Holds(condition) => holds(self.engine, condition).await,
            When::Not(condition) => Ok(!holds(self.engine, condition).await?),
        }
    }

    async fn steps(&mut self, steps: &[ScriptStep]) -> Result<(), DestError> {
        for step in steps {
            match step {
                ScriptStep::Of(at) => self.at = *at,
                ScriptStep::Run(sql, counter) => {
                    let rows = self.engine.execute(sql).await?;
                    self.add(*counter, rows);
                }
                ScriptStep::Find(name, query, counter) => {
                    let found = number(self.engine, query).await?;
                    self.found.insert((self.at, *name), found);
                    self.add(*counter, u64::try_from(found).unwrap_or(0));
                }
                ScriptStep::Only(when, then) => {
                    if self.applies(when).await? {
                        for sql in then {
                            self.engine.execute(sql).await?;
                        }
                    }
                }
            }
        }
        Ok(())
    }
}
