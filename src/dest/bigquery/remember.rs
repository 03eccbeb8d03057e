//! What the datasets of a project remember, for `ingestr state show`, `ingestr state reset` and `ingestr state move`.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;

use super::books::{self, StateRow, cell, lease_of, number, of_table};
use super::dialect::BigQueryDialect;
use super::leases::fresh_job;
use super::wire::{Api, DatasetRef};
use super::{BigQuery, failed, table_ref};
use crate::dest::DestError;
use crate::dest::sql::ledger::{LEASES, RUNS, RUNS_TOLD, STATE};
use crate::dest::sql::shadow::{is_shadow_of, reassigned};
use crate::dest::sql::{Dialect, TableName};
use crate::model::{Lease, Micros, Remembered, RunLine};

/// How many datasets are looked at at a time.
const AT_ONCE: usize = 8;

impl BigQuery {
    /// All states in the datasets of the URI's project, ordered by dataset, table and account.
    pub(super) async fn all_remembered(&self) -> Result<Vec<Remembered>, DestError> {
        let project = self.api.project().to_owned();
        let of_project = |error| super::failed_at(&format!("project {project}"), "read", error);
        let datasets = self.api.datasets().await.map_err(of_project)?;
        let looks = datasets.into_iter().map(|dataset| {
            let place = TableName::new(project.clone(), dataset, "");
            async move { self.of_dataset(&place).await }
        });
        let mut all = Vec::new();
        let mut found = futures_util::stream::iter(looks).buffered(AT_ONCE);
        while let Some(states) = found.next().await {
            all.extend(states?);
        }
        all.sort_by_cached_key(Remembered::order);
        Ok(all)
    }

    /// The same; of a dataset in another project only, if `schema` names one.
    pub(super) async fn remembered_there(&self, schema: &str) -> Result<Vec<Remembered>, DestError> {
        let place = self.table_in(schema, "");
        if place.catalog == self.api.project() {
            return self.all_remembered().await;
        }
        let mut all = self.of_dataset(&place).await?;
        all.iter_mut().for_each(|one| schema.clone_into(&mut one.schema));
        all.sort_by_cached_key(Remembered::order);
        Ok(all)
    }

    async fn of_dataset(&self, place: &TableName) -> Result<Vec<Remembered>, DestError> {
        let Some(api) = self.existing(place).await? else { return Ok(Vec::new()) };
        let names = self.names(&api, place).await?;
        if !names.iter().any(|name| name == STATE) {
            return Ok(Vec::new());
        }
        let states = rows(&api, place, &books::states(place, "TRUE")).await?;
        let leases: Vec<(String, Lease)> = if names.iter().any(|name| name == LEASES) {
            rows(&api, place, &books::leases(place, "TRUE")).await?.iter().map(|row| lease_of(row)).collect()
        } else {
            Vec::new()
        };
        let runs = if names.iter().any(|name| name == RUNS) { runs(&api, place).await? } else { Vec::new() };
        let told = |row: &Vec<Option<String>>| {
            let row = StateRow::of(row);
            let of_table = |run: &&Told| {
                run.account == row.account && run.source_table == row.source_table && run.table == row.table
            };
            Remembered {
                account: row.account.clone(),
                source_table: row.source_table.clone(),
                schema: place.schema.clone(),
                table: row.table.clone(),
                aside: !row.rows_in.is_empty(),
                version: row.version,
                updated_at: row.updated_at,
                lease: leases.iter().find(|(table, _)| *table == row.table).map(|(_, lease)| lease.clone()),
                runs: runs.iter().filter(of_table).map(|run| run.line.clone()).collect(),
                state: row.state().ok(),
            }
        };
        Ok(states.iter().map(told).collect())
    }

    /// Gives states, rows kept aside, runs and rejects of tables to another account, dataset by dataset; how many states
    /// there were.
    pub(super) async fn reassign_tables(
        &self,
        tables: &[Remembered],
        account: &str,
    ) -> Result<u64, DestError> {
        let schemas: BTreeSet<&str> = tables.iter().map(|one| one.schema.as_str()).collect();
        let mut changed = 0;
        for schema in schemas {
            let there: Vec<&Remembered> = tables.iter().filter(|one| one.schema == schema).collect();
            changed += self.reassign_in(&self.table_in(schema, ""), &there, account).await?;
        }
        Ok(changed)
    }

    /// BigQuery renames no table inside a transaction. So rows kept aside get their new name before it; if it does not go
    /// through then, an unfinished replacement begins anew, and nothing else is lost.
    async fn reassign_in(
        &self,
        place: &TableName,
        tables: &[&Remembered],
        account: &str,
    ) -> Result<u64, DestError> {
        let Some(api) = self.existing(place).await? else { return Ok(0) };
        let names = self.names(&api, place).await?;
        let has = |book: &str| names.iter().any(|name| name == book);
        let wrap = |error| failed(place, "written", error);
        let wanted = |row: &StateRow| {
            tables.iter().any(|one| {
                one.account == row.account && one.source_table == row.source_table && one.table == row.table
            })
        };
        let states = rows(&api, place, &books::states(place, "TRUE")).await?;
        let states: Vec<StateRow> = states.iter().map(|row| StateRow::of(row)).filter(wanted).collect();
        let d = &BigQueryDialect;
        let mut statements = vec!["BEGIN TRANSACTION".to_owned()];
        for row in &states {
            let mut rows_in = row.rows_in.clone();
            if !rows_in.is_empty() {
                rows_in = reassigned(&row.rows_in, account, &row.source_table);
                if has(&row.rows_in) {
                    // What has the new name is nobody's: the account has no state for the table.
                    api.delete_table(&table_ref(&place.beside(&rows_in))).await.map_err(wrap)?;
                    let rename = format!(
                        "ALTER TABLE {} RENAME TO {}",
                        place.beside(&row.rows_in).sql(d),
                        d.quote(&rows_in)
                    );
                    api.query(&fresh_job("rename"), &rename, &[]).await.map_err(wrap)?;
                }
            }
            statements.extend(books::reassign(place, row, (account, &rows_in), has));
        }
        statements.push("COMMIT TRANSACTION".into());
        if !states.is_empty() {
            let sql = statements.join(";\n") + ";\n";
            api.query(&fresh_job("reassign"), &sql, &[]).await.map_err(wrap)?;
        }
        Ok(states.len() as u64)
    }

    async fn names(&self, api: &Api, place: &TableName) -> Result<Vec<String>, DestError> {
        let dataset = DatasetRef { project: place.catalog.clone(), dataset: place.schema.clone() };
        api.tables(&dataset).await.map_err(|error| failed(place, "read", error))
    }

    /// Forgets states, lease and rows kept aside of a table; how many states there were.
    pub(super) async fn forget_table(&self, schema: &str, table: &str) -> Result<u64, DestError> {
        let place = self.table_in(schema, table);
        let Some(api) = self.existing(&place).await? else { return Ok(0) };
        let names = self.names(&api, &place).await?;
        let d = &BigQueryDialect;
        let mut statements = Vec::new();
        let has = |book: &str| names.iter().any(|name| name == book);
        let whole = of_table(&place.schema, table);
        statements.push("DECLARE _ingestr_states INT64 DEFAULT 0".to_owned());
        statements.push("BEGIN TRANSACTION".into());
        if has(LEASES) {
            statements.push(format!("DELETE FROM {} WHERE {whole}", place.beside(LEASES).sql(d)));
        }
        if has(STATE) {
            statements.push(format!("DELETE FROM {} WHERE {whole}", place.beside(STATE).sql(d)));
            statements.push("SET _ingestr_states = @@row_count".into());
        }
        statements.push("COMMIT TRANSACTION".into());
        statements.push("SELECT _ingestr_states".into());
        let mut forgotten = 0;
        if has(LEASES) || has(STATE) {
            let sql = statements.join(";\n") + ";\n";
            let found = api.query(&fresh_job("forget"), &sql, &[]).await;
            let found = found.map_err(|error| failed(&place, "written", error))?;
            let count = found.rows.first().and_then(|row| number(row, 0));
            forgotten = count.and_then(|count| u64::try_from(count).ok()).unwrap_or(0);
        }
        for hidden in names.iter().filter(|name| is_shadow_of(name, table)) {
            let hidden = table_ref(&place.beside(hidden));
            api.delete_table(&hidden).await.map_err(|error| failed(&place, "written", error))?;
        }
        Ok(forgotten)
    }
}

async fn rows(api: &Api, place: &TableName, sql: &str) -> Result<Vec<Vec<Option<String>>>, DestError> {
    let found = api.query(&fresh_job("remembered"), sql, &[]).await;
    found.map(|found| found.rows).map_err(|error| failed(place, "read", error))
}

/// A run, and what it was of.
struct Told {
    account: String,
    source_table: String,
    table: String,
    line: RunLine,
}

/// The last runs of each target in a dataset, newest first.
async fn runs(api: &Api, place: &TableName) -> Result<Vec<Told>, DestError> {
    let sql = format!(
        "SELECT account, source_table, dest_table, run_id, started_at, ended_at, outcome, rows_read, requests, error \
         FROM {} WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY account, source_table, dest_table \
         ORDER BY started_at DESC, run_id DESC) <= {RUNS_TOLD} ORDER BY started_at DESC, run_id DESC",
        place.beside(RUNS).sql(&BigQueryDialect)
    );
    let told = |row: Vec<Option<String>>| {
        let owned = |at| cell(&row, at).unwrap_or_default().to_owned();
        Told {
            account: owned(0),
            source_table: owned(1),
            table: owned(2),
            line: RunLine {
                id: owned(3),
                started_at: number(&row, 4).map(Micros),
                ended_at: number(&row, 5).map(Micros),
                outcome: owned(6),
                rows_read: number(&row, 7).unwrap_or(0),
                requests: number(&row, 8).unwrap_or(0),
                error: cell(&row, 9).map(ToOwned::to_owned),
            },
        }
    };
    Ok(rows(api, place, &sql).await?.into_iter().map(told).collect())
}
